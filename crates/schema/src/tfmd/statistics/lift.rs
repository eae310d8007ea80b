//! Lifts as cross-feature statistics, and as custom statistics for a viewer.

use super::{histogram, path_message};
use crate::tfmd::{
    self, CategoricalCrossStatistics, CrossFeatureStatistics, CustomStatistic, LiftStatistics,
    cross_feature_statistics::CrossStats,
    custom_statistic::Val,
    lift_series::{
        self, Bucket, YCountValue, YValue,
        lift_value::{XAndYCountValue, XCountValue, XValue},
    },
};
use driftline_statistics::features::{
    Counted, FeaturePath, Lift, LiftSeries, LiftValue, ValueLift,
};

/// A message for each feature, of counts and then of weights, as TFDV makes two.
pub(super) fn crosses(lift: &Lift) -> Vec<CrossFeatureStatistics> {
    let message = |(path, series): (&FeaturePath, Vec<LiftSeries>), weighted: bool| {
        let series = series
            .iter()
            .map(|series| series_message(lift, series, weighted));
        CrossFeatureStatistics {
            path_x: Some(path_message(path)),
            path_y: Some(path_message(&lift.options().label)),
            cross_stats: Some(CrossStats::CategoricalCrossStats(
                CategoricalCrossStatistics {
                    lift: Some(LiftStatistics {
                        lift_series: series.collect(),
                        ..LiftStatistics::default()
                    }),
                },
            )),
            ..CrossFeatureStatistics::default()
        }
    };
    let counted = lift.series().into_iter().map(|found| message(found, false));
    let weighted = lift.weighted_series().into_iter().flatten();
    counted
        .chain(weighted.map(|found| message(found, true)))
        .filter(has_series)
        .collect()
}

fn has_series(cross: &CrossFeatureStatistics) -> bool {
    matches!(&cross.cross_stats, Some(CrossStats::CategoricalCrossStats(cross))
        if cross.lift.as_ref().is_some_and(|lift| !lift.lift_series.is_empty()))
}

/// The same as histograms of each feature, where they are asked for.
pub(super) fn custom(lift: &Lift) -> Vec<(FeaturePath, Vec<CustomStatistic>)> {
    if !lift.options().custom {
        return Vec::new();
    }
    let counted = lift.series().into_iter();
    let all = counted.chain(lift.weighted_series().into_iter().flatten());
    all.map(|(path, series)| {
        let found = series.iter().map(|series| {
            let labels = series.lifts.iter().map(|lift| Counted {
                label: value_text(&lift.value),
                count: lift.lift,
            });
            CustomStatistic {
                name: format!("Lift (Y={})", label_text(lift, &series.label)),
                val: Some(Val::RankHistogram(histogram::ranks(
                    &labels.collect::<Vec<_>>(),
                    false,
                ))),
            }
        });
        (path.clone(), found.collect())
    })
    .collect()
}

fn series_message(lift: &Lift, series: &LiftSeries, weighted: bool) -> tfmd::LiftSeries {
    tfmd::LiftSeries {
        y_value: Some(match &series.label {
            LiftValue::Bucket(place) => {
                let (low_value, high_value) = bucket(lift, *place);
                YValue::YBucket(Bucket {
                    low_value,
                    high_value,
                })
            }
            LiftValue::Int(number) => match i32::try_from(*number) {
                Ok(number) => YValue::YInt(number),
                Err(_) => YValue::YString(number.to_string()),
            },
            LiftValue::Text(text) => YValue::YString(text.to_string()),
        }),
        y_count_value: Some(match weighted {
            true => YCountValue::WeightedYCount(series.label_count),
            false => YCountValue::YCount(series.label_count as u64),
        }),
        lift_values: series
            .lifts
            .iter()
            .map(|lift| value_message(lift, weighted))
            .collect(),
    }
}

fn value_message(lift: &ValueLift, weighted: bool) -> lift_series::LiftValue {
    lift_series::LiftValue {
        x_value: Some(match &lift.value {
            LiftValue::Int(number) if i32::try_from(*number).is_ok() => {
                XValue::XInt(*number as i32)
            }
            other => XValue::XString(value_text(other)),
        }),
        lift: lift.lift,
        x_count_value: Some(match weighted {
            true => XCountValue::WeightedXCount(lift.count),
            false => XCountValue::XCount(lift.count as u64),
        }),
        x_and_y_count_value: Some(match weighted {
            true => XAndYCountValue::WeightedXAndYCount(lift.both),
            false => XAndYCountValue::XAndYCount(lift.both as u64),
        }),
    }
}

/// The ends of a bucket, `[low, high)`; the last one's is infinite and inside.
fn bucket(lift: &Lift, place: usize) -> (f64, f64) {
    let boundaries = &lift.options().boundaries;
    let low = place.checked_sub(1).map(|place| boundaries[place]);
    let high = boundaries.get(place).copied();
    (
        low.unwrap_or(f64::NEG_INFINITY),
        high.unwrap_or(f64::INFINITY),
    )
}

fn label_text(lift: &Lift, label: &LiftValue) -> String {
    match label {
        LiftValue::Bucket(place) => {
            let (low, high) = bucket(lift, *place);
            let end = if high.is_infinite() { ']' } else { ')' };
            format!("[{low},{high}{end}")
        }
        other => value_text(other),
    }
}

fn value_text(value: &LiftValue) -> String {
    match value {
        LiftValue::Bucket(place) => place.to_string(),
        LiftValue::Int(number) => number.to_string(),
        LiftValue::Text(text) => text.to_string(),
    }
}
