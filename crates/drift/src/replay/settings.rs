//! What a calibrator is made of: blocks, and how they are to be judged.

use crate::{
    DriftError,
    measure::{Measure, Role},
    threshold_card::ColumnKey,
};
use driftline_statistics::ColumnProfile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The profiles of some rows, by slice and column.
pub type Profiles = BTreeMap<ColumnKey, ColumnProfile>;

/// One stretch of the baseline: consecutive rows.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Start of its span, in seconds since 1970-01-01T00:00:00Z; `None` where the
    /// source has no time.
    pub start: Option<i64>,
    /// The hour of the week that it begins with where it was made, from Monday's first, 0 to
    /// 167; on a holiday that of a Sunday. `None` where seasons do not matter.
    pub hour_of_week: Option<u16>,
    /// Its rows' profiles.
    pub profiles: Profiles,
}

/// How much of a baseline's time a window spans, and when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowShape {
    /// Blocks of the baseline that span as much time.
    pub blocks: usize,
    /// The hour of the week that it begins with, as a [`Block`]'s.
    pub hour_of_week: Option<u16>,
}

impl From<usize> for WindowShape {
    /// A window of so many blocks, of no season.
    fn from(blocks: usize) -> Self {
        Self {
            blocks,
            hour_of_week: None,
        }
    }
}

/// How a column is judged, where the defaults do not fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnSettings {
    /// What the column is; by its profile where `None`.
    pub role: Option<Role>,
    /// Least effects that the pipeline states; [`Measure::default_min_effect`] for
    /// the other measures.
    pub min_effect: BTreeMap<Measure, f64>,
}

/// How a baseline is calibrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// False alarms a window, of all tests together.
    pub rate: f64,
    /// Replay draws.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Whether blocks are in order of time. Else they are files or chunks of rows, and
    /// cards say so.
    pub ordered_by_time: bool,
    /// Settings of single columns, by name.
    pub columns: BTreeMap<String, ColumnSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: 0.01,
            draws: 999,
            seed: 0,
            ordered_by_time: true,
            columns: BTreeMap::new(),
        }
    }
}

pub(super) fn check(settings: &Settings) -> Result<(), DriftError> {
    let Settings { rate, draws, .. } = *settings;
    if !(rate > 0.0 && rate < 1.0) {
        return Err(DriftError::Rate { rate });
    }
    let least = (1.0 / rate).ceil() as usize;
    if draws < least {
        return Err(DriftError::Draws { draws, rate, least });
    }
    Ok(())
}
