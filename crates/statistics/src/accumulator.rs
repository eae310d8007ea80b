//! A column's profile while its rows come in.
//!
//! A file says which value a row has by its place in a dictionary, and the batches of a
//! row group share that dictionary. So rows are counted by place, and the values are
//! looked at once for each dictionary: not once a row, nor once a batch.

use crate::{ColumnProfile, ColumnReader, StatisticsError, Summary, column_reader::Texts};
use arrow_schema::DataType;

/// Collects rows into a [`ColumnProfile`].
#[derive(Clone)]
pub struct ColumnAccumulator {
    profile: ColumnProfile,
    waiting: Option<Waiting>,
}

/// Rows that are counted by their place in a dictionary and not yet by their value.
#[derive(Clone)]
struct Waiting {
    dictionary: Texts,
    counts: Vec<u32>,
    rows: u32,
}

impl ColumnAccumulator {
    /// No rows of a column; `text` asks for the text summary where it holds strings.
    pub fn new(data_type: &DataType, text: bool) -> Self {
        Self {
            profile: ColumnProfile::new(data_type, text),
            waiting: None,
        }
    }

    /// Adds all rows of a column.
    pub fn update_all(&mut self, column: &ColumnReader) {
        let (Some(dictionary), Summary::Categorical(_)) =
            (column.dictionary(), &self.profile.summary)
        else {
            return self.profile.update_all(column);
        };
        let rows = column.rows() as u32;
        let fits = |waiting: &Waiting| {
            waiting.dictionary.is_same(dictionary) && waiting.rows.checked_add(rows).is_some()
        };
        if !self.waiting.as_ref().is_some_and(fits) {
            self.settle();
        }
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            counts: vec![0; dictionary.len()],
            dictionary: dictionary.clone(),
            rows: 0,
        });
        column.count_keys(&mut waiting.counts);
        waiting.rows += rows;
        self.profile.rows += column.rows() as u64;
        self.profile.nulls += column.null_count() as u64;
    }

    /// Adds the rows of a column whose indices are given, in that order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn update_rows(&mut self, column: &ColumnReader, rows: &[u32]) {
        self.profile.update_rows(column, rows);
    }

    /// Adds the rows of another accumulator of the same column.
    ///
    /// # Errors
    /// As [`ColumnProfile::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), StatisticsError> {
        self.profile.merge(&other.clone().into_profile())
    }

    /// The profile of the rows so far.
    pub fn into_profile(mut self) -> ColumnProfile {
        self.settle();
        self.profile
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| {
            waiting.dictionary.size_bytes() + waiting.counts.capacity() * size_of::<u32>()
        });
        self.profile.size_bytes() + waiting
    }

    fn settle(&mut self) {
        if let Some(waiting) = self.waiting.take()
            && let Summary::Categorical(categorical) = &mut self.profile.summary
        {
            let counted = waiting.counts.iter().map(|&count| u64::from(count));
            categorical.update_batch((0..).zip(counted), |key| {
                waiting.dictionary.value(key as usize)
            });
        }
    }
}

impl From<ColumnProfile> for ColumnAccumulator {
    fn from(profile: ColumnProfile) -> Self {
        Self {
            profile,
            waiting: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Array, ArrayRef, DictionaryArray, StringArray, types::Int32Type};
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        /// Batches of one dictionary, of several, and strings that have none.
        #[test]
        fn an_encoding_of_strings_changes_nothing(
            rows in prop::collection::vec(prop::option::of("[ab]{0,3}"), 1..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
        ) {
            let dictionary: DictionaryArray<Int32Type> = rows.iter().map(Option::as_deref).collect();
            let other: DictionaryArray<Int32Type> = rows.iter().rev().map(Option::as_deref).collect();
            let (dictionary, other): (ArrayRef, ArrayRef) = (Arc::new(dictionary), Arc::new(other));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
            cuts.extend([0, rows.len()]);
            cuts.sort_unstable();
            let mut encoded = ColumnAccumulator::new(dictionary.data_type(), false);
            for cut in cuts.windows(2) {
                let part = dictionary.slice(cut[0], cut[1] - cut[0]);
                encoded.update_all(&ColumnReader::new(&part));
            }
            encoded.update_all(&ColumnReader::new(&other));
            let plain: Vec<Option<&str>> = rows.iter().chain(&rows).map(Option::as_deref).collect();
            let plain: ArrayRef = Arc::new(StringArray::from(plain));
            prop_assert!(encoded.size_bytes() >= size_of::<u32>() * other.len().min(1));
            prop_assert_eq!(
                encoded.into_profile().to_bytes(),
                ColumnProfile::of(&plain, false).to_bytes()
            );
        }
    }
}
