//! Columns as TFDV sees them: lists of lists of values, whatever Arrow type they have.
//!
//! A plain column is a list of one value for each row, null where the value is; a
//! column of Arrow's null type is a list of unknown type, absent everywhere. With that
//! every statistic is written once, for any depth.

use super::{FeatureOptions, FeaturePath, Weights};
use crate::StatisticsError;
use arrow_array::{
    Array, ArrayRef, Float64Array, GenericListArray, NullArray, OffsetSizeTrait, RecordBatch,
    StructArray, cast::AsArray,
};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;
use std::{collections::BTreeMap, sync::Arc};

/// What the values of a feature are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeatureType {
    /// Integers and booleans.
    Int,
    /// Floating-point and decimal numbers.
    Float,
    /// Strings and bytes.
    String,
    /// Structs, whose fields are features of their own.
    Struct,
}

impl FeatureType {
    /// Its name in TensorFlow Metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Float => "FLOAT",
            Self::String => "STRING",
            Self::Struct => "STRUCT",
        }
    }
}

/// One level of lists.
#[derive(Debug, Clone)]
pub enum Level {
    /// Lists as they are, with the number of values of each; 0 where null.
    Lists {
        /// One number a list.
        lengths: Vec<usize>,
        /// Which lists are there.
        valid: Option<NullBuffer>,
    },
    /// Plain values: a list of one where there is a value, null elsewhere.
    Values {
        /// How many places there are.
        places: usize,
        /// Which of them hold a value.
        valid: Option<NullBuffer>,
    },
}

impl Level {
    /// Number of lists, null ones too.
    pub fn len(&self) -> usize {
        match self {
            Self::Lists { lengths, .. } => lengths.len(),
            Self::Values { places, .. } => *places,
        }
    }

    /// Whether there are no lists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the list at a place is there.
    pub fn is_present(&self, place: usize) -> bool {
        let (Self::Lists { valid, .. } | Self::Values { valid, .. }) = self;
        valid.as_ref().is_none_or(|valid| valid.is_valid(place))
    }

    /// Lists that are there.
    pub fn present(&self) -> usize {
        let (Self::Lists { valid, .. } | Self::Values { valid, .. }) = self;
        self.len() - valid.as_ref().map_or(0, NullBuffer::null_count)
    }

    /// Number of values of the list at a place; 0 where it is null.
    pub fn length(&self, place: usize) -> usize {
        match self {
            Self::Lists { lengths, .. } => lengths[place],
            Self::Values { .. } => usize::from(self.is_present(place)),
        }
    }

    /// For each value of all lists, what belongs to its list: weights, for instance.
    pub fn spread<T: Copy>(&self, of_lists: &[T]) -> Vec<T> {
        let mut spread = Vec::new();
        for (place, value) in of_lists.iter().enumerate() {
            spread.extend(std::iter::repeat_n(*value, self.length(place)));
        }
        spread
    }
}

/// A feature's rows, taken apart into its levels of lists and its innermost values.
#[derive(Debug, Clone)]
pub struct Nested {
    /// Outermost first; never empty.
    pub levels: Vec<Level>,
    /// The innermost values, one after another. Where [`is_unknown`](Self::is_unknown),
    /// the absent lists of the innermost level.
    pub values: ArrayRef,
}

