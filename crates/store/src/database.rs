//! Opens the database; the only file that names the driver.
//!
//! One connection writes and every transaction on it begins as `IMMEDIATE`: a deferred
//! one that turns into a writer later fails at once when another process writes, without
//! waiting for the busy timeout. Readers have connections of their own and never wait
//! for the writer, thanks to the write-ahead log. `synchronous=FULL` because an alarm
//! that was decided must survive the loss of power.

use crate::{StoreError, migrate};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) type Connection = sqlx::SqliteConnection;
pub(crate) type Pool = sqlx::SqlitePool;
pub(crate) type Row = SqliteRow;

/// A transaction that writes; dropped without [`Transaction::commit`], nothing of it stays.
///
/// The driver's own one is not used, because it keeps the connection after a COMMIT that
/// failed. On a full disk SQLite has then rolled back by itself, the driver believes that the
/// transaction is still open, begins the next one as a savepoint within it, and reports
/// savepoints as committed that no file ever holds. Here a connection is given back only
/// after a COMMIT that succeeded; any other is closed, which undoes what it had begun.
pub(crate) struct Transaction(Option<PoolConnection<sqlx::Sqlite>>);

impl Transaction {
    async fn begin(writer: &Pool) -> sqlx::Result<Self> {
        // Owned from here on: a begin that is given up in its middle closes the connection.
        let mut transaction = Self(Some(writer.acquire().await?));
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Makes everything written since the beginning stay.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        sqlx::query("COMMIT").execute(&mut *self).await?;
        // Back to the pool.
        drop(self.0.take());
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("taken only by what consumes it")
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        self.0.as_mut().expect("taken only by what consumes it")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// Connections that read at the same time.
const READERS: u32 = 4;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// A database of runs, baselines and events. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Pool,
    reader: Pool,
    location: String,
}

impl Store {
    /// Opens a store, makes it where it is missing, and brings it to this build's version.
    ///
    /// `sqlite://PATH` names a file, taken literally (`sqlite:///var/lib/d.db` is
    /// absolute); `?mode=ro` opens an existing one for reading only.
    ///
    /// # Errors
    /// [`StoreError`]: a URL that is none, a file that cannot be opened or is no
    /// database, a database of a newer release.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, &StoreOptions::default()).await
    }

    /// [`Store::open`] with options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(url: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        let (path, read_only) = parse_url(url)?;
        let location = path.display().to_string();
        let cannot_open = |reason: String| StoreError::CannotOpen {
            location: location.clone(),
            reason,
        };
        if path.is_dir() {
            return Err(cannot_open("it is a directory".to_owned()));
        }
        if read_only && !path.exists() {
            return Err(cannot_open("there is no such file".to_owned()));
        }
        if !read_only {
            make_parent(&path).map_err(|error| cannot_open(error.to_string()))?;
        }

        let base = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(options.busy_timeout)
            .foreign_keys(true);
        let reading = base.clone().read_only(true);
        let writing = if read_only {
            reading.clone()
        } else {
            base.create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
        };
        // A writer that waits for the one connection waits for a whole transaction.
        let patience = options.busy_timeout.saturating_mul(2);
        if !read_only {
            migrate::migrate(&writing, patience, &location).await?;
        }
        let writer = pool(1, patience)
            .connect_with(writing)
            .await
            .map_err(|error| describe(&location, "opening it", error))?;
        if read_only {
            migrate::require_latest(&writer, &location).await?;
        }
        let reader = pool(READERS, patience)
            .connect_with(reading)
            .await
            .map_err(|error| describe(&location, "opening it", error))?;
        Ok(Self {
            writer,
            reader,
            location,
        })
    }

    /// The database, for people: a path.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Ends every connection. What is committed stays; the log is folded into the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// Whether a transaction can be begun now: the write lock can be had and the file
    /// is not read-only.
    ///
    /// # Errors
    /// [`StoreError`] that says why not.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "checking that it can be written";
        let mut transaction = self.begin(OPERATION).await?;
        sqlx::query("UPDATE changes SET counter = counter WHERE id = 1")
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.error(OPERATION, error))?;
        Ok(())
    }

    /// A number that grows whenever a monitor, a run or a retraining request changes, by
    /// whatever process.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    pub async fn change_counter(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT counter FROM changes WHERE id = 1")
            .fetch_one(&self.reader)
            .await
            .map_err(|error| self.error("reading what changed", error))
    }

    /// Begins the one kind of transaction that writes.
    pub(crate) async fn begin(&self, operation: &'static str) -> Result<Transaction, StoreError> {
        Transaction::begin(&self.writer)
            .await
            .map_err(|error| self.error(operation, error))
    }

    pub(crate) fn reader(&self) -> &Pool {
        &self.reader
    }

    pub(crate) fn error(&self, operation: &'static str, error: sqlx::Error) -> StoreError {
        describe(&self.location, operation, error)
    }
}

