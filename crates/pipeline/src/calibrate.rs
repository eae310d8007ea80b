//! What a pipeline's limits will do, before a window comes: `calibrate plan` and
//! `calibrate verify`.
//!
//! Both look at the training data alone. A plan says how many false alarms to expect
//! and how small a change each test can see; a verification holds one part of the
//! training data after another out, and counts how often it alarms.

use crate::{
    PipelineError,
    baseline::{Baseline, calibration_blocks, calibration_settings},
    config::{Pipeline, TimeConfig},
    findings::{Subject, number},
    own_windows::OwnTest,
    report::instant,
};
use driftline_drift::{
    Plan,
    verify::{HeldOutWindow, Verification, backtest, contiguous},
};
use driftline_engine::Engine;
use serde::Serialize;

/// Contiguous parts of the training data that are held out one after another.
pub const PARTS: usize = 8;
/// Seconds of a month: a twelfth of 365.25 days.
const MONTH_SECONDS: f64 = 365.25 / 12.0 * 86_400.0;

/// Observed against stated rate of false alarms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// Windows, alarms and rates.
    #[serde(flatten)]
    pub verification: Verification,
    /// The windows that alarmed, and what in them.
    pub alarmed: Vec<Alarmed>,
}

/// A held-out window that alarmed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarmed {
    /// Its start.
    pub start: String,
    /// The tests that were significant: column, slice and measure in words.
    pub tests: Vec<String>,
}

/// What to expect of a pipeline before it runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    /// Length of a window.
    pub window: String,
    /// Length of a block.
    pub block: String,
    /// False alarms a month that the stated rate amounts to.
    pub alarms_a_month: f64,
    /// Limits and what they show.
    #[serde(flatten)]
    pub plan: Plan,
    /// The backtest on the training data itself; absent where no limits can be had.
    pub backtest: Option<Verified>,
}

fn time(pipeline: &Pipeline) -> Result<&TimeConfig, PipelineError> {
    pipeline
        .time
        .as_ref()
        .ok_or_else(|| PipelineError::Configuration {
            message: "the pipeline has no `time`, so it has no windows whose rate of alarms could be told; name the column with the time of a row under `time.column`".into(),
        })
}

fn blocks_per_window(time: &TimeConfig) -> usize {
    let blocks = time.window.seconds() / time.block().seconds().max(1);
    usize::try_from(blocks).unwrap_or(usize::MAX).max(1)
}

/// Holds out one of `parts` contiguous parts of the training data after another, a
/// window's length on both sides left out, and counts the alarms.
///
/// Novel stretches and columns together are part of it where the training data are at hand: a stored
/// baseline holds no rows. They are judged window by window of the calendar, each of which goes with
/// the held-out window that it begins in. Slow drift is not: what is stated is the rate of
/// the rest.
///
/// # Errors
/// [`PipelineError::Configuration`] for a pipeline without times, and whatever keeps the
/// training data from being read.
pub async fn verify(
    engine: &Engine,
    pipeline: &Pipeline,
    parts: usize,
) -> Result<Verified, PipelineError> {
    time(pipeline)?;
    let baseline = Baseline::learn(engine, pipeline).await?;
    verified(pipeline, &baseline, parts)
}

/// A verification of a baseline that was learnt already; `None` where the pipeline has no times
/// or the training data is too short for limits.
pub(crate) fn backtested(
    pipeline: &Pipeline,
    baseline: &Baseline,
) -> Result<Option<Verified>, PipelineError> {
    let Some(time) = &pipeline.time else {
        return Ok(None);
    };
    let plan = baseline.calibrator.clone().plan(blocks_per_window(time));
    match plan.not_calibrated {
        Some(_) => Ok(None),
        None => verified(pipeline, baseline, PARTS).map(Some),
    }
}

fn verified(
    pipeline: &Pipeline,
    baseline: &Baseline,
    parts: usize,
) -> Result<Verified, PipelineError> {
    let blocks = calibration_blocks(pipeline, &baseline.roles, &baseline.blocks)?;
    let settings = calibration_settings(pipeline, baseline.share_of_cards());
    let time = time(pipeline)?;
    let mut windows = backtest(&blocks, &settings, blocks_per_window(time), parts)?;
    let starts: Vec<i64> = blocks
        .iter()
        .map(|block| block.start.unwrap_or(0).saturating_mul(1_000_000))
        .collect();
    let mut stated = settings.rate;
    for test in &baseline.own_windows {
        stated += test.rate;
        add_own_windows(pipeline, test, &starts, parts, &mut windows);
    }
    let alarmed = windows.iter().filter(|window| window.is_alarm());
    Ok(Verified {
        verification: Verification::of(&windows, stated),
        alarmed: alarmed
            .map(|window| Alarmed {
                start: starts
                    .get(window.blocks.start)
                    .map_or_else(String::new, |&start| instant(start, baseline.zone)),
                tests: window
                    .measurements
                    .iter()
                    .filter(|m| m.is_significant())
                    .map(|m| test_name(pipeline, &m.column, m.slice.as_deref(), m.measure))
                    .collect(),
            })
            .collect(),
    })
}

