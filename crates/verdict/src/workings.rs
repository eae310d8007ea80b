//! How a finding's value and limit are made: enough to redo both by hand.

use crate::Evidence;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value and its limit are made of, beyond the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workings {
    /// Cells that the measure takes or is told in: bins, values, hashed units of text.
    pub cells: u64,
    /// Everything counted in them in the baseline: rows, or units of text. Shares of the
    /// evidence are of this.
    pub baseline_total: u64,
    /// Everything counted in them in the window.
    pub window_total: u64,
    /// The cells that the evidence leaves out, added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Evidence>,
    /// What lies up to the number where the distribution functions are furthest apart, as
    /// shares of all finite numbers: a Kolmogorov–Smirnov distance is their difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widest_gap: Option<Evidence>,
    /// Mean of the baseline, for a difference of means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_mean: Option<f64>,
    /// Mean of the window, for a difference of means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_mean: Option<f64>,
    /// Where the limit comes from; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitWorkings>,
}

/// Where a limit comes from: the card of its test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Median of the draws' values.
    pub null_median: f64,
    /// 95 % quantile of the draws' values.
    pub null_upper: f64,
    /// Greatest of the draws' values.
    pub null_greatest: f64,
    /// Whether the rate is rarer than the draws can show, so that a fitted tail goes on.
    pub extrapolated: bool,
}
