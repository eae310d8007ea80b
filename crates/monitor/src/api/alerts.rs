//! `/api/v1/alerts`: what somebody should know, and what was over.

use crate::api::Api;
use crate::api::etag;
use crate::api::long_poll;
use crate::api::monitors::NoParameters;
use crate::api::page::{Page, Parameters, after, page, page_size};
use crate::api::problem::Problem;
use crate::api::status::shown;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{Alert, AlertFilter, AlertPosition, AlertState, Silence, SilenceFilter};
use driftline_verdict::{FindingKind, Severity};
use serde::{Deserialize, Serialize};

const LIST: &str = "alerts";
/// Silences in force that are held against alerts.
const SILENCES: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    monitor: Option<String>,
    state: Option<AlertState>,
    kind: Option<FindingKind>,
    wait: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

/// An alert as it is answered, and as `driftline alert list` prints it.
#[derive(Debug, Serialize)]
pub struct AlertItem {
    /// Its identity.
    pub id: String,
    /// The monitor.
    pub monitor: String,
    /// How far it has come.
    pub state: AlertState,
    /// What it is about.
    pub kind: FindingKind,
    /// How bad the newest window that showed it makes it.
    pub severity: Severity,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// The slice, where it is about one.
    pub slice: Option<String>,
    /// The drift measure, the type of anomaly or the rule.
    pub measure: Option<String>,
    /// The term.
    pub term: Option<String>,
    /// The measured value.
    pub value: Option<f64>,
    /// Its limit.
    pub threshold: Option<f64>,
    /// One sentence for a person.
    pub message: String,
    /// The run that last saw it.
    pub run_id: String,
    /// The baseline that the window was compared with.
    pub baseline_id: String,
    /// Start of the newest window that showed it, RFC 3339.
    pub window_start: Option<String>,
    /// End of the newest window that showed it, RFC 3339.
    pub window_end: Option<String>,
    /// When it was first seen, RFC 3339.
    pub pending_at: String,
    /// When it began to fire, RFC 3339.
    pub fired_at: Option<String>,
    /// When it was over, RFC 3339.
    pub resolved_at: Option<String>,
    /// When somebody was last told that it fires, RFC 3339.
    pub told_at: Option<String>,
    /// How often somebody was told that it fires.
    pub told_count: i64,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// The silence because of which nobody is told.
    pub silenced_by: Option<String>,
    #[serde(skip)]
    position: (i64, String),
}

impl AlertItem {
    /// An alert, with the silence that is about it, out of those in force.
    pub fn of(alert: Alert, silences: &[Silence]) -> Self {
        let position = alert.position();
        let silence = silences.iter().find(|silence| silence.is_about(&alert));
        Self {
            silenced_by: silence.map(|silence| silence.id.clone()),
            id: alert.id,
            monitor: alert.monitor,
            state: alert.state,
            kind: alert.key.kind,
            severity: alert.severity,
            column: alert.key.column,
            slice: alert.key.slice,
            measure: alert.key.measure,
            term: alert.key.term,
            value: alert.value,
            threshold: alert.threshold,
            message: alert.message,
            run_id: alert.run_id,
            baseline_id: alert.baseline_id,
            window_start: alert.window_start,
            window_end: alert.window_end,
            pending_at: shown(alert.pending_at),
            fired_at: alert.fired_at.map(shown),
            resolved_at: alert.resolved_at.map(shown),
            told_at: alert.told_at.map(shown),
            told_count: alert.told_count,
            updated_at: shown(alert.updated_at),
            position: (position.pending_at_ms, position.id),
        }
    }
}

/// With `wait`, an empty list waits for its first alert.
pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let wait = asked.wait.as_deref().map(long_poll::parse).transpose()?;
    if asked.kind == Some(FindingKind::Other) {
        return Err(Problem::parameter("kind", "is no kind of finding"));
    }
    let filter = AlertFilter {
        monitor: asked.monitor,
        state: asked.state,
        kind: asked.kind,
        id: None,
    };
    let filter_name = format!("{filter:?}");
    let after: Option<(i64, String)> = after(LIST, &filter_name, asked.page_token.as_deref())?;
    let after = after.map(|(pending_at_ms, id)| AlertPosition { pending_at_ms, id });
    let read = || read(&api, &filter, &filter_name, after.as_ref(), size);

    let page = long_poll::until_any(&api, wait, read).await?;
    etag::answer_value(&headers, &page)
}

pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = AlertFilter {
        id: Some(id.clone()),
        ..AlertFilter::default()
    };
    let found = read(&api, &filter, "", None, 1).await?.items.pop();
    let item = found.ok_or_else(|| Problem::not_found("alert", &id))?;
    etag::answer_value(&headers, &item)
}

async fn read(
    api: &Api,
    filter: &AlertFilter,
    filter_name: &str,
    after: Option<&AlertPosition>,
    size: u32,
) -> Result<Page<AlertItem>, Problem> {
    let now = SilenceFilter {
        at: Some(api.clock.now()),
        id: None,
    };
    let alerts = api.store.alerts(filter, after, size + 1).await?;
    let silences = api.store.silences(&now, None, SILENCES).await?;
    let items = alerts
        .into_iter()
        .map(|alert| AlertItem::of(alert, &silences))
        .collect();
    Ok(page(items, size, LIST, filter_name, |item: &AlertItem| {
        item.position.clone()
    }))
}
