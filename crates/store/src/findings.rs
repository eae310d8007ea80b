//! Findings as rows, so that people can query them over runs; the full ones stand in
//! the run's JSON.

use crate::column::{
    Instant, from_optional_word, from_word, instant, millis, optional_text, text, word,
};
use crate::database::{Connection, Row};
use crate::list::List as _;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use driftline_verdict::{ActionKind, Finding, FindingKind, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// A finding, with the window and the run that it is of; without its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FoundFinding {
    /// The monitor.
    pub monitor: String,
    /// The run.
    pub run_id: String,
    /// When the run was committed.
    #[schemars(with = "Instant")]
    pub committed_at: DateTime<Utc>,
    /// The window's place in the run, from 0.
    pub window_position: i64,
    /// Its own place in the window, from 0, worst first.
    pub position: i64,
    /// Start of the window, RFC 3339.
    pub window_start: Option<String>,
    /// End of the window, RFC 3339.
    pub window_end: Option<String>,
    /// What it is about.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// The slice, where it is about one.
    pub slice: Option<String>,
    /// The drift measure, the type of anomaly or the rule.
    pub measure: Option<String>,
    /// The measured value.
    pub value: Option<f64>,
    /// Its limit.
    pub threshold: Option<f64>,
    /// Share of stationary windows that differ at least this much.
    pub p_value: Option<f64>,
    /// The term.
    pub term: Option<String>,
    /// What it asks for.
    pub action: Option<ActionKind>,
    /// One sentence for a person.
    pub message: String,
}

/// Which findings to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those of this run.
    pub run: Option<String>,
    /// Only those of this kind.
    pub kind: Option<FindingKind>,
    /// Only those as bad as this.
    pub severity: Option<Severity>,
    /// Only those of this column.
    pub column: Option<String>,
}

/// Where a list of findings goes on: after this one. The findings of newer runs come first, of
/// each run those of the newest window, and of a window the worst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingPosition {
    /// When its run was committed, in milliseconds since 1970.
    pub committed_at_ms: i64,
    /// Its run.
    pub run_id: String,
    /// Its window's place in the run.
    pub window_position: i64,
    /// Its place in the window.
    pub position: i64,
}

impl FoundFinding {
    /// The position of this finding in a list.
    pub fn position(&self) -> FindingPosition {
        FindingPosition {
            committed_at_ms: millis(self.committed_at),
            run_id: self.run_id.clone(),
            window_position: self.window_position,
            position: self.position,
        }
    }
}

impl Store {
    /// Findings of all runs, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
        after: Option<&FindingPosition>,
        limit: u32,
    ) -> Result<Vec<FoundFinding>, StoreError> {
        let list = sqlx::query(
            "SELECT findings.*, runs.monitor_id, runs.committed_at,
                 windows.window_start, windows.window_end
             FROM findings JOIN runs ON runs.id = findings.run_id
                 JOIN windows ON windows.run_id = findings.run_id
                     AND windows.position = findings.window_position
             WHERE ($1 = '' OR runs.monitor_id = $1) AND ($2 = '' OR runs.id = $2)
               AND ($3 = '' OR findings.kind = $3) AND ($4 = '' OR findings.severity = $4)
               AND ($5 = '' OR findings.column_name = $5)
               AND (runs.committed_at < $6
                    OR (runs.committed_at = $6 AND (runs.id < $7
                        OR (runs.id = $7 AND (findings.window_position < $8
                            OR (findings.window_position = $8 AND findings.position > $9))))))
             ORDER BY runs.committed_at DESC, runs.id DESC, findings.window_position DESC,
                 findings.position
             LIMIT $10",
        )
        .wanted(filter.monitor.as_deref())
        .wanted(filter.run.as_deref())
        .wanted_word(filter.kind.as_ref())
        .wanted_word(filter.severity.as_ref())
        .wanted(filter.column.as_deref())
        .after(after.map(|after| (after.committed_at_ms, after.run_id.as_str())))
        .bind(after.map_or(0, |after| after.window_position))
        .bind(after.map_or(0, |after| after.position))
        .bind(i64::from(limit));
        self.rows("listing findings", list, read).await
    }
}

pub(crate) async fn insert(
    connection: &mut Connection,
    run_id: &str,
    window_position: i64,
    position: i64,
    finding: &Finding,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO findings (run_id, window_position, position, kind, column_name, slice,
             severity, measure, value, threshold, p_value, term, action, message)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(run_id)
    .bind(window_position)
    .bind(position)
    .bind(word(&finding.kind))
    .bind(optional_text(finding.column.as_deref()))
    .bind(optional_text(finding.slice.as_deref()))
    .bind(word(&finding.severity))
    .bind(optional_text(finding.measure.as_deref()))
    .bind(finding.value)
    .bind(finding.threshold)
    .bind(finding.p_value)
    .bind(optional_text(finding.term.as_deref()))
    .bind(finding.action.as_ref().map(word))
    .bind(text(&finding.message))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<FoundFinding> {
    Ok(FoundFinding {
        monitor: row.try_get("monitor_id")?,
        run_id: row.try_get("run_id")?,
        committed_at: instant(row.try_get("committed_at")?)?,
        window_position: row.try_get("window_position")?,
        position: row.try_get("position")?,
        window_start: row.try_get("window_start")?,
        window_end: row.try_get("window_end")?,
        kind: from_word(row.try_get("kind")?)?,
        severity: from_word(row.try_get("severity")?)?,
        column: row.try_get("column_name")?,
        slice: row.try_get("slice")?,
        measure: row.try_get("measure")?,
        value: row.try_get("value")?,
        threshold: row.try_get("threshold")?,
        p_value: row.try_get("p_value")?,
        term: row.try_get("term")?,
        action: from_optional_word(row.try_get("action")?)?,
        message: row.try_get("message")?,
    })
}
