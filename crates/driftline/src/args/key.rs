//! `driftline key`: who may use a server's status API.

use super::{Output, StoreArguments};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key; it is printed once and never again
    Create(KeyCreate),
    /// Keys, without their secrets
    List(KeyList),
    /// Make a key in place of another one, which goes on for a while
    Rotate(KeyRotate),
    /// End a key now
    Revoke(KeyRevoke),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeName {
    /// Ask the gate of a monitor.
    Gate,
    /// Read everything but the audit log.
    Read,
    /// Change things as well.
    Write,
    /// Read the audit log as well.
    Admin,
}

#[derive(Debug, Args)]
pub(crate) struct KeyCreate {
    /// Whose it is.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do.
    #[arg(long, value_enum, default_value_t = ScopeName::Read, value_name = "SCOPE")]
    pub(crate) scope: ScopeName,
    /// How long it is good for; for ever by default.
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct KeyList {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRotate {
    /// The old key's id: what stands between `drift_` and the full stop.
    pub(crate) id: String,
    /// How long the old key goes on.
    #[arg(long, default_value = "1d", value_name = "DURATION")]
    pub(crate) overlap: String,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRevoke {
    /// The key's id: what stands between `drift_` and the full stop.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}
