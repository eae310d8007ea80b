//! The process that runs for ever, from its first line to its end.

use crate::desk::{DEARER, Desk, Running, TRAINING, until};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) running: Running,
    address: String,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By names in lower case.
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Server {
    pub(crate) fn start(desk: &Desk) -> Self {
        Self::with(desk, "p.yaml", &[])
    }

    /// Of a pipeline, with an environment.
    pub(crate) fn with(desk: &Desk, pipeline: &str, environment: &[(&str, &str)]) -> Self {
        let mut running = desk.start_with(
            &[
                "serve",
                pipeline,
                "--listen",
                "127.0.0.1:0",
                "--store",
                "sqlite://s.db",
                "--every",
                "1s",
            ],
            environment,
        );
        let mut err = BufReader::new(running.0.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(err.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some((_, address)) = line.trim_end().split_once("listening on http://") {
                break address.to_owned();
            }
        };
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::sink()));
        Self { running, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "")
    }

    /// Posts JSON, and gives the JSON of the answer, which must be a yes.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.send(
            "POST",
            path,
            &[("Content-Type", "application/json")],
            body.to_string(),
        );
        assert!((200..300).contains(&answer.status), "{answer:?}");
        answer.json()
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let body = body.as_ref();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all((request + "\r\n").as_bytes()).unwrap();
        // A server that refuses a body may close before it has come.
        stream.write_all(body).unwrap_or_default();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        Answer {
            status: status.parse().unwrap(),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path, &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
}

const STATUS: &str = "/api/v1/monitors/shop/status";

pub(crate) fn failing_shop() -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk
}

#[test]
fn a_server_answers_before_and_after_its_first_run() {
    let desk = failing_shop();
    let mut server = Server::start(&desk);
    assert_eq!(server.get("/livez", &[]).status, 200);

    // The first run may have ended by now; a poll that waits sees it end either way.
    let first = server.get(STATUS, &[]);
    assert_eq!(first.status, 200, "{first:?}");
    let tag = first.headers["etag"].clone();
    if first.json()["verdict"] == "unknown" {
        let path = format!("{STATUS}?wait=30s");
        let news = server.get(&path, &[("If-None-Match", &tag)]);
        assert_eq!(news.status, 200, "{news:?}");
        assert_ne!(news.headers["etag"], tag);
    }
    until("the first run is stored", || {
        server.json(STATUS)["verdict"] == "fail"
    });
    assert_eq!(server.get("/readyz", &[]).status, 200);

    let status = server.json(STATUS);
    assert_eq!(status["state"], "fresh");
    assert_eq!(status["last_window_end"], "2024-03-11T00:00:00Z");
    assert!(status["last_evaluated_at"].is_string());
    let monitors = server.json("/api/v1/monitors");
    assert_eq!(monitors["items"].as_array().unwrap().len(), 1);
    assert_eq!(monitors["items"][0]["id"], "shop");
    assert!(monitors.get("next_page_token").is_some(), "{monitors}");

    let id = status["last_run_id"].as_str().unwrap();
    let run = server.json(&format!("/api/v1/runs/{id}"));
    assert_eq!(run["run_id"], id);
    crate::verbs::is_a_verdict(&run);
    assert!(run.to_string().contains("2024-03-10T00:00:00Z"), "{run}");
    let requests = server.json("/api/v1/retraining-requests");
    let requests = requests["items"].as_array().unwrap();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0]["state"], "requested");

    for path in [
        "/api/v1/monitors/none/status",
        "/api/v1/runs/none",
        "/nothing",
    ] {
        let missing = server.get(path, &[]);
        assert_eq!(missing.status, 404);
        assert_eq!(missing.headers["content-type"], "application/problem+json");
        let problem = missing.json();
        assert_eq!(problem["status"], 404);
        assert!(
            problem["type"].is_string() && problem["title"].is_string(),
            "{problem}"
        );
    }

    server.running.signal("TERM");
    assert_eq!(server.running.wait(), Some(143));
    assert!(
        TcpStream::connect(&server.address).is_err(),
        "nobody listens after the end"
    );
    // The store is whole, and what the server wrote can be read.
    let again = desk.driftline(&["report", id, "--store", "sqlite://s.db", "--format", "json"]);
    assert_eq!(again.ends_with(0).json()["verdict"], "fail");
}

