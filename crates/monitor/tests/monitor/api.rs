//! The status API over a real socket.

use crate::support::{
    EVERY, FakeEvaluator, MONITOR, Outcome, Running, World, answered, asks_to_retrain, concludes,
    open, window,
};
use driftline_monitor::{
    Clock, Decision, Evaluator, EventSettings, FailOn, MonitorError, ask_gate, run_once,
};
use driftline_verdict::Verdict;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const STATUS: &str = "/api/v1/monitors/titles/status";

async fn serve(world: &World, evaluator: &Arc<FakeEvaluator>) -> Running {
    let evaluator: Arc<dyn Evaluator> = evaluator.clone();
    world.serve(vec![evaluator]).await
}

/// Lets the next run of the schedule begin, and waits until it is committed.
async fn next_run(world: &World, running: &Running) {
    let before = running.status().await["version"].as_i64().unwrap();
    world.clock.advance(EVERY);
    until_version(running, before + 1).await;
}

async fn until_version(running: &Running, version: i64) {
    for _ in 0..500 {
        if running.status().await["version"].as_i64().unwrap() >= version {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never version {version}");
}

#[tokio::test]
async fn until_its_first_run_ends_a_monitor_is_unknown_and_has_a_tag() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    evaluator.hold();
    let running = serve(&world, &evaluator).await;
    let first = running.get(STATUS).await;
    let status = first.json();
    assert_eq!(
        (&status["verdict"], &status["state"]),
        (&"unknown".into(), &"unknown".into())
    );
    assert_eq!(status["reason"], "not evaluated yet");
    assert_eq!(status["last_window_end"], Value::Null);
    let tag = first.etag.unwrap();
    assert!(
        tag.starts_with('"') && tag.ends_with('"'),
        "a strong tag: {tag}"
    );
    assert_eq!(running.get_unless(STATUS, Some(&tag)).await.status, 304);

    evaluator.release(1);
    let status = running.until("pass", "fresh").await;
    assert_eq!(status["last_window_start"], "2024-01-01T00:00:00Z");
    assert_eq!(status["last_window_end"], "2024-01-02T00:00:00Z");
    assert_eq!(status["age_seconds"], 0);
    assert_eq!(status["max_age_seconds"], 45);
    assert!(status["last_evaluated_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(running.get_unless(STATUS, Some(&tag)).await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn what_a_client_knows_is_answered_by_304_without_a_body() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Warn), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("warn", "fresh").await;
    let run = running.status().await["last_run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        STATUS.to_owned(),
        "/api/v1/monitors".to_owned(),
        "/api/v1/monitors/titles".to_owned(),
        "/api/v1/runs".to_owned(),
        format!("/api/v1/runs/{run}"),
        "/api/v1/retraining-requests".to_owned(),
    ] {
        let first = running.get(&path).await;
        assert_eq!(first.status, 200, "{path}");
        let tag = first.etag.unwrap();
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"a\", {tag}"),
            "*".to_owned(),
        ] {
            let again = running.get_unless(&path, Some(&known)).await;
            assert_eq!(
                (again.status, again.text.as_str()),
                (304, ""),
                "{path} {known}"
            );
            assert_eq!(again.etag.as_deref(), Some(tag.as_str()));
        }
        assert_eq!(running.get_unless(&path, Some("\"a\"")).await.status, 200);
    }
    running.stop().await;
}

#[tokio::test]
async fn an_old_pass_is_never_shown_as_one() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    let fresh = running.get(STATUS).await.etag.unwrap();
    evaluator.hold();
    world.clock.advance(3 * EVERY);
    running.until("pass", "fresh").await;
    world.clock.advance(Duration::from_secs(1));
    let stale = running.until("unknown", "stale").await;
    assert_eq!(
        stale["reason"],
        "stale: last evaluated 46 s ago, 45 s is the most"
    );
    assert_eq!(stale["age_seconds"], 46);
    assert_eq!(running.get_unless(STATUS, Some(&fresh)).await.status, 200);
    running.shutdown.cancel();
    evaluator.release(1);
    running.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_keep_a_pass_fresh() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    world
        .clock
        .set(world.clock.now() - chrono::TimeDelta::days(1));
    let status = running.until("unknown", "stale").await;
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .contains("the clock was set back")
    );
    running.stop().await;
}

