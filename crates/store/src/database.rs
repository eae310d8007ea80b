//! Opens the database: SQLite or PostgreSQL, behind the one driver that speaks both.
//!
//! One connection of a process writes, others read. What differs between the databases
//! stands in `backend.rs`, `sqlite.rs` and `postgres.rs`.

mod backend;
mod postgres;
mod sqlite;

use backend::Trouble;
pub(crate) use backend::{Address, Backend};

use crate::{Change, StoreError, changes, migrate};
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Connection = sqlx::AnyConnection;
pub(crate) type Pool = sqlx::AnyPool;
pub(crate) type Row = sqlx::any::AnyRow;

/// A transaction; dropped without [`Transaction::commit`], nothing of it stays.
///
/// The driver's own one is not used, because it keeps the connection after a COMMIT that
/// failed. On a full disk SQLite has then rolled back by itself, the driver believes that the
/// transaction is still open, begins the next one as a savepoint within it, and reports
/// savepoints as committed that no file ever holds. Here a connection is given back only
/// after a COMMIT that succeeded; any other is closed, which undoes what it had begun.
pub(crate) struct Transaction {
    connection: Option<PoolConnection<sqlx::Any>>,
    /// What is written beside the change.
    change: Option<Arc<Change>>,
}

impl Transaction {
    async fn begin(pool: &Pool, begin: &'static str) -> sqlx::Result<Self> {
        // Owned from here on: a begin that is given up in its middle closes the connection.
        let mut transaction = Self {
            connection: Some(pool.acquire().await?),
            change: None,
        };
        sqlx::query(begin).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    /// Begins one that reads one state of the database.
    pub(crate) async fn snapshot(reader: &Pool, backend: Backend) -> sqlx::Result<Self> {
        Self::begin(reader, backend.begin_snapshot()).await
    }

    /// Makes everything written since the beginning stay, with who wanted it.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        if let Some(change) = self.change.take() {
            changes::insert(&mut self, &change).await?;
        }
        sqlx::query("COMMIT").execute(&mut *self).await?;
        // Back to the pool.
        drop(self.connection.take());
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("taken only by what consumes it")
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("taken only by what consumes it")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
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
    /// Open a store that is there, and write nothing; as `?mode=ro` says of a file.
    pub read_only: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(10),
            read_only: false,
        }
    }
}

/// A database of runs, baselines and events. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Pool,
    reader: Pool,
    backend: Backend,
    location: String,
    /// On whose behalf it is changed, where that is known.
    change: Option<Arc<Change>>,
}

