//! Threshold cards: which value of a measure is surprising for a window of this size.
//!
//! One card serves all columns, slices and measures of a window, because the stated
//! rate is the pipeline's: its limit is the p-value below which the *smallest* p of a
//! stationary window falls as rarely as stated (Westfall & Young 1993, "Resampling-
//! Based Multiple Testing"). All tests of a draw look at the same blocks, so that
//! columns which move together are not paid for twice.
//!
//! A year of weeks is 52 windows, however many draws are taken, and a limit read off
//! the draws alone alarms three to seven times as often as stated on held-out
//! windows (AR(1) day effects, 10 to 60 windows in the baseline). Three things
//! bring it to 0.6 to 2 times:
//!
//! 1. the smallest p of a draw is taken against draws that share no block with it
//!    (ten folds of contiguous starts), as a new window shares none;
//! 2. a p is that of a *prediction*: the quantile that W windows put at p is passed by
//!    a new one as often as Student's t with W − 1 degrees of freedom says, where W
//!    counts windows for what they are worth (`memory.rs`): a column that wanders within
//!    the baseline gets a wide limit of its own, and does not blind the others;
//! 3. the rate's quantile of the smallest p is that of an exponential tail whose rate
//!    is itself estimated from so many windows.
//!
//! A stretch unlike all others would push the limit so low that no measure could
//! alarm again. So the limit never falls below a tenth of what independent tests
//! need (Bonferroni); where that bound holds, the card says that the baseline is
//! unstable.

use crate::{
    measure::Measure,
    memory::FEWEST,
    replay::LEAST_WINDOWS,
    season::Season,
    tail::{Null, Tail},
};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Version of the card's format.
pub const CARD_VERSION: u32 = 3;
/// Contiguous folds of starts in which draws are judged by the others.
const FOLDS: usize = 10;
/// Where a test never varied in the baseline, its p falls by e for each such part of
/// the least effect.
const LEAST_EFFECT_PARTS: f64 = 4.0;
/// Share of the draws whose smallest p-values the limit is extrapolated from.
const FAMILY_TAIL: f64 = 0.1;
/// The limit is at least the share of one test of the rate, divided by this.
const LOWEST_LIMIT: f64 = 10.0;

/// A column within a slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnKey {
    /// The slice's name; `None` for all rows.
    pub slice: Option<String>,
    /// The column's name.
    pub column: String,
}

impl ColumnKey {
    /// A column over all rows.
    pub fn whole(column: impl Into<String>) -> Self {
        Self {
            slice: None,
            column: column.into(),
        }
    }
}

/// What a card's null distribution rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Basis {
    /// Contiguous blocks of time.
    Blocks,
    /// Files or chunks of rows, whose order is taken not to matter. Measured on text
    /// this is wrong about always, so that such a card alone fails no window.
    ExchangeableAssumed,
    /// No valid p-value can be had; the draws are independent rows and only show how
    /// much of an effect is sampling noise.
    NotCalibrated {
        /// Why not.
        reason: NotCalibrated,
    },
}

/// Why no card could be calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCalibrated {
    /// The baseline holds fewer than ten windows that do not overlap.
    FewerThanTenWindows,
    /// The window is longer than a quarter of the baseline.
    WindowTooLong,
}

impl NotCalibrated {
    /// The reason for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::FewerThanTenWindows => {
                "the baseline holds fewer than ten windows that do not overlap"
            }
            Self::WindowTooLong => "the window is longer than a quarter of the baseline",
        }
    }
}

/// Rows that a card was made for, of one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRows {
    /// The slice; `None` for all rows.
    pub slice: Option<String>,
    /// Its rows in the window.
    pub rows: u64,
}

/// The null distribution of one measure of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredTest", into = "StoredTest")]
pub struct TestCard {
    /// The column and slice.
    pub key: ColumnKey,
    /// The measure.
    pub measure: Measure,
    /// Whether it is one of the tests that share the stated rate.
    pub decides: bool,
    /// The least effect, in the measure's unit.
    pub min_effect: f64,
    /// Independent windows that the baseline's are worth for this measure: fewer than
    /// [`ThresholdCard::windows_in_baseline`] where it wanders.
    pub independent_windows: f64,
    /// Its value in each draw, by number of the draw; empty where no draw had rows.
    pub draws: Vec<f64>,
    null: Null,
}

