//! What can be written on the command line.

mod alert;
mod baseline;
mod cluster;
mod feature_statistics;
mod key;
mod model;
mod preset;
mod service;

pub(crate) use alert::{AlertList, AlertSilence, AlertVerb, Silences, StateName, Unsilence};
pub(crate) use baseline::{
    BaselineCompare, BaselineList, BaselineOf, BaselinePropose, BaselineVerb,
};
pub(crate) use cluster::{ClusterExecutor, ClusterScheduler, ClusterVerb};
pub(crate) use feature_statistics::{FeatureStatistics, pair};
pub(crate) use key::{KeyCreate, KeyList, KeyRevoke, KeyRotate, KeyVerb, ScopeName};
pub(crate) use model::{
    ModelAdapt, ModelCalibrate, ModelColumns, ModelInit, ModelVerb, ModelVerify, Score,
};
pub(crate) use preset::{PresetArguments, PresetName};
pub(crate) use service::{
    GateArguments, Outbox, OutboxDeliver, OutboxList, OutboxReplay, Serve, StoreBackup, StoreCheck,
    StoreMigrate, StorePrune, StoreRestore, StoreVerb, Topic, WebhookTest, WebhookVerb,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Is today's data still the data my model was trained on?
#[derive(Debug, Parser)]
#[command(name = "driftline", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 pass (and warn), 1 fail, 2 wrong usage or configuration, \
3 a file is missing or unreadable, or the verdict is unknown, 4 store or network, 5 internal error, \
130 Ctrl-C, 143 SIGTERM."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// No progress and no summary; results are still printed.
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Bytes of memory for queries, in MiB; past that they use temporary files.
    #[arg(long, global = true, default_value_t = 1024, value_name = "MIB")]
    pub(crate) memory: usize,
    /// Threads of a query; by default as many as there are cores.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    /// Run queries on a cluster, df://HOST:PORT, in 16 streams where `--threads` says nothing.
    #[arg(long, global = true, env = "DRIFTLINE_CLUSTER", value_name = "URL")]
    pub(crate) cluster: Option<driftline_engine::ClusterAddress>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// A first pipeline and schema from the data, each choice with its reason
    Init(Init),
    /// Evaluate a pipeline: baseline, windows, verdict, report, store, actions
    Run(Run),
    /// Evaluate windows of the past again, and keep what they conclude
    Backfill(Backfill),
    /// Statistics of every column of a source
    Profile(Box<Profile>),
    /// One profile file from several
    Merge(Merge),
    /// A schema that fits a source
    Infer(Infer),
    /// Anomalies of a source against a schema
    Validate(Box<Validate>),
    /// Schema files: show, compare, update, and turn into TFDV's and back
    #[command(subcommand)]
    Schema(SchemaVerb),
    /// Drift of every column between two sources
    Drift(Box<Compare>),
    /// The same rows in two sources, found by key and compared value by value
    Skew(Skew),
    /// New terms and surges in the text of a source
    Terms(Box<Terms>),
    /// A person's word on terms, kept in a file that can be reviewed
    #[command(subcommand)]
    Term(TermVerb),
    /// Known words that stand among other words than before: a list to read
    Usage(Usage),
    /// What a model makes of every row, as Parquet
    Score(Score),
    /// Models: whether one runs, and a first manifest for it
    #[command(subcommand)]
    Model(ModelVerb),
    /// What a pipeline's limits will do, judging by its training data
    #[command(subcommand)]
    Calibrate(Calibrate),
    /// A stored run's report again
    Report(ReportArguments),
    /// A finding in words, with the numbers to redo it by hand
    Explain(Explain),
    /// Run pipelines at an interval, deliver events, answer a status API
    Serve(Serve),
    /// Whether a deployment may go on, by what a running server knows
    Gate(GateArguments),
    /// Versions of baselines: list them, put one in force, go back
    #[command(subcommand)]
    Baseline(BaselineVerb),
    /// Alerts: list them, and silence those that are known
    #[command(subcommand)]
    Alert(AlertVerb),
    /// Keys to a server's status API
    #[command(subcommand)]
    Key(KeyVerb),
    /// Webhook targets: try them, and the keys that their receivers need
    #[command(subcommand)]
    Webhook(WebhookVerb),
    /// Events that wait to be delivered
    #[command(subcommand)]
    Outbox(Outbox),
    /// How far a pipeline's topic was read, and which messages could not be
    Topic(Topic),
    /// The store: migrate, check, prune, back up, restore
    #[command(subcommand)]
    Store(StoreVerb),
    /// A cluster of machines that queries run on
    #[command(subcommand)]
    Cluster(ClusterVerb),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Only a failing verdict ends with 1.
    Fail,
    /// A warning ends with 1 as well.
    Warn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A short summary for people.
    Table,
    /// `verdict.json`.
    Json,
    /// One self-contained page.
    Html,
    /// For a job summary.
    Markdown,
    /// For a build server.
    Junit,
    /// For the alerts of a code host.
    Sarif,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// Folder of the reports; it is replaced as a whole [default: driftline-out/NAME].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Leave events in the outbox.
    #[arg(long)]
    pub(crate) no_deliver: bool,
    /// Evaluate and print, and leave nothing behind: no report, no run in the store, no event.
    /// The baseline is the one that the pipeline file names.
    #[arg(long, conflicts_with_all = ["out", "no_deliver"])]
    pub(crate) dry_run: bool,
    /// Which verdicts end with exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Fail, value_name = "VERDICT")]
    pub(crate) fail_on: FailOn,
    #[command(flatten)]
    pub(crate) output: ReportOutput,
}

