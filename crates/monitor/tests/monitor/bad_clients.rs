//! Clients that are slow, endless or talk nonsense.

use crate::support::{FakeEvaluator, Running, World, concludes};
use driftline_monitor::api::ApiSettings;
use driftline_verdict::Verdict;
use futures::future::select;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);

async fn serve(world: &World, connections: usize) -> Running {
    let mut options = world.options();
    options.api = ApiSettings {
        connections,
        header_timeout: Duration::from_millis(200),
        waiters: 1,
        ..ApiSettings::default()
    };
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    world.serve_with(vec![evaluator], options).await
}

/// Everything that the server says until it hangs up.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is a way to hang up.
    if let Err(error) = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("the server hangs up")
    {
        eprintln!("{error}");
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_client_that_dribbles_its_request_is_cut_off_and_starves_nobody() {
    let world = World::new().await;
    // Every place is taken by somebody who sends one byte now and then.
    let running = serve(&world, 3).await;
    let mut dribblers = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\nx: ")
            .await
            .unwrap();
        let (reader, mut writer) = stream.into_split();
        let writing = tokio::spawn(async move {
            while writer.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        dribblers.push((reader, writing));
    }
    let answer = tokio::time::timeout(PATIENCE, running.get("/livez"))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    for (_reader, writing) in dribblers {
        tokio::time::timeout(PATIENCE, writing)
            .await
            .unwrap()
            .unwrap();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_connects_and_says_nothing_is_cut_off() {
    let world = World::new().await;
    let running = serve(&world, 8).await;
    let silent = TcpStream::connect(running.address).await.unwrap();
    until_closed(silent).await;
    running.stop().await;
}

#[tokio::test]
async fn nonsense_and_endless_headers_are_refused() {
    let world = World::new().await;
    let running = serve(&world, 8).await;
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x: {}\r\n", "a".repeat(100_000));
    for request in [
        "\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n".to_owned(),
        format!("GET /livez HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
        format!("GET /livez HTTP/1.1\r\nhost: a\r\n{long}\r\n"),
        format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(100_000)),
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        // The server may hang up before everything is sent.
        let sent = stream.write_all(request.as_bytes()).await;
        let said = until_closed(stream).await;
        assert!(
            said.starts_with("HTTP/1.1 4") || sent.is_err() || said.is_empty(),
            "{said}"
        );
        assert!(!said.contains("200 OK"), "{said}");
    }
    assert_eq!(running.get("/livez").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn more_waiting_polls_than_there_is_room_for_are_told_so() {
    let world = World::new().await;
    let running = serve(&world, 8).await;
    running.until("pass", "fresh").await;
    let path = "/api/v1/monitors/titles/status?wait=50s";
    let first = Box::pin(running.get_unless(path, Some("*")));
    let second = Box::pin(running.get_unless(path, Some("*")));
    // One of them waits, so the one that is answered is the one that may not.
    let (refused, waiting) = tokio::time::timeout(PATIENCE, select(first, second))
        .await
        .unwrap()
        .factor_first();
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["code"], "too_many_waiting");
    running.shutdown.cancel();
    assert_eq!(waiting.await.status, 304);
    running.stop().await;
}
