//! Models of a pipeline, and what their predictions are held against.

use super::{Name, Pipeline};
use driftline_drift::performance::{Metric, loss::LossMetric};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

/// A model that scores the rows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The model bundle's folder.
    pub bundle: PathBuf,
    /// The column of texts that the model reads, of a bundle whose manifest names none.
    #[serde(default)]
    pub text: Option<String>,
    /// Columns that the manifest names, and what they are called here, where that differs.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Whether what the model's tokenizer makes of each text becomes columns, too: the share of
    /// words that it lacks, of tokens that are unknown, and the tokens a character.
    #[serde(default)]
    pub tokens: bool,
    /// How many rows of a window are scored, drawn by a seeded hash; all by default.
    #[serde(default)]
    pub rows: Option<u64>,
    /// What a reader of the report must know about these rows and this model.
    #[serde(default)]
    pub note: String,
    /// A second model on the same rows or on a share of them, which is compared and judges
    /// nothing.
    #[serde(default)]
    pub challenger: Option<ChallengerConfig>,
}

/// A model that may take the place of the one in service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengerConfig {
    /// Its bundle's folder; one version of the same model, or another model.
    pub bundle: PathBuf,
    /// As of the model in service, where left out.
    #[serde(default)]
    pub text: Option<String>,
    /// As of the model in service, where left out.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// The share of the rows that it scores in the place of the model in service; without it both
    /// score all rows.
    #[serde(default)]
    pub share: Option<f64>,
    /// The columns whose values decide which of the two scores a row: rows that agree in them are
    /// scored by the same model, in whatever order and run they come.
    #[serde(default)]
    pub key: Vec<String>,
}

impl ChallengerConfig {
    /// The key, and what cannot hold.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let wrong = |key, message: &str| Some((key, message.to_owned()));
        match self.share {
            Some(share) if !(share > 0.0 && share < 1.0) => {
                wrong("share", "it must be above 0 and below 1, such as 0.1")
            }
            Some(_) if self.key.is_empty() => wrong(
                "share",
                "name the columns of `key` by whose values rows are shared out",
            ),
            None if !self.key.is_empty() => wrong(
                "key",
                "it belongs to a `share` of the rows; name that, or leave the key out",
            ),
            _ => None,
        }
    }
}

/// What a model's performance is told by: a metric of classifications or of regressions, by the
/// names that its estimates have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerformanceMeasure {
    /// Of a classification.
    Classification(Metric),
    /// Of a regression.
    Loss(LossMetric),
}

impl PerformanceMeasure {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification(metric) => metric.name(),
            Self::Loss(metric) => metric.name(),
        }
    }

    /// Whether more of it is better.
    pub fn is_gain(self) -> bool {
        matches!(self, Self::Classification(_))
    }

    fn names() -> Vec<&'static str> {
        let losses = LossMetric::ALL.map(LossMetric::name);
        [&Metric::ALL.map(Metric::name)[..], &losses[..]].concat()
    }
}

impl<'de> Deserialize<'de> for PerformanceMeasure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let loss = || LossMetric::named(&name).map(Self::Loss);
        let found = Metric::named(&name).map(Self::Classification);
        found.or_else(loss).ok_or_else(|| {
            D::Error::custom(format!(
                "`{name}` is no measure of performance; these are {}",
                Self::names().join(", ")
            ))
        })
    }
}

impl JsonSchema for PerformanceMeasure {
    fn schema_name() -> Cow<'static, str> {
        "PerformanceMeasure".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What a model's performance is told by.",
            "type": "string",
            "enum": Self::names(),
        })
    }
}

/// True values, which a model's predictions are held against.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetsConfig {
    /// The model; may be left out where there is one.
    #[serde(default)]
    pub model: Option<Name>,
    /// The column of true values.
    pub column: String,
    /// A table of them, read as `live` is; without it the column is one of the rows.
    #[serde(default)]
    pub source: Option<String>,
    /// SQL over that table.
    #[serde(default)]
    pub prepare: Option<String>,
    /// The columns by which rows find their true value; both tables have them.
    #[serde(default)]
    pub key: Vec<String>,
    /// What is told; by default accuracy, F1, the area under the curve and the average precision,
    /// of a regression the mean absolute error and the root of the mean squared one.
    #[serde(default)]
    pub measures: Vec<PerformanceMeasure>,
    /// How much worse than on the baseline the first measure may be, over all rows and in every
    /// slice, before a window fails; without it performance is told and not judged.
    #[serde(default)]
    pub max_loss: Option<f64>,
}

impl TargetsConfig {
    /// The key, and what cannot hold.
    pub(super) fn mistake(&self, pipeline: &Pipeline) -> Option<(&'static str, String)> {
        let wrong = |key, message: &str| Some((key, message.to_owned()));
        if let Some(model) = &self.model
            && !pipeline.models.contains_key(model)
        {
            return Some(("model:", format!("`models` does not name `{model}`")));
        }
        if pipeline.models.is_empty() {
            return wrong(
                "targets",
                "there is no model whose predictions they could be held against",
            );
        }
        match (&self.source, self.key.is_empty()) {
            (Some(_), true) => wrong(
                "targets",
                "name the columns of `key` by which a row finds its true value in `source`",
            ),
            (None, false) => wrong(
                "key",
                "it belongs to a `source`; name that, or leave the key out",
            ),
            (None, true) if self.prepare.is_some() => wrong(
                "targets",
                "their `prepare` is SQL over their `source`; name that, or leave it out",
            ),
            _ if self
                .max_loss
                .is_some_and(|most| most.is_nan() || most < 0.0) =>
            {
                wrong("max_loss", "it must be 0 or more")
            }
            _ => None,
        }
    }
}
