//! A backup is a store in a file, whichever database it was taken from: it can be looked into
//! with every verb that reads a store, and restored into either database.

use super::tables::{Kind, RowCount, TABLES, Table};
use crate::database::{Connection, Row, Transaction, count_change};
use crate::{Store, StoreError};
use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use std::path::Path;

const READING: &str = "reading what is copied";
const WRITING: &str = "writing what is copied";

impl Store {
    /// Copies everything, as it stood at one instant, into a new store at `file`; readers and
    /// writers go on meanwhile. The file appears when it is whole.
    ///
    /// # Errors
    /// [`StoreError`], and then there is no file: one that is there already, a folder that
    /// cannot be written, a store that cannot be read.
    pub async fn back_up(&self, file: &Path) -> Result<Vec<RowCount>, StoreError> {
        let refuse = |reason: String| StoreError::Backup {
            file: file.display().to_string(),
            reason,
        };
        if file.exists() {
            return Err(refuse("it is there already; name a new file".to_owned()));
        }
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let draft = tempfile::Builder::new()
            .prefix(".driftline-backup-")
            .tempdir_in(folder)
            .map_err(|error| refuse(error.to_string()))?;
        let path = draft.path().join("store.db");
        let target = Store::open(&format!("sqlite://{}", path.display())).await?;
        let copied = copy(self, &target).await;
        let closed = target.close_as_one_file().await;
        let copied = copied?;
        closed?;
        // A second backup to the same name that was faster is not overwritten.
        std::fs::hard_link(&path, file).map_err(|error| refuse(error.to_string()))?;
        Ok(copied)
    }

    /// Ends every connection and leaves one file, without the log that writers keep beside
    /// it: it can be read where nothing can be written.
    async fn close_as_one_file(&self) -> Result<(), StoreError> {
        self.reader().close().await;
        let mut writer = self
            .writer()
            .acquire()
            .await
            .map_err(|error| self.error(WRITING, error))?;
        let switched = sqlx::query("PRAGMA journal_mode = DELETE")
            .execute(&mut *writer)
            .await;
        drop(writer);
        self.close().await;
        switched
            .map(drop)
            .map_err(|error| self.error(WRITING, error))
    }

    /// Copies everything from a backup into this store, which must be empty, in one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError`], and then this store is as it was: one that already knows monitors, a
    /// backup that is none or belongs to another release.
    pub async fn restore(&self, backup: &Store) -> Result<Vec<RowCount>, StoreError> {
        if !self.monitors(None, 1).await?.is_empty() {
            return Err(StoreError::NotEmpty {
                location: self.location().to_owned(),
            });
        }
        copy(backup, self).await
    }
}

async fn copy(from: &Store, to: &Store) -> Result<Vec<RowCount>, StoreError> {
    let mut source = Transaction::snapshot(from.reader(), from.backend())
        .await
        .map_err(|error| from.error(READING, error))?;
    let mut target = to.begin(WRITING).await?;
    let mut copied = Vec::new();
    for table in TABLES {
        let mut rows = sqlx::query(AssertSqlSafe(select(table))).fetch(&mut *source);
        let insert = insert(table);
        let mut count = 0;
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| from.error(READING, error))?
        {
            write(&mut target, table, &insert, &row)
                .await
                .map_err(|error| to.error(WRITING, error))?;
            count += 1;
        }
        copied.push(RowCount {
            table: table.name,
            rows: count,
        });
    }
    async {
        count_change(&mut target).await?;
        target.commit().await
    }
    .await
    .map_err(|error| to.error(WRITING, error))?;
    Ok(copied)
}

fn select(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    format!("SELECT {} FROM {}", columns.join(", "), table.name)
}

fn insert(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        columns.join(", "),
        places.join(", ")
    )
}

async fn write(
    target: &mut Connection,
    table: &Table,
    insert: &str,
    row: &Row,
) -> sqlx::Result<()> {
    let mut query = sqlx::query(AssertSqlSafe(insert.to_owned()));
    for (position, (_, kind)) in table.columns.iter().enumerate() {
        query = match kind {
            Kind::Integer => query.bind(row.try_get::<Option<i64>, _>(position)?),
            Kind::Text => query.bind(row.try_get::<Option<String>, _>(position)?),
            Kind::Number => query.bind(row.try_get::<Option<f64>, _>(position)?),
            Kind::Bytes => query.bind(row.try_get::<Option<Vec<u8>>, _>(position)?),
        };
    }
    target.execute(query).await?;
    Ok(())
}
