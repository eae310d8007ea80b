//! What can go wrong when a pipeline is run, served or its events are delivered.

use crate::EvaluationError;
use driftline_store::StoreError;
use std::net::SocketAddr;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The pipeline could not be evaluated; the monitor's verdict is now unknown.
    #[error("pipeline `{monitor}` could not be evaluated: {source}")]
    Evaluation {
        /// The pipeline.
        monitor: String,
        /// What the evaluation said; the pipeline's own error.
        source: EvaluationError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A webhook target that cannot be used as it is configured.
    #[error("webhook target `{target}`: {reason}")]
    Target {
        /// The target.
        target: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The same name twice.
    #[error("two {what} are named `{name}`: give each a name of its own")]
    DuplicateName {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Anybody could read the status of every monitor.
    #[error(
        "`{listen}` can be reached from other machines, and the status API asks for no password: require keys with `--require-key`, listen on 127.0.0.1, or put a proxy that authenticates before it and allow remote clients explicitly"
    )]
    RemoteListen {
        /// The address.
        listen: SocketAddr,
    },
    /// The issuer of tokens cannot be used.
    #[error("the issuer `{issuer}`: {reason}")]
    Issuer {
        /// As it was written.
        issuer: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{listen}`: {source}; is another server running there?")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The interval between runs is none.
    #[error("the interval between runs is {given_ms} ms: it must be at least 1 s")]
    Interval {
        /// What was asked for.
        given_ms: u128,
    },
    /// A server's gate gives no answer.
    #[error("no answer from the gate at {server}: {reason}")]
    Gate {
        /// The server.
        server: String,
        /// What is in the way.
        reason: String,
    },
    /// The server knows no such monitor.
    #[error(
        "the server at {server} has no monitor `{monitor}`: a monitor is named as its pipeline is"
    )]
    UnknownMonitor {
        /// The server.
        server: String,
        /// The monitor.
        monitor: String,
    },
    /// Threads for evaluations cannot be started.
    #[error("no threads for evaluations: {source}")]
    Threads {
        /// What the system said.
        source: std::io::Error,
    },
}
