//! `/livez` and `/readyz`.
//!
//! Liveness checks nothing: were it to look at the store, an outage of the store would make
//! an orchestrator restart every server, which helps nobody.

use crate::api::Api;
use crate::api::page::Parameters;
use crate::api::problem::{Mistake, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadyParameters {
    /// Lists the checks.
    verbose: Option<String>,
}

/// Whether the process can do its work: the store can be written (so its migrations are
/// done), and no shutdown has begun. `?verbose` lists the checks.
pub(crate) async fn readyz(
    State(api): State<Api>,
    Parameters(asked): Parameters<ReadyParameters>,
) -> Result<String, Problem> {
    let store = api.store.check_writable().await.err().map(|error| {
        tracing::error!(%error, "not ready");
        "it cannot be written: see the server's log".to_owned()
    });
    let draining = api
        .draining
        .is_cancelled()
        .then(|| "the server is going down".to_owned());
    let checks = [("store", store), ("shutdown", draining)];

    let failing: Vec<Mistake> = checks
        .iter()
        .filter_map(|(name, failed)| {
            failed.as_ref().map(|message| Mistake {
                name: (*name).to_owned(),
                message: message.clone(),
            })
        })
        .collect();
    if !failing.is_empty() {
        let names: Vec<&str> = failing.iter().map(|check| check.name.as_str()).collect();
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            format!("not ready: {}", names.join(", ")),
        )
        .with_errors(failing));
    }
    Ok(match asked.verbose {
        None => "ok\n".to_owned(),
        Some(_) => checks
            .iter()
            .map(|(name, _)| format!("[+]{name} ok\n"))
            .chain(["readyz check passed\n".to_owned()])
            .collect(),
    })
}
