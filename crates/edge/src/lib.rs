//! `driftline-edge`: scores rows where they are, and writes or sends a profile of them.
//!
//! Rows are read, scored, counted and forgotten, a batch at a time. What leaves is a profile
//! file as `driftline profile` writes it: `driftline merge` puts it together with others, and a
//! server takes it in the place of rows. Nothing of the query engine is linked, so that the
//! binary fits a small device.

mod file;
mod read;
mod send;
mod spool;
mod summary;
mod window;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use arrow_array::RecordBatch;
use clap::{Args, Parser, ValueEnum};
use driftline_scorer::{Manifest, Scorer, ScorerError, TEXT_COLUMN};

use send::Sending;
use summary::Summary;
use window::{Stretch, Windows};

/// Exit codes of `driftline`, as far as they come up here.
const WRONG_USAGE: u8 = 2;
const UNREADABLE: u8 = 3;
const INFRASTRUCTURE: u8 = 4;

/// Scores rows with a model bundle, and writes or sends the profile of the rows and their scores;
/// no row leaves.
#[derive(Debug, Parser)]
#[command(name = "driftline-edge", version)]
struct Arguments {
    /// A CSV or JSON Lines file, a folder of such, or `-` for standard input.
    #[arg(default_value = "-")]
    input: PathBuf,
    /// The model bundle's folder, or the folder above with versions; rows are not scored
    /// without one.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// A column of free text; may be repeated. Of a bundle whose manifest names no column of
    /// texts, the first is the one that it reads.
    #[arg(long, value_name = "COLUMN")]
    text: Vec<String>,
    /// A column that the manifest names, and what it is called here; may be repeated.
    #[arg(long, value_name = "MANIFEST=COLUMN")]
    column: Vec<String>,
    /// A column that is not profiled, such as one that names somebody; may be repeated.
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// The width of windows by the time of the rows, such as 30m, 1h, 7d: each has a profile of
    /// its own. They are in UTC, and weeks begin on Monday.
    #[arg(long, value_name = "WIDTH", value_parser = window::width, requires = "time")]
    window: Option<i64>,
    /// The column of the rows' times.
    #[arg(long, value_name = "COLUMN", requires = "window")]
    time: Option<String>,
    /// How rows are written; told from their beginning where it is left out.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The profile file to write; it appears whole or not at all.
    #[arg(short, long, value_name = "FILE", required_unless_present = "server")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Where the profile is sent.
#[derive(Debug, Args)]
struct ServerArguments {
    /// The server that takes the profile: http://HOST:PORT. Profiles that wait since earlier runs
    /// are sent first. It judges windows, so `--window` says which there are.
    #[arg(long, value_name = "URL", requires_all = ["monitor", "edge", "window"])]
    server: Option<String>,
    /// The monitor whose live rows these are.
    #[arg(long, value_name = "NAME", requires = "server")]
    monitor: Option<String>,
    /// What this device is called: letters, digits, `.`, `_` and `-`.
    #[arg(long, value_name = "NAME", requires = "server")]
    edge: Option<String>,
    /// The key to send, where the server wants one: env:NAME or file:PATH.
    #[arg(long, value_name = "REFERENCE", requires = "server")]
    key: Option<String>,
    /// The folder in which profiles wait until the server has taken them.
    #[arg(long, value_name = "DIR", default_value = "driftline-spool")]
    spool: PathBuf,
    /// What may wait there, in MiB; where it is more, the oldest go, and are named.
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    spool_mib: u64,
    /// How long it is tried to send, in seconds; what is not sent by then waits for the next run.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    send_for: u64,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

/// What keeps a profile from being written.
#[derive(Debug, thiserror::Error)]
enum EdgeError {
    #[error("{argument}: {reason}")]
    Usage {
        argument: &'static str,
        reason: String,
    },
    #[error("{place}: {reason}")]
    Unreadable { place: String, reason: String },
    #[error("{place} cannot be written: {reason}")]
    Unwritable { place: String, reason: String },
    #[error("{waiting} profiles wait in {spool}: {reason}")]
    Unsent {
        waiting: usize,
        spool: String,
        reason: String,
    },
    #[error("the server refused a profile: {reason}")]
    Refused { reason: String },
    #[error(transparent)]
    Scorer(#[from] ScorerError),
}

impl EdgeError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => WRONG_USAGE,
            Self::Scorer(
                ScorerError::Columns { .. }
                | ScorerError::ColumnType { .. }
                | ScorerError::NotText { .. }
                | ScorerError::ManifestSyntax { .. }
                | ScorerError::ManifestValue { .. },
            ) => WRONG_USAGE,
            Self::Unreadable { .. } | Self::Refused { .. } | Self::Scorer(_) => UNREADABLE,
            Self::Unwritable { .. } | Self::Unsent { .. } => INFRASTRUCTURE,
        }
    }
}

