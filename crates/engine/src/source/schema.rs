//! One schema from the schemas of several files.

use super::{Format, Readable};
use crate::EngineError;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::{collections::BTreeSet, sync::Arc};

pub(super) fn refuse_duplicates(file: &str, schema: &Schema) -> Result<(), EngineError> {
    let mut seen = BTreeSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name()) {
            return Err(EngineError::DuplicateColumn {
                file: file.into(),
                column: field.name().clone(),
            });
        }
    }
    Ok(())
}

/// Columns by name, in the order in which they first appear.
pub(super) fn unify(files: &[Readable]) -> Result<SchemaRef, EngineError> {
    struct Column<'a> {
        name: &'a str,
        data_type: DataType,
        from: &'a Readable,
    }
    let mut columns: Vec<Column> = Vec::new();
    for readable in files {
        for field in readable.schema.fields() {
            let known = columns
                .iter_mut()
                .find(|column| column.name == field.name());
            let Some(known) = known else {
                columns.push(Column {
                    name: field.name(),
                    data_type: field.data_type().clone(),
                    from: readable,
                });
                continue;
            };
            // Types of text files are guesses from their cells; read as text,
            // those of two files fit each other as they would in one.
            let guesses = [readable, known.from]
                .iter()
                .all(|r| r.file.format == Format::Csv);
            known.data_type = match join(&known.data_type, field.data_type()) {
                Some(common) => common,
                None if guesses => DataType::Utf8,
                None => {
                    return Err(EngineError::ColumnClash {
                        file: readable.file.name.clone(),
                        column: field.name().clone(),
                        found: field.data_type().to_string(),
                        expected: known.data_type.to_string(),
                        other: known.from.file.name.clone(),
                    });
                }
            };
        }
    }
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|column| Field::new(column.name, column.data_type, true))
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// The type that holds the values of both without loss of meaning.
fn join(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Dictionary, Float64, Int64, LargeBinary,
        LargeUtf8, Null, Timestamp, UInt64, Utf8, Utf8View,
    };
    if a == b {
        return Some(a.clone());
    }
    let is_text = |t: &DataType| matches!(t, Utf8 | LargeUtf8 | Utf8View);
    let is_bytes = |t: &DataType| matches!(t, Binary | LargeBinary | BinaryView);
    Some(match (a, b) {
        (Null, other) | (other, Null) => other.clone(),
        (Dictionary(_, values), other) | (other, Dictionary(_, values)) => join(values, other)?,
        (a, b) if is_text(a) && is_text(b) => {
            if *a == Utf8 && *b == Utf8 {
                Utf8
            } else {
                LargeUtf8
            }
        }
        (a, b) if is_bytes(a) && is_bytes(b) => LargeBinary,
        (UInt64, b) if b.is_unsigned_integer() => UInt64,
        (a, UInt64) if a.is_unsigned_integer() => UInt64,
        (UInt64, b) if b.is_signed_integer() => Float64,
        (a, UInt64) if a.is_signed_integer() => Float64,
        (a, b) if a.is_integer() && b.is_integer() => Int64,
        (a, b) if is_number(a) && is_number(b) => Float64,
        (Date32 | Date64, Date32 | Date64) => Date32,
        (Timestamp(_, zone), Date32 | Date64) | (Date32 | Date64, Timestamp(_, zone)) => {
            Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        // A time without a zone is UTC.
        (Timestamp(_, a), Timestamp(_, b)) => {
            let zone = a.clone().or_else(|| b.clone());
            Timestamp(TimeUnit::Microsecond, zone)
        }
        (Boolean, Boolean) => Boolean,
        _ => return None,
    })
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen_and_never_lose_their_meaning() {
        let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (a, b, common) in [
            (DataType::Int32, DataType::Int64, Some(DataType::Int64)),
            (DataType::Int64, DataType::Float32, Some(DataType::Float64)),
            (DataType::Null, DataType::Boolean, Some(DataType::Boolean)),
            (DataType::Date32, naive.clone(), Some(naive.clone())),
            (naive, utc.clone(), Some(utc)),
            (
                DataType::Utf8,
                DataType::Utf8View,
                Some(DataType::LargeUtf8),
            ),
            (DataType::Int64, DataType::Utf8, None),
            (DataType::Boolean, DataType::Int64, None),
        ] {
            assert_eq!(join(&a, &b), common, "{a} and {b}");
            assert_eq!(join(&b, &a), common, "{b} and {a}");
        }
    }
}
