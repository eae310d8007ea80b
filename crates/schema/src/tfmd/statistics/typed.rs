//! The message of a feature, by the type of its values.

use super::{common::common, custom, histogram, path_message, strings};
use crate::tfmd::{
    CommonStatistics, FeatureNameStatistics, NumericStatistics, StructStatistics,
    WeightedNumericStatistics,
    feature_name_statistics::{FieldId, Stats, Type},
};
use driftline_statistics::features::{
    DatasetStatistics, FeatureOptions, FeatureStatistics, FeatureType, Histogram, HistogramKind,
    Numbers,
};

pub(super) fn feature(
    statistics: &DatasetStatistics,
    feature: &FeatureStatistics,
    parent: Option<&FeatureStatistics>,
) -> FeatureNameStatistics {
    let options = statistics.options();
    let claims = &options.claims;
    let common = common(statistics, feature, parent);
    let bytes = claims.bytes.contains(&feature.path);
    let kind = match feature.presence.feature_type {
        Some(FeatureType::Int) => Type::Int,
        Some(FeatureType::Float) => Type::Float,
        Some(FeatureType::Struct) => Type::Struct,
        // No message says that nothing is known: a string, unless the schema says bytes.
        Some(FeatureType::String) | None if bytes => Type::Bytes,
        Some(FeatureType::String) | None => Type::String,
    };
    let category = match kind {
        Type::Int => claims.categorical_int.contains(&feature.path),
        Type::Float => claims.categorical_float.contains(&feature.path),
        Type::String => true,
        Type::Bytes | Type::Struct => false,
    };
    let stats = match kind {
        Type::Bytes => {
            let found = feature.strings.clone().unwrap_or_default();
            Stats::BytesStats(strings::bytes(&found, common))
        }
        Type::Struct => Stats::StructStats(StructStatistics {
            common_stats: Some(common),
        }),
        _ if category => {
            let found = feature.strings.clone().unwrap_or_default();
            Stats::StringStats(strings::strings(&found, common))
        }
        _ => Stats::NumStats(numeric(feature.numbers.as_ref(), common, options)),
    };
    FeatureNameStatistics {
        field_id: Some(FieldId::Path(path_message(&feature.path))),
        r#type: kind.into(),
        stats: Some(stats),
        custom_stats: custom::list_lengths(feature, options),
        ..FeatureNameStatistics::default()
    }
}

fn numeric(
    numbers: Option<&Numbers>,
    common: CommonStatistics,
    options: &FeatureOptions,
) -> NumericStatistics {
    let mut message = NumericStatistics {
        common_stats: Some(common),
        ..NumericStatistics::default()
    };
    let Some(numbers) = numbers else {
        return message;
    };
    if numbers.count == 0 {
        if numbers.nan > 0 {
            let only_nan = [HistogramKind::Standard, HistogramKind::Quantiles].map(|kind| {
                histogram::message(&Histogram {
                    kind,
                    nan: numbers.nan,
                    buckets: Vec::new(),
                })
            });
            message.histograms = only_nan.to_vec();
        }
        return message;
    }
    message.mean = numbers.moments.mean();
    message.std_dev = numbers.moments.standard_deviation();
    message.num_zeros = numbers.zeros;
    message.min = numbers.min;
    message.max = numbers.max;
    let (standard, quantiles) = (options.standard_buckets, options.quantile_buckets);
    // Without histograms there is no median either, and 0 would be a claim.
    message.median = f64::NAN;
    if let Some(found) = numbers.distribution(standard, quantiles) {
        message.median = found.median;
        message.histograms = vec![
            histogram::message(&found.standard),
            histogram::message(&found.quantiles),
        ];
    }
    if let Some(moments) = numbers.weighted_moments() {
        let mut weighted = WeightedNumericStatistics {
            mean: moments.mean(),
            std_dev: moments.standard_deviation(),
            ..WeightedNumericStatistics::default()
        };
        if let Some(found) = numbers.weighted_distribution(standard, quantiles) {
            weighted.median = found.median;
            weighted.histograms = vec![
                histogram::message(&found.standard),
                histogram::message(&found.quantiles),
            ];
        }
        message.weighted_numeric_stats = Some(weighted);
    }
    message
}
