//! Wasserstein-1 distance: how far mass must be carried, in spreads of the baseline.
//!
//! Clipped to the baseline's 0.1 % and 99.9 % quantiles, because an unclipped W1 is
//! ruled by single outliers and its error on a sketch grows with the range. Divided
//! by the interquartile range, because a least effect in metres fits no other column.

use serde::{Deserialize, Serialize};

/// Where the distance is cut off, and what it is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The baseline's 0.1 % quantile: lower values count as this one.
    pub low: f64,
    /// The baseline's 99.9 % quantile: higher values count as this one.
    pub high: f64,
    /// The baseline's interquartile range; its standard deviation where that is zero,
    /// and 1 (the column's own unit) where that is zero too.
    pub spread: f64,
}

/// One cell on the line, `low == high` for a single value, with the counts in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The baseline's count.
    pub baseline: u64,
    /// The window's count.
    pub window: u64,
}

/// W1 = ∫ |F − G| dx over `[scale.low, scale.high]`, divided by `scale.spread`.
///
/// `cells` are ascending and touch; inside a cell values are taken as evenly spread.
/// What lies beyond the clip moves F and G but adds no distance. `None` where a side
/// has no counts.
///
/// Vallender (1974), "Calculation of the Wasserstein Distance Between Probability
/// Distributions on the Line".
pub fn wasserstein(cells: &[Cell], scale: Scale) -> Option<f64> {
    let (b, w) = cells
        .iter()
        .fold((0, 0), |(b, w), cell| (b + cell.baseline, w + cell.window));
    if b == 0 || w == 0 {
        return None;
    }
    let (mut gap, mut sum) = (0.0, 0.0);
    for cell in cells {
        let after = gap + cell.baseline as f64 / b as f64 - cell.window as f64 / w as f64;
        sum += area(cell, gap, after, scale);
        gap = after;
    }
    Some((sum / scale.spread).min(f64::MAX))
}

/// ∫ |gap| over the part of the cell inside the clip; the gap is linear across the cell.
fn area(cell: &Cell, before: f64, after: f64, scale: Scale) -> f64 {
    let (low, high) = (cell.low.max(scale.low), cell.high.min(scale.high));
    if low >= high {
        return 0.0;
    }
    let at = |x: f64| before + (after - before) * ((x - cell.low) / (cell.high - cell.low));
    let (from, to) = (at(low), at(high));
    let width = high - low;
    if from * to >= 0.0 {
        width * (from.abs() + to.abs()) / 2.0
    } else {
        // Two triangles that meet where the sign changes.
        width * (from * from + to * to) / (2.0 * (from.abs() + to.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_of_one_cell_is_its_width() {
        let cell = |low: f64, baseline, window| Cell {
            low,
            high: low + 1.0,
            baseline,
            window,
        };
        let scale = Scale {
            low: 0.0,
            high: 3.0,
            spread: 1.0,
        };
        let cells = [cell(0.0, 4, 0), cell(1.0, 0, 9), cell(2.0, 0, 0)];
        assert!((wasserstein(&cells, scale).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn beyond_the_clip_adds_nothing() {
        let scale = Scale {
            low: 0.0,
            high: 1.0,
            spread: 1.0,
        };
        let cells = [
            Cell {
                low: 0.0,
                high: 1.0,
                baseline: 5,
                window: 5,
            },
            Cell {
                low: 1.0,
                high: 1e300,
                baseline: 5,
                window: 0,
            },
            Cell {
                low: 1e300,
                high: f64::INFINITY,
                baseline: 0,
                window: 5,
            },
        ];
        assert_eq!(wasserstein(&cells, scale), Some(0.0));
    }
}
