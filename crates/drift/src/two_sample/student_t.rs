//! Student's and Welch's t-tests.

use super::{Sample, TestResult, tail};

/// Whether the samples are taken to have one variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variances {
    /// Student (1908): one variance, pooled.
    Equal,
    /// Welch (1947): a variance for each.
    Own,
}

/// t with its two-sided p-value; NaN where neither sample varies and the means are equal.
/// `None` where a sample is empty.
pub fn student_t(a: &Sample, b: &Sample, variances: Variances) -> Option<TestResult> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.size() as f64, b.size() as f64);
    let (var_a, var_b) = (a.variance(1), b.variance(1));
    let (error, degrees) = match variances {
        Variances::Equal => {
            let degrees = n + m - 2.0;
            let pooled = ((n - 1.0) * var_a + (m - 1.0) * var_b) / degrees;
            ((pooled * (1.0 / n + 1.0 / m)).sqrt(), degrees)
        }
        Variances::Own => {
            let (of_a, of_b) = (var_a / n, var_b / m);
            let degrees =
                (of_a + of_b).powi(2) / (of_a.powi(2) / (n - 1.0) + of_b.powi(2) / (m - 1.0));
            ((of_a + of_b).sqrt(), degrees)
        }
    };
    let statistic = (a.mean() - b.mean()) / error;
    Some(TestResult {
        statistic,
        p_value: tail::student_two_sided(statistic, degrees),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_are_those_of_scipy() {
        // SciPy 1.17.1: ttest_ind([1, 2, 3, 4], [2, 4, 8], equal_var=…).
        let (a, b) = (
            Sample::of([1.0, 2.0, 3.0, 4.0]),
            Sample::of([2.0, 4.0, 8.0]),
        );
        let own = student_t(&a, &b, Variances::Own).unwrap();
        let equal = student_t(&a, &b, Variances::Equal).unwrap();
        assert!((equal.statistic - -1.303_917_638_213_189_4).abs() < 1e-12);
        assert!((equal.p_value - 0.249_061_758_074_850_68).abs() < 1e-12);
        assert!((own.p_value - 0.345_571_356_439_521_14).abs() < 1e-12);
    }

    #[test]
    fn without_variance_there_is_no_p_value() {
        let constant = Sample::of([3.0, 3.0]);
        let result = student_t(&constant, &constant, Variances::Equal).unwrap();
        assert!(result.p_value.is_nan());
    }
}
