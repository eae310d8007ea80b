//! `driftline topic`: how far a pipeline's topic was read, and what could not be.

use crate::{
    args::{self, Format},
    command, exit_code, output,
};
use chrono::{DateTime, SecondsFormat};
use driftline_pipeline::Pipeline;
use driftline_store::{DeadLetter, StreamState};
use miette::IntoDiagnostic;
use serde_json::{Value, json};

/// Dead letters that are shown.
const SHOWN: u32 = 1_000;

pub(crate) async fn topic(arguments: args::Topic) -> miette::Result<u8> {
    let pipeline = Pipeline::read(&arguments.pipeline)?;
    let Some((_, topic)) = pipeline.live.brokers_and_topic() else {
        return Err(command::CommandError::Usage {
            argument: "PIPELINE",
            reason: format!(
                "the live data of `{}` is no topic, but `{}`",
                pipeline.name, pipeline.live.source
            ),
        }
        .into());
    };
    let store = command::open_store(&arguments.store.store, true).await?;
    let monitor = pipeline.name.as_str();
    let state = store.stream_state(monitor, topic).await;
    let letters = store.dead_letters(monitor, SHOWN).await;
    store.close().await;
    let state = state.map_err(|error| command::shown(error.into()))?;
    let letters = letters.map_err(|error| command::shown(error.into()))?;
    let text = match arguments.output.format {
        Format::Json => {
            serde_json::to_string_pretty(&as_json(topic, &state, &letters)).into_diagnostic()?
        }
        Format::Table => as_table(topic, &state, &letters),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

fn time(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(
        || micros.to_string(),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

fn as_json(topic: &str, state: &StreamState, letters: &[DeadLetter]) -> Value {
    let partitions = state.partitions.iter().map(|one| {
        json!({
            "partition": one.partition,
            "next_offset": one.next_offset,
            "lag": one.lag(),
            "newest": one.newest_us.map(time),
        })
    });
    let open = state.open.iter().map(|one| {
        json!({
            "start": time(one.start_us),
            "end": time(one.end_us),
            "rows": one.rows,
            "size_bytes": one.size_bytes,
            "dead": one.dead,
            "late": one.late,
        })
    });
    let letters = letters.iter().map(|one| {
        json!({
            "partition": one.partition,
            "offset": one.offset,
            "sent_at": one.sent_at_ms.map(|sent| time(sent.saturating_mul(1_000))),
            "reason": one.reason,
        })
    });
    json!({
        "topic": topic,
        "closed_until": state.closed_until_us.map(time),
        "partitions": partitions.collect::<Vec<_>>(),
        "open_panes": open.collect::<Vec<_>>(),
        "dead_letters": letters.collect::<Vec<_>>(),
    })
}

fn as_table(topic: &str, state: &StreamState, letters: &[DeadLetter]) -> String {
    let until = state.closed_until_us.map_or("nothing".into(), time);
    let mut lines = vec![format!("{topic}: judged until {until}")];
    for one in &state.partitions {
        let newest = one.newest_us.map_or("no time yet".into(), time);
        let lag = one.lag().map_or("?".into(), |lag| lag.to_string());
        lines.push(format!(
            "  partition {:<4} next offset {:<12} lag {lag:<10} newest {newest}",
            one.partition, one.next_offset
        ));
    }
    for one in &state.open {
        lines.push(format!(
            "  open {} to {}: {} rows, {} late, {} unreadable",
            time(one.start_us),
            time(one.end_us),
            one.rows,
            one.late,
            one.dead
        ));
    }
    for one in letters {
        lines.push(format!(
            "  unreadable: partition {} offset {}: {}",
            one.partition, one.offset, one.reason
        ));
    }
    lines.join("\n")
}
