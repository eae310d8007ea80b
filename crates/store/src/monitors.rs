//! The state of each monitor: what its newest window concluded, and when that was.

use crate::column::{
    duration, duration_millis, from_optional_word, from_word, instant, millis, optional_instant,
    optional_text, text, word,
};
use crate::database::{Connection, Row, count_change};
use crate::{Committed, DecideAlerts, Lease, Store, StoreError, alerts};
use chrono::{DateTime, Utc};
use driftline_verdict::{Run, Verdict, Window};
use sqlx::Row as _;
use std::time::Duration;

/// What a schedule says about a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonitorSettings {
    /// How long an evaluation counts as fresh.
    pub max_age: Option<Duration>,
    /// How old the end of the newest window may be.
    pub max_window_age: Option<Duration>,
}

/// An evaluation that ended in an error.
#[derive(Debug, Clone)]
pub struct FailedRun<'a> {
    /// The monitor.
    pub monitor: &'a str,
    /// Why there is no verdict.
    pub reason: &'a str,
    /// The time of the monitor's schedule that it was for, if it was for one.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// The lease on the monitor under which it was made, where there is one.
    pub lease: Option<&'a Lease>,
    /// Decides about alerts from what is known of them; without it they stay as they are.
    pub alerts: Option<&'a dyn DecideAlerts>,
}

/// What is known of a monitor.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorState {
    /// The pipeline's name.
    pub id: String,
    /// When the store first heard of it.
    pub created_at: DateTime<Utc>,
    /// Grows by one with every change.
    pub state_version: i64,
    /// How long an evaluation counts as fresh, where a schedule says so.
    pub max_age: Option<Duration>,
    /// How old the end of the newest window may be, where the pipeline says so.
    pub max_window_age: Option<Duration>,
    /// Verdict on the newest window of the last run; unknown before the first, and after
    /// an evaluation that ended in an error.
    pub verdict: Verdict,
    /// Why it is unknown.
    pub reason: Option<String>,
    /// Verdict on all windows of the last run.
    pub last_run_verdict: Option<Verdict>,
    /// The last run.
    pub last_run_id: Option<String>,
    /// The baseline that the last run was compared with.
    pub baseline_id: Option<String>,
    /// Start of the newest window of the last run, RFC 3339.
    pub last_window_start: Option<String>,
    /// End of the newest window of the last run, RFC 3339.
    pub last_window_end: Option<String>,
    /// When an evaluation last ended with a verdict.
    pub last_evaluated_at: Option<DateTime<Utc>>,
    /// When an evaluation last ended, with a verdict or an error.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// The newest time of its schedule for which an evaluation ended, with a verdict or an error.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// The version of the baseline in force; 0 is what the pipeline file names.
    pub baseline_version: i64,
    /// Whether no new version is put in force by itself.
    pub is_baseline_pinned: bool,
}

impl Store {
    /// Makes a monitor known, with an unknown verdict, or updates its settings.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn register_monitor(
        &self,
        id: &str,
        settings: MonitorSettings,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const OPERATION: &str = "registering a monitor";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            let made = ensure(&mut transaction, id, now).await?;
            let changed = sqlx::query(
                "UPDATE monitors
                 SET max_age_ms = $1, max_window_age_ms = $2, state_version = state_version + 1
                 WHERE id = $3
                   AND (COALESCE(max_age_ms, -1) <> COALESCE($1, -1)
                        OR COALESCE(max_window_age_ms, -1) <> COALESCE($2, -1))",
            )
            .bind(settings.max_age.map(duration_millis))
            .bind(settings.max_window_age.map(duration_millis))
            .bind(id)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if made || changed > 0 {
                count_change(&mut transaction).await?;
            }
            transaction.commit().await
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Writes down that an evaluation ended in an error, and what is told of that: the monitor's
    /// verdict is unknown from now on, whatever it was before.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written, or where another process has taken
    /// over the monitor.
    pub async fn commit_failure(
        &self,
        failed: &FailedRun<'_>,
        now: DateTime<Utc>,
    ) -> Result<Committed, StoreError> {
        const OPERATION: &str = "writing down a failed evaluation";
        let (id, lease) = (failed.monitor, failed.lease);
        let mut transaction = self.begin(OPERATION).await?;
        self.hold_lease(&mut transaction, OPERATION, id, lease)
            .await?;
        async {
            ensure(&mut transaction, id, now).await?;
            let new_events = match failed.alerts {
                Some(decider) => alerts::follow(&mut transaction, id, None, decider, now).await?,
                None => Vec::new(),
            };
            let state_version = sqlx::query_scalar(
                "UPDATE monitors
                 SET state_version = state_version + 1, verdict = $1, reason = $2,
                     last_attempt_at = $3, scheduled_for = COALESCE($4, scheduled_for)
                 WHERE id = $5
                 RETURNING state_version",
            )
            .bind(word(&Verdict::Unknown))
            .bind(text(failed.reason))
            .bind(millis(now))
            .bind(failed.scheduled_for.map(millis))
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(Committed {
                state_version,
                new_events,
                retraining_request: None,
            })
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Asks for a run out of turn; false where there is no such monitor.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn request_run(&self, id: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let ask = sqlx::query("UPDATE monitors SET run_requested_at = $1 WHERE id = $2")
            .bind(millis(now))
            .bind(id);
        self.change_rows("asking for a run", ask).await
    }

    /// Monitors that somebody waits for: a run was asked for since the last evaluation ended, or
    /// a baseline is to be built.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn requested_runs(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT id FROM monitors
             WHERE (run_requested_at IS NOT NULL
                    AND (last_attempt_at IS NULL OR last_attempt_at < run_requested_at))
                OR id IN (SELECT monitor_id FROM baseline_versions WHERE state = 'waiting')
             ORDER BY id",
        )
        .fetch_all(self.reader())
        .await
        .map_err(|error| self.error("looking for runs that were asked for", error))
    }

