//! `score(model, text)`: a model's label and confidence as a column like any other.
//!
//! Texts repeat across the data, and a model is the slowest thing in a scan, so a
//! prediction is kept for the next row of the same text.

use crate::{EngineError, window::literal};
use datafusion::{
    arrow::{
        array::{AsArray, Float64Builder, StringBuilder, StructArray},
        buffer::NullBuffer,
        compute::cast,
        datatypes::DataType,
    },
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use driftline_scorer::{Prediction, Scorer, prediction_type};
use rustc_hash::FxHashMap;
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use xxhash_rust::xxh3::xxh3_128;

/// Predictions kept for each model, about 40 MiB; texts past that are scored anew.
const MAX_KEPT: usize = 1 << 20;

/// The models that SQL can name.
#[derive(Debug, Default)]
pub(crate) struct Scorers(RwLock<BTreeMap<String, Arc<Model>>>);

#[derive(Debug)]
struct Model {
    scorer: Scorer,
    /// By the hash of the text.
    kept: Mutex<FxHashMap<u128, Option<Prediction>>>,
}

impl Scorers {
    pub(crate) fn add(&self, name: &str, scorer: Scorer) {
        let model = Model {
            scorer,
            kept: Mutex::default(),
        };
        let mut models = self.0.write().unwrap_or_else(PoisonError::into_inner);
        models.insert(name.to_owned(), Arc::new(model));
    }

    fn get(&self, name: &str) -> Result<Arc<Model>, EngineError> {
        let models = self.0.read().unwrap_or_else(PoisonError::into_inner);
        models
            .get(name)
            .cloned()
            .ok_or_else(|| EngineError::UnknownName {
                kind: "model",
                name: name.to_owned(),
                known: models.keys().cloned().collect(),
            })
    }
}

impl Model {
    fn score<'a>(
        &self,
        texts: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<Vec<Option<Prediction>>, EngineError> {
        let texts: Vec<Option<(u128, &str)>> = texts
            .map(|text| text.map(|text| (xxh3_128(text.as_bytes()), text)))
            .collect();
        let unlocked = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: FxHashMap<u128, Option<Prediction>> = FxHashMap::default();
        let mut new: Vec<(u128, &str)> = Vec::new();
        {
            let kept = unlocked();
            for &(hash, text) in texts.iter().flatten() {
                if let Some(prediction) = kept.get(&hash) {
                    known.insert(hash, *prediction);
                } else if known.insert(hash, None).is_none() {
                    new.push((hash, text));
                }
            }
        }
        let scored = self
            .scorer
            .score(new.iter().map(|&(_, text)| Some(text)))
            .map_err(|error| EngineError::Scoring {
                reason: error.to_string(),
            })?;
        let mut kept = unlocked();
        for (&(hash, _), prediction) in new.iter().zip(scored) {
            known.insert(hash, prediction);
            if kept.len() < MAX_KEPT {
                kept.insert(hash, prediction);
            }
        }
        drop(kept);
        Ok(texts
            .into_iter()
            .map(|text| text.and_then(|(hash, _)| known.get(&hash).copied().flatten()))
            .collect())
    }
}

/// `score(model, text)`, a struct of `label` and `confidence`; null where there is
/// nothing to read.
pub(crate) fn score_udf(scorers: Arc<Scorers>) -> ScalarUDF {
    ScalarUDF::new_from_impl(ScoreFunction {
        signature: Signature::any(2, Volatility::Immutable),
        scorers,
    })
}

#[derive(Debug)]
struct ScoreFunction {
    signature: Signature,
    scorers: Arc<Scorers>,
}

impl PartialEq for ScoreFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.scorers, &other.scorers)
    }
}

impl Eq for ScoreFunction {}

impl Hash for ScoreFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.scorers).hash(state);
    }
}

impl ScalarUDFImpl for ScoreFunction {
    fn name(&self) -> &str {
        "score"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(prediction_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let model = self.scorers.get(&literal(&args, 0)?)?;
        let texts = cast(&args.args[1].to_array(args.number_rows)?, &DataType::Utf8)?;
        let predictions = model.score(texts.as_string::<i32>().iter())?;
        let labels = &model.scorer.manifest().labels;
        let mut label = StringBuilder::new();
        let mut confidence = Float64Builder::with_capacity(predictions.len());
        for prediction in &predictions {
            label.append_option(prediction.and_then(|p| labels.get(p.label)));
            confidence.append_option(prediction.map(|p| f64::from(p.confidence)));
        }
        let DataType::Struct(fields) = prediction_type() else {
            return Err(DataFusionError::Internal("a prediction is a struct".into()));
        };
        let nulls: NullBuffer = predictions.iter().map(Option::is_some).collect();
        Ok(ColumnarValue::Array(Arc::new(StructArray::new(
            fields,
            vec![Arc::new(label.finish()), Arc::new(confidence.finish())],
            Some(nulls),
        ))))
    }
}
