//! Distinct values: a set of hashes while they are few, HyperLogLog past that.
//!
//! The set makes small columns exact; HLL keeps the state at 4 KiB however many
//! values follow. Values are hashed by XXH3 of their bytes, so that states of
//! different machines and builds merge.

use crate::hyperloglog::HyperLogLog;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// Up to this many distinct values the count is exact.
pub const EXACT_DISTINCT: usize = 2_048;

/// How many different values were seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DistinctCount(State);

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    Exact(#[serde(serialize_with = "sorted")] FxHashSet<u64>),
    Sketch(HyperLogLog),
}

/// Hash order depends on how the set was filled; the same values give the same bytes.
fn sorted<S: serde::Serializer>(seen: &FxHashSet<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut hashes: Vec<u64> = seen.iter().copied().collect();
    hashes.sort_unstable();
    hashes.serialize(serializer)
}

/// A number of distinct values with its error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DistinctEstimate {
    /// The count, or the sketch's estimate of it.
    pub value: f64,
    /// Whether `value` is the true count (but for 64-bit hash collisions).
    pub exact: bool,
    /// Half width of a 95 % interval, as a share of `value`; 0 where exact.
    pub error: f64,
}

impl DistinctEstimate {
    /// A true count.
    pub(crate) fn exactly(count: usize) -> Self {
        Self {
            value: count as f64,
            exact: true,
            error: 0.0,
        }
    }
}

impl Default for DistinctCount {
    fn default() -> Self {
        Self(State::Exact(FxHashSet::default()))
    }
}

impl DistinctCount {
    /// Counts one value by its bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.update_hash(xxhash_rust::xxh3::xxh3_64(bytes));
    }

    /// Counts one value by a hash that is uniform over 64 bits.
    pub fn update_hash(&mut self, hash: u64) {
        self.update_hashes([hash]);
    }

    /// Counts values by hashes that are uniform over 64 bits.
    pub fn update_hashes(&mut self, hashes: impl IntoIterator<Item = u64>) {
        let mut hashes = hashes.into_iter();
        if let State::Exact(seen) = &mut self.0 {
            while seen.len() <= EXACT_DISTINCT {
                match hashes.next() {
                    Some(hash) => seen.insert(hash),
                    None => return,
                };
            }
        }
        let sketch = self.sketch();
        hashes.for_each(|hash| sketch.update(hash));
    }

    /// Adds the values of another count.
    pub fn merge(&mut self, other: &Self) {
        match &other.0 {
            State::Exact(seen) => self.update_hashes(seen.iter().copied()),
            State::Sketch(theirs) => self.sketch().merge(theirs),
        }
    }

    /// The number of distinct values.
    pub fn estimate(&self) -> DistinctEstimate {
        match &self.0 {
            State::Exact(seen) => DistinctEstimate::exactly(seen.len()),
            State::Sketch(sketch) => {
                let (value, error) = sketch.estimate();
                DistinctEstimate {
                    value: value.round(),
                    exact: false,
                    error,
                }
            }
        }
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        match &self.0 {
            State::Exact(seen) => crate::table(seen.capacity(), size_of::<u64>()),
            State::Sketch(sketch) => sketch.size_bytes(),
        }
    }

    fn sketch(&mut self) -> &mut HyperLogLog {
        if let State::Exact(seen) = &self.0 {
            let mut sketch = HyperLogLog::new();
            seen.iter().for_each(|&hash| sketch.update(hash));
            self.0 = State::Sketch(sketch);
        }
        match &mut self.0 {
            State::Sketch(sketch) => sketch,
            State::Exact(_) => unreachable!("turned into a sketch above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn count_of(values: std::ops::Range<u32>) -> DistinctCount {
        let mut count = DistinctCount::default();
        for value in values {
            count.update(&value.to_le_bytes());
        }
        count
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let mut count = count_of(0..100);
        count.merge(&count_of(50..150));
        assert_eq!(
            count.estimate(),
            DistinctEstimate {
                value: 150.0,
                exact: true,
                error: 0.0
            }
        );
    }

    #[test]
    fn many_values_are_within_the_stated_error() {
        for n in [10_000, 100_000, 1_000_000] {
            let estimate = count_of(0..n).estimate();
            assert!(!estimate.exact);
            let off = (estimate.value / f64::from(n) - 1.0).abs();
            assert!(
                off < estimate.error,
                "n {n}: off by {off}, stated {}",
                estimate.error
            );
        }
    }

    #[test]
    fn merged_parts_estimate_the_union() {
        let mut merged = count_of(0..60_000);
        merged.merge(&count_of(40_000..100_000));
        let off = (merged.estimate().value / 100_000.0 - 1.0).abs();
        assert!(off < merged.estimate().error, "off by {off}");
        let mut reversed = count_of(40_000..100_000);
        reversed.merge(&count_of(0..60_000));
        assert!((merged.estimate().value - reversed.estimate().value).abs() < 2.0);
    }

    #[test]
    fn state_survives_the_codec() {
        for n in [0, 10, 5_000] {
            let count = count_of(0..n);
            let back: DistinctCount = codec::decode(&codec::encode(&count)).unwrap();
            assert_eq!(back.estimate(), count.estimate());
        }
    }
}
