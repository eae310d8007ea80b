//! How far apart two features are: TFDV's three distances.
//!
//! | distance | of | definition |
//! |---|---|---|
//! | [`l_infinity`] | strings and categories | greatest difference of shares |
//! | [`normalized_absolute_difference`] | strings and categories | greatest difference of counts, over all counts |
//! | [`jensen_shannon`] | both, and numbers | Jensen–Shannon divergence in bits |
//!
//! Definitions: TFDV, `anomalies/metrics.cc`; for the divergence Lin (1991),
//! "Divergence measures based on the Shannon entropy".

mod histogram;

use super::HistogramSelection;
use super::view::FeatureView;
use std::collections::BTreeMap;

/// Counts by value.
type Counts<'a> = BTreeMap<&'a str, f64>;

/// A distance, and the value that has the greatest part in it (empty where there is
/// none at all).
#[derive(Clone, Debug, PartialEq)]
pub struct Greatest {
    /// The distance.
    pub distance: f64,
    /// The value; the last in order where several differ equally.
    pub value: String,
}

/// Why two features have no Jensen–Shannon divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// One side has strings only and the other numbers only.
    #[error("one side has strings and the other numbers")]
    Mixed,
    /// A side has neither strings nor a histogram of the kind that was asked for.
    #[error("a side has neither strings nor a histogram of this kind")]
    Missing,
    /// A string counts nothing, or less.
    #[error("a string has no count")]
    NonPositiveCount,
    /// A histogram has no values.
    #[error("a histogram is empty")]
    Empty,
}

/// The greatest difference of the shares of a value, in `[0, 1]`.
pub fn l_infinity(a: FeatureView<'_>, b: FeatureView<'_>) -> Greatest {
    let (a, b) = (a.string_counts(), b.string_counts());
    greatest_difference(&a, total(&a), &b, total(&b))
}

/// The greatest difference of the counts of a value, over the sum of all counts of both
/// sides, in `[0, 1]`: it sees volume as well as mix.
pub fn normalized_absolute_difference(a: FeatureView<'_>, b: FeatureView<'_>) -> Greatest {
    let (a, b) = (a.string_counts(), b.string_counts());
    let all = total(&a) + total(&b);
    greatest_difference(&a, all, &b, all)
}

fn total(counts: &Counts<'_>) -> f64 {
    counts.values().sum()
}

/// Divides by the totals, where they are not zero, and looks for the greatest difference.
fn greatest_difference(a: &Counts<'_>, total_a: f64, b: &Counts<'_>, total_b: f64) -> Greatest {
    let share = |count: f64, total: f64| if total == 0.0 { count } else { count / total };
    let mut differences: BTreeMap<&str, f64> = a
        .iter()
        .map(|(&value, &count)| (value, share(count, total_a)))
        .collect();
    for (&value, &count) in b {
        *differences.entry(value).or_default() -= share(count, total_b);
    }
    let mut greatest = Greatest {
        distance: 0.0,
        value: String::new(),
    };
    for (value, difference) in differences {
        if difference.abs() >= greatest.distance {
            greatest = Greatest {
                distance: difference.abs(),
                value: value.to_owned(),
            };
        }
    }
    greatest
}

/// The Jensen–Shannon divergence in bits, in `[0, 1]`: of strings where both sides have
/// them, else of histograms of the kind that `source` names (the standard one if none),
/// which are first brought to the same boundaries.
///
/// # Errors
/// [`NotComparable`] where a side has neither, or nothing in it.
pub fn jensen_shannon(
    a: FeatureView<'_>,
    b: FeatureView<'_>,
    source: HistogramSelection,
) -> Result<f64, NotComparable> {
    let (strings_a, strings_b) = (a.string_counts(), b.string_counts());
    if !strings_a.is_empty() && !strings_b.is_empty() {
        return of_strings(&strings_a, &strings_b);
    }
    match (a.histogram(source), b.histogram(source)) {
        (Some(a), Some(b)) => histogram::jensen_shannon(a, b),
        (of_a, of_b) => Err(
            if strings_a.is_empty() != strings_b.is_empty() && of_a.is_some() != of_b.is_some() {
                NotComparable::Mixed
            } else {
                NotComparable::Missing
            },
        ),
    }
}

fn of_strings(a: &Counts<'_>, b: &Counts<'_>) -> Result<f64, NotComparable> {
    if a.values().chain(b.values()).any(|&count| count <= 0.0) {
        return Err(NotComparable::NonPositiveCount);
    }
    let mut pairs: BTreeMap<&str, (f64, f64)> = a
        .iter()
        .map(|(&value, &count)| (value, (count, 0.0)))
        .collect();
    for (&value, &count) in b {
        pairs.entry(value).or_default().1 = count;
    }
    divergence(pairs.values().copied()).ok_or(NotComparable::Empty)
}

/// The divergence of two distributions given as pairs of masses; none where a side has
/// no mass.
fn divergence(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let (total_p, total_q) = pairs
        .clone()
        .fold((0.0, 0.0), |(p, q), pair| (p + pair.0, q + pair.1));
    if total_p == 0.0 || total_q == 0.0 {
        return None;
    }
    let bits = |p: f64, middle: f64| {
        if p > 0.0 && middle > 0.0 {
            p * (p / middle).log2()
        } else {
            0.0
        }
    };
    let sum: f64 = pairs
        .map(|(p, q)| {
            let (p, q) = (p / total_p, q / total_q);
            let middle = f64::midpoint(p, q);
            bits(p, middle) + bits(q, middle)
        })
        .sum();
    // Rounding can pass the greatest value by a hair.
    Some((sum / 2.0).min(1.0))
}
