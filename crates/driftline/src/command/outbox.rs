//! `driftline outbox`: what waits to be delivered.

use crate::{
    args::{self, Format},
    command, exit_code, output,
};
use driftline_engine::EngineConfig;
use driftline_monitor::{
    Evaluator, PipelineEvaluator,
    delivery::{Deliverer, Selection},
};
use driftline_pipeline::Pipeline;
use driftline_store::{OutboxFilter, Replay};
use miette::IntoDiagnostic;

pub(crate) async fn outbox(arguments: args::Outbox) -> miette::Result<u8> {
    match arguments {
        args::Outbox::List(arguments) => list(arguments).await,
        args::Outbox::Deliver(arguments) => deliver(arguments).await,
        args::Outbox::Replay(arguments) => replay(arguments).await,
    }
}

async fn replay(arguments: args::OutboxReplay) -> miette::Result<u8> {
    let now = chrono::Utc::now();
    let within = arguments
        .within
        .as_deref()
        .map(|text| command::duration("--within", text))
        .transpose()?;
    let replay = Replay {
        monitor: arguments.monitor.as_deref(),
        target: arguments.target.as_deref(),
        event_id: arguments.event.as_deref(),
        since: within.map(|within| now - within),
        delivered: arguments.delivered,
    };
    let store = command::open_store(&arguments.store.store, false).await?;
    let replayed = store.replay(&replay, now).await;
    let replayed = command::ended(&store, replayed).await?;
    output::put(&format!("{replayed} deliveries are due again"), None)?;
    Ok(exit_code::PASS)
}

async fn list(arguments: args::OutboxList) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let rows = store.outbox(&OutboxFilter::default(), None, 1_000).await;
    store.close().await;
    let rows = rows.map_err(|error| command::shown(error.into()))?;
    let text = match arguments.output.format {
        Format::Json => {
            serde_json::to_string_pretty(&serde_json::json!({ "items": rows })).into_diagnostic()?
        }
        Format::Table => {
            let mut lines = vec![format!(
                "{:<10} {:<24} {:<16} {:<8} event",
                "state", "type", "target", "attempt"
            )];
            lines.extend(rows.iter().map(|row| {
                format!(
                    "{:<10} {:<24} {:<16} {:<8} {}",
                    row.state.name(),
                    row.kind,
                    row.target,
                    row.attempt,
                    row.event_id
                )
            }));
            lines.join("\n")
        }
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

async fn deliver(arguments: args::OutboxDeliver) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, false).await?;
    let deliverer = Deliverer::new(store.clone());
    let mut reports = Vec::new();
    for path in &arguments.pipelines {
        let evaluator =
            PipelineEvaluator::new(Pipeline::read(path)?, EngineConfig::default(), None)
                .map_err(command::shown)?;
        let delivered = deliverer
            .deliver(evaluator.name(), evaluator.targets(), &Selection::Pending)
            .await
            .map_err(command::shown)?;
        reports.extend(delivered);
    }
    store.close().await;
    let failed = reports.iter().any(|report| !report.outcome.is_delivered());
    let text = match arguments.output.format {
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({ "items": reports }))
            .into_diagnostic()?,
        Format::Table if reports.is_empty() => "nothing is due".to_owned(),
        Format::Table => reports
            .iter()
            .map(|report| format!("{} to {}: {}", report.kind, report.target, report.outcome))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(if failed {
        exit_code::INFRASTRUCTURE
    } else {
        exit_code::PASS
    })
}
