//! `/api/v1/retraining-requests`: what an orchestrator that polls is to do.

use crate::api::Api;
use crate::api::etag::{self, ETag};
use crate::api::long_poll::{self, Wait};
use crate::api::monitors::{NoParameters, unencodable};
use crate::api::page::{Page, Parameters, after, page, page_size};
use crate::api::problem::Problem;
use crate::api::status::shown;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{RetrainingFilter, RetrainingPosition, RetrainingRequest, RetrainingState};
use serde::{Deserialize, Serialize};

const LIST: &str = "retraining-requests";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    state: Option<RetrainingState>,
    monitor: Option<String>,
    wait: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

#[derive(Serialize)]
struct Item {
    id: String,
    monitor: String,
    state: RetrainingState,
    reason: String,
    run_id: String,
    baseline_id: String,
    window_start: Option<String>,
    window_end: Option<String>,
    created_at: String,
    updated_at: String,
    expires_at: String,
    #[serde(skip)]
    position: (i64, String),
}

impl From<RetrainingRequest> for Item {
    fn from(request: RetrainingRequest) -> Self {
        let position = request.position();
        Self {
            id: request.id,
            monitor: request.monitor,
            state: request.state,
            reason: request.reason,
            run_id: request.run_id,
            baseline_id: request.baseline_id,
            window_start: request.window_start,
            window_end: request.window_end,
            created_at: shown(request.created_at),
            updated_at: shown(request.updated_at),
            expires_at: shown(request.expires_at),
            position: (position.created_at_ms, position.id),
        }
    }
}

/// With `wait`, an empty list waits for its first request.
pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let wait = asked.wait.as_deref().map(long_poll::parse).transpose()?;
    let filter = RetrainingFilter {
        state: asked.state,
        monitor: asked.monitor,
        id: None,
    };
    let filter_name = format!("{filter:?}");
    let after: Option<(i64, String)> = after(LIST, &filter_name, asked.page_token.as_deref())?;
    let after = after.map(|(created_at_ms, id)| RetrainingPosition { created_at_ms, id });
    let read = || read(&api, &filter, &filter_name, after.as_ref(), size);

    let mut page = read().await?;
    if let Some(duration) = wait
        && page.items.is_empty()
    {
        let mut wait = Wait::begin(&api, duration)?;
        page = read().await?;
        while page.items.is_empty() && wait.next(None).await {
            page = read().await?;
        }
    }
    let tag = ETag::of_value(&page).map_err(unencodable)?;
    Ok(etag::answer(&tag, &headers, &page))
}

pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = RetrainingFilter {
        id: Some(id.clone()),
        ..RetrainingFilter::default()
    };
    let request = api
        .store
        .retraining_requests(&filter, None, 1, api.clock.now())
        .await?
        .pop()
        .ok_or_else(|| Problem::not_found("retraining request", &id))?;
    let item = Item::from(request);
    let tag = ETag::of_value(&item).map_err(unencodable)?;
    Ok(etag::answer(&tag, &headers, &item))
}

async fn read(
    api: &Api,
    filter: &RetrainingFilter,
    filter_name: &str,
    after: Option<&RetrainingPosition>,
    size: u32,
) -> Result<Page<Item>, Problem> {
    let requests = api
        .store
        .retraining_requests(filter, after, size + 1, api.clock.now())
        .await?;
    let items = requests.into_iter().map(Item::from).collect();
    Ok(page(items, size, LIST, filter_name, |item: &Item| {
        item.position.clone()
    }))
}
