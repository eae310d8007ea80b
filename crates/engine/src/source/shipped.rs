//! Streams of a table's rows on their way to executors: which files they read, and what the
//! client learnt of these when it looked at them.
//!
//! An executor opens the files where they are, by the same path or URL. One of another size than
//! the client saw is another file, or was replaced meanwhile.

use super::{
    DataFile, Format, Layout, Readable, csv, discover,
    profile_scan::{self, ProfileFiles, RowGroups},
    remote, table,
};
use crate::EngineError;
use datafusion::{
    arrow::datatypes::{FieldRef, Schema, SchemaRef},
    common::ScalarValue,
    physical_plan::streaming::PartitionStream,
};
use datafusion_proto::protobuf;
use prost::Message;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

#[derive(Clone, PartialEq, Message)]
struct PartMessage {
    /// The columns that are read, in the types in which they are.
    #[prost(bytes = "vec", tag = "1")]
    schema: Vec<u8>,
    /// The different schemas of the files.
    #[prost(bytes = "vec", repeated, tag = "2")]
    schemas: Vec<Vec<u8>>,
    /// The columns that are in paths.
    #[prost(bytes = "vec", tag = "3")]
    of_path: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    files: Vec<FileMessage>,
    /// Row groups, in their order; none where files are read whole.
    #[prost(message, repeated, tag = "5")]
    row_groups: Vec<RowGroupsMessage>,
    /// Rows of a batch where files are read whole.
    #[prost(uint64, optional, tag = "6")]
    batch_rows: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct FileMessage {
    #[prost(string, tag = "1")]
    location: String,
    #[prost(uint64, tag = "2")]
    size_bytes: u64,
    /// Which of the schemas.
    #[prost(uint32, tag = "3")]
    schema: u32,
    /// Values of the columns in the path.
    #[prost(bytes = "vec", repeated, tag = "4")]
    constants: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    csv: Option<DialectMessage>,
    #[prost(uint64, tag = "6")]
    skipped_records: u64,
}

#[derive(Clone, PartialEq, Message)]
struct RowGroupsMessage {
    /// Which of the files.
    #[prost(uint32, tag = "1")]
    file: u32,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(uint64, tag = "3")]
    end: u64,
}

#[derive(Clone, PartialEq, Message)]
struct DialectMessage {
    #[prost(uint32, tag = "1")]
    delimiter: u32,
    #[prost(uint32, tag = "2")]
    quote: u32,
    #[prost(bool, tag = "3")]
    header: bool,
    #[prost(bool, tag = "4")]
    trim: bool,
    #[prost(string, repeated, tag = "5")]
    names: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    null_values: Vec<String>,
}

/// A schema as bytes.
pub(crate) fn bytes_of_schema(schema: &Schema) -> Result<Vec<u8>, EngineError> {
    let message = protobuf::Schema::try_from(schema).map_err(unsendable)?;
    Ok(message.encode_to_vec())
}

/// The schema that [`bytes_of_schema`] wrote.
pub(crate) fn schema_of_bytes(bytes: &[u8]) -> Result<Schema, EngineError> {
    let message = protobuf::Schema::decode(bytes).map_err(damaged)?;
    Schema::try_from(&message).map_err(damaged)
}

/// A stream over whole files.
pub(super) fn table_part(stream: &table::Stream) -> Result<Vec<u8>, EngineError> {
    let mut part = part(&stream.schema, &stream.files)?;
    part.batch_rows = Some(stream.batch_rows as u64);
    Ok(part.encode_to_vec())
}

/// A stream over row groups of Parquet files.
pub(super) fn profile_part(stream: &profile_scan::Stream) -> Result<Vec<u8>, EngineError> {
    let places: BTreeSet<usize> = stream.parts.iter().map(|(file, _)| *file).collect();
    let files = places
        .iter()
        .map(|&file| stream.files.files[file].readable.clone());
    let mut part = part(&stream.schema, &files.collect::<Vec<_>>())?;
    let new_place: BTreeMap<usize, u32> = places.into_iter().zip(0..).collect();
    part.row_groups = stream
        .parts
        .iter()
        .map(|(file, groups)| RowGroupsMessage {
            file: new_place[file],
            start: groups.start as u64,
            end: groups.end as u64,
        })
        .collect();
    Ok(part.encode_to_vec())
}

fn part(schema: &Schema, files: &[Readable]) -> Result<PartMessage, EngineError> {
    let mut part = PartMessage {
        schema: bytes_of_schema(schema)?,
        ..PartMessage::default()
    };
    let first = files
        .first()
        .map_or(&[][..], |file| file.constants.as_slice());
    let of_path: Vec<FieldRef> = first.iter().map(|(field, _)| Arc::clone(field)).collect();
    part.of_path = bytes_of_schema(&Schema::new(of_path))?;
    let mut schemas: Vec<SchemaRef> = Vec::new();
    for readable in files {
        let known = schemas.iter().position(|schema| *schema == readable.schema);
        let place = match known {
            Some(place) => place,
            None => {
                part.schemas.push(bytes_of_schema(&readable.schema)?);
                schemas.push(Arc::clone(&readable.schema));
                schemas.len() - 1
            }
        };
        part.files.push(file(readable, place)?);
    }
    Ok(part)
}

