//! Sources behind URLs.

use crate::desk::{DEARER, Desk, Ended, SAME, TRAINING, until};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, path_regex, query_param},
};

/// As who is known to nobody else, at this server.
fn with_s3(desk: &Desk, endpoint: &str, arguments: &[&str]) -> Ended {
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
    ];
    desk.driftline_with(arguments, &environment, "")
}

fn profile(desk: &Desk, source: &str) -> Value {
    let ended = desk.driftline(&["profile", source, "--format", "json"]);
    ended.ends_with(0).json()
}

#[track_caller]
fn column<'a>(profile: &'a Value, name: &str) -> &'a Value {
    let columns = profile["columns"].as_array().unwrap();
    let found = columns.iter().find(|column| column["name"] == name);
    found.unwrap_or_else(|| panic!("no column {name}: {profile}"))
}

/// An S3 server that forgets all when it is dropped.
struct Moto {
    process: Child,
    address: String,
}

impl Moto {
    /// `None`, said loudly, where it is not installed.
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let started = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            eprintln!("SKIPPED: moto_server is not installed (pip install 'moto[server]==5.2.5')");
            return None;
        };
        let address = address.to_string();
        until("moto_server listens", || {
            TcpStream::connect(&address).is_ok()
        });
        let server = Self { process, address };
        server.put("/data", b"");
        Some(server)
    }

    fn put(&self, path: &str, body: &[u8]) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "PUT {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/s3/aws4_request\r\n\r\n",
            self.address,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    fn driftline(&self, desk: &Desk, arguments: &[&str]) -> Ended {
        with_s3(desk, &format!("http://{}", self.address), arguments)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_bucket_is_read_as_a_folder_is() {
    let Some(server) = Moto::start() else { return };
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("shop/store=3")).unwrap();
    desk.write("shop/a.csv", TRAINING.csv());
    desk.write("shop/b.csv", SAME.csv());
    let line = r#"{"amount":1.5,"colour":"red"}"#;
    desk.write("shop/store=3/c.jsonl", line);
    for name in ["a.csv", "b.csv", "store=3/c.jsonl"] {
        server.put(
            &format!("/data/shop/{name}"),
            &std::fs::read(desk.path(&format!("shop/{name}"))).unwrap(),
        );
    }
    server.put("/data/shop/_SUCCESS", b"");
    server.put("/data/other/x.csv", b"z\n1\n");
    let local = profile(&desk, "shop/");
    for source in ["s3://data/shop/", "s3://data/shop"] {
        let there = server.driftline(&desk, &["profile", source, "--format", "json"]);
        assert_eq!(
            there.ends_with(0).json()["columns"],
            local["columns"],
            "{source}"
        );
    }
    let matched = server.driftline(&desk, &["profile", "s3://data/*/?.csv", "--format", "json"]);
    let matched = matched.ends_with(0).json();
    assert_eq!(
        column(&matched, "z")["rows"],
        column(&matched, "amount")["rows"]
    );
    desk.has_no_parts();
}

#[test]
fn a_pipeline_on_buckets_ends_as_one_on_files() {
    let Some(server) = Moto::start() else { return };
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    server.put("/data/base.csv", TRAINING.csv().as_bytes());
    server.put("/data/live.csv", DEARER.csv().as_bytes());
    desk.pipeline("base.csv", "live.csv", "");
    desk.run(&[]).ends_with(1);
    let local = desk.json("out/verdict.json");
    desk.pipeline("s3://data/base.csv", "s3://data/live.csv", "");
    let run = ["run", "p.yaml", "--out", "out", "--store", "sqlite://s.db"];
    server.driftline(&desk, &run).ends_with(1);
    assert_eq!(desk.json("out/verdict.json")["windows"], local["windows"]);
}

#[test]
fn what_is_missing_in_a_bucket_is_named() {
    let Some(server) = Moto::start() else { return };
    let desk = Desk::new();
    server.put("/data/notes/readme.txt", b"nothing");
    for (source, says) in [
        (
            "s3://data/none.csv",
            "s3://data/none.csv`: there is no such object",
        ),
        (
            "s3://nowhere/none.csv",
            "there is no such object; check the bucket",
        ),
        ("s3://data/notes/", "`s3://data/notes/` holds no data file"),
        ("s3://data/*.csv", "`s3://data/*.csv` matches no file"),
    ] {
        let ended = server.driftline(&desk, &["profile", source]);
        ended.ends_with(3).says(says);
    }
}

