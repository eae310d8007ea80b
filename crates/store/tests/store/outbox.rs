//! Claims, leases and settlements.

use crate::support::{Fixture, Parts, at, claim, event, on_both, seconds, settle};
use driftline_store::{Claim, ClaimRequest, OutboxFilter, OutboxState, Replay, Settlement, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

on_both! {
    claims_come_in_the_order_of_events_and_carry_the_payload
    what_is_claimed_is_not_claimed_again_until_its_lease_runs_out
    a_retry_waits_for_its_time_and_a_dead_row_for_nothing
    an_event_asked_for_by_its_id_is_claimed_before_it_is_due
    two_processes_that_claim_at_once_never_get_the_same_row
    in_order_a_row_waits_for_those_before_it
    in_order_rows_are_claimed_up_to_the_first_that_waits
    claimers_at_once_keep_the_order
    what_was_not_tried_costs_no_attempt
    what_was_given_up_is_due_again_under_its_id
}

const DELIVERED: Settlement = Settlement::Delivered { status: 204 };

/// A store with that many events for `chat`.
async fn with_events(fixture: &Fixture, events: usize) -> &Store {
    let mut parts = Parts::of("1");
    parts.retraining = None;
    parts.events = (0..events)
        .map(|n| event(&format!("evt_{n:03}"), &["chat"]))
        .collect();
    fixture
        .store
        .commit_run(&parts.commit(), at(0))
        .await
        .unwrap();
    &fixture.store
}

fn ids(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.event_id.as_str()).collect()
}

async fn state(store: &Store, event_id: &str) -> OutboxState {
    let rows = store
        .outbox(&OutboxFilter::default(), None, 1_000)
        .await
        .unwrap();
    rows.iter()
        .find(|row| row.event_id == event_id)
        .unwrap()
        .state
}

async fn claims_come_in_the_order_of_events_and_carry_the_payload(fixture: Fixture) {
    let store = with_events(&fixture, 3).await;
    let mut two = claim("a", "chat", at(60));
    two.limit = 2;
    let claims = store.claim(&two, at(0)).await.unwrap();
    assert_eq!(ids(&claims), ["evt_000", "evt_001"]);
    assert_eq!(claims[0].attempt, 1);
    assert!(claims[0].payload.contains(r#""type":"window.failed""#));
}

async fn what_is_claimed_is_not_claimed_again_until_its_lease_runs_out(fixture: Fixture) {
    let store = with_events(&fixture, 1).await;
    let first = store
        .claim(&claim("a", "chat", at(60)), at(0))
        .await
        .unwrap();
    assert_eq!(first.len(), 1);
    assert!(
        store
            .claim(&claim("b", "chat", at(99)), at(59))
            .await
            .unwrap()
            .is_empty()
    );
    let second = store
        .claim(&claim("b", "chat", at(99)), at(60))
        .await
        .unwrap();
    assert_eq!(second[0].attempt, 2);

    // The first owner was too slow: what it found out changes nothing.
    assert!(!settle(store, &first[0], &DELIVERED, at(61)).await);
    assert_eq!(state(store, "evt_000").await, OutboxState::Inflight);
    assert!(settle(store, &second[0], &DELIVERED, at(62)).await);
    assert_eq!(state(store, "evt_000").await, OutboxState::Delivered);
    assert_eq!(
        store
            .next_due(crate::support::MONITOR, "chat", false)
            .await
            .unwrap(),
        None
    );
}

async fn a_retry_waits_for_its_time_and_a_dead_row_for_nothing(fixture: Fixture) {
    let store = with_events(&fixture, 2).await;
    let claims = store
        .claim(&claim("a", "chat", at(60)), at(0))
        .await
        .unwrap();
    let retry = Settlement::Retry {
        status: Some(500),
        error: "answered 500".to_owned(),
        next_at: at(5),
    };
    let dead = Settlement::Dead {
        status: Some(410),
        error: "answered 410".to_owned(),
    };
    settle(store, &claims[0], &retry, at(1)).await;
    settle(store, &claims[1], &dead, at(1)).await;
    assert_eq!(
        store
            .next_due(crate::support::MONITOR, "chat", false)
            .await
            .unwrap(),
        Some(at(5))
    );
    assert!(
        store
            .claim(&claim("a", "chat", at(60)), at(4))
            .await
            .unwrap()
            .is_empty()
    );
    let again = store
        .claim(&claim("a", "chat", at(60)), at(5))
        .await
        .unwrap();
    assert_eq!(ids(&again), ["evt_000"]);

    let dead = OutboxFilter {
        state: Some(OutboxState::Dead),
        ..OutboxFilter::default()
    };
    let rows = store.outbox(&dead, None, 10).await.unwrap();
    assert_eq!(rows[0].last_status, Some(410));
    assert_eq!(rows[0].last_error.as_deref(), Some("answered 410"));
}

async fn an_event_asked_for_by_its_id_is_claimed_before_it_is_due(fixture: Fixture) {
    let store = with_events(&fixture, 2).await;
    let mut one = claim("a", "chat", at(60));
    one.event_id = Some("evt_001");
    let claims = store.claim(&one, at(0)).await.unwrap();
    assert_eq!(ids(&claims), ["evt_001"]);
    let retry = Settlement::Retry {
        status: None,
        error: "e".to_owned(),
        next_at: at(1_000),
    };
    settle(store, &claims[0], &retry, at(1)).await;
    assert_eq!(ids(&store.claim(&one, at(2)).await.unwrap()), ["evt_001"]);
    assert!(
        store.claim(&one, at(3)).await.unwrap().is_empty(),
        "it is in flight"
    );
}

async fn two_processes_that_claim_at_once_never_get_the_same_row(fixture: Fixture) {
    const EVENTS: usize = 40;
    let store = with_events(&fixture, EVENTS).await;
    let other = fixture.open().await;
    let claimers = ["a", "b", "c", "d"].map(|owner| {
        let store = if owner < "c" {
            store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let mut some = claim(owner, "chat", at(60));
                some.limit = 3;
                let claims = store.claim(&some, at(0)).await.unwrap();
                if claims.is_empty() {
                    return mine;
                }
                mine.extend(claims.into_iter().map(|claim| claim.event_id));
            }
        })
    });
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), EVENTS);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), EVENTS);
}

