//! A term, with the numbers that made it one.

use super::Nature;
use serde::{Deserialize, Serialize};

/// What kind of term it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermClass {
    /// A word or phrase that neither the dictionary nor the baseline knows.
    Coinage,
    /// A name of a person, a place, an organisation, a work, a product or an event, known before or not.
    Entity,
    /// A word of the dictionary, or one in use all through the baseline, that rose.
    Surge,
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Above [`TermConfig::watch`](crate::TermConfig::watch): worth keeping an eye on.
    Watch,
    /// Above [`TermConfig::alarm`](crate::TermConfig::alarm).
    Alarm,
    /// Alarmed [`TermConfig::confirm_after`](crate::TermConfig::confirm_after) windows ago and still above.
    Confirmed,
}

/// A term with the numbers that made it one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The term in normal form.
    pub text: String,
    /// What kind of term it is.
    pub class: TermClass,
    /// How sure it is.
    pub tier: Tier,
    /// Start of the window that it is reported in.
    pub window_start: i64,
    /// Start of the first window of the lookback that has it.
    pub first_seen: i64,
    /// Fold (day) of its first sighting in that window.
    pub first_seen_fold: u8,
    /// Windows over which the counts below were taken: the horizon of the greatest Bayes factor.
    pub horizon: usize,
    /// Occurrences, in those of the windows that are in the lookback.
    pub count: u64,
    /// Documents, in the same windows.
    pub documents: u64,
    /// Days (folds of windows) with it over the horizon: `y` of the Bayes factor.
    pub days: u32,
    /// Units of text over the same windows: `N_y`.
    pub units: u64,
    /// Documents of the baseline with it: `b`, an upper bound unless `baseline_exact`.
    pub baseline_documents: u32,
    /// Whether the baseline keeps the n-gram, so that its count is exact.
    pub baseline_exact: bool,
    /// Units of the baseline: `N_b`.
    pub baseline_units: u64,
    /// Natural logarithm of the Bayes factor; see [`ln_bayes_factor`](crate::contrast::ln_bayes_factor).
    pub ln_bayes_factor: f64,
    /// Lower 99 % bound of the rate ratio.
    pub rate_ratio_lower: f64,
    /// Least pointwise mutual information over the places to cut it, in bits; `None` for one unit.
    pub cohesion: Option<f64>,
    /// Entropy of what stands before it, in bits.
    pub left_entropy: f64,
    /// Entropy of what stands after it, in bits.
    pub right_entropy: f64,
    /// Share of its documents on the day with most.
    pub top_day_share: f64,
    /// Sources over the lookback, estimated; `None` where there are too many to tell.
    pub sources: Option<f64>,
    /// What it looks like; `None` of a word that the dictionary has, and where the training data have
    /// too few names to learn from.
    #[serde(default)]
    pub nature: Option<Nature>,
    /// What lists of a class are ordered by, the greatest first: the log Bayes factor, of a coinage
    /// times the probability that it is a new word.
    pub score: f64,
}

/// Documents with a reported term, window by window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermSeries {
    /// Start of the first window of the series: as far back as was known at the first report.
    pub start: i64,
    /// Documents in that window and each one after.
    pub documents: Vec<u32>,
}
