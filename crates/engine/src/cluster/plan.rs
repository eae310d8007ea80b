//! Planning as always, with the finished plan sent to a cluster.

use super::{ClusterAddress, build, codec::PlanCodec, failure, scan};
use crate::EngineError;
use async_trait::async_trait;
use ballista_core::{
    config::BALLISTA_SHUFFLE_SORT_BASED_BATCH_SIZE, execution_plans::execute_physical_plan,
    extension::SessionConfigExt, optimizer::ballista_default_optimizer_rules,
};
use ballista_scheduler::state::task_builder::restrict_plan_to_partitions;
use datafusion::{
    arrow::record_batch::RecordBatch,
    catalog::Session,
    common::tree_node::{TreeNode, TreeNodeRecursion},
    error::{DataFusionError, Result},
    execution::{
        SendableRecordBatchStream, SessionStateBuilder, TaskContext, context::QueryPlanner,
    },
    logical_expr::LogicalPlan,
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
        PlanProperties,
        coalesce_partitions::CoalescePartitionsExec,
        displayable,
        execution_plan::{Boundedness, EmissionType},
        repartition::RepartitionExec,
        sorts::sort_preserving_merge::SortPreservingMergeExec,
        stream::RecordBatchStreamAdapter,
    },
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
    prelude::SessionConfig,
};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use std::{fmt, sync::Arc};

/// Bytes of a message between processes, at most: a plan with a vocabulary, or a batch of
/// states.
pub(super) const MESSAGE_BYTES: usize = 256 << 20;

/// A session's settings, as a cluster has them.
pub(crate) fn on_cluster(config: SessionConfig) -> SessionConfig {
    // What goes from one task to the next is as large as what goes from one step to the next.
    let rows = config.batch_size();
    build::asking(settings(config))
        .set_usize(BALLISTA_SHUFFLE_SORT_BASED_BATCH_SIZE, rows)
        .with_extension(Arc::new(scan::Sending))
}

/// The settings that client, scheduler and executors share.
pub(super) fn settings(config: SessionConfig) -> SessionConfig {
    let config = config
        .upgrade_for_ballista()
        .with_ballista_adaptive_query_planner(false)
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES);
    // Which rows a state sees must not depend on which stream was idle.
    config.set_bool(
        "datafusion.execution.enable_file_stream_work_stealing",
        false,
    )
}

/// Sessions of this state run their queries on a cluster.
pub(crate) fn planned_for(
    builder: SessionStateBuilder,
    address: &ClusterAddress,
) -> SessionStateBuilder {
    builder
        .with_optimizer_rules(ballista_default_optimizer_rules())
        .with_query_planner(Arc::new(Planner {
            address: address.clone(),
        }))
}

#[derive(Debug)]
struct Planner {
    address: ClusterAddress,
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = DefaultPhysicalPlanner::default()
            .create_physical_plan(plan, session)
            .await?;
        if !reads_only_what_is_sent(&plan)? {
            return Ok(plan);
        }
        Ok(Arc::new(OnCluster::new(
            plan,
            self.address.clone(),
            session,
        )?))
    }
}

