//! `driftline infer`, and `driftline schema …`.

mod files;

pub(crate) use files::files;

use crate::{
    args::{self, SchemaFormat},
    command::{self, CommandError, tfdv},
    exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_schema::{InferConfig, Ranges};
use miette::IntoDiagnostic;

/// The source, where no statistics stand in its place.
pub(super) fn source(given: &args::OptionalSource) -> Option<args::SourceArguments> {
    Some(args::SourceArguments {
        source: given.source.clone()?,
        reading: given.reading.clone(),
    })
}

pub(crate) async fn infer(arguments: args::Infer, config: EngineConfig) -> miette::Result<u8> {
    let Some(source) = source(&arguments.source) else {
        return tfdv::infer(arguments);
    };
    let engine = command::engine(config)?;
    let source = command::single(&source)?;
    let shape = !arguments.no_feature_shape;
    let format = arguments.format.unwrap_or(SchemaFormat::Yaml);
    if format != SchemaFormat::Yaml {
        let config = tfdv::config(
            arguments.inference_config.as_deref(),
            arguments.max_string_domain_size,
            shape,
        )?;
        let (schema, skipped) = source.infer_tfmd(&engine, &config).await?;
        tfdv::put_schema(&schema, format, arguments.output.as_deref())?;
        for reason in skipped {
            output::tell(&format!("not in the schema: {reason}"));
        }
        return Ok(exit_code::PASS);
    }
    if arguments.inference_config.is_some() {
        return Err(CommandError::Usage {
            argument: "--inference-config",
            reason: "it configures TFDV's inference; add `--format tfdv-pbtxt` or `tfdv-pb`".into(),
        }
        .into());
    }
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
    let schema = source.infer(&engine, wanted, shape).await?;
    output::put(&schema.to_yaml(), arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}
