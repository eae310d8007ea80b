//! Changes that clients ask for: recorded with who asked, and made once under one key.
//!
//! A client that lost an answer sends the same request again with the same `Idempotency-Key`,
//! and gets the answer that it would have got. The key is written in the transaction of the
//! change, so that of two requests at the same time one changes nothing.

use crate::api::Api;
use crate::api::guard::Actor;
use crate::api::problem::{self, Problem};
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use driftline_store::{AuditEntry, Change, KeptAnswer, RequestKey};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const KEY: &str = "idempotency-key";
/// Says that an answer is one that was given before.
const REPLAYED: &str = "idempotency-replayed";
/// Characters of a key.
pub(super) const KEY_CHARACTERS: usize = 200;
/// Bytes of an answer that is kept; no answer to a change has more.
const ANSWER_BYTES: usize = 1024 * 1024;

/// The API for one change: what its store commits is recorded as this client's.
pub(crate) struct Changing(pub(crate) Api);

impl FromRequestParts<Api> for Changing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let change = parts.extensions.get::<Change>().cloned().ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "a change that nobody answers for",
            )
        })?;
        Ok(Self(api.over(api.store.for_change(change))))
    }
}

pub(crate) fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Lets a change through with what is recorded of it, or gives the answer that it had before;
/// wakes whoever waits for changes.
pub(crate) async fn recorded(State(api): State<Api>, request: Request, next: Next) -> Response {
    if !is_change(request.method()) {
        return next.run(request).await;
    }
    let response = match record(&api, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    // Forms answer with the way back to their page.
    if response.status().is_success() || response.status().is_redirection() {
        api.changes.send_modify(|_| {});
    }
    response
}

async fn record(api: &Api, mut request: Request, next: Next) -> Result<Response, Problem> {
    let Actor(actor) = request
        .extensions()
        .get::<Actor>()
        .cloned()
        .unwrap_or_default();
    let action = format!("{} {}", request.method(), request.uri().path());
    let now = api.clock.now();
    let entry = AuditEntry {
        id: Uuid::now_v7().to_string(),
        at: now,
        actor,
        action,
    };
    let Some(given) = key(request.headers())? else {
        let change = Change { entry, key: None };
        request.extensions_mut().insert(change);
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let most = problem::most_bytes(parts.uri.path());
    let body = to_bytes(body, most)
        .await
        .map_err(|_| problem::too_large(most))?;
    let key = RequestKey {
        id: format!("{}\n{given}", entry.actor),
        request_hash: hash(&entry.action, &body),
    };
    if let Some(kept) = api.store.kept_answer(&key.id, now).await? {
        return again(&key, kept);
    }
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(Change {
        entry,
        key: Some(key.clone()),
    });
    let response = next.run(request).await;
    if response.status().is_success() {
        return keep(api, &key, response).await;
    }
    // Where another request under the key was faster, its answer is that of both.
    match api.store.kept_answer(&key.id, now).await? {
        Some(kept) if response.status().is_server_error() => again(&key, kept),
        _ => Ok(response),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_CHARACTERS => Ok(Some(key.to_owned())),
        _ => Err(Problem::parameter(
            "Idempotency-Key",
            format!("is 1 to {KEY_CHARACTERS} printable ASCII characters"),
        )),
    }
}

fn hash(action: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(action.as_bytes());
    hash.update([0]);
    hash.update(body);
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer to a request that was made before.
fn again(key: &RequestKey, kept: KeptAnswer) -> Result<Response, Problem> {
    if kept.request_hash != key.request_hash {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "key_reused",
            "this `Idempotency-Key` was given with another request: take a new one",
        ));
    }
    let Some((status, body)) = kept.answer else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "answer_unknown",
            "this change was made and its answer is not known yet, or was lost: look at what it changed",
        ));
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let json = HeaderValue::from_static("application/json");
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

async fn keep(api: &Api, key: &RequestKey, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_BYTES).await.map_err(|error| {
        tracing::error!(%error, "an answer cannot be kept");
        problem::internal()
    })?;
    let text = String::from_utf8_lossy(&body);
    let kept = api.store.keep_answer(&key.id, parts.status.as_u16(), &text);
    if let Err(error) = kept.await {
        tracing::error!(%error, "an answer is not kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}
