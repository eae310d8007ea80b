//! One schema from the schemas of several files.

use super::{Format, Readable, partition};
use crate::EngineError;
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

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

/// Columns by name, in the order in which they first appear; those of the path last.
pub(super) fn unify(files: &[Readable]) -> Result<SchemaRef, EngineError> {
    struct Column<'a> {
        name: &'a str,
        data_type: DataType,
        from: &'a Readable,
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for readable in files {
        for field in readable.schema.fields() {
            let place = places.get(field.name().as_str());
            let Some(known) = place.map(|&place| &mut columns[place]) else {
                places.insert(field.name(), columns.len());
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
            let records = [known.from, readable].map(|r| r.file.format == Format::TfRecord);
            known.data_type = match join(&known.data_type, field.data_type(), records) {
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
    let mut fields: Vec<FieldRef> = columns
        .into_iter()
        .map(|column| Arc::new(Field::new(column.name, column.data_type, true)))
        .collect();
    fields.extend(partition::fields(files));
    Ok(Arc::new(Schema::new(fields)))
}

/// The type that holds the values of both without loss of meaning.
///
/// `records` says which of them a TFRecord file has. Its types are what its values look
/// like: bytes that are text by chance, lists that all have one value.
fn join(a: &DataType, b: &DataType, records: [bool; 2]) -> Option<DataType> {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Dictionary, Float64, Int64, LargeBinary,
        LargeList, LargeUtf8, List, Null, Struct, Timestamp, UInt64, Utf8, Utf8View,
    };
    if a == b {
        return Some(a.clone());
    }
    let [a_guessed, b_guessed] = records;
    let is_text = |t: &DataType| matches!(t, Utf8 | LargeUtf8 | Utf8View);
    let is_bytes = |t: &DataType| matches!(t, Binary | LargeBinary | BinaryView);
    Some(match (a, b) {
        (Null, other) | (other, Null) => other.clone(),
        (Dictionary(_, values), other) => join(values, other, records)?,
        (other, Dictionary(_, values)) => join(other, values, records)?,
        (List(x), List(y)) => List(join_items(x, y, records)?),
        (List(x) | LargeList(x), List(y) | LargeList(y)) => LargeList(join_items(x, y, records)?),
        (Struct(x), Struct(y)) => Struct(join_fields(x, y, records)?),
        (List(x), b) if b_guessed && !b.is_nested() => {
            List(rename(x, join(x.data_type(), b, records)?))
        }
        (a, List(y)) if a_guessed && !a.is_nested() => {
            List(rename(y, join(a, y.data_type(), records)?))
        }
        (Utf8, b) if a_guessed && is_bytes(b) => b.clone(),
        (a, Utf8) if b_guessed && is_bytes(a) => a.clone(),
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

fn join_items(a: &FieldRef, b: &FieldRef, records: [bool; 2]) -> Option<FieldRef> {
    Some(rename(a, join(a.data_type(), b.data_type(), records)?))
}

fn rename(field: &FieldRef, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(field.name(), data_type, true))
}

/// The fields of both structs by name, in the order in which they first appear.
fn join_fields(a: &Fields, b: &Fields, records: [bool; 2]) -> Option<Fields> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for field in a {
        fields.push(match b.find(field.name()) {
            Some((_, other)) => join_items(field, other, records)?,
            None => rename(field, field.data_type().clone()),
        });
    }
    for field in b {
        if a.find(field.name()).is_none() {
            fields.push(rename(field, field.data_type().clone()));
        }
    }
    Some(fields.into())
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
            assert_eq!(join(&a, &b, [false; 2]), common, "{a} and {b}");
            assert_eq!(join(&b, &a, [false; 2]), common, "{b} and {a}");
        }
    }

    #[test]
    fn nested_types_widen_inside() {
        let list = |item| DataType::new_list(item, true);
        let fields = |fields: &[(&str, DataType)]| {
            let fields = fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true));
            DataType::Struct(fields.collect())
        };
        let a = fields(&[("x", DataType::Int32), ("y", list(DataType::Float32))]);
        let b = fields(&[("x", DataType::Int64), ("z", DataType::Utf8)]);
        assert_eq!(
            join(&list(a.clone()), &list(b), [false; 2]),
            Some(list(fields(&[
                ("x", DataType::Int64),
                ("y", list(DataType::Float32)),
                ("z", DataType::Utf8),
            ])))
        );
        assert_eq!(
            join(&a, &fields(&[("x", DataType::Utf8)]), [false; 2]),
            None
        );
    }

    #[test]
    fn what_a_tfrecord_looks_like_gives_way() {
        let list = |item| DataType::new_list(item, true);
        for (a, b, common) in [
            (DataType::Utf8, DataType::Binary, DataType::Binary),
            (
                DataType::Int64,
                list(DataType::Int64),
                list(DataType::Int64),
            ),
            (
                DataType::Utf8,
                list(DataType::Binary),
                list(DataType::Binary),
            ),
            (
                DataType::Binary,
                list(DataType::Utf8),
                list(DataType::Binary),
            ),
            (
                list(DataType::Utf8),
                list(DataType::Binary),
                list(DataType::Binary),
            ),
        ] {
            assert_eq!(
                join(&a, &b, [true; 2]).as_ref(),
                Some(&common),
                "{a} and {b}"
            );
            assert_eq!(
                join(&b, &a, [true; 2]).as_ref(),
                Some(&common),
                "{b} and {a}"
            );
            assert_eq!(join(&a, &b, [false; 2]), None, "{a} and {b}");
        }
        assert_eq!(join(&DataType::Int64, &DataType::Utf8, [true; 2]), None);
    }
}
