//! Events arrive, once or again, and only where they may.

use crate::support::{FakeEvaluator, MONITOR, SECRET, World, concludes, open};
use async_trait::async_trait;
use driftline_monitor::delivery::{
    Answer, Deliverer, DeliveryOutcome, DeliveryReport, HttpTransport, Request as HttpRequest,
    Selection, Target, Transport, Webhook,
};
use driftline_monitor::{Clock, EventSettings, run_once};
use driftline_pipeline::config::SecretReference;
use driftline_store::{OutboxFilter, OutboxRow, OutboxState};
use driftline_verdict::Verdict;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

async fn receiver(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let last = answers.len() - 1;
    for (place, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(method("POST"))
            .and(path("/hook"))
            .respond_with(answer);
        // The last answer is given for ever.
        let mock = if place < last {
            mock.up_to_n_times(1)
        } else {
            mock
        };
        mock.mount(&server).await;
    }
    server
}

fn hook(server: &MockServer) -> String {
    format!("{}/hook", server.uri())
}

async fn received(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

/// One failing window for these targets; tried once.
async fn fail_once(world: &World, targets: Vec<Target>) -> Vec<DeliveryReport> {
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Fail), targets);
    let outcome = run_once(
        &*evaluator,
        &world.store,
        &*world.clock,
        &EventSettings::default(),
        Some(&world.deliverer()),
    )
    .await
    .unwrap();
    outcome.deliveries
}

async fn due(world: &World, targets: &[Target]) -> Vec<DeliveryReport> {
    world
        .deliverer()
        .deliver(MONITOR, targets, &Selection::Due)
        .await
        .unwrap()
}

async fn rows(world: &World) -> Vec<OutboxRow> {
    world
        .store
        .outbox(&OutboxFilter::default(), None, 100)
        .await
        .unwrap()
}

fn error_of(report: &DeliveryReport) -> &str {
    match &report.outcome {
        DeliveryOutcome::Retry { error, .. } | DeliveryOutcome::Dead { error } => error,
        DeliveryOutcome::Delivered { .. } => panic!("delivered: {report:?}"),
    }
}

#[tokio::test]
async fn an_event_arrives_so_that_the_reference_library_accepts_it() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(204)]).await;
    let reports = fail_once(&world, vec![world.target("chat", &hook(&server))]).await;
    assert!(reports[0].outcome.is_delivered());

    let [request] = &received(&server).await[..] else {
        panic!("one request");
    };
    let mut headers = axum::http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, header(request, name).parse().unwrap());
    }
    standardwebhooks::Webhook::new(SECRET)
        .unwrap()
        .verify(&request.body, &headers)
        .unwrap();
    assert_eq!(header(request, "webhook-id"), reports[0].event_id);
    assert_eq!(header(request, "content-type"), "application/json");
    assert_eq!(rows(&world).await[0].state, OutboxState::Delivered);
}

#[tokio::test]
async fn a_server_error_is_tried_again_when_its_time_has_come_under_the_same_id() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(500), ResponseTemplate::new(200)]).await;
    let targets = vec![world.target("chat", &hook(&server))];
    let first = fail_once(&world, targets.clone()).await;
    assert_eq!(error_of(&first[0]), "answered 500");

    // The first retry comes after 5 s ± 20 %.
    world.clock.advance(Duration::from_secs(3));
    assert!(due(&world, &targets).await.is_empty());
    world.clock.advance(Duration::from_secs(4));
    let second = due(&world, &targets).await;
    assert!(second[0].outcome.is_delivered());
    assert_eq!(second[0].attempt, 2);

    let requests = received(&server).await;
    assert_eq!(requests.len(), 2);
    assert_eq!(
        header(&requests[0], "webhook-id"),
        header(&requests[1], "webhook-id")
    );
    assert_eq!(requests[0].body, requests[1].body);
    assert_ne!(
        header(&requests[0], "webhook-timestamp"),
        header(&requests[1], "webhook-timestamp")
    );
}

#[tokio::test]
async fn after_ten_attempts_an_event_is_given_up() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(500)]).await;
    let targets = vec![world.target("chat", &hook(&server))];
    fail_once(&world, targets.clone()).await;
    // Less than the five days after which the target is disabled.
    for _ in 0..110 {
        world.clock.advance(Duration::from_secs(60 * 60));
        due(&world, &targets).await;
    }
    assert_eq!(received(&server).await.len(), 10);
    let rows = rows(&world).await;
    assert_eq!((rows[0].state, rows[0].attempt), (OutboxState::Dead, 10));
}

