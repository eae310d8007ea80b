//! Judging a window: every measure of every column, by the card of its size.
//!
//! A window fails on two grounds together: the value is rarer than the stated rate
//! allows (significance), and what is certain of it (effect, `effect.rs`) is large
//! enough to matter. Either alone misleads: with millions of rows trifles are significant,
//! with a hundred large distances are ordinary.

use crate::{
    effect::{Bounds, Effect},
    grid::{Counts, Evidence},
    measure::Measure,
    replay::{Calibrator, Profiles, Series, WindowShape},
    threshold_card::{Basis, ColumnKey, NotCalibrated, SliceRows, TestCard, ThresholdCard},
    workings::{LimitWorkings, Workings},
};
use serde::{Deserialize, Serialize};

/// With fewer rows nothing is judged: no limit drawn from so few rows means anything.
pub const LEAST_ROWS: u64 = 30;
/// Entries of evidence in a measurement: the bins of a number, its tenths and two more.
const EVIDENCE: usize = 12;
/// Quantile of the stationary windows that is told as the end of what is ordinary.
pub(crate) const NULL_UPPER: f64 = 0.95;
/// Quantile of the stationary windows for a power of 80 %.
const NULL_LOWER: f64 = 0.2;

/// What a measurement says about its window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Judgement {
    /// Nothing that stationary windows do not show, or certainly less than the least effect
    /// that the pipeline states.
    Pass,
    /// Rarer than the stated rate allows, but not certainly above the least effect, or
    /// the card alone may not fail a window: a warning.
    Significant,
    /// Rarer than the stated rate allows, and large enough to matter.
    Fail,
    /// Not significant, but a window of this size would not show the stated least
    /// effect either (in 80 of 100 windows): unknown. Only where one is stated.
    UnderPowered,
    /// No p-value can be had; a warning where `exceeds`.
    NotCalibrated {
        /// Why not.
        reason: NotCalibrated,
        /// Whether the effect is certainly above the least one.
        exceeds: bool,
    },
    /// Not measured.
    Skipped {
        /// Why not.
        reason: Skipped,
    },
    /// Computed and calibrated, but not one of the tests that decide.
    Shown,
}

/// Why a measure was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// The window has no such column, or the slice has no rows in it.
    Absent,
    /// The column holds another kind of values than in the baseline.
    TypeMismatch,
    /// The window has no rows.
    NoRows,
    /// Fewer than [`LEAST_ROWS`] rows.
    TooFewRows,
    /// The window has only nulls here; its share of nulls is judged all the same.
    NoValues,
    /// The baseline has only nulls here.
    NoBaselineValues,
    /// No stretch of the baseline has a value to compare with.
    NoDraws,
    /// The window is less than half or more than twice the size of the baseline's.
    OtherSize,
    /// The baseline itself wanders, so that no value would be significant.
    BaselineUnstable,
}

impl Skipped {
    /// The reason for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Absent => "the window has no such column or slice",
            Self::TypeMismatch => "the column holds another kind of values than in the baseline",
            Self::NoRows => "the window has no rows",
            Self::TooFewRows => "the window has too few rows to be judged",
            Self::NoValues => "the window has only nulls in this column",
            Self::NoBaselineValues => "the baseline has only nulls in this column",
            Self::NoDraws => "no stretch of the baseline has values to compare with",
            Self::OtherSize => {
                "the window is less than half or more than twice as large as those of the baseline"
            }
            Self::BaselineUnstable => {
                "baseline unstable: it wanders so much in this that no value would be surprising"
            }
        }
    }
}

/// One measure of one column of a window, with all that is needed to redo it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The column.
    pub column: String,
    /// The slice; `None` for all rows.
    pub slice: Option<String>,
    /// The measure.
    pub measure: Measure,
    /// Whether it is one of the tests that share the stated rate.
    pub decides: bool,
    /// Its value, in the unit of [`Measure::unit`].
    pub value: Option<f64>,
    /// Probability that a stationary window of this size has this value or more.
    pub p_value: Option<f64>,
    /// The least value that is significant for this size.
    pub threshold: Option<f64>,
    /// The value less the median of stationary windows.
    pub effect: Option<f64>,
    /// What is certain of the effect, with 95 %, where that was asked: of significant
    /// values, and of values above the least effect that have no limit.
    pub effect_lower: Option<f64>,
    /// Rows of the window that are worth one independent one, where the effect's bound was
    /// asked: rows come in days and topics.
    pub design_effect: Option<f64>,
    /// The least effect that fails.
    pub min_effect: f64,
    /// Whether the pipeline stated it.
    pub min_effect_stated: bool,
    /// The effect that 80 of 100 windows of this size show: the threshold less the
    /// 20 % quantile of stationary windows.
    pub least_detectable_effect: Option<f64>,
    /// Median of stationary windows.
    pub null_median: Option<f64>,
    /// Rows of the baseline, in the slice.
    pub baseline_rows: u64,
    /// Rows of the window, in the slice.
    pub window_rows: u64,
    /// Whether the stated rate rests on a fitted tail rather than on windows seen.
    pub extrapolated: bool,
    /// Independent windows that the baseline's are worth for this measure, where the
    /// baseline wanders so that they are [fewer than ten](TestCard::baseline_unstable).
    pub unstable_windows: Option<f64>,
    /// What it says.
    pub judgement: Judgement,
    /// What moved most.
    pub evidence: Vec<Evidence>,
    /// What the value and its limit are made of beyond that.
    pub workings: Option<Workings>,
}

