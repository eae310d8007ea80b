//! Numbers: counts of special values, moments, extremes, quantiles, distinct values.
//!
//! Values come in batches: sums over a slice of numbers are computed several at a time
//! by the processor, sums over single ones are not.

use crate::{
    distinct::{DistinctCount, DistinctEstimate},
    moments::{Moments, Sums},
    quantiles::{EXACT_VALUES, QuantileView, Quantiles},
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Values that are summed at once: they stay in the nearest cache.
const CHUNK: usize = 1_024;

/// Mergeable summary of a column of numbers. Nulls are counted by the column.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct NumericProfile {
    /// Values that are not a number.
    pub nan: u64,
    /// Values of +∞.
    pub positive_infinity: u64,
    /// Values of −∞.
    pub negative_infinity: u64,
    /// Finite values equal to zero.
    pub zeros: u64,
    /// Finite values below zero.
    pub negatives: u64,
    moments: Moments,
    extremes: Option<(f64, f64)>,
    quantiles: Quantiles,
    /// Counted once the quantiles are a sketch; before that, they hold every value.
    distinct: Option<DistinctCount>,
}

/// One bin of a histogram: `[low, high)`, the last one closed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Values inside.
    pub count: u64,
}

impl NumericProfile {
    /// Adds one value.
    pub fn update(&mut self, value: f64) {
        self.update_batch(&[value]);
    }

    /// Adds values.
    pub fn update_batch(&mut self, values: &[f64]) {
        for chunk in values.chunks(CHUNK) {
            let sums = Sums::of(chunk);
            if sums.is_finite() {
                self.add(chunk, &sums);
            } else {
                // Something is not finite, or the sum of what is went beyond the greatest
                // number.
                let finite: Vec<f64> = chunk.iter().copied().filter(|v| v.is_finite()).collect();
                for value in chunk.iter().filter(|value| !value.is_finite()) {
                    if value.is_nan() {
                        self.nan += 1;
                    } else if *value > 0.0 {
                        self.positive_infinity += 1;
                    } else {
                        self.negative_infinity += 1;
                    }
                }
                let sums = Sums::of(&finite);
                if sums.is_finite() {
                    self.add(&finite, &sums);
                } else {
                    for value in finite.chunks(1) {
                        self.add(value, &Sums::of(value));
                    }
                }
            }
        }
    }

    /// Adds finite values whose sums are given.
    fn add(&mut self, values: &[f64], sums: &Sums) {
        if values.is_empty() {
            return;
        }
        self.zeros += sums.zeros;
        self.negatives += sums.negatives;
        self.moments.merge(&sums.moments(values));
        let (min, max) = self.extremes.unwrap_or((sums.min, sums.max));
        self.extremes = Some((min.min(sums.min), max.max(sums.max)));
        if let Some(distinct) = &mut self.distinct {
            distinct.update_hashes(values.iter().map(|&value| hash(value)));
            self.quantiles.update_batch(values);
        } else {
            let rest = self.quantiles.fill_exact(values);
            if !rest.is_empty() {
                let mut distinct = self.exact_distinct().unwrap_or_default();
                distinct.update_hashes(rest.iter().map(|&value| hash(value)));
                self.distinct = Some(distinct);
                self.quantiles.update_batch(rest);
            }
        }
    }

    /// The distinct values, while the quantiles hold all of them.
    fn exact_distinct(&self) -> Option<DistinctCount> {
        self.quantiles.exact_values().map(|values| {
            let mut distinct = DistinctCount::default();
            distinct.update_hashes(values.map(hash));
            distinct
        })
    }

    /// Adds the values of another profile.
    pub fn merge(&mut self, other: &Self) {
        self.nan += other.nan;
        self.positive_infinity += other.positive_infinity;
        self.negative_infinity += other.negative_infinity;
        self.zeros += other.zeros;
        self.negatives += other.negatives;
        self.moments.merge(&other.moments);
        self.extremes = match (self.extremes, other.extremes) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        let values = |profile: &Self| profile.quantiles.exact_len();
        let exact = values(self).zip(values(other));
        if exact.is_some_and(|(mine, theirs)| mine + theirs <= EXACT_VALUES) {
            return self.quantiles.merge(&other.quantiles);
        }
        let (mine, theirs) = (self.exact_distinct(), other.exact_distinct());
        self.quantiles.merge(&other.quantiles);
        if self.quantiles.exact_len().is_none() {
            let mut distinct = self.distinct.take().or(mine).unwrap_or_default();
            if let Some(theirs) = other.distinct.as_ref().or(theirs.as_ref()) {
                distinct.merge(theirs);
            }
            self.distinct = Some(distinct);
        }
    }

