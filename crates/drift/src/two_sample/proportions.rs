//! The Z-test of two proportions.

use super::{TestResult, tail};

/// Whether a share differs, by the pooled standard error: `successes` of `trials`, on both
/// sides. NaN where all or none succeed on both.
///
/// The p-value is 2 (1 − Φ(|z|)) with the difference taken in floating point, as the tools
/// reproduced here do: tails below 1e-16 are 0.
pub fn z_test((successes_a, n): (u64, u64), (successes_b, m): (u64, u64)) -> Option<TestResult> {
    if n == 0 || m == 0 {
        return None;
    }
    let (n, m) = (n as f64, m as f64);
    let (share_a, share_b) = (successes_a as f64 / n, successes_b as f64 / m);
    let pooled = (share_a * n + share_b * m) / (n + m);
    let z = (share_a - share_b) / (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    let below = 1.0 - tail::normal(z.abs());
    Some(TestResult {
        statistic: z,
        p_value: 2.0 * (1.0 - below),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_of_fifteen_points_in_a_hundred() {
        // Evidently 0.7.23, test `z`, 60 of 100 against 45 of 100.
        let result = z_test((60, 100), (45, 100)).unwrap();
        assert!((result.p_value - 0.033_672_068_856_345_88).abs() < 1e-12);
    }

    #[test]
    fn all_on_both_sides_has_no_p_value() {
        assert!(z_test((5, 5), (7, 7)).unwrap().p_value.is_nan());
    }
}
