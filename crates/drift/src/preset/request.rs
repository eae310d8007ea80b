//! What a preset says of a column, and why it says nothing.

use super::Kind;

/// What a tool concludes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// No drift.
    NoDrift,
    /// whylogs' state between the two.
    PossibleDrift,
    /// Drift.
    Drift,
    /// The tool decides nothing without a threshold of the user's.
    NoThreshold,
}

/// One measure of one column as the tool prints it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The measure, by the tool's name.
    pub measure: &'static str,
    /// What the tool prints: a distance, or the p-value where it prints that.
    pub value: f64,
    /// The p-value, where the measure is a test.
    pub p_value: Option<f64>,
    /// What the value is compared with; `None` where nothing was given.
    pub threshold: Option<f64>,
    /// What the tool concludes.
    pub state: State,
}

/// Why a measure of a preset cannot be had.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PresetError {
    /// No measure of this tool.
    #[error("{preset} has no measure `{name}`; it has {}", known.join(", "))]
    UnknownMeasure {
        /// The preset.
        preset: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A measure that is for another kind of column.
    #[error("`{name}` is not for a {kind} column; for one there is {}", fitting.join(", "))]
    WrongKind {
        /// The measure.
        name: String,
        /// The column's kind.
        kind: Kind,
        /// Measures that fit.
        fitting: Vec<&'static str>,
    },
    /// The two sides hold different kinds of values.
    #[error("the baseline holds a {baseline} column, the window a {window} one")]
    KindsDiffer {
        /// Kind in the baseline.
        baseline: Kind,
        /// Kind in the window.
        window: Kind,
    },
    /// A side without values.
    #[error("the {side} has no value in this column, for which {tool} gives an error or no number")]
    NoValues {
        /// `baseline` or `window`.
        side: &'static str,
        /// The tool.
        tool: &'static str,
    },
    /// The tool's own computation fails.
    #[error("{measure} is not defined here: {reason}")]
    Undefined {
        /// The measure.
        measure: &'static str,
        /// Why.
        reason: String,
    },
    /// A measure of rows in order, or of pairs of rows, was asked of a profile.
    #[error("{measure} needs rows, not a profile; give the source itself")]
    NeedsRows {
        /// The measure.
        measure: &'static str,
    },
}