async fn answering(verb: &str, key: &str, answer: ResponseTemplate, server: &MockServer) {
    let mock = Mock::given(method(verb)).and(path(key));
    mock.respond_with(answer).mount(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_says_how_to_give_credentials() {
    let server = MockServer::start().await;
    answering("HEAD", "/data/a.csv", ResponseTemplate::new(403), &server).await;
    let desk = Desk::new();
    let ended = with_s3(&desk, &server.uri(), &["profile", "s3://data/a.csv"]);
    ended
        .ends_with(3)
        .says("access is refused; give credentials by AWS_ACCESS_KEY_ID");
}

/// A list of one object as S3's language has it, which Google's storage speaks, too.
fn listed_by_google(key: &str, size: usize) -> String {
    format!(
        "<ListBucketResult><Contents><Key>{key}</Key><Size>{size}</Size>\
         <LastModified>2024-01-01T00:00:00Z</LastModified><ETag>\"1\"</ETag></Contents>\
         </ListBucketResult>"
    )
}

fn listed_by_azure(key: &str, size: usize) -> String {
    format!(
        "<EnumerationResults><Blobs><Blob><Name>{key}</Name><Properties>\
         <Last-Modified>Mon, 01 Jan 2024 00:00:00 GMT</Last-Modified>\
         <Content-Length>{size}</Content-Length><Content-Type>text/csv</Content-Type>\
         <Etag>\"1\"</Etag></Properties></Blob></Blobs><NextMarker/></EnumerationResults>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_of_google_and_azure_are_read_and_refuse_clearly() {
    let server = MockServer::start().await;
    let rows = SAME.csv();
    let key = "shop/a.csv";
    // Google's client encodes every sign of a name.
    for (name, answer) in [
        ("^/data/shop(/|%2F)a(\\.|%2E)csv$", object("\"1\"", &rows)),
        ("^/shut/a(\\.|%2E)csv$", ResponseTemplate::new(403)),
    ] {
        let mock = Mock::given(path_regex(name));
        mock.respond_with(answer).mount(&server).await;
    }
    for (parameter, value, list) in [
        ("list-type", "2", listed_by_google(key, rows.len())),
        ("comp", "list", listed_by_azure(key, rows.len())),
    ] {
        Mock::given(method("GET"))
            .and(path("/data"))
            .and(query_param(parameter, value))
            .respond_with(ResponseTemplate::new(200).set_body_string(list))
            .mount(&server)
            .await;
    }
    let desk = Desk::new();
    desk.write("a.csv", &rows);
    let local = profile(&desk, "a.csv");
    let address = server.uri();
    let google = [
        ("GOOGLE_BASE_URL", &*address),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
    ];
    let azure = [
        ("AZURE_STORAGE_ENDPOINT", &*address),
        ("AZURE_STORAGE_ACCOUNT_NAME", "shop"),
        ("AZURE_ALLOW_HTTP", "true"),
        ("AZURE_SKIP_SIGNATURE", "true"),
    ];
    for (scheme, environment, credentials) in [
        ("gs", &google[..], "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az", &azure[..], "AZURE_STORAGE_ACCOUNT_KEY"),
    ] {
        let ask = |source: &str| {
            let asked = ["profile", source, "--format", "json"];
            desk.driftline_with(&asked, environment, "")
        };
        for source in ["data/shop/a.csv", "data/shop/", "data/shop"] {
            let there = ask(&format!("{scheme}://{source}"));
            let there = there.ends_with(0).json();
            assert_eq!(there["columns"], local["columns"], "{scheme}://{source}");
        }
        ask(&format!("{scheme}://shut/a.csv"))
            .ends_with(3)
            .says("access is refused")
            .says(credentials);
    }
}

fn object(tag: &str, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header("ETag", tag)
        .insert_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        .set_body_string(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_over_http_is_read() {
    let server = MockServer::start().await;
    for verb in ["HEAD", "GET"] {
        answering(verb, "/day=3/a%20b.csv", object("\"1\"", "z\n1\n"), &server).await;
    }
    let desk = Desk::new();
    let read = profile(&desk, &format!("{}/day=3/a%20b.csv", server.uri()));
    assert_eq!(column(&read, "z")["rows"], 1);
    assert_eq!(column(&read, "day")["max"], 3.0);
    let missing = desk.driftline(&["profile", &format!("{}/b.csv", server.uri())]);
    missing.ends_with(3).says("there is no such object");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_while_it_is_read_is_an_error() {
    let server = MockServer::start().await;
    answering("HEAD", "/data/a.csv", object("\"1\"", "a\n1\n"), &server).await;
    answering("GET", "/data/a.csv", object("\"2\"", "a\n2\n"), &server).await;
    let desk = Desk::new();
    let ended = with_s3(&desk, &server.uri(), &["profile", "s3://data/a.csv"]);
    ended
        .ends_with(3)
        .says("s3://data/a.csv` changed while it was read");
    desk.has_no_parts();
}

#[test]
fn a_server_that_is_not_there_is_no_verdict() {
    let desk = Desk::new();
    let ended = desk.driftline(&["profile", "http://127.0.0.1:9/a.csv"]);
    ended
        .ends_with(4)
        .says("`http://127.0.0.1:9/a.csv` cannot be read");
    let query = desk.driftline(&["profile", "http://127.0.0.1:9/a.csv?token=x"]);
    query
        .ends_with(3)
        .says("a URL with a query is not asked for");
}