fn file(readable: &Readable, schema: usize) -> Result<FileMessage, EngineError> {
    let name = &readable.file.name;
    let location = match remote::is_url(name) {
        true => name.clone(),
        // Not where links lead: the ending of the name may tell the format.
        false => std::path::absolute(name)
            .map_err(|error| EngineError::io(name, &error))?
            .display()
            .to_string(),
    };
    let constants = readable.constants.iter().map(|(_, value)| {
        let message = protobuf::ScalarValue::try_from(value).map_err(unsendable)?;
        Ok(message.encode_to_vec())
    });
    Ok(FileMessage {
        location,
        size_bytes: size(&readable.file)?,
        schema: u32::try_from(schema).unwrap_or(u32::MAX),
        constants: constants.collect::<Result<_, EngineError>>()?,
        csv: match &readable.layout {
            Layout::Csv(dialect) => Some(DialectMessage {
                delimiter: dialect.delimiter.into(),
                quote: dialect.quote.into(),
                header: dialect.header,
                trim: dialect.trim,
                names: dialect.names.clone(),
                null_values: dialect.null_values.clone(),
            }),
            _ => None,
        },
        skipped_records: match readable.layout {
            Layout::TfRecord { skipped } => skipped,
            _ => 0,
        },
    })
}

fn size(file: &DataFile) -> Result<u64, EngineError> {
    let about = fs::metadata(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
    Ok(about.len())
}

/// The stream that a part is of.
pub(crate) fn opened_part(bytes: &[u8]) -> Result<Arc<dyn PartitionStream>, EngineError> {
    let part = PartMessage::decode(bytes).map_err(damaged)?;
    let schema = Arc::new(schema_of_bytes(&part.schema)?);
    let schemas = part
        .schemas
        .iter()
        .map(|schema| schema_of_bytes(schema).map(Arc::new));
    let schemas = schemas.collect::<Result<Vec<SchemaRef>, _>>()?;
    let of_path = schema_of_bytes(&part.of_path)?;
    let files = part.files.iter().map(|file| {
        let own = schemas.get(file.schema as usize).cloned();
        let own = own.ok_or_else(|| damaged("a file has no schema"))?;
        opened(file, own, &of_path)
    });
    let files = files.collect::<Result<Vec<Readable>, _>>()?;
    if let Some(batch_rows) = part.batch_rows {
        return Ok(Arc::new(table::Stream {
            files,
            schema,
            batch_rows: usize::try_from(batch_rows).unwrap_or(usize::MAX),
        }));
    }
    let parts = part.row_groups.iter().map(|groups| {
        let place = |place: u64| usize::try_from(place).map_err(damaged);
        let file = groups.file as usize;
        match files.get(file) {
            Some(_) => Ok((file, place(groups.start)?..place(groups.end)?)),
            None => Err(damaged("row groups are of no file")),
        }
    });
    let parts = parts.collect::<Result<Vec<profile_scan::Part>, _>>()?;
    Ok(Arc::new(profile_scan::Stream {
        parts,
        files: Arc::new(ProfileFiles::in_schema((*schema).clone(), &files)),
        schema,
    }))
}

fn opened(
    message: &FileMessage,
    schema: SchemaRef,
    of_path: &Schema,
) -> Result<Readable, EngineError> {
    let file = located(&message.location)?;
    if size(&file)? != message.size_bytes {
        return Err(EngineError::Changed { file: file.name });
    }
    let changed = || EngineError::Changed {
        file: file.name.clone(),
    };
    let layout = match (file.format, &message.csv) {
        (Format::Parquet, None) => Layout::Parquet {
            size_bytes: message.size_bytes,
            row_groups: Arc::new(RowGroups::unknown()),
        },
        (Format::Csv, Some(dialect)) => Layout::Csv(csv::Dialect {
            delimiter: u8::try_from(dialect.delimiter).map_err(damaged)?,
            quote: u8::try_from(dialect.quote).map_err(damaged)?,
            header: dialect.header,
            trim: dialect.trim,
            names: dialect.names.clone(),
            null_values: dialect.null_values.clone(),
        }),
        (Format::Csv, None) | (_, Some(_)) => return Err(changed()),
        (Format::TfRecord, None) => Layout::TfRecord {
            skipped: message.skipped_records,
        },
        _ => Layout::Other,
    };
    let constants = of_path.fields().iter().zip(&message.constants);
    let constants = constants.map(|(field, value)| {
        let value = protobuf::ScalarValue::decode(value.as_slice()).map_err(damaged)?;
        let value = ScalarValue::try_from(&value).map_err(damaged)?;
        Ok((Arc::clone(field), value))
    });
    Ok(Readable {
        constants: constants.collect::<Result<_, EngineError>>()?,
        file,
        layout,
        schema,
    })
}

/// Objects of which an executor keeps its copies; all are forgotten when there is one more.
const MOST_COPIES: usize = 64;

type Kept = Arc<Mutex<Option<DataFile>>>;

static COPIES: LazyLock<Mutex<BTreeMap<(String, String), Kept>>> = LazyLock::new(Mutex::default);

/// A file by its path; an object by its URL, copied once for all streams that read it.
fn located(location: &str) -> Result<DataFile, EngineError> {
    if !remote::is_url(location) {
        return discover::found_elsewhere(location);
    }
    let objects = remote::list(location)?;
    let object = objects.into_iter().next();
    let object = object.ok_or_else(|| EngineError::NoObject {
        location: location.into(),
    })?;
    let copy = {
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        if copies.len() >= MOST_COPIES {
            copies.clear();
        }
        let key = (object.name, object.version);
        Arc::clone(copies.entry(key).or_default())
    };
    let mut copy = copy.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &*copy {
        return Ok(file.clone());
    }
    let file = discover::found_elsewhere(location)?;
    *copy = Some(file.clone());
    Ok(file)
}

fn damaged(error: impl std::fmt::Display) -> EngineError {
    EngineError::Query {
        reason: format!("a table arrived damaged: {error}"),
    }
}

fn unsendable(error: impl std::fmt::Display) -> EngineError {
    EngineError::Query {
        reason: format!("a column cannot be sent to a cluster: {error}"),
    }
}
