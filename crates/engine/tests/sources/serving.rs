//! Logs of model servers: requests and responses as rows, whole and damaged.
//!
//! The files of `serving/` hold TensorFlow Serving's own messages, written by its own library
//! (`serving/make.py`).

use super::{compressed, engine, error_of, lines, open, types, write};
use driftline_engine::Source;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn event(kind: &str, id: &str, time: &str, data: &str) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"http://localhost:9081/\",\
         \"type\":\"org.kubeflow.serving.inference.{kind}\",\"time\":\"{time}\",\
         \"inferenceservicename\":\"titles\",\"datacontenttype\":\"application/json\",\
         \"data\":{data}}}\n"
    )
}

fn tensor(name: &str, datatype: &str, shape: &str, data: &str) -> String {
    format!("{{\"name\":\"{name}\",\"shape\":{shape},\"datatype\":\"{datatype}\",\"data\":{data}}}")
}

/// Two requests and their responses, the second response first.
pub(super) fn exchanges() -> String {
    let ages = tensor("age", "INT64", "[2]", "[31,44]");
    let titles = tensor("title", "BYTES", "[2,1]", "[\"早安\",\"hello\"]");
    let vectors = tensor("vector", "FP32", "[2,2]", "[[1,2.5],[3,4]]");
    let scores = tensor("score", "FP32", "[2]", "[0.25,0.75]");
    let one = tensor("score", "FP32", "[1,1]", "[0.5]");
    [
        event(
            "request",
            "a",
            "2024-01-31T08:00:00Z",
            &format!("{{\"inputs\":[{ages},{titles},{vectors}]}}"),
        ),
        event(
            "response",
            "b",
            "2024-01-31T08:00:01.5Z",
            &format!("{{\"model_name\":\"titles\",\"model_version\":\"2\",\"outputs\":[{one}]}}"),
        ),
        event(
            "response",
            "a",
            "2024-01-31T08:00:02Z",
            &format!(
                "{{\"model_name\":\"titles\",\"model_version\":\"1\",\"outputs\":[{scores}]}}"
            ),
        ),
        event(
            "request",
            "b",
            "2024-01-31T16:00:01+08:00",
            &format!("{{\"inputs\":[{}]}}", tensor("age", "INT64", "[1]", "[7]")),
        ),
    ]
    .concat()
}

const EXCHANGES: [&str; 3] = [
    "titles|1|a|2024-01-31T08:00:00Z|31|早安|[1.0, 2.5]|0.25",
    "titles|1|a|2024-01-31T08:00:00Z|44|hello|[3.0, 4.0]|0.75",
    "titles|2|b|2024-01-31T08:00:01Z|7|||0.5",
];

#[tokio::test]
async fn a_request_and_its_response_are_rows_of_named_columns() {
    let directory = TempDir::new().unwrap();
    for compression in ["", "gz", "zst"] {
        let name = format!("log{compression}.jsonl");
        let bytes = compressed(exchanges().as_bytes(), compression);
        let rows = open(&write(&directory, &name, bytes)).await.unwrap();
        assert_eq!(
            types(&rows),
            [
                "model_name: Utf8",
                "model_version: Utf8",
                "request_id: Utf8",
                "request_time: Timestamp(µs, \"UTC\")",
                "age: Int64",
                "title: Utf8",
                "vector: List(Float64)",
                "score: Float64"
            ]
        );
        assert_eq!(lines(&rows).await, EXCHANGES, "{name}");
    }
}

#[tokio::test]
async fn requests_and_responses_of_a_folder_are_one_log() {
    let directory = TempDir::new().unwrap();
    let whole = exchanges();
    let half = |kind: &str| {
        let kind = format!("inference.{kind}");
        let half = whole.lines().filter(|line| line.contains(&kind));
        half.collect::<Vec<_>>().join("\n")
    };
    write(&directory, "log/day=1/requests.jsonl", half("request"));
    write(&directory, "log/day=1/responses.json", half("response"));
    write(&directory, "log/day=2/requests.json", half("request"));
    let rows = open(&directory.path().join("log")).await.unwrap();
    let joined = rows
        .prepare("SELECT day, request_id, age, score FROM source ORDER BY day, age")
        .await
        .unwrap();
    assert_eq!(
        lines(&joined).await,
        [
            "1|b|7|0.5",
            "1|a|31|0.25",
            "1|a|44|0.75",
            "2|b|7|",
            "2|a|31|",
            "2|a|44|"
        ]
    );
}

