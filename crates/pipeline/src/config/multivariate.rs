//! Several columns judged together: `drift.multivariate` of a pipeline.

use driftline_drift::Measure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Several columns judged together, for what none of them shows by itself.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MultivariateConfig {
    /// The columns: numbers, categories, and embeddings, which are lists of numbers of one length. All
    /// numbers and categories where none is named.
    pub columns: Vec<String>,
    /// By what they are judged; by `domain_classifier` where nothing is said.
    pub measures: BTreeMap<MultivariateMeasure, MeasureConfig>,
}

/// A measure of several columns together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MultivariateMeasure {
    /// How well trees tell the window's rows from the baseline's: area under the curve.
    DomainClassifier,
    /// How badly the baseline's principal components rebuild the window's rows: a multiple of
    /// the baseline's own error.
    ReconstructionError,
    /// Distance of the means in the space of a Gaussian kernel.
    MaximumMeanDiscrepancy,
}

/// How one measure judges.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MeasureConfig {
    /// The least effect that matters, in the measure's own unit, instead of its documented default.
    pub min_effect: Option<f64>,
}

impl From<MultivariateMeasure> for Measure {
    fn from(measure: MultivariateMeasure) -> Self {
        match measure {
            MultivariateMeasure::DomainClassifier => Self::DomainClassifier,
            MultivariateMeasure::ReconstructionError => Self::ReconstructionError,
            MultivariateMeasure::MaximumMeanDiscrepancy => Self::MaximumMeanDiscrepancy,
        }
    }
}

impl MultivariateConfig {
    /// The measures, with how each judges.
    pub(crate) fn measures(&self) -> Vec<(Measure, MeasureConfig)> {
        if self.measures.is_empty() {
            return vec![(Measure::DomainClassifier, MeasureConfig::default())];
        }
        let measures = self.measures.iter();
        measures
            .map(|(&measure, &how)| (measure.into(), how))
            .collect()
    }
}
