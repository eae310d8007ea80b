//! Strings, opaque bytes, and the most frequent values.

use super::histogram;
use crate::tfmd::{
    BytesStatistics, CommonStatistics, CustomStatistic, FeatureNameStatistics, RankHistogram,
    StringStatistics, WeightedStringStatistics, custom_statistic::Val,
    feature_name_statistics::Stats, string_statistics::FreqAndValue,
};
use driftline_statistics::features::{Counted, FeatureOptions, Strings, Tokens};

pub(super) fn strings(strings: &Strings, common: CommonStatistics) -> StringStatistics {
    StringStatistics {
        avg_length: average(strings.bytes, common.tot_num_values),
        invalid_utf8_count: strings.invalid_utf8,
        common_stats: Some(common),
        ..StringStatistics::default()
    }
}

pub(super) fn bytes(strings: &Strings, common: CommonStatistics) -> BytesStatistics {
    let longest = strings.max_bytes.unwrap_or(0);
    BytesStatistics {
        avg_num_bytes: average(strings.bytes, common.tot_num_values),
        min_num_bytes: strings.min_bytes.unwrap_or(0) as f32,
        max_num_bytes: longest as f32,
        max_num_bytes_int: i64::try_from(longest).unwrap_or(i64::MAX),
        common_stats: Some(common),
        ..BytesStatistics::default()
    }
}

fn average(bytes: u64, values: u64) -> f32 {
    if values > 0 {
        (bytes as f64 / values as f64) as f32
    } else {
        0.0
    }
}

/// Adds distinct and top values to a feature's string statistics, or, where the options
/// say so, to its custom statistics.
pub(super) fn add_tokens(
    feature: &mut FeatureNameStatistics,
    tokens: &Tokens,
    options: &FeatureOptions,
) {
    let limit = options.top_values.max(options.rank_buckets);
    let top = tokens.top(limit, options.frequency_threshold as f64).values;
    let weighted = tokens.weighted_top(limit, options.weighted_frequency_threshold);
    let (unique, _) = tokens.distinct();
    let ranks = |values: &[Counted]| {
        histogram::ranks(&values[..values.len().min(options.rank_buckets)], true)
    };
    if options.tokens_as_custom {
        let custom = |name: &str, value: Val| CustomStatistic {
            name: name.to_owned(),
            val: Some(value),
        };
        let custom_stats = &mut feature.custom_stats;
        let of_top = Val::RankHistogram(ranks(&top));
        custom_stats.push(custom("topk_sketch_rank_histogram", of_top));
        if let Some(weighted) = weighted {
            let of_weighted = Val::RankHistogram(ranks(&weighted.values));
            custom_stats.push(custom("weighted_topk_sketch_rank_histogram", of_weighted));
        }
        custom_stats.push(custom(
            "uniques_sketch_num_uniques",
            Val::Num(unique as f64),
        ));
        return;
    }
    if !matches!(feature.stats, Some(Stats::StringStats(_))) {
        feature.stats = Some(Stats::StringStats(StringStatistics::default()));
    }
    let Some(Stats::StringStats(strings)) = &mut feature.stats else {
        unreachable!("set above");
    };
    strings.unique = unique;
    strings.rank_histogram = some(ranks(&top));
    strings.top_values = frequencies(&top, options.top_values);
    strings.weighted_string_stats = weighted.map(|weighted| WeightedStringStatistics {
        top_values: frequencies(&weighted.values, options.top_values),
        rank_histogram: some(ranks(&weighted.values)),
    });
}

/// As TFDV, no histogram where every value is below the threshold.
fn some(ranks: RankHistogram) -> Option<RankHistogram> {
    (!ranks.buckets.is_empty()).then_some(ranks)
}

fn frequencies(values: &[Counted], limit: usize) -> Vec<FreqAndValue> {
    let listed = values.iter().take(limit);
    listed
        .map(|value| FreqAndValue {
            value: value.label.clone(),
            frequency: value.count,
        })
        .collect()
}
