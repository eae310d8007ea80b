//! Aggregates whose state is a mergeable value of `driftline-statistics`.
//!
//! DataFusion computes a part of the state for every partition of the rows and
//! merges the parts as they come in. Floating-point sums and sketches depend on
//! the order of merging, if only in the last digits, and a report must not change
//! from run to run: so the parts of a group are gathered as bytes, and merged in
//! the order of their bytes when the group is read out.
//!
//! The state of a group is made when its first row comes: memory that is taken
//! when a query is planned is never charged to the memory pool.

use crate::EngineError;
use datafusion::{
    arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray},
    common::ScalarValue,
    error::Result,
    logical_expr::{Accumulator, EmitTo, GroupsAccumulator},
};
use std::{fmt, sync::Arc};

/// A group's parts are merged early once there are this many.
const MAX_PARTS: usize = 64;

/// A mergeable value and how rows enter it.
pub(crate) trait Summary: fmt::Debug + Clone + Send + Sync + 'static {
    /// The state of a group.
    type State: Send + Sync;
    /// The columns of a batch, made ready for reading.
    type Reader;

    /// The state of no rows.
    fn empty(&self) -> Self::State;
    fn reader(&self, columns: &[ArrayRef]) -> Result<Self::Reader, EngineError>;
    /// Adds all rows of a batch, of which there are so many.
    fn update_all(state: &mut Self::State, reader: &Self::Reader, rows: usize);
    /// Adds some rows of a batch, in their order.
    fn update_rows(state: &mut Self::State, reader: &Self::Reader, rows: &[u32]);
    fn merge(state: &mut Self::State, other: &Self::State) -> Result<(), EngineError>;
    fn encode(state: Self::State) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self::State, EngineError>;
    fn size_bytes(state: &Self::State) -> usize;
}

enum Slot<S: Summary> {
    Vacant,
    Live(Box<S::State>),
    Parts(Vec<Vec<u8>>),
}

impl<S: Summary> Slot<S> {
    fn live(&mut self, summary: &S) -> Result<&mut S::State, EngineError> {
        if !matches!(self, Self::Live(_)) {
            let state = match std::mem::replace(self, Self::Vacant) {
                Self::Parts(parts) => merge_parts::<S>(parts)?,
                _ => summary.empty(),
            };
            *self = Self::Live(Box::new(state));
        }
        match self {
            Self::Live(state) => Ok(state),
            _ => unreachable!("the slot was made live above"),
        }
    }

    fn add_part(&mut self, part: &[u8]) -> Result<(), EngineError> {
        let parts = match std::mem::replace(self, Self::Vacant) {
            Self::Parts(mut parts) => {
                if parts.len() == MAX_PARTS {
                    parts = vec![S::encode(merge_parts::<S>(parts)?)];
                }
                parts.push(part.to_vec());
                parts
            }
            Self::Live(state) => vec![S::encode(*state), part.to_vec()],
            Self::Vacant => vec![part.to_vec()],
        };
        *self = Self::Parts(parts);
        Ok(())
    }

    fn into_bytes(self, summary: &S) -> Result<Vec<u8>, EngineError> {
        Ok(match self {
            Self::Vacant => S::encode(summary.empty()),
            Self::Live(state) => S::encode(*state),
            Self::Parts(mut parts) if parts.len() == 1 => parts.remove(0),
            Self::Parts(parts) => S::encode(merge_parts::<S>(parts)?),
        })
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Vacant => 0,
            Self::Live(state) => std::mem::size_of::<S::State>() + S::size_bytes(state),
            Self::Parts(parts) => parts
                .iter()
                .map(|part| part.capacity() + std::mem::size_of::<Vec<u8>>())
                .sum(),
        }
    }
}

fn merge_parts<S: Summary>(mut parts: Vec<Vec<u8>>) -> Result<S::State, EngineError> {
    parts.sort_unstable();
    let (first, rest) = parts.split_first().expect("a slot of parts holds one");
    let mut state = S::decode(first)?;
    for part in rest {
        S::merge(&mut state, &S::decode(part)?)?;
    }
    Ok(state)
}

/// The states of all groups of a query.
pub(crate) struct Groups<S: Summary> {
    summary: S,
    slots: Vec<Slot<S>>,
    /// Bytes held by each slot when it was last touched.
    sizes: Vec<usize>,
    total_size: usize,
    max_groups: usize,
    /// Rows of a batch by group, kept for its memory.
    members: Members,
}

impl<S: Summary> Groups<S> {
    pub(crate) fn new(summary: S, max_groups: usize) -> Self {
        Self {
            summary,
            slots: Vec::new(),
            sizes: Vec::new(),
            total_size: 0,
            max_groups,
            members: Members::default(),
        }
    }

    fn grow(&mut self, groups: usize) -> Result<(), EngineError> {
        if groups > self.max_groups {
            return Err(EngineError::TooManyGroups {
                limit: self.max_groups,
            });
        }
        if groups > self.slots.len() {
            self.slots.resize_with(groups, || Slot::Vacant);
            self.sizes.resize(groups, 0);
        }
        Ok(())
    }

    /// Counts the memory of a group again. Only groups that have changed are asked: there
    /// may be thousands.
    fn recount(&mut self, group: usize) {
        let size = self.slots[group].size_bytes();
        self.total_size = self.total_size + size - self.sizes[group];
        self.sizes[group] = size;
    }

