//! A column in the few forms that profiles read.

use crate::ValueType;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Int32Array, LargeStringArray,
    PrimitiveArray, StringArray, StringViewArray,
    cast::AsArray,
    types::{
        Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use std::borrow::Cow;

const SECONDS_OF_DAY: f64 = 86_400.0;

/// A column made ready once, so that rows of many groups can be fed from it.
pub struct ColumnReader {
    rows: usize,
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    /// Numbers, and seconds since 1970-01-01T00:00:00Z.
    Numbers(ScalarBuffer<f64>),
    Boolean(BooleanArray),
    Text(Texts),
    /// Texts, and which of them each row holds.
    Dictionary(Texts, Int32Array),
    Opaque,
}

/// Strings of any layout.
#[derive(Clone)]
pub(crate) enum Texts {
    Short(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

impl Texts {
    fn of(array: &dyn Array) -> Option<Self> {
        match array.data_type() {
            DataType::Utf8 => Some(Self::Short(array.as_string().clone())),
            DataType::LargeUtf8 => Some(Self::Large(array.as_string().clone())),
            DataType::Utf8View => Some(Self::View(array.as_string_view().clone())),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Short(texts) => texts.len(),
            Self::Large(texts) => texts.len(),
            Self::View(texts) => texts.len(),
        }
    }

    #[inline]
    pub(crate) fn value(&self, row: usize) -> &str {
        match self {
            Self::Short(texts) => texts.value(row),
            Self::Large(texts) => texts.value(row),
            Self::View(texts) => texts.value(row),
        }
    }

    /// Whether both are the same memory: batches of a file share their dictionary.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Short(a), Self::Short(b)) => a.offsets().ptr_eq(b.offsets()),
            (Self::Large(a), Self::Large(b)) => a.offsets().ptr_eq(b.offsets()),
            (Self::View(a), Self::View(b)) => a.views().ptr_eq(b.views()),
            _ => false,
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Short(texts) => texts.get_buffer_memory_size(),
            Self::Large(texts) => texts.get_buffer_memory_size(),
            Self::View(texts) => texts.get_buffer_memory_size(),
        }
    }
}

impl ColumnReader {
    /// Makes a column ready. Types that are not summarised are read for nulls only.
    pub fn new(array: &ArrayRef) -> Self {
        Self {
            rows: array.len(),
            nulls: array.logical_nulls().filter(|nulls| nulls.null_count() > 0),
            values: values(array),
        }
    }

    /// All rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Rows without a value.
    pub(crate) fn null_count(&self) -> usize {
        self.nulls.as_ref().map_or(0, NullBuffer::null_count)
    }

    #[inline]
    pub(crate) fn is_valid(&self, row: u32) -> bool {
        self.nulls
            .as_ref()
            .is_none_or(|nulls| nulls.is_valid(row as usize))
    }

    /// Rows with a value.
    pub(crate) fn present(&self) -> impl Iterator<Item = u32> {
        (0..self.rows as u32).filter(|&row| self.is_valid(row))
    }

    /// The numbers of all rows that have one.
    pub(crate) fn numbers(&self) -> Option<Cow<'_, [f64]>> {
        let Values::Numbers(numbers) = &self.values else {
            return None;
        };
        let Some(nulls) = &self.nulls else {
            return Some(Cow::Borrowed(numbers));
        };
        // Every number is written, and the next over it where it is null: nothing here
        // is to be guessed by the processor.
        let mut present = vec![0.0; numbers.len()];
        let mut filled = 0;
        for (&number, valid) in numbers.iter().zip(nulls) {
            present[filled] = number;
            filled += usize::from(valid);
        }
        present.truncate(filled);
        Some(Cow::Owned(present))
    }

    /// The number of a row that is not null.
    pub(crate) fn number(&self, row: u32) -> Option<f64> {
        match &self.values {
            Values::Numbers(numbers) => Some(numbers[row as usize]),
            _ => None,
        }
    }

    /// The truth of a row that is not null.
    pub(crate) fn boolean(&self, row: u32) -> Option<bool> {
        match &self.values {
            Values::Boolean(values) => Some(values.value(row as usize)),
            _ => None,
        }
    }

    /// Whether the column holds text: then [`text`](Self::text) gives it.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.values, Values::Text(_) | Values::Dictionary(..))
    }

    /// The text of a row that is not null; nothing for a column of other values.
    #[inline]
    pub(crate) fn text(&self, row: u32) -> &str {
        match &self.values {
            Values::Text(texts) => texts.value(row as usize),
            Values::Dictionary(texts, keys) => texts.value(keys.value(row as usize) as usize),
            _ => "",
        }
    }

    /// How many rows are true, and how many false.
    pub(crate) fn booleans(&self) -> Option<[u64; 2]> {
        match &self.values {
            Values::Boolean(values) => Some([values.true_count(), values.false_count()])
                .map(|counts| counts.map(|count| count as u64)),
            _ => None,
        }
    }

    /// The texts that rows refer to, of a column that is encoded so.
    pub(crate) fn dictionary(&self) -> Option<&Texts> {
        match &self.values {
            Values::Dictionary(texts, _) => Some(texts),
            _ => None,
        }
    }

    /// Adds how many rows refer to each text of the dictionary to `counts`, which is as
    /// long as the dictionary.
    pub(crate) fn count_keys(&self, counts: &mut [u32]) {
        if let Values::Dictionary(_, keys) = &self.values {
            match &self.nulls {
                None => {
                    for &key in keys.values() {
                        counts[key as usize] += 1;
                    }
                }
                Some(nulls) => {
                    for (&key, valid) in keys.values().iter().zip(nulls) {
                        if valid {
                            counts[key as usize] += 1;
                        }
                    }
                }
            }
        }
    }
}

