//! `/api/v1/windows` and `/api/v1/findings`: what runs said, over all of them.

use crate::api::Api;
use crate::api::etag;
use crate::api::page::{Parameters, after, page, page_size};
use crate::api::problem::Problem;
use crate::api::status::shown;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use driftline_store::{
    FindingFilter, FindingPosition, FoundFinding, JudgedWindow, WindowFilter, WindowPosition,
};
use driftline_verdict::{ActionKind, FindingKind, Severity, Verdict};
use serde::{Deserialize, Serialize};

const WINDOWS: &str = "windows";
const FINDINGS: &str = "findings";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowParameters {
    monitor: Option<String>,
    run: Option<String>,
    verdict: Option<Verdict>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

#[derive(Serialize)]
struct WindowItem {
    monitor: String,
    run_id: String,
    committed_at: String,
    position: i64,
    start: Option<String>,
    end: Option<String>,
    rows: i64,
    verdict: Verdict,
    errors: i64,
    warnings: i64,
    infos: i64,
    not_evaluated: i64,
    #[serde(skip)]
    place: (i64, String, i64),
}

impl From<JudgedWindow> for WindowItem {
    fn from(judged: JudgedWindow) -> Self {
        let place = judged.position();
        let window = judged.window;
        Self {
            monitor: judged.monitor,
            run_id: judged.run_id,
            committed_at: shown(judged.committed_at),
            position: window.position,
            start: window.start,
            end: window.end,
            rows: window.rows,
            verdict: window.verdict,
            errors: window.errors,
            warnings: window.warnings,
            infos: window.infos,
            not_evaluated: window.not_evaluated,
            place: (place.committed_at_ms, place.run_id, place.position),
        }
    }
}

pub(crate) async fn windows(
    State(api): State<Api>,
    Parameters(asked): Parameters<WindowParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let filter = WindowFilter {
        monitor: asked.monitor,
        run: asked.run,
        verdict: asked.verdict,
    };
    let filter_name = format!("{filter:?}");
    let after: Option<(i64, String, i64)> =
        after(WINDOWS, &filter_name, asked.page_token.as_deref())?;
    let after = after.map(|(committed_at_ms, run_id, position)| WindowPosition {
        committed_at_ms,
        run_id,
        position,
    });
    let windows = api
        .store
        .judged_windows(&filter, after.as_ref(), size + 1)
        .await?;
    let items = windows.into_iter().map(WindowItem::from).collect();
    let page = page(items, size, WINDOWS, &filter_name, |item: &WindowItem| {
        item.place.clone()
    });
    etag::answer_value(&headers, &page)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingParameters {
    monitor: Option<String>,
    run: Option<String>,
    kind: Option<FindingKind>,
    severity: Option<Severity>,
    column: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

#[derive(Serialize)]
struct FindingItem {
    monitor: String,
    run_id: String,
    committed_at: String,
    window_start: Option<String>,
    window_end: Option<String>,
    kind: FindingKind,
    severity: Severity,
    column: Option<String>,
    slice: Option<String>,
    measure: Option<String>,
    value: Option<f64>,
    threshold: Option<f64>,
    p_value: Option<f64>,
    term: Option<String>,
    action: Option<ActionKind>,
    message: String,
    #[serde(skip)]
    place: (i64, String, i64, i64),
}

impl From<FoundFinding> for FindingItem {
    fn from(found: FoundFinding) -> Self {
        let place = found.position();
        Self {
            monitor: found.monitor,
            run_id: found.run_id,
            committed_at: shown(found.committed_at),
            window_start: found.window_start,
            window_end: found.window_end,
            kind: found.kind,
            severity: found.severity,
            column: found.column,
            slice: found.slice,
            measure: found.measure,
            value: found.value,
            threshold: found.threshold,
            p_value: found.p_value,
            term: found.term,
            action: found.action,
            message: found.message,
            place: (
                place.committed_at_ms,
                place.run_id,
                place.window_position,
                place.position,
            ),
        }
    }
}

pub(crate) async fn findings(
    State(api): State<Api>,
    Parameters(asked): Parameters<FindingParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
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
    let filter_name = format!("{filter:?}");
    let after: Option<(i64, String, i64, i64)> =
        after(FINDINGS, &filter_name, asked.page_token.as_deref())?;
    let after = after.map(
        |(committed_at_ms, run_id, window_position, position)| FindingPosition {
            committed_at_ms,
            run_id,
            window_position,
            position,
        },
    );
    let findings = api
        .store
        .findings(&filter, after.as_ref(), size + 1)
        .await?;
    let items = findings.into_iter().map(FindingItem::from).collect();
    let page = page(items, size, FINDINGS, &filter_name, |item: &FindingItem| {
        item.place.clone()
    });
    etag::answer_value(&headers, &page)
}
