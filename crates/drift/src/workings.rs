//! What a value is made of, and what its limit rests on: enough to redo both by hand.

use crate::{
    grid::{Counts, Evidence, Grid},
    measure::Measure,
    threshold_card::{TestCard, ThresholdCard},
};
use serde::{Deserialize, Serialize};

/// What a value is made of beyond its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workings {
    /// Cells that the measure takes or is told in: bins, values, hashed units of text.
    pub cells: u64,
    /// Everything counted in them in the baseline: rows, or units of text.
    pub baseline_total: u64,
    /// Everything counted in them in the window.
    pub window_total: u64,
    /// The cells that the evidence leaves out, added up; `None` where it has them all.
    pub rest: Option<Evidence>,
    /// What lies at or below the number where the distribution functions are furthest
    /// apart, for a Kolmogorov–Smirnov distance.
    pub widest_gap: Option<Evidence>,
    /// Means of the baseline and the window, for a difference of means.
    pub means: Option<(f64, f64)>,
    /// Where the limit comes from; `None` where there is none.
    pub limit: Option<LimitWorkings>,
}

/// Where a limit comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitWorkings {
    /// The p-value at or below which a value is significant.
    pub p_limit: f64,
    /// False alarms a window that are stated for all tests together.
    pub rate: f64,
    /// Stretches of the baseline that were replayed as if they were windows.
    pub draws: u64,
    /// Blocks of the baseline in each.
    pub blocks_per_window: u64,
    /// Such windows that fit into the baseline without overlap.
    pub windows_in_baseline: u64,
    /// Independent ones that they are worth for this measure.
    pub independent_windows: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// Median of the draws.
    pub null_median: f64,
    /// 95 % quantile of the draws.
    pub null_upper: f64,
    /// Greatest of the draws.
    pub null_greatest: f64,
    /// Whether the rate is rarer than the draws can show, so that a fitted tail goes on.
    pub extrapolated: bool,
}

impl LimitWorkings {
    /// Of a test whose draws gave a limit.
    pub(crate) fn of(card: &ThresholdCard, test: &TestCard, p_limit: f64) -> Self {
        Self {
            p_limit,
            rate: card.rate,
            draws: test.draws.len() as u64,
            blocks_per_window: card.blocks_per_window as u64,
            windows_in_baseline: card.windows_in_baseline as u64,
            independent_windows: test.independent_windows,
            seed: card.seed,
            null_median: test.quantile(0.5),
            null_upper: test.quantile(crate::compare::NULL_UPPER),
            null_greatest: test.quantile(1.0),
            extrapolated: card.extrapolated,
        }
    }
}

impl Workings {
    /// Of a measure in the cells of a grid, beside so many entries of evidence;
    /// `None` where the measure is told in no cells.
    pub(crate) fn of(
        grid: &Grid,
        measure: Measure,
        (baseline, window): (&Counts, &Counts),
        told: usize,
    ) -> Option<Self> {
        let (cells, b, w) = grid.cell_totals(measure, baseline, window)?;
        Some(Self {
            cells: cells as u64,
            baseline_total: b as u64,
            window_total: w as u64,
            rest: grid.rest(measure, baseline, window, told),
            widest_gap: (measure == Measure::KolmogorovSmirnov)
                .then(|| grid.widest_gap(baseline, window))
                .flatten(),
            means: matches!(measure, Measure::MeanIncrease | Measure::MeanDifference)
                .then(|| grid.means(baseline, window))
                .flatten(),
            limit: None,
        })
    }
}
