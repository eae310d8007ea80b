//! Two windows of a million rows and 20 columns against each other: this program, a
//! hand-written query of DuckDB, and NannyML, in one run.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin compare -- [--data DIR] [--json FILE]
//! ```
//!
//! Driftline profiles both windows and takes every measure of every column; what it takes
//! once the profiles exist is told apart. DuckDB takes one measure, the population stability
//! index, by one query a column; NannyML one a column as well. Both need `benches/peers.py`
//! and Python, which makes their virtual environments; where that fails they are left out,
//! loudly. Rounds are interleaved, and a ratio is the median of the ratios of the rounds.

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line, table},
    process::{Circumstances, Usage, measured, run},
    weibo::root,
};
use driftline_drift::{Grid, Measure};
use driftline_engine::{Engine, EngineConfig, ProfileColumn, ProfileRequest, Source, profile_file};
use driftline_statistics::ColumnProfile;
use parquet::arrow::ArrowWriter;
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// Rows of a window.
const ROWS: usize = 1_000_000;
/// Rows of a row group.
const GROUP: usize = 250_000;
/// Seed of the made-up windows.
const SEED: u64 = 20_240_601;

#[derive(Parser)]
struct Arguments {
    /// Folder with `narrow.parquet` and `narrow_b.parquet`; made up where it is not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Rounds; the median is told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Leave NannyML out, which takes a minute a round.
    #[arg(long)]
    no_nannyml: bool,
    /// Interpreter that makes the peers' environments.
    #[arg(long, default_value = "python3")]
    python: String,
    /// Folder of these environments.
    #[arg(long, default_value = "target/peers")]
    environments: PathBuf,
    /// Compares two files once and writes what that took, as JSON.
    #[arg(long, hide = true, num_args = 3)]
    once: Option<Vec<PathBuf>>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    rounds: Vec<Round>,
}

/// One of each, one after the other.
#[derive(Serialize)]
struct Round {
    driftline: Timed<Once>,
    duckdb: Option<Timed<Peer>>,
    nannyml: Option<Timed<Peer>>,
}

/// A process as a whole, and what it says of itself.
#[derive(Serialize)]
struct Timed<T> {
    process: Usage,
    own: T,
}

/// What the comparison took inside of its process.
#[derive(Serialize, Deserialize)]
struct Once {
    columns: usize,
    values: usize,
    /// From two files to two sets of profiles.
    profile_s: f64,
    profile_cpu_s: f64,
    /// From profiles in memory to all values.
    measures_s: f64,
    /// From two profile files to all values.
    stored_s: f64,
}

/// What `peers.py` says of itself.
#[derive(Serialize, Deserialize)]
struct Peer {
    version: String,
    /// Without the start of the interpreter and imports.
    work_s: f64,
    work_cpu_s: f64,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if let Some([baseline, window, result]) = arguments.once.as_deref() {
        let once = compare(baseline, window)?;
        return Ok(std::fs::write(result, serde_json::to_string(&once)?)?);
    }
    let folder = tempfile::tempdir()?;
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => {
            made_up(&folder.path().join("narrow.parquet"), SEED, 0.0)?;
            made_up(&folder.path().join("narrow_b.parquet"), SEED + 1, 1.0)?;
            folder.path().to_owned()
        }
    };
    let files = [data.join("narrow.parquet"), data.join("narrow_b.parquet")];
    let circumstances = Circumstances::here();
    line(format!("Comparison of two windows; {circumstances}\n"))?;
    let duckdb = environment(&arguments, "duckdb")?;
    let nannyml = match arguments.no_nannyml {
        true => None,
        false => environment(&arguments, "nannyml")?,
    };
    let result = folder.path().join("result.json");
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds.max(1) {
        let mut own = Command::new(std::env::current_exe()?);
        own.arg("--once").args(&files).arg(&result);
        let peer = |environment: &Option<Environment>| {
            let Some(environment) = environment else {
                return Ok(None);
            };
            timed(environment.command().args(&files).arg(&result), &result).map(Some)
        };
        rounds.push(Round {
            driftline: timed(&mut own, &result)?,
            duckdb: peer(&duckdb)?,
            nannyml: peer(&nannyml)?,
        });
    }
    print(&rounds)?;
    arguments.output.write(&Figures {
        circumstances,
        rounds,
    })
}

/// Runs a command that writes JSON to a file.
fn timed<T: for<'a> Deserialize<'a>>(
    command: &mut Command,
    result: &Path,
) -> Result<Timed<T>, Error> {
    if result.exists() {
        std::fs::remove_file(result)?;
    }
    let (status, process) = run(command)?;
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(Timed {
        process,
        own: serde_json::from_slice(&std::fs::read(result)?)?,
    })
}

/// A peer's interpreter.
struct Environment {
    tool: &'static str,
    python: PathBuf,
}

impl Environment {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join("benches/peers.py")).arg(self.tool);
        command
    }
}

