//! What a calibration will show before a window comes: how small a change each test can
//! see, and how long a window must be to see a smaller one.

use crate::{
    compare::least_detectable,
    measure::Measure,
    replay::{Calibrator, LEAST_WINDOWS},
    threshold_card::{Basis, ColumnKey, SliceRows},
};
use serde::{Deserialize, Serialize};

/// What to expect of windows of one length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Blocks of a window.
    pub blocks_per_window: usize,
    /// Such windows that fit into the baseline without overlap.
    pub windows_in_baseline: usize,
    /// Stated false alarms a window, of all tests together.
    pub rate: f64,
    /// Whether that is rarer than the baseline's windows can show.
    pub extrapolated: bool,
    /// Why no limits can be had, if so.
    pub not_calibrated: Option<String>,
    /// Median rows of the baseline's windows, over all rows.
    pub rows: u64,
    /// The tests that decide.
    pub tests: Vec<PlannedTest>,
}

/// What one test will see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTest {
    /// The column.
    pub column: String,
    /// The slice; absent for all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// The measure.
    pub measure: Measure,
    /// The least effect that fails, in the measure's unit.
    pub min_effect: f64,
    /// The effect that 80 of 100 windows of this length show; absent without a limit.
    pub least_detectable_effect: Option<f64>,
    /// Independent windows that the baseline's are worth for this measure.
    pub independent_windows: f64,
    /// Whether they are fewer than ten, because the baseline itself wanders.
    pub baseline_unstable: bool,
    /// Blocks of the shortest window that shows the least effect, of this length and its
    /// doubles; absent where none that the baseline can calibrate does.
    pub least_window_blocks: Option<usize>,
}

impl Calibrator {
    /// Plans for windows of so many blocks, and for longer ones where those show too
    /// little.
    pub fn plan(&mut self, blocks_per_window: usize) -> Plan {
        let length = blocks_per_window.max(1);
        let mut plan = self.plan_of(length);
        let mut longer = length * 2;
        while plan
            .tests
            .iter()
            .any(|test| test.least_window_blocks.is_none())
            && self.blocks() / longer >= LEAST_WINDOWS
        {
            let other = self.plan_of(longer);
            for (test, other) in plan.tests.iter_mut().zip(other.tests) {
                test.least_window_blocks = test.least_window_blocks.or(other.least_window_blocks);
            }
            longer *= 2;
        }
        plan
    }

    fn plan_of(&mut self, length: usize) -> Plan {
        let rows = self.window_rows(length);
        let card = self.card(length, &rows);
        let tests = card.tests.iter().filter(|test| test.decides);
        let tests = tests.map(|test| {
            let least = card
                .limit_of(test)
                .filter(|_| !test.draws.is_empty() && !test.is_without_limit())
                .map(|limit| least_detectable(test, limit));
            let ColumnKey { slice, column } = test.key.clone();
            PlannedTest {
                column,
                slice,
                measure: test.measure,
                min_effect: test.min_effect,
                least_detectable_effect: least,
                independent_windows: test.independent_windows,
                baseline_unstable: test.baseline_unstable(),
                least_window_blocks: least.and_then(|l| (l <= test.min_effect).then_some(length)),
            }
        });
        Plan {
            blocks_per_window: length,
            windows_in_baseline: card.windows_in_baseline,
            rate: card.rate,
            extrapolated: card.extrapolated,
            not_calibrated: match &card.basis {
                Basis::NotCalibrated { reason } => Some(reason.message().to_owned()),
                _ => None,
            },
            rows: rows
                .iter()
                .find(|slice| slice.slice.is_none())
                .map_or(0, |slice| slice.rows),
            tests: tests.collect(),
        }
    }

    /// Median rows of the baseline's own windows, by slice.
    fn window_rows(&self, length: usize) -> Vec<SliceRows> {
        let mut slices: Vec<SliceRows> = Vec::new();
        for series in self.series() {
            let mut rows: Vec<u64> = series
                .block_rows()
                .collect::<Vec<u64>>()
                .chunks_exact(length)
                .map(|blocks| blocks.iter().sum())
                .collect();
            rows.sort_unstable();
            let median = rows.get(rows.len() / 2).copied().unwrap_or(0);
            match slices.iter_mut().find(|s| s.slice == series.key.slice) {
                Some(slice) => slice.rows = slice.rows.max(median),
                None => slices.push(SliceRows {
                    slice: series.key.slice.clone(),
                    rows: median,
                }),
            }
        }
        slices
    }
}