impl Nested {
    /// Takes an array apart.
    pub fn of(array: &ArrayRef) -> Self {
        let mut levels = Vec::new();
        let mut array = Arc::clone(array);
        loop {
            let taken = match array.data_type() {
                DataType::List(_) => lists(array.as_list::<i32>()),
                DataType::LargeList(_) => lists(array.as_list::<i64>()),
                DataType::FixedSizeList(_, _) => {
                    let list = array.as_fixed_size_list();
                    let width = list.value_length().as_usize();
                    let lengths = lengths(list.len(), list.nulls(), |_| width);
                    let values = keep(list.values(), list.nulls(), list.len(), |place| {
                        (place * width, width)
                    });
                    Some((lengths, values, list.nulls().cloned()))
                }
                DataType::Map(_, _) => {
                    let map = array.as_map();
                    let offsets = map.value_offsets();
                    let at = |place: usize| {
                        let start = offsets[place].as_usize();
                        (start, offsets[place + 1].as_usize() - start)
                    };
                    let entries: ArrayRef = Arc::new(map.entries().clone());
                    Some((
                        lengths(map.len(), map.nulls(), |place| at(place).1),
                        keep(&entries, map.nulls(), map.len(), at),
                        map.nulls().cloned(),
                    ))
                }
                _ => None,
            };
            let Some((lengths, values, valid)) = taken else {
                break;
            };
            levels.push(Level::Lists { lengths, valid });
            array = values;
        }
        if levels.is_empty() && *array.data_type() != DataType::Null {
            let valid = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            let places = array.len();
            let values = keep(&array, valid.as_ref(), places, |place| (place, 1));
            levels.push(Level::Values { places, valid });
            array = values;
        } else if *array.data_type() == DataType::Null {
            // A list of unknown type, absent everywhere.
            levels.push(Level::Lists {
                lengths: vec![0; array.len()],
                valid: Some(NullBuffer::new_null(array.len())),
            });
        }
        Self {
            levels,
            values: array,
        }
    }

    /// Whether nothing tells the type of the values.
    pub fn is_unknown(&self) -> bool {
        *self.values.data_type() == DataType::Null
    }

