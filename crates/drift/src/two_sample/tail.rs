//! Upper tails of the distributions that test statistics are compared with.

use statrs::function::{beta::beta_reg, gamma::gamma_ur};

/// P(X ≥ x) of the chi-squared distribution; NaN for no degrees of freedom, as in SciPy.
pub(crate) fn chi_squared(x: f64, degrees_of_freedom: f64) -> f64 {
    if x.is_nan() || degrees_of_freedom.is_nan() || degrees_of_freedom <= 0.0 {
        f64::NAN
    } else if x <= 0.0 {
        1.0
    } else if x.is_infinite() {
        0.0
    } else {
        gamma_ur(degrees_of_freedom / 2.0, x / 2.0)
    }
}

/// P(Z ≥ z) of the standard normal distribution.
pub(crate) fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// P(|T| ≥ |t|) of Student's distribution.
pub(crate) fn student_two_sided(t: f64, degrees_of_freedom: f64) -> f64 {
    if t.is_nan() || degrees_of_freedom.is_nan() || degrees_of_freedom <= 0.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return 0.0;
    }
    let x = degrees_of_freedom / (degrees_of_freedom + t * t);
    beta_reg(degrees_of_freedom / 2.0, 0.5, x)
}