/// Whether a plan reads tables, and none that only this process has.
fn reads_only_what_is_sent(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let (mut sent, mut own) = (false, false);
    plan.apply(|node| {
        if node.children().is_empty() {
            match scan::Scan::of(node.as_ref()) {
                Some(_) => sent = true,
                // Rows of the query itself: `VALUES`, and `SELECT` from nothing.
                None if matches!(node.name(), "EmptyExec" | "PlaceholderRowExec") => {}
                None => own = true,
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(sent && !own)
}

/// Whether the streams of a plan have nothing to do with each other, so that each can be asked
/// for by itself, and they come apart and in their order.
fn has_streams_apart(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut apart = true;
    plan.apply(|node| {
        apart &= node.children().len() <= 1
            && !node.is::<RepartitionExec>()
            && !node.is::<CoalescePartitionsExec>()
            && !node.is::<SortPreservingMergeExec>();
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(apart)
}

/// A plan that runs elsewhere. Its streams are one, unless they are apart.
#[derive(Debug)]
struct OnCluster {
    plan: Arc<dyn ExecutionPlan>,
    address: ClusterAddress,
    config: SessionConfig,
    session: String,
    properties: Arc<PlanProperties>,
}

impl OnCluster {
    fn new(
        plan: Arc<dyn ExecutionPlan>,
        address: ClusterAddress,
        session: &dyn Session,
    ) -> Result<Self> {
        let streams = match has_streams_apart(&plan)? {
            true => plan.output_partitioning().partition_count(),
            false => 1,
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema()),
            Partitioning::UnknownPartitioning(streams),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            plan,
            address,
            config: session.config().clone(),
            session: session.session_id().to_owned(),
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for OnCluster {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OnCluster: {}, {} streams\n{}",
            self.address,
            self.plan.output_partitioning().partition_count(),
            displayable(self.plan.as_ref()).indent(false)
        )
    }
}

impl ExecutionPlan for OnCluster {
    fn name(&self) -> &str {
        "OnCluster"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, stream: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.plan.schema();
        let plan = match self.properties.output_partitioning().partition_count() {
            1 => Arc::clone(&self.plan),
            _ => restrict_plan_to_partitions(Arc::clone(&self.plan), &[stream])?,
        };
        let query = Arc::new(Query {
            plan,
            address: self.address.clone(),
            config: self.config.clone(),
            session: self.session.clone(),
        });
        let address = self.address.clone();
        let failed =
            move |error: DataFusionError| -> DataFusionError { failed(&address, &error).into() };
        let run = move || {
            let query = Arc::clone(&query);
            async move { query.run().await }
        };
        let batches = futures::stream::once(fetched(run))
            .try_flatten()
            .map_err(failed)
            .boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// Bytes of a result that are fetched before any of it is given on.
const HELD_BYTES: usize = 16 << 20;
/// Times that a query is run whose result cannot be fetched.
const ATTEMPTS: usize = 3;

/// A query that a cluster runs.
struct Query {
    plan: Arc<dyn ExecutionPlan>,
    address: ClusterAddress,
    config: SessionConfig,
    session: String,
}

impl Query {
    /// Runs it, and begins to fetch its result.
    async fn run(&self) -> Result<SendableRecordBatchStream> {
        let url = format!("http://{}:{}", self.address.host, self.address.port);
        let (ballista, codec) = (self.config.ballista_config(), PlanCodec::default());
        execute_physical_plan::<PhysicalPlanNode>(
            url,
            &ballista,
            Arc::clone(&self.plan),
            &codec,
            self.session.clone(),
            self.config.clone(),
        )
        .await
    }
}

/// The result of a query. A scheduler gives the tasks of an executor that dies to others until a query has
/// ended; one that dies then takes its part of the result with it. So a result that cannot be fetched is
/// computed again, unless too much of it was given on.
async fn fetched<F>(run: impl Fn() -> F) -> Result<BoxStream<'static, Result<RecordBatch>>>
where
    F: Future<Output = Result<SendableRecordBatchStream>>,
{
    let mut attempt = 1;
    loop {
        let mut rest = run().await?;
        let (mut held, mut bytes) = (Vec::new(), 0);
        let failed = loop {
            match rest.next().await {
                None => break None,
                Some(Err(error)) => break Some(error),
                Some(Ok(batch)) => {
                    bytes += batch.get_array_memory_size();
                    held.push(Ok(batch));
                    if bytes > HELD_BYTES {
                        break None;
                    }
                }
            }
        };
        match failed {
            None => return Ok(futures::stream::iter(held).chain(rest).boxed()),
            Some(error) if attempt < ATTEMPTS => {
                tracing::warn!(
                    "the result of a query could not be fetched, so it runs again: {error}"
                );
                attempt += 1;
            }
            Some(error) => return Err(error),
        }
    }
}

/// What went wrong on a cluster, or on the way to it.
fn failed(address: &ClusterAddress, error: &DataFusionError) -> EngineError {
    // Of this process, such as a plan that cannot be sent.
    if let DataFusionError::External(inner) = error.find_root()
        && let Some(ours) = inner.downcast_ref::<failure::Carried>()
    {
        return ours.0.clone();
    }
    let text = error.strip_backtrace();
    if let Some(ours) = failure::from_text(&text) {
        return match ours {
            EngineError::Missing { file } => EngineError::Unreadable {
                file,
                reason: "an executor of the cluster has no such file; executors read sources by \
                         the same path or URL as the client"
                    .into(),
            },
            ours => ours,
        };
    }
    if let Some((_, held)) = text.split_once("ResourcesExhausted(") {
        return EngineError::OutOfMemory {
            reason: format!("of an executor: {}", short(held)),
        };
    }
    let lower = text.to_lowercase();
    let is_gone = [
        "connect",
        "transport error",
        "stream closed",
        "broken pipe",
        "h2 protocol",
    ]
    .iter()
    .any(|sign| lower.contains(sign));
    if is_gone {
        return address.failed(format!(
            "the connection was lost or never made ({}); check that the scheduler and its \
             executors run and can be reached, and run again",
            short(&text)
        ));
    }
    address.failed(short(&text))
}

/// The last part of a chain of errors, without line breaks.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().rev().nth(400) {
        Some((start, _)) => format!("…{}", line.get(start..).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::{
        arrow::{
            array::Int64Array,
            datatypes::{DataType, Field, Schema},
        },
        common::exec_datafusion_err,
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Two rows a batch; a result is lost behind its first batch in so many attempts.
    async fn rows(lost: usize, batches: usize, wide: usize) -> (Result<usize>, usize) {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let attempts = AtomicUsize::new(0);
        let run = || {
            let is_lost = attempts.fetch_add(1, Ordering::Relaxed) < lost;
            let batch = |_| {
                let column = Arc::new(Int64Array::from(vec![7; wide]));
                Ok(RecordBatch::try_new(Arc::clone(&schema), vec![column])?)
            };
            let mut found: Vec<Result<RecordBatch>> = (0..batches).map(batch).collect();
            if is_lost {
                found.truncate(batches - 1);
                found.push(Err(exec_datafusion_err!("the executor is gone")));
            }
            let found = futures::stream::iter(found);
            let found = RecordBatchStreamAdapter::new(Arc::clone(&schema), found);
            let found: SendableRecordBatchStream = Box::pin(found);
            std::future::ready(Ok(found))
        };
        let rows = async {
            let found: Vec<RecordBatch> = fetched(run).await?.try_collect().await?;
            Ok(found.iter().map(RecordBatch::num_rows).sum())
        };
        let rows = rows.await;
        (rows, attempts.into_inner())
    }

    #[tokio::test]
    async fn a_result_that_is_lost_is_computed_again_and_rows_come_once() {
        for (lost, attempts) in [(0, 1), (1, 2), (2, 3)] {
            let (rows, tried) = rows(lost, 3, 2).await;
            assert_eq!((rows.unwrap(), tried), (6, attempts));
        }
        let (given_up, tried) = rows(9, 3, 2).await;
        assert!(given_up.is_err());
        assert_eq!(tried, ATTEMPTS);
        // What was given on cannot be taken back.
        let (begun, tried) = rows(1, 3, HELD_BYTES / 8).await;
        assert!(begun.is_err());
        assert_eq!(tried, 1);
    }
}
