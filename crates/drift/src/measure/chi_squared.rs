//! Pearson's chi-squared statistic of the table "baseline, window" × cells.
//!
//! It is divided by its degrees of freedom: independent rows of one distribution
//! then give about 1 at any number of cells, and what days and topics add shows as
//! a factor. The textbook p-value is not used: it takes rows for independent.

use super::totals;

/// Two-sample chi-squared statistic per degree of freedom, from 0 up.
///
/// The degrees of freedom are the cells in use less one; no continuity correction.
/// Zero where only one cell is in use, `None` where a side has no counts.
///
/// Pearson (1911), "On the probability that two independent distributions of
/// frequency are really samples from the same population".
pub fn chi_squared(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(terms(baseline, window)?.sum())
}

/// What each cell adds to [`chi_squared`], both rows of the table together.
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(terms(baseline, window)?.collect())
}

fn terms<'a>(baseline: &'a [u64], window: &'a [u64]) -> Option<impl Iterator<Item = f64> + 'a> {
    let (b, w) = totals(baseline, window)?;
    let used = baseline
        .iter()
        .zip(window)
        .filter(|&(&x, &y)| x + y > 0)
        .count();
    let freedom = used.saturating_sub(1).max(1) as f64;
    Some(baseline.iter().zip(window).map(move |(&x, &y)| {
        let (x, y) = (x as f64, y as f64);
        if x + y > 0.0 {
            // Both rows of a column share one deviation, with opposite signs.
            let deviation = x - (x + y) * b / (b + w);
            deviation * deviation * (b + w) * (1.0 / b + 1.0 / w) / (x + y) / freedom
        } else {
            0.0
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_scipy() {
        // scipy.stats.chi2_contingency([b, w], correction=False): statistic / dof, SciPy 1.17.1.
        let value = chi_squared(&[120, 80, 40, 10, 0], &[30, 35, 20, 10, 5]).unwrap();
        assert!((value - 5.815_579_710_144_927).abs() < 1e-12);
    }

    #[test]
    fn one_cell_is_no_difference() {
        assert_eq!(chi_squared(&[5, 0], &[9, 0]).map(|v| v < 1e-12), Some(true));
    }
}
