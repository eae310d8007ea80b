//! What is left when `driftline run` or `driftline serve` is killed at random instants: events
//! that were decided and not delivered, deliveries that nobody decided, windows that count twice.
//!
//! Every round adds a day of broken data and starts a run that delivers to a receiver on this
//! machine, which sometimes hangs up without an answer; most runs are killed (SIGKILL) before
//! their end. At last everything that waits is delivered, and the store is held against what
//! arrived.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin killed -- [--rounds 200] [--serve] [--store URL] [--json FILE]
//! ```
//!
//! With `--serve` a round is a server that evaluates each second: it begins when the lease of the
//! one before, which was killed, has run out. It evaluates a window many times, so that only what
//! was told twice counts. `--store` names an empty store, such as `postgres://USER@HOST/DATABASE`.

use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line},
    process::{self, Circumstances},
    server::SECRET,
};
use driftline_store::{RunFilter, Store};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// Of so many requests one is read and not answered.
const HANG_UP: u32 = 7;
/// How long a server that was killed keeps a monitor to itself.
const LEASE_S: f64 = 10.0;
/// How often what waits is tried at last: a killed run's lease has to run out first.
const DRAIN: u32 = 180;

#[derive(Parser)]
struct Arguments {
    /// Runs that are started.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Kill servers instead of runs.
    #[arg(long)]
    serve: bool,
    /// The store; a file of its own where nothing is said.
    #[arg(long)]
    store: Option<String>,
    /// Seed of the instants.
    #[arg(long, default_value_t = 20_260_101)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    rounds: u32,
    killed: u32,
    runs_committed: usize,
    events_decided: usize,
    deliveries: usize,
    decided_and_not_delivered: usize,
    delivered_and_not_decided: usize,
    told_under_two_ids: usize,
    /// Of runs; a server looks at a window again and again.
    windows_counted_twice: Option<usize>,
}

/// What arrived: the body and how often, by the id of the event.
type Arrived = Arc<Mutex<BTreeMap<String, (Value, usize)>>>;

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!("Runs killed at random; {circumstances}\n"))?;
    let folder = tempfile::tempdir()?;
    let arrived = Arrived::default();
    let port = receive(&arrived, arguments.seed)?;
    let program = Program {
        folder: folder.path(),
        binary: process::driftline()?,
        store: arguments
            .store
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", folder.path().join("store.db").display())),
    };
    program.prepare(port)?;

    // A whole run says over what time the others are to be killed.
    program.write_day(0)?;
    let (_, whole) = process::run(&mut program.run())?;
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut killed = 0;
    for round in 1..=arguments.rounds {
        program.write_day(round)?;
        let (mut command, longest) = match arguments.serve {
            true => (program.serve(), LEASE_S + 4.0 * whole.wall_s),
            false => (program.run(), 1.2 * whole.wall_s),
        };
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let after = rng.random_range(0.0..longest);
        killed += u32::from(kill(child, Duration::from_secs_f64(after))?);
    }
    program.write_day(arguments.rounds + 1)?;
    process::run(&mut program.run())?;

    let mut outbox = program.outbox()?;
    for _ in 0..DRAIN {
        if outbox.iter().all(|row| row["state"] == "delivered") {
            break;
        }
        process::run(&mut program.command(&["outbox", "deliver", "p.yaml"]))?;
        thread::sleep(Duration::from_secs(1));
        outbox = program.outbox()?;
    }

    let arrived = arrived.lock().map_err(|_| "the receiver died")?;
    let decided: BTreeSet<&str> = outbox
        .iter()
        .filter_map(|row| row["event_id"].as_str())
        .collect();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for (event, _) in arrived.values() {
        let about = (
            &event["type"],
            &event["data"]["monitor"],
            &event["data"]["window"],
        );
        *ids.entry(serde_json::to_string(&about)?).or_default() += 1;
    }
    let runs = program.windows()?;
    let mut windows: BTreeMap<&str, usize> = BTreeMap::new();
    for window in &runs {
        *windows.entry(window).or_default() += 1;
    }
    let figures = Figures {
        circumstances,
        rounds: arguments.rounds,
        killed,
        runs_committed: runs.len(),
        events_decided: decided.len(),
        deliveries: arrived.values().map(|(_, times)| times).sum(),
        decided_and_not_delivered: decided
            .iter()
            .filter(|&&id| !arrived.contains_key(id))
            .count(),
        delivered_and_not_decided: arrived
            .keys()
            .filter(|id| !decided.contains(id.as_str()))
            .count(),
        told_under_two_ids: ids.values().filter(|&&ids| ids > 1).count(),
        windows_counted_twice: (!arguments.serve)
            .then(|| windows.values().filter(|&&runs| runs > 1).count()),
    };
    line(serde_json::to_string_pretty(&figures)?)?;
    arguments.output.write(&figures)
}