/// Makes a peer's environment, outside of what is measured.
fn environment(arguments: &Arguments, tool: &'static str) -> Result<Option<Environment>, Error> {
    let folder = arguments.environments.join(tool);
    let made = Command::new(&arguments.python)
        .arg(root().join("benches/peers.py"))
        .args(["install", tool])
        .arg(&folder)
        .output();
    let reason = match &made {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = reason {
        line(format!("SKIPPED: no {tool}: {reason}"))?;
        return Ok(None);
    }
    Ok(Some(Environment {
        tool,
        python: std::path::absolute(folder.join("bin/python"))?,
    }))
}

/// Both sides to profiles, and every measure of every column, three times over.
fn compare(baseline: &Path, window: &Path) -> Result<Once, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let engine = Engine::new(EngineConfig::default())?;
    let profiled = |file: &Path| {
        let source = Source::new(file.display().to_string());
        runtime.block_on(async {
            let rows = engine.open(&source).await?;
            let columns = rows.columns().into_iter().map(|column| ProfileColumn {
                name: column.name,
                text: false,
            });
            rows.profile(&ProfileRequest {
                columns: columns.collect(),
                ..ProfileRequest::default()
            })
            .await
        })
    };
    let ((ours, theirs), profiling) = measured(|| Ok((profiled(baseline)?, profiled(window)?)))?;
    let folder = tempfile::tempdir()?;
    let stored = ["baseline", "window"].map(|name| folder.path().join(name));
    profile_file::write(&stored[0], ours.iter().map(Ok))?;
    profile_file::write(&stored[1], theirs.iter().map(Ok))?;
    let pairs: Vec<(&ColumnProfile, &ColumnProfile)> = ours
        .iter()
        .map(|row| &row.profile)
        .zip(theirs.iter().map(|row| &row.profile))
        .collect();
    let (values, in_memory) = measured(|| Ok(all_measures(&pairs)))?;
    let (again, from_files) = measured(|| {
        let (ours, theirs) = (
            profile_file::read(&stored[0])?,
            profile_file::read(&stored[1])?,
        );
        let sides = ours.iter().map(|row| &row.profile);
        let pairs: Vec<_> = sides.zip(theirs.iter().map(|row| &row.profile)).collect();
        Ok(all_measures(&pairs))
    })?;
    if values != again {
        return Err("stored profiles give other values".into());
    }
    Ok(Once {
        columns: pairs.len(),
        values: values.len(),
        profile_s: profiling.wall_s,
        profile_cpu_s: profiling.cpu_s,
        measures_s: in_memory.wall_s,
        stored_s: from_files.wall_s,
    })
}

fn all_measures(pairs: &[(&ColumnProfile, &ColumnProfile)]) -> Vec<(Measure, f64)> {
    let mut values = Vec::new();
    for (baseline, window) in pairs {
        let grid = Grid::from_baseline(baseline);
        let (Some(b), Some(w)) = (grid.counts(baseline), grid.counts(window)) else {
            continue;
        };
        for measure in Measure::ALL {
            values.extend(grid.value(*measure, &b, &w).map(|value| (*measure, value)));
        }
    }
    values
}

/// A peer's figures of a round, if it took part.
type PeerOf = fn(&Round) -> Option<&Timed<Peer>>;

fn print(rounds: &[Round]) -> Result<(), Error> {
    let median = |values: Vec<f64>| -> f64 {
        let mut values = values;
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let of =
        |value: &dyn Fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(value).collect());
    let Some(first) = rounds.first() else {
        return Ok(());
    };
    let seconds = |value: f64| format!("{value:.2}");
    let mut rows = vec![vec![
        format!(
            "driftline: {} columns profiled twice, {} values",
            first.driftline.own.columns, first.driftline.own.values
        ),
        seconds(of(&|r| Some(r.driftline.process.wall_s))),
        seconds(of(&|r| Some(r.driftline.process.cpu_s))),
        format!("{:.0}", of(&|r| Some(r.driftline.process.peak_mib))),
    ]];
    let peers: [(&str, PeerOf); 2] = [
        ("DuckDB, PSI by hand", |r| r.duckdb.as_ref()),
        ("NannyML, one measure a column", |r| r.nannyml.as_ref()),
    ];
    for (name, peer) in peers {
        let Some(known) = peer(first) else { continue };
        rows.push(vec![
            format!("{name} ({})", known.own.version),
            seconds(of(&|r| Some(peer(r)?.own.work_s))),
            seconds(of(&|r| Some(peer(r)?.own.work_cpu_s))),
            format!("{:.0}", of(&|r| Some(peer(r)?.process.peak_mib))),
        ]);
    }
    table(&["what", "seconds", "CPU seconds", "MiB at most"], &rows)?;
    line("\nThe peers' seconds are without the start of Python and imports.\n")?;
    for (name, peer) in peers {
        if peer(first).is_some() {
            let wall = of(&|r| Some(r.driftline.process.wall_s / peer(r)?.own.work_s));
            let cpu = of(&|r| Some(r.driftline.process.cpu_s / peer(r)?.own.work_cpu_s));
            line(format!(
                "driftline / {name}: {wall:.3} of the seconds, {cpu:.3} of the CPU seconds"
            ))?;
        }
    }
    line(format!(
        "once profiles exist: {:.1} ms in memory, {:.1} ms from two profile files",
        1e3 * of(&|r| Some(r.driftline.own.measures_s)),
        1e3 * of(&|r| Some(r.driftline.own.stored_s)),
    ))
}

