//! The message `TensorProto`: named values of one kind with a shape.
//!
//! Source of the field numbers and of the rule that a short list goes on with its last value:
//! TensorFlow's `tensor.proto`, `tensor_shape.proto` and `types.proto`.

use super::exchange::{Cell, MOST_VALUES, Tensor};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, Float16Type};
use prost::Message;

type Half = <Float16Type as ArrowPrimitiveType>::Native;

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    /// The values as they lie in memory, the least byte first, instead of one of the lists.
    #[prost(bytes = "vec", tag = "4")]
    content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    doubles: Vec<f64>,
    /// Of 8, 16 and 32 bits.
    #[prost(int32, repeated, tag = "7")]
    ints: Vec<i32>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(super) strings: Vec<Vec<u8>>,
    #[prost(int64, repeated, tag = "10")]
    longs: Vec<i64>,
    #[prost(bool, repeated, tag = "11")]
    bools: Vec<bool>,
    /// The bits of numbers of 16 bits.
    #[prost(int32, repeated, tag = "13")]
    halves: Vec<i32>,
    #[prost(uint32, repeated, tag = "16")]
    unsigned_ints: Vec<u32>,
    #[prost(uint64, repeated, tag = "17")]
    unsigned_longs: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dimensions: Vec<Dimension>,
    #[prost(bool, tag = "3")]
    unknown_rank: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, tag = "1")]
    size: i64,
}

impl TensorProto {
    /// The tensor, cut along its first dimension.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn tensor(self) -> Result<Tensor, String> {
        let shape = self.shape()?;
        let size = shape
            .iter()
            .try_fold(1_usize, |all, size| all.checked_mul(*size));
        let size = size
            .filter(|size| *size <= MOST_VALUES)
            .ok_or_else(|| format!("has a shape of more than {MOST_VALUES} values: {shape:?}"))?;
        let (mut values, missing) = self.values()?;
        if values.len() < size {
            let last = values.last().cloned().unwrap_or(missing);
            values.resize(size, last);
        }
        Tensor::new(&shape, values)
    }

    fn shape(&self) -> Result<Vec<usize>, String> {
        let shape = self.shape.as_ref();
        if shape.is_some_and(|shape| shape.unknown_rank) {
            return Err("has no shape".into());
        }
        let dimensions = shape.map_or(&[][..], |shape| &shape.dimensions);
        let sizes = dimensions
            .iter()
            .map(|dimension| usize::try_from(dimension.size).ok());
        let sizes: Option<Vec<usize>> = sizes.collect();
        sizes.ok_or_else(|| "has a dimension of no size".into())
    }

    /// The values, and what stands for all of them where there are none.
    fn values(self) -> Result<(Vec<Cell>, Cell), String> {
        let (int, float) = (Cell::Integer(0), Cell::Float(0.0));
        let small = |value: i32| Cell::Integer(value.into());
        let content = &self.content;
        Ok(match self.dtype {
            1 => {
                let cell = |value| Cell::Float(f64::from(value));
                (
                    cells(content, self.floats, f32::from_le_bytes, cell)?,
                    float,
                )
            }
            2 => {
                let values = cells(content, self.doubles, f64::from_le_bytes, Cell::Float)?;
                (values, float)
            }
            3 => (cells(content, self.ints, i32::from_le_bytes, small)?, int),
            4 => {
                let of = |bytes| i32::from(u8::from_le_bytes(bytes));
                (cells(content, self.ints, of, small)?, int)
            }
            5 => {
                let of = |bytes| i32::from(i16::from_le_bytes(bytes));
                (cells(content, self.ints, of, small)?, int)
            }
            6 => {
                let of = |bytes| i32::from(i8::from_le_bytes(bytes));
                (cells(content, self.ints, of, small)?, int)
            }
            7 => {
                let values = self.strings.into_iter().map(Cell::of_bytes);
                (values.collect(), Cell::Text(String::new()))
            }
            9 => {
                let values = cells(content, self.longs, i64::from_le_bytes, Cell::Integer)?;
                (values, int)
            }
            10 => {
                let of = |[byte]: [u8; 1]| byte != 0;
                let values = cells(content, self.bools, of, Cell::Boolean)?;
                (values, Cell::Boolean(false))
            }
            14 => {
                let of = |bytes| i32::from(u16::from_le_bytes(bytes));
                // A bfloat16 is the upper half of a float.
                let cell =
                    |bits: i32| Cell::Float(f32::from_bits(bits.cast_unsigned() << 16).into());
                (cells(content, self.halves, of, cell)?, float)
            }
            17 => {
                let of = |bytes| i32::from(u16::from_le_bytes(bytes));
                (cells(content, self.ints, of, small)?, int)
            }
            19 => {
                let of = |bytes| i32::from(u16::from_le_bytes(bytes));
                let cell = |bits: i32| {
                    let bits = u16::try_from(bits & 0xffff).unwrap_or_default();
                    Cell::Float(Half::from_bits(bits).to_f64())
                };
                (cells(content, self.halves, of, cell)?, float)
            }
            22 => {
                let cell = |value: u32| Cell::Integer(value.into());
                let values = cells(content, self.unsigned_ints, u32::from_le_bytes, cell)?;
                (values, int)
            }
            23 => {
                let cell = |value: u64| match i64::try_from(value) {
                    Ok(value) => Cell::Integer(value),
                    Err(_) => Cell::Float(value as f64),
                };
                let values = cells(content, self.unsigned_longs, u64::from_le_bytes, cell)?;
                (values, int)
            }
            other => {
                return Err(format!(
                    "is of TensorFlow's type {other}, which is neither a number, a truth value \
                     nor text"
                ));
            }
        })
    }
}

