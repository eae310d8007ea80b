//! Performance from counts of rows by class and level of probability.
//!
//! Rows need not be held. Of each class it is counted how many rows have a probability of some
//! level, whether the class was predicted for them, of how many the label is known, and of how
//! many it is the class. Counts of parts are added up, and give what labels show as well as what
//! is expected without them: each row is as often of the class as rows of its probability were on
//! a baseline with labels (isotonic regression, as in [`calibration`](super::calibration)).
//!
//! Levels are even in log odds, as fine where a model is sure as where it is not. Rows of one
//! level are tied; that moves an area under a curve by some ten thousandths at most, as
//! `levels_are_fine_enough` shows.

use super::{calibration::Isotonic, confidence::Metric};
use crate::verify::exact_interval;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// Levels in one unit of log odds.
pub const LEVELS_IN_A_UNIT: f64 = 32.0;
/// The level of a probability that single precision hardly tells from 1; its negative is that of
/// the least.
pub const LAST_LEVEL: i32 = 16 * LEVELS_IN_A_UNIT as i32;
/// Rows that are as often positive as they say, which a baseline is taken to have besides.
const PRIOR_ROWS: f64 = 20.0;
/// Normal quantile of an interval that holds in 95 of 100 cases.
pub const QUANTILE: f64 = 1.959_964;

/// A value, the rows behind it, and an interval that holds in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// How many rows are behind it.
    pub rows: f64,
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

/// How much wider half an interval is that holds in 95 of 100 cases beside those of others, so
/// many in all (Bonferroni).
pub fn widened(many: usize) -> f64 {
    let tail = 0.025 / many.max(1) as f64;
    Normal::standard().inverse_cdf(1.0 - tail) / QUANTILE
}

impl Amount {
    /// How much greater the value is than another's, and half the interval of that.
    pub fn over(&self, other: &Self) -> (f64, f64) {
        let half = |amount: &Self| (amount.upper - amount.lower) / 2.0;
        (self.value - other.value, half(self).hypot(half(other)))
    }
}

/// Rows of one class, level and prediction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    /// Rows.
    pub scored: f64,
    /// Sum of their probabilities.
    pub said: f64,
    /// Rows whose label is known.
    pub labelled: f64,
    /// Rows whose label is the class.
    pub positive: f64,
}

/// Counts of rows with regard to one class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Levels(BTreeMap<(i32, bool), Cell>);

/// Counts of rows with regard to every class; of two classes with regard to the second alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes(Vec<Levels>);

/// What a probability of each class was worth on a baseline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Worth(Vec<Option<Isotonic>>);

/// The level of a probability.
pub fn level(probability: f64) -> i32 {
    let odds = (probability / (1.0 - probability)).ln() * LEVELS_IN_A_UNIT;
    let last = f64::from(LAST_LEVEL);
    odds.round().clamp(-last, last) as i32
}

/// The probability in the middle of a level.
fn middle(level: i32) -> f64 {
    1.0 / (1.0 + (-f64::from(level) / LEVELS_IN_A_UNIT).exp())
}

impl Levels {
    /// Adds rows.
    pub fn add(&mut self, level: i32, predicted: bool, rows: Cell) {
        let cell = self.0.entry((level, predicted)).or_default();
        cell.scored += rows.scored;
        cell.said += rows.said;
        cell.labelled += rows.labelled;
        cell.positive += rows.positive;
    }

    fn worth(&self) -> Option<Isotonic> {
        let scored: f64 = self.0.values().map(|cell| cell.scored).sum();
        let labelled: f64 = self.0.values().map(|cell| cell.labelled).sum();
        if labelled < 1.0 {
            return None;
        }
        let mut knots: Vec<(f64, f64, f64)> = Vec::new();
        for ((level, _), cell) in &self.0 {
            let score = middle(*level);
            let prior = PRIOR_ROWS / scored;
            let (positive, rows) = (
                cell.positive + prior * cell.said,
                cell.labelled + prior * cell.scored,
            );
            match knots.last_mut().filter(|knot| knot.0 >= score) {
                Some(knot) => {
                    knot.1 += positive;
                    knot.2 += rows;
                }
                None => knots.push((score, positive, rows)),
            }
        }
        Isotonic::of_counts(knots)
    }
}

