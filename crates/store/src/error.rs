//! What can go wrong with a store.

/// An error of this crate. Every message names the database and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is none that a store can be opened with.
    #[error(
        "`{url}` is no store: {reason}; write `sqlite://PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE`"
    )]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file could not be opened or made.
    #[error("store `{location}` cannot be opened: {reason}; check the path and its permissions")]
    CannotOpen {
        /// The database.
        location: String,
        /// What the system said.
        reason: String,
    },
    /// The server does not answer, or turns us away.
    #[error(
        "store `{location}` cannot be reached while {operation}: {reason}; check that the server runs, and the user and password"
    )]
    Unreachable {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
        /// What the system or the server said.
        reason: String,
    },
    /// The file is there and is no database, or a damaged one.
    #[error(
        "`{location}` is not a database, or is damaged: {reason}; name another file, or restore a backup"
    )]
    NotADatabase {
        /// The database.
        location: String,
        /// What the database said.
        reason: String,
    },
    /// The database belongs to a newer release.
    #[error(
        "store `{location}` has version {found}, this build knows {known}: use the newer driftline, or another store"
    )]
    Newer {
        /// The database.
        location: String,
        /// Version of the database.
        found: i64,
        /// The newest version that this build knows.
        known: i64,
    },
    /// The database could not be brought to this build's version.
    #[error("store `{location}` cannot be migrated: {reason}")]
    Migration {
        /// The database.
        location: String,
        /// What went wrong.
        reason: String,
    },
    /// Somebody else holds the write lock for longer than the busy timeout.
    #[error(
        "store `{location}` is locked by another process while {operation}: wait for it, or give each process its own store"
    )]
    Locked {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
    },
    /// The database cannot be written.
    #[error("store `{location}` is read-only, while {operation}: check its permissions")]
    ReadOnly {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
    },
    /// There is no room to write.
    #[error("no room left for store `{location}`, while {operation}: free some disk space")]
    Full {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
    },
    /// Another process runs the monitor by now; what this one decided is not written.
    #[error(
        "store `{location}`, while {operation}: another process has taken over monitor `{monitor}`; nothing is written"
    )]
    LeaseLost {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
        /// The monitor.
        monitor: String,
    },
    /// A backup cannot be written there.
    #[error("no backup can be written to `{file}`: {reason}")]
    Backup {
        /// The file.
        file: String,
        /// What is in the way.
        reason: String,
    },
    /// A backup is restored into an empty store only.
    #[error(
        "store `{location}` already knows monitors: restore the backup into a new store, or use it as it is with `--store sqlite://FILE`"
    )]
    NotEmpty {
        /// The database.
        location: String,
    },
    /// A run with this identity is there already.
    #[error("store `{location}` already has a run `{run_id}`: every run needs an id of its own")]
    RunExists {
        /// The database.
        location: String,
        /// The identity.
        run_id: String,
    },
    /// A value in the database, or one to be written, has not the form that it must have.
    #[error("store `{location}`, while {operation}: {reason}")]
    Malformed {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Anything else that the database said.
    #[error("store `{location}`, while {operation}: {source}")]
    Database {
        /// The database.
        location: String,
        /// What was being done.
        operation: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
