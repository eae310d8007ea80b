//! From a run to the events that tell about it.
//!
//! An event's id follows from the monitor, the window and what happened to it, so that a
//! window that is evaluated twice, after a crash or because its data did not change, is
//! told of once. A window without a time has nothing but its content to be known by.
//!
//! Of a monitor's first run only the newest window is told of: the others are history that
//! nobody was waiting for. Later runs also tell of every failed window since the last one.

use crate::clock::{earlier, later};
use crate::delivery::Target;
use chrono::{DateTime, Utc};
use driftline_pipeline::config::Topic;
use driftline_store::{MonitorState, NewEvent, NewRetrainingRequest};
use driftline_verdict::{ActionKind, Finding, Run, Severity, Verdict, Window};
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// Findings or alerts in a payload; the rest is counted, and a link leads to them.
const FINDINGS: usize = 10;
/// Characters of one text in a payload.
const TEXT_CHARACTERS: usize = 300;
/// Bytes of `data`, so that a payload stays under the 20 kB of Standard Webhooks.
const DATA_BYTES: usize = 18_000;
/// Namespace of event ids; drawn once.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d0a_51b3_6c64_4d5e_9f4e_0b7f_5a27_c1d8);

/// What events say beside the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSettings {
    /// Where the status API is reached from outside, without a slash at the end; events
    /// carry links only where it is set.
    pub base_url: Option<String>,
    /// How long a retraining request waits to be accepted; meanwhile its monitor asks for
    /// no other one.
    pub retraining_expiry: Duration,
    /// How long after a retraining that ended, well or not, its monitor asks for no other.
    pub retraining_cooldown: Duration,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            base_url: None,
            retraining_expiry: Duration::from_secs(24 * 60 * 60),
            retraining_cooldown: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// What a run leads to.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) events: Vec<NewEvent>,
    pub(crate) retraining: Option<NewRetrainingRequest>,
}

/// The events and the retraining request of a run. `before` is the monitor's state before it.
pub(crate) fn decide(
    monitor: &str,
    run: &Run,
    before: Option<&MonitorState>,
    targets: &[Target],
    settings: &EventSettings,
    now: DateTime<Utc>,
) -> Decided {
    let judged = told(targets, Topic::Verdict);
    let judged = match judged.is_empty() {
        true => Vec::new(),
        false => new_windows(run, before)
            .map(|window| NewEvent {
                id: format!("evt_{}", identity(monitor, window, JUDGED)),
                kind: JUDGED.to_owned(),
                data: data(monitor, run, window, settings),
                targets: judged.clone(),
            })
            .collect(),
    };
    let events = windows_to_tell(run, before)
        .into_iter()
        .map(|window| {
            let kind = window_event(window.verdict);
            NewEvent {
                id: format!("evt_{}", identity(monitor, window, kind)),
                kind: kind.to_owned(),
                data: data(monitor, run, window, settings),
                targets: told(targets, Topic::Notify),
            }
        })
        .chain(judged)
        .collect();
    let retraining = run
        .actions
        .iter()
        .find(|action| action.kind == ActionKind::Retrain)
        .and_then(|action| {
            let kind = "retraining.requested";
            let window = run.windows.iter().rev().find(|window| {
                window.start == action.window_start && window.end == action.window_end
            })?;
            let identity = identity(monitor, window, kind);
            let id = format!("retrain_{identity}");
            let mut data = data(monitor, run, window, settings);
            data.insert("retraining_request_id".to_owned(), id.clone().into());
            data.insert("reason".to_owned(), clipped(&action.reason).into());
            Some(NewRetrainingRequest {
                id,
                reason: action.reason.clone(),
                window_start: window.start.clone(),
                window_end: window.end.clone(),
                expires_at: later(now, settings.retraining_expiry),
                cooled_since: earlier(now, settings.retraining_cooldown),
                event: NewEvent {
                    id: format!("evt_{identity}"),
                    kind: kind.to_owned(),
                    data,
                    targets: told(targets, Topic::Retrain),
                },
            })
        });
    Decided { events, retraining }
}

/// The type of the event about a window that asks for notice.
fn window_event(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "window.failed",
        Verdict::Unknown => "window.unknown",
        Verdict::Warn | Verdict::Pass => "window.noticed",
    }
}

/// The type of the event about a window that is judged.
const JUDGED: &str = "window.judged";

/// The newest window, and those since the last run.
fn new_windows<'a>(
    run: &'a Run,
    before: Option<&MonitorState>,
) -> impl Iterator<Item = &'a Window> {
    let seen_until = before
        .and_then(|before| before.last_window_end.as_deref())
        .and_then(instant);
    let newest = run.windows.len().saturating_sub(1);
    let windows = run.windows.iter().enumerate();
    let new = windows.filter(move |(place, window)| {
        let end = window.end.as_deref().and_then(instant);
        *place == newest || matches!((seen_until, end), (Some(seen), Some(end)) if end > seen)
    });
    new.map(|(_, window)| window)
}

