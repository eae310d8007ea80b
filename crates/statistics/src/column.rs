//! One column: dispatch on its Arrow type to the summary that fits.

use crate::{
    StatisticsError, categorical::CategoricalProfile, codec, numeric::NumericProfile,
    text::TextProfile,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, StringArray, UInt64Array,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// What kind of values a column holds, whatever their width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Whole numbers.
    Integer,
    /// Floating-point and decimal numbers.
    Float,
    /// True or false.
    Boolean,
    /// Text of any length.
    String,
    /// Bytes that need not be text.
    Bytes,
    /// A point in time.
    Timestamp,
    /// A day.
    Date,
    /// Lists, structs, intervals and other types that are counted but not summarised.
    Nested,
    /// A column without a type: only nulls.
    Null,
}

impl ValueType {
    /// The kind of an Arrow type.
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64 => Self::Integer,
            DataType::Float16
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Float,
            DataType::Boolean => Self::Boolean,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Null => Self::Null,
            DataType::Dictionary(_, values) => Self::of(values),
            _ => Self::Nested,
        }
    }

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Nested => "nested",
            Self::Null => "null",
        }
    }
}

/// Mergeable summary of one column over some rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// What the column holds.
    pub value_type: ValueType,
    /// All rows, nulls included.
    pub rows: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// The summary of the values.
    pub summary: Summary,
}

/// The summary that fits a column's type and role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Summary {
    /// Nothing but counts: only nulls so far, or a type that is not summarised.
    Counts,
    /// Numbers; timestamps and dates as seconds since 1970-01-01T00:00:00Z.
    Numeric(Box<NumericProfile>),
    /// Categories, identifiers and booleans (`true`, `false`).
    Categorical(Box<CategoricalProfile>),
    /// Free text.
    Text(Box<TextProfile>),
}

impl Summary {
    fn kind(&self) -> &'static str {
        match self {
            Self::Counts => "no",
            Self::Numeric(_) => "numeric",
            Self::Categorical(_) => "categorical",
            Self::Text(_) => "text",
        }
    }
}

impl ColumnProfile {
    /// The profile of no rows of a column; `text` asks for the text summary where
    /// the column holds strings.
    pub fn new(data_type: &DataType, text: bool) -> Self {
        let value_type = ValueType::of(data_type);
        let summary = match value_type {
            ValueType::Integer | ValueType::Float | ValueType::Timestamp | ValueType::Date => {
                Summary::Numeric(Box::default())
            }
            ValueType::String if text => Summary::Text(Box::default()),
            ValueType::String | ValueType::Boolean => Summary::Categorical(Box::default()),
            ValueType::Bytes | ValueType::Nested | ValueType::Null => Summary::Counts,
        };
        Self {
            value_type,
            rows: 0,
            nulls: 0,
            summary,
        }
    }

    /// The profile of a whole array.
    pub fn of(array: &ArrayRef, text: bool) -> Self {
        let mut profile = Self::new(array.data_type(), text);
        profile.update(array, 0..array.len());
        profile
    }

    /// Adds the rows of `array` whose indices are given, in that order.
    ///
    /// `array` must be of the type that the profile was made for.
    pub fn update(&mut self, array: &ArrayRef, rows: impl IntoIterator<Item = usize>) {
        let reader = ColumnReader::new(array);
        for row in rows {
            self.update_row(&reader, row);
        }
    }

    /// Adds one row of a column that was made ready by [`ColumnReader::new`].
    pub fn update_row(&mut self, reader: &ColumnReader, row: usize) {
        self.rows += 1;
        if reader.is_null(row) {
            self.nulls += 1;
            return;
        }
        match (&mut self.summary, &reader.values) {
            (Summary::Numeric(numeric), Values::Float(values)) => numeric.update(values.value(row)),
            (Summary::Numeric(numeric), Values::Integer(values)) => {
                numeric.update(values.value(row) as f64);
            }
            (Summary::Numeric(numeric), Values::Unsigned(values)) => {
                numeric.update(values.value(row) as f64);
            }
            (Summary::Numeric(numeric), Values::Micros(values)) => {
                numeric.update(values.value(row) as f64 / 1e6);
            }
            (Summary::Categorical(categorical), Values::Boolean(values)) => {
                categorical.update(if values.value(row) { "true" } else { "false" });
            }
            (Summary::Categorical(categorical), Values::Text(values)) => {
                categorical.update(values.value(row));
            }
            (Summary::Text(text), Values::Text(values)) => text.update(values.value(row)),
            _ => {}
        }
    }

