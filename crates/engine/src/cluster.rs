//! Queries on other machines: a scheduler and executors of Ballista with Driftline's functions.
//!
//! A query is planned here, as it always is, and the finished physical plan is sent. So the
//! cluster runs what one process would run, in as many streams as were asked for, and gives
//! the same bytes. What is sent of a table is the names of its files: executors read them
//! where they are, and a plan over what only this process has runs in this process.
//!
//! Functions travel in the plan with what they need, so that an executor knows nothing of a
//! pipeline: a limit, rules and vocabularies by value; models by their folder and the hash of
//! its content.

#[cfg(feature = "cluster")]
mod build;
#[cfg(feature = "cluster")]
mod codec;
#[cfg(feature = "cluster")]
mod failure;
#[cfg(feature = "cluster")]
mod plan;
#[cfg(feature = "cluster")]
mod process;
#[cfg(feature = "cluster")]
mod scan;

#[cfg(feature = "cluster")]
pub(crate) use {
    failure::Carried,
    plan::{on_cluster, planned_for},
    scan::{is_sent, parts_exec},
};

use crate::EngineError;
use std::{fmt, net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

/// Streams of a query on a cluster, where nobody says how many: the cores of a few machines.
pub(crate) const DEFAULT_STREAMS: usize = 16;

/// Where a scheduler is: `df://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAddress {
    /// Name or address of its machine.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl FromStr for ClusterAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no cluster: write df://HOST:PORT");
        let (host, port) = text
            .strip_prefix("df://")
            .and_then(|rest| rest.trim_end_matches('/').rsplit_once(':'))
            .ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        if host.is_empty() || host.contains(['/', '@', '?']) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

impl ClusterAddress {
    /// The error for a cluster that cannot do what is asked.
    pub(crate) fn failed(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Cluster {
            address: self.to_string(),
            reason: reason.into(),
        }
    }
}

/// How a scheduler runs.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What executors call its machine.
    pub advertise: String,
    /// How long an executor may be silent before its work is given to others.
    pub executor_timeout: Duration,
}

/// How an executor runs.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// Its scheduler.
    pub scheduler: ClusterAddress,
    /// Where others fetch results; tasks come in on the port after it.
    pub listen: SocketAddr,
    /// What others call its machine; the address that the scheduler sees by default.
    pub advertise: Option<String>,
    /// Folder in which it makes one of its own, removed when it ends; the system's temporary
    /// one by default.
    pub work_folder: Option<PathBuf>,
    /// Bytes of memory that its queries may take.
    pub memory_limit_bytes: usize,
    /// Tasks at once; as many as there are cores by default.
    pub threads: Option<NonZeroUsize>,
}

/// Runs a scheduler until it fails.
///
/// # Errors
/// [`EngineError::Cluster`], also in a build without clusters.
pub async fn run_scheduler(options: SchedulerOptions) -> Result<(), EngineError> {
    #[cfg(feature = "cluster")]
    {
        process::scheduler(options).await
    }
    #[cfg(not(feature = "cluster"))]
    Err(not_built(&options.listen.to_string()))
}

/// Runs an executor until it is told to end by a signal, or fails.
///
/// # Errors
/// [`EngineError::Cluster`], also in a build without clusters and where the scheduler is of
/// another build.
pub async fn run_executor(options: ExecutorOptions) -> Result<(), EngineError> {
    #[cfg(feature = "cluster")]
    {
        process::executor(options).await
    }
    #[cfg(not(feature = "cluster"))]
    Err(not_built(&options.scheduler.to_string()))
}

#[cfg(not(feature = "cluster"))]
pub(crate) fn not_built(address: &str) -> EngineError {
    EngineError::Cluster {
        address: address.to_owned(),
        reason: "this program was built without clusters; build it with `--features cluster`"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let address: ClusterAddress = "df://scheduler.local:50050".parse().unwrap();
        assert_eq!(address.to_string(), "df://scheduler.local:50050");
        assert_eq!(address.port, 50_050);
        for wrong in [
            "scheduler:50050",
            "http://scheduler:50050",
            "df://scheduler",
            "df://:50050",
            "df://scheduler:port",
            "df://a/b:1",
        ] {
            let error = wrong.parse::<ClusterAddress>().unwrap_err();
            assert!(error.contains("df://HOST:PORT"), "{error}");
        }
    }
}
