//! `driftline infer`, `driftline validate`, and `driftline schema …`.

mod files;

pub(crate) use files::files;

use crate::{
    args::{self, AnomalyFormat, FailOn, SchemaFormat},
    command::{self, CommandError, tfdv},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_schema::{InferConfig, Ranges};
use driftline_verdict::report;
use miette::IntoDiagnostic;

/// The source, where no statistics stand in its place.
fn source(given: &args::OptionalSource) -> Option<args::SourceArguments> {
    Some(args::SourceArguments {
        source: given.source.clone()?,
        reading: given.reading.clone(),
    })
}

pub(crate) async fn infer(arguments: args::Infer, config: EngineConfig) -> miette::Result<u8> {
    let Some(source) = source(&arguments.source) else {
        return tfdv::infer(arguments);
    };
    if arguments.format == Some(SchemaFormat::TfdvPbtxt) {
        return Err(CommandError::Usage {
            argument: "--format",
            reason: "a schema of TFDV's form is inferred from `--statistics`".into(),
        }
        .into());
    }
    let engine = command::engine(config)?;
    let source = command::single(&source)?;
    let wanted = InferConfig {
        max_string_domain_size: usize::try_from(arguments.max_string_domain_size)
            .into_diagnostic()?,
        ranges: if arguments.no_ranges {
            Ranges::None
        } else {
            Ranges::Observed
        },
        ..InferConfig::default()
    };
    let schema = source.infer(&engine, wanted).await?;
    output::put(&schema.to_yaml(), arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}

pub(crate) async fn validate(
    arguments: args::Validate,
    config: EngineConfig,
) -> miette::Result<u8> {
    let Some(source) = source(&arguments.source) else {
        return tfdv::validate(arguments);
    };
    let engine = command::engine(config)?;
    let source = command::single(&source)?;
    let (anomalies, rows) = source.validate(&engine, &arguments.schema).await?;
    let run = driftline_pipeline::single::validation_run(&source.source, &anomalies, rows);
    let text = match arguments.format {
        AnomalyFormat::Table => report::anomaly_table(&run),
        AnomalyFormat::Json => serde_json::to_string_pretty(&serde_json::json!({
            "rows": rows,
            "anomalies": anomalies,
        }))
        .into_diagnostic()?,
        AnomalyFormat::Junit => report::junit(&run).into_diagnostic()?,
        AnomalyFormat::TfdvPbtxt => {
            return Err(CommandError::Usage {
                argument: "--format",
                reason: "anomalies of TFDV's form are those of `--statistics`".into(),
            }
            .into());
        }
        AnomalyFormat::Sarif => report::sarif(&run).into_diagnostic()?,
    };
    output::put(&text, arguments.output.as_deref())?;
    let fail_on_warn = arguments.fail_on == FailOn::Warn;
    Ok(exit_code::of_verdict(run.verdict, fail_on_warn))
}
