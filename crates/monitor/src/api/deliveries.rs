//! `/api/v1/deliveries` and `/api/v1/targets`: what has arrived where, and what has not.

use crate::api::Api;
use crate::api::change::Changing;
use crate::api::etag;
use crate::api::monitors::NoParameters;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::{Body, Problem};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use driftline_store::{OutboxFilter, OutboxRow, OutboxState, Replay};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    /// Only those that have come this far.
    state: Option<OutboxState>,
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those for this target.
    target: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = OutboxFilter {
        state: asked.state,
        monitor: asked.monitor,
        target: asked.target,
    };
    let page = PageRequest::new("deliveries", &filter, asked.page_size, asked.page_token)?;
    let rows = api.store.outbox(&filter, page.after(), page.limit());
    page.answer(&headers, rows.await?, OutboxRow::position)
}

/// Which deliveries are tried again; what is left out is all of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayBody {
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those for this target.
    target: Option<String>,
    /// Only this event.
    event_id: Option<String>,
    /// Only events decided since then.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    since: Option<DateTime<Utc>>,
    /// Those that have arrived, too.
    #[serde(default)]
    delivered: bool,
}

/// What a replay did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Replayed {
    /// Deliveries that are due again.
    replayed: u64,
}

/// Tries events again that were given up, and enables their targets.
pub(crate) async fn replay(
    Changing(api): Changing,
    Body(body): Body<ReplayBody>,
) -> Result<Response, Problem> {
    let replay = Replay {
        monitor: body.monitor.as_deref(),
        target: body.target.as_deref(),
        event_id: body.event_id.as_deref(),
        since: body.since,
        delivered: body.delivered,
    };
    let replayed = api.store.replay(&replay, api.clock.now()).await?;
    Ok(axum::Json(Replayed { replayed }).into_response())
}

/// Targets, all on one page: only those that fail have a row.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(crate) struct Targets<T> {
    /// By monitor and name.
    items: Vec<T>,
}

pub(crate) async fn targets(
    State(api): State<Api>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let items = api.store.failing_targets().await?;
    etag::answer_value(&headers, &Targets { items })
}
