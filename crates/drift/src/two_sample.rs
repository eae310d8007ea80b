//! Classical tests and distances of two samples, as statistical packages define them.
//!
//! They work on exact values with their counts, so the order of rows does not matter and
//! a column of few distinct values costs little however many rows it has. The presets of
//! other tools ([`crate::preset`]) are made of them. What Driftline itself judges windows
//! by works on counts in fixed cells instead: see [`crate::measure`].

pub mod anderson_darling;
pub mod chi_squared;
pub mod cramer_von_mises;
pub mod energy;
pub mod epps_singleton;
pub mod fisher_exact;
pub mod kolmogorov;
pub mod kolmogorov_smirnov;
pub mod mann_whitney;
pub mod maximum_mean_discrepancy;
pub mod proportions;
pub mod sample;
pub mod student_t;
pub(crate) mod tail;
pub mod wasserstein;

pub use sample::Sample;

/// A test statistic and the probability, without a difference, of one as extreme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The statistic, in the test's own unit.
    pub statistic: f64,
    /// The p-value; NaN where the test is not defined, such as without any variance.
    pub p_value: f64,
}

/// The greatest number that divides both.
fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