/// The values of the content, or where it is empty of the list, as cells.
fn cells<T, const SIZE: usize>(
    content: &[u8],
    list: Vec<T>,
    of: impl Fn([u8; SIZE]) -> T,
    cell: impl Fn(T) -> Cell,
) -> Result<Vec<Cell>, String> {
    let (values, rest) = content.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(format!(
            "holds {} bytes, which are no values of {SIZE} bytes each",
            content.len()
        ));
    }
    if values.is_empty() {
        return Ok(list.into_iter().map(cell).collect());
    }
    Ok(values.iter().map(|bytes| cell(of(*bytes))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dtype: i32, sizes: &[i64]) -> TensorProto {
        let dimensions = sizes.iter().map(|size| Dimension { size: *size });
        TensorProto {
            dtype,
            shape: Some(Shape {
                dimensions: dimensions.collect(),
                unknown_rank: false,
            }),
            ..TensorProto::default()
        }
    }

    fn rows(tensor: TensorProto) -> Vec<Cell> {
        match tensor.tensor().unwrap() {
            Tensor::Rows(cells) => cells,
            Tensor::Scalar(cell) => vec![cell],
        }
    }

    #[test]
    fn every_kind_of_number_is_read_from_content_and_from_lists() {
        for (dtype, content, value) in [
            (1, &1.5_f32.to_le_bytes()[..], Cell::Float(1.5)),
            (2, &1.5_f64.to_le_bytes(), Cell::Float(1.5)),
            (3, &(-7_i32).to_le_bytes(), Cell::Integer(-7)),
            (4, &[200], Cell::Integer(200)),
            (5, &(-7_i16).to_le_bytes(), Cell::Integer(-7)),
            (6, &[0xf9], Cell::Integer(-7)),
            (9, &(-7_i64).to_le_bytes(), Cell::Integer(-7)),
            (10, &[1], Cell::Boolean(true)),
            // 1.5 is 0x3fc0 as bfloat16 and 0x3e00 as half.
            (14, &0x3fc0_u16.to_le_bytes(), Cell::Float(1.5)),
            (17, &60_000_u16.to_le_bytes(), Cell::Integer(60_000)),
            (19, &0x3e00_u16.to_le_bytes(), Cell::Float(1.5)),
            (
                22,
                &4_000_000_000_u32.to_le_bytes(),
                Cell::Integer(4_000_000_000),
            ),
            (23, &u64::MAX.to_le_bytes(), Cell::Float(u64::MAX as f64)),
        ] {
            let content = content.to_vec();
            let of_content = TensorProto {
                content,
                ..tensor(dtype, &[1])
            };
            assert_eq!(rows(of_content), [value], "type {dtype}");
        }
        let half = TensorProto {
            halves: vec![0x3e00],
            ..tensor(19, &[1])
        };
        assert_eq!(rows(half), [Cell::Float(1.5)]);
    }

    #[test]
    fn a_short_list_goes_on_with_its_last_value() {
        let ints = TensorProto {
            ints: vec![1, 2],
            ..tensor(3, &[4])
        };
        assert_eq!(rows(ints), [1, 2, 2, 2].map(Cell::Integer));
        assert_eq!(rows(tensor(1, &[2])), [0.0, 0.0].map(Cell::Float));
        assert_eq!(rows(tensor(7, &[])), [Cell::Text(String::new())]);
    }

    #[test]
    fn what_is_no_tensor_says_why() {
        let of = |tensor: TensorProto| tensor.tensor().unwrap_err();
        assert!(of(tensor(1, &[1 << 40])).contains("more than"));
        assert!(of(tensor(1, &[i64::MAX, i64::MAX])).contains("more than"));
        assert!(of(tensor(1, &[-1])).contains("dimension of no size"));
        assert!(of(tensor(8, &[1])).contains("type 8"));
        let cut = TensorProto {
            content: vec![1, 2, 3],
            ..tensor(1, &[1])
        };
        assert!(of(cut).contains("3 bytes"));
        let more = TensorProto {
            longs: vec![1, 2],
            ..tensor(9, &[1])
        };
        assert!(of(more).contains("holds 2 values"));
    }
}
