//! Profiles on their way to a server that is slow, gone or unwilling.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a process that waits is watched in real time"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A request as it came.
struct Request {
    /// Method, path and query.
    line: String,
    /// In lower case.
    headers: String,
    body: Vec<u8>,
}

impl Request {
    fn id(&self) -> String {
        let (_, id) = self.line.split_once("id=").unwrap();
        id.split(' ').next().unwrap().to_owned()
    }
}

/// A server that gives these answers one after the other, and tells what it was asked.
fn server(answers: Vec<String>) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            told.send(read(&mut stream)).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, asked)
}

fn read(stream: &mut TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.to_lowercase();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        headers.push_str(&header);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request {
        line,
        headers,
        body,
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn taken() -> String {
    answer("201 Created", "", "{}")
}

const SECRET: &str = "ada lovelace of 12 st james's square";

/// Counts rows of two columns, one of which names somebody, and sends the profile.
fn edge(desk: &Path, url: &str, more: &[&str]) -> Output {
    let rows = format!("day,price,buyer\n2026-11-28,1.5,{SECRET}\n2026-11-28,2.5,{SECRET}\n");
    std::fs::write(desk.join("rows.csv"), rows).unwrap();
    let server = [
        "rows.csv",
        "--server",
        url,
        "--monitor",
        "shop",
        "--edge",
        "kiosk-7",
    ];
    Command::new(env!("CARGO_BIN_EXE_driftline-edge"))
        .args(server)
        .args(["--time", "day", "--window", "1d"])
        .args(more)
        .env("EDGE_KEY", "drift_a.b\n")
        .current_dir(desk)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names of what waits.
fn spool(desk: &Path) -> Vec<String> {
    let folder = desk.join("driftline-spool/shop/kiosk-7");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn a_profile_is_sent_with_its_key_and_no_ignored_value_leaves() {
    let desk = tempfile::tempdir().unwrap();
    let (url, asked) = server(vec![taken(), taken()]);
    let ignoring = ["--ignore", "buyer", "--key", "env:EDGE_KEY"];
    let ended = edge(desk.path(), &url, &ignoring);
    assert!(ended.status.success(), "{}", said(&ended));
    let request = asked.recv().unwrap();
    let path = "POST /api/v1/profiles?monitor=shop&edge=kiosk-7&id=";
    assert!(request.line.starts_with(path), "{}", request.line);
    assert!(
        request
            .headers
            .contains("authorization: bearer drift_a.b\r\n")
    );
    assert!(
        request
            .headers
            .contains("content-type: application/octet-stream")
    );
    assert!(holds(&request.body, "price"));
    assert!(!holds(&request.body, SECRET) && !holds(&request.body, "ada"));
    assert!(spool(desk.path()).is_empty());

    // The search would find it: a profile holds the most frequent values of a column.
    let ended = edge(desk.path(), &url, &[]);
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(holds(&asked.recv().unwrap().body, SECRET));
}

#[test]
fn what_could_not_be_sent_waits_for_the_next_run_in_its_order() {
    let desk = tempfile::tempdir().unwrap();
    // Nobody listens on the port of a listener that is gone.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{gone}");
    for waiting in ["1 profiles wait", "2 profiles wait"] {
        let ended = edge(desk.path(), &url, &["--send-for", "0"]);
        assert_eq!(ended.status.code(), Some(4), "{}", said(&ended));
        assert!(said(&ended).contains(waiting), "{}", said(&ended));
    }
    // A process that died while it wrote leaves a part, which is nothing.
    let folder = desk.path().join("driftline-spool/shop/kiosk-7");
    std::fs::write(folder.join("0.parquet.part"), "half").unwrap();
    let mut waiting = spool(desk.path());
    waiting.retain(|name| !name.ends_with(".part"));

    let (url, asked) = server(vec![taken(), taken(), taken()]);
    let ended = edge(desk.path(), &url, &[]);
    assert!(ended.status.success(), "{}", said(&ended));
    let ids: Vec<String> = asked.iter().map(|request| request.id()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted());
    for (id, name) in ids.iter().zip(waiting) {
        assert_eq!(format!("{id}.parquet"), name);
    }
    assert_eq!(spool(desk.path()), ["0.parquet.part"]);
}

#[test]
fn a_busy_server_is_asked_again_under_the_same_id_when_it_says() {
    let desk = tempfile::tempdir().unwrap();
    let busy = answer("503 Service Unavailable", "retry-after: 1\r\n", "");
    // An answer that breaks off leaves open whether the profile was taken.
    let (url, asked) = server(vec![busy, "HTTP/1.1 ".to_owned(), taken()]);
    let begin = std::time::SystemTime::now();
    let ended = edge(desk.path(), &url, &[]);
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(begin.elapsed().unwrap() >= Duration::from_secs(1));
    let ids: Vec<String> = asked.iter().map(|request| request.id()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_profile_that_is_never_taken_is_put_aside_and_others_go_on() {
    let desk = tempfile::tempdir().unwrap();
    let unfit = r#"{"code":"profile_unfit","detail":"its windows are others"}"#;
    let (url, _asked) = server(vec![
        answer("422 Unprocessable Content", "", unfit),
        taken(),
    ]);
    let ended = edge(desk.path(), &url, &[]);
    assert_eq!(ended.status.code(), Some(3), "{}", said(&ended));
    assert!(
        said(&ended).contains("its windows are others"),
        "{}",
        said(&ended)
    );
    let left = spool(desk.path());
    assert!(left.len() == 1 && left[0].ends_with(".refused"), "{left:?}");
    let ended = edge(desk.path(), &url, &[]);
    assert!(ended.status.success(), "{}", said(&ended));
}

#[test]
fn a_wrong_key_loses_nothing_and_is_not_tried_again_and_again() {
    let desk = tempfile::tempdir().unwrap();
    let unknown = r#"{"code":"unauthorized","detail":"this key is unknown"}"#;
    let (url, _asked) = server(vec![answer("401 Unauthorized", "", unknown)]);
    let ended = edge(desk.path(), &url, &["--key", "env:EDGE_KEY"]);
    assert_eq!(ended.status.code(), Some(4), "{}", said(&ended));
    assert!(
        said(&ended).contains("this key is unknown"),
        "{}",
        said(&ended)
    );
    assert_eq!(spool(desk.path()).len(), 1);
}

#[test]
fn arguments_that_cannot_be_meant_are_told_before_a_row_is_read() {
    let desk = tempfile::tempdir().unwrap();
    for (wrong, why) in [
        (vec!["--key", "drift_a.b"], "env:NAME or file:PATH"),
        (vec!["--key", "env:NOT_SET_HERE"], "cannot be read"),
    ] {
        let ended = edge(desk.path(), "http://127.0.0.1:1", &wrong);
        assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
        assert!(said(&ended).contains(why), "{}", said(&ended));
    }
    let ended = edge(desk.path(), "https://shop.example", &[]);
    assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
    assert!(said(&ended).contains("behind TLS"), "{}", said(&ended));
    assert!(!desk.path().join("driftline-spool").exists());
}
