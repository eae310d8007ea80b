//! The status of a monitor, fresh and stale, and what it is known by.

use super::*;

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
