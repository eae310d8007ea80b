//! `driftline backfill`: windows of the past, evaluated again.

use crate::{
    args,
    command::{self, CommandError},
    exit_code,
    output::Progress,
};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use driftline_engine::EngineConfig;
use driftline_monitor::{
    Clock, Evaluator, MonitorError, PipelineEvaluator, RunRequest, SystemClock, backfill as refill,
};
use driftline_pipeline::{Pipeline, PipelineError};
use std::sync::Arc;

pub(crate) async fn backfill(
    arguments: args::Backfill,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let pipeline = Pipeline::read(&arguments.pipeline)?;
    let from = instant(&pipeline, "--from", &arguments.from)?;
    let to = instant(&pipeline, "--to", &arguments.to)?;
    if from >= to {
        return Err(CommandError::Usage {
            argument: "--to",
            reason: format!("{to} is not after {from}"),
        }
        .into());
    }
    let progress = Arc::new(Progress::new(quiet));
    let said = Arc::clone(&progress);
    let evaluator = PipelineEvaluator::new(pipeline, config, None)
        .map_err(command::shown)?
        .with_progress(move |what| said.say(what));
    let evaluation = if arguments.dry_run {
        let request = RunRequest {
            range: Some((from, to)),
            ..RunRequest::at(SystemClock.now())
        };
        let evaluated = evaluator.evaluate(&request).await;
        evaluated.map_err(|source| MonitorError::Evaluation {
            monitor: evaluator.name().to_owned(),
            source,
        })
    } else {
        let store = command::open_store(&arguments.store.store, false).await?;
        let refilled = refill(&evaluator, &store, &SystemClock, (from, to)).await;
        store.close().await;
        refilled
    };
    drop(progress);
    let evaluation = evaluation.map_err(command::shown)?;
    super::run::print(&evaluation.report, &arguments.output)?;
    Ok(exit_code::of_verdict(evaluation.run.verdict, false))
}

/// An instant, or the beginning of a day in the pipeline's time zone.
fn instant(
    pipeline: &Pipeline,
    argument: &'static str,
    text: &str,
) -> miette::Result<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let wrong = |reason: String| CommandError::Usage { argument, reason };
    let day: NaiveDate = text.parse().map_err(|_| {
        wrong(format!(
            "`{text}` is neither a day, as 2024-01-31, nor RFC 3339, as 2024-01-31T06:00:00Z"
        ))
    })?;
    let zone = match &pipeline.time {
        Some(time) => driftline_engine::time_zone(&time.time_zone).map_err(PipelineError::from)?,
        None => return Err(wrong("the pipeline has no `time`, so no windows".to_owned()).into()),
    };
    let begins = zone.from_local_datetime(&day.and_time(NaiveTime::MIN));
    let begins = begins
        .earliest()
        .ok_or_else(|| wrong(format!("{text} does not begin at midnight in {zone}")))?;
    Ok(begins.to_utc())
}
