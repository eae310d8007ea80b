//! Every operation of the API, once: for the router, and for those who read its description.

use crate::api::openapi::{Operation, document};
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::status::Status;
use crate::api::{
    Api, alerts, baselines, deliveries, etag, events, gate, guard, health, history, metrics,
    monitors, problem, profiles, reports, retraining, runs, silences,
};
use crate::gate::Gate;
use crate::silence::SilenceRequest;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use driftline_store::{
    AuditEntry, BaselineVersion, Event, FoundFinding, JudgedWindow, OutboxRow, PostedProfile,
    RetrainingRequest, RunSummary, Silence, TargetState,
};
use driftline_verdict::{Report, Run};
use serde_json::Value;
use std::sync::LazyLock;

/// The API described as OpenAPI 3.1 says.
pub fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&operations()));
    &DOCUMENT
}

/// `/api/openapi.json`.
async fn described(headers: HeaderMap) -> Result<Response, Problem> {
    etag::answer_value(&headers, openapi())
}

fn reads(path: &'static str, handler: MethodRouter<Api>, what: &'static str) -> Operation {
    Operation::new(Method::GET, path, handler, what)
}

fn changes(path: &'static str, handler: MethodRouter<Api>, what: &'static str) -> Operation {
    Operation::new(Method::POST, path, handler, what)
}

