//! Scores made probabilities, where that helps.

use crate::preset::numpy_random::NumpyRandom;
use std::ops::Range;

/// Splits that decide whether to calibrate, the share of rows each is judged on, its bins.
const SPLITS: usize = 10;
const JUDGED: f64 = 0.1;
const BINS: usize = 10;
/// Seed of the splits.
const SEED: u32 = 42;

/// A function that never falls, fitted to labels by least squares: knots, straight lines
/// between them, constant outside.
///
/// Ayer et al. (1955), "An empirical distribution function for sampling with incomplete
/// information" (pool adjacent violators).
#[derive(Debug, Clone, PartialEq)]
pub struct Isotonic {
    scores: Vec<f64>,
    probabilities: Vec<f64>,
}

impl Isotonic {
    /// Fits scores to labels; `None` without rows.
    pub fn fit(scores: &[f64], labels: &[bool]) -> Option<Self> {
        let mut rows: Vec<(f64, f64)> = scores
            .iter()
            .zip(labels)
            .map(|(score, label)| (*score, f64::from(u8::from(*label))))
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let knots = rows
            .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
            .map(|tied| {
                let sum: f64 = tied.iter().map(|(_, label)| label).sum();
                (tied[0].0, sum, tied.len() as f64)
            })
            .collect();
        Self::of_counts(knots)
    }

    /// Fits rows that are counted by their score: each score, ascending, with its positives and
    /// its rows, more than none. `None` without any.
    pub fn of_counts(knots: Vec<(f64, f64, f64)>) -> Option<Self> {
        if knots.is_empty() {
            return None;
        }
        // Blocks of neighbouring knots that share a value: sum, weight, knots.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        for (_, sum, weight) in &knots {
            let mut block = (*sum, *weight, 1);
            while let Some(before) = blocks.last() {
                if before.0 / before.1 < block.0 / block.1 {
                    break;
                }
                block = (before.0 + block.0, before.1 + block.1, before.2 + block.2);
                blocks.pop();
            }
            blocks.push(block);
        }
        let probabilities = blocks
            .iter()
            .flat_map(|(sum, weight, knots)| std::iter::repeat_n(sum / weight, *knots))
            .collect();
        Some(Self {
            scores: knots.into_iter().map(|(score, ..)| score).collect(),
            probabilities,
        })
    }

    /// The probability of a score.
    pub fn probability(&self, score: f64) -> f64 {
        let last = self.scores.len() - 1;
        let place = self.scores.partition_point(|knot| *knot < score);
        if place == 0 {
            return self.probabilities[0];
        }
        if place > last {
            return self.probabilities[last];
        }
        let (low, high) = (self.scores[place - 1], self.scores[place]);
        let (from, to) = (self.probabilities[place - 1], self.probabilities[place]);
        from + (to - from) * (score - low) / (high - low)
    }
}

/// Whether isotonic calibration lowers the expected calibration error, on ten stratified
/// splits of nine tenths to fit and one tenth to judge. It never does where there is one
/// class, and is not tried where scores tell the classes apart all but perfectly.
pub fn helps(scores: &[f64], labels: &[bool]) -> bool {
    let positives = labels.iter().filter(|label| **label).count();
    if positives < 2 || labels.len() - positives < 2 {
        return false;
    }
    if super::classification::area_under_curve(labels, scores).is_none_or(|area| area > 0.999) {
        return false;
    }
    let (mut plain, mut calibrated, mut judged) = (Vec::new(), Vec::new(), Vec::new());
    for (fitting, judging) in stratified_splits(labels) {
        let of = |rows: &[usize]| -> (Vec<f64>, Vec<bool>) {
            rows.iter().map(|row| (scores[*row], labels[*row])).unzip()
        };
        let (fit_scores, fit_labels) = of(&fitting);
        let Some(isotonic) = Isotonic::fit(&fit_scores, &fit_labels) else {
            return false;
        };
        let (judge_scores, judge_labels) = of(&judging);
        calibrated.extend(
            judge_scores
                .iter()
                .map(|score| isotonic.probability(*score)),
        );
        plain.extend(judge_scores);
        judged.extend(judge_labels);
    }
    expected_error(&plain, &judged) > expected_error(&calibrated, &judged)
}

/// Mean distance of score and share of positives over bins of equally many rows by score
/// (Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using
/// Bayesian binning").
pub fn expected_error(scores: &[f64], labels: &[bool]) -> f64 {
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all = rows.len() as f64;
    bins(rows.len())
        .into_iter()
        .map(|bin| {
            let bin = &rows[bin];
            let score: f64 = bin.iter().map(|(score, _)| score).sum();
            let positives = bin.iter().filter(|(_, label)| *label).count() as f64;
            (score - positives).abs() / all
        })
        .sum()
}

