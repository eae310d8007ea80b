//! What was said and told, over all runs; and what there is to watch.

use crate::support::{FakeEvaluator, Running, World, concludes};
use driftline_monitor::Evaluator;
use driftline_verdict::Verdict;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn failing(world: &World) -> (Running, Arc<FakeEvaluator>) {
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Fail), Vec::new());
    let served: Arc<dyn Evaluator> = evaluator.clone();
    let running = world.serve(vec![served]).await;
    running.until("fail", "fresh").await;
    (running, evaluator)
}

#[tokio::test]
async fn windows_findings_and_events_are_listed_filtered_and_paged() {
    let world = World::new().await;
    let (running, evaluator) = failing(&world).await;
    evaluator.set(concludes(2, Verdict::Pass));
    world.clock.advance(crate::support::EVERY);
    running.until("pass", "fresh").await;
    let items = async |path: &str| running.get(path).await.json()["items"].clone();

    let windows = items("/api/v1/windows").await;
    assert_eq!(windows[0]["start"], "2024-01-02T00:00:00Z");
    assert_eq!(windows.as_array().unwrap().len(), 2);
    let failed = items("/api/v1/windows?verdict=fail&monitor=titles").await;
    assert_eq!(
        (failed.as_array().unwrap().len(), &failed[0]["errors"]),
        (1, &json!(1))
    );
    let page = running.get("/api/v1/windows?page_size=1").await.json();
    let token = page["next_page_token"].as_str().unwrap();
    let path = format!("/api/v1/windows?page_size=1&page_token={token}");
    assert_eq!(items(&path).await, json!([failed[0].clone()]));

    let findings = items("/api/v1/findings?kind=drift&severity=error&column=title").await;
    assert_eq!(findings[0]["message"], "title moved by 0.3 bits");
    assert_eq!(findings[0]["window_end"], "2024-01-02T00:00:00Z");
    assert_eq!(items("/api/v1/findings?kind=term").await, json!([]));
    let run = findings[0]["run_id"].as_str().unwrap();
    assert_eq!(
        items(&format!("/api/v1/findings?run={run}")).await,
        findings
    );

    let events = items("/api/v1/events?type=window.failed").await;
    assert_eq!(events[0]["payload"]["type"], "window.failed");
    let one = format!("/api/v1/events/{}", events[0]["id"].as_str().unwrap());
    assert_eq!(running.get(&one).await.json(), events[0]);
    for wrong in [
        "/api/v1/windows?verdict=odd",
        "/api/v1/findings?kind=mood",
        "/api/v1/events?x=1",
    ] {
        assert_eq!(running.get(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(running.get("/api/v1/events/x").await.status, 404);
    running.stop().await;
}

/// Ids and types of so many events of a stream.
async fn read(mut response: reqwest::Response, events: usize) -> Vec<(String, String)> {
    let mut text = String::new();
    let mut found = Vec::new();
    while found.len() < events {
        let part = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await;
        text += std::str::from_utf8(&part.unwrap().unwrap().unwrap()).unwrap();
        found = text
            .split("\n\n")
            .filter_map(|block| {
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                let data: Value = serde_json::from_str(&field("data:")?).ok()?;
                let kind = field("event:")?;
                assert_eq!(data["type"], kind.as_str());
                Some((field("id:")?, kind))
            })
            .collect();
    }
    found
}

#[tokio::test]
async fn a_stream_tells_what_happens_and_goes_on_where_it_was_cut_off() {
    let world = World::new().await;
    let (running, evaluator) = failing(&world).await;
    let path = running.url("/api/v1/events/stream");
    let stream = running.client.get(&path).send().await.unwrap();
    let header = |name: &str| stream.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("x-accel-buffering"), "no");
    evaluator.set(concludes(2, Verdict::Fail));
    world.clock.advance(crate::support::EVERY);
    let told = read(stream, 1).await;
    assert_eq!(told[0].1, "window.failed");

    let all = running.get("/api/v1/events").await.json();
    let first = all["items"].as_array().unwrap().last().unwrap()["id"].clone();
    let again = running
        .client
        .get(&path)
        .header("last-event-id", first.as_str().unwrap());
    let again = read(again.send().await.unwrap(), 2).await;
    assert!(again.contains(&told[0]), "{again:?}");
    assert!(again.iter().all(|(id, _)| *id != first));
    let unknown = running.client.get(&path).header("last-event-id", "evt_x");
    assert_eq!(unknown.send().await.unwrap().status(), 400);

    // A server that goes down ends its streams.
    let open = running.client.get(&path).send().await.unwrap();
    let rest = tokio::spawn(open.bytes());
    running.stop().await;
    assert!(rest.await.unwrap().is_ok());
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let world = World::new().await;
    let (running, _) = failing(&world).await;
    let answer = running.get("/metrics").await;
    let kind = answer.content_type.unwrap();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    for line in [
        "driftline_monitor_verdict{monitor=\"titles\",verdict=\"fail\"} 1",
        "driftline_monitor_verdict{monitor=\"titles\",verdict=\"pass\"} 0",
        "driftline_alerts{state=\"firing\"} 1",
        "driftline_deliveries{state=\"dead\"} 0",
        "driftline_retraining_requests{state=\"requested\"} 0",
        "# EOF",
    ] {
        assert!(
            answer.text.lines().any(|found| found == line),
            "{line}: {}",
            answer.text
        );
    }
    running.stop().await;
}
