//! One column: dispatch on its Arrow type to the summary that fits.

use crate::{
    StatisticsError, accumulator::ColumnAccumulator, categorical::CategoricalProfile, codec,
    column_reader::ColumnReader, numeric::NumericProfile, text::TextProfile,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
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

/// More rows than any column has: counts stay exact as `f64`, and never overflow.
const MOST_ROWS: u64 = 1 << 53;

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
        let mut accumulator = ColumnAccumulator::new(array.data_type(), text);
        accumulator.update_all(&ColumnReader::new(array));
        accumulator.into_profile()
    }

    /// Adds the rows of `array` whose indices are given, in that order.
    ///
    /// `array` must be of the type that the profile was made for.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn update(&mut self, array: &ArrayRef, rows: impl IntoIterator<Item = usize>) {
        let rows: Vec<u32> = rows
            .into_iter()
            .map(|row| u32::try_from(row).expect("an array of fewer than 2^32 rows"))
            .collect();
        self.update_rows(&ColumnReader::new(array), &rows);
    }

    /// Adds all rows of a column that was made ready by [`ColumnReader::new`].
    pub fn update_all(&mut self, column: &ColumnReader) {
        self.rows += column.rows() as u64;
        self.nulls += column.null_count() as u64;
        match &mut self.summary {
            Summary::Counts => {}
            Summary::Numeric(numeric) => {
                if let Some(numbers) = column.numbers() {
                    numeric.update_batch(&numbers);
                }
            }
            Summary::Categorical(categorical) => {
                if let Some([yes, no]) = column.booleans() {
                    categorical.update_batch([(1, yes), (0, no)], boolean_name);
                } else if column.is_text() {
                    let rows = column.present().map(|row| (row, 1));
                    categorical.update_batch(rows, |row| column.text(row));
                }
            }
            Summary::Text(text) if column.is_text() => {
                column
                    .present()
                    .for_each(|row| text.update(column.text(row)));
            }
            Summary::Text(_) => {}
        }
    }

    /// Adds the rows of a column whose indices are given, in that order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn update_rows(&mut self, column: &ColumnReader, rows: &[u32]) {
        let present = || rows.iter().copied().filter(|&row| column.is_valid(row));
        self.rows += rows.len() as u64;
        self.nulls += (rows.len() - present().count()) as u64;
        match &mut self.summary {
            Summary::Counts => {}
            Summary::Numeric(numeric) => {
                let numbers: Vec<f64> = present().filter_map(|row| column.number(row)).collect();
                numeric.update_batch(&numbers);
            }
            Summary::Categorical(categorical) if column.is_text() => {
                categorical.update_batch(present().map(|row| (row, 1)), |row| column.text(row));
            }
            Summary::Categorical(categorical) => {
                let counted = present().filter_map(|row| column.boolean(row));
                let mut counts = [0, 0];
                counted.for_each(|value| counts[usize::from(value)] += 1);
                categorical.update_batch((0..).zip(counts), boolean_name);
            }
            Summary::Text(text) if column.is_text() => {
                present().for_each(|row| text.update(column.text(row)));
            }
            Summary::Text(_) => {}
        }
    }

    /// Adds the rows of another profile of the same column.
    ///
    /// # Errors
    /// [`StatisticsError::KindMismatch`] where one holds, say, numbers and the other text,
    /// [`StatisticsError::TooManyRows`] past 2⁵³ rows.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatisticsError> {
        let rows = self.rows.saturating_add(other.rows);
        if rows > MOST_ROWS {
            return Err(StatisticsError::TooManyRows);
        }
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
        self.rows = rows;
        self.nulls += other.nulls;
        Ok(())
    }

    /// The state as bytes; [`from_bytes`](Self::from_bytes) reads it back.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads the state that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`StatisticsError::Version`], [`StatisticsError::Corrupt`] and
    /// [`StatisticsError::TooManyRows`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatisticsError> {
        let profile: Self = codec::decode(bytes)?;
        if profile.rows > MOST_ROWS {
            return Err(StatisticsError::TooManyRows);
        }
        let values = match &profile.summary {
            Summary::Counts => 0,
            Summary::Numeric(numeric) => numeric.counted(),
            Summary::Categorical(categorical) => categorical.counted(),
            Summary::Text(text) => text.counted(),
        };
        // Forged, or damaged where bytes are still a state: no sum of such may overflow.
        if profile.nulls > profile.rows || values > profile.rows {
            return Err(StatisticsError::Corrupt {
                reason: format!("it counts more than its {} rows", profile.rows),
            });
        }
        Ok(profile)
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

/// How profiles write true and false.
fn boolean_name(value: u32) -> &'static str {
    if value == 1 { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, Float64Array, Int32Array, NullArray, StringArray, types::Int32Type,
    };
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
    fn states_that_count_more_than_their_rows_are_refused() {
        let forged = |rows: u64, nulls: u64, values: u64| {
            let mut categories = CategoricalProfile::default();
            categories.update_with_count("a", values);
            let profile = ColumnProfile {
                value_type: ValueType::String,
                rows,
                nulls,
                summary: Summary::Categorical(Box::new(categories)),
            };
            ColumnProfile::from_bytes(&profile.to_bytes())
        };
        let corrupt =
            |read: Result<ColumnProfile, _>| matches!(read, Err(StatisticsError::Corrupt { .. }));
        assert!(forged(3, 1, 2).is_ok());
        assert!(corrupt(forged(3, 4, 0)));
        assert!(corrupt(forged(3, 0, 4)));
        let too_many = Err(StatisticsError::TooManyRows);
        assert_eq!(forged(MOST_ROWS + 1, 0, 0).map(drop), too_many);
        let mut most = forged(MOST_ROWS, 0, 0).unwrap();
        let one = forged(1, 0, 1).unwrap();
        assert_eq!(most.merge(&one), too_many);
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
