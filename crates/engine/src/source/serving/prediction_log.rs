//! Logs of TensorFlow Serving: TFRecords of `PredictionLog`.
//!
//! Source of the field numbers: TensorFlow Serving's `prediction_log.proto`, `logging.proto`,
//! `model.proto`, `predict.proto`, `classification.proto`, `regression.proto`,
//! `inference.proto`, `input.proto` and `session_service.proto`; of the names of what a
//! classification and a regression say: `classes`, `scores` and `outputs` of TensorFlow's
//! `signature_constants`.

use super::{
    Visit,
    exchange::{Cell, Exchange, Tensor, Tensors, examples, features},
    tensor_proto::TensorProto,
};
use crate::{
    EngineError,
    source::{
        DataFile,
        tfrecord::{Frame, Records, Tolerance, example},
    },
};
use prost::Message;
use std::{collections::BTreeMap, io::BufReader};

/// Whether the first whole record of a TFRecord file is a log of a request.
pub(crate) fn is_one(file: &DataFile) -> Result<bool, EngineError> {
    let mut records = Records::new(BufReader::new(file.open()?));
    loop {
        match records.next().map_err(|error| file.read_error(&error))? {
            None => return Ok(false),
            Some((_, Frame::Damaged(_))) => {}
            Some((_, Frame::Data(data))) => {
                let log = PredictionLog::decode(data).ok();
                return Ok(log.is_some_and(|log| log.names_a_model()));
            }
        }
    }
}

/// Goes over the rows of a file. Damaged records are left out; those beyond `tolerance`, where
/// there is one, are an error.
///
/// # Errors
/// [`EngineError::Record`].
pub(super) fn visit(
    file: &DataFile,
    mut tolerance: Option<&mut Tolerance>,
    visit: &mut Visit<'_>,
) -> Result<(), EngineError> {
    let mut records = Records::new(BufReader::with_capacity(1 << 16, file.open()?));
    while let Some((place, frame)) = records.next().map_err(|error| file.read_error(&error))? {
        let rows = match frame {
            Frame::Damaged(how) => Err(how.to_owned()),
            Frame::Data(data) => PredictionLog::decode(data)
                .map_err(|error| format!("it is no PredictionLog ({error})"))
                .and_then(PredictionLog::exchange)
                .and_then(Exchange::rows),
        };
        match (rows, &mut tolerance) {
            (Ok(rows), _) => {
                let seen_at = format!("record {} of `{}`", place.record, file.name);
                visit(&seen_at, rows)
                    .map_err(|clash| clash.at(|reason| file.bad_record(place, reason)))?;
            }
            (Err(reason), Some(tolerance)) => tolerance.leave_out(file, place, &reason)?,
            (Err(_), None) => {}
        }
    }
    Ok(())
}

