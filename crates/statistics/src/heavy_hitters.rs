//! The most frequent values, by the frequent-items sketch of Apache DataSketches.
//!
//! The sketch is exact until it holds more distinct values than its map has room
//! for; from then on every count is within `error` of the truth (Anderson et al.
//! 2017, "A High-Performance Algorithm for Identifying Frequent Items in Data
//! Streams").

use crate::codec;
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use serde::{Deserialize, Serialize};

/// Size of the sketch's map: 3,072 distinct values are exact, past that a count
/// is off by at most 0.09 % of all values.
const MAX_MAP_SIZE: usize = 4_096;

/// How often the frequent values occur.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeavyHitters(Option<Sketch>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sketch(#[serde(with = "codec::frequent_items")] FrequentItemsSketch<String>);

/// One value and how often it occurred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// Its number of occurrences (an upper bound where the sketch is not exact).
    pub count: u64,
}

impl HeavyHitters {
    /// Counts one occurrence.
    pub fn update(&mut self, value: &str) {
        self.update_with_count(value, 1);
    }

    /// Counts `count` occurrences.
    pub fn update_with_count(&mut self, value: &str, count: u64) {
        let sketch = self.0.get_or_insert_with(|| {
            Sketch(FrequentItemsSketch::new(MAX_MAP_SIZE).expect("a power of two"))
        });
        sketch.0.update_with_count_ref(value, count);
    }

    /// Adds the counts of another summary.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, None) => {}
            (Some(mine), Some(theirs)) => mine.0.merge(&theirs.0),
            (None, Some(theirs)) => self.0 = Some(theirs.clone()),
        }
    }

    /// All values counted.
    pub fn total(&self) -> u64 {
        self.0.as_ref().map_or(0, |s| s.0.total_weight())
    }

    /// Greatest error of a count; 0 while every value is counted exactly.
    pub fn error(&self) -> u64 {
        self.0.as_ref().map_or(0, |s| s.0.maximum_error())
    }

    /// Whether every count is exact and no value is missing.
    pub fn is_exact(&self) -> bool {
        self.error() == 0
    }

    /// The values kept, most frequent first, ties by value.
    pub fn values(&self) -> Vec<ValueCount> {
        let Some(sketch) = &self.0 else {
            return Vec::new();
        };
        let mut values: Vec<ValueCount> = sketch
            .0
            .frequent_items(ErrorType::NoFalseNegatives)
            .into_iter()
            .map(|row| ValueCount {
                value: row.item().clone(),
                count: row.estimate(),
            })
            .collect();
        values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        values
    }

    /// Values kept.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |s| s.0.num_active_items())
    }

    /// Bytes held but for the values' own text, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        self.0
            .as_ref()
            .map_or(0, |s| s.0.estimated_size() + 24 * s.0.num_active_items())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_exact_and_ordered() {
        let mut hitters = HeavyHitters::default();
        for value in ["b", "a", "b", "c", "a", "b"] {
            hitters.update(value);
        }
        let values: Vec<_> = hitters
            .values()
            .into_iter()
            .map(|v| (v.value, v.count))
            .collect();
        assert_eq!(values, [("b".into(), 3), ("a".into(), 2), ("c".into(), 1)]);
        assert!(hitters.is_exact());
    }

    #[test]
    fn a_frequent_value_survives_a_flood_of_rare_ones() {
        let mut hitters = HeavyHitters::default();
        for n in 0..50_000 {
            hitters.update(&format!("rare {n}"));
            if n % 10 == 0 {
                hitters.update("often");
            }
        }
        let first = &hitters.values()[0];
        assert_eq!(first.value, "often");
        assert!(first.count.abs_diff(5_000) <= hitters.error());
        assert!(!hitters.is_exact());
    }

    #[test]
    fn parts_merge_to_the_whole_while_exact() {
        let (mut left, mut right, mut whole) = (
            HeavyHitters::default(),
            HeavyHitters::default(),
            HeavyHitters::default(),
        );
        for n in 0..1_000 {
            let value = (n % 37).to_string();
            whole.update(&value);
            if n % 3 == 0 { &mut left } else { &mut right }.update(&value);
        }
        left.merge(&right);
        left.merge(&HeavyHitters::default());
        assert_eq!(left.values(), whole.values());
        let back: HeavyHitters = codec::decode(&codec::encode(&left)).unwrap();
        assert_eq!(back.values(), whole.values());
    }
}
