//! The server begins, delivers, and goes down in order.

use crate::support::{EVERY, FakeEvaluator, Outcome, World, asks_to_retrain, concludes, open};
use driftline_monitor::{Evaluator, MonitorError, ServeOptions, Server};
use driftline_store::{OutboxFilter, OutboxState, RunFilter};
use driftline_verdict::Verdict;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn refused(
    world: &World,
    evaluators: Vec<Arc<dyn Evaluator>>,
    options: ServeOptions,
) -> String {
    let bound = Server::bind(evaluators, open(&world.folder).await, options).await;
    match bound {
        Ok(server) => panic!("listens on {}", server.address()),
        Err(error) => error.to_string(),
    }
}

fn passes(name: &str) -> Arc<dyn Evaluator> {
    FakeEvaluator::named(name, concludes(1, Verdict::Pass), Vec::new())
}

#[tokio::test]
async fn it_does_not_listen_where_others_can_reach_it_unless_told_so() {
    let world = World::new().await;
    let mut options = world.options();
    options.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = refused(&world, vec![passes("a")], options.clone()).await;
    assert!(error.contains("asks for no password"), "{error}");
    options.allow_remote = true;
    let server = Server::bind(vec![passes("a")], open(&world.folder).await, options).await;
    assert!(server.is_ok());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = world.options();
    options.listen = taken.local_addr().unwrap();
    let error = refused(&world, vec![passes("a")], options.clone()).await;
    assert!(error.contains(&options.listen.to_string()), "{error}");
}

