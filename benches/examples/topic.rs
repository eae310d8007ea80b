//! How fast `driftline serve` takes messages of a topic in, and how soon it has a verdict.
//!
//! Records of ten columns, about 300 bytes of JSON each. First all that are sent lie in the topic and are
//! one window, which is read, kept and judged; then windows of a minute come in as they are sent.
//! The broker is librdkafka's mock cluster within this process, on the same cores. It keeps 5 MB a
//! partition, which is why there are many.
//!
//! ```text
//! cargo build --release -p driftline --features kafka
//! cargo run --release -p driftline-benches --example topic -- target/release/driftline
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "how long it takes is what is measured"
)]

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line},
    process::{Circumstances, peak_mib},
};
use driftline_engine::topic::rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Arguments {
    /// The program: `driftline`, built with the feature `kafka`.
    program: PathBuf,
    /// Messages of the window that lies in the topic.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Messages a second of the windows that come in.
    #[arg(long, default_value_t = 1_000)]
    rate: usize,
    /// Windows of a minute that come in.
    #[arg(long, default_value_t = 3)]
    windows: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    rows: usize,
    bytes_per_row: f64,
    /// From the start of the server until every message is in the store. The baseline is learnt
    /// after that.
    read_s: f64,
    read_rows_per_s: f64,
    /// Until the verdict of the window is there.
    judged_s: f64,
    judged_rows_per_s: f64,
    peak_memory_mib: f64,
    /// From the end of a window and its lateness to its verdict.
    latency_s: Vec<f64>,
}

const TOPIC: &str = "orders";
/// Bytes of messages that the mock broker keeps of a partition are 5 MiB.
const ROWS_A_PARTITION: usize = 14_000;
const TRAINING_ROWS: usize = 200_000;
/// Out of orderness and lateness, of the windows that come in.
const LATENESS: Duration = Duration::from_secs(2);

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!("Messages of a topic; {circumstances}\n"))?;
    let folder = tempfile::tempdir()?;
    let start: DateTime<Utc> = "2024-01-01T00:00:00Z".parse()?;
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let mut training =
        std::io::BufWriter::new(std::fs::File::create(folder.path().join("base.jsonl"))?);
    for row in 0..TRAINING_ROWS {
        // 56 hours: as many blocks.
        let at =
            start + TimeDelta::milliseconds(row as i64 * 56 * 3_600_000 / TRAINING_ROWS as i64);
        writeln!(training, "{}", record(&mut chance, at))?;
    }
    training.flush()?;

    let partitions = arguments.rows.div_ceil(ROWS_A_PARTITION).max(2);
    let topic = Topic::new(partitions)?;
    let first = start + TimeDelta::days(30);
    let mut bytes = 0;
    for row in 0..arguments.rows {
        let at =
            first + TimeDelta::microseconds(row as i64 * 3_600_000_000 / arguments.rows as i64);
        let record = record(&mut chance, at);
        bytes += record.len();
        topic.send(row % partitions, &record);
    }
    for partition in 0..partitions {
        topic.send(partition, &record(&mut chance, first + TimeDelta::hours(2)));
    }
    topic.flush()?;
    let began = Instant::now();
    let mut server = Server::start(&arguments.program, folder.path(), &topic, "1h", 1)?;
    let sent = (arguments.rows + partitions) as u64;
    while server.offsets()? < sent {
        thread::sleep(Duration::from_millis(50));
    }
    let read_s = began.elapsed().as_secs_f64();
    while server.windows()? < 1 {
        thread::sleep(Duration::from_millis(50));
    }
    let judged_s = began.elapsed().as_secs_f64();
    let peak_memory_mib = peak_mib(&server.child.id().to_string())?;
    server.end()?;

    let latency_s = latency(&arguments, folder.path(), &mut chance)?;
    let rows = arguments.rows as f64;
    let figures = Figures {
        circumstances,
        rows: arguments.rows,
        bytes_per_row: bytes as f64 / rows,
        read_s,
        read_rows_per_s: rows / read_s,
        judged_s,
        judged_rows_per_s: rows / judged_s,
        peak_memory_mib,
        latency_s,
    };
    line(serde_json::to_string_pretty(&figures)?)?;
    arguments.output.write(&figures)
}

/// Sends messages as they are made, and waits for each verdict.
fn latency(
    arguments: &Arguments,
    folder: &Path,
    chance: &mut ChaCha8Rng,
) -> Result<Vec<f64>, Error> {
    let topic = Topic::new(2)?;
    let mut server = Server::start(&arguments.program, folder, &topic, "1m", 1)?;
    let mut latencies = Vec::new();
    let pause = Duration::from_secs_f64(1.0 / arguments.rate as f64);
    let began = Instant::now();
    let minute = |time: DateTime<Utc>| time.timestamp().div_euclid(60);
    // The first window is cut by the start, and judged while the baseline is learnt.
    let mut due = minute(Utc::now()) + 1;
    let last = due + arguments.windows as i64;
    let mut judged = 0;
    let mut sent = 0;
    while due <= last {
        topic.send(sent % 2, &record(chance, Utc::now()));
        sent += 1;
        if let Some(early) = (pause * sent as u32).checked_sub(began.elapsed()) {
            thread::sleep(early);
        }
        if sent % (arguments.rate / 10).max(1) == 0 {
            let found = server.windows()?;
            if found > judged {
                judged = found;
                let over = DateTime::from_timestamp(due * 60, 0).ok_or("no time")?;
                let since = (Utc::now() - over).to_std()?;
                latencies.push(since.saturating_sub(LATENESS).as_secs_f64());
                due += 1;
            }
        }
    }
    server.end()?;
    // What is learnt once is no part of it.
    latencies.remove(0);
    Ok(latencies)
}

