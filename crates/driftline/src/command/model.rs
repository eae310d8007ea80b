//! `driftline model`: whether a model runs, and a first manifest for it.

use crate::{
    args,
    command::{self, CommandError, score},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_pipeline::PipelineError;
use driftline_scorer::{Manifest, Outcome, Scorer, first_manifest, verify};
use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread::JoinHandle,
    time::Duration,
};

/// How often the bounded process is looked at.
const POLL: Duration = Duration::from_millis(20);

pub(crate) async fn model(
    verb: args::ModelVerb,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    match verb {
        args::ModelVerb::Adapt(arguments) => adapt(&arguments, config).await,
        args::ModelVerb::Calibrate(arguments) => calibrate(&arguments, config, quiet).await,
        args::ModelVerb::Verify(arguments) if arguments.here => verify_here(&arguments),
        args::ModelVerb::Verify(arguments) => verify_bounded(&arguments),
        args::ModelVerb::Init(arguments) => init(&arguments),
    }
}

fn verify_here(arguments: &args::ModelVerify) -> miette::Result<u8> {
    #[expect(clippy::disallowed_methods, reason = "the clock of the verification")]
    let start = std::time::Instant::now();
    let found = verify(&arguments.model, &|| start.elapsed());
    let text = match arguments.format {
        args::Format::Table => found.table(),
        args::Format::Json => json(&serde_json::json!(found)),
    };
    output::put(&text, None)?;
    Ok(match found.outcome {
        Outcome::Holds => exit_code::PASS,
        Outcome::Differs => exit_code::FAIL,
        Outcome::CannotRun => exit_code::UNREADABLE,
    })
}

/// Verifies in a process of its own. A shell sets the limits, since what a process may take
/// must be set before it starts.
fn verify_bounded(arguments: &args::ModelVerify) -> miette::Result<u8> {
    let output = arguments.output.as_deref();
    let problem = match run_bounded(arguments)? {
        Ended::Found { code, report } => {
            output::put(&report, output)?;
            return Ok(code);
        }
        Ended::TooSlow => format!(
            "it takes more than {} seconds; if it is trusted, allow more by --limit-time",
            arguments.limit_time
        ),
        Ended::Died { how } => format!(
            "its process ended ({how}); it may need more than {} MiB of memory or {} seconds: if it \
             is trusted, allow more by --limit-memory and --limit-time",
            arguments.limit_memory, arguments.limit_time
        ),
    };
    let text = match arguments.format {
        args::Format::Table => {
            format!(
                "{}  cannot run\nproblem   {problem}\n",
                arguments.model.display()
            )
        }
        args::Format::Json => json(&serde_json::json!({
            "format_version": 1,
            "model": arguments.model,
            "outcome": Outcome::CannotRun,
            "problem": problem,
        })),
    };
    output::put(&text, output)?;
    Ok(exit_code::UNREADABLE)
}

/// How the bounded process ended.
enum Ended {
    Found { code: u8, report: String },
    TooSlow,
    Died { how: String },
}