/// What is written of a test: the rest follows from it.
#[derive(Clone, Serialize, Deserialize)]
struct StoredTest {
    key: ColumnKey,
    measure: Measure,
    decides: bool,
    min_effect: f64,
    independent_windows: f64,
    draws: Vec<f64>,
}

impl From<StoredTest> for TestCard {
    fn from(stored: StoredTest) -> Self {
        let StoredTest {
            key,
            measure,
            decides,
            min_effect,
            independent_windows,
            draws,
        } = stored;
        let null = Null::of(draws.iter().copied(), least_scale(min_effect));
        Self {
            key,
            measure,
            decides,
            min_effect,
            independent_windows,
            draws,
            null,
        }
    }
}

impl From<TestCard> for StoredTest {
    fn from(test: TestCard) -> Self {
        let TestCard {
            key,
            measure,
            decides,
            min_effect,
            independent_windows,
            draws,
            ..
        } = test;
        Self {
            key,
            measure,
            decides,
            min_effect,
            independent_windows,
            draws,
        }
    }
}

impl TestCard {
    pub(crate) fn new(
        key: ColumnKey,
        (measure, decides): (Measure, bool),
        min_effect: f64,
        independent_windows: f64,
        draws: Vec<f64>,
    ) -> Self {
        StoredTest {
            key,
            measure,
            decides,
            min_effect,
            independent_windows,
            draws,
        }
        .into()
    }

    /// Probability that a new stationary window of this size has `value` or more.
    pub fn p_value(&self, value: f64) -> f64 {
        predicted(self.null.p_value(value), self.independent_windows)
    }

    /// The least value whose p is `p` or less.
    pub fn value_at(&self, p: f64) -> f64 {
        self.null.value_at(unpredicted(p, self.independent_windows))
    }

    /// Whether the baseline itself wanders in this measure: its windows resemble their
    /// neighbours so much that they are worth fewer than ten independent ones. The limit
    /// is as wide as so few call for.
    pub fn baseline_unstable(&self) -> bool {
        self.independent_windows < LEAST_WINDOWS as f64
    }

    /// Whether it wanders so much that no value would be surprising.
    pub(crate) fn is_without_limit(&self) -> bool {
        self.independent_windows <= FEWEST
    }

    /// A quantile of the draws.
    pub fn quantile(&self, q: f64) -> f64 {
        self.null.quantile(q)
    }

    /// The tail that continues the draws.
    pub fn tail(&self) -> Tail {
        self.null.tail()
    }

    /// The p of each draw against draws that share no block with it: those at least
    /// `overlap` places, by number and going round, from the fold that it lies in.
    pub(crate) fn held_out_p(&self, overlap: usize) -> Vec<f64> {
        let draws = self.draws.len();
        // Sorted once: each fold then passes its draws on in order.
        let mut order: Vec<usize> = (0..draws).collect();
        order.sort_unstable_by(|&a, &b| self.draws[a].total_cmp(&self.draws[b]));
        let mut p = Vec::with_capacity(draws);
        for fold in 0..FOLDS {
            let (from, to) = (fold * draws / FOLDS, (fold + 1) * draws / FOLDS);
            let apart = |&draw: &usize| {
                // Places after the fold's start, going round.
                let place = if draw >= from {
                    draw - from
                } else {
                    draw + draws - from
                };
                place >= to - from + overlap && place < draws.saturating_sub(overlap)
            };
            let others = order.iter().copied().filter(apart);
            let others = others.map(|draw| self.draws[draw]);
            let null = Null::of(others, least_scale(self.min_effect));
            p.extend(
                self.draws[from..to]
                    .iter()
                    .map(|&value| null.p_value(value)),
            );
        }
        p
    }

    fn varies(&self) -> bool {
        self.draws
            .iter()
            .any(|draw| draw.total_cmp(&self.draws[0]).is_ne())
    }
}

/// The p of a new window where a sample of `windows` says `p`: on the scale of normal
/// deviates, Student's prediction interval.
pub(crate) fn predicted(p: f64, windows: f64) -> f64 {
    let z = -Normal::standard().inverse_cdf(p);
    let (student, widening) = student(windows);
    let p = student.map_or(p, |student| student.sf(z / widening));
    p.clamp(f64::MIN_POSITIVE, 1.0)
}

