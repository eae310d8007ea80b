//! One holder at a time, and none that was one before.

use crate::support::{Fixture, MONITOR, Parts, at, failed, on_both};
use driftline_store::{FailedRun, StoreError};

on_both! {
    a_lease_has_one_holder_until_it_runs_out
    a_lease_given_back_is_free_at_once
    what_a_former_holder_decides_is_not_written
    many_that_ask_at_once_get_one_lease
}

async fn a_lease_has_one_holder_until_it_runs_out(fixture: Fixture) {
    let store = &fixture.store;
    let first = store.acquire_lease("m", "a", at(60), at(0)).await.unwrap();
    let first = first.unwrap();
    assert_eq!(
        store.acquire_lease("m", "b", at(99), at(59)).await.unwrap(),
        None
    );
    assert!(
        store
            .acquire_lease("n", "b", at(99), at(59))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(store.renew_leases("a", at(70)).await.unwrap(), 1);
    assert_eq!(
        store.acquire_lease("m", "b", at(99), at(69)).await.unwrap(),
        None
    );
    let second = store.acquire_lease("m", "b", at(99), at(70)).await.unwrap();
    assert!(second.unwrap().fence() > first.fence());
    assert_eq!(store.renew_leases("a", at(200)).await.unwrap(), 0);
}

async fn a_lease_given_back_is_free_at_once(fixture: Fixture) {
    let store = &fixture.store;
    for name in ["m", "n"] {
        let had = store.acquire_lease(name, "a", at(60), at(0)).await.unwrap();
        assert!(had.is_some());
    }
    store.release_leases("a").await.unwrap();
    assert_eq!(store.renew_leases("a", at(60)).await.unwrap(), 0);
    let second = store.acquire_lease("m", "b", at(60), at(0)).await.unwrap();
    assert!(second.is_some());
    // The former holder has nothing left to give back.
    store.release_leases("a").await.unwrap();
    assert_eq!(
        store.acquire_lease("m", "a", at(60), at(1)).await.unwrap(),
        None
    );
}

async fn what_a_former_holder_decides_is_not_written(fixture: Fixture) {
    let store = &fixture.store;
    let first = store.acquire_lease("m", "a", at(60), at(0)).await.unwrap();
    let second = store.acquire_lease("m", "b", at(99), at(60)).await.unwrap();
    let (one, two) = (Parts::of("1"), Parts::of("2"));
    let mut stale = one.commit();
    stale.lease = first.as_ref();
    let error = store.commit_run(&stale, at(61)).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error:?}");
    let error = store
        .commit_failure(
            &FailedRun {
                lease: first.as_ref(),
                ..failed("too late")
            },
            at(61),
        )
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error:?}");
    assert!(store.monitor(MONITOR).await.unwrap().is_none());

    let mut fresh = two.commit();
    fresh.lease = second.as_ref();
    store.commit_run(&fresh, at(62)).await.unwrap();
    assert!(store.run("1").await.unwrap().is_none());
    assert!(store.run("2").await.unwrap().is_some());
}

async fn many_that_ask_at_once_get_one_lease(fixture: Fixture) {
    let other = fixture.open().await;
    let asked = (0..8).map(|number| {
        let store = if number % 2 == 0 {
            &fixture.store
        } else {
            &other
        }
        .clone();
        tokio::spawn(async move {
            let owner = format!("owner {number}");
            store
                .acquire_lease("m", &owner, at(60), at(0))
                .await
                .unwrap()
        })
    });
    let mut had = 0;
    for asked in asked.collect::<Vec<_>>() {
        had += usize::from(asked.await.unwrap().is_some());
    }
    assert_eq!(had, 1);
}
