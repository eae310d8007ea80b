//! `driftline score`: what a model makes of every row.

use crate::{args, command, exit_code, output};
use command::CommandError;
use driftline_engine::EngineConfig;
use driftline_pipeline::PipelineError;
use driftline_scorer::{Manifest, Scorer, TEXT_COLUMN};
use std::collections::BTreeMap;

pub(crate) async fn score(
    arguments: args::Score,
    config: EngineConfig,
    quiet: bool,
) -> miette::Result<u8> {
    let engine = command::engine(config)?;
    let scorer = Scorer::load(&arguments.model).map_err(PipelineError::from)?;
    if !quiet {
        for newer in scorer.refused() {
            output::tell(&format!("a newer version is not used: {}", newer.problem));
        }
    }
    let columns = columns(&arguments.columns, scorer.manifest())?;
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let columns = columns.join(", ");
    let fields = scorer.fields();
    engine.add_scorer("model", scorer);
    let rows = command::single(&arguments.source)?.rows(&engine).await?;
    let added: Vec<(String, String)> = fields
        .into_iter()
        .map(|field| {
            let score = format!("score('model', {columns})['{field}']");
            (format!("model_{field}"), score)
        })
        .collect();
    let scored = rows
        .with_columns(&added)
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

/// A column's name as SQL.
fn quoted(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// The columns that the model reads, by their names here.
pub(crate) fn columns(
    arguments: &args::ModelColumns,
    manifest: &Manifest,
) -> Result<Vec<String>, CommandError> {
    let asked = manifest.columns();
    let mut called: BTreeMap<&str, &str> = BTreeMap::new();
    for given in &arguments.column {
        let wrong = |reason| CommandError::Usage {
            argument: "--column",
            reason,
        };
        let (name, column) = given
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{given}` is not MANIFEST=COLUMN")))?;
        if !asked.contains(&name) {
            let asked = asked.join(", ");
            return Err(wrong(format!(
                "the manifest reads no column `{name}`; it reads {asked}"
            )));
        }
        called.insert(name, column);
    }
    match (&arguments.text, manifest.text_column()) {
        (Some(text), Some(TEXT_COLUMN)) => {
            called.insert(TEXT_COLUMN, text);
        }
        (Some(_), _) => {
            return Err(CommandError::Usage {
                argument: "--text",
                reason: format!(
                    "the manifest names its columns, {}; say by --column what they are called here",
                    asked.join(", ")
                ),
            });
        }
        (None, _) => {}
    }
    let here = |column| called.get(column).copied().unwrap_or(column).to_owned();
    Ok(asked.into_iter().map(here).collect())
}
