//! What differs between the two databases; everything else is the same statement on both.

use super::{postgres, sqlite};
use crate::StoreError;
use sqlx::any::AnyConnectOptions;
use std::sync::Once;

/// A database that a store can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// How a database is reached.
pub(crate) struct Address {
    pub(crate) backend: Backend,
    /// For people: a path, or a URL without its password.
    pub(crate) location: String,
    /// For connections that may write.
    pub(crate) writing: AnyConnectOptions,
    /// For connections that only read.
    pub(crate) reading: AnyConnectOptions,
    /// Whether nothing may be written at all.
    pub(crate) read_only: bool,
}

/// What is wrong, where a user can do something about it; each database has its codes for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Locked,
    ReadOnly,
    Full,
    CannotOpen,
    NotADatabase,
    Unreachable,
}

impl Address {
    /// Reads a store's URL; for a file that may be made, makes the folder that it lies in.
    pub(crate) fn parse(url: &str, read_only: bool) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            postgres::address(url, read_only)
        } else {
            sqlite::address(url, read_only)
        }
    }
}

impl Backend {
    /// Begins a transaction that writes.
    pub(super) fn begin(self) -> &'static str {
        match self {
            // A deferred transaction that turns into a writer later fails at once when
            // another process writes, without waiting for the busy timeout.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction that sees one state of the database, whatever others write.
    pub(crate) fn begin_snapshot(self) -> &'static str {
        match self {
            // Its first read takes the snapshot.
            Self::Sqlite => "BEGIN DEFERRED",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// What a SELECT adds to take rows that no other transaction is taking. SQLite has one
    /// writer at a time, so there is no other.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }
}
