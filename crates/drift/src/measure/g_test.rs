//! The G statistic of text: the baseline's frequent cells, and all the rest as one.
//!
//! Distances over the full vocabulary see mostly words that occur once, whose
//! turnover from week to week is large and says nothing. The frequent cells are
//! stable, so their statistic has power (measured on titles with 30 % foreign ones:
//! 0.88, where Jensen–Shannon over all cells has 0.03).

use super::{totals, x_ln_x_over_y};
use std::f64::consts::LN_2;

/// Frequent cells of the baseline that are counted one by one.
pub const TOP_CELLS: usize = 256;

/// Two-sample G statistic per count of the window, from 0 up: bits.
///
/// G / (2 n ln 2) with G = 2 Σ O ln(O / E) over both rows of the table "baseline,
/// window" × cells and n the window's total. With a baseline much larger than the
/// window it is the Kullback–Leibler divergence of the window from the baseline,
/// but finite where a cell is new. `None` where a side has no counts.
///
/// Woolf (1957), "The log likelihood ratio test (the G-test)".
pub fn g_test(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(terms(baseline, window)?.sum::<f64>().max(0.0))
}

/// What each cell adds to [`g_test`]; single parts can be negative where the window
/// has fewer counts than expected.
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(terms(baseline, window)?.collect())
}

fn terms<'a>(baseline: &'a [u64], window: &'a [u64]) -> Option<impl Iterator<Item = f64> + 'a> {
    let (b, w) = totals(baseline, window)?;
    Some(baseline.iter().zip(window).map(move |(&x, &y)| {
        let both = (x + y) as f64;
        let (x, y) = (x as f64, y as f64);
        (x_ln_x_over_y(x, both * b / (b + w)) + x_ln_x_over_y(y, both * w / (b + w))) / (w * LN_2)
    }))
}

/// The counts of the cells named by `top`, in that order, and of all others as one.
pub fn top_and_rest(cells: &[u64], top: &[u16]) -> Vec<u64> {
    let mut counts: Vec<u64> = top
        .iter()
        .map(|&cell| cells.get(usize::from(cell)).copied().unwrap_or(0))
        .collect();
    let rest = cells.iter().sum::<u64>() - counts.iter().sum::<u64>();
    counts.push(rest);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_scipy() {
        // scipy.stats.chi2_contingency([b, w], correction=False, lambda_="log-likelihood")
        // over 2 · 100 · ln 2, SciPy 1.17.1.
        let value = g_test(&[120, 80, 40, 10, 0], &[30, 35, 20, 10, 5]).unwrap();
        assert!((value - 0.167_530_320_474_068_18).abs() < 1e-13);
    }

    #[test]
    fn all_but_the_top_is_one_cell() {
        assert_eq!(top_and_rest(&[5, 1, 9, 2], &[2, 0]), [9, 5, 3]);
        assert_eq!(top_and_rest(&[], &[2, 0]), [0, 0, 0]);
    }
}
