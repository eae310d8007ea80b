//! The run as SARIF, which code hosts show as alerts.
//!
//! One result for each finding, one rule for each measure, anomaly type or kind. What could
//! not be evaluated is a notification, never a passing rule. A data set has no lines: a
//! result's location is the column as a logical location, in the window's file or the
//! pipeline that was run.
//!
//! The types below are the part of SARIF 2.1.0 (OASIS, 2020) that is written here. The
//! `serde-sarif` crate has all of it, at the price of a code generator that nobody keeps.

use crate::report::format::{amount, subject, window_span};
use crate::report::summary::worst_first;
use crate::{Finding, FindingKind, Run, Severity, VerdictError, Window};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where the format's JSON Schema is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The most results that are written for a window; the rest is told in a notification.
/// Code hosts refuse files of more than 25,000 results.
const MOST_RESULTS: usize = 1_000;

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [SarifRun<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRun<'a> {
    tool: Tool,
    automation_details: Automation,
    invocations: [Invocation; 1],
    results: Vec<SarifResult>,
    properties: RunProperties<'a>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Text,
}

#[derive(Serialize)]
struct Automation {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    kind: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    properties: ResultProperties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    logical_locations: [LogicalLocation; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties<'a> {
    verdict: &'static str,
    run_id: &'a str,
    created_at: &'a str,
    baseline_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultProperties {
    window: String,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
}

/// The run as SARIF 2.1.0.
///
/// # Errors
/// [`VerdictError::Render`] if it cannot be written.
pub fn sarif(run: &Run) -> Result<String, VerdictError> {
    let mut rules = Rules::default();
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    for (place, window) in run.windows.iter().enumerate() {
        let span = window_span(window, place);
        let findings = worst_first(window);
        let terms = window
            .findings
            .iter()
            .filter(|finding| finding.kind == FindingKind::Term);
        let all: Vec<&Finding> = findings.into_iter().chain(terms).collect();
        for finding in all.iter().take(MOST_RESULTS) {
            results.push(result(run, window, &span, finding, &mut rules));
        }
        notifications.extend(told(window, &span, all.len().saturating_sub(MOST_RESULTS)));
    }
    if run.windows.is_empty() {
        notifications.push(notification(
            "error",
            "no window of live data was evaluated".to_owned(),
        ));
    }
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [SarifRun {
            tool: Tool {
                driver: Driver {
                    name: "driftline",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: rules.rules,
                },
            },
            automation_details: Automation {
                id: format!("driftline/{}/{}", run.pipeline, run.run_id),
            },
            invocations: [Invocation {
                execution_successful: !run.windows.is_empty(),
                tool_execution_notifications: notifications,
            }],
            results,
            properties: RunProperties {
                verdict: run.verdict.name(),
                run_id: &run.run_id,
                created_at: &run.created_at,
                baseline_id: &run.baseline_id,
            },
        }],
    };
    serde_json::to_string_pretty(&log).map_err(|error| VerdictError::Render {
        format: "SARIF",
        reason: error.to_string(),
    })
}

/// Rules in the order of their first result.
#[derive(Default)]
struct Rules {
    places: BTreeMap<String, usize>,
    rules: Vec<Rule>,
}

impl Rules {
    fn place(&mut self, id: &str, kind: FindingKind) -> usize {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let place = self.rules.len();
        self.rules.push(Rule {
            id: id.to_owned(),
            short_description: Text {
                text: description(kind).to_owned(),
            },
        });
        self.places.insert(id.to_owned(), place);
        place
    }
}

fn description(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Anomaly => "A constraint of the schema that the data breaks.",
        FindingKind::Drift => "A column that differs from the baseline beyond its limit.",
        FindingKind::Term => "A new term, or a known one that surges.",
        FindingKind::Rule => "A rule of the pipeline that does not hold.",
        FindingKind::Volume => "Too few or too many rows.",
        FindingKind::Freshness => "Rows that are too old.",
        FindingKind::Performance => "A loss of a model's performance.",
        FindingKind::Challenger => "How a model that may take another's place differs from it.",
        FindingKind::Evaluation => "A pipeline that could not be evaluated.",
        FindingKind::Other => "A finding of a kind from a later version.",
    }
}

fn result(
    run: &Run,
    window: &Window,
    span: &str,
    finding: &Finding,
    rules: &mut Rules,
) -> SarifResult {
    let rule_id = match &finding.measure {
        Some(measure) => format!("{}/{measure}", finding.kind.name()),
        None => finding.kind.name().to_owned(),
    };
    let text = amount(finding).map_or_else(
        || finding.message.clone(),
        |amount| format!("{} ({amount})", finding.message),
    );
    let place = finding.column.clone().unwrap_or_else(|| "rows".to_owned());
    let name = match &finding.slice {
        Some(slice) => format!("{place} where {slice}"),
        None => place,
    };
    // The same finding in the next window is the same alert.
    let term = finding.term.as_deref().unwrap_or_default();
    let identity = format!("{}/{rule_id}/{name}/{term}", run.pipeline);
    SarifResult {
        rule_index: rules.place(&rule_id, finding.kind),
        rule_id,
        level: level(finding.severity),
        kind: if finding.severity == Severity::Info {
            "informational"
        } else {
            "fail"
        },
        message: Text {
            text: format!("{}: {text} [{span}]", subject(finding)),
        },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: uri(&run.pipeline),
                },
            },
            logical_locations: [LogicalLocation {
                kind: if finding.column.is_some() {
                    "column"
                } else {
                    "table"
                },
                fully_qualified_name: name,
            }],
        }],
        partial_fingerprints: BTreeMap::from([("driftline/v1", identity)]),
        properties: ResultProperties {
            window: span.to_owned(),
            rows: window.rows,
            value: finding.value.filter(|value| value.is_finite()),
            threshold: finding.threshold.filter(|value| value.is_finite()),
            unit: finding.unit.clone(),
            action: finding.action.map(crate::ActionKind::name),
        },
    }
}

/// SARIF's level; a result of kind `informational` has none.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "none",
    }
}

/// What a window could not evaluate, and what it does not show.
fn told(window: &Window, span: &str, left_out: usize) -> Vec<Notification> {
    let mut told = Vec::new();
    if window.rows == 0 {
        told.push(notification("error", format!("{span}: no rows")));
    }
    for check in &window.not_evaluated {
        let level = if check.required { "error" } else { "note" };
        told.push(notification(
            level,
            format!("{span}: not evaluated: {}: {}", check.check, check.reason),
        ));
    }
    if left_out > 0 {
        let text = format!("{span}: {left_out} more findings are not listed");
        told.push(notification("warning", text));
    }
    told
}

fn notification(level: &'static str, text: String) -> Notification {
    Notification {
        level,
        message: Text { text },
    }
}

/// A name as a relative reference (RFC 3986, section 2): everything but unreserved
/// characters and slashes is escaped.
fn uri(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if uri.is_empty() {
        "driftline".to_owned()
    } else {
        uri
    }
}
