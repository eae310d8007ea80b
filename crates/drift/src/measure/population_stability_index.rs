//! Population stability index, kept finite by half a count.
//!
//! Other tools put a small constant into empty bins (1e-4 or 1e-5), and their value
//! then depends on that constant more than on the data. Half a count in every bin
//! of both sides (Jeffreys' prior) shrinks with the sample as it should.

use super::totals;

/// Added to every count of both sides.
pub const ADDED_COUNT: f64 = 0.5;

/// Population stability index of two vectors of counts in the same bins: nats, from 0 up.
///
/// Σ (q − p) ln(q / p) over shares p of the baseline and q of the window, after half
/// a count is added to every bin: the symmetrised Kullback–Leibler divergence. Its
/// mean under no drift is near (bins − 1)(1/n + 1/N), so compare it with its own
/// null and not with a fixed 0.1 or 0.2. `None` where a side has no counts.
pub fn population_stability_index(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(terms(baseline, window)?.sum())
}

/// What each bin adds to [`population_stability_index`]; the parts sum to it, and
/// none is negative.
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(terms(baseline, window)?.collect())
}

fn terms<'a>(baseline: &'a [u64], window: &'a [u64]) -> Option<impl Iterator<Item = f64> + 'a> {
    let (b, w) = totals(baseline, window)?;
    let added = ADDED_COUNT * baseline.len() as f64;
    Some(baseline.iter().zip(window).map(move |(&x, &y)| {
        let p = (x as f64 + ADDED_COUNT) / (b + added);
        let q = (y as f64 + ADDED_COUNT) / (w + added);
        (q - p) * (q / p).ln()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_scipy() {
        // scipy.stats.entropy(P, Q) + entropy(Q, P) of the counts plus one half, SciPy 1.17.1.
        let value =
            population_stability_index(&[120, 80, 40, 10, 0], &[30, 35, 20, 10, 5]).unwrap();
        assert!((value - 0.321_262_960_130_080_1).abs() < 1e-14);
    }

    #[test]
    fn a_new_bin_keeps_it_finite() {
        assert!(
            population_stability_index(&[100, 0], &[0, 100])
                .unwrap()
                .is_finite()
        );
    }
}
