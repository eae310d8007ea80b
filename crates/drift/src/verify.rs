//! Observed against stated rate, on stretches of the baseline that the cards never saw.
//!
//! A stretch is held out with a guard on both sides, everything is learnt from the
//! rest (grids too), and the stretch is judged window by window. Windows do not
//! overlap, so that their number means something.

use crate::{
    DriftError,
    compare::{Measurement, Skipped, slice_rows},
    grid::Counts,
    replay::{Block, Calibrator, Settings, WindowShape},
};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};
use std::ops::Range;

/// One held-out window and what was found in it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutWindow {
    /// Its blocks.
    pub blocks: Range<usize>,
    /// Its measurements.
    pub measurements: Vec<Measurement>,
}

impl HeldOutWindow {
    /// Whether a deciding measure is significant: the event whose rate is stated.
    pub fn is_alarm(&self) -> bool {
        self.measurements.iter().any(Measurement::is_significant)
    }
}

/// Observed against stated rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Windows judged.
    pub windows: usize,
    /// Windows with a significant measure.
    pub alarms: usize,
    /// The stated rate: alarms a window.
    pub stated: f64,
    /// The observed rate.
    pub observed: f64,
    /// Exact 95 % interval of the observed rate.
    pub interval: (f64, f64),
}

/// Judges the windows of `held_out` by cards from the other blocks, less
/// `blocks_per_window` of them on either side of the held-out stretch.
///
/// # Errors
/// [`DriftError::HeldOut`] where the span does not lie within the blocks or leaves
/// no baseline, and the errors of [`Calibrator::new`].
pub fn held_out(
    blocks: &[Block],
    settings: &Settings,
    blocks_per_window: usize,
    held_out: Range<usize>,
) -> Result<Vec<HeldOutWindow>, DriftError> {
    let Range {
        start: from,
        end: to,
    } = held_out;
    let length = blocks_per_window.max(1);
    let error = DriftError::HeldOut {
        from,
        to,
        blocks: blocks.len(),
    };
    if from >= to || to > blocks.len() {
        return Err(error);
    }
    let kept: Vec<Block> = blocks
        .iter()
        .enumerate()
        .filter(|(index, _)| index + length < from || *index >= to + length)
        .map(|(_, block)| block.clone())
        .collect();
    if kept.is_empty() {
        return Err(error);
    }
    let mut calibrator = Calibrator::new(&kept, settings.clone())?;
    let mut windows = Vec::new();
    for start in (from..to)
        .step_by(length)
        .filter(|start| start + length <= to)
    {
        let span = start..start + length;
        let counts = count(&calibrator, &blocks[span.clone()]);
        let shape = WindowShape {
            blocks: length,
            hour_of_week: blocks[start].hour_of_week,
        };
        let card = calibrator.card(shape, &slice_rows(calibrator.series(), &counts));
        let measurements = calibrator.compare_counts(&card, &counts);
        windows.push(HeldOutWindow {
            blocks: span,
            measurements,
        });
    }
    Ok(windows)
}

/// Holds out one contiguous part after another, so that every block is judged once.
///
/// # Errors
/// Those of [`held_out`].
pub fn backtest(
    blocks: &[Block],
    settings: &Settings,
    blocks_per_window: usize,
    parts: usize,
) -> Result<Vec<HeldOutWindow>, DriftError> {
    let mut windows = Vec::new();
    for part in contiguous(blocks.len(), parts) {
        windows.extend(held_out(blocks, settings, blocks_per_window, part)?);
    }
    Ok(windows)
}

/// So many blocks in at least two contiguous parts of about equal size, none of them empty.
pub fn contiguous(blocks: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = parts.clamp(2, blocks.max(2));
    let part = move |part| part * blocks / parts..(part + 1) * blocks / parts;
    (0..parts).map(part).filter(|part| !part.is_empty())
}

/// [`backtest`]'s observed rate beside the stated one.
///
/// # Errors
/// Those of [`held_out`].
pub fn verify(
    blocks: &[Block],
    settings: &Settings,
    blocks_per_window: usize,
    parts: usize,
) -> Result<Verification, DriftError> {
    let windows = backtest(blocks, settings, blocks_per_window, parts)?;
    Ok(Verification::of(&windows, settings.rate))
}

impl Verification {
    /// What held-out windows say of a stated rate.
    pub fn of(windows: &[HeldOutWindow], stated: f64) -> Self {
        let alarms = windows.iter().filter(|window| window.is_alarm()).count();
        Self {
            windows: windows.len(),
            alarms,
            stated,
            observed: alarms as f64 / windows.len().max(1) as f64,
            interval: exact_interval(alarms, windows.len()),
        }
    }
}

/// The exact 95 % interval of a rate of which `events` of `trials` were seen.
///
/// Clopper & Pearson (1934), "The Use of Confidence or Fiducial Limits Illustrated in
/// the Case of the Binomial".
pub fn exact_interval(events: usize, trials: usize) -> (f64, f64) {
    let quantile = |a: usize, b: usize, p: f64| {
        Beta::new(a as f64, b as f64).map_or(0.5, |beta| beta.inverse_cdf(p))
    };
    let none = trials.saturating_sub(events);
    let low = if events == 0 {
        0.0
    } else {
        quantile(events, none + 1, 0.025)
    };
    let high = if none == 0 {
        1.0
    } else {
        quantile(events + 1, none, 0.975)
    };
    (low, high)
}

fn count(calibrator: &Calibrator, blocks: &[Block]) -> Vec<Result<Counts, Skipped>> {
    let of = |series: &crate::replay::Series| {
        let mut sum: Option<Counts> = None;
        for profile in blocks
            .iter()
            .filter_map(|block| block.profiles.get(&series.key))
        {
            let counts = series.grid.counts(profile).ok_or(Skipped::TypeMismatch)?;
            sum.get_or_insert_default().add(&counts);
        }
        sum.ok_or(Skipped::Absent)
    };
    calibrator.series().iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_equal_scipy() {
        // scipy.stats.beta.ppf(.025, 3, 98), beta.ppf(.975, 4, 97), SciPy 1.17.1.
        let (low, high) = exact_interval(3, 100);
        assert!((low - 0.006_229_971_538_306_395).abs() < 1e-9, "{low}");
        assert!((high - 0.085_176_052_974_280_02).abs() < 1e-9, "{high}");
        assert_eq!(exact_interval(0, 0), (0.0, 1.0));
        assert!(exact_interval(0, 10).0.abs() < 1e-15);
        assert!((exact_interval(10, 10).1 - 1.0).abs() < 1e-15);
    }
}
