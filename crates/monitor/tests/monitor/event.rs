//! What is told of a run, and that it is told once.

use crate::support::{FakeEvaluator, Outcome, World, action, asks_to_retrain, concludes, window};
use driftline_monitor::{EventSettings, RunOutcome, run_once};
use driftline_pipeline::config::Topic;
use driftline_store::{Claim, ClaimRequest, OutboxFilter, RetrainingFilter};
use driftline_verdict::{ActionKind, Finding, FindingKind, Severity, Verdict, Window};
use serde_json::Value;
use std::time::Duration;

async fn run(world: &World, outcome: Outcome) -> RunOutcome {
    let target = world.target("chat", "http://127.0.0.1:9/hook");
    let evaluator = FakeEvaluator::new(outcome, vec![target]);
    let settings = EventSettings {
        base_url: Some("https://drift.example/".to_owned()),
        ..EventSettings::default()
    };
    run_once(&*evaluator, &world.store, &*world.clock, &settings, None)
        .await
        .unwrap()
}

/// Everything in the outbox, with its payload.
async fn told(world: &World) -> Vec<(Claim, Value)> {
    let now = driftline_monitor::Clock::now(&*world.clock);
    let request = ClaimRequest {
        owner: "test",
        monitor: crate::support::MONITOR,
        target: "chat",
        event_id: None,
        limit: 100,
        in_order: false,
        lease_until: now,
    };
    let claims = world.store.claim(&request, now).await.unwrap();
    claims
        .into_iter()
        .map(|claim| {
            let payload = serde_json::from_str(&claim.payload).unwrap();
            (claim, payload)
        })
        .collect()
}

