//! The table over the files of a source.
//!
//! Parquet is scanned by DataFusion, which splits files among threads by bytes.
//! The other formats are read here, one file after the other in as many streams
//! as there are threads, because their mistakes are to be named by file and line.
//!
//! Which rows a stream carries depends on the files and the number of threads and
//! on nothing else, so that a profile is the same in every run.

#[cfg(feature = "cluster")]
use super::shipped;
use super::{
    Format, Layout, Readable, arrow_ipc, csv, jsonl, partition, profile_scan::ProfileFiles,
    tfrecord,
};
use crate::EngineError;
use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
            new_null_array,
        },
        compute::{CastOptions, cast_with_options},
        datatypes::{DataType, FieldRef, Schema, SchemaRef},
        error::ArrowError,
    },
    catalog::{Session, TableProvider},
    common::ScalarValue,
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource},
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext, object_store::ObjectStoreUrl},
    logical_expr::Expr,
    physical_plan::{
        ExecutionPlan,
        stream::RecordBatchReceiverStream,
        streaming::{PartitionStream, StreamingTableExec},
        union::UnionExec,
    },
};
use object_store::{ObjectMeta, path::Path as ObjectPath};
use std::{collections::HashSet, sync::Arc};

/// Batches of one file, read on a blocking thread.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, EngineError>> + Send>;

/// Batches that wait for the query to catch up with the reader.
const QUEUED_BATCHES: usize = 2;

/// Cells of a batch of a text file, at most: of a million, strings take some 20 MiB.
const MAX_BATCH_CELLS: usize = 1 << 20;

/// The table over the files of a source.
#[derive(Debug)]
pub(crate) struct SourceTable {
    schema: SchemaRef,
    parquet: Vec<Readable>,
    streamed: Vec<Readable>,
}

impl SourceTable {
    pub(super) fn new(schema: SchemaRef, files: Vec<Readable>) -> Self {
        let (parquet, streamed) = files
            .into_iter()
            .partition(|readable| readable.file.format == Format::Parquet);
        Self {
            schema,
            parquet,
            streamed,
        }
    }

    /// Whether all rows come through one stream unless a Parquet scan splits it.
    pub(crate) fn is_one_stream(&self) -> bool {
        self.streamed.is_empty() || (self.parquet.is_empty() && self.streamed.len() == 1)
    }

    /// The files in the form in which a profile reads them best, where `texts` are the
    /// columns of free text; `None` where DataFusion's own scan or a stream of text files
    /// serves.
    pub(crate) fn for_profile(&self, texts: &HashSet<&str>) -> Option<ProfileFiles> {
        let all_parquet = self.streamed.is_empty() && !self.parquet.is_empty();
        all_parquet.then(|| ProfileFiles::new(&self.schema, &self.parquet, texts))
    }

    fn scan_parquet(&self, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.parquet.iter().map(|readable| {
            let size = match readable.layout {
                Layout::Parquet { size_bytes, .. } => size_bytes,
                _ => unreachable!("a Parquet file has a Parquet layout"),
            };
            // Object stores know neither `..` nor links.
            let location = std::fs::canonicalize(&readable.file.path)
                .map_err(|error| EngineError::io(&readable.file.name, &error))
                .and_then(|path| {
                    ObjectPath::from_absolute_path(path).map_err(|error| EngineError::Unreadable {
                        file: readable.file.name.clone(),
                        reason: error.to_string(),
                    })
                })?;
            let constants = readable.constants.iter();
            let values = constants.map(|(_, value)| value.clone()).collect();
            Ok(PartitionedFile::new_from_meta(ObjectMeta {
                location,
                last_modified: chrono::DateTime::UNIX_EPOCH,
                size,
                e_tag: None,
                version: None,
            })
            .with_partition_values(values))
        });
        let group = FileGroup::new(files.collect::<Result<_, EngineError>>()?);
        let of_path = partition::fields(&self.parquet);
        let of_files = self.schema.fields().len() - of_path.len();
        let of_files = Schema::new(self.schema.fields()[..of_files].to_vec());
        let schema = TableSchema::builder(Arc::new(of_files))
            .with_table_partition_cols(of_path)
            .build();
        let config = FileScanConfigBuilder::new(
            ObjectStoreUrl::local_filesystem(),
            Arc::new(ParquetSource::new(schema)),
        )
        .with_file_group(group)
        .with_projection_indices(projection.cloned())?
        // Otherwise idle streams take files from busy ones, and no two runs are alike.
        .with_preserve_order(true)
        .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Cells are what takes memory, and a table may be of thousands of columns.
    fn batch_rows(&self, session: &dyn Session, projection: Option<&Vec<usize>>) -> usize {
        let columns = projection.map_or(self.schema.fields().len(), Vec::len);
        let batch_rows = session.config().batch_size();
        batch_rows.min((MAX_BATCH_CELLS / columns.max(1)).max(1))
    }

    /// The table as it is sent to a cluster; `None` where only this process has its files.
    #[cfg(feature = "cluster")]
    fn sent(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self
            .parquet
            .iter()
            .chain(&self.streamed)
            .any(|readable| readable.file.own)
        {
            return Ok(None);
        }
        let streams = session.config().target_partitions();
        let wanted = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let mut parts = Vec::new();
        if !self.parquet.is_empty() {
            let files = Arc::new(ProfileFiles::in_schema(
                (*self.schema).clone(),
                &self.parquet,
            ));
            for stream in files.split_streams(streams, &wanted) {
                parts.push(shipped::profile_part(&stream)?);
            }
        }
        for stream in self.streams(streams, self.batch_rows(session, projection), &wanted) {
            parts.push(shipped::table_part(&stream)?);
        }
        Ok(Some(crate::cluster::parts_exec(wanted, parts)))
    }

    fn streams(&self, streams: usize, batch_rows: usize, schema: &SchemaRef) -> Vec<Stream> {
        let per_stream = self.streamed.len().div_ceil(streams.max(1)).max(1);
        let chunks = self.streamed.chunks(per_stream);
        let streams = chunks.map(|files| Stream {
            files: files.to_vec(),
            schema: Arc::clone(schema),
            batch_rows,
        });
        streams.collect()
    }

    fn scan_streamed(
        &self,
        streams: usize,
        batch_rows: usize,
        projection: Option<&Vec<usize>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let partitions = self
            .streams(streams, batch_rows, &wanted)
            .into_iter()
            .map(|stream| Arc::new(stream) as Arc<dyn PartitionStream>)
            .collect();
        let exec = StreamingTableExec::try_new(wanted, partitions, None, [], false, None)?;
        Ok(Arc::new(exec))
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let streams = session.config().target_partitions();
        #[cfg(feature = "cluster")]
        if crate::cluster::is_sent(session)
            && let Some(sent) = self.sent(session, projection)?
        {
            return Ok(sent);
        }
        let batch_rows = self.batch_rows(session, projection);
        if self.streamed.is_empty() {
            return self.scan_parquet(projection);
        }
        let streamed = self.scan_streamed(streams, batch_rows, projection)?;
        if self.parquet.is_empty() {
            return Ok(streamed);
        }
        UnionExec::try_new(vec![self.scan_parquet(projection)?, streamed])
    }
}

/// Files read one after the other.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) files: Vec<Readable>,
    pub(super) schema: SchemaRef,
    pub(super) batch_rows: usize,
}