#[test]
fn a_status_that_is_known_is_not_sent_again() {
    let desk = failing_shop();
    let fifo = desk.path("live.fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    // Nobody writes into the pipe: the first run never ends, the status stays unknown.
    desk.pipeline("base.csv", "live.fifo", "");
    let mut server = Server::start(&desk);
    let first = server.get(STATUS, &[]);
    assert_eq!(first.json()["verdict"], "unknown");
    let tag = first.headers["etag"].as_str();
    let known = server.get(STATUS, &[("If-None-Match", tag)]);
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert_eq!(known.headers["etag"], tag);
    let begin = Instant::now();
    let path = format!("{STATUS}?wait=1s");
    let waited = server.get(&path, &[("If-None-Match", tag)]);
    assert_eq!(waited.status, 304);
    assert!(
        begin.elapsed() >= Duration::from_millis(900),
        "it waits for news"
    );
    server.running.signal("KILL");
    assert_eq!(server.running.wait(), None);
}

#[test]
fn a_server_notices_an_edited_pipeline_and_an_edited_schema() {
    let desk = failing_shop();
    desk.write("schema.yaml", schema(""));
    desk.pipeline("base.csv", "live.csv", "schema: schema.yaml\n");
    let server = Server::start(&desk);
    let until_reason = |what: &str, said: &str| {
        until(what, || {
            let status = server.json(STATUS);
            let reason = status["reason"].as_str().unwrap_or_default().to_owned();
            status["verdict"] == "unknown" && reason.contains(said)
        });
    };
    let until_fails = || {
        until("it is evaluated", || {
            server.json(STATUS)["verdict"] == "fail"
        })
    };
    until_fails();
    let pipeline = desk.read("p.yaml");
    desk.write("p.yaml", pipeline.clone() + "volumne: {}\n");
    until_reason("the mistake is the reason", "volumne");
    desk.write("p.yaml", &pipeline);
    until_fails();
    desk.write("schema.yaml", schema(", rnge: {min: 0}"));
    until_reason(
        "the schema is the reason",
        "schema.yaml is not a valid schema",
    );
    desk.write("schema.yaml", schema(", range: {min: 0, max: 1}"));
    until("the edited schema counts", || {
        let findings = server.json("/api/v1/findings?kind=anomaly&column=amount");
        !findings["items"].as_array().unwrap().is_empty()
    });
}

/// A schema of the shop, with more said about the amount.
fn schema(more: &str) -> String {
    format!(
        "format_version: 1\ncolumns:\n  day: {{type: date, role: time}}\n  \
         amount: {{type: float, role: number{more}}}\n  colour: {{type: string, role: category}}\n"
    )
}

#[test]
fn ctrl_c_ends_a_server_with_130() {
    let desk = failing_shop();
    let mut server = Server::start(&desk);
    until("the server is ready", || {
        server.get("/readyz", &[]).status == 200
    });
    server.running.signal("INT");
    assert_eq!(server.running.wait(), Some(130));
}

#[test]
fn a_gate_ends_by_what_the_server_knows() {
    let desk = failing_shop();
    let mut server = Server::start(&desk);
    until("the first run is stored", || {
        server.json(STATUS)["verdict"] == "fail"
    });
    let url = format!("http://{}", server.address);
    let gate = |monitor| desk.driftline(&["gate", "--server", &url, "--monitor", monitor]);
    let fails = gate("shop");
    assert!(
        fails.ends_with(1).out.starts_with("fail  shop"),
        "{}",
        fails.out
    );
    gate("shoe").ends_with(3).says("no monitor `shoe`");
    server.running.signal("TERM");
    server.running.wait();
    gate("shop").ends_with(4).says("no answer from the gate");
}
