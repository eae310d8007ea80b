//! How many values an example may have, at each level of nesting.

use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::feature::ShapeType;
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{Feature, ValueCount, ValueCountList};

const MISSING: &str = "Missing values";
const SUPERFLUOUS: &str = "Superfluous values";
const NESTEDNESS: &str = "Mismatched value nest level";

/// The lengths that the statistics show: both bounds where all lists are equally long,
/// at least one value where none is empty, else nothing.
pub(crate) fn infer(view: FeatureView<'_>) -> Option<ShapeType> {
    let bounds = |(min, max): (i64, i64)| {
        if min <= 0 {
            ValueCount::default()
        } else if min == max {
            ValueCount {
                min: Some(min),
                max: Some(max),
            }
        } else {
            ValueCount {
                min: Some(1),
                max: None,
            }
        }
    };
    let lengths = view.lengths_at_each_level();
    if view.is_nested() {
        return Some(ShapeType::ValueCounts(ValueCountList {
            value_count: lengths.into_iter().map(bounds).collect(),
        }));
    }
    match lengths.as_slice() {
        [only @ (min, _)] if *min > 0 => Some(ShapeType::ValueCount(bounds(*only))),
        _ => None,
    }
}

pub(crate) fn update(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let lengths = view.lengths_at_each_level();
    match &mut feature.shape_type {
        Some(ShapeType::ValueCount(bounds)) => {
            let [only] = lengths.as_slice() else {
                feature.shape_type = infer(view);
                return vec![reason(
                    Type::ValueNestednessMismatch,
                    NESTEDNESS,
                    "This feature has a value_count, but the nestedness level of the feature > 1. \
                     For features with nestedness levels greater than 1, value_counts, not \
                     value_count, should be specified.",
                )];
            };
            widen(*only, bounds, "")
        }
        Some(ShapeType::ValueCounts(levels)) => {
            if levels.value_count.len() != lengths.len() {
                feature.shape_type = infer(view);
                return vec![reason(
                    Type::ValueNestednessMismatch,
                    NESTEDNESS,
                    "The values have a different nest level than expected. Value counts will not \
                     be checked.",
                )];
            }
            levels
                .value_count
                .iter_mut()
                .zip(lengths)
                .enumerate()
                .flat_map(|(level, (bounds, found))| {
                    widen(found, bounds, &format!(" at nestedness level {level}"))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn widen((min, max): (i64, i64), bounds: &mut ValueCount, level: &str) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if bounds.min.is_some_and(|expected| min < expected) {
        reasons.push(reason(
            Type::FeatureTypeLowNumberValues,
            MISSING,
            format!("Some examples have fewer values than expected{level}."),
        ));
        bounds.min = (min != 0).then_some(min);
    }
    if bounds.max.is_some_and(|expected| max > expected) {
        reasons.push(reason(
            Type::FeatureTypeHighNumberValues,
            SUPERFLUOUS,
            format!("Some examples have more values than expected{level}."),
        ));
        bounds.max = Some(max);
    }
    reasons
}
