//! Models that another server runs, against a server in this process.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array};
use driftline_scorer::{Scorer, ScorerError};
use serde_json::{Value, json};

/// A status and a body for a path and the body that was sent.
type Answers = dyn Fn(&str, &Value) -> (u16, String) + Send + Sync;

/// A server on a port of its own, and how many requests it has had.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start(answers: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (answers, counted): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, counted) = (Arc::clone(&answers), Arc::clone(&counted));
                std::thread::spawn(move || serve(&stream, &*answers, &counted));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// One request, one answer.
fn serve(mut stream: &TcpStream, answers: &Answers, counted: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    counted.fetch_add(1, Ordering::SeqCst);
    let path = first.split_whitespace().nth(1).unwrap_or_default();
    let (status, text) = answers(path, &body);
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // Who gave up does not hear the answer.
    stream
        .write_all(format!("{head}{text}").as_bytes())
        .unwrap_or_default();
}

/// What the served model makes of a row: 1 / (1 + exp(−a − b)).
fn served(a: f64, b: f64) -> f64 {
    1.0 / (1.0 + (-a - b).exp())
}

fn open_inference(path: &str, body: &Value) -> (u16, String) {
    let metadata = json!({
        "name": "risk", "platform": "test",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, 1]}],
    });
    match path {
        "/v2/models/risk" => (200, metadata.to_string()),
        "/v2/models/risk/infer" => {
            let input = &body["inputs"][0];
            assert_eq!(
                (&input["name"], &input["datatype"]),
                (&json!("x"), &json!("FP32"))
            );
            let rows = input["shape"][0].as_u64().unwrap();
            let x: Vec<f64> = input["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap())
                .collect();
            let p: Vec<f64> = x.chunks(2).map(|row| served(row[0], row[1])).collect();
            let output = json!({"name": "p", "datatype": "FP32", "shape": [rows, 1], "data": p});
            (200, json!({"outputs": [output]}).to_string())
        }
        _ => (404, json!({"error": "no such model"}).to_string()),
    }
}

fn tensorflow_serving(path: &str, body: &Value) -> (u16, String) {
    let tensor = |width: &str| json!({"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": width}]}});
    let signature = json!({"inputs": {"x": tensor("2")}, "outputs": {"p": tensor("1")}});
    let metadata =
        json!({"metadata": {"signature_def": {"signature_def": {"serving_default": signature}}}});
    match path {
        "/v1/models/risk/versions/3/metadata" => (200, metadata.to_string()),
        "/v1/models/risk/versions/3:predict" => {
            let rows = body["inputs"]["x"].as_array().unwrap();
            let of = |row: &Value| served(row[0].as_f64().unwrap(), row[1].as_f64().unwrap());
            let p: Vec<Value> = rows.iter().map(|row| json!([of(row)])).collect();
            (200, json!({"outputs": p}).to_string())
        }
        _ => (404, json!({"error": "Servable not found"}).to_string()),
    }
}

fn bundle(remote: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "format_version: 1
name: risk
version: 1
task: binary_classification
labels: [low, high]
inputs:
  - {{name: x, from: columns, columns: [{{column: a}}, {{column: b, missing: 0}}]}}
outputs: [{{name: p, holds: probability_of_second_label}}]
batch_size: 32
remote: {{{remote}}}
"
    );
    std::fs::write(folder.path().join("manifest.yaml"), manifest).unwrap();
    folder
}

fn scores(scorer: &Scorer) -> Result<Vec<f64>, ScorerError> {
    let a: ArrayRef = Arc::new(
        (0..100)
            .map(|x| Some(f64::from(x) / 20.0 - 2.0))
            .collect::<Float64Array>(),
    );
    let b: ArrayRef = Arc::new(
        (0..100)
            .map(|x| (x % 3 > 0).then_some(0.5))
            .collect::<Float64Array>(),
    );
    let scores = scorer.scores(&[a, b])?;
    let positive = scores.into_iter().map(|score| {
        let prediction = score.unwrap().prediction.unwrap();
        let confidence = f64::from(prediction.confidence);
        if prediction.label == 1 {
            confidence
        } else {
            1.0 - confidence
        }
    });
    Ok(positive.collect())
}

fn are_those_served(scores: &[f64]) {
    for (row, score) in scores.iter().enumerate() {
        let b = if row % 3 > 0 { 0.5 } else { 0.0 };
        let expected = served(row as f64 / 20.0 - 2.0, b);
        assert!(
            (score - expected).abs() < 1e-5,
            "row {row}: {score} {expected}"
        );
    }
}

