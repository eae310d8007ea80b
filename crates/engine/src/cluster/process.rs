//! The processes of a cluster: a scheduler and its executors.

use super::{
    ClusterAddress, ExecutorOptions, SchedulerOptions, build,
    codec::PlanCodec,
    failure,
    plan::{MESSAGE_BYTES, settings},
};
use crate::{Engine, EngineConfig, EngineError};
use ballista_core::{
    ConfigProducer, RuntimeProducer,
    config::TaskSchedulingPolicy,
    extension::{SessionConfigExt, SessionConfigHelperExt},
    registry::BallistaFunctionRegistry,
    serde::protobuf::{
        ExecuteQueryParams, execute_query_params::Query, scheduler_grpc_client::SchedulerGrpcClient,
    },
    utils::{GrpcClientConfig, create_grpc_client_endpoint},
    version,
};
use ballista_executor::{
    executor_process::{ExecutorProcessConfig, start_executor_process},
    terminate::sig_term,
};
use ballista_scheduler::{
    cluster::BallistaCluster,
    config::SchedulerConfig,
    scheduler_process::{create_scheduler, start_grpc_service_with_listener},
};
use datafusion::{
    execution::{SessionStateBuilder, runtime_env::RuntimeEnvBuilder},
    prelude::SessionConfig,
};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// How often an executor says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long an executor waits for its scheduler to be there.
const SCHEDULER_WAIT: Duration = Duration::from_secs(60);
/// How long an executor keeps what a query left, where nobody asks it to remove it; and how
/// often it looks.
const KEPT: Duration = Duration::from_secs(3_600);
const CLEANED: Duration = Duration::from_secs(300);
/// How long a scheduler keeps the result of a query for its client to fetch.
const RESULT_KEPT: Duration = Duration::from_secs(600);

/// Settings before those of a query are put on them.
fn producer() -> ConfigProducer {
    Arc::new(|| build::asked(settings(SessionConfig::new())))
}

pub(super) async fn scheduler(options: SchedulerOptions) -> Result<(), EngineError> {
    let SchedulerOptions {
        listen,
        advertise,
        executor_timeout,
    } = options;
    let address = ClusterAddress {
        host: advertise.clone(),
        port: listen.port(),
    };
    let failed = |error: &dyn std::fmt::Display| address.failed(error.to_string());
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| failed(&format!("{listen} cannot be listened on: {error}")))?;
    let port = listener
        .local_addr()
        .map_err(|error| failed(&error))?
        .port();
    let engine = Engine::new(EngineConfig::default())?;
    let state = engine.state().clone();
    let here = address.to_string();
    let mut config = SchedulerConfig {
        bind_host: listen.ip().to_string(),
        bind_port: port,
        external_host: advertise,
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        finished_job_data_clean_up_interval_seconds: RESULT_KEPT.as_secs(),
        finished_job_state_clean_up_interval_seconds: RESULT_KEPT.as_secs(),
        grpc_server_max_decoding_message_size: MESSAGE_BYTES as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES as u32,
        grpc_client_max_message_size: MESSAGE_BYTES as u32,
        executor_timeout_seconds: executor_timeout.as_secs(),
        no_executors_grace_period_seconds: executor_timeout.as_secs(),
        expire_dead_executor_interval_seconds: HEARTBEAT.as_secs(),
        override_config_producer: Some(producer()),
        ..SchedulerConfig::default()
    };
    config.override_physical_codec = Some(Arc::new(PlanCodec::default()));
    config.override_session_builder = Some(Arc::new(move |config| {
        build::check(&config, &here)?;
        Ok(SessionStateBuilder::new_from_existing(state.clone())
            .with_config(config)
            .build())
    }));
    let cluster = BallistaCluster::new_from_config(&config)
        .await
        .map_err(|error| failed(&error))?;
    let scheduler =
        create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config))
            .await
            .map_err(|error| failed(&error))?;
    tracing::info!("the scheduler listens on port {port}");
    start_grpc_service_with_listener(listener, scheduler)
        .await
        .map_err(|error| failed(&error))
}

