//! Alerts over the windows of a monitor's life, and what is told of them.

use crate::support::{FakeEvaluator, MONITOR, Outcome, World, window};
use driftline_monitor::{Clock, EventSettings, SilenceRequest, run_once};
use driftline_pipeline::config::{AlertField, AlertsConfig, Topic};
use driftline_store::{Alert, AlertFilter, AlertState, ClaimRequest};
use driftline_verdict::{
    Confirmation, Finding, FindingKind, NotEvaluated, Severity, Verdict, Window,
};
use serde_json::{Value, json};
use std::time::Duration;

/// A window of one day in which these columns drift.
fn drifting(day: u32, columns: &[&str]) -> Window {
    let findings = columns.iter().map(|column| {
        let mut finding = Finding::new(FindingKind::Drift, Severity::Error, "it moved");
        finding.column = Some((*column).to_owned());
        finding.measure = Some("jensen_shannon".to_owned());
        finding
    });
    let verdict = match columns {
        [] => Verdict::Pass,
        _ => Verdict::Fail,
    };
    Window {
        findings: findings.collect(),
        ..window(day, verdict)
    }
}

async fn run_windows(world: &World, config: &AlertsConfig, windows: Vec<Window>) {
    let mut target = world.config("chat", "http://127.0.0.1:9/hook");
    target.on = vec![Topic::Alert];
    let target = driftline_monitor::delivery::Target::new(target).unwrap();
    let outcome = Outcome::Run(windows, Vec::new());
    let evaluator = FakeEvaluator::alerting(outcome, vec![target], config.clone());
    let settings = EventSettings::default();
    run_once(&*evaluator, &world.store, &*world.clock, &settings, None)
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(60));
}

async fn run(world: &World, config: &AlertsConfig, day: u32, columns: &[&str]) {
    run_windows(world, config, vec![drifting(day, columns)]).await;
}

/// What was told since the last time this was asked: the type, and the columns of its alerts.
async fn told(world: &World) -> Vec<(String, Vec<String>)> {
    let now = world.clock.now();
    let request = ClaimRequest {
        owner: "test",
        monitor: MONITOR,
        target: "chat",
        event_id: None,
        limit: 100,
        in_order: false,
        lease_until: now + Duration::from_secs(1_000_000_000),
    };
    let claims = world.store.claim(&request, now).await.unwrap();
    claims
        .iter()
        .map(|claim| {
            let payload: Value = serde_json::from_str(&claim.payload).unwrap();
            let alerts = payload["data"]["alerts"].as_array().unwrap();
            let column = |alert: &Value| alert["column"].as_str().unwrap_or_default().to_owned();
            (claim.kind.clone(), alerts.iter().map(column).collect())
        })
        .collect()
}

fn event(kind: &str, columns: &[&str]) -> (String, Vec<String>) {
    let columns = columns.iter().map(|column| (*column).to_owned());
    (format!("alert.{kind}"), columns.collect())
}

async fn alerts(world: &World) -> Vec<Alert> {
    let all = world.store.alerts(&AlertFilter::default(), None, 100).await;
    all.unwrap()
}

async fn states(world: &World) -> Vec<AlertState> {
    alerts(world)
        .await
        .iter()
        .map(|alert| alert.state)
        .collect()
}

fn two_of_three() -> AlertsConfig {
    AlertsConfig {
        confirm: Confirmation { windows: 2, of: 3 },
        ..AlertsConfig::default()
    }
}

/// A window of one day in which a model's accuracy is lost, holds, or is not known yet.
fn performing(day: u32, loses: Option<bool>) -> Window {
    let mut told = drifting(day, if loses == Some(true) { &["grade"] } else { &[] });
    for finding in &mut told.findings {
        finding.kind = FindingKind::Performance;
        finding.measure = Some("accuracy".to_owned());
    }
    if loses.is_none() {
        told.not_evaluated.push(NotEvaluated {
            check: "accuracy of grade".to_owned(),
            reason: "no row has a target yet".to_owned(),
            required: false,
        });
    }
    told
}

