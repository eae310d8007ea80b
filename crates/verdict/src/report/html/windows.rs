//! Windows before the newest, with what they hold, and checks that could not be made.

use super::findings::{FindingView, findings};
use super::{Caps, Cut, Foreign, counted_rows, foreign};
use crate::report::format::{clip, counted, window_span};
use crate::report::summary::worst_first;
use crate::{FindingKind, Run, Window};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
pub(super) struct WindowView {
    place: usize,
    span: String,
    verdict: &'static str,
    rows: String,
    findings: Cut<FindingView>,
    terms: Cut<Foreign>,
    not_evaluated: Cut<CheckView>,
    what: String,
}

#[derive(Serialize)]
pub(super) struct CheckView {
    check: String,
    reason: String,
    required: bool,
}

/// Details of the windows with findings, or without a required check, newest first, the newest itself left
/// out; and the places of those shown.
pub(super) fn windows(run: &Run, caps: Caps) -> (Cut<WindowView>, BTreeSet<usize>) {
    let older = run.windows.len().saturating_sub(1);
    let mut telling: Vec<(usize, &Window)> = run
        .windows
        .iter()
        .enumerate()
        .take(older)
        .filter(|(_, window)| {
            !window.findings.is_empty() || window.not_evaluated.iter().any(|check| check.required)
        })
        .collect();
    telling.reverse();
    let shown = telling
        .iter()
        .take(caps.windows)
        .map(|(place, _)| *place)
        .collect();
    let cut = Cut::of(telling.into_iter(), caps.windows, |(place, window)| {
        WindowView {
            place,
            span: window_span(window, place),
            verdict: window.verdict.name(),
            rows: counted_rows(window.rows),
            findings: findings(window, None, caps, caps.findings_of_a_window),
            terms: terms_of(window, 30),
            not_evaluated: checks(window, caps.findings_of_a_window, caps),
            what: what_a_window_holds(window),
        }
    });
    (cut, shown)
}

fn what_a_window_holds(window: &Window) -> String {
    let terms = window
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Term)
        .count();
    let others = worst_first(window).len();
    let parts = [
        (others, "finding"),
        (terms, "term"),
        (window.not_evaluated.len(), "check not made"),
    ];
    parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| match noun {
            "check not made" if number > 1 => format!("{number} checks not made"),
            "check not made" => format!("{number} {noun}"),
            noun => counted(number, noun),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn checks(window: &Window, most: usize, caps: Caps) -> Cut<CheckView> {
    let mut checks: Vec<_> = window.not_evaluated.iter().collect();
    checks.sort_by_key(|check| !check.required);
    Cut::of(checks.into_iter(), most, |check| CheckView {
        check: clip(&check.check, 120),
        reason: clip(&check.reason, caps.text),
        required: check.required,
    })
}

pub(super) fn terms_of(window: &Window, most: usize) -> Cut<Foreign> {
    let terms: Vec<&str> = window
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Term)
        .filter_map(|finding| finding.term.as_deref())
        .collect();
    Cut::of(terms.into_iter(), most, |term| foreign(term, 40))
}
