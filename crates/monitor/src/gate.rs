//! A deployment gate: may it go on, by what a running server knows?
//!
//! The answer rests on the newest window's verdict, and only while that is fresh. What cannot
//! be told is `unknown`; whoever asks stops on that too.

use crate::MonitorError;
use crate::delivery::install_tls_provider;
use driftline_verdict::Verdict;
use reqwest::{Client, StatusCode, Url, redirect};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// As much of an answer as is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Which verdicts close a gate, beside `unknown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailOn {
    /// `fail`.
    #[default]
    Fail,
    /// `warn` and `fail`.
    Warn,
}

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go on.
    Pass,
    /// Stop: the data has changed, or is broken.
    Fail,
    /// Stop: it cannot be told.
    Unknown,
}

impl FailOn {
    /// What a gate says of a verdict.
    pub fn decide(self, verdict: Verdict) -> Decision {
        match verdict {
            Verdict::Pass => Decision::Pass,
            Verdict::Warn if self == Self::Fail => Decision::Pass,
            Verdict::Warn | Verdict::Fail => Decision::Fail,
            Verdict::Unknown => Decision::Unknown,
        }
    }
}

/// The answer of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// The monitor that was asked.
    pub monitor: String,
    /// What to do.
    pub decision: Decision,
    /// The verdict on the newest window; `unknown` unless it is fresh.
    pub verdict: Verdict,
    /// Why it is unknown.
    pub reason: Option<String>,
    /// End of the newest window, RFC 3339.
    pub last_window_end: Option<String>,
    /// When an evaluation last ended with a verdict, RFC 3339.
    pub last_evaluated_at: Option<String>,
    /// The run that it rests on.
    pub run_id: Option<String>,
}

/// Asks a server's gate. `max_age` is how old the evaluation may be; the monitor's own limit
/// holds too. `key` is for a server that requires one.
///
/// # Errors
/// [`MonitorError::Gate`]: a URL that is none, a server that does not answer or answers
/// something else. None of them is a pass.
pub async fn ask_gate(
    server: &str,
    monitor: &str,
    max_age: Option<Duration>,
    fail_on: FailOn,
    key: Option<&SecretString>,
) -> Result<Gate, MonitorError> {
    let failed = |reason: String| MonitorError::Gate {
        server: server.to_owned(),
        reason,
    };
    let mut url: Url = server
        .parse()
        .map_err(|error| failed(format!("it is no URL: {error}")))?;
    url.path_segments_mut()
        .map_err(|()| failed("it is no URL of a server: write `http://HOST:PORT`".to_owned()))?
        .pop_if_empty()
        .extend(["api", "v1", "monitors", monitor, "gate"]);
    {
        let mut query = url.query_pairs_mut();
        query.append_pair(
            "fail_on",
            match fail_on {
                FailOn::Fail => "fail",
                FailOn::Warn => "warn",
            },
        );
        if let Some(max_age) = max_age {
            query.append_pair("max_age", &format!("{}s", max_age.as_secs()));
        }
    }
    install_tls_provider();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| failed(said(&error)))?;
    let mut request = client.get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key.expose_secret());
    }
    let mut response = request.send().await.map_err(|error| failed(said(&error)))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response
        .chunk()
        .await
        .map_err(|error| failed(said(&error)))?
    {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES {
            return Err(failed("its answer is too long for a gate's".to_owned()));
        }
    }
    if status != StatusCode::OK {
        return Err(refused(server, monitor, status, &body));
    }
    let gate: Gate = serde_json::from_slice(&body)
        .map_err(|error| failed(format!("its answer is no gate's: {error}")))?;
    if gate.monitor != monitor || gate.decision != fail_on.decide(gate.verdict) {
        return Err(failed("its answer contradicts itself".to_owned()));
    }
    Ok(gate)
}

/// What a server says that does not answer the question.
fn refused(server: &str, monitor: &str, status: StatusCode, body: &[u8]) -> MonitorError {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        detail: String,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) if status == StatusCode::NOT_FOUND && problem.code == "not_found" => {
            MonitorError::UnknownMonitor {
                server: server.to_owned(),
                monitor: monitor.to_owned(),
            }
        }
        Ok(problem) => MonitorError::Gate {
            server: server.to_owned(),
            reason: format!("it answers {status}: {}", problem.detail),
        },
        Err(_) => MonitorError::Gate {
            server: server.to_owned(),
            reason: format!("it answers {status}; is this a driftline server?"),
        },
    }
}

/// The innermost cause is the telling one: `connection refused`, not `error sending request`.
fn said(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
