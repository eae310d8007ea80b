//! `driftline profile` beside what it is measured against, on the same tables in the same
//! run: decoding alone, DuckDB's `SUMMARIZE`, whylogs.
//!
//! ```text
//! benches/peers.sh
//! ```
//!
//! makes the tables and the environments of the other tools and runs this. Each figure is
//! of a whole process, start included. Rounds are interleaved, so that a machine that does
//! other things as well treats all alike; medians are told. Processor time is the figure
//! to compare by.

use clap::{Parser, ValueEnum};
use driftline_benches::{
    Error, decode,
    output::{Output, line, table},
    process::{self, Circumstances, Usage, run},
};
use serde::Serialize;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Parser)]
struct Arguments {
    /// Folder of the tables that `benches/peers/tables.py` makes.
    #[arg(long, value_name = "FOLDER", required_unless_present = "decode")]
    tables: Option<PathBuf>,
    /// What is measured.
    #[arg(long, value_enum, default_value = "speed")]
    what: What,
    /// A Python that has DuckDB.
    #[arg(long, value_name = "PYTHON")]
    duckdb: Option<PathBuf>,
    /// A Python that has whylogs.
    #[arg(long, value_name = "PYTHON")]
    whylogs: Option<PathBuf>,
    /// A Python that has TensorFlow Data Validation.
    #[arg(long, value_name = "PYTHON")]
    tfdv: Option<PathBuf>,
    /// Rounds, of which the median by processor time is told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of every tool that has some; by default as many as there are cores.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Decodes this file once and does no more.
    #[arg(long, hide = true)]
    decode: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Tables of one and of ten million rows, by all tools.
    Speed,
    /// A table of a million rows as statistics for TFDV, here and by TFDV.
    Tfdv,
    /// One column type at a time, on one thread.
    Types,
    /// Tables of few to very many columns.
    Columns,
    /// Peak memory as rows, lengths of strings and slices grow.
    Memory,
    /// Ten million rows of a thousand columns.
    Wide,
}

impl What {
    fn tables(self, folder: &Path) -> Result<Vec<Table>, Error> {
        let named = |names: &[&str]| -> Vec<Table> {
            let paths = names.iter().map(|name| folder.join(name));
            paths.map(Table::of).collect()
        };
        Ok(match self {
            Self::Speed => named(&["rows_1m.parquet", "rows_10m.parquet", "rows_1m.csv"]),
            Self::Tfdv => named(&["rows_1m.parquet", "rows_1m.csv"]),
            Self::Types => {
                let mut paths = std::fs::read_dir(folder.join("by_type"))?
                    .map(|entry| Ok(entry?.path()))
                    .collect::<Result<Vec<_>, Error>>()?;
                paths.sort();
                paths.into_iter().map(Table::of).collect()
            }
            Self::Columns => [200, 1_000, 2_000, 10_000]
                .into_iter()
                .map(|columns| Table::of(folder.join(format!("columns_{columns}.parquet"))))
                .collect(),
            Self::Wide => named(&["wide_10m"]),
            Self::Memory => {
                let rows = ["rows_1m.parquet", "rows_10m.parquet", "rows_100m"];
                let slices = Table {
                    by: Some("slice"),
                    ..Table::of(folder.join("slices.parquet"))
                };
                let mut tables = named(&rows);
                tables.extend(named(&["long_strings.parquet"]));
                tables.push(slices);
                tables
            }
        })
    }

    fn tools(self) -> &'static [Tool] {
        match self {
            Self::Speed => &[
                Tool::Driftline,
                Tool::Decode,
                Tool::DuckdbDecode,
                Tool::DuckdbSummarize,
                Tool::Whylogs,
            ],
            Self::Tfdv => &[
                Tool::Driftline,
                Tool::DriftlineStatistics,
                Tool::TfdvImport,
                Tool::Tfdv,
            ],
            Self::Types => &[Tool::Driftline, Tool::Decode],
            Self::Columns => &[Tool::Driftline, Tool::DuckdbSummarize],
            Self::Memory | Self::Wide => &[Tool::Driftline],
        }
    }
}

struct Table {
    path: PathBuf,
    /// The column that slices are by.
    by: Option<&'static str>,
}

impl Table {
    fn of(path: PathBuf) -> Self {
        Self { path, by: None }
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// More rows than this take whylogs minutes.
const MOST_WHYLOGS_ROWS: &str = "rows_1m.parquet";

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
enum Tool {
    #[serde(rename = "driftline profile")]
    Driftline,
    #[serde(rename = "driftline profile --format tfdv-pb")]
    DriftlineStatistics,
    #[serde(rename = "decoding alone (arrow-rs)")]
    Decode,
    #[serde(rename = "decoding alone (DuckDB last())")]
    DuckdbDecode,
    #[serde(rename = "DuckDB SUMMARIZE")]
    DuckdbSummarize,
    #[serde(rename = "whylogs")]
    Whylogs,
    #[serde(rename = "TFDV, import alone")]
    TfdvImport,
    #[serde(rename = "TFDV")]
    Tfdv,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Driftline => "`driftline profile`",
            Self::DriftlineStatistics => "`driftline profile --format tfdv-pb`",
            Self::Decode => "decoding alone, arrow-rs",
            Self::DuckdbDecode => "decoding alone, DuckDB `last(c)` of all",
            Self::DuckdbSummarize => "DuckDB `SUMMARIZE`",
            Self::Whylogs => "whylogs `log(pandas)`",
            Self::TfdvImport => "TFDV, import alone",
            Self::Tfdv => "TFDV `generate_statistics_from_dataframe`, `…_csv`",
        }
    }

