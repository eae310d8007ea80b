//! PostgreSQL: a server, several processes.
//!
//! Statements run at the default isolation (read committed). A transaction that writes to a
//! monitor locks the monitor's row first (`monitors::ensure`), so that two processes which
//! write to one monitor take turns, as any two writers do in SQLite.

use super::backend::{Address, Backend, Trouble};
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

/// SQLSTATE codes, and beginnings of them, that a user can do something about; the first that
/// fits counts.
const CODES: [(&str, Trouble); 10] = [
    ("25006", Trouble::ReadOnly),
    ("53100", Trouble::Full),
    ("55P03", Trouble::Locked),     // lock not available
    ("40P01", Trouble::Locked),     // deadlock
    ("3D000", Trouble::CannotOpen), // unknown database
    ("42501", Trouble::ReadOnly),   // insufficient privilege
    ("28", Trouble::Unreachable),   // invalid authorization
    ("08", Trouble::Unreachable),   // connection exception
    ("53", Trouble::Unreachable),   // too many connections, no memory
    ("57P", Trouble::Unreachable),  // shutting down or starting up
];

/// What of an error a user can act on.
pub(super) fn trouble(error: &sqlx::Error) -> Option<Trouble> {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_) => return Some(Trouble::Unreachable),
        _ => {}
    }
    let code = error.as_database_error()?.code()?;
    let found = CODES.iter().find(|(known, _)| code.starts_with(known));
    found.map(|(_, trouble)| *trouble)
}
