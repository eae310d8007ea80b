//! What a run says: findings, windows, the verdict. These types are `verdict.json`.

use crate::Workings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a run or a window concludes.
///
/// Ordered by how bad it is for a run: `pass < warn < unknown < fail`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to object to.
    Pass,
    /// A warning, no error.
    Warn,
    /// A required check could not be evaluated. Never shown or exited as `pass`.
    Unknown,
    /// An error.
    Fail,
}

impl Verdict {
    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// How bad a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Makes the window warn.
    Warning,
    /// Makes the window fail.
    Error,
}

impl Severity {
    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a finding is about. Readers accept kinds that they do not know: the published
/// schema lists these names without closing the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A broken schema constraint, named as in TFDV.
    Anomaly,
    /// A drift measurement beyond its limit.
    Drift,
    /// A new term, or a known one that surges.
    Term,
    /// A rule of the pipeline that does not hold.
    Rule,
    /// Too few or too many rows.
    Volume,
    /// Rows that are too old.
    Freshness,
    /// A model's performance, realised or estimated.
    Performance,
    /// How a model that may take another's place differs from it.
    Challenger,
    /// A pipeline that could not be evaluated: of alerts only, a run has no such finding.
    Evaluation,
    /// A kind that this build does not know, from a later one.
    #[serde(other)]
    Other,
}

impl FindingKind {
    /// The kinds that this build writes.
    pub const KNOWN: [Self; 9] = [
        Self::Anomaly,
        Self::Drift,
        Self::Term,
        Self::Rule,
        Self::Volume,
        Self::Freshness,
        Self::Performance,
        Self::Challenger,
        Self::Evaluation,
    ];

    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anomaly => "anomaly",
            Self::Drift => "drift",
            Self::Term => "term",
            Self::Rule => "rule",
            Self::Volume => "volume",
            Self::Freshness => "freshness",
            Self::Performance => "performance",
            Self::Challenger => "challenger",
            Self::Evaluation => "evaluation",
            Self::Other => "other",
        }
    }
}

impl JsonSchema for FindingKind {
    fn schema_name() -> Cow<'static, str> {
        "FindingKind".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let known = Self::KNOWN.map(Self::name);
        schemars::json_schema!({
            "description": "What a finding is about. A reader accepts names that it does not know.",
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]*$",
            "examples": known,
        })
    }
}

/// What a finding asks for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Tell somebody.
    Notify,
    /// Train the model again.
    Retrain,
}

impl ActionKind {
    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Retrain => "retrain",
        }
    }
}

/// What kind of word a term is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TermClass {
    /// A word or sense that the baseline does not have.
    Coinage,
    /// A name: person, place, work, event.
    Entity,
    /// A known word that rises.
    Surge,
}

impl TermClass {
    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coinage => "coinage",
            Self::Entity => "entity",
            Self::Surge => "surge",
        }
    }
}

/// How sure the finder is of a term.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TermTier {
    /// Worth watching; nobody is told.
    Watch,
    /// Told.
    Alarm,
    /// Still there after several windows.
    Confirmed,
}

impl TermTier {
    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Alarm => "alarm",
            Self::Confirmed => "confirmed",
        }
    }
}

/// One part of what a finding rests on: a value, a bin, a term with its shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The value, bin or term.
    pub label: String,
    /// Its count or share in the baseline.
    pub baseline: f64,
    /// Its count or share in the window.
    pub window: f64,
    /// Its part of the measured value, in the measure's unit; parts sum to the
    /// value where the measure is a sum.
    pub contribution: f64,
}

/// A slice of the window that differs from the baseline by more than its other rows do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Concentration {
    /// The slice as `column=value`, or two of them.
    pub slice: String,
    /// Its rows in the window.
    pub window_rows: u64,
    /// Its share of the window's rows.
    pub window_share: f64,
    /// Its share of the baseline's rows.
    pub baseline_share: f64,
    /// The measured value within the slice.
    pub value: f64,
    /// What is certain of that value, however many slices were looked at.
    pub value_lower: f64,
    /// The value of all other rows.
    pub rest: f64,
}

/// What can be known of where the texts with a term come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Texts looked at.
    pub texts: u64,
    /// Whether most of them are near copies, by three authors, or of the same ten minutes.
    pub coordinated: bool,
    /// Share of them that are near copies of at least two others.
    pub near_copies: f64,
    /// Share that the three busiest authors wrote; absent where no author is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_authors: Option<f64>,
    /// The greatest share within ten minutes; absent where no time is finer than an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ten_minutes: Option<f64>,
}

impl Origin {
    /// In words, with what cannot be known.
    pub fn sentence(&self) -> String {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let mut parts = vec![format!(
            "of {} texts {} are near copies of others",
            self.texts,
            percent(self.near_copies)
        )];
        parts.push(match self.top_authors {
            Some(share) => format!("three authors wrote {}", percent(share)),
            None => "authors are not known".to_owned(),
        });
        parts.push(match self.ten_minutes {
            Some(share) => format!("{} came within ten minutes", percent(share)),
            None => "the time is not known to the minute".to_owned(),
        });
        let sign = match self.coordinated {
            true => "looks coordinated",
            false => "no sign of coordination",
        };
        format!("{sign}: {}", parts.join(", "))
    }
}

