//! The status API: what monitors say to those who poll. `routes.rs` lists what it answers.
//!
//! Answers carry a strong `ETag`; `If-None-Match` gives 304. Lists are
//! `{items, next_page_token, page_size}`; errors are `application/problem+json`
//! (RFC 9457). Only additions will be made under `v1`, and enums may grow.

mod alerts;
mod baselines;
mod change;
mod connection;
mod dashboard;
mod deliveries;
mod etag;
mod events;
mod gate;
mod guard;
mod health;
mod history;
mod long_poll;
mod metrics;
mod monitors;
mod nul;
mod openapi;
mod page;
mod problem;
mod profiles;
mod reports;
mod retraining;
mod routes;
mod runs;
mod silences;
mod status;
mod trace;

pub use alerts::AlertItem;
pub(crate) use connection::listen;
pub use routes::openapi;

use crate::oidc::{Issuer, OidcSettings};
use crate::schedule::Bells;
use crate::{Clock, Evaluator};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use driftline_store::Store;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

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
    /// Whose tokens are taken in the place of a key, where keys are required.
    pub oidc: Option<OidcSettings>,
    /// Requests a second of one key, or of one subject of tokens; more are answered 429.
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
            oidc: None,
            requests_per_second: None,
        }
    }
}

/// The pipelines that this server serves, by name.
type Evaluators = Arc<BTreeMap<String, Arc<dyn Evaluator>>>;

/// What a server serves.
pub(crate) struct Served {
    /// The pipelines, by name.
    pub(crate) evaluators: BTreeMap<String, Arc<dyn Evaluator>>,
    /// Rung, a pipeline's next run begins at once.
    pub(crate) bells: Bells,
}

/// What every answer is made from. It is cloned several times for each.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What [`Api`] shares.
#[derive(Clone)]
pub(crate) struct Parts {
    store: Store,
    evaluators: Evaluators,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<i64>,
    /// For monitors that no schedule says a freshness for.
    default_max_age: Duration,
    settings: ApiSettings,
    bells: Bells,
    waiters: Arc<Semaphore>,
    issuer: Option<Arc<Issuer>>,
    buckets: guard::Buckets,
    small_trends: dashboard::SmallTrends,
    draining: CancellationToken,
}

impl Api {
    pub(crate) fn new(
        store: Store,
        served: Served,
        clock: Arc<dyn Clock>,
        changes: watch::Sender<i64>,
        default_max_age: Duration,
        settings: ApiSettings,
        draining: CancellationToken,
    ) -> Self {
        let issuer = settings.oidc.clone();
        Self(Arc::new(Parts {
            store,
            evaluators: Arc::new(served.evaluators),
            issuer: issuer.map(|settings| Arc::new(Issuer::new(settings, Arc::clone(&clock)))),
            clock,
            changes,
            default_max_age,
            waiters: Arc::new(Semaphore::new(settings.waiters)),
            settings,
            bells: served.bells,
            buckets: guard::Buckets::default(),
            small_trends: dashboard::SmallTrends::default(),
            draining,
        }))
    }

    /// The same over another view of the store.
    fn over(&self, store: Store) -> Self {
        let parts = Parts::clone(self);
        Self(Arc::new(Parts { store, ..parts }))
    }

    fn router(self) -> Router {
        let mut router = Router::new();
        for operation in routes::operations() {
            router = router.route(operation.path, operation.handler);
        }
        router
            .merge(dashboard::routes())
            .layer(from_fn_with_state(self.clone(), change::recorded))
            .layer(from_fn_with_state(self.clone(), guard::guard))
            .with_state(self)
            .layer(from_fn(nul::refused))
            .layer(DefaultBodyLimit::max(problem::BODY_BYTES))
            .layer(from_fn(problem::refuse_large_body))
            .layer(CatchPanicLayer::custom(problem::panicked))
            .layer(from_fn(problem::everywhere))
            .layer(map_response(never_guessed))
            .layer(CompressionLayer::new())
            .layer(from_fn(trace::traced))
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
