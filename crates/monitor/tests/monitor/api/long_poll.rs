//! Polls that wait for news.

use super::*;

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
