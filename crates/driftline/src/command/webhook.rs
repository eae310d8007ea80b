//! `driftline webhook`: targets, tried before there is something to tell.

use crate::{
    args,
    command::{self, CommandError},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_monitor::{
    Evaluator, PipelineEvaluator,
    delivery::{Probe, Target},
};
use driftline_pipeline::Pipeline;

pub(crate) async fn webhook(verb: args::WebhookVerb) -> miette::Result<u8> {
    match verb {
        args::WebhookVerb::Test(arguments) => test(&arguments).await,
        args::WebhookVerb::Keys(arguments) => keys(&arguments),
    }
}

/// The pipeline's name, and the targets that are meant.
fn targets(arguments: &args::WebhookTest) -> miette::Result<(String, Vec<Target>)> {
    let pipeline = Pipeline::read(&arguments.pipeline)?;
    let evaluator =
        PipelineEvaluator::new(pipeline, EngineConfig::default(), None).map_err(command::shown)?;
    let is_meant = |target: &&Target| {
        let wanted = arguments.target.as_deref();
        wanted.is_none_or(|name| name == target.name())
    };
    let found: Vec<Target> = evaluator
        .targets()
        .iter()
        .filter(is_meant)
        .cloned()
        .collect();
    if found.is_empty() {
        let wanted = arguments.target.as_deref().unwrap_or_default();
        return Err(CommandError::Missing {
            what: format!(
                "{} names no target `{wanted}` under `actions`",
                arguments.pipeline.display()
            ),
        }
        .into());
    }
    Ok((evaluator.name().to_owned(), found))
}

async fn test(arguments: &args::WebhookTest) -> miette::Result<u8> {
    let (monitor, targets) = targets(arguments)?;
    let probe = Probe::new();
    let mut lines = Vec::new();
    let mut code = exit_code::PASS;
    for target in &targets {
        let name = target.name();
        match probe.send(&monitor, target).await {
            Ok(status) => lines.push(format!("{name}: taken ({status})")),
            Err(error) => {
                lines.push(format!("{name}: {error}"));
                code = exit_code::INFRASTRUCTURE;
            }
        }
    }
    output::put(&lines.join("\n"), None)?;
    Ok(code)
}

fn keys(arguments: &args::WebhookTest) -> miette::Result<u8> {
    let (_, targets) = targets(arguments)?;
    let mut lines = Vec::new();
    for target in &targets {
        let public = target.public_keys().map_err(command::shown)?;
        lines.extend(public.iter().map(|key| format!("{}: {key}", target.name())));
        if public.is_empty() {
            lines.push(format!("{}: no public key", target.name()));
        }
    }
    output::put(&lines.join("\n"), None)?;
    Ok(exit_code::PASS)
}
