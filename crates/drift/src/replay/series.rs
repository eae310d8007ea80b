//! One column of one slice, and its windows by replay.

use super::{
    Block, Settings,
    prefix::{Prefix, Rest},
};
use crate::{
    grid::{Counts, Grid, subtract},
    measure::{Measure, Role},
    memory,
    thin::{self, Documents},
    threshold_card::ColumnKey,
};
use driftline_statistics::{ColumnProfile, Summary, text::SampledText};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

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
    pub(super) blocks: Vec<BlockCounts>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct BlockCounts {
    pub(super) counts: Counts,
    /// Sampled documents of a text column.
    documents: Vec<SampledText>,
}

/// Where one draw's window lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Series {
    /// Rows of each block of the baseline.
    pub(crate) fn block_rows(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().map(|block| block.counts.rows())
    }

    pub(super) fn of(
        key: &ColumnKey,
        whole: &ColumnProfile,
        blocks: &[Block],
        settings: &Settings,
    ) -> Self {
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
    pub(super) fn sum(&self, blocks: impl Iterator<Item = usize>) -> Counts {
        let mut sum = Counts {
            cells: vec![0; self.grid.width()],
            units: vec![0; self.grid.units_width()],
        };
        blocks.for_each(|block| sum.add(&self.blocks[block].counts));
        sum
    }

    /// Counts of stretches of `length` blocks, which lie within the baseline.
    pub(super) fn stretches(&self, starts: &[usize], length: usize) -> Vec<Counts> {
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
    pub(super) fn independent(&self, windows: &[Counts]) -> Vec<f64> {
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
    pub(super) fn replay(
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
    pub(super) fn resample(&self, rng: &mut ChaCha8Rng, draws: usize, rows: u64) -> Vec<Vec<f64>> {
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
