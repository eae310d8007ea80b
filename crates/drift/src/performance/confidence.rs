//! Confidence-based performance estimation.
//!
//! NannyML's documentation of CBPE gives the formulas: with a calibrated probability p, a
//! row predicted positive is a true positive with p and a false one with 1 − p, and a row
//! predicted negative likewise; sums of these are the expected confusion matrix. The limits
//! are three standard deviations about the mean of the *realised* performance on chunks of
//! the baseline.
//!
//! Of several classes, each is held against all others in this way, with probabilities that
//! are calibrated class by class and then sum to 1 again; a metric is the mean of theirs.
//! Only the accuracy is one of all: the expected share of rows that are predicted right.

use super::{
    calibration::{self, Isotonic},
    classification::{Confusion, area_under_curve, average_precision},
};
use crate::preset::nannyml::{Chunks, Cut, Limits};

/// What is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Area under the receiver operating characteristic.
    RocAuc,
    /// Precision, averaged over recall.
    AveragePrecision,
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
    pub const ALL: [Self; 7] = [
        Self::RocAuc,
        Self::AveragePrecision,
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
            Self::AveragePrecision => "average_precision",
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

    /// Of one class against the others: how positive each row is (a label, or its
    /// probability), its score, and whether the class is predicted.
    fn of(self, rows: &[(f64, f64, bool)], expected: bool) -> Option<f64> {
        let (weights, scores): (Vec<f64>, Vec<f64>) = rows
            .iter()
            .map(|(weight, score, _)| (*weight, *score))
            .unzip();
        match self {
            Self::RocAuc if expected => expected_area(rows),
            Self::RocAuc => {
                let labels: Vec<bool> = weights.iter().map(|weight| *weight > 0.5).collect();
                area_under_curve(&labels, &scores)
            }
            Self::AveragePrecision => average_precision(&weights, &scores),
            Self::F1 => counts(rows).f1(),
            Self::Precision => counts(rows).precision(),
            Self::Recall => counts(rows).recall(),
            Self::Specificity => counts(rows).specificity(),
            Self::Accuracy => counts(rows).accuracy(),
        }
    }
}

fn counts(rows: &[(f64, f64, bool)]) -> Confusion {
    let mut counts = Confusion::default();
    for (weight, _, predicted) in rows {
        counts.add(*predicted, *weight);
    }
    counts
}

/// A model's scores and predictions, one a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored<'a> {
    /// Of two classes the scores of class 1; of more those of each class, by its number.
    /// From 0 to 1; NaN where there is none.
    pub scores: Vec<&'a [f64]>,
    /// The number of the predicted class.
    pub predictions: &'a [usize],
}

impl Scored<'_> {
    fn rows(&self) -> usize {
        self.predictions.len()
    }

    /// Classes that are held against the others: of two, class 1 alone.
    fn classes(&self) -> std::ops::Range<usize> {
        match self.scores.len() {
            1 => 1..2,
            count => 0..count,
        }
    }

    fn is_whole(&self, row: usize) -> bool {
        self.scores.iter().all(|scores| !scores[row].is_nan())
    }
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
    /// A class that has no scores.
    #[error("row {row} has the class {class}, and there are scores of {classes} classes")]
    Class {
        /// 0-based.
        row: usize,
        /// Its number.
        class: usize,
        /// How many classes there are.
        classes: usize,
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
    /// For each class; none where its scores are probabilities as they are.
    calibrations: Vec<Option<Isotonic>>,
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
        baseline: &Scored<'_>,
        labels: &[usize],
        metric: Metric,
        cut: impl Into<Cut>,
    ) -> Result<Self, PerformanceError> {
        let cut = cut.into();
        check(baseline, labels.len())?;
        check_classes(labels, baseline.classes().end)?;
        let whole: Vec<usize> = (0..labels.len())
            .filter(|row| baseline.is_whole(*row))
            .collect();
        let realised: Vec<f64> = cut
            .baseline
            .of(labels.len())
            .into_iter()
            .map(|rows| realised(metric, baseline, labels, rows).unwrap_or(f64::NAN))
            .collect();
        let limits = Limits::learnt(&realised).ok_or(PerformanceError::OneClass)?;
        let calibrations = baseline
            .classes()
            .zip(&baseline.scores)
            .map(|(class, scores)| {
                let scores: Vec<f64> = whole.iter().map(|row| scores[*row]).collect();
                let known: Vec<bool> = whole.iter().map(|row| labels[*row] == class).collect();
                match calibration::helps(&scores, &known) {
                    true => Isotonic::fit(&scores, &known),
                    false => None,
                }
            })
            .collect();
        Ok(Self {
            metric,
            chunks: cut.window,
            calibrations,
            limits: Limits {
                lower: limits.lower.map(|lower| lower.max(0.0)),
                upper: limits.upper.map(|upper| upper.min(1.0)),
            },
        })
    }

    /// Estimates the performance on rows without labels.
    ///
    /// # Errors
    /// [`PerformanceError`] for columns that do not fit each other or the baseline's, and
    /// scores outside of 0 to 1.
    pub fn estimate(&self, window: &Scored<'_>) -> Result<Estimate, PerformanceError> {
        check(window, window.rows())?;
        let values: Vec<f64> = self
            .chunks
            .of(window.rows())
            .into_iter()
            .map(|rows| self.expected(window, rows).unwrap_or(f64::NAN))
            .collect();
        Ok(Estimate {
            alerts: values
                .iter()
                .map(|value| self.limits.are_crossed(*value))
                .collect(),
            values,
            limits: self.limits,
            calibrated: self.calibrations.iter().any(Option::is_some),
        })
    }

    fn expected(&self, window: &Scored<'_>, rows: std::ops::Range<usize>) -> Option<f64> {
        let rows: Vec<usize> = rows.filter(|row| window.is_whole(*row)).collect();
        let probabilities: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| self.probabilities(window, *row))
            .collect();
        of_classes(self.metric, window, &rows, true, |place, at| {
            probabilities[place][at]
        })
    }

    /// The calibrated probability of each class.
    fn probabilities(&self, window: &Scored<'_>, row: usize) -> Vec<f64> {
        let mut probabilities: Vec<f64> = window
            .scores
            .iter()
            .zip(&self.calibrations)
            .map(|(scores, calibration)| match calibration {
                Some(isotonic) => isotonic.probability(scores[row]),
                None => scores[row],
            })
            .collect();
        if let [_, _, ..] = probabilities.as_slice() {
            let sum: f64 = probabilities.iter().sum();
            let even = 1.0 / probabilities.len() as f64;
            for probability in &mut probabilities {
                *probability = if sum > 0.0 { *probability / sum } else { even };
            }
        }
        probabilities
    }
}