#[test]
fn both_protocols_give_the_servers_scores_in_batches() {
    let open = Server::start(open_inference);
    let folder = bundle(&format!("protocol: open_inference, url: '{}/'", open.url));
    let scorer = Scorer::load(folder.path()).unwrap();
    let before = open.requests();
    are_those_served(&scores(&scorer).unwrap());
    assert_eq!(open.requests() - before, 4, "100 rows in batches of 32");
    scores(&scorer).unwrap();
    assert_eq!(open.requests() - before, 4, "equal rows are asked for once");

    let serving = Server::start(tensorflow_serving);
    let remote = format!(
        "protocol: tensorflow_serving, url: '{}', version: '3'",
        serving.url
    );
    are_those_served(&scores(&Scorer::load(bundle(&remote).path()).unwrap()).unwrap());
}

#[test]
fn a_busy_server_is_asked_again_and_one_that_refuses_is_not() {
    let asked = AtomicUsize::new(0);
    let busy = Server::start(
        move |path, body| match asked.fetch_add(1, Ordering::SeqCst) % 3 {
            2 => open_inference(path, body),
            _ => (503, "warming up".into()),
        },
    );
    let remote = format!("protocol: open_inference, url: '{}'", busy.url);
    are_those_served(&scores(&Scorer::load(bundle(&remote).path()).unwrap()).unwrap());

    let never = Server::start(|_, _| (503, "warming up".into()));
    let remote = format!("protocol: open_inference, url: '{}', retries: 1", never.url);
    let error = Scorer::load(bundle(&remote).path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("503: warming up") && error.contains("asked 2 times"),
        "{error}"
    );
    assert_eq!(never.requests(), 2);

    let other = Server::start(tensorflow_serving);
    let remote = format!("protocol: open_inference, url: '{}'", other.url);
    let error = Scorer::load(bundle(&remote).path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("404") && error.contains("by this `protocol`?"),
        "{error}"
    );
    assert_eq!(other.requests(), 1);
}

#[test]
fn a_server_that_is_slow_or_gone_is_given_up() {
    let slow = Server::start(|path, body| {
        std::thread::sleep(Duration::from_millis(400));
        open_inference(path, body)
    });
    let remote = format!(
        "protocol: open_inference, url: '{}', retries: 0, timeout_ms: 100",
        slow.url
    );
    let error = Scorer::load(bundle(&remote).path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("timeout") && error.contains("at most 100 ms each"),
        "{error}"
    );

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let remote = format!("protocol: open_inference, url: 'http://{free}', retries: 0");
    let error = Scorer::load(bundle(&remote).path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&free.to_string()) && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn answers_that_do_not_fit_are_errors_and_no_scores() {
    for (answer, says) in [
        (json!({"outputs": []}).to_string(), "lacks the output `p`"),
        (
            json!({"outputs": [{"name": "p", "shape": [1, 1], "data": [0.5]}]}).to_string(),
            "[1, 1] for 32 rows",
        ),
        (
            json!({"outputs": [{"name": "p", "shape": [32, 1], "data": vec![7.5; 32]}]})
                .to_string(),
            "is it a logit?",
        ),
        ("<html>".to_owned(), "is no JSON"),
    ] {
        let server = Server::start(move |path, body| match path.ends_with("/infer") {
            true => (200, answer.clone()),
            false => open_inference(path, body),
        });
        let remote = format!("protocol: open_inference, url: '{}'", server.url);
        let error = Scorer::load(bundle(&remote).path())
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_row_of_which_the_server_makes_no_number_has_no_score() {
    let server = Server::start(|path, body| {
        let (status, text) = open_inference(path, body);
        if !path.ends_with("/infer") {
            return (status, text);
        }
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        answer["outputs"][0]["data"][0] = Value::Null;
        (status, answer.to_string())
    });
    let remote = format!("protocol: open_inference, url: '{}'", server.url);
    let scorer = Scorer::load(bundle(&remote).path()).unwrap();
    let a: ArrayRef = Arc::new(Float64Array::from(vec![-1.0, 0.5, 1.0]));
    let scores = scorer.scores(&[a.clone(), a]).unwrap();
    let scored: Vec<bool> = scores.iter().map(Option::is_some).collect();
    assert_eq!(scored, [false, true, true]);
}

#[test]
fn a_url_that_cannot_be_asked_is_refused_with_the_manifests_key() {
    for url in [
        "https://models",
        "models:8000",
        "http://",
        "http://me:secret@models",
    ] {
        let remote = format!("protocol: open_inference, url: '{url}'");
        let error = Scorer::load(bundle(&remote).path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("`remote` has the url"), "{url}: {error}");
    }
}
