//! What the process says when it ends. Documented once, in `docs/src/reference/exit-codes.md`.

use driftline_engine::EngineError;
use driftline_monitor::MonitorError;
use driftline_pipeline::PipelineError;
use driftline_scorer::ScorerError;
use driftline_verdict::Verdict;

/// The verdict is pass, or warn where that does not fail.
pub(crate) const PASS: u8 = 0;
/// The verdict is fail.
pub(crate) const FAIL: u8 = 1;
/// Wrong usage, or a configuration file that is there and wrong.
pub(crate) const USAGE: u8 = 2;
/// A named file that is missing or unreadable, or a verdict that is unknown.
pub(crate) const UNREADABLE: u8 = 3;
/// A store or a network that fails.
pub(crate) const INFRASTRUCTURE: u8 = 4;
/// A mistake in Driftline itself.
pub(crate) const INTERNAL: u8 = 5;
/// Stopped by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM.
pub(crate) const TERMINATED: u8 = 143;

/// The exit code of a verdict.
pub(crate) fn of_verdict(verdict: Verdict, fail_on_warn: bool) -> u8 {
    match verdict {
        Verdict::Pass => PASS,
        Verdict::Warn if fail_on_warn => FAIL,
        Verdict::Warn => PASS,
        Verdict::Unknown => UNREADABLE,
        Verdict::Fail => FAIL,
    }
}

/// The exit code of an error: that of the first cause which has one.
pub(crate) fn of_error(error: &miette::Report) -> u8 {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if let Some(code) = of_cause(error) {
            return code;
        }
        cause = error.source();
    }
    INTERNAL
}

fn of_cause(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(error) = error.downcast_ref::<crate::command::CommandError>() {
        return Some(error.exit_code());
    }
    if let Some(error) = error.downcast_ref::<PipelineError>() {
        return Some(of_pipeline(error));
    }
    if let Some(error) = error.downcast_ref::<EngineError>() {
        return Some(of_engine(error));
    }
    None
}

pub(crate) fn of_pipeline(error: &PipelineError) -> u8 {
    match error {
        PipelineError::Unreadable { .. } | PipelineError::NoTrainingData { .. } => UNREADABLE,
        PipelineError::Yaml { .. }
        | PipelineError::Configuration { .. }
        | PipelineError::Drift(_) => USAGE,
        PipelineError::Schema(error) => of_schema(error),
        PipelineError::Engine(error) => of_engine(error),
        PipelineError::Scorer(error) => of_scorer(error),
        PipelineError::Statistics(_) => UNREADABLE,
        PipelineError::Unwritable { .. } => INFRASTRUCTURE,
        PipelineError::Internal { .. } => INTERNAL,
    }
}

/// The exit code of a file of TFDV's form: statistics are data, the rest is configuration.
pub(crate) fn of_schema(error: &driftline_schema::SchemaError) -> u8 {
    use driftline_schema::SchemaError;
    match error {
        SchemaError::Statistics { .. } | SchemaError::NoDefaultSlice { .. } => UNREADABLE,
        SchemaError::Protobuf { kind, .. } | SchemaError::Binary { kind, .. }
            if kind.contains("FeatureStatistics") =>
        {
            UNREADABLE
        }
        _ => USAGE,
    }
}

fn of_scorer(error: &ScorerError) -> u8 {
    match error {
        ScorerError::ManifestSyntax { .. }
        | ScorerError::ManifestValue { .. }
        | ScorerError::Tokenizer { .. }
        | ScorerError::Expected { .. }
        | ScorerError::NotText { .. }
        | ScorerError::Columns { .. }
        | ScorerError::ColumnType { .. } => USAGE,
        ScorerError::Run { .. } => INTERNAL,
        _ => UNREADABLE,
    }
}

fn of_engine(error: &EngineError) -> u8 {
    match error {
        EngineError::Scheme { .. }
        | EngineError::Database { .. }
        | EngineError::Pattern { .. }
        | EngineError::UnknownColumn { .. }
        | EngineError::UnknownName { .. }
        | EngineError::Sql { .. }
        | EngineError::Width { .. }
        | EngineError::TimeZone { .. }
        | EngineError::TooManyGroups { .. }
        | EngineError::DifferentModels { .. }
        | EngineError::NoKey
        | EngineError::Unscorable { .. }
        | EngineError::RowsFormat { .. }
        | EngineError::OutOfMemory { .. }
        | EngineError::Rules { .. } => USAGE,
        EngineError::Unwritable { .. }
        | EngineError::Remote { .. }
        | EngineError::Topic { .. }
        | EngineError::Cluster { .. } => INFRASTRUCTURE,
        EngineError::Query { .. } | EngineError::Scoring { .. } => INTERNAL,
        _ => UNREADABLE,
    }
}

/// The exit code of an error of `run`, `serve` and the outbox.
pub(crate) fn of_monitor(error: &MonitorError) -> u8 {
    match error {
        MonitorError::Evaluation { source, .. } => source
            .downcast_ref::<PipelineError>()
            .map_or(INTERNAL, of_pipeline),
        MonitorError::Store(driftline_store::StoreError::Url { .. }) => USAGE,
        MonitorError::Store(_) | MonitorError::Listen { .. } | MonitorError::Gate { .. } => {
            INFRASTRUCTURE
        }
        MonitorError::UnknownMonitor { .. } => UNREADABLE,
        MonitorError::Threads { .. } => INTERNAL,
        _ => USAGE,
    }
}