/// Ten bins of equal size, the last of which takes the remainder; fewer of two rows each
/// where there are few rows.
fn bins(rows: usize) -> Vec<Range<usize>> {
    let count = if rows <= 2 * BINS {
        (rows / 2).max(1)
    } else {
        BINS
    };
    let width = rows / count;
    // Bounds are every `width` rows up to the end; the last bound is moved to the end.
    let mut bounds: Vec<usize> = (0..=rows).step_by(width.max(1)).collect();
    if let Some(last) = bounds.last_mut() {
        *last = rows;
    }
    bounds.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Rows to fit and rows to judge, ten times, with the classes' shares kept, as scikit-learn
/// draws them with a seed.
fn stratified_splits(labels: &[bool]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let of_class = |class: bool| -> Vec<usize> {
        (0..labels.len())
            .filter(|row| labels[*row] == class)
            .collect()
    };
    let classes = [of_class(false), of_class(true)];
    let judging = (labels.len() as f64 * JUDGED).ceil() as usize;
    let fitting = labels.len() - judging;
    let mut random = NumpyRandom::new(SEED);
    (0..SPLITS)
        .map(|_| {
            let sizes = [classes[0].len(), classes[1].len()];
            let fit = apportioned(sizes, fitting, &mut random);
            let rest = [sizes[0] - fit[0], sizes[1] - fit[1]];
            let judge = apportioned(rest, judging, &mut random);
            let (mut fitted, mut judged) = (Vec::new(), Vec::new());
            for (class, rows) in classes.iter().enumerate() {
                let order = random.permutation(rows.len());
                let rows =
                    |places: &[usize]| places.iter().map(|place| rows[*place]).collect::<Vec<_>>();
                fitted.extend(rows(&order[..fit[class]]));
                judged.extend(rows(&order[fit[class]..fit[class] + judge[class]]));
            }
            let shuffled = |rows: Vec<usize>, random: &mut NumpyRandom| -> Vec<usize> {
                let order = random.permutation(rows.len());
                order.into_iter().map(|place| rows[place]).collect()
            };
            let fitted = shuffled(fitted, &mut random);
            (fitted, shuffled(judged, &mut random))
        })
        .collect()
}

/// `draws` shared out by two classes' sizes; the greater remainder gets what is left, a tie
/// is drawn.
fn apportioned(sizes: [usize; 2], draws: usize, random: &mut NumpyRandom) -> [usize; 2] {
    let all = (sizes[0] + sizes[1]) as f64;
    let ideal = sizes.map(|size| size as f64 / all * draws as f64);
    let mut shares = ideal.map(|share| share.floor() as usize);
    if shares[0] + shares[1] < draws {
        let left = [ideal[0].fract(), ideal[1].fract()];
        let winner = match left[0].total_cmp(&left[1]) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => random.permutation(2)[0],
        };
        shares[winner] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn violators_are_pooled_and_lines_join_the_knots() {
        // scikit-learn 1.9.1: IsotonicRegression(out_of_bounds="clip").
        let scores = [0.1, 0.2, 0.3, 0.4];
        let isotonic = Isotonic::fit(&scores, &[false, true, false, true]).unwrap();
        let at = |score| isotonic.probability(score);
        assert_eq!((at(0.0), at(0.2), at(0.3), at(9.0)), (0.0, 0.5, 0.5, 1.0));
        assert!((at(0.35) - 0.75).abs() < 1e-12);
        assert_eq!(Isotonic::fit(&[], &[]), None);
    }

    #[test]
    fn scores_that_are_probabilities_need_none_and_squeezed_ones_do() {
        let honest: Vec<f64> = (0..4_000)
            .map(|n| f64::from(n % 100) / 100.0 + 0.005)
            .collect();
        let labels: Vec<bool> = (0..4_000_u32)
            .map(|n| {
                f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
                    < honest[n as usize]
            })
            .collect();
        let squeezed: Vec<f64> = honest.iter().map(|score| 0.4 + 0.2 * score).collect();
        assert!(helps(&squeezed, &labels));
        assert!(expected_error(&honest, &labels) < 0.03);
        assert!(!helps(&honest, &vec![true; 4_000]));
    }

    proptest! {
        #[test]
        fn it_never_falls_and_keeps_the_mean(rows in prop::collection::vec((0.0..1.0_f64, any::<bool>()), 1..200)) {
            let (scores, labels): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let isotonic = Isotonic::fit(&scores, &labels).unwrap();
            let mut sorted = scores.clone();
            sorted.sort_by(f64::total_cmp);
            let fitted: Vec<f64> = sorted.iter().map(|score| isotonic.probability(*score)).collect();
            prop_assert!(fitted.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
            let positives = labels.iter().filter(|label| **label).count() as f64;
            prop_assert!((fitted.iter().sum::<f64>() - positives).abs() < 1e-6);
        }

        #[test]
        fn bins_hold_every_row(rows in 4..300_usize) {
            prop_assert_eq!(bins(rows).iter().map(Range::len).sum::<usize>(), rows);
        }
    }
}
