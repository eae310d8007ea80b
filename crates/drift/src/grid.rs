//! The fixed cells of a column, chosen once from the baseline.
//!
//! Counts on fixed cells add up: a window of blocks is a difference of prefix sums,
//! and a replay of a thousand windows costs milliseconds where merging as many
//! sketches costs minutes. The live window is counted on the same cells, so that the
//! value judged and the values it is judged by are the same statistic.

use crate::measure::{
    Measure, Role, chi_squared, g_test, hellinger, jensen_shannon, kolmogorov_smirnov, l_infinity,
    mean_difference, null_share, population_stability_index, totals,
    wasserstein::{self, Scale},
};
use driftline_statistics::{ColumnProfile, QuantileView, Summary, TextProfile};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

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

/// Counts of one column's rows in the cells of its grid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// One count a row: nulls first, then by the grid's kind.
    pub cells: Vec<u64>,
    /// Counts of text units by hashed cell; empty where the column is no text.
    pub units: Vec<u64>,
}

impl Counts {
    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.cells.iter().sum()
    }

    /// Rows without a value.
    pub fn nulls(&self) -> u64 {
        self.cells.get(NULL).copied().unwrap_or(0)
    }

    /// Adds the counts of more rows.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.cells, &other.cells);
        add(&mut self.units, &other.units);
    }

    /// The counts of the rows that are not among `part`.
    pub(crate) fn less(&self, part: &Self) -> Self {
        Self {
            cells: subtract(&self.cells, &part.cells),
            units: subtract(&self.units, &part.units),
        }
    }

    /// The counts of so many times the rows, to the nearest row.
    pub(crate) fn times(&self, factor: f64) -> Self {
        let times = |counts: &[u64]| {
            let counts = counts.iter();
            counts
                .map(|&count| (count as f64 * factor).round() as u64)
                .collect()
        };
        Self {
            cells: times(&self.cells),
            units: times(&self.units),
        }
    }
}

pub(crate) fn subtract(all: &[u64], part: &[u64]) -> Vec<u64> {
    all.iter()
        .zip(part)
        .map(|(a, b)| a.saturating_sub(*b))
        .collect()
}

fn add(mine: &mut Vec<u64>, theirs: &[u64]) {
    if mine.len() < theirs.len() {
        mine.resize(theirs.len(), 0);
    }
    for (a, b) in mine.iter_mut().zip(theirs) {
        *a += b;
    }
}

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

/// A cut of the line just before or just after a number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
struct Cut {
    at: f64,
    after: bool,
}

impl Cut {
    fn before(at: f64) -> Self {
        Self { at, after: false }
    }

    fn after(at: f64) -> Self {
        Self { at, after: true }
    }

    fn count_below(self, view: &QuantileView) -> u64 {
        if self.after {
            view.count_at_or_below(self.at)
        } else {
            view.count_below(self.at)
        }
    }
}

/// The line cut at the baseline's quantiles. Cells: null, non-finite, below the
/// baseline's least value, the quantile cells, above its greatest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericGrid {
    cuts: Vec<Cut>,
    /// Mean of the baseline's values in each finite cell.
    means: Vec<f64>,
    /// The tenth of the baseline that each finite cell belongs to.
    tenths: Vec<usize>,
    scale: Scale,
    standard_deviation: f64,
}

/// The baseline's most frequent values. Cells: null, other, the values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryGrid {
    cells: BTreeMap<String, usize>,
}

/// Lengths in characters, and the hashed cells of text units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextGrid {
    characters: NumericGrid,
    /// The baseline's most frequent hashed cells, most frequent first.
    top: Vec<u16>,
}

/// What moved: one bin, value or cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is, for people: a value, a range of numbers, `null`, `other`.
    pub label: String,
    /// The hashed cell of text units that it stands for.
    pub cell: Option<u16>,
    /// Its count in the baseline.
    pub baseline_count: u64,
    /// Its count in the window.
    pub window_count: u64,
    /// Its share of the baseline.
    pub baseline_share: f64,
    /// Its share of the window.
    pub window_share: f64,
    /// What it adds to the value, for the measures that are sums; its own difference
    /// for the ones that are a greatest difference.
    pub contribution: f64,
}

