//! Direct loss estimation: how wrong a regression is, before the true values are known.
//!
//! On the baseline the loss of every row is known, so a second model learns it from the
//! row's features and the prediction; on a window it says what loss to expect (NannyML's
//! documentation of DLE). The limits are those of the *realised* loss on chunks of the
//! baseline. It sees what the features tell of the loss, and no change of the relation of
//! features and target (concept drift).
//!
//! NannyML's second model is LightGBM's; ours (`boosted.rs`) has the same settings and
//! other arithmetic, so that values differ in their third digit or so.

use super::levels::{Amount, QUANTILE};
use crate::boosted::{Boosted, Objective};
use crate::preset::nannyml::{Chunks, Cut, Limits};
use std::ops::Range;

/// What is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossMetric {
    /// Mean absolute error.
    Mae,
    /// Mean absolute error relative to the target.
    Mape,
    /// Mean squared error.
    Mse,
    /// Mean squared error of logarithms of 1 and the value.
    Msle,
    /// Root of [`Self::Mse`].
    Rmse,
    /// Root of [`Self::Msle`].
    Rmsle,
}

impl LossMetric {
    /// Every metric.
    pub const ALL: [Self; 6] = [
        Self::Mae,
        Self::Mape,
        Self::Mse,
        Self::Msle,
        Self::Rmse,
        Self::Rmsle,
    ];

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mae => "mae",
            Self::Mape => "mape",
            Self::Mse => "mse",
            Self::Msle => "msle",
            Self::Rmse => "rmse",
            Self::Rmsle => "rmsle",
        }
    }

    /// Whether it is defined for values below zero.
    fn takes_negative(self) -> bool {
        !matches!(self, Self::Msle | Self::Rmsle)
    }

    fn of_row(self, target: f64, prediction: f64) -> f64 {
        let error = (target - prediction).abs();
        match self {
            Self::Mae => error,
            // The least divisor is that of scikit-learn.
            Self::Mape => error / target.abs().max(f64::EPSILON),
            Self::Mse | Self::Rmse => error * error,
            Self::Msle | Self::Rmsle => (target.ln_1p() - prediction.ln_1p()).powi(2),
        }
    }

    /// The metric of the losses of some rows, of which their number, their sum and that of their
    /// squares are known; `None` without rows. The loss of a row of a root is that of its square.
    pub fn of_sums(self, rows: f64, sum: f64, squares: f64) -> Option<Amount> {
        if rows < 1.0 {
            return None;
        }
        let mean = sum / rows;
        let variance = (squares / rows - mean * mean).max(0.0) / rows;
        let half = QUANTILE * variance.sqrt();
        Some(Amount {
            rows,
            value: self.of_mean(mean),
            lower: self.of_mean((mean - half).max(0.0)),
            upper: self.of_mean(mean + half),
        })
    }

    /// The metric of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    fn of_mean(self, mean: f64) -> f64 {
        match self {
            Self::Rmse | Self::Rmsle => mean.max(0.0).sqrt(),
            _ => mean,
        }
    }
}

/// Rows of a regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted<'a> {
    /// Features, column by column; NaN where there is no value.
    pub features: Vec<&'a [f64]>,
    /// What the model predicts; NaN where it predicts nothing.
    pub predictions: &'a [f64],
}

impl Predicted<'_> {
    /// Rows that have a prediction, as columns: features, then the prediction.
    fn columns(&self, rows: &[usize]) -> Vec<Vec<f64>> {
        let all = self.features.iter().copied().chain([self.predictions]);
        all.map(|column| rows.iter().map(|row| column[*row]).collect())
            .collect()
    }
}

/// Why nothing can be estimated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LossError {
    /// Columns of different length, or other columns than the baseline's.
    #[error("the columns are not of the same rows, or not those of the baseline")]
    Columns,
    /// No row with a target and a prediction.
    #[error("the baseline has no rows with a target and a prediction")]
    Empty,
    /// A logarithm of what has none.
    #[error("{metric} needs targets and predictions of 0 or more")]
    Negative {
        /// Its name.
        metric: &'static str,
    },
}

/// An estimator that was fitted to a baseline with targets.
#[derive(Debug, Clone, PartialEq)]
pub struct LossEstimator {
    metric: LossMetric,
    chunks: Chunks,
    features: usize,
    loss: Boosted,
    limits: Limits,
}

/// Estimated loss, chunk by chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct LossEstimate {
    /// The estimate of each chunk; NaN where it has no predictions.
    pub values: Vec<f64>,
    /// What the baseline's chunks achieve.
    pub limits: Limits,
    /// Whether each chunk is beyond them.
    pub alerts: Vec<bool>,
}

impl LossEstimator {
    /// Learns the loss of a row, and what loss is usual.
    ///
    /// # Errors
    /// [`LossError`].
    pub fn fit(
        baseline: &Predicted<'_>,
        targets: &[f64],
        metric: LossMetric,
        cut: impl Into<Cut>,
    ) -> Result<Self, LossError> {
        let cut = cut.into();
        check(baseline, targets.len())?;
        let known = |row: &usize| !targets[*row].is_nan() && !baseline.predictions[*row].is_nan();
        let rows: Vec<usize> = (0..targets.len()).filter(known).collect();
        if rows.is_empty() {
            return Err(LossError::Empty);
        }
        let negative = |row: &usize| targets[*row] < 0.0 || baseline.predictions[*row] < 0.0;
        if !metric.takes_negative() && rows.iter().any(negative) {
            return Err(LossError::Negative {
                metric: metric.name(),
            });
        }
        let losses: Vec<f64> = rows
            .iter()
            .map(|row| metric.of_row(targets[*row], baseline.predictions[*row]))
            .collect();
        let realised: Vec<f64> = cut
            .baseline
            .of(targets.len())
            .into_iter()
            .map(|chunk| {
                realised_loss(metric, baseline.predictions, targets, chunk).unwrap_or(f64::NAN)
            })
            .collect();
        let limits = Limits::learnt(&realised).ok_or(LossError::Empty)?;
        Ok(Self {
            metric,
            chunks: cut.window,
            features: baseline.features.len(),
            loss: Boosted::fit(&baseline.columns(&rows), &losses, Objective::SquaredError),
            limits: Limits {
                lower: limits.lower.map(|lower| lower.max(0.0)),
                upper: limits.upper,
            },
        })
    }