fn values(array: &ArrayRef) -> Values {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let keys = arrow_cast::cast(dictionary.keys(), &DataType::Int32);
        return match (Texts::of(dictionary.values()), keys) {
            (Some(texts), Ok(keys)) => Values::Dictionary(texts, keys.as_primitive().clone()),
            // Of numbers, say.
            _ => arrow_cast::cast(array, dictionary.values().data_type())
                .map_or(Values::Opaque, |plain| values(&plain)),
        };
    }
    if let Some(texts) = Texts::of(array) {
        return Values::Text(texts);
    }
    if let Some(numbers) = numbers(array) {
        return Values::Numbers(numbers);
    }
    match array.as_boolean_opt() {
        Some(booleans) => Values::Boolean(booleans.clone()),
        None => Values::Opaque,
    }
}

/// Numbers as they are, times as seconds since 1970.
fn numbers(array: &ArrayRef) -> Option<ScalarBuffer<f64>> {
    macro_rules! converted {
        ($type:ty, $convert:expr) => {
            converted::<$type>(array.as_primitive(), $convert)
        };
    }
    Some(match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().values().clone(),
        DataType::Float32 => converted!(Float32Type, f64::from),
        DataType::Float16 => converted!(Float16Type, f64::from),
        DataType::Int8 => converted!(Int8Type, f64::from),
        DataType::Int16 => converted!(Int16Type, f64::from),
        DataType::Int32 => converted!(Int32Type, f64::from),
        DataType::Int64 => converted!(Int64Type, |value| value as f64),
        DataType::UInt8 => converted!(UInt8Type, f64::from),
        DataType::UInt16 => converted!(UInt16Type, f64::from),
        DataType::UInt32 => converted!(UInt32Type, f64::from),
        DataType::UInt64 => converted!(UInt64Type, |value| value as f64),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => converted!(TimestampSecondType, |value| value as f64),
            TimeUnit::Millisecond => {
                converted!(TimestampMillisecondType, |value| value as f64 / 1e3)
            }
            TimeUnit::Microsecond => {
                converted!(TimestampMicrosecondType, |value| value as f64 / 1e6)
            }
            // Microseconds first: nanoseconds of our days are more than a float holds.
            TimeUnit::Nanosecond => {
                converted!(TimestampNanosecondType, |value| (value / 1_000) as f64
                    / 1e6)
            }
        },
        DataType::Date32 => converted!(Date32Type, |days| f64::from(days) * SECONDS_OF_DAY),
        DataType::Date64 => converted!(Date64Type, |value| value as f64 / 1e3),
        other if ValueType::of(other) == ValueType::Float => {
            let cast = arrow_cast::cast(array, &DataType::Float64).ok()?;
            cast.as_primitive::<Float64Type>().values().clone()
        }
        _ => return None,
    })
}

fn converted<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    convert: impl Fn(T::Native) -> f64,
) -> ScalarBuffer<f64> {
    array.values().iter().map(|&value| convert(value)).collect()
}
