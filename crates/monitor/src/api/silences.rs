//! `/api/v1/silences`: alerts that nobody is told of for a while.

use crate::api::Api;
use crate::api::change::Changing;
use crate::api::etag;
use crate::api::monitors::NoParameters;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::{Body, Problem};
use crate::silence::{SilenceMistake, SilenceRequest};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftline_store::{Silence, SilenceFilter};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    /// Only those in force now.
    #[serde(default)]
    active: bool,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = SilenceFilter {
        at: asked.active.then(|| api.clock.now()),
        id: None,
    };
    let page = PageRequest::new("silences", &asked.active, asked.page_size, asked.page_token)?;
    let silences = api.store.silences(&filter, page.after(), page.limit());
    page.answer(&headers, silences.await?, Silence::position)
}

pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let item = find(&api, &id).await?;
    etag::answer_value(&headers, &item)
}

pub(crate) async fn create(
    Changing(api): Changing,
    Body(request): Body<SilenceRequest>,
) -> Result<Response, Problem> {
    let silence = request
        .checked(api.clock.now())
        .map_err(|SilenceMistake { field, message }| Problem::parameter(field, message))?;
    api.store.add_silence(&silence).await?;
    Ok((StatusCode::CREATED, axum::Json(silence)).into_response())
}

/// Ends a silence now. Ending it again changes nothing.
pub(crate) async fn end(
    Changing(api): Changing,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Response, Problem> {
    if !api.store.end_silence(&id, api.clock.now()).await? {
        return Err(Problem::not_found("silence", &id));
    }
    Ok(axum::Json(find(&api, &id).await?).into_response())
}

async fn find(api: &Api, id: &str) -> Result<Silence, Problem> {
    let filter = SilenceFilter {
        at: None,
        id: Some(id.to_owned()),
    };
    let found = api.store.silences(&filter, None, 1).await?.pop();
    found.ok_or_else(|| Problem::not_found("silence", id))
}
