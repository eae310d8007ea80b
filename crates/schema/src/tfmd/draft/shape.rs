//! A fixed shape: the same number of values in every example.

use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::feature::ShapeType;
use crate::tfmd::fixed_shape::Dim;
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{Feature, FeatureType, FixedShape};

const DROPPED: &str = "Feature shape dropped";

/// The shape that the statistics show: nothing missing at any level, and all lists of a
/// level equally long.
pub(crate) fn infer(view: FeatureView<'_>) -> Option<FixedShape> {
    if view.feature_type() == FeatureType::Struct {
        return None;
    }
    let lengths = view.lengths_at_each_level();
    let missing = view.missing_at_each_level();
    let fixed = lengths.len() == missing.len()
        && missing.iter().all(|&missing| missing == 0.0)
        && lengths.iter().all(|&(min, max)| min == max && min > 0);
    fixed.then(|| FixedShape {
        dim: lengths
            .into_iter()
            .map(|(length, _)| Dim {
                size: Some(length),
                name: None,
            })
            .collect(),
    })
}

/// Drops a shape that the statistics do not have. Lengths are not inferred in its stead:
/// they need not hold for the data that the schema was made from.
pub(crate) fn update(
    view: FeatureView<'_>,
    absence_is_allowed: bool,
    feature: &mut Feature,
) -> Vec<Reason> {
    let Some(ShapeType::Shape(shape)) = &feature.shape_type else {
        return Vec::new();
    };
    let expected = shape
        .dim
        .iter()
        .fold(1_i64, |product, dim| product.saturating_mul(dim.size()));
    let actual = view
        .lengths_at_each_level()
        .into_iter()
        .try_fold(1_i64, |product, (min, max)| {
            (min == max && min != 0).then(|| product.saturating_mul(min))
        });
    let missing = !absence_is_allowed
        && view
            .missing_at_each_level()
            .iter()
            .any(|&missing| missing != 0.0);
    let description = match actual {
        Some(actual) if !missing => {
            if actual == expected {
                return Vec::new();
            }
            format!(
                "The feature has fixed value length {actual} but it's not compatible with the \
                 specified shape."
            )
        }
        _ => "The feature has a shape, but it's not always present (if the feature is nested, \
              then it should always be present at each nested level) or its value lengths vary."
            .to_owned(),
    };
    feature.shape_type = None;
    vec![reason(Type::InvalidFeatureShape, DROPPED, description)]
}
