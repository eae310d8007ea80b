//! One file for each verb.

mod alert;
mod backfill;
mod baseline;
mod calibrate;
mod cluster;
mod compare;
mod explain;
mod gate;
mod init;
mod key;
mod model;
mod outbox;
mod preset;
mod profile;
mod report;
mod run;
mod schema;
mod score;
mod serve;
mod skew;
mod store;
mod term;
mod tfdv;
mod topic;
mod usage;
mod validate;
mod webhook;

use crate::{args, exit_code};
use args::Verb;
use driftline_engine::{Engine, EngineConfig};
use driftline_monitor::MonitorError;
use driftline_pipeline::{PipelineError, single::SingleSource};
use driftline_schema::Role;
use driftline_store::{Store, StoreError, StoreOptions};
use std::collections::BTreeMap;

/// What a command line asks for that cannot be.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum CommandError {
    /// An argument whose value makes no sense.
    #[error("{argument}: {reason}")]
    #[diagnostic(code(driftline::usage))]
    Usage {
        argument: &'static str,
        reason: String,
    },
    /// A named thing that is not there.
    #[error("{what}")]
    #[diagnostic(code(driftline::missing))]
    Missing { what: String },
    /// A source, or a file that could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pipeline(#[from] PipelineError),
    /// A schema or statistics of TFDV's form.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Schema(#[from] driftline_schema::SchemaError),
    /// A run, a server or the outbox.
    #[error(transparent)]
    #[diagnostic(code(driftline::monitor))]
    Monitor(#[from] MonitorError),
    /// A result that could not be written.
    #[error("{path} cannot be written: {reason}")]
    #[diagnostic(code(driftline::unwritable))]
    Unwritable { path: String, reason: String },
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => exit_code::USAGE,
            Self::Missing { .. } => exit_code::UNREADABLE,
            Self::Pipeline(error) => exit_code::of_pipeline(error),
            Self::Schema(error) => exit_code::of_schema(error),
            Self::Monitor(error) => exit_code::of_monitor(error),
            Self::Unwritable { .. } => exit_code::INFRASTRUCTURE,
        }
    }
}

pub(crate) async fn run(arguments: args::Arguments) -> miette::Result<u8> {
    let args::Arguments {
        verb,
        quiet,
        memory,
        threads,
        cluster,
    } = arguments;
    let config = EngineConfig {
        memory_limit_bytes: memory.saturating_mul(1 << 20),
        threads,
        cluster,
        ..EngineConfig::default()
    };
    match verb {
        Verb::Init(arguments) => init::init(arguments, config, quiet).await,
        Verb::Run(arguments) => run::run(arguments, config, quiet).await,
        Verb::Backfill(arguments) => backfill::backfill(arguments, config, quiet).await,
        Verb::Profile(arguments) => profile::profile(*arguments, config, quiet).await,
        Verb::Merge(arguments) => profile::merge(arguments),
        Verb::Infer(arguments) => schema::infer(arguments, config).await,
        Verb::Validate(arguments) => validate::validate(*arguments, config).await,
        Verb::Schema(verb) => schema::files(verb),
        Verb::Drift(arguments) => compare::drift(*arguments, config, quiet).await,
        Verb::Skew(arguments) => skew::skew(arguments, config).await,
        Verb::Terms(arguments) => compare::terms(*arguments, config, quiet).await,
        Verb::Term(verb) => term::decide(verb),
        Verb::Usage(arguments) => usage::usage(arguments, config).await,
        Verb::Score(arguments) => score::score(arguments, config, quiet).await,
        Verb::Model(verb) => model::model(verb, config, quiet).await,
        Verb::Calibrate(verb) => calibrate::calibrate(verb, config, quiet).await,
        Verb::Report(arguments) => report::report(arguments).await,
        Verb::Explain(arguments) => explain::explain(arguments).await,
        Verb::Serve(arguments) => serve::serve(arguments, config).await,
        Verb::Gate(arguments) => gate::gate(arguments).await,
        Verb::Baseline(verb) => baseline::baseline(verb).await,
        Verb::Alert(verb) => alert::alert(verb).await,
        Verb::Key(verb) => key::key(verb).await,
        Verb::Webhook(verb) => webhook::webhook(verb).await,
        Verb::Outbox(arguments) => outbox::outbox(arguments).await,
        Verb::Topic(arguments) => topic::topic(arguments).await,
        Verb::Store(verb) => store::store(verb).await,
        Verb::Cluster(verb) => cluster::cluster(verb, config).await,
    }
}

/// `title=text` and the like.
fn roles(given: &[String]) -> Result<BTreeMap<String, Role>, CommandError> {
    given
        .iter()
        .map(|text| {
            let wrong = |reason: String| CommandError::Usage {
                argument: "--role",
                reason,
            };
            let (column, role) = text
                .rsplit_once('=')
                .ok_or_else(|| wrong(format!("`{text}` is not COLUMN=ROLE")))?;
            let found = Role::ALL.iter().find(|known| known.name() == role);
            let role = found.ok_or_else(|| {
                let known: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
                wrong(format!(
                    "`{role}` is no role; the roles are {}",
                    known.join(", ")
                ))
            })?;
            Ok((column.to_owned(), *role))
        })
        .collect()
}

fn single(source: &args::SourceArguments) -> Result<SingleSource, CommandError> {
    Ok(SingleSource {
        source: source.source.clone(),
        skip_corrupt: source.reading.skip_corrupt,
        prepare: source.reading.prepare.clone(),
        roles: roles(&source.reading.role)?,
        ..SingleSource::default()
    })
}

/// Opens a store; reading only asks for one that is there.
async fn open_store(url: &str, read_only: bool) -> Result<Store, CommandError> {
    let options = StoreOptions {
        read_only,
        ..StoreOptions::default()
    };
    Ok(Store::open_with(url, &options)
        .await
        .map_err(MonitorError::from)?)
}

/// What an operation on a store ended in, with the store closed whichever it was.
async fn ended<T>(store: &Store, result: Result<T, StoreError>) -> miette::Result<T> {
    store.close().await;
    result.map_err(|error| shown(error.into()))
}

/// A length of time that an argument gives.
fn duration(argument: &'static str, text: &str) -> Result<std::time::Duration, CommandError> {
    if let Some(seconds) = text.strip_suffix('s').and_then(|n| n.parse().ok()) {
        return Ok(std::time::Duration::from_secs(seconds));
    }
    let duration: driftline_pipeline::config::Duration = text
        .parse()
        .map_err(|reason| CommandError::Usage { argument, reason })?;
    Ok(std::time::Duration::from_secs(duration.seconds()))
}

/// A pipeline's own error, with its place in the file, where that is behind it.
fn shown(error: MonitorError) -> miette::Report {
    match error {
        MonitorError::Evaluation { source, monitor } => {
            match source.downcast::<driftline_pipeline::PipelineError>() {
                Ok(error) => miette::Report::new(*error),
                Err(source) => {
                    CommandError::from(MonitorError::Evaluation { source, monitor }).into()
                }
            }
        }
        error => CommandError::from(error).into(),
    }
}

fn engine(config: EngineConfig) -> miette::Result<Engine> {
    Ok(Engine::new(config).map_err(driftline_pipeline::PipelineError::from)?)
}