    /// Examples, or what stands for them inside a struct.
    pub fn len(&self) -> usize {
        self.levels[0].len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For each innermost value, what belongs to its row.
    pub fn spread<T: Copy>(&self, of_rows: &[T]) -> Vec<T> {
        let levels = self.levels.iter();
        levels.fold(of_rows.to_vec(), |values, level| level.spread(&values))
    }

    /// Innermost values of each row; 0 everywhere where all of them are null, as TFDV
    /// counts them.
    pub fn innermost_lengths(&self) -> Vec<usize> {
        let rows = self.len();
        if self.is_unknown() || self.values.null_count() == self.values.len() {
            return vec![0; rows];
        }
        let rows_of = self.spread(&(0..rows).collect::<Vec<_>>());
        let mut lengths = vec![0; rows];
        for row in rows_of {
            lengths[row] += 1;
        }
        lengths
    }
}

type Taken = (Vec<usize>, ArrayRef, Option<NullBuffer>);

fn lists<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> Option<Taken> {
    let offsets = list.value_offsets();
    let at = |place: usize| {
        let start = offsets[place].as_usize();
        (start, offsets[place + 1].as_usize() - start)
    };
    Some((
        lengths(list.len(), list.nulls(), |place| at(place).1),
        keep(list.values(), list.nulls(), list.len(), at),
        list.nulls().cloned(),
    ))
}

fn lengths(
    lists: usize,
    nulls: Option<&NullBuffer>,
    length: impl Fn(usize) -> usize,
) -> Vec<usize> {
    (0..lists)
        .map(|place| match nulls {
            Some(nulls) if nulls.is_null(place) => 0,
            _ => length(place),
        })
        .collect()
}

/// The values of the lists that are there, in order: what a null list points at, and
/// what lies before the first and after the last list, is left out.
fn keep(
    values: &ArrayRef,
    nulls: Option<&NullBuffer>,
    lists: usize,
    at: impl Fn(usize) -> (usize, usize),
) -> ArrayRef {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for place in 0..lists {
        if nulls.is_some_and(|nulls| nulls.is_null(place)) {
            continue;
        }
        let (start, length) = at(place);
        match runs.last_mut() {
            _ if length == 0 => {}
            Some((first, run)) if *first + *run == start => *run += length,
            _ => runs.push((start, length)),
        }
    }
    match runs[..] {
        [] => values.slice(0, 0),
        [(start, length)] => values.slice(start, length),
        _ => {
            let places: Vec<u64> = runs
                .iter()
                .flat_map(|&(start, length)| start as u64..(start + length) as u64)
                .collect();
            arrow_select::take::take(values, &arrow_array::UInt64Array::from(places), None)
                .expect("every place is inside the array")
        }
    }
}

/// Brings a column to the few types that statistics know, or tells why it cannot be.
///
/// Booleans become integers, as in a pandas frame; decimals and 16-bit floats become
/// doubles; dictionaries, views and runs become what they hold.
///
/// # Errors
/// [`StatisticsError::Unsupported`] with the type, for dates, times, durations,
/// intervals and unions, which TFDV has no statistics of.
pub fn normalised(path: &FeaturePath, array: &ArrayRef) -> Result<ArrayRef, StatisticsError> {
    let target = normalised_type(path, array.data_type())?;
    if target == *array.data_type() {
        return Ok(Arc::clone(array));
    }
    arrow_cast::cast(array, &target).map_err(|error| StatisticsError::Unsupported {
        feature: path.to_string(),
        data_type: array.data_type().to_string(),
        reason: error.to_string(),
    })
}

fn normalised_type(path: &FeaturePath, from: &DataType) -> Result<DataType, StatisticsError> {
    let inner = |field: &arrow_schema::FieldRef| {
        let inner = normalised_type(path, field.data_type())?;
        Ok::<_, StatisticsError>(Arc::new(field.as_ref().clone().with_data_type(inner)))
    };
    Ok(match from {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::Boolean => DataType::Int64,
        // Beyond 2^63 only doubles hold it; labels of whole values stay exact.
        DataType::UInt64 => DataType::UInt64,
        DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => DataType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
            from.clone()
        }
        DataType::Utf8View => DataType::LargeUtf8,
        DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::LargeBinary,
        DataType::Null => DataType::Null,
        DataType::Dictionary(_, values) => normalised_type(path, values)?,
        DataType::RunEndEncoded(_, values) => normalised_type(path, values.data_type())?,
        DataType::List(field) => DataType::List(inner(field)?),
        DataType::LargeList(field) => DataType::LargeList(inner(field)?),
        DataType::ListView(field) | DataType::LargeListView(field) => {
            DataType::LargeList(inner(field)?)
        }
        DataType::FixedSizeList(field, width) => DataType::FixedSizeList(inner(field)?, *width),
        // Fields are brought to their types one by one, so that one that cannot be does
        // not take its siblings away.
        DataType::Struct(_) | DataType::Map(_, _) => from.clone(),
        other => {
            return Err(StatisticsError::Unsupported {
                feature: path.to_string(),
                data_type: other.to_string(),
                reason: "TensorFlow Data Validation has no statistics of this type; \
                         cast the column to a number or a string in `prepare`"
                    .into(),
            });
        }
    })
}

/// The type of the innermost values; `None` where nothing tells it.
pub fn feature_type(values: &DataType) -> Option<FeatureType> {
    match values {
        DataType::Int64 | DataType::UInt64 => Some(FeatureType::Int),
        DataType::Float64 => Some(FeatureType::Float),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
            Some(FeatureType::String)
        }
        DataType::Struct(_) => Some(FeatureType::Struct),
        _ => None,
    }
}

/// A feature of a batch, as [`walk`] shows it.
#[derive(Debug)]
pub struct FeatureRows<'a> {
    /// Where it is.
    pub path: &'a FeaturePath,
    /// Its rows.
    pub nested: &'a Nested,
    /// The type of its values; `None` where nothing tells it.
    pub feature_type: Option<FeatureType>,
    /// The weight of each row, where the feature has weights.
    pub weights: Option<&'a [f64]>,
}

