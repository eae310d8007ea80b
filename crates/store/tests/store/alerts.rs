//! Alerts and silences, as the store keeps them.

use crate::support::{Fixture, MONITOR, Parts, at, event, on_both};
use driftline_store::{
    Alert, AlertChanges, AlertFilter, AlertState, AlertsBefore, DecideAlerts, RunCommit, Silence,
    SilenceFilter, StoreError,
};
use driftline_verdict::{AlertKey, FindingKind, Severity};
use std::sync::Mutex;

on_both! {
    alerts_are_decided_within_the_transaction_of_their_run
    alerts_come_newest_first_in_pages_that_repeat_nothing
    a_silence_is_in_force_between_its_beginning_and_its_end
}

/// Writes these, and remembers what it was shown.
#[derive(Debug, Default)]
struct Decider {
    changes: AlertChanges,
    shown: Mutex<Vec<AlertsBefore>>,
}

impl DecideAlerts for Decider {
    fn decide(&self, before: &AlertsBefore) -> AlertChanges {
        self.shown.lock().unwrap().push(before.clone());
        self.changes.clone()
    }
}

fn alert(id: &str, seconds: i64) -> Alert {
    Alert {
        id: id.to_owned(),
        monitor: MONITOR.to_owned(),
        key: AlertKey {
            kind: FindingKind::Drift,
            column: Some("title".to_owned()),
            slice: None,
            measure: Some(id.to_owned()),
            term: None,
        },
        state: AlertState::Firing,
        severity: Severity::Error,
        message: "it moved".to_owned(),
        value: Some(0.25),
        threshold: None,
        run_id: Some("1".to_owned()),
        baseline_id: Some("sha256:0".to_owned()),
        window_start: None,
        window_end: Some("2024-01-03T00:00:00Z".to_owned()),
        pending_at: at(seconds),
        fired_at: Some(at(seconds)),
        resolved_at: None,
        told_at: None,
        told_count: 0,
        memory: "{}".to_owned(),
        updated_at: at(seconds),
    }
}

fn silence(id: &str, column: Option<&str>) -> Silence {
    Silence {
        id: id.to_owned(),
        monitor: None,
        kind: None,
        column: column.map(str::to_owned),
        slice: None,
        measure: None,
        term: None,
        starts_at: at(100),
        ends_at: at(200),
        author: "ada".to_owned(),
        comment: "known".to_owned(),
        created_at: at(0),
    }
}

async fn commit(fixture: &Fixture, id: &str, decider: &Decider) -> Result<(), StoreError> {
    let parts = Parts::of(id);
    let commit = RunCommit {
        alerts: Some(decider),
        ..parts.commit()
    };
    fixture.store.commit_run(&commit, at(150)).await.map(drop)
}

async fn alerts_are_decided_within_the_transaction_of_their_run(fixture: Fixture) {
    let store = &fixture.store;
    for silence in [silence("s1", Some("title")), silence("s2", Some("author"))] {
        store.add_silence(&silence).await.unwrap();
    }
    let first = Decider {
        changes: AlertChanges {
            written: vec![alert("a", 1), alert("b", 2)],
            forgotten: Vec::new(),
            events: vec![event("evt_alert", &["chat"])],
        },
        ..Decider::default()
    };
    commit(&fixture, "1", &first).await.unwrap();
    let shown = first.shown.lock().unwrap().clone();
    assert_eq!(shown[0].alerts, []);
    assert_eq!(shown[0].seen_until, None);
    assert_eq!(shown[0].silences.len(), 2);
    assert!(shown[0].silences[0].is_about(&alert("a", 1)));
    assert!(!shown[0].silences[1].is_about(&alert("a", 1)));

    let resolved = Alert {
        state: AlertState::Resolved,
        resolved_at: Some(at(3)),
        told_at: Some(at(2)),
        told_count: 1,
        ..alert("a", 1)
    };
    let second = Decider {
        changes: AlertChanges {
            written: vec![resolved.clone()],
            forgotten: vec!["b".to_owned()],
            events: Vec::new(),
        },
        ..Decider::default()
    };
    // A run that is there already leaves the alerts as they are.
    let twice = commit(&fixture, "1", &second).await.unwrap_err();
    assert!(matches!(twice, StoreError::RunExists { .. }), "{twice}");
    let all = async || {
        let all = store.alerts(&AlertFilter::default(), None, 10).await;
        all.unwrap()
    };
    assert_eq!(all().await, [alert("b", 2), alert("a", 1)]);
    commit(&fixture, "2", &second).await.unwrap();
    assert_eq!(all().await, [resolved]);
    let shown = second.shown.lock().unwrap().clone();
    assert_eq!(
        shown.last().unwrap().seen_until.as_deref(),
        Some("2024-01-03T00:00:00Z")
    );
}

async fn alerts_come_newest_first_in_pages_that_repeat_nothing(fixture: Fixture) {
    let decider = Decider {
        changes: AlertChanges {
            written: (0..5).map(|n| alert(&format!("a{n}"), n / 2)).collect(),
            ..AlertChanges::default()
        },
        ..Decider::default()
    };
    commit(&fixture, "1", &decider).await.unwrap();
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let filter = AlertFilter {
            state: Some(AlertState::Firing),
            kind: Some(FindingKind::Drift),
            ..AlertFilter::default()
        };
        let page = fixture.store.alerts(&filter, after.as_ref(), 2).await;
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position());
        ids.extend(page.into_iter().map(|alert| alert.id));
    }
    assert_eq!(ids, ["a4", "a3", "a2", "a1", "a0"]);
    let none = AlertFilter {
        state: Some(AlertState::Pending),
        ..AlertFilter::default()
    };
    assert_eq!(fixture.store.alerts(&none, None, 2).await.unwrap(), []);
}

async fn a_silence_is_in_force_between_its_beginning_and_its_end(fixture: Fixture) {
    let store = &fixture.store;
    store.add_silence(&silence("s", None)).await.unwrap();
    let in_force = async |seconds| {
        let filter = SilenceFilter {
            at: Some(at(seconds)),
            id: None,
        };
        store.silences(&filter, None, 10).await.unwrap().len()
    };
    assert_eq!(
        [
            in_force(99).await,
            in_force(100).await,
            in_force(199).await,
            in_force(200).await
        ],
        [0, 1, 1, 0]
    );
    assert!(store.end_silence("s", at(150)).await.unwrap());
    assert_eq!(in_force(160).await, 0);
    // Ended again, later: it ended when it ended.
    assert!(store.end_silence("s", at(170)).await.unwrap());
    let kept = store.silences(&SilenceFilter::default(), None, 10).await;
    assert_eq!(kept.unwrap()[0].ends_at, at(150));
    assert!(!store.end_silence("nope", at(170)).await.unwrap());
}