#[tokio::test]
async fn a_loss_that_late_targets_show_fires_and_windows_without_targets_end_nothing() {
    let world = World::new().await;
    let config = AlertsConfig {
        confirm: Confirmation { windows: 1, of: 1 },
        clear_for: 1,
        ..AlertsConfig::default()
    };
    let run = async |windows: [Window; 2]| run_windows(&world, &config, windows.into()).await;
    run([performing(1, Some(false)), performing(2, None)]).await;
    assert_eq!(told(&world).await, []);
    // The true values of the second day come with the fourth.
    run([performing(2, Some(true)), performing(4, None)]).await;
    assert_eq!(told(&world).await, [event("firing", &["grade"])]);
    run([performing(3, Some(true)), performing(5, None)]).await;
    assert_eq!(told(&world).await, []);
    assert_eq!(states(&world).await, [AlertState::Firing]);
    run([performing(4, Some(false)), performing(6, None)]).await;
    assert_eq!(told(&world).await, [event("resolved", &["grade"])]);
}

#[tokio::test]
async fn an_alert_is_pending_fires_and_is_resolved_and_each_is_told_once() {
    let world = World::new().await;
    let config = two_of_three();
    run(&world, &config, 1, &["title"]).await;
    assert_eq!(states(&world).await, [AlertState::Pending]);
    assert_eq!(told(&world).await, []);
    run(&world, &config, 2, &[]).await;
    run(&world, &config, 3, &["title"]).await;
    assert_eq!(states(&world).await, [AlertState::Firing]);
    assert_eq!(told(&world).await, [event("firing", &["title"])]);
    run(&world, &config, 4, &["title"]).await;
    run(&world, &config, 5, &[]).await;
    assert_eq!(states(&world).await, [AlertState::Firing]);
    assert_eq!(told(&world).await, []);
    run(&world, &config, 6, &[]).await;
    let resolved = &alerts(&world).await[0];
    assert_eq!(resolved.state, AlertState::Resolved);
    assert_eq!(resolved.window_end.as_deref(), Some("2024-01-05T00:00:00Z"));
    assert!(resolved.resolved_at > resolved.fired_at);
    assert_eq!(told(&world).await, [event("resolved", &["title"])]);
}

#[tokio::test]
async fn what_is_not_confirmed_is_forgotten() {
    let world = World::new().await;
    run(&world, &two_of_three(), 1, &["title"]).await;
    for day in 2..=4 {
        run(&world, &two_of_three(), day, &[]).await;
    }
    assert_eq!(alerts(&world).await, []);
    assert_eq!(told(&world).await, []);
}

#[tokio::test]
async fn the_same_window_again_counts_once_and_does_not_flicker() {
    let world = World::new().await;
    let config = two_of_three();
    for columns in [&["title"][..], &["title"], &[], &["title"]] {
        run(&world, &config, 1, columns).await;
        assert_eq!(states(&world).await, [AlertState::Pending]);
    }
    // The second window is still open: it fills, and drifts in the end.
    run(&world, &config, 2, &[]).await;
    assert_eq!(states(&world).await, [AlertState::Pending]);
    run(&world, &config, 2, &["title"]).await;
    assert_eq!(states(&world).await, [AlertState::Firing]);
}

#[tokio::test]
async fn alerts_of_a_run_are_told_together_or_by_group() {
    let world = World::new().await;
    let config = AlertsConfig::default();
    run(&world, &config, 1, &["b", "a"]).await;
    assert_eq!(told(&world).await, [event("firing", &["a", "b"])]);

    let world = World::new().await;
    let config = AlertsConfig {
        group_by: vec![AlertField::Column],
        max_events: 2,
        ..AlertsConfig::default()
    };
    run(&world, &config, 1, &["a", "b"]).await;
    assert_eq!(
        told(&world).await,
        [event("firing", &["a"]), event("firing", &["b"])]
    );
    // A storm: more groups than events.
    run(&world, &config, 2, &["a", "b", "c", "d", "e"]).await;
    assert_eq!(told(&world).await, [event("firing", &["c", "d", "e"])]);
}

#[tokio::test]
async fn what_still_fires_is_told_again_after_the_repeat_interval() {
    let world = World::new().await;
    let config = AlertsConfig {
        repeat_interval: Some("2h".parse().unwrap()),
        ..AlertsConfig::default()
    };
    run(&world, &config, 1, &["title"]).await;
    assert_eq!(told(&world).await.len(), 1);
    run(&world, &config, 1, &["title"]).await;
    assert_eq!(told(&world).await, []);
    world.clock.advance(Duration::from_secs(7_200));
    run(&world, &config, 1, &["title"]).await;
    assert_eq!(told(&world).await, [event("firing", &["title"])]);
    assert_eq!(alerts(&world).await[0].told_count, 2);
}

