//! Numbers of a feature, each as often as it occurs and each by its weight.

use super::{
    histogram::{FiniteRange, Histogram, coarser, median, quantiles_histogram, standard_histogram},
    nested::{FeatureRows, numbers},
    quantiles::{Cuts, WeightedQuantiles},
};

/// Fine cuts for each bin of a histogram: what TFDV interpolates from.
const FINE: usize = 100;

/// Mean and variance of weighted numbers, in one pass and mergeable.
///
/// Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance":
/// the squared deviations of two parts add up with that of their means. The variance
/// is that of the population, divided by the weight.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeightedMoments {
    weight: f64,
    mean: f64,
    squares: f64,
}

impl WeightedMoments {
    /// Moments of some values.
    fn of(values: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let (mut weight, mut sum) = (0.0, 0.0);
        for (value, by) in values.clone() {
            weight += by;
            sum += value * by;
        }
        if weight == 0.0 {
            return Self::default();
        }
        let mean = sum / weight;
        let squares = values.map(|(value, by)| by * (value - mean).powi(2)).sum();
        Self {
            weight,
            mean,
            squares,
        }
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        let weight = self.weight + other.weight;
        if other.weight == 0.0 || weight == 0.0 {
            return;
        }
        if self.weight == 0.0 {
            *self = *other;
            return;
        }
        let apart = other.mean - self.mean;
        let share = other.weight / weight;
        self.mean += apart * share;
        self.squares += other.squares + apart * apart * self.weight * share;
        self.weight = weight;
    }

    /// The mean; 0 of nothing, NaN beside an infinity, as in TFDV.
    pub fn mean(&self) -> f64 {
        if self.mean.is_infinite() {
            return f64::NAN;
        }
        self.mean
    }

    /// The standard deviation of the population; 0 where it is not defined, as beside
    /// infinities.
    pub fn standard_deviation(&self) -> f64 {
        let variance = self.squares / self.weight;
        if variance > 0.0 { variance.sqrt() } else { 0.0 }
    }
}

/// Statistics of the numbers of a feature. NaN, and nulls inside lists, are counted
/// apart and enter nothing else.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// Numbers seen.
    pub count: u64,
    /// Values that are no number.
    pub nan: u64,
    /// Numbers that are 0.
    pub zeros: u64,
    /// The least number; +∞ of none.
    pub min: f64,
    /// The greatest number; -∞ of none.
    pub max: f64,
    /// Mean and deviation.
    pub moments: WeightedMoments,
    finite_min: f64,
    finite_max: f64,
    infinities: f64,
    quantiles: Option<WeightedQuantiles>,
    weighted: Option<Weighted>,
}

#[derive(Debug, Clone, Default)]
struct Weighted {
    moments: WeightedMoments,
    infinities: f64,
    quantiles: Option<WeightedQuantiles>,
}

/// How numbers are distributed.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// The middle number.
    pub median: f64,
    /// In bins of equal width.
    pub standard: Histogram,
    /// In bins of equal weight.
    pub quantiles: Histogram,
}

impl Numbers {
    /// Nothing seen yet; `epsilon` is `None` without histograms.
    pub fn new(weighted: bool, epsilon: Option<f64>) -> Self {
        let quantiles = epsilon.map(WeightedQuantiles::new);
        Self {
            count: 0,
            nan: 0,
            zeros: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            moments: WeightedMoments::default(),
            finite_min: f64::INFINITY,
            finite_max: f64::NEG_INFINITY,
            infinities: 0.0,
            weighted: weighted.then(|| Weighted {
                quantiles: quantiles.clone(),
                ..Weighted::default()
            }),
            quantiles,
        }
    }