#[derive(Debug, Clone)]
enum Step {
    Claim {
        owner: usize,
        limit: u32,
        lease: i64,
    },
    Settle {
        held: usize,
        how: u8,
    },
    Pass {
        time: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_usize, 1..4_u32, 1..30_i64).prop_map(|(owner, limit, lease)| Step::Claim {
            owner,
            limit,
            lease
        }),
        (0..8_usize, 0..4_u8).prop_map(|(held, how)| Step::Settle { held, how }),
        (0..40_i64).prop_map(|time| Step::Pass { time }),
    ]
}

/// What must hold, whoever claims and settles when: a row has one holder at a time, only
/// its holder settles it, and what is neither delivered nor dead can be claimed in the end.
async fn live_through(fixture: Fixture, steps: Vec<Step>) -> Result<(), TestCaseError> {
    const EVENTS: usize = 4;
    let store = with_events(&fixture, EVENTS).await;
    let mut now = at(0);
    let mut held: Vec<(Claim, chrono::DateTime<chrono::Utc>)> = Vec::new();
    let mut holder: BTreeMap<String, Claim> = BTreeMap::new();
    let mut ended: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        match step {
            Step::Pass { time } => now += seconds(time),
            Step::Claim {
                owner,
                limit,
                lease,
            } => {
                let until = now + seconds(lease);
                let owner = format!("owner {owner}");
                let mut request = claim(&owner, "chat", until);
                request.limit = limit;
                for claim in store.claim(&request, now).await.unwrap() {
                    prop_assert!(!ended.contains(&claim.event_id));
                    let leased = held.iter().any(|(other, until)| {
                        other.event_id == claim.event_id
                            && *until > now
                            && holder.get(&other.event_id) == Some(other)
                    });
                    prop_assert!(!leased, "{} has two holders", claim.event_id);
                    holder.insert(claim.event_id.clone(), claim.clone());
                    held.push((claim, until));
                }
            }
            Step::Settle { held: which, how } => {
                if held.is_empty() {
                    continue;
                }
                let (claim, _) = held.swap_remove(which % held.len());
                let settlement = match how {
                    0 => DELIVERED,
                    1 => Settlement::Dead {
                        status: None,
                        error: "e".to_owned(),
                    },
                    2 => Settlement::Untried,
                    _ => Settlement::Retry {
                        status: None,
                        error: "e".to_owned(),
                        next_at: now + seconds(5),
                    },
                };
                let settled = settle(store, &claim, &settlement, now).await;
                let is_holder = holder.get(&claim.event_id) == Some(&claim);
                prop_assert_eq!(settled, is_holder);
                if settled {
                    holder.remove(&claim.event_id);
                    if how < 2 {
                        ended.insert(claim.event_id.clone());
                    }
                }
            }
        }
    }
    let later = now + seconds(1_000);
    let left = store
        .claim(&claim("last", "chat", later + seconds(1)), later)
        .await
        .unwrap();
    prop_assert_eq!(left.len() + ended.len(), EVENTS);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_row_has_one_holder_and_is_never_lost(steps in prop::collection::vec(step(), 1..24)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            live_through(Fixture::file().await, steps.clone()).await?;
            match Fixture::server().await {
                Some(fixture) => live_through(fixture, steps).await,
                None => Ok(()),
            }
        })?;
    }
}

async fn in_order_a_row_waits_for_those_before_it(fixture: Fixture) {
    let store = with_events(&fixture, 3).await;
    let in_order = async |time: i64| {
        let request = ClaimRequest {
            in_order: true,
            limit: 1,
            ..claim("a", "chat", at(time + 60))
        };
        store.claim(&request, at(time)).await.unwrap()
    };
    let due = async || {
        let due = store.next_due(crate::support::MONITOR, "chat", true).await;
        due.unwrap()
    };
    let first = in_order(0).await;
    assert_eq!(first.len(), 1);
    assert!(in_order(1).await.is_empty());
    let later = Settlement::Retry {
        status: Some(500),
        error: "answered 500".to_owned(),
        next_at: at(100),
    };
    settle(store, &first[0], &later, at(2)).await;
    assert!(in_order(50).await.is_empty());
    assert_eq!(due().await, Some(at(100)));
    let again = in_order(100).await;
    assert_eq!(again[0].event_id, first[0].event_id);
    settle(store, &again[0], &DELIVERED, at(101)).await;
    let second = in_order(101).await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].event_id, first[0].event_id);
}

