//! Files that a monitor has read, so that the next run reads only what is new.

use crate::column::count;
use crate::database::{Row, Transaction};
use crate::{Store, StoreError};
use sqlx::Row as _;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// Stands for what in the pipeline decides about rows and windows.
    pub plan: String,
    /// Its path or URL.
    pub name: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// The time of its last change, or its entity tag.
    pub version: String,
    /// What its content is told by.
    pub content: String,
    /// First and last time of its rows, in microseconds since 1970.
    pub range: Option<(i64, i64)>,
}

impl Store {
    /// The files that a monitor has read, by name.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn read_files(&self, monitor: &str) -> Result<Vec<ReadFile>, StoreError> {
        sqlx::query("SELECT * FROM read_files WHERE monitor_id = $1 ORDER BY name")
            .bind(monitor)
            .fetch_all(self.reader())
            .await
            .and_then(|rows| rows.iter().map(read).collect())
            .map_err(|error| self.error("listing files that were read", error))
    }
}

/// Puts these in the place of all that were known.
pub(crate) async fn replace(
    transaction: &mut Transaction,
    monitor: &str,
    files: &[ReadFile],
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM read_files WHERE monitor_id = $1")
        .bind(monitor)
        .execute(&mut **transaction)
        .await?;
    for file in files {
        sqlx::query(
            "INSERT INTO read_files
                 (monitor_id, plan, name, size_bytes, version, content, first_us, last_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(monitor)
        .bind(&file.plan)
        .bind(&file.name)
        .bind(count(file.size_bytes))
        .bind(&file.version)
        .bind(&file.content)
        .bind(file.range.map(|(first, _)| first))
        .bind(file.range.map(|(_, last)| last))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<ReadFile> {
    let size: i64 = row.try_get("size_bytes")?;
    let first: Option<i64> = row.try_get("first_us")?;
    let last: Option<i64> = row.try_get("last_us")?;
    Ok(ReadFile {
        plan: row.try_get("plan")?,
        name: row.try_get("name")?,
        size_bytes: u64::try_from(size).unwrap_or(0),
        version: row.try_get("version")?,
        content: row.try_get("content")?,
        range: first.zip(last),
    })
}
