//! How findings become alerts: `alerts:` of a pipeline.

use super::Duration;
use driftline_verdict::{Confirmation, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How findings become alerts, and who is told how often.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// The windows that must show a finding before its alert fires.
    #[serde(rename = "for")]
    pub confirm: Confirmation,
    /// Windows in a row that must not show it before the alert is resolved.
    pub clear_for: usize,
    /// Windows after that in which it does not fire again.
    pub cool_down: usize,
    /// The least severity that raises an alert. Findings that ask for notice always do.
    pub severity: Severity,
    /// What alerts that are told together have in common; by default all of a run are.
    pub group_by: Vec<AlertField>,
    /// The most events of one run about alerts that begin, and about those that end; where
    /// groups are more, all are told in one.
    pub max_events: usize,
    /// How long until an alert that still fires is told again; never if left out.
    pub repeat_interval: Option<Duration>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self {
            confirm: Confirmation { windows: 1, of: 1 },
            clear_for: 2,
            cool_down: 0,
            severity: Severity::Error,
            group_by: Vec::new(),
            max_events: 10,
            repeat_interval: None,
        }
    }
}

/// A field of an alert by which alerts are grouped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertField {
    /// What it is about: drift, an anomaly, a term.
    Kind,
    /// The column.
    Column,
    /// The slice.
    Slice,
    /// The drift measure, the type of anomaly or the rule.
    Measure,
}

impl AlertField {
    /// The name in YAML and in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Column => "column",
            Self::Slice => "slice",
            Self::Measure => "measure",
        }
    }
}

impl AlertsConfig {
    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let Confirmation { windows, of } = self.confirm;
        if windows == 0 || windows > of {
            return Some((
                "for:",
                format!("an alert cannot be seen in {windows} of {of} windows"),
            ));
        }
        if of > 1_000 {
            return Some(("for:", "at most 1000 windows are looked at".to_owned()));
        }
        if self.clear_for == 0 {
            return Some((
                "clear_for",
                "an alert is cleared by at least 1 window".to_owned(),
            ));
        }
        if self.max_events == 0 {
            return Some(("max_events", "alerts need at least 1 event".to_owned()));
        }
        None
    }
}
