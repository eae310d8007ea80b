//! Brings a database to this build's version, and refuses one that is newer.

use crate::StoreError;
use crate::database::{Pool, describe, pool};
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use std::time::Duration;

/// Every migration, oldest first. A released one is never edited: its hash is in databases.
const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "initial", include_str!("../migrations/0001_initial.sql"))];

/// Another process may be making the same tables: then a second look finds them made.
const ATTEMPTS: u32 = 3;

/// The version of a database of this build.
pub(crate) fn latest_version() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _, _)| *version)
}

fn migrator() -> Migrator {
    Migrator::with_migrations(
        MIGRATIONS
            .iter()
            .map(|&(version, description, sql)| {
                Migration::new(
                    version,
                    description.into(),
                    MigrationType::Simple,
                    sql.into_sql_str(),
                    false,
                )
            })
            .collect(),
    )
}

/// Applies what is missing. Each attempt has a connection of its own: the driver keeps one
/// whose COMMIT failed as if its transaction were still open.
pub(crate) async fn migrate(
    writing: &SqliteConnectOptions,
    busy_timeout: Duration,
    location: &str,
) -> Result<(), StoreError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let fresh = pool(1, busy_timeout)
            .connect_with(writing.clone())
            .await
            .map_err(|error| describe(location, "opening it", error))?;
        let result = migrator().run(&fresh).await;
        // What was not committed is undone.
        fresh.close().await;
        match result {
            Ok(()) => return Ok(()),
            Err(MigrateError::VersionMissing(found)) if found > latest_version() => {
                return Err(newer(location, found));
            }
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
                if attempt < ATTEMPTS => {}
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                return Err(describe(location, "migrating", error));
            }
            Err(error) => {
                return Err(StoreError::Migration {
                    location: location.to_owned(),
                    reason: error.to_string(),
                });
            }
        }
    }
}

/// Refuses a database that a reader who may not migrate cannot read.
pub(crate) async fn require_latest(reader: &Pool, location: &str) -> Result<(), StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(reader)
        .await
        .map_err(|error| describe(location, "reading its version", error))?;
    let found = found.unwrap_or(0);
    match found.cmp(&latest_version()) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(newer(location, found)),
        std::cmp::Ordering::Less => Err(StoreError::Migration {
            location: location.to_owned(),
            reason: format!(
                "it has version {found}, this build needs {}: open it once for writing",
                latest_version()
            ),
        }),
    }
}

fn newer(location: &str, found: i64) -> StoreError {
    StoreError::Newer {
        location: location.to_owned(),
        found,
        known: latest_version(),
    }
}