async fn in_order_rows_are_claimed_up_to_the_first_that_waits(fixture: Fixture) {
    let store = with_events(&fixture, 6).await;
    let in_order = async |limit: u32, time: i64| {
        let request = ClaimRequest {
            in_order: true,
            limit,
            ..claim("a", "chat", at(time + 60))
        };
        store.claim(&request, at(time)).await.unwrap()
    };
    let three = in_order(3, 0).await;
    assert_eq!(ids(&three), ["evt_000", "evt_001", "evt_002"]);
    // Those behind wait for those that are tried now.
    assert!(in_order(10, 1).await.is_empty());
    let later = Settlement::Retry {
        status: None,
        error: "e".to_owned(),
        next_at: at(100),
    };
    let attempts: Vec<(Claim, Settlement)> = three
        .into_iter()
        .zip([DELIVERED, later, Settlement::Untried])
        .collect();
    assert_eq!(store.settle(&attempts, at(2)).await.unwrap(), [true; 3]);
    assert!(in_order(10, 50).await.is_empty());
    let mut asked = claim("a", "chat", at(160));
    asked.in_order = true;
    asked.event_id = Some("evt_003");
    assert!(store.claim(&asked, at(50)).await.unwrap().is_empty());
    let rest = in_order(10, 100).await;
    assert_eq!(
        ids(&rest),
        ["evt_001", "evt_002", "evt_003", "evt_004", "evt_005"]
    );
    let attempts: Vec<i64> = rest.iter().map(|claim| claim.attempt).collect();
    assert_eq!(attempts, [2, 1, 1, 1, 1]);
}

async fn claimers_at_once_keep_the_order(fixture: Fixture) {
    const EVENTS: usize = 40;
    let store = with_events(&fixture, EVENTS).await;
    let other = fixture.open().await;
    let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let claimers = [("a", store.clone()), ("b", other)].map(|(owner, store)| {
        let sent = std::sync::Arc::clone(&sent);
        tokio::spawn(async move {
            while sent.lock().unwrap().len() < EVENTS {
                let request = ClaimRequest {
                    in_order: true,
                    limit: 3,
                    ..claim(owner, "chat", at(60))
                };
                let claims = store.claim(&request, at(0)).await.unwrap();
                let told = claims.iter().map(|claim| claim.event_id.clone());
                sent.lock().unwrap().extend(told);
                let attempts: Vec<_> = claims.into_iter().map(|c| (c, DELIVERED)).collect();
                store.settle(&attempts, at(0)).await.unwrap();
            }
        })
    });
    for claimer in claimers {
        claimer.await.unwrap();
    }
    let sent = sent.lock().unwrap();
    assert!(sent.is_sorted() && sent.len() == EVENTS, "{sent:?}");
}

async fn what_was_not_tried_costs_no_attempt(fixture: Fixture) {
    let store = with_events(&fixture, 1).await;
    for _ in 0..3 {
        let claims = store.claim(&claim("a", "chat", at(60)), at(0)).await;
        let claims = claims.unwrap();
        assert_eq!(claims[0].attempt, 1);
        assert!(settle(store, &claims[0], &Settlement::Untried, at(0)).await);
        assert!(!settle(store, &claims[0], &DELIVERED, at(0)).await);
        assert_eq!(state(store, "evt_000").await, OutboxState::Pending);
    }
}

async fn what_was_given_up_is_due_again_under_its_id(fixture: Fixture) {
    let store = with_events(&fixture, 2).await;
    let claims = store
        .claim(&claim("a", "chat", at(60)), at(0))
        .await
        .unwrap();
    let dead = Settlement::Dead {
        status: Some(410),
        error: "gone".to_owned(),
    };
    settle(store, &claims[0], &dead, at(1)).await;
    settle(store, &claims[1], &DELIVERED, at(1)).await;
    let other = Replay {
        target: Some("pager"),
        ..Replay::default()
    };
    assert_eq!(store.replay(&other, at(2)).await.unwrap(), 0);
    let late = Replay {
        since: Some(at(9_999)),
        ..Replay::default()
    };
    assert_eq!(store.replay(&late, at(2)).await.unwrap(), 0);
    assert_eq!(store.replay(&Replay::default(), at(2)).await.unwrap(), 1);
    let again = store
        .claim(&claim("a", "chat", at(60)), at(2))
        .await
        .unwrap();
    assert_eq!(
        (&again[0].event_id, again[0].attempt),
        (&claims[0].event_id, 1)
    );
    let all = Replay {
        delivered: true,
        ..Replay::default()
    };
    assert_eq!(store.replay(&all, at(3)).await.unwrap(), 1);
}
