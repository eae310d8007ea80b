//! The fixed cells of a column, chosen once from the baseline.
//!
//! Counts on fixed cells add up: a window of blocks is a difference of prefix sums,
//! and a replay of a thousand windows costs milliseconds where merging as many
//! sketches costs minutes. The live window is counted on the same cells, so that the
//! value judged and the values it is judged by are the same statistic.

mod category;
mod counts;
mod evidence;
mod numeric;
#[cfg(test)]
mod tests;
mod text;

pub use category::CategoryGrid;
pub use counts::Counts;
pub use evidence::Evidence;
pub use numeric::{NumericGrid, number};
pub use text::TextGrid;

pub(crate) use counts::subtract;

use crate::measure::{Measure, Role, null_share};
use driftline_statistics::{ColumnProfile, Summary};
use evidence::on_bins;
use serde::{Deserialize, Serialize};

/// Baseline quantiles that cut a numeric column.
pub const QUANTILES: usize = 256;
/// Values of a category that have a cell of their own.
pub const TOP_VALUES: usize = 1_024;

/// Cell of rows without a value, in every grid.
const NULL: usize = 0;
/// Cell of NaN and ±∞, in a numeric grid.
const NON_FINITE: usize = 1;
/// Cell of values that have none of their own, in a grid of categories.
const OTHER: usize = 1;
/// Cells before the first finite cell or the first value.
const SPECIAL: usize = 2;

/// The cells of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grid {
    /// Numbers and times.
    Numeric(NumericGrid),
    /// Categories, identifiers and booleans.
    Category(CategoryGrid),
    /// Free text: lengths and hashed units.
    Text(TextGrid),
    /// A column that is only counted: null or not.
    Counts,
}

impl Grid {
    /// The cells that fit a column of the baseline.
    pub fn from_baseline(profile: &ColumnProfile) -> Self {
        match &profile.summary {
            Summary::Counts => Self::Counts,
            Summary::Numeric(numeric) => {
                Self::Numeric(NumericGrid::of(&numeric.quantiles(), numeric.std_dev()))
            }
            Summary::Categorical(categorical) => {
                let cells = categorical
                    .values()
                    .into_iter()
                    .take(TOP_VALUES)
                    .enumerate()
                    .map(|(rank, value)| (value.value, SPECIAL + rank))
                    .collect();
                Self::Category(CategoryGrid { cells })
            }
            Summary::Text(text) => Self::Text(TextGrid::of(text)),
        }
    }

    /// Counts of a profile in these cells; `None` where it holds another kind of
    /// values. A column of nothing but nulls fits every grid.
    pub fn counts(&self, profile: &ColumnProfile) -> Option<Counts> {
        let cells = match (self, &profile.summary) {
            (_, Summary::Counts) if profile.rows == profile.nulls => {
                let mut cells = vec![0; self.width()];
                cells[NULL] = profile.nulls;
                return Some(Counts {
                    cells,
                    units: vec![0; self.units_width()],
                });
            }
            (Self::Numeric(grid), Summary::Numeric(numeric)) => {
                grid.counts(profile.nulls, numeric.non_finite(), &numeric.quantiles())
            }
            (Self::Category(grid), Summary::Categorical(_)) => grid.counts(profile)?,
            (Self::Text(grid), Summary::Text(text)) => {
                let lengths = text.characters();
                let mut units: Vec<u64> = text.cells().iter().map(|&n| u64::from(n)).collect();
                units.resize(self.units_width(), 0);
                let cells = grid.characters.counts(
                    profile.nulls,
                    lengths.non_finite(),
                    &lengths.quantiles(),
                );
                return Some(Counts { cells, units });
            }
            (Self::Counts, Summary::Counts) => vec![profile.nulls, profile.present()],
            _ => return None,
        };
        Some(Counts {
            cells,
            units: Vec::new(),
        })
    }

    /// Number of cells that rows are counted in.
    pub fn width(&self) -> usize {
        match self {
            Self::Numeric(grid) => grid.width(),
            Self::Category(grid) => SPECIAL + grid.cells.len(),
            Self::Text(grid) => grid.characters.width(),
            Self::Counts => 2,
        }
    }

    /// Number of cells that text units are counted in; 0 where the column is no text.
    pub fn units_width(&self) -> usize {
        match self {
            Self::Text(_) => driftline_statistics::text::CELLS,
            _ => 0,
        }
    }

    /// Whether its parts fit each other, which bytes from a file may not.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Numeric(grid) => grid.is_sound(),
            Self::Category(grid) => {
                let mut cells: Vec<usize> = grid.cells.values().copied().collect();
                cells.sort_unstable();
                cells.into_iter().eq(SPECIAL..self.width())
            }
            Self::Text(grid) => grid.characters.is_sound(),
            Self::Counts => true,
        }
    }

    /// The role of such a column where nothing else is said.
    pub fn role(&self) -> Role {
        match self {
            Self::Numeric(_) => Role::Numeric,
            Self::Category(_) => Role::Category,
            Self::Text(_) => Role::Text,
            Self::Counts => Role::Counts,
        }
    }

    /// The value of a measure; `None` where a side has nothing to measure, or the
    /// measure does not fit the column.
    pub fn value(&self, measure: Measure, baseline: &Counts, window: &Counts) -> Option<f64> {
        if measure == Measure::NullShare {
            return null_share::null_share(
                (baseline.nulls(), baseline.rows()),
                (window.nulls(), window.rows()),
            );
        }
        match self {
            Self::Numeric(grid) => grid.value(measure, &baseline.cells, &window.cells),
            Self::Category(_) => on_bins(measure, &baseline.cells, &window.cells),
            Self::Text(grid) => match measure {
                Measure::KolmogorovSmirnov | Measure::Wasserstein => {
                    grid.characters
                        .value(measure, &baseline.cells, &window.cells)
                }
                _ => {
                    let (baseline, window) = grid.units_for(measure, baseline, window);
                    on_bins(measure, &baseline, &window)
                }
            },
            Self::Counts => None,
        }
    }

    /// Means of both sides, of finite numbers.
    pub(crate) fn means(&self, baseline: &Counts, window: &Counts) -> Option<(f64, f64)> {
        match self {
            Self::Numeric(grid) => Some((grid.mean(&baseline.cells)?, grid.mean(&window.cells)?)),
            _ => None,
        }
    }

    /// Where a category that the baseline of a draw lacks would be counted live: moved
    /// to `other`, as a live value is that has no cell.
    pub(crate) fn fold_unseen(&self, baseline: &Counts, window: &mut Counts) {
        if let Self::Category(_) = self {
            let mut unseen = 0;
            for (cell, &before) in baseline.cells.iter().enumerate().skip(SPECIAL) {
                if before == 0 {
                    unseen += std::mem::take(&mut window.cells[cell]);
                }
            }
            window.cells[OTHER] += unseen;
        }
    }
}
