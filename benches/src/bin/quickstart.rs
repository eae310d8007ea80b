//! Wall time, processor time and peak memory of the quickstart, run as a newcomer
//! runs it, by the `driftline` that was built beside this binary.
//!
//! ```text
//! cargo build --release -p driftline
//! cargo run --release -p driftline-benches --bin quickstart -- [--json FILE]
//! ```

use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line, table},
    process::{self, Circumstances, Usage},
    weibo::root,
};
use serde::Serialize;
use std::process::Command;

#[derive(Parser)]
struct Arguments {
    /// Times that it is run.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// The pipeline.
    #[arg(long, default_value = "pipelines/quickstart.yaml")]
    pipeline: String,
    /// The exit code that it is documented to give.
    #[arg(long, default_value_t = 1)]
    exit_code: i32,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    pipeline: String,
    runs: Vec<Usage>,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    let binary = process::driftline()?;
    line(format!("{}; {circumstances}\n", arguments.pipeline))?;
    let mut runs = Vec::new();
    for _ in 0..arguments.repeats.max(1) {
        let folder = tempfile::tempdir()?;
        let store = folder.path().join("store.db");
        let (status, usage) = process::run(
            Command::new(&binary)
                .current_dir(root())
                .args([
                    "run",
                    &arguments.pipeline,
                    "--no-deliver",
                    "--quiet",
                    "--out",
                ])
                .arg(folder.path().join("out"))
                .arg("--store")
                .arg(format!("sqlite://{}", store.display())),
        )?;
        if status.code() != Some(arguments.exit_code) {
            return Err(format!("it ended with {status}, not {}", arguments.exit_code).into());
        }
        runs.push(usage);
    }
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|usage| {
            vec![
                format!("{:.1}", usage.wall_s),
                format!("{:.1}", usage.cpu_s),
                format!("{:.0}", usage.peak_mib),
            ]
        })
        .collect();
    table(&["seconds", "CPU seconds", "MiB at most"], &rows)?;
    arguments.output.write(&Figures {
        circumstances,
        pipeline: arguments.pipeline,
        runs,
    })
}
