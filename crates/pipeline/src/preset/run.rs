//! From what was measured to a run: findings, verdict, report.

use super::{
    Measured, MeasuredWindow, MeasuredWindows, PresetReport, PresetRequest, Sides, not_evaluated,
    table, tool,
};
use crate::{report::instant, run::EvaluationRequest};
use chrono::SecondsFormat;
use driftline_drift::preset::{Preset, State};
use driftline_engine::{Tz, time_zone};
use driftline_verdict::{
    Finding, FindingKind, NotEvaluated, Report, Run, Severity, Window,
    report::model::{BaselineSummary, Trend, TrendPoint},
    run_verdict, window_verdict,
};
use std::collections::BTreeSet;

/// Name of the share of columns that drifted, as a measure.
pub(crate) const DRIFT_SHARE: &str = "share_of_drifted_columns";

/// How many columns drifted, of how many that were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Drifted {
    pub(crate) columns: usize,
    pub(crate) of: usize,
}

impl Drifted {
    /// By columns: one has drifted if one of its measures says so.
    pub(crate) fn among(measured: &[Measured]) -> Self {
        let judged: Vec<(&str, State)> = measured
            .iter()
            .filter(|measured| measured.state != State::NoThreshold && measured.slice.is_none())
            .filter_map(|measured| Some((measured.column.as_deref()?, measured.state)))
            .collect();
        let count = |columns: BTreeSet<&str>| columns.len();
        Self {
            columns: count(
                judged
                    .iter()
                    .filter(|(_, state)| *state == State::Drift)
                    .map(|(column, _)| *column)
                    .collect(),
            ),
            of: count(judged.iter().map(|(column, _)| *column).collect()),
        }
    }

    pub(crate) fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.columns as f64 / self.of as f64)
    }
}

pub(crate) fn report(
    sides: &Sides<'_>,
    request: &PresetRequest,
    measured: MeasuredWindows,
    evaluation: &EvaluationRequest<'_>,
) -> PresetReport {
    let zone = sides
        .source
        .time_zone
        .as_deref()
        .and_then(|zone| time_zone(zone).ok())
        .unwrap_or(Tz::UTC);
    let windows: Vec<Window> = measured
        .windows
        .iter()
        .map(|window| concluded(request, window, zone))
        .collect();
    let mut notes = vec![format!(
        "the measures, thresholds and decisions are those of {}",
        tool(request.preset)
    )];
    notes.extend(measured.notes.iter().cloned());
    if request.preset == Preset::Tfdv && request.thresholds.is_empty() {
        notes.push(
            "TFDV has no thresholds of its own and nothing was judged: give `--threshold X`, `--threshold MEASURE=X` or `--threshold COLUMN=X`".into(),
        );
    }
    let run = Run {
        format_version: Run::FORMAT_VERSION,
        verdict: run_verdict(&windows),
        pipeline: format!("drift like {}", tool(request.preset)),
        run_id: evaluation.run_id.clone(),
        created_at: evaluation.now.to_rfc3339_opts(SecondsFormat::Secs, true),
        baseline_id: String::new(),
        windows,
        actions: Vec::new(),
        notes,
    };
    let table = table::table(request, &run, &measured.windows);
    let report = Report {
        baseline: BaselineSummary {
            source: sides.source.source.clone(),
            start: None,
            end: None,
            rows: measured.baseline_rows,
            blocks: 0,
            calibration: format!(
                "The thresholds are those of {}: they do not keep a stated rate of false alarms.",
                tool(request.preset)
            ),
        },
        trends: trends(&run, &measured.windows),
        distributions: Vec::new(),
        terms: Vec::new(),
        models: Vec::new(),
        run,
    };
    PresetReport { report, table }
}

