//! Logs of KServe, MLServer and others that speak the Open Inference Protocol.
//!
//! A message is a CloudEvent of a request or of a response (`…inference.request`,
//! `…inference.response`), an entry of the files that KServe's logger puts into a bucket, or a
//! body of the protocol by itself. A request and its response have the same id; whichever comes
//! first waits for the other, and one whose other half the log lacks is a row without it.
//!
//! Sources: CloudEvents 1.0, JSON event format; the Open Inference Protocol, version 2, and
//! KServe's protocol version 1 (`instances`, `predictions`); KServe's `pkg/logger`.

use super::{
    Visit,
    exchange::{Cell, Exchange, Tensor, Tensors},
};
use crate::{EngineError, source::DataFile};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
};
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of messages that wait for their other half, at most.
const WAITING_BYTES: usize = 128 << 20;

/// Whether the first line of a file is a message.
pub(crate) fn begins(line: &[u8]) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else {
        return false;
    };
    let is_tensor = |value: &Value| {
        let keys = ["name", "shape", "datatype"];
        keys.iter().all(|key| value.get(key).is_some())
    };
    let tensors = [object.get("inputs"), object.get("outputs")];
    let is_body = tensors.into_iter().flatten().any(|tensors| {
        let first = tensors.as_array().and_then(|tensors| tensors.first());
        first.is_some_and(is_tensor)
    });
    let is_event = object.contains_key("specversion") && kind(&object).is_some();
    let is_entry = object.contains_key("ReqType") && object.contains_key("Bytes");
    is_body || is_event || is_entry
}

/// Whether text begins as a file that KServe's logger puts into a bucket: an array of its
/// entries, whose first two fields are these.
pub(crate) fn is_stored(text: &[u8]) -> bool {
    text.starts_with(b"[{\"Url\":") && text.windows(8).any(|part| part == b"\"Bytes\":")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Request,
    Response,
}

impl Half {
    fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }
}

/// How many messages of an id have not come yet: requests and responses.
pub(super) type Ids = FxHashMap<u128, [u32; 2]>;

/// The ids of all messages of the files.
///
/// # Errors
/// As [`visit`].
pub(super) fn ids(files: &[DataFile]) -> Result<Ids, EngineError> {
    let mut ids = Ids::default();
    messages(files, &mut |_, message| {
        if let Some(id) = message.key() {
            ids.entry(id).or_default()[message.half as usize] += 1;
        }
        Ok(())
    })?;
    Ok(ids)
}

/// Goes over the rows of the exchanges of the files.
///
/// # Errors
/// [`EngineError::Line`] for what is no message, and [`EngineError::NotUtf8`].
pub(super) fn visit(
    files: &[DataFile],
    ids: &Ids,
    visit: &mut Visit<'_>,
) -> Result<(), EngineError> {
    let mut expected = ids.clone();
    let mut waiting: FxHashMap<u128, VecDeque<(Message, usize)>> = FxHashMap::default();
    let mut waiting_bytes = 0;
    let mut seen = |place: &Place<'_>, exchange: Result<Exchange, String>| {
        let rows = exchange.and_then(Exchange::rows);
        let rows = rows.map_err(|reason| place.error(reason))?;
        let added = visit(&place.to_string(), rows);
        added.map_err(|clash| clash.at(|reason| place.error(reason)))
    };
    messages(files, &mut |place, message| {
        let Some(id) = message.key() else {
            return seen(place, message.exchange());
        };
        let half = message.half;
        let left = expected.entry(id).or_default();
        left[half as usize] = left[half as usize].saturating_sub(1);
        let queue = waiting.entry(id).or_default();
        let is_other = |(other, _): &(Message, usize)| other.half != half;
        if queue.front().is_some_and(is_other)
            && let Some((other, size_bytes)) = queue.pop_front()
        {
            waiting_bytes -= size_bytes;
            if queue.is_empty() {
                waiting.remove(&id);
            }
            return seen(place, message.exchange_with(other));
        }
        if (left[half.other() as usize] as usize) <= queue.len() {
            if queue.is_empty() {
                waiting.remove(&id);
            }
            return seen(place, message.exchange());
        }
        waiting_bytes += place.size_bytes;
        queue.push_back((message, place.size_bytes));
        match waiting_bytes > WAITING_BYTES {
            true => Err(place.error(format!(
                "more than {} MiB of requests wait here for their responses; write the two near \
                 each other",
                WAITING_BYTES >> 20
            ))),
            false => Ok(()),
        }
    })
}

