//! A summary of each window of each run, for lists and trends.

use crate::column::{count, from_word, word};
use crate::database::{Connection, Row};
use crate::{Store, StoreError};
use driftline_verdict::{Severity, Verdict, Window};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// One window of a run, without its findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl Store {
    /// The windows of a run, in time order.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn windows(&self, run_id: &str) -> Result<Vec<WindowSummary>, StoreError> {
        sqlx::query("SELECT * FROM windows WHERE run_id = $1 ORDER BY position")
            .bind(run_id)
            .fetch_all(self.reader())
            .await
            .and_then(|rows| rows.iter().map(read).collect())
            .map_err(|error| self.error("reading windows", error))
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
