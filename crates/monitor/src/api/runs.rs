//! `/api/v1/runs`: what was concluded, and from what.

use crate::api::Api;
use crate::api::etag::{self, ETag};
use crate::api::monitors::NoParameters;
use crate::api::page::{Parameters, after, page, page_size};
use crate::api::problem::Problem;
use crate::api::status::shown;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{RunFilter, RunPosition, RunSummary};
use driftline_verdict::Verdict;
use serde::{Deserialize, Serialize};

const LIST: &str = "runs";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    monitor: Option<String>,
    verdict: Option<Verdict>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

#[derive(Serialize)]
struct Item {
    id: String,
    monitor: String,
    baseline_id: String,
    verdict: Verdict,
    committed_at: String,
    window_start: Option<String>,
    window_end: Option<String>,
    #[serde(skip)]
    position: (i64, String),
}

impl From<RunSummary> for Item {
    fn from(run: RunSummary) -> Self {
        let position = run.position();
        Self {
            committed_at: shown(run.committed_at),
            monitor: run.monitor,
            baseline_id: run.baseline_id,
            verdict: run.verdict,
            window_start: run.window_start,
            window_end: run.window_end,
            position: (position.committed_at_ms, position.id),
            id: run.id,
        }
    }
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let filter = RunFilter {
        monitor: asked.monitor,
        verdict: asked.verdict,
    };
    let filter_name = format!("{filter:?}");
    let after: Option<(i64, String)> = after(LIST, &filter_name, asked.page_token.as_deref())?;
    let after = after.map(|(committed_at_ms, id)| RunPosition {
        committed_at_ms,
        id,
    });
    let runs = api.store.runs(&filter, after.as_ref(), size + 1).await?;
    let items: Vec<Item> = runs.into_iter().map(Item::from).collect();
    let page = page(items, size, LIST, &filter_name, |item| {
        item.position.clone()
    });
    etag::answer_value(&headers, &page)
}

/// A run never changes, so its id is its tag.
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = api
        .store
        .run(&id)
        .await?
        .ok_or_else(|| Problem::not_found("run", &id))?;
    let tag = ETag::of_value(&run.run_id)?;
    Ok(etag::answer(&tag, &headers, &run))
}
