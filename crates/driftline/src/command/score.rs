//! `driftline score`: a model's label and confidence for every row.

use crate::{args, command, exit_code, output};
use driftline_engine::EngineConfig;
use driftline_pipeline::PipelineError;
use driftline_scorer::Scorer;

pub(crate) async fn score(
    arguments: args::Score,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let engine = command::engine(config)?;
    let scorer = Scorer::load(&arguments.model).map_err(PipelineError::from)?;
    engine.add_scorer("model", scorer);
    let rows = command::single(&arguments.source)?.rows(&engine).await?;
    let text = format!("\"{}\"", arguments.text.replace('"', "\"\""));
    let columns = ["label", "confidence"].map(|field| {
        (
            format!("model_{field}"),
            format!("score('model', {text})['{field}']"),
        )
    });
    let scored = rows
        .with_columns(&columns)
        .await
        .map_err(PipelineError::from)?;
    let count = scored
        .write_parquet(&arguments.output)
        .await
        .map_err(PipelineError::from)?;
    if !quiet {
        output::tell(&format!("{count} rows: {}", arguments.output.display()));
    }
    Ok(exit_code::PASS)
}