fn ends(told: &[(Claim, Value)]) -> Vec<&str> {
    told.iter()
        .map(|(_, payload)| payload["data"]["window"]["end"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_failed_window_is_told_with_its_findings_and_links() {
    let world = World::new().await;
    let outcome = run(&world, concludes(1, Verdict::Fail)).await;
    let told = told(&world).await;
    let [(claim, payload)] = &told[..] else {
        panic!("{told:?}");
    };
    let run_id = &outcome.evaluation.run.run_id;
    assert_eq!(payload["type"], "window.failed");
    assert!(payload["timestamp"].as_str().unwrap().ends_with('Z'));
    let data = &payload["data"];
    assert_eq!(data["monitor"], "titles");
    assert_eq!(data["verdict"], "fail");
    assert_eq!(data["run_id"], run_id.as_str());
    assert_eq!(data["counts"]["error"], 1);
    assert_eq!(data["findings"][0]["message"], "title moved by 0.3 bits");
    assert_eq!(data["sequence"], 1);
    assert_eq!(
        data["links"]["run"],
        format!("https://drift.example/api/v1/runs/{run_id}")
    );
    assert!(claim.event_id.starts_with("evt_") && !claim.event_id.contains('.'));
}

#[tokio::test]
async fn a_window_that_passes_or_only_warns_is_not_told() {
    let world = World::new().await;
    run(&world, concludes(1, Verdict::Pass)).await;
    run(&world, concludes(2, Verdict::Warn)).await;
    run(&world, concludes(3, Verdict::Unknown)).await;
    assert!(told(&world).await.is_empty());
}

#[tokio::test]
async fn a_window_that_asks_for_notice_is_told_by_what_it_concluded() {
    let world = World::new().await;
    for (day, verdict) in [
        (1, Verdict::Pass),
        (2, Verdict::Warn),
        (3, Verdict::Unknown),
    ] {
        let window = window(day, verdict);
        let action = action(ActionKind::Notify, &window);
        run(&world, Outcome::Run(vec![window], vec![action])).await;
    }
    let told = told(&world).await;
    let kinds: Vec<&str> = told.iter().map(|(claim, _)| claim.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["window.noticed", "window.noticed", "window.unknown"]
    );
}

#[tokio::test]
async fn the_same_window_evaluated_twice_is_told_once() {
    let world = World::new().await;
    let first = run(&world, concludes(1, Verdict::Fail)).await;
    let second = run(&world, concludes(1, Verdict::Fail)).await;
    // The window, and the alert that it begins.
    assert_eq!(first.committed.new_events.len(), 2);
    assert!(second.committed.new_events.is_empty());
    assert_eq!(told(&world).await.len(), 1);
}

#[tokio::test]
async fn windows_without_a_time_are_told_again_when_their_content_changed() {
    let world = World::new().await;
    let timeless = |rows| {
        let window = Window {
            start: None,
            end: None,
            rows,
            ..window(1, Verdict::Fail)
        };
        Outcome::Run(vec![window], Vec::new())
    };
    for (rows, told) in [(10, 1), (10, 1), (11, 2)] {
        run(&world, timeless(rows)).await;
        assert_eq!(self::told(&world).await.len(), told, "{rows} rows");
    }
}

#[tokio::test]
async fn of_a_first_run_only_the_newest_window_is_told() {
    let world = World::new().await;
    let failing = |days: std::ops::RangeInclusive<u32>| {
        Outcome::Run(
            days.map(|day| window(day, Verdict::Fail)).collect(),
            Vec::new(),
        )
    };
    run(&world, failing(1..=5)).await;
    // The service was down for three days.
    run(&world, failing(1..=8)).await;
    assert_eq!(
        ends(&told(&world).await),
        [
            "2024-01-06T00:00:00Z",
            "2024-01-07T00:00:00Z",
            "2024-01-08T00:00:00Z",
            "2024-01-09T00:00:00Z"
        ]
    );
}

#[tokio::test]
async fn a_retraining_request_is_made_and_told_once_while_it_is_open() {
    let world = World::new().await;
    let first = run(&world, asks_to_retrain(1)).await;
    let second = run(&world, asks_to_retrain(2)).await;
    assert!(first.committed.retraining_request.is_some());
    assert_eq!(second.committed.retraining_request, None);

    let told_now = told(&world).await;
    let requested: Vec<&Value> = told_now
        .iter()
        .filter(|(claim, _)| claim.kind == "retraining.requested")
        .map(|(_, payload)| &payload["data"])
        .collect();
    assert_eq!(requested.len(), 1);
    let id = first.committed.retraining_request.as_deref().unwrap();
    assert_eq!(requested[0]["retraining_request_id"], id);
    assert_eq!(
        requested[0]["reason"],
        "title failed in 2 of the last 3 windows"
    );

    // A day later nobody has accepted it, and the next window may ask again.
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    let third = run(&world, asks_to_retrain(3)).await;
    assert!(third.committed.retraining_request.is_some());
    let all = world
        .store
        .retraining_requests(
            &RetrainingFilter::default(),
            None,
            10,
            driftline_monitor::Clock::now(&*world.clock),
        )
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn a_target_is_told_only_of_what_it_asked_for() {
    let world = World::new().await;
    let mut trainer = world.config("trainer", "http://127.0.0.1:9/");
    trainer.on = vec![Topic::Retrain];
    let mut chat = world.config("chat", "http://127.0.0.1:9/");
    chat.on = vec![Topic::Notify];
    let targets =
        [trainer, chat].map(|config| driftline_monitor::delivery::Target::new(config).unwrap());
    let evaluator = FakeEvaluator::new(asks_to_retrain(1), targets.to_vec());
    let settings = EventSettings::default();
    run_once(&*evaluator, &world.store, &*world.clock, &settings, None)
        .await
        .unwrap();
    let rows = world
        .store
        .outbox(&OutboxFilter::default(), None, 10)
        .await
        .unwrap();
    let mut pairs: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row.kind.as_str(), row.target.as_str()))
        .collect();
    pairs.sort_unstable();
    assert_eq!(
        pairs,
        [
            ("retraining.requested", "trainer"),
            ("window.failed", "chat")
        ]
    );
}

#[tokio::test]
async fn a_payload_stays_under_20_kb_whatever_findings_say() {
    let world = World::new().await;
    let findings = (0..500)
        .map(|n| {
            let mut finding = Finding::new(FindingKind::Term, Severity::Info, "词".repeat(50_000));
            finding.column = Some("\u{1}".repeat(50_000));
            finding.term = Some(format!("{n}\"\\").repeat(10_000));
            if n == 499 {
                finding.severity = Severity::Error;
                finding.message = "the worst comes first".to_owned();
            }
            finding
        })
        .collect();
    let window = Window {
        findings,
        ..window(1, Verdict::Fail)
    };
    run(&world, Outcome::Run(vec![window], Vec::new())).await;
    let told = told(&world).await;
    let (claim, payload) = &told[0];
    assert!(
        claim.payload.len() < 20_000,
        "{} bytes",
        claim.payload.len()
    );
    assert_eq!(
        payload["data"]["findings"][0]["message"],
        "the worst comes first"
    );
    assert_eq!(payload["data"]["counts"]["info"], 499);
}
