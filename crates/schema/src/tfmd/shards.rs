//! Statistics that were written in parts.
//!
//! TFDV writes the statistics of many features, or slices, in shards: messages of which each
//! holds some features of some slices, or some of the statistics of a feature. Together they
//! are the statistics of the same rows, so counts are not added up: what two shards both say
//! must be the same.

use super::{
    CrossFeatureStatistics, DatasetFeatureStatistics, DatasetFeatureStatisticsList,
    FeatureNameStatistics, Path, feature_name_statistics::FieldId,
};
use crate::SchemaError;
use prost::Message;
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    mem::discriminant,
};

/// Puts the shards of statistics together: slices of a name, in them features of a path, and
/// pairs of features. All stand where they were met first.
///
/// # Errors
/// [`SchemaError::Shards`] where two shards say different things of the same rows or feature.
pub fn merge_shards(
    shards: impl IntoIterator<Item = DatasetFeatureStatisticsList>,
) -> Result<DatasetFeatureStatisticsList, SchemaError> {
    let mut slices = InOrder::default();
    for slice in shards.into_iter().flat_map(|shard| shard.datasets) {
        let known: &mut Slice = slices.of(slice.name.clone());
        known.add(slice)?;
    }
    Ok(DatasetFeatureStatisticsList {
        datasets: slices.list.into_iter().map(Slice::message).collect(),
    })
}

/// Things by key, in the order of their first mention.
struct InOrder<K, T> {
    list: Vec<T>,
    places: HashMap<K, usize>,
}

impl<K, T> Default for InOrder<K, T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, T: Default> InOrder<K, T> {
    fn of(&mut self, key: K) -> &mut T {
        let place = match self.places.entry(key) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(new) => {
                self.list.push(T::default());
                *new.insert(self.list.len() - 1)
            }
        };
        &mut self.list[place]
    }
}

/// Steps of a path.
type Steps = Vec<String>;

#[derive(Default)]
struct Slice {
    /// Without features.
    message: DatasetFeatureStatistics,
    features: InOrder<Steps, FeatureNameStatistics>,
    crosses: InOrder<(Steps, Steps), CrossFeatureStatistics>,
}

impl Slice {
    fn add(&mut self, shard: DatasetFeatureStatistics) -> Result<(), SchemaError> {
        let message = &mut self.message;
        message.name.clone_from(&shard.name);
        let differ = |what: &str| Err(SchemaError::shards(&shard.name, what));
        if !same(&message.num_examples, &shard.num_examples) {
            return differ("how many examples there are");
        }
        if !same(&message.weighted_num_examples, &shard.weighted_num_examples) {
            return differ("the weight of all examples");
        }
        message.num_examples = message.num_examples.max(shard.num_examples);
        if shard.weighted_num_examples != 0.0 {
            message.weighted_num_examples = shard.weighted_num_examples;
        }
        for feature in shard.features {
            let steps = steps(&feature);
            let known = self.features.of(steps.clone());
            if !same(&known.r#type, &feature.r#type) {
                return differ(&format!("the type of `{}`", steps.join(".")));
            }
            if let (Some(a), Some(b)) = (&known.stats, &feature.stats)
                && discriminant(a) != discriminant(b)
            {
                return differ(&format!("which statistics `{}` has", steps.join(".")));
            }
            let field_id = match known.field_id {
                None => feature.field_id,
                Some(_) => None,
            };
            merge(
                known,
                &FeatureNameStatistics {
                    field_id,
                    ..feature
                },
            );
        }
        for mut cross in shard.cross_features {
            let (x, y) = (path(cross.path_x.as_ref()), path(cross.path_y.as_ref()));
            let both = format!("`{}` and `{}`", x.join("."), y.join("."));
            let known = self.crosses.of((x, y));
            if !same(&known.count, &cross.count) {
                return differ(&format!("how often {both} meet"));
            }
            if let (Some(a), Some(b)) = (&known.cross_stats, &cross.cross_stats)
                && discriminant(a) != discriminant(b)
            {
                return differ(&format!("which statistics {both} have"));
            }
            if known.path_x.is_some() {
                (cross.path_x, cross.path_y) = (None, None);
            }
            merge(known, &cross);
        }
        Ok(())
    }

    fn message(self) -> DatasetFeatureStatistics {
        DatasetFeatureStatistics {
            features: self.features.list,
            cross_features: self.crosses.list,
            ..self.message
        }
    }
}

/// Whether two shards agree, of which either may say nothing.
fn same<T: Default + PartialEq>(one: &T, other: &T) -> bool {
    let nothing = T::default();
    *one == nothing || *other == nothing || one == other
}

/// As protocol buffers merge messages: lists one behind the other, so `from` must not name the
/// path again; what is set in it wins.
fn merge<M: Message>(into: &mut M, from: &M) {
    into.merge(from.encode_to_vec().as_slice())
        .expect("what was encoded just now is such a message");
}

fn steps(feature: &FeatureNameStatistics) -> Steps {
    match &feature.field_id {
        None => Vec::new(),
        Some(FieldId::Name(name)) => vec![name.clone()],
        Some(FieldId::Path(named)) => path(Some(named)),
    }
}

fn path(path: Option<&Path>) -> Steps {
    path.map_or_else(Vec::new, |path| path.step.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfmd::{from_text, to_text};

    fn list(text: &str) -> DatasetFeatureStatisticsList {
        from_text("shard", text).unwrap()
    }

    #[test]
    fn shards_of_features_slices_and_statistics_are_put_together() {
        let merged = merge_shards([
            list(
                "datasets { name: 'All Examples' num_examples: 9
                   features { path { step: 'x' } type: FLOAT num_stats { mean: 2 } } }",
            ),
            list(
                "datasets { name: 'a' num_examples: 4 }
                 datasets { name: 'All Examples' num_examples: 9
                   features { path { step: 'y' } type: STRING string_stats { unique: 3 } } }",
            ),
            list(
                "datasets { name: 'All Examples'
                   features { path { step: 'x' } type: FLOAT
                     num_stats { max: 7 } custom_stats { name: 'c' num: 1 } } }",
            ),
        ]);
        let expected = list(
            "datasets { name: 'All Examples' num_examples: 9
               features { path { step: 'x' } type: FLOAT
                 num_stats { mean: 2 max: 7 } custom_stats { name: 'c' num: 1 } }
               features { path { step: 'y' } type: STRING string_stats { unique: 3 } } }
             datasets { name: 'a' num_examples: 4 }",
        );
        assert_eq!(to_text(&merged.unwrap()), to_text(&expected));
    }

    #[test]
    fn shards_that_contradict_each_other_are_named() {
        let of = |text: &str| list(&format!("datasets {{ name: 's' {text} }}"));
        for (a, b, what) in [
            ("num_examples: 2", "num_examples: 3", "how many examples"),
            (
                "features { name: 'x' type: FLOAT }",
                "features { name: 'x' type: STRING }",
                "the type of `x`",
            ),
            (
                "features { name: 'x' string_stats { } }",
                "features { name: 'x' bytes_stats { } }",
                "which statistics `x` has",
            ),
            (
                "cross_features { path_x { step: 'x' } path_y { step: 'y' } count: 1 }",
                "cross_features { path_x { step: 'x' } path_y { step: 'y' } count: 2 }",
                "how often `x` and `y` meet",
            ),
        ] {
            let error = merge_shards([of(a), of(b)]).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("`s`"), "{error}");
        }
    }
}
