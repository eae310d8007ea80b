//! Findings as rows, so that people can query them over runs; the full ones stand in
//! the run's JSON.

use crate::column::word;
use crate::database::Connection;
use driftline_verdict::Finding;

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
    .bind(&finding.column)
    .bind(&finding.slice)
    .bind(word(&finding.severity))
    .bind(&finding.measure)
    .bind(finding.value)
    .bind(finding.threshold)
    .bind(finding.p_value)
    .bind(&finding.term)
    .bind(finding.action.as_ref().map(word))
    .bind(&finding.message)
    .execute(connection)
    .await?;
    Ok(())
}