    /// The state of a monitor.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn monitor(&self, id: &str) -> Result<Option<MonitorState>, StoreError> {
        sqlx::query("SELECT * FROM monitors WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .and_then(|row| row.as_ref().map(read).transpose())
            .map_err(|error| self.error("reading a monitor", error))
    }

    /// Monitors in the order of their ids, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn monitors(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<MonitorState>, StoreError> {
        let list = sqlx::query("SELECT * FROM monitors WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.unwrap_or(""))
            .bind(i64::from(limit));
        self.rows("listing monitors", list, read).await
    }
}

/// Makes the row where it is missing, and locks it until the transaction ends: what is read
/// of a monitor from here on stays true. Says whether it made the row; who calls it counts
/// the change, last of all, because the counter's row is everybody's.
pub(crate) async fn ensure(
    connection: &mut Connection,
    id: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let made = sqlx::query(
        "INSERT INTO monitors (id, created_at, state_version, sequence, verdict, reason)
         VALUES ($1, $2, 1, 0, $3, $4)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(millis(now))
    .bind(word(&Verdict::Unknown))
    .bind("not evaluated yet")
    .execute(&mut *connection)
    .await?
    .rows_affected();
    lock(connection, id).await?;
    Ok(made > 0)
}

/// Locks the monitor's row until the transaction ends; false where there is no such monitor.
pub(crate) async fn lock(connection: &mut Connection, id: &str) -> sqlx::Result<bool> {
    let found = sqlx::query("UPDATE monitors SET id = id WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?
        .rows_affected();
    Ok(found > 0)
}

/// Moves the state to what a run concluded; returns the new version.
pub(crate) async fn advance(
    connection: &mut Connection,
    monitor: &str,
    run: &Run,
    scheduled_for: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    let newest = run.newest_window();
    let verdict = newest.map_or(Verdict::Unknown, |window| window.verdict);
    let version = sqlx::query_scalar(
        "UPDATE monitors
         SET state_version = state_version + 1, verdict = $1, reason = $2,
             last_run_verdict = $3, last_run_id = $4, baseline_id = $5,
             last_window_start = $6, last_window_end = $7,
             last_evaluated_at = $8, last_attempt_at = $8,
             scheduled_for = COALESCE($9, scheduled_for)
         WHERE id = $10
         RETURNING state_version",
    )
    .bind(word(&verdict))
    .bind(optional_text(reason(verdict, newest).as_deref()))
    .bind(word(&run.verdict))
    .bind(&run.run_id)
    .bind(&run.baseline_id)
    .bind(newest.and_then(|window| window.start.as_deref()))
    .bind(newest.and_then(|window| window.end.as_deref()))
    .bind(millis(now))
    .bind(scheduled_for.map(millis))
    .bind(monitor)
    .fetch_one(&mut *connection)
    .await?;
    count_change(connection).await?;
    Ok(version)
}

/// Leaves the state as it is, and says that something changed all the same: there is a run more.
pub(crate) async fn keep(connection: &mut Connection, monitor: &str) -> sqlx::Result<i64> {
    let version = sqlx::query_scalar("SELECT state_version FROM monitors WHERE id = $1")
        .bind(monitor)
        .fetch_one(&mut *connection)
        .await?;
    count_change(connection).await?;
    Ok(version)
}

/// The next number of an event of this monitor.
pub(crate) async fn next_sequence(connection: &mut Connection, monitor: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "UPDATE monitors SET sequence = sequence + 1 WHERE id = $1 RETURNING sequence",
    )
    .bind(monitor)
    .fetch_one(connection)
    .await
}

/// Why the newest window is unknown, in one sentence.
fn reason(verdict: Verdict, newest: Option<&Window>) -> Option<String> {
    if verdict != Verdict::Unknown {
        return None;
    }
    let Some(window) = newest else {
        return Some("the run evaluated no window".to_owned());
    };
    let required = window.not_evaluated.iter().find(|check| check.required);
    Some(match required {
        Some(check) => format!("not evaluated: {}: {}", check.check, check.reason),
        None if window.rows == 0 => "the newest window has no rows".to_owned(),
        None => "a required check could not be evaluated".to_owned(),
    })
}

fn read(row: &Row) -> sqlx::Result<MonitorState> {
    let max_age: Option<i64> = row.try_get("max_age_ms")?;
    let max_window_age: Option<i64> = row.try_get("max_window_age_ms")?;
    let baseline_version: Option<i64> = row.try_get("baseline_version")?;
    let is_pinned: Option<i64> = row.try_get("is_baseline_pinned")?;
    Ok(MonitorState {
        id: row.try_get("id")?,
        created_at: instant(row.try_get("created_at")?)?,
        state_version: row.try_get("state_version")?,
        max_age: max_age.map(duration),
        max_window_age: max_window_age.map(duration),
        verdict: from_word(row.try_get("verdict")?)?,
        reason: row.try_get("reason")?,
        last_run_verdict: from_optional_word(row.try_get("last_run_verdict")?)?,
        last_run_id: row.try_get("last_run_id")?,
        baseline_id: row.try_get("baseline_id")?,
        last_window_start: row.try_get("last_window_start")?,
        last_window_end: row.try_get("last_window_end")?,
        last_evaluated_at: optional_instant(row.try_get("last_evaluated_at")?)?,
        last_attempt_at: optional_instant(row.try_get("last_attempt_at")?)?,
        scheduled_for: optional_instant(row.try_get("scheduled_for")?)?,
        baseline_version: baseline_version.unwrap_or(0),
        is_baseline_pinned: is_pinned.unwrap_or(0) != 0,
    })
}