impl Store {
    /// Opens a store, makes it where it is missing, and brings it to this build's version.
    ///
    /// `sqlite://PATH` names a file, taken literally (`sqlite:///var/lib/d.db` is
    /// absolute); `?mode=ro` opens an existing one for reading only.
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` names a database that exists, with the
    /// parameters of libpq behind a `?` (`sslmode`, `sslrootcert`, `host` for a socket).
    ///
    /// # Errors
    /// [`StoreError`]: a URL that is none, a file that cannot be opened or is no
    /// database, a server that does not answer, a database of a newer release.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, &StoreOptions::default()).await
    }

    /// [`Store::open`] with options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(url: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        let address = Address::parse(url, options.read_only)?;
        let connections = Connections::to(&address, options.busy_timeout);
        if !address.read_only {
            migrate::migrate(&connections, &address).await?;
        }
        let writer = connections.pool(1, &address.writing, !address.read_only);
        if address.read_only {
            migrate::require_latest(&writer, &address).await?;
        }
        Ok(Self {
            writer,
            reader: connections.pool(READERS, &address.reading, false),
            backend: address.backend,
            location: address.location,
            change: None,
        })
    }

    /// The same store, for one change that somebody asks for: what is recorded of it is written
    /// in the change's own transaction, or not at all.
    #[must_use]
    pub fn for_change(&self, change: Change) -> Self {
        Self {
            change: Some(Arc::new(change)),
            ..self.clone()
        }
    }

    /// The database, for people: a path, or a URL without its password.
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
        let mut transaction = Transaction::begin(&self.writer, self.backend.begin())
            .await
            .map_err(|error| self.error(operation, error))?;
        transaction.change.clone_from(&self.change);
        Ok(transaction)
    }

    /// Changes rows by one statement, and says that something changed if there were any; false
    /// where there were none.
    pub(crate) async fn change_rows(
        &self,
        operation: &'static str,
        statement: Query<'_, sqlx::Any, AnyArguments>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin(operation).await?;
        async {
            let rows = statement.execute(&mut *transaction).await?.rows_affected();
            if rows > 0 {
                count_change(&mut transaction).await?;
                transaction.commit().await?;
            }
            Ok(rows > 0)
        }
        .await
        .map_err(|error| self.error(operation, error))
    }

    pub(crate) fn writer(&self) -> &Pool {
        &self.writer
    }

    pub(crate) fn reader(&self) -> &Pool {
        &self.reader
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn error(&self, operation: &'static str, error: sqlx::Error) -> StoreError {
        describe(self.backend, &self.location, operation, error)
    }
}

/// Says that something changed which a waiting reader could care about.
pub(crate) async fn count_change(connection: &mut Connection) -> sqlx::Result<()> {
    sqlx::query("UPDATE changes SET counter = counter + 1 WHERE id = 1")
        .execute(connection)
        .await?;
    Ok(())
}

/// How connections to one database are made.
pub(crate) struct Connections {
    backend: Backend,
    busy_timeout: Duration,
}

impl Connections {
    pub(crate) fn to(address: &Address, busy_timeout: Duration) -> Self {
        Self {
            backend: address.backend,
            busy_timeout,
        }
    }

    /// A connection of its own.
    pub(crate) async fn connect(
        &self,
        options: &AnyConnectOptions,
        writes: bool,
    ) -> sqlx::Result<Connection> {
        use sqlx::ConnectOptions as _;
        let mut connection = options.connect().await?;
        prepare(&mut connection, self.backend, self.busy_timeout, writes).await?;
        Ok(connection)
    }

    /// Connections that are made when they are needed, and kept for as long as the store is
    /// open, but for those of failed transactions and those that a server ended: a fresh one
    /// could find another file under the same name.
    fn pool(&self, size: u32, options: &AnyConnectOptions, writes: bool) -> Pool {
        let (backend, busy_timeout) = (self.backend, self.busy_timeout);
        // A writer that waits for the one connection waits for a whole transaction.
        let patience = busy_timeout.saturating_mul(2).max(Duration::from_secs(1));
        AnyPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(patience)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                Box::pin(prepare(connection, backend, busy_timeout, writes))
            })
            .connect_lazy_with(options.clone())
    }
}

async fn prepare(
    connection: &mut Connection,
    backend: Backend,
    busy_timeout: Duration,
    writes: bool,
) -> sqlx::Result<()> {
    match backend {
        Backend::Sqlite => sqlite::prepare(connection, busy_timeout, writes).await,
        Backend::Postgres => postgres::prepare(connection, busy_timeout, writes).await,
    }
}

/// Turns what the driver said into what a user can act on.
pub(crate) fn describe(
    backend: Backend,
    location: &str,
    operation: &'static str,
    error: sqlx::Error,
) -> StoreError {
    if let sqlx::Error::Decode(reason) | sqlx::Error::ColumnDecode { source: reason, .. } = &error {
        return StoreError::Malformed {
            location: location.to_owned(),
            operation,
            reason: reason.to_string(),
        };
    }
    let trouble = match backend {
        Backend::Sqlite => sqlite::trouble(&error),
        Backend::Postgres => postgres::trouble(&error),
    };
    let location = location.to_owned();
    match trouble {
        Some(Trouble::Locked) => StoreError::Locked {
            location,
            operation,
        },
        Some(Trouble::ReadOnly) => StoreError::ReadOnly {
            location,
            operation,
        },
        Some(Trouble::Full) => StoreError::Full {
            location,
            operation,
        },
        Some(Trouble::CannotOpen) => StoreError::CannotOpen {
            location,
            reason: error.to_string(),
        },
        Some(Trouble::NotADatabase) => StoreError::NotADatabase {
            location,
            reason: error.to_string(),
        },
        Some(Trouble::Unreachable) => StoreError::Unreachable {
            location,
            operation,
            reason: match error {
                sqlx::Error::PoolTimedOut => "no connection could be had in time".to_owned(),
                error => error.to_string(),
            },
        },
        None => StoreError::Database {
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
        let failed = crate::FailedRun {
            monitor: "titles",
            reason: &"x".repeat(100_000),
            scheduled_for: None,
            lease: None,
            alerts: None,
        };
        let error = store
            .commit_failure(&failed, DateTime::UNIX_EPOCH)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("free some disk space"));
        assert!(store.monitor("titles").await.unwrap().is_none());
    }
}
