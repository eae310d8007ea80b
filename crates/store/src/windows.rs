//! A summary of each window of each run, for lists and trends.

use crate::column::{Instant, count, from_word, instant, millis, word};
use crate::database::{Connection, Row};
use crate::list::List as _;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use driftline_verdict::{Severity, Verdict, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// One window of a run, without its findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowSummary {
    /// Its place in the run, from 0.
    pub position: i64,
    /// First instant, RFC 3339; absent where the data has no time.
    pub start: Option<String>,
    /// First instant after it, RFC 3339; absent where the data has no time.
    pub end: Option<String>,
    /// Rows read.
    pub rows: i64,
    /// What it concludes.
    pub verdict: Verdict,
    /// Findings of severity error.
    pub errors: i64,
    /// Findings of severity warning.
    pub warnings: i64,
    /// Findings of severity info.
    pub infos: i64,
    /// Checks that could not be made.
    pub not_evaluated: i64,
}

/// A window with the run that judged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JudgedWindow {
    /// The monitor.
    pub monitor: String,
    /// The run.
    pub run_id: String,
    /// When the run was committed.
    #[schemars(with = "Instant")]
    pub committed_at: DateTime<Utc>,
    /// What it concluded.
    #[serde(flatten)]
    pub window: WindowSummary,
}

/// Which windows to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those of this run.
    pub run: Option<String>,
    /// Only those that concluded this.
    pub verdict: Option<Verdict>,
}

/// Where a list of windows goes on: after this one. The windows of newer runs come first, and of
/// each run the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowPosition {
    /// When its run was committed, in milliseconds since 1970.
    pub committed_at_ms: i64,
    /// Its run.
    pub run_id: String,
    /// Its place in the run.
    pub position: i64,
}

impl JudgedWindow {
    /// The position of this window in a list.
    pub fn position(&self) -> WindowPosition {
        WindowPosition {
            committed_at_ms: millis(self.committed_at),
            run_id: self.run_id.clone(),
            position: self.window.position,
        }
    }
}

impl Store {
    /// Windows of all runs, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn judged_windows(
        &self,
        filter: &WindowFilter,
        after: Option<&WindowPosition>,
        limit: u32,
    ) -> Result<Vec<JudgedWindow>, StoreError> {
        let list = sqlx::query(
            "SELECT windows.*, runs.monitor_id, runs.committed_at
             FROM windows JOIN runs ON runs.id = windows.run_id
             WHERE ($1 = '' OR runs.monitor_id = $1) AND ($2 = '' OR runs.id = $2)
               AND ($3 = '' OR windows.verdict = $3)
               AND (runs.committed_at < $4
                    OR (runs.committed_at = $4 AND (runs.id < $5
                        OR (runs.id = $5 AND windows.position < $6))))
             ORDER BY runs.committed_at DESC, runs.id DESC, windows.position DESC
             LIMIT $7",
        )
        .wanted(filter.monitor.as_deref())
        .wanted(filter.run.as_deref())
        .wanted_word(filter.verdict.as_ref())
        .after(after.map(|after| (after.committed_at_ms, after.run_id.as_str())))
        .bind(after.map_or(0, |after| after.position))
        .bind(i64::from(limit));
        self.rows("listing windows", list, read_judged).await
    }

    /// The windows of a run, in time order.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn windows(&self, run_id: &str) -> Result<Vec<WindowSummary>, StoreError> {
        let list =
            sqlx::query("SELECT * FROM windows WHERE run_id = $1 ORDER BY position").bind(run_id);
        self.rows("reading windows", list, read).await
    }
}

pub(crate) async fn insert(
    connection: &mut Connection,
    run_id: &str,
    position: i64,
    window: &Window,
) -> sqlx::Result<()> {
    let with = |severity: Severity| {
        count(
            window
                .findings
                .iter()
                .filter(|finding| finding.severity == severity)
                .count() as u64,
        )
    };
    sqlx::query(
        "INSERT INTO windows (run_id, position, window_start, window_end, row_count, verdict,
             errors, warnings, infos, not_evaluated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(run_id)
    .bind(position)
    .bind(&window.start)
    .bind(&window.end)
    .bind(count(window.rows))
    .bind(word(&window.verdict))
    .bind(with(Severity::Error))
    .bind(with(Severity::Warning))
    .bind(with(Severity::Info))
    .bind(count(window.not_evaluated.len() as u64))
    .execute(connection)
    .await?;
    Ok(())
}

fn read_judged(row: &Row) -> sqlx::Result<JudgedWindow> {
    Ok(JudgedWindow {
        monitor: row.try_get("monitor_id")?,
        run_id: row.try_get("run_id")?,
        committed_at: instant(row.try_get("committed_at")?)?,
        window: read(row)?,
    })
}

fn read(row: &Row) -> sqlx::Result<WindowSummary> {
    Ok(WindowSummary {
        position: row.try_get("position")?,
        start: row.try_get("window_start")?,
        end: row.try_get("window_end")?,
        rows: row.try_get("row_count")?,
        verdict: from_word(row.try_get("verdict")?)?,
        errors: row.try_get("errors")?,
        warnings: row.try_get("warnings")?,
        infos: row.try_get("infos")?,
        not_evaluated: row.try_get("not_evaluated")?,
    })
}
