//! Keys, scopes, rates, and who changed what.

use crate::support::{FakeEvaluator, Running, World, answered, concludes};
use driftline_monitor::api::ApiSettings;
use driftline_monitor::{Clock, Evaluator, FailOn, FreshKey, ServeOptions, Server, ask_gate};
use driftline_store::Scope;
use driftline_verdict::Verdict;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn passes() -> Arc<dyn Evaluator> {
    FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new())
}

fn guarded(world: &World) -> ServeOptions {
    ServeOptions {
        api: ApiSettings {
            require_key: true,
            requests_per_second: Some(5),
            ..ApiSettings::default()
        },
        ..world.options()
    }
}

async fn key(world: &World, scope: Scope) -> FreshKey {
    let end = world.clock.now() + Duration::from_secs(3_600);
    let fresh = FreshKey::new("ci", scope, world.clock.now(), Some(end));
    let kept = world.store.add_key(&fresh.key, &fresh.secret_hash, None);
    assert!(kept.await.unwrap());
    fresh
}

async fn status(running: &Running, method: &str, path: &str, key: &str) -> (u16, Value) {
    let method = method.parse().unwrap();
    let request = running
        .client
        .request(method, running.url(path))
        .bearer_auth(key)
        .json(&json!({}));
    let answer = answered(request).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn a_key_opens_what_its_scope_opens() {
    let world = World::new().await;
    let running = world.serve_with(vec![passes()], guarded(&world)).await;
    assert_eq!(running.get("/livez").await.status, 200);
    let without = running.get("/api/v1/monitors").await;
    assert_eq!(
        (without.status, &without.json()["code"]),
        (401, &"unauthorized".into())
    );
    const GATE: &str = "/api/v1/monitors/titles/gate";
    const RUNS: &str = "/api/v1/monitors/titles/runs";
    for (scope, may) in [
        (Scope::Gate, [200, 403, 403, 403]),
        (Scope::Read, [200, 200, 403, 403]),
        (Scope::Write, [200, 200, 202, 403]),
        (Scope::Admin, [200, 200, 202, 200]),
    ] {
        let key = key(&world, scope).await.text;
        let asked = [
            status(&running, "GET", GATE, &key).await.0,
            status(&running, "GET", "/api/v1/monitors", &key).await.0,
            status(&running, "POST", RUNS, &key).await.0,
            status(&running, "GET", "/api/v1/audit", &key).await.0,
        ];
        assert_eq!(asked, may, "{scope:?}");
    }
    let admin = key(&world, Scope::Admin).await;
    let (_, log) = status(&running, "GET", "/api/v1/audit", &admin.text).await;
    let entries = log["items"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["action"], format!("POST {RUNS}"));
    assert!(entries[0]["actor"].as_str().unwrap().starts_with("ci ("));
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_an_ended_and_a_revoked_key_open_nothing() {
    let world = World::new().await;
    let running = world.serve_with(vec![passes()], guarded(&world)).await;
    let good = key(&world, Scope::Read).await;
    let path = "/api/v1/monitors";
    let (id, secret) = good.text.split_once('.').unwrap();
    let mut wrong: String = secret.chars().rev().collect();
    wrong.insert(0, '0');
    for text in [
        "x",
        "drift_nobody.secret",
        &format!("{id}.{wrong}"),
        &format!("{id}."),
    ] {
        assert_eq!(status(&running, "GET", path, text).await.0, 401, "{text}");
    }
    assert_eq!(status(&running, "GET", path, &good.text).await.0, 200);

    // In its place comes another; the old one goes on for a minute.
    let now = world.clock.now();
    let fresh = FreshKey::new("ci", Scope::Read, now, None);
    let until = now + Duration::from_secs(60);
    let instead = Some((good.key.id.as_str(), until));
    let kept = world
        .store
        .add_key(&fresh.key, &fresh.secret_hash, instead)
        .await;
    assert!(kept.unwrap());
    for (key, wanted) in [(&good, 200), (&fresh, 200)] {
        assert_eq!(status(&running, "GET", path, &key.text).await.0, wanted);
    }
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(status(&running, "GET", path, &good.text).await.0, 401);
    assert_eq!(status(&running, "GET", path, &fresh.text).await.0, 200);
    let revoked = world.store.end_key(&fresh.key.id, world.clock.now()).await;
    assert!(revoked.unwrap());
    assert_eq!(status(&running, "GET", path, &fresh.text).await.0, 401);
    running.stop().await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let world = World::new().await;
    let running = world.serve_with(vec![passes()], guarded(&world)).await;
    let key = key(&world, Scope::Read).await.text;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(status(&running, "GET", "/api/v1/monitors", &key).await.0);
    }
    assert_eq!(statuses[..10], [200; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(
        status(&running, "GET", "/api/v1/monitors", &key).await.0,
        200
    );
    running.stop().await;
}

#[tokio::test]
async fn a_gate_is_asked_with_a_key_and_a_guarded_server_may_listen_to_all() {
    let world = World::new().await;
    let running = world.serve_with(vec![passes()], guarded(&world)).await;
    let secret = SecretString::from(key(&world, Scope::Gate).await.text);
    let server = format!("http://{}", running.address);
    let ask = async |key| ask_gate(&server, "titles", None, FailOn::Fail, key).await;
    assert!(ask(Some(&secret)).await.is_ok());
    let refused = ask(None).await.unwrap_err().to_string();
    assert!(refused.contains("401"), "{refused}");
    running.stop().await;
    let mut options = guarded(&world);
    options.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let store = crate::support::open(&world.folder).await;
    assert!(Server::bind(vec![passes()], store, options).await.is_ok());
}
