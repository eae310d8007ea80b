//! `/api/v1/baselines`: which versions there are, and which one is in force.

use crate::api::Api;
use crate::api::etag;
use crate::api::monitors::{self, NoParameters};
use crate::api::page::{Parameters, after, page, page_size};
use crate::api::problem::{Body, Problem};
use crate::api::status::shown;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftline_store::{
    BaselineFilter, BaselinePosition, BaselineState, BaselineVersion, PromotionRefusal,
    TrainingData,
};
use serde::{Deserialize, Serialize};

const LIST: &str = "baselines";
/// Characters of a source, of SQL, or of a name.
const TEXT_CHARACTERS: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    monitor: Option<String>,
    state: Option<BaselineState>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

/// A version as it is answered, and as `driftline baseline list` prints it.
#[derive(Debug, Serialize)]
pub struct BaselineItem {
    /// The monitor.
    pub monitor: String,
    /// Its number, from 1.
    pub version: i64,
    /// How far it has come.
    pub state: BaselineState,
    /// Whether windows are compared with it now.
    pub in_force: bool,
    /// The training data.
    pub source: String,
    /// SQL over it.
    pub prepare: Option<String>,
    /// Who asked for it.
    pub author: String,
    /// The retraining request that it came of.
    pub retraining_request_id: Option<String>,
    /// Hash of its content.
    pub baseline_id: Option<String>,
    /// Where it is frozen, on the machine that built it.
    pub directory: Option<String>,
    /// Share of alarms on parts of it held out.
    pub observed_rate: Option<f64>,
    /// The rate of false alarms that the pipeline states.
    pub stated_rate: Option<f64>,
    /// Why it was refused.
    pub message: Option<String>,
    /// When it was asked for, RFC 3339.
    pub created_at: String,
    /// When it was built or refused, RFC 3339.
    pub decided_at: Option<String>,
    /// When it was last put in force, RFC 3339.
    pub promoted_at: Option<String>,
    #[serde(skip)]
    position: (i64, String, i64),
}

impl From<BaselineVersion> for BaselineItem {
    fn from(version: BaselineVersion) -> Self {
        let position = version.position();
        Self {
            monitor: version.monitor,
            version: version.version,
            state: version.state,
            in_force: version.is_in_force,
            source: version.data.source,
            prepare: version.data.prepare,
            author: version.author,
            retraining_request_id: version.retraining_request,
            baseline_id: version.baseline_id,
            directory: version.directory,
            observed_rate: version.observed_rate,
            stated_rate: version.stated_rate,
            message: version.message,
            created_at: shown(version.created_at),
            decided_at: version.decided_at.map(shown),
            promoted_at: version.promoted_at.map(shown),
            position: (position.created_at_ms, position.monitor, position.version),
        }
    }
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let filter = BaselineFilter {
        monitor: asked.monitor,
        state: asked.state,
    };
    let filter_name = format!("{filter:?}");
    let after: Option<(i64, String, i64)> = after(LIST, &filter_name, asked.page_token.as_deref())?;
    let after = after.map(|(created_at_ms, monitor, version)| BaselinePosition {
        created_at_ms,
        monitor,
        version,
    });
    let versions = api
        .store
        .baseline_versions(&filter, after.as_ref(), size + 1)
        .await?;
    let items = versions.into_iter().map(BaselineItem::from).collect();
    let page = page(items, size, LIST, &filter_name, |item: &BaselineItem| {
        item.position.clone()
    });
    etag::answer_value(&headers, &page)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposeBody {
    source: String,
    prepare: Option<String>,
    author: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromoteBody {
    version: i64,
}

#[derive(Serialize)]
struct Proposed {
    monitor: String,
    version: i64,
}

/// Asks for a version learnt from other data. It is built by the server that runs the monitor.
pub(crate) async fn propose(
    State(api): State<Api>,
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
    api.changes.send_modify(|_| {});
    let proposed = Proposed {
        monitor: id,
        version,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(proposed)).into_response())
}

/// Puts a version in force; the next run rests on it.
pub(crate) async fn promote(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(body): Body<PromoteBody>,
) -> Result<Response, Problem> {
    put_in_force(&api, &id, Some(body.version)).await
}

/// Puts the version in force that was before.
pub(crate) async fn roll_back(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    put_in_force(&api, &id, None).await
}

/// Keeps the version in force whatever retraining brings.
pub(crate) async fn pin(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    set_pinned(&api, &id, true).await
}

/// Lets new versions take its place again.
pub(crate) async fn unpin(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(NoParameters {}): Body<NoParameters>,
) -> Result<Response, Problem> {
    set_pinned(&api, &id, false).await
}

async fn put_in_force(api: &Api, id: &str, version: Option<i64>) -> Result<Response, Problem> {
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

async fn set_pinned(api: &Api, id: &str, pinned: bool) -> Result<Response, Problem> {
    if !api.store.pin_baseline(id, pinned).await? {
        return Err(Problem::not_found("monitor", id));
    }
    changed(api, id).await
}

async fn changed(api: &Api, id: &str) -> Result<Response, Problem> {
    api.changes.send_modify(|_| {});
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
