//! The Epps–Singleton test, by the empirical characteristic functions.

use super::{Sample, TestResult, tail};
use nalgebra::{Matrix4, SymmetricEigen, Vector4};

/// Singular values below this share of the greatest count as none.
const RANK_TOLERANCE: f64 = 1e-13;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// Fewer than five numbers in a sample.
    TooFew,
    /// The middle half of all numbers are one number.
    NoSpread,
}

/// The statistic W₂ at t = 0.4 and 0.8 half interquartile ranges, with its p-value.
///
/// # Errors
/// [`Undefined`] for fewer than five numbers a side, or no interquartile range.
///
/// Epps and Singleton (1986), "An omnibus test for the two-sample problem using the
/// empirical characteristic function"; Goerg and Kaiser (2009) for the small-sample
/// correction.
pub fn epps_singleton(a: &Sample, b: &Sample) -> Result<TestResult, Undefined> {
    if a.size() < 5 || b.size() < 5 {
        return Err(Undefined::TooFew);
    }
    let both = a.merged(b);
    let quartile = |q| both.quantile(q).unwrap_or(f64::NAN);
    let half_range = (quartile(0.75) - quartile(0.25)) / 2.0;
    if half_range.is_nan() || half_range <= 0.0 {
        return Err(Undefined::NoSpread);
    }
    let waves = |x: f64| {
        let (s, t) = (0.4 / half_range * x, 0.8 / half_range * x);
        Vector4::new(s.cos(), t.cos(), s.sin(), t.sin())
    };
    let (n, m) = (a.size() as f64, b.size() as f64);
    let all = n + m;
    let (mean_a, covariance_a) = moments(a, waves);
    let (mean_b, covariance_b) = moments(b, waves);
    let covariance = covariance_a * (all / n) + covariance_b * (all / m);
    let eigen = SymmetricEigen::new(covariance);
    let greatest = eigen.eigenvalues.amax();
    let difference = eigen.eigenvectors.transpose() * (mean_a - mean_b);
    let (mut w, mut rank) = (0.0, 0.0);
    for (value, part) in eigen.eigenvalues.iter().zip(difference.iter()) {
        if *value > RANK_TOLERANCE * greatest {
            w += all * part * part / value;
            rank += 1.0;
        }
    }
    if n.max(m) < 25.0 {
        w /= 1.0 + all.powf(-0.45) + 10.1 * (n.powf(-1.7) + m.powf(-1.7));
    }
    Ok(TestResult {
        statistic: w,
        p_value: tail::chi_squared(w, rank),
    })
}

/// Mean and covariance (divided by the size) of a vector function of the numbers.
fn moments(sample: &Sample, f: impl Fn(f64) -> Vector4<f64>) -> (Vector4<f64>, Matrix4<f64>) {
    let size = sample.size() as f64;
    let mut mean = Vector4::zeros();
    for (value, count) in sample.counted() {
        mean += f(value) * (count as f64 / size);
    }
    let mut covariance = Matrix4::zeros();
    for (value, count) in sample.counted() {
        let off = f(value) - mean;
        covariance += off * off.transpose() * (count as f64 / size);
    }
    (mean, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_scipy() {
        // SciPy 1.17.1: epps_singleton_2samp([1, 2, 3, 4, 5, 9], [3, 5, 6, 7, 8]).
        let (a, b) = (
            Sample::of([1.0, 2.0, 3.0, 4.0, 5.0, 9.0]),
            Sample::of([3.0, 5.0, 6.0, 7.0, 8.0]),
        );
        let result = epps_singleton(&a, &b).unwrap();
        assert!(
            (result.statistic - 4.604_212_691_630_783).abs() < 1e-9,
            "{result:?}"
        );
        assert!(
            (result.p_value - 0.330_368_759_839_197_03).abs() < 1e-9,
            "{result:?}"
        );
    }

    #[test]
    fn a_constant_middle_is_refused() {
        let constant = Sample::of([3.0; 9]);
        assert_eq!(
            epps_singleton(&constant, &constant),
            Err(Undefined::NoSpread)
        );
        let few = Sample::of([1.0, 2.0]);
        assert_eq!(epps_singleton(&few, &constant), Err(Undefined::TooFew));
    }
}