/// One thing worth saying about a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The column, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The slice as `column=value`; absent for all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Name of the drift measure, the anomaly type or the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// The measured value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value beyond which it is a finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Unit of the value, the threshold and the effect: `bits`, `share`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Share of stationary windows that differ at least this much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// The value in excess of what stationary windows usually show, in the measure's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// Lower confidence bound of `effect`; failing needs it above `min_effect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_lower: Option<f64>,
    /// The least effect that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_effect: Option<f64>,
    /// Rows of the baseline behind the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_rows: Option<u64>,
    /// Rows of the window behind the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_rows: Option<u64>,
    /// One sentence for a person.
    pub message: String,
    /// What the value is made of, greatest part first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What the value and its limit are made of beyond that; drift measures have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workings: Option<Box<Workings>>,
    /// Slices that hold the drift, the most certain first; none where it is spread over all,
    /// or was not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concentrations: Vec<Concentration>,
    /// The column that this one moves with in the baseline too: what happened to both is one thing, and
    /// reports tell it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_with: Option<String>,
    /// What it asks for; absent where it asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionKind>,
    /// The term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// The term's class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<TermClass>,
    /// The term's tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<TermTier>,
    /// Start of the window in which the term was first seen, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Documents with the term, in the window or the horizon that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Where the texts with the term come from, or those of the rows that a rule is about; absent of names,
    /// and of too few texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Masked examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Finding {
    /// A finding with nothing but what every finding has.
    pub fn new(kind: FindingKind, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            kind,
            column: None,
            slice: None,
            severity,
            measure: None,
            value: None,
            threshold: None,
            unit: None,
            p_value: None,
            effect: None,
            effect_lower: None,
            min_effect: None,
            baseline_rows: None,
            window_rows: None,
            message: message.into(),
            evidence: Vec::new(),
            workings: None,
            concentrations: Vec::new(),
            moves_with: None,
            action: None,
            term: None,
            class: None,
            tier: None,
            first_seen: None,
            count: None,
            origin: None,
            examples: Vec::new(),
        }
    }
}

/// A check that could not be made, and why. It is never a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotEvaluated {
    /// The check: a column, a rule, the schema.
    pub check: String,
    /// Why it could not be made.
    pub reason: String,
    /// Whether the window's verdict is unknown because of it.
    pub required: bool,
}

/// One window of live data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// First instant, RFC 3339; absent where the data has no time.
    pub start: Option<String>,
    /// First instant after it, RFC 3339; absent where the data has no time.
    pub end: Option<String>,
    /// Rows read.
    pub rows: u64,
    /// What the window concludes.
    pub verdict: Verdict,
    /// What is worth saying, worst first.
    pub findings: Vec<Finding>,
    /// What could not be evaluated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_evaluated: Vec<NotEvaluated>,
}

/// What the findings of a run ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// Notify or retrain.
    pub kind: ActionKind,
    /// Why, for a person.
    pub reason: String,
    /// Start of the newest window that asks for it.
    pub window_start: Option<String>,
    /// End of the newest window that asks for it.
    pub window_end: Option<String>,
}

/// One evaluation of a pipeline: the content of `verdict.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Version of this format.
    pub format_version: u32,
    /// The worst of the windows: fail, unknown, warn, pass.
    pub verdict: Verdict,
    /// The pipeline's name.
    pub pipeline: String,
    /// Identity of this run.
    pub run_id: String,
    /// When the run was made, RFC 3339.
    pub created_at: String,
    /// Content hash of the baseline that windows were compared with.
    pub baseline_id: String,
    /// Windows in time order.
    pub windows: Vec<Window>,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// What a reader must know to read the numbers right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Run {
    /// The format version that this build writes.
    pub const FORMAT_VERSION: u32 = 1;

    /// The newest window that has ended, on which a gate rests.
    pub fn newest_window(&self) -> Option<&Window> {
        self.windows.last()
    }
}

/// The JSON Schema of `verdict.json`, as published under `schemas/`.
pub fn json_schema() -> serde_json::Value {
    let mut generated = schemars::schema_for!(Run);
    let mut schema = serde_json::Map::new();
    // What a person looks for first comes first.
    let dialect = generated.remove("$schema").unwrap_or_default();
    schema.insert("$schema".to_owned(), dialect);
    schema.insert("title".to_owned(), "Driftline verdict".into());
    generated.remove("title");
    if let serde_json::Value::Object(rest) = generated.to_value() {
        schema.extend(rest);
    }
    schema.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_a_later_version_is_read_as_other() {
        let json = r#"{"kind": "lineage", "severity": "info", "message": "m", "later": 1}"#;
        let finding: Finding = serde_json::from_str(json).unwrap();
        assert_eq!(finding.kind, FindingKind::Other);
    }

    #[test]
    fn names_are_those_of_the_json() {
        for kind in FindingKind::KNOWN {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for verdict in [
            Verdict::Pass,
            Verdict::Warn,
            Verdict::Unknown,
            Verdict::Fail,
        ] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
    }
}