impl Classes {
    /// Counts without rows of a model with so many labels.
    pub fn new(labels: usize) -> Self {
        Self(vec![Levels::default(); if labels > 2 { labels } else { 1 }])
    }

    /// Adds rows to those of a class, by its place among the labels.
    pub fn add(&mut self, class: usize, level: i32, predicted: bool, rows: Cell) {
        let at = if self.0.len() == 1 { 0 } else { class };
        if let Some(levels) = self.0.get_mut(at) {
            levels.add(level, predicted, rows);
        }
    }

    /// Adds all rows of another part.
    pub fn merge(&mut self, other: &Self) {
        for (own, theirs) in self.0.iter_mut().zip(&other.0) {
            for ((level, predicted), cell) in &theirs.0 {
                own.add(*level, *predicted, *cell);
            }
        }
    }

    /// Rows that were scored.
    pub fn scored(&self) -> f64 {
        self.total(|cell| cell.scored)
    }

    /// Rows whose label is known.
    pub fn labelled(&self) -> f64 {
        self.total(|cell| cell.labelled)
    }

    // Each row is counted once for every class.
    fn total(&self, of: fn(&Cell) -> f64) -> f64 {
        self.0.first().map_or(0.0, |l| l.0.values().map(of).sum())
    }

    /// What the probabilities of these rows were worth.
    pub fn worth(&self) -> Worth {
        Worth(self.0.iter().map(Levels::worth).collect())
    }

    /// What labels show; `None` where there are none that the metric is defined for.
    pub fn realised(&self, metric: Metric) -> Option<Amount> {
        self.of(metric, |_, _, cell| (cell.labelled, cell.positive))
    }

    /// What is to be expected of all rows.
    pub fn expected(&self, metric: Metric, worth: &Worth) -> Option<Amount> {
        self.of(metric, |class, level, cell| {
            let p = worth.of(class, level, cell);
            (cell.scored, cell.scored * p)
        })
    }

    /// What is to be expected of the rows whose label is known.
    pub fn expected_of_labelled(&self, metric: Metric, worth: &Worth) -> Option<Amount> {
        self.of(metric, |class, level, cell| {
            let p = worth.of(class, level, cell);
            (cell.labelled, cell.labelled * p)
        })
    }

    /// The metric, where `weigh` says how many rows of a cell count and how many of them are
    /// positive.
    fn of(
        &self,
        metric: Metric,
        weigh: impl Fn(usize, i32, &Cell) -> (f64, f64),
    ) -> Option<Amount> {
        let classes: Vec<Vec<Outcome>> = (self.0.iter().enumerate())
            .map(|(class, levels)| {
                let outcomes = levels.0.iter().map(|((level, predicted), cell)| {
                    let (rows, positive) = weigh(class, *level, cell);
                    Outcome {
                        level: *level,
                        predicted: *predicted,
                        rows,
                        positive,
                    }
                });
                outcomes.filter(|outcome| outcome.rows > 0.0).collect()
            })
            .collect();
        let rows: f64 = classes.first()?.iter().map(|outcome| outcome.rows).sum();
        if rows <= 0.0 {
            return None;
        }
        if metric == Metric::Accuracy {
            let right = match classes.as_slice() {
                [one] => one.iter().map(Outcome::right).sum::<f64>(),
                all => {
                    let predicted = all.iter().flatten().filter(|outcome| outcome.predicted);
                    predicted.map(|outcome| outcome.positive).sum()
                }
            };
            let (lower, upper) = exact_interval(right.round() as usize, rows.round() as usize);
            return Some(Amount {
                rows,
                value: right / rows,
                lower,
                upper,
            });
        }
        // Of several classes those count that come or are predicted; one that is never predicted
        // has no precision, and scikit-learn counts 0.
        let counts_nothing =
            classes.len() > 1 && !matches!(metric, Metric::RocAuc | Metric::AveragePrecision);
        let found: Vec<(f64, f64)> = (classes.iter())
            .filter_map(|outcomes| {
                let comes = |outcome: &Outcome| outcome.predicted || outcome.positive > 0.0;
                let nothing = counts_nothing && outcomes.iter().any(comes);
                of_class(metric, outcomes).or(nothing.then_some((0.0, 0.0)))
            })
            .collect();
        if found.is_empty() {
            return None;
        }
        let mean =
            |of: fn(&(f64, f64)) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
        // Errors of the classes are at most the same error.
        let (value, half) = (mean(|found| found.0), QUANTILE * mean(|found| found.1));
        Some(Amount {
            rows,
            value,
            lower: (value - half).max(0.0),
            upper: (value + half).min(1.0),
        })
    }
}

