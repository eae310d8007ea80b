//! Pearson's chi-squared tests and the G-test on counts.

use super::{TestResult, tail};

/// Relative difference of two sums up to which a test of fit takes them to be equal: the
/// square root of the machine's precision, as in SciPy.
const SUMS_AGREE: f64 = 1.490_116_119_384_765_6e-8;

/// The test of homogeneity of a table of two rows, one column a category. `corrected` asks
/// for Yates' correction where there are two categories. Categories that neither side has
/// are left out. `None` where a side is empty.
///
/// Pearson (1900); Yates (1934), "Contingency tables involving small numbers and the χ²
/// test".
pub fn contingency(a: &[u64], b: &[u64], corrected: bool) -> Option<TestResult> {
    let (n, m) = (a.iter().sum::<u64>() as f64, b.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let pairs: Vec<(f64, f64)> = a
        .iter()
        .zip(b)
        .filter(|(x, y)| **x + **y > 0)
        .map(|(x, y)| (*x as f64, *y as f64))
        .collect();
    let degrees = pairs.len() as f64 - 1.0;
    if degrees == 0.0 {
        return Some(TestResult {
            statistic: 0.0,
            p_value: 1.0,
        });
    }
    let part = |observed: f64, expected: f64| {
        let off = (observed - expected).abs();
        let off = if corrected && pairs.len() == 2 {
            off - off.min(0.5)
        } else {
            off
        };
        off * off / expected
    };
    let statistic = pairs
        .iter()
        .map(|(x, y)| {
            let together = x + y;
            part(*x, together * n / (n + m)) + part(*y, together * m / (n + m))
        })
        .sum();
    Some(TestResult {
        statistic,
        p_value: tail::chi_squared(statistic, degrees),
    })
}

/// Degrees of freedom of [`contingency`].
pub fn degrees_of_freedom(a: &[u64], b: &[u64]) -> usize {
    a.iter()
        .zip(b)
        .filter(|(x, y)| **x + **y > 0)
        .count()
        .saturating_sub(1)
}

/// The test whether counts fit others that are scaled to their sum. A category without an
/// expected count makes the statistic infinite; one category alone has no degree of
/// freedom, and so a p-value of NaN.
pub fn fit(observed: &[u64], expected: &[u64]) -> Option<TestResult> {
    let (n, m) = (observed.iter().sum::<u64>(), expected.iter().sum::<u64>());
    if n == 0 || m == 0 {
        return None;
    }
    let scale = n as f64 / m as f64;
    let statistic = observed
        .iter()
        .zip(expected)
        .filter(|(x, y)| **x + **y > 0)
        .map(|(x, y)| {
            let expected = *y as f64 * scale;
            (*x as f64 - expected).powi(2) / expected
        })
        .sum();
    Some(TestResult {
        statistic,
        p_value: tail::chi_squared(statistic, degrees_of_freedom(observed, expected) as f64),
    })
}

/// The G-test of counts against others as they are, unscaled: 2 Σ O ln(O / E). `None` where
/// the sums differ, for which it is not defined.
///
/// Sokal and Rohlf (1981), "Biometry", section 17.2.
pub fn g_test(observed: &[u64], expected: &[u64]) -> Option<TestResult> {
    let (n, m) = (
        observed.iter().sum::<u64>() as f64,
        expected.iter().sum::<u64>() as f64,
    );
    if n == 0.0 || (n - m).abs() > SUMS_AGREE * n.min(m) {
        return None;
    }
    let sum: f64 = observed
        .iter()
        .zip(expected)
        .filter(|(x, _)| **x > 0)
        .map(|(x, y)| *x as f64 * (*x as f64 / *y as f64).ln())
        .sum();
    Some(TestResult {
        statistic: 2.0 * sum,
        p_value: tail::chi_squared(2.0 * sum, degrees_of_freedom(observed, expected) as f64),
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn two_categories_are_corrected() {
        // SciPy 1.17.1: chi2_contingency([[60, 40], [45, 55]], correction=…).
        let with = contingency(&[60, 40], &[45, 55], true).unwrap();
        let without = contingency(&[60, 40], &[45, 55], false).unwrap();
        assert!((with.statistic - 3.929_824_561_403_509).abs() < 1e-12);
        assert!((without.statistic - 4.511_278_195_488_721).abs() < 1e-12);
    }

    #[test]
    fn a_category_that_was_not_expected_is_infinitely_far() {
        let result = fit(&[40, 40, 20], &[50, 50, 0]).unwrap();
        assert_eq!((result.statistic, result.p_value), (f64::INFINITY, 0.0));
    }

    #[test]
    fn one_category_has_no_p_value_of_fit() {
        assert!(fit(&[40], &[50]).unwrap().p_value.is_nan());
        assert_eq!(contingency(&[40], &[50], true).unwrap().p_value, 1.0);
    }

    #[test]
    fn the_g_test_refuses_different_sums() {
        assert_eq!(g_test(&[40, 41], &[40, 40]), None);
        assert!(g_test(&[45, 55], &[60, 40]).is_some());
    }
}
