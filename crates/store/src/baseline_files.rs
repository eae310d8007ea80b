//! The files of frozen baselines: what one server built, every server on the store can use.

use crate::column::decode;
use crate::database::{Connection, Row};
use crate::{Store, StoreError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::Row as _;

/// A file of a frozen baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineFile {
    /// Its name within the folder.
    pub name: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl Store {
    /// The files of a frozen baseline, by name; none where it was too large to be kept.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn baseline_files(&self, baseline_id: &str) -> Result<Vec<BaselineFile>, StoreError> {
        let list = sqlx::query(
            "SELECT name, content FROM baseline_files WHERE baseline_id = $1 ORDER BY name",
        )
        .bind(baseline_id);
        self.rows("reading a baseline's files", list, read).await
    }
}

/// Keeps the files of a baseline; the same content has the same id.
pub(crate) async fn insert(
    connection: &mut Connection,
    baseline_id: &str,
    files: &[BaselineFile],
) -> sqlx::Result<()> {
    for file in files {
        sqlx::query(
            "INSERT INTO baseline_files (baseline_id, name, content) VALUES ($1, $2, $3)
             ON CONFLICT (baseline_id, name) DO NOTHING",
        )
        .bind(baseline_id)
        .bind(&file.name)
        .bind(STANDARD.encode(&file.content))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<BaselineFile> {
    let content: String = row.try_get("content")?;
    Ok(BaselineFile {
        name: row.try_get("name")?,
        content: STANDARD.decode(content).map_err(decode)?,
    })
}
