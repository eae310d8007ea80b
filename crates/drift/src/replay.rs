//! Replay: the baseline's own stretches of time, each judged as if it were a window.
//!
//! A draw cuts a random stretch of consecutive blocks out of the baseline, thins it
//! to the live window's rows and measures it against the rest. Consecutive, because
//! days come in weeks and topics in days: a null of independent rows makes every
//! ordinary week an alarm, one of random days most of them. As many blocks again are
//! left out on both sides, because a stretch resembles its neighbours more than it
//! will resemble the whole baseline.

mod draws;
mod prefix;
mod scale;
mod series;
mod settings;

pub use series::Series;
pub use settings::{Block, ColumnSettings, Profiles, Settings, WindowShape};

use crate::{
    DriftError,
    grid::Counts,
    measure::Measure,
    season::Calendar,
    threshold_card::{
        Basis, CARD_VERSION, ColumnKey, NotCalibrated, SliceRows, TestCard, ThresholdCard,
        deciding_tests, family_limit,
    },
};
use draws::{History, Replay};
use driftline_statistics::codec;
use scale::{bucket, interpolate};
use serde::{Deserialize, Serialize};
use settings::check;

/// Version of the calibrator's format.
pub const CALIBRATOR_VERSION: u32 = 2;
/// Windows without overlap that a baseline must hold to be calibrated on.
pub(crate) const LEAST_WINDOWS: usize = 10;
/// A window must not be longer than this part of the baseline.
const LONGEST_WINDOW: usize = 4;
/// A stretch with too few rows is extended to at most so many window lengths.
const LONGEST_EXTENSION: usize = 2;

/// A baseline made ready for judging windows: its grids, its counts block by block,
/// and the replays made so far.
///
/// It can be stored with the baseline ([`to_bytes`](Self::to_bytes)); a card made from
/// it later is the same to the last bit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Calibrator {
    version: u32,
    settings: Settings,
    starts: Vec<Option<i64>>,
    calendar: Option<Calendar>,
    series: Vec<Series>,
    replays: Vec<Replay>,
    /// Made again from the blocks when first asked for.
    #[serde(skip)]
    histories: Vec<History>,
}

impl Calibrator {
    /// Counts a baseline's blocks, given in order of time, on grids of its own.
    ///
    /// A baseline without blocks of its own, such as a single profile, is one block:
    /// it can be compared with but not calibrated on. Blocks should be a small part of
    /// a window, or one window each, and at most about a thousand, as each keeps its
    /// counts. A column that a block lacks has no rows there.
    ///
    /// # Errors
    /// [`DriftError::NoBlocks`] without blocks or without columns,
    /// [`DriftError::Rate`] and [`DriftError::Draws`] for settings that cannot hold.
    pub fn new(blocks: &[Block], settings: Settings) -> Result<Self, DriftError> {
        check(&settings)?;
        let mut whole = Profiles::new();
        for block in blocks {
            for (key, profile) in &block.profiles {
                match whole.get_mut(key) {
                    // Blocks of another kind of values count as lacking the column.
                    Some(merged) => drop(merged.merge(profile)),
                    None => drop(whole.insert(key.clone(), profile.clone())),
                }
            }
        }
        if whole.is_empty() {
            return Err(DriftError::NoBlocks);
        }
        let series = whole
            .iter()
            .map(|(key, profile)| Series::of(key, profile, blocks, &settings))
            .collect();
        let starts = blocks.iter().map(|block| block.start).collect();
        Ok(Self {
            version: CALIBRATOR_VERSION,
            settings,
            starts,
            calendar: Calendar::of(blocks),
            series,
            replays: Vec::new(),
            histories: Vec::new(),
        })
    }

    /// The calibrator as bytes, for the baseline's directory.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`DriftError::Version`] for a newer format, [`DriftError::Damaged`] for bytes
    /// that are cut or whose parts do not fit each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DriftError> {
        let damaged = |reason: &str| DriftError::Damaged {
            reason: reason.into(),
        };
        let read: Self = codec::decode(bytes).map_err(|error| damaged(&error.to_string()))?;
        if read.version > CALIBRATOR_VERSION {
            return Err(DriftError::Version {
                what: "calibrator",
                found: read.version,
                supported: CALIBRATOR_VERSION,
            });
        }
        check(&read.settings)?;
        if read.series.is_empty() || read.starts.is_empty() {
            return Err(damaged("it has no columns or no blocks"));
        }
        let hours = read.calendar.as_ref().map(Calendar::len);
        if hours.is_some_and(|hours| hours != read.starts.len()) {
            return Err(damaged("its hours of the week are not one for each block"));
        }
        for series in &read.series {
            let fits = |counts: &Counts| {
                counts.cells.len() == series.grid.width()
                    && counts.units.len() == series.grid.units_width()
            };
            if !series.grid.is_sound()
                || series.blocks.len() != read.starts.len()
                || !fits(&series.total)
                || !series.blocks.iter().all(|block| fits(&block.counts))
            {
                return Err(damaged("the counts of a column do not fit the baseline"));
            }
        }
        for replay in &read.replays {
            let fits = |(series, values): (&Series, &Vec<Vec<f64>>)| {
                values.len() == series.role.measures().len()
                    && values
                        .iter()
                        .all(|draws| draws.is_empty() || draws.len() == read.settings.draws)
            };
            let slice = replay.slice.as_ref();
            if read.of_slice(slice).count() != replay.values.len()
                || !read.of_slice(slice).zip(&replay.values).all(fits)
            {
                return Err(damaged("a replay does not fit the baseline"));
            }
        }
        Ok(read)
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Blocks of the baseline.
    pub fn blocks(&self) -> usize {
        self.starts.len()
    }