fn check(scored: &Scored<'_>, labels: usize) -> Result<(), PerformanceError> {
    let predictions = scored.rows();
    for scores in &scored.scores {
        if scores.len() != predictions || scores.len() != labels {
            return Err(PerformanceError::Lengths {
                scores: scores.len(),
                predictions,
                labels,
            });
        }
        for (row, score) in scores.iter().copied().enumerate() {
            if !score.is_nan() && !(0.0..=1.0).contains(&score) {
                return Err(PerformanceError::Score { row, score });
            }
        }
    }
    check_classes(scored.predictions, scored.classes().end)
}

fn check_classes(numbers: &[usize], classes: usize) -> Result<(), PerformanceError> {
    match numbers.iter().position(|number| *number >= classes) {
        Some(row) => Err(PerformanceError::Class {
            row,
            class: numbers[row],
            classes,
        }),
        None => Ok(()),
    }
}

/// What labels show of some rows; `None` where the metric is not defined for them.
pub fn realised(
    metric: Metric,
    scored: &Scored<'_>,
    labels: &[usize],
    rows: std::ops::Range<usize>,
) -> Option<f64> {
    let rows: Vec<usize> = rows.filter(|row| scored.is_whole(*row)).collect();
    let first = scored.classes().start;
    of_classes(metric, scored, &rows, false, |place, at| {
        f64::from(u8::from(labels[rows[place]] == first + at))
    })
}

/// The metric of all classes; `weight` is how much a row, by its place, is of a class, by
/// the place of its scores.
fn of_classes(
    metric: Metric,
    scored: &Scored<'_>,
    rows: &[usize],
    expected: bool,
    weight: impl Fn(usize, usize) -> f64,
) -> Option<f64> {
    let classes = scored.classes();
    let count = scored.scores.len();
    if metric == Metric::Accuracy && count > 1 {
        let right = (0..rows.len()).map(|place| weight(place, scored.predictions[rows[place]]));
        return (!rows.is_empty()).then(|| right.sum::<f64>() / rows.len() as f64);
    }
    let mut sum = 0.0;
    for (at, class) in classes.enumerate() {
        let of_class: Vec<(f64, f64, bool)> = rows
            .iter()
            .enumerate()
            .map(|(place, row)| {
                let predicted = scored.predictions[*row] == class;
                (weight(place, at), scored.scores[at][*row], predicted)
            })
            .collect();
        match metric.of(&of_class, expected) {
            Some(value) => sum += value,
            // A class that is never predicted has no precision; scikit-learn counts 0.
            None if count > 1 && !matches!(metric, Metric::RocAuc) => {}
            None => return None,
        }
    }
    Some(sum / count as f64)
}

