//! `driftline alert`: what somebody should know, and what nobody shall be told of.

use super::{Output, StoreArguments};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum AlertVerb {
    /// Alerts that are pending, fire, or were resolved; newest first
    List(AlertList),
    /// Tell nobody of some alerts for a while
    Silence(AlertSilence),
    /// Silences, newest first
    Silences(Silences),
    /// End a silence now
    Unsilence(Unsilence),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// Seen, and not yet in as many windows as it takes.
    Pending,
    /// Somebody should know.
    Firing,
    /// Over.
    Resolved,
}

#[derive(Debug, Args)]
pub(crate) struct AlertList {
    /// Only this monitor's: the pipeline's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: Option<String>,
    /// Only those that have come this far.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) state: Option<StateName>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct AlertSilence {
    /// Only alerts of this monitor: the pipeline's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: Option<String>,
    /// Only alerts of this kind: anomaly, drift, term, rule, volume, freshness, performance.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Only alerts of this column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) column: Option<String>,
    /// Only alerts of this slice, as COLUMN=VALUE.
    #[arg(long, value_name = "SLICE")]
    pub(crate) slice: Option<String>,
    /// Only alerts of this measure, type of anomaly or rule.
    #[arg(long, value_name = "MEASURE")]
    pub(crate) measure: Option<String>,
    /// Only alerts of this term.
    #[arg(long, value_name = "TERM")]
    pub(crate) term: Option<String>,
    /// How long, from now on.
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) duration: String,
    /// Who wants it.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: String,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Silences {
    /// Those that have ended, too.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Unsilence {
    /// The silence's id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}
