//! Pages for people, by the same server: monitors at a glance, and one in full.
//!
//! They are made here, whole, and need no script to be read; with one they are fetched again
//! when something changes (`live.js`, `/live`). What they show is what the API answers, drawn as
//! the report draws it. Nothing is loaded from elsewhere.

mod forms;
mod page;
mod trends;
mod words;

pub(crate) use trends::SmallTrends;

use crate::api::alerts::AlertItem;
use crate::api::problem::Problem;
use crate::api::status::assess;
use crate::api::{Api, alerts, monitors, reports};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use driftline_store::{
    AlertFilter, AlertState, BaselineFilter, OutboxFilter, RetrainingFilter, RunFilter,
    SilenceFilter,
};
use driftline_verdict::Verdict;
use driftline_verdict::report::{self, chart};
use futures::stream;
use page::{Language, Page};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::api::page::Parameters;

/// Monitors on one page.
const MONITORS: u32 = 200;
/// Windows of a monitor in the overview.
const MINI_WINDOWS: usize = 24;
/// Rows of each list of a monitor's page.
const ROWS: u32 = 20;
/// Alerts that are looked at for the overview.
const ALERTS: u32 = 500;
const TRENDS: usize = 12;
const POINTS: usize = 156;
const TERMS: usize = 40;
/// A comment is sent where nothing else was for so long, so that nobody cuts the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The pages, and what they load.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(overview))
        .route("/monitors/{id}", get(monitor))
        .route("/runs/{id}", get(run))
        .route("/live", get(live))
        .route("/language/{code}", get(page::language))
        .route("/login", get(page::login))
        .route("/assets/style.css", get(page::style))
        .route("/assets/live.js", get(page::script))
        .merge(forms::routes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverviewParameters {
    after: Option<String>,
}

async fn overview(
    State(api): State<Api>,
    language: Language,
    Parameters(asked): Parameters<OverviewParameters>,
) -> Result<Response, Problem> {
    let now = api.clock.now();
    let mut states = api
        .store
        .monitors(asked.after.as_deref(), MONITORS + 1)
        .await?;
    let is_cut = states.len() > MONITORS as usize;
    states.truncate(MONITORS as usize);
    let next = states
        .last()
        .filter(|_| is_cut)
        .map(|last| page::segment(&last.id));
    let firing = AlertFilter {
        state: Some(AlertState::Firing),
        ..AlertFilter::default()
    };
    let mut firing = alerts::read(&api, &firing, None, ALERTS).await?;
    let mut firing_of: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &firing {
        *firing_of.entry(&item.alert.monitor).or_default() += 1;
    }
    let mut shown = Vec::new();
    let mut tallies = BTreeMap::new();
    for state in &states {
        let status = assess(state, api.default_max_age, now).status;
        *tallies.entry(status.verdict).or_insert(0) += 1;
        let mut windows = match &state.last_run_id {
            Some(run) => api.store.windows(run).await?,
            None => Vec::new(),
        };
        windows.drain(..windows.len().saturating_sub(MINI_WINDOWS));
        shown.push((
            status.verdict,
            json!({
                "path": path_of(&state.id),
                "firing": firing_of.get(state.id.as_str()).copied().unwrap_or(0),
                "status": status,
                "windows": windows,
                "trend": api.small_trends.of(&api.store, state).await?,
            }),
        ));
    }
    // Of one verdict by name, as they came.
    shown.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let tallies: Vec<(&str, usize)> = [
        Verdict::Fail,
        Verdict::Unknown,
        Verdict::Warn,
        Verdict::Pass,
    ]
    .into_iter()
    .map(|verdict| (verdict.name(), tallies.get(&verdict).copied().unwrap_or(0)))
    .collect();
    firing.sort_by_key(|item| std::cmp::Reverse(item.alert.severity));
    let more_alerts = firing.len().saturating_sub(ROWS as usize);
    firing.truncate(ROWS as usize);
    let counts = api.store.counts(now).await?;
    let count = |counts: &[(&str, i64)], states: &[&str]| -> i64 {
        let counted = counts.iter().filter(|(state, _)| states.contains(state));
        counted.map(|(_, rows)| rows).sum()
    };
    Page {
        template: "overview",
        language,
        here: None,
        content: json!({
            "monitors": shown.into_iter().map(|(_, one)| one).collect::<Vec<Value>>(),
            "tallies": tallies,
            "counts": {
                "firing": count(&counts.alerts, &["firing"]),
                "waiting": count(&counts.deliveries, &["pending", "inflight"]),
                "dead": count(&counts.deliveries, &["dead"]),
            },
            "alerts": firing,
            "more_alerts": more_alerts,
            "targets": api.store.failing_targets().await?,
            "next": next,
        }),
    }
    .answer(now)
}

async fn monitor(
    State(api): State<Api>,
    language: Language,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = api.clock.now();
    let status = monitors::read(&api, &id, None).await?.status;
    let of = || Some(id.clone());
    let windows = match &status.last_run_id {
        Some(run) => api.store.windows(run).await?,
        None => Vec::new(),
    };
    let alerts = AlertFilter {
        monitor: of(),
        ..AlertFilter::default()
    };
    let mut alerts: Vec<AlertItem> = alerts::read(&api, &alerts, None, ALERTS).await?;
    alerts.sort_by_key(|item| {
        let state = match item.alert.state {
            AlertState::Firing => 0,
            AlertState::Pending => 1,
            AlertState::Resolved => 2,
        };
        (state, std::cmp::Reverse(item.alert.severity))
    });
    alerts.truncate(ROWS as usize);
    let now_silenced = SilenceFilter {
        at: Some(now),
        id: None,
    };
    let mut silences = api.store.silences(&now_silenced, None, ALERTS).await?;
    silences.retain(|one| one.monitor.as_ref().is_none_or(|monitor| *monitor == id));
    let baselines = BaselineFilter {
        monitor: of(),
        state: None,
    };
    let requests = RetrainingFilter {
        monitor: of(),
        ..RetrainingFilter::default()
    };
    let deliveries = OutboxFilter {
        monitor: of(),
        ..OutboxFilter::default()
    };
    let runs = RunFilter {
        monitor: of(),
        verdict: None,
    };
    let mut targets = api.store.failing_targets().await?;
    targets.retain(|one| one.monitor == id);
    let (trends, terms) = drawn(&api, &id).await?;
    Page {
        template: "monitor",
        language,
        here: Some(id.clone()),
        content: json!({
            "path": path_of(&id),
            "status": status,
            "windows": windows,
            "trends": trends,
            "terms": terms,
            "decides": api.evaluators.contains_key(&id),
            "alerts": alerts,
            "silences": silences,
            "baselines": api.store.baseline_versions(&baselines, None, ROWS).await?,
            "requests": api.store.retraining_requests(&requests, None, ROWS, now).await?,
            "targets": targets,
            "deliveries": api.store.newest_deliveries(&deliveries, ROWS).await?,
            "runs": api.store.runs(&runs, None, ROWS).await?,
        }),
    }
    .answer(now)
}

/// Trends and terms of a monitor's last run, as charts.
async fn drawn(api: &Api, id: &str) -> Result<(Vec<Value>, Vec<Value>), Problem> {
    let Some(last) = reports::last(api, id).await? else {
        return Ok((Vec::new(), Vec::new()));
    };
    let decisions = match api.evaluators.get(id) {
        // A file that is wrong is told by the next run.
        Some(evaluator) => evaluator.term_decisions().unwrap_or_default(),
        None => Default::default(),
    };
    let decision = |term: &str| {
        if decisions.accept.contains(term) {
            Some("accepted")
        } else if decisions.ignore.contains(term) {
            Some("ignored")
        } else {
            None
        }
    };
    let trends = last.trends.iter().take(TRENDS).map(|trend| {
        json!({
            "name": trend.name,
            "measure": trend.measure.as_deref().unwrap_or_default().replace('_', " "),
            "svg": chart::trend(trend, POINTS),
        })
    });
    let starts: Vec<&str> = (last.run.windows.iter())
        .map(|window| window.start.as_deref().unwrap_or_default())
        .collect();
    let terms = last.terms.iter().take(TERMS).map(|row| {
        let alarm = starts.iter().position(|start| *start == row.first_alarm);
        json!({
            "term": row.term,
            "class": row.class,
            "tier": row.tier,
            "count": row.count,
            "first_alarm": row.first_alarm,
            "examples": row.examples,
            "decision": decision(&row.term),
            "svg": chart::sparkline(&row.series, alarm, POINTS),
        })
    });
    Ok((trends.collect(), terms.collect()))
}

/// The report of a run, as `driftline report` draws it.
async fn run(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = api.store.report(&id).await?;
    let found = found.ok_or_else(|| Problem::not_found("run", &id))?;
    let html = report::html(&found).map_err(page::unmade)?;
    let mut response = page::html(html);
    // It carries its own style.
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
    Ok(response)
}

/// A message for each change, for pages that are open.
async fn live(State(api): State<Api>) -> Result<Response, Problem> {
    let permit = Arc::clone(&api.waiters).try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_waiting",
            "too many pages are open: load this one again",
        )
    })?;
    let mut changes = api.changes.subscribe();
    changes.mark_unchanged();
    let news = stream::unfold(
        (changes, api.draining.clone(), permit),
        |(mut changes, draining, permit)| async move {
            tokio::select! {
                () = draining.cancelled() => None,
                changed = changes.changed() => {
                    changed.ok()?;
                    let event = Event::default().data("changed");
                    Some((Ok::<_, Infallible>(event), (changes, draining, permit)))
                }
            }
        },
    );
    let mut response = Sse::new(news)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response();
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A monitor's page.
fn path_of(monitor: &str) -> String {
    format!("/monitors/{}", page::segment(monitor))
}

/// The key that a browser keeps.
pub(crate) fn key_of(headers: &HeaderMap) -> Option<&str> {
    page::cookie(headers, page::KEY_COOKIE)
}

/// Whether the client would rather have a page than a problem.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}