/// Shows every feature of a batch, a struct before its fields, with its weights.
///
/// # Errors
/// What `see` gives back, and [`StatisticsError::Weight`] for a weight column that is
/// absent, no number, or has not exactly one value in every row. A feature whose type
/// is not supported goes to `skip` and the others are still shown.
pub fn walk(
    batch: &RecordBatch,
    options: &FeatureOptions,
    see: &mut dyn FnMut(FeatureRows<'_>) -> Result<(), StatisticsError>,
    skip: &mut dyn FnMut(&FeaturePath, StatisticsError),
) -> Result<(), StatisticsError> {
    let weights = &options.weights;
    let all: BTreeMap<&str, Vec<f64>> = weights
        .columns()
        .into_iter()
        .map(|name| Ok((name, weight_values(batch, name)?)))
        .collect::<Result<_, StatisticsError>>()?;
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !options.looks_at(field.name()) {
            continue;
        }
        let path = FeaturePath::column(field.name());
        walk_array(&path, column, weights, &all, see, skip)?;
    }
    Ok(())
}

fn walk_array(
    path: &FeaturePath,
    array: &ArrayRef,
    weights: &Weights,
    all: &BTreeMap<&str, Vec<f64>>,
    see: &mut dyn FnMut(FeatureRows<'_>) -> Result<(), StatisticsError>,
    skip: &mut dyn FnMut(&FeaturePath, StatisticsError),
) -> Result<(), StatisticsError> {
    let array = match normalised(path, array) {
        Ok(array) => array,
        Err(error) => {
            skip(path, error);
            return Ok(());
        }
    };
    let nested = Nested::of(&array);
    let of_feature = weights.of(path).and_then(|name| all.get(name));
    see(FeatureRows {
        path,
        feature_type: feature_type(nested.values.data_type()),
        nested: &nested,
        weights: of_feature.map(Vec::as_slice),
    })?;
    if let DataType::Struct(_) = nested.values.data_type() {
        let inner: BTreeMap<&str, Vec<f64>> = all
            .iter()
            .map(|(name, weights)| (*name, nested.spread(weights)))
            .collect();
        let values = nested.values.as_struct();
        for (field, column) in fields(values) {
            walk_array(&path.child(field), &column, weights, &inner, see, skip)?;
        }
    }
    Ok(())
}

/// The fields of structs; null where the struct is.
pub fn fields(structs: &StructArray) -> Vec<(&String, ArrayRef)> {
    let columns = structs.fields().iter().zip(structs.columns());
    columns
        .map(|(field, column)| (field.name(), with_nulls(column, structs.nulls())))
        .collect()
}

fn with_nulls(array: &ArrayRef, outer: Option<&NullBuffer>) -> ArrayRef {
    let Some(outer) = outer.filter(|outer| outer.null_count() > 0) else {
        return Arc::clone(array);
    };
    if *array.data_type() == DataType::Null {
        return Arc::new(NullArray::new(array.len()));
    }
    let nulls = NullBuffer::union(Some(outer), array.nulls());
    match array.to_data().into_builder().nulls(nulls).build() {
        Ok(data) => arrow_array::make_array(data),
        // Unions and runs have no nulls of their own; they are not profiled either.
        Err(_) => Arc::clone(array),
    }
}

/// The feature at a path; `None` where the batch has no such field.
///
/// # Errors
/// [`StatisticsError::Unsupported`] where it has a type without statistics.
pub fn find(batch: &RecordBatch, path: &FeaturePath) -> Result<Option<Nested>, StatisticsError> {
    let Some((first, rest)) = path.steps().split_first() else {
        return Ok(None);
    };
    let Some(mut array) = batch.column_by_name(first).cloned() else {
        return Ok(None);
    };
    for step in rest {
        let nested = Nested::of(&array);
        let DataType::Struct(_) = nested.values.data_type() else {
            return Ok(None);
        };
        let found = fields(nested.values.as_struct())
            .into_iter()
            .find(|(name, _)| *name == step);
        match found {
            Some((_, column)) => array = column,
            None => return Ok(None),
        }
    }
    Ok(Some(Nested::of(&normalised(path, &array)?)))
}

/// The weight of each row of a batch.
///
/// # Errors
/// [`StatisticsError::Weight`].
pub fn weight_values(batch: &RecordBatch, name: &str) -> Result<Vec<f64>, StatisticsError> {
    let wrong = |reason: &str| StatisticsError::Weight {
        column: name.to_owned(),
        reason: reason.to_owned(),
    };
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| wrong("there is no such column"))?;
    let nested = Nested::of(&normalised(&FeaturePath::column(name), column)?);
    if nested.is_unknown() {
        return Err(wrong("it is null everywhere"));
    }
    let one = nested.levels.len() == 1 && {
        let level = &nested.levels[0];
        (0..level.len()).all(|place| level.length(place) == 1)
    };
    if !one || nested.values.null_count() > 0 {
        return Err(wrong("it must have exactly one value in every row"));
    }
    numbers(&nested.values)
        .map(|values| values.values().to_vec())
        .ok_or_else(|| wrong("it must hold numbers"))
}

