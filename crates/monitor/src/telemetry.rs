//! Traces and logs for a collector, as OTLP over HTTP.
//!
//! The SDK exports from threads of its own, where no runtime is; the HTTP client needs one. So a
//! request is handed to the program's runtime, and the thread waits for the answer. A collector
//! that is slow or gone costs these threads their time and nobody else: queues are bounded, and
//! what does not fit is dropped.

use crate::delivery::install_tls_provider;
use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::env;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, registry::LookupSpan};

/// How long the program's end waits for each of traces and logs to be taken.
const END_WITHIN: Duration = Duration::from_millis(500);
/// How long a request may take; the exporter gives up by `OTEL_EXPORTER_OTLP_TIMEOUT`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The one protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

/// Where traces and logs go, where anywhere.
#[derive(Debug, Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
}

impl Telemetry {
    /// What the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, …) ask for; nothing, where they
    /// name no collector. Requests are sent by the runtime.
    ///
    /// # Errors
    /// What is wrong with the variables, for people.
    pub fn from_environment(runtime: &Handle) -> Result<Self, String> {
        let said = |error: opentelemetry_otlp::ExporterBuildError| error.to_string();
        let mut telemetry = Self::default();
        if is_wanted("TRACES")? {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(Client::new(runtime)?)
                .build()
                .map_err(said)?;
            let provider = SdkTracerProvider::builder()
                .with_resource(resource())
                .with_batch_exporter(exporter);
            telemetry.traces = Some(provider.build());
        }
        if is_wanted("LOGS")? {
            let exporter = LogExporter::builder()
                .with_http()
                .with_http_client(Client::new(runtime)?)
                .build()
                .map_err(said)?;
            let provider = SdkLoggerProvider::builder()
                .with_resource(resource())
                .with_batch_exporter(exporter);
            telemetry.logs = Some(provider.build());
        }
        Ok(telemetry)
    }

    /// What hears Driftline's own spans and events, from `info` on: not those of the libraries,
    /// among which are those that send.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let traces = self.traces.as_ref().map(|provider| {
            let tracer = provider.tracer("driftline");
            tracing_opentelemetry::layer().with_tracer(tracer)
        });
        let logs = self.logs.as_ref().map(OpenTelemetryTracingBridge::new);
        let own = Targets::new().with_target("driftline", Level::INFO);
        let is_heard = traces.is_some() || logs.is_some();
        is_heard.then(|| Layer::and_then(traces, logs).with_filter(own))
    }

    /// Sends what is left; gives up after half a second each. Blocking; the runtime must still be
    /// there.
    pub fn end(self) {
        // What did not go out is nobody's verdict.
        if let Some(Err(error)) = self
            .traces
            .map(|traces| traces.shutdown_with_timeout(END_WITHIN))
        {
            tracing::debug!(%error, "the last traces are lost");
        }
        if let Some(Err(error)) = self.logs.map(|logs| logs.shutdown_with_timeout(END_WITHIN)) {
            tracing::debug!(%error, "the last logs are lost");
        }
    }
}

/// Whether a collector is named for a signal, in a protocol that is spoken.
fn is_wanted(signal: &str) -> Result<bool, String> {
    let value = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let of_signal = |what: &str| {
        let own = format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
        let all = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, all]
            .into_iter()
            .find_map(|name| value(&name).map(|value| (name, value)))
    };
    let is_off = value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || value(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|exporter| exporter != "otlp");
    if is_off || of_signal("ENDPOINT").is_none() {
        return Ok(false);
    }
    match of_signal("PROTOCOL") {
        Some((name, protocol)) if protocol != PROTOCOL => Err(format!(
            "`{name}` is `{protocol}`; only `{PROTOCOL}` is spoken, usually at port 4318"
        )),
        _ => Ok(true),
    }
}

/// What `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say of this process; `driftline` where
/// they name no service.
fn resource() -> Resource {
    let attributes = env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named = env::var_os("OTEL_SERVICE_NAME").is_some()
        || attributes
            .split(',')
            .any(|attribute| attribute.trim_start().starts_with("service.name="));
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    match is_named {
        true => resource.build(),
        false => resource.with_service_name("driftline").build(),
    }
}

/// Sends by a runtime, whichever thread asks.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl Client {
    fn new(runtime: &Handle) -> Result<Self, String> {
        install_tls_provider();
        let http = reqwest::Client::builder()
            .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self {
            http,
            runtime: runtime.clone(),
        })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let status = answer.status();
            let headers = answer.headers().clone();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(sent.await??)
    }
}
