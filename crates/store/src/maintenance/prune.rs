//! Forgetting what is old.
//!
//! What somebody may still need stays, however old: each monitor's last run, events that are
//! not delivered yet, runs that an open retraining request rests on, and events so young that
//! a window evaluated again could decide on them a second time.

use crate::column::millis;
use crate::database::count_change;
use crate::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::time::Duration;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrunePolicy {
    /// Runs with their reports, windows and findings, since they were committed; events and
    /// deliveries, since they were last tried; retraining requests and alerts that are over,
    /// since they last changed; silences and keys, since they ended; the audit log; profiles that
    /// were posted, since they came.
    pub keep: Duration,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PruneReport {
    /// Runs, with their reports, windows and findings.
    pub runs: u64,
    /// Deliveries that had ended.
    pub deliveries: u64,
    /// Events without a delivery left.
    pub events: u64,
    /// Retraining requests that had ended.
    pub retraining_requests: u64,
    /// Alerts that were over, and silences that had ended.
    pub alerts: u64,
    /// Entries of the audit log, and keys that had ended.
    pub audit: u64,
    /// Windows of topics that closed, and messages that could not be read.
    pub streams: u64,
    /// Profiles that were posted.
    pub profiles: u64,
    /// Baselines that no run refers to any more; their folders are left alone.
    pub baselines: u64,
    /// Files of versions of baselines that are neither in force nor were before.
    pub baseline_files: u64,
}

impl Store {
    /// Forgets what is older than the policy says, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`], and then nothing is forgotten.
    pub async fn prune(
        &self,
        policy: PrunePolicy,
        now: DateTime<Utc>,
    ) -> Result<PruneReport, StoreError> {
        const OPERATION: &str = "forgetting what is old";
        let before = TimeDelta::from_std(policy.keep)
            .ok()
            .and_then(|keep| now.checked_sub_signed(keep))
            .map_or(i64::MIN, millis);
        let mut transaction = self.begin(OPERATION).await?;
        let pruned = async {
            let mut gone = [0; STATEMENTS.len()];
            for (gone, statement) in gone.iter_mut().zip(STATEMENTS) {
                *gone = sqlx::query(statement)
                    .bind(before)
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
            }
            if policy.dry_run {
                // Dropping the transaction undoes it.
                return Ok(gone);
            }
            if gone.iter().any(|&rows| rows > 0) {
                count_change(&mut transaction).await?;
            }
            transaction.commit().await?;
            Ok(gone)
        };
        let [
            deliveries,
            events,
            retraining_requests,
            alerts,
            silences,
            audit,
            keys,
            windows,
            dead_letters,
            profiles,
            runs,
            baselines,
            baseline_files,
        ] = pruned.await.map_err(|error| self.error(OPERATION, error))?;
        Ok(PruneReport {
            runs,
            deliveries,
            events,
            retraining_requests,
            alerts: alerts + silences,
            audit: audit + keys,
            streams: windows + dead_letters,
            profiles,
            baselines,
            baseline_files,
        })
    }
}

/// In the order in which rows can go: a row goes before the one that it refers to.
const STATEMENTS: [&str; 13] = [
    "DELETE FROM outbox WHERE state IN ('delivered', 'dead') AND updated_at < $1",
    "DELETE FROM events
     WHERE created_at < $1 AND id NOT IN (SELECT event_id FROM outbox)",
    "DELETE FROM retraining_requests
     WHERE (state IN ('succeeded', 'failed', 'expired') AND updated_at < $1)
        OR (state IN ('requested', 'accepted', 'running') AND expires_at < $1)",
    "DELETE FROM alerts WHERE state = 'resolved' AND updated_at < $1",
    "DELETE FROM silences WHERE ends_at < $1",
    "DELETE FROM audit WHERE at < $1",
    "DELETE FROM api_keys WHERE expires_at < $1",
    // The newest stays: rows before its end are late.
    "DELETE FROM stream_panes
     WHERE closed_at < $1
       AND end_us < (SELECT MAX(other.end_us) FROM stream_panes other
                     WHERE other.monitor_id = stream_panes.monitor_id
                       AND other.closed_at IS NOT NULL)",
    "DELETE FROM dead_letters WHERE created_at < $1",
    "DELETE FROM posted_profiles WHERE received_at < $1",
    "DELETE FROM runs
     WHERE committed_at < $1
       AND id NOT IN (SELECT last_run_id FROM monitors WHERE last_run_id IS NOT NULL)
       AND id NOT IN (SELECT run_id FROM events WHERE run_id IS NOT NULL)
       AND id NOT IN (SELECT run_id FROM retraining_requests)",
    "DELETE FROM baselines
     WHERE first_used_at < $1
       AND id NOT IN (SELECT baseline_id FROM runs)
       AND id NOT IN (SELECT baseline_id FROM monitors WHERE baseline_id IS NOT NULL)
       AND id NOT IN (SELECT baseline_id FROM retraining_requests)",
    "DELETE FROM baseline_files
     WHERE baseline_id NOT IN (
         SELECT baseline_versions.baseline_id FROM baseline_versions
         JOIN monitors ON monitors.id = baseline_versions.monitor_id
         WHERE baseline_versions.baseline_id IS NOT NULL
           AND (baseline_versions.created_at >= $1
                OR version IN (monitors.baseline_version, monitors.previous_baseline_version)))",
];
