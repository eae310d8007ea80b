//! The draws of a calibrator: made when first asked for, and kept.

use super::{
    Calibrator, LONGEST_EXTENSION, LONGEST_WINDOW, Series,
    scale::{shrink, variance_factor},
    series::Stretch,
};
use crate::{
    grid::Counts,
    season::{Season, apart},
    threshold_card::Basis,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What windows of one length and season find in the baseline.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) length: usize,
    pub(super) season: Option<Season>,
    /// Blocks that stretches begin with.
    pub(super) starts: Vec<usize>,
    /// Blocks that such a window is compared with, where these are not all.
    pub(super) compared: Option<Vec<bool>>,
    /// Counts of those, by series; none where these are all.
    pub(super) totals: Vec<Counts>,
    /// Windows that do not overlap.
    pub(super) windows: usize,
    /// Independent windows that those are worth, by series, then measure of its role.
    pub(super) independent: Vec<Vec<f64>>,
}

/// The draws of all series of one slice, for one length and number of rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Replay {
    pub(super) blocks_per_window: usize,
    pub(super) season: Option<Season>,
    pub(super) slice: Option<String>,
    pub(super) rows: u64,
    /// Values by series of the slice, then measure of its role, then draw; empty where
    /// no draw had a value.
    pub(super) values: Vec<Vec<Vec<f64>>>,
}

impl Replay {
    pub(super) fn is(
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

impl Calibrator {
    pub(super) fn history(&self, length: usize, season: Option<Season>) -> Option<&History> {
        self.histories
            .iter()
            .find(|history| history.length == length && history.season == season)
    }

    pub(super) fn make_history(&mut self, length: usize, season: Option<Season>, calibrated: bool) {
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

    pub(super) fn make_replay(
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
