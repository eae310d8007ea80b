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
    /// The columns of a batch, made ready for reading row by row.
    type Reader;

    /// The state of no rows.
    fn empty(&self) -> Self::State;
    fn reader(&self, columns: &[ArrayRef]) -> Result<Self::Reader, EngineError>;
    fn update(state: &mut Self::State, reader: &Self::Reader, row: usize);
    fn merge(state: &mut Self::State, other: &Self::State) -> Result<(), EngineError>;
    fn encode(state: &Self::State) -> Vec<u8>;
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
                    parts = vec![S::encode(&merge_parts::<S>(parts)?)];
                }
                parts.push(part.to_vec());
                parts
            }
            Self::Live(state) => vec![S::encode(&state), part.to_vec()],
            Self::Vacant => vec![part.to_vec()],
        };
        *self = Self::Parts(parts);
        Ok(())
    }

    fn into_bytes(self, summary: &S) -> Result<Vec<u8>, EngineError> {
        Ok(match self {
            Self::Vacant => S::encode(&summary.empty()),
            Self::Live(state) => S::encode(&state),
            Self::Parts(mut parts) if parts.len() == 1 => parts.remove(0),
            Self::Parts(parts) => S::encode(&merge_parts::<S>(parts)?),
        })
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Vacant => 0,
            Self::Live(state) => S::size_bytes(state),
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
}

impl<S: Summary> Groups<S> {
    pub(crate) fn new(summary: S, max_groups: usize) -> Self {
        Self {
            summary,
            slots: Vec::new(),
            sizes: Vec::new(),
            total_size: 0,
            max_groups,
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

    /// Counts the memory of the groups of a batch again, and of no others: there
    /// may be thousands.
    fn recount(&mut self, group_indices: &[usize]) {
        let mut touched = group_indices.to_vec();
        touched.sort_unstable();
        touched.dedup();
        for group in touched {
            let size = self.slots[group].size_bytes();
            self.total_size = self.total_size + size - self.sizes[group];
            self.sizes[group] = size;
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Result<ArrayRef, EngineError> {
        let slots = emit_to.take_needed(&mut self.slots);
        let sizes = emit_to.take_needed(&mut self.sizes);
        self.total_size -= sizes.iter().sum::<usize>();
        let mut states = BinaryBuilder::new();
        for slot in slots {
            states.append_value(slot.into_bytes(&self.summary)?);
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
        for (row, &group) in group_indices.iter().enumerate() {
            if passes(opt_filter, row) {
                S::update(self.slots[group].live(&self.summary)?, &reader, row);
            }
        }
        self.recount(group_indices);
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
            }
        }
        self.recount(group_indices);
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let reader = self.summary.reader(values)?;
        let mut states = BinaryBuilder::new();
        for row in 0..values[0].len() {
            let mut state = self.summary.empty();
            if passes(opt_filter, row) {
                S::update(&mut state, &reader, row);
            }
            states.append_value(S::encode(&state));
        }
        Ok(vec![Arc::new(states.finish())])
    }

    fn size(&self) -> usize {
        self.total_size
            + self.slots.capacity() * std::mem::size_of::<Slot<S>>()
            + self.sizes.capacity() * std::mem::size_of::<usize>()
    }
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
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
            let state = self.slot.live(&self.summary)?;
            for row in 0..rows {
                S::update(state, &reader, row);
            }
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
