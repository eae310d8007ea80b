//! Quantiles: exact while a column has few distinct values, KLL past that.
//!
//! KLL rather than t-digest: parts merge in an order we do not control, and
//! KLL's rank error holds with the same probability for every merge tree
//! (Karnin, Lang, Liberty 2016, "Optimal Quantile Approximation in Streams");
//! t-digest has no such bound. The compactor (`crate::kll`) is our own because a run
//! must be repeatable, and because values come in batches here.

use crate::{exact_counts::ExactCounts, kll::Kll};
use serde::{Deserialize, Serialize};

/// Up to this many distinct values every quantile and count is exact.
pub const EXACT_VALUES: usize = 1_024;

/// A mergeable summary of how numbers are distributed. NaN and ±∞ do not enter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Quantiles(State);

#[derive(Debug, Clone)]
enum State {
    Exact(ExactCounts),
    Sketch(Kll),
}

impl Default for State {
    fn default() -> Self {
        Self::Exact(ExactCounts::default())
    }
}

impl Quantiles {
    /// Adds a finite value; others are ignored.
    pub fn update(&mut self, value: f64) {
        if value.is_finite() {
            self.update_batch(&[value]);
        }
    }

    /// Adds finite values.
    pub(crate) fn update_batch(&mut self, values: &[f64]) {
        let rest = self.fill_exact(values);
        if !rest.is_empty() {
            self.sketch().update_batch(rest);
        }
    }

    /// Adds finite values for as long as everything stays exact; returns the others.
    pub(crate) fn fill_exact<'a>(&mut self, values: &'a [f64]) -> &'a [f64] {
        match &mut self.0 {
            State::Exact(exact) => exact.update_batch(values, EXACT_VALUES),
            State::Sketch(_) => values,
        }
    }

    /// How many values there are.
    pub(crate) fn counted(&self) -> u64 {
        match &self.0 {
            State::Exact(exact) => exact.sorted().iter().map(|(_, count)| count).sum(),
            State::Sketch(kll) => kll.count(),
        }
    }

    /// The number of distinct values, while all of them are known.
    pub(crate) fn exact_len(&self) -> Option<usize> {
        match &self.0 {
            State::Exact(exact) => Some(exact.len()),
            State::Sketch(_) => None,
        }
    }

    /// The distinct values, in no order, while all of them are known.
    pub(crate) fn exact_values(&self) -> Option<impl Iterator<Item = f64>> {
        match &self.0 {
            State::Exact(exact) => Some(exact.values()),
            State::Sketch(_) => None,
        }
    }

    /// Adds the values of another summary.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (State::Exact(mine), State::Exact(theirs)) => {
                mine.merge(theirs);
                if mine.len() > EXACT_VALUES {
                    self.sketch();
                }
            }
            (_, State::Exact(theirs)) => {
                self.sketch().add_counted(&theirs.sorted());
            }
            (_, State::Sketch(theirs)) => self.sketch().merge(theirs),
        }
    }

    /// The distribution, ready to be asked.
    pub fn view(&self) -> QuantileView {
        let (weighted, exact) = match &self.0 {
            State::Exact(exact) => (exact.sorted(), true),
            State::Sketch(kll) => (kll.weighted(), false),
        };
        let mut values: Vec<f64> = Vec::with_capacity(weighted.len());
        let mut cumulative: Vec<u64> = Vec::with_capacity(weighted.len());
        let mut total = 0;
        for (value, weight) in weighted {
            total += weight;
            if values
                .last()
                .is_some_and(|last| last.total_cmp(&value).is_eq())
            {
                *cumulative.last_mut().expect("as long as `values`") = total;
            } else {
                values.push(value);
                cumulative.push(total);
            }
        }
        QuantileView {
            values,
            cumulative,
            exact,
        }
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        match &self.0 {
            State::Exact(exact) => exact.size_bytes(),
            State::Sketch(kll) => kll.size_bytes(),
        }
    }

    fn sketch(&mut self) -> &mut Kll {
        if let State::Exact(exact) = &self.0 {
            let mut kll = Kll::default();
            kll.add_counted(&exact.sorted());
            self.0 = State::Sketch(kll);
        }
        match &mut self.0 {
            State::Sketch(kll) => kll,
            State::Exact(_) => unreachable!("turned into a sketch above"),
        }
    }
}

/// The state as it is stored: the same values give the same bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Values outside the state: a place of the format that is empty today.
    pending: Vec<f64>,
    state: StoredState,
}

