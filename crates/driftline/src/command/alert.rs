//! `driftline alert`: what somebody should know, and what nobody shall be told of.

use crate::{
    args::{self, Format, StateName},
    command::{self, CommandError},
    exit_code, output,
};
use driftline_monitor::{AlertItem, SilenceRequest};
use driftline_store::{AlertFilter, AlertState, SilenceFilter};
use driftline_verdict::FindingKind;
use miette::IntoDiagnostic;

/// Alerts or silences that are listed at once.
const MOST: u32 = 1_000;

pub(crate) async fn alert(verb: args::AlertVerb) -> miette::Result<u8> {
    match verb {
        args::AlertVerb::List(arguments) => list(arguments).await,
        args::AlertVerb::Silence(arguments) => silence(arguments).await,
        args::AlertVerb::Silences(arguments) => silences(arguments).await,
        args::AlertVerb::Unsilence(arguments) => unsilence(arguments).await,
    }
}

async fn list(arguments: args::AlertList) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let filter = AlertFilter {
        monitor: arguments.monitor,
        state: arguments.state.map(|state| match state {
            StateName::Pending => AlertState::Pending,
            StateName::Firing => AlertState::Firing,
            StateName::Resolved => AlertState::Resolved,
        }),
        ..AlertFilter::default()
    };
    let now = SilenceFilter {
        at: Some(chrono::Utc::now()),
        id: None,
    };
    let read = async {
        let alerts = store.alerts(&filter, None, MOST).await?;
        let silences = store.silences(&now, None, MOST).await?;
        Ok((alerts, silences))
    };
    let (alerts, silences) = command::ended(&store, read.await).await?;
    let items: Vec<AlertItem> = alerts
        .into_iter()
        .map(|alert| AlertItem::of(alert, &silences))
        .collect();
    let text = match arguments.output.format {
        Format::Json => as_json(&items)?,
        Format::Table if items.is_empty() => "no alerts".to_owned(),
        Format::Table => items.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

fn line(item: &AlertItem) -> String {
    let alert = &item.alert;
    let silenced = match item.silenced_by {
        Some(_) => " (silenced)",
        None => "",
    };
    format!(
        "{:<9} {:<8} {:<16} since {}{silenced}  {}",
        alert.state.name(),
        alert.severity.name(),
        alert.monitor,
        output::instant(alert.pending_at),
        alert.message
    )
}

async fn silence(arguments: args::AlertSilence) -> miette::Result<u8> {
    let kind = arguments.kind.as_deref().map(finding_kind).transpose()?;
    let duration = command::duration("--for", &arguments.duration)?;
    let request = SilenceRequest {
        monitor: arguments.monitor,
        kind,
        column: arguments.column,
        slice: arguments.slice,
        measure: arguments.measure,
        term: arguments.term,
        duration_seconds: Some(duration.as_secs()),
        author: arguments.author,
        comment: arguments.comment,
        ..SilenceRequest::default()
    };
    let silence = request.checked(chrono::Utc::now()).map_err(|mistake| {
        let argument = match mistake.field {
            "author" => "--author",
            "comment" => "--comment",
            _ => "--for",
        };
        CommandError::Usage {
            argument,
            reason: mistake.message,
        }
    })?;
    let store = command::open_store(&arguments.store.store, false).await?;
    let written = store.add_silence(&silence).await;
    command::ended(&store, written).await?;
    output::put(&silence.id, None)?;
    Ok(exit_code::PASS)
}

fn finding_kind(text: &str) -> Result<FindingKind, CommandError> {
    let known = FindingKind::KNOWN;
    let found = known.iter().find(|kind| kind.name() == text);
    found.copied().ok_or_else(|| CommandError::Usage {
        argument: "--kind",
        reason: format!(
            "`{text}` is no kind of finding; the kinds are {}",
            known.map(FindingKind::name).join(", ")
        ),
    })
}

async fn silences(arguments: args::Silences) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let filter = SilenceFilter {
        at: (!arguments.all).then(chrono::Utc::now),
        id: None,
    };
    let silences = store.silences(&filter, None, MOST).await;
    let items = command::ended(&store, silences).await?;
    let text = match arguments.output.format {
        Format::Json => as_json(&items)?,
        Format::Table if items.is_empty() => "no silences".to_owned(),
        Format::Table => {
            let lines = items.iter().map(|silence| {
                format!(
                    "{}  until {}  {}: {}",
                    silence.id,
                    output::instant(silence.ends_at),
                    silence.author,
                    silence.comment
                )
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

async fn unsilence(arguments: args::Unsilence) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, false).await?;
    let found = store.end_silence(&arguments.id, chrono::Utc::now()).await;
    if !command::ended(&store, found).await? {
        return Err(CommandError::Missing {
            what: format!("there is no silence `{}`", arguments.id),
        }
        .into());
    }
    Ok(exit_code::PASS)
}

fn as_json<T: serde::Serialize>(items: &[T]) -> miette::Result<String> {
    serde_json::to_string_pretty(&serde_json::json!({ "items": items })).into_diagnostic()
}
