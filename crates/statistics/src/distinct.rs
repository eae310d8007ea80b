//! Distinct values: a set of hashes while they are few, HyperLogLog past that.
//!
//! The set makes small columns exact; HLL keeps the state at 4 KiB however many
//! values follow. Values are hashed by XXH3 of their bytes, so that states of
//! different machines and builds merge.

use crate::codec;
use datasketches::{
    common::NumStdDev,
    hll::{HllSketch, HllType, HllUnion},
};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// Up to this many distinct values the count is exact.
pub const EXACT_DISTINCT: usize = 2_048;
/// Registers of the sketch, as a power of two: 4096, standard error 1.04/√4096 = 1.6 %.
const LG_K: u8 = 12;

/// How many different values were seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DistinctCount(State);

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    Exact(#[serde(serialize_with = "sorted")] FxHashSet<u64>),
    Sketch(#[serde(with = "codec::hll")] HllSketch),
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
        match &mut self.0 {
            State::Exact(seen) => {
                seen.insert(hash);
                if seen.len() > EXACT_DISTINCT {
                    self.0 = State::Sketch(self.to_sketch());
                }
            }
            State::Sketch(sketch) => sketch.update(hash),
        }
    }

    /// Adds the values of another count.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, State::Exact(seen)) => {
                let mut sorted: Vec<u64> = seen.iter().copied().collect();
                sorted.sort_unstable();
                for hash in sorted {
                    self.update_hash(hash);
                }
            }
            (_, State::Sketch(theirs)) => {
                let mut union = HllUnion::new(LG_K).expect("LG_K is within the sketch's range");
                union.update(&self.to_sketch());
                union.update(theirs);
                self.0 = State::Sketch(union.to_sketch(HllType::Hll8));
            }
        }
    }

    /// The number of distinct values.
    pub fn estimate(&self) -> DistinctEstimate {
        match &self.0 {
            State::Exact(seen) => DistinctEstimate {
                value: seen.len() as f64,
                exact: true,
                error: 0.0,
            },
            State::Sketch(sketch) => {
                let value = sketch.estimate();
                DistinctEstimate {
                    value: value.round(),
                    exact: false,
                    error: (sketch.upper_bound(NumStdDev::Two) - value) / value,
                }
            }
        }
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        match &self.0 {
            State::Exact(seen) => seen.capacity() * 9,
            State::Sketch(sketch) => sketch.estimated_size(),
        }
    }

    fn to_sketch(&self) -> HllSketch {
        match &self.0 {
            State::Sketch(sketch) => sketch.clone(),
            State::Exact(seen) => {
                let mut sketch =
                    HllSketch::new(LG_K, HllType::Hll8).expect("LG_K is within the sketch's range");
                let mut sorted: Vec<u64> = seen.iter().copied().collect();
                sorted.sort_unstable();
                for hash in sorted {
                    sketch.update(hash);
                }
                sketch
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