/// A file as KServe's logger puts it into a bucket.
fn stored(kind: &str, id: &str, body: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!(
        "[{{\"Url\":{{\"Scheme\":\"s3\",\"Host\":\"logs\",\"Path\":\"/\"}},\"Bytes\":\"{}\",\
         \"ContentType\":\"application/json\",\"ReqType\":\"org.kubeflow.serving.inference.{kind}\",\
         \"Id\":\"{id}\",\"InferenceService\":\"flowers\",\"Namespace\":\"default\"}}]",
        STANDARD.encode(body)
    )
}

#[tokio::test]
async fn files_of_a_bucket_hold_bodies_of_either_protocol() {
    let directory = TempDir::new().unwrap();
    for (name, id, request, response) in [
        (
            "a",
            "1",
            "{\"instances\":[[1,2],[3,4]]}",
            "{\"predictions\":[0,1]}",
        ),
        (
            "b",
            "2",
            "{\"instances\":[{\"width\":2.5,\"kind\":\"x\"},{\"width\":3.5}]}",
            "{\"error\":\"no such model\"}",
        ),
    ] {
        let file = |half: &str| format!("log/{name}-{half}.json");
        write(&directory, &file("request"), stored("request", id, request));
        write(
            &directory,
            &file("response"),
            stored("response", id, response),
        );
    }
    let rows = open(&directory.path().join("log")).await.unwrap();
    assert_eq!(
        lines(&rows).await,
        [
            "flowers|1|[1, 2]|||0",
            "flowers|1|[3, 4]|||1",
            "flowers|2||x|2.5|",
            "flowers|2|||3.5|",
        ]
    );
}

#[tokio::test]
async fn bodies_by_themselves_are_joined_by_their_ids() {
    let directory = TempDir::new().unwrap();
    let (x, y) = (
        tensor("x", "FP64", "[]", "[1.5]"),
        tensor("x", "BOOL", "[1]", "[true]"),
    );
    let log = format!(
        "{{\"id\":\"1\",\"inputs\":[{x}]}}\n{{\"id\":\"1\",\"model_name\":\"m\",\"outputs\":[{y}]}}\n"
    );
    let rows = open(&write(&directory, "bodies.jsonl", log)).await.unwrap();
    // An output that is called as an input says that it is none.
    assert_eq!(
        types(&rows),
        [
            "model_name: Utf8",
            "request_id: Utf8",
            "x: Float64",
            "x_output: Boolean"
        ]
    );
    assert_eq!(lines(&rows).await, ["m|1|1.5|true"]);
}

#[tokio::test]
async fn other_objects_with_inputs_are_json_lines() {
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "any.jsonl", "{\"inputs\":3,\"id\":\"a\"}\n");
    assert_eq!(lines(&open(&path).await.unwrap()).await, ["3|a"]);
}

#[tokio::test]
async fn a_message_that_is_none_is_named_by_its_line() {
    let directory = TempDir::new().unwrap();
    let time = "2024-01-31T08:00:00Z";
    let body = |tensor: String| format!("{{\"inputs\":[{tensor}]}}");
    let good = event(
        "request",
        "a",
        time,
        &body(tensor("x", "INT64", "[1]", "[1]")),
    );
    for (second, told) in [
        ("{\"specversion\"".to_owned(), "not JSON at column"),
        ("7".to_owned(), "not a JSON object"),
        ("{\"x\":1}".to_owned(), "neither a CloudEvent"),
        (
            event("request", "b", "yesterday", "{}"),
            "its `time` is none",
        ),
        (
            event("explain", "b", time, "{}"),
            "neither a request nor a response",
        ),
        (
            event("request", "b", time, "\"!\""),
            "its payload is no JSON object",
        ),
        (
            event("request", "b", time, "{\"inputs\":3}"),
            "it has no list `inputs`",
        ),
        (
            event(
                "request",
                "b",
                time,
                &body(tensor("x", "INT64", "[2]", "[1]")),
            ),
            "`x` holds 1 values, which its shape [2] does not",
        ),
        (
            event(
                "request",
                "b",
                time,
                "{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT64\",\
                 \"parameters\":{\"binary_data_size\":8}}]}",
            ),
            "`x` has no `data`: its values are binary",
        ),
        (
            event(
                "request",
                "b",
                time,
                &body(tensor("x", "BYTES", "[1]", "[\"a\"]")),
            ),
            "`x` is text here, but a number in line 1 of `",
        ),
    ] {
        let path = write(&directory, "log.jsonl", format!("{good}{second}\n"));
        let error = error_of(&path).await;
        assert!(
            error.contains("log.jsonl` line 2") && error.contains(told),
            "{error}"
        );
    }
}