    /// Finite values.
    pub fn count(&self) -> u64 {
        self.moments.count()
    }

    /// The greatest of its counts.
    pub(crate) fn counted(&self) -> u64 {
        let values = [
            self.nan,
            self.positive_infinity,
            self.negative_infinity,
            self.moments.count(),
        ];
        let values = values.into_iter().fold(0, u64::saturating_add);
        let parts = [self.zeros, self.negatives, self.quantiles.counted()];
        parts.into_iter().fold(values, u64::max)
    }

    /// NaN and ±∞ together.
    pub fn non_finite(&self) -> u64 {
        self.nan + self.positive_infinity + self.negative_infinity
    }

    /// Mean of the finite values; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean()
    }

    /// Population standard deviation (divided by n, as TFDV does) of the finite values.
    pub fn std_dev(&self) -> Option<f64> {
        self.moments.std_dev()
    }

    /// Least finite value.
    pub fn min(&self) -> Option<f64> {
        self.extremes.map(|e| e.0)
    }

    /// Greatest finite value.
    pub fn max(&self) -> Option<f64> {
        self.extremes.map(|e| e.1)
    }

    /// The distribution of the finite values.
    pub fn quantiles(&self) -> QuantileView {
        self.quantiles.view()
    }

    /// Distinct finite values.
    pub fn distinct(&self) -> DistinctEstimate {
        match (&self.distinct, self.quantiles.exact_len()) {
            (Some(distinct), _) => distinct.estimate(),
            (None, values) => DistinctEstimate::exactly(values.unwrap_or(0)),
        }
    }

    /// A histogram of `bins` bins of equal width between the least and the greatest
    /// finite value; one bin where they are equal, none without values.
    pub fn histogram(&self, bins: usize) -> Vec<Bin> {
        let Some((min, max)) = self.extremes else {
            return Vec::new();
        };
        let edges: Vec<f64> = if min < max {
            let bins = bins.max(1);
            // Halves first: the range of two finite numbers can overflow.
            let step = max / bins as f64 - min / bins as f64;
            let mut edges: Vec<f64> = (0..=bins).map(|i| min + step * i as f64).collect();
            edges[bins] = max;
            edges
        } else {
            vec![min, max]
        };
        self.histogram_on(&edges)
    }

    /// Counts between ascending `edges`; values outside them are left out.
    pub fn histogram_on(&self, edges: &[f64]) -> Vec<Bin> {
        let view = self.quantiles.view();
        let last = edges.len().saturating_sub(2);
        edges
            .windows(2)
            .enumerate()
            .map(|(i, edge)| {
                let to = if i == last {
                    view.count_at_or_below(edge[1])
                } else {
                    view.count_below(edge[1])
                };
                Bin {
                    low: edge[0],
                    high: edge[1],
                    count: to.saturating_sub(view.count_below(edge[0])),
                }
            })
            .collect()
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let distinct = self.distinct.as_ref().map_or(0, DistinctCount::size_bytes);
        size_of::<Self>() + self.quantiles.size_bytes() + distinct
    }
}

/// A hash of a value's bits; those of one zero.
#[inline]
fn hash(value: f64) -> u64 {
    xxh3_64(&(value + 0.0).to_bits().to_le_bytes())
}

/// The state as it is stored. The distinct values have a place of their own, which is
/// empty while the quantiles hold all of them; older writers filled it in any case.
#[derive(Serialize, Deserialize)]
struct Stored {
    nan: u64,
    positive_infinity: u64,
    negative_infinity: u64,
    zeros: u64,
    negatives: u64,
    moments: Moments,
    extremes: Option<(f64, f64)>,
    quantiles: Quantiles,
    distinct: DistinctCount,
}

impl From<NumericProfile> for Stored {
    fn from(profile: NumericProfile) -> Self {
        Self {
            nan: profile.nan,
            positive_infinity: profile.positive_infinity,
            negative_infinity: profile.negative_infinity,
            zeros: profile.zeros,
            negatives: profile.negatives,
            moments: profile.moments,
            extremes: profile.extremes,
            quantiles: profile.quantiles,
            distinct: profile.distinct.unwrap_or_default(),
        }
    }
}

