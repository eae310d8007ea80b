//! From findings to a verdict, and from verdicts to actions.

use crate::{Action, Finding, NotEvaluated, Severity, Verdict, Window};

/// A window fails on any error; else it is unknown if a required check could not be
/// made; else it warns on any warning; else it passes.
pub fn window_verdict(rows: u64, findings: &[Finding], not_evaluated: &[NotEvaluated]) -> Verdict {
    let worst = findings.iter().map(|finding| finding.severity).max();
    if worst == Some(Severity::Error) {
        Verdict::Fail
    } else if rows == 0 || not_evaluated.iter().any(|check| check.required) {
        Verdict::Unknown
    } else if worst == Some(Severity::Warning) {
        Verdict::Warn
    } else {
        Verdict::Pass
    }
}

/// A run is the worst of its windows; a run over no window is unknown.
pub fn run_verdict(windows: &[Window]) -> Verdict {
    windows
        .iter()
        .map(|window| window.verdict)
        .max()
        .unwrap_or(Verdict::Unknown)
}

/// What the findings ask for.
pub fn decide_actions(windows: &[Window]) -> Vec<Action> {
    let _ = windows;
    Vec::new()
}
