//! `infer`, `validate` and `schema update` of TFDV's statistics and schemas.

use crate::{
    args::{self, AnomalyFormat, FailOn, SchemaFormat, UpdateFormat},
    command::CommandError,
    exit_code, output,
};
use driftline_schema::tfmd::{
    self, Anomalies, DatasetFeatureStatistics, FeaturesNeeded, Inputs, Named, Schema, Scope,
    anomaly_info::Severity, data_validation::FeatureStatisticsToProtoConfig,
};
use driftline_verdict::Verdict;
use std::path::Path;

fn bytes(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| CommandError::Missing {
        what: format!("{} cannot be read: {error}", path.display()),
    })
}

fn message<M: Named>(path: &Path) -> Result<M, CommandError> {
    let name = path.display().to_string();
    Ok(tfmd::read_message(&name, &bytes(path)?)?)
}

/// A schema in TFDV's form, or Driftline's own where the file ends in `.yaml` or `.yml`.
fn schema(path: &Path) -> Result<Schema, CommandError> {
    let ending = path.extension().unwrap_or_default();
    if ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml") {
        let own = driftline_pipeline::baseline::read_schema(path)?;
        return Ok(Schema::from(&own));
    }
    message(path)
}

fn statistics(path: &Path) -> Result<DatasetFeatureStatistics, CommandError> {
    let name = path.display().to_string();
    Ok(tfmd::read_statistics(&name, &bytes(path)?)?)
}

fn optional(path: Option<&Path>) -> Result<Option<DatasetFeatureStatistics>, CommandError> {
    path.map(statistics).transpose()
}

fn config(
    file: Option<&Path>,
    max_string_domain_size: u32,
    feature_shape: bool,
) -> Result<FeatureStatisticsToProtoConfig, CommandError> {
    match file {
        Some(path) => message(path),
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
    let statistics = statistics(given(arguments.source.statistics.as_deref())?)?;
    let config = config(
        arguments.inference_config.as_deref(),
        arguments.max_string_domain_size,
        !arguments.no_feature_shape,
    )?;
    let schema = tfmd::infer(&statistics, &config).map_err(CommandError::from)?;
    let text = match arguments.format {
        Some(SchemaFormat::Yaml) => driftline_schema::Schema::from(&schema).to_yaml(),
        Some(SchemaFormat::TfdvPbtxt) | None => tfmd::to_text(&schema),
    };
    output::put(&text, arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}

pub(crate) fn update(arguments: args::SchemaUpdate) -> miette::Result<u8> {
    let schema = schema(&arguments.schema)?;
    let statistics = statistics(&arguments.statistics)?;
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

pub(crate) fn validate(arguments: args::Validate) -> miette::Result<u8> {
    let current = statistics(given(arguments.source.statistics.as_deref())?)?;
    let schema = schema(&arguments.schema)?;
    let previous_span = optional(arguments.previous.as_deref())?;
    let previous_version = optional(arguments.previous_version.as_deref())?;
    let serving = optional(arguments.serving.as_deref())?;
    let needed = arguments
        .features_needed
        .as_deref()
        .map(features_needed)
        .transpose()?;
    let config = arguments
        .validation_config
        .as_deref()
        .map(message)
        .transpose()?;
    let anomalies = tfmd::validate(
        &current,
        &schema,
        &Inputs {
            environment: arguments.environment.as_deref(),
            previous_span: previous_span.as_ref(),
            previous_version: previous_version.as_ref(),
            serving: serving.as_ref(),
            features_needed: needed.as_ref(),
            config: config.as_ref(),
            diff_regions: false,
        },
    )
    .map_err(CommandError::from)?;
    let text = match arguments.format {
        AnomalyFormat::Table => tfmd::anomalies_table(&anomalies),
        AnomalyFormat::TfdvPbtxt => tfmd::to_text(&anomalies),
        AnomalyFormat::Json | AnomalyFormat::Junit | AnomalyFormat::Sarif => {
            return Err(CommandError::Usage {
                argument: "--format",
                reason: "anomalies of statistics are printed as table or tfdv-pbtxt".into(),
            }
            .into());
        }
    };
    output::put(&text, arguments.output.as_deref())?;
    let fail_on_warn = arguments.fail_on == FailOn::Warn;
    Ok(exit_code::of_verdict(verdict(&anomalies), fail_on_warn))
}

fn features_needed(
    path: &Path,
) -> Result<std::collections::BTreeSet<tfmd::FeaturePath>, CommandError> {
    let name = path.display().to_string();
    let text = String::from_utf8(bytes(path)?).map_err(|error| CommandError::Missing {
        what: format!("{name} is no text: {error}"),
    })?;
    Ok(FeaturesNeeded::from_json(&name, &text)?.paths())
}

fn verdict(anomalies: &Anomalies) -> Verdict {
    if anomalies.data_missing() {
        return Verdict::Unknown;
    }
    match tfmd::gravest(anomalies) {
        Some(Severity::Error) => Verdict::Fail,
        Some(Severity::Warning) => Verdict::Warn,
        _ => Verdict::Pass,
    }
}
