//! A table as it is sent: a few bytes for every stream of rows, which say what files it reads.
//!
//! A scheduler gives each task some streams of a scan, and knows how to take a scan apart only
//! where it is one of files. So that is what ours looks like, with a file for each stream, and
//! what is in the file is kept beside its name.

use crate::{EngineError, source::opened_part};
use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::Session,
    common::tree_node::TreeNodeRecursion,
    datasource::{
        listing::PartitionedFile,
        physical_plan::{
            FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder,
            FileSource,
        },
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    error::Result,
    execution::{TaskContext, object_store::ObjectStoreUrl},
    physical_expr::PhysicalExpr,
    physical_plan::{ExecutionPlan, metrics::ExecutionPlanMetricsSet, streaming::PartitionStream},
};
use futures::StreamExt;
use object_store::ObjectStore;
use std::{any::Any, sync::Arc};

/// Marks a session whose tables are sent.
pub(super) struct Sending;

/// Whether the tables of a session's queries are sent.
pub(crate) fn is_sent(session: &dyn Session) -> bool {
    session.config().get_extension::<Sending>().is_some()
}

/// The scan of streams that are told by bytes.
pub(crate) fn parts_exec(schema: SchemaRef, parts: Vec<Vec<u8>>) -> Arc<dyn ExecutionPlan> {
    limited_parts_exec(schema, parts, None)
}

pub(super) fn limited_parts_exec(
    schema: SchemaRef,
    parts: Vec<Vec<u8>>,
    limit: Option<usize>,
) -> Arc<dyn ExecutionPlan> {
    let groups = parts.into_iter().enumerate().map(|(place, bytes)| {
        let file = PartitionedFile::new(format!("stream-{place}"), bytes.len() as u64);
        FileGroup::new(vec![file.with_extension(Part(bytes))])
    });
    let source = PartSource {
        table_schema: TableSchema::builder(schema).build(),
        metrics: ExecutionPlanMetricsSet::new(),
    };
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups.collect())
        .with_limit(limit)
        // Otherwise idle streams take what others are to read.
        .with_preserve_order(true)
        .build();
    DataSourceExec::from_data_source(config)
}

/// A scan of ours.
pub(super) struct Scan<'a> {
    pub(super) schema: SchemaRef,
    /// What each stream is told by.
    pub(super) parts: Vec<&'a [u8]>,
    pub(super) limit: Option<usize>,
}

impl<'a> Scan<'a> {
    /// `None` for any other plan.
    pub(super) fn of(plan: &'a dyn ExecutionPlan) -> Option<Self> {
        let scan = plan.downcast_ref::<DataSourceExec>()?;
        let source: &dyn Any = scan.data_source().as_ref();
        let config = source.downcast_ref::<FileScanConfig>()?;
        let ours = config.file_source().downcast_ref::<PartSource>()?;
        let files = config.file_groups.iter().flat_map(FileGroup::iter);
        let parts = files.map(|file| Some(file.extensions.get::<Part>()?.0.as_slice()));
        Some(Self {
            schema: Arc::clone(ours.table_schema.table_schema()),
            parts: parts.collect::<Option<_>>()?,
            limit: config.limit,
        })
    }
}

/// What a stream reads.
struct Part(Vec<u8>);

#[derive(Debug, Clone)]
struct PartSource {
    table_schema: TableSchema,
    metrics: ExecutionPlanMetricsSet,
}

impl FileSource for PartSource {
    fn create_file_opener(
        &self,
        _: Arc<dyn ObjectStore>,
        _: &FileScanConfig,
        _: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        Ok(Arc::new(PartOpener))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, _: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "driftline"
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}

struct PartOpener;

impl FileOpener for PartOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let part = file.extensions.get_arc::<Part>();
        Ok(Box::pin(async move {
            // Files are looked at, and objects fetched, off the threads that compute.
            let opened = tokio::task::spawn_blocking(move || match part {
                Some(part) => opened_part(&part.0),
                None => Err(EngineError::Query {
                    reason: "a stream of a table lost what it reads".into(),
                }),
            });
            let stream: Arc<dyn PartitionStream> =
                opened.await.map_err(|error| EngineError::Query {
                    reason: error.to_string(),
                })??;
            let batches = stream.execute(Arc::new(TaskContext::default()));
            Ok(batches.boxed())
        }))
    }
}
