//! ProfileRows on their way out of a query, in order and as bytes.
//!
//! The profiles of thousands of slices are more than a query holds of them at a time, and
//! their readers want one after the other: a line of a table, a row of a file. So their
//! bytes go to a temporary file where they are many, and only where each is stays in memory.

use crate::{EngineError, rows::ProfileRow, slice::Slice, window::Span};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use driftline_statistics::ColumnProfile;
use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};
use tempfile::SpooledTempFile;

/// Bytes of profiles that stay in memory; more go to a temporary file.
const BYTES_IN_MEMORY: usize = 16 << 20;

/// The rows that a profile is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    /// Rows without a time come last.
    without_time: bool,
    span: Option<Span>,
    slice: Option<Slice>,
}

impl Group {
    pub(crate) fn new(span: Option<Span>, slice: Option<Slice>) -> Self {
        Self {
            without_time: span.is_none(),
            span,
            slice,
        }
    }

    /// The window, where the group is all of its rows.
    pub(crate) fn window(&self) -> Option<Option<Span>> {
        self.slice.is_none().then_some(self.span)
    }
}

/// Where the bytes of a profile are.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u64,
    bytes: usize,
}

/// ProfileRows of groups, as they come: some columns of all groups, then others.
pub(crate) struct Spool {
    states: SpooledTempFile,
    end: u64,
    /// Groups, and where the profiles of the columns so far are.
    groups: BTreeMap<Group, Vec<Place>>,
    pool: Arc<dyn MemoryPool>,
}

impl Spool {
    pub(crate) fn new(pool: Arc<dyn MemoryPool>) -> Self {
        Self {
            states: SpooledTempFile::new(BYTES_IN_MEMORY),
            end: 0,
            groups: BTreeMap::new(),
            pool,
        }
    }

    /// Adds the profile of a group's next column.
    pub(crate) fn push(&mut self, group: &Group, state: &[u8]) -> Result<(), EngineError> {
        self.states.write_all(state).map_err(unwritable)?;
        let place = Place {
            start: self.end,
            bytes: state.len(),
        };
        self.end += state.len() as u64;
        match self.groups.get_mut(group) {
            Some(places) => places.push(place),
            None => {
                self.groups.insert(group.clone(), vec![place]);
            }
        }
        Ok(())
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The profiles of `columns`, of which every group must have all.
    ///
    /// # Errors
    /// [`EngineError::Query`] where files changed while they were read: a group of one
    /// column is none of another then.
    pub(crate) fn finish(self, columns: Vec<String>) -> Result<ProfileRows, EngineError> {
        let complete = |places: &Vec<Place>| places.len() == columns.len();
        if !columns.is_empty() && !self.groups.values().all(complete) {
            return Err(EngineError::Query {
                reason: "the files of the source changed while they were read".into(),
            });
        }
        Ok(ProfileRows {
            states: self.states,
            at: self.end,
            columns,
            groups: self.groups.into_iter(),
            current: None,
            pool: self.pool,
        })
    }
}

/// The profiles that [`Rows::profiles`](crate::Rows::profiles) gives, one after the other.
///
/// An item is an error where the temporary file that holds the profiles cannot be read.
pub struct ProfileRows {
    states: SpooledTempFile,
    /// Where the next read of `states` begins.
    at: u64,
    columns: Vec<String>,
    groups: btree_map::IntoIter<Group, Vec<Place>>,
    /// The group of the next profile, and which of its columns that is.
    current: Option<(Group, Vec<Place>, usize)>,
    pool: Arc<dyn MemoryPool>,
}

impl fmt::Debug for ProfileRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileRows")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl ProfileRows {
    /// All of them at once, as far as the memory limit allows.
    ///
    /// # Errors
    /// [`EngineError::OutOfMemory`], and that of an item.
    pub fn gather(self) -> Result<Vec<ProfileRow>, EngineError> {
        let memory =
            MemoryConsumer::new("the profiles of all windows and slices").register(&self.pool);
        let mut rows = Vec::new();
        for row in self {
            let row = row?;
            memory.try_grow(row.profile.size_bytes())?;
            rows.push(row);
        }
        Ok(rows)
    }

    fn read(&mut self, place: Place) -> Result<ColumnProfile, EngineError> {
        if self.at != place.start {
            self.states
                .seek(SeekFrom::Start(place.start))
                .map_err(unreadable)?;
        }
        let mut state = vec![0; place.bytes];
        self.states.read_exact(&mut state).map_err(unreadable)?;
        self.at = place.start + place.bytes as u64;
        Ok(ColumnProfile::from_bytes(&state)?)
    }
}

impl Iterator for ProfileRows {
    type Item = Result<ProfileRow, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = self.current.as_mut().and_then(|(group, places, column)| {
                let place = *places.get(*column)?;
                *column += 1;
                Some((group.clone(), place, *column - 1))
            });
            match next {
                Some((group, place, column)) => {
                    let profile = self.read(place);
                    return Some(profile.map(|profile| ProfileRow {
                        span: group.span,
                        slice: group.slice,
                        column: self.columns[column].clone(),
                        model: None,
                        profile,
                    }));
                }
                None => {
                    let (group, places) = self.groups.next()?;
                    self.current = Some((group, places, 0));
                }
            }
        }
    }
}

fn unreadable(error: io::Error) -> EngineError {
    EngineError::io(&std::env::temp_dir().display().to_string(), &error)
}

fn unwritable(error: io::Error) -> EngineError {
    EngineError::unwritable(&std::env::temp_dir(), error)
}
