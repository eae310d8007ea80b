//! Further statistics that plug into [`DatasetStatistics`](super::DatasetStatistics).
//!
//! A statistic of single features implements [`FeatureGenerator`] and is wrapped in
//! [`PerFeature`]; one that looks at several features at once implements [`Generator`]
//! and [`NewGenerator`]. Both may live in a crate that knows more than this one.

use super::{
    FeatureOptions, FeaturePath,
    histogram::Histogram,
    nested::{FeatureRows, walk},
    tokens::Counted,
};
use crate::StatisticsError;
use arrow_array::RecordBatch;
use rustc_hash::FxHashMap;
use std::{any::Any, fmt::Debug, sync::Arc};

/// A named value beside the fixed statistics of a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomStatistic {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: CustomValue,
}

/// The value of a [`CustomStatistic`].
#[derive(Debug, Clone, PartialEq)]
pub enum CustomValue {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A histogram.
    Histogram(Histogram),
    /// Labels in order of rank, with their counts. Ranks themselves are written only
    /// where asked for.
    Ranks {
        /// The labels and counts.
        labels: Vec<Counted>,
        /// Whether each bucket says its rank.
        numbered: bool,
    },
    /// A message of TensorFlow Metadata.
    Message {
        /// Its full name.
        type_name: String,
        /// Its binary form.
        bytes: Vec<u8>,
    },
}

impl CustomStatistic {
    /// A named number.
    pub fn number(name: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            value: CustomValue::Number(value),
        }
    }

    /// A named text.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: CustomValue::Text(value.into()),
        }
    }
}

/// Makes the state of a statistic, one for each slice and thread.
pub trait NewGenerator: Debug + Send + Sync {
    /// A state that has seen nothing.
    fn start(&self, options: &Arc<FeatureOptions>) -> Box<dyn Generator>;
}

/// A statistic over all features of rows: a mergeable state.
pub trait Generator: Debug + Send {
    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// What makes the statistic impossible, naming the feature.
    fn update(&mut self, batch: &RecordBatch) -> Result<(), StatisticsError>;

    /// Adds the rows of another state of the same statistic.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    fn merge(&mut self, other: Box<dyn Generator>) -> Result<(), StatisticsError>;

    /// Statistics by feature, features in the order first seen.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    fn finish(&self) -> Result<Vec<(FeaturePath, Vec<CustomStatistic>)>, StatisticsError>;

    /// Bytes held, for a memory pool.
    fn size_bytes(&self) -> usize;

    /// Itself, for [`merge`](Self::merge) to find its own type in.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// A statistic of single features that are no structs.
pub trait FeatureGenerator: Clone + Debug + Send + Sync + 'static {
    /// What is kept of a feature.
    type State: Debug + Send;

    /// The state of a feature that has not been seen.
    fn start(&self, path: &FeaturePath) -> Self::State;

    /// Adds rows.
    ///
    /// # Errors
    /// What makes the statistic impossible, naming the feature.
    fn update(
        &self,
        state: &mut Self::State,
        rows: &FeatureRows<'_>,
    ) -> Result<(), StatisticsError>;

    /// Adds the rows of another state of the feature.
    fn merge(&self, state: &mut Self::State, other: Self::State);

    /// The statistics of the feature; none where there is nothing to tell.
    fn finish(&self, path: &FeaturePath, state: &Self::State) -> Vec<CustomStatistic>;

    /// Bytes that a state holds.
    fn size_bytes(&self, state: &Self::State) -> usize;
}

/// A [`FeatureGenerator`] for every feature.
#[derive(Debug, Clone)]
pub struct PerFeature<G>(pub G);

#[derive(Debug)]
struct States<G: FeatureGenerator> {
    generator: G,
    options: Arc<FeatureOptions>,
    states: Vec<(FeaturePath, G::State)>,
    places: FxHashMap<FeaturePath, usize>,
}

impl<G: FeatureGenerator> NewGenerator for PerFeature<G> {
    fn start(&self, options: &Arc<FeatureOptions>) -> Box<dyn Generator> {
        Box::new(States {
            generator: self.0.clone(),
            options: Arc::clone(options),
            states: Vec::new(),
            places: FxHashMap::default(),
        })
    }
}

impl<G: FeatureGenerator> States<G> {
    fn place(&mut self, path: &FeaturePath) -> usize {
        if let Some(&place) = self.places.get(path) {
            return place;
        }
        let place = self.states.len();
        self.states.push((path.clone(), self.generator.start(path)));
        self.places.insert(path.clone(), place);
        place
    }
}

impl<G: FeatureGenerator> Generator for States<G> {
    fn update(&mut self, batch: &RecordBatch) -> Result<(), StatisticsError> {
        let options = Arc::clone(&self.options);
        let mut see = |rows: FeatureRows<'_>| {
            if rows.feature_type == Some(super::FeatureType::Struct) {
                return Ok(());
            }
            let place = self.place(rows.path);
            self.generator.update(&mut self.states[place].1, &rows)
        };
        // What cannot be read is named by the basic statistics of the same rows.
        walk(batch, &options, &mut see, &mut |_, _| {})
    }

    fn merge(&mut self, other: Box<dyn Generator>) -> Result<(), StatisticsError> {
        let other =
            other
                .into_any()
                .downcast::<Self>()
                .map_err(|_| StatisticsError::KindMismatch {
                    left: "one statistic",
                    right: "another",
                })?;
        for (path, state) in other.states {
            let place = self.place(&path);
            self.generator.merge(&mut self.states[place].1, state);
        }
        Ok(())
    }

    fn finish(&self) -> Result<Vec<(FeaturePath, Vec<CustomStatistic>)>, StatisticsError> {
        let states = self.states.iter();
        Ok(states
            .map(|(path, state)| (path.clone(), self.generator.finish(path, state)))
            .collect())
    }

    fn size_bytes(&self) -> usize {
        let states = self.states.iter();
        states
            .map(|(_, state)| self.generator.size_bytes(state))
            .sum()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
