//! A judged window in words: its findings, what could not be evaluated, and its verdict.

use crate::{
    baseline::Baseline,
    config::{Duration, Pipeline},
    findings,
    judge::JudgedWindow,
    live_profiles::NEEDS_ROWS,
    report, term_texts, watched,
    window_schema::{self, WindowCheck},
};
use driftline_engine::TermTexts;
use driftline_schema::Schema;
use driftline_verdict::{
    ActionKind, Finding, FindingKind, NotEvaluated, Severity, Window, window_verdict,
};
use std::collections::BTreeMap;

pub(crate) fn freshness_finding(age_us: i64, max_age: Duration) -> (Finding, NotEvaluated) {
    let hours = age_us as f64 / 3.6e9;
    let message = format!(
        "the newest row is {} hours old, more than {max_age}: this data is stale",
        findings::number(hours)
    );
    let finding = Finding {
        measure: Some("max_age".into()),
        unit: Some("hours".into()),
        value: Some(hours),
        threshold: Some(max_age.seconds() as f64 / 3_600.0),
        action: Some(ActionKind::Notify),
        ..Finding::new(FindingKind::Freshness, Severity::Warning, message.clone())
    };
    let missing = NotEvaluated {
        check: "freshness".into(),
        reason: message,
        required: true,
    };
    (finding, missing)
}

/// Freshness where profiles stand for rows, and none tells the times of these.
pub(crate) fn untold_freshness() -> NotEvaluated {
    NotEvaluated {
        check: "freshness".into(),
        reason: "no profile has times in the time column, so the newest is not known".into(),
        required: true,
    }
}

/// Puts the last of some windows into findings.
pub(crate) fn conclude(
    pipeline: &Pipeline,
    baseline: &Baseline,
    schema: &Schema,
    windows: &[JudgedWindow],
    check: Option<&WindowCheck>,
    texts: &BTreeMap<String, TermTexts>,
) -> Window {
    let (index, window) = (windows.len() - 1, &windows[windows.len() - 1]);
    let live = &window.live;
    let mut found: Vec<Finding> = Vec::new();
    let mut not_evaluated: Vec<NotEvaluated> = live.not_evaluated.clone();
    if live.rows == 0 {
        not_evaluated.push(NotEvaluated {
            check: "rows".into(),
            reason: "the window has no rows".into(),
            required: true,
        });
        found.push(Finding {
            measure: Some("rows".into()),
            value: Some(0.0),
            window_rows: Some(0),
            action: Some(ActionKind::Notify),
            ..Finding::new(
                FindingKind::Volume,
                Severity::Warning,
                "the window has no rows",
            )
        });
    } else {
        found.extend(volume(pipeline, live.rows));
        let columns = window_schema::profiles(live);
        let mut anomalies = driftline_schema::validate(schema, &columns, live.rows);
        if let Some(check) = check {
            anomalies = check.with_profiles(anomalies);
            not_evaluated.extend(check.not_evaluated.iter().cloned());
        }
        found.extend(anomalies.iter().map(|a| findings::anomaly(a, live.rows)));
        for measurement in &window.measurements {
            match findings::drift(pipeline, measurement) {
                Ok(finding) => found.extend(finding.map(|finding| {
                    let place = (measurement.column.clone(), measurement.measure.name());
                    findings::held_by(finding, window.concentrations.get(&place))
                })),
                Err(missing) => not_evaluated.push(missing),
            }
        }
        // A window that is still filling may have too few rows to be judged yet.
        if !live.partial {
            not_evaluated.extend(findings::nothing_judged(&window.measurements));
        }
        findings::tell_together(&mut found, &window.companions);
        found.extend(
            window
                .slow
                .iter()
                .map(|slow| findings::slow_drift(pipeline, slow)),
        );
        if let Some(performance) = &window.performance {
            performance.conclude(&mut found, &mut not_evaluated);
        }
        for challenger in &window.challengers {
            challenger.conclude(&mut found, &mut not_evaluated);
        }
        for (index, rule) in pipeline.rules.iter().enumerate() {
            let known = baseline.rules.get(index).map_or(&[][..], Vec::as_slice);
            let limits = findings::RuleLimits::of(rule, known);
            match live.rules.get(index).copied().flatten() {
                Some(value) if !limits.holds(value) => {
                    found.push(findings::rule(rule, &limits, value, live.rows));
                }
                Some(_) => {}
                None => not_evaluated.push(NotEvaluated {
                    check: rule.name.clone(),
                    reason: match live.is_of_profiles {
                        true => NEEDS_ROWS.into(),
                        false => "the rule's SQL gave no value for this window".into(),
                    },
                    required: true,
                }),
            }
        }
        if let Some(terms) = &pipeline.terms {
            for (word, count) in &window.keywords {
                match watched::finding(word, count.as_ref(), terms) {
                    Ok(finding) => found.extend(finding),
                    Err(missing) => not_evaluated.push(missing),
                }
            }
        }
        for (term, documents) in &window.terms {
            let first_seen = if live.span.is_some() {
                report::instant(term.first_seen, live.zone)
            } else {
                index.to_string()
            };
            let texts = texts.get(&term.text);
            found.push(Finding {
                origin: texts.and_then(|texts| term_texts::origin(term, texts, windows)),
                examples: texts
                    .map(|texts| texts.examples.clone())
                    .unwrap_or_default(),
                ..findings::term(term, *documents, first_seen)
            });
        }
    }
    Window {
        start: live
            .span
            .map(|span| report::instant(span.start_us, live.zone)),
        end: live
            .span
            .map(|span| report::instant(span.end_us, live.zone)),
        rows: live.rows,
        verdict: window_verdict(live.rows, &found, &not_evaluated),
        findings: found,
        not_evaluated,
    }
}

fn volume(pipeline: &Pipeline, rows: u64) -> Option<Finding> {
    let volume = &pipeline.volume;
    let (side, limit) = match (volume.min_rows, volume.max_rows) {
        (Some(least), _) if rows < least => ("fewer than", least),
        (_, Some(most)) if rows > most => ("more than", most),
        _ => return None,
    };
    Some(Finding {
        measure: Some("rows".into()),
        value: Some(rows as f64),
        threshold: Some(limit as f64),
        window_rows: Some(rows),
        action: Some(ActionKind::Notify),
        ..Finding::new(
            FindingKind::Volume,
            Severity::Error,
            format!("{rows} rows, {side} the {limit} that a window must have"),
        )
    })
}
