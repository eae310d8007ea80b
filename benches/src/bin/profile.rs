//! Rows a second of the profile aggregate on a year of flights, and its memory as the
//! same rows come 1, 4 and 16 times.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin profile -- [--json FILE]
//! ```
//!
//! Each measurement is made in a process of its own, as memory that was once taken
//! shows in the peak for ever.

use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line, table},
    process::{Circumstances, Usage, measured},
    weibo::root,
};
use driftline_engine::{Engine, EngineConfig, ProfileColumn, ProfileRequest, Source};
use serde::{Deserialize, Serialize};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Parser)]
struct Arguments {
    /// Times that each size is profiled; the median by wall time is told.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Profiles this source once and prints what it took, as JSON.
    #[arg(long, hide = true)]
    once: Option<PathBuf>,
    /// Threads of the queries.
    #[arg(long, hide = true)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    sizes: Vec<Size>,
}

#[derive(Serialize)]
struct Size {
    times: usize,
    threads: usize,
    median: Once,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Once {
    rows: u64,
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    /// Peak before the first row was read.
    idle_mib: f64,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if let Some(source) = &arguments.once {
        return line(serde_json::to_string(&profile(source, arguments.threads)?)?);
    }
    let circumstances = Circumstances::here();
    let flights = root().join("../shared/data/nycflights13/nycflights13.parquet");
    if !flights.exists() {
        return line(format!("SKIPPED: {} is not there", flights.display()));
    }
    line(format!(
        "Profile of nine columns of flights; {circumstances}\n"
    ))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut sizes = Vec::new();
    for (times, threads) in [(1, cores), (4, cores), (16, cores), (16, 1)] {
        let folder = tempfile::tempdir()?;
        for copy in 0..times {
            let path = folder.path().join(format!("{copy:02}.parquet"));
            std::fs::copy(&flights, path)?;
        }
        let mut runs = Vec::new();
        for _ in 0..arguments.repeats.max(1) {
            let output = Command::new(std::env::current_exe()?)
                .arg("--once")
                .arg(folder.path())
                .args(["--threads", &threads.to_string()])
                .output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            runs.push(serde_json::from_slice::<Once>(&output.stdout)?);
        }
        runs.sort_unstable_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
        sizes.push(Size {
            times,
            threads,
            median: runs[runs.len() / 2],
        });
    }
    let rows: Vec<Vec<String>> = sizes
        .iter()
        .map(|size| {
            let once = size.median;
            vec![
                once.rows.to_string(),
                size.threads.to_string(),
                format!("{:.2}", once.wall_s),
                format!("{:.2}", once.rows as f64 / once.wall_s / 1e6),
                format!("{:.2}", once.rows as f64 / once.cpu_s / 1e6),
                format!("{:.0}", once.idle_mib),
                format!("{:.0}", once.peak_mib),
            ]
        })
        .collect();
    table(
        &[
            "rows",
            "threads",
            "seconds",
            "Mrows/s",
            "Mrows per CPU second",
            "MiB before the first row",
            "MiB at most",
        ],
        &rows,
    )?;
    arguments.output.write(&Figures {
        circumstances,
        sizes,
    })
}

fn profile(source: &Path, threads: Option<NonZeroUsize>) -> Result<Once, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let (engine, started) = measured(|| {
        Ok(Engine::new(EngineConfig {
            threads,
            ..EngineConfig::default()
        })?)
    })?;
    let source = Source::new(source.display().to_string());
    let (
        rows,
        Usage {
            wall_s,
            cpu_s,
            peak_mib,
        },
    ) = measured(|| {
        runtime.block_on(async {
            let rows = engine.open(&source).await?;
            let columns = rows.columns().into_iter().map(|column| ProfileColumn {
                name: column.name,
                text: false,
            });
            let request = ProfileRequest {
                columns: columns.collect(),
                ..ProfileRequest::default()
            };
            let profiles = rows.profile(&request).await?;
            Ok(profiles.first().map_or(0, |row| row.profile.rows))
        })
    })?;
    Ok(Once {
        rows,
        wall_s,
        cpu_s,
        peak_mib,
        idle_mib: started.peak_mib,
    })
}