/// About 300 bytes of JSON, ten columns.
fn record(chance: &mut ChaCha8Rng, at: DateTime<Utc>) -> String {
    const COLOURS: [&str; 5] = ["red", "green", "blue", "black", "white"];
    const CITIES: [&str; 6] = [
        "Berlin",
        "Beijing",
        "Boston",
        "Bogota",
        "Bangalore",
        "Bergen",
    ];
    let id: u64 = chance.random();
    let amount = chance.random::<f64>() * 200.0;
    format!(
        r#"{{"at":"{}","order_id":"{id:016x}","customer":{},"amount":{amount:.2},"quantity":{},"discount":{:.3},"colour":"{}","city":"{}","is_paid":{},"note":"{:0>80}"}}"#,
        at.to_rfc3339_opts(SecondsFormat::Millis, true),
        chance.random_range(0..50_000),
        chance.random_range(1..20),
        chance.random::<f64>(),
        COLOURS[chance.random_range(0..COLOURS.len())],
        CITIES[chance.random_range(0..CITIES.len())],
        chance.random::<f64>() < 0.9,
        chance.random_range(0..1_000),
    )
}

/// A topic on a broker of its own.
struct Topic {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Topic {
    fn new(partitions: usize) -> Result<Self, Error> {
        let cluster = MockCluster::new(1)?;
        cluster.create_topic(TOPIC, i32::try_from(partitions)?, 1)?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("linger.ms", "20")
            .set("queue.buffering.max.messages", "200000")
            .create()?;
        Ok(Self { cluster, producer })
    }

    fn send(&self, partition: usize, payload: &str) {
        loop {
            let record = BaseRecord::<(), str>::to(TOPIC)
                .partition(partition as i32)
                .payload(payload);
            match self.producer.send(record) {
                Ok(()) => return,
                // The queue is full.
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(self.producer.flush(Duration::from_secs(120))?)
    }
}

struct Server {
    child: Child,
    address: String,
    folder: PathBuf,
    program: PathBuf,
    store: String,
}

impl Server {
    fn start(
        program: &Path,
        folder: &Path,
        topic: &Topic,
        window: &str,
        lateness_s: u64,
    ) -> Result<Self, Error> {
        let block = if window == "1m" { "1m" } else { "1h" };
        let pipeline = format!(
            "name: orders\nbaseline: {{source: base.jsonl}}\nlive:\n  source: kafka://{}/{TOPIC}\n  topic: \
             {{out_of_orderness: {lateness_s}s, allowed_lateness: {lateness_s}s, idle: 5s, max_ahead: 30d}}\n\
             time: {{column: at, window: {window}, block: {block}}}\n",
            topic.cluster.bootstrap_servers()
        );
        std::fs::write(folder.join("p.yaml"), pipeline)?;
        let store = format!("sqlite://{}", folder.join(format!("{window}.db")).display());
        let program = program.canonicalize()?;
        let mut child = Command::new(&program)
            .current_dir(folder)
            .args([
                "serve",
                "p.yaml",
                "--listen",
                "127.0.0.1:0",
                "--store",
                &store,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut told = BufReader::new(child.stderr.take().ok_or("it says nothing")?);
        let mut said = String::new();
        let address = loop {
            said.clear();
            if told.read_line(&mut said)? == 0 {
                return Err("the server ended".into());
            }
            if let Some((_, address)) = said.trim_end().split_once("listening on http://") {
                break address.to_owned();
            }
        };
        // What it says later must not fill the pipe.
        thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        Ok(Self {
            child,
            address,
            folder: folder.to_owned(),
            program,
            store,
        })
    }

    /// The sum of the offsets up to which partitions were read.
    fn offsets(&self) -> Result<u64, Error> {
        let shown = Command::new(&self.program)
            .current_dir(&self.folder)
            .args([
                "topic",
                "p.yaml",
                "--format",
                "json",
                "--store",
                &self.store,
            ])
            .output()?;
        let shown: Value = serde_json::from_slice(&shown.stdout)?;
        let partitions = shown["partitions"].as_array().ok_or("no partitions")?;
        Ok(partitions
            .iter()
            .filter_map(|one| one["next_offset"].as_u64())
            .sum())
    }

    /// Windows that have a verdict.
    fn windows(&self) -> Result<usize, Error> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(
            b"GET /api/v1/runs?page_size=100 HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n",
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        let runs: Value = serde_json::from_str(body)?;
        Ok(runs["items"].as_array().map_or(0, Vec::len))
    }

    fn end(&mut self) -> Result<(), Error> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}
