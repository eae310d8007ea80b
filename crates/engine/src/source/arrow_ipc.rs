//! Arrow IPC: files and streams.

use super::{DataFile, Format, Layout, table::Batches};
use crate::EngineError;
use datafusion::arrow::{
    datatypes::SchemaRef,
    ipc::reader::{FileReader, StreamReader},
};
use std::{fs::File, io::BufReader};

pub(super) fn inspect(file: &DataFile) -> Result<(Layout, SchemaRef), EngineError> {
    let schema = match file.format {
        Format::ArrowFile => file_reader(file, None)?.schema(),
        _ => stream_reader(file, None)?.schema(),
    };
    Ok((Layout::Other, schema))
}

/// The batches of the columns at `projection`.
pub(super) fn read(file: &DataFile, projection: Vec<usize>) -> Result<Batches, EngineError> {
    let malformed = file.clone();
    let named = move |batch: Result<_, datafusion::arrow::error::ArrowError>| {
        batch.map_err(|error| malformed.malformed(error))
    };
    Ok(match file.format {
        Format::ArrowFile => Box::new(file_reader(file, Some(projection))?.map(named)),
        _ => Box::new(stream_reader(file, Some(projection))?.map(named)),
    })
}

fn file_reader(
    file: &DataFile,
    projection: Option<Vec<usize>>,
) -> Result<FileReader<BufReader<File>>, EngineError> {
    let opened = File::open(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
    FileReader::try_new(BufReader::new(opened), projection).map_err(|error| file.malformed(error))
}

fn stream_reader(
    file: &DataFile,
    projection: Option<Vec<usize>>,
) -> Result<StreamReader<BufReader<Box<dyn std::io::Read + Send>>>, EngineError> {
    StreamReader::try_new(BufReader::new(file.open()?), projection)
        .map_err(|error| file.malformed(error))
}
