//! Whether a store holds together: the database's own check, and what must be true of rows.

use super::tables::{RowCount, TABLES};
use crate::database::Backend;
use crate::migrate;
use crate::{Store, StoreError};
use serde::Serialize;
use sqlx::AssertSqlSafe;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The database, for people.
    pub store: String,
    /// Version of the database.
    pub version: i64,
    /// Rows of every table.
    pub tables: Vec<RowCount>,
    /// What is wrong; empty where all is well.
    pub problems: Vec<Problem>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What was checked.
    pub check: &'static str,
    /// How many rows break it.
    pub rows: i64,
    /// What it means and what to do.
    pub message: String,
}

/// A statement that counts rows which must not be, and what they mean.
const RULES: &[(&str, &str, &str)] = &[
    (
        "a monitor's last run is there",
        "SELECT COUNT(*) FROM monitors
         WHERE last_run_id IS NOT NULL AND last_run_id NOT IN (SELECT id FROM runs)",
        "its status names a run that cannot be shown; run the pipeline again",
    ),
    (
        "every run has its report",
        "SELECT COUNT(*) FROM runs WHERE id NOT IN (SELECT run_id FROM reports)",
        "such a run was not committed by driftline; restore a backup",
    ),
    (
        "windows of a run are numbered without a gap",
        "SELECT COUNT(*) FROM (
             SELECT run_id FROM windows GROUP BY run_id
             HAVING COUNT(*) <> MAX(position) + 1) AS gaps",
        "windows of such a run are lost; restore a backup",
    ),
    (
        "a monitor's events are numbered up to its sequence",
        "SELECT COUNT(*) FROM monitors
         WHERE sequence < (SELECT COALESCE(MAX(events.sequence), 0) FROM events
                           WHERE events.monitor_id = monitors.id)",
        "receivers that drop older numbers would drop new events; restore a backup",
    ),
    (
        "only rows in flight have a lease",
        "SELECT COUNT(*) FROM outbox
         WHERE (state = 'inflight') <> (lease_owner IS NOT NULL AND lease_until IS NOT NULL)",
        "such a delivery was not claimed by driftline; `driftline outbox deliver` tries it again",
    ),
    (
        "a baseline in force is ready",
        "SELECT COUNT(*) FROM monitors
         WHERE COALESCE(baseline_version, 0) <> 0
           AND NOT EXISTS (SELECT 1 FROM baseline_versions
                           WHERE monitor_id = monitors.id AND state = 'ready'
                             AND version = monitors.baseline_version)",
        "windows cannot be compared; put another one in force with `driftline baseline promote`",
    ),
    (
        "a monitor asks for one retraining at a time",
        "SELECT COUNT(*) FROM (
             SELECT monitor_id FROM retraining_requests
             WHERE state IN ('requested', 'accepted', 'running')
             GROUP BY monitor_id HAVING COUNT(*) > 1) AS doubled",
        "an orchestrator may train twice; complete or expire all but one",
    ),
];

impl Store {
    /// Checks the database and its rows; changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read at all.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        const OPERATION: &str = "checking it";
        let failed = |error| self.error(OPERATION, error);
        let mut problems = Vec::new();
        if self.backend() == Backend::Sqlite {
            for statement in ["PRAGMA integrity_check(20)", "PRAGMA foreign_key_check"] {
                let rows = sqlx::query(statement)
                    .fetch_all(self.reader())
                    .await
                    .map_err(failed)?;
                problems.extend(damage(&rows));
            }
        }
        for &(check, statement, message) in RULES {
            let rows: i64 = sqlx::query_scalar(statement)
                .fetch_one(self.reader())
                .await
                .map_err(failed)?;
            if rows > 0 {
                problems.push(Problem {
                    check,
                    rows,
                    message: message.to_owned(),
                });
            }
        }
        let mut tables = Vec::new();
        for table in TABLES {
            let rows = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT COUNT(*) FROM {}",
                table.name
            )))
            .fetch_one(self.reader())
            .await
            .map_err(failed)?;
            tables.push(RowCount {
                table: table.name,
                rows,
            });
        }
        Ok(CheckReport {
            store: self.location().to_owned(),
            version: migrate::latest_version(),
            tables,
            problems,
        })
    }
}

/// What SQLite's own checks found: `integrity_check` answers `ok` or one line for each fault,
/// `foreign_key_check` one row for each row without its parent.
fn damage(rows: &[crate::database::Row]) -> Option<Problem> {
    use sqlx::Row as _;
    let told: Vec<String> = rows
        .iter()
        .map(|row| row.try_get::<String, _>(0).unwrap_or_default())
        .filter(|line| line != "ok")
        .collect();
    let first = told.first()?;
    Some(Problem {
        check: "the file is whole",
        rows: told.len() as i64,
        message: format!("the database says `{first}`; restore a backup"),
    })
}
