//! What `drift` takes to print another tool's numbers.

use clap::{Args, ValueEnum};
use std::num::NonZeroUsize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetName {
    /// Driftline's own measures, calibrated on the baseline.
    Driftline,
    /// TensorFlow Data Validation: distances against thresholds of yours.
    Tfdv,
    /// Evidently: a test by kind and size, and a share of drifted columns.
    Evidently,
    /// NannyML: chunk by chunk, against the baseline's chunks.
    Nannyml,
    /// whylogs: three states by p-value.
    Whylogs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Another tool's numbers")]
pub(crate) struct PresetArguments {
    /// Whose measures, thresholds and decisions.
    #[arg(long, value_enum, default_value_t = PresetName::Driftline, value_name = "TOOL")]
    pub(crate) preset: PresetName,
    /// A measure by the tool's name, of one column or of all that it fits; may be repeated.
    #[arg(long, value_name = "[COLUMN=]NAME")]
    pub(crate) measure: Vec<String>,
    /// A threshold of all measures, of one, or of a column; may be repeated.
    #[arg(long, value_name = "[MEASURE=|COLUMN=]X")]
    pub(crate) threshold: Vec<String>,
    /// Share of drifted columns from which the data has drifted [default: 0.5 for evidently].
    #[arg(long, value_name = "SHARE")]
    pub(crate) drift_share: Option<f64>,
    /// nannyml: cut the rows into so many chunks [default: 10].
    #[arg(long, value_name = "N", conflicts_with_all = ["chunk_size", "chunk_by"])]
    pub(crate) chunks: Option<NonZeroUsize>,
    /// nannyml: cut the rows into chunks of so many.
    #[arg(long, value_name = "ROWS", conflicts_with = "chunk_by")]
    pub(crate) chunk_size: Option<NonZeroUsize>,
    /// nannyml: cut the rows by time, 1d or 7d and the like; with `--time`.
    #[arg(long, value_name = "WIDTH", requires = "time")]
    pub(crate) chunk_by: Option<String>,
    /// nannyml: the true class or number in the baseline, to estimate performance.
    #[arg(long, value_name = "COLUMN", requires = "prediction")]
    pub(crate) target: Option<String>,
    /// nannyml: the predicted class; without probabilities the predicted number.
    #[arg(long, value_name = "COLUMN", requires = "target")]
    pub(crate) prediction: Option<String>,
    /// nannyml: the probability of class 1, where classes are 0 and 1; else for each class its
    /// name and the column of its probability, repeated.
    #[arg(long, value_name = "[CLASS=]COLUMN", requires_all = ["target", "prediction"])]
    pub(crate) probability: Vec<String>,
}

impl PresetArguments {
    /// The first option given that only other presets than driftline's own take.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        [
            ("--measure", !self.measure.is_empty()),
            ("--threshold", !self.threshold.is_empty()),
            ("--drift-share", self.drift_share.is_some()),
            ("--chunks", self.chunks.is_some()),
            ("--chunk-size", self.chunk_size.is_some()),
            ("--chunk-by", self.chunk_by.is_some()),
            ("--target", self.target.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}