/// In the order in which they are described.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        reads(
            "/api/v1/monitors",
            get(monitors::list),
            "Every monitor with its status",
        )
        .parameters::<monitors::ListParameters>()
        .answers::<Page<Status>>(),
        reads("/api/v1/monitors/{id}", get(monitors::one), "One monitor").answers::<Status>(),
        reads(
            "/api/v1/monitors/{id}/status",
            get(monitors::status),
            "Its status; `wait` waits for a change",
        )
        .parameters::<monitors::StatusParameters>()
        .answers::<Status>(),
        reads(
            "/api/v1/monitors/{id}/gate",
            get(gate::gate),
            "Whether a deployment may go on",
        )
        .parameters::<gate::GateParameters>()
        .answers::<Gate>(),
        changes(
            "/api/v1/monitors/{id}/runs",
            post(monitors::request_run),
            "Asks for a run out of turn",
        )
        .takes::<monitors::NoParameters>()
        .answers_with::<Status>(202),
        reads(
            "/api/v1/monitors/{id}/terms",
            get(reports::terms),
            "Terms of its last run, with what people said of them",
        )
        .answers::<reports::Terms>(),
        changes(
            "/api/v1/monitors/{id}/terms",
            post(reports::decide_term),
            "A person's word on a term",
        )
        .takes::<reports::TermBody>()
        .answers::<reports::Decisions>(),
        reads(
            "/api/v1/monitors/{id}/models",
            get(reports::models),
            "Models that scored the rows of its last run",
        )
        .answers::<reports::Models>(),
        reads(
            "/api/v1/monitors/{id}/profiles",
            get(reports::profiles),
            "Distributions of its newest window beside those of the baseline, and trends",
        )
        .answers::<reports::Profiles>(),
        changes(
            "/api/v1/monitors/{id}/baselines",
            post(baselines::propose),
            "Asks for a version of the baseline",
        )
        .takes::<baselines::ProposeBody>()
        .answers_with::<baselines::Proposed>(202),
        changes(
            "/api/v1/monitors/{id}/baseline/promote",
            post(baselines::promote),
            "Puts a version in force",
        )
        .takes::<baselines::PromoteBody>()
        .answers::<Status>(),
        changes(
            "/api/v1/monitors/{id}/baseline/rollback",
            post(baselines::roll_back),
            "Puts the version in force that was before",
        )
        .takes::<monitors::NoParameters>()
        .answers::<Status>(),
        changes(
            "/api/v1/monitors/{id}/baseline/pin",
            post(baselines::pin),
            "Keeps the version in force whatever retraining brings",
        )
        .takes::<monitors::NoParameters>()
        .answers::<Status>(),
        changes(
            "/api/v1/monitors/{id}/baseline/unpin",
            post(baselines::unpin),
            "Lets new versions take its place again",
        )
        .takes::<monitors::NoParameters>()
        .answers::<Status>(),
        reads(
            "/api/v1/baselines",
            get(baselines::list),
            "Versions of baselines, newest first",
        )
        .parameters::<baselines::ListParameters>()
        .answers::<Page<BaselineVersion>>(),
        reads(
            "/api/v1/profiles",
            get(profiles::list),
            "Profiles that edges posted, newest first",
        )
        .parameters::<profiles::ListParameters>()
        .answers::<Page<PostedProfile>>(),
        changes(
            "/api/v1/profiles",
            post(profiles::post).layer(DefaultBodyLimit::max(problem::PROFILE_BYTES)),
            "Takes a profile of rows that are elsewhere; 200 where it came before",
        )
        .parameters::<profiles::PostParameters>()
        .takes_file(profiles::CONTENT_TYPE)
        .answers_with::<PostedProfile>(201),
        reads("/api/v1/runs", get(runs::list), "Runs, newest first")
            .parameters::<runs::ListParameters>()
            .answers::<Page<RunSummary>>(),
        reads(
            "/api/v1/runs/{id}",
            get(runs::one),
            "One run as its `verdict.json`",
        )
        .answers::<Run>(),
        reads(
            "/api/v1/runs/{id}/report",
            get(reports::report),
            "What its report shows",
        )
        .answers::<Report>(),
        reads(
            "/api/v1/windows",
            get(history::windows),
            "Windows of all runs, newest runs first",
        )
        .parameters::<history::WindowParameters>()
        .answers::<Page<JudgedWindow>>(),
        reads(
            "/api/v1/findings",
            get(history::findings),
            "Findings of all runs, without evidence",
        )
        .parameters::<history::FindingParameters>()
        .answers::<Page<FoundFinding>>(),
        reads(
            "/api/v1/alerts",
            get(alerts::list),
            "Alerts, newest first; `wait` waits for one",
        )
        .parameters::<alerts::ListParameters>()
        .answers::<Page<alerts::AlertItem>>(),
        reads("/api/v1/alerts/{id}", get(alerts::one), "One alert").answers::<alerts::AlertItem>(),
        reads(
            "/api/v1/silences",
            get(silences::list),
            "Silences, newest first",
        )
        .parameters::<silences::ListParameters>()
        .answers::<Page<Silence>>(),
        changes(
            "/api/v1/silences",
            post(silences::create),
            "Makes a silence",
        )
        .takes::<SilenceRequest>()
        .answers_with::<Silence>(201),
        reads("/api/v1/silences/{id}", get(silences::one), "One silence").answers::<Silence>(),
        Operation::new(
            Method::DELETE,
            "/api/v1/silences/{id}",
            delete(silences::end),
            "Ends a silence now",
        )
        .answers::<Silence>(),
        reads(
            "/api/v1/retraining-requests",
            get(retraining::list),
            "Retraining requests, newest first; `wait` waits for one",
        )
        .parameters::<retraining::ListParameters>()
        .answers::<Page<RetrainingRequest>>(),
        reads(
            "/api/v1/retraining-requests/{id}",
            get(retraining::one),
            "One retraining request",
        )
        .answers::<RetrainingRequest>(),
        changes(
            "/api/v1/retraining-requests/{id}/claim",
            post(retraining::claim),
            "Takes a request on",
        )
        .takes::<retraining::ClaimBody>()
        .answers::<retraining::Claimed>(),
        changes(
            "/api/v1/retraining-requests/{id}/heartbeat",
            post(retraining::beat),
            "Says that it is being worked on",
        )
        .takes::<retraining::HeartbeatBody>()
        .answers::<RetrainingRequest>(),
        changes(
            "/api/v1/retraining-requests/{id}/complete",
            post(retraining::complete),
            "Ends a request, well or not",
        )
        .takes::<retraining::CompleteBody>()
        .answers::<RetrainingRequest>(),
        reads("/api/v1/events", get(events::list), "Events, newest first")
            .parameters::<events::ListParameters>()
            .answers::<Page<Event>>(),
        reads(
            "/api/v1/events/{id}",
            get(events::one),
            "One event, as it was sent",
        )
        .answers::<Event>(),
        reads(
            "/api/v1/events/stream",
            get(events::stream),
            "Events as they are decided, since `Last-Event-ID`",
        )
        .parameters::<events::StreamParameters>()
        .answers_text("text/event-stream"),
        reads(
            "/api/v1/deliveries",
            get(deliveries::list),
            "Events for targets, oldest first",
        )
        .parameters::<deliveries::ListParameters>()
        .answers::<Page<OutboxRow>>(),
        changes(
            "/api/v1/deliveries/replay",
            post(deliveries::replay),
            "Tries events again that were given up, and enables their targets",
        )
        .takes::<deliveries::ReplayBody>()
        .answers::<deliveries::Replayed>(),
        reads(
            "/api/v1/targets",
            get(deliveries::targets),
            "Targets that fail, or are disabled",
        )
        .answers::<deliveries::Targets<TargetState>>(),
        reads(
            "/api/v1/audit",
            get(guard::audit),
            "Who changed what, newest first",
        )
        .parameters::<guard::ListParameters>()
        .answers::<Page<AuditEntry>>(),
        reads("/api/openapi.json", get(described), "This document").answers::<Value>(),
        reads("/metrics", get(metrics::metrics), "OpenMetrics")
            .answers_text("application/openmetrics-text"),
        reads("/livez", get(health::livez), "Whether the process lives").answers_text("text/plain"),
        reads("/readyz", get(health::readyz), "Whether it can do its work")
            .parameters::<health::ReadyParameters>()
            .answers_text("text/plain"),
    ]
}
