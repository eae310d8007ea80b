//! The status API: what monitors say to those who poll.
//!
//! | path | answers |
//! |---|---|
//! | `/api/v1/monitors` | every monitor with its status |
//! | `/api/v1/monitors/{id}` | one monitor |
//! | `/api/v1/monitors/{id}/status` | its status; `wait=30s` waits for a change |
//! | `/api/v1/monitors/{id}/gate` | whether a deployment may go on; `max_age=`, `fail_on=` |
//! | `POST /api/v1/monitors/{id}/runs` | a run out of turn |
//! | `/api/v1/runs`, `/api/v1/runs/{id}` | runs, newest first; one as its `verdict.json` |
//! | `/api/v1/windows`, `/api/v1/findings` | what runs said, over all of them |
//! | `/api/v1/events`, `/api/v1/events/stream` | what somebody was told of; a list, or as it happens |
//! | `/api/v1/audit` | who changed what, newest first |
//! | `/metrics` | OpenMetrics |
//! | `/api/v1/baselines` | versions of baselines, newest first; `monitor=`, `state=` |
//! | `POST /api/v1/monitors/{id}/baselines`, `…/baseline/promote`, `…/rollback`, `…/pin`, `…/unpin` | which baseline is in force |
//! | `/api/v1/alerts`, `/api/v1/alerts/{id}` | alerts, newest first; `monitor=`, `state=`, `kind=`, `wait=` |
//! | `/api/v1/silences`, `/api/v1/silences/{id}` | silences, newest first; POST makes one, DELETE ends it |
//! | `/api/v1/retraining-requests` | requests, newest first; `state=`, `wait=` |
//! | `POST …/{id}/claim`, `…/heartbeat`, `…/complete` | takes a request on, is at work, ends it |
//! | `/livez`, `/readyz` | whether the process lives, and whether it can work |
//!
//! Every answer carries a strong `ETag`; `If-None-Match` gives 304. Lists are
//! `{items, next_page_token, page_size}`; errors are `application/problem+json`
//! (RFC 9457). Only additions will be made under `v1`, and enums may grow.

mod alerts;
mod baselines;
mod connection;
mod etag;
mod events;
mod gate;
mod guard;
mod health;
mod history;
mod long_poll;
mod metrics;
mod monitors;
mod page;
mod problem;
mod retraining;
mod runs;
mod silences;
mod status;

pub use alerts::AlertItem;
pub use baselines::BaselineItem;
pub(crate) use connection::listen;
pub use silences::SilenceItem;

use crate::Clock;
use crate::schedule::Bells;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use driftline_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

/// Bounds of the status API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// Time in which a client must have sent the head of a request.
    pub header_timeout: Duration,
    /// Time for an answer that waits for nothing.
    pub answer_timeout: Duration,
    /// Waiting polls at the same time; more are answered 503.
    pub waiters: usize,
    /// Whether everything but health needs a key.
    pub require_key: bool,
    /// Requests a second of one key; more are answered 429.
    pub requests_per_second: Option<u32>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            connections: 4_096,
            header_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            waiters: 2_048,
            require_key: false,
            requests_per_second: None,
        }
    }
}

/// What every answer is made from.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    store: Store,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<i64>,
    /// For monitors that no schedule says a freshness for.
    default_max_age: Duration,
    settings: ApiSettings,
    bells: Bells,
    waiters: Arc<Semaphore>,
    buckets: guard::Buckets,
    draining: CancellationToken,
}

impl Api {
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        changes: watch::Sender<i64>,
        default_max_age: Duration,
        settings: ApiSettings,
        bells: Bells,
        draining: CancellationToken,
    ) -> Self {
        Self {
            store,
            clock,
            changes,
            default_max_age,
            waiters: Arc::new(Semaphore::new(settings.waiters)),
            settings,
            bells,
            buckets: guard::Buckets::default(),
            draining,
        }
    }

    fn router(self) -> Router {
        Router::new()
            .route("/api/v1/monitors", get(monitors::list))
            .route("/api/v1/monitors/{id}", get(monitors::one))
            .route("/api/v1/monitors/{id}/status", get(monitors::status))
            .route("/api/v1/monitors/{id}/gate", get(gate::gate))
            .route("/api/v1/monitors/{id}/runs", post(monitors::request_run))
            .route("/api/v1/monitors/{id}/baselines", post(baselines::propose))
            .route(
                "/api/v1/monitors/{id}/baseline/promote",
                post(baselines::promote),
            )
            .route(
                "/api/v1/monitors/{id}/baseline/rollback",
                post(baselines::roll_back),
            )
            .route("/api/v1/monitors/{id}/baseline/pin", post(baselines::pin))
            .route(
                "/api/v1/monitors/{id}/baseline/unpin",
                post(baselines::unpin),
            )
            .route("/api/v1/baselines", get(baselines::list))
            .route("/api/v1/runs", get(runs::list))
            .route("/api/v1/runs/{id}", get(runs::one))
            .route("/api/v1/alerts", get(alerts::list))
            .route("/api/v1/alerts/{id}", get(alerts::one))
            .route(
                "/api/v1/silences",
                get(silences::list).post(silences::create),
            )
            .route(
                "/api/v1/silences/{id}",
                get(silences::one).delete(silences::end),
            )
            .route("/api/v1/retraining-requests", get(retraining::list))
            .route("/api/v1/retraining-requests/{id}", get(retraining::one))
            .route(
                "/api/v1/retraining-requests/{id}/claim",
                post(retraining::claim),
            )
            .route(
                "/api/v1/retraining-requests/{id}/heartbeat",
                post(retraining::beat),
            )
            .route(
                "/api/v1/retraining-requests/{id}/complete",
                post(retraining::complete),
            )
            .route("/api/v1/windows", get(history::windows))
            .route("/api/v1/findings", get(history::findings))
            .route("/api/v1/events", get(events::list))
            .route("/api/v1/events/stream", get(events::stream))
            .route("/api/v1/events/{id}", get(events::one))
            .route("/api/v1/audit", get(guard::audit))
            .route("/metrics", get(metrics::metrics))
            .route("/livez", get(health::livez))
            .route("/readyz", get(health::readyz))
            .layer(from_fn_with_state(self.clone(), guard::guard))
            .with_state(self)
            .layer(DefaultBodyLimit::max(problem::BODY_BYTES))
            .layer(from_fn(problem::refuse_large_body))
            .layer(CatchPanicLayer::custom(problem::panicked))
            .layer(from_fn(problem::everywhere))
            .layer(map_response(never_guessed))
    }
}

/// An answer is what its content type says, and is never shown without asking again.
async fn never_guessed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}
