//! Who may ask, how often, and what they changed.
//!
//! Where keys are required, every path but those of health needs one that may do what is asked.
//! Every change that was made is written into the audit log, with the key or without.

use crate::access;
use crate::api::Api;
use crate::api::etag;
use crate::api::page::{Parameters, after, page, page_size};
use crate::api::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use driftline_store::{ApiKey, AuditEntry, AuditPosition, Scope};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

const LIST: &str = "audit";
const ANONYMOUS: &str = "anonymous";

/// Requests that each key may still make at once: a bucket that fills as time passes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets(Arc<Mutex<BTreeMap<String, Bucket>>>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    since: DateTime<Utc>,
}

impl Buckets {
    /// Takes one request of a key's; false where it has none left. `per_second` requests come
    /// back each second, up to twice as many. Only keys that are known have a bucket.
    fn take(&self, key: &str, per_second: u32, now: DateTime<Utc>) -> bool {
        let most = f64::from(per_second) * 2.0;
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket {
            left: most,
            since: now,
        });
        let passed = (now - bucket.since).num_milliseconds().max(0) as f64 / 1_000.0;
        bucket.left = (bucket.left + passed * f64::from(per_second)).min(most);
        bucket.since = now;
        let has_one = bucket.left >= 1.0;
        if has_one {
            bucket.left -= 1.0;
        }
        has_one
    }
}

pub(crate) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if path == "/livez" || path == "/readyz" {
        return next.run(request).await;
    }
    let actor = if api.settings.require_key {
        match admit(&api, request.headers(), &method, &path).await {
            Ok(key) => format!("{} ({})", key.name, key.id),
            Err(problem) => return refusal(problem),
        }
    } else {
        ANONYMOUS.to_owned()
    };
    let response = next.run(request).await;
    if is_change(&method) && response.status().is_success() {
        let entry = AuditEntry {
            id: Uuid::now_v7().to_string(),
            at: api.clock.now(),
            actor,
            action: format!("{method} {path}"),
            status: i64::from(response.status().as_u16()),
        };
        if let Err(error) = api.store.audit(&entry).await {
            tracing::error!(%error, ?entry, "a change is not in the audit log");
        }
    }
    response
}

async fn admit(
    api: &Api,
    headers: &HeaderMap,
    method: &Method,
    path: &str,
) -> Result<ApiKey, Problem> {
    let unauthorized =
        |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail.to_owned());
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| unauthorized("send `Authorization: Bearer` and a key"))?;
    let unknown = || unauthorized("this key is unknown, or has ended");
    let (id, secret) = access::parts(text.trim()).ok_or_else(unknown)?;
    let (key, secret_hash) = api.store.key(id).await?.ok_or_else(unknown)?;
    let now = api.clock.now();
    let has_ended = key.expires_at.is_some_and(|end| end <= now);
    if !access::is_secret_of(secret, &secret_hash) || has_ended {
        return Err(unknown());
    }
    let needed = needed(method, path);
    if key.scope < needed {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("this needs the scope `{}`", needed.name()),
        ));
    }
    if let Some(per_second) = api.settings.requests_per_second
        && !api.buckets.take(&key.id, per_second.max(1), now)
    {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            format!("this key may ask {per_second} times a second"),
        ));
    }
    Ok(key)
}

fn refusal(problem: Problem) -> Response {
    let mut response = problem.into_response();
    let (name, value) = match response.status() {
        StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Bearer"),
        StatusCode::TOO_MANY_REQUESTS => (header::RETRY_AFTER, "1"),
        _ => return response,
    };
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    response
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn needed(method: &Method, path: &str) -> Scope {
    if is_change(method) {
        Scope::Write
    } else if path.starts_with("/api/v1/audit") {
        Scope::Admin
    } else if path.starts_with("/api/v1/monitors/") && path.ends_with("/gate") {
        Scope::Gate
    } else {
        Scope::Read
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    page_size: Option<u32>,
    page_token: Option<String>,
}

/// `/api/v1/audit`: who changed what, newest first.
pub(crate) async fn audit(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = page_size(asked.page_size)?;
    let after: Option<(i64, String)> = after(LIST, "", asked.page_token.as_deref())?;
    let after = after.map(|(at_ms, id)| AuditPosition { at_ms, id });
    let entries = api.store.audit_log(after.as_ref(), size + 1).await?;
    let page = page(entries, size, LIST, "", |entry: &AuditEntry| {
        let position = entry.position();
        (position.at_ms, position.id)
    });
    etag::answer_value(&headers, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        let buckets = Buckets::default();
        let taken = (0..30).filter(|_| buckets.take("a", 10, at(0))).count();
        assert_eq!(taken, 20);
        assert!(buckets.take("b", 10, at(0)));
        assert!(!buckets.take("a", 10, at(50)));
        assert!(buckets.take("a", 10, at(150)));
        // A clock that was set back gives nothing.
        assert!(!buckets.take("a", 10, at(0)));
    }

    #[test]
    fn what_is_asked_needs_its_scope() {
        let of = |method, path| needed(&method, path).name();
        assert_eq!(of(Method::GET, "/api/v1/monitors/a/gate"), "gate");
        assert_eq!(of(Method::GET, "/api/v1/monitors/a/status"), "read");
        assert_eq!(of(Method::GET, "/metrics"), "read");
        assert_eq!(of(Method::POST, "/api/v1/monitors/a/runs"), "write");
        assert_eq!(of(Method::DELETE, "/api/v1/silences/a"), "write");
        assert_eq!(of(Method::GET, "/api/v1/audit"), "admin");
    }
}
