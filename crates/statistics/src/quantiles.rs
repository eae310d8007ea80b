//! Quantiles: exact while a column has few distinct values, KLL past that.
//!
//! KLL rather than t-digest: parts merge in an order we do not control, and
//! KLL's rank error holds with the same probability for every merge tree
//! (Karnin, Lang, Liberty 2016, "Optimal Quantile Approximation in Streams");
//! t-digest has no such bound. The compactor is our own because a run must be
//! repeatable: `datasketches` draws its coin from a per-thread generator, so the
//! same rows give other bytes each time. Here the coin is a hash of the number of
//! compactions so far.

use serde::{Deserialize, Serialize};

/// Up to this many distinct values every quantile and count is exact.
pub const EXACT_VALUES: usize = 1_024;
/// Parameter of the sketch: about three times as many values are kept.
const K: usize = 800;
/// Rank error of KLL at `K`, 99 % of the time, by the constants that Apache
/// DataSketches fitted by simulation: 2.296 / k^0.9021.
const RANK_ERROR: f64 = 0.005_52;
const MIN_LEVEL_CAPACITY: usize = 8;

/// A mergeable summary of how numbers are distributed. NaN and ±∞ do not enter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// Values not sorted in yet, so that one sort serves many updates.
    pending: Vec<f64>,
    state: State,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    /// Sorted distinct values with their counts.
    Exact(Vec<(f64, u64)>),
    Sketch(Kll),
}

impl Default for State {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

/// `levels[h]` holds values that stand for `2^h` each.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kll {
    levels: Vec<Vec<f64>>,
    compactions: u64,
}

impl Quantiles {
    /// Adds a finite value; others are ignored.
    pub fn update(&mut self, value: f64) {
        if value.is_finite() {
            // One zero, so that -0.0 and 0.0 are one value.
            self.pending.push(if value == 0.0 { 0.0 } else { value });
            if self.pending.len() >= EXACT_VALUES {
                self.flush();
            }
        }
    }

    /// Adds the values of another summary.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.flush();
        self.flush();
        match other.state {
            State::Exact(theirs) => self.add_counted(&theirs),
            State::Sketch(theirs) => {
                self.sketch().merge(&theirs);
            }
        }
    }

    /// The distribution, ready to be asked.
    pub fn view(&self) -> QuantileView {
        let mut flushed;
        let state = if self.pending.is_empty() {
            &self.state
        } else {
            flushed = self.clone();
            flushed.flush();
            &flushed.state
        };
        let (mut weighted, exact) = match state {
            State::Exact(values) => (values.clone(), true),
            State::Sketch(kll) => (kll.weighted(), false),
        };
        weighted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
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
        let state = match &self.state {
            State::Exact(values) => values.capacity() * 16,
            State::Sketch(kll) => kll.levels.iter().map(|level| level.capacity() * 8).sum(),
        };
        self.pending.capacity() * 8 + state
    }

    /// Sorts pending values in: the same values then give the same bytes.
    pub(crate) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        match &mut self.state {
            State::Sketch(kll) => {
                for &value in &pending {
                    kll.add(value, 0);
                }
            }
            State::Exact(_) => {
                pending.sort_unstable_by(f64::total_cmp);
                let counted: Vec<(f64, u64)> = pending
                    .chunk_by(|a, b| a.total_cmp(b).is_eq())
                    .map(|run| (run[0], run.len() as u64))
                    .collect();
                self.add_counted(&counted);
            }
        }
        pending.clear();
        self.pending = pending;
    }

    /// Adds sorted distinct values with counts.
    fn add_counted(&mut self, added: &[(f64, u64)]) {
        match &mut self.state {
            State::Sketch(kll) => {
                for &(value, count) in added {
                    kll.add_counted(value, count);
                }
            }
            State::Exact(values) => {
                let mut merged = Vec::with_capacity(values.len() + added.len());
                let (mut left, mut right) = (values.iter().peekable(), added.iter().peekable());
                loop {
                    let order = match (left.peek(), right.peek()) {
                        (None, None) => break,
                        (Some(_), None) => std::cmp::Ordering::Less,
                        (None, Some(_)) => std::cmp::Ordering::Greater,
                        (Some(a), Some(b)) => a.0.total_cmp(&b.0),
                    };
                    let from_left = order.is_le().then(|| left.next().expect("peeked"));
                    let from_right = order.is_ge().then(|| right.next().expect("peeked"));
                    let value = from_left.or(from_right).expect("one side is taken").0;
                    let count = from_left.map_or(0, |v| v.1) + from_right.map_or(0, |v| v.1);
                    merged.push((value, count));
                }
                *values = merged;
                if values.len() > EXACT_VALUES {
                    self.sketch();
                }
            }
        }
    }

    fn sketch(&mut self) -> &mut Kll {
        if let State::Exact(values) = &self.state {
            let mut kll = Kll::default();
            for &(value, count) in values {
                kll.add_counted(value, count);
            }
            self.state = State::Sketch(kll);
        }
        match &mut self.state {
            State::Sketch(kll) => kll,
            State::Exact(_) => unreachable!("turned into a sketch above"),
        }
    }
}

impl Kll {
    /// A value that occurred `count` times stands once on each level whose bit is set.
    fn add_counted(&mut self, value: f64, count: u64) {
        for level in 0..64 - count.leading_zeros() as usize {
            if count >> level & 1 == 1 {
                self.add(value, level);
            }
        }
    }

    fn add(&mut self, value: f64, level: usize) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.levels[level].push(value);
        if self.levels[level].len() > self.capacity(level) {
            self.compact();
        }
    }

    fn merge(&mut self, other: &Self) {
        for (level, values) in other.levels.iter().enumerate() {
            if self.levels.len() <= level {
                self.levels.resize_with(level + 1, Vec::new);
            }
            self.levels[level].extend_from_slice(values);
        }
        self.compactions += other.compactions;
        self.compact();
    }

    fn capacity(&self, level: usize) -> usize {
        let below_top = (self.levels.len() - 1 - level) as i32;
        ((K as f64 * (2.0_f64 / 3.0).powi(below_top)).ceil() as usize).max(MIN_LEVEL_CAPACITY)
    }

    /// Halves full levels, lowest first, until the whole fits.
    fn compact(&mut self) {
        let mut level = 0;
        while level < self.levels.len() {
            if self.levels[level].len() > self.capacity(level) {
                if level + 1 == self.levels.len() {
                    self.levels.push(Vec::new());
                }
                let mut values = std::mem::take(&mut self.levels[level]);
                values.sort_unstable_by(f64::total_cmp);
                // An odd one out stays, so that no weight is lost.
                if values.len() % 2 == 1 {
                    self.levels[level].extend(values.pop());
                }
                self.compactions += 1;
                let coin = usize::from(
                    xxhash_rust::xxh3::xxh3_64(&self.compactions.to_le_bytes()) & 1 == 1,
                );
                self.levels[level + 1].extend(values.iter().skip(coin).step_by(2));
            }
            level += 1;
        }
    }

    fn weighted(&self) -> Vec<(f64, u64)> {
        self.levels
            .iter()
            .enumerate()
            .flat_map(|(level, values)| values.iter().map(move |&value| (value, 1 << level)))
            .collect()
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
        if self.exact { 0.0 } else { RANK_ERROR }
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
