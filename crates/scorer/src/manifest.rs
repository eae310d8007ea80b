//! What a bundle says about its model (`manifest.yaml`).
//!
//! An ONNX file alone does not say how a row becomes numbers, which label an output means,
//! or on what the model was trained. The manifest does, and the report repeats it, so that a
//! reader sees when live data is outside the model's domain.

mod check;

use std::path::Path;

use serde::Deserialize;

use crate::ScorerError;
use crate::bundle::read_text;
use crate::remote::Remote;

/// The column that a text input reads, where the manifest names none: whoever uses the
/// model says which it is.
pub const TEXT_COLUMN: &str = "text";

/// What a bundle says about its model (`manifest.yaml`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest's own format; 1 is the only one so far.
    pub format_version: u32,
    /// The model's name, as pipelines and reports show it.
    pub name: String,
    /// The model's version. Scores of two versions are not comparable.
    pub version: u64,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// What the model does.
    pub task: Task,
    /// Names of the labels, in the order of the output's values; a
    /// [`Prediction`](crate::Prediction) holds an index into them.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Of two labels: probability of the second from which on it is predicted, in `(0, 1)`.
    #[serde(default = "half")]
    pub threshold: f32,
    /// By what logits are divided before they become probabilities, so that a confidence is
    /// as often right as it says (Guo et al. 2017, "On calibration of modern neural networks").
    #[serde(default = "one")]
    pub temperature: f32,
    /// The model's inputs, by their names in the ONNX graph.
    pub inputs: Vec<Input>,
    /// The model's outputs, by their names in the ONNX graph.
    pub outputs: Vec<Output>,
    /// The server that runs the model, instead of a graph in the bundle.
    #[serde(default)]
    pub remote: Option<Remote>,
    /// Tokens of a text that the model reads; the rest is cut off.
    #[serde(default = "default_max_length")]
    pub max_length: usize,
    /// Length of the first axis of the model's inputs, where it is fixed; rows of a batch.
    #[serde(default)]
    pub batch_size: Option<usize>,
    /// What kind of rows the model was made for, as a phrase in a sentence.
    #[serde(default)]
    pub domain: String,
    /// Licence of the model's weights (SPDX).
    #[serde(default)]
    pub licence: String,
    /// What the model was trained on.
    #[serde(default)]
    pub training_data: Option<TrainingData>,
    /// When the model was trained (ISO 8601 date).
    #[serde(default)]
    pub trained_on: String,
    /// How often the model was right, by data set.
    #[serde(default)]
    pub accuracy: Vec<Accuracy>,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two labels.
    BinaryClassification,
    /// One of several labels.
    MulticlassClassification,
    /// A number.
    Regression,
    /// Numbers that are no prediction: an embedding, a reconstruction.
    Free,
}

impl Task {
    /// Whether a label is predicted.
    pub fn is_classification(self) -> bool {
        matches!(
            self,
            Self::BinaryClassification | Self::MulticlassClassification
        )
    }
}

/// One input of the model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in the ONNX graph.
    pub name: String,
    /// Where its values come from.
    pub from: InputSource,
    /// The column of texts, of all but `columns`.
    #[serde(default)]
    pub column: Option<String>,
    /// What stands beside each other in a row's values, of `columns`.
    #[serde(default)]
    pub columns: Vec<Feature>,
}

/// Where an input's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputSource {
    /// Numbers of the text's tokens, `[batch, length]`.
    Tokenizer,
    /// 1 for every token, `[batch, length]`.
    AttentionMask,
    /// 0 for every token, `[batch, length]`.
    TokenTypes,
    /// Numbers made of columns, `[batch]` or `[batch, width]`.
    Columns,
}

/// What a column becomes in a row's values: a number as it is or scaled, a category by its
/// place or as one of many, any value by its hash.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The column.
    pub column: String,
    /// Taken off a number before it is divided by `deviation`.
    #[serde(default)]
    pub mean: f64,
    /// By what a number is divided.
    #[serde(default = "one_f64")]
    pub deviation: f64,
    /// The number instead of a null; without it such a row has no score.
    #[serde(default)]
    pub missing: Option<f64>,
    /// Values that the model knows, in its order; makes the column a category.
    #[serde(default)]
    pub categories: Vec<String>,
    /// How many places there are for the hashes of a column's values; makes it a category.
    #[serde(default)]
    pub buckets: Option<u64>,
    /// What a category becomes.
    #[serde(default)]
    pub encode: Encoding,
    /// Number of the first category or bucket.
    #[serde(default)]
    pub first_index: u64,
    /// Number of nulls and of values that the model does not know; without it such a row
    /// has no score by index, and zeros by `one_hot`.
    #[serde(default)]
    pub unknown_index: Option<u64>,
}

