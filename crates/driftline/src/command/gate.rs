//! `driftline gate`: one answer of a running server for a deployment.

use crate::{
    args::{self, FailOn, Format},
    command, exit_code, output,
};
use driftline_monitor::{Decision, Gate, ask_gate};
use miette::IntoDiagnostic;
use secrecy::SecretString;

/// A key to the server, where it requires one: in the environment, never an argument.
const KEY: &str = "DRIFTLINE_API_KEY";

pub(crate) async fn gate(arguments: args::GateArguments) -> miette::Result<u8> {
    let max_age = arguments
        .max_age
        .as_deref()
        .map(|text| command::duration("--max-age", text))
        .transpose()?;
    let fail_on = match arguments.fail_on {
        FailOn::Fail => driftline_monitor::FailOn::Fail,
        FailOn::Warn => driftline_monitor::FailOn::Warn,
    };
    let (server, monitor) = (&arguments.server, &arguments.monitor);
    let key = std::env::var(KEY).ok().map(SecretString::from);
    let gate = ask_gate(server, monitor, max_age, fail_on, key.as_ref())
        .await
        .map_err(command::shown)?;
    let text = match arguments.output.format {
        Format::Json => serde_json::to_string_pretty(&gate).into_diagnostic()?,
        Format::Table => line(&gate),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(match gate.decision {
        Decision::Pass => exit_code::PASS,
        Decision::Fail => exit_code::FAIL,
        Decision::Unknown => exit_code::UNREADABLE,
    })
}

fn line(gate: &Gate) -> String {
    let decision = match gate.decision {
        Decision::Pass => "pass",
        Decision::Fail => "fail",
        Decision::Unknown => "unknown",
    };
    let mut line = format!("{decision}  {}", gate.monitor);
    if let Some(end) = &gate.last_window_end {
        line += &format!("  window until {end}");
    }
    if let Some(reason) = &gate.reason {
        line += &format!("  {reason}");
    }
    line
}
