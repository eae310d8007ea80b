//! Profiles that edges post.

use crate::support::{Fixture, MONITOR, Parts, at, on_both};
use chrono::TimeDelta;
use driftline_store::{PostOutcome, PostedFilter, PostedProfile, PrunePolicy, RunCommit, Store};
use std::time::Duration;

on_both! {
    a_profile_counts_once_under_its_id_and_another_needs_another
    profiles_wait_until_a_run_has_judged_them
    profiles_are_listed_newest_first_and_found_by_time
    profiles_have_a_bound_and_are_pruned
}

/// A profile of the hour that begins so many hours after the first.
fn profile(edge: &str, id: &str, hour: i64) -> PostedProfile {
    PostedProfile {
        monitor: MONITOR.to_owned(),
        id: id.to_owned(),
        edge: edge.to_owned(),
        content_hash: format!("hash of {id}"),
        size_bytes: 3,
        rows: 10,
        late_rows: 0,
        start: at(0) + TimeDelta::hours(hour),
        end: at(0) + TimeDelta::hours(hour + 1),
        received_at: at(hour),
        is_judged: false,
    }
}

async fn post(store: &Store, profile: &PostedProfile) -> PostOutcome {
    store.post_profile(profile, b"abc", 1_000).await.unwrap()
}

fn us(hour: i64) -> i64 {
    (at(0) + TimeDelta::hours(hour)).timestamp_micros()
}

async fn a_profile_counts_once_under_its_id_and_another_needs_another(fixture: Fixture) {
    let store = &fixture.store;
    let first = profile("a", "1", 0);
    assert_eq!(post(store, &first).await, PostOutcome::Written);
    let again = PostedProfile {
        received_at: at(500),
        ..first.clone()
    };
    assert_eq!(post(store, &again).await, PostOutcome::Known(first.clone()));
    let other = PostedProfile {
        content_hash: "of others".to_owned(),
        ..first.clone()
    };
    assert_eq!(post(store, &other).await, PostOutcome::IdTaken);
    // What another edge calls its profiles is its own.
    assert_eq!(
        post(store, &profile("b", "1", 0)).await,
        PostOutcome::Written
    );
    let hour = (us(0), us(1));
    let contents = store.profile_contents(MONITOR, hour).await.unwrap();
    let found: Vec<_> = contents
        .iter()
        .map(|c| (c.edge.as_str(), &c.content[..]))
        .collect();
    assert_eq!(found, [("a", &b"abc"[..]), ("b", &b"abc"[..])]);
    assert_eq!(contents[0].received_at, at(0));
}

async fn profiles_wait_until_a_run_has_judged_them(fixture: Fixture) {
    let store = &fixture.store;
    for hour in 0..3 {
        post(store, &profile("a", &hour.to_string(), hour)).await;
    }
    let waiting = async |before| -> Vec<String> {
        let found = store.unjudged_profiles(MONITOR, us(before)).await.unwrap();
        found.into_iter().map(|profile| profile.id).collect()
    };
    assert_eq!(waiting(2).await, ["0", "1"]);
    let parts = Parts::of("1");
    let commit = RunCommit {
        judged_profiles: &[profile("a", "0", 0).key(), profile("a", "1", 1).key()],
        ..parts.commit()
    };
    store.commit_run(&commit, at(1)).await.unwrap();
    assert_eq!(waiting(9).await, ["2"]);
    assert_eq!(
        store.newest_profile_us(MONITOR, us(2)).await.unwrap(),
        Some(us(2))
    );
    assert_eq!(store.newest_profile_us(MONITOR, us(0)).await.unwrap(), None);
    assert_eq!(
        store.newest_profile_us("nobody", us(9)).await.unwrap(),
        None
    );
}

async fn profiles_are_listed_newest_first_and_found_by_time(fixture: Fixture) {
    let store = &fixture.store;
    for (edge, id, hour) in [("a", "1", 0), ("b", "1", 0), ("a", "2", 1)] {
        post(store, &profile(edge, id, hour)).await;
    }
    let list = async |edge: Option<&str>| -> Vec<(String, String)> {
        let filter = PostedFilter {
            edge: edge.map(str::to_owned),
            ..PostedFilter::default()
        };
        let mut found: Vec<PostedProfile> = Vec::new();
        loop {
            let after = found.last().map(PostedProfile::position);
            let page = store
                .posted_profiles(&filter, after.as_ref(), 1)
                .await
                .unwrap();
            if page.is_empty() {
                return found.into_iter().map(|one| (one.edge, one.id)).collect();
            }
            found.extend(page);
        }
    };
    let pair = |edge: &str, id: &str| (edge.to_owned(), id.to_owned());
    assert_eq!(
        list(None).await,
        [pair("a", "2"), pair("a", "1"), pair("b", "1")]
    );
    assert_eq!(list(Some("b")).await, [pair("b", "1")]);
    let found = store
        .profile_contents(MONITOR, (us(1), us(2)))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
}

async fn profiles_have_a_bound_and_are_pruned(fixture: Fixture) {
    let store = &fixture.store;
    post(store, &profile("a", "1", 0)).await;
    let second = profile("a", "2", 100);
    let full = store.post_profile(&second, b"abc", 5).await.unwrap();
    assert_eq!(full, PostOutcome::Full);
    post(store, &second).await;
    let policy = PrunePolicy {
        keep: Duration::from_secs(60),
        dry_run: false,
    };
    let pruned = store.prune(policy, at(150)).await.unwrap();
    assert_eq!(pruned.profiles, 1);
    let all = PostedFilter::default();
    let left = store.posted_profiles(&all, None, 10);
    assert_eq!(left.await.unwrap(), [second]);
}