impl NumericGrid {
    /// The grid of a distribution.
    fn of(view: &QuantileView, standard_deviation: Option<f64>) -> Self {
        let (Some(min), Some(max)) = (view.quantile(0.0), view.quantile(1.0)) else {
            return Self {
                cuts: Vec::new(),
                means: vec![0.0],
                tenths: vec![0],
                scale: Scale {
                    low: 0.0,
                    high: 0.0,
                    spread: 1.0,
                },
                standard_deviation: 0.0,
            };
        };
        let quantile = |q: f64| view.quantile(q).unwrap_or(min);
        let (low, high) = (quantile(0.001), quantile(0.999));
        let tenths: Vec<Cut> = (1..10)
            .map(|i| Cut::after(quantile(f64::from(i) / 10.0)))
            .collect();

        let mut cuts = vec![
            Cut::before(min),
            Cut::after(max),
            Cut::after(low),
            Cut::after(high),
        ];
        cuts.extend(&tenths);
        let few = view.values().count() <= QUANTILES;
        if !few {
            let levels = (1..QUANTILES).map(|i| i as f64 / QUANTILES as f64);
            cuts.extend(levels.map(|q| Cut::after(quantile(q))));
        }
        // A value that fills a quantile step on its own is a point mass.
        let mass = view.count().div_ceil(QUANTILES as u64);
        for (value, _) in view.values().filter(|&(_, count)| few || count >= mass) {
            cuts.extend([Cut::before(value), Cut::after(value)]);
        }
        cuts.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.after.cmp(&b.after)));
        cuts.dedup();

        let mut sums = vec![(0.0, 0_u64); cuts.len() + 1];
        let mut cell = 0;
        for (value, count) in view.values() {
            while cuts
                .get(cell)
                .is_some_and(|cut| *cut < Cut::before(value) || *cut == Cut::before(value))
            {
                cell += 1;
            }
            sums[cell].0 += value * count as f64;
            sums[cell].1 += count;
        }
        let means = sums
            .iter()
            .enumerate()
            .map(|(cell, &(sum, count))| {
                let low = cell.checked_sub(1).map_or(min, |i| cuts[i].at);
                let high = cuts.get(cell).map_or(max, |cut| cut.at);
                let mean = sum / count as f64;
                if count > 0 && mean.is_finite() {
                    mean
                } else {
                    low / 2.0 + high / 2.0
                }
            })
            .collect();
        let standard_deviation = standard_deviation.filter(|s| s.is_finite()).unwrap_or(0.0);
        let spread = [quantile(0.75) - quantile(0.25), standard_deviation]
            .into_iter()
            .find(|spread| *spread > 0.0 && spread.is_finite())
            .unwrap_or(1.0);
        let tenths = (0..=cuts.len())
            .map(|cell| {
                let start = cell.checked_sub(1).map(|i| cuts[i]);
                let mut distinct = tenths.clone();
                distinct.dedup();
                start.map_or(0, |start| {
                    distinct.iter().filter(|&&cut| cut <= start).count()
                })
            })
            .collect();
        Self {
            cuts,
            means,
            tenths,
            scale: Scale { low, high, spread },
            standard_deviation,
        }
    }

    /// Finite values in each cell.
    fn finite_counts(&self, view: &QuantileView) -> Vec<u64> {
        let mut counts = Vec::with_capacity(self.cuts.len() + 1);
        let mut before = 0;
        for cut in &self.cuts {
            let below = cut.count_below(view);
            counts.push(below.saturating_sub(before));
            before = below;
        }
        counts.push(view.count().saturating_sub(before));
        counts
    }

    fn counts(&self, nulls: u64, non_finite: u64, view: &QuantileView) -> Vec<u64> {
        let mut cells = vec![nulls, non_finite];
        cells.extend(self.finite_counts(view));
        cells
    }

    fn width(&self) -> usize {
        SPECIAL + self.cuts.len() + 1
    }

    fn is_sound(&self) -> bool {
        let cells = self.cuts.len() + 1;
        self.means.len() == cells && self.tenths.len() == cells && self.tenths.is_sorted()
    }

    /// Null, non-finite, then tenths of the baseline; what lies outside the baseline's
    /// range belongs to the outermost tenth.
    fn bins(&self, cells: &[u64]) -> Vec<u64> {
        let mut bins = vec![0; SPECIAL + 1 + self.tenths.last().copied().unwrap_or(0)];
        for (cell, &count) in cells.iter().enumerate() {
            let bin = match cell.checked_sub(SPECIAL) {
                None => cell,
                Some(finite) => SPECIAL + self.tenths.get(finite).copied().unwrap_or(0),
            };
            bins[bin] += count;
        }
        bins
    }

    fn bin_label(&self, bin: usize) -> String {
        let Some(tenth) = bin.checked_sub(SPECIAL) else {
            return if bin == NON_FINITE {
                "not finite"
            } else {
                "null"
            }
            .into();
        };
        let inside = |cell: &usize| self.tenths[*cell] == tenth;
        let cells: Vec<usize> = (0..self.tenths.len()).filter(inside).collect();
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else {
            return "none".into();
        };
        self.range(*first, *last)
    }

    /// Finite cells `first..=last` in words.
    fn range(&self, first: usize, last: usize) -> String {
        let low = first.checked_sub(1).map(|cut| self.cuts[cut]);
        let high = self.cuts.get(last).copied();
        match (low, high) {
            (None, None) => "any number".into(),
            (None, Some(high)) => {
                format!("{} {}", if high.after { "≤" } else { "<" }, number(high.at))
            }
            (Some(low), None) => {
                format!("{} {}", if low.after { ">" } else { "≥" }, number(low.at))
            }
            (Some(low), Some(high)) if low == Cut::before(high.at) && high.after => number(high.at),
            (Some(low), Some(high)) => format!(
                "{}{}, {}{}",
                if low.after { "(" } else { "[" },
                number(low.at),
                number(high.at),
                if high.after { "]" } else { ")" },
            ),
        }
    }

    fn line(&self, baseline: &[u64], window: &[u64]) -> Vec<wasserstein::Cell> {
        (0..=self.cuts.len())
            .map(|cell| wasserstein::Cell {
                low: cell
                    .checked_sub(1)
                    .map_or(f64::NEG_INFINITY, |i| self.cuts[i].at),
                high: self.cuts.get(cell).map_or(f64::INFINITY, |cut| cut.at),
                baseline: baseline[SPECIAL + cell],
                window: window[SPECIAL + cell],
            })
            .collect()
    }

    /// The finite cells up to the cut where the distribution functions are furthest apart.
    fn widest_gap(&self, baseline: &[u64], window: &[u64]) -> Option<Evidence> {
        let finite = (baseline.get(SPECIAL..)?, window.get(SPECIAL..)?);
        let gaps = kolmogorov_smirnov::parts(finite.0, finite.1)?;
        let (b, w) = totals(finite.0, finite.1)?;
        // The last cell ends both functions.
        let last = (0..gaps.len().saturating_sub(1))
            .max_by(|&i, &j| gaps[i].abs().total_cmp(&gaps[j].abs()).then(j.cmp(&i)))?;
        let below = |cells: &[u64]| cells[..=last].iter().sum::<u64>();
        let (baseline_count, window_count) = (below(finite.0), below(finite.1));
        Some(Evidence {
            label: self.range(0, last),
            cell: None,
            baseline_count,
            window_count,
            baseline_share: baseline_count as f64 / b,
            window_share: window_count as f64 / w,
            contribution: gaps[last].abs(),
        })
    }

    fn mean(&self, cells: &[u64]) -> Option<f64> {
        let finite = cells.iter().skip(SPECIAL).copied();
        mean_difference::mean(self.means.iter().copied().zip(finite))
    }

    fn value(&self, measure: Measure, baseline: &[u64], window: &[u64]) -> Option<f64> {
        let finite = (baseline.get(SPECIAL..)?, window.get(SPECIAL..)?);
        match measure {
            Measure::KolmogorovSmirnov => {
                kolmogorov_smirnov::kolmogorov_smirnov(finite.0, finite.1)
            }
            Measure::Wasserstein => {
                wasserstein::wasserstein(&self.line(baseline, window), self.scale)
            }
            Measure::MeanDifference => Some(mean_difference::mean_difference(
                self.mean(baseline)?,
                self.mean(window)?,
                self.standard_deviation,
            )),
            Measure::MeanIncrease => Some(mean_difference::mean_increase(
                self.mean(baseline)?,
                self.mean(window)?,
            )),
            _ => {
                totals(finite.0, finite.1)?;
                on_bins(measure, &self.bins(baseline), &self.bins(window))
            }
        }
    }
}

