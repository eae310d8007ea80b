//! A broker within this process, and rows of a file as messages of a topic: what
//! `pipelines/stream.sh` shows a pipeline on a topic with.
//!
//! The broker is librdkafka's mock cluster: it keeps messages in memory, and goes with this
//! process.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for people, who wait for it in real time"
)]

use arrow_json::LineDelimitedWriter;
use clap::Parser;
use driftline_benches::{Error, output::line};
use driftline_engine::{
    Engine, EngineConfig, Source,
    topic::rdkafka::{
        ClientConfig,
        mocking::MockCluster,
        producer::{BaseProducer, BaseRecord, Producer},
    },
};
use std::time::{Duration, Instant};

/// Starts a broker, says where, and sends the rows of a file.
#[derive(Parser)]
struct Arguments {
    /// The rows: any source.
    rows: String,
    /// The topic that is made.
    #[arg(long, default_value = "titles")]
    topic: String,
    /// Its partitions, which rows go to in turn.
    #[arg(long, default_value_t = 2)]
    partitions: i32,
    /// Rows a second; 0 for as fast as it goes.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// SQL over the table `source`: which rows, in which order.
    #[arg(long)]
    prepare: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let cluster = MockCluster::new(1)?;
    cluster.create_topic(&arguments.topic, arguments.partitions, 1)?;
    line(format!("BROKERS={}", cluster.bootstrap_servers()))?;
    let engine = Engine::new(EngineConfig::default())?;
    let mut rows = engine.open(&Source::new(&arguments.rows)).await?;
    if let Some(sql) = &arguments.prepare {
        rows = rows.prepare(sql).await?;
    }
    let mut lines = LineDelimitedWriter::new(Vec::new());
    for batch in rows.collect().await? {
        lines.write(&batch)?;
    }
    let lines = lines.into_inner();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("linger.ms", "20")
        .create()?;
    let begin = Instant::now();
    let mut sent = 0;
    for row in lines
        .split(|&byte| byte == b'\n')
        .filter(|row| !row.is_empty())
    {
        let partition = i32::try_from(sent % arguments.partitions.max(1) as u64)?;
        loop {
            let record = BaseRecord::<(), [u8]>::to(&arguments.topic)
                .partition(partition)
                .payload(row);
            match producer.send(record) {
                Ok(()) => break,
                // The queue is full.
                Err(_) => producer.poll(Duration::from_millis(50)),
            };
        }
        sent += 1;
        if let Some(due) = (sent * 1_000).checked_div(arguments.rate) {
            let due = Duration::from_millis(due);
            if let Some(early) = due.checked_sub(begin.elapsed()) {
                producer.poll(Duration::ZERO);
                tokio::time::sleep(early).await;
            }
        }
    }
    producer.flush(Duration::from_secs(60))?;
    line(format!(
        "{sent} rows sent in {:.1} s; the broker stays until this process ends",
        begin.elapsed().as_secs_f64()
    ))?;
    loop {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
}
