//! Replay: the baseline's own stretches of time, each judged as if it were a window.
//!
//! A draw cuts a random stretch of consecutive blocks out of the baseline, thins it
//! to the live window's rows and measures it against the rest. Consecutive, because
//! days come in weeks and topics in days: a null of independent rows makes every
//! ordinary week an alarm, one of random days most of them. As many blocks again are
//! left out on both sides, because a stretch resembles its neighbours more than it
//! will resemble the whole baseline.

use crate::{
    DriftError,
    grid::{Counts, Grid, subtract},
    measure::{Measure, Role},
    memory,
    season::{Calendar, Season, apart},
    thin::{self, Documents},
    threshold_card::{
        Basis, CARD_VERSION, ColumnKey, NotCalibrated, SliceRows, TestCard, ThresholdCard,
        deciding_tests, family_limit,
    },
};
use driftline_statistics::{ColumnProfile, Summary, codec, text::SampledText};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the calibrator's format.
pub const CALIBRATOR_VERSION: u32 = 2;
/// Windows without overlap that a baseline must hold to be calibrated on.
pub(crate) const LEAST_WINDOWS: usize = 10;
/// A window must not be longer than this part of the baseline.
const LONGEST_WINDOW: usize = 4;
/// A stretch with too few rows is extended to at most so many window lengths.
const LONGEST_EXTENSION: usize = 2;

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

/// One column of one slice, counted block by block.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Series {
    /// The column and slice.
    pub key: ColumnKey,
    /// What it is.
    pub role: Role,
    /// Its cells.
    pub grid: Grid,
    /// Counts of the whole baseline.
    pub total: Counts,
    blocks: Vec<BlockCounts>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct BlockCounts {
    counts: Counts,
    /// Sampled documents of a text column.
    documents: Vec<SampledText>,
}

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

/// What windows of one length and season find in the baseline.
#[derive(Debug, Clone)]
struct History {
    length: usize,
    season: Option<Season>,
    /// Blocks that stretches begin with.
    starts: Vec<usize>,
    /// Blocks that such a window is compared with, where these are not all.
    compared: Option<Vec<bool>>,
    /// Counts of those, by series; none where these are all.
    totals: Vec<Counts>,
    /// Windows that do not overlap.
    windows: usize,
    /// Independent windows that those are worth, by series, then measure of its role.
    independent: Vec<Vec<f64>>,
}

/// The draws of all series of one slice, for one length and number of rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Replay {
    blocks_per_window: usize,
    season: Option<Season>,
    slice: Option<String>,
    rows: u64,
    /// Values by series of the slice, then measure of its role, then draw; empty where
    /// no draw had a value.
    values: Vec<Vec<Vec<f64>>>,
}