/// What a category becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Its number.
    #[default]
    Index,
    /// As many values as there are categories, 1 at its place, else 0.
    OneHot,
}

impl Feature {
    /// Whether its values are categories.
    pub(crate) fn is_category(&self) -> bool {
        !self.categories.is_empty() || self.buckets.is_some()
    }

    fn places(&self) -> u64 {
        self.buckets.unwrap_or(self.categories.len() as u64)
    }

    /// Numbers in a row's values.
    pub(crate) fn width(&self) -> usize {
        match (self.is_category(), self.encode) {
            (true, Encoding::OneHot) => usize::try_from(self.places()).unwrap_or(usize::MAX),
            _ => 1,
        }
    }

    /// The greatest number that it makes, where those are places.
    pub(crate) fn greatest(&self) -> i64 {
        let last = match (self.is_category(), self.encode) {
            (true, Encoding::Index) => {
                let others = self.places().saturating_sub(1);
                self.first_index.saturating_add(others)
            }
            _ => 1,
        };
        i64::try_from(last.max(self.unknown_index.unwrap_or(0))).unwrap_or(i64::MAX)
    }
}

/// One output of the model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name in the ONNX graph.
    pub name: String,
    /// What its values mean.
    pub holds: OutputMeaning,
}

/// What an output's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMeaning {
    /// One number a row: how probable the second of two labels is.
    ProbabilityOfSecondLabel,
    /// One number a row: the logarithm of the odds of the second of two labels.
    LogitOfSecondLabel,
    /// For each label its probability.
    Probabilities,
    /// For each label a number whose softmax is its probability.
    Logits,
    /// The number that is predicted.
    Value,
    /// Numbers that place a row near rows like it.
    Embedding,
    /// The values of the first input again, as well as the model can.
    Reconstruction,
    /// One number a row, which the graph itself makes: how badly the model knows the row.
    ReconstructionError,
}

/// What a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingData {
    /// Name and size of the data.
    pub name: String,
    /// Licence of the data.
    pub licence: String,
}

/// How often the model was right on one data set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// What was predicted.
    pub data: String,
    /// Number of labelled rows.
    pub rows: u64,
    /// Share of right predictions, in `[0, 1]`.
    pub share: f64,
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

fn one_f64() -> f64 {
    1.0
}

fn default_max_length() -> usize {
    256
}

impl Manifest {
    /// Name and version, as errors and reports show them: `sentiment/1`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// The columns that the model reads, each once, in the manifest's order; the order in
    /// which [`Scorer::score_columns`](crate::Scorer::score_columns) takes them.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&str> = Vec::new();
        for input in &self.inputs {
            let text = (input.from != InputSource::Columns).then(|| text_column(input));
            let own = text
                .into_iter()
                .chain(input.columns.iter().map(|f| f.column.as_str()));
            for column in own {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        columns
    }

    /// The column of texts, where there is one.
    pub fn text_column(&self) -> Option<&str> {
        self.inputs
            .iter()
            .find(|input| input.from != InputSource::Columns)
            .map(text_column)
    }

    pub(crate) fn output(&self, meanings: &[OutputMeaning]) -> Option<usize> {
        self.outputs
            .iter()
            .position(|output| meanings.contains(&output.holds))
    }

    pub(crate) fn read(path: &Path) -> Result<Self, ScorerError> {
        Self::parse(&read_text(path, "manifest")?, path)
    }

    /// Reads a manifest's text; `path` is where it stands, for errors.
    ///
    /// # Errors
    /// [`ScorerError::ManifestSyntax`] with line and column, [`ScorerError::ManifestValue`]
    /// with the key.
    pub fn parse(yaml: &str, path: &Path) -> Result<Self, ScorerError> {
        let manifest: Self = serde_saphyr::from_str(yaml).map_err(|error| syntax(path, &error))?;
        manifest
            .check()
            .map_err(|(key, problem)| ScorerError::ManifestValue {
                path: path.to_owned(),
                key,
                problem,
            })?;
        Ok(manifest)
    }
}

fn text_column(input: &Input) -> &str {
    input.column.as_deref().unwrap_or(TEXT_COLUMN)
}

fn syntax(path: &Path, error: &serde_saphyr::Error) -> ScorerError {
    let at = error.location();
    ScorerError::ManifestSyntax {
        path: path.to_owned(),
        line: at.map_or(0, |at| at.line()),
        column: at.map_or(0, |at| at.column()),
        message: error.without_snippet().to_string(),
    }
}
