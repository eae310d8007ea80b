//! Runs: `verdict.json` of each, and the report that can be drawn again.

use crate::column::{Instant, decode, from_word, instant, millis, word};
use crate::database::{Connection, Row};
use crate::list::List as _;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use driftline_verdict::{Report, Run, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunSummary {
    /// Its identity.
    pub id: String,
    /// The monitor whose run it is.
    pub monitor: String,
    /// The baseline that windows were compared with.
    pub baseline_id: String,
    /// The worst of its windows.
    pub verdict: Verdict,
    /// When it was committed.
    #[schemars(with = "Instant")]
    pub committed_at: DateTime<Utc>,
    /// Start of its newest window, RFC 3339.
    pub window_start: Option<String>,
    /// End of its newest window, RFC 3339.
    pub window_end: Option<String>,
}

/// Which runs to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those that concluded this.
    pub verdict: Option<Verdict>,
}

/// Where a list of runs goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPosition {
    /// When it was committed, in milliseconds since 1970.
    pub committed_at_ms: i64,
    /// Its identity.
    pub id: String,
}

impl RunSummary {
    /// The position of this run in a list.
    pub fn position(&self) -> RunPosition {
        RunPosition {
            committed_at_ms: millis(self.committed_at),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// A run as it was written.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn run(&self, id: &str) -> Result<Option<Run>, StoreError> {
        let json: Option<String> = sqlx::query_scalar("SELECT run FROM runs WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .map_err(|error| self.error("reading a run", error))?;
        json.map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(|error| self.error("reading a run", decode(error)))
    }

    /// What a run's report shows.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn report(&self, run_id: &str) -> Result<Option<Report>, StoreError> {
        const OPERATION: &str = "reading a report";
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT reports.report, runs.run
             FROM reports JOIN runs ON runs.id = reports.run_id
             WHERE runs.id = $1",
        )
        .bind(run_id)
        .fetch_optional(self.reader())
        .await
        .map_err(|error| self.error(OPERATION, error))?;
        row.map(|(report, run)| join_report(&report, &run))
            .transpose()
            .map_err(|error| self.error(OPERATION, decode(error)))
    }

    /// The newest run of a monitor.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn newest_run(&self, monitor: &str) -> Result<Option<RunSummary>, StoreError> {
        let filter = RunFilter {
            monitor: Some(monitor.to_owned()),
            verdict: None,
        };
        Ok(self.runs(&filter, None, 1).await?.pop())
    }

    /// Runs, newest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn runs(
        &self,
        filter: &RunFilter,
        after: Option<&RunPosition>,
        limit: u32,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let list = sqlx::query(
            "SELECT id, monitor_id, baseline_id, verdict, committed_at, window_start, window_end
             FROM runs
             WHERE ($1 = '' OR monitor_id = $1) AND ($2 = '' OR verdict = $2)
               AND (committed_at < $3 OR (committed_at = $3 AND id < $4))
             ORDER BY committed_at DESC, id DESC
             LIMIT $5",
        )
        .wanted(filter.monitor.as_deref())
        .wanted_word(filter.verdict.as_ref())
        .after(after.map(|after| (after.committed_at_ms, after.id.as_str())))
        .bind(i64::from(limit));
        self.rows("listing runs", list, read).await
    }
}

pub(crate) async fn insert(
    connection: &mut Connection,
    monitor: &str,
    run: &Run,
    run_json: &str,
    report_json: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let newest = run.newest_window();
    sqlx::query(
        "INSERT INTO runs (id, monitor_id, baseline_id, verdict, committed_at, window_start,
             window_end, run)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&run.run_id)
    .bind(monitor)
    .bind(&run.baseline_id)
    .bind(word(&run.verdict))
    .bind(millis(now))
    .bind(newest.and_then(|window| window.start.as_deref()))
    .bind(newest.and_then(|window| window.end.as_deref()))
    .bind(run_json)
    .execute(&mut *connection)
    .await?;
    sqlx::query("INSERT INTO reports (run_id, report) VALUES ($1, $2)")
        .bind(&run.run_id)
        .bind(report_json)
        .execute(connection)
        .await?;
    Ok(())
}

/// The report's JSON without its run, which is kept once.
pub(crate) fn split_report(report: &Report) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(report)?;
    if let Value::Object(fields) = &mut value {
        fields.remove("run");
    }
    serde_json::to_string(&value)
}

fn join_report(report: &str, run: &str) -> serde_json::Result<Report> {
    let mut value: Value = serde_json::from_str(report)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("run".to_owned(), serde_json::from_str(run)?);
    }
    serde_json::from_value(value)
}

fn read(row: &Row) -> sqlx::Result<RunSummary> {
    Ok(RunSummary {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor_id")?,
        baseline_id: row.try_get("baseline_id")?,
        verdict: from_word(row.try_get("verdict")?)?,
        committed_at: instant(row.try_get("committed_at")?)?,
        window_start: row.try_get("window_start")?,
        window_end: row.try_get("window_end")?,
    })
}
