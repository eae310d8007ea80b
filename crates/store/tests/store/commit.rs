//! One transaction a run: everything or nothing, whatever happens in the middle.

use crate::support::{Fixture, MONITOR, Parts, at, close, counts, execute, failed, on_both, url};
use driftline_store::{
    EventFilter, FindingFilter, OutboxFilter, RetrainingFilter, RetrainingState, RunFilter, Store,
    StoreError, WindowFilter,
};
use driftline_verdict::Verdict;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::pin::{Pin, pin};
use std::process::{Command, Stdio};
use std::task::{Context, Poll};

const CHILD: &str = "DRIFTLINE_STORE_TEST_CHILD";
const FULL_CHILD: &str = "DRIFTLINE_STORE_TEST_FULL_CHILD";

on_both! {
    a_committed_run_is_read_back_as_it_was
    an_unknown_run_is_none_and_a_known_one_is_not_written_twice
    a_run_on_another_baseline_than_the_one_named_is_refused
    a_nul_in_the_data_is_its_symbol_in_lists
    the_same_window_evaluated_twice_makes_no_second_event
    an_open_retraining_request_is_the_only_one_until_it_expires
    events_of_a_monitor_are_numbered_and_carry_their_number
    a_failed_evaluation_makes_an_old_verdict_unknown
    a_time_of_the_schedule_is_kept_with_the_run_or_the_failure_that_was_for_it
    a_backfill_leaves_the_monitor_as_it_is
    windows_findings_and_events_of_all_runs_are_listed_in_pages
    runs_come_newest_first_in_pages_that_repeat_nothing
    a_commit_that_fails_at_any_table_leaves_nothing
    a_commit_dropped_at_any_point_is_whole_or_absent
    a_process_killed_while_it_commits_loses_nothing_that_it_acknowledged
}

async fn a_committed_run_is_read_back_as_it_was(fixture: Fixture) {
    let store = &fixture.store;
    let parts = Parts::of("1");
    let committed = store.commit_run(&parts.commit(), at(5)).await.unwrap();
    assert_eq!(committed.new_events, ["evt_1", "evt_retrain_1"]);
    assert_eq!(committed.retraining_request.as_deref(), Some("retrain_1"));

    assert_eq!(store.run("1").await.unwrap().unwrap(), parts.run);
    assert_eq!(store.report("1").await.unwrap().unwrap(), parts.report);
    assert_eq!(
        store.baseline("sha256:0").await.unwrap().unwrap(),
        parts.baseline
    );
    let windows = store.windows("1").await.unwrap();
    assert_eq!(
        (windows.len(), windows[1].errors, windows[1].infos),
        (2, 1, 1)
    );

    let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
    assert_eq!(monitor.verdict, Verdict::Fail);
    assert_eq!(
        monitor.last_window_end.as_deref(),
        Some("2024-01-03T00:00:00Z")
    );
    assert_eq!(monitor.last_evaluated_at, Some(at(5)));
    assert_eq!(monitor.state_version, committed.state_version);

    let outbox = store
        .outbox(&OutboxFilter::default(), None, 10)
        .await
        .unwrap();
    let rows: Vec<(&str, &str)> = outbox
        .iter()
        .map(|row| (row.event_id.as_str(), row.target.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("evt_1", "chat"),
            ("evt_1", "pager"),
            ("evt_retrain_1", "trainer")
        ]
    );
}

/// PostgreSQL's texts cannot hold one.
async fn a_nul_in_the_data_is_its_symbol_in_lists(fixture: Fixture) {
    let store = &fixture.store;
    let mut parts = Parts::of("1");
    let finding = &mut parts.run.windows[1].findings[0];
    finding.slice = Some("a\0b".to_owned());
    finding.message = "\0 is new".to_owned();
    if let Some(request) = &mut parts.retraining {
        request.reason = "\0".to_owned();
    }
    store.commit_run(&parts.commit(), at(1)).await.unwrap();
    assert_eq!(store.run("1").await.unwrap().unwrap(), parts.run);
    let found = store
        .findings(&FindingFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(found[0].slice.as_deref(), Some("a\u{2400}b"));
    assert_eq!(found[0].message, "\u{2400} is new");
    store
        .commit_failure(&failed("`\0`: no such file"), at(2))
        .await
        .unwrap();
    let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
    assert_eq!(monitor.reason.as_deref(), Some("`\u{2400}`: no such file"));
}

async fn an_unknown_run_is_none_and_a_known_one_is_not_written_twice(fixture: Fixture) {
    let store = &fixture.store;
    assert!(store.run("1").await.unwrap().is_none());
    assert!(store.report("1").await.unwrap().is_none());
    store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap();
    let error = store
        .commit_run(&Parts::of("1").commit(), at(1))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::RunExists { .. }), "{error:?}");
}