fn windows_to_tell<'a>(run: &'a Run, before: Option<&MonitorState>) -> Vec<&'a Window> {
    let Some(newest) = run.newest_window() else {
        return Vec::new();
    };
    let mut windows: Vec<&Window> = new_windows(run, before)
        .filter(|window| window.verdict == Verdict::Fail && !std::ptr::eq(*window, newest))
        .collect();
    let asked = run
        .actions
        .iter()
        .any(|action| action.kind == ActionKind::Notify);
    if newest.verdict == Verdict::Fail || asked {
        windows.push(newest);
    }
    windows
}

/// An instant in RFC 3339.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc())
}

/// The targets that are told of a topic.
pub(crate) fn told(targets: &[Target], topic: Topic) -> Vec<String> {
    targets
        .iter()
        .filter(|target| target.on().contains(&topic))
        .map(|target| target.name().to_owned())
        .collect()
}

/// The same for the same window of the same monitor and the same thing that happened to it.
fn identity(monitor: &str, window: &Window, kind: &str) -> String {
    let window = match (&window.start, &window.end) {
        (None, None) => json!(window),
        (start, end) => json!([start, end]),
    };
    name_of(&json!([monitor, kind, window]))
}

/// A name that follows from what it names. JSON keeps the parts apart, whatever they hold.
pub(crate) fn name_of(what: &Value) -> String {
    Uuid::new_v5(&NAMESPACE, what.to_string().as_bytes())
        .simple()
        .to_string()
}

fn data(monitor: &str, run: &Run, window: &Window, settings: &EventSettings) -> Map<String, Value> {
    let with = |severity: Severity| {
        window
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let mut data = Map::new();
    data.insert("monitor".to_owned(), monitor.into());
    data.insert("run_id".to_owned(), run.run_id.as_str().into());
    data.insert("baseline_id".to_owned(), run.baseline_id.as_str().into());
    data.insert("verdict".to_owned(), json!(window.verdict));
    data.insert("run_verdict".to_owned(), json!(run.verdict));
    data.insert(
        "window".to_owned(),
        json!({"start": window.start, "end": window.end, "rows": window.rows}),
    );
    data.insert(
        "counts".to_owned(),
        json!({
            "error": with(Severity::Error),
            "warning": with(Severity::Warning),
            "info": with(Severity::Info),
            "not_evaluated": window.not_evaluated.len(),
        }),
    );
    insert_links(&mut data, monitor, Some(&run.run_id), settings);
    let findings = worst_first(&window.findings);
    insert_bounded(
        &mut data,
        "findings",
        findings.into_iter().map(told_finding),
    );
    data
}

/// Adds a list, of which only as much is told as a payload holds.
pub(crate) fn insert_bounded(
    data: &mut Map<String, Value>,
    key: &str,
    items: impl Iterator<Item = Value>,
) {
    let mut items: Vec<Value> = items.take(FINDINGS).collect();
    data.insert(key.to_owned(), items.clone().into());
    while !items.is_empty() && size(data) > DATA_BYTES {
        items.pop();
        data.insert(key.to_owned(), items.clone().into());
    }
}

/// Adds where more is told, where that can be reached from outside.
pub(crate) fn insert_links(
    data: &mut Map<String, Value>,
    monitor: &str,
    run_id: Option<&str>,
    settings: &EventSettings,
) {
    if let Some(base) = &settings.base_url {
        let base = base.trim_end_matches('/');
        let mut links = json!({
            "status": format!("{base}/api/v1/monitors/{monitor}/status"),
            "alerts": format!("{base}/api/v1/alerts?monitor={monitor}"),
        });
        if let Some(run_id) = run_id {
            links["run"] = format!("{base}/api/v1/runs/{run_id}").into();
        }
        data.insert("links".to_owned(), links);
    }
}

/// The event that a target is disabled, for the monitor's other targets.
pub(crate) fn disabled(
    monitor: &str,
    target: &str,
    reason: &str,
    failing_since: DateTime<Utc>,
    told: &[String],
) -> NewEvent {
    let kind = "target.disabled";
    let mut data = Map::new();
    data.insert("monitor".to_owned(), monitor.into());
    data.insert("target".to_owned(), target.into());
    data.insert("reason".to_owned(), clipped(reason).into());
    data.insert("failing_since".to_owned(), json!(failing_since));
    let since = failing_since.timestamp_millis();
    NewEvent {
        id: format!("evt_{}", name_of(&json!([monitor, kind, target, since]))),
        kind: kind.to_owned(),
        data,
        targets: told
            .iter()
            .filter(|name| *name != target)
            .cloned()
            .collect(),
    }
}

fn size(data: &Map<String, Value>) -> usize {
    serde_json::to_vec(data).map_or(usize::MAX, |bytes| bytes.len())
}

fn worst_first(findings: &[Finding]) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn told_finding(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind,
        "severity": finding.severity,
        "column": finding.column.as_deref().map(clipped),
        "slice": finding.slice.as_deref().map(clipped),
        "measure": finding.measure.as_deref().map(clipped),
        "value": finding.value,
        "threshold": finding.threshold,
        "term": finding.term.as_deref().map(clipped),
        "message": clipped(&finding.message),
    })
}

/// A text that fits into a payload.
pub(crate) fn clipped(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => {
            let (head, _) = text.split_at(end);
            format!("{head}…")
        }
    }
}
