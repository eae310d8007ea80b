//! Difference of means, for columns whose mean is what matters: shares and scores.

/// Mean of values given as (value, count); `None` without counts.
pub fn mean(values: impl Iterator<Item = (f64, u64)>) -> Option<f64> {
    // A running mean: a sum of large numbers could overflow.
    let (mean, count) =
        values
            .filter(|&(_, n)| n > 0)
            .fold((0.0, 0_u64), |(mean, count), (value, n)| {
                let count = count + n;
                let weight = n as f64 / count as f64;
                (mean * (1.0 - weight) + value * weight, count)
            });
    (count > 0).then_some(mean)
}

/// Window's mean less the baseline's, in the column's own unit.
pub fn mean_increase(baseline: f64, window: f64) -> f64 {
    (window - baseline).clamp(f64::MIN, f64::MAX)
}

/// Distance of the means in standard deviations of the baseline, without sign.
///
/// A baseline that never varies has no such unit: there the distance is in the
/// column's own.
pub fn mean_difference(baseline: f64, window: f64, standard_deviation: f64) -> f64 {
    let unit = if standard_deviation > 0.0 {
        standard_deviation
    } else {
        1.0
    };
    ((window - baseline).abs() / unit).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_numpy() {
        // x = arange(1, 101), y = arange(1, 51) * 1.5 + 10:
        // abs(y.mean() - x.mean()) / x.std(), NumPy 2.4.6.
        let x = mean((1..101).map(|n| (f64::from(n), 1))).unwrap();
        let y = mean((1..51).map(|n| (f64::from(n) * 1.5 + 10.0, 1))).unwrap();
        let std = 28.866_070_047_722_12; // x.std()
        assert!((mean_difference(x, y, std) - 0.077_946_183_747_224_44).abs() < 1e-14);
        assert!((mean_increase(x, y) + 2.25).abs() < 1e-12);
    }

    #[test]
    fn a_constant_baseline_keeps_the_columns_unit() {
        assert!((mean_difference(2.0, 2.5, 0.0) - 0.5).abs() < 1e-15);
        assert_eq!(mean([(1.0, 0)].into_iter()), None);
    }
}
