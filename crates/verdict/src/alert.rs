//! What a window says about alerts: which findings raise one, what an alert is known by, and
//! which findings hold others back.
//!
//! Broken data makes drift: a column whose values changed their form differs from the baseline
//! in every measure. So a finding about the data itself holds back those that rest on the same
//! data; what is held back is neither seen nor clear in that window.

use crate::decide::asks_to_notify;
use crate::{Finding, FindingKind, Severity, Window};
use driftline_drift::Observation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an alert of a monitor is known by, from window to window.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct AlertKey {
    /// What it is about.
    pub kind: FindingKind,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// The slice as `column=value`; absent for all rows.
    pub slice: Option<String>,
    /// The drift measure, the type of anomaly or the rule.
    pub measure: Option<String>,
    /// The term.
    pub term: Option<String>,
}

impl AlertKey {
    /// The key of the alert that a finding belongs to.
    pub fn of(finding: &Finding) -> Self {
        Self {
            kind: finding.kind,
            column: finding.column.clone(),
            slice: finding.slice.clone(),
            measure: finding.measure.clone(),
            term: finding.term.clone(),
        }
    }
}

/// What one window says about every alert.
#[derive(Debug)]
pub struct Sighting<'a> {
    window: &'a Window,
    seen: BTreeMap<AlertKey, &'a Finding>,
}

impl<'a> Sighting<'a> {
    /// Looks at a window. A finding raises an alert if it is at least this severe, or asks for
    /// notice.
    pub fn of(window: &'a Window, least: Severity) -> Self {
        let mut seen = BTreeMap::new();
        for finding in &window.findings {
            if finding.severity < least && !asks_to_notify(finding) {
                continue;
            }
            let key = AlertKey::of(finding);
            if !holds_back(window, &key) {
                // Findings stand worst first: the first of a key is the one to tell.
                seen.entry(key).or_insert(finding);
            }
        }
        Self { window, seen }
    }

    /// The window.
    pub fn window(&self) -> &'a Window {
        self.window
    }

    /// The alerts that it shows, each with its finding.
    pub fn seen(&self) -> &BTreeMap<AlertKey, &'a Finding> {
        &self.seen
    }

    /// What it says about one alert.
    pub fn observation(&self, key: &AlertKey) -> Observation {
        if self.seen.contains_key(key) {
            Observation::Seen
        } else if self.window.rows == 0
            || holds_back(self.window, key)
            || is_not_evaluated(self.window, key)
        {
            Observation::Unknown
        } else {
            Observation::Clear
        }
    }
}

/// Whether the window's data is broken in a way that the alert could come from.
pub fn holds_back(window: &Window, key: &AlertKey) -> bool {
    window
        .findings
        .iter()
        .any(|cause| is_cause_of(cause, window.rows, key))
}

fn is_cause_of(cause: &Finding, rows: u64, key: &AlertKey) -> bool {
    match cause.kind {
        FindingKind::Volume => rows == 0 && key.kind != FindingKind::Volume,
        FindingKind::Anomaly if cause.severity == Severity::Error => {
            let about_the_same = match (&cause.column, &key.column) {
                (Some(broken), Some(column)) => broken == column,
                // It is about all columns, or the alert is about all rows.
                _ => true,
            };
            let rests_on_values = matches!(
                key.kind,
                FindingKind::Drift | FindingKind::Performance | FindingKind::Term
            );
            rests_on_values && about_the_same
        }
        _ => false,
    }
}

/// Whether the check that would have shown it could not be made.
fn is_not_evaluated(window: &Window, key: &AlertKey) -> bool {
    window.not_evaluated.iter().any(|missing| {
        let check = missing.check.as_str();
        let of_column = key.column.as_ref().is_some_and(|column| {
            let of = format!(" of {column}");
            check == column || check.ends_with(&of) || check.contains(&format!("{of} where "))
        });
        let is_rule = key.measure.as_deref() == Some(check);
        // Where the schema as a whole could not be checked, no anomaly is gone.
        let whole = key.kind == FindingKind::Anomaly && missing.required && check == "schema";
        of_column || is_rule || whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NotEvaluated, Verdict};

    fn window(rows: u64, findings: Vec<Finding>) -> Window {
        Window {
            start: None,
            end: None,
            rows,
            verdict: Verdict::Fail,
            findings,
            not_evaluated: Vec::new(),
        }
    }

    fn finding(kind: FindingKind, severity: Severity, column: Option<&str>) -> Finding {
        Finding {
            column: column.map(str::to_owned),
            ..Finding::new(kind, severity, "m")
        }
    }

    fn drift(column: &str) -> Finding {
        finding(FindingKind::Drift, Severity::Error, Some(column))
    }

    fn said(window: &Window, of: &Finding) -> Observation {
        Sighting::of(window, Severity::Error).observation(&AlertKey::of(of))
    }

    #[test]
    fn an_error_is_seen_and_its_absence_is_clear() {
        assert_eq!(
            said(&window(9, vec![drift("a")]), &drift("a")),
            Observation::Seen
        );
        assert_eq!(
            said(&window(9, vec![drift("a")]), &drift("b")),
            Observation::Clear
        );
        let warning = finding(FindingKind::Drift, Severity::Warning, Some("a"));
        assert_eq!(
            said(&window(9, vec![warning]), &drift("a")),
            Observation::Clear
        );
    }

    #[test]
    fn a_broken_column_holds_back_its_own_drift_and_no_other() {
        let broken = finding(FindingKind::Anomaly, Severity::Error, Some("a"));
        let shown = window(9, vec![broken.clone(), drift("a"), drift("b")]);
        assert_eq!(said(&shown, &drift("a")), Observation::Unknown);
        assert_eq!(said(&shown, &drift("b")), Observation::Seen);
        assert_eq!(said(&shown, &broken), Observation::Seen);
    }

    #[test]
    fn a_broken_data_set_holds_back_all_drift() {
        let broken = finding(FindingKind::Anomaly, Severity::Error, None);
        let shown = window(9, vec![broken, drift("a")]);
        assert_eq!(said(&shown, &drift("a")), Observation::Unknown);
        let rule = finding(FindingKind::Rule, Severity::Error, None);
        assert_eq!(said(&shown, &rule), Observation::Clear);
    }

    #[test]
    fn a_window_without_rows_says_nothing_but_that() {
        let none = Finding {
            action: Some(crate::ActionKind::Notify),
            ..finding(FindingKind::Volume, Severity::Warning, None)
        };
        let shown = window(0, vec![none.clone()]);
        assert_eq!(said(&shown, &none), Observation::Seen);
        assert_eq!(said(&shown, &drift("a")), Observation::Unknown);
    }

    #[test]
    fn a_check_that_could_not_be_made_clears_nothing() {
        let mut shown = window(9, Vec::new());
        shown.not_evaluated.push(NotEvaluated {
            check: "jensen_shannon of a where city=Rome".to_owned(),
            reason: "under-powered".to_owned(),
            required: false,
        });
        assert_eq!(said(&shown, &drift("a")), Observation::Unknown);
        assert_eq!(said(&shown, &drift("b")), Observation::Clear);
    }
}
