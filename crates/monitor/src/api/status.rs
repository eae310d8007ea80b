//! The status of a monitor: what its newest window concluded, and whether that still counts.
//!
//! A verdict has an age. An old `pass` says nothing about today, so past its maximum age it
//! is shown as `unknown`, and never as `pass`.

use crate::api::etag::ETag;
use crate::clock::later;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use driftline_store::MonitorState;
use driftline_verdict::Verdict;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// Whether a verdict still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Freshness {
    /// It does.
    Fresh,
    /// It is too old.
    Stale,
    /// There is none: not evaluated yet, or the last evaluation ended in an error.
    Unknown,
}

impl Freshness {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
        }
    }
}

/// The status as it is answered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Status {
    pub(crate) id: String,
    pub(crate) verdict: Verdict,
    state: Freshness,
    pub(crate) reason: Option<String>,
    last_window_start: Option<String>,
    pub(crate) last_window_end: Option<String>,
    pub(crate) last_evaluated_at: Option<String>,
    last_attempt_at: Option<String>,
    pub(crate) last_run_id: Option<String>,
    last_run_verdict: Option<Verdict>,
    baseline_id: Option<String>,
    /// 0 is what the pipeline file names.
    baseline_version: i64,
    baseline_pinned: bool,
    /// Since the last evaluation. The one field that the entity tag does not cover: it
    /// follows from `last_evaluated_at` and the reader's clock.
    age_seconds: Option<i64>,
    max_age_seconds: u64,
    version: i64,
    links: Links,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Links {
    monitor: String,
    run: Option<String>,
}

/// A status, its entity tag, and when it will turn stale if nothing happens.
#[derive(Debug, Clone)]
pub(crate) struct Assessed {
    pub(crate) status: Status,
    pub(crate) tag: ETag,
    pub(crate) version: i64,
    pub(crate) stale_at: Option<DateTime<Utc>>,
}

/// What a monitor's state says at `now`.
pub(crate) fn assess(
    state: &MonitorState,
    default_max_age: Duration,
    now: DateTime<Utc>,
) -> Assessed {
    let max_age = state.max_age.unwrap_or(default_max_age);
    let (freshness, reason, stale_at) = freshness(state, max_age, now);
    let verdict = match freshness {
        Freshness::Fresh => state.verdict,
        Freshness::Stale | Freshness::Unknown => Verdict::Unknown,
    };
    // A store that was made anew counts its versions from 1 again.
    let birth = state.created_at.timestamp_millis();
    let tag = ETag::of_parts(&[
        &format!("{birth:x}"),
        &state.state_version.to_string(),
        freshness.name(),
    ]);
    let status = Status {
        id: state.id.clone(),
        verdict,
        state: freshness,
        reason,
        last_window_start: state.last_window_start.clone(),
        last_window_end: state.last_window_end.clone(),
        last_evaluated_at: state.last_evaluated_at.map(shown),
        last_attempt_at: state.last_attempt_at.map(shown),
        last_run_id: state.last_run_id.clone(),
        last_run_verdict: state.last_run_verdict,
        baseline_id: state.baseline_id.clone(),
        baseline_version: state.baseline_version,
        baseline_pinned: state.is_baseline_pinned,
        age_seconds: state
            .last_evaluated_at
            .map(|evaluated| (now - evaluated).num_seconds().max(0)),
        max_age_seconds: max_age.as_secs(),
        version: state.state_version,
        links: Links {
            monitor: format!("/api/v1/monitors/{}", state.id),
            run: state
                .last_run_id
                .as_ref()
                .map(|run| format!("/api/v1/runs/{run}")),
        },
    };
    Assessed {
        status,
        tag,
        version: state.state_version,
        stale_at,
    }
}

/// An instant as it is answered: RFC 3339 in UTC.
pub(crate) fn shown(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn freshness(
    state: &MonitorState,
    max_age: Duration,
    now: DateTime<Utc>,
) -> (Freshness, Option<String>, Option<DateTime<Utc>>) {
    let Some(evaluated) = state.last_evaluated_at else {
        return (Freshness::Unknown, state.reason.clone(), None);
    };
    if state
        .last_attempt_at
        .is_some_and(|attempt| attempt > evaluated)
        && state.verdict == Verdict::Unknown
    {
        return (Freshness::Unknown, state.reason.clone(), None);
    }
    let stale = |reason: String| (Freshness::Stale, Some(format!("stale: {reason}")), None);
    // A clock that was set back must not keep a verdict fresh for as long as it was wrong.
    if evaluated > later(now, max_age) {
        return stale("it was evaluated in the future: the clock was set back".to_owned());
    }
    let evaluated_until = later(evaluated, max_age);
    if now > evaluated_until {
        return stale(format!(
            "last evaluated {} ago, {} is the most",
            span(now - evaluated),
            span_of(max_age)
        ));
    }
    let window_until = match (&state.last_window_end, state.max_window_age) {
        (Some(end), Some(max_window_age)) => match DateTime::parse_from_rfc3339(end) {
            Ok(end) => {
                let until = later(end.to_utc(), max_window_age);
                if now > until {
                    return stale(format!(
                        "the newest window ended {} ago, {} is the most",
                        span(now - end.to_utc()),
                        span_of(max_window_age)
                    ));
                }
                Some(until)
            }
            Err(_) => return stale("the newest window's end is no instant".to_owned()),
        },
        _ => None,
    };
    let stale_at = window_until.map_or(evaluated_until, |until| until.min(evaluated_until));
    (Freshness::Fresh, state.reason.clone(), Some(stale_at))
}

fn span_of(duration: Duration) -> String {
    span(TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX))
}

/// A duration in its largest unit that is not 1 of the next.
fn span(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds().max(0);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
