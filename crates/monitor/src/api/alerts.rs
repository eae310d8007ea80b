//! `/api/v1/alerts`: what somebody should know, and what was over.

use crate::api::Api;
use crate::api::etag;
use crate::api::long_poll;
use crate::api::monitors::NoParameters;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::Problem;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{Alert, AlertFilter, AlertPosition, AlertState, Silence, SilenceFilter};
use driftline_verdict::FindingKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Silences in force that are held against alerts.
const SILENCES: u32 = 1_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those that have come this far.
    state: Option<AlertState>,
    /// Only those of this kind.
    kind: Option<FindingKind>,
    /// How long to wait while there is none, as `30s`.
    wait: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

/// An alert as it is answered, and as `driftline alert list` prints it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AlertItem {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// The silence because of which nobody is told.
    pub silenced_by: Option<String>,
}

impl AlertItem {
    /// An alert, with the silence that is about it, out of those in force.
    pub fn of(alert: Alert, silences: &[Silence]) -> Self {
        let silence = silences.iter().find(|silence| silence.is_about(&alert));
        Self {
            silenced_by: silence.map(|silence| silence.id.clone()),
            alert,
        }
    }
}

/// With `wait`, an empty list waits for its first alert.
pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
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
    let page = PageRequest::new("alerts", &filter, asked.page_size, asked.page_token)?;
    let read = || async {
        let items = read(&api, &filter, page.after(), page.limit()).await?;
        Ok(page.page(items, |item| item.alert.position()))
    };

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
    let found = read(&api, &filter, None, 1).await?.pop();
    let item = found.ok_or_else(|| Problem::not_found("alert", &id))?;
    etag::answer_value(&headers, &item)
}

pub(crate) async fn read(
    api: &Api,
    filter: &AlertFilter,
    after: Option<&AlertPosition>,
    limit: u32,
) -> Result<Vec<AlertItem>, Problem> {
    let now = SilenceFilter {
        at: Some(api.clock.now()),
        id: None,
    };
    let alerts = api.store.alerts(filter, after, limit).await?;
    let silences = api.store.silences(&now, None, SILENCES).await?;
    Ok(alerts
        .into_iter()
        .map(|alert| AlertItem::of(alert, &silences))
        .collect())
}
