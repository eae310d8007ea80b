//! Changes that are sent again under the same key.

use super::*;

async fn keyed(running: &Running, path: &str, key: &str, body: &Value) -> (u16, Value, bool) {
    let request = running.client.post(running.url(path)).json(body);
    let response = request.header("idempotency-key", key).send().await.unwrap();
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotency-replayed");
    (status, response.json().await.unwrap(), replayed)
}

#[tokio::test]
async fn a_change_under_one_key_is_made_once_however_often_it_is_sent() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    let path = "/api/v1/silences";
    let body = json!({"duration_seconds": 60, "author": "ada", "comment": "known"});
    let first = keyed(&running, path, "k1", &body).await;
    assert_eq!((first.0, first.2), (201, false), "{first:?}");
    let again = keyed(&running, path, "k1", &body).await;
    assert_eq!((again.0, &again.1, again.2), (201, &first.1, true));
    let other = json!({"duration_seconds": 61, "author": "ada", "comment": "known"});
    let reused = keyed(&running, path, "k1", &other).await;
    assert_eq!((reused.0, &reused.1["code"]), (422, &"key_reused".into()));
    let fresh = keyed(&running, path, "k2", &other).await;
    assert_eq!(fresh.0, 201);
    // What was refused changed nothing, and may be sent again.
    let wrong = json!({"duration_seconds": 0, "author": "ada", "comment": "known"});
    assert_eq!(keyed(&running, path, "k3", &wrong).await.0, 400);
    assert_eq!(keyed(&running, path, "k3", &body).await.0, 201);
    let all = running.get(path).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let log = running.get("/api/v1/audit").await.json();
    assert_eq!(log["items"].as_array().unwrap().len(), 3);

    let long = "k".repeat(201);
    for key in ["", &long] {
        assert_eq!(keyed(&running, path, key, &body).await.0, 400);
    }
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert!(!keyed(&running, path, "k1", &body).await.2);
    running.stop().await;
}

#[tokio::test]
async fn of_two_changes_under_one_key_at_the_same_time_one_is_made() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    let path = "/api/v1/silences";
    let body = json!({"duration_seconds": 60, "author": "ada", "comment": "known"});
    let sent = futures::future::join_all((0..8).map(|_| keyed(&running, path, "k", &body))).await;
    assert!(
        sent.iter().all(|one| [201, 409].contains(&one.0)),
        "{sent:?}"
    );
    let all = running.get(path).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    running.stop().await;
}