#[tokio::test]
async fn a_silenced_alert_is_followed_and_told_when_the_silence_ends() {
    let world = World::new().await;
    let config = AlertsConfig::default();
    let silence = SilenceRequest {
        column: Some("title".to_owned()),
        duration_seconds: Some(600),
        author: "ada".to_owned(),
        comment: "a campaign, known".to_owned(),
        ..SilenceRequest::default()
    };
    let silence = silence.checked(world.clock.now()).unwrap();
    world.store.add_silence(&silence).await.unwrap();
    run(&world, &config, 1, &["author", "title"]).await;
    assert_eq!(told(&world).await, [event("firing", &["author"])]);
    assert_eq!(states(&world).await, [AlertState::Firing; 2]);
    world.clock.advance(Duration::from_secs(600));
    run(&world, &config, 1, &["author", "title"]).await;
    assert_eq!(told(&world).await, [event("firing", &["title"])]);
}

#[tokio::test]
async fn a_broken_schema_holds_back_the_drift_of_the_same_column() {
    let world = World::new().await;
    let config = AlertsConfig::default();
    run(&world, &config, 1, &["author"]).await;
    assert_eq!(told(&world).await, [event("firing", &["author"])]);
    let mut broken = drifting(2, &["title"]);
    let mut anomaly = Finding::new(FindingKind::Anomaly, Severity::Error, "a type changed");
    for column in ["author", "title"] {
        anomaly.column = Some(column.to_owned());
        broken.findings.push(anomaly.clone());
    }
    run_windows(&world, &config, vec![broken]).await;
    // The anomalies; neither is the old drift cleared nor the new one told.
    assert_eq!(told(&world).await, [event("firing", &["author", "title"])]);
    run(&world, &config, 3, &["title"]).await;
    assert_eq!(told(&world).await, [event("firing", &["title"])]);
    run(&world, &config, 4, &["title"]).await;
    let (kind, mut columns) = told(&world).await.pop().unwrap();
    columns.sort_unstable();
    assert_eq!(
        (kind, columns),
        event("resolved", &["author", "author", "title"])
    );
}

#[tokio::test]
async fn what_began_and_ended_while_nobody_looked_is_told_from_beginning_to_end() {
    let world = World::new().await;
    let config = AlertsConfig::default();
    let history = vec![
        drifting(1, &["old"]),
        drifting(2, &[]),
        drifting(3, &[]),
        drifting(4, &[]),
    ];
    run_windows(&world, &config, history.clone()).await;
    assert_eq!(told(&world).await, []);
    assert_eq!(alerts(&world).await, []);
    let missed = [drifting(5, &["title"]), drifting(6, &[]), drifting(7, &[])];
    run_windows(&world, &config, [&history[..], &missed].concat()).await;
    assert_eq!(
        told(&world).await,
        [event("firing", &["title"]), event("resolved", &["title"])]
    );
}

#[tokio::test]
async fn after_a_resolution_a_cool_down_passes() {
    let world = World::new().await;
    let config = AlertsConfig {
        clear_for: 1,
        cool_down: 2,
        ..AlertsConfig::default()
    };
    run(&world, &config, 1, &["title"]).await;
    run(&world, &config, 2, &[]).await;
    assert_eq!(told(&world).await.len(), 2);
    run(&world, &config, 3, &["title"]).await;
    run(&world, &config, 4, &[]).await;
    assert_eq!(told(&world).await, []);
    run(&world, &config, 5, &["title"]).await;
    assert_eq!(told(&world).await, [event("firing", &["title"])]);
    assert_eq!(alerts(&world).await[0].told_count, 1);
}

