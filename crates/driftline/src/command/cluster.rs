//! `driftline cluster`: the processes that queries are sent to.

use crate::{args, command, exit_code, output};
use driftline_engine::{
    EngineConfig, ExecutorOptions, SchedulerOptions, run_executor, run_scheduler,
};
use driftline_pipeline::PipelineError;

pub(crate) async fn cluster(verb: args::ClusterVerb, config: EngineConfig) -> miette::Result<u8> {
    match verb {
        args::ClusterVerb::Scheduler(arguments) => scheduler(arguments).await,
        args::ClusterVerb::Executor(arguments) => executor(arguments, config).await,
    }
}

async fn scheduler(arguments: args::ClusterScheduler) -> miette::Result<u8> {
    let timeout = command::duration("--executor-timeout", &arguments.executor_timeout)?;
    let listen = arguments.listen;
    if listen.ip().is_unspecified() && arguments.advertise.is_none() {
        return Err(command::CommandError::Usage {
            argument: "--advertise",
            reason: format!(
                "executors cannot reach {}: say what they call this machine",
                listen.ip()
            ),
        }
        .into());
    }
    output::tell(&format!("scheduling on df://{listen}"));
    let run = run_scheduler(SchedulerOptions {
        listen,
        advertise: arguments
            .advertise
            .unwrap_or_else(|| listen.ip().to_string()),
        executor_timeout: timeout,
    });
    tokio::select! {
        ended = run => {
            ended.map_err(PipelineError::from)?;
            Ok(exit_code::PASS)
        }
        code = crate::signalled() => Ok(code),
    }
}

/// An executor is told to end by the same signals, and ends its tasks first.
async fn executor(arguments: args::ClusterExecutor, config: EngineConfig) -> miette::Result<u8> {
    let signal = tokio::spawn(crate::signalled());
    output::tell(&format!(
        "executing for {} on {}",
        arguments.scheduler, arguments.listen
    ));
    let ended = run_executor(ExecutorOptions {
        scheduler: arguments.scheduler,
        listen: arguments.listen,
        advertise: arguments.advertise,
        work_folder: arguments.work_folder,
        memory_limit_bytes: config.memory_limit_bytes,
        threads: config.threads,
    });
    ended.await.map_err(PipelineError::from)?;
    match signal.is_finished() {
        true => Ok(signal.await.unwrap_or(exit_code::TERMINATED)),
        // Its scheduler is gone.
        false => Ok(exit_code::INFRASTRUCTURE),
    }
}
