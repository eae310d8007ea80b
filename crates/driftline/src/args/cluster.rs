//! Verbs of a cluster.

use clap::{Args, Subcommand};
use driftline_engine::ClusterAddress;
use std::{net::SocketAddr, path::PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Take queries and give their tasks to executors
    Scheduler(ClusterScheduler),
    /// Run the tasks of a scheduler
    Executor(ClusterExecutor),
}

#[derive(Debug, Args)]
pub(crate) struct ClusterScheduler {
    /// Where it listens; nobody is asked who they are, so keep it in a private network.
    #[arg(long, default_value = "127.0.0.1:50050", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Name or address by which executors reach this machine [default: that of --listen].
    #[arg(long, value_name = "HOST")]
    pub(crate) advertise: Option<String>,
    /// How long an executor may be silent before its tasks are given to others.
    #[arg(long, default_value = "20s", value_name = "DURATION")]
    pub(crate) executor_timeout: String,
}

#[derive(Debug, Args)]
pub(crate) struct ClusterExecutor {
    /// The scheduler: df://HOST:PORT. It must be of the same build.
    #[arg(long, value_name = "URL")]
    pub(crate) scheduler: ClusterAddress,
    /// Where results are fetched; tasks come in on the port after it.
    #[arg(long, default_value = "127.0.0.1:50051", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Name or address by which others reach this machine [default: what the scheduler sees].
    #[arg(long, value_name = "HOST")]
    pub(crate) advertise: Option<String>,
    /// Folder for what passes between tasks, in one of its own that is removed at the end
    /// [default: the system's temporary one].
    #[arg(long, value_name = "DIR")]
    pub(crate) work_folder: Option<PathBuf>,
}
