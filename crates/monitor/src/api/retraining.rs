//! `/api/v1/retraining-requests`: what an orchestrator that polls is to do, and what it says
//! about it.

use crate::api::Api;
use crate::api::baselines;
use crate::api::change::Changing;
use crate::api::etag;
use crate::api::long_poll;
use crate::api::monitors::NoParameters;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::{Body, Problem};
use crate::clock::later;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftline_store::{
    ClaimRefusal, RetrainingFilter, RetrainingOutcome, RetrainingRequest, RetrainingState,
    TrainingData,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    state: Option<RetrainingState>,
    monitor: Option<String>,
    wait: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

/// With `wait`, an empty list waits for its first request.
pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait = asked.wait.as_deref().map(long_poll::parse).transpose()?;
    let filter = RetrainingFilter {
        state: asked.state,
        monitor: asked.monitor,
        id: None,
    };
    let page = PageRequest::new(
        "retraining-requests",
        &filter,
        asked.page_size,
        asked.page_token,
    )?;
    let read = || async {
        let (after, limit, now) = (page.after(), page.limit(), api.clock.now());
        let requests = api.store.retraining_requests(&filter, after, limit, now);
        Ok(page.page(requests.await?, RetrainingRequest::position))
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
    let item = find(&api, &id).await?;
    etag::answer_value(&headers, &item)
}

/// How long a claim lasts without a sign of life, unless the claimer says.
const HEARTBEAT: Duration = Duration::from_secs(60 * 60);
/// The longest that a claimer may say.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimBody {
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    claimed_by: String,
    #[schemars(range(min = 1, max = 604_800))]
    heartbeat_seconds: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeartbeatBody {
    claim: String,
    #[schemars(range(min = 1, max = 604_800))]
    heartbeat_seconds: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteBody {
    claim: String,
    state: End,
    outcome: Option<String>,
    new_baseline_id: Option<String>,
    new_baseline: Option<TrainingData>,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum End {
    Succeeded,
    Failed,
}

/// A request with the claim on it, which only its claimer is told.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Claimed {
    claim: String,
    #[serde(flatten)]
    request: RetrainingRequest,
}

/// Accepts a request for one claimer.
pub(crate) async fn claim(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(body): Body<ClaimBody>,
) -> Result<Response, Problem> {
    if body.claimed_by.trim().is_empty() || body.claimed_by.chars().count() > 200 {
        return Err(Problem::parameter(
            "claimed_by",
            "names the orchestrator: 1 to 200 characters",
        ));
    }
    let now = api.clock.now();
    let until = later(now, heartbeat(body.heartbeat_seconds)?);
    let offered = uuid::Uuid::new_v4().to_string();
    let claim = api
        .store
        .claim_retraining(&id, &body.claimed_by, &offered, until, now)
        .await?
        .map_err(|refusal| refused(&id, refusal))?;
    let request = find(&api, &id).await?;
    Ok(axum::Json(Claimed { claim, request }).into_response())
}

/// Says that the claimer is at work.
pub(crate) async fn beat(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(body): Body<HeartbeatBody>,
) -> Result<Response, Problem> {
    let now = api.clock.now();
    let until = later(now, heartbeat(body.heartbeat_seconds)?);
    api.store
        .heartbeat_retraining(&id, &body.claim, until, now)
        .await?
        .map_err(|refusal| refused(&id, refusal))?;
    Ok(axum::Json(find(&api, &id).await?).into_response())
}

/// Ends a request, well or not.
pub(crate) async fn complete(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(body): Body<CompleteBody>,
) -> Result<Response, Problem> {
    let outcome = RetrainingOutcome {
        succeeded: body.state == End::Succeeded,
        message: body.outcome,
        new_baseline_id: body.new_baseline_id,
        new_baseline: body.new_baseline,
    };
    if let Some(data) = &outcome.new_baseline {
        if !outcome.succeeded {
            return Err(Problem::parameter(
                "new_baseline",
                "comes of a retraining that succeeded",
            ));
        }
        baselines::check(data)?;
    }
    api.store
        .complete_retraining(&id, &body.claim, &outcome, api.clock.now())
        .await?
        .map_err(|refusal| refused(&id, refusal))?;
    let request = find(&api, &id).await?;
    if outcome.new_baseline.is_some() {
        api.bells.ring(&request.monitor);
    }
    Ok(axum::Json(request).into_response())
}

fn heartbeat(seconds: Option<u64>) -> Result<Duration, Problem> {
    let asked = seconds.map_or(HEARTBEAT, Duration::from_secs);
    if asked.is_zero() || asked > LONGEST_HEARTBEAT {
        return Err(Problem::parameter(
            "heartbeat_seconds",
            format!("is 1 to {}", LONGEST_HEARTBEAT.as_secs()),
        ));
    }
    Ok(asked)
}

fn refused(id: &str, refusal: ClaimRefusal) -> Problem {
    let conflict = |code, detail: String| Problem::new(StatusCode::CONFLICT, code, detail);
    match refusal {
        ClaimRefusal::Unknown => Problem::not_found("retraining request", id),
        ClaimRefusal::Taken => conflict(
            "claimed_by_another",
            format!("`{id}` is claimed by another, or this claim is not the last one"),
        ),
        ClaimRefusal::Ended(state) => conflict(
            "retraining_ended",
            format!("`{id}` has ended: {}", state.name()),
        ),
    }
}

async fn find(api: &Api, id: &str) -> Result<RetrainingRequest, Problem> {
    let filter = RetrainingFilter {
        id: Some(id.to_owned()),
        ..RetrainingFilter::default()
    };
    let found = api
        .store
        .retraining_requests(&filter, None, 1, api.clock.now())
        .await?
        .pop();
    found.ok_or_else(|| Problem::not_found("retraining request", id))
}
