//! Evidently's drift of texts: how well a classifier tells the two sides apart.
//!
//! Half of all texts train it, the other half judge it, split by NumPy's generator with
//! seed 42. A text is the TF-IDF of its words of two or more letters, without English stop
//! words and words of more than half of the texts; the classifier is a linear one with
//! modified Huber loss and an L1 penalty, trained by stochastic gradient descent. The
//! arithmetic follows scikit-learn's documentation of `TfidfVectorizer` and
//! `SGDClassifier`, order of rows included, so that the AUC is the same but for rounding.
//!
//! Words are whatever stands between spaces and punctuation, which says little of Chinese:
//! [`Measure::GTest`](crate::Measure::GTest) of Driftline itself works on pieces of words.

use crate::{
    performance::classification::area_under_curve, preset::numpy_random::NumpyRandom,
    two_sample::Sample,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Scikit-learn's list (BSD-3-Clause), from the Glasgow Information Retrieval Group; taken
/// as it is, for the AUC depends on it.
const STOP_WORDS: &str = include_str!("english_stop_words.txt");

/// Seed of the split and of the order of training.
const SEED: u32 = 42;
/// Weight of the penalty.
const ALPHA: f64 = 1e-4;
/// Passes over the training half at most.
const EPOCHS: usize = 50;
/// Loss per text that a pass must gain, and passes without that gain until it ends.
const TOLERANCE: f64 = 1e-3;
const PATIENCE: usize = 5;
/// How much slower the intercept learns, for features are sparse.
const INTERCEPT_DECAY: f64 = 0.01;
/// Guesses whose AUC's quantile is the limit for few texts.
const GUESSES: usize = 1_000;

/// What the classifier achieves on the judging half.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// Area under the receiver operating characteristic: 0.5 tells nothing apart.
    pub auc: f64,
    /// Whether each judged text is of the window.
    pub labels: Vec<bool>,
}

/// Trains and judges the classifier. `None` where a half holds texts of one side only, or
/// where no word is left to learn from.
pub fn classify(baseline: &[String], window: &[String]) -> Option<Classified> {
    let texts: Vec<&String> = baseline.iter().chain(window).collect();
    let order = NumpyRandom::new(SEED).permutation(texts.len());
    let (judging, training) = order.split_at(texts.len().div_ceil(2));
    let is_window = |place: &usize| *place >= baseline.len();
    let labels: Vec<bool> = judging.iter().map(is_window).collect();
    let training_labels: Vec<bool> = training.iter().map(is_window).collect();
    for side in [&labels, &training_labels] {
        if side.iter().all(|label| *label) || !side.iter().any(|label| *label) {
            return None;
        }
    }
    let words: Vec<Vec<String>> = training.iter().map(|place| words(texts[*place])).collect();
    let vectors = Vectors::learn(&words)?;
    let rows: Vec<Row> = words.iter().map(|words| vectors.row(words)).collect();
    let model = Linear::train(&rows, &training_labels, vectors.weights.len());
    let scores: Vec<f64> = judging
        .iter()
        .map(|place| {
            let row = vectors.row(&self::words(texts[*place]));
            (model.score(&row).clamp(-1.0, 1.0) + 1.0) / 2.0
        })
        .collect();
    Some(Classified {
        auc: area_under_curve(&labels, &scores)?,
        labels,
    })
}

/// The `quantile` of the AUC of 1,000 random guesses at these labels, which are seeded.
pub fn auc_of_guessing(labels: &[bool], quantile: f64) -> f64 {
    let mut seeds = NumpyRandom::new(SEED);
    let seeds: Vec<u32> = (0..GUESSES)
        .map(|_| seeds.up_to(GUESSES as u32 * 10 - 1))
        .collect();
    let areas = seeds.into_iter().filter_map(|seed| {
        let mut random = NumpyRandom::new(seed);
        let scores: Vec<f64> = labels.iter().map(|_| random.unit()).collect();
        area_under_curve(labels, &scores)
    });
    Sample::of(areas).quantile(quantile).unwrap_or(f64::NAN)
}

/// The words of a text in lower case.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.chars().nth(1).is_some())
        .map(str::to_owned)
        .collect()
}

/// Weight of each feature of a text, in the order of the features.
type Row = Vec<(usize, f64)>;

/// Which words count, and how much.
struct Vectors {
    places: HashMap<String, usize>,
    weights: Vec<f64>,
}

impl Vectors {
    fn learn(texts: &[Vec<String>]) -> Option<Self> {
        let stop: HashSet<&str> = STOP_WORDS.lines().collect();
        let mut documents: BTreeMap<&str, usize> = BTreeMap::new();
        for words in texts {
            let distinct: HashSet<&str> = words.iter().map(String::as_str).collect();
            for word in distinct.into_iter().filter(|word| !stop.contains(word)) {
                *documents.entry(word).or_default() += 1;
            }
        }
        let all = texts.len() as f64;
        documents.retain(|_, count| *count as f64 <= 0.5 * all);
        if documents.is_empty() {
            return None;
        }
        let weights = documents
            .values()
            .map(|count| ((1.0 + all) / (1.0 + *count as f64)).ln() + 1.0)
            .collect();
        let places = documents
            .keys()
            .enumerate()
            .map(|(place, word)| ((*word).to_owned(), place))
            .collect();
        Some(Self { places, weights })
    }

