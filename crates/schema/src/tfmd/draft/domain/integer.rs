//! Whole numbers, also as text.

use crate::tfmd::anomaly_info::Type;
use crate::tfmd::feature_name_statistics::Type as Kind;
use crate::tfmd::number_text::six_decimals;
use crate::tfmd::reason::{Repair, reason};
use crate::tfmd::view::FeatureView;
use crate::tfmd::{FeatureType, IntDomain};

const OUT_OF_RANGE: &str = "Out-of-range values";
const INVALID: &str = "Invalid values";

/// What the values are.
enum Values {
    Range(i64, i64),
    /// One of them that is no whole number of 64 bits.
    NotInteger(String),
}

/// The range of the values; none where there are none, or where they are of another type.
fn values(view: FeatureView<'_>) -> Option<Values> {
    let labels = view.string_counts();
    match view.kind() {
        Ok(Kind::Int) if labels.is_empty() => {
            let (min, max) = view.range();
            // Beyond 64 bits a bound of 64 bits says nothing. 2^63 is the first double
            // that is too large.
            let limit = 2.0_f64.powi(63);
            if min < -limit {
                return Some(Values::NotInteger(six_decimals(min)));
            }
            if max > limit {
                return Some(Values::NotInteger(six_decimals(max)));
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked above; the cast saturates at the very limit"
            )]
            Some(Values::Range(min as i64, max as i64))
        }
        Ok(Kind::Int | Kind::Bytes | Kind::String) => {
            let mut range: Option<(i64, i64)> = None;
            for label in labels.into_keys() {
                let Some(value) = parse(label) else {
                    return Some(Values::NotInteger(label.to_owned()));
                };
                range = Some(range.map_or((value, value), |(min, max)| {
                    (min.min(value), max.max(value))
                }));
            }
            range.map(|(min, max)| Values::Range(min, max))
        }
        _ => None,
    }
}

/// A whole number of 64 bits, blanks around it allowed.
fn parse(text: &str) -> Option<i64> {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}')
        .parse()
        .ok()
}

/// Whether these are strings, and all of them whole numbers.
pub(crate) fn is_candidate(view: FeatureView<'_>) -> bool {
    view.kind() == Ok(Kind::String)
        && !view.has_invalid_utf8()
        && matches!(values(view), Some(Values::Range(..)))
}

pub(crate) fn update(view: FeatureView<'_>, domain: &mut IntDomain) -> Repair {
    let mut repair = Repair::default();
    match values(view) {
        Some(Values::NotInteger(example)) => match view.feature_type() {
            FeatureType::Bytes => {
                repair.reasons.push(reason(
                    Type::IntTypeNotIntString,
                    INVALID,
                    format!("String values that were not ints were found, such as \"{example}\"."),
                ));
                repair.clear = true;
            }
            // A domain without bounds allows any.
            _ if domain.min.is_some() || domain.max.is_some() => {
                repair.reasons.push(reason(
                    Type::DomainInvalidForType,
                    INVALID,
                    format!("Integer had values that were not valid Int64, such as \"{example}\"."),
                ));
                repair.clear = true;
            }
            _ => {}
        },
        Some(Values::Range(min, max)) => {
            if domain.min.is_some_and(|bound| bound > min) {
                repair.reasons.push(reason(
                    Type::IntTypeSmallInt,
                    OUT_OF_RANGE,
                    format!("Unexpectedly small value: {min}."),
                ));
                domain.min = Some(min);
            }
            if domain.max.is_some_and(|bound| bound < max) {
                repair.reasons.push(reason(
                    Type::IntTypeBigInt,
                    OUT_OF_RANGE,
                    format!("Unexpectedly large value: {max}."),
                ));
                domain.max = Some(max);
            }
        }
        None => {}
    }
    repair
}
