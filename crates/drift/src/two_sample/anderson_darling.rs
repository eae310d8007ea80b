//! The Anderson–Darling test of two samples.

use super::{Sample, TestResult};
use nalgebra::{Matrix3, Vector3};

/// Significance levels of the table of critical values.
const LEVELS: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
/// Critical values for two samples: the sums of the three columns of coefficients in
/// Scholz and Stephens (1987), table 2, for one degree of freedom.
const CRITICAL: [f64; 7] = [
    0.675 - 0.245 - 0.105,
    1.281 + 0.25 - 0.305,
    1.645 + 0.678 - 0.362,
    1.96 + 1.149 - 0.391,
    2.326 + 1.822 - 0.396,
    2.573 + 2.364 - 0.345,
    3.085 + 3.615 - 0.154,
];

/// The standardised statistic with midranks for ties, and its p-value by a parabola through
/// the logarithms of the table, never outside of 0.001 to 0.25, as SciPy's
/// `anderson_ksamp` has it. `None` where a sample is empty or all numbers are equal.
///
/// Scholz and Stephens (1987), "K-sample Anderson–Darling tests", equation 7.
pub fn anderson_darling(a: &Sample, b: &Sample) -> Option<TestResult> {
    let (n, m) = (a.size() as f64, b.size() as f64);
    let all = n + m;
    if a.is_empty() || b.is_empty() || a.beside(b).take(2).count() < 2 {
        return None;
    }
    let (mut below_a, mut below, mut for_a, mut for_b) = (0.0, 0.0, 0.0, 0.0);
    for (_, in_a, in_b) in a.beside(b) {
        let (in_a, in_b) = (in_a as f64, in_b as f64);
        let together = in_a + in_b;
        let (mid, mid_a) = (below + together / 2.0, below_a + in_a / 2.0);
        let mid_b = mid - mid_a;
        let weight = together / (mid * (all - mid) - all * together / 4.0);
        for_a += weight * (all * mid_a - mid * n).powi(2);
        for_b += weight * (all * mid_b - mid * m).powi(2);
        below += together;
        below_a += in_a;
    }
    let sum = (for_a / n + for_b / m) / all * (all - 1.0) / all;
    let statistic = (sum - 1.0) / variance(a.size(), b.size()).sqrt();
    Some(TestResult {
        statistic,
        p_value: p_value(statistic),
    })
}

/// The variance of the statistic for two samples: Scholz and Stephens, equation 4.
fn variance(n: u64, m: u64) -> f64 {
    let all = n + m;
    let (mut harmonic, mut g) = (0.0, 0.0);
    for i in 2..all {
        // 1/(N−1) + 1/(N−2) + …, each partial sum divided by how far it has come.
        harmonic += 1.0 / (all + 1 - i) as f64;
        g += harmonic / i as f64;
    }
    let h = harmonic + 1.0;
    let (all, inverse, k) = (all as f64, 1.0 / n as f64 + 1.0 / m as f64, 2.0);
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h
        + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k
        + (4.0 * h - 4.0 * g + 6.0) * k
        + (2.0 * h - 6.0) * inverse
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    (a * all.powi(3) + b * all.powi(2) + c * all + d) / ((all - 1.0) * (all - 2.0) * (all - 3.0))
}

fn p_value(statistic: f64) -> f64 {
    if statistic.is_nan() {
        return f64::NAN;
    }
    if statistic < CRITICAL[0] {
        return LEVELS[0];
    }
    if statistic > CRITICAL[6] {
        return LEVELS[6];
    }
    // Least squares for ln(level) = c₀ + c₁ x + c₂ x².
    let mut normal = Matrix3::zeros();
    let mut right = Vector3::zeros();
    for (critical, level) in CRITICAL.iter().zip(LEVELS) {
        let powers = Vector3::new(1.0, *critical, critical * critical);
        normal += powers * powers.transpose();
        right += powers * level.ln();
    }
    let fitted = normal.cholesky().map_or(f64::NAN, |solved| {
        solved
            .solve(&right)
            .dot(&Vector3::new(1.0, statistic, statistic * statistic))
    });
    fitted.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_scipy() {
        // SciPy 1.17.1: anderson_ksamp([[1, 2, 3, 4, 5], [3, 5, 6, 7]]), midranks.
        let (a, b) = (
            Sample::of([1.0, 2.0, 3.0, 4.0, 5.0]),
            Sample::of([3.0, 5.0, 6.0, 7.0]),
        );
        let result = anderson_darling(&a, &b).unwrap();
        assert!(
            (result.statistic - 1.566_969_767_724_481).abs() < 1e-9,
            "{result:?}"
        );
        assert!(
            (result.p_value - 0.073_318_132_379_245_14).abs() < 1e-9,
            "{result:?}"
        );
    }

    #[test]
    fn equal_numbers_have_no_statistic() {
        let constant = Sample::of([3.0; 5]);
        assert_eq!(anderson_darling(&constant, &constant), None);
    }
}
