//! The first Wasserstein distance, exact.

use super::Sample;

/// ∫ |F − G|, in the unit of the numbers; `None` where a sample is empty.
///
/// Vallender (1974), "Calculation of the Wasserstein distance between probability
/// distributions on the line".
pub fn wasserstein(a: &Sample, b: &Sample) -> Option<f64> {
    distance_of_distributions(a, b, f64::abs)
}

/// ∫ f(F − G) over the line.
pub(crate) fn distance_of_distributions(
    a: &Sample,
    b: &Sample,
    f: impl Fn(f64) -> f64,
) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.size() as f64, b.size() as f64);
    let (mut below_a, mut below_b) = (0, 0);
    let (mut last, mut integral) = (None, 0.0);
    for (value, in_a, in_b) in a.beside(b) {
        if let Some(last) = last {
            integral += f(below_a as f64 / n - below_b as f64 / m) * (value - last);
        }
        below_a += in_a;
        below_b += in_b;
        last = Some(value);
    }
    Some(integral)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shift_costs_what_it_shifts(values in prop::collection::vec(-100..100_i32, 1..50), shift in -20..20_i32) {
            let a = Sample::of(values.iter().map(|v| f64::from(*v)));
            let b = Sample::of(values.iter().map(|v| f64::from(*v + shift)));
            let distance = wasserstein(&a, &b).unwrap();
            prop_assert!((distance - f64::from(shift.abs())).abs() < 1e-9);
        }
    }

    #[test]
    fn nothing_has_no_distance() {
        assert_eq!(wasserstein(&Sample::default(), &Sample::of([1.0])), None);
    }
}
