//! Runs a model bundle (ONNX, tokenizer, manifest) over columns of text.
//!
//! A text's score depends on the text and the bundle alone: not on its
//! neighbours, its place, or how many rows are scored at once. Otherwise a
//! confidence that drifts could be the batching's doing. See `batch.rs` for
//! how, and `bundle.rs` for what a bundle is.
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

mod batch;
mod bundle;
mod error;
mod runtime;
mod tokenizer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::{Array, LargeStringArray, StringArray, StringViewArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields};

pub use bundle::{
    Accuracy, Input, InputSource, Manifest, Output, OutputMeaning, Task, TrainingData,
};
pub use error::ScorerError;

use runtime::Runtime;
use tokenizer::Tokenizer;

/// A loaded model bundle. Cheap to clone; clones share one plan, and any
/// number of threads may score with it at once.
#[derive(Clone)]
pub struct Scorer {
    loaded: Arc<Loaded>,
}

struct Loaded {
    manifest: Manifest,
    tokenizer: Tokenizer,
    runtime: Runtime,
}

/// What a model says of one text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The predicted label, as an index into [`Manifest::labels`].
    pub label: usize,
    /// Probability of the predicted label, in `[0, 1]`; at least 0.5 where
    /// the manifest's threshold is 0.5.
    pub confidence: f32,
    /// Probability of the second label, in `[0, 1]`.
    pub probability: f32,
}

impl Scorer {
    /// Loads a bundle from its folder (`models/NAME/VERSION`), or from the
    /// folder above (`models/NAME`), where the greatest version is taken.
    ///
    /// Ends with a trial run, so that a bundle which loads also scores.
    ///
    /// # Errors
    /// [`ScorerError::Missing`], [`ScorerError::Unreadable`] and
    /// [`ScorerError::TooLarge`] for the files themselves;
    /// [`ScorerError::ManifestSyntax`] (with line and column) and
    /// [`ScorerError::ManifestValue`], [`ScorerError::Tokenizer`] and
    /// [`ScorerError::Model`] for what is in them.
    pub fn load(bundle: &Path) -> Result<Self, ScorerError> {
        let folder = bundle::locate(bundle)?;
        let manifest = Manifest::read(&folder.join(bundle::MANIFEST_FILE))?;
        let tokenizer = Tokenizer::read(&folder.join(bundle::TOKENIZER_FILE), manifest.max_length)?;
        let runtime = Runtime::load(&folder.join(bundle::MODEL_FILE), &manifest, &tokenizer)?;
        Ok(Self {
            loaded: Arc::new(Loaded {
                manifest,
                tokenizer,
                runtime,
            }),
        })
    }

    /// What the bundle says about its model.
    pub fn manifest(&self) -> &Manifest {
        &self.loaded.manifest
    }

    /// One prediction per row, in the rows' order. Takes any of Arrow's string
    /// arrays by reference, or any iterator of optional texts.
    ///
    /// None for a null row, and for a text that has nothing but white space
    /// and control characters: there is nothing to read in it. Of a longer
    /// text, the first [`Manifest::max_length`] characters (after NFKC,
    /// without white space) are read. Equal texts are scored once in a call.
    ///
    /// # Errors
    /// [`ScorerError::Run`] if the model fails on a batch.
    pub fn score<'a>(
        &self,
        texts: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<Vec<Option<Prediction>>, ScorerError> {
        let Loaded {
            manifest,
            tokenizer,
            runtime,
        } = &*self.loaded;
        let failed = |length, problem| ScorerError::Run {
            model: manifest.id(),
            length,
            problem,
        };
        let scores = batch::probabilities(texts, tokenizer, runtime, failed)?;
        Ok(scores
            .into_iter()
            .map(|score| score.map(|p| Prediction::new(p, manifest.threshold)))
            .collect())
    }

    /// Scores a column of text into a column of `{label, confidence}`
    /// ([`prediction_type`]); null where [`score`](Self::score) gives none.
    ///
    /// # Errors
    /// [`ScorerError::NotText`] unless the column is `Utf8`, `LargeUtf8` or
    /// `Utf8View`; [`ScorerError::Run`] if the model fails on a batch.
    pub fn score_array(&self, texts: &dyn Array) -> Result<StructArray, ScorerError> {
        let any = texts.as_any();
        let predictions = if let Some(texts) = any.downcast_ref::<StringArray>() {
            self.score(texts)
        } else if let Some(texts) = any.downcast_ref::<StringViewArray>() {
            self.score(texts)
        } else if let Some(texts) = any.downcast_ref::<LargeStringArray>() {
            self.score(texts)
        } else {
            return Err(ScorerError::NotText {
                data_type: texts.data_type().clone(),
            });
        }?;
        let mut label = StringBuilder::new();
        let mut confidence = Float64Builder::with_capacity(predictions.len());
        for prediction in &predictions {
            label.append_option(prediction.map(|p| &self.manifest().labels[p.label]));
            confidence.append_option(prediction.map(|p| f64::from(p.confidence)));
        }
        let nulls: NullBuffer = predictions.iter().map(Option::is_some).collect();
        Ok(StructArray::new(
            prediction_fields(),
            vec![Arc::new(label.finish()), Arc::new(confidence.finish())],
            Some(nulls),
        ))
    }
}

impl fmt::Debug for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scorer")
            .field("model", &self.manifest().id())
            .finish_non_exhaustive()
    }
}

impl Prediction {
    fn new(probability: f32, threshold: f32) -> Self {
        let label = usize::from(probability >= threshold);
        let confidence = if label == 1 {
            probability
        } else {
            1.0 - probability
        };
        Self {
            label,
            confidence,
            probability,
        }
    }
}

/// Arrow type of [`Scorer::score_array`]: a struct of `label` (`Utf8`) and
/// `confidence` (`Float64`), both nullable.
pub fn prediction_type() -> DataType {
    DataType::Struct(prediction_fields())
}

fn prediction_fields() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("confidence", DataType::Float64, true),
    ])
}