    /// Adds the rows of another profile of the same column.
    ///
    /// # Errors
    /// [`StatisticsError::KindMismatch`] where one holds, say, numbers and the other text.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatisticsError> {
        match (&mut self.summary, &other.summary) {
            (_, Summary::Counts) => {}
            (Summary::Counts, theirs) if self.rows == self.nulls => {
                self.summary = theirs.clone();
                self.value_type = other.value_type;
            }
            (Summary::Numeric(mine), Summary::Numeric(theirs)) => mine.merge(theirs),
            (Summary::Categorical(mine), Summary::Categorical(theirs)) => mine.merge(theirs),
            (Summary::Text(mine), Summary::Text(theirs)) => mine.merge(theirs),
            (mine, theirs) => {
                return Err(StatisticsError::KindMismatch {
                    left: mine.kind(),
                    right: theirs.kind(),
                });
            }
        }
        if self.value_type == ValueType::Integer && other.value_type == ValueType::Float {
            self.value_type = ValueType::Float;
        }
        self.rows += other.rows;
        self.nulls += other.nulls;
        Ok(())
    }

    /// The state as bytes; [`from_bytes`](Self::from_bytes) reads it back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut settled = self.clone();
        match &mut settled.summary {
            Summary::Numeric(numeric) => numeric.flush(),
            Summary::Text(text) => text.flush(),
            Summary::Counts | Summary::Categorical(_) => {}
        }
        codec::encode(&settled)
    }

    /// Reads the state that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`StatisticsError::Version`] and [`StatisticsError::Corrupt`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatisticsError> {
        codec::decode(bytes)
    }

    /// Rows with a value.
    pub fn present(&self) -> u64 {
        self.rows - self.nulls
    }

    /// Share of rows without a value; `None` without rows.
    pub fn null_share(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.nulls as f64 / self.rows as f64)
    }

    /// The numbers' summary, where the column holds numbers or times.
    pub fn numeric(&self) -> Option<&NumericProfile> {
        match &self.summary {
            Summary::Numeric(numeric) => Some(numeric),
            _ => None,
        }
    }

    /// The categories' summary, where the column holds categories or booleans.
    pub fn categorical(&self) -> Option<&CategoricalProfile> {
        match &self.summary {
            Summary::Categorical(categorical) => Some(categorical),
            _ => None,
        }
    }

    /// The text's summary, where the column was profiled as text.
    pub fn text(&self) -> Option<&TextProfile> {
        match &self.summary {
            Summary::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Distinct values, where they are counted.
    pub fn distinct(&self) -> Option<crate::DistinctEstimate> {
        match &self.summary {
            Summary::Counts => None,
            Summary::Numeric(numeric) => Some(numeric.distinct()),
            Summary::Categorical(categorical) => Some(categorical.distinct()),
            Summary::Text(text) => Some(text.distinct()),
        }
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        std::mem::size_of::<Self>()
            + match &self.summary {
                Summary::Counts => 0,
                Summary::Numeric(numeric) => numeric.size_bytes(),
                Summary::Categorical(categorical) => categorical.size_bytes(),
                Summary::Text(text) => text.size_bytes(),
            }
    }
}

/// A column cast once to the few forms that profiles read, so that rows of many
/// groups can be fed from it.
pub struct ColumnReader {
    nulls: Option<arrow_buffer::NullBuffer>,
    values: Values,
}

enum Values {
    Float(arrow_array::PrimitiveArray<Float64Type>),
    Integer(arrow_array::PrimitiveArray<Int64Type>),
    Unsigned(UInt64Array),
    Micros(arrow_array::TimestampMicrosecondArray),
    Boolean(BooleanArray),
    Text(StringArray),
    Opaque,
}

impl ColumnReader {
    /// Makes a column ready. Types that are not summarised are read for nulls only.
    pub fn new(array: &ArrayRef) -> Self {
        let cast = |to: &DataType| arrow_cast::cast(array, to).ok();
        let value_type = ValueType::of(array.data_type());
        let values = match value_type {
            ValueType::Float => {
                cast(&DataType::Float64).map(|a| Values::Float(a.as_primitive().clone()))
            }
            ValueType::Integer if *array.data_type() == DataType::UInt64 => {
                cast(&DataType::UInt64).map(|a| Values::Unsigned(a.as_primitive().clone()))
            }
            ValueType::Integer => {
                cast(&DataType::Int64).map(|a| Values::Integer(a.as_primitive().clone()))
            }
            ValueType::Timestamp | ValueType::Date => {
                cast(&DataType::Timestamp(TimeUnit::Microsecond, None))
                    .map(|a| Values::Micros(a.as_primitive().clone()))
            }
            ValueType::Boolean => {
                cast(&DataType::Boolean).map(|a| Values::Boolean(a.as_boolean().clone()))
            }
            ValueType::String => cast(&DataType::Utf8).map(|a| Values::Text(a.as_string().clone())),
            ValueType::Bytes | ValueType::Nested | ValueType::Null => None,
        };
        Self {
            nulls: array.logical_nulls(),
            values: values.unwrap_or(Values::Opaque),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int32Array, NullArray, types::Int32Type};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn array<A: Array + 'static>(array: A) -> ArrayRef {
        Arc::new(array)
    }

    #[test]
    fn nulls_are_rows_but_not_values() {
        let profile = ColumnProfile::of(
            &array(Int32Array::from(vec![Some(1), None, Some(3)])),
            false,
        );
        assert_eq!((profile.rows, profile.nulls), (3, 1));
        assert_eq!(profile.numeric().unwrap().mean(), Some(2.0));
    }

    #[test]
    fn a_column_of_nulls_takes_the_kind_of_what_it_merges_with() {
        let mut profile = ColumnProfile::of(&array(NullArray::new(4)), false);
        assert_eq!((profile.rows, profile.nulls), (4, 4));
        profile
            .merge(&ColumnProfile::of(
                &array(Float64Array::from(vec![1.5])),
                false,
            ))
            .unwrap();
        assert_eq!((profile.rows, profile.value_type), (5, ValueType::Float));
    }

    #[test]
    fn numbers_and_text_do_not_merge() {
        let mut numbers = ColumnProfile::of(&array(Int32Array::from(vec![1])), false);
        let words = ColumnProfile::of(&array(StringArray::from(vec!["a"])), false);
        assert!(matches!(
            numbers.merge(&words),
            Err(StatisticsError::KindMismatch { .. })
        ));
        assert_eq!(numbers.rows, 1, "a failed merge adds nothing");
    }

    #[test]
    fn dictionaries_and_booleans_are_categories() {
        let dictionary: arrow_array::DictionaryArray<Int32Type> =
            [Some("x"), None, Some("x"), Some("y")]
                .into_iter()
                .collect();
        let profile = ColumnProfile::of(&array(dictionary), false);
        assert_eq!(profile.nulls, 1);
        assert_eq!(profile.categorical().unwrap().values()[0].count, 2);
        let flags = ColumnProfile::of(&array(BooleanArray::from(vec![true, false, true])), false);
        assert_eq!(flags.categorical().unwrap().values()[0].value, "true");
    }

    #[test]
    fn times_are_seconds_since_the_epoch() {
        let times = arrow_array::TimestampMillisecondArray::from(vec![1_500, 2_500]);
        let profile = ColumnProfile::of(&array(times), false);
        assert_eq!(profile.numeric().unwrap().min(), Some(1.5));
        assert_eq!(profile.value_type, ValueType::Timestamp);
    }

    #[test]
    fn garbage_is_an_error_and_no_panic() {
        for bytes in [&b""[..], b"\x01", b"\x01garbage", b"\xff\x00"] {
            assert!(ColumnProfile::from_bytes(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn state_survives_the_codec(values in prop::collection::vec(prop::option::of(any::<f64>()), 0..200)) {
            let profile = ColumnProfile::of(&array(Float64Array::from(values)), false);
            let back = ColumnProfile::from_bytes(&profile.to_bytes()).unwrap();
            prop_assert_eq!(back.to_bytes(), profile.to_bytes());
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(ColumnProfile::from_bytes(&[&[1], &bytes[..]].concat()).is_err() || !bytes.is_empty());
        }
    }
}
