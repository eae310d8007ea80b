//! Tests of TFDV's own functions, done again on ours.
//!
//! Each test names the case of TensorFlow Data Validation that it repeats (its C++ and
//! Python unit tests, Apache-2.0, Google LLC), by source file and test. What a function
//! must do is the same; how the test is written is not. Rows of tables are read from the
//! cases where they are beside the repository (loudly skipped elsewhere).

mod comparators;
mod domains;
mod lookups;
mod paths;
mod presence;
mod schemas;
mod tables;
mod views;

use super::{
    CommonStatistics, DatasetFeatureStatistics, DatasetView, FeatureNameStatistics, FeaturePath,
    FeatureView, Named, WeightedCommonStatistics, WeightedStringStatistics,
    feature_name_statistics::Stats, from_text,
};

/// Declares a test for each case: its function's name, then the whole id.
macro_rules! ported {
    ($($name:ident = $id:literal => $body:block)+) => {
        $(
            #[doc = $id]
            #[test]
            fn $name() $body
        )+
    };
}
use ported;

fn read<M: Named>(text: &str) -> M {
    from_text("test", text).unwrap()
}

fn path<const N: usize>(steps: [&str; N]) -> FeaturePath {
    FeaturePath::new(steps)
}

fn common_mut(feature: &mut FeatureNameStatistics) -> Option<&mut CommonStatistics> {
    match feature.stats.as_mut()? {
        Stats::NumStats(stats) => stats.common_stats.as_mut(),
        Stats::StringStats(stats) => stats.common_stats.as_mut(),
        Stats::BytesStats(stats) => stats.common_stats.as_mut(),
        Stats::StructStats(stats) => stats.common_stats.as_mut(),
    }
}

/// A dataset of one feature, with as many examples as it was in or missing from.
fn alone(mut feature: FeatureNameStatistics) -> DatasetFeatureStatistics {
    let mut dataset = DatasetFeatureStatistics::default();
    if let Some(common) = common_mut(&mut feature) {
        dataset.num_examples = common.num_missing + common.num_non_missing;
        if let Some(weighted) = &common.weighted_common_stats {
            dataset.weighted_num_examples = weighted.num_missing + weighted.num_non_missing;
        }
    }
    dataset.features = vec![feature];
    dataset
}

/// The feature with a weight of one an example.
#[expect(clippy::cast_precision_loss, reason = "the counts of tests are small")]
fn weighted(mut feature: FeatureNameStatistics) -> FeatureNameStatistics {
    if let Some(common) = common_mut(&mut feature) {
        let weigh = |present: u64, missing: u64, total: u64| WeightedCommonStatistics {
            num_non_missing: present as f64,
            num_missing: missing as f64,
            tot_num_values: total as f64,
            ..WeightedCommonStatistics::default()
        };
        common.weighted_common_stats = Some(weigh(
            common.num_non_missing,
            common.num_missing,
            common.tot_num_values,
        ));
        common.weighted_presence_and_valency_stats = common
            .presence_and_valency_stats
            .iter()
            .map(|level| {
                weigh(
                    level.num_non_missing,
                    level.num_missing,
                    level.tot_num_values,
                )
            })
            .collect();
    }
    if let Some(Stats::StringStats(strings)) = &mut feature.stats {
        strings.weighted_string_stats = Some(WeightedStringStatistics {
            rank_histogram: strings.rank_histogram.clone(),
            ..WeightedStringStatistics::default()
        });
    }
    feature
}

/// Runs `check` on the only feature of the dataset.
fn with_view<R>(
    dataset: &DatasetFeatureStatistics,
    by_weight: bool,
    check: impl FnOnce(FeatureView<'_>) -> R,
) -> R {
    let view = DatasetView::new(dataset).unwrap().by_weight(by_weight);
    let feature = view.features().next().expect("the dataset has a feature");
    check(feature)
}

/// Runs `check` on the feature that the text describes.
fn with_feature<R>(text: &str, check: impl FnOnce(FeatureView<'_>) -> R) -> R {
    with_view(&alone(read(text)), false, check)
}
