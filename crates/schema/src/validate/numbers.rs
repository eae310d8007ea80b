//! Numbers: ranges, booleans, and what is not finite.

use super::Check;
use crate::{AnomalyType, Bounds, Column, Number};
use driftline_statistics::{NumericProfile, ValueType};

impl Check<'_> {
    pub(super) fn numbers(&mut self, column: &Column, found: ValueType, numeric: &NumericProfile) {
        let integer = found == ValueType::Integer;
        if column.boolean.is_some() {
            self.boolean_numbers(integer, numeric);
        }
        if !matches!(found, ValueType::Integer | ValueType::Float) {
            return;
        }
        if let Some(range) = column.range {
            // Infinities are counted apart and lie outside every range.
            let least = if numeric.negative_infinity > 0 {
                Some(f64::NEG_INFINITY)
            } else {
                numeric.min()
            };
            let greatest = if numeric.positive_infinity > 0 {
                Some(f64::INFINITY)
            } else {
                numeric.max()
            };
            self.outside_range(integer, range, (least, greatest));
        }
        if column.disallow_nan && numeric.nan > 0 {
            self.not_a_number(numeric.nan);
        }
        let infinite = numeric.positive_infinity + numeric.negative_infinity;
        if column.disallow_inf && infinite > 0 {
            self.infinite(infinite);
        }
    }

    pub(super) fn not_a_number(&mut self, count: u64) {
        self.raise_numbers(
            AnomalyType::FloatTypeHasNan,
            "NaN",
            format!("NaN is not allowed, and {} it", have(count)),
            (0.0, count as f64),
        );
    }

    pub(super) fn infinite(&mut self, count: u64) {
        self.raise_numbers(
            AnomalyType::FloatTypeHasInf,
            "infinity",
            format!("infinities are not allowed, and {} one", have(count)),
            (0.0, count as f64),
        );
    }

    /// Raises what the least and the greatest value break of a range.
    pub(super) fn outside_range(
        &mut self,
        integer: bool,
        range: Bounds<Number>,
        (least, greatest): (Option<f64>, Option<f64>),
    ) {
        let low = (range.min.zip(least)).filter(|(min, value)| *value < min.as_f64());
        let high = (range.max.zip(greatest)).filter(|(max, value)| *value > max.as_f64());
        if let Some((min, least)) = low {
            let kind = if integer {
                AnomalyType::IntTypeSmallInt
            } else {
                AnomalyType::FloatTypeSmallFloat
            };
            self.raise_numbers(
                kind,
                "value too small",
                format!("the least value is {least}, below the minimum of {min}"),
                (min.as_f64(), least),
            );
        }
        if let Some((max, greatest)) = high {
            let kind = if integer {
                AnomalyType::IntTypeBigInt
            } else {
                AnomalyType::FloatTypeBigFloat
            };
            self.raise_numbers(
                kind,
                "value too large",
                format!("the greatest value is {greatest}, above the maximum of {max}"),
                (max.as_f64(), greatest),
            );
        }
    }

    fn boolean_numbers(&mut self, integer: bool, numeric: &NumericProfile) {
        let (min, max) = (numeric.min(), numeric.max());
        if integer {
            if let Some(min) = min.filter(|&min| min < 0.0) {
                self.raise_numbers(
                    AnomalyType::BoolTypeSmallInt,
                    "not 0 or 1",
                    format!("the least value is {min}, below 0, in a column of 0 and 1"),
                    (0.0, min),
                );
            }
            if let Some(max) = max.filter(|&max| max > 1.0) {
                self.raise_numbers(
                    AnomalyType::BoolTypeBigInt,
                    "not 0 or 1",
                    format!("the greatest value is {max}, above 1, in a column of 0 and 1"),
                    (1.0, max),
                );
            }
            return;
        }
        let is_boolean = |value: f64| [0.0, 1.0].contains(&value);
        let view = numeric.quantiles();
        let odd = min
            .into_iter()
            .chain(max)
            .chain(view.values().map(|(value, _)| value))
            .find(|&value| !is_boolean(value));
        let description = match odd {
            Some(value) => format!("there is {value} in a column of 0 and 1"),
            None if numeric.non_finite() > 0 => {
                format!(
                    "{} NaN or an infinity in a column of 0 and 1",
                    have(numeric.non_finite())
                )
            }
            None => return,
        };
        let anomaly = self.raise(
            AnomalyType::BoolTypeUnexpectedFloat,
            "not 0 or 1",
            description,
        );
        anomaly.actual = odd.filter(|value| value.is_finite());
    }
}

fn have(count: u64) -> String {
    if count == 1 {
        "1 row has".to_owned()
    } else {
        format!("{count} rows have")
    }
}
