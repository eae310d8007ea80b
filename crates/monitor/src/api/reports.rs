//! What the report of a run shows, as data: terms, models, distributions, trends.

use crate::api::Api;
use crate::api::change::Changing;
use crate::api::etag;
use crate::api::monitors::NoParameters;
use crate::api::page::Parameters;
use crate::api::problem::{Body, Problem};
use crate::evaluator::Evaluator;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftline_pipeline::{TermDecision, TermDecisions};
use driftline_verdict::Report;
use driftline_verdict::report::model::{Distribution, ModelSummary, TermRow, Trend};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Characters of a term.
const TERM_CHARACTERS: usize = 200;

/// Terms of a monitor's last run.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Terms {
    /// The run.
    run_id: Option<String>,
    /// The terms, best first.
    items: Vec<TermRow>,
    /// What people said of terms.
    decisions: Decisions,
}

/// What people said of terms, in normal form.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Decisions {
    /// Words of their own.
    accept: BTreeSet<String>,
    /// Terms that nobody wants to hear of.
    ignore: BTreeSet<String>,
}

impl From<TermDecisions> for Decisions {
    fn from(decisions: TermDecisions) -> Self {
        Self {
            accept: decisions.accept,
            ignore: decisions.ignore,
        }
    }
}

/// Models of a monitor's last run.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Models {
    /// The run.
    run_id: Option<String>,
    /// The models.
    items: Vec<ModelSummary>,
}

/// What a monitor's last run says of columns.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Profiles {
    /// The run.
    run_id: Option<String>,
    /// Distributions of the newest window beside those of the baseline.
    distributions: Vec<Distribution>,
    /// Quantities over the windows, with their limits.
    trends: Vec<Trend>,
}

pub(crate) async fn report(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let report = api.store.report(&id).await?;
    let report = report.ok_or_else(|| Problem::not_found("run", &id))?;
    etag::answer_value(&headers, &report)
}

pub(crate) async fn terms(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let report = last(&api, &id).await?;
    let decisions = match api.evaluators.get(&id) {
        Some(evaluator) => decisions(&**evaluator)?,
        None => Decisions::default(),
    };
    let (run_id, items) = of(report, |report| report.terms);
    let terms = Terms {
        run_id,
        items,
        decisions,
    };
    etag::answer_value(&headers, &terms)
}

pub(crate) async fn models(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (run_id, items) = of(last(&api, &id).await?, |report| report.models);
    etag::answer_value(&headers, &Models { run_id, items })
}

pub(crate) async fn profiles(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let report = last(&api, &id).await?;
    let (run_id, (distributions, trends)) =
        of(report, |report| (report.distributions, report.trends));
    let profiles = Profiles {
        run_id,
        distributions,
        trends,
    };
    etag::answer_value(&headers, &profiles)
}

/// The report of a monitor's last run; `None` before the first one.
pub(crate) async fn last(api: &Api, monitor: &str) -> Result<Option<Report>, Problem> {
    let state = api.store.monitor(monitor).await?;
    let state = state.ok_or_else(|| Problem::not_found("monitor", monitor))?;
    match &state.last_run_id {
        Some(run) => Ok(api.store.report(run).await?),
        None => Ok(None),
    }
}

fn of<T: Default>(report: Option<Report>, part: impl FnOnce(Report) -> T) -> (Option<String>, T) {
    match report {
        Some(report) => (Some(report.run.run_id.clone()), part(report)),
        None => (None, T::default()),
    }
}

/// A person's word on a term.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermBody {
    /// The term.
    term: String,
    /// What is said of it.
    decision: Word,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TermDecision")]
enum Word {
    /// It is a word of its own.
    Accept,
    /// Nobody wants to hear of it.
    Ignore,
}

/// Writes a person's word into the file of decisions that the pipeline names. The next run
/// heeds it.
pub(crate) async fn decide_term(
    Changing(api): Changing,
    Path(id): Path<String>,
    Body(body): Body<TermBody>,
) -> Result<Response, Problem> {
    let evaluator = take_word(&api, &id, &body).await?;
    Ok(axum::Json(decisions(&*evaluator)?).into_response())
}

/// Writes a person's word where the monitor's pipeline says.
pub(crate) async fn take_word(
    api: &Api,
    id: &str,
    body: &TermBody,
) -> Result<Arc<dyn Evaluator>, Problem> {
    let characters = body.term.chars().count();
    if body.term.trim().is_empty() || characters > TERM_CHARACTERS {
        return Err(Problem::parameter("term", "has 1 to 200 characters"));
    }
    let decision = match body.decision {
        Word::Accept => TermDecision::Accept,
        Word::Ignore => TermDecision::Ignore,
    };
    let evaluator = served(api, id).await?;
    evaluator
        .decide_term(&body.term, decision)
        .map_err(|error| {
            Problem::new(StatusCode::CONFLICT, "terms_undecidable", error.to_string())
        })?;
    // The change is in a file: what is recorded of it stands in a transaction of its own.
    api.store.note_change().await?;
    Ok(evaluator)
}

/// The pipeline of a monitor of this server.
pub(crate) async fn served(api: &Api, id: &str) -> Result<Arc<dyn Evaluator>, Problem> {
    if let Some(evaluator) = api.evaluators.get(id) {
        return Ok(Arc::clone(evaluator));
    }
    Err(match api.store.monitor(id).await? {
        None => Problem::not_found("monitor", id),
        Some(_) => Problem::new(
            StatusCode::CONFLICT,
            "monitor_elsewhere",
            "this server does not serve that pipeline: ask one that does",
        ),
    })
}

fn decisions(evaluator: &dyn Evaluator) -> Result<Decisions, Problem> {
    evaluator
        .term_decisions()
        .map(Into::into)
        .map_err(|error| Problem::new(StatusCode::CONFLICT, "terms_undecidable", error.to_string()))
}