    fn take(&mut self, emit_to: EmitTo) -> Result<ArrayRef, EngineError> {
        let slots = emit_to.take_needed(&mut self.slots);
        let sizes = emit_to.take_needed(&mut self.sizes);
        self.total_size -= sizes.iter().sum::<usize>();
        if self.slots.is_empty() {
            self.members = Members::default();
        }
        let mut states = BinaryBuilder::new();
        let mut bytes = 0_usize;
        for slot in slots {
            let state = slot.into_bytes(&self.summary)?;
            bytes += state.len();
            // Offsets of an array of bytes are of 32 bits.
            if i32::try_from(bytes).is_err() {
                return Err(EngineError::OutOfMemory {
                    reason: "the states of a column are more than 2 GiB".into(),
                });
            }
            states.append_value(state);
        }
        Ok(Arc::new(states.finish()))
    }
}

impl<S: Summary> GroupsAccumulator for Groups<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups)?;
        let reader = self.summary.reader(values)?;
        let mut members = std::mem::take(&mut self.members);
        members.fill(group_indices, opt_filter, total_num_groups);
        for (group, rows) in members.iter() {
            S::update_rows(self.slots[group].live(&self.summary)?, &reader, rows);
            self.recount(group);
        }
        self.members = members;
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit_to)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups)?;
        let parts: &BinaryArray = values[0].as_binary();
        for (part, &group) in parts.iter().zip(group_indices) {
            if let Some(part) = part {
                self.slots[group].add_part(part)?;
                self.recount(group);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let reader = self.summary.reader(values)?;
        let mut states = BinaryBuilder::new();
        for row in 0..row_number(values[0].len()) {
            let mut state = self.summary.empty();
            if passes(opt_filter, row) {
                S::update_rows(&mut state, &reader, &[row]);
            }
            states.append_value(S::encode(state));
        }
        Ok(vec![Arc::new(states.finish())])
    }

    fn size(&self) -> usize {
        self.total_size
            + self.slots.capacity() * std::mem::size_of::<Slot<S>>()
            + self.sizes.capacity() * std::mem::size_of::<usize>()
            + self.members.size_bytes()
    }
}

/// The rows of a batch, group by group, in the order in which the groups first come.
#[derive(Default)]
struct Members {
    /// Rows, those of a group beside each other.
    rows: Vec<u32>,
    /// Groups that have rows, and where these end among `rows`.
    ends: Vec<(usize, u32)>,
    /// For each group of the query, rows counted and then the place of the next one. All
    /// zero between batches.
    places: Vec<u32>,
}

impl Members {
    fn fill(&mut self, groups: &[usize], filter: Option<&BooleanArray>, total_groups: usize) {
        self.places.resize(self.places.len().max(total_groups), 0);
        self.ends.clear();
        let rows = || (0..row_number(groups.len())).filter(|&row| passes(filter, row));
        for row in rows() {
            let group = groups[row as usize];
            if self.places[group] == 0 {
                self.ends.push((group, 0));
            }
            self.places[group] += 1;
        }
        let mut end = 0;
        for (group, group_end) in &mut self.ends {
            let count = std::mem::replace(&mut self.places[*group], end);
            end += count;
            *group_end = end;
        }
        self.rows.resize(end as usize, 0);
        for row in rows() {
            let place = &mut self.places[groups[row as usize]];
            self.rows[*place as usize] = row;
            *place += 1;
        }
        for (group, _) in &self.ends {
            self.places[*group] = 0;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let mut start = 0;
        self.ends.iter().map(move |&(group, end)| {
            let rows = &self.rows[start..end as usize];
            start = end as usize;
            (group, rows)
        })
    }

    fn size_bytes(&self) -> usize {
        (self.rows.capacity() + self.places.capacity()) * std::mem::size_of::<u32>()
            + self.ends.capacity() * std::mem::size_of::<(usize, u32)>()
    }
}

fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a batch has fewer than 2^32 rows")
}

fn passes(filter: Option<&BooleanArray>, row: u32) -> bool {
    let row = row as usize;
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The state of a query without groups.
pub(crate) struct Whole<S: Summary> {
    summary: S,
    slot: Slot<S>,
}

impl<S: Summary> Whole<S> {
    pub(crate) fn new(summary: S) -> Self {
        Self {
            summary,
            slot: Slot::Vacant,
        }
    }

    fn take(&mut self) -> Result<ScalarValue, EngineError> {
        let slot = std::mem::replace(&mut self.slot, Slot::Vacant);
        Ok(ScalarValue::Binary(Some(slot.into_bytes(&self.summary)?)))
    }
}

impl<S: Summary> fmt::Debug for Whole<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

impl<S: Summary> Accumulator for Whole<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let reader = self.summary.reader(values)?;
        let rows = values[0].len();
        if rows > 0 {
            S::update_all(self.slot.live(&self.summary)?, &reader, rows);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.take()?)
    }

    fn size(&self) -> usize {
        std::mem::size_of::<Self>() + self.slot.size_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.take()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for part in states[0].as_binary::<i32>().iter().flatten() {
            self.slot.add_part(part)?;
        }
        Ok(())
    }
}
