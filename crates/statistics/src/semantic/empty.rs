//! Values that stand for nothing: -1, the empty string, the empty list.
//!
//! TFDV, `empty_value_counter_generator.py`.

use super::byte_values;
use crate::features::{FeatureType, Nested, nested::numbers};

/// How often each of them occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EmptyValues {
    /// Numbers that are -1.
    pub minus_one: u64,
    /// Strings of no characters.
    pub empty_strings: u64,
    /// Lists without values, or null, inside of lists.
    pub empty_lists: u64,
}

impl EmptyValues {
    /// Adds the rows of a feature: its inner lists where there are lists in lists, its
    /// values otherwise.
    pub fn update(&mut self, feature_type: FeatureType, rows: &Nested) {
        if let Some(inner) = rows.levels.get(1) {
            let empty = (0..inner.len()).filter(|place| inner.length(*place) == 0);
            self.empty_lists += empty.count() as u64;
            return;
        }
        match feature_type {
            FeatureType::String => {
                let empty = byte_values(&rows.values).into_iter();
                self.empty_strings += empty.filter(|bytes| bytes.is_empty()).count() as u64;
            }
            FeatureType::Int | FeatureType::Float => {
                if let Some(numbers) = numbers(&rows.values) {
                    let minus_one = |value: &f64| value.total_cmp(&-1.0).is_eq();
                    self.minus_one += numbers.iter().flatten().filter(minus_one).count() as u64;
                }
            }
            FeatureType::Struct => {}
        }
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.minus_one += other.minus_one;
        self.empty_strings += other.empty_strings;
        self.empty_lists += other.empty_lists;
    }

    /// The counts that are not zero, by TFDV's names and in its order.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        [
            ("int_-1", self.minus_one),
            ("str_empty", self.empty_strings),
            ("list_empty", self.empty_lists),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        ArrayRef, Float64Array, Int64Array, ListArray, StringArray, types::Int64Type,
    };
    use std::sync::Arc;

    fn of(feature_type: FeatureType, array: ArrayRef) -> EmptyValues {
        let mut empty = EmptyValues::default();
        empty.update(feature_type, &Nested::of(&array));
        empty
    }

    #[test]
    fn marks_for_nothing_are_counted_by_type() {
        let ints = Int64Array::from(vec![Some(-1), None, Some(0), Some(-1)]);
        assert_eq!(
            of(FeatureType::Int, Arc::new(ints)).counts(),
            [("int_-1", 2)]
        );
        let floats = Float64Array::from(vec![-1.0, f64::NAN, 1.0]);
        assert_eq!(
            of(FeatureType::Float, Arc::new(floats)).counts(),
            [("int_-1", 1)]
        );
        let strings = StringArray::from(vec![Some(""), None, Some("a"), Some("")]);
        assert_eq!(
            of(FeatureType::String, Arc::new(strings)).counts(),
            [("str_empty", 2)]
        );
        assert_eq!(EmptyValues::default().counts(), []);
    }

    #[test]
    fn lists_in_lists_are_counted_where_they_are_empty() {
        let inner = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
            Some(vec![]),
            Some(vec![Some(-1)]),
            None,
        ]);
        let outer = ListArray::new(
            Arc::new(arrow_schema::Field::new_list_field(
                arrow_array::Array::data_type(&inner).clone(),
                true,
            )),
            arrow_buffer::OffsetBuffer::from_lengths([2, 0, 1]),
            Arc::new(inner),
            None,
        );
        assert_eq!(
            of(FeatureType::Int, Arc::new(outer)).counts(),
            [("list_empty", 2)]
        );
    }
}