impl From<Stored> for NumericProfile {
    fn from(stored: Stored) -> Self {
        let exact = stored.quantiles.exact_len().is_some();
        Self {
            nan: stored.nan,
            positive_infinity: stored.positive_infinity,
            negative_infinity: stored.negative_infinity,
            zeros: stored.zeros,
            negatives: stored.negatives,
            moments: stored.moments,
            extremes: stored.extremes,
            quantiles: stored.quantiles,
            distinct: (!exact).then_some(stored.distinct),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> NumericProfile {
        let mut profile = NumericProfile::default();
        // In pieces, as rows of a group come, and as a batch comes.
        let (single, batch) = values.split_at(values.len() / 3);
        single.iter().for_each(|&value| profile.update(value));
        profile.update_batch(batch);
        profile
    }

    #[test]
    fn special_values_are_counted_apart() {
        let profile = of(&[
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -3.0,
            5.0,
        ]);
        assert_eq!(
            (profile.count(), profile.zeros, profile.negatives),
            (4, 2, 1)
        );
        assert_eq!((profile.nan, profile.non_finite()), (1, 3));
        assert_eq!((profile.min(), profile.max()), (Some(-3.0), Some(5.0)));
        assert_eq!(profile.distinct().value as u64, 3);
    }

    #[test]
    fn only_nan_has_no_mean() {
        let profile = of(&[f64::NAN]);
        assert_eq!(
            (profile.mean(), profile.std_dev(), profile.min()),
            (None, None, None)
        );
        assert!(profile.histogram(10).is_empty());
    }

    #[test]
    fn moments_equal_numpy() {
        // np.std([2, 4, 4, 4, 5, 5, 7, 9]) = 2.0, mean 5.0.
        let profile = of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((profile.mean(), profile.std_dev()), (Some(5.0), Some(2.0)));
    }

    #[test]
    fn a_histogram_holds_every_value_once() {
        let profile = of(&[0.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        let counts: Vec<u64> = profile.histogram(4).iter().map(|b| b.count).collect();
        assert_eq!(counts, [1, 1, 1, 3]);
        assert_eq!(
            of(&[7.0, 7.0]).histogram(10),
            [Bin {
                low: 7.0,
                high: 7.0,
                count: 2
            }]
        );
        let wide = of(&[f64::MIN, 0.0, f64::MAX]).histogram(2);
        assert_eq!(wide.iter().map(|b| b.count).sum::<u64>(), 3);
    }

    #[test]
    fn the_sum_of_numbers_near_the_greatest_does_not_hide_them() {
        let profile = of(&[f64::MAX, f64::MAX, f64::NAN, f64::MAX]);
        assert_eq!((profile.count(), profile.nan), (3, 1));
        assert_eq!(profile.mean(), Some(f64::MAX));
        assert_eq!(profile.positive_infinity, 0);
    }

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => -1e6..1e6_f64,
            2 => (-5..5_i32).prop_map(f64::from),
            1 => Just(f64::NAN),
            1 => Just(f64::INFINITY),
        ]
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(values in prop::collection::vec(any_number(), 0..400), cut in 0.0..1.0_f64) {
            let (head, tail) = values.split_at((values.len() as f64 * cut) as usize);
            let (mut merged, whole) = (of(head), of(&values));
            merged.merge(&of(tail));
            prop_assert_eq!(
                (merged.count(), merged.nan, merged.zeros, merged.non_finite(), merged.min(), merged.max()),
                (whole.count(), whole.nan, whole.zeros, whole.non_finite(), whole.min(), whole.max())
            );
            prop_assert_eq!(merged.quantiles(), whole.quantiles());
            prop_assert_eq!(merged.distinct(), whole.distinct());
            for (a, b) in [(merged.mean(), whole.mean()), (merged.std_dev(), whole.std_dev())] {
                match (a, b) {
                    (Some(a), Some(b)) => prop_assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0)),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }

        #[test]
        fn order_of_merging_does_not_matter(a in prop::collection::vec(any_number(), 0..200), b in prop::collection::vec(any_number(), 0..200)) {
            let (mut ab, mut ba) = (of(&a), of(&b));
            ab.merge(&of(&b));
            ba.merge(&of(&a));
            prop_assert_eq!(ab.quantiles(), ba.quantiles());
            prop_assert_eq!((ab.count(), ab.min(), ab.max()), (ba.count(), ba.min(), ba.max()));
        }

        #[test]
        fn merging_with_nothing_changes_nothing(values in prop::collection::vec(any_number(), 0..200)) {
            let (mut profile, whole) = (of(&values), of(&values));
            profile.merge(&NumericProfile::default());
            prop_assert_eq!(crate::codec::encode(&profile), crate::codec::encode(&whole));
        }
    }
}