/// Values as doubles; `None` where they are no numbers. Nulls stay null.
pub fn numbers(values: &ArrayRef) -> Option<Float64Array> {
    match values.data_type() {
        DataType::Float64 => Some(values.as_primitive().clone()),
        DataType::Int64 => Some(
            values
                .as_primitive::<arrow_array::types::Int64Type>()
                .unary(|value| value as f64),
        ),
        DataType::UInt64 => Some(
            values
                .as_primitive::<arrow_array::types::UInt64Type>()
                .unary(|value| value as f64),
        ),
        _ => None,
    }
}

/// Calls `see` with the bytes of every value that is there; nothing for other types.
pub fn each_bytes(values: &ArrayRef, see: &mut dyn FnMut(usize, &[u8])) {
    macro_rules! each {
        ($array:expr) => {
            for (place, value) in $array.iter().enumerate() {
                if let Some(value) = value {
                    see(place, value.as_ref());
                }
            }
        };
    }
    match values.data_type() {
        DataType::Utf8 => each!(values.as_string::<i32>()),
        DataType::LargeUtf8 => each!(values.as_string::<i64>()),
        DataType::Binary => each!(values.as_binary::<i32>()),
        DataType::LargeBinary => each!(values.as_binary::<i64>()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, ListArray, types::Int64Type};

    #[test]
    fn plain_values_are_lists_of_one() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let nested = Nested::of(&column);
        assert_eq!(nested.levels.len(), 1);
        assert_eq!(nested.levels[0].present(), 2);
        assert_eq!(nested.values.len(), 2);
        assert_eq!(nested.spread(&[10, 20, 30]), [10, 30]);
    }

    #[test]
    fn what_a_null_list_points_at_is_left_out() {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(9)]),
            Some(vec![]),
            Some(vec![None]),
        ]);
        let (field, offsets, values, _) = lists.into_parts();
        let nulls = NullBuffer::from(vec![true, false, true, true]);
        let column: ArrayRef = Arc::new(ListArray::new(field, offsets, values, Some(nulls)));
        let nested = Nested::of(&column);
        let lengths: Vec<usize> = (0..4).map(|place| nested.levels[0].length(place)).collect();
        assert_eq!(lengths, [2, 0, 0, 1]);
        assert_eq!(nested.values.len(), 3);
        assert_eq!(nested.values.null_count(), 1);
        assert_eq!(nested.innermost_lengths(), [2, 0, 0, 1]);
    }

    #[test]
    fn a_null_column_is_an_absent_list() {
        let column: ArrayRef = Arc::new(NullArray::new(3));
        let nested = Nested::of(&column);
        assert!(nested.is_unknown());
        assert_eq!((nested.len(), nested.levels[0].present()), (3, 0));
    }
}