/// A number with at most six significant digits, whole ones with all of theirs.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract().abs() < f64::MIN_POSITIVE && size < 1e15 {
        format!("{value}")
    } else if (1e-4..1e6).contains(&size) {
        let decimals = (5 - size.log10().floor() as i32).clamp(0, 10) as usize;
        let text = format!("{value:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        format!("{value:.5e}")
    }
}

/// Measures that take any cells.
fn on_bins(measure: Measure, baseline: &[u64], window: &[u64]) -> Option<f64> {
    match measure {
        Measure::PopulationStabilityIndex => {
            population_stability_index::population_stability_index(baseline, window)
        }
        Measure::JensenShannon => jensen_shannon::jensen_shannon(baseline, window),
        Measure::ChiSquared => chi_squared::chi_squared(baseline, window),
        Measure::LInfinity => l_infinity::l_infinity(baseline, window),
        Measure::Hellinger => hellinger::hellinger(baseline, window),
        Measure::GTest => g_test::g_test(baseline, window),
        Measure::KolmogorovSmirnov
        | Measure::Wasserstein
        | Measure::MeanDifference
        | Measure::MeanIncrease
        | Measure::NullShare
        | Measure::NovelStretch => None,
    }
}

/// What each cell adds, for the measures that take any cells.
fn parts_on_bins(measure: Measure, baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    match measure {
        Measure::PopulationStabilityIndex => population_stability_index::parts(baseline, window),
        Measure::JensenShannon => jensen_shannon::parts(baseline, window),
        Measure::ChiSquared => chi_squared::parts(baseline, window),
        Measure::Hellinger => hellinger::parts(baseline, window),
        Measure::GTest => g_test::parts(baseline, window),
        _ => l_infinity::parts(baseline, window),
    }
}

