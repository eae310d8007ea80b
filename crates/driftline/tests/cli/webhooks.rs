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

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_tried_before_there_is_something_to_tell() {
    let server = receiver().await;
    let desk = failing_shop(&server);
    let test = with_secret(&desk, &["webhook", "test", "p.yaml"]);
    assert_eq!(test.ends_with(0).out.trim(), "trainer: taken (204)");
    let events = received(&server).await;
    assert_eq!(kinds(&events), ["driftline.test"]);
    with_secret(&desk, &["webhook", "test", "p.yaml", "--target", "nobody"])
        .ends_with(3)
        .says("names no target `nobody`");
    // Without its secret nothing is sent.
    let test = desk.driftline(&["webhook", "test", "p.yaml"]);
    assert!(
        test.ends_with(4).out.contains("env:HOOK_SECRET"),
        "{}",
        test.out
    );
    assert_eq!(received(&server).await.len(), 1);

    let keys = ["webhook", "keys", "p.yaml"];
    let none = with_secret(&desk, &keys);
    assert_eq!(none.ends_with(0).out.trim(), "trainer: no public key");
    // The first key pair of RFC 8032, section 7.1.
    let private = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let public = desk.driftline_with(&keys, &[("HOOK_SECRET", private)], "");
    assert_eq!(
        public.ends_with(0).out.trim(),
        "trainer: whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_sent_again_under_its_id() {
    let server = MockServer::start().await;
    let gone = Mock::given(method("POST")).respond_with(ResponseTemplate::new(410));
    gone.up_to_n_times(1).mount(&server).await;
    let taken = Mock::given(method("POST")).respond_with(ResponseTemplate::new(204));
    taken.mount(&server).await;
    let desk = failing_shop(&server);
    run(&desk, &[]).ends_with(1);
    let store = ["--store", "sqlite://s.db"];
    let replay = |more: &[&str]| desk.driftline(&[&["outbox", "replay"], more, &store].concat());
    let none = replay(&["--target", "nobody"]);
    assert_eq!(none.ends_with(0).out.trim(), "0 deliveries are due again");
    let all = replay(&["--within", "1h"]);
    assert_eq!(all.ends_with(0).out.trim(), "2 deliveries are due again");
    let deliver = [&["outbox", "deliver", "p.yaml"], &store[..]].concat();
    with_secret(&desk, &deliver).ends_with(0);
    let requests = server.received_requests().await.unwrap();
    let mut ids: Vec<&str> = requests
        .iter()
        .map(|request| request.headers["webhook-id"].to_str().unwrap())
        .collect();
    ids.sort_unstable();
    // The first disabled the target, so that the second was not sent until it was replayed.
    ids.dedup();
    assert_eq!((requests.len(), ids.len()), (3, 2));
}

#[test]
fn keys_without_a_name_that_can_be_read_or_without_time_are_refused() {
    let desk = Desk::new();
    let create = |more: &[&str]| {
        let arguments = [&["key", "create", "--store", "sqlite://s.db"], more].concat();
        desk.driftline(&arguments)
    };
    create(&["--name", " "])
        .ends_with(2)
        .says("whose the key is");
    create(&["--name", "a\nb"]).ends_with(2).says("line ends");
    create(&["--name", "a\u{202e}b"])
        .ends_with(2)
        .says("marks of direction");
    create(&["--name", &"a".repeat(201)])
        .ends_with(2)
        .says("200 characters");
    create(&["--name", "a", "--expires", "0s"])
        .ends_with(2)
        .says("above 0");
    assert!(!desk.path("s.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_rotated_and_revoked() {
    let server = receiver().await;
    let desk = failing_shop(&server);
    run(&desk, &["--no-deliver"]).ends_with(1);
    let key = |arguments: &[&str]| {
        desk.driftline(&[&["key"], arguments, &["--store", "sqlite://s.db"]].concat())
    };
    let made = key(&[
        "create",
        "--name",
        "ci",
        "--scope",
        "gate",
        "--expires",
        "90d",
    ]);
    let text = made.ends_with(0).out.trim().to_owned();
    let id = text
        .strip_prefix("drift_")
        .unwrap()
        .split('.')
        .next()
        .unwrap();
    let list = key(&["list"]).ends_with(0).out.clone();
    assert!(
        list.contains(id) && list.contains("gate") && !list.contains(&text),
        "{list}"
    );
    let rotated = key(&["rotate", id]).ends_with(0).out.trim().to_owned();
    assert_ne!(rotated, text);
    let list = key(&["list", "--format", "json"]).ends_with(0).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    key(&["revoke", id]).ends_with(0);
    key(&["revoke", "nobody"])
        .ends_with(3)
        .says("no key `nobody`");
    key(&["rotate", "nobody"]).ends_with(3);
}
