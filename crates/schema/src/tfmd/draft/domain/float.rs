//! Floating-point numbers, also as text. Bounds are of single precision.

use crate::tfmd::FloatDomain;
use crate::tfmd::anomaly_info::Type;
use crate::tfmd::feature_name_statistics::Type as Kind;
use crate::tfmd::number_text::six_digits;
use crate::tfmd::reason::{Repair, reason};
use crate::tfmd::view::FeatureView;

const OUT_OF_RANGE: &str = "Out-of-range values";
const INVALID: &str = "Invalid values";

/// What the values are.
enum Values {
    Range(f32, f32),
    /// One of them that is no number.
    NotFloat(String),
}

/// The range of the values; none where there are none, or where they are of another type.
fn values(view: FeatureView<'_>) -> Option<Values> {
    match view.kind() {
        Ok(Kind::Float) => {
            let (min, max) = view.range();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the bounds are of single precision"
            )]
            Some(Values::Range(min as f32, max as f32))
        }
        Ok(Kind::Bytes | Kind::String) => {
            let mut range: Option<(f32, f32)> = None;
            for label in view.string_counts().into_keys() {
                let Some(value) = parse(label) else {
                    return Some(Values::NotFloat(label.to_owned()));
                };
                // A comparison with NaN is false: it stays only where it came first.
                range = Some(match range {
                    None => (value, value),
                    Some((min, max)) => (
                        if min > value { value } else { min },
                        if max < value { value } else { max },
                    ),
                });
            }
            range.map(|(min, max)| Values::Range(min, max))
        }
        _ => None,
    }
}

/// A number of single precision, blanks around it allowed.
fn parse(text: &str) -> Option<f32> {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}')
        .parse()
        .ok()
}

fn has_nan(view: FeatureView<'_>) -> bool {
    match view.kind() {
        Ok(Kind::Float) => view.numeric().is_some_and(|numeric| {
            numeric
                .histograms
                .iter()
                .any(|histogram| histogram.num_nan > 0)
        }),
        Ok(Kind::String) => view
            .string_counts()
            .into_keys()
            .any(|label| parse(label).is_some_and(f32::is_nan)),
        _ => false,
    }
}

pub(crate) fn update(view: FeatureView<'_>, domain: &mut FloatDomain) -> Repair {
    let mut repair = Repair::default();
    if domain.disallow_nan() && has_nan(view) {
        repair.reasons.push(reason(
            Type::FloatTypeHasNan,
            INVALID,
            "Float feature has NaN values.",
        ));
        domain.disallow_nan = Some(false);
    }
    match values(view) {
        Some(Values::NotFloat(example)) => {
            repair.reasons.push(reason(
                Type::FloatTypeStringNotFloat,
                INVALID,
                format!("String values that were not floats were found, such as \"{example}\"."),
            ));
            repair.clear = true;
        }
        Some(Values::Range(min, max)) => {
            if let Some(bound) = domain.min
                && min < bound
            {
                repair.reasons.push(reason(
                    Type::FloatTypeSmallFloat,
                    OUT_OF_RANGE,
                    format!(
                        "Unexpectedly low values: {}<{}(upto six significant digits)",
                        six_digits(f64::from(min)),
                        six_digits(f64::from(bound))
                    ),
                ));
                domain.min = Some(min);
            }
            if let Some(bound) = domain.max
                && max > bound
            {
                repair.reasons.push(reason(
                    Type::FloatTypeBigFloat,
                    OUT_OF_RANGE,
                    format!(
                        "Unexpectedly high value: {}>{}(upto six significant digits)",
                        six_digits(f64::from(max)),
                        six_digits(f64::from(bound))
                    ),
                ));
                domain.max = Some(max);
            }
            if domain.disallow_inf() && (min.is_infinite() || max.is_infinite()) {
                repair.reasons.push(reason(
                    Type::FloatTypeHasInf,
                    INVALID,
                    "Float feature has Inf values.",
                ));
                domain.disallow_inf = Some(false);
            }
        }
        None => {}
    }
    repair
}
