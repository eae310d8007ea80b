//! SQLite: a file, one writer at a time.
//!
//! Readers never wait for the writer, thanks to the write-ahead log. `synchronous=FULL`
//! because an alarm that was decided must survive the loss of power.

use super::backend::{Address, Backend, Trouble};
use crate::StoreError;
use sqlx::AnyConnection;
use sqlx::any::AnyConnectOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Parses `sqlite://PATH`, the path taken literally, with `?mode=ro` for reading only.
pub(super) fn address(url: &str, read_only: bool) -> Result<Address, StoreError> {
    let (path, mode_read_only) = parse_url(url)?;
    let read_only = read_only || mode_read_only;
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
    let file = absolute(&path, !read_only).map_err(|error| cannot_open(error.to_string()))?;
    let options = |mode| connect_options(&file, mode).map_err(cannot_open);
    Ok(Address {
        backend: Backend::Sqlite,
        writing: options(if read_only { "ro" } else { "rwc" })?,
        reading: options("ro")?,
        location,
        read_only,
    })
}

fn parse_url(url: &str) -> Result<(PathBuf, bool), StoreError> {
    let refuse = |reason| StoreError::Url {
        url: url.to_owned(),
        reason,
    };
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .ok_or_else(|| refuse("it begins neither with `sqlite://` nor with `postgres://`"))?;
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

/// The path from the root on; makes the folder if it may.
fn absolute(path: &Path, make_folder: bool) -> std::io::Result<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if make_folder {
        std::fs::create_dir_all(folder)?;
    }
    let name = path
        .file_name()
        .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::IsADirectory))?;
    Ok(folder.canonicalize()?.join(name))
}

/// The driver takes a URL: what would end its path is escaped.
fn connect_options(file: &Path, mode: &str) -> Result<AnyConnectOptions, String> {
    let path = file.to_str().ok_or("its path is not UTF-8")?;
    let mut url = "sqlite://".to_owned();
    for character in path.chars() {
        if matches!(character, '%' | '?' | '#') || character.is_ascii_control() {
            url.push_str(&format!("%{:02X}", character as u32));
        } else {
            url.push(character);
        }
    }
    format!("{url}?mode={mode}")
        .parse()
        .map_err(|error: sqlx::Error| error.to_string())
}

/// What a fresh connection is told.
pub(super) async fn prepare(
    connection: &mut AnyConnection,
    busy_timeout: Duration,
    writes: bool,
) -> sqlx::Result<()> {
    let milliseconds = busy_timeout.as_millis().min(i32::MAX as u128);
    let settings = format!("PRAGMA busy_timeout = {milliseconds}; PRAGMA foreign_keys = ON;");
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
        .execute(&mut *connection)
        .await?;
    if !writes {
        return Ok(());
    }
    // The switch to a log takes the whole file for a moment. Where several connections to a
    // new file want that at once, SQLite refuses all but one without waiting; for the lock of a
    // transaction it waits.
    for _ in 0..ATTEMPTS {
        let log = sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
        match log.execute(&mut *connection).await {
            Err(error) if matches!(trouble(&error), Some(Trouble::Locked)) => {
                let wait = sqlx::raw_sql("BEGIN IMMEDIATE; COMMIT;");
                wait.execute(&mut *connection).await?;
            }
            ended => return ended.map(|_| ()),
        }
    }
    Err(sqlx::Error::PoolTimedOut)
}

/// How often a connection asks for the log: as many others may be opened at the same time.
const ATTEMPTS: u32 = 100;

/// SQLite's primary result codes that a user can do something about.
const CODES: [(i32, Trouble); 7] = [
    (5, Trouble::Locked), // BUSY
    (6, Trouble::Locked), // LOCKED
    (8, Trouble::ReadOnly),
    (11, Trouble::NotADatabase), // CORRUPT
    (13, Trouble::Full),
    (14, Trouble::CannotOpen),
    (26, Trouble::NotADatabase),
];

/// What of an error a user can act on.
pub(super) fn trouble(error: &sqlx::Error) -> Option<Trouble> {
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return Some(Trouble::Locked);
    }
    // The extended code's low byte is the primary one.
    let code = error.as_database_error()?.code()?.parse::<i32>().ok()? & 0xff;
    let found = CODES.iter().find(|(known, _)| *known == code);
    found.map(|(_, trouble)| *trouble)
}
