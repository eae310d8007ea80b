//! What a monitor has read, so that the next run reads only what is new.

use crate::column::count;
use crate::database::{Row, Transaction};
use crate::{Store, StoreError};
use sqlx::Row as _;

/// What a monitor has read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadFiles {
    /// Stands for what in the pipeline decides about rows and windows.
    pub plan: String,
    /// The files, by name.
    pub files: Vec<ReadFile>,
    /// What the true values as they were are told by, where any were read.
    pub targets_version: Option<String>,
    /// The true values of windows, by time.
    pub targets: Vec<ReadTargets>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
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

/// The true values of one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTargets {
    /// The window, in microseconds since 1970.
    pub range: (i64, i64),
    /// What they are told by.
    pub content: String,
}

impl Store {
    /// What a monitor has read; nothing before its first run.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn read_files(&self, monitor: &str) -> Result<ReadFiles, StoreError> {
        const OPERATION: &str = "listing files that were read";
        let mut snapshot = Transaction::snapshot(self.reader(), self.backend())
            .await
            .map_err(|error| self.error(OPERATION, error))?;
        async {
            let row = sqlx::query("SELECT * FROM read_plans WHERE monitor_id = $1")
                .bind(monitor)
                .fetch_optional(&mut *snapshot)
                .await?;
            let mut read = match row {
                None => ReadFiles::default(),
                Some(row) => ReadFiles {
                    plan: row.try_get("plan")?,
                    targets_version: row.try_get("targets_version")?,
                    ..ReadFiles::default()
                },
            };
            read.files =
                sqlx::query("SELECT * FROM read_files WHERE monitor_id = $1 ORDER BY name")
                    .bind(monitor)
                    .fetch_all(&mut *snapshot)
                    .await?
                    .iter()
                    .map(read_file)
                    .collect::<sqlx::Result<_>>()?;
            read.targets = sqlx::query(
                "SELECT * FROM read_targets WHERE monitor_id = $1 ORDER BY first_us, last_us",
            )
            .bind(monitor)
            .fetch_all(&mut *snapshot)
            .await?
            .iter()
            .map(read_targets)
            .collect::<sqlx::Result<_>>()?;
            snapshot.commit().await?;
            Ok(read)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }
}

/// Puts this in the place of all that was known.
pub(crate) async fn replace(
    transaction: &mut Transaction,
    monitor: &str,
    read: &ReadFiles,
) -> sqlx::Result<()> {
    for forget in [
        "DELETE FROM read_files WHERE monitor_id = $1",
        "DELETE FROM read_targets WHERE monitor_id = $1",
        "DELETE FROM read_plans WHERE monitor_id = $1",
    ] {
        sqlx::query(forget)
            .bind(monitor)
            .execute(&mut **transaction)
            .await?;
    }
    sqlx::query("INSERT INTO read_plans (monitor_id, plan, targets_version) VALUES ($1, $2, $3)")
        .bind(monitor)
        .bind(&read.plan)
        .bind(&read.targets_version)
        .execute(&mut **transaction)
        .await?;
    for file in &read.files {
        sqlx::query(
            "INSERT INTO read_files (monitor_id, name, size_bytes, version, content, first_us, last_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(monitor)
        .bind(&file.name)
        .bind(count(file.size_bytes))
        .bind(&file.version)
        .bind(&file.content)
        .bind(file.range.map(|(first, _)| first))
        .bind(file.range.map(|(_, last)| last))
        .execute(&mut **transaction)
        .await?;
    }
    for targets in &read.targets {
        sqlx::query(
            "INSERT INTO read_targets (monitor_id, first_us, last_us, content)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(monitor)
        .bind(targets.range.0)
        .bind(targets.range.1)
        .bind(&targets.content)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

fn read_file(row: &Row) -> sqlx::Result<ReadFile> {
    let size: i64 = row.try_get("size_bytes")?;
    let first: Option<i64> = row.try_get("first_us")?;
    let last: Option<i64> = row.try_get("last_us")?;
    Ok(ReadFile {
        name: row.try_get("name")?,
        size_bytes: u64::try_from(size).unwrap_or(0),
        version: row.try_get("version")?,
        content: row.try_get("content")?,
        range: first.zip(last),
    })
}

fn read_targets(row: &Row) -> sqlx::Result<ReadTargets> {
    Ok(ReadTargets {
        range: (row.try_get("first_us")?, row.try_get("last_us")?),
        content: row.try_get("content")?,
    })
}
