//! What a profile will cost, told before it is run.
//!
//! Two samples of the first rows, one four times as long as the other, are profiled on
//! one thread. The difference of their times is what rows cost; the rest is what
//! starting costs. States of columns that still meet new values in the sample are taken
//! to grow to their bound.

use crate::{PipelineError, single::SingleSource};
use driftline_engine::{Engine, EngineConfig, ProfileRow, Source, SourceSize};
use driftline_statistics::{ColumnProfile, Summary};
use serde_json::{Value, json};
use std::{num::NonZeroUsize, time::Duration};

/// Rows of the longer sample.
const SAMPLE_ROWS: usize = 65_536;

/// How much longer the longer sample is.
const TIMES: usize = 4;

/// Bytes that the process takes beside what is counted here: its code, the query engine,
/// the runtime, batches on their way. Measured on tables of 15 to 20 columns.
const BASE_BYTES: u64 = 64 << 20;

/// Bytes of a column's state, at most, as `docs/src/reference/bounds.md` has them.
const NUMBERS_BOUND: u64 = 160 << 10;
const CATEGORIES_BOUND: u64 = 1_600 << 10;

/// What a profile is expected to cost.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// How large the source is.
    pub size: SourceSize,
    /// Columns, nested ones taken apart.
    pub columns: usize,
    /// Groups in the sample: windows times slices, and all rows of each window.
    pub groups: usize,
    /// Threads that rows can be read by.
    pub threads: u64,
    /// Rows that were profiled to tell.
    pub sample_rows: u64,
    /// Time on a machine that is as busy as now.
    pub time: Duration,
    /// Bytes of memory at the peak.
    pub memory_bytes: u64,
    /// Bytes of it that are states of columns.
    pub state_bytes: u64,
}

/// Tells what profiling a source will cost. `elapsed` is a clock: the time since any
/// moment before.
///
/// # Errors
/// Those of profiling the first rows.
pub async fn estimate(
    source: &SingleSource,
    config: &EngineConfig,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Estimate, PipelineError> {
    let engine = Engine::new(EngineConfig {
        threads: NonZeroUsize::new(1),
        // The first rows are looked at where they are asked for.
        cluster: None,
        ..config.clone()
    })?;
    let whole = Source {
        skip_corrupt: source.skip_corrupt,
        ..Source::new(&source.source)
    };
    let size = engine.size(&whole).await?;
    let short = timed(source, &engine, &whole, SAMPLE_ROWS / TIMES, elapsed).await?;
    let long = timed(source, &engine, &whole, SAMPLE_ROWS, elapsed).await?;
    let threads = config
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, |threads| threads.get() as u64)
        .min(size.most_streams.max(1));
    let more_rows = long.rows.saturating_sub(short.rows);
    let time = if size.rows <= long.rows || more_rows == 0 {
        long.time
    } else {
        let for_row = long.time.saturating_sub(short.time).as_secs_f64() / more_rows as f64;
        let left = (size.rows - long.rows) as f64 * for_row / threads as f64;
        long.time + Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX)
    };
    let states: u64 = long
        .profiles
        .iter()
        .map(|row| state_bytes(&row.profile))
        .sum();
    // Each thread has states of its own, and the merged ones are made beside them.
    let state_bytes = (states * (threads + 1)).min(config.memory_limit_bytes as u64);
    let columns = long.columns();
    Ok(Estimate {
        size,
        columns,
        groups: long.profiles.len().checked_div(columns).unwrap_or(0),
        threads,
        sample_rows: long.rows,
        time,
        // A row group is read as it is compressed, and decompressed page by page.
        memory_bytes: BASE_BYTES + threads * size.group_bytes * 3 / 2 + state_bytes,
        state_bytes,
    })
}

struct Timed {
    rows: u64,
    time: Duration,
    profiles: Vec<ProfileRow>,
}

impl Timed {
    fn columns(&self) -> usize {
        let mut names: Vec<&str> = self.profiles.iter().map(|r| r.column.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }
}

async fn timed(
    source: &SingleSource,
    engine: &Engine,
    whole: &Source,
    rows: usize,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Timed, PipelineError> {
    let head = engine.head(whole, rows).await?;
    let sample = SingleSource {
        source: head.source.location.clone(),
        ..source.clone()
    };
    let before = elapsed();
    let profile = sample.profile(engine).await?;
    let profiles = profile.rows.collect::<Result<Vec<_>, _>>()?;
    let time = elapsed().saturating_sub(before);
    let rows = profiles.iter().filter(|row| row.slice.is_none());
    let mut by_window = std::collections::BTreeMap::new();
    for row in rows {
        // Values of lists are rows of their own: the table's columns come first.
        by_window.entry(row.span).or_insert(row.profile.rows);
    }
    Ok(Timed {
        rows: by_window.values().sum(),
        time,
        profiles,
    })
}

/// Bytes of a column's state at the end of a long run.
fn state_bytes(profile: &ColumnProfile) -> u64 {
    let now = profile.size_bytes() as u64;
    let bound = match &profile.summary {
        Summary::Counts => now,
        Summary::Numeric(_) => NUMBERS_BOUND,
        Summary::Categorical(_) | Summary::Text(_) => CATEGORIES_BOUND,
    };
    let settled = profile
        .distinct()
        .is_none_or(|distinct| distinct.exact && distinct.value * 20.0 < profile.present() as f64);
    if settled { now } else { bound.max(now) }
}

impl Estimate {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "format_version": 1,
            "files": self.size.files,
            "size_bytes": self.size.size_bytes,
            "rows": { "value": self.size.rows, "exact": self.size.rows_exact },
            "columns": self.columns,
            "groups": self.groups,
            "threads": self.threads,
            "sample_rows": self.sample_rows,
            "time_s": self.time.as_secs_f64(),
            "memory_bytes": self.memory_bytes,
            "state_bytes": self.state_bytes,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let files = if self.size.files == 1 {
            "file"
        } else {
            "files"
        };
        let exact = if self.size.rows_exact { "" } else { "about " };
        let lines = [
            [
                "source".to_owned(),
                format!(
                    "{} {files}, {}",
                    self.size.files,
                    bytes(self.size.size_bytes)
                ),
            ],
            ["rows".to_owned(), format!("{exact}{}", self.size.rows)],
            ["columns".to_owned(), self.columns.to_string()],
            [
                "groups".to_owned(),
                format!("{} (windows × slices in the sample)", self.groups),
            ],
            [
                "time".to_owned(),
                format!(
                    "about {:.1} s on {} {}, if the machine stays as busy as now",
                    self.time.as_secs_f64(),
                    self.threads,
                    if self.threads == 1 {
                        "thread"
                    } else {
                        "threads"
                    }
                ),
            ],
            [
                "memory".to_owned(),
                format!(
                    "about {}, of which {} for the states of columns",
                    bytes(self.memory_bytes),
                    bytes(self.state_bytes)
                ),
            ],
            [
                "told by".to_owned(),
                format!("profiling the first {} rows", self.sample_rows),
            ],
        ];
        driftline_verdict::report::aligned(&lines.map(|line| line.to_vec()))
    }
}

fn bytes(count: u64) -> String {
    let mebibytes = count as f64 / f64::from(1 << 20);
    if mebibytes < 1.0 {
        format!("{:.0} KiB", count as f64 / 1024.0)
    } else {
        format!("{mebibytes:.0} MiB")
    }
}
