//! `/api/v1/windows` and `/api/v1/findings`: what runs said, over all of them.

use crate::api::Api;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{FindingFilter, FoundFinding, JudgedWindow, WindowFilter};
use driftline_verdict::{FindingKind, Severity, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowParameters {
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those of this run.
    run: Option<String>,
    /// Only those that concluded this.
    verdict: Option<Verdict>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn windows(
    State(api): State<Api>,
    Parameters(asked): Parameters<WindowParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = WindowFilter {
        monitor: asked.monitor,
        run: asked.run,
        verdict: asked.verdict,
    };
    let page = PageRequest::new("windows", &filter, asked.page_size, asked.page_token)?;
    let windows = api
        .store
        .judged_windows(&filter, page.after(), page.limit());
    page.answer(&headers, windows.await?, JudgedWindow::position)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingParameters {
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those of this run.
    run: Option<String>,
    /// Only those of this kind.
    kind: Option<FindingKind>,
    /// Only those as bad as this.
    severity: Option<Severity>,
    /// Only those of this column.
    column: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn findings(
    State(api): State<Api>,
    Parameters(asked): Parameters<FindingParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if asked.kind == Some(FindingKind::Other) {
        return Err(Problem::parameter("kind", "is no kind of finding"));
    }
    let filter = FindingFilter {
        monitor: asked.monitor,
        run: asked.run,
        kind: asked.kind,
        severity: asked.severity,
        column: asked.column,
    };
    let page = PageRequest::new("findings", &filter, asked.page_size, asked.page_token)?;
    let findings = api.store.findings(&filter, page.after(), page.limit());
    page.answer(&headers, findings.await?, FoundFinding::position)
}
