//! Statistics of features as the messages of TensorFlow Metadata.
//!
//! `driftline-statistics` counts; here the counts get the names and the form that TFDV
//! gives them, quirks of the form included: which message a type's numbers go to, what
//! is left out where there are no values, in which order custom statistics stand.

mod claims;
mod common;
mod custom;
mod histogram;
mod lift;
mod natural_language;
mod strings;
mod typed;

pub use claims::claims;
pub use natural_language::{LanguageState, NaturalLanguageGenerator};

use super::{
    CrossFeatureStatistics, CustomStatistic, DatasetFeatureStatistics, FeatureNameStatistics,
    NumericCrossStatistics, Path, cross_feature_statistics::CrossStats,
    feature_name_statistics::FieldId,
};
use driftline_statistics::{
    StatisticsError,
    features::{DatasetStatistics, FeaturePath},
};
use rustc_hash::FxHashMap;

/// The name that TFDV gives to the slice of all rows.
pub const ALL_EXAMPLES: &str = "All Examples";

/// Statistics as a message; `name` is the key of the slice, empty where there are no
/// slices.
///
/// Features stand in the order first seen, then sparse and weighted features, then
/// those that only a further statistic knows.
///
/// # Errors
/// What a further statistic fails with when it is asked.
pub fn message(
    statistics: &DatasetStatistics,
    name: &str,
) -> Result<DatasetFeatureStatistics, StatisticsError> {
    let options = statistics.options();
    let mut features = Features::default();
    if options.basic {
        for feature in statistics.features() {
            let parent = statistics.feature(&feature.path.parent());
            features.add(typed::feature(statistics, feature, parent));
        }
    }
    if options.tokens {
        for feature in statistics.features() {
            if let Some(tokens) = feature.tokens.as_ref().filter(|tokens| !tokens.is_empty()) {
                strings::add_tokens(features.of(&feature.path), tokens, options);
            }
        }
    }
    if let Some(found) = statistics.lift() {
        for (path, found) in lift::custom(found) {
            features.of(&path).custom_stats.extend(found);
        }
    }
    let composites = custom::composites(statistics);
    for (path, found) in composites {
        features.of(&path).custom_stats.extend(found);
    }
    for generator in statistics.generators() {
        for (path, found) in generator.finish()? {
            let found: Vec<CustomStatistic> = found.into_iter().map(custom::message).collect();
            features.of(&path).custom_stats.extend(found);
        }
    }
    Ok(DatasetFeatureStatistics {
        name: name.to_owned(),
        num_examples: if options.basic {
            statistics.examples()
        } else {
            0
        },
        weighted_num_examples: statistics.weighted_examples(),
        features: features.list,
        cross_features: crosses(statistics)
            .into_iter()
            .chain(statistics.lift().into_iter().flat_map(lift::crosses))
            .collect(),
    })
}

/// Messages by path, in the order added.
#[derive(Default)]
struct Features {
    list: Vec<FeatureNameStatistics>,
    places: FxHashMap<Vec<String>, usize>,
}

impl Features {
    fn add(&mut self, feature: FeatureNameStatistics) {
        if let Some(FieldId::Path(path)) = &feature.field_id {
            self.places.insert(path.step.clone(), self.list.len());
        }
        self.list.push(feature);
    }

    /// The message of a feature, made if there is none.
    fn of(&mut self, path: &FeaturePath) -> &mut FeatureNameStatistics {
        let place = match self.places.get(path.steps()) {
            Some(&place) => place,
            None => {
                self.add(FeatureNameStatistics {
                    field_id: Some(FieldId::Path(path_message(path))),
                    ..FeatureNameStatistics::default()
                });
                self.list.len() - 1
            }
        };
        &mut self.list[place]
    }
}

/// A path as a message.
pub fn path_message(path: &FeaturePath) -> Path {
    Path {
        step: path.steps().to_vec(),
    }
}

fn crosses(statistics: &DatasetStatistics) -> Vec<CrossFeatureStatistics> {
    let crosses = statistics.crosses().iter();
    crosses
        .map(|((x, y), cross)| CrossFeatureStatistics {
            path_x: Some(path_message(&FeaturePath::column(x))),
            path_y: Some(path_message(&FeaturePath::column(y))),
            count: cross.count,
            cross_stats: cross.covariance().map(|covariance| {
                CrossStats::NumCrossStats(NumericCrossStatistics {
                    correlation: cross.correlation().unwrap_or(0.0) as f32,
                    covariance: covariance as f32,
                })
            }),
        })
        .collect()
}
