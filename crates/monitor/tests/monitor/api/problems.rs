//! Errors as clients see them.

use super::*;

#[tokio::test]
async fn every_error_is_a_problem() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    let get = |path: &str| running.client.get(running.url(path));
    let post = |path: &str| running.client.post(running.url(path));
    let large = vec![b'x'; 70_000];
    for (request, status, code) in [
        (get("/nothing"), 404, "not_found"),
        (get("/api/v1/monitors/none"), 404, "not_found"),
        (
            get("/api/v1/monitors/none/status?wait=1s"),
            404,
            "not_found",
        ),
        (get("/api/v1/runs/none"), 404, "not_found"),
        (get("/api/v1/retraining-requests/none"), 404, "not_found"),
        (get("/api/v1/runs/%ff"), 400, "bad_request"),
        (get("/api/v1/runs?page_size=0"), 400, "bad_parameter"),
        (get("/api/v1/runs?page_size=many"), 400, "bad_parameter"),
        (get("/api/v1/runs?verdict=ok"), 400, "bad_parameter"),
        (get("/api/v1/runs?colour=red"), 400, "bad_parameter"),
        (
            get("/api/v1/monitors/titles/status?wait=soon"),
            400,
            "bad_parameter",
        ),
        (
            get("/api/v1/monitors/titles/status?version=x"),
            400,
            "bad_parameter",
        ),
        (
            get("/api/v1/retraining-requests?state=done"),
            400,
            "bad_parameter",
        ),
        (get("/api/v1/runs?monitor=a%00b"), 400, "bad_parameter"),
        (get("/api/v1/runs/%00"), 400, "bad_parameter"),
        (
            post("/api/v1/silences").json(&json!({"author": "a\0"})),
            400,
            "bad_body",
        ),
        (post("/api/v1/runs"), 405, "method_not_allowed"),
        (post("/api/v1/runs").body(large), 413, "too_large"),
    ] {
        let answer = answered(request).await;
        let problem = answer.json();
        assert_eq!(answer.status, status, "{problem}");
        assert_eq!(
            answer.content_type.as_deref(),
            Some("application/problem+json")
        );
        assert_eq!(problem["status"], status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("urn:driftline:problem:{code}"));
        for field in ["title", "detail", "instance"] {
            assert!(!problem[field].as_str().unwrap().is_empty(), "{problem}");
        }
    }
    let allowed = running
        .client
        .post(running.url("/livez"))
        .send()
        .await
        .unwrap();
    assert_eq!(allowed.headers()["allow"], "GET,HEAD");
    running.stop().await;
}

#[tokio::test]
async fn a_store_that_breaks_is_a_problem_that_names_no_path() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    let path = world.folder.path().join("store.db");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&format!(
        "sqlite://{}",
        path.display()
    ))
    .await
    .unwrap();
    sqlx::raw_sql("ALTER TABLE runs RENAME TO gone")
        .execute(&mut other)
        .await
        .unwrap();
    let answer = running.get("/api/v1/runs").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (500, &"store_failed".into())
    );
    assert!(!answer.text.contains("store.db"), "{}", answer.text);
    assert_eq!(running.get("/livez").await.status, 200);
    running.stop().await;
}
