//! `/api/v1/silences`: alerts that nobody is told of for a while.

use crate::api::Api;
use crate::api::etag;
use crate::api::monitors::NoParameters;
use crate::api::page::{Parameters, after, page, page_size};
use crate::api::problem::{Body, Problem};
use crate::api::status::shown;
use crate::silence::{SilenceMistake, SilenceRequest};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftline_store::{Silence, SilenceFilter, SilencePosition};
use driftline_verdict::FindingKind;
use serde::{Deserialize, Serialize};

const LIST: &str = "silences";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    /// Only those in force now.
    #[serde(default)]
    active: bool,
    page_size: Option<u32>,
    page_token: Option<String>,
}

/// A silence as it is answered, and as `driftline alert silences` prints it. A field that is null
/// matches everything.
#[derive(Debug, Serialize)]
pub struct SilenceItem {
    /// Its identity.
    pub id: String,
    /// Only alerts of this monitor.
    pub monitor: Option<String>,
    /// Only alerts of this kind.
    pub kind: Option<FindingKind>,
    /// Only alerts of this column.
    pub column: Option<String>,
    /// Only alerts of this slice.
    pub slice: Option<String>,
    /// Only alerts of this measure, type of anomaly or rule.
    pub measure: Option<String>,
    /// Only alerts of this term.
    pub term: Option<String>,
    /// When it begins, RFC 3339.
    pub starts_at: String,
    /// When it ends, RFC 3339.
    pub ends_at: String,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was written down, RFC 3339.
    pub created_at: String,
    #[serde(skip)]
    position: (i64, String),
}

impl From<Silence> for SilenceItem {
    fn from(silence: Silence) -> Self {
        let position = silence.position();
        Self {
            id: silence.id,
            monitor: silence.monitor,
            kind: silence.kind,
            column: silence.column,
            slice: silence.slice,
            measure: silence.measure,
            term: silence.term,
            starts_at: shown(silence.starts_at),
            ends_at: shown(silence.ends_at),
            author: silence.author,
            comment: silence.comment,
            created_at: shown(silence.created_at),
            position: (position.created_at_ms, position.id),
        }
    }
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let filter = SilenceFilter {
        at: asked.active.then(|| api.clock.now()),
        id: None,
    };
    let filter_name = if asked.active { "active" } else { "" };
    let after: Option<(i64, String)> = after(LIST, filter_name, asked.page_token.as_deref())?;
    let after = after.map(|(created_at_ms, id)| SilencePosition { created_at_ms, id });
    let silences = api
        .store
        .silences(&filter, after.as_ref(), size + 1)
        .await?;
    let items = silences.into_iter().map(SilenceItem::from).collect();
    let page = page(items, size, LIST, filter_name, |item: &SilenceItem| {
        item.position.clone()
    });
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

pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<SilenceRequest>,
) -> Result<Response, Problem> {
    let silence = request
        .checked(api.clock.now())
        .map_err(|SilenceMistake { field, message }| Problem::parameter(field, message))?;
    api.store.add_silence(&silence).await?;
    api.changes.send_modify(|_| {});
    Ok((StatusCode::CREATED, axum::Json(SilenceItem::from(silence))).into_response())
}

/// Ends a silence now. Ending it again changes nothing.
pub(crate) async fn end(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Response, Problem> {
    if !api.store.end_silence(&id, api.clock.now()).await? {
        return Err(Problem::not_found("silence", &id));
    }
    api.changes.send_modify(|_| {});
    Ok(axum::Json(find(&api, &id).await?).into_response())
}

async fn find(api: &Api, id: &str) -> Result<SilenceItem, Problem> {
    let filter = SilenceFilter {
        at: None,
        id: Some(id.to_owned()),
    };
    let found = api.store.silences(&filter, None, 1).await?.pop();
    found
        .map(SilenceItem::from)
        .ok_or_else(|| Problem::not_found("silence", id))
}
