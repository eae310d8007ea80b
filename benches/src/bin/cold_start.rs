//! How long a server takes to be ready that has years behind it.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin cold_start -- [--mib 1024] [--store URL] [--json FILE]
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "how long a start takes is what is measured"
)]

use chrono::{DateTime, TimeDelta};
use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line},
    past::Past,
    process::Circumstances,
    server::{self, Server},
};
use driftline_store::Store;
use serde::Serialize;
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// Monitors that have a past.
const MONITORS: u32 = 50;
const STARTS: usize = 5;

#[derive(Parser)]
struct Arguments {
    /// Size of the verdicts and reports that are kept, about.
    #[arg(long, default_value_t = 1_024)]
    mib: u32,
    /// An empty store; a file of its own where nothing is said.
    #[arg(long)]
    store: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    store: &'static str,
    runs: u32,
    /// Of the file, where it is one.
    store_mib: Option<f64>,
    /// From the start of the process to the first yes of `/readyz`, by start.
    ready_s: Vec<f64>,
    /// Time of the page of all monitors, once it is ready.
    overview_s: f64,
    memory_mib: f64,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!("A start with a past; {circumstances}\n"))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("store.db");
    let own = format!("sqlite://{}", file.display());
    let url = arguments.store.as_deref().unwrap_or(&own);
    let runs = tokio::runtime::Runtime::new()?.block_on(fill(url, arguments.mib))?;
    server::write_pipeline(folder.path(), "shop-0", "")?;

    let (mut ready_s, mut overview_s, mut memory_mib) = (Vec::new(), 0.0, 0.0);
    for _ in 0..STARTS {
        let began = Instant::now();
        let server = Server::start(folder.path(), &["p.yaml", "--every", "1h", "--store", url])?;
        while !get(&server.address, "/readyz")?.starts_with("HTTP/1.1 200") {
            thread::sleep(Duration::from_millis(2));
        }
        ready_s.push(began.elapsed().as_secs_f64());
        let asked = Instant::now();
        let page = get(&server.address, "/")?;
        overview_s = asked.elapsed().as_secs_f64();
        if !page.starts_with("HTTP/1.1 200") {
            return Err(page.into());
        }
        memory_mib = server.memory_mib()?;
    }
    let figures = Figures {
        circumstances,
        store: if url.starts_with("postgres") {
            "PostgreSQL"
        } else {
            "SQLite"
        },
        runs,
        store_mib: std::fs::metadata(&file)
            .ok()
            .map(|file| file.len() as f64 / 1_048_576.0),
        ready_s,
        overview_s,
        memory_mib,
    };
    line(serde_json::to_string_pretty(&figures)?)?;
    arguments.output.write(&figures)
}

/// Hourly runs of a day each, of a number of monitors, until there is enough of them.
async fn fill(url: &str, mib: u32) -> Result<u32, Error> {
    /// A run of 24 windows with 20 findings each, in the store.
    const RUN_BYTES: u32 = 220 * 1024;
    let runs = mib * 1_024 / (RUN_BYTES / 1_024);
    let store = Store::open(url).await?;
    for run in 0..runs {
        let monitor = format!("shop-{}", run % MONITORS);
        let past = Past {
            monitor: &monitor,
            windows: 24,
            findings: 20,
            events: 2,
            target: "nobody",
        };
        let hours = TimeDelta::hours(i64::from(run / MONITORS));
        let at = DateTime::UNIX_EPOCH + TimeDelta::days(19_000) + hours;
        past.commit(&store, run, at).await?;
    }
    store.close().await;
    Ok(runs)
}

fn get(address: &str, path: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