/// The inverse of [`predicted`].
fn unpredicted(p: f64, windows: f64) -> f64 {
    let (student, widening) = student(windows);
    student.map_or(p, |student| {
        let t = -student.inverse_cdf(p.clamp(f64::MIN_POSITIVE, 1.0));
        Normal::standard().sf(t * widening)
    })
}

fn student(windows: f64) -> (Option<StudentsT>, f64) {
    let windows = windows.max(FEWEST);
    (
        StudentsT::new(0.0, 1.0, windows - 1.0).ok(),
        (1.0 + 1.0 / windows).sqrt(),
    )
}

fn least_scale(min_effect: f64) -> f64 {
    (min_effect / LEAST_EFFECT_PARTS).max(f64::MIN_POSITIVE)
}

/// The calibrated limits of all tests for a window of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdCard {
    /// [`CARD_VERSION`] of the writer.
    pub version: u32,
    /// The stated rate: false alarms a window, of all tests together.
    pub rate: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// Blocks that a window spans.
    pub blocks_per_window: usize,
    /// The season that it was matched by; `None` where it was held against all hours.
    #[serde(default)]
    pub season: Option<Season>,
    /// Rows of the window it was made for, by slice.
    pub rows: Vec<SliceRows>,
    /// What the null rests on.
    pub basis: Basis,
    /// Windows of this length and season that fit into the baseline without overlap.
    pub windows_in_baseline: usize,
    /// A test is significant where its p is at or below this; `None` where no rate
    /// can be kept.
    pub limit: Option<f64>,
    /// The limit of tests whose [baseline is unstable](TestCard::baseline_unstable): the
    /// rate's share of one side of a column (Bonferroni), as their draws say too little of
    /// what is to come to be weighed against those of others. Two measures of one side,
    /// such as the values, pass their limits together.
    pub limit_if_unstable: f64,
    /// Whether the rate is lower than the baseline's windows can show, so that it
    /// rests on the fitted tail.
    pub extrapolated: bool,
    /// Whether stretches of the baseline surprise the rest of it more than chance and
    /// [memory](TestCard::baseline_unstable) explain: it changed, and more alarms than
    /// stated are to be expected.
    pub baseline_unstable: bool,
    /// One entry for each column, slice and measure: with their draws, the replay matrix.
    pub tests: Vec<TestCard>,
}

impl ThresholdCard {
    /// The test of a measure.
    pub fn test(&self, key: &ColumnKey, measure: Measure) -> Option<&TestCard> {
        self.tests
            .iter()
            .find(|test| test.measure == measure && test.key == *key)
    }

    /// The p at or below which a test is significant; `None` where no rate can be kept.
    pub fn limit_of(&self, test: &TestCard) -> Option<f64> {
        match test.baseline_unstable() {
            true => self.limit.and(Some(self.limit_if_unstable)),
            false => self.limit,
        }
    }
}

/// The p-value limit at which the smallest p of a new window falls with probability
/// `rate`, over the tests with a stable baseline, and whether it is the lowest one let in.
///
/// `overlap` is the number of draws on each side of a draw, by number, that may share
/// blocks with it; draws are in the order of their starts, and the last is followed
/// by the first.
pub(crate) fn family_limit(
    tests: &[TestCard],
    draws: usize,
    overlap: usize,
    windows: usize,
    rate: f64,
) -> (f64, bool) {
    let deciding: Vec<&TestCard> = deciding_tests(tests, draws)
        .filter(|test| !test.baseline_unstable())
        .collect();
    let lowest = rate / deciding_tests(tests, draws).count().max(1) as f64 / LOWEST_LIMIT;
    let mut smallest = vec![1.0_f64; draws];
    for test in &deciding {
        for (least, p) in smallest.iter_mut().zip(test.held_out_p(overlap)) {
            *least = least.min(p);
        }
    }
    let mut surprise: Vec<f64> = smallest
        .iter()
        .map(|&p| -predicted(p, windows as f64).ln())
        .collect();
    surprise.sort_unstable_by(f64::total_cmp);
    let wanted = (-rate_quantile(&surprise, windows, rate)).exp();
    (wanted.max(lowest).min(rate), wanted < lowest)
}

/// The tests that share the rate and can be significant at all.
pub(crate) fn deciding_tests(tests: &[TestCard], draws: usize) -> impl Iterator<Item = &TestCard> {
    tests
        .iter()
        .filter(move |test| test.decides && test.draws.len() == draws && test.varies())
}

