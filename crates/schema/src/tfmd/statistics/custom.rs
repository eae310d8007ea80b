//! Custom statistics: list lengths of inner levels, sparse and weighted features, and
//! what further statistics give.

use super::histogram;
use crate::tfmd::{CustomStatistic, custom_statistic::Val};
use driftline_statistics::features::{
    self, Composite, Counted, CustomValue, DatasetStatistics, FeatureOptions, FeaturePath,
    FeatureStatistics,
};

pub(super) fn message(statistic: features::CustomStatistic) -> CustomStatistic {
    let value = match statistic.value {
        CustomValue::Number(number) => Val::Num(number),
        CustomValue::Text(text) => Val::Str(text),
        CustomValue::Histogram(found) => Val::Histogram(histogram::message(&found)),
        CustomValue::Ranks { labels, numbered } => {
            Val::RankHistogram(histogram::ranks(&labels, numbered))
        }
        CustomValue::Message { type_name, bytes } => Val::Any(prost_types::Any {
            type_url: format!("type.googleapis.com/{type_name}"),
            value: bytes,
        }),
    };
    CustomStatistic {
        name: statistic.name,
        val: Some(value),
    }
}

/// Lengths of the lists at the levels below the first, whose own are in the common
/// statistics; nothing where no value told a type.
pub(super) fn list_lengths(
    feature: &FeatureStatistics,
    options: &FeatureOptions,
) -> Vec<CustomStatistic> {
    let presence = &feature.presence;
    if presence.feature_type.is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let buckets = options.length_buckets;
    for (depth, level) in presence.levels.iter().enumerate().skip(1) {
        let both = [
            ("quantiles", level.length_quantiles(buckets)),
            ("standard", level.length_standard(buckets)),
        ];
        for (kind, histogram) in both {
            found.extend(histogram.map(|histogram| CustomStatistic {
                name: format!("level_{}_value_list_length_{kind}", depth + 1),
                val: Some(Val::Histogram(histogram::message(&histogram))),
            }));
        }
    }
    found
}

/// The statistics of sparse features, then of weighted ones.
pub(super) fn composites(
    statistics: &DatasetStatistics,
) -> Vec<(FeaturePath, Vec<CustomStatistic>)> {
    let claims = &statistics.options().claims;
    let (sparse, weighted) = statistics
        .composites()
        .split_at(claims.sparse.len().min(statistics.composites().len()));
    let sparse = claims.sparse.iter().zip(sparse);
    let weighted = claims.weighted.iter().zip(weighted);
    sparse
        .map(|(feature, found)| (feature.path.clone(), of_sparse(found)))
        .chain(weighted.map(|(feature, found)| (feature.path.clone(), of_weighted(found))))
        .collect()
}

fn of_sparse(found: &Composite) -> Vec<CustomStatistic> {
    let by_index = |name: &str, value: &dyn Fn(&features::composite::Part) -> f64| {
        let labels = found.parts.iter().map(|(path, part)| Counted {
            label: path.last().to_owned(),
            count: value(part),
        });
        CustomStatistic {
            name: name.to_owned(),
            val: Some(Val::RankHistogram(histogram::ranks(
                &labels.collect::<Vec<_>>(),
                false,
            ))),
        }
    };
    vec![
        number("missing_value", found.missing_value as f64),
        by_index("missing_index", &|part| part.missing as f64),
        by_index("max_length_diff", &|part| part.max_difference() as f64),
        by_index("min_length_diff", &|part| part.min_difference() as f64),
    ]
}

fn of_weighted(found: &Composite) -> Vec<CustomStatistic> {
    let part = found.parts.values().next().cloned().unwrap_or_default();
    vec![
        number("missing_weight", part.missing as f64),
        number("missing_value", found.missing_value as f64),
        number("min_weight_length_diff", part.min_difference() as f64),
        number("max_weight_length_diff", part.max_difference() as f64),
    ]
}

fn number(name: &str, value: f64) -> CustomStatistic {
    CustomStatistic {
        name: name.to_owned(),
        val: Some(Val::Num(value)),
    }
}