fn run_bounded(arguments: &args::ModelVerify) -> Result<Ended, CommandError> {
    let failed = |reason: std::io::Error| CommandError::Missing {
        what: format!("no process for the model could be started: {reason}"),
    };
    let format = match arguments.format {
        args::Format::Table => "table",
        args::Format::Json => "json",
    };
    let bounded = "ulimit -v \"$1\"; ulimit -t \"$2\"; ulimit -c 0; shift 2; exec \"$@\"";
    let mut child = Command::new("/bin/sh")
        .args(["-c", bounded, "sh"])
        .arg(
            arguments
                .limit_memory
                .get()
                .saturating_mul(1024)
                .to_string(),
        )
        .arg(arguments.limit_time.to_string())
        .arg(std::env::current_exe().map_err(failed)?)
        .args([
            "--quiet", "model", "verify", "--here", "--format", format, "--",
        ])
        .arg(&arguments.model)
        // What is reserved for threads counts as memory.
        .envs([("MALLOC_ARENA_MAX", "2"), ("TOKIO_WORKER_THREADS", "1")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let report = read_all(child.stdout.take());
    let said = read_all(child.stderr.take());
    let (mut waited, limit) = (
        Duration::ZERO,
        Duration::from_secs(arguments.limit_time.get()),
    );
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if waited >= limit {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
            return Ok(Ended::TooSlow);
        }
        std::thread::sleep(POLL);
        waited += POLL;
    };
    let [report, said] = [report, said].map(|read| read.join().unwrap_or_default());
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(match code {
        Some(code @ (exit_code::PASS | exit_code::FAIL | exit_code::UNREADABLE))
            if !report.is_empty() =>
        {
            Ended::Found { code, report }
        }
        _ => {
            let line = said.lines().find(|line| !line.trim().is_empty());
            Ended::Died {
                how: format!("{status}: {}", line.unwrap_or("it said nothing")),
            }
        }
    })
}

/// Reads a pipe to its end beside the process that fills it.
fn read_all(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is all that there is.
            pipe.read_to_end(&mut bytes).unwrap_or_default();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// Refuses to write over what is there.
fn is_free(path: &Path) -> Result<(), CommandError> {
    if !path.exists() {
        return Ok(());
    }
    Err(CommandError::Usage {
        argument: "--output",
        reason: format!(
            "{} is there already and is not written over",
            path.display()
        ),
    })
}

async fn adapt(arguments: &args::ModelAdapt, config: EngineConfig) -> miette::Result<u8> {
    is_free(&arguments.output)?;
    let engine = command::engine(config)?;
    let encoder = arguments.encoder.as_deref().map(Scorer::load);
    let encoder = encoder.transpose().map_err(PipelineError::from)?;
    let rows = command::single(&arguments.source)?.rows(&engine).await?;
    let labelled = rows.text_pairs(&arguments.text, &arguments.label).await;
    let labelled = labelled.map_err(PipelineError::from)?;
    let (name, to) = (&arguments.name, &arguments.output);
    let found = driftline_scorer::adapt(&labelled, encoder.as_ref(), name, to);
    let found = found.map_err(PipelineError::from)?;
    let text = match arguments.format {
        args::Format::Table => found.table(),
        args::Format::Json => json(&serde_json::json!(found)),
    };
    output::put(&text, None)?;
    Ok(exit_code::PASS)
}

async fn calibrate(
    arguments: &args::ModelCalibrate,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let engine = command::engine(config)?;
    let scorer = Scorer::load(&arguments.model).map_err(PipelineError::from)?;
    let mut asked = score::columns(&arguments.columns, scorer.manifest())?;
    asked.push(arguments.label.clone());
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let rows = command::single(&arguments.source)?.rows(&engine).await?;
    let mut read = rows
        .in_order(&asked, None)
        .await
        .map_err(PipelineError::from)?;
    let labels = read.columns.pop().unwrap_or_default();
    let batches = labels.into_iter().enumerate().map(|(batch, labels)| {
        let columns = read.columns.iter().map(|column| column[batch].clone());
        (columns.collect(), labels)
    });
    let found = scorer.calibrate(batches).map_err(PipelineError::from)?;
    let text = match arguments.format {
        args::Format::Table => found.table(),
        args::Format::Json => json(&serde_json::json!(found)),
    };
    if arguments.write {
        let path = scorer.folder().join("manifest.yaml");
        let unreadable = |error: std::io::Error| PipelineError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        };
        let yaml = std::fs::read_to_string(&path).map_err(unreadable)?;
        let yaml = found.in_manifest(&yaml);
        Manifest::parse(&yaml, &path).map_err(PipelineError::from)?;
        output::put(&yaml, Some(&path))?;
        if !quiet {
            output::tell(&format!(
                "temperature {}: {}",
                found.temperature,
                path.display()
            ));
        }
    }
    output::put(&text, None)?;
    Ok(exit_code::PASS)
}

fn init(arguments: &args::ModelInit) -> miette::Result<u8> {
    let yaml = first_manifest(&arguments.model).map_err(PipelineError::from)?;
    Manifest::parse(&yaml, Path::new("manifest.yaml")).map_err(PipelineError::from)?;
    if let Some(path) = &arguments.output {
        is_free(path)?;
    }
    output::put(&yaml, arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}