impl PartitionStream for Stream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder =
            RecordBatchReceiverStream::builder(Arc::clone(&self.schema), QUEUED_BATCHES);
        let sender = builder.tx();
        let (files, schema, batch_rows) = (
            self.files.clone(),
            Arc::clone(&self.schema),
            self.batch_rows,
        );
        builder.spawn_blocking(move || {
            for readable in &files {
                for batch in batches(readable, &schema, batch_rows)? {
                    let batch = fit(&batch?, &schema, &readable.constants)?;
                    if sender.blocking_send(Ok(batch)).is_err() {
                        // Nobody listens any more: the query ended or was dropped.
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// The batches of those columns of a file that `schema` asks for.
fn batches(
    readable: &Readable,
    schema: &SchemaRef,
    batch_rows: usize,
) -> Result<Batches, EngineError> {
    let own = &readable.schema;
    let projection: Vec<usize> = schema
        .fields()
        .iter()
        .filter_map(|field| own.index_of(field.name()).ok())
        .collect();
    match &readable.layout {
        Layout::Csv(dialect) => {
            csv::read(&readable.file, dialect, own, schema, projection, batch_rows)
        }
        Layout::TfRecord { skipped } => {
            tfrecord::read(&readable.file, own, schema, *skipped, batch_rows)
        }
        _ if readable.file.format == Format::JsonLines => {
            let own = Arc::new(own.project(&projection)?);
            jsonl::read(&readable.file, &own, batch_rows)
        }
        _ => arrow_ipc::read(&readable.file, projection),
    }
}

/// A batch in the table's schema: columns by name, cast, or of the path, or null.
pub(super) fn fit(
    batch: &RecordBatch,
    schema: &SchemaRef,
    constants: &[(FieldRef, ScalarValue)],
) -> Result<RecordBatch, DataFusionError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            if let Some(value) = partition::constant(constants, field) {
                value.to_array_of_size(batch.num_rows())
            } else if let Some(column) = batch.column_by_name(field.name()) {
                Ok(fit_array(column, field.data_type())?)
            } else {
                Ok(new_null_array(field.data_type(), batch.num_rows()))
            }
        })
        .collect::<Result<Vec<ArrayRef>, DataFusionError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// An array in the table's type: fields of structs by name, null where missing.
fn fit_array(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    match (array.data_type(), wanted) {
        (own, wanted) if own == wanted => Ok(Arc::clone(array)),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let array = array.as_struct();
            let columns = fields
                .iter()
                .map(|field| match array.column_by_name(field.name()) {
                    None => Ok(new_null_array(field.data_type(), array.len())),
                    Some(column) => fit_array(column, field.data_type()),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let nulls = array.nulls().cloned();
            let fitted =
                StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())?;
            Ok(Arc::new(fitted))
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let fitted = ListArray::try_new(
                Arc::clone(item),
                list.offsets().clone(),
                fit_array(list.values(), item.data_type())?,
                list.nulls().cloned(),
            )?;
            Ok(Arc::new(fitted))
        }
        _ => cast_with_options(array, wanted, &strict),
    }
}
