//! Events: what somebody must be told, serialised once.
//!
//! The payload is stored as the bytes that are sent, because a signature covers bytes:
//! a value that were serialised again at each attempt could change under its signature.

use crate::column::{decode, millis};
use crate::database::Connection;
use crate::{monitors, outbox};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

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

/// Writes the event and its outbox rows unless it is there already; says whether it did.
pub(crate) async fn insert_unless_known(
    connection: &mut Connection,
    monitor: &str,
    run_id: &str,
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