    /// Estimates the loss of rows without targets.
    ///
    /// # Errors
    /// [`LossError::Columns`].
    pub fn estimate(&self, window: &Predicted<'_>) -> Result<LossEstimate, LossError> {
        check(window, window.predictions.len())?;
        if window.features.len() != self.features {
            return Err(LossError::Columns);
        }
        let values: Vec<f64> = self
            .chunks
            .of(window.predictions.len())
            .into_iter()
            .map(|chunk| {
                let rows: Vec<usize> = chunk
                    .filter(|row| !window.predictions[*row].is_nan())
                    .collect();
                let losses = self.loss.predict(&window.columns(&rows));
                self.metric
                    .of_mean(losses.iter().sum::<f64>() / losses.len() as f64)
            })
            .collect();
        Ok(LossEstimate {
            alerts: values
                .iter()
                .map(|value| self.limits.are_crossed(*value))
                .collect(),
            limits: self.limits,
            values,
        })
    }
}

/// What targets show of some rows; `None` without any.
pub fn realised_loss(
    metric: LossMetric,
    predictions: &[f64],
    targets: &[f64],
    rows: Range<usize>,
) -> Option<f64> {
    let losses: Vec<f64> = rows
        .filter(|row| !targets[*row].is_nan() && !predictions[*row].is_nan())
        .map(|row| metric.of_row(targets[row], predictions[row]))
        .collect();
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    (!losses.is_empty()).then(|| metric.of_mean(mean))
}

fn check(predicted: &Predicted<'_>, rows: usize) -> Result<(), LossError> {
    let lengths = predicted.features.iter().map(|column| column.len());
    match lengths
        .chain([predicted.predictions.len()])
        .all(|length| length == rows)
    {
        true => Ok(()),
        false => Err(LossError::Columns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(n: usize) -> f64 {
        f64::from((n as u32).wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
    }

    /// A feature, predictions and targets; the noise grows with the feature, and the
    /// feature's values are from 1 to `most`.
    fn rows(count: usize, most: f64, offset: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let feature: Vec<f64> = (0..count)
            .map(|n| 1.0 + (most - 1.0) * unit((n + offset) * 2))
            .collect();
        let predictions: Vec<f64> = feature.iter().map(|x| 10.0 * x).collect();
        let targets = (0..count)
            .map(|n| predictions[n] + feature[n] * (unit((n + offset) * 2 + 1) - 0.5))
            .collect();
        (feature, predictions, targets)
    }

    #[test]
    fn noise_that_grows_with_a_feature_is_expected_where_the_feature_is_large() {
        let (feature, predictions, targets) = rows(12_000, 4.0, 0);
        let baseline = Predicted {
            features: vec![&feature],
            predictions: &predictions,
        };
        // The later half has larger features only.
        let kept: Vec<usize> = {
            let (feature, ..) = rows(20_000, 4.0, 60_000);
            (0..20_000).filter(|row| feature[*row] > 3.0).collect()
        };
        let (feature, predictions, truth) = rows(20_000, 4.0, 60_000);
        let of = |values: &[f64]| -> Vec<f64> { kept.iter().map(|row| values[*row]).collect() };
        let (feature, predictions, truth) = (of(&feature), of(&predictions), of(&truth));
        let window = Predicted {
            features: vec![&feature],
            predictions: &predictions,
        };
        for metric in LossMetric::ALL {
            let estimator =
                LossEstimator::fit(&baseline, &targets, metric, Chunks::default()).unwrap();
            let found = estimator.estimate(&window).unwrap();
            let truly = realised_loss(metric, &predictions, &truth, 0..truth.len()).unwrap();
            let mean = found.values.iter().sum::<f64>() / found.values.len() as f64;
            assert!(
                (mean / truly - 1.0).abs() < 0.08,
                "{metric:?}: {mean} {truly}"
            );
            // Relative errors are the same wherever the feature is.
            let relative = matches!(
                metric,
                LossMetric::Mape | LossMetric::Msle | LossMetric::Rmsle
            );
            assert!(
                relative || found.alerts.iter().all(|alert| *alert),
                "{metric:?}: {found:?}"
            );
        }
    }

    #[test]
    fn logarithms_of_negative_values_and_other_columns_are_refused() {
        let baseline = Predicted {
            features: vec![],
            predictions: &[1.0, -1.0],
        };
        let fit = |metric| LossEstimator::fit(&baseline, &[1.0, 1.0], metric, Chunks::default());
        let error = fit(LossMetric::Msle).unwrap_err();
        assert_eq!(
            error.to_string(),
            "msle needs targets and predictions of 0 or more"
        );
        let estimator = fit(LossMetric::Mae).unwrap();
        let other = Predicted {
            features: vec![&[1.0]],
            predictions: &[1.0],
        };
        assert_eq!(estimator.estimate(&other), Err(LossError::Columns));
    }
}