/// Runs the program on its arguments, the first of which is its name.
pub fn main_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(shown) => {
            // Help and the version are no mistakes.
            let code = u8::try_from(shown.exit_code()).unwrap_or(WRONG_USAGE);
            return match shown.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(INFRASTRUCTURE),
            };
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says something to whoever watches.
#[expect(clippy::print_stderr, reason = "a program without a log tells there")]
fn tell(what: &str) {
    eprintln!("{what}");
}

fn run(arguments: &Arguments) -> Result<(), EdgeError> {
    // What is wrong with the server's arguments is told before rows are read, once and for all.
    let sending = Sending::new(&arguments.server)?;
    let model = match &arguments.model {
        Some(bundle) => Some(Model::load(bundle, arguments)?),
        None => None,
    };
    let mut summary = Summary::new(arguments.text.clone(), arguments.ignore.clone());
    let windows = arguments.time.clone().zip(arguments.window);
    let windows = windows.map(|(column, width)| Windows::new(column, width));
    read::batches(&arguments.input, arguments.format, |batch| {
        let stretches = match &windows {
            Some(windows) => windows.cut(&batch)?,
            None => vec![(None, 0..batch.num_rows())],
        };
        if let Some(model) = &model {
            model.score(&batch, &stretches, &mut summary)?;
        }
        summary.add(&batch, &stretches)
    })?;
    let file = summary.to_file();
    if let Some(output) = &arguments.output {
        file::write_whole(output, &file)?;
    }
    tell(&format!("{} rows", summary.rows()));
    match sending {
        Some(sending) => sending.send(&file),
        None => Ok(()),
    }
}

/// A model and the columns that it reads, by their names here.
struct Model {
    scorer: Scorer,
    columns: Vec<String>,
    name: String,
}

impl Model {
    fn load(bundle: &std::path::Path, arguments: &Arguments) -> Result<Self, EdgeError> {
        let scorer = Scorer::load(bundle)?;
        let columns = columns(scorer.manifest(), arguments)?;
        let name = scorer.manifest().name.clone();
        Ok(Self {
            scorer,
            columns,
            name,
        })
    }

    fn score(
        &self,
        batch: &RecordBatch,
        stretches: &[Stretch],
        summary: &mut Summary,
    ) -> Result<(), EdgeError> {
        let read = |name: &String| {
            let found = batch.column_by_name(name).cloned();
            found.ok_or_else(|| EdgeError::Usage {
                argument: "--column",
                reason: format!(
                    "the model reads the column `{name}`, which the rows do not have; say what it \
                     is called here"
                ),
            })
        };
        let columns = self
            .columns
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        let scores = self.scorer.score_columns(&columns)?;
        for field in driftline_scorer::monitored_fields(self.scorer.manifest()) {
            if let Some(values) = scores.column_by_name(&field) {
                let name = format!("{}_{field}", self.name);
                let model = self.scorer.manifest().id();
                summary.add_column((&name, Some(&model)), values, stretches)?;
            }
        }
        Ok(())
    }
}

fn columns(manifest: &Manifest, arguments: &Arguments) -> Result<Vec<String>, EdgeError> {
    let asked = manifest.columns();
    let mut here: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
    for given in &arguments.column {
        let place = given.split_once('=').and_then(|(name, column)| {
            let at = asked.iter().position(|known| *known == name)?;
            Some((at, column))
        });
        let (at, column) = place.ok_or_else(|| EdgeError::Usage {
            argument: "--column",
            reason: format!(
                "`{given}` is not MANIFEST=COLUMN of a column that the model reads: {}",
                asked.join(", ")
            ),
        })?;
        column.clone_into(&mut here[at]);
    }
    if let (Some(TEXT_COLUMN), Some(text)) = (manifest.text_column(), arguments.text.first())
        && let Some(at) = asked.iter().position(|known| *known == TEXT_COLUMN)
    {
        here[at].clone_from(text);
    }
    Ok(here)
}