#[derive(Debug, Args)]
pub(crate) struct Backfill {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// Only windows that begin then or later: a day in the pipeline's time zone, or RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: String,
    /// Only windows that end then or earlier.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: String,
    /// Evaluate and print, and keep nothing. The baseline is the one that the pipeline file names.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: ReportOutput,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The training data, or all data: a file, pattern or directory.
    pub(crate) source: String,
    /// The live data; without it the source is parted in two.
    pub(crate) live: Option<String>,
    /// Folder that pipeline.yaml and schema.yaml are written into.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Name of the pipeline [default: that of the source].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Replace files that are there.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    /// Where runs are kept: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[arg(
        long,
        env = "DRIFTLINE_STORE",
        hide_env_values = true,
        default_value = "sqlite://driftline-out/driftline.db",
        value_name = "URL"
    )]
    pub(crate) store: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReportOutput {
    /// What is printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub(crate) format: ReportFormat,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArguments {
    /// A file, pattern, directory, or `-` for standard input.
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reading {
    /// SQL over the table `source`.
    #[arg(long, value_name = "SQL")]
    pub(crate) prepare: Option<String>,
    /// Role of a column, such as `title=text`; may be repeated.
    #[arg(long, value_name = "COLUMN=ROLE")]
    pub(crate) role: Vec<String>,
    /// Damaged records of TFRecord files to leave out, at most.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip_corrupt: u64,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TimeArguments {
    /// The column with the time of a row.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Width of a window: 1h, 1d, 7d, 30d.
    #[arg(long, value_name = "WIDTH")]
    pub(crate) window: Option<String>,
    /// Zone of times without one.
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// A profile file, which merges and can be compared with.
    Parquet,
    /// TFDV's `DatasetFeatureStatisticsList` as text.
    TfdvPbtxt,
    /// The same in binary form.
    TfdvPb,
    /// The same as the record of a TFRecord file.
    Tfrecord,
}

#[derive(Debug, Args)]
pub(crate) struct Profile {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) time: TimeArguments,
    /// Slice by the values of a column; may be repeated.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) by: Vec<String>,
    /// Tell the time and memory that it will take, by its first rows, and do no more.
    #[arg(long)]
    pub(crate) estimate: bool,
    /// What is printed [default: parquet where `-o` ends in .parquet, else table].
    #[arg(long, value_enum)]
    pub(crate) format: Option<ProfileFormat>,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) feature_statistics: FeatureStatistics,
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Profile files.
    #[arg(required = true)]
    pub(crate) profiles: Vec<PathBuf>,
    /// The merged profile file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OptionalSource {
    /// A file, pattern, directory, or `-` for standard input.
    #[arg(required_unless_present = "statistics", conflicts_with = "statistics")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// TFDV's statistics instead of a source: text, binary (.pb), TFRecord, or a pattern of
    /// shards.
    #[arg(long, value_name = "FILE")]
    pub(crate) statistics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// Driftline's schema file.
    Yaml,
    /// TFDV's `Schema` as text.
    TfdvPbtxt,
    /// The same in binary form.
    TfdvPb,
}

