//! `driftline usage`.

use crate::{
    args::{self, Format},
    command::{self, CommandError},
    exit_code, output,
};
use driftline_engine::{EngineConfig, UsageRequest};
use driftline_pipeline::{PipelineError, single::SingleSource, usage};
use driftline_statistics::units::normalize_text;
use miette::IntoDiagnostic;
use std::path::Path;

pub(crate) async fn usage(arguments: args::Usage, config: EngineConfig) -> miette::Result<u8> {
    let engine = command::engine(config)?;
    let time_zone = driftline_engine::time_zone(arguments.time_zone.as_deref().unwrap_or("UTC"))
        .map_err(PipelineError::from)?;
    let own_words = match &arguments.dictionary {
        Some(path) => dictionary(path)?,
        None => Vec::new(),
    };
    let request = UsageRequest {
        text: arguments.text,
        time: arguments.time.map(|column| (column, time_zone)),
        own_words,
        asked: arguments
            .word
            .iter()
            .map(|word| normalize_text(word))
            .collect(),
        least_texts: arguments.least_texts,
        most: arguments.most,
        examples: arguments.examples,
    };
    let side = |location: &str| SingleSource {
        source: location.to_owned(),
        prepare: arguments.prepare.clone(),
        ..SingleSource::default()
    };
    let baseline = side(&arguments.baseline).rows(&engine).await?;
    let live = side(&arguments.live).rows(&engine).await?;
    let found = baseline
        .usage(&live, &request)
        .await
        .map_err(PipelineError::from)?;
    let text = match arguments.output.format {
        Format::Table => usage::table(&found),
        Format::Json => serde_json::to_string_pretty(&usage::json(&found)).into_diagnostic()?,
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

/// The words of a user dictionary of jieba, in normal form: the first field of each line.
fn dictionary(path: &Path) -> Result<Vec<String>, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CommandError::Pipeline(PipelineError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    })?;
    let words = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    Ok(words.map(normalize_text).collect())
}
