//! How many distinct values a feature may have.

use crate::tfmd::Feature;
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;

/// Widens the bounds to what was counted. As in TFDV a bound that is not set is zero, so
/// that a constraint without `max` allows no value at all.
pub(crate) fn update(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let Some(bounds) = &mut feature.unique_constraints else {
        return Vec::new();
    };
    let Some(distinct) = view.distinct() else {
        feature.unique_constraints = None;
        return vec![reason(
            Type::FeatureTypeNoUnique,
            "No unique values",
            "UniqueConstraints specified for the feature, but unique values were not counted \
             (i.e., feature is not string or categorical).",
        )];
    };
    let distinct = i64::try_from(distinct).unwrap_or(i64::MAX);
    let mut reasons = Vec::new();
    if distinct < bounds.min() {
        reasons.push(reason(
            Type::FeatureTypeLowUnique,
            "Low number of unique values",
            format!(
                "Expected at least {} unique values but found only {distinct}.",
                bounds.min()
            ),
        ));
        bounds.min = Some(distinct);
    }
    if distinct > bounds.max() {
        reasons.push(reason(
            Type::FeatureTypeHighUnique,
            "High number of unique values",
            format!(
                "Expected no more than {} unique values but found {distinct}.",
                bounds.max()
            ),
        ));
        bounds.max = Some(distinct);
    }
    reasons
}
