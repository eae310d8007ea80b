//! Confidence-based performance estimation.
//!
//! NannyML's documentation of CBPE gives the formulas: with a calibrated probability p, a
//! row predicted positive is a true positive with p and a false one with 1 − p, and a row
//! predicted negative likewise; sums of these are the expected confusion matrix. The limits
//! are three standard deviations about the mean of the *realised* performance on chunks of
//! the baseline.

use super::{
    calibration::{self, Isotonic},
    classification::{Confusion, area_under_curve},
};
use crate::preset::nannyml::{Chunks, Cut, Limits};

/// What is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Area under the receiver operating characteristic.
    RocAuc,
    /// Harmonic mean of precision and recall.
    F1,
    /// Share of predicted positives that are.
    Precision,
    /// Share of positives that are predicted.
    Recall,
    /// Share of negatives that are predicted.
    Specificity,
    /// Share of rows predicted right.
    Accuracy,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 6] = [
        Self::RocAuc,
        Self::F1,
        Self::Precision,
        Self::Recall,
        Self::Specificity,
        Self::Accuracy,
    ];

    /// Its name in files, settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::RocAuc => "roc_auc",
            Self::F1 => "f1",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Specificity => "specificity",
            Self::Accuracy => "accuracy",
        }
    }

    /// The metric of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    fn of(self, counts: &Confusion) -> Option<f64> {
        match self {
            Self::RocAuc => None,
            Self::F1 => counts.f1(),
            Self::Precision => counts.precision(),
            Self::Recall => counts.recall(),
            Self::Specificity => counts.specificity(),
            Self::Accuracy => counts.accuracy(),
        }
    }
}

/// A model's scores and predictions, one a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored<'a> {
    /// The score of the positive class, 0 to 1; NaN where there is none.
    pub scores: &'a [f64],
    /// Whether the positive class is predicted.
    pub predictions: &'a [bool],
}

/// Why nothing can be estimated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PerformanceError {
    /// Columns of different length.
    #[error(
        "{scores} scores, {predictions} predictions and {labels} labels are not of the same rows"
    )]
    Lengths {
        /// Scores.
        scores: usize,
        /// Predictions.
        predictions: usize,
        /// Labels; as many as scores where none are needed.
        labels: usize,
    },
    /// A score that is no probability.
    #[error("the score of row {row} is {score}; scores must be from 0 to 1")]
    Score {
        /// 0-based.
        row: usize,
        /// The score.
        score: f64,
    },
    /// A baseline without both classes.
    #[error("the baseline needs labels of both classes in at least one chunk")]
    OneClass,
}

/// An estimator that was fitted to a baseline with labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimator {
    metric: Metric,
    /// Of the rows that are estimated.
    chunks: Chunks,
    calibration: Option<Isotonic>,
    limits: Limits,
}

/// Estimated performance, chunk by chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The estimate of each chunk; NaN where it has no scores or no such rows.
    pub values: Vec<f64>,
    /// What the baseline's chunks achieve.
    pub limits: Limits,
    /// Whether each chunk is beyond them.
    pub alerts: Vec<bool>,
    /// Whether the scores were calibrated.
    pub calibrated: bool,
}

impl Estimator {
    /// Learns what scores mean and what performance is usual.
    ///
    /// # Errors
    /// [`PerformanceError`] for columns that do not fit each other, scores outside of 0 to
    /// 1, and labels of one class.
    pub fn fit(
        baseline: Scored<'_>,
        labels: &[bool],
        metric: Metric,
        cut: impl Into<Cut>,
    ) -> Result<Self, PerformanceError> {
        let cut = cut.into();
        check(&baseline, labels.len())?;
        let (scores, known): (Vec<f64>, Vec<bool>) = baseline
            .scores
            .iter()
            .zip(labels)
            .filter(|(score, _)| !score.is_nan())
            .unzip();
        let realised: Vec<f64> = cut
            .baseline
            .of(labels.len())
            .into_iter()
            .map(|rows| realised(metric, &baseline, labels, rows).unwrap_or(f64::NAN))
            .collect();
        let limits = Limits::learnt(&realised).ok_or(PerformanceError::OneClass)?;
        let calibration = if calibration::helps(&scores, &known) {
            Isotonic::fit(&scores, &known)
        } else {
            None
        };
        Ok(Self {
            metric,
            chunks: cut.window,
            calibration,
            limits: Limits {
                lower: limits.lower.map(|lower| lower.max(0.0)),
                upper: limits.upper.map(|upper| upper.min(1.0)),
            },
        })
    }

