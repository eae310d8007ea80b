//! Slices by the values of features: which rows of a batch belong to which slice.
//!
//! The keys are TFDV's: `name_value` for each feature, by name, joined by `_`. A row
//! belongs to a slice for every value that its list holds, and to every combination
//! where there are several features; to none where one of them is absent.

use super::{
    FeaturePath,
    nested::{Nested, normalised},
    tokens::INVALID_VALUE,
};
use crate::StatisticsError;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array, cast::AsArray, types};
use arrow_schema::DataType;
use std::collections::{BTreeMap, BTreeSet};

/// Features to slice by, each with the values that are wanted, or with all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliceFeatures(pub BTreeMap<String, Option<BTreeSet<String>>>);

impl SliceFeatures {
    /// The slices of a batch: key and rows in ascending order, keys in order.
    ///
    /// A feature that the batch does not have is left out of the keys.
    ///
    /// # Errors
    /// [`StatisticsError::SliceValue`] for a value that is no text, and for a wanted
    /// value that is no number where the feature holds numbers.
    pub fn rows(&self, batch: &RecordBatch) -> Result<BTreeMap<String, Vec<u64>>, StatisticsError> {
        let mut keys: Option<Vec<Vec<String>>> = None;
        for (name, wanted) in &self.0 {
            let Some(column) = batch.column_by_name(name) else {
                continue;
            };
            let parts = values_of_rows(name, column, wanted.as_ref())?;
            keys = Some(match keys {
                None => parts,
                Some(keys) => keys
                    .into_iter()
                    .zip(parts)
                    .map(|(keys, parts)| {
                        let pairs = keys
                            .iter()
                            .flat_map(|key| parts.iter().map(move |part| format!("{key}_{part}")));
                        pairs.collect()
                    })
                    .collect(),
            });
        }
        let mut slices = BTreeMap::<String, Vec<u64>>::new();
        for (row, keys) in keys.into_iter().flatten().enumerate() {
            for key in keys {
                slices.entry(key).or_default().push(row as u64);
            }
        }
        Ok(slices)
    }
}

/// For each row, `name_value` of every distinct value.
fn values_of_rows(
    name: &str,
    column: &ArrayRef,
    wanted: Option<&BTreeSet<String>>,
) -> Result<Vec<Vec<String>>, StatisticsError> {
    let wrong = |reason: String| StatisticsError::SliceValue {
        column: name.to_owned(),
        reason,
    };
    let nested = Nested::of(&normalised(&FeaturePath::column(name), column)?);
    let wanted = match (wanted, nested.values.data_type()) {
        (Some(wanted), DataType::Int64 | DataType::UInt64) => Some(
            wanted
                .iter()
                .map(|value| {
                    let number: i128 = value.trim().parse().map_err(|_| {
                        wrong(format!("it holds whole numbers, and `{value}` is none"))
                    })?;
                    Ok(number.to_string())
                })
                .collect::<Result<BTreeSet<String>, StatisticsError>>()?,
        ),
        (wanted, _) => wanted.cloned(),
    };
    let rows: Vec<usize> = nested.spread(&(0..nested.len()).collect::<Vec<_>>());
    let mut values = vec![BTreeSet::new(); nested.len()];
    for (place, row) in rows.into_iter().enumerate() {
        if nested.values.is_null(place) {
            continue;
        }
        let value = text(&nested.values, place).map_err(wrong)?;
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(&value)) {
            values[row].insert(format!("{name}_{value}"));
        }
    }
    Ok(values
        .into_iter()
        .map(|values| values.into_iter().collect())
        .collect())
}

fn text(values: &ArrayRef, place: usize) -> Result<String, String> {
    let of_bytes = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned)
            .map_err(|_| format!("a value is no UTF-8; rows of {INVALID_VALUE} have no key"))
    };
    match values.data_type() {
        DataType::Int64 => Ok(values
            .as_primitive::<types::Int64Type>()
            .value(place)
            .to_string()),
        DataType::UInt64 => Ok(values
            .as_primitive::<types::UInt64Type>()
            .value(place)
            .to_string()),
        DataType::Float64 => {
            let value = values.as_primitive::<types::Float64Type>().value(place);
            Ok(super::strings::float_text(value))
        }
        DataType::Utf8 => Ok(values.as_string::<i32>().value(place).to_owned()),
        DataType::LargeUtf8 => Ok(values.as_string::<i64>().value(place).to_owned()),
        DataType::Binary => of_bytes(values.as_binary::<i32>().value(place)),
        DataType::LargeBinary => of_bytes(values.as_binary::<i64>().value(place)),
        other => Err(format!("values of type {other} make no key")),
    }
}

/// Some rows of a batch.
///
/// # Errors
/// [`StatisticsError::SliceValue`] where a row is not there.
pub fn take_rows(batch: &RecordBatch, rows: &[u64]) -> Result<RecordBatch, StatisticsError> {
    let places = UInt64Array::from(rows.to_vec());
    arrow_select::take::take_record_batch(batch, &places).map_err(|error| {
        StatisticsError::SliceValue {
            column: "*".into(),
            reason: error.to_string(),
        }
    })
}
