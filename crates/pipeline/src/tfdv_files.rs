//! Files of TFDV's messages.

use crate::PipelineError;
use driftline_engine::Source;
use driftline_schema::tfmd::{
    self, DatasetFeatureStatistics, DatasetFeatureStatisticsList, Named, merge_shards,
    of_all_examples,
};
use std::path::{Path, PathBuf};

/// Reads a message as text, or as binary where the file is called `.pb` or is no text.
///
/// # Errors
/// [`PipelineError::Unreadable`], and [`PipelineError::Schema`] with the place.
pub fn read_message<M: Named>(path: &Path) -> Result<M, PipelineError> {
    let name = path.display().to_string();
    Ok(tfmd::read_message(&name, &bytes(path)?)?)
}

/// Reads the statistics of all rows: [`read_slices`], without the slices.
///
/// # Errors
/// Those of [`read_slices`], and where there are only slices.
pub fn read_statistics(path: &Path) -> Result<DatasetFeatureStatistics, PipelineError> {
    Ok(of_all_examples(&read_slices(path)?)?.clone())
}

/// Reads statistics of all rows and of slices: text, binary, or a TFRecord file of such
/// messages, each a shard. A pattern (`stats-*-of-00010`) names shards in several files.
///
/// # Errors
/// [`PipelineError::Unreadable`], [`PipelineError::Schema`] for what is no statistics or for
/// shards that contradict each other, and those of a damaged TFRecord file.
pub fn read_slices(path: &Path) -> Result<DatasetFeatureStatisticsList, PipelineError> {
    let mut shards = Vec::new();
    for file in files_of(path)? {
        let name = file.display().to_string();
        let bytes = bytes(&file)?;
        match driftline_engine::tfrecords(&name, &bytes)? {
            None => shards.push(tfmd::read_statistics(&name, &bytes)?),
            Some(records) => {
                for record in records {
                    shards.push(tfmd::from_binary(&name, &record)?);
                }
            }
        }
    }
    match <[_; 1]>::try_from(shards) {
        // As it was written: a slice may stand in it twice, which is told by what reads it.
        Ok([whole]) => Ok(whole),
        Err(shards) => Ok(merge_shards(shards)?),
    }
}

/// The file, or those that a pattern names.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, PipelineError> {
    match path.to_str() {
        Some(location) if !path.exists() && location != "-" => Ok(Source::new(location).files()?),
        _ => Ok(vec![path.to_owned()]),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, PipelineError> {
    std::fs::read(path).map_err(|error| PipelineError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}
