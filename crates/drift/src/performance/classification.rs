//! Metrics of a classifier of two classes.

/// Probability that a positive has a higher score than a negative, a tie being half; `None`
/// where there is only one of them.
///
/// Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating
/// characteristic (ROC) curve".
pub fn area_under_curve(labels: &[bool], scores: &[f64]) -> Option<f64> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut won) = (0.0, 0.0);
    for tied in order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
        let positive = tied.iter().filter(|place| labels[**place]).count() as f64;
        let negative = tied.len() as f64 - positive;
        won += positive * (below + negative / 2.0);
        below += negative;
    }
    let pairs = below * (labels.len() as f64 - below);
    (pairs > 0.0).then(|| won / pairs)
}

/// Mean precision over recall, by falling score: the sum of precisions, each for the recall
/// that it adds; rows of one score come together. `weights` are how positive each row is, a
/// label or its probability. `None` without positives.
///
/// Zhu (2004), "Recall, precision and average precision", in the uninterpolated form that
/// scikit-learn computes.
pub fn average_precision(weights: &[f64], scores: &[f64]) -> Option<f64> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut positives, mut rows, mut sum) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
        let added: f64 = tied.iter().map(|place| weights[*place]).sum();
        positives += added;
        rows += tied.len() as f64;
        sum += added * positives / rows;
    }
    (positives > 0.0).then(|| sum / positives)
}

/// Counts, or expected counts, of the four outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Confusion {
    /// Positive and predicted so.
    pub true_positive: f64,
    /// Negative and predicted positive.
    pub false_positive: f64,
    /// Negative and predicted so.
    pub true_negative: f64,
    /// Positive and predicted negative.
    pub false_negative: f64,
}

impl Confusion {
    /// Adds a row that is positive with a probability.
    pub fn add(&mut self, predicted: bool, probability: f64) {
        if predicted {
            self.true_positive += probability;
            self.false_positive += 1.0 - probability;
        } else {
            self.false_negative += probability;
            self.true_negative += 1.0 - probability;
        }
    }

    /// Share of the rows that are predicted right.
    pub fn accuracy(&self) -> Option<f64> {
        let right = self.true_positive + self.true_negative;
        ratio(right, right + self.false_positive + self.false_negative)
    }

    /// Share of the predicted positives that are.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// Share of the positives that are predicted.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// Share of the negatives that are predicted.
    pub fn specificity(&self) -> Option<f64> {
        ratio(self.true_negative, self.true_negative + self.false_positive)
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let missed = (self.false_positive + self.false_negative) / 2.0;
        ratio(self.true_positive, self.true_positive + missed)
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_half_won() {
        let labels = [true, false, true, false];
        assert_eq!(area_under_curve(&labels, &[1.0; 4]), Some(0.5));
        assert_eq!(area_under_curve(&labels, &[0.9, 0.1, 0.8, 0.2]), Some(1.0));
        assert_eq!(area_under_curve(&[true], &[0.3]), None);
    }

    #[test]
    fn precision_is_averaged_over_the_recall_that_each_score_adds() {
        // sklearn.metrics.average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) of
        // scikit-learn 1.9, and with the last two scores tied.
        let labels = [0.0, 0.0, 1.0, 1.0];
        let of = |scores: &[f64]| average_precision(&labels, scores).unwrap();
        assert!((of(&[0.1, 0.4, 0.35, 0.8]) - 0.833_333_333_333).abs() < 1e-9);
        assert!((of(&[0.1, 0.4, 0.4, 0.4]) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(average_precision(&[0.0], &[0.5]), None);
    }

    #[test]
    fn metrics_come_from_the_four_counts() {
        let mut counts = Confusion::default();
        for (predicted, label) in [(true, 1.0), (true, 0.0), (false, 0.0), (false, 0.0)] {
            counts.add(predicted, label);
        }
        assert_eq!(counts.accuracy(), Some(0.75));
        assert_eq!(counts.precision(), Some(0.5));
        assert_eq!(counts.recall(), Some(1.0));
        assert_eq!(counts.specificity(), Some(2.0 / 3.0));
        assert_eq!(counts.f1(), Some(2.0 / 3.0));
        assert_eq!(Confusion::default().accuracy(), None);
    }
}
