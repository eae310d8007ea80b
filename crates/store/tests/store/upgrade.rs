//! Databases of older releases are brought up to this build's version, and keep what they hold.

use crate::postgres;
use crate::support::{MONITOR, execute, url};
use driftline_store::{ReadFile, ReadFiles, ReadTargets, Store};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection as _};
use std::path::Path;

/// Makes what a release with so many migrations left, and these rows in it.
async fn release(url: &str, migrations: i64, rows: &[&'static str]) {
    sqlx::any::install_default_drivers();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let migrator = Migrator::new(folder).await.unwrap();
    let made = match url.starts_with("sqlite:") {
        true => format!("{url}?mode=rwc"),
        false => url.to_owned(),
    };
    let mut old = AnyConnection::connect(&made).await.unwrap();
    migrator.run_to(migrations, &mut old).await.unwrap();
    for row in rows {
        execute(&mut old, (*row).to_owned()).await;
    }
    old.close().await.unwrap();
}

const A_MONITOR: &str = "INSERT INTO monitors (id, created_at, state_version, sequence, verdict)
    VALUES ('titles', 0, 7, 3, 'pass')";

async fn the_first_release_keeps_its_monitors(url: &str) {
    release(url, 1, &[A_MONITOR]).await;
    let store = Store::open(url).await.unwrap();
    let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
    assert_eq!((monitor.state_version, monitor.last_run_id), (7, None));
    assert_eq!(store.check().await.unwrap().problems, []);
}

/// True values stood among the files.
async fn what_was_read_moves_to_tables_of_its_own(url: &str) {
    let read = "INSERT INTO read_files
            (monitor_id, plan, name, size_bytes, version, content, first_us, last_us)
        VALUES ('titles', 'p', 'rows.csv', 7, 'v', 'c', 1, 2),
               ('titles', 'p', 'targets:', 0, 'of today', '', NULL, NULL),
               ('titles', 'p', 'targets:10', 0, '', '3 4', 10, 20),
               ('titles', 'p', 'targets:0', 0, '', '1 2', 0, 10)";
    release(url, 14, &[A_MONITOR, read]).await;
    let store = Store::open(url).await.unwrap();
    let targets = |first, content: &str| ReadTargets {
        range: (first, first + 10),
        content: content.to_owned(),
    };
    let wanted = ReadFiles {
        plan: "p".to_owned(),
        files: vec![ReadFile {
            name: "rows.csv".to_owned(),
            size_bytes: 7,
            version: "v".to_owned(),
            content: "c".to_owned(),
            range: Some((1, 2)),
        }],
        targets_version: Some("of today".to_owned()),
        targets: vec![targets(0, "1 2"), targets(10, "3 4")],
    };
    assert_eq!(store.read_files(MONITOR).await.unwrap(), wanted);
    assert_eq!(store.check().await.unwrap().problems, []);
}

#[tokio::test]
async fn files_of_older_releases_are_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    the_first_release_keeps_its_monitors(&url(&folder)).await;
    let folder = tempfile::tempdir().unwrap();
    what_was_read_moves_to_tables_of_its_own(&url(&folder)).await;
}

#[tokio::test]
async fn servers_databases_of_older_releases_are_brought_up() {
    let Some(url) = postgres::new_database() else {
        return;
    };
    the_first_release_keeps_its_monitors(&url).await;
    let url = postgres::new_database().unwrap();
    what_was_read_moves_to_tables_of_its_own(&url).await;
}

#[tokio::test]
async fn a_database_of_an_older_release_is_not_read_before_it_is_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    release(&url(&folder), 1, &[A_MONITOR]).await;
    let reading = format!("{}?mode=ro", url(&folder));
    let error = Store::open(&reading).await.unwrap_err();
    assert!(
        error.to_string().contains("open it once for writing"),
        "{error}"
    );
}