async fn a_run_on_another_baseline_than_the_one_named_is_refused(fixture: Fixture) {
    let store = &fixture.store;
    let mut parts = Parts::of("1");
    parts.baseline.id = "sha256:1".to_owned();
    let error = store.commit_run(&parts.commit(), at(0)).await.unwrap_err();
    assert!(
        error.to_string().contains("was compared with baseline"),
        "{error}"
    );
}

async fn the_same_window_evaluated_twice_makes_no_second_event(fixture: Fixture) {
    let store = &fixture.store;
    store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap();
    let mut again = Parts::of("2");
    again.events = Parts::of("1").events;
    again.retraining = Parts::of("1").retraining;
    let committed = store.commit_run(&again.commit(), at(1)).await.unwrap();
    assert!(committed.new_events.is_empty());
    assert_eq!(committed.retraining_request, None);
    assert_eq!(
        store
            .outbox(&OutboxFilter::default(), None, 10)
            .await
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        store
            .runs(&RunFilter::default(), None, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

async fn an_open_retraining_request_is_the_only_one_until_it_expires(fixture: Fixture) {
    let store = &fixture.store;
    let commit = async |id: &str, seconds: i64| {
        let mut parts = Parts::of(id);
        if let Some(request) = &mut parts.retraining {
            request.expires_at = at(seconds + 100);
        }
        store
            .commit_run(&parts.commit(), at(seconds))
            .await
            .unwrap()
    };
    let asked = |state| RetrainingFilter {
        state,
        ..RetrainingFilter::default()
    };
    assert!(commit("1", 0).await.retraining_request.is_some());
    assert_eq!(commit("2", 99).await.retraining_request, None);

    let open = asked(Some(RetrainingState::Requested));
    assert_eq!(
        store
            .retraining_requests(&open, None, 9, at(99))
            .await
            .unwrap()
            .len(),
        1
    );
    // Nobody has to write for it to expire.
    assert!(
        store
            .retraining_requests(&open, None, 9, at(100))
            .await
            .unwrap()
            .is_empty()
    );

    assert!(commit("3", 100).await.retraining_request.is_some());
    let all = store
        .retraining_requests(&asked(None), None, 9, at(100))
        .await
        .unwrap();
    let states: Vec<_> = all
        .iter()
        .map(|request| (request.id.as_str(), request.state))
        .collect();
    assert_eq!(
        states,
        [
            ("retrain_3", RetrainingState::Requested),
            ("retrain_1", RetrainingState::Expired)
        ]
    );
}

async fn events_of_a_monitor_are_numbered_and_carry_their_number(fixture: Fixture) {
    let store = &fixture.store;
    store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap();
    store
        .commit_run(&Parts::of("2").commit(), at(1))
        .await
        .unwrap();
    let mut raw = fixture.raw().await;
    let payloads: Vec<(i64, String)> =
        sqlx::query_as("SELECT sequence, payload FROM events ORDER BY sequence")
            .fetch_all(&mut raw)
            .await
            .unwrap();
    let numbers: Vec<i64> = payloads.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    for (number, payload) in payloads {
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload["data"]["sequence"], number);
        assert!(payload["type"].is_string() && payload["timestamp"].is_string());
    }
}

async fn a_failed_evaluation_makes_an_old_verdict_unknown(fixture: Fixture) {
    let store = &fixture.store;
    store
        .commit_run(&Parts::of("1").commit(), at(0))
        .await
        .unwrap();
    store
        .commit_failure(&failed("no such file"), at(9))
        .await
        .unwrap();
    let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
    assert_eq!(monitor.verdict, Verdict::Unknown);
    assert_eq!(monitor.reason.as_deref(), Some("no such file"));
    assert_eq!(monitor.last_evaluated_at, Some(at(0)));
    assert_eq!(monitor.last_attempt_at, Some(at(9)));
}

async fn a_time_of_the_schedule_is_kept_with_the_run_or_the_failure_that_was_for_it(
    fixture: Fixture,
) {
    let store = &fixture.store;
    let slot = async || {
        let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
        monitor.scheduled_for
    };
    let parts = Parts::of("1");
    let mut commit = parts.commit();
    commit.scheduled_for = Some(at(60));
    store.commit_run(&commit, at(65)).await.unwrap();
    assert_eq!(slot().await, Some(at(60)));
    // Out of turn.
    let parts = Parts::of("2");
    store.commit_run(&parts.commit(), at(70)).await.unwrap();
    assert_eq!(slot().await, Some(at(60)));
    let mut failure = failed("no such file");
    failure.scheduled_for = Some(at(120));
    store.commit_failure(&failure, at(121)).await.unwrap();
    assert_eq!(slot().await, Some(at(120)));
}

async fn windows_findings_and_events_of_all_runs_are_listed_in_pages(fixture: Fixture) {
    let store = &fixture.store;
    for (id, seconds) in [("1", 0), ("2", 1)] {
        let parts = Parts::of(id);
        store
            .commit_run(&parts.commit(), at(seconds))
            .await
            .unwrap();
    }
    let mut windows = Vec::new();
    let mut after = None;
    loop {
        let filter = WindowFilter::default();
        let page = store.judged_windows(&filter, after.as_ref(), 3).await;
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position());
        windows.extend(
            page.into_iter()
                .map(|one| (one.run_id, one.window.position)),
        );
    }
    let place = |run: &str, position| (run.to_owned(), position);
    assert_eq!(
        windows,
        [place("2", 1), place("2", 0), place("1", 1), place("1", 0)]
    );

    let filter = FindingFilter {
        monitor: Some(MONITOR.to_owned()),
        ..FindingFilter::default()
    };
    let first = store.findings(&filter, None, 3).await.unwrap();
    let rest = store
        .findings(&filter, Some(&first[2].position()), 3)
        .await
        .unwrap();
    let found: Vec<(String, i64)> = first
        .into_iter()
        .chain(rest)
        .map(|one| (one.run_id, one.position))
        .collect();
    assert_eq!(
        found,
        [place("2", 0), place("2", 1), place("1", 0), place("1", 1)]
    );

    let filter = EventFilter {
        kind: Some("window.failed".to_owned()),
        ..EventFilter::default()
    };
    let newest = store.events(&filter, None, 2).await.unwrap();
    let older = store
        .events(&filter, Some(&newest[0].position()), 1)
        .await
        .unwrap();
    assert_eq!(newest[1], older[0]);
    let since = store.events_since(&filter, at(1), 9).await.unwrap();
    assert!(since.iter().all(|event| event.created_at == at(1)));
    assert!(newest[0].payload.contains("window.failed"));
    let counts = store.counts(at(2)).await.unwrap();
    assert_eq!(counts.retraining_requests[0], ("requested", 1));
}

async fn a_backfill_leaves_the_monitor_as_it_is(fixture: Fixture) {
    let store = &fixture.store;
    let newest = Parts::of("1");
    store.commit_run(&newest.commit(), at(0)).await.unwrap();
    let before = store.monitor(MONITOR).await.unwrap();
    let counter = store.change_counter().await.unwrap();
    let mut past = Parts::of("2");
    past.events.clear();
    past.retraining = None;
    let mut commit = past.commit();
    commit.is_backfill = true;
    store.commit_run(&commit, at(9)).await.unwrap();
    assert_eq!(store.monitor(MONITOR).await.unwrap(), before);
    assert_eq!(store.windows("2").await.unwrap().len(), 2);
    assert!(store.change_counter().await.unwrap() > counter);
}

async fn runs_come_newest_first_in_pages_that_repeat_nothing(fixture: Fixture) {
    let store = &fixture.store;
    for (id, seconds) in [("a", 0), ("b", 1), ("c", 1), ("d", 2)] {
        store
            .commit_run(&Parts::of(id).commit(), at(seconds))
            .await
            .unwrap();
    }
    let mut ids = Vec::new();
    let mut after = None;
    while let Some(run) = store
        .runs(&RunFilter::default(), after.as_ref(), 1)
        .await
        .unwrap()
        .pop()
    {
        after = Some(run.position());
        ids.push(run.id);
    }
    assert_eq!(ids, ["d", "c", "b", "a"]);
    let passed = RunFilter {
        verdict: Some(Verdict::Pass),
        ..RunFilter::default()
    };
    assert!(store.runs(&passed, None, 10).await.unwrap().is_empty());
    assert_eq!(store.newest_run(MONITOR).await.unwrap().unwrap().id, "d");
}

/// Every statement of a commit made to fail once.
async fn a_commit_that_fails_at_any_table_leaves_nothing(fixture: Fixture) {
    let store = &fixture.store;
    store
        .commit_run(&Parts::of("0").commit(), at(0))
        .await
        .unwrap();
    let mut raw = fixture.raw().await;
    let before = counts(&mut raw).await;
    let mut parts = Parts::of("1");
    // The first run's request is open still.
    execute(
        &mut raw,
        "UPDATE retraining_requests SET state = 'expired'".to_owned(),
    )
    .await;
    parts.baseline.id = "sha256:1".to_owned();
    parts.run.baseline_id = "sha256:1".to_owned();
    for fault in [
        "INSERT ON baselines",
        "INSERT ON runs",
        "INSERT ON reports",
        "INSERT ON windows",
        "INSERT ON findings",
        "INSERT ON retraining_requests",
        "INSERT ON events",
        "INSERT ON outbox",
        "UPDATE ON monitors",
        "UPDATE ON changes",
    ] {
        let (statement, table) = fault.split_once(" ON ").unwrap();
        fixture.fault(&mut raw, statement, table).await;
        let error = store.commit_run(&parts.commit(), at(1)).await.unwrap_err();
        assert!(error.to_string().contains("fault"), "{fault}: {error}");
        assert_eq!(counts(&mut raw).await, before, "{fault}");
        fixture.repair(&mut raw, table).await;
    }
    store.commit_run(&parts.commit(), at(1)).await.unwrap();
    assert_ne!(counts(&mut raw).await, before);
    close(raw).await;
}

/// Drops a future at its n-th poll, as a server does that is told to go down.
struct DropAt<F> {
    future: Pin<Box<F>>,
    polls_left: u32,
}

impl<F: Future> Future for DropAt<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

/// A run is whole in the store, or is not there.
async fn assert_whole_or_absent(store: &Store, id: &str) -> bool {
    let is_there = store.run(id).await.unwrap().is_some();
    let windows = store.windows(id).await.unwrap().len();
    assert_eq!(windows, if is_there { 2 } else { 0 }, "run {id}");
    let outbox = store
        .outbox(&OutboxFilter::default(), None, 1_000)
        .await
        .unwrap();
    let rows = outbox
        .iter()
        .filter(|row| row.event_id == format!("evt_{id}"))
        .count();
    assert_eq!(rows, if is_there { 2 } else { 0 }, "run {id}");
    is_there
}

async fn a_commit_dropped_at_any_point_is_whole_or_absent(fixture: Fixture) {
    let store = &fixture.store;
    let mut polls = 1;
    for attempt in 0..1_000 {
        let id = format!("{attempt}");
        let parts = Parts::of(&id);
        let commit = parts.commit();
        let dropped = pin!(DropAt {
            future: Box::pin(store.commit_run(&commit, at(0))),
            polls_left: polls,
        })
        .await;
        let is_there = assert_whole_or_absent(store, &id).await;
        match dropped {
            None => polls += 1,
            // Answers of a server may wait for whoever is late to ask: then a commit takes
            // fewer steps than others do.
            Some(committed) => {
                committed.unwrap();
                assert!(is_there);
                if polls > 10 {
                    break;
                }
            }
        }
    }
    assert!(polls > 10, "a commit takes many steps, not {polls}");
    // The one writer is not left in a transaction.
    store.check_writable().await.unwrap();
}

/// Runs as a process of its own, for the test below.
#[tokio::test]
async fn child_that_commits_until_it_is_killed() {
    let Some(url) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Store::open(url.to_str().unwrap()).await.unwrap();
    let first = store
        .runs(&RunFilter::default(), None, 1_000)
        .await
        .unwrap()
        .len();
    for number in first.. {
        let id = format!("{number}");
        store
            .commit_run(&Parts::of(&id).commit(), at(0))
            .await
            .unwrap();
        println!("committed {id}");
    }
}

async fn a_process_killed_while_it_commits_loses_nothing_that_it_acknowledged(fixture: Fixture) {
    for acknowledgements in [1, 2, 5] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "commit::child_that_commits_until_it_is_killed",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, &fixture.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let acknowledged: Vec<String> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| Some(line.split_once("committed ")?.1.to_owned()))
            .take(acknowledgements)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();

        let store = fixture.open().await;
        for id in &acknowledged {
            assert!(assert_whole_or_absent(&store, id).await, "run {id} is lost");
        }
        let runs = store
            .runs(&RunFilter::default(), None, 1_000)
            .await
            .unwrap();
        for run in &runs {
            assert_whole_or_absent(&store, &run.id).await;
        }
        let monitor = store.monitor(MONITOR).await.unwrap().unwrap();
        assert_eq!(monitor.last_run_id, Some(format!("{}", runs.len() - 1)));
        store.close().await;
    }
}

