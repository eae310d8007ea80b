//! `driftline baseline`: which baseline a monitor's windows are compared with.

use super::{Output, StoreArguments};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineVerb {
    /// Versions, newest first
    List(BaselineList),
    /// Ask for a version that is learnt from other data; the next run builds it
    Propose(BaselinePropose),
    /// What two versions have in common and what not: their schemas, and how far columns moved
    Compare(BaselineCompare),
    /// Put a version in force
    Promote(BaselinePromote),
    /// Put the version in force that was before
    Rollback(BaselineOf),
    /// Keep the version in force whatever retraining brings
    Pin(BaselineOf),
    /// Let new versions take its place again
    Unpin(BaselineOf),
}

#[derive(Debug, Args)]
pub(crate) struct BaselineList {
    /// Only this monitor's: the pipeline's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineOf {
    /// The monitor: the pipeline's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: String,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BaselinePropose {
    /// The training data, as the pipeline file would name it.
    pub(crate) source: String,
    /// SQL over its rows, before the pipeline's own.
    #[arg(long, value_name = "SQL")]
    pub(crate) prepare: Option<String>,
    /// Who asks for it.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    #[command(flatten)]
    pub(crate) of: BaselineOf,
}

#[derive(Debug, Args)]
pub(crate) struct BaselinePromote {
    /// The version; 0 is what the pipeline file names.
    pub(crate) version: i64,
    #[command(flatten)]
    pub(crate) of: BaselineOf,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineCompare {
    /// A version.
    pub(crate) old: i64,
    /// Another one.
    pub(crate) new: i64,
    #[command(flatten)]
    pub(crate) of: BaselineOf,
    #[command(flatten)]
    pub(crate) output: Output,
}
