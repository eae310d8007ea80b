//! Events of a run, from the verdict to a receiver on this machine.

use crate::desk::{DEARER, Desk, Ended, TRAINING};
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn receiver() -> MockServer {
    let server = MockServer::start().await;
    let taken = Mock::given(method("POST")).respond_with(ResponseTemplate::new(204));
    taken.mount(&server).await;
    server
}

/// Amounts of the live week are half as high again, so every day fails.
fn failing_shop(server: &MockServer) -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.pipeline(
        "base.csv",
        "live.csv",
        &format!(
            "actions:\n  webhooks:\n    - name: trainer\n      on: [notify, retrain]\n      \
             url: {}/events\n      secret: env:HOOK_SECRET\n      allow_http: true\n      \
             allow_addresses: [127.0.0.0/8]\n",
            server.uri()
        ),
    );
    desk
}

fn with_secret(desk: &Desk, arguments: &[&str]) -> Ended {
    desk.driftline_with(arguments, &[("HOOK_SECRET", SECRET)], "")
}

fn run(desk: &Desk, more: &[&str]) -> Ended {
    let fixed = ["run", "p.yaml", "--out", "out", "--store", "sqlite://s.db"];
    with_secret(desk, &[&fixed, more].concat())
}

/// The event of a request, after its signature was verified by an implementation that is
/// not ours.
fn verified(request: &Request) -> Value {
    let webhook = standardwebhooks::Webhook::new(SECRET).unwrap();
    webhook.verify(&request.body, &request.headers).unwrap();
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    assert!(event["timestamp"].is_string(), "{event}");
    event
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds
}

async fn received(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(verified).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_run_delivers_its_events_signed() {
    let server = receiver().await;
    let desk = failing_shop(&server);
    run(&desk, &[]).ends_with(1);
    let events = received(&server).await;
    assert_eq!(kinds(&events), ["retraining.requested", "window.failed"]);
    let verdict = desk.json("out/verdict.json");
    for event in &events {
        let data = &event["data"];
        assert_eq!(data["monitor"], "shop");
        assert_eq!(data["run_id"], verdict["run_id"]);
        assert_eq!(data["verdict"], "fail");
        assert_eq!(data["window"]["end"], "2024-03-11T00:00:00Z");
    }
    let list = [
        "outbox",
        "list",
        "--store",
        "sqlite://s.db",
        "--format",
        "json",
    ];
    let rows = desk.driftline(&list).ends_with(0).json();
    let rows = rows["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| row["state"] == "delivered"),
        "{rows:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_data_twice_sends_no_second_event() {
    let server = receiver().await;
    let desk = failing_shop(&server);
    run(&desk, &[]).ends_with(1);
    run(&desk, &[]).ends_with(1);
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_were_not_to_be_delivered_wait_until_they_are() {
    let server = receiver().await;
    let desk = failing_shop(&server);
    run(&desk, &["--no-deliver"]).ends_with(1);
    assert!(received(&server).await.is_empty());
    let list = desk.driftline(&["outbox", "list", "--store", "sqlite://s.db"]);
    assert_eq!(
        list.ends_with(0).out.matches("pending").count(),
        2,
        "{}",
        list.out
    );
    let deliver = ["outbox", "deliver", "p.yaml", "--store", "sqlite://s.db"];
    let delivered = with_secret(&desk, &deliver);
    delivered.ends_with(0);
    assert_eq!(
        delivered.out.matches("delivered").count(),
        2,
        "{}",
        delivered.out
    );
    let events = received(&server).await;
    assert_eq!(kinds(&events), ["retraining.requested", "window.failed"]);
    let again = with_secret(&desk, &deliver);
    assert_eq!(again.ends_with(0).out.trim(), "nothing is due");
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_fails_ends_outbox_deliver_with_4() {
    let server = receiver().await;
    let desk = failing_shop(&server);
    run(&desk, &["--no-deliver"]).ends_with(1);
    // The target moves to where nobody listens.
    let pipeline = desk.read("p.yaml");
    desk.write(
        "p.yaml",
        pipeline.replace(&server.uri(), "http://127.0.0.1:1"),
    );
    let deliver = ["outbox", "deliver", "p.yaml", "--store", "sqlite://s.db"];
    with_secret(&desk, &deliver).ends_with(4);
    let list = desk.driftline(&["outbox", "list", "--store", "sqlite://s.db"]);
    assert_eq!(list.out.matches("pending").count(), 2, "{}", list.out);
}
