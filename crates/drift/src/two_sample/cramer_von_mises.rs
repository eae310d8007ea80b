//! The Cramér–von Mises test of two samples.

use super::{Sample, TestResult, greatest_common_divisor};
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// With at most this many numbers in the greater sample every order is counted.
const EXACT_UP_TO: u64 = 20;

/// How the p-value is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exact for up to 20 numbers a side, else by the limit distribution.
    Auto,
    /// By the limit distribution, whatever the sizes.
    Asymptotic,
}

/// Anderson's T with its p-value. `None` where a sample has fewer than two numbers.
///
/// Ties get midranks while the limit distribution takes no account of them, so with many
/// ties the p-value is too small: two equal constant samples "differ" with p = 0.013. That
/// is how the tools that are reproduced here have it.
///
/// Anderson (1962), "On the distribution of the two-sample Cramér–von Mises criterion",
/// equations 9, 10, 14 and 15.
pub fn cramer_von_mises(a: &Sample, b: &Sample, method: Method) -> Option<TestResult> {
    if a.size() < 2 || b.size() < 2 {
        return None;
    }
    let (n, m) = (a.size() as f64, b.size() as f64);
    // In quarters and whole numbers: U is a small difference of great numbers.
    let (mut before_a, mut before_b, mut quarters) = (0_u64, 0_u64, 0_u128);
    for (_, in_a, in_b) in a.beside(b) {
        let midrank_twice = 2 * (before_a + before_b) + in_a + in_b + 1;
        quarters += u128::from(a.size()) * squares(midrank_twice, before_a, in_a)
            + u128::from(b.size()) * squares(midrank_twice, before_b, in_b);
        before_a += in_a;
        before_b += in_b;
    }
    let u = quarters as f64 / 4.0;
    let (product, all) = (n * m, n + m);
    let statistic = u / (product * all) - (4.0 * product - 1.0) / (6.0 * all);
    let p_value = if method == Method::Auto && a.size().max(b.size()) <= EXACT_UP_TO {
        exact(u, a.size(), b.size())
    } else {
        let expected = (1.0 + 1.0 / all) / 6.0;
        let variance = (all + 1.0) * (4.0 * product * all - 3.0 * (n * n + m * m) - 2.0 * product)
            / (45.0 * all * all * 4.0 * product);
        let normalised = 1.0 / 6.0 + (statistic - expected) / (45.0 * variance).sqrt();
        if normalised < 0.003 {
            1.0
        } else {
            (1.0 - limit(normalised)).max(0.0)
        }
    };
    Some(TestResult { statistic, p_value })
}

/// Σ (r − i)² over the `count` places i after `before` of one sample, in quarters, from
/// twice the rank r.
fn squares(rank_twice: u64, before: u64, count: u64) -> u128 {
    let middle_twice = 2 * before + count + 1;
    let gap = u128::from(rank_twice.abs_diff(middle_twice));
    let count = u128::from(count);
    count * gap * gap + (count * count * count - count) / 3
}

/// The limit distribution, by Csörgő and Faraway (1996), equation 1.2. Terms are added
/// until one is below 1e-7, no further: the tools reproduced here stop there, and the
/// difference to 1 is what they print for great statistics.
fn limit(x: f64) -> f64 {
    let mut sum = 0.0;
    let mut k = 0.0;
    loop {
        // By logarithms, with their rounding, which shows where 1 is all but reached.
        let gammas = (libm::lgamma(k + 0.5) - libm::lgamma(k + 1.0)).exp();
        let y: f64 = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let scale = gammas / (PI.powf(1.5) * x.sqrt());
        let term = scale * y.sqrt() * (-q).exp() * bessel_k_quarter(q);
        sum += term;
        if term.abs() < 1e-7 {
            return sum;
        }
        k += 1.0;
    }
}

/// K₁⸝₄(q), by the trapezoidal rule on ∫ exp(−q cosh t) cosh(t/4) dt over t ≥ 0, which
/// converges geometrically.
fn bessel_k_quarter(q: f64) -> f64 {
    const STEP: f64 = 1.0 / 32.0;
    let mut sum = 0.5 * (-q).exp();
    let mut t = STEP;
    loop {
        let term = (-q * t.cosh()).exp() * (t / 4.0).cosh();
        sum += term;
        if term <= 1e-20 * sum {
            return sum * STEP;
        }
        t += STEP;
    }
}

/// Share of the orders of all numbers whose U is at least `u`: Xiao, Gordon and Yakovlev
/// (2006), "A C++ program for the Cramér–von Mises two-sample test", algorithm 1. Without
/// ties.
fn exact(u: f64, n: u64, m: u64) -> f64 {
    let lcm = n / greatest_common_divisor(n, m) * m;
    let (step_n, step_m) = (lcm / n, lcm / m);
    let product = (n * m) as f64;
    // Xiao et al.'s statistic in whole numbers from Anderson's U.
    let least = ((lcm * lcm * (n + m)) as f64 * (6.0 * u - product * (4.0 * product - 1.0))
        / (6.0 * product * product))
        .floor();
    // How many paths to (x, y) have which sum of squared distances from the diagonal.
    let mut rows: Vec<BTreeMap<u64, f64>> = vec![BTreeMap::new(); n as usize + 1];
    rows[0].insert(0, 1.0);
    for y in 0..=m {
        let mut before: BTreeMap<u64, f64> = BTreeMap::new();
        for (x, row) in rows.iter_mut().enumerate() {
            for (sum, paths) in std::mem::take(row) {
                *before.entry(sum).or_default() += paths;
            }
            let distance = (step_n * x as u64).abs_diff(step_m * y);
            before = before
                .into_iter()
                .map(|(sum, paths)| (sum + distance * distance, paths))
                .collect();
            row.clone_from(&before);
        }
    }
    let ends = &rows[n as usize];
    let beyond: f64 = ends
        .iter()
        .filter(|(sum, _)| **sum as f64 >= least)
        .map(|(_, paths)| paths)
        .sum();
    beyond / ends.values().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_numbers_are_counted_and_many_are_not() {
        // SciPy 1.17.1: cramervonmises_2samp([1, 4, 6, 9], [2, 3, 5, 7, 8], method=…).
        let (a, b) = (
            Sample::of([1.0, 4.0, 6.0, 9.0]),
            Sample::of([2.0, 3.0, 5.0, 7.0, 8.0]),
        );
        let exact = cramer_von_mises(&a, &b, Method::Auto).unwrap();
        let limit = cramer_von_mises(&a, &b, Method::Asymptotic).unwrap();
        assert!(
            (exact.statistic - 0.048_148_148_148_148_05).abs() < 1e-9,
            "{exact:?}"
        );
        assert!(
            (exact.p_value - 0.976_190_476_190_476_2).abs() < 1e-9,
            "{exact:?}"
        );
        assert!(
            (limit.p_value - 0.997_941_628_926_900_9).abs() < 1e-7,
            "{limit:?}"
        );
    }

    #[test]
    fn two_equal_constants_differ_as_evidently_says() {
        let (a, b) = (Sample::of([3.0; 30]), Sample::of([3.0; 20]));
        let result = cramer_von_mises(&a, &b, Method::Auto).unwrap();
        assert!(
            (result.p_value - 0.012_948_453_166_667_262).abs() < 1e-9,
            "{result:?}"
        );
    }
}