/// Where one draw's window lies.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: usize,
    length: usize,
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

    fn history(&self, length: usize, season: Option<Season>) -> Option<&History> {
        self.histories
            .iter()
            .find(|history| history.length == length && history.season == season)
    }

    fn make_history(&mut self, length: usize, season: Option<Season>, calibrated: bool) {
        if self.history(length, season).is_some() {
            return;
        }
        let of_season = self.calendar.as_ref().zip(season);
        let (starts, compared) = match of_season {
            Some((calendar, season)) => (
                calendar.starts(season, length),
                Some(calendar.blocks(season, length)),
            ),
            None => ((0..self.blocks()).collect(), None),
        };
        // Without a season stretches go round at the end, and windows do not.
        let whole: Vec<usize> = starts
            .iter()
            .copied()
            .filter(|start| start + length <= self.blocks())
            .collect();
        let windows: Vec<usize> = apart(&whole, length).collect();
        let totals = match &compared {
            Some(compared) => {
                let held = || (0..compared.len()).filter(|&block| compared[block]);
                self.series.iter().map(|s| s.sum(held())).collect()
            }
            None => Vec::new(),
        };
        let independent = match calibrated {
            true => {
                let of = |series: &Series| series.independent(&series.stretches(&windows, length));
                self.series.iter().map(of).collect()
            }
            false => Vec::new(),
        };
        self.histories.push(History {
            length,
            season,
            starts,
            compared,
            totals,
            windows: windows.len(),
            independent,
        });
    }

    fn make_replay(
        &mut self,
        (length, season): (usize, Option<Season>),
        slice: Option<&String>,
        rows: u64,
    ) {
        if self
            .replays
            .iter()
            .any(|replay| replay.is((length, season), slice, rows))
        {
            return;
        }
        let by_blocks = !matches!(self.basis(length), Basis::NotCalibrated { .. });
        let history = self.history(length, season).filter(|_| by_blocks);
        let stretches = history.map(|history| self.stretches(history, slice, rows));
        let compared = history.and_then(|history| history.compared.as_deref());
        let blocks = compared.map_or(self.blocks(), |compared| {
            compared.iter().filter(|compared| **compared).count()
        });
        let factor = variance_factor(length, blocks);
        let values = self
            .series
            .iter()
            .enumerate()
            .filter(|(_, series)| series.key.slice.as_ref() == slice)
            .map(|(index, series)| {
                let mut rng = ChaCha8Rng::seed_from_u64(
                    self.settings.seed ^ rows.rotate_left(32) ^ (length as u64).rotate_left(16),
                );
                rng.set_stream(1 + index as u64);
                match &stretches {
                    Some(stretches) => {
                        let mut values =
                            series.replay(&mut rng, (stretches, compared), length, rows);
                        values.iter_mut().for_each(|values| shrink(values, factor));
                        values
                    }
                    None => series.resample(&mut rng, self.settings.draws, rows),
                }
            })
            .collect();
        self.replays.push(Replay {
            blocks_per_window: length,
            season,
            slice: slice.cloned(),
            rows,
            values,
        });
    }

    /// The draws' stretches of a slice: the same starts for every slice, column and
    /// measure. Starts are random but spread evenly, one in each R-th of the baseline,
    /// which takes the luck of the starts out of the quantiles.
    fn stretches(&self, history: &History, slice: Option<&String>, rows: u64) -> Vec<Stretch> {
        let blocks = self.blocks();
        let mut block_rows = vec![0_u64; blocks];
        for series in self.of_slice(slice) {
            for (most, block) in block_rows.iter_mut().zip(&series.blocks) {
                *most = (*most).max(block.counts.rows());
            }
        }
        let longest = match history.season {
            // The blocks after it are of other hours.
            Some(_) => history.length,
            None => (history.length * LONGEST_EXTENSION)
                .min(blocks / LONGEST_WINDOW)
                .max(history.length),
        };
        let draws = self.settings.draws;
        let starts = &history.starts;
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        (0..draws)
            .map(|draw| {
                let place = (draw as f64 + rng.random::<f64>()) / draws as f64;
                let start = starts[((place * starts.len() as f64) as usize).min(starts.len() - 1)];
                let mut length = history.length;
                let mut got: u64 = (0..length).map(|i| block_rows[(start + i) % blocks]).sum();
                // A shortfall of less than one step of rows is let be: it makes the
                // null a little wide. Another block would take away variance between
                // blocks, and make it too narrow.
                while (got as f64) * std::f64::consts::SQRT_2 < rows as f64 && length < longest {
                    got += block_rows[(start + length) % blocks];
                    length += 1;
                }
                Stretch { start, length }
            })
            .collect()
    }
}

impl Replay {
    fn is(
        &self,
        (length, season): (usize, Option<Season>),
        slice: Option<&String>,
        rows: u64,
    ) -> bool {
        self.blocks_per_window == length
            && self.season == season
            && self.rows == rows
            && self.slice.as_ref() == slice
    }
}

