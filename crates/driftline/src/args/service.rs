//! Verbs of the service: the server, its gate, the outbox and the store.

use super::{FailOn, Output, StoreArguments};
use clap::{Args, Subcommand};
use std::{net::SocketAddr, path::PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The pipeline files.
    #[arg(required = true)]
    pub(crate) pipelines: Vec<PathBuf>,
    /// Where the status API listens; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Listen where other machines can reach it, although nobody is asked for a key.
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Answer only those who send a key (`driftline key create`); health answers everybody.
    #[arg(long)]
    pub(crate) require_key: bool,
    /// Take tokens of this OpenID Connect issuer, too: its URL, as it stands in them.
    #[arg(long, value_name = "URL", requires_all = ["require_key", "oidc_audience"])]
    pub(crate) oidc_issuer: Option<String>,
    /// The audience that tokens must be made for.
    #[arg(long, value_name = "NAME", requires = "oidc_issuer")]
    pub(crate) oidc_audience: Option<String>,
    /// The claim with what tokens allow: `driftline:read` and the like.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "scope",
        requires = "oidc_issuer"
    )]
    pub(crate) oidc_scope_claim: String,
    /// Requests a second that each key may make; more are answered 429.
    #[arg(long, value_name = "N", requires = "require_key")]
    pub(crate) rate_limit: Option<std::num::NonZeroU32>,
    /// From the beginning of one run to that of the next, for pipelines without a `schedule`.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    pub(crate) every: String,
    /// Forget runs, events and requests that are older; for ever by default.
    #[arg(long, value_name = "DURATION")]
    pub(crate) keep: Option<String>,
    /// Where the API is reached from outside, for links in events.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    /// Where `driftline serve` answers.
    #[arg(
        long,
        env = "DRIFTLINE_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// The monitor: the pipeline's name. A server that requires a key is sent that of the
    /// environment variable DRIFTLINE_API_KEY.
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: String,
    /// How old the evaluation may be; the monitor's own limit holds too.
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_age: Option<String>,
    /// Which verdicts end with exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Fail, value_name = "VERDICT")]
    pub(crate) fail_on: FailOn,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Make a store, or bring it to this release's version
    Migrate(StoreMigrate),
    /// Whether it holds together; exit code 1 if it does not
    Check(StoreCheck),
    /// Forget runs, events and requests that are old
    Prune(StorePrune),
    /// Copy everything into a new store in a file, while others read and write
    Backup(StoreBackup),
    /// Copy everything from a backup into an empty store, of either kind
    Restore(StoreRestore),
}

#[derive(Debug, Args)]
pub(crate) struct StoreMigrate {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StoreCheck {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct StorePrune {
    /// How long things are kept. Each monitor's last run, what awaits delivery and what an
    /// open retraining request rests on stay, however old.
    #[arg(long, value_name = "DURATION")]
    pub(crate) keep: String,
    /// Only say what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct StoreBackup {
    /// The file to make.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StoreRestore {
    /// The backup.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List what waits, was delivered or was given up
    List(OutboxList),
    /// Try to deliver what is due
    Deliver(OutboxDeliver),
    /// Put events that were given up back in line, under their old ids
    Replay(OutboxReplay),
}

#[derive(Debug, Args)]
pub(crate) struct OutboxReplay {
    /// The event; all that were given up by default.
    pub(crate) event: Option<String>,
    /// Only this monitor's: the pipeline's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: Option<String>,
    /// Only those for this target.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Only those decided so long ago at most.
    #[arg(long, value_name = "DURATION")]
    pub(crate) within: Option<String>,
    /// Those that have arrived, too.
    #[arg(long)]
    pub(crate) delivered: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookVerb {
    /// Send a test event in the very way of real ones; exit code 4 if it is not taken
    Test(WebhookTest),
    /// The public keys of the secrets that events are signed with
    Keys(WebhookTest),
}

#[derive(Debug, Args)]
pub(crate) struct WebhookTest {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// Only this target; all of the pipeline's by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Topic {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct OutboxList {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct OutboxDeliver {
    /// The pipeline files whose targets are told.
    #[arg(required = true)]
    pub(crate) pipelines: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}
