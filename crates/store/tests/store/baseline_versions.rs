//! Which baseline is in force.

use crate::support::{Fixture, MONITOR, Parts, at, on_both};
use driftline_store::{
    BaselineFile, BaselineFilter, BaselineState, BuiltBaseline, PromotionRefusal,
    RetrainingOutcome, Store, TrainingData,
};

on_both! {
    a_version_that_is_built_is_put_in_force_and_rolled_back
    a_pinned_monitor_keeps_its_baseline
    a_version_that_is_refused_changes_nothing
    a_retraining_that_succeeds_proposes_what_it_trained_on
}

fn data(source: &str) -> TrainingData {
    TrainingData {
        source: source.to_owned(),
        prepare: None,
    }
}

fn ready(id: &str) -> BuiltBaseline {
    BuiltBaseline::Ready {
        baseline_id: id.to_owned(),
        directory: format!("baselines/{id}"),
        observed_rate: Some(0.01),
        stated_rate: 0.01,
        files: vec![BaselineFile {
            name: "manifest.json".to_owned(),
            content: vec![0, 159, 146, 150],
        }],
    }
}

async fn with_run(store: &Store) {
    store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap();
}

async fn propose(store: &Store, source: &str, time: i64) -> i64 {
    let proposed = store
        .propose_baseline(MONITOR, &data(source), "ada", at(time))
        .await;
    proposed.unwrap().unwrap()
}

async fn settle(store: &Store, version: i64, built: &BuiltBaseline, time: i64) -> bool {
    store
        .settle_baseline(MONITOR, version, built, None, at(time))
        .await
        .unwrap()
}

async fn in_force(store: &Store) -> i64 {
    let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
    let version = store.baseline_in_force(MONITOR).await.unwrap();
    let version = version.map_or(0, |version| version.version);
    assert_eq!(version, monitor.baseline_version);
    version
}

async fn a_version_that_is_built_is_put_in_force_and_rolled_back(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(
        store
            .propose_baseline("nobody", &data("a"), "ada", at(0))
            .await
            .unwrap(),
        None
    );
    with_run(store).await;
    assert_eq!(propose(store, "a.parquet", 1).await, 1);
    assert_eq!(propose(store, "b.parquet", 2).await, 2);
    assert_eq!(store.requested_runs().await.unwrap(), [MONITOR]);
    let waiting = store.waiting_baseline(MONITOR).await.unwrap().unwrap();
    assert_eq!((waiting.version, waiting.data), (1, data("a.parquet")));
    assert!(settle(store, 1, &ready("one"), 3).await);
    assert_eq!(in_force(store).await, 1);
    // Settled again by somebody slower.
    assert!(!settle(store, 1, &ready("other"), 4).await);
    assert!(settle(store, 2, &ready("two"), 5).await);
    assert_eq!(in_force(store).await, 2);
    let version = store.baseline_in_force(MONITOR).await.unwrap().unwrap();
    assert_eq!(version.baseline_id.as_deref(), Some("two"));
    let files = store.baseline_files("two").await.unwrap();
    assert_eq!(files[0].name, "manifest.json");
    assert_eq!(files[0].content, [0, 159, 146, 150]);
    assert!(store.baseline_files("other").await.unwrap().is_empty());
    assert!(store.requested_runs().await.unwrap().is_empty());

    let back = store.promote_baseline(MONITOR, None, at(6)).await;
    assert_eq!(back.unwrap(), Ok(1));
    assert_eq!(in_force(store).await, 1);
    let file = store.promote_baseline(MONITOR, Some(0), at(7)).await;
    assert_eq!(file.unwrap(), Ok(0));
    assert_eq!(in_force(store).await, 0);
    let unknown = store.promote_baseline(MONITOR, Some(9), at(8)).await;
    assert_eq!(unknown.unwrap(), Err(PromotionRefusal::NoVersion));
    let nobody = store.promote_baseline("nobody", Some(1), at(8)).await;
    assert_eq!(nobody.unwrap(), Err(PromotionRefusal::NoMonitor));

    let filter = BaselineFilter {
        state: Some(BaselineState::Ready),
        ..BaselineFilter::default()
    };
    let first = store.baseline_versions(&filter, None, 1).await.unwrap();
    let after = first[0].position();
    let second = store.baseline_versions(&filter, Some(&after), 9).await;
    let versions: Vec<i64> = first
        .iter()
        .chain(&second.unwrap())
        .map(|version| version.version)
        .collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(store.check().await.unwrap().problems, []);
}

async fn a_pinned_monitor_keeps_its_baseline(fixture: Fixture) {
    let store = &fixture.store;
    with_run(store).await;
    assert!(store.pin_baseline(MONITOR, true).await.unwrap());
    assert!(!store.pin_baseline("nobody", true).await.unwrap());
    propose(store, "a.parquet", 1).await;
    assert!(!settle(store, 1, &ready("one"), 2).await);
    assert_eq!(in_force(store).await, 0);
    // A person may all the same.
    let promoted = store.promote_baseline(MONITOR, Some(1), at(3)).await;
    assert_eq!(promoted.unwrap(), Ok(1));
    assert_eq!(in_force(store).await, 1);
}

async fn a_version_that_is_refused_changes_nothing(fixture: Fixture) {
    let store = &fixture.store;
    with_run(store).await;
    propose(store, "a.parquet", 1).await;
    let waiting = store.promote_baseline(MONITOR, Some(1), at(2)).await;
    assert_eq!(
        waiting.unwrap(),
        Err(PromotionRefusal::NotReady(BaselineState::Waiting))
    );
    let refused = BuiltBaseline::Refused {
        message: "no such file".to_owned(),
    };
    assert!(!settle(store, 1, &refused, 3).await);
    assert_eq!(in_force(store).await, 0);
    let filter = BaselineFilter::default();
    let all = store.baseline_versions(&filter, None, 9).await.unwrap();
    assert_eq!(all[0].message.as_deref(), Some("no such file"));
}

async fn a_retraining_that_succeeds_proposes_what_it_trained_on(fixture: Fixture) {
    let store = &fixture.store;
    with_run(store).await;
    store
        .claim_retraining("retrain_1", "airflow", "c", at(60), at(1))
        .await
        .unwrap()
        .unwrap();
    let outcome = RetrainingOutcome {
        succeeded: true,
        message: None,
        new_baseline_id: None,
        new_baseline: Some(data("new.parquet")),
    };
    for _ in 0..2 {
        let ended = store.complete_retraining("retrain_1", "c", &outcome, at(2));
        assert_eq!(ended.await.unwrap(), Ok(()));
    }
    let filter = BaselineFilter::default();
    let all = store.baseline_versions(&filter, None, 9).await.unwrap();
    let [version] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (&*version.author, version.retraining_request.as_deref()),
        ("airflow", Some("retrain_1"))
    );
    assert_eq!(version.data, data("new.parquet"));
}