/// Totals of both sides, the part of every cell, and the cells with counts by what they add,
/// greatest first.
fn ranked(
    measure: Measure,
    baseline: &[u64],
    window: &[u64],
) -> Option<(f64, f64, Vec<f64>, Vec<usize>)> {
    let (b, w) = totals(baseline, window)?;
    let parts = parts_on_bins(measure, baseline, window)?;
    let mut order: Vec<usize> = (0..parts.len())
        .filter(|&i| baseline[i] + window[i] > 0)
        .collect();
    order.sort_by(|&i, &j| parts[j].abs().total_cmp(&parts[i].abs()).then(i.cmp(&j)));
    Some((b, w, parts, order))
}

impl CategoryGrid {
    fn counts(&self, profile: &ColumnProfile) -> Option<Vec<u64>> {
        let values = profile.categorical()?;
        let mut cells = vec![0; SPECIAL + self.cells.len()];
        cells[NULL] = profile.nulls;
        let mut known = 0;
        for value in values.values() {
            if let Some(&cell) = self.cells.get(&value.value) {
                cells[cell] = value.count;
                known += value.count;
            }
        }
        // A sketch's counts are upper bounds and may add up to more than all values.
        cells[OTHER] = values.count().saturating_sub(known);
        Some(cells)
    }

    fn label(&self, cell: usize) -> String {
        match cell {
            NULL => "null".into(),
            OTHER => "other".into(),
            _ => self
                .cells
                .iter()
                .find(|&(_, &at)| at == cell)
                .map_or_else(|| "other".into(), |(value, _)| value.clone()),
        }
    }
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

