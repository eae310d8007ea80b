//! Floating-point numbers rounded to some digits after the point, in lists and structs too.

use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
            StructArray,
        },
        datatypes::{DataType, Float32Type, Float64Type},
    },
    common::exec_err,
    error::Result,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use std::sync::Arc;

/// The array with its floating-point numbers rounded, halves away from zero; anything
/// else as it is.
pub(super) fn rounded(array: &ArrayRef, digits: u8) -> ArrayRef {
    /// From here on doubles are whole.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let scale = 10_f64.powi(i32::from(digits));
    let round = |value: f64| {
        let scaled = value * scale;
        if scaled.abs() < WHOLE {
            scaled.round() / scale
        } else {
            value
        }
    };
    match array.data_type() {
        DataType::Float64 => Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(round),
        ),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a number of single precision stays one"
        )]
        DataType::Float32 => Arc::new(
            array
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| round(f64::from(value)) as f32),
        ),
        DataType::List(_) => list(array.as_list::<i32>(), digits),
        DataType::LargeList(_) => list(array.as_list::<i64>(), digits),
        DataType::FixedSizeList(field, width) => {
            let list = array.as_fixed_size_list();
            Arc::new(FixedSizeListArray::new(
                Arc::clone(field),
                *width,
                rounded(list.values(), digits),
                list.nulls().cloned(),
            ))
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let columns = parts.columns().iter().map(|column| rounded(column, digits));
            Arc::new(StructArray::new(
                fields.clone(),
                columns.collect(),
                parts.nulls().cloned(),
            ))
        }
        _ => Arc::clone(array),
    }
}

fn list<O: OffsetSizeTrait>(list: &GenericListArray<O>, digits: u8) -> ArrayRef {
    let (field, offsets, values, nulls) = list.clone().into_parts();
    Arc::new(GenericListArray::new(
        field,
        offsets,
        rounded(&values, digits),
        nulls,
    ))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounded {
    digits: u8,
    signature: Signature,
}

impl ScalarUDFImpl for Rounded {
    fn name(&self) -> &str {
        "rounded"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [one] => Ok(one.clone()),
            _ => exec_err!("`rounded` takes one value"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        match arrays.as_slice() {
            [one] => Ok(ColumnarValue::Array(rounded(one, self.digits))),
            _ => exec_err!("`rounded` takes one value"),
        }
    }
}

/// [`rounded`] for plans, over values of one type.
pub(super) fn rounded_udf(digits: u8, data_type: DataType) -> ScalarUDF {
    ScalarUDF::new_from_impl(Rounded {
        digits,
        signature: Signature::exact(vec![data_type], Volatility::Immutable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Float64Array, ListArray};

    #[test]
    fn numbers_in_lists_are_rounded_and_the_rest_stays() {
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(1.005),
            None,
            Some(-2.349),
            Some(f64::INFINITY),
            Some(1e300),
        ]));
        let found = rounded(&numbers, 1);
        let found: Vec<_> = found.as_primitive::<Float64Type>().iter().collect();
        let expected = [
            Some(1.0),
            None,
            Some(-2.3),
            Some(f64::INFINITY),
            Some(1e300),
        ];
        assert_eq!(found, expected);
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
            Some(vec![Some(0.06), None]),
            None,
        ]));
        let found = rounded(&lists, 1);
        let found = found.as_list::<i32>();
        let first: Vec<_> = found
            .value(0)
            .as_primitive::<Float64Type>()
            .iter()
            .collect();
        assert_eq!(first, [Some(0.1), None]);
        assert!(found.is_null(1));
    }
}
