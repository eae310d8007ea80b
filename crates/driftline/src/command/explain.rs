//! `driftline explain`: a finding in words.

use crate::{
    args::{self, Format},
    command::CommandError,
    exit_code, output,
};
use driftline_verdict::{
    Run,
    explain::{self, ExplainError, Selector},
};
use miette::IntoDiagnostic;
use std::path::{Path, PathBuf};

pub(crate) async fn explain(arguments: args::Explain) -> miette::Result<u8> {
    let run = match file(&arguments.run) {
        Some(path) => read(&path)?,
        None => {
            super::report::stored(&arguments.store, &arguments.run)
                .await?
                .run
        }
    };
    let selector = Selector {
        window: arguments.window,
        finding: arguments.finding,
    };
    let explained = explain::explain(&run, &selector).map_err(|error| CommandError::Usage {
        argument: match error {
            ExplainError::NoWindow { .. } => "--window",
            ExplainError::NoFinding { .. } => "FINDING",
        },
        reason: error.to_string(),
    })?;
    let text = match arguments.output.format {
        Format::Table => explain::explanation_table(&explained),
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({
            "format_version": 1,
            "run_id": run.run_id,
            "explanations": explained,
        }))
        .into_diagnostic()?,
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

/// The file that a run is named by; `None` for the id of a stored one.
fn file(run: &str) -> Option<PathBuf> {
    let path = Path::new(run);
    if path.is_dir() {
        return Some(path.join("verdict.json"));
    }
    // What looks like a path is one, whether it is there or not.
    let is_file = path.exists() || run.contains('/') || run.ends_with(".json");
    is_file.then(|| path.to_owned())
}

fn read(path: &Path) -> Result<Run, CommandError> {
    let name = path.display();
    let missing = |what: String| CommandError::Missing { what };
    let text = std::fs::read_to_string(path)
        .map_err(|error| missing(format!("{name} cannot be read: {error}")))?;
    let run: Run = serde_json::from_str(&text).map_err(|error| {
        missing(format!(
            "{name}:{}:{}: it is no verdict of driftline: {error}",
            error.line(),
            error.column()
        ))
    })?;
    if run.format_version > Run::FORMAT_VERSION {
        return Err(missing(format!(
            "{name} has format version {}, this build reads up to {}; use a newer build",
            run.format_version,
            Run::FORMAT_VERSION
        )));
    }
    Ok(run)
}
