//! JSON Lines: one object a line.

use super::{DataFile, Layout, table::Batches};
use crate::{ColumnInfo, EngineError};
use datafusion::arrow::{
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    json::{ReaderBuilder, reader::infer_json_schema_from_iterator},
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    sync::Arc,
};

/// Reads all lines once, for the types and for lines that are wrong.
pub(super) fn inspect(
    file: &DataFile,
    types: &[ColumnInfo],
) -> Result<(Layout, SchemaRef), EngineError> {
    let mut wrong = None;
    let mut lines = Lines {
        file,
        reader: BufReader::new(file.open()?),
        line: 0,
        bytes: Vec::new(),
    };
    let values = lines.by_ref().map_while(|value| match value {
        Ok(value) => Some(Ok::<Value, ArrowError>(value)),
        Err(error) => {
            wrong = Some(error);
            None
        }
    });
    let schema = infer_json_schema_from_iterator(values);
    if let Some(error) = wrong {
        return Err(error);
    }
    // The inference stops at the line that does not fit those before it.
    let schema = schema.map_err(|error| EngineError::Line {
        file: file.name.clone(),
        line: lines.line,
        reason: format!(
            "a value of another kind than in the lines before ({error}); write one kind of value under a name"
        ),
    })?;
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let known = types.iter().find(|column| column.name == *field.name());
            let data_type = match known {
                Some(known) => told(field.data_type(), &known.data_type),
                None => field.data_type().clone(),
            };
            Field::new(field.name(), data_type, true)
        })
        .collect();
    Ok((Layout::Other, Arc::new(Schema::new(fields))))
}

/// The type of a column that is known, where JSON does not tell it.
fn told(found: &DataType, known: &DataType) -> DataType {
    let is_it = match found {
        DataType::Null => !known.is_nested(),
        DataType::Int64 => known.is_floating(),
        DataType::Utf8 => matches!(known, DataType::Date32 | DataType::Timestamp(..)),
        _ => false,
    };
    if is_it { known } else { found }.clone()
}

struct Lines<'a, R> {
    file: &'a DataFile,
    reader: BufReader<R>,
    line: u64,
    bytes: Vec<u8>,
}

impl<R: Read> Iterator for Lines<'_, R> {
    type Item = Result<Value, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.bytes.clear();
            match self.reader.read_until(b'\n', &mut self.bytes) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(self.file.read_error(&error))),
            }
            self.line += 1;
            let mut text = self.bytes.as_slice();
            if self.line == 1 {
                text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            }
            if !text.trim_ascii().is_empty() {
                return Some(self.parse(text));
            }
        }
    }
}

impl<R> Lines<'_, R> {
    fn parse(&self, text: &[u8]) -> Result<Value, EngineError> {
        let file = self.file.name.clone();
        let line = self.line;
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(EngineError::NotUtf8 { file, line });
        };
        match serde_json::from_str(text) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(EngineError::Line {
                file,
                line,
                reason: "not a JSON object; write one object a line".into(),
            }),
            Err(error) => Err(EngineError::Line {
                file,
                line,
                reason: format!(
                    "not JSON at column {}: {}; write one object a line",
                    error.column(),
                    without_place(&error.to_string())
                ),
            }),
        }
    }
}

/// serde_json ends its messages with a place inside the line it was given.
fn without_place(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

/// The batches of the columns of `schema`.
pub(super) fn read(
    file: &DataFile,
    schema: &SchemaRef,
    batch_rows: usize,
) -> Result<Batches, EngineError> {
    let mut reader = BufReader::new(file.open()?);
    let mark = reader.fill_buf().map_err(|error| file.read_error(&error))?;
    if mark.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    let batches = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(batch_rows)
        .with_coerce_primitive(true)
        .build(reader)
        .map_err(|error| file.malformed(error))?;
    let file = file.clone();
    Ok(Box::new(batches.map(move |batch| {
        batch.map_err(|error| file.malformed(error))
    })))
}
