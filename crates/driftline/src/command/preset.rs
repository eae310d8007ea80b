//! `driftline drift --preset`: what another tool would print.

use crate::{
    args::{self, FailOn, PresetArguments, PresetName, ReportFormat},
    command::{self, CommandError},
    exit_code,
    output::{self, Progress},
};
use driftline_drift::preset::Preset;
use driftline_engine::EngineConfig;
use driftline_monitor::{Clock, SystemClock, new_run_id};
use driftline_pipeline::{
    EvaluationRequest,
    preset::{self, ChunkBy, PresetRequest, Probabilities, ScoredColumns},
    single::SingleSource,
};
use std::str::FromStr;

pub(crate) async fn drift(
    arguments: args::Compare,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let not_for_presets = |argument, instead: &str| CommandError::Usage {
        argument,
        reason: format!("is not for the preset of another tool; {instead}"),
    };
    if arguments.time.window.is_some() {
        let instead = "nannyml cuts by time with `--chunk-by`, the others compare all rows";
        return Err(not_for_presets("--window", instead).into());
    }
    if arguments.false_alarm_rate.is_some() {
        let instead = "other tools have thresholds, see `--threshold`";
        return Err(not_for_presets("--false-alarm-rate", instead).into());
    }
    let request = request(&arguments.preset)?;
    let source = |source: &str| -> Result<SingleSource, CommandError> {
        Ok(SingleSource {
            by: arguments.by.clone(),
            time: arguments.time.time.clone(),
            time_zone: arguments.time.time_zone.clone(),
            ..command::single(&args::SourceArguments {
                source: source.to_owned(),
                reading: arguments.reading.clone(),
            })?
        })
    };
    let (baseline, live) = (source(&arguments.baseline)?, source(&arguments.live)?);
    let engine = command::engine(config)?;
    let progress = Progress::new(quiet);
    let now = SystemClock.now();
    let evaluation = EvaluationRequest {
        window: None,
        posted: None,
        read: None,
        run_id: new_run_id(now),
        now,
        range: None,
        progress: &|what| progress.say(what),
    };
    let found = preset::compare(&engine, (&baseline, &live), &request, &evaluation).await?;
    drop(progress);
    match arguments.output.format {
        ReportFormat::Table => output::put(&found.table, arguments.output.output.as_deref())?,
        _ => super::run::print(&found.report, &arguments.output)?,
    }
    let fail_on_warn = arguments.fail_on == FailOn::Warn;
    Ok(exit_code::of_verdict(
        found.report.run.verdict,
        fail_on_warn,
    ))
}

fn request(arguments: &PresetArguments) -> Result<PresetRequest, CommandError> {
    let usage =
        |argument: &'static str| move |reason: String| CommandError::Usage { argument, reason };
    let preset = match arguments.preset {
        PresetName::Driftline => {
            return Err(usage("--preset")("driftline is no other tool".into()));
        }
        PresetName::Tfdv => Preset::Tfdv,
        PresetName::Evidently => Preset::Evidently,
        PresetName::Nannyml => Preset::NannyMl,
        PresetName::Whylogs => Preset::Whylogs,
    };
    let chunks = match (arguments.chunks, arguments.chunk_size, &arguments.chunk_by) {
        (Some(count), _, _) => Some(ChunkBy::Count(count.get())),
        (_, Some(rows), _) => Some(ChunkBy::Rows(rows.get())),
        (_, _, Some(width)) => Some(ChunkBy::Time(width.parse().map_err(
            |error: driftline_engine::EngineError| usage("--chunk-by")(error.to_string()),
        )?)),
        _ => None,
    };
    let scored = match (&arguments.target, &arguments.prediction) {
        (Some(target), Some(prediction)) => Some(ScoredColumns {
            target: target.clone(),
            prediction: prediction.clone(),
            probabilities: probabilities(&arguments.probability)?,
        }),
        _ => None,
    };
    Ok(PresetRequest {
        measures: parsed("--measure", &arguments.measure)?,
        thresholds: parsed("--threshold", &arguments.threshold)?,
        drift_share: arguments.drift_share,
        chunks,
        scored,
        ..PresetRequest::of(preset)
    })
}

fn parsed<T: FromStr<Err = String>>(
    argument: &'static str,
    given: &[String],
) -> Result<Vec<T>, CommandError> {
    given
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|reason| CommandError::Usage { argument, reason })
        })
        .collect()
}

/// The column of class 1, or that of each class; none of a regression.
fn probabilities(given: &[String]) -> Result<Option<Probabilities>, CommandError> {
    let wrong = |reason| CommandError::Usage {
        argument: "--probability",
        reason,
    };
    if let [column] = given
        && !column.contains('=')
    {
        return Ok(Some(Probabilities::OfOne(column.clone())));
    }
    if given.is_empty() {
        return Ok(None);
    }
    let mut classes = Vec::new();
    for given in given {
        let named = given.split_once('=');
        let (class, column) = named.ok_or_else(|| {
            wrong(format!(
                "`{given}` is not CLASS=COLUMN; of several classes each has its own"
            ))
        })?;
        classes.push((class.to_owned(), column.to_owned()));
    }
    if classes.len() < 2 {
        return Err(wrong(
            "name the column of every class, or without `=` that of class 1 of 0 and 1".into(),
        ));
    }
    Ok(Some(Probabilities::OfEach(classes)))
}