struct Program<'a> {
    folder: &'a Path,
    binary: std::path::PathBuf,
    store: String,
}

impl Program<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(self.folder)
            .args(arguments)
            .args(["--store", &self.store])
            .env("HOOK_SECRET", SECRET);
        command
    }

    fn run(&self) -> Command {
        self.command(&["run", "p.yaml", "--out", "out", "--quiet"])
    }

    fn serve(&self) -> Command {
        self.command(&[
            "serve",
            "p.yaml",
            "--every",
            "1s",
            "--listen",
            "127.0.0.1:0",
        ])
    }

    /// Eight weeks of good data, and the pipeline that judges the newest day after them.
    fn prepare(&self, port: u16) -> Result<(), Error> {
        let mut rows = String::from("day,status\n");
        for day in 0..56 {
            for row in 0..20 {
                rows += &format!("{},{}\n", date(day), ["ok", "slow"][row % 2]);
            }
        }
        std::fs::write(self.folder.join("base.csv"), rows)?;
        let pipeline = format!(
            "name: killed\nbaseline: {{source: base.csv}}\nlive: {{source: live.csv}}\n\
             time: {{column: day, window: 1d, block: 1d, evaluate: newest}}\n\
             actions:\n  webhooks:\n    - name: receiver\n      on: [notify, retrain]\n      \
             url: http://127.0.0.1:{port}/events\n      secret: env:HOOK_SECRET\n      \
             allow_http: true\n      allow_addresses: [127.0.0.0/8]\n"
        );
        Ok(std::fs::write(self.folder.join("p.yaml"), pipeline)?)
    }

    /// One day, of values that the training data does not know.
    fn write_day(&self, round: u32) -> Result<(), Error> {
        let day = date(i64::from(100 + round));
        let rows: String = (0..20).map(|row| format!("{day},broken{row}\n")).collect();
        Ok(std::fs::write(
            self.folder.join("live.csv"),
            format!("day,status\n{rows}"),
        )?)
    }

    fn items(&self, arguments: &[&str]) -> Result<Vec<Value>, Error> {
        let output = self
            .command(arguments)
            .args(["--format", "json"])
            .output()?;
        let list: Value = serde_json::from_slice(&output.stdout)
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    fn outbox(&self) -> Result<Vec<Value>, Error> {
        self.items(&["outbox", "list"])
    }

    /// The newest windows of all runs that are in the store.
    fn windows(&self) -> Result<Vec<String>, Error> {
        let runtime = tokio::runtime::Runtime::new()?;
        let runs = runtime.block_on(async {
            let store = Store::open(&self.store).await?;
            let runs = store.runs(&RunFilter::default(), None, u32::MAX).await;
            store.close().await;
            runs
        })?;
        Ok(runs
            .into_iter()
            .map(|run| format!("{:?}", run.window_start))
            .collect())
    }
}

fn date(day: i64) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default();
    (first + chrono::Duration::days(day)).to_string()
}

/// Kills a process after a time; false if it ended before.
fn kill(mut child: Child, after: Duration) -> Result<bool, Error> {
    thread::sleep(after);
    let ended = child.try_wait()?.is_some();
    if !ended {
        child.kill()?;
        child.wait()?;
    }
    Ok(!ended)
}

/// Starts a receiver that keeps what arrives; its port.
fn receive(arrived: &Arrived, seed: u64) -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let arrived = Arc::clone(arrived);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 1);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = !rng.next_u32().is_multiple_of(HANG_UP);
            // A client that was killed leaves half a request.
            if let Err(error) = take(stream, &arrived, answers) {
                eprintln!("half a request: {error}");
            }
        }
    });
    Ok(port)
}

fn take(stream: TcpStream, arrived: &Arrived, answers: bool) -> Result<(), Error> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Err("the connection was closed".into());
        }
        match header.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("webhook-id") => {
                id = value.trim().to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse()?;
            }
            None if header.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let event = serde_json::from_slice(&body)?;
    let mut arrived = arrived.lock().map_err(|_| "the receiver died")?;
    arrived.entry(id).or_insert((event, 0)).1 += 1;
    if answers {
        reader.get_mut().write_all(
            b"HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        )?;
    }
    Ok(())
}
