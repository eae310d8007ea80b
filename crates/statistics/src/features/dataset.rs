//! The statistics of all features of some rows, as one mergeable accumulator.

use super::{
    Composite, Cross, FeatureOptions, FeaturePath, FeatureType, Generator, Lift, Numbers, Presence,
    Strings, Tokens,
    cross::single_numbers,
    nested::{FeatureRows, walk, weight_values},
    tokens::TokenRules,
};
use crate::StatisticsError;
use arrow_array::RecordBatch;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// Statistics of rows: fed with batches, merged, then asked.
///
/// A feature whose values cannot be looked at is kept in
/// [`skipped`](Self::skipped) with the reason, and the others stand.
#[derive(Debug)]
pub struct DatasetStatistics {
    options: Arc<FeatureOptions>,
    examples: u64,
    weighted_examples: f64,
    features: Vec<FeatureStatistics>,
    places: FxHashMap<FeaturePath, usize>,
    composites: Vec<Composite>,
    crosses: BTreeMap<(String, String), Cross>,
    lift: Option<Lift>,
    generators: Vec<Box<dyn Generator>>,
    skipped: BTreeMap<FeaturePath, StatisticsError>,
}

/// The statistics of a feature. What is absent was not asked for, or does not suit the
/// type of its values.
#[derive(Debug)]
pub struct FeatureStatistics {
    /// Where the feature is.
    pub path: FeaturePath,
    /// Whether its rows have weights.
    pub weighted: bool,
    /// Presence, valency and type.
    pub presence: Presence,
    /// Its values as numbers.
    pub numbers: Option<Numbers>,
    /// Lengths of its values.
    pub strings: Option<Strings>,
    /// Its distinct values.
    pub tokens: Option<Tokens>,
}

impl FeatureStatistics {
    fn new(rows: &FeatureRows<'_>, options: &FeatureOptions) -> Self {
        Self {
            path: rows.path.clone(),
            weighted: rows.weights.is_some(),
            presence: Presence::new(rows.nested.levels.len(), options.epsilon_of(rows.path)),
            numbers: None,
            strings: None,
            tokens: None,
        }
    }

    fn update(
        &mut self,
        rows: &FeatureRows<'_>,
        options: &FeatureOptions,
    ) -> Result<(), StatisticsError> {
        self.presence.update(rows)?;
        let Some(feature_type) = rows.feature_type else {
            return Ok(());
        };
        let claims = &options.claims;
        let path = &self.path;
        let category = match feature_type {
            FeatureType::Int => claims.categorical_int.contains(path),
            FeatureType::Float => claims.categorical_float.contains(path),
            FeatureType::String => true,
            FeatureType::Struct => return Ok(()),
        };
        if options.basic && category {
            self.strings.get_or_insert_default().update(rows);
        } else if options.basic {
            let numbers = self
                .numbers
                .get_or_insert_with(|| Numbers::new(self.weighted, options.epsilon_of(path)));
            numbers.update(rows);
        }
        let excluded = claims.bytes.contains(path)
            || (!options.whole_values && claims.free_string.contains(path))
            // Not known to the exact generator of TFDV.
            || (options.whole_values && feature_type == FeatureType::Float);
        if options.tokens && category && !excluded {
            let rules = TokenRules {
                whole: options.whole_values || claims.categorical_string.contains(path),
                raw: options.whole_values,
            };
            self.tokens
                .get_or_insert_with(|| Tokens::new(rules, self.weighted))
                .update(rows);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), StatisticsError> {
        self.presence.merge(&self.path, &other.presence)?;
        merge_option(&mut self.numbers, other.numbers, |mine, theirs| {
            mine.merge(&theirs)
        });
        merge_option(&mut self.strings, other.strings, |mine, theirs| {
            mine.merge(&theirs)
        });
        merge_option(&mut self.tokens, other.tokens, |mine, theirs| {
            mine.merge(&theirs)
        });
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        let numbers = self.numbers.as_ref().map_or(0, Numbers::size_bytes);
        let tokens = self.tokens.as_ref().map_or(0, Tokens::size_bytes);
        size_of::<Self>() + numbers + tokens
    }
}

fn merge_option<T>(mine: &mut Option<T>, theirs: Option<T>, merge: impl FnOnce(&mut T, T)) {
    match (mine, theirs) {
        (_, None) => {}
        (mine @ None, theirs) => *mine = theirs,
        (Some(mine), Some(theirs)) => merge(mine, theirs),
    }
}

impl DatasetStatistics {
    /// Statistics of no rows.
    pub fn new(options: Arc<FeatureOptions>) -> Self {
        let claims = &options.claims;
        let sparse = claims
            .sparse
            .iter()
            .map(|feature| Composite::new(feature.value.clone(), feature.indices.iter().cloned()));
        let weighted = claims
            .weighted
            .iter()
            .map(|feature| Composite::new(feature.value.clone(), [feature.weight.clone()]));
        Self {
            examples: 0,
            weighted_examples: 0.0,
            features: Vec::new(),
            places: FxHashMap::default(),
            composites: sparse.chain(weighted).collect(),
            crosses: BTreeMap::new(),
            lift: options
                .lift
                .as_ref()
                .map(|lift| Lift::new(Arc::clone(lift), &options.weights)),
            generators: options
                .generators
                .iter()
                .map(|generator| generator.start(&options))
                .collect(),
            skipped: BTreeMap::new(),
            options,
        }
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// [`StatisticsError::FeatureType`] and [`StatisticsError::FeatureDepth`] for a
    /// feature that is not of one form, [`StatisticsError::Weight`],
    /// [`StatisticsError::Parts`], and what a further statistic gives.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), StatisticsError> {
        let options = Arc::clone(&self.options);
        self.examples += batch.num_rows() as u64;
        if let Some(column) = &options.weights.column {
            self.weighted_examples += weight_values(batch, column)?.iter().sum::<f64>();
        }
        let (features, places) = (&mut self.features, &mut self.places);
        let mut see = |rows: FeatureRows<'_>| {
            let place = *places.entry(rows.path.clone()).or_insert_with(|| {
                features.push(FeatureStatistics::new(&rows, &options));
                features.len() - 1
            });
            features[place].update(&rows, &options)
        };
        let skipped = &mut self.skipped;
        let mut skip = |path: &FeaturePath, reason: StatisticsError| {
            skipped.entry(path.clone()).or_insert(reason);
        };
        if options.basic || options.tokens {
            walk(batch, &options, &mut see, &mut skip)?;
        }
        for composite in &mut self.composites {
            composite.update(batch)?;
        }
        if options.crosses != super::Crosses::None {
            self.update_crosses(batch);
        }
        if let Some(lift) = &mut self.lift {
            lift.update(batch, &options)?;
        }
        for generator in &mut self.generators {
            generator.update(batch)?;
        }
        Ok(())
    }

