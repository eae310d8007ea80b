//! `infer` and `schema update` of TFDV's statistics, and files of TFDV's forms.

use crate::{
    args::{self, SchemaFormat, UpdateFormat},
    command::CommandError,
    exit_code, output,
};
use driftline_pipeline::tfdv_files::{read_message, read_statistics};
use driftline_schema::tfmd::{
    self, Schema, Scope, data_validation::FeatureStatisticsToProtoConfig,
};
use std::path::Path;

/// A schema in TFDV's form, or Driftline's own where the file ends in `.yaml` or `.yml`.
pub(crate) fn schema(path: &Path) -> Result<Schema, CommandError> {
    let ending = path.extension().unwrap_or_default();
    if ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml") {
        let own = driftline_pipeline::baseline::read_schema(path)?;
        return Ok(Schema::from(&own));
    }
    Ok(read_message(path)?)
}

pub(crate) fn config(
    file: Option<&Path>,
    max_string_domain_size: u32,
    feature_shape: bool,
) -> Result<FeatureStatisticsToProtoConfig, CommandError> {
    match file {
        Some(path) => Ok(read_message(path)?),
        None => Ok(tfmd::inference_config(
            max_string_domain_size,
            feature_shape,
        )),
    }
}

fn given(path: Option<&Path>) -> Result<&Path, CommandError> {
    path.ok_or_else(|| CommandError::Usage {
        argument: "--statistics",
        reason: "a source or statistics are needed".into(),
    })
}

pub(crate) fn infer(arguments: args::Infer) -> miette::Result<u8> {
    let statistics = read_statistics(given(arguments.source.statistics.as_deref())?)
        .map_err(CommandError::from)?;
    let config = config(
        arguments.inference_config.as_deref(),
        arguments.max_string_domain_size,
        !arguments.no_feature_shape,
    )?;
    let schema = tfmd::infer(&statistics, &config).map_err(CommandError::from)?;
    put_schema(
        &schema,
        arguments.format.unwrap_or(SchemaFormat::TfdvPbtxt),
        arguments.output.as_deref(),
    )?;
    Ok(exit_code::PASS)
}

/// Prints a schema of TFDV's in one of its forms, or as YAML.
pub(crate) fn put_schema(
    schema: &Schema,
    format: SchemaFormat,
    file: Option<&Path>,
) -> Result<(), CommandError> {
    match format {
        SchemaFormat::Yaml => output::put(&driftline_schema::Schema::from(schema).to_yaml(), file),
        SchemaFormat::TfdvPbtxt => output::put(&tfmd::to_text(schema), file),
        SchemaFormat::TfdvPb => output::put_bytes(&tfmd::to_binary(schema), file),
    }
}

pub(crate) fn update(arguments: args::SchemaUpdate) -> miette::Result<u8> {
    let schema = schema(&arguments.schema)?;
    let statistics = read_statistics(&arguments.statistics).map_err(CommandError::from)?;
    // An update infers no shape, whether it is forbidden to or not.
    let config = config(
        arguments.inference_config.as_deref(),
        arguments.max_string_domain_size,
        false,
    )?;
    let scope = Scope {
        paths: None,
        environment: arguments.environment.as_deref(),
    };
    let updated =
        tfmd::update(&schema, &statistics, &config, &scope).map_err(CommandError::from)?;
    let text = match arguments.format {
        UpdateFormat::TfdvPbtxt => tfmd::to_text(&updated),
        UpdateFormat::Table => match tfmd::schema_diff(&schema, &updated) {
            nothing if nothing.is_empty() => "the statistics fit the schema\n".to_owned(),
            diff => diff,
        },
    };
    output::put(&text, arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}
