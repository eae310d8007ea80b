//! Checking, pruning, backing up and restoring.

use crate::support::{
    Fixture, MONITOR, Parts, at, claim, counts, execute, on_both, seconds, settle, url,
};
use driftline_store::{PrunePolicy, Settlement, Store, StoreError};
use std::time::Duration;

on_both! {
    a_store_that_holds_together_has_no_problems
    rows_that_must_not_be_are_told
    a_backup_is_a_store_that_tells_the_same
    a_backup_is_restored_into_an_empty_store_only
    what_is_old_and_done_is_forgotten_and_nothing_else
}

const DAY: i64 = 86_400;

fn keep(days: u64, dry_run: bool) -> PrunePolicy {
    PrunePolicy {
        keep: Duration::from_secs(days * 86_400),
        dry_run,
    }
}

async fn commit(store: &Store, id: &str, time: i64) {
    store
        .commit_run(&Parts::of(id).commit(), at(time))
        .await
        .unwrap();
}

async fn a_store_that_holds_together_has_no_problems(fixture: Fixture) {
    commit(&fixture.store, "1", 0).await;
    let held = fixture
        .store
        .claim(&claim("a", "chat", at(60)), at(0))
        .await
        .unwrap();
    assert_eq!(held.len(), 1);
    let report = fixture.store.check().await.unwrap();
    assert_eq!(report.problems, []);
    let rows = |table| {
        let count = report.tables.iter().find(|count| count.table == table);
        count.unwrap().rows
    };
    assert_eq!((rows("runs"), rows("windows"), rows("outbox")), (1, 2, 3));
}

async fn rows_that_must_not_be_are_told(fixture: Fixture) {
    commit(&fixture.store, "1", 0).await;
    let mut raw = fixture.raw().await;
    for damage in [
        "UPDATE monitors SET last_run_id = 'gone', sequence = 0",
        "DELETE FROM reports",
        "UPDATE windows SET position = 7 WHERE position = 0",
        "UPDATE outbox SET state = 'inflight' WHERE target = 'chat'",
        "INSERT INTO retraining_requests
             SELECT 'second', monitor_id, run_id, baseline_id, state, reason, window_start,
                 window_end, created_at, updated_at, expires_at, claimed_by, claim, outcome,
                 new_baseline_id
             FROM retraining_requests",
    ] {
        execute(&mut raw, damage.to_owned()).await;
    }
    let report = fixture.store.check().await.unwrap();
    let told: Vec<(&str, i64)> = report
        .problems
        .iter()
        .map(|problem| (problem.check, problem.rows))
        .collect();
    assert_eq!(
        told,
        [
            ("a monitor's last run is there", 1),
            ("every run has its report", 1),
            ("windows of a run are numbered without a gap", 1),
            ("a monitor's events are numbered up to its sequence", 1),
            ("only rows in flight have a lease", 1),
            ("a monitor asks for one retraining at a time", 1),
        ]
    );
}

async fn a_backup_is_a_store_that_tells_the_same(fixture: Fixture) {
    for number in 0..3 {
        commit(&fixture.store, &number.to_string(), number).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let copied = fixture.store.back_up(&file).await.unwrap();
    assert_eq!(copied.iter().find(|c| c.table == "runs").unwrap().rows, 3);

    let backup = Store::open(&format!("{}?mode=ro", url(&folder)))
        .await
        .unwrap();
    assert_eq!(backup.run("2").await.unwrap().unwrap(), Parts::of("2").run);
    assert_eq!(
        backup.monitor(MONITOR).await.unwrap(),
        fixture.store.monitor(MONITOR).await.unwrap()
    );
    assert_eq!(
        backup.check().await.unwrap().tables,
        fixture.store.check().await.unwrap().tables
    );
    // Only the backup lies there: no draft, no log beside it.
    backup.close().await;
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["store.db"]);
    let error = fixture.store.back_up(&file).await.unwrap_err();
    assert!(matches!(error, StoreError::Backup { .. }), "{error:?}");
}

async fn a_backup_is_restored_into_an_empty_store_only(fixture: Fixture) {
    commit(&fixture.store, "1", 0).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    fixture.store.back_up(&file).await.unwrap();
    let backup = Store::open(&url(&folder)).await.unwrap();

    let other = fixture.another().await;
    other.store.restore(&backup).await.unwrap();
    let mut here = fixture.raw().await;
    let mut there = other.raw().await;
    let without_counter = |mut counts: Vec<(&'static str, i64)>| {
        counts.retain(|(table, _)| *table != "changes");
        counts
    };
    assert_eq!(
        without_counter(counts(&mut there).await),
        without_counter(counts(&mut here).await)
    );
    // It goes on as the first one would have.
    commit(&other.store, "2", 1).await;
    assert_eq!(other.store.check().await.unwrap().problems, []);

    let before = counts(&mut there).await;
    let error = other.store.restore(&backup).await.unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error:?}");
    assert_eq!(counts(&mut there).await, before);
}

async fn what_is_old_and_done_is_forgotten_and_nothing_else(fixture: Fixture) {
    let store = &fixture.store;
    // Run 1: everything delivered. Run 2: one delivery waits still. Run 3: the last one.
    for (id, day) in [("1", 0), ("2", 1), ("3", 2)] {
        commit(store, id, day * DAY).await;
        for target in ["chat", "pager", "trainer"] {
            if (id, target) == ("2", "pager") {
                continue;
            }
            let now = at(day * DAY);
            let until = now + seconds(60);
            for held in store.claim(&claim("a", target, until), now).await.unwrap() {
                if held.event_id == "evt_2" && target == "pager" {
                    continue;
                }
                let delivered = Settlement::Delivered { status: 204 };
                assert!(settle(store, &held, &delivered, now).await);
            }
        }
    }
    let mut raw = fixture.raw().await;
    execute(
        &mut raw,
        "UPDATE retraining_requests SET state = 'succeeded'".to_owned(),
    )
    .await;

    let before = counts(&mut raw).await;
    let now = at(100 * DAY);
    let told = store.prune(keep(50, true), now).await.unwrap();
    assert_eq!(counts(&mut raw).await, before, "a dry run forgets nothing");
    let done = store.prune(keep(50, false), now).await.unwrap();
    assert_eq!(told, done);
    assert!(store.run("1").await.unwrap().is_none());
    assert!(store.report("1").await.unwrap().is_none());
    assert!(store.windows("1").await.unwrap().is_empty());
    assert!(store.run("2").await.unwrap().is_some(), "a delivery waits");
    assert!(store.run("3").await.unwrap().is_some(), "it is the last");
    assert_eq!(
        (done.runs, done.retraining_requests, done.baselines),
        (1, 3, 0)
    );
    assert_eq!(store.check().await.unwrap().problems, []);
    let again = store.prune(keep(50, false), now).await.unwrap();
    assert_eq!(again.runs + again.events + again.deliveries, 0);

    commit(store, "4", 99 * DAY).await;
    let young = store.prune(keep(50, false), now).await.unwrap();
    assert_eq!(young.runs, 1, "3 is not the last any more, 4 is young");
}
