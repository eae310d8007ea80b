//! A model bundle on disk: which files make one, and what its manifest may say.
//!
//! An ONNX file alone does not say how text becomes token ids, which label an
//! output means, or on what the model was trained. The manifest does, and the
//! report repeats it, so that a reader sees when live data is outside the
//! model's domain.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ScorerError;

/// Name of the manifest in a bundle's folder.
pub(crate) const MANIFEST_FILE: &str = "manifest.yaml";
/// Name of the tokenizer in a bundle's folder.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// Name of the model in a bundle's folder.
pub(crate) const MODEL_FILE: &str = "model.onnx";

const FORMAT_VERSION: u32 = 1;
const TEXT_FILE_LIMIT_BYTES: u64 = 16 << 20;
const MODEL_FILE_LIMIT_BYTES: u64 = 1 << 30;
/// Bounds the work of one batch: an LSTM runs one step a token.
const MAX_LENGTH_LIMIT: usize = 4096;
const BATCH_SIZE_LIMIT: usize = 4096;

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
    pub description: String,
    /// What the model does.
    pub task: Task,
    /// Names of the labels; a [`Prediction`](crate::Prediction) holds an index into them.
    pub labels: Vec<String>,
    /// Probability of the second label from which on it is predicted, in `(0, 1)`.
    pub threshold: f32,
    /// The model's inputs, by their names in the ONNX graph.
    pub inputs: Vec<Input>,
    /// The model's outputs, by their names in the ONNX graph.
    pub outputs: Vec<Output>,
    /// Tokens of a text that the model reads; the rest is cut off.
    pub max_length: usize,
    /// Length of the first axis of the model's input, which is fixed.
    pub batch_size: usize,
    /// What kind of text the model was made for, as a phrase in a sentence.
    pub domain: String,
    /// Licence of the model's weights (SPDX).
    pub licence: String,
    /// What the model was trained on.
    pub training_data: TrainingData,
    /// When the model was trained (ISO 8601 date).
    pub trained_on: String,
    /// How often the model was right, by data set.
    pub accuracy: Vec<Accuracy>,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One probability; one of two labels.
    BinaryClassification,
}

/// One input of the model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in the ONNX graph.
    pub name: String,
    /// Where its values come from.
    pub from: InputSource,
}

/// Where an input's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputSource {
    /// Token ids of the text, 64-bit integers, `[batch_size, length]`.
    Tokenizer,
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
    /// One 32-bit float per text: how probable the second label is.
    ProbabilityOfSecondLabel,
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
    /// Number of labelled texts.
    pub rows: u64,
    /// Share of right predictions, in `[0, 1]`.
    pub share: f64,
}

impl Manifest {
    /// Name and version, as errors and reports show them: `sentiment/1`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, ScorerError> {
        let yaml = read_text(path, "manifest")?;
        let manifest: Self =
            serde_saphyr::from_str(&yaml).map_err(|error| manifest_syntax(path, &error))?;
        manifest
            .check()
            .map_err(|(key, problem)| ScorerError::ManifestValue {
                path: path.to_owned(),
                key,
                problem,
            })?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |key, problem: &str| Err((key, problem.to_owned()));
        if self.format_version != FORMAT_VERSION {
            return Err((
                "format_version",
                format!(
                    "is {}; this version reads {FORMAT_VERSION}",
                    self.format_version
                ),
            ));
        }
        if self.name.trim().is_empty() {
            return wrong("name", "is empty; name the model");
        }
        if self.labels.len() != 2 || self.labels[0] == self.labels[1] {
            return wrong(
                "labels",
                "must name two labels that differ, the negative one first",
            );
        }
        if self.labels.iter().any(|label| label.trim().is_empty()) {
            return wrong("labels", "holds an empty name; name both labels");
        }
        if !(self.threshold > 0.0 && self.threshold < 1.0) {
            return wrong("threshold", "must lie between 0 and 1, without either");
        }
        if self.inputs.len() != 1 {
            return wrong("inputs", "must name exactly one input, the token ids");
        }
        if self.outputs.len() != 1 {
            return wrong("outputs", "must name exactly one output, the probability");
        }
        if !(1..=MAX_LENGTH_LIMIT).contains(&self.max_length) {
            return Err(("max_length", format!("must lie in 1..={MAX_LENGTH_LIMIT}")));
        }
        if !(1..=BATCH_SIZE_LIMIT).contains(&self.batch_size) {
            return Err(("batch_size", format!("must lie in 1..={BATCH_SIZE_LIMIT}")));
        }
        if self
            .accuracy
            .iter()
            .any(|a| !(0.0..=1.0).contains(&a.share))
        {
            return wrong("accuracy", "holds a share outside 0..=1");
        }
        Ok(())
    }
}

fn manifest_syntax(path: &Path, error: &serde_saphyr::Error) -> ScorerError {
    let at = error.location();
    ScorerError::ManifestSyntax {
        path: path.to_owned(),
        line: at.map_or(0, |at| at.line()),
        column: at.map_or(0, |at| at.column()),
        message: error.without_snippet().to_string(),
    }
}

/// The folder that holds the bundle: `path` itself, or its subfolder with the
/// greatest number for a name.
pub(crate) fn locate(path: &Path) -> Result<PathBuf, ScorerError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ScorerError::Missing {
            path: path.to_owned(),
            what: "model bundle",
        },
        _ => ScorerError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let mut greatest: Option<(u64, PathBuf)> = None;
    let mut is_bundle = false;
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        // A folder with any of a bundle's files is meant as one, so that what
        // it lacks can be named.
        is_bundle |= [MANIFEST_FILE, TOKENIZER_FILE, MODEL_FILE]
            .iter()
            .any(|file| name == *file);
        let version = name.to_str().and_then(|name| name.parse::<u64>().ok());
        if let Some(version) = version
            && entry.path().is_dir()
            && greatest.as_ref().is_none_or(|(best, _)| version > *best)
        {
            greatest = Some((version, entry.path()));
        }
    }
    match greatest {
        Some((_, folder)) if !is_bundle => Ok(folder),
        _ => Ok(path.to_owned()),
    }
}

/// Reads a text file of the bundle; `what` is its part in the bundle.
pub(crate) fn read_text(path: &Path, what: &'static str) -> Result<String, ScorerError> {
    let bytes = read(path, what, TEXT_FILE_LIMIT_BYTES)?;
    String::from_utf8(bytes).map_err(|error| ScorerError::Unreadable {
        path: path.to_owned(),
        source: std::io::Error::new(ErrorKind::InvalidData, error.utf8_error()),
    })
}

/// Reads the model's file.
pub(crate) fn read_model(path: &Path) -> Result<Vec<u8>, ScorerError> {
    read(path, "model", MODEL_FILE_LIMIT_BYTES)
}

fn read(path: &Path, what: &'static str, limit_bytes: u64) -> Result<Vec<u8>, ScorerError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => ScorerError::Missing {
            path: path.to_owned(),
            what,
        },
        _ => ScorerError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let size_bytes = fs::metadata(path).map_err(unreadable)?.len();
    if size_bytes > limit_bytes {
        return Err(ScorerError::TooLarge {
            path: path.to_owned(),
            size_bytes,
            limit_bytes,
        });
    }
    fs::read(path).map_err(unreadable)
}