#[derive(Clone, PartialEq, Message)]
struct PredictionLog {
    #[prost(message, optional, tag = "1")]
    metadata: Option<LogMetadata>,
    #[prost(oneof = "Logged", tags = "2, 3, 4, 5, 6")]
    logged: Option<Logged>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Logged {
    #[prost(message, tag = "2")]
    Classify(ClassifyLog),
    #[prost(message, tag = "3")]
    Regress(RegressLog),
    #[prost(message, tag = "4")]
    MultiInference(MultiInferenceLog),
    #[prost(message, tag = "5")]
    SessionRun(SessionRunLog),
    #[prost(message, tag = "6")]
    Predict(PredictLog),
}

#[derive(Clone, PartialEq, Message)]
struct LogMetadata {
    #[prost(message, optional, tag = "1")]
    model: Option<ModelSpec>,
    #[prost(int64, tag = "4")]
    timestamp_secs: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ModelSpec {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    version: Option<i64>,
    #[prost(string, tag = "3")]
    signature_name: String,
    #[prost(string, tag = "4")]
    version_label: String,
}

#[derive(Clone, PartialEq, Message)]
struct PredictLog {
    #[prost(message, optional, tag = "1")]
    request: Option<PredictRequest>,
    #[prost(message, optional, tag = "2")]
    response: Option<PredictResponse>,
}

#[derive(Clone, PartialEq, Message)]
struct PredictRequest {
    #[prost(message, optional, tag = "1")]
    model: Option<ModelSpec>,
    #[prost(btree_map = "string, message", tag = "2")]
    inputs: BTreeMap<String, TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct PredictResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    outputs: BTreeMap<String, TensorProto>,
}

/// The request of a classification and of a regression.
#[derive(Clone, PartialEq, Message)]
struct ExampleRequest {
    #[prost(message, optional, tag = "1")]
    model: Option<ModelSpec>,
    #[prost(message, optional, tag = "2")]
    input: Option<Input>,
}

#[derive(Clone, PartialEq, Message)]
struct Input {
    #[prost(message, optional, tag = "1")]
    examples: Option<Examples>,
    #[prost(message, optional, tag = "2")]
    with_context: Option<Examples>,
}

#[derive(Clone, PartialEq, Message)]
struct Examples {
    #[prost(message, repeated, tag = "1")]
    examples: Vec<example::Record>,
    /// What belongs to each of them.
    #[prost(message, optional, tag = "2")]
    context: Option<example::Record>,
}

#[derive(Clone, PartialEq, Message)]
struct ClassifyLog {
    #[prost(message, optional, tag = "1")]
    request: Option<ExampleRequest>,
    #[prost(message, optional, tag = "2")]
    response: Option<ClassificationResponse>,
}

#[derive(Clone, PartialEq, Message)]
struct ClassificationResponse {
    #[prost(message, optional, tag = "1")]
    result: Option<ClassificationResult>,
}

#[derive(Clone, PartialEq, Message)]
struct ClassificationResult {
    #[prost(message, repeated, tag = "1")]
    classifications: Vec<Classifications>,
}

#[derive(Clone, PartialEq, Message)]
struct Classifications {
    #[prost(message, repeated, tag = "1")]
    classes: Vec<Class>,
}

#[derive(Clone, PartialEq, Message)]
struct Class {
    #[prost(string, tag = "1")]
    label: String,
    #[prost(float, tag = "2")]
    score: f32,
}

#[derive(Clone, PartialEq, Message)]
struct RegressLog {
    #[prost(message, optional, tag = "1")]
    request: Option<ExampleRequest>,
    #[prost(message, optional, tag = "2")]
    response: Option<RegressionResponse>,
}

#[derive(Clone, PartialEq, Message)]
struct RegressionResponse {
    #[prost(message, optional, tag = "1")]
    result: Option<RegressionResult>,
}

#[derive(Clone, PartialEq, Message)]
struct RegressionResult {
    #[prost(message, repeated, tag = "1")]
    regressions: Vec<Regression>,
}

#[derive(Clone, PartialEq, Message)]
struct Regression {
    #[prost(float, tag = "1")]
    value: f32,
}

#[derive(Clone, PartialEq, Message)]
struct MultiInferenceLog {
    #[prost(message, optional, tag = "1")]
    request: Option<MultiInferenceRequest>,
    #[prost(message, optional, tag = "2")]
    response: Option<MultiInferenceResponse>,
}

#[derive(Clone, PartialEq, Message)]
struct MultiInferenceRequest {
    #[prost(message, repeated, tag = "1")]
    tasks: Vec<InferenceTask>,
    #[prost(message, optional, tag = "2")]
    input: Option<Input>,
}

#[derive(Clone, PartialEq, Message)]
struct InferenceTask {
    #[prost(message, optional, tag = "1")]
    model: Option<ModelSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct MultiInferenceResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<InferenceResult>,
}

#[derive(Clone, PartialEq, Message)]
struct InferenceResult {
    #[prost(message, optional, tag = "1")]
    model: Option<ModelSpec>,
    #[prost(message, optional, tag = "2")]
    classification: Option<ClassificationResult>,
    #[prost(message, optional, tag = "3")]
    regression: Option<RegressionResult>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionRunLog {
    #[prost(message, optional, tag = "1")]
    request: Option<SessionRunRequest>,
    #[prost(message, optional, tag = "2")]
    response: Option<SessionRunResponse>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionRunRequest {
    #[prost(message, optional, tag = "1")]
    model: Option<ModelSpec>,
    #[prost(message, repeated, tag = "2")]
    feed: Vec<NamedTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionRunResponse {
    #[prost(message, repeated, tag = "1")]
    tensors: Vec<NamedTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedTensor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    tensor: Option<TensorProto>,
}

impl PredictionLog {
    /// Whether its request says which model it went to, as every request of TensorFlow Serving
    /// does. Other messages may decode as one, but not to a name there.
    fn names_a_model(&self) -> bool {
        self.model().is_some_and(|model| !model.name.is_empty())
    }

    fn model(&self) -> Option<&ModelSpec> {
        match self.logged.as_ref()? {
            Logged::Classify(log) => log.request.as_ref()?.model.as_ref(),
            Logged::Regress(log) => log.request.as_ref()?.model.as_ref(),
            Logged::MultiInference(log) => log.request.as_ref()?.tasks.first()?.model.as_ref(),
            Logged::SessionRun(log) => log.request.as_ref()?.model.as_ref(),
            Logged::Predict(log) => log.request.as_ref()?.model.as_ref(),
        }
    }

    fn exchange(self) -> Result<Exchange, String> {
        let metadata = self.metadata.clone().unwrap_or_default();
        // The log says which version answered, the request what was asked for.
        let model = metadata.model.as_ref().or(self.model());
        let model = model.cloned().unwrap_or_default();
        let (inputs, outputs) = match self.logged {
            None => return Err("it holds neither a request nor a response that is read".into()),
            Some(Logged::Predict(log)) => (
                log.request
                    .map(|request| inputs(request.inputs))
                    .transpose()?,
                log.response
                    .map(|response| tensors(response.outputs))
                    .transpose()?,
            ),
            Some(Logged::SessionRun(log)) => (
                log.request
                    .map(|request| inputs(named(request.feed)))
                    .transpose()?,
                log.response
                    .map(|response| tensors(named(response.tensors)))
                    .transpose()?,
            ),
            Some(Logged::Classify(log)) => (
                log.request.map(|request| of_examples(request.input)),
                log.response
                    .and_then(|response| response.result)
                    .map(|result| result.tensors("")),
            ),
            Some(Logged::Regress(log)) => (
                log.request.map(|request| of_examples(request.input)),
                log.response
                    .and_then(|response| response.result)
                    .map(|result| result.tensors("")),
            ),
            Some(Logged::MultiInference(log)) => (
                log.request.map(|request| of_examples(request.input)),
                log.response.map(MultiInferenceResponse::tensors),
            ),
        };
        let seconds = metadata.timestamp_secs;
        let version = match model.version {
            Some(version) => version.to_string(),
            None => model.version_label,
        };
        Ok(Exchange {
            id: None,
            time_us: (seconds != 0).then(|| seconds.saturating_mul(1_000_000)),
            model_name: Some(model.name).filter(|name| !name.is_empty()),
            model_version: Some(version).filter(|version| !version.is_empty()),
            inputs,
            outputs,
        })
    }
}

fn named(tensors: Vec<NamedTensor>) -> BTreeMap<String, TensorProto> {
    let named = tensors.into_iter();
    named
        .map(|named| (named.name, named.tensor.unwrap_or_default()))
        .collect()
}

fn tensors(tensors: BTreeMap<String, TensorProto>) -> Result<Tensors, String> {
    let tensors = tensors.into_iter().map(|(name, tensor)| {
        let tensor = tensor
            .tensor()
            .map_err(|reason| format!("`{name}` {reason}"));
        Ok((name, tensor?))
    });
    tensors.collect()
}

/// What was asked: tensors, or the features of the `tf.Example`s that the only one holds.
fn inputs(asked: BTreeMap<String, TensorProto>) -> Result<Tensors, String> {
    if asked.len() == 1
        && let Some(tensor) = asked.values().next()
        && let Some(features) = examples(&tensor.strings)
    {
        return Ok(features);
    }
    tensors(asked)
}

fn of_examples(input: Option<Input>) -> Tensors {
    let input = input.unwrap_or_default();
    let Some(list) = input.examples.or(input.with_context) else {
        return Tensors::new();
    };
    let mut tensors = features(&list.examples);
    for (name, tensor) in list
        .context
        .map(|context| features(&[context]))
        .unwrap_or_default()
    {
        // An example's own feature stands before that of all.
        if tensors.iter().all(|(own, _)| *own != name) {
            tensors.push((name, tensor));
        }
    }
    tensors
}

impl MultiInferenceResponse {
    /// The columns of each task, after its signature's name.
    fn tensors(self) -> Tensors {
        let tensors = self.results.into_iter().flat_map(|result| {
            let signature = result.model.unwrap_or_default().signature_name;
            let prefix = match signature.as_str() {
                "" => String::new(),
                name => format!("{name}_"),
            };
            let classes = result.classification.map(|result| result.tensors(&prefix));
            let values = result.regression.map(|result| result.tensors(&prefix));
            [classes, values].into_iter().flatten().flatten()
        });
        tensors.collect()
    }
}

impl ClassificationResult {
    fn tensors(self, prefix: &str) -> Tensors {
        let lists = |cell: fn(&Class) -> Cell| {
            let rows = self.classifications.iter();
            Tensor::Rows(
                rows.map(|row| Cell::List(row.classes.iter().map(cell).collect()))
                    .collect(),
            )
        };
        vec![
            (
                format!("{prefix}classes"),
                lists(|class| Cell::Text(class.label.clone())),
            ),
            (
                format!("{prefix}scores"),
                lists(|class| Cell::Float(class.score.into())),
            ),
        ]
    }
}

impl RegressionResult {
    fn tensors(self, prefix: &str) -> Tensors {
        let values = self.regressions.iter();
        let rows = values.map(|regression| Cell::Float(regression.value.into()));
        vec![(format!("{prefix}outputs"), Tensor::Rows(rows.collect()))]
    }
}
