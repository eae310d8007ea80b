//! Requests to train a model again: `requested → accepted → running → succeeded | failed`,
//! or `expired`.
//!
//! While one is open, a monitor asks for no second one: ten drifting windows in a row are
//! one reason to retrain, not ten. A request that nobody accepts expires, and the next
//! window that drifts may ask again; so the expiry is also the cool-down.

use crate::column::{from_word, instant, millis, word};
use crate::database::{Connection, Row};
use crate::events::NewEvent;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use driftline_verdict::Run;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// How far a retraining request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainingState {
    /// Written down and told.
    Requested,
    /// Somebody will do it.
    Accepted,
    /// Somebody does it.
    Running,
    /// There is a new baseline.
    Succeeded,
    /// It came to nothing.
    Failed,
    /// Nobody accepted it in time.
    Expired,
}

/// A retraining request that a run decides on.
#[derive(Debug, Clone)]
pub struct NewRetrainingRequest {
    /// Its identity, the same for the same window.
    pub id: String,
    /// Why, for a person.
    pub reason: String,
    /// Start of the window that asks for it, RFC 3339.
    pub window_start: Option<String>,
    /// End of the window that asks for it, RFC 3339.
    pub window_end: Option<String>,
    /// When it expires if nobody accepts it.
    pub expires_at: DateTime<Utc>,
    /// The event that tells about it, made only if the request is.
    pub event: NewEvent,
}

/// A retraining request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrainingRequest {
    /// Its identity.
    pub id: String,
    /// The monitor that asks.
    pub monitor: String,
    /// The run that decided.
    pub run_id: String,
    /// The baseline that no longer fits.
    pub baseline_id: String,
    /// How far it has come.
    pub state: RetrainingState,
    /// Why, for a person.
    pub reason: String,
    /// Start of the window that asks for it, RFC 3339.
    pub window_start: Option<String>,
    /// End of the window that asks for it, RFC 3339.
    pub window_end: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it expires if nobody accepts it.
    pub expires_at: DateTime<Utc>,
}

/// Which requests to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetrainingFilter {
    /// Only those that have come this far.
    pub state: Option<RetrainingState>,
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only this one.
    pub id: Option<String>,
}

/// Where a list of requests goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrainingPosition {
    /// When it was asked for, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Its identity.
    pub id: String,
}

impl RetrainingRequest {
    /// The position of this request in a list.
    pub fn position(&self) -> RetrainingPosition {
        RetrainingPosition {
            created_at_ms: millis(self.created_at),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Retraining requests, newest first, those after `after`, as they stand at `now`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn retraining_requests(
        &self,
        filter: &RetrainingFilter,
        after: Option<&RetrainingPosition>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<RetrainingRequest>, StoreError> {
        sqlx::query(
            "SELECT * FROM (
                 SELECT id, monitor_id, run_id, baseline_id, reason, window_start, window_end,
                     created_at, updated_at, expires_at,
                     CASE WHEN state = 'requested' AND expires_at <= $1 THEN 'expired'
                          ELSE state END AS state
                 FROM retraining_requests
             ) AS requests
             WHERE ($2 = '' OR state = $2) AND ($3 = '' OR monitor_id = $3)
               AND ($4 = '' OR id = $4)
               AND (created_at < $5 OR (created_at = $5 AND id < $6))
             ORDER BY created_at DESC, id DESC
             LIMIT $7",
        )
        .bind(millis(now))
        .bind(filter.state.as_ref().map(word).unwrap_or_default())
        .bind(filter.monitor.as_deref().unwrap_or(""))
        .bind(filter.id.as_deref().unwrap_or(""))
        .bind(after.map_or(i64::MAX, |after| after.created_at_ms))
        .bind(after.map_or("", |after| after.id.as_str()))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .and_then(|rows| rows.iter().map(read).collect())
        .map_err(|error| self.error("listing retraining requests", error))
    }
}

/// Writes the request unless the same one is there or another is open; says whether it did.
pub(crate) async fn insert_unless_open(
    connection: &mut Connection,
    monitor: &str,
    run: &Run,
    request: &NewRetrainingRequest,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE retraining_requests SET state = 'expired', updated_at = $1
         WHERE monitor_id = $2 AND state = 'requested' AND expires_at <= $1",
    )
    .bind(millis(now))
    .bind(monitor)
    .execute(&mut *connection)
    .await?;
    let made = sqlx::query(
        "INSERT INTO retraining_requests (id, monitor_id, run_id, baseline_id, state, reason,
             window_start, window_end, created_at, updated_at, expires_at)
         SELECT $1, $2, $3, $4, 'requested', $5, $6, $7, $8, $8, $9
         WHERE NOT EXISTS (
             SELECT 1 FROM retraining_requests
             WHERE monitor_id = $2 AND state IN ('requested', 'accepted', 'running'))
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&request.id)
    .bind(monitor)
    .bind(&run.run_id)
    .bind(&run.baseline_id)
    .bind(&request.reason)
    .bind(&request.window_start)
    .bind(&request.window_end)
    .bind(millis(now))
    .bind(millis(request.expires_at))
    .execute(connection)
    .await?
    .rows_affected();
    Ok(made > 0)
}

fn read(row: &Row) -> sqlx::Result<RetrainingRequest> {
    Ok(RetrainingRequest {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor_id")?,
        run_id: row.try_get("run_id")?,
        baseline_id: row.try_get("baseline_id")?,
        state: from_word(row.try_get("state")?)?,
        reason: row.try_get("reason")?,
        window_start: row.try_get("window_start")?,
        window_end: row.try_get("window_end")?,
        created_at: instant(row.try_get("created_at")?)?,
        updated_at: instant(row.try_get("updated_at")?)?,
        expires_at: instant(row.try_get("expires_at")?)?,
    })
}
