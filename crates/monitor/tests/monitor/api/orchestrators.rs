//! Those who retrain: requests that are waited for, claimed and ended.

use super::*;

#[tokio::test]
async fn retraining_requests_are_waited_for_and_filtered_by_state() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    let path = "/api/v1/retraining-requests?state=requested";
    assert_eq!(
        running.get(path).await.json()["items"],
        Value::Array(Vec::new())
    );
    let wait = running.client.get(running.url(&format!("{path}&wait=50s")));
    let wait = tokio::spawn(answered(wait));
    tokio::time::sleep(Duration::from_millis(50)).await;
    evaluator.set(asks_to_retrain(2));
    next_run(&world, &running).await;
    let list = wait.await.unwrap().json();
    let item = &list["items"][0];
    assert_eq!(
        (&item["monitor"], &item["state"]),
        (&MONITOR.into(), &"requested".into())
    );
    assert_eq!(item["reason"], "title failed in 2 of the last 3 windows");

    let one = format!(
        "/api/v1/retraining-requests/{}",
        item["id"].as_str().unwrap()
    );
    assert_eq!(&running.get(&one).await.json(), item);
    let done = "/api/v1/retraining-requests?state=succeeded";
    assert_eq!(
        running.get(done).await.json()["items"],
        Value::Array(Vec::new())
    );
    running.stop().await;
}

/// An orchestrator that polls: claim, heartbeat, complete; and one that comes too late.
#[tokio::test]
async fn an_orchestrator_claims_a_request_keeps_it_alive_and_ends_it() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(asks_to_retrain(1), Vec::new());
    let running = serve(&world, &evaluator).await;
    let requested = running
        .get("/api/v1/retraining-requests?state=requested&wait=30s")
        .await
        .json();
    let id = requested["items"][0]["id"].as_str().unwrap().to_owned();
    let path = |verb: &str| format!("/api/v1/retraining-requests/{id}/{verb}");

    let claimed = running
        .post(&path("claim"), json!({"claimed_by": "airflow"}))
        .await;
    assert_eq!(claimed.status, 200, "{}", claimed.text);
    let claimed = claimed.json();
    assert_eq!(
        (&claimed["id"], &claimed["state"]),
        (&id.clone().into(), &"accepted".into())
    );
    let claim = &claimed["claim"];
    assert!(claim.is_string());
    // Who only reads does not learn the claim.
    let read = running
        .get(&format!("/api/v1/retraining-requests/{id}"))
        .await;
    assert!(!read.text.contains(claim.as_str().unwrap()));

    let late = running
        .post(&path("claim"), json!({"claimed_by": "dagster"}))
        .await;
    assert_eq!(
        (late.status, &late.json()["code"]),
        (409, &"claimed_by_another".into())
    );
    let beat = running
        .post(
            &path("heartbeat"),
            json!({"claim": claim, "heartbeat_seconds": 60}),
        )
        .await;
    assert_eq!(beat.json()["state"], "running");

    let done = json!({"claim": claim, "state": "succeeded", "new_baseline_id": "sha256:9"});
    let ended = running.post(&path("complete"), done.clone()).await;
    assert_eq!(ended.json()["state"], "succeeded");
    assert_eq!(ended.json()["new_baseline_id"], "sha256:9");
    assert_eq!(running.post(&path("complete"), done).await.status, 200);
    let beat = running
        .post(&path("heartbeat"), json!({"claim": claim}))
        .await;
    assert_eq!(
        (beat.status, &beat.json()["code"]),
        (409, &"retraining_ended".into())
    );
    running.stop().await;
}

#[tokio::test]
async fn a_claim_that_cannot_be_read_is_told_what_is_wrong() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(asks_to_retrain(1), Vec::new());
    let running = serve(&world, &evaluator).await;
    let path = "/api/v1/retraining-requests/x/claim";
    for (body, status, code, told) in [
        (json!({}), 400, "bad_body", "claimed_by"),
        (
            json!({"claimed_by": "a", "by": 1}),
            400,
            "bad_body",
            "unknown field `by`",
        ),
        (
            json!({"claimed_by": " "}),
            400,
            "bad_parameter",
            "names the orchestrator",
        ),
        (
            json!({"claimed_by": "a", "heartbeat_seconds": 0}),
            400,
            "bad_parameter",
            "1 to 604800",
        ),
        (
            json!({"claimed_by": "a"}),
            404,
            "not_found",
            "no retraining request",
        ),
        (
            json!({"claimed_by": "字".repeat(40_000)}),
            413,
            "too_large",
            "65536",
        ),
    ] {
        let answer = running.post(path, body).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (status, &code.into()),
            "{problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(told),
            "{problem}"
        );
        assert_eq!(
            answer.content_type.as_deref(),
            Some("application/problem+json")
        );
    }
    let form = running
        .client
        .post(running.url(path))
        .header("content-type", "text/plain")
        .body("{}");
    let answer = answered(form).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (415, &"not_json".into())
    );
    let get = running.get(path).await;
    assert_eq!(get.status, 405);
    running.stop().await;
}