fn check(settings: &Settings) -> Result<(), DriftError> {
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

impl Series {
    /// Rows of each block of the baseline.
    pub(crate) fn block_rows(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().map(|block| block.counts.rows())
    }

    fn of(key: &ColumnKey, whole: &ColumnProfile, blocks: &[Block], settings: &Settings) -> Self {
        let grid = Grid::from_baseline(whole);
        let empty = || Counts {
            cells: vec![0; grid.width()],
            units: vec![0; grid.units_width()],
        };
        let blocks: Vec<BlockCounts> = blocks
            .iter()
            .map(|block| {
                let profile = block.profiles.get(key);
                BlockCounts {
                    counts: profile.and_then(|p| grid.counts(p)).unwrap_or_else(empty),
                    documents: profile.map(sampled_documents).unwrap_or_default(),
                }
            })
            .collect();
        let mut total = empty();
        for block in &blocks {
            total.add(&block.counts);
        }
        let role = settings
            .columns
            .get(&key.column)
            .and_then(|column| column.role);
        let role = role
            .filter(|role| fits(*role, &grid))
            .unwrap_or(grid.role());
        Self {
            key: key.clone(),
            role,
            grid,
            total,
            blocks,
        }
    }

    /// Counts of some blocks.
    fn sum(&self, blocks: impl Iterator<Item = usize>) -> Counts {
        let mut sum = Counts {
            cells: vec![0; self.grid.width()],
            units: vec![0; self.grid.units_width()],
        };
        blocks.for_each(|block| sum.add(&self.blocks[block].counts));
        sum
    }

    /// Counts of stretches of `length` blocks, which lie within the baseline.
    fn stretches(&self, starts: &[usize], length: usize) -> Vec<Counts> {
        let stretch = |&start: &usize| self.sum(start..start + length);
        starts.iter().map(stretch).collect()
    }

    /// The baseline's successive windows of `length` blocks.
    pub(crate) fn windows(&self, length: usize) -> Vec<Counts> {
        let starts: Vec<usize> = (0..self.blocks.len() / length)
            .map(|at| at * length)
            .collect();
        self.stretches(&starts, length)
    }

    /// How many independent windows successive ones of the baseline are worth, by measure of
    /// the role: the least that any deciding measure of the same thing says, since noise
    /// hides memory from one measure more than from another.
    fn independent(&self, windows: &[Counts]) -> Vec<f64> {
        let cells = self.grid.width() + self.grid.units_width();
        let decided: Vec<Option<f64>> = self
            .role
            .measures()
            .iter()
            .map(|&(measure, decides)| {
                let distance =
                    |a: usize, b: usize| self.grid.value(measure, &windows[a], &windows[b]);
                decides
                    .then(|| memory::independent_windows(measure, windows.len(), cells, distance))
            })
            .collect();
        let all = windows.len() as f64;
        let least = |alike: &dyn Fn(Measure) -> bool| {
            let measures = self.role.measures().iter().zip(&decided);
            measures
                .filter(|((measure, _), _)| alike(*measure))
                .filter_map(|(_, worth)| *worth)
                .fold(all, f64::min)
        };
        let measures = self.role.measures().iter();
        measures
            .map(|&(measure, _)| {
                least(&|other| self.role.looks_at(other) == self.role.looks_at(measure))
            })
            .collect()
    }

    /// Values of the role's measures over windows cut out of the baseline, against the rest
    /// of the blocks that they are compared with, of all where none are named.
    fn replay(
        &self,
        rng: &mut ChaCha8Rng,
        (stretches, compared): (&[Stretch], Option<&[bool]>),
        guard: usize,
        rows: u64,
    ) -> Vec<Vec<f64>> {
        let blocks = self.blocks.len();
        let rest = compared.map(|compared| Rest::of(self, compared));
        let cells = Prefix::of(
            self.grid.width(),
            self.blocks.iter().map(|b| &b.counts.cells[..]),
        );
        let units = Prefix::of(
            self.grid.units_width(),
            self.blocks.iter().map(|b| &b.counts.units[..]),
        );
        let draws = stretches.iter().map(|&Stretch { start, length }| {
            let first = (start + blocks - guard % blocks) % blocks;
            let near = (length + 2 * guard).min(blocks);
            let baseline = match &rest {
                Some(rest) => rest.without(first, near),
                None => Counts {
                    cells: subtract(&self.total.cells, &cells.sum(first, near)),
                    units: subtract(&self.total.units, &units.sum(first, near)),
                },
            };
            let all = cells.sum(start, length);
            let mut window = Counts {
                cells: thin::rows(rng, &all, rows),
                units: Vec::new(),
            };
            if self.grid.units_width() > 0 {
                let chosen = (0..length).map(|i| &self.blocks[(start + i) % blocks]);
                window.units = self.thin_units(rng, chosen, &all, rows);
            }
            self.grid.fold_unseen(&baseline, &mut window);
            (baseline, window)
        });
        self.measure_all(draws)
    }

    /// Values of the role's measures over rows drawn at random from the whole
    /// baseline, against the others.
    fn resample(&self, rng: &mut ChaCha8Rng, draws: usize, rows: u64) -> Vec<Vec<f64>> {
        // At most half, so that there are others: the noise shown is then that of a
        // smaller window, and so not too small.
        let rows = rows.min(self.total.rows() / 2);
        let draws = (0..draws).map(|_| {
            let mut window = Counts {
                cells: thin::rows(rng, &self.total.cells, rows),
                units: Vec::new(),
            };
            if self.grid.units_width() > 0 {
                window.units = self.thin_units(rng, self.blocks.iter(), &self.total.cells, rows);
            }
            let baseline = self.total.less(&window);
            self.grid.fold_unseen(&baseline, &mut window);
            (baseline, window)
        });
        self.measure_all(draws)
    }

    fn thin_units<'a>(
        &'a self,
        rng: &mut ChaCha8Rng,
        chosen: impl Iterator<Item = &'a BlockCounts>,
        cells: &[u64],
        rows: u64,
    ) -> Vec<u64> {
        let documents: Vec<Documents<'_>> = chosen
            .map(|block| Documents {
                sample: &block.documents,
                count: block.counts.rows() - block.counts.nulls(),
                units: &block.counts.units,
            })
            .collect();
        let all: u64 = cells.iter().sum();
        let present: u64 = documents.iter().map(|block| block.count).sum();
        let keep = if all > rows {
            (present as f64 * rows as f64 / all as f64).round() as u64
        } else {
            present
        };
        thin::documents(rng, &documents, keep, self.grid.units_width())
    }

    /// By measure, then draw. A draw without a value takes the median of the others,
    /// which speaks neither for nor against.
    fn measure_all(&self, draws: impl Iterator<Item = (Counts, Counts)>) -> Vec<Vec<f64>> {
        let measures = self.role.measures();
        let mut values: Vec<Vec<Option<f64>>> = vec![Vec::new(); measures.len()];
        for (baseline, window) in draws {
            for (values, &(measure, _)) in values.iter_mut().zip(measures) {
                values.push(self.grid.value(measure, &baseline, &window));
            }
        }
        values.into_iter().map(filled).collect()
    }
}

