//! Categories: how often each value occurs, how many there are, how long they are.

use crate::{
    distinct::DistinctCount,
    heavy_hitters::{HeavyHitters, InBatch, ValueCount},
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A value longer than this is counted by its first bytes and its hash, so that a
/// column of huge strings cannot fill memory.
const MAX_VALUE_BYTES: usize = 256;

/// Mergeable summary of a column of categories, identifiers or booleans.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CategoricalProfile {
    values: HeavyHitters,
    distinct: DistinctCount,
    /// Sum of the values' lengths in bytes.
    pub total_bytes: u64,
    /// Length of the longest value in bytes.
    pub max_bytes: u64,
    /// Values of no characters.
    pub empty: u64,
}

impl CategoricalProfile {
    /// Adds one value.
    pub fn update(&mut self, value: &str) {
        self.update_with_count(value, 1);
    }

    /// Adds one value that occurs `count` times.
    pub fn update_with_count(&mut self, value: &str, count: u64) {
        self.update_batch([(0, count)], |_| value);
    }

    /// Adds the values of a batch: the place of each and how often it occurs there, as a
    /// dictionary gives it, and what value is at a place.
    pub fn update_batch<'a>(
        &mut self,
        batch: impl IntoIterator<Item = (u32, u64)>,
        value: impl Fn(u32) -> &'a str,
    ) {
        let (total_bytes, max_bytes, empty) =
            (&mut self.total_bytes, &mut self.max_bytes, &mut self.empty);
        let distinct = &mut self.distinct;
        let batch = batch.into_iter().filter(|&(_, count)| count > 0);
        let read = batch.map(|(place, count)| {
            let value = value(place);
            let bytes = value.len() as u64;
            *total_bytes += bytes * count;
            *max_bytes = (*max_bytes).max(bytes);
            *empty += u64::from(bytes == 0) * count;
            let hash = xxh3_64(value.as_bytes());
            distinct.update_hash(hash);
            // The top values know a value by what is kept of it.
            let hash = match cut(value, hash) {
                None => hash,
                Some(kept) => xxh3_64(kept.as_bytes()),
            };
            InBatch { place, hash, count }
        });
        self.values.update_batch(read, |place| {
            let value = value(place);
            cut(value, xxh3_64(value.as_bytes())).unwrap_or_else(|| value.into())
        });
    }

    /// Adds the values of another profile.
    pub fn merge(&mut self, other: &Self) {
        self.values.merge(&other.values);
        self.distinct.merge(&other.distinct);
        self.total_bytes = self.total_bytes.saturating_add(other.total_bytes);
        self.max_bytes = self.max_bytes.max(other.max_bytes);
        self.empty += other.empty;
    }

    /// The greatest of its counts.
    pub(crate) fn counted(&self) -> u64 {
        self.count().max(self.empty)
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.values.total()
    }

    /// Values with their counts, most frequent first, ties by value; all of them
    /// where [`is_exact`](Self::is_exact).
    pub fn values(&self) -> Vec<ValueCount> {
        self.values.values()
    }

    /// Whether [`values`](Self::values) holds every value with its true count.
    pub fn is_exact(&self) -> bool {
        self.values.is_exact()
    }

    /// Greatest error of a count in [`values`](Self::values).
    pub fn count_error(&self) -> u64 {
        self.values.error()
    }

    /// Distinct values.
    pub fn distinct(&self) -> crate::DistinctEstimate {
        self.distinct.estimate()
    }

    /// Mean length in bytes; `None` without values.
    pub fn mean_bytes(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.total_bytes as f64 / count as f64)
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        std::mem::size_of::<Self>() + self.values.size_bytes() + self.distinct.size_bytes()
    }
}

/// What is kept of a value that is too long: how it begins, and its hash.
fn cut(value: &str, hash: u64) -> Option<Box<str>> {
    (value.len() > MAX_VALUE_BYTES).then(|| {
        let (head, _) = value.split_at(value.floor_char_boundary(MAX_VALUE_BYTES - 20));
        format!("{head}…{hash:016x}").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[String]) -> CategoricalProfile {
        let mut profile = CategoricalProfile::default();
        for value in values {
            profile.update(value);
        }
        profile
    }

    #[test]
    fn long_values_stay_distinct_but_are_cut() {
        let profile = of(&["字".repeat(1_000) + "a", "字".repeat(1_000) + "b"]);
        assert_eq!(profile.values().len(), 2);
        assert!(
            profile
                .values()
                .iter()
                .all(|v| v.value.len() <= MAX_VALUE_BYTES)
        );
        assert_eq!(profile.max_bytes, 3_001);
    }

    #[test]
    fn empty_strings_are_values() {
        let profile = of(&[String::new(), "a".into()]);
        assert_eq!((profile.empty, profile.count()), (1, 2));
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(values in prop::collection::vec("[a-f]{0,2}", 0..300), cut in 0.0..1.0_f64) {
            let (head, tail) = values.split_at((values.len() as f64 * cut) as usize);
            let (mut merged, whole) = (of(head), of(&values));
            merged.merge(&of(tail));
            prop_assert_eq!(merged.values(), whole.values());
            prop_assert_eq!(merged.distinct(), whole.distinct());
            prop_assert_eq!(merged.mean_bytes(), whole.mean_bytes());
        }
    }
}
