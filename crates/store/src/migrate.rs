//! Brings a database to this build's version, and refuses one that is newer.

use crate::StoreError;
use crate::database::{Address, Connections, Pool, describe};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlSafeStr};

/// Every migration, oldest first. A released one is never edited: its hash is in databases.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../migrations/0001_initial.sql")),
    (2, "servers", include_str!("../migrations/0002_servers.sql")),
    (3, "claims", include_str!("../migrations/0003_claims.sql")),
    (4, "alerts", include_str!("../migrations/0004_alerts.sql")),
    (
        5,
        "schedules",
        include_str!("../migrations/0005_schedules.sql"),
    ),
    (
        6,
        "baseline versions",
        include_str!("../migrations/0006_baseline_versions.sql"),
    ),
    (7, "lists", include_str!("../migrations/0007_lists.sql")),
    (8, "access", include_str!("../migrations/0008_access.sql")),
    (
        9,
        "failures",
        include_str!("../migrations/0009_failures.sql"),
    ),
    (
        10,
        "changes",
        include_str!("../migrations/0010_changes.sql"),
    ),
    (
        11,
        "baseline files",
        include_str!("../migrations/0011_baseline_files.sql"),
    ),
    (
        12,
        "sources",
        include_str!("../migrations/0012_sources.sql"),
    ),
    (
        13,
        "backlogs",
        include_str!("../migrations/0013_backlogs.sql"),
    ),
    (14, "panes", include_str!("../migrations/0014_panes.sql")),
    (
        15,
        "posted profiles",
        include_str!("../migrations/0015_posted_profiles.sql"),
    ),
    (16, "read", include_str!("../migrations/0016_read.sql")),
];

/// Another process may be making the same tables: then another look finds them made. It can be
/// ahead by one migration each time.
const ATTEMPTS: usize = MIGRATIONS.len() + 2;

/// The version of a database of this build.
pub fn latest_version() -> i64 {
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
    connections: &Connections,
    address: &Address,
) -> Result<(), StoreError> {
    let describe =
        |operation, error| describe(address.backend, &address.location, operation, error);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut fresh = connections
            .connect(&address.writing, true)
            .await
            .map_err(|error| describe("opening it", error))?;
        let result = migrator().run_direct(None, &mut fresh, false).await;
        // What was not committed is undone.
        let closed = fresh.close().await;
        match result {
            Ok(()) => return closed.map_err(|error| describe("opening it", error)),
            Err(MigrateError::VersionMissing(found)) if found > latest_version() => {
                return Err(newer(&address.location, found));
            }
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
                if attempt < ATTEMPTS => {}
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                return Err(describe("migrating", error));
            }
            Err(error) => {
                return Err(StoreError::Migration {
                    location: address.location.clone(),
                    reason: error.to_string(),
                });
            }
        }
    }
}

/// Refuses a database that a reader who may not migrate cannot read.
pub(crate) async fn require_latest(reader: &Pool, address: &Address) -> Result<(), StoreError> {
    let location = &address.location;
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(reader)
        .await
        .map_err(|error| describe(address.backend, location, "reading its version", error))?;
    let found = found.unwrap_or(0);
    match found.cmp(&latest_version()) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(newer(location, found)),
        std::cmp::Ordering::Less => Err(StoreError::Migration {
            location: location.clone(),
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
