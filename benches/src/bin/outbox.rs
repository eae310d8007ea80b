//! How fast a backlog of the outbox drains, in what order, and what it costs the server.
//!
//! The store has a backlog for one target before the server starts; the receiver is on this
//! machine and answers at once.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin outbox -- [--events 100000] [--ordered] [--store URL] [--json FILE]
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "how long the backlog takes is what is measured"
)]

use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
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
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Events of each run that is in the store.
const EVENTS_OF_A_RUN: u32 = 1_000;
/// How long nothing may arrive before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Arguments {
    /// Events that wait.
    #[arg(long, default_value_t = 100_000)]
    events: u32,
    /// Whether the target wants them one after another.
    #[arg(long)]
    ordered: bool,
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
    ordered: bool,
    events: u32,
    arrived: usize,
    arrived_twice: usize,
    /// Arrivals after one with a later number.
    out_of_order: usize,
    seconds: f64,
    deliveries_per_s: f64,
    /// The rate over the first tenth and over the last.
    first_tenth_per_s: f64,
    last_tenth_per_s: f64,
    /// Resident memory of the server when a tenth had arrived, and its peak.
    memory_early_mib: f64,
    memory_peak_mib: f64,
}

/// What arrived, in order, with the time since the first look.
type Arrived = Arc<Mutex<Vec<(String, Instant)>>>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!("A backlog of the outbox; {circumstances}\n"))?;
    let folder = tempfile::tempdir()?;
    let own = format!("sqlite://{}", folder.path().join("store.db").display());
    let url = arguments.store.as_deref().unwrap_or(&own);
    fill(url, arguments.events).await?;

    let arrived = Arrived::default();
    let port = receive(&arrived).await?.port();
    let webhooks = format!(
        "actions:\n  webhooks:\n    - name: receiver\n      on: [notify]\n      \
         url: http://127.0.0.1:{port}/events\n      ordered: {}\n      secret: env:HOOK_SECRET\n      \
         allow_http: true\n      allow_addresses: [127.0.0.0/8]\n",
        arguments.ordered
    );
    server::write_pipeline(folder.path(), "told", &webhooks)?;
    let began = Instant::now();
    let server = Server::start(folder.path(), &["p.yaml", "--every", "1h", "--store", url])?;

    let wanted = arguments.events as usize;
    let (mut early, mut peak): (Option<f64>, f64) = (None, 0.0);
    let (mut seen, mut news) = (0, Instant::now());
    while seen < wanted && news.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = lock(&arrived).len();
        if now > seen {
            (seen, news) = (now, Instant::now());
        }
        let memory = server.memory_mib()?;
        peak = peak.max(memory);
        if early.is_none() && seen >= wanted / 10 {
            early = Some(memory);
        }
    }
    let arrived = lock(&arrived);
    let distinct: BTreeSet<&str> = arrived.iter().map(|(id, _)| id.as_str()).collect();
    let tenth = (arrived.len() / 10).max(1);
    let at = |place: usize| {
        let found = arrived.get(place.min(arrived.len().saturating_sub(1)));
        found.map_or(f64::NAN, |(_, at)| (*at - began).as_secs_f64())
    };
    let last = arrived.len().saturating_sub(1);
    let figures = Figures {
        circumstances,
        store: if url.starts_with("postgres") {
            "PostgreSQL"
        } else {
            "SQLite"
        },
        ordered: arguments.ordered,
        events: arguments.events,
        arrived: distinct.len(),
        arrived_twice: arrived.len() - distinct.len(),
        out_of_order: arrived
            .windows(2)
            .filter(|pair| pair[1].0 < pair[0].0)
            .count(),
        seconds: at(last) - at(0),
        deliveries_per_s: last as f64 / (at(last) - at(0)),
        first_tenth_per_s: tenth as f64 / (at(tenth) - at(0)),
        last_tenth_per_s: tenth as f64 / (at(last) - at(last.saturating_sub(tenth))),
        memory_early_mib: early.unwrap_or(f64::NAN),
        memory_peak_mib: peak,
    };
    line(serde_json::to_string_pretty(&figures)?)?;
    arguments.output.write(&figures)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store in which that many events wait.
async fn fill(url: &str, events: u32) -> Result<(), Error> {
    let store = Store::open(url).await?;
    let past = Past {
        monitor: "told",
        windows: 1,
        findings: 1,
        events: EVENTS_OF_A_RUN,
        target: "receiver",
    };
    for run in 0..events.div_ceil(EVENTS_OF_A_RUN) {
        let left = events - run * EVENTS_OF_A_RUN;
        let past = Past {
            events: left.min(EVENTS_OF_A_RUN),
            ..past.clone()
        };
        past.commit(&store, run, chrono::Utc::now()).await?;
    }
    store.close().await;
    Ok(())
}

async fn receive(arrived: &Arrived) -> Result<SocketAddr, Error> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/events", post(take))
        .with_state(Arc::clone(arrived));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("the receiver ended: {error}");
        }
    });
    Ok(address)
}

async fn take(State(arrived): State<Arrived>, headers: HeaderMap) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    lock(&arrived).push((id.unwrap_or_default().to_owned(), Instant::now()));
    StatusCode::NO_CONTENT
}
