//! Traces and logs, as a collector receives them.

use crate::desk::{DEARER, Desk, Ended, SAME, TRAINING, until};
use crate::serve::Server;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use std::{net::TcpListener, time::Instant};
use tokio::runtime::Runtime;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

/// A collector that takes everything.
struct Collector {
    runtime: Runtime,
    server: MockServer,
}

impl Collector {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let taken = Mock::given(method("POST")).respond_with(ResponseTemplate::new(200));
            taken.mount(&server).await;
            server
        });
        Self { runtime, server }
    }

    fn requests(&self, path: &str) -> Vec<Request> {
        let all = self.runtime.block_on(self.server.received_requests());
        let of_path = |request: &Request| request.url.path() == path;
        all.unwrap().into_iter().filter(of_path).collect()
    }

    fn spans(&self) -> Vec<(Resource, Span)> {
        let requests = self.requests("/v1/traces");
        let decoded = requests.iter().map(|request| {
            assert_eq!(request.headers["content-type"], "application/x-protobuf");
            ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap()
        });
        let resources = decoded.flat_map(|request| request.resource_spans);
        let spans = resources.flat_map(|spans| {
            let resource = spans.resource.unwrap();
            let scopes = spans.scope_spans.into_iter();
            let spans = scopes.flat_map(|scope| scope.spans);
            spans
                .map(|span| (resource.clone(), span))
                .collect::<Vec<_>>()
        });
        spans.collect()
    }

    fn logs(&self) -> Vec<LogRecord> {
        let requests = self.requests("/v1/logs");
        let decoded = requests
            .iter()
            .map(|request| ExportLogsServiceRequest::decode(request.body.as_slice()).unwrap());
        let resources = decoded.flat_map(|request| request.resource_logs);
        let scopes = resources.flat_map(|logs| logs.scope_logs);
        scopes.flat_map(|scope| scope.log_records).collect()
    }
}

/// The value of an attribute, as its debug text.
fn of(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.map_or(String::new(), |found| format!("{:?}", found.value))
}

fn shop(live: &str, more: &str) -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", live);
    desk.pipeline("base.csv", "live.csv", more);
    desk
}

fn run(desk: &Desk, environment: &[(&str, &str)]) -> Ended {
    let run = ["run", "p.yaml", "--out", "out", "--store", "sqlite://s.db"];
    desk.driftline_with(&run, environment, "")
}

#[test]
fn a_run_is_a_trace_with_its_logs() {
    let collector = Collector::start();
    let desk = shop(
        &DEARER.csv(),
        &format!(
            "actions:\n  webhooks:\n    - name: chat\n      on: [notify]\n      url: {}/events\n      \
             secret: env:HOOK_SECRET\n      allow_http: true\n      allow_addresses: [127.0.0.0/8]\n",
            collector.server.uri()
        ),
    );
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.server.uri()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shop"),
        ("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ];
    run(&desk, &environment).ends_with(1);

    let spans = collector.spans();
    let named = |name: &str| {
        let found = spans.iter().find(|(_, span)| span.name == name);
        found.unwrap_or_else(|| panic!("no span `{name}` in {spans:?}"))
    };
    let (resource, run) = named("run");
    assert!(of(&resource.attributes, "service.name").contains("\"driftline\""));
    assert!(of(&run.attributes, "monitor").contains("\"shop\""));
    for child in ["evaluate", "commit", "delivery"] {
        let (_, span) = named(child);
        assert_eq!(span.trace_id, run.trace_id, "{child}");
        assert_eq!(span.parent_span_id, run.span_id, "{child}");
    }
    // Nothing of the libraries, those that send among them.
    let names: Vec<&str> = spans.iter().map(|(_, span)| span.name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");

    let logs = collector.logs();
    let said = |text: &str| {
        let found = logs
            .iter()
            .find(|log| format!("{:?}", log.body).contains(text));
        found.unwrap_or_else(|| panic!("no log `{text}` in {logs:?}"))
    };
    for text in ["learning the baseline", "committed", "delivered"] {
        assert_eq!(said(text).trace_id, run.trace_id, "{text}");
    }
    let requests = collector.requests("/v1/traces");
    assert_eq!(requests[0].headers["x-tenant"], "shop");
}

#[test]
fn a_server_tells_of_its_runs() {
    let collector = Collector::start();
    let desk = shop(&SAME.csv(), "");
    let environment = [
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            &*format!("{}/v1/traces", collector.server.uri()),
        ),
        ("OTEL_SERVICE_NAME", "watch"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let server = Server::with(&desk, "p.yaml", &environment);
    until("a run arrives", || {
        collector.spans().iter().any(|(resource, span)| {
            span.name == "run" && of(&resource.attributes, "service.name").contains("\"watch\"")
        })
    });
    drop(server);
    // Of logs nothing was asked.
    assert!(collector.logs().is_empty());
}

#[test]
fn a_request_is_a_span_of_the_trace_that_its_client_began() {
    let collector = Collector::start();
    let desk = shop(&SAME.csv(), "");
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.server.uri()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let server = Server::with(&desk, "p.yaml", &environment);
    let parent = [(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )];
    let status = "/api/v1/monitors/shop/status";
    assert_eq!(server.get(status, &parent).status, 200);
    assert_eq!(server.get("/api/v1/monitors/nobody/gate", &[]).status, 404);
    assert_eq!(server.get("/secret-of-a-client", &[]).status, 404);
    until("the requests arrive", || {
        let spans = collector.spans();
        let requests = spans
            .iter()
            .filter(|(_, span)| span.name.starts_with("GET"));
        requests.count() == 3
    });
    let spans = collector.spans();
    let named = |name: &str| {
        let found = spans.iter().find(|(_, span)| span.name == name);
        &found
            .unwrap_or_else(|| panic!("no span `{name}` in {spans:?}"))
            .1
    };
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let told = named("GET /api/v1/monitors/{id}/status");
    assert_eq!(hex(&told.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&told.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(told.kind, SpanKind::Server as i32);
    assert!(of(&told.attributes, "http.route").contains("/api/v1/monitors/{id}/status"));
    assert!(of(&told.attributes, "http.response.status_code").contains("200"));
    let missed = named("GET /api/v1/monitors/{id}/gate");
    assert!(missed.parent_span_id.is_empty());
    assert!(of(&missed.attributes, "http.response.status_code").contains("404"));
    // A path that no route has may be anything, and is not told.
    let unknown = format!("{:?}", named("GET"));
    assert!(!unknown.contains("secret-of-a-client"), "{unknown}");
    drop(server);
}

#[test]
fn a_collector_that_is_gone_or_silent_costs_a_run_a_second_at_most() {
    let desk = shop(&SAME.csv(), "");
    let timed = |environment: &[(&str, &str)]| {
        let begin = Instant::now();
        run(&desk, environment).ends_with(0);
        begin.elapsed().as_secs_f64()
    };
    let without = timed(&[]);
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let endpoints = [endpoint(&silent), endpoint(&gone)];
    drop(gone);
    for endpoint in &endpoints {
        let with = timed(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        // Much room for a busy machine: an exporter that was waited for takes ten seconds.
        assert!(with < without + 5.0, "{with} s, without {without} s");
    }
}

#[test]
fn a_protocol_that_is_not_spoken_is_told_and_stops_nothing() {
    let desk = shop(&SAME.csv(), "");
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    run(&desk, &environment)
        .ends_with(0)
        .says("no traces and logs are sent: `OTEL_EXPORTER_OTLP_PROTOCOL` is `grpc`");
}
