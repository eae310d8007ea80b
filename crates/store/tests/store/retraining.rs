//! A retraining request, from the asking to the end.

use crate::support::{Fixture, MONITOR, Parts, at, on_both};
use driftline_store::{
    ClaimRefusal, RetrainingFilter, RetrainingOutcome, RetrainingRequest, RetrainingState, Store,
};

on_both! {
    a_request_is_claimed_kept_alive_and_ended
    a_request_is_claimed_by_one
    a_claimer_that_is_not_heard_of_loses_the_request
    after_one_that_ended_a_cool_down_passes
}

const ID: &str = "retrain_1";

async fn asked(store: &Store) {
    let parts = Parts::of("1");
    let committed = store.commit_run(&parts.commit(), at(0)).await.unwrap();
    assert_eq!(committed.retraining_request.as_deref(), Some(ID));
}

async fn request(store: &Store, time: i64) -> RetrainingRequest {
    let filter = RetrainingFilter {
        id: Some(ID.to_owned()),
        ..RetrainingFilter::default()
    };
    let found = store.retraining_requests(&filter, None, 1, at(time)).await;
    found.unwrap().pop().unwrap()
}

fn succeeded() -> RetrainingOutcome {
    RetrainingOutcome {
        succeeded: true,
        message: Some("F1 0.91".to_owned()),
        new_baseline_id: Some("sha256:9".to_owned()),
        new_baseline: None,
    }
}

async fn a_request_is_claimed_kept_alive_and_ended(fixture: Fixture) {
    let store = &fixture.store;
    asked(store).await;
    let before = store.change_counter().await.unwrap();
    let claim = store
        .claim_retraining(ID, "airflow", "c1", at(60), at(10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claim, "c1");
    let accepted = request(store, 10).await;
    assert_eq!(accepted.state, RetrainingState::Accepted);
    assert_eq!(accepted.claimed_by.as_deref(), Some("airflow"));
    assert_eq!(accepted.expires_at, at(60));

    let heard = store.heartbeat_retraining(ID, "c1", at(120), at(50)).await;
    assert_eq!(heard.unwrap(), Ok(()));
    assert_eq!(request(store, 100).await.state, RetrainingState::Running);

    let ended = store
        .complete_retraining(ID, "c1", &succeeded(), at(110))
        .await;
    assert_eq!(ended.unwrap(), Ok(()));
    // Told again, because the answer was lost; and not the other way round.
    let again = store
        .complete_retraining(ID, "c1", &succeeded(), at(9_999))
        .await;
    assert_eq!(again.unwrap(), Ok(()));
    let other = RetrainingOutcome {
        succeeded: false,
        ..succeeded()
    };
    let other = store.complete_retraining(ID, "c1", &other, at(111)).await;
    assert_eq!(
        other.unwrap(),
        Err(ClaimRefusal::Ended(RetrainingState::Succeeded))
    );
    let done = request(store, 9_999).await;
    assert_eq!(done.state, RetrainingState::Succeeded);
    assert_eq!(done.updated_at, at(110));
    assert_eq!(done.outcome.as_deref(), Some("F1 0.91"));
    assert_eq!(done.new_baseline_id.as_deref(), Some("sha256:9"));
    assert_eq!(store.change_counter().await.unwrap(), before + 3);
}

async fn a_request_is_claimed_by_one(fixture: Fixture) {
    let store = &fixture.store;
    asked(store).await;
    let other = fixture.open().await;
    let claims = (0..6).map(|number| {
        let store = if number % 2 == 0 { store } else { &other }.clone();
        tokio::spawn(async move {
            let (claimer, claim) = (format!("claimer {number}"), format!("c{number}"));
            store
                .claim_retraining(ID, &claimer, &claim, at(60), at(10))
                .await
                .unwrap()
        })
    });
    let mut had = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.unwrap() {
            Ok(claim) => had.push(claim),
            Err(refusal) => assert_eq!(refusal, ClaimRefusal::Taken),
        }
    }
    let [claim] = &had[..] else {
        panic!("{had:?}");
    };
    // The one that has it, and lost the answer, is told again.
    let claimer = request(store, 10).await.claimed_by.unwrap();
    let again = store
        .claim_retraining(ID, &claimer, "new", at(60), at(11))
        .await;
    assert_eq!(again.unwrap().as_ref(), Ok(claim));
    let wrong = store.heartbeat_retraining(ID, "new", at(60), at(11)).await;
    assert_eq!(wrong.unwrap(), Err(ClaimRefusal::Taken));
    let unknown = store
        .claim_retraining("nope", "a", "c", at(60), at(11))
        .await;
    assert_eq!(unknown.unwrap(), Err(ClaimRefusal::Unknown));
}

async fn a_claimer_that_is_not_heard_of_loses_the_request(fixture: Fixture) {
    let store = &fixture.store;
    asked(store).await;
    store
        .claim_retraining(ID, "airflow", "c1", at(60), at(10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(request(store, 60).await.state, RetrainingState::Expired);
    let expired = Err(ClaimRefusal::Ended(RetrainingState::Expired));
    let late = store.heartbeat_retraining(ID, "c1", at(120), at(60)).await;
    assert_eq!(late.unwrap(), expired);
    let late = store
        .complete_retraining(ID, "c1", &succeeded(), at(61))
        .await;
    assert_eq!(late.unwrap(), expired);
    // The next window that drifts asks again.
    let parts = Parts::of("2");
    let committed = store.commit_run(&parts.commit(), at(62)).await.unwrap();
    assert_eq!(committed.retraining_request.as_deref(), Some("retrain_2"));
}

async fn after_one_that_ended_a_cool_down_passes(fixture: Fixture) {
    let store = &fixture.store;
    asked(store).await;
    store
        .claim_retraining(ID, "airflow", "c1", at(60), at(10))
        .await
        .unwrap()
        .unwrap();
    store
        .complete_retraining(ID, "c1", &succeeded(), at(20))
        .await
        .unwrap()
        .unwrap();
    let commit = async |id: &str, cooled_since: i64| {
        let mut parts = Parts::of(id);
        if let Some(request) = &mut parts.retraining {
            request.cooled_since = at(cooled_since);
        }
        let committed = store.commit_run(&parts.commit(), at(30)).await.unwrap();
        committed.retraining_request
    };
    assert_eq!(commit("2", 19).await, None);
    assert_eq!(commit("3", 20).await.as_deref(), Some("retrain_3"));
    assert_eq!(store.monitor(MONITOR).await.unwrap().unwrap().id, MONITOR);
}