    /// The columns and slices of the baseline, in the order of their keys.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The card for a window of this shape that has the rows given by slice; slices that
    /// are not named are left out. A window shorter than a week that has an hour of the week
    /// is held against the baseline's [season](crate::season).
    ///
    /// Replays are made for numbers of rows that are powers of √2, kept, and
    /// interpolated between, so that the windows of a pipeline share a few of them.
    pub fn card(&mut self, shape: impl Into<WindowShape>, rows: &[SliceRows]) -> ThresholdCard {
        let shape = shape.into();
        let length = shape.blocks.max(1);
        let draws = self.settings.draws;
        let basis = self.basis(length);
        let calibrated = !matches!(basis, Basis::NotCalibrated { .. });
        let season = match (calibrated, &self.calendar, shape.hour_of_week) {
            (true, Some(calendar), Some(hour)) => calendar.season(length, hour),
            _ => None,
        };
        self.make_history(length, season, calibrated);
        let history = self.history(length, season);
        let windows = history.map_or(0, |history| history.windows);
        let mut tests = Vec::new();
        for SliceRows { slice, rows } in rows {
            let (low, high, weight) = bucket(*rows);
            self.make_replay((length, season), slice.as_ref(), low);
            if weight > 0.0 {
                self.make_replay((length, season), slice.as_ref(), high);
            }
            let find = |rows| {
                self.replays
                    .iter()
                    .find(|replay| replay.is((length, season), slice.as_ref(), rows))
            };
            let (Some(low), high) = (find(low), find(high)) else {
                continue;
            };
            let history = self.history(length, season);
            let independent = history.map(|history| &history.independent);
            let of_slice = self
                .series
                .iter()
                .enumerate()
                .filter(|(_, series)| series.key.slice.as_ref() == slice.as_ref());
            for (index, (number, series)) in of_slice.enumerate() {
                for (at, &(measure, decides)) in series.role.measures().iter().enumerate() {
                    let low = &low.values[index][at];
                    let high = high.map_or(low, |high| &high.values[index][at]);
                    tests.push(TestCard::new(
                        series.key.clone(),
                        (measure, decides),
                        self.min_effect(&series.key, measure).0,
                        independent
                            .and_then(|all| all.get(number)?.get(at).copied())
                            .unwrap_or(windows as f64),
                        interpolate(low, high, weight),
                    ));
                }
            }
        }
        // Draws whose stretches may touch: their starts are less than a length apart.
        let overlap = match season {
            Some(_) => (LONGEST_EXTENSION * draws).div_ceil(windows.max(1)),
            None => (LONGEST_EXTENSION * length * draws).div_ceil(self.blocks()),
        };
        let limit =
            calibrated.then(|| family_limit(&tests, draws, overlap, windows, self.settings.rate));
        ThresholdCard {
            version: CARD_VERSION,
            rate: self.settings.rate,
            seed: self.settings.seed,
            blocks_per_window: length,
            season,
            rows: rows.to_vec(),
            extrapolated: calibrated && self.settings.rate * (windows as f64) < 1.0,
            basis,
            windows_in_baseline: windows,
            limit: limit.map(|(limit, _)| limit),
            limit_if_unstable: self.settings.rate / self.sides(&tests).max(1) as f64,
            baseline_unstable: limit.is_some_and(|(_, unstable)| unstable),
            tests,
        }
    }

    /// Sides of columns that tests decide on.
    fn sides(&self, tests: &[TestCard]) -> usize {
        let deciding: Vec<&TestCard> = deciding_tests(tests, self.settings.draws).collect();
        let of = |series: &Series| {
            let mut sides = Vec::new();
            for test in deciding.iter().filter(|test| test.key == series.key) {
                let side = series.role.looks_at(test.measure);
                if !sides.contains(&side) {
                    sides.push(side);
                }
            }
            sides.len()
        };
        self.series.iter().map(of).sum()
    }

    /// The least effect of a measure of a column, and whether the pipeline stated it.
    pub fn min_effect(&self, key: &ColumnKey, measure: Measure) -> (f64, bool) {
        let stated = self
            .settings
            .columns
            .get(&key.column)
            .and_then(|column| column.min_effect.get(&measure).copied());
        (
            stated.unwrap_or(measure.default_min_effect()),
            stated.is_some(),
        )
    }

    fn basis(&self, length: usize) -> Basis {
        let not = |reason| Basis::NotCalibrated { reason };
        if length * LONGEST_WINDOW > self.blocks() && self.blocks() >= LEAST_WINDOWS {
            not(NotCalibrated::WindowTooLong)
        } else if self.blocks() / length < LEAST_WINDOWS {
            not(NotCalibrated::FewerThanTenWindows)
        } else if self.settings.ordered_by_time {
            Basis::Blocks
        } else {
            Basis::ExchangeableAssumed
        }
    }

    fn of_slice<'a>(&'a self, slice: Option<&'a String>) -> impl Iterator<Item = &'a Series> {
        self.series
            .iter()
            .filter(move |series| series.key.slice.as_ref() == slice)
    }

    /// What a series' window is compared with: the blocks of its season, or all.
    pub(crate) fn compared_with(&self, card: &ThresholdCard, series: usize) -> &Counts {
        self.history(card.blocks_per_window, card.season)
            .and_then(|history| history.totals.get(series))
            .unwrap_or(&self.series[series].total)
    }
}