fn filled(values: Vec<Option<f64>>) -> Vec<f64> {
    let mut present: Vec<f64> = values.iter().flatten().copied().collect();
    if present.is_empty() {
        return Vec::new();
    }
    present.sort_unstable_by(f64::total_cmp);
    let median = present[present.len() / 2];
    values
        .into_iter()
        .map(|value| value.unwrap_or(median))
        .collect()
}

fn fits(role: Role, grid: &Grid) -> bool {
    role == grid.role() || (role == Role::Share && matches!(grid, Grid::Numeric(_)))
}

fn sampled_documents(profile: &ColumnProfile) -> Vec<SampledText> {
    match &profile.summary {
        Summary::Text(text) => text.sample().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The blocks of a season, from which a stretch with its guards is taken out.
struct Rest<'a> {
    series: &'a Series,
    compared: &'a [bool],
    total: Counts,
}

impl<'a> Rest<'a> {
    fn of(series: &'a Series, compared: &'a [bool]) -> Self {
        let held = (0..compared.len()).filter(|&block| compared[block]);
        Self {
            series,
            compared,
            total: series.sum(held),
        }
    }

    /// Without `length` blocks from `first`, going round at the end.
    fn without(&self, first: usize, length: usize) -> Counts {
        let blocks = self.compared.len();
        let near = (0..length).map(|at| (first + at) % blocks);
        let near = near.filter(|&block| self.compared[block]);
        self.total.less(&self.series.sum(near))
    }
}

/// Counts of the first 0, 1, … blocks, so that any stretch is one subtraction.
struct Prefix {
    width: usize,
    sums: Vec<u64>,
}

impl Prefix {
    fn of<'a>(width: usize, blocks: impl Iterator<Item = &'a [u64]>) -> Self {
        let mut sums = vec![0; width];
        for block in blocks {
            let last = sums.len() - width;
            for (cell, count) in block.iter().enumerate() {
                sums.push(sums[last + cell] + count);
            }
        }
        Self { width, sums }
    }

    fn up_to(&self, block: usize) -> &[u64] {
        &self.sums[block * self.width..(block + 1) * self.width]
    }

    /// Counts of `length` blocks from `start`, going round at the end.
    fn sum(&self, start: usize, length: usize) -> Vec<u64> {
        if self.width == 0 {
            return Vec::new();
        }
        let blocks = self.sums.len() / self.width - 1;
        let end = start + length;
        let mut counts = subtract(self.up_to(end.min(blocks)), self.up_to(start));
        if end > blocks {
            for (count, more) in counts.iter_mut().zip(self.up_to(end - blocks)) {
                *count += more;
            }
        }
        counts
    }
}