fn concluded(request: &PresetRequest, window: &MeasuredWindow, zone: Tz) -> Window {
    let drifted = Drifted::among(&window.measured);
    let deciding = request.deciding_share();
    let beyond = match (deciding, drifted.share()) {
        (Some(limit), Some(share)) => share >= limit,
        _ => false,
    };
    let mut findings: Vec<Finding> = window
        .measured
        .iter()
        .map(|measured| {
            let severity = match measured.state {
                // Where a share of columns decides, one column alone does not.
                State::Drift if deciding.is_some() && measured.column.is_some() => {
                    Severity::Warning
                }
                State::Drift => Severity::Error,
                State::PossibleDrift => Severity::Warning,
                State::NoDrift | State::NoThreshold => Severity::Info,
            };
            finding(request, measured, severity)
        })
        .collect();
    if let Some(share) = drifted.share() {
        findings.push(share_finding(drifted, share, deciding, beyond, window.rows));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut missing = window.not_evaluated.clone();
    missing.extend(undecided(window));
    Window {
        start: window.span.map(|(start, _)| instant(start, zone)),
        end: window.span.map(|(_, end)| instant(end, zone)),
        rows: window.rows,
        verdict: window_verdict(window.rows, &findings, &missing),
        findings,
        not_evaluated: missing,
    }
}

/// What was measured without being judged; and that nothing was, which is no pass.
fn undecided(window: &MeasuredWindow) -> Vec<NotEvaluated> {
    let without = window
        .measured
        .iter()
        .filter(|measured| measured.state == State::NoThreshold);
    let mut missing: Vec<NotEvaluated> = without
        .map(|measured| {
            let column = measured.column.as_deref().unwrap_or_default();
            let check = format!("{} of {column}", measured.measure);
            not_evaluated(&check, "no threshold is given")
        })
        .collect();
    let judged = |measured: &Measured| measured.state != State::NoThreshold;
    if !window.measured.iter().any(judged) {
        missing.push(NotEvaluated {
            check: "drift".into(),
            reason: "no column could be judged".into(),
            required: true,
        });
    }
    missing
}

fn finding(request: &PresetRequest, measured: &Measured, severity: Severity) -> Finding {
    let about = match &measured.column {
        Some(column) => format!("`{column}`: {}", measured.measure),
        None if measured.kind == FindingKind::Performance => {
            format!("estimated {}", measured.measure)
        }
        None => format!("all columns together: {}", measured.measure),
    };
    let about = match &measured.slice {
        Some(slice) => format!("{about} of {slice}"),
        None => about,
    };
    let decision = match measured.state {
        State::NoDrift => "no drift",
        State::PossibleDrift => "possible drift",
        State::Drift if measured.kind == FindingKind::Performance => "beyond its limits",
        State::Drift => "drift",
        State::NoThreshold => "no threshold is given",
    };
    let message = format!(
        "{about} {}{} ({decision}, as {} decides)",
        table::number(measured.value),
        table::against(measured),
        tool(request.preset)
    );
    Finding {
        slice: measured.slice.clone(),
        column: measured.column.clone(),
        measure: Some(measured.measure.clone()),
        // JSON has no infinity; the message says it.
        value: Some(measured.value).filter(|value| value.is_finite()),
        threshold: limit(measured),
        p_value: measured.p_value.filter(|p| p.is_finite()),
        baseline_rows: Some(measured.baseline_rows),
        window_rows: Some(measured.window_rows),
        ..Finding::new(measured.kind, severity, message)
    }
}

/// The limit that the value is beyond, or nearest to.
fn limit(measured: &Measured) -> Option<f64> {
    match measured.lower {
        Some(lower) if measured.value <= lower => Some(lower),
        _ => measured.threshold,
    }
}

fn share_finding(
    drifted: Drifted,
    share: f64,
    deciding: Option<f64>,
    beyond: bool,
    rows: u64,
) -> Finding {
    let decision = match (deciding, beyond) {
        (None, _) => "; each column decides by itself".to_owned(),
        (Some(limit), true) => format!(", at least {}: the data has drifted", table::number(limit)),
        (Some(limit), false) => format!(
            ", below {}: the data as a whole has not drifted",
            table::number(limit)
        ),
    };
    let severity = if beyond {
        Severity::Error
    } else {
        Severity::Info
    };
    Finding {
        measure: Some(DRIFT_SHARE.to_owned()),
        value: Some(share),
        threshold: deciding,
        unit: Some("share".to_owned()),
        window_rows: Some(rows),
        ..Finding::new(
            FindingKind::Drift,
            severity,
            format!(
                "{} of {} columns drifted, a share of {}{decision}",
                drifted.columns,
                drifted.of,
                table::number(share)
            ),
        )
    }
}

/// Values over the chunks, where there are several.
fn trends(run: &Run, windows: &[MeasuredWindow]) -> Vec<Trend> {
    let Some(first) = windows.first().filter(|_| windows.len() > 1) else {
        return Vec::new();
    };
    let identity = |measured: &Measured| (measured.column.clone(), measured.measure.clone());
    first
        .measured
        .iter()
        .map(|one| Trend {
            group: "drift".to_owned(),
            name: one.column.clone().unwrap_or_else(|| "all columns".into()),
            measure: Some(one.measure.clone()),
            unit: String::new(),
            limit_label: Some("mean and 3 standard deviations of the baseline's chunks".into()),
            points: windows
                .iter()
                .enumerate()
                .map(|(place, window)| {
                    let found = window
                        .measured
                        .iter()
                        .find(|measured| identity(measured) == identity(one));
                    TrendPoint {
                        window: run.windows[place]
                            .start
                            .clone()
                            .unwrap_or_else(|| (place + 1).to_string()),
                        value: found.map(|measured| measured.value),
                        limit: found.and_then(limit),
                        lower_limit: None,
                        baseline: None,
                        alarm: found.is_some_and(|measured| measured.state == State::Drift),
                    }
                })
                .collect(),
        })
        .collect()
}