    /// Adds the values of rows; nothing where they are no numbers.
    pub fn update(&mut self, rows: &FeatureRows<'_>) {
        let Some(values) = numbers(&rows.nested.values) else {
            return;
        };
        let known = values.iter().map(|value| value.filter(|v| !v.is_nan()));
        let numbers: Vec<f64> = known.clone().flatten().collect();
        self.nan += (values.len() - numbers.len()) as u64;
        self.count += numbers.len() as u64;
        self.moments
            .merge(&WeightedMoments::of(numbers.iter().map(|v| (*v, 1.0))));
        for &number in &numbers {
            self.min = self.min.min(number);
            self.max = self.max.max(number);
            if number.is_finite() {
                self.finite_min = self.finite_min.min(number);
                self.finite_max = self.finite_max.max(number);
            } else if number > 0.0 {
                self.infinities += 1.0;
            }
            self.zeros += u64::from(number == 0.0);
            if let Some(quantiles) = &mut self.quantiles {
                quantiles.update(number, 1.0);
            }
        }
        if let (Some(weighted), Some(weights)) = (&mut self.weighted, rows.weights) {
            let weights = rows.nested.spread(weights);
            let pairs: Vec<(f64, f64)> = known
                .zip(weights)
                .filter_map(|(value, weight)| Some((value?, weight)))
                .collect();
            weighted
                .moments
                .merge(&WeightedMoments::of(pairs.iter().copied()));
            for (value, weight) in pairs {
                if value == f64::INFINITY {
                    weighted.infinities += weight;
                }
                if let Some(quantiles) = &mut weighted.quantiles {
                    quantiles.update(value, weight);
                }
            }
        }
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.nan += other.nan;
        self.zeros += other.zeros;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.finite_min = self.finite_min.min(other.finite_min);
        self.finite_max = self.finite_max.max(other.finite_max);
        self.infinities += other.infinities;
        self.moments.merge(&other.moments);
        if let (Some(mine), Some(theirs)) = (&mut self.quantiles, &other.quantiles) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.weighted, &other.weighted) {
            mine.moments.merge(&theirs.moments);
            mine.infinities += theirs.infinities;
            if let (Some(mine), Some(theirs)) = (&mut mine.quantiles, &theirs.quantiles) {
                mine.merge(theirs);
            }
        }
    }

    /// Median and histograms; `None` of no numbers and without histograms.
    pub fn distribution(&self, standard: usize, quantiles: usize) -> Option<Distribution> {
        let cuts = self.quantiles.as_ref()?.cuts(FINE * quantiles);
        self.distribution_of(&cuts, self.infinities, standard)
    }

    /// Mean and deviation by weight; `None` without weights.
    pub fn weighted_moments(&self) -> Option<WeightedMoments> {
        Some(self.weighted.as_ref()?.moments)
    }

    /// Median and histograms by weight; `None` without weights or histograms.
    pub fn weighted_distribution(&self, standard: usize, quantiles: usize) -> Option<Distribution> {
        let weighted = self.weighted.as_ref()?;
        let cuts = weighted.quantiles.as_ref()?.cuts(FINE * quantiles);
        self.distribution_of(&cuts, weighted.infinities, standard)
    }

    fn distribution_of(
        &self,
        cuts: &Cuts,
        infinities: f64,
        standard: usize,
    ) -> Option<Distribution> {
        let range = FiniteRange {
            min: self.finite_min,
            max: self.finite_max,
            positive_infinities: infinities,
        };
        let with_nan = |mut histogram: Histogram| {
            histogram.nan = self.nan;
            histogram
        };
        Some(Distribution {
            median: median(cuts)?,
            standard: with_nan(standard_histogram(cuts, range, standard)),
            quantiles: with_nan(quantiles_histogram(&coarser(cuts, FINE))),
        })
    }

    /// Greatest rank error of median and histograms, as a share; 0 where exact.
    pub fn rank_error(&self) -> f64 {
        let of = |quantiles: &Option<WeightedQuantiles>| {
            quantiles
                .as_ref()
                .map_or(0.0, WeightedQuantiles::rank_error)
        };
        let weighted = self.weighted.as_ref();
        of(&self.quantiles).max(weighted.map_or(0.0, |weighted| of(&weighted.quantiles)))
    }

    /// Whether histograms are made.
    pub fn has_histograms(&self) -> bool {
        self.quantiles.is_some()
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let of = |quantiles: &Option<WeightedQuantiles>| {
            quantiles.as_ref().map_or(0, WeightedQuantiles::size_bytes)
        };
        let weighted = self.weighted.as_ref();
        size_of::<Self>()
            + of(&self.quantiles)
            + weighted.map_or(0, |weighted| of(&weighted.quantiles))
    }
}
