//! Hellinger distance.

use super::shares;

/// Hellinger distance of two vectors of counts in the same cells, 0 to 1.
///
/// √(½ Σ (√p − √q)²) over shares p of the baseline and q of the window. `None` where
/// a side has no counts.
///
/// Hellinger (1909), "Neue Begründung der Theorie quadratischer Formen von
/// unendlichvielen Veränderlichen".
pub fn hellinger(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(shares(baseline, window)?.map(part).sum::<f64>().sqrt())
}

/// What each cell adds to the square of [`hellinger`].
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(shares(baseline, window)?.map(part).collect())
}

fn part((p, q): (f64, f64)) -> f64 {
    (p.sqrt() - q.sqrt()).powi(2) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_numpy() {
        // np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2), NumPy 2.4.6.
        let value = hellinger(&[120, 80, 40, 10, 0], &[30, 35, 20, 10, 5]).unwrap();
        assert!((value - 0.209_121_205_913_731_98).abs() < 1e-14);
    }
}