    /// What is run; `None` where the tool is not there or cannot do it.
    fn command(self, table: &Table, arguments: &Arguments) -> Result<Option<Command>, Error> {
        let threads = arguments.threads_of(arguments.what).to_string();
        let parquet = table.path.extension().is_some_and(|end| end == "parquet");
        let peer = |python: &Option<PathBuf>, task: &str| {
            let mut command = Command::new(python.as_ref()?);
            command
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/peer.py"))
                .arg(task)
                .args([table.path.as_os_str(), threads.as_ref()])
                .env("WHYLOGS_NO_ANALYTICS", "True");
            Some(command)
        };
        let here = std::env::current_exe()?;
        Ok(match self {
            Self::Driftline | Self::DriftlineStatistics => {
                let mut command = Command::new(process::driftline()?);
                command
                    .args(["profile", "--threads", &threads])
                    .arg(&table.path);
                command.args(table.by.iter().flat_map(|by| ["--by", by]));
                if self == Self::DriftlineStatistics {
                    command.args(["--format", "tfdv-pb"]);
                }
                Some(command)
            }
            Self::Decode => parquet.then(|| {
                let mut command = Command::new(here);
                command.arg("--decode").arg(&table.path);
                command.args(["--threads", &threads]);
                command
            }),
            Self::DuckdbDecode => peer(&arguments.duckdb, "duckdb-decode"),
            Self::DuckdbSummarize => peer(&arguments.duckdb, "duckdb-summarize"),
            Self::Whylogs if table.name() == MOST_WHYLOGS_ROWS => {
                peer(&arguments.whylogs, "whylogs")
            }
            Self::Whylogs => None,
            Self::TfdvImport => peer(&arguments.tfdv, "tfdv-import"),
            Self::Tfdv => peer(&arguments.tfdv, "tfdv"),
        })
    }
}

impl Arguments {
    /// Threads of a tool: one where the time of a value is told.
    fn threads_of(&self, what: What) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        match (self.threads, what) {
            (Some(threads), _) => threads.get(),
            (None, What::Types) => 1,
            (None, _) => cores(),
        }
    }
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    threads: usize,
    figures: Vec<Figure>,
}

#[derive(Serialize)]
struct Figure {
    table: String,
    tool: Tool,
    rounds: Vec<Usage>,
}

impl Figure {
    fn median(&self) -> Usage {
        let mut rounds = self.rounds.clone();
        rounds.sort_unstable_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
        rounds[rounds.len() / 2]
    }
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if let Some(file) = &arguments.decode {
        let rows = decode::decode(file, arguments.threads_of(arguments.what))?;
        return line(rows);
    }
    let folder = arguments.tables.as_deref().unwrap_or(Path::new("."));
    let tables = arguments.what.tables(folder)?;
    let mut figures: Vec<Figure> = Vec::new();
    let mut commands: Vec<Command> = Vec::new();
    for table in &tables {
        if !table.path.exists() {
            return Err(format!("{} is not there", table.path.display()).into());
        }
        for &tool in arguments.what.tools() {
            if let Some(command) = tool.command(table, &arguments)? {
                commands.push(command);
                figures.push(Figure {
                    table: table.name(),
                    tool,
                    rounds: Vec::new(),
                });
            }
        }
    }
    for _ in 0..arguments.rounds.max(1) {
        for (command, figure) in commands.iter_mut().zip(&mut figures) {
            let (status, usage) = run(command)?;
            if !status.success() {
                return Err(format!("{command:?} ended with {status}").into());
            }
            figure.rounds.push(usage);
        }
    }
    let circumstances = Circumstances::here();
    let threads = arguments.threads_of(arguments.what);
    line(format!(
        "{} round(s), {threads} thread(s), {circumstances}\n",
        arguments.rounds.max(1)
    ))?;
    print(&figures)?;
    arguments.output.write(&Figures {
        circumstances,
        threads,
        figures,
    })
}

fn print(figures: &[Figure]) -> Result<(), Error> {
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|figure| {
            let median = figure.median();
            let of = |tool: Tool| {
                let other = figures
                    .iter()
                    .find(|other| other.table == figure.table && other.tool == tool);
                other.map_or(String::new(), |other| {
                    format!("{:.2}", median.cpu_s / other.median().cpu_s)
                })
            };
            vec![
                figure.table.clone(),
                figure.tool.name().to_owned(),
                format!("{:.2}", median.cpu_s),
                format!("{:.2}", median.wall_s),
                format!("{:.0}", median.peak_mib),
                of(Tool::Decode),
                of(Tool::DuckdbSummarize),
            ]
        })
        .collect();
    table(
        &[
            "table",
            "program",
            "CPU s",
            "wall s",
            "peak MiB",
            "CPU: decoding = 1",
            "CPU: `SUMMARIZE` = 1",
        ],
        &rows,
    )
}