/// Where a message is.
struct Place<'a> {
    file: &'a DataFile,
    line: u64,
    /// Its number, from 1, in the array of the line.
    entry: Option<usize>,
    size_bytes: usize,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry} of `{}`", self.file.name),
            None => write!(f, "line {} of `{}`", self.line, self.file.name),
        }
    }
}

impl Place<'_> {
    fn error(&self, reason: String) -> EngineError {
        EngineError::Line {
            file: self.file.name.clone(),
            line: self.line,
            reason: match self.entry {
                Some(entry) => format!("entry {entry}: {reason}"),
                None => reason,
            },
        }
    }
}

/// Goes over the messages of the files.
fn messages(
    files: &[DataFile],
    visit: &mut dyn FnMut(&Place<'_>, Message) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    for file in files {
        let mut reader = BufReader::new(file.open()?);
        let read_error = |error| file.read_error(&error);
        let head = reader.fill_buf().map_err(read_error)?;
        if head.trim_ascii_start().starts_with(b"[") {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(read_error)?;
            let entries: Vec<Value> = serde_json::from_slice(&bytes)
                .map_err(|error| file.malformed_line(1, format!("no JSON array: {error}")))?;
            let size_bytes = bytes.len() / entries.len().max(1);
            for (entry, value) in (1..).zip(entries) {
                let place = Place {
                    file,
                    line: 1,
                    entry: Some(entry),
                    size_bytes,
                };
                let message = Message::of(value).map_err(|reason| place.error(reason))?;
                visit(&place, message)?;
            }
            continue;
        }
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes).map_err(read_error)? == 0 {
                break;
            }
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            if text.trim_ascii().is_empty() {
                continue;
            }
            let place = Place {
                file,
                line,
                entry: None,
                size_bytes: bytes.len(),
            };
            let message = match serde_json::from_slice(text) {
                Ok(value) => Message::of(value).map_err(|reason| place.error(reason))?,
                Err(error) => {
                    let column = error.column();
                    return Err(place.error(format!(
                        "not JSON at column {column}; write one message a line"
                    )));
                }
            };
            visit(&place, message)?;
        }
    }
    Ok(())
}

impl DataFile {
    fn malformed_line(&self, line: u64, reason: String) -> EngineError {
        EngineError::Line {
            file: self.name.clone(),
            line,
            reason,
        }
    }
}

/// Which half of an exchange an event is, by its type.
fn kind(event: &Map<String, Value>) -> Option<Half> {
    match event.get("type")?.as_str()?.rsplit_once('.')? {
        (of, "request") if of.ends_with("inference") => Some(Half::Request),
        (of, "response") if of.ends_with("inference") => Some(Half::Response),
        _ => None,
    }
}

/// A request or a response.
struct Message {
    half: Half,
    id: Option<String>,
    time_us: Option<i64>,
    /// The service that logged it: the model's name, where the body says none.
    service: Option<String>,
    body: Map<String, Value>,
}

impl Message {
    fn of(value: Value) -> Result<Self, String> {
        let Value::Object(mut object) = value else {
            return Err("not a JSON object; write one message a line".into());
        };
        if object.contains_key("specversion") {
            return Self::of_event(object);
        }
        if object.contains_key("ReqType") {
            return Self::of_entry(object);
        }
        let half = match () {
            () if object.contains_key("inputs") || object.contains_key("instances") => {
                Half::Request
            }
            () if ["outputs", "predictions", "error"]
                .iter()
                .any(|key| object.contains_key(*key)) =>
            {
                Half::Response
            }
            () => return Err(NO_MESSAGE.into()),
        };
        Ok(Self {
            half,
            id: text(&mut object, &["id"]),
            time_us: None,
            service: None,
            body: object,
        })
    }

