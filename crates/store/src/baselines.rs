//! Which baselines runs were compared with.

use crate::Store;
use crate::StoreError;
use crate::column::{instant, millis};
use crate::database::{Connection, Row};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// A frozen baseline: where it lies and which it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineRecord {
    /// Hash of its content.
    pub id: String,
    /// The directory that holds it.
    pub directory: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// A baseline that some run was compared with.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn baseline(&self, id: &str) -> Result<Option<BaselineRecord>, StoreError> {
        const OPERATION: &str = "reading a baseline";
        sqlx::query("SELECT id, directory, created_at FROM baselines WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .and_then(|row| row.as_ref().map(read).transpose())
            .map_err(|error| self.error(OPERATION, error))
    }
}

/// The same content found in another directory is the same baseline, lying there now.
pub(crate) async fn upsert(
    connection: &mut Connection,
    baseline: &BaselineRecord,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO baselines (id, directory, created_at, first_used_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET directory = excluded.directory",
    )
    .bind(&baseline.id)
    .bind(&baseline.directory)
    .bind(millis(baseline.created_at))
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<BaselineRecord> {
    Ok(BaselineRecord {
        id: row.try_get("id")?,
        directory: row.try_get("directory")?,
        created_at: instant(row.try_get("created_at")?)?,
    })
}
