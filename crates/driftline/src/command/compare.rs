//! `driftline drift` and `driftline terms`: two sources, without a pipeline file.

use crate::{
    args::{self, FailOn, PresetName},
    command::{self, CommandError},
    exit_code,
    output::{self, Progress},
};
use driftline_engine::EngineConfig;
use driftline_monitor::{Clock, SystemClock, new_run_id};
use driftline_pipeline::{
    Evaluation, EvaluationRequest, Evaluator, Pipeline,
    config::{RoleName, TermsConfig, TimeConfig},
};

pub(crate) async fn drift(
    arguments: args::Compare,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    if arguments.preset.preset != PresetName::Driftline {
        return super::preset::drift(arguments, config, quiet).await;
    }
    if let Some(argument) = arguments.preset.first_given() {
        return Err(CommandError::Usage {
            argument,
            reason: "needs the preset of another tool; driftline's own measures and limits are those of a pipeline's `drift`".into(),
        }
        .into());
    }
    let mut pipeline = pipeline(
        "drift",
        (&arguments.baseline, &arguments.live),
        &arguments.reading,
        &arguments.time,
    )?;
    pipeline.slices = arguments.by.clone();
    if let Some(rate) = arguments.false_alarm_rate {
        pipeline.drift.false_alarm_rate = rate;
    }
    let evaluation = evaluate(pipeline, config, quiet).await?;
    super::run::print(&evaluation.report, &arguments.output)?;
    let fail_on_warn = arguments.fail_on == FailOn::Warn;
    Ok(exit_code::of_verdict(evaluation.run.verdict, fail_on_warn))
}

pub(crate) async fn terms(
    arguments: args::Terms,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let mut pipeline = pipeline(
        "terms",
        (&arguments.baseline, &arguments.live),
        &arguments.reading,
        &arguments.time,
    )?;
    pipeline.terms = Some(TermsConfig {
        decisions: arguments.decisions.clone(),
        ..TermsConfig::of(arguments.text.clone())
    });
    let accepted = match arguments.accepted {
        true => Some(pipeline.term_decisions()?.accept),
        false => None,
    };
    let evaluation = evaluate(pipeline, config, quiet).await?;
    let mut report = evaluation.report;
    report
        .terms
        .retain(|row| accepted.as_ref().is_none_or(|a| a.contains(&row.term)));
    let text = super::term::shown(&report, arguments.format)?;
    output::put(&text, arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}

fn pipeline(
    name: &str,
    (baseline, live): (&str, &str),
    reading: &args::Reading,
    time: &args::TimeArguments,
) -> miette::Result<Pipeline> {
    let usage =
        |argument: &'static str| move |reason: String| CommandError::Usage { argument, reason };
    let name = name.parse().map_err(usage("name"))?;
    let mut pipeline = Pipeline::of_sources(name, baseline.to_owned(), live.to_owned());
    pipeline.prepare = reading.prepare.clone();
    pipeline.skip_corrupt = reading.skip_corrupt;
    pipeline.roles = command::roles(&reading.role)?
        .into_iter()
        .map(|(column, role)| (column, RoleName(role)))
        .collect();
    pipeline.time = match (&time.time, &time.window) {
        (Some(column), Some(window)) => {
            let window = window.parse().map_err(usage("--window"))?;
            let mut config = TimeConfig::of(column.clone(), window);
            if let Some(zone) = &time.time_zone {
                config.time_zone = zone.clone();
            }
            Some(config)
        }
        (None, None) => None,
        _ => {
            return Err(usage("--time")(
                "windows need both a time column and a width: give `--time` and `--window`".into(),
            )
            .into());
        }
    };
    Ok(pipeline)
}

async fn evaluate(
    pipeline: Pipeline,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<Evaluation> {
    let progress = Progress::new(quiet);
    let now = SystemClock.now();
    let request = EvaluationRequest {
        window: None,
        posted: None,
        read: None,
        run_id: new_run_id(now),
        now,
        range: None,
        progress: &|what| progress.say(what),
    };
    Ok(Evaluator::new(pipeline, config).evaluate(&request).await?)
}
