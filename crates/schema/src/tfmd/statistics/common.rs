//! Common statistics: presence and valency, for each level of lists, counted and weighed.

use super::histogram;
use crate::tfmd::{CommonStatistics, PresenceAndValencyStatistics, WeightedCommonStatistics};
use driftline_statistics::features::{
    DatasetStatistics, FeatureStatistics, LevelPresence, Presence,
};

pub(super) fn common(
    statistics: &DatasetStatistics,
    feature: &FeatureStatistics,
    parent: Option<&FeatureStatistics>,
) -> CommonStatistics {
    let presence = &feature.presence;
    let parent = parent.map(|parent| parent.presence.leaf());
    let levels = levels(presence, parent, statistics.examples());
    let (top, leaf) = (&presence.levels[0], presence.leaf());
    let mut common = CommonStatistics {
        num_non_missing: levels[0].num_non_missing,
        num_missing: levels[0].num_missing,
        tot_num_values: leaf.values,
        ..CommonStatistics::default()
    };
    if top.present > 0 {
        let per_row = presence.per_row();
        common.min_num_values = per_row.min_values.unwrap_or(0);
        common.max_num_values = per_row.max_values;
        common.avg_num_values = (leaf.values as f64 / top.present as f64) as f32;
        let lengths = per_row.length_quantiles(statistics.options().length_buckets);
        common.num_values_histogram = lengths.as_ref().map(histogram::message);
    }
    if levels.len() > 1 {
        common.presence_and_valency_stats = levels;
    }
    if feature.weighted {
        let mut levels = weighted_levels(presence, parent, statistics.weighted_examples());
        let mut whole = levels[0];
        whole.tot_num_values = leaf.weighted_values;
        whole.avg_num_values = average(leaf.weighted_values, whole.num_non_missing);
        common.weighted_common_stats = Some(whole);
        if levels.len() > 1 {
            common.weighted_presence_and_valency_stats = std::mem::take(&mut levels);
        }
    }
    common
}

/// What is missing at a level are values of the level above that are null; at the top,
/// rows, or what the parent struct has of values.
fn levels(
    presence: &Presence,
    parent: Option<&LevelPresence>,
    examples: u64,
) -> Vec<PresenceAndValencyStatistics> {
    let mut places = parent.map_or(examples, |parent| parent.values);
    let levels = presence.levels.iter();
    levels
        .map(|level| {
            let mut message = PresenceAndValencyStatistics {
                num_non_missing: level.present,
                num_missing: places.saturating_sub(level.present),
                ..PresenceAndValencyStatistics::default()
            };
            if level.present > 0 {
                message.min_num_values = level.min_values.unwrap_or(0);
                message.max_num_values = level.max_values;
                message.tot_num_values = level.values;
            }
            places = level.values;
            message
        })
        .collect()
}

fn weighted_levels(
    presence: &Presence,
    parent: Option<&LevelPresence>,
    examples: f64,
) -> Vec<WeightedCommonStatistics> {
    let mut places = parent.map_or(examples, |parent| parent.weighted_values);
    let levels = presence.levels.iter();
    levels
        .map(|level| {
            let message = WeightedCommonStatistics {
                num_non_missing: level.weighted_present,
                num_missing: places - level.weighted_present,
                tot_num_values: level.weighted_values,
                avg_num_values: average(level.weighted_values, level.weighted_present),
            };
            places = level.weighted_values;
            message
        })
        .collect()
}

fn average(values: f64, lists: f64) -> f64 {
    if lists > 0.0 { values / lists } else { 0.0 }
}
