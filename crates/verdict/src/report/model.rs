//! What a report shows, ready to be drawn: the run and the series behind it.

use crate::{Run, TermClass, TermTier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that a report draws. Kept with the run, so that it can be drawn again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The run.
    pub run: Run,
    /// What the baseline is.
    pub baseline: BaselineSummary,
    /// Trends over the windows, most important first: drift measures with their
    /// calibrated limits, rates, confidence.
    pub trends: Vec<Trend>,
    /// Distributions, baseline against the newest window.
    pub distributions: Vec<Distribution>,
    /// Terms found in any window, best first.
    pub terms: Vec<TermRow>,
    /// Models that scored the rows.
    pub models: Vec<ModelSummary>,
}

/// What the windows were compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineSummary {
    /// Where it came from, for a person.
    pub source: String,
    /// First instant, RFC 3339, where it has a time.
    pub start: Option<String>,
    /// End, RFC 3339, where it has a time.
    pub end: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Number of blocks that the limits were learnt from.
    pub blocks: u64,
    /// One sentence a person can check: "a window of 2,300 rows differs this much in 1 of 100 weeks".
    pub calibration: String,
}

/// One quantity over the windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// What it is part of: `drift`, `rule`, `confidence`, `length`, `keyword`, `volume`.
    pub group: String,
    /// Column, rule or keyword.
    pub name: String,
    /// Measure, where it is one.
    pub measure: Option<String>,
    /// Unit of the values: `bits`, `share`, `characters`, …
    pub unit: String,
    /// What the limit means, for the legend.
    pub limit_label: Option<String>,
    /// One point a window, in time order.
    pub points: Vec<TrendPoint>,
}

/// One window's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrendPoint {
    /// Start of the window, RFC 3339, or its number.
    pub window: String,
    /// The value; absent where it could not be evaluated.
    pub value: Option<f64>,
    /// The calibrated or configured limit for that window: the upper one, where there are two.
    pub limit: Option<f64>,
    /// The limit that the value must not fall below, where that is another one.
    #[serde(default)]
    pub lower_limit: Option<f64>,
    /// The baseline's own value, where that is one number.
    pub baseline: Option<f64>,
    /// Whether it is a finding.
    pub alarm: bool,
}

impl TrendPoint {
    /// The limit that the value is held against in words: the lower one where it is below it.
    pub fn nearest_limit(&self) -> Option<f64> {
        let below = |lower: &f64| self.value.is_some_and(|value| value < *lower);
        self.lower_limit.filter(below).or(self.limit)
    }
}

/// Shares of bins or values, baseline against window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// The column.
    pub column: String,
    /// Which window it shows.
    pub window: String,
    /// What the bins are: `length in characters`, `values`, …
    pub axis: String,
    /// The bins, in order.
    pub bins: Vec<DistributionBin>,
}

/// One bin or value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DistributionBin {
    /// What it holds.
    pub label: String,
    /// Share of the baseline, in `[0, 1]`.
    pub baseline: f64,
    /// Share of the window, in `[0, 1]`.
    pub window: f64,
}

/// One term over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TermRow {
    /// The term.
    pub term: String,
    /// Its class.
    pub class: TermClass,
    /// The highest tier it reached.
    pub tier: TermTier,
    /// Start of the window of its first sighting.
    pub first_seen: String,
    /// Start of the window of its first alarm.
    pub first_alarm: String,
    /// Documents over the whole run.
    pub count: u64,
    /// Occurrences in the baseline.
    pub baseline_count: u64,
    /// Log Bayes factor at its strongest.
    pub score: f64,
    /// Documents for each window.
    pub series: Vec<u64>,
    /// Where its texts come from, in words.
    #[serde(default)]
    pub origin: Option<String>,
    /// Masked examples.
    pub examples: Vec<String>,
}

/// A model that scored the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelSummary {
    /// Name and version.
    pub name: String,
    /// What it was made for, and what that means for these rows.
    pub domain: String,
    /// How many rows were scored, of how many.
    pub scored: String,
    /// Accuracy and on what.
    pub accuracy: String,
}