#[derive(Serialize, Deserialize)]
enum StoredState {
    /// Sorted distinct values with their counts.
    Exact(Vec<(f64, u64)>),
    Sketch {
        levels: Vec<Vec<f64>>,
        compactions: u64,
    },
}

impl From<Quantiles> for Stored {
    fn from(quantiles: Quantiles) -> Self {
        let state = match quantiles.0 {
            State::Exact(exact) => StoredState::Exact(exact.sorted()),
            State::Sketch(kll) => {
                let (levels, compactions) = kll.into_levels();
                StoredState::Sketch {
                    levels,
                    compactions,
                }
            }
        };
        Self {
            pending: Vec::new(),
            state,
        }
    }
}

impl TryFrom<Stored> for Quantiles {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, &'static str> {
        let mut quantiles = match stored.state {
            StoredState::Exact(values) => Self(State::Exact(ExactCounts::of(&values)?)),
            StoredState::Sketch {
                levels,
                compactions,
            } => Self(State::Sketch(Kll::of(levels, compactions)?)),
        };
        if !stored.pending.iter().all(|value| value.is_finite()) {
            return Err("a value of the quantiles is not finite");
        }
        quantiles.update_batch(&stored.pending);
        Ok(quantiles)
    }
}

/// A sorted distribution: distinct values and how many values are at or below each.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantileView {
    values: Vec<f64>,
    cumulative: Vec<u64>,
    exact: bool,
}

impl QuantileView {
    /// Number of values summarised.
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// Whether every answer is exact.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Greatest error of a rank as a share of all values, 99 % of the time; 0 where exact.
    pub fn rank_error(&self) -> f64 {
        if self.exact {
            0.0
        } else {
            crate::kll::RANK_ERROR
        }
    }