#[tokio::test]
async fn a_target_that_is_gone_is_not_asked_again() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(410)]).await;
    let target = world.target("chat", &hook(&server));
    let reports = fail_once(&world, vec![target.clone()]).await;
    assert!(matches!(reports[0].outcome, DeliveryOutcome::Dead { .. }));
    assert_eq!(rows(&world).await[0].state, OutboxState::Dead);
    let failing = world.store.failing_targets().await.unwrap();
    assert!(failing[0].disabled_at.is_some(), "{failing:?}");

    // Not for the next event either.
    let evaluator = FakeEvaluator::new(concludes(2, Verdict::Fail), vec![target.clone()]);
    let (store, settings) = (&world.store, EventSettings::default());
    run_once(&*evaluator, store, &*world.clock, &settings, None)
        .await
        .unwrap();
    assert_eq!(due(&world, &[target]).await, []);
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_target_that_fails_for_five_days_is_disabled_and_the_others_are_told() {
    let world = World::new().await;
    let down = receiver(vec![ResponseTemplate::new(500)]).await;
    let up = receiver(vec![ResponseTemplate::new(200)]).await;
    let targets = vec![
        world.target("down", &hook(&down)),
        world.target("up", &hook(&up)),
    ];
    fail_once(&world, targets.clone()).await;
    let settings = EventSettings::default();
    let mut day = 1;
    let failing = loop {
        world.clock.advance(Duration::from_secs(12 * 60 * 60));
        day += 1;
        assert!(day < 20, "it is never disabled");
        let evaluator = FakeEvaluator::new(concludes(day, Verdict::Fail), targets.clone());
        run_once(&*evaluator, &world.store, &*world.clock, &settings, None)
            .await
            .unwrap();
        due(&world, &targets).await;
        let failing = world.store.failing_targets().await.unwrap().remove(0);
        if failing.disabled_at.is_some() {
            break failing;
        }
    };
    let after = failing.disabled_at.unwrap() - failing.failing_since.unwrap();
    assert_eq!(after.num_hours(), 120);
    assert!(
        rows(&world)
            .await
            .iter()
            .all(|row| { row.target == "up" || row.state == OutboxState::Dead })
    );
    due(&world, &targets).await;
    let told = received(&up).await.pop().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(told["type"], "target.disabled");
    assert_eq!(told["data"]["target"], "down");
}

#[tokio::test]
async fn a_target_that_asks_for_an_hour_is_left_alone_for_an_hour() {
    for status in [429, 503] {
        let world = World::new().await;
        let answer = ResponseTemplate::new(status).insert_header("retry-after", "3600");
        let server = receiver(vec![answer]).await;
        fail_once(&world, vec![world.target("chat", &hook(&server))]).await;
        let next_at = rows(&world).await[0].next_at;
        let waited = next_at.timestamp_millis() - world.clock.now().timestamp_millis();
        assert_eq!(waited, 3_600_000);
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let world = World::new().await;
    let elsewhere = receiver(vec![ResponseTemplate::new(200)]).await;
    let answer = ResponseTemplate::new(307).insert_header("location", hook(&elsewhere).as_str());
    let server = receiver(vec![answer]).await;
    let reports = fail_once(&world, vec![world.target("chat", &hook(&server))]).await;
    assert_eq!(error_of(&reports[0]), "answered 307");
    assert!(received(&elsewhere).await.is_empty());
}

#[tokio::test]
async fn a_target_that_is_down_is_named_without_its_url() {
    let world = World::new().await;
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let target = world.target("chat", &format!("http://{free}/T0KEN-in-the-path"));
    let reports = fail_once(&world, vec![target]).await;
    let error = error_of(&reports[0]);
    assert!(error.contains("refused"), "{error}");
    assert!(!error.contains("T0KEN"), "{error}");
}

/// A receiver that writes what it is told and then neither speaks nor hangs up.
async fn raw_receiver(answer: &'static [u8], repeat: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 8_192];
                let read = stream.read(&mut head).await.unwrap_or(0);
                for _ in 0..repeat.min(read * repeat) {
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
                std::future::pending::<()>().await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_target_that_never_answers_is_given_up_after_its_timeout() {
    let world = World::new().await;
    let mut config = world.config("chat", &raw_receiver(b"", 0).await);
    config.timeout_ms = 50;
    let reports = fail_once(&world, vec![Target::new(config).unwrap()]).await;
    assert_eq!(error_of(&reports[0]), "no answer within 50 ms");
}

#[tokio::test]
async fn a_yes_with_a_body_that_never_ends_is_a_yes() {
    let world = World::new().await;
    let url = raw_receiver(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow", 1).await;
    let mut config = world.config("chat", &url);
    config.timeout_ms = 20_000;
    let reports = fail_once(&world, vec![Target::new(config).unwrap()]).await;
    assert!(reports[0].outcome.is_delivered(), "{reports:?}");
}

#[tokio::test]
async fn an_answer_of_a_gigabyte_is_read_only_at_its_beginning() {
    let world = World::new().await;
    let body = vec![b'x'; 1_000_000];
    let server = receiver(vec![ResponseTemplate::new(500).set_body_bytes(body)]).await;
    let webhook = Webhook::new(world.config("chat", &hook(&server))).unwrap();
    let request = HttpRequest {
        url: hook(&server).parse().unwrap(),
        headers: axum::http::HeaderMap::new(),
        body: "{}".to_owned(),
    };
    let answer = HttpTransport::new().send(&webhook, request).await.unwrap();
    assert_eq!(answer.body.len(), driftline_monitor::delivery::ANSWER_BYTES);
    let reports = fail_once(&world, vec![Target::Webhook(Box::new(webhook))]).await;
    assert!(error_of(&reports[0]).len() < 300);
}

#[tokio::test]
async fn a_target_that_fails_does_not_hold_up_the_others() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(200)]).await;
    let mut hanging = world.config("hanging", &raw_receiver(b"", 0).await);
    hanging.timeout_ms = 300;
    let targets = vec![
        Target::new(hanging).unwrap(),
        world.target("chat", &hook(&server)),
    ];
    let reports = fail_once(&world, targets).await;
    let delivered: Vec<(&str, bool)> = reports
        .iter()
        .map(|report| (report.target.as_str(), report.outcome.is_delivered()))
        .collect();
    assert_eq!(delivered, [("hanging", false), ("chat", true)]);
}

#[tokio::test]
async fn what_one_process_decided_the_next_one_delivers() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(200)]).await;
    let targets = vec![world.target("chat", &hook(&server))];
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Fail), targets.clone());
    let outcome = run_once(
        &*evaluator,
        &world.store,
        &*world.clock,
        &EventSettings::default(),
        None,
    )
    .await
    .unwrap();
    world.store.close().await;

    let next = Deliverer::new(open(&world.folder).await);
    let reports = next
        .deliver(MONITOR, &targets, &Selection::Due)
        .await
        .unwrap();
    assert!(reports[0].outcome.is_delivered());
    assert_eq!(reports[0].event_id, outcome.committed.new_events[0]);
}