    fn update_crosses(&mut self, batch: &RecordBatch) {
        let numbers = single_numbers(batch);
        for (at, (name_x, x)) in numbers.iter().enumerate() {
            for (name_y, y) in &numbers[at + 1..] {
                if self.options.crosses.wants(name_x, name_y) {
                    let pair = (name_x.clone(), name_y.clone());
                    self.crosses.entry(pair).or_default().update(x, y);
                }
            }
        }
    }

    /// Adds the rows of another, made with the same options.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn merge(&mut self, other: Self) -> Result<(), StatisticsError> {
        self.examples += other.examples;
        self.weighted_examples += other.weighted_examples;
        for theirs in other.features {
            match self.places.get(&theirs.path) {
                Some(&place) => self.features[place].merge(theirs)?,
                None => {
                    self.places.insert(theirs.path.clone(), self.features.len());
                    self.features.push(theirs);
                }
            }
        }
        for (mine, theirs) in self.composites.iter_mut().zip(&other.composites) {
            mine.merge(theirs);
        }
        for (pair, theirs) in &other.crosses {
            self.crosses.entry(pair.clone()).or_default().merge(theirs);
        }
        merge_option(&mut self.lift, other.lift, Lift::merge);
        for (mine, theirs) in self.generators.iter_mut().zip(other.generators) {
            mine.merge(theirs)?;
        }
        for (path, reason) in other.skipped {
            self.skipped.entry(path).or_insert(reason);
        }
        Ok(())
    }

    /// How the statistics were made.
    pub fn options(&self) -> &FeatureOptions {
        &self.options
    }

    /// Rows.
    pub fn examples(&self) -> u64 {
        self.examples
    }

    /// Weight of the rows; 0 without weights.
    pub fn weighted_examples(&self) -> f64 {
        self.weighted_examples
    }

    /// The features in the order first seen, a struct before its fields.
    pub fn features(&self) -> &[FeatureStatistics] {
        &self.features
    }

    /// The statistics of a feature.
    pub fn feature(&self, path: &FeaturePath) -> Option<&FeatureStatistics> {
        self.places.get(path).map(|&place| &self.features[place])
    }

    /// The sparse features in their order, then the weighted ones.
    pub fn composites(&self) -> &[Composite] {
        &self.composites
    }

    /// Pairs of columns of numbers, by name.
    pub fn crosses(&self) -> &BTreeMap<(String, String), Cross> {
        &self.crosses
    }

    /// Lifts, where they were asked for.
    pub fn lift(&self) -> Option<&Lift> {
        self.lift.as_ref()
    }

    /// Further statistics.
    pub fn generators(&self) -> &[Box<dyn Generator>] {
        &self.generators
    }

    /// Features without statistics, with the reason.
    pub fn skipped(&self) -> &BTreeMap<FeaturePath, StatisticsError> {
        &self.skipped
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let features: usize = self
            .features
            .iter()
            .map(FeatureStatistics::size_bytes)
            .sum();
        let generators: usize = self.generators.iter().map(|g| g.size_bytes()).sum();
        let lift = self.lift.as_ref().map_or(0, Lift::size_bytes);
        size_of::<Self>() + features + lift + generators
    }
}
