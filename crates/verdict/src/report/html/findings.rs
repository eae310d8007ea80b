//! Findings, with their numbers, what moved and the slices that hold it.

use super::{Caps, Cut, Foreign, empty, foreign};
use crate::report::format::{clip, count, number, probability, quantity, subject};
use crate::report::summary::{History, worst_first};
use crate::{Finding, Severity, Window};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct FindingView {
    severity: &'static str,
    kind: &'static str,
    subject: String,
    /// The message in parts, each with whether it is a name in backticks.
    message: Vec<(String, bool)>,
    value: String,
    limit: String,
    p_value: String,
    since: String,
    numbers: Vec<(&'static str, String)>,
    evidence: Cut<EvidenceView>,
    places: Cut<PlaceView>,
}

/// A slice that holds the drift.
#[derive(Serialize)]
struct PlaceView {
    slice: Foreign,
    baseline_share: String,
    window_share: String,
    value: String,
    lower: String,
    rest: String,
}

#[derive(Serialize)]
struct EvidenceView {
    label: Foreign,
    baseline: String,
    window: String,
    contribution: String,
}

pub(super) fn findings(
    window: &Window,
    history: Option<&History<'_>>,
    caps: Caps,
    most: usize,
) -> Cut<FindingView> {
    Cut::of(worst_first(window).into_iter(), most, |finding| {
        finding_view(finding, history, caps)
    })
}

fn finding_view(finding: &Finding, history: Option<&History<'_>>, caps: Caps) -> FindingView {
    let evidence = if history.is_some() { caps.evidence } else { 0 };
    let mut numbers = Vec::new();
    let mut say = |name, value: Option<String>| {
        if let Some(value) = value {
            numbers.push((name, value));
        }
    };
    let unit = finding.unit.as_deref().unwrap_or_default();
    let measured = |value| quantity(value, unit);
    say("effect", finding.effect.map(measured));
    say("effect, at least", finding.effect_lower.map(measured));
    say("least effect that fails", finding.min_effect.map(measured));
    say("rows of the baseline", finding.baseline_rows.map(count));
    say("rows of the window", finding.window_rows.map(count));
    FindingView {
        severity: finding.severity.name(),
        kind: finding.kind.name(),
        subject: clip(&subject(finding), 120),
        message: clip(&finding.message, caps.text)
            .split('`')
            .enumerate()
            .map(|(place, part)| (part.to_owned(), place % 2 == 1))
            .filter(|(part, _)| !part.is_empty())
            .collect(),
        value: finding.value.map(measured).unwrap_or_default(),
        limit: finding.threshold.map(measured).unwrap_or_default(),
        p_value: finding.p_value.map(probability).unwrap_or_default(),
        since: history
            .filter(|_| finding.severity >= Severity::Warning)
            .map(|history| history.since(finding))
            .map(|since| match since.in_a_row {
                0 | 1 => "this window".to_owned(),
                row => format!("{} ({row} windows)", since.first),
            })
            .unwrap_or_default(),
        evidence: if evidence == 0 {
            empty()
        } else {
            Cut::of(finding.evidence.iter(), evidence, |part| EvidenceView {
                label: foreign(&part.label, 60),
                baseline: number(part.baseline),
                window: number(part.window),
                contribution: number(part.contribution),
            })
        },
        places: Cut::of(finding.concentrations.iter(), evidence, |held| PlaceView {
            slice: foreign(&held.slice, 80),
            baseline_share: quantity(held.baseline_share, "share"),
            window_share: quantity(held.window_share, "share"),
            value: measured(held.value),
            lower: measured(held.value_lower),
            rest: measured(held.rest),
        }),
        numbers,
    }
}
