//! `driftline run`: the main job.

use crate::{
    args::{self, FailOn, ReportFormat},
    command, exit_code,
    output::{self, Progress},
};
use driftline_engine::EngineConfig;
use driftline_monitor::{
    Clock, Evaluator, EventSettings, MonitorError, PipelineEvaluator, RunRequest, SystemClock,
    delivery::Deliverer, run_once,
};
use driftline_pipeline::Pipeline;
use driftline_verdict::{Report, report};
use miette::IntoDiagnostic;
use std::{path::PathBuf, sync::Arc};

pub(crate) async fn run(
    arguments: args::Run,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let pipeline = Pipeline::read(&arguments.pipeline)?;
    let folder = arguments
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("driftline-out").join(pipeline.name.as_str()));
    let progress = Arc::new(Progress::new(quiet));
    let said = Arc::clone(&progress);
    let kept = (!arguments.dry_run).then(|| folder.clone());
    let evaluator = PipelineEvaluator::new(pipeline, config, kept)
        .map_err(command::shown)?
        .with_progress(move |what| said.say(what));
    let fail_on_warn = arguments.fail_on == FailOn::Warn;
    if arguments.dry_run {
        let request = RunRequest::at(SystemClock.now());
        let evaluated = evaluator.evaluate(&request).await;
        drop(progress);
        let evaluation = evaluated.map_err(|source| {
            command::shown(MonitorError::Evaluation {
                monitor: evaluator.name().to_owned(),
                source,
            })
        })?;
        print(&evaluation.report, &arguments.output)?;
        return Ok(exit_code::of_verdict(evaluation.run.verdict, fail_on_warn));
    }
    let store = command::open_store(&arguments.store.store, false).await?;
    let deliverer = (!arguments.no_deliver).then(|| Deliverer::new(store.clone()));
    let outcome = run_once(
        &evaluator,
        &store,
        &SystemClock,
        &EventSettings::default(),
        deliverer.as_ref(),
    )
    .await;
    drop(progress);
    store.close().await;
    let outcome = outcome.map_err(command::shown)?;
    let run = &outcome.evaluation.run;
    if !quiet || arguments.output.output.is_some() || arguments.output.format != ReportFormat::Table
    {
        print(&outcome.evaluation.report, &arguments.output)?;
    }
    if !quiet {
        for delivery in &outcome.deliveries {
            if !delivery.outcome.is_delivered() {
                output::tell(&format!(
                    "not delivered to {}: {}; it waits in the outbox",
                    delivery.target, delivery.outcome
                ));
            }
        }
        output::tell(&format!("report: {}", folder.join("report.html").display()));
    }
    Ok(exit_code::of_verdict(run.verdict, fail_on_warn))
}

/// Prints a report in the wanted form.
pub(crate) fn print(shown: &Report, wanted: &args::ReportOutput) -> miette::Result<()> {
    let text = match wanted.format {
        ReportFormat::Table => report::table(
            shown,
            wanted.output.is_none() && output::colour(&std::io::stdout()),
        ),
        ReportFormat::Json => report::json(&shown.run).into_diagnostic()?,
        ReportFormat::Html => report::html(shown).into_diagnostic()?,
        ReportFormat::Markdown => report::markdown(shown),
        ReportFormat::Junit => report::junit(&shown.run).into_diagnostic()?,
        ReportFormat::Sarif => report::sarif(&shown.run).into_diagnostic()?,
    };
    output::put(&text, wanted.output.as_deref())?;
    Ok(())
}
