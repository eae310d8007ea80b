//! `/api/v1/monitors`: who watches what, and what it says.

use crate::api::Api;
use crate::api::change::Changing;
use crate::api::etag::{self, ETag};
use crate::api::long_poll::{self, Wait};
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::{Body, Problem};
use crate::api::status::{Assessed, Status, assess};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    page_size: Option<u32>,
    page_token: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusParameters {
    /// How long to wait for a change, as `30s`.
    wait: Option<String>,
    /// The version that the client knows.
    version: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page: PageRequest<String> =
        PageRequest::new("monitors", &(), asked.page_size, asked.page_token)?;
    let now = api.clock.now();
    let after = page.after().map(String::as_str);
    let monitors = api.store.monitors(after, page.limit()).await?;
    let assessed: Vec<Assessed> = monitors
        .iter()
        .map(|state| assess(state, api.default_max_age, now))
        .collect();
    let tags: Vec<(&str, String)> = assessed
        .iter()
        .map(|one| (one.status.id.as_str(), format!("{:?}", one.tag)))
        .collect();
    let tag = ETag::of_value(&(tags, page.limit()))?;
    let items = assessed.into_iter().map(|one| one.status).collect();
    let page = page.page(items, |status: &Status| status.id.clone());
    Ok(etag::answer(&tag, &headers, &page))
}

/// One monitor is what its status says.
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let assessed = read(&api, &id, None).await?;
    Ok(etag::answer(&assessed.tag, &headers, &assessed.status))
}

/// Asks for a run out of turn. The answer is the status as it is now: whoever wants the new one
/// waits for its version to grow.
pub(crate) async fn request_run(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    ask_for_run(&api, &id).await?;
    let status = read(&api, &id, None).await?.status;
    Ok((StatusCode::ACCEPTED, axum::Json(status)).into_response())
}

/// Asks for a run out of turn, wherever the monitor is run.
pub(crate) async fn ask_for_run(api: &Api, id: &str) -> Result<(), Problem> {
    if !api.store.request_run(id, api.clock.now()).await? {
        return Err(Problem::not_found("monitor", id));
    }
    api.bells.ring(id);
    Ok(())
}

/// Answers at once unless the client says what it knows, by `If-None-Match` or `version`,
/// and that is still true: then it waits for news, up to `wait`.
pub(crate) async fn status(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(asked): Parameters<StatusParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait = asked.wait.as_deref().map(long_poll::parse).transpose()?;
    let mut assessed = read(&api, &id, None).await?;
    let is_known = |assessed: &Assessed| {
        assessed.tag.is_known(&headers) || asked.version == Some(assessed.version)
    };
    if let Some(duration) = wait
        && is_known(&assessed)
    {
        let mut wait = Wait::begin(&api, duration)?;
        let known = assessed.tag.clone();
        // Read again: something may have changed before the wait began.
        assessed = read(&api, &id, None).await?;
        while assessed.tag == known && wait.next(assessed.stale_at).await {
            assessed = read(&api, &id, None).await?;
        }
    }
    Ok(etag::answer(&assessed.tag, &headers, &assessed.status))
}

/// A monitor's status at this instant, with a tighter limit of age where one is given.
pub(crate) async fn read(
    api: &Api,
    id: &str,
    max_age: Option<Duration>,
) -> Result<Assessed, Problem> {
    let mut state = api
        .store
        .monitor(id)
        .await?
        .ok_or_else(|| Problem::not_found("monitor", id))?;
    if let Some(max_age) = max_age {
        let known = state.max_age.unwrap_or(api.default_max_age);
        state.max_age = Some(known.min(max_age));
    }
    Ok(assess(&state, api.default_max_age, api.clock.now()))
}
