//! Alerts: what findings are about, followed from window to window.
//!
//! Whether an alert fires is decided by whoever commits a run, from what the store remembers
//! of the windows before. The question is asked within the run's own transaction, under the
//! monitor's lock: two processes that commit at the same time take turns, and neither counts a
//! window that the other has counted.

use crate::column::{
    Instant, from_word, instant, millis, optional_instant, optional_text, text, word,
};
use crate::database::{Connection, Row};
use crate::events::{self, NewEvent};
use crate::list::List as _;
use crate::silences::{self, Silence};
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use driftline_verdict::{AlertKey, FindingKind, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use std::fmt::Debug;

/// How far an alert has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Seen, and not yet in as many windows as it takes.
    Pending,
    /// Somebody should know.
    Firing,
    /// Over.
    Resolved,
}

impl AlertState {
    /// Its name for people; the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert, as it is or as it was the last time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Alert {
    /// Follows from the monitor and the key.
    pub id: String,
    /// The monitor.
    pub monitor: String,
    /// What it is about.
    #[serde(flatten)]
    pub key: AlertKey,
    /// How far it has come.
    pub state: AlertState,
    /// How bad the finding of the newest window that showed it is.
    pub severity: Severity,
    /// That finding's sentence.
    pub message: String,
    /// The measured value.
    pub value: Option<f64>,
    /// Its limit.
    pub threshold: Option<f64>,
    /// The run that last saw it, where it was one.
    pub run_id: Option<String>,
    /// The baseline that the window was compared with.
    pub baseline_id: Option<String>,
    /// Start of the newest window that showed it, RFC 3339.
    pub window_start: Option<String>,
    /// End of the newest window that showed it, RFC 3339.
    pub window_end: Option<String>,
    /// When it was first seen, this time.
    #[schemars(with = "Instant")]
    pub pending_at: DateTime<Utc>,
    /// When it began to fire, this time.
    #[schemars(with = "Option<Instant>")]
    pub fired_at: Option<DateTime<Utc>>,
    /// When it was over, this time.
    #[schemars(with = "Option<Instant>")]
    pub resolved_at: Option<DateTime<Utc>>,
    /// When somebody was last told that it fires; `None` where nobody was told yet.
    #[schemars(with = "Option<Instant>")]
    pub told_at: Option<DateTime<Utc>>,
    /// How often somebody was told that it fires, this time.
    pub told_count: i64,
    /// What is remembered of the windows so far: JSON of whoever decides.
    #[serde(skip)]
    pub memory: String,
    /// When it last changed.
    #[schemars(with = "Instant")]
    pub updated_at: DateTime<Utc>,
}

/// What is known when a run is committed.
#[derive(Debug, Clone)]
pub struct AlertsBefore {
    /// Every alert of the monitor.
    pub alerts: Vec<Alert>,
    /// The silences of this instant.
    pub silences: Vec<Silence>,
    /// End of the newest window of the run before, RFC 3339; `None` before the first run.
    pub seen_until: Option<String>,
}

/// What a run changes about alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertChanges {
    /// Alerts that are new or changed.
    pub written: Vec<Alert>,
    /// Alerts that came to nothing.
    pub forgotten: Vec<String>,
    /// What is told about them.
    pub events: Vec<NewEvent>,
}

/// Decides about the alerts of a run, within its transaction: quick, and without waiting.
pub trait DecideAlerts: Debug + Sync {
    /// What the run changes.
    fn decide(&self, before: &AlertsBefore) -> AlertChanges;
}

/// Which alerts to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those that have come this far.
    pub state: Option<AlertState>,
    /// Only those of this kind.
    pub kind: Option<FindingKind>,
    /// Only this one.
    pub id: Option<String>,
}

/// Where a list of alerts goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertPosition {
    /// When it was first seen, in milliseconds since 1970.
    pub pending_at_ms: i64,
    /// Its identity.
    pub id: String,
}

impl Alert {
    /// The position of this alert in a list.
    pub fn position(&self) -> AlertPosition {
        AlertPosition {
            pending_at_ms: millis(self.pending_at),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Alerts, newest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn alerts(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertPosition>,
        limit: u32,
    ) -> Result<Vec<Alert>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM alerts
             WHERE ($1 = '' OR monitor_id = $1) AND ($2 = '' OR state = $2)
               AND ($3 = '' OR kind = $3) AND ($4 = '' OR id = $4)
               AND (pending_at < $5 OR (pending_at = $5 AND id < $6))
             ORDER BY pending_at DESC, id DESC
             LIMIT $7",
        )
        .wanted(filter.monitor.as_deref())
        .wanted_word(filter.state.as_ref())
        .wanted_word(filter.kind.as_ref())
        .wanted(filter.id.as_deref())
        .after(after.map(|after| (after.pending_at_ms, after.id.as_str())))
        .bind(i64::from(limit));
        self.rows("listing alerts", list, read).await
    }
}

