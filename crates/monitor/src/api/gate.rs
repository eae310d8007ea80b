//! `/api/v1/monitors/{id}/gate`: one answer for a deployment that asks whether it may go on.

use crate::api::Api;
use crate::api::etag;
use crate::api::long_poll;
use crate::api::monitors;
use crate::api::page::Parameters;
use crate::api::problem::Problem;
use crate::gate::{FailOn, Gate};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateParameters {
    /// How old the evaluation may be, as `2h`.
    max_age: Option<String>,
    /// Which verdicts stop, beside `unknown`.
    #[serde(default)]
    fail_on: FailOn,
}

/// `max_age` makes the monitor's own limit of age tighter, never wider.
pub(crate) async fn gate(
    State(api): State<Api>,
    Path(id): Path<String>,
    Parameters(asked): Parameters<GateParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let max_age = asked
        .max_age
        .as_deref()
        .map(|text| long_poll::duration("max_age", text))
        .transpose()?;
    let assessed = monitors::read(&api, &id, max_age).await?;
    let status = assessed.status;
    let gate = Gate {
        monitor: status.id,
        decision: asked.fail_on.decide(status.verdict),
        verdict: status.verdict,
        reason: status.reason,
        last_window_end: status.last_window_end,
        last_evaluated_at: status.last_evaluated_at,
        run_id: status.last_run_id,
    };
    etag::answer_value(&headers, &gate)
}