    /// What moved most, by what it adds to the measure: at most `limit` entries.
    pub fn evidence(
        &self,
        measure: Measure,
        baseline: &Counts,
        window: &Counts,
        limit: usize,
    ) -> Vec<Evidence> {
        let Some((bins, labels)) = self.bins_for(measure, baseline, window) else {
            return Vec::new();
        };
        let Some((b, w, parts, order)) = ranked(measure, &bins.0, &bins.1) else {
            return Vec::new();
        };
        order
            .into_iter()
            .take(limit)
            .map(|bin| Evidence {
                label: labels(bin),
                cell: self.unit_cell(measure, bin),
                baseline_count: bins.0[bin],
                window_count: bins.1[bin],
                baseline_share: bins.0[bin] as f64 / b,
                window_share: bins.1[bin] as f64 / w,
                contribution: parts[bin],
            })
            .collect()
    }

    /// What [`evidence`](Self::evidence) leaves out after so many entries, added up: cells
    /// that are empty on both sides too, which a measure may count; `None` where that is
    /// nothing.
    pub(crate) fn rest(
        &self,
        measure: Measure,
        baseline: &Counts,
        window: &Counts,
        told: usize,
    ) -> Option<Evidence> {
        let (bins, _) = self.bins_for(measure, baseline, window)?;
        let (b, w, parts, order) = ranked(measure, &bins.0, &bins.1)?;
        let told = order.get(..told).unwrap_or(&order);
        let left_out = parts.len() - told.len();
        let count = |side: &[u64], total: f64| {
            total as u64 - told.iter().map(|&cell| side[cell]).sum::<u64>()
        };
        let (baseline_count, window_count) = (count(&bins.0, b), count(&bins.1, w));
        let told_part: f64 = told.iter().map(|&cell| parts[cell]).sum();
        (left_out > 0).then(|| Evidence {
            label: format!("{left_out} others"),
            cell: None,
            baseline_count,
            window_count,
            baseline_share: baseline_count as f64 / b,
            window_share: window_count as f64 / w,
            contribution: parts.iter().sum::<f64>() - told_part,
        })
    }

    /// How many cells a measure's evidence is told in, and what is counted in them on either
    /// side; `None` where a side has nothing.
    pub(crate) fn cell_totals(
        &self,
        measure: Measure,
        baseline: &Counts,
        window: &Counts,
    ) -> Option<(usize, f64, f64)> {
        let (bins, _) = self.bins_for(measure, baseline, window)?;
        let (b, w) = totals(&bins.0, &bins.1)?;
        Some((bins.0.len(), b, w))
    }

    /// What lies up to the number where the distribution functions are furthest apart, of
    /// all finite numbers, or of lengths where the column is text.
    pub(crate) fn widest_gap(&self, baseline: &Counts, window: &Counts) -> Option<Evidence> {
        match self {
            Self::Numeric(grid) => grid.widest_gap(&baseline.cells, &window.cells),
            Self::Text(grid) => grid.characters.widest_gap(&baseline.cells, &window.cells),
            Self::Category(_) | Self::Counts => None,
        }
    }

    /// Means of both sides, of finite numbers.
    pub(crate) fn means(&self, baseline: &Counts, window: &Counts) -> Option<(f64, f64)> {
        match self {
            Self::Numeric(grid) => Some((grid.mean(&baseline.cells)?, grid.mean(&window.cells)?)),
            _ => None,
        }
    }