/// Sends, and dies before anybody hears of it.
#[derive(Debug)]
struct DiesAfterSending {
    transport: HttpTransport,
    sent: Arc<Notify>,
}

#[async_trait]
impl Transport for DiesAfterSending {
    async fn send(&self, target: &Webhook, request: HttpRequest) -> Result<Answer, String> {
        self.transport.send(target, request).await?;
        self.sent.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_process_that_dies_while_it_delivers_leaves_the_event_to_the_next_one() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(200)]).await;
    let targets = vec![world.target("chat", &hook(&server))];
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Fail), targets.clone());
    let sent = Arc::new(Notify::new());
    let dying = world.deliverer_over(Arc::new(DiesAfterSending {
        transport: HttpTransport::new(),
        sent: Arc::clone(&sent),
    }));
    let settings = EventSettings::default();
    tokio::select! {
        _ = run_once(&*evaluator, &world.store, &*world.clock, &settings, Some(&dying)) => {
            panic!("it hears of no answer")
        }
        () = sent.notified() => {}
    }

    // The lease is the dead process's, for a while.
    assert!(due(&world, &targets).await.is_empty());
    world.clock.advance(Duration::from_secs(65));
    assert!(due(&world, &targets).await[0].outcome.is_delivered());
    let requests = received(&server).await;
    assert_eq!(requests.len(), 2);
    assert_eq!(
        header(&requests[0], "webhook-id"),
        header(&requests[1], "webhook-id")
    );
}

#[tokio::test]
async fn pending_events_can_be_delivered_before_they_are_due() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(500), ResponseTemplate::new(200)]).await;
    let targets = vec![world.target("chat", &hook(&server))];
    fail_once(&world, targets.clone()).await;
    let deliver = async |selection| {
        world
            .deliverer()
            .deliver(MONITOR, &targets, &selection)
            .await
            .unwrap()
    };
    assert!(deliver(Selection::Due).await.is_empty());
    assert!(deliver(Selection::Pending).await[0].outcome.is_delivered());
    assert!(deliver(Selection::Pending).await.is_empty());
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_is_not_reached_by_name_either() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(200)]).await;
    let port = server.address().port();
    let mut config = world.config("chat", &format!("http://localhost:{port}/hook"));
    config.allow_addresses = Vec::new();
    let reports = fail_once(&world, vec![Target::new(config).unwrap()]).await;
    let error = error_of(&reports[0]);
    assert!(error.contains("allow_addresses"), "{error}");
    assert!(received(&server).await.is_empty());
}

