//! `/api/v1/events`: what somebody was told of; as a list, or as it happens.
//!
//! The stream is that of Server-Sent Events: each event with its id, so that a client which was
//! cut off says the last one that it has seen (`Last-Event-ID`) and goes on from there. Events
//! of several monitors are decided at the same time and may appear out of order by a moment, so
//! each look goes back a little, and what was sent is remembered for as long.

use crate::api::Api;
use crate::api::etag;
use crate::api::monitors::NoParameters;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::Problem;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use driftline_store::{Event, EventFilter};
use futures::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// How far each look goes back: longer than a commit takes.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);
/// Events of one look.
const MOST: u32 = 10_000;
/// A comment is sent where nothing else was for so long, so that nobody cuts the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked where nothing says that something changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    monitor: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = EventFilter {
        monitor: asked.monitor,
        kind: asked.kind,
        id: None,
    };
    let page = PageRequest::new("events", &filter, asked.page_size, asked.page_token)?;
    let events = api.store.events(&filter, page.after(), page.limit());
    page.answer(&headers, events.await?, Event::position)
}

pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let event = find(&api, &id).await?;
    let event = event.ok_or_else(|| Problem::not_found("event", &id))?;
    etag::answer_value(&headers, &event)
}

async fn find(api: &Api, id: &str) -> Result<Option<Event>, Problem> {
    let filter = EventFilter {
        id: Some(id.to_owned()),
        ..EventFilter::default()
    };
    Ok(api.store.events(&filter, None, 1).await?.pop())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamParameters {
    monitor: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Events as they are decided; those since `Last-Event-ID` first.
pub(crate) async fn stream(
    State(api): State<Api>,
    Parameters(asked): Parameters<StreamParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = std::sync::Arc::clone(&api.waiters)
        .try_acquire_owned()
        .map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_waiting",
                "too many clients are waiting: ask for the list",
            )
        })?;
    let filter = EventFilter {
        monitor: asked.monitor,
        kind: asked.kind,
        id: None,
    };
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let mut follower = Follower {
        changes: api.changes.subscribe(),
        newest: api.clock.now(),
        sent: BTreeMap::new(),
        waiting: VecDeque::new(),
        filter,
        api,
        _permit: permit,
    };
    match last {
        Some(id) => {
            let event = find(&follower.api, id).await?.ok_or_else(|| {
                Problem::parameter("Last-Event-ID", "is unknown, or was forgotten: begin anew")
            })?;
            follower.newest = event.created_at;
            // What stands before it in the order of the list was sent.
            let known = follower.look().await?;
            let seen = known
                .into_iter()
                .filter(|other| (other.created_at, &other.id) <= (event.created_at, &event.id));
            follower.sent = seen.map(|other| (other.id, other.created_at)).collect();
        }
        None => {
            let known = follower.look().await?;
            follower.sent = known.into_iter().map(|e| (e.id, e.created_at)).collect();
        }
    }
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        let event = sse::Event::default()
            .id(&event.id)
            .event(&event.kind)
            .data(&event.payload);
        Some((Ok::<_, Infallible>(event), follower))
    });
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response();
    // A proxy that collects an answer before it passes it on would never pass this one on.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One client of the stream.
struct Follower {
    api: Api,
    filter: EventFilter,
    changes: watch::Receiver<i64>,
    /// When the newest event that was sent was decided.
    newest: DateTime<Utc>,
    /// What was sent lately.
    sent: BTreeMap<String, DateTime<Utc>>,
    waiting: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    async fn look(&self) -> Result<Vec<Event>, Problem> {
        let since = self.newest - OVERLAP;
        Ok(self
            .api
            .store
            .events_since(&self.filter, since, MOST)
            .await?)
    }

    /// The next event; `None` when the server goes down, or the store fails: the client asks
    /// again.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.changes.mark_unchanged();
            let found = self.look().await.ok()?;
            for event in found {
                if !self.sent.contains_key(&event.id) {
                    self.newest = self.newest.max(event.created_at);
                    self.sent.insert(event.id.clone(), event.created_at);
                    self.waiting.push_back(event);
                }
            }
            let oldest = self.newest - OVERLAP;
            self.sent.retain(|_, decided| *decided >= oldest);
            if self.waiting.is_empty() {
                tokio::select! {
                    () = self.api.draining.cancelled() => return None,
                    Ok(()) = self.changes.changed() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        }
    }
}