impl Worth {
    fn of(&self, class: usize, level: i32, cell: &Cell) -> f64 {
        match self.0.get(class).and_then(Option::as_ref) {
            Some(isotonic) => isotonic.probability(middle(level)),
            None => cell.said / cell.scored,
        }
    }
}

/// Rows of one level and prediction, how many of them are of the class, known or expected.
struct Outcome {
    level: i32,
    predicted: bool,
    rows: f64,
    positive: f64,
}

impl Outcome {
    fn negative(&self) -> f64 {
        self.rows - self.positive
    }

    fn right(&self) -> f64 {
        match self.predicted {
            true => self.positive,
            false => self.negative(),
        }
    }
}

/// A metric of one class against the others, and its standard error; outcomes are by rising
/// level.
fn of_class(metric: Metric, outcomes: &[Outcome]) -> Option<(f64, f64)> {
    let sum = |predicted: bool, of: fn(&Outcome) -> f64| -> f64 {
        let asked = outcomes
            .iter()
            .filter(|outcome| outcome.predicted == predicted);
        asked.map(of).sum()
    };
    let (hits, false_alarms) = (
        sum(true, |outcome| outcome.positive),
        sum(true, Outcome::negative),
    );
    let (missed, rejected) = (
        sum(false, |outcome| outcome.positive),
        sum(false, Outcome::negative),
    );
    match metric {
        Metric::Accuracy => proportion(hits + rejected, hits + rejected + false_alarms + missed),
        Metric::Precision => proportion(hits, hits + false_alarms),
        Metric::Recall => proportion(hits, hits + missed),
        Metric::Specificity => proportion(rejected, rejected + false_alarms),
        Metric::F1 => f1(hits, false_alarms + missed),
        Metric::AveragePrecision => average_precision(outcomes),
        Metric::RocAuc => area(outcomes),
    }
}

/// A share and its standard error, which is none for no share (Agresti and Coull 1998,
/// "Approximate is better than 'exact' for interval estimation of binomial proportions").
fn proportion(part: f64, whole: f64) -> Option<(f64, f64)> {
    let near = (part + 2.0) / (whole + 4.0);
    let error = (near * (1.0 - near) / (whole + 4.0)).sqrt();
    (whole > 0.0).then(|| (part / whole, error))
}

/// By the delta method, with one more of each outcome so that no error is none.
fn f1(hits: f64, mistakes: f64) -> Option<(f64, f64)> {
    let of = |hits: f64, mistakes: f64| 2.0 * hits / (2.0 * hits + mistakes);
    if hits + mistakes <= 0.0 {
        return None;
    }
    let (more, mistaken) = (hits + 1.0, mistakes + 2.0);
    let (near, all) = (of(more, mistaken), 2.0 * more + mistaken);
    let spread = (1.0 - near).powi(2) * more + near * near / 4.0 * mistaken;
    Some((of(hits, mistakes), 2.0 * spread.sqrt() / all))
}

/// With the binomial error of its positives (Boyd, Eng, Page 2013, "Area under the
/// precision-recall curve: point estimates and confidence intervals").
fn average_precision(outcomes: &[Outcome]) -> Option<(f64, f64)> {
    let (mut positives, mut rows, mut sum) = (0.0, 0.0, 0.0);
    for tied in outcomes.chunk_by(|a, b| a.level == b.level).rev() {
        let added: f64 = tied.iter().map(|outcome| outcome.positive).sum();
        positives += added;
        rows += tied.iter().map(|outcome| outcome.rows).sum::<f64>();
        sum += added * positives / rows;
    }
    proportion(sum, positives)
}

