//! Accepts connections, each with bounds.
//!
//! An accept loop of our own, because `axum::serve` gives hyper no timer, and without one
//! its header timeout does nothing: a client that sends one byte a minute would hold its
//! connection for ever.

use crate::api::Api;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::problem::Problem;

/// Header lines of one request.
const HEADERS: usize = 64;
/// Bytes of the head of one request.
const HEAD_BYTES: usize = 32 * 1024;
/// After an accept that failed, as with no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// What an answer may take beyond the longest wait of a poll.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Answers until shutdown, then lets every connection finish what it is doing.
pub(crate) async fn listen(listener: TcpListener, api: Api, shutdown: CancellationToken) {
    let settings = api.settings.clone();
    let room = Arc::new(Semaphore::new(settings.connections.max(1)));
    let timeout = settings.answer_timeout + LONGEST_WAIT;
    let router = api.router().layer(from_fn_with_state(timeout, within));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .half_close(false);

    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (builder, router, shutdown) = (builder.clone(), router.clone(), shutdown.clone());
        connections.spawn(async move {
            serve(stream, &builder, router, &shutdown).await;
            drop(permit);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection ended before it began");
            }
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            None
        }
    }
}

async fn serve(
    stream: TcpStream,
    builder: &http1::Builder,
    router: Router,
    shutdown: &CancellationToken,
) {
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// No answer takes for ever.
async fn within(
    axum::extract::State(timeout): axum::extract::State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    tokio::time::timeout(timeout, next.run(request))
        .await
        .unwrap_or_else(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "timeout",
                "the answer took too long: try again",
            )
            .into_response()
        })
}