pub(super) async fn executor(options: ExecutorOptions) -> Result<(), EngineError> {
    let ExecutorOptions {
        scheduler,
        listen,
        advertise,
        work_folder,
        memory_limit_bytes,
        threads,
    } = options;
    let tasks_port = listen
        .port()
        .checked_add(1)
        .ok_or_else(|| scheduler.failed("tasks come in on the port after that of `--listen`"))?;
    tokio::select! {
        asked = ask_build(&scheduler) => asked?,
        _ = tokio::signal::ctrl_c() => return Ok(()),
        _ = sig_term() => return Ok(()),
    }
    let folder = work_folder.unwrap_or_else(std::env::temp_dir);
    // Removed when this function ends, whatever it ends by.
    let folder = tempfile::Builder::new()
        .prefix("driftline-executor-")
        .tempdir_in(&folder)
        .map_err(|error| EngineError::unwritable(&folder, error))?;
    // Ballista takes every folder in its own for that of a query.
    let [results, spilled] = ["results", "spilled"].map(|name| folder.path().join(name));
    for folder in [&results, &spilled] {
        std::fs::create_dir(folder).map_err(|error| EngineError::unwritable(folder, error))?;
    }
    let done = start_executor_process(Arc::new(ExecutorProcessConfig {
        bind_host: listen.ip().to_string(),
        external_host: advertise,
        port: listen.port(),
        grpc_port: tasks_port,
        scheduler_host: scheduler.host.clone(),
        scheduler_port: scheduler.port,
        scheduler_connect_timeout_seconds: SCHEDULER_WAIT.as_secs() as u16,
        vcores: threads.map_or(0, usize::from),
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(results.display().to_string()),
        job_data_ttl_seconds: KEPT.as_secs(),
        job_data_clean_up_interval_seconds: CLEANED.as_secs(),
        grpc_max_decoding_message_size: MESSAGE_BYTES as u32,
        grpc_max_encoding_message_size: MESSAGE_BYTES as u32,
        executor_heartbeat_interval_seconds: HEARTBEAT.as_secs(),
        memory_pool_size: Some(memory_limit_bytes as u64),
        override_config_producer: Some(producer()),
        override_function_registry: Some(functions()?),
        override_runtime_producer: Some(runtimes(spilled, listen.to_string())),
        override_physical_codec: Some(Arc::new(PlanCodec::default())),
        ..ExecutorProcessConfig::default()
    }))
    .await;
    done.map_err(|error| scheduler.failed(format!("the executor ended: {error}")))
}

/// Everything that a plan can name: what a plan says of a function itself goes first.
fn functions() -> Result<Arc<BallistaFunctionRegistry>, EngineError> {
    let engine = Engine::new(EngineConfig::default())?;
    Ok(Arc::new(BallistaFunctionRegistry::from(engine.state())))
}

/// What the queries of a session run in. Each of another build is refused.
fn runtimes(folder: PathBuf, here: String) -> RuntimeProducer {
    Arc::new(move |config| {
        build::check(config, &here)?;
        RuntimeEnvBuilder::new()
            .with_temp_file_path(folder.clone())
            .build_arc()
    })
}

/// Asks a scheduler for a query that is none: what it says tells whether it is of this build.
async fn ask_build(address: &ClusterAddress) -> Result<(), EngineError> {
    let config = build::asking(settings(SessionConfig::new()));
    let grpc = GrpcClientConfig::from(&config.ballista_config());
    let url = format!("http://{}:{}", address.host, address.port);
    let wrong = |error: &dyn std::fmt::Display| address.failed(error.to_string());
    let endpoint = create_grpc_client_endpoint(url, Some(&grpc)).map_err(|error| wrong(&error))?;
    let mut waited = Duration::ZERO;
    let channel = loop {
        match endpoint.connect().await {
            Ok(channel) => break channel,
            Err(_) if waited < SCHEDULER_WAIT => {
                let pause = Duration::from_millis(250);
                tokio::time::sleep(pause).await;
                waited += pause;
            }
            Err(error) => {
                return Err(address.failed(format!(
                    "no scheduler answers ({error}); start one by `driftline cluster scheduler`"
                )));
            }
        }
    };
    let mut request = tonic::Request::new(ExecuteQueryParams {
        session_id: "build".into(),
        settings: config.to_key_value_pairs(),
        operation_id: "build".into(),
        query: Some(Query::PhysicalPlan(b"none".to_vec())),
    });
    version::insert_version_header(request.metadata_mut());
    match SchedulerGrpcClient::new(channel)
        .execute_query(request)
        .await
    {
        // That it is no plan.
        Ok(_) => Ok(()),
        Err(status) => {
            Err(failure::from_text(status.message()).unwrap_or_else(|| wrong(&status.message())))
        }
    }
}
