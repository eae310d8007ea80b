//! The energy distance.

use super::{Sample, wasserstein::distance_of_distributions};

/// √(2 ∫ (F − G)²), the square root of Székely's energy distance, as SciPy's
/// `energy_distance` has it; `None` where a sample is empty.
///
/// Székely and Rizzo (2013), "Energy statistics: a class of statistics based on distances".
pub fn energy_distance(a: &Sample, b: &Sample) -> Option<f64> {
    distance_of_distributions(a, b, |gap| gap * gap).map(|area| (2.0 * area).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_twice_the_mean_distance_across_less_those_within() {
        let (a, b) = ([1.0_f64, 2.0, 5.0], [2.0_f64, 9.0]);
        let mean = |x: &[f64], y: &[f64]| {
            let sum: f64 = x
                .iter()
                .flat_map(|i| y.iter().map(move |j| (i - j).abs()))
                .sum();
            sum / (x.len() * y.len()) as f64
        };
        let by_definition = (2.0 * mean(&a, &b) - mean(&a, &a) - mean(&b, &b)).sqrt();
        let ours = energy_distance(&Sample::of(a), &Sample::of(b)).unwrap();
        assert!((ours - by_definition).abs() < 1e-12);
    }
}
