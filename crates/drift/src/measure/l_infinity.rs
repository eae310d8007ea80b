//! Greatest difference of a share.

use super::shares;

/// max |q − p| over shares p of the baseline and q of the window, 0 to 1.
///
/// `None` where a side has no counts.
pub fn l_infinity(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(
        shares(baseline, window)?
            .map(|(p, q)| (q - p).abs())
            .fold(0.0, f64::max),
    )
}

/// |q − p| of each cell; the greatest is [`l_infinity`].
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(
        shares(baseline, window)?
            .map(|(p, q)| (q - p).abs())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_numpy() {
        // np.abs(p - q).max(), NumPy 2.4.6.
        let value = l_infinity(&[120, 80, 40, 10, 0], &[30, 35, 20, 10, 5]).unwrap();
        assert!((value - 0.18).abs() < 1e-15);
    }
}