    /// The bins in which a measure's evidence is told, and their labels. Measures of
    /// order (KS, W1, means) are told in tenths of the baseline.
    #[expect(
        clippy::type_complexity,
        reason = "one caller; a type would name nothing"
    )]
    fn bins_for<'a>(
        &'a self,
        measure: Measure,
        baseline: &'a Counts,
        window: &'a Counts,
    ) -> Option<(
        (Cow<'a, [u64]>, Cow<'a, [u64]>),
        Box<dyn Fn(usize) -> String + 'a>,
    )> {
        if measure == Measure::NullShare {
            let bins = |c: &Counts| Cow::Owned(vec![c.nulls(), c.rows() - c.nulls()]);
            let label = |bin: usize| if bin == 0 { "null" } else { "present" }.to_owned();
            return Some(((bins(baseline), bins(window)), Box::new(label)));
        }
        match self {
            Self::Numeric(grid) => Some((
                (
                    grid.bins(&baseline.cells).into(),
                    grid.bins(&window.cells).into(),
                ),
                Box::new(|bin| grid.bin_label(bin)),
            )),
            Self::Category(grid) => Some((
                (Cow::from(&baseline.cells), Cow::from(&window.cells)),
                Box::new(|cell| grid.label(cell)),
            )),
            Self::Text(grid) => match measure {
                Measure::KolmogorovSmirnov | Measure::Wasserstein => Some((
                    (
                        grid.characters.bins(&baseline.cells).into(),
                        grid.characters.bins(&window.cells).into(),
                    ),
                    Box::new(|bin| grid.characters.bin_label(bin)),
                )),
                _ => Some((
                    grid.units_for(measure, baseline, window),
                    Box::new(move |bin| match self.unit_cell(measure, bin) {
                        Some(cell) => format!("units of cell {cell}"),
                        None => "all other units".into(),
                    }),
                )),
            },
            Self::Counts => None,
        }
    }

    /// The hashed cell behind a bin of text units.
    fn unit_cell(&self, measure: Measure, bin: usize) -> Option<u16> {
        match (self, measure) {
            (_, Measure::KolmogorovSmirnov | Measure::Wasserstein | Measure::NullShare) => None,
            (Self::Text(grid), Measure::GTest) => grid.top.get(bin).copied(),
            (Self::Text(_), _) => u16::try_from(bin).ok(),
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

impl TextGrid {
    fn of(text: &TextProfile) -> Self {
        let lengths = text.characters();
        let mut ranked: Vec<(u32, u16)> = text
            .cells()
            .iter()
            .zip(0_u16..)
            .filter(|&(&count, _)| count > 0)
            .map(|(&count, cell)| (count, cell))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Self {
            characters: NumericGrid::of(&lengths.quantiles(), lengths.std_dev()),
            top: ranked
                .into_iter()
                .take(g_test::TOP_CELLS)
                .map(|(_, cell)| cell)
                .collect(),
        }
    }

    /// The unit counts that a measure takes: the frequent cells and the rest for G,
    /// all cells for the others.
    fn units_for<'a>(
        &self,
        measure: Measure,
        baseline: &'a Counts,
        window: &'a Counts,
    ) -> (Cow<'a, [u64]>, Cow<'a, [u64]>) {
        if measure == Measure::GTest {
            (
                g_test::top_and_rest(&baseline.units, &self.top).into(),
                g_test::top_and_rest(&window.units, &self.top).into(),
            )
        } else {
            (Cow::from(&baseline.units), Cow::from(&window.units))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BooleanArray, Float64Array, NullArray, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn numbers(values: impl IntoIterator<Item = Option<f64>>) -> ColumnProfile {
        let array: ArrayRef = Arc::new(Float64Array::from_iter(values));
        ColumnProfile::of(&array, false)
    }

    fn strings(values: &[&str], text: bool) -> ColumnProfile {
        let array: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        ColumnProfile::of(&array, text)
    }

    fn on_grid(baseline: &ColumnProfile, window: &ColumnProfile, measure: Measure) -> Option<f64> {
        let grid = Grid::from_baseline(baseline);
        let (b, w) = (grid.counts(baseline).unwrap(), grid.counts(window).unwrap());
        grid.value(measure, &b, &w)
    }

    #[test]
    fn measures_of_order_equal_scipy_where_values_are_few() {
        // x = arange(1, 101), y = arange(1, 51) * 3 - 20, SciPy 1.17.1: ks_2samp(x, y);
        // wasserstein_distance of both clipped to [1, 100], x's 0.1 % and 99.9 %
        // quantiles, over x's interquartile range 50 (method "inverted_cdf").
        let x = numbers((1..101).map(|n| Some(f64::from(n))));
        let y = numbers((1..51).map(|n| Some(f64::from(n * 3 - 20))));
        let close = |measure, expected: f64| {
            let value = on_grid(&x, &y, measure).unwrap();
            assert!((value - expected).abs() < 1e-12, "{measure:?} {value}");
        };
        close(Measure::KolmogorovSmirnov, 0.21);
        close(Measure::Wasserstein, 0.1732);
        assert_eq!(on_grid(&x, &x, Measure::Wasserstein), Some(0.0));
        assert_eq!(
            on_grid(&x, &x, Measure::PopulationStabilityIndex),
            Some(0.0)
        );
    }

    #[test]
    fn many_values_are_cut_at_quantiles_and_point_masses_stay_alone() {
        let spread = (0..5_000).map(|n| Some(f64::from(n) + 0.25));
        let baseline = numbers(spread.chain((0..500).map(|_| Some(77.0))));
        let grid = Grid::from_baseline(&baseline);
        assert!(grid.width() < 300, "{}", grid.width());
        let lump = grid.counts(&numbers([Some(77.0); 9])).unwrap();
        assert_eq!(lump.cells.iter().filter(|&&n| n > 0).count(), 1);
        let Grid::Numeric(numeric) = &grid else {
            panic!("numbers have a numeric grid")
        };
        let cell = lump.cells.iter().position(|&n| n > 0).unwrap() - SPECIAL;
        assert_eq!(numeric.range(cell, cell), "77");
    }

    #[test]
    fn outside_the_baseline_is_counted_below_and_above() {
        let grid = Grid::from_baseline(&numbers((0..100).map(|n| Some(f64::from(n)))));
        let window = numbers([
            None,
            Some(f64::NAN),
            Some(f64::INFINITY),
            Some(-1e300),
            Some(1e300),
            Some(50.5),
        ]);
        let counts = grid.counts(&window).unwrap().cells;
        assert_eq!((counts[NULL], counts[NON_FINITE]), (1, 2));
        assert_eq!((counts[SPECIAL], *counts.last().unwrap()), (1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 6);
    }

    #[test]
    fn deciles_of_the_baseline_hold_a_tenth_each() {
        let baseline = numbers((0..2_000).map(|n| Some(f64::from(n))));
        let grid = Grid::from_baseline(&baseline);
        let Grid::Numeric(numeric) = &grid else {
            panic!("numbers have a numeric grid")
        };
        let bins = numeric.bins(&grid.counts(&baseline).unwrap().cells);
        assert_eq!(bins[..2], [0, 0]);
        assert_eq!(bins.len(), 12);
        // Past 1,024 values a profile is a sketch, whose ranks err by 0.55 %.
        assert!(bins[2..].iter().all(|n| n.abs_diff(200) <= 22), "{bins:?}");
    }

    #[test]
    fn a_category_that_is_new_is_counted_as_other() {
        let grid = Grid::from_baseline(&strings(&["a", "b", "a"], false));
        let window = strings(&["a", "c", "d"], false);
        let counts = grid.counts(&window).unwrap();
        assert_eq!(counts.cells, [0, 2, 1, 0]);
        let baseline = grid.counts(&strings(&["a", "b", "a"], false)).unwrap();
        let evidence = grid.evidence(Measure::LInfinity, &baseline, &counts, 2);
        assert_eq!(evidence[0].label, "other");
        assert!((evidence[0].contribution - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_category_that_a_draw_has_never_seen_is_folded_as_a_new_one() {
        let grid = Grid::from_baseline(&strings(&["a", "b", "a"], false));
        let baseline = Counts {
            cells: vec![0, 0, 2, 0],
            units: vec![],
        };
        let mut window = Counts {
            cells: vec![0, 0, 1, 4],
            units: vec![],
        };
        grid.fold_unseen(&baseline, &mut window);
        assert_eq!(window.cells, [0, 4, 1, 0]);
    }

    #[test]
    fn evidence_adds_up_to_the_value() {
        let x = numbers((0..500).map(|n| Some(f64::from(n))));
        let y = numbers((0..500).map(|n| Some(f64::from(n) * 0.5)));
        let grid = Grid::from_baseline(&x);
        let (b, w) = (grid.counts(&x).unwrap(), grid.counts(&y).unwrap());
        let measure = Measure::PopulationStabilityIndex;
        let sum: f64 = grid
            .evidence(measure, &b, &w, 99)
            .iter()
            .map(|e| e.contribution)
            .sum();
        // Bins that are empty on both sides are not told, and add next to nothing.
        assert!((sum - grid.value(measure, &b, &w).unwrap()).abs() < 1e-3);
    }

    #[test]
    fn another_kind_of_values_does_not_fit() {
        let grid = Grid::from_baseline(&numbers([Some(1.0)]));
        assert_eq!(grid.counts(&strings(&["a"], false)), None);
        let nulls: ArrayRef = Arc::new(NullArray::new(4));
        let counts = grid.counts(&ColumnProfile::of(&nulls, false)).unwrap();
        assert_eq!((counts.rows(), counts.nulls()), (4, 4));
    }

    #[test]
    fn a_constant_a_boolean_and_no_rows_have_grids() {
        let constant = numbers([Some(3.0); 50]);
        assert_eq!(
            on_grid(&constant, &constant, Measure::KolmogorovSmirnov),
            Some(0.0)
        );
        assert_eq!(
            on_grid(&constant, &numbers([Some(4.0)]), Measure::KolmogorovSmirnov),
            Some(1.0)
        );
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true]));
        let flags = ColumnProfile::of(&flags, false);
        assert_eq!(on_grid(&flags, &flags, Measure::JensenShannon), Some(0.0));
        let empty = numbers([]);
        assert_eq!(on_grid(&empty, &constant, Measure::KolmogorovSmirnov), None);
        assert_eq!(
            on_grid(&constant, &empty, Measure::PopulationStabilityIndex),
            None
        );
        assert_eq!(on_grid(&empty, &empty, Measure::NullShare), None);
    }

    #[test]
    fn numbers_are_written_short() {
        for (value, text) in [
            (3.0, "3"),
            (-0.25, "-0.25"),
            (1234.5678, "1234.57"),
            (1.0 / 3.0, "0.333333"),
            (1.5e-9, "1.50000e-9"),
            (1e300, "1.00000e300"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    fn any_number() -> impl Strategy<Value = Option<f64>> {
        prop_oneof![
            6 => (-1e3..1e3_f64).prop_map(Some),
            3 => (-4..4_i32).prop_map(|n| Some(n.into())),
            1 => Just(None),
            1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE)].prop_map(Some),
        ]
    }

    proptest! {
        #[test]
        fn every_row_is_counted_once(
            baseline in prop::collection::vec(any_number(), 0..1_500),
            window in prop::collection::vec(any_number(), 0..300),
        ) {
            let grid = Grid::from_baseline(&numbers(baseline.clone()));
            for values in [baseline, window] {
                let rows = values.len() as u64;
                let counts = grid.counts(&numbers(values)).unwrap();
                prop_assert_eq!(counts.rows(), rows);
                prop_assert_eq!(counts.cells.len(), grid.width());
            }
        }

        #[test]
        fn every_measure_of_numbers_is_finite(
            baseline in prop::collection::vec(any_number(), 0..600),
            window in prop::collection::vec(any_number(), 0..100),
        ) {
            let (baseline, window) = (numbers(baseline), numbers(window));
            for role in [Role::Numeric, Role::Share] {
                for &(measure, _) in role.measures() {
                    if let Some(value) = on_grid(&baseline, &window, measure) {
                        prop_assert!(value.is_finite(), "{measure:?} {value}");
                    }
                }
            }
        }

        #[test]
        fn the_grid_keeps_ks_within_a_cell(
            baseline in prop::collection::vec(-100.0..100.0_f64, 300..900),
            window in prop::collection::vec(-120.0..120.0_f64, 50..300),
        ) {
            let (x, y) = (numbers(baseline.into_iter().map(Some)), numbers(window.into_iter().map(Some)));
            let grid = on_grid(&x, &y, Measure::KolmogorovSmirnov).unwrap();
            let exact = kolmogorov_smirnov::of_distributions(
                &x.numeric().unwrap().quantiles(),
                &y.numeric().unwrap().quantiles(),
            )
            .unwrap();
            prop_assert!(grid <= exact + 1e-12);
            // A cell holds 1/256 of the baseline, and some of the window besides.
            prop_assert!(grid >= exact - 0.1, "{grid} {exact}");
        }
    }
}