#[derive(Debug, Args)]
pub(crate) struct Infer {
    #[command(flatten)]
    pub(crate) source: OptionalSource,
    /// A string column of at most this many values gets a domain.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) max_string_domain_size: u32,
    /// Do not make the ranges and lengths seen a constraint.
    #[arg(long)]
    pub(crate) no_ranges: bool,
    /// Do not make fixed lengths of lists a shape.
    #[arg(long)]
    pub(crate) no_feature_shape: bool,
    /// For TFDV's forms: its `FeatureStatisticsToProtoConfig` as text, instead of these.
    #[arg(long, value_name = "FILE")]
    pub(crate) inference_config: Option<PathBuf>,
    /// What is printed [default: tfdv-pbtxt with statistics, else yaml].
    #[arg(long, value_enum)]
    pub(crate) format: Option<SchemaFormat>,
    /// Write the schema to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpdateFormat {
    /// A diff of what changes, to accept.
    Table,
    /// TFDV's `Schema` as text.
    TfdvPbtxt,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaUpdate {
    /// The schema: TFDV's as text, or binary where it ends in .pb, or YAML.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// TFDV's statistics: text, binary (.pb), TFRecord, or a pattern of shards.
    #[arg(long, value_name = "FILE")]
    pub(crate) statistics: PathBuf,
    /// The environment that the statistics are of.
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// A new string column of at most this many values gets a domain.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) max_string_domain_size: u32,
    /// Do not make fixed lengths a shape; an update never does.
    #[arg(long)]
    pub(crate) no_feature_shape: bool,
    /// TFDV's `FeatureStatisticsToProtoConfig` as text, instead of these.
    #[arg(long, value_name = "FILE")]
    pub(crate) inference_config: Option<PathBuf>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = UpdateFormat::Table)]
    pub(crate) format: UpdateFormat,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnomalyFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For a build server.
    Junit,
    /// TFDV's `Anomalies` as text.
    TfdvPbtxt,
    /// For the alerts of a code host.
    Sarif,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) source: OptionalSource,
    /// The schema file: YAML, or TFDV's as text, or binary where it ends in .pb.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// When the age of rows is counted from, for `freshness` [default: the present].
    #[arg(long, value_name = "TIME", conflicts_with = "statistics")]
    pub(crate) now: Option<chrono::DateTime<chrono::Utc>>,
    /// The span before, for drift: a source, or TFDV's statistics (.pbtxt, .pb).
    #[arg(long, value_name = "SOURCE")]
    pub(crate) previous: Option<String>,
    /// An earlier version of the same span: a source, or TFDV's statistics.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) previous_version: Option<String>,
    /// What is served, for skew: a source, or TFDV's statistics.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) serving: Option<String>,
    /// The environment that the data is of.
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// A JSON list of the new features that are anomalies [default: all].
    #[arg(long, value_name = "FILE")]
    pub(crate) features_needed: Option<PathBuf>,
    /// TFDV's `ValidationConfig` as text: severities.
    #[arg(long, value_name = "FILE")]
    pub(crate) validation_config: Option<PathBuf>,
    /// With statistics: TFDV's `CustomValidationConfig` as text, SQL over statistics.
    #[arg(long, value_name = "FILE", requires = "statistics")]
    pub(crate) custom_validation_config: Option<PathBuf>,
    /// The words of a vocabulary that the schema names, one a line; may be repeated.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) vocabulary: Vec<String>,
    /// Show the first rows behind each anomaly, at most so many, by a second pass.
    #[arg(long, value_name = "N", conflicts_with = "statistics")]
    pub(crate) rows: Option<usize>,
    /// Write those rows to a file instead: .parquet, .csv or .jsonl.
    #[arg(long, value_name = "FILE", requires = "rows")]
    pub(crate) rows_out: Option<PathBuf>,
    /// Show this column of those rows, `*` for all; may be repeated [default: those whose role is
    /// `id` or `key`].
    #[arg(long, value_name = "COLUMN", requires = "rows")]
    pub(crate) show: Vec<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = AnomalyFormat::Table)]
    pub(crate) format: AnomalyFormat,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Which severities end with exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Fail, value_name = "VERDICT")]
    pub(crate) fail_on: FailOn,
}

