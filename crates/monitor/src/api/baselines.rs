//! `/api/v1/baselines`: which versions there are, and which one is in force.

use crate::api::Api;
use crate::api::change::Changing;
use crate::api::monitors::{self, NoParameters};
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::{Body, Problem};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftline_store::{
    BaselineFilter, BaselineState, BaselineVersion, PromotionRefusal, TrainingData,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a source, of SQL, or of a name.
const TEXT_CHARACTERS: usize = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    monitor: Option<String>,
    state: Option<BaselineState>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = BaselineFilter {
        monitor: asked.monitor,
        state: asked.state,
    };
    let page = PageRequest::new("baselines", &filter, asked.page_size, asked.page_token)?;
    let versions = api
        .store
        .baseline_versions(&filter, page.after(), page.limit());
    page.answer(&headers, versions.await?, BaselineVersion::position)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposeBody {
    source: String,
    prepare: Option<String>,
    author: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromoteBody {
    version: i64,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Proposed {
    monitor: String,
    version: i64,
}

/// Asks for a version learnt from other data. It is built by the server that runs the monitor.
pub(crate) async fn propose(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(body): Body<ProposeBody>,
) -> Result<Response, Problem> {
    let data = TrainingData {
        source: body.source,
        prepare: body.prepare,
    };
    check(&data)?;
    check_text("author", &body.author)?;
    let now = api.clock.now();
    let version = api
        .store
        .propose_baseline(&id, &data, &body.author, now)
        .await?
        .ok_or_else(|| Problem::not_found("monitor", &id))?;
    api.bells.ring(&id);
    let proposed = Proposed {
        monitor: id,
        version,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(proposed)).into_response())
}

/// Puts a version in force; the next run rests on it.
pub(crate) async fn promote(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(body): Body<PromoteBody>,
) -> Result<Response, Problem> {
    put_in_force(&api, &id, Some(body.version)).await
}

/// Puts the version in force that was before.
pub(crate) async fn roll_back(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    put_in_force(&api, &id, None).await
}

/// Keeps the version in force whatever retraining brings.
pub(crate) async fn pin(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    set_pinned(&api, &id, true).await
}

/// Lets new versions take its place again.
pub(crate) async fn unpin(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    set_pinned(&api, &id, false).await
}

pub(crate) async fn put_in_force(
    api: &Api,
    id: &str,
    version: Option<i64>,
) -> Result<Response, Problem> {
    api.store
        .promote_baseline(id, version, api.clock.now())
        .await?
        .map_err(|refusal| match refusal {
            PromotionRefusal::NoMonitor => Problem::not_found("monitor", id),
            PromotionRefusal::NoVersion => Problem::parameter("version", "there is none of it"),
            PromotionRefusal::NotReady(state) => Problem::new(
                StatusCode::CONFLICT,
                "baseline_not_ready",
                format!("this version is {}", state.name()),
            ),
        })?;
    api.bells.ring(id);
    changed(api, id).await
}

pub(crate) async fn set_pinned(api: &Api, id: &str, pinned: bool) -> Result<Response, Problem> {
    if !api.store.pin_baseline(id, pinned).await? {
        return Err(Problem::not_found("monitor", id));
    }
    changed(api, id).await
}

async fn changed(api: &Api, id: &str) -> Result<Response, Problem> {
    let status = monitors::read(api, id, None).await?.status;
    Ok(axum::Json(status).into_response())
}

/// Refuses training data that cannot be.
pub(crate) fn check(data: &TrainingData) -> Result<(), Problem> {
    check_text("source", &data.source)?;
    if data.source.trim() == "-" {
        return Err(Problem::parameter(
            "source",
            "cannot be the server's standard input",
        ));
    }
    match &data.prepare {
        Some(prepare) => check_text("prepare", prepare),
        None => Ok(()),
    }
}

fn check_text(name: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > TEXT_CHARACTERS {
        return Err(Problem::parameter(
            name,
            "says something in at most 10,000 characters",
        ));
    }
    Ok(())
}
