//! The two-sample Kolmogorov–Smirnov test.

use super::{Sample, TestResult, greatest_common_divisor, kolmogorov};

/// With at most this many numbers in the greater sample the p-value is exact (SciPy's
/// rule); past that the limit distribution of one sample is taken.
const EXACT_UP_TO: u64 = 10_000;

/// Greatest distance of the two distribution functions, with its two-sided p-value, as
/// SciPy's `ks_2samp` does by default. `None` where a sample is empty.
///
/// The exact p-value counts lattice paths (Hodges 1958, "The significance probability of
/// the Smirnov two-sample test"; Viehmann 2021, arXiv:2102.08037); it takes no account of
/// ties, so with ties it is an upper bound.
pub fn kolmogorov_smirnov(a: &Sample, b: &Sample) -> Option<TestResult> {
    let (n, m) = (a.size(), b.size());
    if n == 0 || m == 0 {
        return None;
    }
    let gap = greatest_gap(a, b);
    let statistic = gap as f64 / (n as f64 * m as f64);
    let p_value = if n.max(m) <= EXACT_UP_TO {
        exact(n, m, gap)
    } else {
        let (n, m) = (n as f64, m as f64);
        kolmogorov::tail((n * m / (n + m)).round_ties_even() as u64, statistic)
    };
    Some(TestResult { statistic, p_value })
}

/// The statistic alone; `None` where a sample is empty.
pub fn statistic(a: &Sample, b: &Sample) -> Option<f64> {
    let sizes = a.size() as f64 * b.size() as f64;
    (sizes > 0.0).then(|| greatest_gap(a, b) as f64 / sizes)
}

/// The statistic times both sizes, a whole number.
fn greatest_gap(a: &Sample, b: &Sample) -> u128 {
    let (n, m) = (i128::from(a.size()), i128::from(b.size()));
    let (mut below_a, mut below_b, mut greatest) = (0_i128, 0_i128, 0_i128);
    for (_, in_a, in_b) in a.beside(b) {
        below_a += i128::from(in_a);
        below_b += i128::from(in_b);
        greatest = greatest.max((below_a * m - below_b * n).abs());
    }
    greatest.unsigned_abs()
}

fn exact(n: u64, m: u64, gap: u128) -> f64 {
    let divisor = greatest_common_divisor(n, m);
    // The statistic in units of 1 / lcm(n, m).
    let h = (gap / u128::from(divisor)) as u64;
    if h == 0 {
        return 1.0;
    }
    let p = if n == m {
        outside_of_square(n, h)
    } else {
        outside_of_band(n.max(m), n.min(m), divisor, h)
    };
    p.clamp(0.0, 1.0)
}

/// Share of the paths from (0, 0) to (n, n) that leave |x − y| < h: the reflection
/// principle gives 2 (q₁ − q₂ + q₃ − …) with qₖ = C(2n, n − kh) / C(2n, n), summed from
/// the innermost term.
fn outside_of_square(n: u64, h: u64) -> f64 {
    let mut nested = 0.0;
    for k in (0..=n / h).rev() {
        // C(2n, n − (k+1) h) / C(2n, n − k h), factor by factor.
        let ratio: f64 = (0..h)
            .map(|j| {
                let used = (k * h + j) as f64;
                (n as f64 - used) / (n as f64 + used + 1.0)
            })
            .product();
        nested = ratio * (1.0 - nested);
    }
    2.0 * nested
}

/// Share of the paths from (0, 0) to (m, n), m ≥ n, that touch |x / m − y / n| ≥ h / lcm.
/// Row by row, the share of the paths to each point that have left the band.
fn outside_of_band(m: u64, n: u64, divisor: u64, h: u64) -> f64 {
    let (step_m, step_n) = ((m / divisor) as i64, (n / divisor) as i64);
    let (m, n, h) = (m as i64, n as i64, h as i64);
    let first = |i: i64| ((step_n * i - h).div_euclid(step_m) + 1).clamp(0, n);
    let end = |i: i64| ((step_n * i + h + step_m - 1).div_euclid(step_m)).min(n + 1);
    // `left[j]` is for the points (i, j) of the row; outside of the band it is 1.
    let mut left = vec![1.0_f64; n as usize + 1];
    for share in &mut left[..end(0).max(0) as usize] {
        *share = 0.0;
    }
    for i in 1..=m {
        let (from, to) = (first(i), end(i));
        if to <= from {
            return 1.0;
        }
        // Points below the band have been left by every path that comes from them.
        let mut before = if from == 0 { 0.0 } else { 1.0 };
        for j in from..to {
            let (x, y) = (i as f64, j as f64);
            before = (left[j as usize] * x + before * y) / (x + y);
            left[j as usize] = before;
        }
    }
    left[n as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every path counted one by one.
    fn by_counting(n: u64, m: u64, gap: u128) -> f64 {
        fn walk(x: u64, y: u64, n: u64, m: u64, gap: u128, touched: bool) -> (u64, u64) {
            let here =
                (i128::from(x) * i128::from(m) - i128::from(y) * i128::from(n)).unsigned_abs();
            let touched = touched || here >= gap;
            if (x, y) == (n, m) {
                return (u64::from(touched), 1);
            }
            let mut sum = (0, 0);
            for (dx, dy) in [(1, 0), (0, 1)] {
                if x + dx <= n && y + dy <= m {
                    let (out, all) = walk(x + dx, y + dy, n, m, gap, touched);
                    sum = (sum.0 + out, sum.1 + all);
                }
            }
            sum
        }
        let (out, all) = walk(0, 0, n, m, gap, false);
        out as f64 / all as f64
    }

    proptest! {
        #[test]
        fn the_exact_p_value_is_the_share_of_paths(n in 1..8_u64, m in 1..8_u64, at in 0.0..1.0_f64) {
            let divisor = greatest_common_divisor(n, m);
            let gap = u128::from(divisor) * ((n * m / divisor) as f64 * at) as u128;
            prop_assume!(gap > 0);
            let (ours, counted) = (exact(n, m, gap), by_counting(n, m, gap));
            prop_assert!((ours - counted).abs() < 1e-12, "{ours} {counted}");
        }
    }

    #[test]
    fn equal_samples_have_p_one() {
        let a = Sample::of([1.0, 2.0, 3.0]);
        let result = kolmogorov_smirnov(&a, &a).unwrap();
        assert_eq!((result.statistic, result.p_value), (0.0, 1.0));
        assert_eq!(kolmogorov_smirnov(&a, &Sample::default()), None);
    }
}
