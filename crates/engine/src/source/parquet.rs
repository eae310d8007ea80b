//! Parquet: the footer is checked here, rows are read by DataFusion.

use super::{DataFile, Layout, profile_scan::RowGroups};
use crate::EngineError;
use datafusion::{
    arrow::datatypes::SchemaRef,
    parquet::{
        arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        file::metadata::ParquetMetaData,
    },
};
use std::{fs::File, sync::Arc};

/// The footer of a file.
pub(super) fn metadata(file: &DataFile) -> Result<Arc<ParquetMetaData>, EngineError> {
    let opened = File::open(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
    let metadata = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new())
        .map_err(|error| file.malformed(error))?;
    Ok(Arc::clone(metadata.metadata()))
}

pub(super) fn inspect(file: &DataFile) -> Result<(Layout, SchemaRef), EngineError> {
    let failed = |error: std::io::Error| EngineError::io(&file.name, &error);
    let opened = File::open(&file.path).map_err(failed)?;
    let size_bytes = opened.metadata().map_err(failed)?.len();
    let metadata = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new())
        .map_err(|error| file.malformed(error))?;
    for group in metadata.metadata().row_groups() {
        for column in group.columns() {
            let (start, length) = column.byte_range();
            if start.saturating_add(length) > size_bytes {
                return Err(file.malformed("its footer speaks of bytes beyond its end"));
            }
        }
    }
    let row_groups = Arc::new(RowGroups::of(metadata.metadata()));
    let layout = Layout::Parquet {
        size_bytes,
        row_groups,
    };
    Ok((layout, metadata.schema().clone()))
}