/// With the error of DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or
/// more correlated receiver operating characteristic curves".
fn area(outcomes: &[Outcome]) -> Option<(f64, f64)> {
    let positives: f64 = outcomes.iter().map(|outcome| outcome.positive).sum();
    let negatives: f64 = outcomes.iter().map(Outcome::negative).sum();
    // Less than one of a class is expected of a window that has none.
    if positives < 0.5 || negatives < 0.5 {
        return None;
    }
    // Of each level: its positives and negatives, the share of negatives that its positives
    // outrank, and the share of positives that outrank its negatives.
    let (mut below, mut passed) = (0.0, 0.0);
    let levels: Vec<[f64; 4]> = outcomes
        .chunk_by(|a, b| a.level == b.level)
        .map(|tied| {
            let positive: f64 = tied.iter().map(|outcome| outcome.positive).sum();
            let negative: f64 = tied.iter().map(Outcome::negative).sum();
            let won = (below + negative / 2.0) / negatives;
            let lost = (positives - passed - positive / 2.0) / positives;
            below += negative;
            passed += positive;
            [positive, negative, won, lost]
        })
        .collect();
    let area = levels.iter().map(|[p, _, won, _]| p * won).sum::<f64>() / positives;
    let spread = |rows: f64, of: fn(&[f64; 4]) -> (f64, f64)| {
        let squares = levels
            .iter()
            .map(of)
            .map(|(n, share)| n * (share - area).powi(2));
        squares.sum::<f64>() / (rows - 1.0).max(1.0) / rows
    };
    let variance = spread(positives, |[p, _, won, _]| (*p, *won))
        + spread(negatives, |[_, n, _, lost]| (*n, *lost));
    Some((area, variance.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::super::confidence::{Scored, realised};
    use super::*;

    /// A number from 0 to 1 that is told by `n` and looks drawn (SplitMix64).
    fn unit(n: u32) -> f64 {
        let mut z = (u64::from(n) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Probabilities of the second of two labels, and labels that come as often as `truth` says
    /// of them.
    fn rows(count: u32, offset: u32, truth: fn(f64) -> f64) -> (Vec<f64>, Vec<usize>) {
        let scores: Vec<f64> = (0..count)
            .map(|n| 1.0 / (1.0 + (-8.0 * (unit(n + offset) - 0.6)).exp()))
            .collect();
        let labels = (0..count)
            .map(|n| {
                let chance = unit(n + offset + (1 << 30));
                usize::from(chance < truth(scores[n as usize]))
            })
            .collect();
        (scores, labels)
    }

    fn counted(scores: &[f64], labels: &[usize], known: impl Fn(usize) -> bool) -> Classes {
        let mut classes = Classes::new(2);
        for (row, (score, label)) in scores.iter().zip(labels).enumerate() {
            let known = f64::from(u8::from(known(row)));
            let cell = Cell {
                scored: 1.0,
                said: *score,
                labelled: known,
                positive: known * *label as f64,
            };
            classes.add(1, level(*score), *score >= 0.5, cell);
        }
        classes
    }

    #[test]
    fn levels_are_fine_enough() {
        let (scores, labels) = rows(4_000, 0, |p| p);
        let predictions: Vec<usize> = scores.iter().map(|p| usize::from(*p >= 0.5)).collect();
        let scored = Scored {
            scores: vec![&scores],
            predictions: &predictions,
        };
        let classes = counted(&scores, &labels, |_| true);
        for metric in Metric::ALL {
            let exact = realised(metric, &scored, &labels, 0..4_000).unwrap();
            let found = classes.realised(metric).unwrap();
            let ties = match metric {
                Metric::RocAuc | Metric::AveragePrecision => 1e-3,
                _ => 1e-12,
            };
            assert!(
                (found.value - exact).abs() < ties,
                "{metric:?} {found:?} {exact}"
            );
            assert!(found.lower < exact && exact < found.upper, "{metric:?}");
        }
    }

    #[test]
    fn sure_and_unsure_rows_have_levels_of_their_own() {
        assert_eq!(level(0.5), 0);
        assert_eq!((level(0.0), level(1.0)), (-LAST_LEVEL, LAST_LEVEL));
        assert!(level(0.999) < level(0.9999));
        assert!((middle(level(0.3)) - 0.3).abs() < 0.01);
    }

    #[test]
    fn of_a_model_that_is_too_sure_the_baseline_tells_what_to_expect() {
        // Labels come less often than the model says.
        let truth = |p: f64| 0.2 + 0.6 * p;
        let (scores, labels) = rows(20_000, 0, truth);
        let baseline = counted(&scores, &labels, |row| row % 4 == 0);
        let worth = baseline.worth();
        let (window, hidden) = rows(5_000, 50_000, truth);
        let unlabelled = counted(&window, &hidden, |_| false);
        let revealed = counted(&window, &hidden, |_| true);
        for metric in Metric::ALL {
            assert_eq!(unlabelled.realised(metric), None);
            let expected = unlabelled.expected(metric, &worth).unwrap();
            let shown = revealed.realised(metric).unwrap();
            let apart = (expected.value - shown.value).abs();
            assert!(apart < 0.03, "{metric:?} {expected:?} {shown:?}");
            let of_labelled = revealed.expected_of_labelled(metric, &worth).unwrap();
            assert!((of_labelled.value - expected.value).abs() < 1e-9);
            // Taken at its word it would be much better.
            if metric == Metric::Accuracy {
                let said = unlabelled.expected(metric, &Worth::default()).unwrap();
                assert!(said.value > shown.value + 0.08, "{said:?} {shown:?}");
            }
        }
    }

    #[test]
    fn intervals_hold_as_often_as_they_say() {
        let (scores, labels) = rows(200_000, 0, |p| p);
        let whole = counted(&scores, &labels, |_| true);
        for metric in Metric::ALL {
            let truth = whole.realised(metric).unwrap().value;
            let parts = scores.chunks(400).zip(labels.chunks(400));
            let inside = parts.filter(|(scores, labels)| {
                let found = counted(scores, labels, |_| true).realised(metric).unwrap();
                found.lower <= truth && truth <= found.upper
            });
            let share = inside.count() as f64 / 500.0;
            assert!((0.9..=1.0).contains(&share), "{metric:?} {share}");
        }
    }

    #[test]
    fn of_three_classes_the_mean_is_over_those_that_come() {
        let mut classes = Classes::new(3);
        // Two rows: the first is of class 0 and told so, the second of class 1 and told 0.
        let probabilities = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]];
        for (row, label) in [(0, 0), (1, 1)] {
            for (class, said) in probabilities[row].into_iter().enumerate() {
                let cell = Cell {
                    scored: 1.0,
                    said,
                    labelled: 1.0,
                    positive: f64::from(u8::from(class == label)),
                };
                classes.add(class, level(said), class == 0, cell);
            }
        }
        // sklearn.metrics.f1_score([0, 1], [0, 0], average="macro") = (2/3 + 0) / 2.
        let f1 = classes.realised(Metric::F1).unwrap().value;
        assert!((f1 - 1.0 / 3.0).abs() < 1e-12, "{f1}");
        assert!((classes.realised(Metric::Accuracy).unwrap().value - 0.5).abs() < 1e-12);
        // Classes 0 and 1 are told apart, class 2 does not come.
        assert!((classes.realised(Metric::RocAuc).unwrap().value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (scores, labels) = rows(1_000, 0, |p| p);
        let whole = counted(&scores, &labels, |row| row % 3 == 0);
        let mut parts = counted(&scores[..300], &labels[..300], |row| row % 3 == 0);
        parts.merge(&counted(&scores[300..], &labels[300..], |row| {
            (row + 300) % 3 == 0
        }));
        for metric in Metric::ALL {
            let (one, other) = (
                parts.realised(metric).unwrap(),
                whole.realised(metric).unwrap(),
            );
            assert!((one.value - other.value).abs() < 1e-12, "{metric:?}");
        }
    }
}