    /// The least value with at least a share `q` of all values at or below it
    /// (the inverse of the empirical distribution function); `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let wanted = (q.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let at = self.cumulative.partition_point(|&c| c < wanted);
        self.values
            .get(at.min(self.values.len().checked_sub(1)?))
            .copied()
    }

    /// How many values are `<= x`.
    pub fn count_at_or_below(&self, x: f64) -> u64 {
        match self.values.partition_point(|&v| v <= x) {
            0 => 0,
            n => self.cumulative[n - 1],
        }
    }

    /// How many values are `< x`.
    pub fn count_below(&self, x: f64) -> u64 {
        match self.values.partition_point(|&v| v < x) {
            0 => 0,
            n => self.cumulative[n - 1],
        }
    }

    /// Distinct values kept, ascending, each with its count (its weight in a sketch).
    pub fn values(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.values.iter().enumerate().map(|(i, &value)| {
            let before = if i == 0 { 0 } else { self.cumulative[i - 1] };
            (value, self.cumulative[i] - before)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn of(values: impl IntoIterator<Item = f64>) -> Quantiles {
        let mut quantiles = Quantiles::default();
        for value in values {
            quantiles.update(value);
        }
        quantiles
    }

    #[test]
    fn few_values_are_exact() {
        // NumPy: np.quantile(range(1, 101), q, method="inverted_cdf").
        let view = of((1..=100).map(f64::from)).view();
        assert!(view.is_exact());
        assert_eq!(view.quantile(0.5), Some(50.0));
        assert_eq!(view.quantile(0.251), Some(26.0));
        assert_eq!(view.quantile(0.0), Some(1.0));
        assert_eq!(view.quantile(1.0), Some(100.0));
        assert_eq!(
            (view.count_below(10.0), view.count_at_or_below(10.0)),
            (9, 10)
        );
    }

    #[test]
    fn blocks_that_lie_across_a_change_of_the_rate_lose_nothing() {
        // How many values there were while all was exact decides where blocks begin.
        for repeats in 0..8_u64 {
            let mut quantiles = Quantiles::default();
            let mut values = vec![0.0; repeats as usize];
            values.extend((0..1_200_000).map(f64::from));
            // The first batch ends where the rate changes.
            let (first, rest) = values.split_at(1 << 19);
            quantiles.update_batch(first);
            quantiles.update_batch(rest);
            assert_eq!(quantiles.view().count(), 1_200_000 + repeats);
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        let view = of([f64::NAN, f64::INFINITY]).view();
        assert_eq!((view.count(), view.quantile(0.5)), (0, None));
    }

    #[test]
    fn many_repeats_of_few_values_stay_exact() {
        let view = of((0..100_000).map(|n| f64::from(n % 500))).view();
        assert!(view.is_exact());
        assert_eq!(view.count_at_or_below(249.0), 50_000);
    }

    /// 40 seeds × 99 quantiles; the bound is a 99 % one for single ranks.
    #[test]
    fn sketched_ranks_keep_the_stated_error() {
        let (mut outside, mut asked) = (0, 0);
        for seed in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let n = 50_000;
            let mut parts: Vec<Quantiles> = (0..4).map(|_| Quantiles::default()).collect();
            for i in 0..n {
                parts[i % 4].update(rng.random::<f64>());
            }
            let mut merged = Quantiles::default();
            for part in &parts {
                merged.merge(part);
            }
            let view = merged.view();
            assert_eq!(view.count(), n as u64);
            for q in 1..100 {
                let x = f64::from(q) / 100.0;
                let rank = view.count_at_or_below(x) as f64 / n as f64;
                asked += 1;
                // 0.004: three standard errors of the sample of 50,000 itself.
                if (rank - x).abs() > view.rank_error() + 0.004 {
                    outside += 1;
                }
            }
        }
        assert!(
            outside * 100 <= asked,
            "{outside} of {asked} ranks outside the bound"
        );
    }

    /// Long enough that one of eight values is looked at, in batches that end anywhere.
    #[test]
    fn ranks_of_a_long_column_keep_the_stated_error() {
        let n = 1 << 20;
        for seed in 0..4 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let values: Vec<f64> = (0..n).map(|_| rng.random::<f64>()).collect();
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let mut quantiles = Quantiles::default();
            let mut rest = &values[..];
            while !rest.is_empty() {
                let (batch, after) = rest.split_at(rng.random_range(1..20_000).min(rest.len()));
                quantiles.update_batch(batch);
                rest = after;
            }
            assert!(
                quantiles.size_bytes() < 40 << 10,
                "{}",
                quantiles.size_bytes()
            );
            let view = quantiles.view();
            assert_eq!(view.count(), n as u64, "no weight is lost");
            for q in 1..100 {
                let x = sorted[n * q / 100];
                let off = (view.count_at_or_below(x) as f64 - (n * q / 100) as f64) / n as f64;
                assert!(
                    off.abs() < view.rank_error(),
                    "seed {seed}, {q} %: off by {off}"
                );
            }
        }
    }

    #[test]
    fn batches_give_what_single_values_give_while_all_are_looked_at() {
        let values: Vec<f64> = (0..100_000_u32)
            .map(|n| f64::from(n.wrapping_mul(2_654_435_761)))
            .collect();
        let single = of(values.iter().copied());
        let mut batches = Quantiles::default();
        values
            .chunks(7_001)
            .for_each(|batch| batches.update_batch(batch));
        assert_eq!(single.view(), batches.view());
    }

    #[test]
    fn a_state_that_is_none_of_ours_is_refused() {
        use crate::codec::{decode, encode};
        let state = |state| {
            encode(&Stored {
                pending: Vec::new(),
                state,
            })
        };
        let sketch = |levels, compactions| {
            state(StoredState::Sketch {
                levels,
                compactions,
            })
        };
        assert!(decode::<Quantiles>(&sketch(vec![vec![2.0, 1.0]], 7)).is_ok());
        for bytes in [
            state(StoredState::Exact(vec![(f64::NAN, 1)])),
            state(StoredState::Exact(vec![(1.0, u64::MAX), (2.0, 1)])),
            sketch(vec![vec![f64::INFINITY]], 0),
            sketch(vec![vec![1.0]; 70], 0),
        ] {
            assert!(decode::<Quantiles>(&bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(values in prop::collection::vec(-50..50_i32, 0..3_000), cut in 0.0..1.0_f64) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (head, tail) = values.split_at((values.len() as f64 * cut) as usize);
            let mut merged = of(head.iter().copied());
            merged.merge(&of(tail.iter().copied()));
            prop_assert_eq!(merged.view(), of(values.iter().copied()).view());
        }

        #[test]
        fn no_weight_is_lost(values in prop::collection::vec(any::<i16>(), 0..6_000), cut in 0.0..1.0_f64) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (head, tail) = values.split_at((values.len() as f64 * cut) as usize);
            let mut merged = of(head.iter().copied());
            merged.merge(&of(tail.iter().copied()));
            prop_assert_eq!(merged.view().count(), values.len() as u64);
        }
    }
}