pub(super) fn of_tensorflow(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sources/serving")
        .join(name)
}

#[tokio::test]
async fn predictions_of_tensorflow_serving_are_rows() {
    let rows = open(&of_tensorflow("predict.tfrecord")).await.unwrap();
    assert_eq!(
        types(&rows),
        [
            "model_name: Utf8",
            "model_version: Utf8",
            "request_time: Timestamp(µs, \"UTC\")",
            "age: Int64",
            "emb: List(Float64)",
            "half: Float64",
            "ok: Boolean",
            "same: Int64",
            "title: Utf8",
            "score: Float64"
        ]
    );
    assert_eq!(
        lines(&rows).await,
        [
            "titles|3|2024-01-31T08:00:00Z|31|[1.5, 2.5]|0.5|true|7|早安|0.25",
            "titles|3|2024-01-31T08:00:00Z|44|[3.5, 4.5]|-2.0|false|7|hello|0.75",
            "titles|3|2024-01-31T08:01:00Z|9|||||tf|0.125",
        ]
    );
}

#[tokio::test]
async fn classifications_regressions_and_sessions_are_rows() {
    let rows = open(&of_tensorflow("examples.tfrecord")).await.unwrap();
    let asked = rows
        .prepare(
            "SELECT age, town, work, classes, scores, outputs, low_outputs, high_classes, \
             high_scores, value FROM source",
        )
        .await
        .unwrap();
    assert_eq!(
        lines(&asked).await,
        [
            "25||[a, b]|[<=50K, >50K]|[0.75, 0.25]|||||",
            "50|||[<=50K, >50K]|[0.5, 0.5]|||||",
            "26|north||||2.5||||",
            "33||||||1.5|a|0.5|",
            "61|||||||||0.5",
        ]
    );
}

#[tokio::test]
async fn a_damaged_log_is_named_by_its_record_or_left_out() {
    let directory = TempDir::new().unwrap();
    let mut bytes = std::fs::read(of_tensorflow("examples.tfrecord")).unwrap();
    // The last byte of the data of the last record.
    let place = bytes.len() - 5;
    bytes[place] ^= 1;
    let path = write(&directory, "log.tfrecord", bytes);
    let error = error_of(&path).await;
    assert!(
        error.contains("log.tfrecord` record 4 at byte")
            && error.contains("the checksum of its data is wrong")
            && error.contains("--skip-corrupt 1"),
        "{error}"
    );
    let source = Source {
        skip_corrupt: 1,
        ..Source::new(path.display().to_string())
    };
    let rows = engine().open(&source).await.unwrap();
    assert_eq!(lines(&rows).await.len(), 4);
}

#[tokio::test]
async fn the_head_of_a_log_is_a_log() {
    let directory = TempDir::new().unwrap();
    let log = write(&directory, "log.jsonl", exchanges());
    for (path, rows) in [(log, 3), (of_tensorflow("predict.tfrecord"), 3)] {
        let source = Source::new(path.display().to_string());
        let size = engine().size(&source).await.unwrap();
        assert!(!size.rows_exact && size.files == 1, "{size:?}");
        let head = engine().head(&source, 100).await.unwrap();
        let found = engine().open(&head.source).await.unwrap();
        assert_eq!(lines(&found).await.len(), rows, "{}", path.display());
    }
}
