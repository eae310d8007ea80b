//! Logs of model servers: what was asked of a model, and what it said, as rows.
//!
//! A log is no table: its messages hold tensors of several rows, a request and its response may be
//! far apart, and nothing says beforehand what a tensor holds. So a log is gone over twice, once
//! for the columns and once for the rows, which go into a temporary Parquet file; from there on it
//! is a file as any other, read by the fastest reader there is.

mod columns;
mod exchange;
mod inference_log;
mod prediction_log;
mod tensor_proto;

pub(super) use inference_log::{begins as begins_inference_log, is_stored as is_stored_log};
pub(super) use prediction_log::is_one as is_prediction_log;

use super::{DataFile, Format, tfrecord::Tolerance};
use crate::EngineError;
use columns::{Facts, RowWriter};
use exchange::Row;
use std::collections::BTreeMap;

/// What goes over a log calls this for the rows of each exchange, with where it is.
type Visit<'a> = dyn FnMut(&str, Vec<Row>) -> Result<(), Clash> + 'a;

/// Why rows do not fit those before them.
enum Clash {
    /// What is wrong with this exchange.
    Here(String),
    /// What no exchange is guilty of.
    Elsewhere(EngineError),
}

impl Clash {
    /// The error, where `place` makes one of a reason.
    fn at(self, place: impl FnOnce(String) -> EngineError) -> EngineError {
        match self {
            Self::Here(reason) => place(reason),
            Self::Elsewhere(error) => error,
        }
    }
}

/// The files of a source, where those that are logs are replaced by tables of their rows.
///
/// The messages of a folder are one log: servers write requests and responses into files of
/// their own.
///
/// # Errors
/// [`EngineError::Line`] and [`EngineError::Record`] for messages that are none, or whose values
/// do not fit those before.
pub(super) fn with_rows(
    files: Vec<DataFile>,
    tolerance: &mut Tolerance,
) -> Result<Vec<DataFile>, EngineError> {
    let mut tables = Vec::new();
    let mut folders: BTreeMap<String, Vec<DataFile>> = BTreeMap::new();
    for file in files {
        match file.format {
            Format::InferenceLog => {
                let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
                folders.entry(folder.to_owned()).or_default().push(file);
            }
            Format::PredictionLog => {
                let mut is_first = true;
                tables.push(table(&file.name, |visit| {
                    let first = std::mem::take(&mut is_first);
                    prediction_log::visit(&file, first.then_some(&mut *tolerance), visit)
                })?);
            }
            _ => tables.push(file),
        }
    }
    for logs in folders.values() {
        let Some(first) = logs.first() else { continue };
        let ids = inference_log::ids(logs)?;
        tables.push(table(&first.name, |visit| {
            inference_log::visit(logs, &ids, visit)
        })?);
    }
    Ok(tables)
}

/// The rows of a log as a temporary file, which is called `name`. `go_over` is called twice.
fn table(
    name: &str,
    mut go_over: impl FnMut(&mut Visit<'_>) -> Result<(), EngineError>,
) -> Result<DataFile, EngineError> {
    let mut facts = Facts::default();
    go_over(&mut |place, rows| {
        for row in &rows {
            facts.add(place, row).map_err(Clash::Here)?;
        }
        Ok(())
    })?;
    let mut writer = RowWriter::new(facts)?;
    go_over(&mut |_, rows| {
        for row in rows {
            writer.add(row).map_err(Clash::Elsewhere)?;
        }
        Ok(())
    })?;
    Ok(DataFile {
        name: name.to_owned(),
        ..DataFile::temporary_parquet(writer.finish()?)
    })
}