/// A window of made-up rows: numbers of several shapes, categories of few and of many
/// values, a flag and a time; a third of the columns move with `shift`.
fn made_up(path: &Path, seed: u64, shift: f64) -> Result<(), Error> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut writer = None;
    for group in 0..ROWS / GROUP {
        let batch = batch(&mut random, group * GROUP, shift)?;
        if writer.is_none() {
            let file = std::fs::File::create(path)?;
            writer = Some(ArrowWriter::try_new(file, batch.schema(), None)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch)?;
            writer.flush()?;
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

fn batch(random: &mut ChaCha8Rng, first: usize, shift: f64) -> Result<RecordBatch, Error> {
    let unit = |random: &mut ChaCha8Rng| random.random::<f64>();
    // Twelve uniform numbers add up to a nearly normal one of variance 1.
    let normal = |random: &mut ChaCha8Rng| (0..12).map(|_| unit(random)).sum::<f64>() - 6.0;
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let mut floats = |name: &str, values: Vec<Option<f64>>| {
        columns.push((name.to_owned(), Arc::new(Float64Array::from(values))));
    };
    let rows = || 0..GROUP;
    floats(
        "f_normal",
        rows()
            .map(|_| Some(100.0 + 15.0 * normal(random) + 5.0 * shift))
            .collect(),
    );
    floats(
        "f_lognormal",
        rows()
            .map(|_| Some((3.0 + (1.0 + 0.25 * shift) * normal(random)).exp()))
            .collect(),
    );
    floats("f_uniform", rows().map(|_| Some(unit(random))).collect());
    floats(
        "f_exponential",
        rows()
            .map(|_| Some(-2.5 * (1.0 - unit(random)).ln()))
            .collect(),
    );
    floats(
        "f_nulls",
        rows()
            .map(|_| (unit(random) >= 0.1 + 0.15 * shift).then(|| normal(random)))
            .collect(),
    );
    floats(
        "f_heavy",
        rows()
            .map(|_| Some(normal(random) / unit(random).max(1e-3)))
            .collect(),
    );
    floats(
        "f_price",
        rows()
            .map(|_| Some((8_000.0 * unit(random) * unit(random)).round() / 100.0))
            .collect(),
    );
    floats(
        "f_zeros",
        rows()
            .map(|_| {
                Some(if unit(random) < 0.8 {
                    0.0
                } else {
                    10.0 * unit(random)
                })
            })
            .collect(),
    );
    let mut whole = |name: &str, values: Vec<i64>| {
        columns.push((name.to_owned(), Arc::new(Int64Array::from(values))));
    };
    let below = |random: &mut ChaCha8Rng, limit: f64| (unit(random) * limit) as i64;
    // Zipf's law by the inverse of its continuous form: rank r about as often as 1/r.
    let zipf = |random: &mut ChaCha8Rng, limit: f64| limit.powf(unit(random)) as i64 - 1;
    whole(
        "i_sequence",
        rows().map(|row| (first + row) as i64).collect(),
    );
    whole("i_100", rows().map(|_| below(random, 100.0)).collect());
    whole("i_zipf", rows().map(|_| zipf(random, 1e6)).collect());
    whole("i_wide", rows().map(|_| below(random, 2e12)).collect());
    let mut strings = |name: &str, values: Vec<Option<String>>| {
        columns.push((name.to_owned(), Arc::new(StringArray::from(values))));
    };
    let named = |prefix: &str, number: i64| Some(format!("{prefix}-{number:x}"));
    strings(
        "s_10",
        rows()
            .map(|_| named("state", zipf(random, 10.0 - 4.0 * shift)))
            .collect(),
    );
    strings(
        "s_12",
        rows()
            .map(|_| (unit(random) >= 0.05).then(|| format!("country-{}", below(random, 12.0))))
            .collect(),
    );
    strings(
        "s_1k",
        rows()
            .map(|_| named("sku", below(random, 1_000.0 - 200.0 * shift)))
            .collect(),
    );
    strings(
        "s_1k_zipf",
        rows()
            .map(|_| named("kind-of-item", zipf(random, 1_000.0)))
            .collect(),
    );
    strings(
        "s_100k",
        rows()
            .map(|_| named("user", below(random, 100_000.0)))
            .collect(),
    );
    strings(
        "s_100k_zipf",
        rows()
            .map(|_| named("/page/of/the/site", zipf(random, 100_000.0)))
            .collect(),
    );
    let flags: Vec<bool> = rows().map(|_| unit(random) < 0.3 + 0.1 * shift).collect();
    columns.push(("flag".to_owned(), Arc::new(BooleanArray::from(flags))));
    let times: Vec<i64> = rows()
        .map(|row| 1_700_000_000_000_000 + (first + row) as i64 * 2_000_000)
        .collect();
    columns.push((
        "at".to_owned(),
        Arc::new(TimestampMicrosecondArray::from(times)),
    ));
    Ok(RecordBatch::try_from_iter(columns)?)
}