/// The value that a new one passes with probability `rate`, from ascending ones whose
/// upper tenth is exponential and of which `windows` are independent.
///
/// With n excesses of mean s, a new excess passes y with probability (1 + y / (n s))^−n
/// (the predictive distribution of an exponential with unknown scale).
fn rate_quantile(ascending: &[f64], windows: usize, rate: f64) -> f64 {
    let tail = ((FAMILY_TAIL * ascending.len() as f64) as usize).max(1);
    let Some(from) = ascending.len().checked_sub(tail + 1) else {
        return 0.0;
    };
    let start = ascending[from];
    let mean = ascending[from + 1..].iter().map(|x| x - start).sum::<f64>() / tail as f64;
    if rate >= FAMILY_TAIL {
        let index = ((1.0 - rate) * ascending.len() as f64).ceil() as usize;
        return ascending[index.min(ascending.len() - 1)];
    }
    let n = (FAMILY_TAIL * windows as f64).max(2.0);
    start + n * mean * ((FAMILY_TAIL / rate).powf(1.0 / n) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prediction_is_students() {
        // scipy.stats.t(25).sf(norm.isf(0.001) / sqrt(1 + 1 / 26)), SciPy 1.17.1.
        let p = predicted(0.001, 26.0);
        assert!((p - 0.002_792_160_913_195_088).abs() < 1e-9, "{p}");
    }

    #[test]
    fn an_exponential_tail_is_continued_with_its_uncertainty() {
        // Quantiles of Exp(1): the 10 % point is ln 10 = 2.3026; with n = 10 of 100
        // windows in the tail, the 1 % point is 10 (10^(1/10) − 1) = 2.5893 further.
        let n = 100_000;
        let values: Vec<f64> = (0..n)
            .map(|i| -(1.0 - (f64::from(i) + 0.5) / f64::from(n)).ln())
            .collect();
        let value = rate_quantile(&values, 100, 0.01);
        assert!((value - (10_f64.ln() + 2.589_254)).abs() < 1e-3, "{value}");
    }

    fn card(measure: Measure, draws: Vec<f64>) -> TestCard {
        TestCard::new(ColumnKey::whole("c"), (measure, true), 0.05, 50.0, draws)
    }

    #[test]
    fn equal_tests_cost_no_more_than_one() {
        let draws: Vec<f64> = (0..999).map(|i| f64::from(i * 389 % 999)).collect();
        let one = family_limit(
            &[card(Measure::NullShare, draws.clone())],
            999,
            20,
            50,
            0.01,
        );
        let five: Vec<TestCard> = (0..5)
            .map(|_| card(Measure::NullShare, draws.clone()))
            .collect();
        let five = family_limit(&five, 999, 20, 50, 0.01);
        assert!((one.0 / five.0 - 1.0).abs() < 1e-9, "{one:?} {five:?}");
    }

    #[test]
    fn one_odd_stretch_does_not_blind_the_card() {
        let mut draws: Vec<f64> = (0..999).map(|i| f64::from(i * 389 % 999)).collect();
        draws[500..540].fill(1e9);
        let (limit, unstable) = family_limit(&[card(Measure::NullShare, draws)], 999, 20, 50, 0.01);
        assert!(unstable);
        assert!((limit - 0.001).abs() < 1e-12, "{limit}");
    }

    #[test]
    fn tests_that_never_vary_cost_nothing() {
        let draws: Vec<f64> = (0..999).map(|i| f64::from(i * 389 % 999)).collect();
        let one = family_limit(
            &[card(Measure::NullShare, draws.clone())],
            999,
            20,
            50,
            0.01,
        );
        let with_constant = [
            card(Measure::NullShare, draws),
            card(Measure::LInfinity, vec![0.0; 999]),
        ];
        assert_eq!(family_limit(&with_constant, 999, 20, 50, 0.01), one);
        let (limit, _) = family_limit(
            &[card(Measure::LInfinity, vec![0.0; 999])],
            999,
            20,
            50,
            0.01,
        );
        assert!((limit - 0.01).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn predictions_can_be_undone(p in 1e-9..0.9_f64, windows in 10.0..500.0_f64) {
            let there = predicted(p, windows);
            prop_assert!(p > 0.5 || there >= p * 0.999, "a prediction is wider");
            let back = unpredicted(there, windows);
            prop_assert!((back / p - 1.0).abs() < 1e-3, "{p} {back}");
        }
    }
}
