//! `/api/v1/runs`: what was concluded, and from what.

use crate::api::Api;
use crate::api::etag::{self, ETag};
use crate::api::monitors::NoParameters;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::Problem;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{RunFilter, RunSummary};
use driftline_verdict::Verdict;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those that concluded this.
    verdict: Option<Verdict>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = RunFilter {
        monitor: asked.monitor,
        verdict: asked.verdict,
    };
    let page = PageRequest::new("runs", &filter, asked.page_size, asked.page_token)?;
    let runs = api.store.runs(&filter, page.after(), page.limit());
    page.answer(&headers, runs.await?, RunSummary::position)
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
