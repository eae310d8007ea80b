//! Jensen–Shannon divergence in bits: the divergence, not its square root.
//!
//! Bits and no root, so that the parts of single cells add up to the value and a
//! window which shares nothing with the baseline has exactly 1.

use super::{shares, x_ln_x_over_y};
use std::f64::consts::LN_2;

/// Jensen–Shannon divergence of two vectors of counts in the same cells: bits, 0 to 1.
///
/// A cell that is empty on one side counts as zero there; nothing is added to
/// empty cells. `None` where a side has no counts.
///
/// Lin (1991), "Divergence measures based on the Shannon entropy", section IV.
pub fn jensen_shannon(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(shares(baseline, window)?.map(part).sum::<f64>().max(0.0))
}

/// What each cell adds to [`jensen_shannon`]; the parts sum to it, and none is negative.
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(shares(baseline, window)?.map(part).collect())
}

fn part((p, q): (f64, f64)) -> f64 {
    let middle = (p + q) / 2.0;
    (x_ln_x_over_y(p, middle) + x_ln_x_over_y(q, middle)) / (2.0 * LN_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_scipy() {
        // scipy.spatial.distance.jensenshannon(p, q, base=2) ** 2, SciPy 1.17.1.
        let value = jensen_shannon(&[120, 80, 40, 10, 0], &[30, 35, 20, 10, 5]).unwrap();
        assert!((value - 0.051_790_242_749_549_61).abs() < 1e-14);
    }

    #[test]
    fn nothing_in_common_is_one_bit() {
        assert!((jensen_shannon(&[7, 0], &[0, 3]).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn an_empty_side_has_no_value() {
        assert_eq!(jensen_shannon(&[1, 2], &[0, 0]), None);
        assert_eq!(jensen_shannon(&[], &[]), None);
    }
}