#[derive(Debug, Args)]
pub(crate) struct Skew {
    /// The base: a file, pattern or directory, training data for instance.
    pub(crate) base: String,
    /// The rows to compare with it, those that are served for instance.
    pub(crate) test: String,
    /// Columns that together name a row: `id`, or `user,day`; may be repeated.
    #[arg(long, required = true, value_delimiter = ',', value_name = "COLUMNS")]
    pub(crate) key: Vec<String>,
    /// Columns that are not compared; may be repeated.
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub(crate) ignore: Vec<String>,
    /// Round floating-point numbers to this many digits after the point [default: compare them
    /// exactly].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=15))]
    pub(crate) float_digits: Option<u8>,
    /// Let a key name several rows, and compare each with each.
    #[arg(long)]
    pub(crate) allow_duplicate_keys: bool,
    /// Pairs of rows that differ to show, at most.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) samples: usize,
    /// End with exit code 1 where a column differs in more than this share of the pairs
    /// [default: only tell].
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_share: Option<f64>,
    /// SQL over the table `source`, for both sides.
    #[arg(long, value_name = "SQL")]
    pub(crate) prepare: Option<String>,
    /// Damaged records of TFRecord files to leave out, at most.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) skip_corrupt: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaVerb {
    /// A schema as a table, one line a column
    Show(SchemaShow),
    /// What changed between two schemas, and for whom that breaks something
    Diff(SchemaDiff),
    /// What has to change in a schema for statistics to fit it
    Update(SchemaUpdate),
    /// YAML from a schema in TFDV's form
    Import(SchemaImport),
    /// A schema in TFDV's form
    Export(SchemaExport),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people.
    Table,
    /// The schema file itself.
    Yaml,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaShow {
    /// The schema file: YAML, or TFDV's as .pbtxt or .pb.
    pub(crate) schema: PathBuf,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = ShowFormat::Table)]
    pub(crate) format: ShowFormat,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompatibleFor {
    /// Readers and writers alike.
    Both,
    /// Those who read the data: it may become no wider.
    Readers,
    /// Those who write the data: what was right stays right.
    Writers,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaDiff {
    /// The old schema file.
    pub(crate) old: PathBuf,
    /// The new schema file.
    pub(crate) new: PathBuf,
    /// For whom an incompatible change ends with exit code 1.
    #[arg(long, value_enum, default_value_t = CompatibleFor::Both, value_name = "WHOM")]
    pub(crate) compatible_for: CompatibleFor,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaImport {
    /// The schema file: TFDV's as .pbtxt or .pb.
    pub(crate) schema: PathBuf,
    /// Write the YAML to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TfdvFormat {
    /// Protobuf's text format.
    TfdvPbtxt,
    /// Protobuf's binary format.
    TfdvPb,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaExport {
    /// The schema file.
    pub(crate) schema: PathBuf,
    /// What is written.
    #[arg(long, value_enum, default_value_t = TfdvFormat::TfdvPbtxt)]
    pub(crate) format: TfdvFormat,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// A baseline folder, a profile file, or a source.
    pub(crate) baseline: String,
    /// The source to compare.
    pub(crate) live: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) time: TimeArguments,
    /// Slice by the values of a column; may be repeated.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) by: Vec<String>,
    /// Stated rate of false alarms a window [default: 0.01].
    #[arg(long, value_name = "RATE")]
    pub(crate) false_alarm_rate: Option<f64>,
    /// Which verdicts end with exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Fail, value_name = "VERDICT")]
    pub(crate) fail_on: FailOn,
    #[command(flatten)]
    pub(crate) output: ReportOutput,
    #[command(flatten)]
    pub(crate) preset: PresetArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// A baseline folder or a source.
    pub(crate) baseline: String,
    /// The source to look for terms in.
    pub(crate) live: String,
    /// The text column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) time: TimeArguments,
    /// What people said of terms, as `driftline term` keeps it: ignored terms are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) decisions: Option<PathBuf>,
    /// Only terms that the decisions accept.
    #[arg(long, requires = "decisions")]
    pub(crate) accepted: bool,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = TermsFormat::Table)]
    pub(crate) format: TermsFormat,
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// The training data: a file, pattern or directory.
    pub(crate) baseline: String,
    /// The source to compare with it.
    pub(crate) live: String,
    /// The text column.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: String,
    /// The column with the time of a row, by which the training data is halved [default: halved by
    /// the order of rows].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Zone of times without one.
    #[arg(long, value_name = "ZONE", requires = "time")]
    pub(crate) time_zone: Option<String>,
    /// A word that is told of whatever its usage; may be repeated.
    #[arg(long, value_name = "WORD")]
    pub(crate) word: Vec<String>,
    /// Names and new terms that are not to be taken apart, as a user dictionary of jieba:
    /// `terms --format jieba` writes one.
    #[arg(long, value_name = "FILE")]
    pub(crate) dictionary: Option<PathBuf>,
    /// Texts with a word that it takes to compare it, of training and of live data each.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) least_texts: u32,
    /// Words to tell of, at most.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) most: usize,
    /// Examples of each word, of the new usage and of the old.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) examples: usize,
    /// SQL over the table `source`, for both sides.
    #[arg(long, value_name = "SQL")]
    pub(crate) prepare: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TermsFormat {
    /// For people.
    Table,
    /// For programs: the terms, and the findings of every window.
    Json,
    /// One term a line, with a header.
    Csv,
    /// A user dictionary of jieba: term, documents, tag.
    Jieba,
    /// One term a line, to add to the vocabulary of a tokenizer.
    Tokens,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TermVerb {
    /// They are words: `terms --accepted` exports them
    Accept(TermDecided),
    /// They are not worth a report: they are not reported again
    Ignore(TermDecided),
    /// They are of another class than was found
    Class {
        /// The class.
        class: TermClassName,
        #[command(flatten)]
        decided: TermDecided,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TermDecided {
    /// The terms.
    #[arg(required = true)]
    pub(crate) terms: Vec<String>,
    /// The file that keeps it, which a pipeline names as `terms.decisions`.
    #[arg(long, default_value = "terms.yaml", value_name = "FILE")]
    pub(crate) decisions: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TermClassName {
    /// A new word or phrase.
    Coinage,
    /// A name.
    Entity,
    /// A known word that rises.
    Surge,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Calibrate {
    /// False alarms to expect, the least change that each test shows, the least window for less
    Plan(CalibratePlan),
    /// Observed against stated rate of alarms, on parts of the training data held out
    Verify(CalibrateVerify),
}

#[derive(Debug, Args)]
pub(crate) struct CalibratePlan {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateVerify {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// Parts of the training data, held out one after another.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=100))]
    pub(crate) parts: u8,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The run's id.
    pub(crate) run: String,
    /// Write its trends as event files under this log directory of TensorBoard, too.
    #[arg(long, value_name = "DIR")]
    pub(crate) tensorboard: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: ReportOutput,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A `verdict.json`, the folder of a report, or the id of a stored run.
    pub(crate) run: String,
    /// The finding: its number in the window, or its column, COLUMN:MEASURE, term or rule
    /// [default: all of the window].
    pub(crate) finding: Option<String>,
    /// The window: its number, or its start or the beginning of that [default: the newest].
    #[arg(long, value_name = "WINDOW")]
    pub(crate) window: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}