impl Measurement {
    /// Whether it is a warning: significant without failing, or not calibrated with
    /// an effect that would matter.
    pub fn is_warning(&self) -> bool {
        matches!(
            self.judgement,
            Judgement::Significant | Judgement::NotCalibrated { exceeds: true, .. }
        )
    }

    #[cfg(test)]
    pub(crate) fn with_p(mut self, p: f64) -> Self {
        self.p_value = Some(p);
        self
    }

    /// Whether its p is at or below the card's limit, whatever the effect.
    pub fn is_significant(&self) -> bool {
        self.decides && matches!(self.judgement, Judgement::Significant | Judgement::Fail)
    }
}

impl Calibrator {
    /// Judges a window of this shape: makes its card and [compares](Self::compare). The
    /// first windows of a size and season take the time of its replays, later ones none.
    pub fn judge(&mut self, window: &Profiles, shape: impl Into<WindowShape>) -> Judged {
        let counts = self.count(window);
        let card = self.card(shape, &slice_rows(self.series(), &counts));
        let measurements = self.compare_counts(&card, &counts);
        Judged { card, measurements }
    }

    /// Every measure of every column of the baseline in a window, by a card that this
    /// calibrator made for the window's size.
    pub fn compare(&self, card: &ThresholdCard, window: &Profiles) -> Vec<Measurement> {
        self.compare_counts(card, &self.count(window))
    }

    fn count(&self, window: &Profiles) -> Vec<Result<Counts, Skipped>> {
        self.series()
            .iter()
            .map(|series| {
                let profile = window.get(&series.key).ok_or(Skipped::Absent)?;
                series.grid.counts(profile).ok_or(Skipped::TypeMismatch)
            })
            .collect()
    }

    pub(crate) fn compare_counts(
        &self,
        card: &ThresholdCard,
        window: &[Result<Counts, Skipped>],
    ) -> Vec<Measurement> {
        let mut measurements = Vec::new();
        for (index, (series, counts)) in self.series().iter().zip(window).enumerate() {
            for &(measure, decides) in series.role.measures() {
                let (min_effect, stated) = self.min_effect(&series.key, measure);
                measurements.push(
                    Comparison {
                        series,
                        total: self.compared_with(card, index),
                        card,
                        measure,
                        decides,
                        min_effect,
                        stated,
                    }
                    .measurement(counts.as_ref()),
                );
            }
        }
        measurements
    }
}

/// A window's measurements and the card they were judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The card.
    pub card: ThresholdCard,
    /// One for each measure of each column and slice of the baseline.
    pub measurements: Vec<Measurement>,
}

/// The window's rows by slice: the most that any of its columns counts.
pub(crate) fn slice_rows(series: &[Series], counts: &[Result<Counts, Skipped>]) -> Vec<SliceRows> {
    let mut slices: Vec<SliceRows> = Vec::new();
    for (series, counts) in series.iter().zip(counts) {
        let rows = counts.as_ref().map_or(0, Counts::rows);
        match slices
            .iter_mut()
            .find(|entry| entry.slice == series.key.slice)
        {
            Some(entry) => entry.rows = entry.rows.max(rows),
            None => slices.push(SliceRows {
                slice: series.key.slice.clone(),
                rows,
            }),
        }
    }
    // Too few rows are not judged, so no replay is made for them.
    slices.retain(|entry| entry.rows >= LEAST_ROWS);
    slices
}

/// The effect that 80 of 100 windows show at a limit.
pub(crate) fn least_detectable(test: &TestCard, limit: f64) -> f64 {
    test.value_at(limit) - test.quantile(NULL_LOWER)
}

struct Comparison<'a> {
    series: &'a Series,
    /// What the window is compared with.
    total: &'a Counts,
    card: &'a ThresholdCard,
    measure: Measure,
    decides: bool,
    min_effect: f64,
    stated: bool,
}

