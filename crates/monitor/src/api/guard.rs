//! Who may ask, how often, and what they changed.
//!
//! Where keys are required, every path but those of health needs one that may do what is asked.
//! Who asks goes with the request, and into the audit log with what it changes (`change.rs`).

use crate::access;
use crate::api::Api;
use crate::api::change::is_change;
use crate::api::dashboard;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::Problem;
use crate::oidc::{Issuer, TokenTrouble};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use driftline_store::{AuditEntry, Scope};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests that each key may still make at once: a bucket that fills as time passes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets(Arc<Mutex<BTreeMap<String, Bucket>>>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    since: DateTime<Utc>,
}

impl Buckets {
    /// Takes one request of a client's; false where it has none left. `per_second` requests come
    /// back each second, up to twice as many. Only clients that are known have a bucket.
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

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Actor(pub(crate) String);

impl Default for Actor {
    fn default() -> Self {
        Self("anonymous".to_owned())
    }
}

pub(crate) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if is_open(&path) {
        return next.run(request).await;
    }
    if api.settings.require_key {
        match admit(&api, request.headers(), &method, &path).await {
            Ok(client) => {
                request.extensions_mut().insert(Actor(client.name));
            }
            Err(_) if method == Method::GET && dashboard::wants_page(request.headers()) => {
                return Redirect::to("/login").into_response();
            }
            Err(problem) => return refusal(problem),
        }
    }
    next.run(request).await
}

/// Who sent a key or a token.
struct Client {
    /// For people, in the audit log.
    name: String,
    /// What its requests are counted under.
    id: String,
    /// What it may do, if anything.
    scope: Option<Scope>,
}

async fn admit(
    api: &Api,
    headers: &HeaderMap,
    method: &Method,
    path: &str,
) -> Result<Client, Problem> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let text = bearer
        .or_else(|| dashboard::key_of(headers))
        .ok_or_else(|| unauthorized("send `Authorization: Bearer` and a key"))?
        .trim();
    let client = match &api.issuer {
        Some(issuer) if access::parts(text).is_none() => holder_of_token(issuer, text).await?,
        _ => holder_of_key(api, text).await?,
    };
    let needed = needed(method, path);
    if client.scope.is_none_or(|scope| scope < needed) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("this needs the scope `{}`", needed.name()),
        ));
    }
    if let Some(per_second) = api.settings.requests_per_second
        && !api
            .buckets
            .take(&client.id, per_second.max(1), api.clock.now())
    {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            format!("this key may ask {per_second} times a second"),
        ));
    }
    Ok(client)
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

async fn holder_of_key(api: &Api, text: &str) -> Result<Client, Problem> {
    let unknown = || unauthorized("this key is unknown, or has ended");
    let (id, secret) = access::parts(text).ok_or_else(unknown)?;
    let (key, secret_hash) = api.store.key(id).await?.ok_or_else(unknown)?;
    let has_ended = key.expires_at.is_some_and(|end| end <= api.clock.now());
    if !access::is_secret_of(secret, &secret_hash) || has_ended {
        return Err(unknown());
    }
    Ok(Client {
        name: format!("{} ({})", key.name, key.id),
        id: key.id,
        scope: Some(key.scope),
    })
}

async fn holder_of_token(issuer: &Issuer, text: &str) -> Result<Client, Problem> {
    let bearer = issuer.verify(text).await.map_err(|trouble| match trouble {
        TokenTrouble::Refused(why) => unauthorized(why),
        TokenTrouble::IssuerUnreachable => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "issuer_unreachable",
            "the keys of this token's issuer are not to be had: try again in a minute",
        ),
    })?;
    let name = issuer.name(&bearer);
    Ok(Client {
        id: name.clone(),
        name,
        scope: bearer.scope,
    })
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

/// Whether a path needs no key.
pub(crate) fn is_open(path: &str) -> bool {
    ["/livez", "/readyz", "/api/openapi.json", "/login"].contains(&path)
        || path.starts_with("/assets/")
        || path.starts_with("/language/")
}

/// What a key must allow.
pub(crate) fn needed(method: &Method, path: &str) -> Scope {
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

#[derive(Deserialize, JsonSchema)]
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
    let page = PageRequest::new("audit", &(), asked.page_size, asked.page_token)?;
    let entries = api.store.audit_log(page.after(), page.limit());
    page.answer(&headers, entries.await?, AuditEntry::position)
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