/// Not a test of its own: it commits runs until the file-size limit stops it, and goes on.
#[tokio::test]
async fn child_that_commits_on_a_full_disk() {
    let Ok(url) = std::env::var(FULL_CHILD) else {
        return;
    };
    let store = match Store::open(&url).await {
        Ok(store) => store,
        Err(error) => {
            println!("refused to open: {error}");
            return;
        }
    };
    let mut failures = 0;
    for number in 0.. {
        let id = format!("{number}");
        match store.commit_run(&Parts::of(&id).commit(), at(0)).await {
            Ok(_) => println!("committed {id}"),
            Err(_) => failures += 1,
        }
        // Long enough to see whether a commit after a failed one is believed.
        if failures == 5 {
            println!("end");
            return;
        }
    }
}

/// A limit of the file size is what a full disk looks like to SQLite: a write that fails.
#[cfg(unix)]
#[tokio::test]
async fn on_a_full_disk_nothing_is_called_committed_that_is_not() {
    let (mut refused, mut ran) = (0, 0);
    // In KiB; the smallest do not even hold the tables.
    for limit in [8, 40, 80, 400, 1_000] {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("bash")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f \"$1\"; exec \"$2\" commit::child_that_commits_on_a_full_disk --exact --nocapture",
                "bash",
                &limit.to_string(),
            ])
            .arg(std::env::current_exe().unwrap())
            .env(FULL_CHILD, url(&folder))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let committed: Vec<&str> = said
            .lines()
            .filter_map(|line| Some(line.split_once("committed ")?.1))
            .collect();
        if said.contains("refused to open") {
            refused += 1;
        } else {
            assert!(said.contains("end"), "{limit} KiB: {said}");
            ran += 1;
        }
        if !said.contains("refused to open") {
            // Read as the file is: opening it for writing would make what is missing.
            let store = Store::open(&format!("{}?mode=ro", url(&folder)))
                .await
                .unwrap_or_else(|error| panic!("{limit} KiB: opened, and yet {error}"));
            store.close().await;
        }
        let store = Store::open(&url(&folder)).await.unwrap();
        for id in &committed {
            assert!(
                assert_whole_or_absent(&store, id).await,
                "{limit} KiB: run {id} was called committed and is lost"
            );
        }
        store.close().await;
    }
    assert!(refused > 0 && ran > 0, "{refused} refused, {ran} ran");
}
