//! Targets that fail, are disabled, and are enabled by a replay.

use crate::support::{Fixture, MONITOR, Parts, at, claim, event, on_both, settle};
use driftline_store::{OutboxFilter, OutboxState, Replay, Settlement, Store};

on_both! {
    a_target_fails_from_its_first_failure_until_a_success
    what_is_decided_for_a_disabled_target_is_given_up_until_it_is_replayed
}

async fn fail(store: &Store, seconds: i64) {
    let request = claim("a", "chat", at(seconds + 60));
    let claims = store.claim(&request, at(seconds)).await.unwrap();
    let retry = Settlement::Retry {
        status: Some(500),
        error: "500".to_owned(),
        next_at: at(seconds + 5),
    };
    assert!(settle(store, &claims[0], &retry, at(seconds)).await);
}

async fn states(store: &Store) -> Vec<OutboxState> {
    let filter = OutboxFilter {
        target: Some("chat".to_owned()),
        ..OutboxFilter::default()
    };
    let rows = store.outbox(&filter, None, 10).await.unwrap();
    rows.into_iter().map(|row| row.state).collect()
}

async fn a_target_fails_from_its_first_failure_until_a_success(fixture: Fixture) {
    let store = &fixture.store;
    let parts = Parts::of("1");
    store.commit_run(&parts.commit(), at(0)).await.unwrap();
    assert_eq!(store.target_state(MONITOR, "chat").await.unwrap(), None);
    for seconds in [1, 10, 20] {
        fail(store, seconds).await;
        let state = store.target_state(MONITOR, "chat").await.unwrap().unwrap();
        assert_eq!(state.failing_since, Some(at(1)));
    }
    assert_eq!(store.failing_targets().await.unwrap().len(), 1);
    let claims = store
        .claim(&claim("a", "chat", at(90)), at(30))
        .await
        .unwrap();
    let delivered = Settlement::Delivered { status: 204 };
    assert!(settle(store, &claims[0], &delivered, at(30)).await);
    assert!(store.failing_targets().await.unwrap().is_empty());
}

async fn what_is_decided_for_a_disabled_target_is_given_up_until_it_is_replayed(fixture: Fixture) {
    let store = &fixture.store;
    let parts = Parts::of("1");
    store.commit_run(&parts.commit(), at(0)).await.unwrap();
    fail(store, 1).await;
    let told = event("evt_disabled", &["pager"]);
    let disable = |time| store.disable_target(MONITOR, "chat", "it is gone", &told, time);
    assert!(disable(at(2)).await.unwrap());
    assert!(!disable(at(3)).await.unwrap());
    assert_eq!(states(store).await, [OutboxState::Dead]);
    let due = store
        .claim(&claim("a", "pager", at(90)), at(3))
        .await
        .unwrap();
    assert!(due.iter().any(|claim| claim.event_id == "evt_disabled"));

    let parts = Parts::of("2");
    store.commit_run(&parts.commit(), at(4)).await.unwrap();
    assert_eq!(states(store).await, [OutboxState::Dead, OutboxState::Dead]);
    let state = store.target_state(MONITOR, "chat").await.unwrap().unwrap();
    assert_eq!(state.disabled_at, Some(at(2)));
    assert_eq!(state.reason.as_deref(), Some("it is gone"));

    let replay = Replay {
        target: Some("chat"),
        ..Replay::default()
    };
    assert_eq!(store.replay(&replay, at(5)).await.unwrap(), 2);
    assert!(store.failing_targets().await.unwrap().is_empty());
    let parts = Parts::of("3");
    store.commit_run(&parts.commit(), at(6)).await.unwrap();
    assert_eq!(states(store).await, [OutboxState::Pending; 3]);
}