#[tokio::test]
async fn an_evaluation_that_fails_makes_the_status_unknown_with_the_reason() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    for (outcome, told) in [
        (
            Outcome::Error("`live.csv`: no such file"),
            "`live.csv`: no such file",
        ),
        (Outcome::Panic, "internal error"),
    ] {
        evaluator.set(outcome);
        next_run(&world, &running).await;
        let status = running.status().await;
        assert_eq!(
            (&status["verdict"], &status["state"]),
            (&"unknown".into(), &"unknown".into())
        );
        assert!(
            status["reason"].as_str().unwrap().contains(told),
            "{status}"
        );
        // What was known before is still there to be looked at.
        assert_eq!(status["last_window_end"], "2024-01-02T00:00:00Z");
    }
    evaluator.set(concludes(2, Verdict::Pass));
    next_run(&world, &running).await;
    running.until("pass", "fresh").await;
    running.stop().await;
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_run_is_committed() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    let version = running.until("pass", "fresh").await["version"]
        .as_i64()
        .unwrap();
    let tag = running.get(STATUS).await.etag.unwrap();
    evaluator.set(concludes(2, Verdict::Fail));

    let waits = [
        running
            .client
            .get(running.url(&format!("{STATUS}?wait=50s")))
            .header("if-none-match", &tag),
        running
            .client
            .get(running.url(&format!("{STATUS}?wait=50s&version={version}"))),
    ]
    .map(|request| tokio::spawn(answered(request)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(waits.iter().all(|wait| !wait.is_finished()));
    // Less time passes than they wait.
    next_run(&world, &running).await;
    for wait in waits {
        let answer = wait.await.unwrap();
        assert_eq!(
            (answer.status, &answer.json()["verdict"]),
            (200, &"fail".into())
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn a_long_poll_wakes_when_another_process_commits() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    let tag = running.get(STATUS).await.etag.unwrap();
    let request = running
        .client
        .get(running.url(&format!("{STATUS}?wait=50s")));
    let wait = tokio::spawn(answered(request.header("if-none-match", &tag)));

    let other = FakeEvaluator::new(concludes(2, Verdict::Fail), Vec::new());
    let store = open(&world.folder).await;
    run_once(
        &*other,
        &store,
        &*world.clock,
        &EventSettings::default(),
        None,
    )
    .await
    .unwrap();
    assert_eq!(wait.await.unwrap().json()["verdict"], "fail");
    running.stop().await;
}

#[tokio::test]
async fn a_long_poll_without_news_ends_in_304_or_in_what_was_known() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let mut options = world.options();
    options.max_age = Some(Duration::from_secs(1_000_000));
    let served: Arc<dyn Evaluator> = evaluator.clone();
    let running = world.serve_with(vec![served], options).await;
    let version = running.until("pass", "fresh").await["version"]
        .as_i64()
        .unwrap();
    evaluator.hold();
    let tag = running.get(STATUS).await.etag.unwrap();
    let tagged = running
        .client
        .get(running.url(&format!("{STATUS}?wait=10s")));
    let tagged = tokio::spawn(answered(tagged.header("if-none-match", &tag)));
    let path = format!("{STATUS}?wait=10s&version={version}");
    let versioned = tokio::spawn(answered(running.client.get(running.url(&path))));
    while !(tagged.is_finished() && versioned.is_finished()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(tagged.await.unwrap().status, 304);
    let answer = versioned.await.unwrap();
    assert_eq!(
        (answer.status, answer.json()["version"].as_i64()),
        (200, Some(version))
    );
    // A client that says nothing of what it knows is answered at once.
    assert_eq!(running.get(&format!("{STATUS}?wait=50s")).await.status, 200);
    running.shutdown.cancel();
    evaluator.release(1);
    running.stop().await;
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_pass_turns_stale() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    running.until("pass", "fresh").await;
    evaluator.hold();
    world.clock.advance(Duration::from_secs(30));
    let tag = running.get(STATUS).await.etag.unwrap();
    let request = running
        .client
        .get(running.url(&format!("{STATUS}?wait=50s")));
    let wait = tokio::spawn(answered(request.header("if-none-match", &tag)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.clock.advance(Duration::from_secs(16));
    let status = wait.await.unwrap().json();
    assert_eq!(
        (&status["verdict"], &status["state"]),
        (&"unknown".into(), &"stale".into())
    );
    running.shutdown.cancel();
    evaluator.release(1);
    running.stop().await;
}

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

#[tokio::test]
async fn a_run_is_answered_as_its_verdict_json() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Fail), Vec::new());
    let running = serve(&world, &evaluator).await;
    let id = running.until("fail", "fresh").await["last_run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = running.get(&format!("/api/v1/runs/{id}")).await.json();
    let expected = serde_json::to_value([window(1, Verdict::Fail)]).unwrap();
    assert_eq!(
        (&run["run_id"], &run["windows"]),
        (&id.as_str().into(), &expected)
    );
    running.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_that_repeat_and_miss_nothing() {
    let world = World::new().await;
    let evaluators: Vec<Arc<dyn Evaluator>> = ["a", "b", "c", "d", "e"]
        .map(|name| {
            let evaluator: Arc<dyn Evaluator> =
                FakeEvaluator::named(name, concludes(1, Verdict::Pass), Vec::new());
            evaluator
        })
        .to_vec();
    let running = world.serve(evaluators).await;
    for _ in 0..500 {
        if running.get("/api/v1/runs").await.json()["items"]
            .as_array()
            .unwrap()
            .len()
            == 5
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (list, key) in [("monitors", "id"), ("runs", "monitor")] {
        let mut seen = Vec::new();
        let mut path = format!("/api/v1/{list}?page_size=2");
        loop {
            let page = running.get(&path).await.json();
            assert_eq!(page["page_size"], 2);
            for item in page["items"].as_array().unwrap() {
                assert!(item["id"].is_string());
                seen.push(item[key].as_str().unwrap().to_owned());
            }
            match page["next_page_token"].as_str() {
                Some(token) => path = format!("/api/v1/{list}?page_size=2&page_token={token}"),
                None => break,
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, ["a", "b", "c", "d", "e"], "{list}");
    }
    let page = running
        .get("/api/v1/runs?page_size=5000&monitor=c")
        .await
        .json();
    assert_eq!(
        (&page["page_size"], &page["items"][0]["monitor"]),
        (&1000.into(), &"c".into())
    );
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["next_page_token"], Value::Null);

    // A token of one list, or of one filter, is none of another.
    let token = running.get("/api/v1/runs?page_size=2").await.json()["next_page_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        format!("/api/v1/monitors?page_token={token}"),
        format!("/api/v1/runs?verdict=pass&page_token={token}"),
        "/api/v1/runs?page_token=AAAA".to_owned(),
        "/api/v1/runs?page_token=".to_owned(),
    ] {
        let answer = running.get(&path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json()["errors"][0]["name"], "page_token");
    }
    running.stop().await;
}

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

#[tokio::test]
async fn the_process_says_that_it_lives_and_is_ready() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    let text = async |path: &str| {
        let answer = running.get(path).await;
        (answer.status, answer.text)
    };
    assert_eq!(text("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(text("/readyz").await, (200, "ok\n".to_owned()));
    let verbose = "[+]store ok\n[+]shutdown ok\nreadyz check passed\n".to_owned();
    assert_eq!(text("/readyz?verbose").await, (200, verbose));
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

#[tokio::test]
async fn a_gate_passes_what_is_fresh_and_well_and_nothing_else() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Warn), Vec::new());
    evaluator.hold();
    let running = serve(&world, &evaluator).await;
    let server = format!("http://{}/", running.address);
    let ask = async |max_age: Option<u64>, fail_on| {
        let max_age = max_age.map(Duration::from_secs);
        ask_gate(&server, MONITOR, max_age, fail_on, None)
            .await
            .unwrap()
            .decision
    };
    assert_eq!(
        ask(None, FailOn::Fail).await,
        Decision::Unknown,
        "no run has ended"
    );
    evaluator.release(1);
    running.until("warn", "fresh").await;
    assert_eq!(ask(None, FailOn::Fail).await, Decision::Pass);
    assert_eq!(ask(None, FailOn::Warn).await, Decision::Fail);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(ask(Some(10), FailOn::Fail).await, Decision::Pass);
    assert_eq!(
        ask(Some(9), FailOn::Fail).await,
        Decision::Unknown,
        "too old"
    );
    // A client cannot make old news count.
    world.clock.advance(4 * EVERY);
    assert_eq!(ask(Some(9_999), FailOn::Fail).await, Decision::Unknown);

    evaluator.set(concludes(2, Verdict::Fail));
    evaluator.release(1);
    running.until("fail", "fresh").await;
    assert_eq!(ask(None, FailOn::Fail).await, Decision::Fail);
    let error = ask_gate(&server, "a/../b", None, FailOn::Fail, None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, MonitorError::UnknownMonitor { .. }),
        "{error:?}"
    );
    running.stop().await;
}

/// Whatever answers in a server's place: none of it is a pass.
#[tokio::test]
async fn an_answer_that_is_no_gates_is_no_pass() {
    let other = MockServer::start().await;
    let gate = |decision: &str, monitor: &str| {
        json!({"monitor": monitor, "decision": decision, "verdict": "fail", "reason": null,
               "last_window_end": null, "last_evaluated_at": null, "run_id": null})
    };
    for (answer, told) in [
        (ResponseTemplate::new(200), "no gate's"),
        (
            ResponseTemplate::new(200).set_body_string("ok"),
            "no gate's",
        ),
        (
            ResponseTemplate::new(200).set_body_json(gate("pass", MONITOR)),
            "contradicts itself",
        ),
        (
            ResponseTemplate::new(200).set_body_json(gate("fail", "other")),
            "contradicts itself",
        ),
        (
            ResponseTemplate::new(200).set_body_string("x".repeat(70_000)),
            "too long",
        ),
        (
            ResponseTemplate::new(302).insert_header("location", "/"),
            "302",
        ),
        (ResponseTemplate::new(404), "is this a driftline server?"),
        (ResponseTemplate::new(500), "500"),
    ] {
        other.reset().await;
        Mock::given(method("GET"))
            .respond_with(answer)
            .mount(&other)
            .await;
        let error = ask_gate(&other.uri(), MONITOR, None, FailOn::Fail, None)
            .await
            .unwrap_err();
        assert!(matches!(error, MonitorError::Gate { .. }), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    }
    for (server, told) in [
        ("http://127.0.0.1:1", "refused"),
        ("here", "no URL"),
        ("mailto:a@b.c", "no URL of a server"),
    ] {
        let error = ask_gate(server, MONITOR, None, FailOn::Fail, None)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

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

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = serve(&world, &evaluator).await;
    let plain = running.get("/api/openapi.json").await.text;
    for (asked, given) in [
        ("gzip", Some("gzip")),
        ("zstd, gzip", Some("zstd")),
        ("br", None),
    ] {
        let request = running.client.get(running.url("/api/openapi.json"));
        let answer = request
            .header("accept-encoding", asked)
            .send()
            .await
            .unwrap();
        let encoding = answer.headers().get("content-encoding").cloned();
        assert_eq!(
            encoding.as_ref().map(|one| one.to_str().unwrap()),
            given,
            "{asked}"
        );
        let size = answer.bytes().await.unwrap().len();
        assert_eq!(size < plain.len() / 3, given.is_some(), "{asked}: {size}");
    }
    running.stop().await;
}
