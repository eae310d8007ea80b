//! PostgreSQL: a server, several processes.
//!
//! Statements run at the default isolation (read committed). A transaction that writes to a
//! monitor locks the monitor's row first (`monitors::ensure`), so that two processes which
//! write to one monitor take turns, as any two writers do in SQLite.

use super::backend::{Address, Backend};
use crate::StoreError;
use sqlx::AnyConnection;
use sqlx::ConnectOptions as _;
use sqlx::any::AnyConnectOptions;
use std::time::Duration;

/// A transaction that its process has left alone for so long is undone by the server: the
/// process hangs, or its machine is gone, and it would hold its locks for hours.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(60);

/// Parses `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
pub(super) fn address(url: &str, read_only: bool) -> Result<Address, StoreError> {
    // The URL may hold a password: it is not repeated.
    let refuse = |reason| StoreError::Url {
        url: "postgres:…".to_owned(),
        reason,
    };
    let options: AnyConnectOptions = url
        .parse()
        .map_err(|_| refuse("it cannot be read as a URL"))?;
    let mut shown = options.to_url_lossy();
    if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
        return Err(refuse("it holds a password and names no host"));
    }
    shown.set_query(None);
    if options
        .database_url
        .query_pairs()
        .any(|(key, _)| key == "mode")
    {
        return Err(refuse("`mode` is for files only"));
    }
    Ok(Address {
        backend: Backend::Postgres,
        location: shown.to_string(),
        reading: options.clone(),
        writing: options,
        read_only,
    })
}

/// What a fresh connection is told.
pub(super) async fn prepare(
    connection: &mut AnyConnection,
    busy_timeout: Duration,
    writes: bool,
) -> sqlx::Result<()> {
    let settings = format!(
        "SET application_name = 'driftline';
         SET lock_timeout = {};
         SET idle_in_transaction_session_timeout = {};
         SET default_transaction_read_only = {};",
        busy_timeout.as_millis().min(i32::MAX as u128),
        IDLE_IN_TRANSACTION.as_millis(),
        if writes { "off" } else { "on" },
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
        .execute(connection)
        .await?;
    Ok(())
}

/// SQLSTATE codes and classes that a user can do something about.
mod state {
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub(super) const DEADLOCK: &str = "40P01";
    pub(super) const UNKNOWN_DATABASE: &str = "3D000";
    pub(super) const INSUFFICIENT_PRIVILEGE: &str = "42501";
    /// Invalid authorization; connection exception; too many connections, no memory;
    /// shutting down or starting up.
    pub(super) const UNREACHABLE: [&str; 4] = ["28", "08", "53", "57P"];
}

/// What the driver said, where a user can act on it.
pub(super) fn describe(
    location: &str,
    operation: &'static str,
    error: &sqlx::Error,
) -> Option<StoreError> {
    let location = location.to_owned();
    let unreachable = |reason: String| StoreError::Unreachable {
        location: location.clone(),
        operation,
        reason,
    };
    match error {
        sqlx::Error::PoolTimedOut => {
            return Some(unreachable("no connection could be had in time".to_owned()));
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            return Some(unreachable(error.to_string()));
        }
        _ => {}
    }
    let code = error.as_database_error()?.code()?;
    Some(match &*code {
        state::LOCK_NOT_AVAILABLE | state::DEADLOCK => StoreError::Locked {
            location,
            operation,
        },
        state::READ_ONLY | state::INSUFFICIENT_PRIVILEGE => StoreError::ReadOnly {
            location,
            operation,
        },
        state::DISK_FULL => StoreError::Full {
            location,
            operation,
        },
        state::UNKNOWN_DATABASE => StoreError::CannotOpen {
            location,
            reason: error.to_string(),
        },
        code if state::UNREACHABLE
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            unreachable(error.to_string())
        }
        _ => return None,
    })
}
