//! Runs models: an ONNX graph, and a manifest that says how rows become its inputs and what
//! its outputs mean.
//!
//! A row's score depends on the row and the bundle alone: not on its neighbours, its place,
//! or how many rows are scored at once. Otherwise a confidence that drifts could be the
//! batching's doing. See `batch.rs` for how, `manifest.rs` for what a bundle says, and
//! `onnx.rs` for which graphs run.
//!
//! ```no_run
//! use driftline_scorer::Scorer;
//!
//! let scorer = Scorer::load("fixtures/models/sentiment".as_ref())?;
//! for prediction in scorer.score([Some("很好看"), None])?.into_iter().flatten() {
//!     let label = &scorer.manifest().labels[prediction.label];
//!     assert!(prediction.confidence >= 0.5, "{label}");
//! }
//! # Ok::<(), driftline_scorer::ScorerError>(())
//! ```

mod adapt;
mod batch;
mod bundle;
mod calibration;
mod error;
mod expected;
mod features;
mod first_manifest;
mod manifest;
mod onnx;
mod prediction;
mod remote;
mod runtime;
mod token_statistics;
mod tokenizer;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, StringArray, StructArray};
use arrow_schema::DataType;
use rustc_hash::FxHashMap;

pub use adapt::{Adapted, adapt};
pub use calibration::Calibration;
pub use error::ScorerError;
pub use expected::Comparison;
pub use first_manifest::first_manifest;
pub use manifest::{
    Accuracy, Encoding, Feature, Input, InputSource, Manifest, Output, OutputMeaning, TEXT_COLUMN,
    Task, TrainingData,
};
pub use onnx::{Axis, Element, Graph, Operator, Runs, TensorSpec};
pub use prediction::{Prediction, Score};
pub use remote::{Protocol, Remote};
pub use runtime::Axes;
pub use token_statistics::{TOKEN_FIELDS, TokenStatistics};
pub use verify::{Outcome, Speed, Verification, verify};

use expected::Expected;
use features::Layout;
use remote::Client;
use runtime::Runtime;
use tokenizer::Tokenizer;

/// Bytes of scores kept for the next row that is the same; others are scored anew.
const KEPT_BYTES: usize = 50 << 20;
/// Bytes of a kept score, and of its probabilities beside their numbers.
const SCORE_BYTES: usize = 100;
const PROBABILITIES_BYTES: usize = 16;

/// A loaded model bundle. Cheap to clone; clones share one plan, and any
/// number of threads may score with it at once.
#[derive(Clone)]
pub struct Scorer {
    loaded: Arc<Loaded>,
}

struct Loaded {
    manifest: Manifest,
    layout: Layout,
    runtime: Runtime,
    folder: PathBuf,
    refused: Vec<Refused>,
    /// Scores by the hash of what the model reads of a row: the same rows come again, and a
    /// model is the slowest thing in a scan.
    kept: Mutex<FxHashMap<u128, Option<Score>>>,
}

