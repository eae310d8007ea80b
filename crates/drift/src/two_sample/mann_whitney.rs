//! The Mann–Whitney U test.

use super::{Sample, TestResult, tail};

/// What the test looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The distributions differ in any direction.
    TwoSided,
    /// The first sample tends to be less than the second.
    Less,
}

/// Mann and Whitney's U of the first sample with its p-value, as SciPy's `mannwhitneyu`
/// does by default: exact without ties where one sample has at most 8 numbers, else the
/// normal limit with corrections for ties and continuity. `None` where a sample is empty.
///
/// Mann and Whitney (1947), "On a test of whether one of two random variables is
/// stochastically larger than the other".
pub fn mann_whitney(a: &Sample, b: &Sample, alternative: Alternative) -> Option<TestResult> {
    let (n, m) = (a.size() as f64, b.size() as f64);
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for (_, in_a, in_b) in a.beside(b) {
        let together = (in_a + in_b) as f64;
        rank_sum += in_a as f64 * (before + (together + 1.0) / 2.0);
        ties += together.powi(3) - together;
        before += together;
    }
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let (tested, sides) = match alternative {
        Alternative::TwoSided => (u.max(n * m - u), 2.0),
        Alternative::Less => (n * m - u, 1.0),
    };
    let p = if ties == 0.0 && (a.size() <= 8 || b.size() <= 8) {
        exact_tail(
            tested as usize,
            a.size().min(b.size()) as usize,
            a.size().max(b.size()) as usize,
        )
    } else {
        let all = n + m;
        let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
        tail::normal((tested - n * m / 2.0 - 0.5) / variance.sqrt())
    };
    Some(TestResult {
        statistic: u,
        p_value: (sides * p).clamp(0.0, 1.0),
    })
}

/// P(U ≥ u) without ties. The counts of U are the coefficients of the Gaussian binomial
/// ∏ (1 − x^(m+i)) / (1 − x^i), i = 1 … n.
fn exact_tail(u: usize, n: usize, m: usize) -> f64 {
    let degree = n * m;
    let mut counts = vec![0.0_f64; degree + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for at in (m + i..=degree).rev() {
            counts[at] -= counts[at - m - i];
        }
        for at in i..=degree {
            counts[at] += counts[at - i];
        }
    }
    let all: f64 = counts.iter().sum();
    counts.iter().skip(u).sum::<f64>() / all
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn small_samples_without_ties_are_exact() {
        // SciPy 1.17.1: mannwhitneyu([1, 4, 6], [2, 3, 5, 7, 8], alternative="less").
        let (a, b) = (
            Sample::of([1.0, 4.0, 6.0]),
            Sample::of([2.0, 3.0, 5.0, 7.0, 8.0]),
        );
        let less = mann_whitney(&a, &b, Alternative::Less).unwrap();
        assert_eq!(less.statistic, 5.0);
        assert!((less.p_value - 0.285_714_285_714_285_7).abs() < 1e-12);
        let both = mann_whitney(&a, &b, Alternative::TwoSided).unwrap();
        assert!((both.p_value - 0.571_428_571_428_571_4).abs() < 1e-12);
    }
}
