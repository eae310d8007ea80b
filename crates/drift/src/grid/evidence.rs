//! What moved, cell by cell.

use super::{Counts, Grid};
use crate::measure::{
    Measure, chi_squared, g_test, hellinger, jensen_shannon, l_infinity,
    population_stability_index, totals,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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

impl Grid {
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
}

/// Measures that take any cells.
pub(super) fn on_bins(measure: Measure, baseline: &[u64], window: &[u64]) -> Option<f64> {
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
        | Measure::NovelStretch
        | Measure::DomainClassifier
        | Measure::ReconstructionError
        | Measure::MaximumMeanDiscrepancy => None,
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
