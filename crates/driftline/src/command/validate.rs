//! `driftline validate`.

use crate::{
    args::{self, AnomalyFormat, FailOn},
    command::{self, CommandError, schema, tfdv},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_monitor::{Clock, SystemClock};
use driftline_pipeline::{
    PipelineError, RowRules, SchemaOrigin, baseline, custom_validation,
    offending::Offending,
    single::SingleSource,
    tfdv_files::{read_message, read_slices},
    validation::{self, Compared, Comparison, Validated},
};
use driftline_schema::tfmd::{self, DatasetFeatureStatisticsList, FeaturesNeeded};
use driftline_verdict::{Run, report};
use miette::IntoDiagnostic;
use std::{collections::BTreeMap, path::Path};

pub(crate) async fn validate(
    arguments: args::Validate,
    config: EngineConfig,
) -> miette::Result<u8> {
    let engine = command::engine(config)?;
    let comparison = comparison(&arguments)?;
    let given = schema::source(&arguments.source);
    let mut offending = None;
    let (validated, name) = match (&given, arguments.source.statistics.as_deref()) {
        (Some(source), _) => {
            let schema = baseline::read_schema(&arguments.schema)?;
            let source = command::single(source)?;
            let rows = source.rows(&engine).await?;
            let mut found = source
                .validate(&engine, &rows, &schema, &comparison)
                .await?;
            let rules = RowRules {
                schema: &schema,
                origin: &SchemaOrigin::file(&arguments.schema),
                environment: arguments.environment.as_deref(),
                now: arguments.now.unwrap_or_else(|| SystemClock.now()),
            };
            source
                .check_row_rules(&engine, &rows, &rules, &mut found)
                .await?;
            if let Some(limit) = arguments.rows {
                let anomalies = &found.checked.anomalies;
                let show = &arguments.show;
                offending = Some(
                    source
                        .offending(&engine, &rows, &schema, anomalies, limit, show)
                        .await?,
                );
            }
            (found, source.source)
        }
        (None, Some(statistics)) => {
            let schema = driftline_schema::Schema::from(&tfdv::schema(&arguments.schema)?);
            let mut found =
                validation::of_statistics(&engine, statistics, &schema, &comparison).await?;
            if let Some(config) = &arguments.custom_validation_config {
                custom_validation::validate(
                    &engine,
                    &read_message(config).map_err(CommandError::from)?,
                    &read_slices(statistics).map_err(CommandError::from)?,
                    base(&comparison)?.as_ref(),
                    comparison.environment.as_deref(),
                    &mut found.checked,
                )
                .await?;
            }
            (found, statistics.display().to_string())
        }
        (None, None) => {
            return Err(CommandError::Usage {
                argument: "--statistics",
                reason: "a source or statistics are needed".into(),
            }
            .into());
        }
    };
    let run = validated.run(&name);
    let mut text = text(&validated, &run, arguments.format, offending.as_ref())?;
    if let (Some(offending), Some(file)) = (&offending, &arguments.rows_out) {
        let table = offending.table(&validated.checked.anomalies);
        table.write(file).map_err(PipelineError::from)?;
    } else if let (Some(offending), AnomalyFormat::Table) = (&offending, arguments.format) {
        text.push('\n');
        text.push_str(&offending.text(&validated.checked.anomalies));
    }
    output::put(&text, arguments.output.as_deref())?;
    let fail_on_warn = arguments.fail_on == FailOn::Warn;
    Ok(exit_code::of_verdict(run.verdict, fail_on_warn))
}

fn text(
    validated: &Validated,
    run: &Run,
    format: AnomalyFormat,
    offending: Option<&Offending>,
) -> miette::Result<String> {
    let unevaluated = run.windows.iter().flat_map(|window| &window.not_evaluated);
    Ok(match format {
        AnomalyFormat::Table => report::anomaly_table(run),
        AnomalyFormat::Json => {
            let mut json = serde_json::json!({
                "verdict": run.verdict,
                "rows": validated.rows,
                "anomalies": validated.checked.anomalies,
                "not_evaluated": unevaluated.collect::<Vec<_>>(),
            });
            if let Some(offending) = offending {
                json["offending"] = offending.json(&validated.checked.anomalies);
            }
            serde_json::to_string_pretty(&json).into_diagnostic()?
        }
        AnomalyFormat::Junit => report::junit(run).into_diagnostic()?,
        AnomalyFormat::TfdvPbtxt => {
            // TFDV's form has no place for these.
            for missing in unevaluated {
                output::tell(&format!(
                    "not evaluated: {}: {}",
                    missing.check, missing.reason
                ));
            }
            let own = validated.checked.anomalies.iter();
            for anomaly in own.filter(|anomaly| anomaly.kind.is_own()) {
                let column = anomaly.column.as_deref().unwrap_or("(rows)");
                output::tell(&format!(
                    "beside TFDV's anomalies: {} of {column}: {}",
                    anomaly.kind, anomaly.description
                ));
            }
            tfmd::to_text(&validated.checked.tfdv)
        }
        AnomalyFormat::Sarif => report::sarif(run).into_diagnostic()?,
    })
}

fn comparison(arguments: &args::Validate) -> Result<Comparison, CommandError> {
    let mut vocabularies = BTreeMap::new();
    for text in &arguments.vocabulary {
        let (name, file) = args::pair("--vocabulary", "NAME=FILE", text)?;
        vocabularies.insert(name, file.into());
    }
    let config = arguments.validation_config.as_deref();
    let needed = arguments.features_needed.as_deref();
    Ok(Comparison {
        environment: arguments.environment.clone(),
        previous: compared(arguments, arguments.previous.as_deref()),
        previous_version: compared(arguments, arguments.previous_version.as_deref()),
        serving: compared(arguments, arguments.serving.as_deref()),
        features_needed: match needed {
            Some(path) => features_needed(path)?,
            None => Default::default(),
        },
        config: config.map(read_message).transpose()?,
        vocabularies,
    })
}

/// The statistics that custom validations of pairs compare with.
fn base(comparison: &Comparison) -> Result<Option<DatasetFeatureStatisticsList>, CommandError> {
    match &comparison.previous {
        Some(Compared::Statistics(path)) => Ok(Some(read_slices(path)?)),
        _ => Ok(None),
    }
}

/// Statistics by their ending; anything else is a source, read as the one that is checked.
fn compared(arguments: &args::Validate, given: Option<&str>) -> Option<Compared> {
    let given = given?;
    let path = Path::new(given);
    let ending = path.extension().unwrap_or_default();
    let statistics = ["pbtxt", "pb", "textproto", "prototxt", "binpb"];
    if statistics
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
    {
        return Some(Compared::Statistics(path.to_owned()));
    }
    let reading = &arguments.source.reading;
    Some(Compared::Source(Box::new(SingleSource {
        source: given.to_owned(),
        skip_corrupt: reading.skip_corrupt,
        prepare: reading.prepare.clone(),
        ..SingleSource::default()
    })))
}

fn features_needed(
    path: &Path,
) -> Result<std::collections::BTreeSet<tfmd::FeaturePath>, CommandError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| CommandError::Missing {
        what: format!("{name} cannot be read: {error}"),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| CommandError::Missing {
        what: format!("{name} is no text: {error}"),
    })?;
    Ok(FeaturesNeeded::from_json(&name, &text)?.paths())
}
