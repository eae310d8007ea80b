//! How often a feature is there, and how many values it has: for each level of lists.

use super::{
    FeatureType,
    histogram::{FiniteRange, Histogram, quantiles_histogram, standard_histogram},
    nested::{FeatureRows, Level},
    quantiles::WeightedQuantiles,
};
use crate::StatisticsError;

/// Presence and valency of one level of lists.
#[derive(Debug, Clone)]
pub struct LevelPresence {
    /// Lists that are there; an empty list is.
    pub present: u64,
    /// Values of the shortest list; `None` where no list is there.
    pub min_values: Option<u64>,
    /// Values of the longest list.
    pub max_values: u64,
    /// Values of all lists.
    pub values: u64,
    /// Weight of the lists that are there.
    pub weighted_present: f64,
    /// Weight of their values.
    pub weighted_values: f64,
    lengths: Option<WeightedQuantiles>,
}

impl LevelPresence {
    fn new(epsilon: Option<f64>) -> Self {
        Self {
            present: 0,
            min_values: None,
            max_values: 0,
            values: 0,
            weighted_present: 0.0,
            weighted_values: 0.0,
            lengths: epsilon.map(WeightedQuantiles::new),
        }
    }

    fn update(&mut self, level: &Level, weights: Option<&[f64]>, with_lengths: bool) {
        self.present += level.present() as u64;
        match level {
            Level::Values { .. } => {
                let present = level.present() as u64;
                if present > 0 {
                    self.see_length(1, present, with_lengths);
                }
            }
            Level::Lists { lengths, .. } => {
                // Lengths tend to be few: grouped, the sketch takes them at once.
                let mut counts = rustc_hash::FxHashMap::<usize, u64>::default();
                for (place, length) in lengths.iter().enumerate() {
                    if level.is_present(place) {
                        *counts.entry(*length).or_default() += 1;
                    }
                }
                let mut counts: Vec<(usize, u64)> = counts.into_iter().collect();
                counts.sort_unstable();
                for (length, lists) in counts {
                    self.see_length(length as u64, lists, with_lengths);
                }
            }
        }
        for (place, weight) in weights.into_iter().flatten().enumerate() {
            if level.is_present(place) {
                self.weighted_present += weight;
                self.weighted_values += weight * level.length(place) as f64;
            }
        }
    }

    fn see_length(&mut self, length: u64, lists: u64, with_lengths: bool) {
        self.min_values = Some(self.min_values.map_or(length, |min| min.min(length)));
        self.max_values = self.max_values.max(length);
        self.values += length * lists;
        if let Some(lengths) = self.lengths.as_mut().filter(|_| with_lengths) {
            lengths.update(length as f64, lists as f64);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.present += other.present;
        self.min_values = [self.min_values, other.min_values]
            .into_iter()
            .flatten()
            .min();
        self.max_values = self.max_values.max(other.max_values);
        self.values += other.values;
        self.weighted_present += other.weighted_present;
        self.weighted_values += other.weighted_values;
        if let (Some(mine), Some(theirs)) = (&mut self.lengths, &other.lengths) {
            mine.merge(theirs);
        }
    }

    /// Lengths of the lists in bins of equal weight; `None` without histograms.
    pub fn length_quantiles(&self, buckets: usize) -> Option<Histogram> {
        let lengths = self.lengths.as_ref()?;
        Some(quantiles_histogram(&lengths.cuts(buckets)))
    }

    /// Lengths of the lists in bins of equal width; `None` without histograms.
    pub fn length_standard(&self, buckets: usize) -> Option<Histogram> {
        let lengths = self.lengths.as_ref()?;
        let range = FiniteRange {
            min: self.min_values.unwrap_or(0) as f64,
            max: self.max_values as f64,
            positive_infinities: 0.0,
        };
        Some(standard_histogram(&lengths.cuts(buckets), range, buckets))
    }
}

/// Presence and valency of a feature.
#[derive(Debug, Clone)]
pub struct Presence {
    /// The type of its values; `None` as long as nothing tells it.
    pub feature_type: Option<FeatureType>,
    /// One entry for each level of lists, outermost first.
    pub levels: Vec<LevelPresence>,
    /// Innermost values of each row, where there is more than one level.
    innermost: Option<LevelPresence>,
}

impl Presence {
    /// Nothing seen yet, of lists this deep; `epsilon` is `None` without histograms.
    pub fn new(depth: usize, epsilon: Option<f64>) -> Self {
        Self {
            feature_type: None,
            levels: (0..depth).map(|_| LevelPresence::new(epsilon)).collect(),
            innermost: (depth > 1).then(|| LevelPresence::new(epsilon)),
        }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// [`StatisticsError::FeatureType`] and [`StatisticsError::FeatureDepth`] where they
    /// have another type or depth than the rows before.
    pub fn update(&mut self, rows: &FeatureRows<'_>) -> Result<(), StatisticsError> {
        self.set_type(rows.path, rows.feature_type)?;
        let levels = &rows.nested.levels;
        if levels.len() != self.levels.len() {
            return Err(StatisticsError::FeatureDepth {
                feature: rows.path.to_string(),
                left: self.levels.len(),
                right: levels.len(),
            });
        }
        let mut weights = rows.weights.map(<[f64]>::to_vec);
        let nested = levels.len() > 1;
        for (depth, (presence, level)) in self.levels.iter_mut().zip(levels).enumerate() {
            presence.update(level, weights.as_deref(), !(nested && depth == 0));
            weights = weights.map(|weights| level.spread(&weights));
        }
        if let Some(innermost) = &mut self.innermost {
            let top = &levels[0];
            let lengths = rows.nested.innermost_lengths();
            for (place, length) in lengths.into_iter().enumerate() {
                if top.is_present(place) {
                    innermost.see_length(length as u64, 1, true);
                }
            }
        }
        Ok(())
    }

    fn set_type(
        &mut self,
        path: &super::FeaturePath,
        found: Option<FeatureType>,
    ) -> Result<(), StatisticsError> {
        match (self.feature_type, found) {
            (Some(left), Some(right)) if left != right => Err(StatisticsError::FeatureType {
                feature: path.to_string(),
                left: left.name(),
                right: right.name(),
            }),
            (None, found) => {
                self.feature_type = found;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds the rows of another.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn merge(
        &mut self,
        path: &super::FeaturePath,
        other: &Self,
    ) -> Result<(), StatisticsError> {
        self.set_type(path, other.feature_type)?;
        if self.levels.len() != other.levels.len() {
            return Err(StatisticsError::FeatureDepth {
                feature: path.to_string(),
                left: self.levels.len(),
                right: other.levels.len(),
            });
        }
        for (mine, theirs) in self.levels.iter_mut().zip(&other.levels) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.innermost, &other.innermost) {
            mine.merge(theirs);
        }
        Ok(())
    }

    /// The innermost level.
    pub fn leaf(&self) -> &LevelPresence {
        self.levels.last().expect("every feature has a level")
    }

    /// What counts the values of a row: the innermost values where lists are nested.
    pub fn per_row(&self) -> &LevelPresence {
        self.innermost.as_ref().unwrap_or(&self.levels[0])
    }
}