    fn of_event(mut event: Map<String, Value>) -> Result<Self, String> {
        let Some(half) = kind(&event) else {
            return Err(format!(
                "an event of type `{}`, which is neither a request nor a response of a model; \
                 leave such lines out",
                event.get("type").and_then(Value::as_str).unwrap_or("")
            ));
        };
        let body = match (event.remove("data"), event.remove("data_base64")) {
            (Some(Value::Object(body)), _) => body,
            (Some(Value::String(body)), _) => body_of(body.as_bytes())?,
            (_, Some(Value::String(body))) => body_of(&decoded(&body)?)?,
            _ => return Err("an event without JSON in its `data`".into()),
        };
        let time = text(&mut event, &["time"]);
        let time_us = match time {
            Some(time) => Some(
                DateTime::parse_from_rfc3339(&time)
                    .map_err(|_| "its `time` is none: write RFC 3339, 2024-01-31T08:00:00Z")?
                    .timestamp_micros(),
            ),
            None => None,
        };
        Ok(Self {
            half,
            id: text(&mut event, &["requestid", "id"]),
            time_us,
            service: text(&mut event, &["modelid", "inferenceservicename"]),
            body,
        })
    }

    fn of_entry(mut entry: Map<String, Value>) -> Result<Self, String> {
        let kind = text(&mut entry, &["ReqType"]).unwrap_or_default();
        let half = match kind.rsplit_once('.') {
            Some((_, "request")) => Half::Request,
            Some((_, "response")) => Half::Response,
            _ => {
                return Err(format!(
                    "`ReqType` is `{kind}`: neither request nor response"
                ));
            }
        };
        let Some(bytes) = text(&mut entry, &["Bytes"]) else {
            return Err("an entry without `Bytes`".into());
        };
        Ok(Self {
            half,
            id: text(&mut entry, &["Id"]),
            time_us: None,
            service: text(&mut entry, &["InferenceService"]),
            body: body_of(&decoded(&bytes)?)?,
        })
    }

    /// What its other half is found by.
    fn key(&self) -> Option<u128> {
        self.id.as_ref().map(|id| xxh3_128(id.as_bytes()))
    }

    fn exchange(mut self) -> Result<Exchange, String> {
        let mut exchange = Exchange {
            time_us: self.time_us,
            model_name: text(&mut self.body, &["model_name"]).or(self.service),
            model_version: text(&mut self.body, &["model_version"]),
            ..Exchange::default()
        };
        let tensors = match self.half {
            Half::Request => tensors(&mut self.body, "inputs", "instances")?,
            Half::Response => tensors(&mut self.body, "outputs", "predictions")?,
        };
        exchange.id = self.id;
        match self.half {
            Half::Request => exchange.inputs = Some(tensors),
            Half::Response => exchange.outputs = Some(tensors),
        }
        Ok(exchange)
    }

    fn exchange_with(self, other: Self) -> Result<Exchange, String> {
        let (request, response) = match self.half {
            Half::Request => (self, other),
            Half::Response => (other, self),
        };
        let (request, response) = (request.exchange()?, response.exchange()?);
        Ok(Exchange {
            id: request.id,
            time_us: request.time_us.or(response.time_us),
            // The response says which version answered.
            model_name: response.model_name.or(request.model_name),
            model_version: response.model_version.or(request.model_version),
            inputs: request.inputs,
            outputs: response.outputs,
        })
    }
}

const NO_MESSAGE: &str =
    "neither a CloudEvent of a request or response, nor a body of the Open Inference Protocol";

fn body_of(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err("its payload is no JSON object; only JSON is read, not gRPC or binary".into()),
    }
}

fn decoded(base64: &str) -> Result<Vec<u8>, String> {
    let bytes = STANDARD.decode(base64);
    bytes.map_err(|error| format!("its payload is no base64: {error}"))
}