impl Comparison<'_> {
    fn measurement(&self, counts: Result<&Counts, &Skipped>) -> Measurement {
        let Series {
            key: ColumnKey { slice, column },
            ..
        } = self.series;
        let mut measurement = Measurement {
            column: column.clone(),
            slice: slice.clone(),
            measure: self.measure,
            decides: self.decides,
            value: None,
            p_value: None,
            threshold: None,
            effect: None,
            effect_lower: None,
            design_effect: None,
            min_effect: self.min_effect,
            min_effect_stated: self.stated,
            least_detectable_effect: None,
            null_median: None,
            baseline_rows: self.total.rows(),
            window_rows: counts.map_or(0, Counts::rows),
            extrapolated: self.card.extrapolated,
            unstable_windows: None,
            judgement: Judgement::Shown,
            evidence: Vec::new(),
            workings: None,
        };
        if let Err(reason) = self.fill(&mut measurement, counts) {
            measurement.judgement = Judgement::Skipped { reason };
        }
        measurement
    }

    /// Fills in what can be known; an error says why no more can.
    fn fill(
        &self,
        into: &mut Measurement,
        counts: Result<&Counts, &Skipped>,
    ) -> Result<(), Skipped> {
        let counts = counts.map_err(|reason| *reason)?;
        let (grid, total) = (&self.series.grid, self.total);
        if counts.rows() == 0 {
            return Err(Skipped::NoRows);
        }
        let value =
            grid.value(self.measure, total, counts)
                .ok_or(if total.rows() == total.nulls() {
                    Skipped::NoBaselineValues
                } else {
                    Skipped::NoValues
                })?;
        into.value = Some(value);
        into.evidence = grid.evidence(self.measure, total, counts, EVIDENCE);
        // Only what decides becomes a finding, and only that is ever redone.
        if self.decides {
            let told = into.evidence.len();
            into.workings = Workings::of(grid, self.measure, (total, counts), told);
        }
        if counts.rows() < LEAST_ROWS {
            return Err(Skipped::TooFewRows);
        }
        let test = self.card.test(&self.series.key, self.measure);
        let test = test
            .filter(|test| !test.draws.is_empty())
            .ok_or(Skipped::NoDraws)?;
        let median = test.quantile(0.5);
        into.null_median = Some(median);
        into.effect = Some(value - median);
        let effect = Effect {
            series: self.series,
            total,
            measure: self.measure,
            seed: self.card.seed,
        };
        let Some(limit) = self.card.limit_of(test) else {
            if let Basis::NotCalibrated { reason } = self.card.basis {
                if self.decides && value > self.min_effect {
                    let bounds = effect.bounds_of_short(counts, self.card.blocks_per_window);
                    into.effect_lower = bounds.map(|bounds| bounds.lower);
                }
                let exceeds = into.effect_lower > Some(self.min_effect);
                into.judgement = Judgement::NotCalibrated { reason, exceeds };
            }
            return Ok(());
        };
        let threshold = test.value_at(limit);
        if let Some(workings) = &mut into.workings {
            workings.limit = Some(LimitWorkings::of(self.card, test, limit));
        }
        into.p_value = Some(test.p_value(value));
        into.threshold = Some(threshold);
        into.least_detectable_effect = Some(least_detectable(test, limit));
        into.unstable_windows = test.baseline_unstable().then_some(test.independent_windows);
        if self.decides {
            into.judgement = if test.p_value(value) <= limit {
                let bounds = effect.bounds(counts, &test.draws);
                into.effect_lower = bounds.map(|bounds| bounds.lower);
                into.design_effect = bounds.map(|bounds| bounds.design_effect);
                self.judge_significant(bounds)
            } else {
                self.judge_ordinary(test, limit)
            };
        }
        Ok(())
    }

    fn judge_significant(&self, effect: Option<Bounds>) -> Judgement {
        let may_fail = self.card.basis == Basis::Blocks || self.stated;
        match effect {
            Some(effect) if may_fail && effect.lower > self.min_effect => Judgement::Fail,
            // What is stated not to matter is no reason to warn.
            Some(effect) if self.stated && effect.upper < self.min_effect => Judgement::Pass,
            _ => Judgement::Significant,
        }
    }

    fn judge_ordinary(&self, test: &TestCard, limit: f64) -> Judgement {
        if self.stated && least_detectable(test, limit) > self.min_effect {
            Judgement::UnderPowered
        } else if test.is_without_limit() {
            Judgement::Skipped {
                reason: Skipped::BaselineUnstable,
            }
        } else {
            Judgement::Pass
        }
    }
}
