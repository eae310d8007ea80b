//! What a user sees of a store that cannot be used.

use crate::support::{Fixture, Parts, at, close, execute, impatient, url};
use driftline_store::{Store, StoreError, latest_version};

#[tokio::test]
async fn a_missing_store_is_made_with_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/store.db");
    let url = format!("sqlite://{}", path.display());
    let store = Store::open(&url).await.unwrap();
    assert!(store.monitors(None, 10).await.unwrap().is_empty());
    store.close().await;
    assert!(path.is_file());
    assert_eq!(
        Store::open(&url).await.unwrap().location(),
        path.to_str().unwrap()
    );
}

#[tokio::test]
async fn several_processes_may_make_the_same_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder);
    let opened = (0..12).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { Store::open(&url).await })
    });
    for store in opened.collect::<Vec<_>>() {
        store
            .await
            .unwrap()
            .unwrap()
            .check_writable()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_is_no_store_url_is_refused_with_the_form_to_write() {
    for (url, told) in [
        ("store.db", "begins neither with `sqlite://` nor"),
        ("sqlite://", "names no file"),
        ("sqlite://:memory:", "would lose what was decided"),
        ("sqlite://a.db?cache=shared", "only `?mode=ro`"),
        ("postgres://me:hunter2@db:port/driftline", "cannot be read"),
        (
            "postgres://me:hunter2@db/driftline?mode=ro",
            "for files only",
        ),
    ] {
        let error = Store::open(url).await.unwrap_err();
        assert!(matches!(error, StoreError::Url { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(told) && text.contains("sqlite://PATH"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::write(&path, "time,title\n".repeat(1_000)).unwrap();
    let error = Store::open(&url(&folder)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(path.to_str().unwrap()));
}

#[tokio::test]
async fn a_folder_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().display());
    let error = Store::open(&url).await.unwrap_err();
    assert!(error.to_string().contains("it is a directory"), "{error}");
}

#[tokio::test]
async fn a_store_below_a_file_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let url = format!("sqlite://{}/file/store.db", folder.path().display());
    let error = Store::open(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_refused_and_left_as_it_is() {
    let fixture = Fixture::file().await;
    fixture.store.close().await;
    let mut newer = fixture.raw().await;
    let sql =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
               VALUES (999, 'later', TRUE, x'00', 0)";
    execute(&mut newer, sql.to_owned()).await;
    close(newer).await;
    for url in [fixture.url.clone(), format!("{}?mode=ro", fixture.url)] {
        let error = Store::open(&url).await.unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Newer { found: 999, known, .. } if known == latest_version()
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains("use the newer driftline"));
    }
}

#[tokio::test]
async fn a_store_opened_for_reading_reads_and_refuses_to_write() {
    let fixture = Fixture::file().await;
    let parts = Parts::of("1");
    fixture
        .store
        .commit_run(&parts.commit(), at(0))
        .await
        .unwrap();
    let reader = Store::open(&format!("{}?mode=ro", fixture.url))
        .await
        .unwrap();
    assert_eq!(reader.run("1").await.unwrap().unwrap(), parts.run);
    let error = reader
        .commit_run(&Parts::of("2").commit(), at(1))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    assert!(reader.check_writable().await.is_err());
}

#[tokio::test]
async fn a_missing_store_is_not_made_for_reading() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(&format!("{}?mode=ro", url(&folder)))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("there is no such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_that_another_process_writes_is_locked_after_the_timeout() {
    let fixture = Fixture::file().await;
    let store = Store::open_with(&fixture.url, &impatient()).await.unwrap();
    let mut other = fixture.raw().await;
    execute(&mut other, "BEGIN IMMEDIATE".to_owned()).await;
    let error = store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("locked by another process"));
    // Readers do not wait for writers.
    assert!(store.run("1").await.unwrap().is_none());
    execute(&mut other, "ROLLBACK".to_owned()).await;
    store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap();
}
