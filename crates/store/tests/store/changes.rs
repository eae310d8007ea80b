//! What is recorded of a change: with it, or not at all.

use crate::support::{Fixture, MONITOR, Parts, at, on_both};
use driftline_store::{AuditEntry, Change, RequestKey, Silence, Store};

on_both! {
    a_change_and_its_entry_are_one
    a_key_is_for_one_change_and_is_forgotten_after_a_day
}

fn change(id: &str, key: Option<&str>, seconds: i64) -> Change {
    Change {
        entry: AuditEntry {
            id: id.to_owned(),
            at: at(seconds),
            actor: "ada".to_owned(),
            action: "POST /x".to_owned(),
        },
        key: key.map(|key| RequestKey {
            id: key.to_owned(),
            request_hash: "hash".to_owned(),
        }),
    }
}

fn silence(id: &str) -> Silence {
    Silence {
        id: id.to_owned(),
        monitor: None,
        kind: None,
        column: None,
        slice: None,
        measure: None,
        term: None,
        starts_at: at(0),
        ends_at: at(100),
        author: "ada".to_owned(),
        comment: "known".to_owned(),
        created_at: at(0),
    }
}

async fn entries(store: &Store) -> Vec<String> {
    let log = store.audit_log(None, 100).await.unwrap();
    log.into_iter().map(|entry| entry.id).collect()
}

async fn a_change_and_its_entry_are_one(fixture: Fixture) {
    let store = &fixture.store;
    let parts = Parts::of("1");
    store.commit_run(&parts.commit(), at(0)).await.unwrap();
    let first = store.for_change(change("1", None, 1));
    assert!(first.pin_baseline(MONITOR, true).await.unwrap());
    // What changes nothing is not recorded.
    let second = store.for_change(change("2", None, 2));
    assert!(!second.pin_baseline("nobody", true).await.unwrap());
    assert!(!second.end_silence("nobody", at(2)).await.unwrap());
    assert_eq!(entries(store).await, ["1"]);

    let mut raw = fixture.raw().await;
    fixture.fault(&mut raw, "INSERT", "audit").await;
    let third = store.for_change(change("3", None, 3));
    third.add_silence(&silence("a")).await.unwrap_err();
    let all = store.silences(&Default::default(), None, 10).await.unwrap();
    assert!(all.is_empty(), "changed without an entry: {all:?}");
    fixture.repair(&mut raw, "audit").await;
    third.add_silence(&silence("a")).await.unwrap();
    assert_eq!(entries(store).await, ["3", "1"]);
}

async fn a_key_is_for_one_change_and_is_forgotten_after_a_day(fixture: Fixture) {
    let store = &fixture.store;
    let keyed = |id: &str, seconds| store.for_change(change(id, Some("key"), seconds));
    keyed("1", 0).add_silence(&silence("a")).await.unwrap();
    let kept = store.kept_answer("key", at(1)).await.unwrap().unwrap();
    assert_eq!((kept.request_hash.as_str(), kept.answer), ("hash", None));
    store.keep_answer("key", 201, "{}").await.unwrap();
    let kept = store.kept_answer("key", at(1)).await.unwrap().unwrap();
    assert_eq!(kept.answer, Some((201, "{}".to_owned())));

    // Asked for at the same time by somebody who did not look.
    keyed("2", 1).add_silence(&silence("b")).await.unwrap_err();
    let all = store.silences(&Default::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 1);

    let day = 24 * 60 * 60;
    assert_eq!(store.kept_answer("key", at(day)).await.unwrap(), None);
    keyed("3", day).add_silence(&silence("c")).await.unwrap();
    assert!(
        store
            .kept_answer("key", at(day + 1))
            .await
            .unwrap()
            .is_some()
    );
}
