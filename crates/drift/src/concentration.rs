//! Where a column's drift is: the slices of the window that differ most.
//!
//! A shift of the whole is often one of a part of it: one shop, one channel, one hour of the
//! day. A slice is said to hold the drift where, in it, baseline and window certainly differ
//! by more than all other rows do. Many slices are looked at, so what is certain of each is
//! its lower bound at a fortieth over their number (Bonferroni), by the normal
//! approximation of the bootstrap (`effect.rs`), whose resamples are too few for such
//! quantiles.

use crate::{
    compare::Measurement,
    effect::Effect,
    replay::{Calibrator, Series},
};
use driftline_statistics::ColumnProfile;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// Probability that any slice is named which differs no more than the others do.
const WRONG: f64 = 0.025;
/// A slice of fewer rows on either side is not looked at.
const LEAST_ROWS: u64 = 50;

/// One slice's part of a column.
#[derive(Debug, Clone)]
pub struct SlicedProfiles {
    /// The slice, for people: `channel=web`, or two of them.
    pub slice: String,
    /// Profile of the baseline's rows in it.
    pub baseline: ColumnProfile,
    /// Profile of the window's.
    pub window: ColumnProfile,
}

/// A slice that differs more than the rest of the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concentration {
    /// The slice.
    pub slice: String,
    /// Its rows in the window.
    pub window_rows: u64,
    /// Its share of the window's rows.
    pub window_share: f64,
    /// Its share of the baseline's rows.
    pub baseline_share: f64,
    /// The measure's value within the slice.
    pub value: f64,
    /// What is certain of it among all slices that were looked at.
    pub lower: f64,
    /// The value of all other rows.
    pub rest: f64,
}

impl Calibrator {
    /// The slices that hold a measurement's drift, the most certain first; none where it is
    /// spread over all.
    pub fn concentrations(
        &self,
        of: &Measurement,
        whole: &ColumnProfile,
        slices: &[SlicedProfiles],
    ) -> Vec<Concentration> {
        let is_of =
            |series: &&Series| series.key.column == of.column && series.key.slice == of.slice;
        let Some(series) = self.series().iter().find(is_of) else {
            return Vec::new();
        };
        let Some(window) = series.grid.counts(whole) else {
            return Vec::new();
        };
        let total = &series.total;
        let looked_at: Vec<_> = slices
            .iter()
            .filter(|slice| slice.baseline.rows.min(slice.window.rows) >= LEAST_ROWS)
            .filter_map(|slice| {
                let baseline = series.grid.counts(&slice.baseline)?;
                Some((slice, baseline, series.grid.counts(&slice.window)?))
            })
            .collect();
        let z = Normal::standard().inverse_cdf(1.0 - WRONG / looked_at.len().max(1) as f64);
        let mut found: Vec<Concentration> = looked_at
            .into_iter()
            .filter_map(|(slice, baseline, part)| {
                let rest =
                    series
                        .grid
                        .value(of.measure, &total.less(&baseline), &window.less(&part))?;
                let effect = Effect {
                    series,
                    total: &baseline,
                    measure: of.measure,
                    seed: self.settings().seed,
                };
                let spread = effect.spread(&part, of.design_effect.unwrap_or(1.0))?;
                let lower = spread.unbiased - z * spread.deviation;
                (lower > rest).then(|| Concentration {
                    slice: slice.slice.clone(),
                    window_rows: part.rows(),
                    window_share: part.rows() as f64 / window.rows().max(1) as f64,
                    baseline_share: baseline.rows() as f64 / total.rows().max(1) as f64,
                    value: spread.value,
                    lower,
                    rest,
                })
            })
            .collect();
        found.sort_by(|a, b| b.lower.total_cmp(&a.lower).then(a.slice.cmp(&b.slice)));
        found
    }
}