#[tokio::test]
async fn urls_that_name_a_closed_address_in_any_form_are_refused() {
    let world = World::new().await;
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::808:808]",
        "[2002:7f00:1::]",
        "[2001::1]",
        "[2001:db8::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[ff02::1]",
    ] {
        let mut config = world.config("chat", &format!("https://{host}/hook"));
        config.allow_addresses = Vec::new();
        let error = Target::new(config).map(|_| host).unwrap_err().to_string();
        assert!(error.contains("allow_addresses"), "{host}: {error}");
    }
    for host in ["8.8.8.8", "[2606:4700:4700::1111]", "hooks.example"] {
        let mut config = world.config("chat", &format!("https://{host}/hook"));
        config.allow_addresses = Vec::new();
        assert!(Target::new(config).is_ok(), "{host}");
    }
}

#[tokio::test]
async fn a_list_of_networks_opens_what_it_names_and_no_more() {
    let world = World::new().await;
    let allowed = |host: &str| {
        let mut config = world.config("chat", &format!("https://{host}/"));
        config.allow_addresses = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/16".parse().unwrap()];
        Target::new(config).is_ok()
    };
    for host in ["10.1.2.3", "[::ffff:10.1.2.3]", "[fd00::5]"] {
        assert!(allowed(host), "{host}");
    }
    for host in ["127.0.0.1", "192.168.0.1", "[fd01::5]", "[::1]"] {
        assert!(!allowed(host), "{host}");
    }
}

#[tokio::test]
async fn targets_that_make_no_sense_are_refused_without_their_url() {
    let world = World::new().await;
    for (url, told) in [
        ("hooks.example/T0KEN", "its `url` is none"),
        ("ftp://hooks.example/T0KEN", "begins with `ftp:`"),
        ("http://hooks.example/T0KEN", "not HTTPS"),
        ("https://me:T0KEN@hooks.example/", "user or password"),
        ("https://hooks.example/T0KEN#here", "fragment"),
    ] {
        let mut config = world.config("chat", url);
        config.allow_http = false;
        let error = Target::new(config).unwrap_err().to_string();
        assert!(error.contains("`chat`") && error.contains(told), "{error}");
        assert!(!error.contains("T0KEN"), "{error}");
    }
    let mut config = world.config("chat", "https://hooks.example/T0KEN");
    config.timeout_ms = 31_000;
    assert!(Target::new(config.clone()).is_err());
    config.timeout_ms = 1_000;
    config.on = Vec::new();
    assert!(Target::new(config).is_err());
}

#[tokio::test]
async fn a_missing_or_wrong_secret_is_said_and_tried_again() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(200)]).await;
    let wrong = world.folder.path().join("wrong");
    std::fs::write(&wrong, "whsec_c2hvcnQ=").unwrap();
    for (secret, told) in [
        (
            SecretReference::Environment("DRIFTLINE_NO_SUCH_SECRET".to_owned()),
            "is not set",
        ),
        (
            SecretReference::File(world.folder.path().join("none")),
            "cannot be read",
        ),
        (SecretReference::File(wrong), "holds 5 bytes"),
    ] {
        let world = World::new().await;
        let mut config = world.config("chat", &hook(&server));
        config.secret = Some(secret);
        let reports = fail_once(&world, vec![Target::new(config).unwrap()]).await;
        let error = error_of(&reports[0]);
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("c2hvcnQ"), "{error}");
        assert_eq!(rows(&world).await[0].state, OutboxState::Pending);
    }
    assert!(received(&server).await.is_empty());
}

#[tokio::test]
async fn a_secret_that_is_replaced_signs_with_both_keys() {
    let world = World::new().await;
    let server = receiver(vec![ResponseTemplate::new(200)]).await;
    let new = "whsec_ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4";
    let secrets = format!("{new}\n{SECRET}\n");
    std::fs::write(world.folder.path().join("secret"), secrets).unwrap();
    fail_once(&world, vec![world.target("chat", &hook(&server))]).await;
    let requests = received(&server).await;
    assert_eq!(
        header(&requests[0], "webhook-signature").split(' ').count(),
        2
    );
}

#[tokio::test]
async fn neither_secrets_nor_urls_are_shown() {
    let world = World::new().await;
    let answer = ResponseTemplate::new(500).set_body_string("no such hook: T0KEN-T0KEN\u{7}!");
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let target = world.target("chat", &format!("{}/T0KEN-T0KEN", server.uri()));
    let shown = format!("{target:?}");
    assert!(
        !shown.contains("T0KEN") && !shown.contains("AAECAwQ"),
        "{shown}"
    );
    let reports = fail_once(&world, vec![target]).await;
    assert_eq!(error_of(&reports[0]), "answered 500: no such hook: … !");
    let stored = rows(&world).await[0].last_error.clone().unwrap();
    assert!(!stored.contains("T0KEN"), "{stored}");
}