/// A version that is newer than the one that was taken, and why it was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl Scorer {
    /// Loads a bundle from its folder (`models/NAME/VERSION`), or from the folder above
    /// (`models/NAME`): there the newest version that loads and gives its expected outputs
    /// is taken, and [`refused`](Self::refused) tells of newer ones.
    ///
    /// Ends with a trial run and the bundle's expected outputs, so that a bundle which loads
    /// also scores, and scores as it did where it was made.
    ///
    /// # Errors
    /// That of the newest version, where none can be used: [`ScorerError::Missing`],
    /// [`ScorerError::Unreadable`] and [`ScorerError::TooLarge`] for the files themselves;
    /// [`ScorerError::ManifestSyntax`] (with line and column) and
    /// [`ScorerError::ManifestValue`], [`ScorerError::Tokenizer`], [`ScorerError::Model`]
    /// and [`ScorerError::Expected`] for what is in them; [`ScorerError::Differs`] where
    /// outputs are not those expected.
    pub fn load(bundle: &Path) -> Result<Self, ScorerError> {
        let (mut refused, mut first) = (Vec::new(), None);
        for folder in bundle::versions(bundle)? {
            match Loaded::read(&folder) {
                Ok(loaded) => {
                    return Ok(Self {
                        loaded: Arc::new(Loaded { refused, ..loaded }),
                    });
                }
                Err(error) => {
                    refused.push(Refused {
                        folder,
                        problem: error.to_string(),
                    });
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| ScorerError::Missing {
            path: bundle.to_owned(),
            what: "model bundle",
        }))
    }

    /// What the bundle says about its model.
    pub fn manifest(&self) -> &Manifest {
        &self.loaded.manifest
    }

    /// The folder that was taken.
    pub fn folder(&self) -> &Path {
        &self.loaded.folder
    }

    /// Newer versions that could not be used.
    pub fn refused(&self) -> &[Refused] {
        &self.loaded.refused
    }

    /// One prediction per text, in their order, of a classifier that reads nothing else.
    ///
    /// None for a null, and for a text that has nothing to read, such as white space. Of a
    /// longer text the first [`Manifest::max_length`] tokens are read.
    ///
    /// # Errors
    /// [`ScorerError::Columns`] for a model that reads other columns, and those of
    /// [`score_columns`](Self::score_columns).
    pub fn score<'a>(
        &self,
        texts: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<Vec<Option<Prediction>>, ScorerError> {
        let texts: ArrayRef = Arc::new(texts.into_iter().collect::<StringArray>());
        let scores = self.scores(&[texts])?;
        Ok(scores.into_iter().map(|score| score?.prediction).collect())
    }

    /// Scores rows into a column of structs ([`score_type`](Self::score_type)). The columns
    /// are those of [`Manifest::columns`], in that order.
    ///
    /// Null for a row that lacks what the model needs (a null without `missing`, a text
    /// with nothing to read, a category that it does not know), and for one of which the
    /// model makes no number. Equal rows are scored once.
    ///
    /// # Errors
    /// [`ScorerError::Columns`], [`ScorerError::NotText`] and [`ScorerError::ColumnType`]
    /// for columns that do not fit; [`ScorerError::Run`] if the model fails on a batch.
    pub fn score_columns(&self, columns: &[ArrayRef]) -> Result<StructArray, ScorerError> {
        Ok(prediction::column(self.manifest(), &self.scores(columns)?))
    }

    /// Arrow type of [`score_columns`](Self::score_columns): a struct of `label`,
    /// `confidence`, `entropy` and `margin` for a classification, with `probabilities` where
    /// there are more than two labels, `value` for a regression, and for other outputs
    /// `embedding`, `embedding_norm` and `reconstruction_error`.
    pub fn score_type(&self) -> DataType {
        DataType::Struct(prediction::fields(self.manifest()))
    }

    /// The names of the fields of [`score_type`](Self::score_type).
    pub fn fields(&self) -> Vec<String> {
        let fields = prediction::fields(self.manifest());
        fields.iter().map(|field| field.name().clone()).collect()
    }

    /// How the texts of a column fare in the tokens that the model reads of them: a column of
    /// [`TokenStatistics`]. Null for a null, for a text with nothing to read, and for a model
    /// that reads no text.
    ///
    /// # Errors
    /// [`ScorerError::NotText`] for a column of another type.
    pub fn token_statistics(&self, texts: &ArrayRef) -> Result<StructArray, ScorerError> {
        self.loaded.layout.token_statistics(texts)
    }

    /// As [`score_columns`](Self::score_columns), without Arrow.
    ///
    /// # Errors
    /// Those of [`score_columns`](Self::score_columns).
    pub fn scores(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Score>>, ScorerError> {
        let Loaded {
            manifest,
            layout,
            runtime,
            kept,
            ..
        } = &*self.loaded;
        let encoded = layout.encode(columns)?;
        let batch::Distinct { keys, first } = batch::distinct(&encoded);
        let unlocked = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: FxHashMap<u128, Option<Score>> = FxHashMap::default();
        let mut new: Vec<(u128, usize)> = Vec::new();
        {
            let kept = unlocked();
            for (key, row) in first {
                match kept.get(&key) {
                    Some(score) => known.insert(key, score.clone()),
                    None => {
                        new.push((key, row));
                        known.insert(key, None)
                    }
                };
            }
        }
        let rows: Vec<usize> = new.iter().map(|(_, row)| *row).collect();
        batch::run(layout, runtime, &encoded, &rows, |at, outputs| {
            let (key, row) = new[at];
            let input = || layout.first_input(&encoded, row);
            known.insert(key, prediction::score(manifest, outputs, input)?);
            Ok(())
        })
        .map_err(|failed| ScorerError::Run {
            model: manifest.id(),
            length: failed.length,
            problem: failed.problem,
        })?;
        let most = match manifest.labels.len() {
            ..=2 => KEPT_BYTES / SCORE_BYTES,
            labels => KEPT_BYTES / (SCORE_BYTES + PROBABILITIES_BYTES + 4 * labels),
        };
        let mut kept = unlocked();
        for (key, _) in &new {
            if let Some(score) = known.get(key)
                && kept.len() < most
                && score.as_ref().is_none_or(|score| score.embedding.is_none())
            {
                kept.insert(*key, score.clone());
            }
        }
        drop(kept);
        Ok(keys
            .into_iter()
            .map(|key| known.get(&key?).cloned().flatten())
            .collect())
    }
}

/// The fields of a score of such a model that are worth watching, each for what no other
/// tells: entropy and margin of two labels are the confidence in other units.
pub fn monitored_fields(manifest: &Manifest) -> Vec<String> {
    prediction::monitored(manifest)
}

/// Whether a score of such a model holds the probability of each label.
pub fn gives_probabilities(manifest: &Manifest) -> bool {
    prediction::gives_probabilities(manifest)
}

impl Loaded {
    fn read(folder: &Path) -> Result<Self, ScorerError> {
        let manifest = Manifest::read(&folder.join(bundle::MANIFEST_FILE))?;
        let tokenizer = manifest
            .text_column()
            .map(|_| Tokenizer::read(&bundle::tokenizer(folder), manifest.max_length))
            .transpose()?;
        let model = folder.join(bundle::MODEL_FILE);
        let outputs: Vec<&str> = manifest.outputs.iter().map(|o| o.name.as_str()).collect();
        let place = match &manifest.remote {
            Some(_) => folder.join(bundle::MANIFEST_FILE),
            None => model.clone(),
        };
        let wrong = |problem| ScorerError::Model {
            path: place.clone(),
            problem,
        };
        let connect = |remote| Client::connect(remote, &manifest.name, &outputs).map_err(wrong);
        let client = manifest.remote.as_ref().map(connect).transpose()?;
        let mut graph = match &client {
            Some(client) => Graph::of_server(client.inputs.clone(), client.outputs.clone()),
            None => Graph::read_outputs(&model, Some(&outputs))?,
        };
        let layout = Layout::new(&manifest, &mut graph, tokenizer).map_err(wrong)?;
        let ranges = layout.ranges(&manifest, &graph).map_err(wrong)?;
        let runtime = match client {
            Some(client) => Runtime::remote(client, manifest.batch_size),
            None => Runtime::load(graph, manifest.batch_size, &ranges),
        };
        let runtime = runtime.map_err(wrong)?;
        let loaded = Self {
            manifest,
            layout,
            runtime,
            folder: folder.to_owned(),
            refused: Vec::new(),
            kept: Mutex::default(),
        };
        loaded.read_made_up(&ranges).map_err(wrong)?;
        if let Some(comparison) = loaded.compared()?
            && !comparison.holds()
        {
            return Err(ScorerError::Differs {
                path: folder.join(bundle::EXPECTED_FILE),
                comparison,
            });
        }
        Ok(loaded)
    }

    /// Reads the outputs of a made-up batch as what the manifest says they are.
    fn read_made_up(&self, ranges: &runtime::Ranges) -> Result<(), String> {
        let length = ranges.lengths.last().copied().unwrap_or(1);
        let seeded = runtime::Seeded {
            runtime: &self.runtime,
            ranges,
            length,
        };
        let rows: Vec<usize> = (0..self.runtime.batch_size()).collect();
        let outputs = self.runtime.run(seeded.inputs(&rows)?)?;
        let outputs = outputs
            .iter()
            .map(runtime::values)
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..rows.len() {
            let of_row: Vec<&[f32]> = outputs
                .iter()
                .map(|values| {
                    let width = values.len() / rows.len();
                    &values[row * width..(row + 1) * width]
                })
                .collect();
            let input = || vec![0.0; self.layout.first_width()];
            prediction::score(&self.manifest, &of_row, input)?;
        }
        Ok(())
    }

    /// The expected outputs held against those given, where the bundle carries any.
    fn compared(&self) -> Result<Option<Comparison>, ScorerError> {
        let path = self.folder.join(bundle::EXPECTED_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let compared = Expected::read(&path)?.compare(&self.runtime, Some(&self.layout));
        compared
            .map(Some)
            .map_err(|problem| ScorerError::Expected { path, problem })
    }
}

impl fmt::Debug for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scorer")
            .field("model", &self.manifest().id())
            .finish_non_exhaustive()
    }
}