/// The powers of √2 around a number of rows, and how far between them it lies, in
/// logarithms.
fn bucket(rows: u64) -> (u64, u64, f64) {
    let at = 2.0 * (rows.max(1) as f64).log2();
    let power = |exponent: f64| (exponent / 2.0).exp2().round() as u64;
    let (low, high) = (power(at.floor()), power(at.floor() + 1.0));
    if rows <= low {
        (low, low, 0.0)
    } else {
        (low, high, at - at.floor())
    }
}

/// Draws between two replays: the order of the first, with quantiles between both.
fn interpolate(low: &[f64], high: &[f64], weight: f64) -> Vec<f64> {
    if weight <= 0.0 || low.len() != high.len() {
        return low.to_vec();
    }
    let mut order: Vec<usize> = (0..low.len()).collect();
    order.sort_by(|&a, &b| low[a].total_cmp(&low[b]));
    let mut high = high.to_vec();
    high.sort_unstable_by(f64::total_cmp);
    let mut between = vec![0.0; low.len()];
    for (&draw, &high) in order.iter().zip(&high) {
        let low = low[draw];
        between[draw] = if low > 0.0 && high > 0.0 {
            (low.ln() * (1.0 - weight) + high.ln() * weight).exp()
        } else {
            low * (1.0 - weight) + high * weight
        };
    }
    between
}

/// A draw is measured against the rest of the baseline, a live window against all of
/// it, which varies less. Standard deviations are in this ratio for blocks of equal size.
fn variance_factor(length: usize, blocks: usize) -> f64 {
    let (m, all) = (length as f64, blocks as f64);
    let rest = all - 3.0 * m;
    if rest > 0.0 {
        ((1.0 / m + 1.0 / all) / (1.0 / m + 1.0 / rest)).sqrt()
    } else {
        1.0
    }
}

/// Draws pulled towards their median by a factor.
fn shrink(values: &mut [f64], factor: f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(&median) = sorted.get(sorted.len() / 2) else {
        return;
    };
    for value in values {
        *value = median + (*value - median) * factor;
    }
}
