//! Sparse and weighted features: parts that have to be there together, equally long.

use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::custom_statistic::Val;
use crate::tfmd::number_text::six_digits;
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{CustomStatistic, LifecycleStage, SparseFeature, WeightedFeature};

/// The names under which the profile writes its custom statistics.
pub(crate) mod statistic {
    pub(crate) const MISSING_VALUE: &str = "missing_value";
    pub(crate) const MISSING_INDEX: &str = "missing_index";
    pub(crate) const MAX_LENGTH_DIFF: &str = "max_length_diff";
    pub(crate) const MIN_LENGTH_DIFF: &str = "min_length_diff";
    pub(crate) const MISSING_WEIGHT: &str = "missing_weight";
    pub(crate) const MAX_WEIGHT_LENGTH_DIFF: &str = "max_weight_length_diff";
    pub(crate) const MIN_WEIGHT_LENGTH_DIFF: &str = "min_weight_length_diff";
}

fn number(custom: &CustomStatistic) -> f64 {
    match custom.val {
        Some(Val::Num(number)) => number,
        _ => 0.0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "these are counts; a part of one is none"
)]
fn whole(number: f64) -> i64 {
    number as i64
}

/// What an index feature counts, by its name.
fn by_index(custom: &CustomStatistic) -> impl Iterator<Item = (&str, i64)> {
    let buckets = match &custom.val {
        Some(Val::RankHistogram(histogram)) => histogram.buckets.as_slice(),
        _ => &[],
    };
    buckets
        .iter()
        .map(|bucket| (bucket.label.as_str(), whole(bucket.sample_count)))
        .filter(|&(_, number)| number != 0)
}

pub(crate) fn update_sparse(view: FeatureView<'_>, sparse: &mut SparseFeature) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for custom in view.custom() {
        match custom.name.as_str() {
            statistic::MISSING_VALUE if number(custom) != 0.0 => reasons.push(reason(
                Type::SparseFeatureMissingValue,
                "Missing value feature",
                format!(
                    "Found {} examples missing value feature",
                    six_digits(number(custom))
                ),
            )),
            statistic::MISSING_INDEX => reasons.extend(by_index(custom).map(|(index, count)| {
                reason(
                    Type::SparseFeatureMissingIndex,
                    "Missing index feature",
                    format!("Found {count} examples missing index feature: {index}"),
                )
            })),
            name @ (statistic::MAX_LENGTH_DIFF | statistic::MIN_LENGTH_DIFF) => {
                reasons.extend(by_index(custom).map(|(index, difference)| {
                    reason(
                        Type::SparseFeatureLengthMismatch,
                        "Length mismatch between value and index feature",
                        format!(
                            "Mismatch between index feature: {index} and value column, with \
                             {name} = {difference}"
                        ),
                    )
                }));
            }
            // Statistics of a later version say more; that is no anomaly.
            _ => {}
        }
    }
    if !reasons.is_empty() {
        sparse.set_lifecycle_stage(LifecycleStage::Deprecated);
    }
    reasons
}

pub(crate) fn update_weighted(
    view: FeatureView<'_>,
    weighted: &mut WeightedFeature,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let (mut min_diff, mut max_diff) = (0, 0);
    for custom in view.custom() {
        let number = number(custom);
        if number == 0.0 {
            continue;
        }
        match custom.name.as_str() {
            statistic::MISSING_VALUE => reasons.push(reason(
                Type::WeightedFeatureMissingValue,
                "Missing value feature",
                format!(
                    "Found {} examples missing value feature.",
                    six_digits(number)
                ),
            )),
            statistic::MISSING_WEIGHT => reasons.push(reason(
                Type::WeightedFeatureMissingWeight,
                "Missing weight feature",
                format!(
                    "Found {} examples missing weight feature.",
                    six_digits(number)
                ),
            )),
            statistic::MIN_WEIGHT_LENGTH_DIFF => min_diff = whole(number),
            statistic::MAX_WEIGHT_LENGTH_DIFF => max_diff = whole(number),
            _ => {}
        }
    }
    if min_diff != 0 || max_diff != 0 {
        reasons.push(reason(
            Type::WeightedFeatureLengthMismatch,
            "Length mismatch between value and weight feature",
            format!(
                "Mismatch between weight and value feature with {} = {min_diff} and {} = \
                 {max_diff}.",
                statistic::MIN_WEIGHT_LENGTH_DIFF,
                statistic::MAX_WEIGHT_LENGTH_DIFF
            ),
        ));
    }
    if !reasons.is_empty() {
        weighted.set_lifecycle_stage(LifecycleStage::Deprecated);
    }
    reasons
}
