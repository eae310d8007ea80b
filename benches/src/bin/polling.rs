//! How many polls `driftline serve` answers, and what those who wait cost it.
//!
//! Connections that are kept alive ask for one monitor's status with the tag that they know, as
//! orchestrators do; then long polls and streams of events are opened and left to wait.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin polling -- [--seconds 10] [--connections 16] [--store URL] [--json FILE]
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "how long answers take is what is measured"
)]

use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line},
    process::Circumstances,
    server::{self, Server},
};
use serde::Serialize;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Arguments {
    /// How long it is polled.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections at the same time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Long polls that wait.
    #[arg(long, default_value_t = 1_000)]
    long_polls: usize,
    /// An empty store; a file of its own where nothing is said.
    #[arg(long)]
    store: Option<String>,
    /// Streams of events.
    #[arg(long, default_value_t = 500)]
    streams: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    connections: usize,
    requests_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Answers that were not 304.
    others: usize,
    long_polls: usize,
    streams: usize,
    /// Resident memory of the server before and while they wait.
    memory_before_mib: f64,
    memory_waiting_mib: f64,
}

const STATUS: &str = "/api/v1/monitors/polled/status";

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!("Polls of the status API; {circumstances}\n"))?;
    let folder = tempfile::tempdir()?;
    server::write_pipeline(folder.path(), "polled", "")?;
    let own = format!("sqlite://{}", folder.path().join("store.db").display());
    let url = arguments.store.as_deref().unwrap_or(&own);
    let server = Server::start(folder.path(), &["p.yaml", "--every", "1h", "--store", url])?;
    let tag = tag(&server.address)?;

    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let pollers: Vec<_> = (0..arguments.connections)
        .map(|_| {
            let (address, tag) = (server.address.clone(), tag.clone());
            thread::spawn(move || poll(&address, &tag, end).map_err(|error| error.to_string()))
        })
        .collect();
    let (mut times, mut others) = (Vec::new(), 0);
    for poller in pollers {
        let (own, other) = poller.join().map_err(|_| "a poller died")??;
        times.extend(own);
        others += other;
    }
    times.sort();
    let at = |share: f64| -> f64 {
        let place = (times.len() as f64 * share) as usize;
        let time = times.get(place.min(times.len().saturating_sub(1)));
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    };

    let memory_before_mib = server.memory_mib()?;
    let wait = format!("{STATUS}?wait=55s");
    let mut waiting = Vec::new();
    for _ in 0..arguments.long_polls {
        waiting.push(ask(&server.address, &wait, Some(&tag))?);
    }
    for _ in 0..arguments.streams {
        waiting.push(ask(&server.address, "/api/v1/events/stream", None)?);
    }
    thread::sleep(Duration::from_secs(3));
    let memory_waiting_mib = server.memory_mib()?;
    drop(waiting);
    let figures = Figures {
        circumstances,
        connections: arguments.connections,
        requests_per_s: times.len() as f64 / arguments.seconds as f64,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        others,
        long_polls: arguments.long_polls,
        streams: arguments.streams,
        memory_before_mib,
        memory_waiting_mib,
    };
    line(serde_json::to_string_pretty(&figures)?)?;
    arguments.output.write(&figures)
}

/// The tag of the status once there is a verdict.
fn tag(address: &str) -> Result<String, Error> {
    for _ in 0..600 {
        let mut connection = ask(address, STATUS, None)?;
        let answer = read(&mut connection)?;
        if answer.tag.ends_with("-fresh\"") {
            return Ok(answer.tag);
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err("it is never evaluated".into())
}

/// Polls until the end; the times of all answers, and how many were not 304.
fn poll(address: &str, tag: &str, end: Instant) -> Result<(Vec<Duration>, usize), Error> {
    let mut connection = connect(address)?;
    let (mut times, mut others) = (Vec::new(), 0);
    while Instant::now() < end {
        let began = Instant::now();
        send(connection.get_mut(), STATUS, Some(tag))?;
        others += usize::from(read(&mut connection)?.status != 304);
        times.push(began.elapsed());
    }
    Ok((times, others))
}

fn connect(address: &str) -> Result<BufReader<TcpStream>, Error> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(BufReader::new(stream))
}

fn ask(address: &str, path: &str, tag: Option<&str>) -> Result<BufReader<TcpStream>, Error> {
    let mut connection = connect(address)?;
    send(connection.get_mut(), path, tag)?;
    Ok(connection)
}

fn send(stream: &mut TcpStream, path: &str, tag: Option<&str>) -> Result<(), Error> {
    let known = tag.map_or(String::new(), |tag| format!("If-None-Match: {tag}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{known}\r\n");
    Ok(stream.write_all(request.as_bytes())?)
}

struct Answer {
    status: u16,
    tag: String,
}

fn read(connection: &mut BufReader<TcpStream>) -> Result<Answer, Error> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
    let (mut tag, mut length) = (String::new(), 0);
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some(("etag", value)) => value.clone_into(&mut tag),
            Some(("content-length", value)) => length = value.parse()?,
            Some(_) => {}
            None => break,
        }
    }
    // 304 says how long the body would be, and has none.
    if status != 304 {
        connection.read_exact(&mut vec![0; length])?;
    }
    Ok(Answer { status, tag })
}