/// The first of these that is text, and not empty.
fn text(object: &mut Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match object.remove(*key)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// The tensors of a body, which are none where it says that the request failed.
fn tensors(body: &mut Map<String, Value>, key: &str, first: &str) -> Result<Tensors, String> {
    match (body.remove(key), body.remove(first)) {
        (Some(Value::Array(tensors)), _) => tensors.into_iter().map(tensor).collect(),
        (_, Some(Value::Array(rows))) => of_rows(first, rows),
        (None, None) if body.contains_key("error") => Ok(Vec::new()),
        _ => Err(format!("it has no list `{key}` and none `{first}`")),
    }
}

/// A tensor of the Open Inference Protocol.
fn tensor(value: Value) -> Result<(String, Tensor), String> {
    let Value::Object(mut object) = value else {
        return Err("a tensor that is no object".into());
    };
    let name = text(&mut object, &["name"]).ok_or("a tensor without a `name`")?;
    let wrong = |reason: String| format!("`{name}` {reason}");
    let shape: Option<Vec<usize>> = match object.get("shape") {
        Some(Value::Array(sizes)) => sizes
            .iter()
            .map(|size| usize::try_from(size.as_u64()?).ok())
            .collect(),
        _ => None,
    };
    let shape = shape.ok_or_else(|| wrong("has no `shape`".into()))?;
    let datatype = text(&mut object, &["datatype"]);
    let datatype = datatype.ok_or_else(|| wrong("has no `datatype`".into()))?;
    let Some(data) = object.remove("data") else {
        return Err(wrong(
            "has no `data`: its values are binary, behind the JSON, which is not read".into(),
        ));
    };
    let mut values = Vec::new();
    flatten(data, &datatype, &mut values).map_err(wrong)?;
    let tensor = Tensor::new(&shape, values).map_err(wrong)?;
    Ok((name, tensor))
}

/// The values of a tensor, which may be nested as its shape says, or flat.
fn flatten(data: Value, datatype: &str, into: &mut Vec<Cell>) -> Result<(), String> {
    if let Value::Array(parts) = data {
        for part in parts {
            flatten(part, datatype, into)?;
        }
        return Ok(());
    }
    let is_float = datatype.starts_with("FP") || datatype == "BF16";
    let is_integer = datatype.starts_with("INT") || datatype.starts_with("UINT");
    let is_known = is_float || is_integer || ["BOOL", "BYTES"].contains(&datatype);
    into.push(match data {
        _ if !is_known => return Err(format!("is of an unknown datatype `{datatype}`")),
        Value::Null => Cell::Null,
        Value::Number(value) if is_float || is_integer => match value.as_i64() {
            Some(value) if is_integer => Cell::Integer(value),
            _ => Cell::Float(value.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Bool(value) if datatype == "BOOL" => Cell::Boolean(value),
        Value::String(text) if datatype == "BYTES" => Cell::Text(text),
        other if datatype == "BYTES" => Cell::Text(other.to_string()),
        _ => return Err(format!("holds a value that is no {datatype}")),
    });
    Ok(())
}

/// The rows of KServe's protocol version 1: objects are columns by name, and anything else is
/// one column.
fn of_rows(name: &str, rows: Vec<Value>) -> Result<Tensors, String> {
    let wrong = |reason: &str| format!("`{name}` {reason}");
    let is_row = |row: &Value| row.as_object().is_some_and(|row| !row.contains_key("b64"));
    if !rows.first().is_some_and(is_row) {
        let cells: Option<Vec<Cell>> = rows.into_iter().map(cell).collect();
        let cells = cells.ok_or_else(|| wrong("holds objects and other values"))?;
        return Ok(vec![(name.to_owned(), Tensor::Rows(cells))]);
    }
    let count = rows.len();
    let mut tensors: Vec<(String, Vec<Cell>)> = Vec::new();
    for (row, value) in rows.into_iter().enumerate() {
        let Value::Object(object) = value else {
            return Err(wrong("holds objects and other values"));
        };
        for (name, value) in object {
            let cell = cell(value).ok_or_else(|| format!("`{name}` holds an object"))?;
            let place = tensors.iter().position(|(known, _)| *known == name);
            let place = place.unwrap_or_else(|| {
                tensors.push((name, Vec::new()));
                tensors.len() - 1
            });
            let cells = &mut tensors[place].1;
            cells.resize(row, Cell::Null);
            cells.push(cell);
        }
    }
    let tensors = tensors.into_iter().map(|(name, mut cells)| {
        cells.resize(count, Cell::Null);
        (name, Tensor::Rows(cells))
    });
    Ok(tensors.collect())
}

/// A value of JSON; an object only where it is bytes, `{"b64": "…"}`.
fn cell(value: Value) -> Option<Cell> {
    Some(match value {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Boolean(value),
        Value::Number(value) => match value.as_i64() {
            Some(value) => Cell::Integer(value),
            None => Cell::Float(value.as_f64()?),
        },
        Value::String(text) => Cell::Text(text),
        Value::Array(values) => Cell::List(values.into_iter().map(cell).collect::<Option<_>>()?),
        Value::Object(object) => {
            let bytes = object.get("b64")?.as_str()?;
            Cell::of_bytes(STANDARD.decode(bytes).ok()?)
        }
    })
}
