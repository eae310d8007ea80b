//! Events: what somebody must be told, serialised once.
//!
//! The payload is stored as the bytes that are sent, because a signature covers bytes:
//! a value that were serialised again at each attempt could change under its signature.

use crate::column::{Instant, decode, instant, millis};
use crate::database::{Connection, Row};
use crate::list::List as _;
use crate::{Store, StoreError, monitors, outbox};
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::Row as _;

/// An event that a run decides on.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its identity, the same for the same window and transition: evaluating a window
    /// twice makes no second event. Sent as `webhook-id`.
    pub id: String,
    /// Its type, as `window.failed`.
    pub kind: String,
    /// The `data` of its payload; the store adds `sequence`.
    pub data: Map<String, Value>,
    /// Names of the targets that must be told.
    pub targets: Vec<String>,
}

/// An event that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Event {
    /// Its identity, sent as `webhook-id`.
    pub id: String,
    /// The monitor whose event it is.
    pub monitor: String,
    /// Its number within its monitor.
    pub sequence: i64,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The run that decided on it, where it was one.
    pub run_id: Option<String>,
    /// When it was decided.
    #[schemars(with = "Instant")]
    pub created_at: DateTime<Utc>,
    /// The very bytes that are signed and sent: `type`, `timestamp`, `data`.
    #[serde(serialize_with = "as_json")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub payload: String,
}

/// Which events to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those of this type.
    pub kind: Option<String>,
    /// Only this one.
    pub id: Option<String>,
}

/// Where a list of events goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPosition {
    /// When it was decided, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Its identity.
    pub id: String,
}

impl Event {
    /// The position of this event in a list.
    pub fn position(&self) -> EventPosition {
        EventPosition {
            created_at_ms: millis(self.created_at),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Events, newest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn events(
        &self,
        filter: &EventFilter,
        after: Option<&EventPosition>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM events
             WHERE ($1 = '' OR monitor_id = $1) AND ($2 = '' OR kind = $2)
               AND ($3 = '' OR id = $3)
               AND (created_at < $4 OR (created_at = $4 AND id < $5))
             ORDER BY created_at DESC, id DESC
             LIMIT $6",
        )
        .wanted(filter.monitor.as_deref())
        .wanted(filter.kind.as_deref())
        .wanted(filter.id.as_deref())
        .after(after.map(|after| (after.created_at_ms, after.id.as_str())))
        .bind(i64::from(limit));
        self.rows("listing events", list, read).await
    }

    /// Events decided at an instant or later, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn events_since(
        &self,
        filter: &EventFilter,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM events
             WHERE ($1 = '' OR monitor_id = $1) AND ($2 = '' OR kind = $2) AND created_at >= $3
             ORDER BY created_at, id
             LIMIT $4",
        )
        .wanted(filter.monitor.as_deref())
        .wanted(filter.kind.as_deref())
        .bind(millis(since))
        .bind(i64::from(limit));
        self.rows("listing events", list, read).await
    }
}

/// The payload as the JSON that it is.
fn as_json<S: Serializer>(payload: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let payload: &RawValue = serde_json::from_str(payload).map_err(S::Error::custom)?;
    payload.serialize(serializer)
}

fn read(row: &Row) -> sqlx::Result<Event> {
    Ok(Event {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor_id")?,
        sequence: row.try_get("sequence")?,
        kind: row.try_get("kind")?,
        run_id: row.try_get("run_id")?,
        created_at: instant(row.try_get("created_at")?)?,
        payload: row.try_get("payload")?,
    })
}

/// Writes the event and its outbox rows unless it is there already; says whether it did.
async fn insert_unless_known(
    connection: &mut Connection,
    monitor: &str,
    run_id: Option<&str>,
    event: &NewEvent,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE id = $1")
        .bind(&event.id)
        .fetch_one(&mut *connection)
        .await?;
    if known > 0 {
        return Ok(false);
    }
    let sequence = monitors::next_sequence(connection, monitor).await?;
    sqlx::query(
        "INSERT INTO events (id, monitor_id, sequence, kind, run_id, created_at, payload)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&event.id)
    .bind(monitor)
    .bind(sequence)
    .bind(&event.kind)
    .bind(run_id)
    .bind(millis(now))
    .bind(payload(event, sequence, now)?)
    .execute(&mut *connection)
    .await?;
    for target in &event.targets {
        outbox::insert(connection, monitor, &event.id, sequence, target, now).await?;
    }
    Ok(true)
}

/// Writes those events that are not there already, and returns their ids.
pub(crate) async fn insert_all(
    connection: &mut Connection,
    monitor: &str,
    run_id: Option<&str>,
    events: &[NewEvent],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<String>> {
    let mut new = Vec::new();
    for event in events {
        if insert_unless_known(connection, monitor, run_id, event, now).await? {
            new.push(event.id.clone());
        }
    }
    Ok(new)
}

/// `{"type", "timestamp", "data"}` of Standard Webhooks 1.0.0.
fn payload(event: &NewEvent, sequence: i64, now: DateTime<Utc>) -> sqlx::Result<String> {
    let mut data = event.data.clone();
    data.insert("sequence".to_owned(), Value::from(sequence));
    serde_json::to_string(&serde_json::json!({
        "type": event.kind,
        "timestamp": now.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": data,
    }))
    .map_err(decode)
}