    /// Estimates the performance on rows without labels.
    ///
    /// # Errors
    /// [`PerformanceError`] for columns that do not fit each other or scores outside of 0
    /// to 1.
    pub fn estimate(&self, window: Scored<'_>) -> Result<Estimate, PerformanceError> {
        check(&window, window.scores.len())?;
        let values: Vec<f64> = self
            .chunks
            .of(window.scores.len())
            .into_iter()
            .map(|rows| {
                let rows: Vec<(f64, f64, bool)> = rows
                    .filter(|row| !window.scores[*row].is_nan())
                    .map(|row| {
                        let score = window.scores[row];
                        let probability = self
                            .calibration
                            .as_ref()
                            .map_or(score, |isotonic| isotonic.probability(score));
                        (score, probability, window.predictions[row])
                    })
                    .collect();
                expected(self.metric, rows).unwrap_or(f64::NAN)
            })
            .collect();
        Ok(Estimate {
            alerts: values
                .iter()
                .map(|value| self.limits.are_crossed(*value))
                .collect(),
            values,
            limits: self.limits,
            calibrated: self.calibration.is_some(),
        })
    }
}

fn check(scored: &Scored<'_>, labels: usize) -> Result<(), PerformanceError> {
    let (scores, predictions) = (scored.scores.len(), scored.predictions.len());
    if scores != predictions || scores != labels {
        return Err(PerformanceError::Lengths {
            scores,
            predictions,
            labels,
        });
    }
    for (row, score) in scored.scores.iter().copied().enumerate() {
        if !score.is_nan() && !(0.0..=1.0).contains(&score) {
            return Err(PerformanceError::Score { row, score });
        }
    }
    Ok(())
}

fn realised(
    metric: Metric,
    scored: &Scored<'_>,
    labels: &[bool],
    rows: std::ops::Range<usize>,
) -> Option<f64> {
    let rows: Vec<usize> = rows.filter(|row| !scored.scores[*row].is_nan()).collect();
    let labels: Vec<bool> = rows.iter().map(|row| labels[*row]).collect();
    if metric == Metric::RocAuc {
        let scores: Vec<f64> = rows.iter().map(|row| scored.scores[*row]).collect();
        return area_under_curve(&labels, &scores);
    }
    let mut counts = Confusion::default();
    for (row, label) in rows.iter().zip(labels) {
        counts.add(scored.predictions[*row], f64::from(u8::from(label)));
    }
    metric.of(&counts)
}

/// From score, probability and prediction of every row.
fn expected(metric: Metric, mut rows: Vec<(f64, f64, bool)>) -> Option<f64> {
    if metric == Metric::RocAuc {
        return expected_area(&mut rows);
    }
    let mut counts = Confusion::default();
    for (_, probability, predicted) in rows {
        counts.add(predicted, probability);
    }
    metric.of(&counts)
}

/// The area under the curve of expected true and false positives, by falling score.
fn expected_area(rows: &mut [(f64, f64, bool)]) -> Option<f64> {
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut positives, mut negatives, mut area) = (0.0, 0.0, 0.0);
    for (_, probability, _) in rows.iter() {
        area += (1.0 - probability) * (positives + probability / 2.0);
        positives += probability;
        negatives += 1.0 - probability;
    }
    let pairs = positives * negatives;
    (pairs > 0.0).then(|| area / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
    }

    /// Scores that are true probabilities, pulled towards 1/2 by `pull`.
    fn rows(count: u32, pull: f64, offset: u32) -> (Vec<f64>, Vec<bool>, Vec<bool>) {
        let scores: Vec<f64> = (0..count)
            .map(|n| 0.5 + (unit(n + offset) - 0.5) * (1.0 - pull))
            .collect();
        let predictions = scores.iter().map(|score| *score >= 0.5).collect();
        let labels = (0..count)
            .map(|n| unit(n.wrapping_mul(7_919) + offset + 1) < scores[n as usize])
            .collect();
        (scores, predictions, labels)
    }

    #[test]
    fn an_estimate_is_near_what_labels_show_and_unsure_scores_are_an_alert() {
        let (scores, predictions, labels) = rows(20_000, 0.0, 0);
        let baseline = Scored {
            scores: &scores,
            predictions: &predictions,
        };
        let (unsure, guesses, truth) = rows(5_000, 0.7, 40_000);
        let window = Scored {
            scores: &unsure,
            predictions: &guesses,
        };
        for metric in Metric::ALL {
            let estimator = Estimator::fit(baseline, &labels, metric, Chunks::default()).unwrap();
            let same = estimator.estimate(baseline).unwrap();
            assert!(
                !same.alerts.iter().any(|alert| *alert),
                "{metric:?}: {same:?}"
            );
            let less = estimator.estimate(window).unwrap();
            assert!(
                less.alerts.iter().all(|alert| *alert),
                "{metric:?}: {less:?}"
            );
            let truly = realised(metric, &window, &truth, 0..5_000).unwrap();
            let mean = less.values.iter().sum::<f64>() / 10.0;
            assert!((mean - truly).abs() < 0.03, "{metric:?}: {mean} {truly}");
        }
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let baseline = Scored {
            scores: &[0.5, 7.0],
            predictions: &[true, false],
        };
        let fit = |labels: &[bool]| {
            Estimator::fit(baseline, labels, Metric::Accuracy, Chunks::default()).unwrap_err()
        };
        assert!(fit(&[true]).to_string().contains("2 scores"));
        assert!(fit(&[true, false]).to_string().contains("row 1 is 7"));
    }
}
