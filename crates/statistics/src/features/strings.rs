//! Lengths of strings, and of bytes that a schema says are opaque.

use super::nested::{FeatureRows, each_bytes};
use arrow_array::{Array, cast::AsArray, types};
use arrow_schema::DataType;

/// Lengths of the values of a feature, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strings {
    /// Bytes of all values; of numbers that are categories, those of their text.
    pub bytes: u64,
    /// Values that are no valid UTF-8.
    pub invalid_utf8: u64,
    /// Bytes of the shortest value.
    pub min_bytes: Option<u64>,
    /// Bytes of the longest value.
    pub max_bytes: Option<u64>,
}

impl Strings {
    /// Adds the values of rows.
    pub fn update(&mut self, rows: &FeatureRows<'_>) {
        let values = &rows.nested.values;
        match values.data_type() {
            DataType::Int64 => {
                let values = values.as_primitive::<types::Int64Type>();
                values
                    .iter()
                    .flatten()
                    .for_each(|v| self.see_text(&v.to_string()));
            }
            DataType::UInt64 => {
                let values = values.as_primitive::<types::UInt64Type>();
                values
                    .iter()
                    .flatten()
                    .for_each(|v| self.see_text(&v.to_string()));
            }
            DataType::Float64 => {
                let values = values.as_primitive::<types::Float64Type>();
                values
                    .iter()
                    .flatten()
                    .for_each(|v| self.see_text(&float_text(v)));
            }
            _ => each_bytes(values, &mut |_, bytes| {
                self.see_length(bytes.len() as u64);
                self.invalid_utf8 += u64::from(std::str::from_utf8(bytes).is_err());
            }),
        }
    }

    fn see_text(&mut self, text: &str) {
        self.see_length(text.len() as u64);
    }

    fn see_length(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.min_bytes = Some(self.min_bytes.map_or(bytes, |min| min.min(bytes)));
        self.max_bytes = self.max_bytes.max(Some(bytes));
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.invalid_utf8 += other.invalid_utf8;
        self.min_bytes = [self.min_bytes, other.min_bytes]
            .into_iter()
            .flatten()
            .min();
        self.max_bytes = self.max_bytes.max(other.max_bytes);
    }
}

/// A double as Python writes it: the shortest text that reads back as the same number,
/// with an exponent from 1e16 on and below 1e-4.
pub(crate) fn float_text(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        if value.is_nan() {
            "nan".into()
        } else if value > 0.0 {
            "inf".into()
        } else {
            "-inf".into()
        }
    } else if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, places) = match exponent.strip_prefix('-') {
                    Some(places) => ('-', places),
                    None => ('+', exponent),
                };
                format!("{digits}e{sign}{places:0>2}")
            }
            None => text,
        }
    } else {
        format!("{value:?}")
    }
}

/// A double with six significant digits, as C's `%g` writes it: the label that TFDV
/// gives to a category that is a floating-point number.
pub fn six_digits(value: f64) -> String {
    if !value.is_finite() {
        return float_text(value);
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.into();
    }
    let scientific = format!("{value:.5e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or(0);
        trimmed(&format!("{value:.places$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_python_and_c_write_them() {
        for (value, python, c) in [
            (1.0, "1.0", "1"),
            (0.1, "0.1", "0.1"),
            (1e16, "1e+16", "1e+16"),
            (1.5e-5, "1.5e-05", "1.5e-05"),
            (123_456_789.0, "123456789.0", "1.23457e+08"),
            (0.000_123_456_7, "0.0001234567", "0.000123457"),
            (f64::INFINITY, "inf", "inf"),
            (-2.5, "-2.5", "-2.5"),
        ] {
            assert_eq!(
                (float_text(value), six_digits(value)),
                (python.into(), c.into())
            );
        }
    }
}
