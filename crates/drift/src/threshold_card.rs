//! Threshold cards: which value of a measure is surprising for a window of this size.
//!
//! One card serves all columns, slices and measures of a window, because the stated
//! rate is the pipeline's: its limit is the p-value below which the *smallest* p of a
//! stationary window falls as rarely as stated (Westfall & Young 1993, "Resampling-
//! Based Multiple Testing"). All tests of a draw look at the same blocks, so that
//! columns which move together are not paid for twice.
//!
//! The smallest p of a draw is taken against draws that share no block with it
//! (ten folds of contiguous starts). Otherwise the draws would know the tail they
//! are judged by, a new window would not, and it would alarm more often than stated.

use crate::{
    measure::Measure,
    tail::{Null, Tail},
};
use serde::{Deserialize, Serialize};

/// Version of the card's format.
pub const CARD_VERSION: u32 = 1;
/// Contiguous folds of starts in which draws are judged by the others.
const FOLDS: usize = 10;
/// Where a test never varied in the baseline, its p falls by e for each such part of
/// the least effect.
const LEAST_EFFECT_PARTS: f64 = 4.0;

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
        Self { slice: None, column: column.into() }
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
    draws: Vec<f64>,
}

impl From<StoredTest> for TestCard {
    fn from(stored: StoredTest) -> Self {
        let StoredTest { key, measure, decides, min_effect, draws } = stored;
        Self::new(key, measure, decides, min_effect, draws)
    }
}

impl From<TestCard> for StoredTest {
    fn from(test: TestCard) -> Self {
        let TestCard { key, measure, decides, min_effect, draws, .. } = test;
        Self { key, measure, decides, min_effect, draws }
    }
}

impl TestCard {
    pub(crate) fn new(
        key: ColumnKey,
        measure: Measure,
        decides: bool,
        min_effect: f64,
        draws: Vec<f64>,
    ) -> Self {
        let null = Null::of(draws.iter().copied(), least_scale(min_effect));
        Self { key, measure, decides, min_effect, draws, null }
    }

    /// Probability that a stationary window of this size has `value` or more.
    pub fn p_value(&self, value: f64) -> f64 {
        self.null.p_value(value)
    }

    /// The least value whose p is `p` or less.
    pub fn value_at(&self, p: f64) -> f64 {
        self.null.value_at(p)
    }

    /// A quantile of the draws.
    pub fn quantile(&self, q: f64) -> f64 {
        self.null.quantile(q)
    }

    /// The tail that continues the draws.
    pub fn tail(&self) -> Tail {
        self.null.tail()
    }
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
    /// Rows of the window it was made for, by slice.
    pub rows: Vec<SliceRows>,
    /// What the null rests on.
    pub basis: Basis,
    /// Windows of this length that fit into the baseline without overlap.
    pub windows_in_baseline: usize,
    /// A test is significant where its p is at or below this; `None` where no rate
    /// can be kept.
    pub limit: Option<f64>,
    /// Whether the rate is lower than the baseline's windows can show, so that it
    /// rests on the fitted tail.
    pub extrapolated: bool,
    /// One entry for each column, slice and measure: with their draws, the replay matrix.
    pub tests: Vec<TestCard>,
}

impl ThresholdCard {
    /// The test of a measure.
    pub fn test(&self, key: &ColumnKey, measure: Measure) -> Option<&TestCard> {
        self.tests.iter().find(|test| test.measure == measure && test.key == *key)
    }
}

/// The p-value limit at which the smallest p of a draw falls with probability `rate`.
///
/// `overlap` is the number of draws on each side of a draw, by number, that may share
/// blocks with it; draws are in the order of their starts, and the last is followed
/// by the first.
pub(crate) fn family_limit(tests: &[TestCard], draws: usize, overlap: usize, rate: f64) -> f64 {
    let mut smallest = vec![1.0_f64; draws];
    for test in tests.iter().filter(|test| test.decides && test.draws.len() == draws) {
        for fold in 0..FOLDS {
            let (from, to) = (fold * draws / FOLDS, (fold + 1) * draws / FOLDS);
            let apart = |draw: &usize| {
                // Places after the fold's start, going round.
                let place = (draw + draws - from) % draws;
                place >= to - from + overlap && place < draws.saturating_sub(overlap)
            };
            let others = (0..draws).filter(apart).map(|draw| test.draws[draw]);
            let null = Null::of(others, least_scale(test.min_effect));
            for draw in from..to {
                smallest[draw] = smallest[draw].min(null.p_value(test.draws[draw]));
            }
        }
    }
    smallest.sort_unstable_by(f64::total_cmp);
    let rank = (rate * (draws + 1) as f64).floor() as usize;
    rank.checked_sub(1).and_then(|rank| smallest.get(rank)).copied().unwrap_or(0.0)
}
