//! The line of numbers, cut at the baseline's quantiles.

use super::{
    NON_FINITE, QUANTILES, SPECIAL,
    evidence::{Evidence, on_bins},
};
use crate::measure::{
    Measure, kolmogorov_smirnov, mean_difference, totals,
    wasserstein::{self, Scale},
};
use driftline_statistics::QuantileView;
use serde::{Deserialize, Serialize};

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

impl NumericGrid {
    /// The grid of a distribution.
    pub(super) fn of(view: &QuantileView, standard_deviation: Option<f64>) -> Self {
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

    pub(super) fn counts(&self, nulls: u64, non_finite: u64, view: &QuantileView) -> Vec<u64> {
        let mut cells = vec![nulls, non_finite];
        cells.extend(self.finite_counts(view));
        cells
    }

    pub(super) fn width(&self) -> usize {
        SPECIAL + self.cuts.len() + 1
    }

    pub(super) fn is_sound(&self) -> bool {
        let cells = self.cuts.len() + 1;
        self.means.len() == cells && self.tenths.len() == cells && self.tenths.is_sorted()
    }

    /// Null, non-finite, then tenths of the baseline; what lies outside the baseline's
    /// range belongs to the outermost tenth.
    pub(super) fn bins(&self, cells: &[u64]) -> Vec<u64> {
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

    pub(super) fn bin_label(&self, bin: usize) -> String {
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
    pub(super) fn range(&self, first: usize, last: usize) -> String {
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
    pub(super) fn widest_gap(&self, baseline: &[u64], window: &[u64]) -> Option<Evidence> {
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

    pub(super) fn mean(&self, cells: &[u64]) -> Option<f64> {
        let finite = cells.iter().skip(SPECIAL).copied();
        mean_difference::mean(self.means.iter().copied().zip(finite))
    }

    pub(super) fn value(&self, measure: Measure, baseline: &[u64], window: &[u64]) -> Option<f64> {
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