/// Says that something changed which a waiting reader could care about.
pub(crate) async fn count_change(connection: &mut Connection) -> sqlx::Result<()> {
    sqlx::query("UPDATE changes SET counter = counter + 1 WHERE id = 1")
        .execute(connection)
        .await?;
    Ok(())
}

/// Connections are kept for as long as the store is open, but for those of failed
/// transactions: a fresh one could find another file under the same name.
pub(crate) fn pool(size: u32, patience: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(patience.max(Duration::from_secs(1)))
        .idle_timeout(None)
        .max_lifetime(None)
}

fn parse_url(url: &str) -> Result<(PathBuf, bool), StoreError> {
    let refuse = |reason| StoreError::Url {
        url: url.to_owned(),
        reason,
    };
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        // The URL may hold a password: it is not repeated.
        return Err(StoreError::Url {
            url: "postgres:…".to_owned(),
            reason: "this build keeps its state in SQLite only",
        });
    }
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .ok_or_else(|| refuse("it does not begin with `sqlite://`"))?;
    let (path, read_only) = match path.split_once('?') {
        None => (path, false),
        Some((path, "mode=ro")) => (path, true),
        Some((path, "mode=rwc")) => (path, false),
        Some(_) => return Err(refuse("only `?mode=ro` may follow the path")),
    };
    if path.is_empty() {
        return Err(refuse("it names no file"));
    }
    if path == ":memory:" {
        return Err(refuse("a store in memory would lose what was decided"));
    }
    Ok((PathBuf::from(path), read_only))
}

fn make_parent(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::create_dir_all(parent),
        _ => Ok(()),
    }
}

/// SQLite's primary result codes that a user can do something about.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READ_ONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANNOT_OPEN: i32 = 14;
    pub(super) const NOT_A_DATABASE: i32 = 26;
}

/// Turns what the driver said into what a user can act on.
pub(crate) fn describe(location: &str, operation: &'static str, error: sqlx::Error) -> StoreError {
    let location = location.to_owned();
    match &error {
        sqlx::Error::Decode(reason) | sqlx::Error::ColumnDecode { source: reason, .. } => {
            return StoreError::Malformed {
                location,
                operation,
                reason: reason.to_string(),
            };
        }
        sqlx::Error::PoolTimedOut => {
            return StoreError::Locked {
                location,
                operation,
            };
        }
        _ => {}
    }
    // The extended code's low byte is the primary one.
    let primary = error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<i32>().ok())
        .map(|code| code & 0xff);
    match primary {
        Some(code::BUSY | code::LOCKED) => StoreError::Locked {
            location,
            operation,
        },
        Some(code::READ_ONLY) => StoreError::ReadOnly {
            location,
            operation,
        },
        Some(code::FULL) => StoreError::Full {
            location,
            operation,
        },
        Some(code::CANNOT_OPEN) => StoreError::CannotOpen {
            location,
            reason: error.to_string(),
        },
        Some(code::CORRUPT | code::NOT_A_DATABASE) => StoreError::NotADatabase {
            location,
            reason: error.to_string(),
        },
        _ => StoreError::Database {
            location,
            operation,
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    /// A disk that is full, as far as the writer can see.
    #[tokio::test]
    async fn a_full_disk_is_named_and_leaves_the_store_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        let store = Store::open(&url).await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1")
            .execute(&store.writer)
            .await
            .unwrap();
        let reason = "x".repeat(100_000);
        let error = store
            .commit_failure("titles", &reason, DateTime::UNIX_EPOCH)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("free some disk space"));
        assert!(store.monitor("titles").await.unwrap().is_none());
    }
}