/// Has it decided what changes about a monitor's alerts, before the monitor's state moves on, and
/// writes that. Returns the events that are new.
pub(crate) async fn follow(
    connection: &mut Connection,
    monitor: &str,
    run_id: Option<&str>,
    decider: &dyn DecideAlerts,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<String>> {
    let changes = decider.decide(&before(connection, monitor, now).await?);
    apply(connection, &changes).await?;
    events::insert_all(connection, monitor, run_id, &changes.events, now).await
}

async fn before(
    connection: &mut Connection,
    monitor: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<AlertsBefore> {
    let alerts = sqlx::query("SELECT * FROM alerts WHERE monitor_id = $1 ORDER BY id")
        .bind(monitor)
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(read)
        .collect::<sqlx::Result<_>>()?;
    let seen_until = sqlx::query_scalar("SELECT last_window_end FROM monitors WHERE id = $1")
        .bind(monitor)
        .fetch_one(&mut *connection)
        .await?;
    Ok(AlertsBefore {
        alerts,
        silences: silences::of_monitor(connection, monitor, now).await?,
        seen_until,
    })
}

/// Writes what changed, apart from the events.
async fn apply(connection: &mut Connection, changes: &AlertChanges) -> sqlx::Result<()> {
    for id in &changes.forgotten {
        sqlx::query("DELETE FROM alerts WHERE id = $1")
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    for alert in &changes.written {
        write(connection, alert).await?;
    }
    Ok(())
}

async fn write(connection: &mut Connection, alert: &Alert) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO alerts (id, monitor_id, kind, column_name, slice, measure, term, state,
             severity, message, value, threshold, run_id, baseline_id, window_start, window_end,
             pending_at, fired_at, resolved_at, told_at, told_count, memory, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
             $18, $19, $20, $21, $22, $23)
         ON CONFLICT (id) DO UPDATE
         SET state = excluded.state, severity = excluded.severity, message = excluded.message,
             value = excluded.value, threshold = excluded.threshold, run_id = excluded.run_id,
             baseline_id = excluded.baseline_id, window_start = excluded.window_start,
             window_end = excluded.window_end, pending_at = excluded.pending_at,
             fired_at = excluded.fired_at, resolved_at = excluded.resolved_at,
             told_at = excluded.told_at, told_count = excluded.told_count,
             memory = excluded.memory, updated_at = excluded.updated_at",
    )
    .bind(&alert.id)
    .bind(&alert.monitor)
    .bind(word(&alert.key.kind))
    .bind(optional_text(alert.key.column.as_deref()))
    .bind(optional_text(alert.key.slice.as_deref()))
    .bind(optional_text(alert.key.measure.as_deref()))
    .bind(optional_text(alert.key.term.as_deref()))
    .bind(word(&alert.state))
    .bind(word(&alert.severity))
    .bind(text(&alert.message))
    .bind(alert.value)
    .bind(alert.threshold)
    .bind(&alert.run_id)
    .bind(&alert.baseline_id)
    .bind(&alert.window_start)
    .bind(&alert.window_end)
    .bind(millis(alert.pending_at))
    .bind(alert.fired_at.map(millis))
    .bind(alert.resolved_at.map(millis))
    .bind(alert.told_at.map(millis))
    .bind(alert.told_count)
    .bind(&alert.memory)
    .bind(millis(alert.updated_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// What an alert or a silence is about, from its columns.
pub(crate) fn read_kind(row: &Row) -> sqlx::Result<Option<FindingKind>> {
    let kind: Option<String> = row.try_get("kind")?;
    kind.as_deref().map(from_word).transpose()
}

fn read(row: &Row) -> sqlx::Result<Alert> {
    Ok(Alert {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor_id")?,
        key: AlertKey {
            kind: from_word(row.try_get("kind")?)?,
            column: row.try_get("column_name")?,
            slice: row.try_get("slice")?,
            measure: row.try_get("measure")?,
            term: row.try_get("term")?,
        },
        state: from_word(row.try_get("state")?)?,
        severity: from_word(row.try_get("severity")?)?,
        message: row.try_get("message")?,
        value: row.try_get("value")?,
        threshold: row.try_get("threshold")?,
        run_id: row.try_get("run_id")?,
        baseline_id: row.try_get("baseline_id")?,
        window_start: row.try_get("window_start")?,
        window_end: row.try_get("window_end")?,
        pending_at: instant(row.try_get("pending_at")?)?,
        fired_at: optional_instant(row.try_get("fired_at")?)?,
        resolved_at: optional_instant(row.try_get("resolved_at")?)?,
        told_at: optional_instant(row.try_get("told_at")?)?,
        told_count: row.try_get("told_count")?,
        memory: row.try_get("memory")?,
        updated_at: instant(row.try_get("updated_at")?)?,
    })
}
