//! How the targets of a monitor fare: since when one fails, and whether it is disabled.
//!
//! To a disabled target nothing is sent. What is decided meanwhile is given up at once, so that
//! nothing piles up, and is there to be replayed; replaying also enables the target again.

use crate::column::{Instant, millis, optional_instant, text};
use crate::database::{Connection, Row, count_change};
use crate::events::{self, NewEvent};
use crate::{Store, StoreError, monitors};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::Row as _;

/// A target that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TargetState {
    /// The monitor.
    pub monitor: String,
    /// Its name.
    pub target: String,
    /// The first failure since the last success.
    #[schemars(with = "Option<Instant>")]
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was disabled.
    #[schemars(with = "Option<Instant>")]
    pub disabled_at: Option<DateTime<Utc>>,
    /// Why it was disabled.
    pub reason: Option<String>,
}

impl Store {
    /// Targets that have failed since they last took an event, or are disabled; by monitor and
    /// name.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn failing_targets(&self) -> Result<Vec<TargetState>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM targets WHERE failing_since IS NOT NULL OR disabled_at IS NOT NULL
             ORDER BY monitor_id, target",
        );
        self.rows("listing targets", list, read).await
    }

    /// How a target fares; `None` where it never failed.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn target_state(
        &self,
        monitor: &str,
        target: &str,
    ) -> Result<Option<TargetState>, StoreError> {
        sqlx::query("SELECT * FROM targets WHERE monitor_id = $1 AND target = $2")
            .bind(monitor)
            .bind(target)
            .fetch_optional(self.reader())
            .await
            .and_then(|row| row.as_ref().map(read).transpose())
            .map_err(|error| self.error("reading a target", error))
    }

    /// Disables a target: gives up what waits for it, and tells others by an event. False where
    /// it is disabled already.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn disable_target(
        &self,
        monitor: &str,
        target: &str,
        reason: &str,
        event: &NewEvent,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const OPERATION: &str = "disabling a target";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            monitors::lock(&mut transaction, monitor).await?;
            let disabled = sqlx::query(
                "INSERT INTO targets (monitor_id, target, disabled_at, reason)
                 VALUES ($1, $2, $3, $4)
                 ON CONFLICT (monitor_id, target) DO UPDATE
                 SET disabled_at = excluded.disabled_at, reason = excluded.reason
                 WHERE targets.disabled_at IS NULL",
            )
            .bind(monitor)
            .bind(target)
            .bind(millis(now))
            .bind(text(reason))
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if disabled == 0 {
                return Ok(false);
            }
            give_up_waiting(&mut transaction, monitor, target, now).await?;
            events::insert_all(
                &mut transaction,
                monitor,
                None,
                std::slice::from_ref(event),
                now,
            )
            .await?;
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(true)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }
}

/// Learns how an attempt ended.
pub(crate) async fn learn(
    connection: &mut Connection,
    monitor: &str,
    target: &str,
    is_delivered: bool,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    if is_delivered {
        sqlx::query(
            "UPDATE targets SET failing_since = NULL WHERE monitor_id = $1 AND target = $2",
        )
        .bind(monitor)
        .bind(target)
        .execute(connection)
        .await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO targets (monitor_id, target, failing_since) VALUES ($1, $2, $3)
         ON CONFLICT (monitor_id, target) DO UPDATE
         SET failing_since = COALESCE(targets.failing_since, excluded.failing_since)",
    )
    .bind(monitor)
    .bind(target)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Enables the targets of a monitor, or one, or all that there are.
pub(crate) async fn enable(
    connection: &mut Connection,
    monitor: Option<&str>,
    target: Option<&str>,
) -> sqlx::Result<u64> {
    let enabled = sqlx::query(
        "DELETE FROM targets
         WHERE disabled_at IS NOT NULL AND ($1 = '' OR monitor_id = $1) AND ($2 = '' OR target = $2)",
    )
    .bind(monitor.unwrap_or(""))
    .bind(target.unwrap_or(""))
    .execute(connection)
    .await?;
    Ok(enabled.rows_affected())
}

/// Gives up what waits for a target, where that is disabled.
pub(crate) async fn give_up_if_disabled(
    connection: &mut Connection,
    monitor: &str,
    target: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let disabled: Option<Option<i64>> =
        sqlx::query_scalar("SELECT disabled_at FROM targets WHERE monitor_id = $1 AND target = $2")
            .bind(monitor)
            .bind(target)
            .fetch_optional(&mut *connection)
            .await?;
    match disabled.flatten() {
        Some(_) => give_up_waiting(connection, monitor, target, now).await,
        None => Ok(()),
    }
}

async fn give_up_waiting(
    connection: &mut Connection,
    monitor: &str,
    target: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox SET state = 'dead', updated_at = $3,
             last_error = COALESCE(last_error, 'the target is disabled')
         WHERE monitor_id = $1 AND target = $2 AND state = 'pending'",
    )
    .bind(monitor)
    .bind(target)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<TargetState> {
    Ok(TargetState {
        monitor: row.try_get("monitor_id")?,
        target: row.try_get("target")?,
        failing_since: optional_instant(row.try_get("failing_since")?)?,
        disabled_at: optional_instant(row.try_get("disabled_at")?)?,
        reason: row.try_get("reason")?,
    })
}