/// The area under the curve of expected true and false positives, by falling score.
fn expected_area(rows: &[(f64, f64, bool)]) -> Option<f64> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (mut positives, mut negatives, mut area) = (0.0, 0.0, 0.0);
    for (probability, ..) in &rows {
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
    fn rows(count: u32, pull: f64, offset: u32) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
        let scores: Vec<f64> = (0..count)
            .map(|n| 0.5 + (unit(n + offset) - 0.5) * (1.0 - pull))
            .collect();
        let predictions = scores
            .iter()
            .map(|score| usize::from(*score >= 0.5))
            .collect();
        let labels = (0..count)
            .map(|n| usize::from(unit(n.wrapping_mul(7_919) + offset + 1) < scores[n as usize]))
            .collect();
        (scores, predictions, labels)
    }

    #[test]
    fn an_estimate_is_near_what_labels_show_and_unsure_scores_are_an_alert() {
        let (scores, predictions, labels) = rows(20_000, 0.0, 0);
        let baseline = Scored {
            scores: vec![&scores],
            predictions: &predictions,
        };
        let (unsure, guesses, truth) = rows(5_000, 0.7, 40_000);
        let window = Scored {
            scores: vec![&unsure],
            predictions: &guesses,
        };
        for metric in Metric::ALL {
            let estimator = Estimator::fit(&baseline, &labels, metric, Chunks::default()).unwrap();
            let same = estimator.estimate(&baseline).unwrap();
            assert!(
                !same.alerts.iter().any(|alert| *alert),
                "{metric:?}: {same:?}"
            );
            let less = estimator.estimate(&window).unwrap();
            assert!(
                less.alerts.iter().all(|alert| *alert),
                "{metric:?}: {less:?}"
            );
            let truly = realised(metric, &window, &truth, 0..5_000).unwrap();
            let mean = less.values.iter().sum::<f64>() / 10.0;
            assert!((mean - truly).abs() < 0.03, "{metric:?}: {mean} {truly}");
        }
    }

    /// Probabilities of three classes that are true, and labels drawn by them; `sureness`
    /// is how far the first of them are from even.
    fn three(count: u32, sureness: f64, offset: u32) -> ([Vec<f64>; 3], Vec<usize>, Vec<usize>) {
        let mut scores = [Vec::new(), Vec::new(), Vec::new()];
        let (mut predictions, mut labels) = (Vec::new(), Vec::new());
        for n in 0..count {
            let weights = [0, 1, 2].map(|class: u32| {
                let drawn = unit((n + offset).wrapping_mul(3) + class);
                (4.0 * sureness * drawn).exp()
            });
            let sum: f64 = weights.iter().sum();
            let probabilities = weights.map(|weight| weight / sum);
            let chance = unit(n.wrapping_mul(7_919) + offset + 5);
            labels.push(match chance {
                chance if chance < probabilities[0] => 0,
                chance if chance < probabilities[0] + probabilities[1] => 1,
                _ => 2,
            });
            let best = (0..3).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
            predictions.push(best.unwrap());
            for (scores, probability) in scores.iter_mut().zip(probabilities) {
                scores.push(probability);
            }
        }
        (scores, predictions, labels)
    }

    #[test]
    fn of_three_classes_an_estimate_is_near_what_labels_show() {
        let (scores, predictions, labels) = three(20_000, 1.0, 0);
        let baseline = Scored {
            scores: scores.iter().map(Vec::as_slice).collect(),
            predictions: &predictions,
        };
        let (unsure, guesses, truth) = three(6_000, 0.3, 100_000);
        let window = Scored {
            scores: unsure.iter().map(Vec::as_slice).collect(),
            predictions: &guesses,
        };
        for metric in Metric::ALL {
            let estimator = Estimator::fit(&baseline, &labels, metric, Chunks::default()).unwrap();
            let less = estimator.estimate(&window).unwrap();
            let truly = realised(metric, &window, &truth, 0..6_000).unwrap();
            let mean = less.values.iter().sum::<f64>() / 10.0;
            assert!((mean - truly).abs() < 0.03, "{metric:?}: {mean} {truly}");
            assert!(
                less.alerts.iter().all(|alert| *alert),
                "{metric:?}: {less:?}"
            );
        }
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let baseline = Scored {
            scores: vec![&[0.5, 7.0]],
            predictions: &[1, 0],
        };
        let fit = |labels: &[usize]| {
            Estimator::fit(&baseline, labels, Metric::Accuracy, Chunks::default()).unwrap_err()
        };
        assert!(fit(&[1]).to_string().contains("2 scores"));
        assert!(fit(&[1, 0]).to_string().contains("row 1 is 7"));
        let classes = Scored {
            scores: vec![&[0.5, 0.5]],
            predictions: &[1, 2],
        };
        let error = Estimator::fit(&classes, &[0, 1], Metric::F1, Chunks::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1 has the class 2, and there are scores of 2 classes"
        );
    }
}