#[tokio::test]
async fn two_pipelines_or_two_targets_of_one_name_are_refused() {
    let world = World::new().await;
    let error = refused(&world, vec![passes("a"), passes("a")], world.options()).await;
    assert_eq!(
        error,
        "two pipelines are named `a`: give each a name of its own"
    );
    let target = world.target("chat", "http://127.0.0.1:9/");
    let twice = FakeEvaluator::new(concludes(1, Verdict::Pass), vec![target.clone(), target]);
    let error = refused(&world, vec![twice], world.options()).await;
    assert!(
        error.contains("two webhook targets are named `chat`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_interval_below_a_second_is_refused() {
    let world = World::new().await;
    let mut options = world.options();
    options.every = Duration::from_millis(999);
    let bound = Server::bind(vec![passes("a")], open(&world.folder).await, options).await;
    assert!(matches!(
        bound.err(),
        Some(MonitorError::Interval { given_ms: 999 })
    ));
}

#[tokio::test]
async fn it_delivers_what_it_decides_and_tries_again_what_failed() {
    let world = World::new().await;
    let receiver = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(1)
        .mount(&receiver)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&receiver)
        .await;
    let target = world.target("chat", &receiver.uri());
    let evaluator = FakeEvaluator::new(asks_to_retrain(1), vec![target]);
    let running = world.serve(vec![evaluator]).await;
    let delivered = async || {
        let filter = OutboxFilter {
            state: Some(OutboxState::Delivered),
            ..OutboxFilter::default()
        };
        world.store.outbox(&filter, None, 10).await.unwrap().len()
    };
    let until = async |rows: usize| {
        for _ in 0..500 {
            if delivered().await == rows {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {rows} delivered");
    };
    until(1).await;
    world.clock.advance(Duration::from_secs(7));
    until(2).await;
    running.stop().await;
    assert_eq!(receiver.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_pipeline_that_fails_does_not_keep_the_others_from_running() {
    let world = World::new().await;
    let bad: Arc<dyn Evaluator> = FakeEvaluator::named("bad", Outcome::Panic, Vec::new());
    let good: Arc<dyn Evaluator> = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = world.serve(vec![bad, good]).await;
    running.until("pass", "fresh").await;
    running.stop().await;
}

#[tokio::test]
async fn going_down_ends_long_polls_says_not_ready_and_finishes_what_has_begun() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let mut options = world.options();
    options.announce = Duration::from_secs(1);
    let served: Arc<dyn Evaluator> = evaluator.clone();
    let running = world.serve_with(vec![served], options).await;
    running.until("pass", "fresh").await;
    evaluator.hold();
    world.clock.advance(EVERY);
    evaluator.set(concludes(2, Verdict::Fail));
    let tag = running.get("/api/v1/monitors/titles").await.etag.unwrap();
    let request = running
        .client
        .get(running.url("/api/v1/monitors/titles/status?wait=50s"))
        .header("if-none-match", tag);
    let wait = tokio::spawn(crate::support::answered(request));
    tokio::time::sleep(Duration::from_millis(50)).await;

    running.shutdown.cancel();
    assert_eq!(wait.await.unwrap().status, 304);
    let ready = running.get("/readyz").await;
    assert_eq!(
        (ready.status, &ready.json()["code"]),
        (503, &"not_ready".into())
    );
    assert_eq!(running.get("/livez").await.status, 200);
    // The run that had begun is committed before the server ends.
    evaluator.release(1);
    running.stop().await;
    let state = world.store.monitor("titles").await.unwrap().unwrap();
    assert_eq!(state.verdict, Verdict::Fail);
}

#[tokio::test]
async fn a_run_that_does_not_end_in_time_leaves_nothing_behind() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    evaluator.hold();
    let mut options = world.options();
    options.drain = Duration::from_millis(50);
    let running = world.serve_with(vec![evaluator], options).await;
    assert_eq!(running.status().await["verdict"], "unknown");
    running.stop().await;
    let state = world.store.monitor("titles").await.unwrap().unwrap();
    assert_eq!(state.last_attempt_at, None);
}

#[tokio::test]
async fn a_restarted_server_shows_what_is_fresh_still() {
    let world = World::new().await;
    let running = world.serve(vec![passes("titles")]).await;
    let before = running.until("pass", "fresh").await;
    running.stop().await;
    let evaluator = FakeEvaluator::new(concludes(2, Verdict::Fail), Vec::new());
    evaluator.hold();
    let served: Arc<dyn Evaluator> = evaluator.clone();
    let running = world.serve(vec![served]).await;
    let after = running.status().await;
    assert_eq!(
        (&after["verdict"], &after["version"]),
        (&"pass".into(), &before["version"])
    );
    evaluator.release(1);
    running.until("fail", "fresh").await;
    running.stop().await;
}

#[tokio::test]
async fn a_server_whose_future_is_dropped_goes_down_without_a_panic() {
    let world = World::new().await;
    let running = world.serve(vec![passes("titles")]).await;
    running.until("pass", "fresh").await;
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn of_two_servers_one_runs_a_monitor_and_the_other_goes_on_when_it_dies() {
    let world = World::new().await;
    let options = ServeOptions {
        lease: EVERY * 4,
        ..world.options()
    };
    let first = world
        .serve_with(vec![passes("titles")], options.clone())
        .await;
    first.until("pass", "fresh").await;
    let other: Arc<dyn Evaluator> = FakeEvaluator::new(concludes(2, Verdict::Fail), Vec::new());
    let second = world.serve_with(vec![other], options).await;
    let before = second.until("pass", "fresh").await;

    world.clock.advance(EVERY);
    let after = async || {
        for _ in 0..500 {
            let status = second.status().await;
            if status["version"] != before["version"] {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the first server stopped running");
    };
    assert_eq!(after().await["verdict"], "pass", "the second ran it too");
    assert_eq!(runs(&world).await, [Verdict::Pass; 2]);

    first.task.abort();
    world.clock.advance(EVERY * 4);
    second.until("fail", "fresh").await;
    assert_eq!(
        runs(&world).await,
        [Verdict::Fail, Verdict::Pass, Verdict::Pass]
    );
    second.stop().await;
}

/// What the runs concluded, the newest first.
async fn runs(world: &World) -> Vec<Verdict> {
    let runs = world.store.runs(&RunFilter::default(), None, 10).await;
    runs.unwrap().iter().map(|run| run.verdict).collect()
}

#[tokio::test]
async fn a_run_that_is_asked_for_begins_at_once_whoever_is_asked() {
    let world = World::new().await;
    let options = ServeOptions {
        lease: EVERY * 4,
        every: Duration::from_secs(3_600),
        ..world.options()
    };
    let first = world
        .serve_with(vec![passes("titles")], options.clone())
        .await;
    first.until("pass", "fresh").await;
    let second = world.serve_with(vec![passes("titles")], options).await;
    let many = async |count: usize| {
        for _ in 0..500 {
            if runs(&world).await.len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} runs, not {count}", runs(&world).await.len());
    };
    let path = "/api/v1/monitors/titles/runs";
    world.clock.advance(Duration::from_secs(1));
    let answer = first.post(path, serde_json::json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["id"]),
        (202, &"titles".into())
    );
    many(2).await;
    // The second does not run the monitor: the first hears of it when it next looks.
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(second.post(path, serde_json::json!({})).await.status, 202);
    world.clock.advance(EVERY * 2);
    many(3).await;
    let unknown = second
        .post("/api/v1/monitors/x/runs", serde_json::json!({}))
        .await;
    assert_eq!(unknown.status, 404);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_by_the_hour() {
    let world = World::new().await;
    let options = ServeOptions {
        every: Duration::from_secs(1_800),
        keep: Some(Duration::from_secs(3_600)),
        ..world.options()
    };
    let running = world.serve_with(vec![passes("titles")], options).await;
    running.until("pass", "fresh").await;
    let first = world.store.newest_run("titles").await.unwrap().unwrap().id;
    for _ in 0..500 {
        if world.store.run(&first).await.unwrap().is_none() {
            running.stop().await;
            return;
        }
        world.clock.advance(Duration::from_secs(600));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the first run is still there");
}