    fn row(&self, words: &[String]) -> Row {
        let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
        for place in words.iter().filter_map(|word| self.places.get(word)) {
            *counts.entry(*place).or_default() += 1.0;
        }
        let mut row: Row = counts
            .into_iter()
            .map(|(place, count)| (place, (count.ln() + 1.0) * self.weights[place]))
            .collect();
        let length = row.iter().map(|(_, x)| x * x).sum::<f64>().sqrt();
        for (_, x) in &mut row {
            *x /= length;
        }
        row
    }
}

struct Linear {
    weights: Vec<f64>,
    intercept: f64,
}

impl Linear {
    /// Stochastic gradient descent with the step 1 / (α (t₀ + t)) and the cumulative L1
    /// penalty of Tsuruoka, Tsujii and Ananiadou (2009), section 3.2.
    fn train(rows: &[Row], labels: &[bool], features: usize) -> Self {
        let mut model = Self {
            weights: vec![0.0; features],
            intercept: 0.0,
        };
        // The step starts at the size of a typical weight, α^(−1/4).
        let first_step = (1.0 / ALPHA.sqrt()).sqrt();
        let start = 1.0 / (first_step * ALPHA);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let seed = NumpyRandom::new(SEED).up_to(i32::MAX as u32 - 1);
        let (mut penalty, mut step_number) = (0.0, 0.0);
        let mut paid = vec![0.0; features];
        let (mut best, mut idle) = (f64::INFINITY, 0);
        for _ in 0..EPOCHS {
            shuffle(&mut order, seed);
            let mut loss_sum = 0.0;
            for place in &order {
                let row = &rows[*place];
                let label = if labels[*place] { 1.0 } else { -1.0 };
                let step = 1.0 / (ALPHA * (start + step_number));
                let (loss, slope) = modified_huber(label, model.score(row));
                loss_sum += loss;
                let update = -step * slope;
                if update != 0.0 {
                    for (feature, x) in row {
                        model.weights[*feature] += update * x;
                    }
                    model.intercept += update * INTERCEPT_DECAY;
                }
                penalty += step * ALPHA;
                for (feature, _) in row {
                    let weight = &mut model.weights[*feature];
                    let before = *weight;
                    if before > 0.0 {
                        *weight = (before - (penalty + paid[*feature])).max(0.0);
                    } else if before < 0.0 {
                        *weight = (before + (penalty - paid[*feature])).min(0.0);
                    }
                    paid[*feature] += *weight - before;
                }
                step_number += 1.0;
            }
            if loss_sum > best - TOLERANCE * rows.len() as f64 {
                idle += 1;
            } else {
                idle = 0;
            }
            best = best.min(loss_sum);
            if idle >= PATIENCE {
                break;
            }
        }
        model
    }

    fn score(&self, row: &Row) -> f64 {
        let sum: f64 = row
            .iter()
            .map(|(feature, x)| self.weights[*feature] * x)
            .sum();
        sum + self.intercept
    }
}

/// Loss and its slope at a score, for a label of 1 or −1 (Zhang 2004, "Solving large scale
/// linear prediction problems using stochastic gradient descent algorithms").
fn modified_huber(label: f64, score: f64) -> (f64, f64) {
    let margin = label * score;
    if margin >= 1.0 {
        (0.0, 0.0)
    } else if margin >= -1.0 {
        ((1.0 - margin).powi(2), -2.0 * (1.0 - margin) * label)
    } else {
        (-4.0 * margin, -4.0 * label)
    }
}

/// Fisher and Yates' shuffle with Marsaglia's 32-bit xorshift (2003), from the same seed
/// for every pass.
fn shuffle(order: &mut [usize], seed: u32) {
    let mut state = seed.max(1);
    for place in 0..order.len().saturating_sub(1) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let drawn = (state & 0x7fff_ffff) as usize;
        order.swap(place, place + drawn % (order.len() - place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: impl Fn(usize) -> String) -> Vec<String> {
        (0..400).map(of).collect()
    }

    #[test]
    fn other_words_are_told_apart_and_the_same_are_not() {
        let old = texts(|n| format!("model number{} trains well", n % 7));
        let new = texts(|n| format!("agent number{} reasons well", n % 7));
        let apart = classify(&old, &new).unwrap();
        assert!(apart.auc > 0.95, "{}", apart.auc);
        let same = classify(&old, &old).unwrap();
        assert!((same.auc - 0.5).abs() < 0.1, "{}", same.auc);
        let limit = auc_of_guessing(&same.labels, 0.95);
        assert!(limit > 0.5 && limit < 0.6, "{limit}");
    }

    #[test]
    fn without_words_there_is_no_classifier() {
        let stop = texts(|_| "the and of".to_owned());
        assert_eq!(classify(&stop, &stop), None);
        assert_eq!(classify(&[], &stop), None);
    }
}