/// Judges the training data's own windows by those outside the part that each lies in and
/// a window's length around it, and adds that to the held-out windows that they begin in.
fn add_own_windows(
    pipeline: &Pipeline,
    test: &OwnTest,
    starts: &[i64],
    parts: usize,
    windows: &mut [HeldOutWindow],
) {
    let guard = pipeline
        .time
        .as_ref()
        .map_or(0, |time| time.window.micros());
    for part in contiguous(starts.len(), parts) {
        let end = starts.get(part.end).copied().unwrap_or(i64::MAX);
        let stretch = starts[part.start]..end;
        let guarded = stretch.start.saturating_sub(guard)..end.saturating_add(guard);
        let own = test.windows.iter();
        for window in own.filter(|own| own.counts && stretch.contains(&own.span.start_us)) {
            let begins_in = windows.iter_mut().rfind(|held_out| {
                starts[held_out.blocks.start] <= window.span.start_us
                    && part.contains(&held_out.blocks.start)
            });
            if let Some(held_out) = begins_in {
                let judged = test.judge_held_out(window, &guarded);
                held_out.measurements.push(judged);
            }
        }
    }
}

fn test_name(
    pipeline: &Pipeline,
    column: &str,
    slice: Option<&str>,
    measure: driftline_drift::Measure,
) -> String {
    let subject = Subject::of(pipeline, column, measure);
    let slice = slice.map_or(String::new(), |slice| format!(" where {slice}"));
    format!(
        "{}{slice}: {}",
        subject.column,
        subject.measure.replace('_', " ")
    )
}

/// Says what to expect of the pipeline's windows, judging by its training data.
///
/// # Errors
/// Those of [`verify`].
pub async fn plan(engine: &Engine, pipeline: &Pipeline) -> Result<Planned, PipelineError> {
    let time = time(pipeline)?;
    let mut baseline = Baseline::learn(engine, pipeline).await?;
    let plan = baseline.calibrator.plan(blocks_per_window(time));
    let calibrated = plan.not_calibrated.is_none();
    let rate = pipeline.drift.false_alarm_rate;
    Ok(Planned {
        window: time.window.to_string(),
        block: time.block().to_string(),
        alarms_a_month: rate * MONTH_SECONDS / time.window.seconds() as f64,
        plan,
        backtest: match calibrated {
            true => Some(verified(pipeline, &baseline, PARTS)?),
            false => None,
        },
    })
}

/// A verification for people.
pub fn verification_table(verified: &Verified) -> String {
    let Verified {
        verification,
        alarmed,
    } = verified;
    let mut text = format!(
        "{} of {} held-out windows alarmed: {} a window ({} to {}, exact 95 %), stated {}\n",
        verification.alarms,
        verification.windows,
        number(verification.observed),
        number(verification.interval.0),
        number(verification.interval.1),
        number(verification.stated),
    );
    for Alarmed { start, tests } in alarmed {
        text.push_str(&format!("  {start}  {}\n", tests.join(", ")));
    }
    text
}

/// A plan for people.
pub fn plan_table(pipeline: &Pipeline, planned: &Planned) -> String {
    let plan = &planned.plan;
    let mut text = format!(
        "windows of {} with about {} rows; {} of them fit into the baseline\n",
        planned.window, plan.rows, plan.windows_in_baseline
    );
    if let Some(reason) = &plan.not_calibrated {
        text.push_str(&format!(
            "not calibrated: {reason}; take a shorter window or more training data\n"
        ));
        return text;
    }
    text.push_str(&format!(
        "{} false alarms a month at the stated rate{}\n\n",
        number(planned.alarms_a_month),
        match plan.extrapolated {
            true => " (extrapolated: rarer than the baseline's windows can show)",
            false => "",
        }
    ));
    let mut rows = vec![[
        "test".to_owned(),
        "least that shows".to_owned(),
        "least that fails".to_owned(),
        "shows from a window of".to_owned(),
        String::new(),
    ]];
    for test in &plan.tests {
        let blocks = |blocks: usize| match blocks == plan.blocks_per_window {
            true => planned.window.clone(),
            false => format!("{blocks} blocks of {}", planned.block),
        };
        rows.push([
            test_name(pipeline, &test.column, test.slice.as_deref(), test.measure),
            test.least_detectable_effect
                .map_or_else(|| "–".to_owned(), number),
            number(test.min_effect),
            test.least_window_blocks
                .map_or_else(|| "–".to_owned(), blocks),
            match test.baseline_unstable {
                true => format!(
                    "baseline unstable: worth {} windows",
                    number(test.independent_windows)
                ),
                false => String::new(),
            },
        ]);
    }
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max();
    let widths: Vec<usize> = (0..5).map(|at| width(at).unwrap_or(0)).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    if let Some(backtest) = &planned.backtest {
        text.push_str("\nbacktest on the training data: ");
        text.push_str(&verification_table(backtest));
    }
    text
}