#[tokio::test]
async fn alerts_and_silences_are_listed_made_and_ended_by_the_api() {
    let world = World::new().await;
    let outcome = Outcome::Run(vec![drifting(1, &["author", "title"])], Vec::new());
    let evaluator = FakeEvaluator::new(outcome, Vec::new());
    let running = world.serve(vec![evaluator]).await;
    let waited = running.get("/api/v1/alerts?wait=30s&state=firing").await;
    let items = &waited.json()["items"];
    assert_eq!(items.as_array().unwrap().len(), 2, "{items}");
    assert_eq!(items[0]["silenced_by"], Value::Null);

    let first = running.get("/api/v1/alerts?page_size=1").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/api/v1/alerts?page_size=1&page_token={token}");
    let second = running.get(&path).await.json();
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(second["next_page_token"], Value::Null);

    let body = json!({
        "column": "title", "duration_seconds": 60, "author": "ada", "comment": "known",
    });
    let made = running.post("/api/v1/silences", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let title = running.get("/api/v1/alerts").await.json();
    let silenced: Vec<&Value> = title["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["silenced_by"] == id.as_str())
        .collect();
    assert_eq!(silenced.len(), 1);
    assert_eq!(silenced[0]["column"], "title");
    let alert = format!("/api/v1/alerts/{}", silenced[0]["id"].as_str().unwrap());
    assert_eq!(running.get(&alert).await.json()["column"], "title");

    let path = format!("/api/v1/silences/{id}");
    let ended = running.client.delete(running.url(&path));
    assert_eq!(crate::support::answered(ended).await.status, 200);
    let active = running.get("/api/v1/silences?active=true").await.json();
    assert_eq!(active["items"], json!([]));
    assert_eq!(running.get(&path).await.json()["author"], "ada");

    let endless = json!({"author": "ada", "comment": "known"});
    let refused = running.post("/api/v1/silences", endless).await;
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["name"]),
        (400, &"ends_at".into())
    );
    for missing in ["/api/v1/alerts/x", "/api/v1/silences/x"] {
        assert_eq!(running.get(missing).await.status, 404);
    }
    assert_eq!(running.get("/api/v1/alerts?kind=mood").await.status, 400);
    running.stop().await;
}

async fn attempt(world: &World, config: &AlertsConfig, outcome: Outcome) {
    let mut target = world.config("chat", "http://127.0.0.1:9/hook");
    target.on = vec![Topic::Alert];
    let target = driftline_monitor::delivery::Target::new(target).unwrap();
    let evaluator = FakeEvaluator::alerting(outcome, vec![target], config.clone());
    let settings = EventSettings::default();
    let outcome = run_once(&*evaluator, &world.store, &*world.clock, &settings, None).await;
    drop(outcome);
    world.clock.advance(Duration::from_secs(60));
}

#[tokio::test]
async fn a_pipeline_that_cannot_be_evaluated_is_told_of_once_and_so_is_its_recovery() {
    let world = World::new().await;
    let config = AlertsConfig::default();
    run(&world, &config, 1, &["title"]).await;
    assert_eq!(told(&world).await, [event("firing", &["title"])]);
    for _ in 0..3 {
        attempt(&world, &config, Outcome::Error("`live.csv`: no such file")).await;
    }
    assert_eq!(told(&world).await, [event("firing", &[""])]);
    let failing = alerts(&world).await;
    let failing: Vec<&Alert> = failing
        .iter()
        .filter(|alert| alert.state == AlertState::Firing)
        .collect();
    // What drifted still does: nobody has looked.
    assert_eq!(failing.len(), 2);
    let alert = failing[0];
    assert_eq!(alert.key.kind, FindingKind::Evaluation);
    assert_eq!(alert.severity, Severity::Error);
    assert_eq!(alert.run_id, None);
    assert!(alert.message.contains("no such file"), "{}", alert.message);

    run(&world, &config, 2, &["title"]).await;
    assert_eq!(told(&world).await, [event("resolved", &[""])]);
    run(&world, &config, 3, &["title"]).await;
    assert_eq!(told(&world).await, []);
    // Each time anew.
    attempt(&world, &config, Outcome::Error("again")).await;
    assert_eq!(told(&world).await, [event("firing", &[""])]);
}

#[tokio::test]
async fn an_evaluation_that_fails_once_of_two_needed_is_pending_and_forgotten() {
    let world = World::new().await;
    let config = two_of_three();
    attempt(&world, &config, Outcome::Error("once")).await;
    assert_eq!(states(&world).await, [AlertState::Pending]);
    for day in 1..=3 {
        run(&world, &config, day, &[]).await;
    }
    assert_eq!(states(&world).await, []);
    assert_eq!(told(&world).await, []);
}
