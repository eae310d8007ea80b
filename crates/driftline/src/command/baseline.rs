//! `driftline baseline`: which baseline a monitor's windows are compared with.

use crate::{
    args::{self, Format},
    command::{self, CommandError},
    exit_code, output,
};
use driftline_pipeline::{
    baseline::{read_manifest, read_schema},
    baseline_drift,
};
use driftline_schema::diff;
use driftline_store::{BaselineFilter, BaselineVersion, PromotionRefusal, Store, TrainingData};
use miette::IntoDiagnostic;
use std::path::{Path, PathBuf};

/// Versions that are listed at once.
const MOST: u32 = 1_000;

pub(crate) async fn baseline(verb: args::BaselineVerb) -> miette::Result<u8> {
    match verb {
        args::BaselineVerb::List(arguments) => list(arguments).await,
        args::BaselineVerb::Propose(arguments) => propose(arguments).await,
        args::BaselineVerb::Compare(arguments) => compare(arguments).await,
        args::BaselineVerb::Promote(arguments) => {
            put_in_force(&arguments.of, Some(arguments.version)).await
        }
        args::BaselineVerb::Rollback(arguments) => put_in_force(&arguments, None).await,
        args::BaselineVerb::Pin(arguments) => set_pinned(&arguments, true).await,
        args::BaselineVerb::Unpin(arguments) => set_pinned(&arguments, false).await,
    }
}

async fn list(arguments: args::BaselineList) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let items = versions(&store, arguments.monitor).await?;
    let text = match arguments.output.format {
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({ "items": items }))
            .into_diagnostic()?,
        Format::Table if items.is_empty() => "no versions but those of the pipelines".to_owned(),
        Format::Table => items.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

async fn versions(store: &Store, monitor: Option<String>) -> miette::Result<Vec<BaselineVersion>> {
    let filter = BaselineFilter {
        monitor,
        state: None,
    };
    let versions = store.baseline_versions(&filter, None, MOST).await;
    command::ended(store, versions).await
}

fn line(item: &BaselineVersion) -> String {
    let in_force = if item.is_in_force { "in force" } else { "" };
    format!(
        "{:<16} {:>4}  {:<8} {in_force:<8}  {}  {}  {}",
        item.monitor,
        item.version,
        item.state.name(),
        output::instant(item.created_at),
        item.data.source,
        item.message.as_deref().unwrap_or_default()
    )
    .trim_end()
    .to_owned()
}

async fn propose(arguments: args::BaselinePropose) -> miette::Result<u8> {
    let data = TrainingData {
        source: arguments.source,
        prepare: arguments.prepare,
    };
    let monitor = &arguments.of.monitor;
    let store = command::open_store(&arguments.of.store.store, false).await?;
    let proposed = store
        .propose_baseline(monitor, &data, &arguments.author, chrono::Utc::now())
        .await;
    let version = command::ended(&store, proposed).await?;
    let version = version.ok_or_else(|| no_monitor(monitor))?;
    output::put(&version.to_string(), None)?;
    Ok(exit_code::PASS)
}

fn no_monitor(monitor: &str) -> CommandError {
    CommandError::Missing {
        what: format!("there is no monitor `{monitor}`: it is named as its pipeline is"),
    }
}

async fn put_in_force(of: &args::BaselineOf, version: Option<i64>) -> miette::Result<u8> {
    let store = command::open_store(&of.store.store, false).await?;
    let promoted = store
        .promote_baseline(&of.monitor, version, chrono::Utc::now())
        .await;
    let promoted = command::ended(&store, promoted).await?;
    let in_force = promoted.map_err(|refusal| match refusal {
        PromotionRefusal::NoMonitor => no_monitor(&of.monitor),
        PromotionRefusal::NoVersion => CommandError::Missing {
            what: format!("`{}` has no such version: see `baseline list`", of.monitor),
        },
        PromotionRefusal::NotReady(state) => CommandError::Usage {
            argument: "VERSION",
            reason: format!(
                "it is {}, and only a ready one is put in force",
                state.name()
            ),
        },
    })?;
    output::put(&format!("version {in_force} is in force"), None)?;
    Ok(exit_code::PASS)
}

async fn set_pinned(of: &args::BaselineOf, pinned: bool) -> miette::Result<u8> {
    let store = command::open_store(&of.store.store, false).await?;
    let found = store.pin_baseline(&of.monitor, pinned).await;
    match command::ended(&store, found).await? {
        true => Ok(exit_code::PASS),
        false => Err(no_monitor(&of.monitor).into()),
    }
}

async fn compare(arguments: args::BaselineCompare) -> miette::Result<u8> {
    let monitor = arguments.of.monitor;
    let store = command::open_store(&arguments.of.store.store, true).await?;
    let versions = versions(&store, Some(monitor.clone())).await?;
    let folder = |wanted: i64| -> Result<PathBuf, CommandError> {
        let version = versions.iter().find(|version| version.version == wanted);
        let directory = version.and_then(|version| version.directory.as_deref());
        directory
            .map(PathBuf::from)
            .ok_or_else(|| CommandError::Missing {
                what: format!("version {wanted} of `{monitor}` is not built: see `baseline list`"),
            })
    };
    let (old, new) = (folder(arguments.old)?, folder(arguments.new)?);
    let (before, after) = (read_manifest(&old)?, read_manifest(&new)?);
    let schema = |folder: &Path| read_schema(&folder.join("schema.yaml"));
    let moved = baseline_drift(&old, &new)?;
    let changes = diff::diff(&schema(&old)?, &schema(&new)?);
    let text = match arguments.output.format {
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({
            "old": {"id": before.id(), "source": before.source, "rows": before.rows},
            "new": {"id": after.id(), "source": after.source, "rows": after.rows},
            "schema": changes,
            "drift": moved,
        }))
        .into_diagnostic()?,
        Format::Table => {
            let mut lines: Vec<String> = [(arguments.old, &before), (arguments.new, &after)]
                .map(|(version, one)| {
                    format!(
                        "version {version}: {}, {} rows of {}",
                        one.id(),
                        one.rows,
                        one.source
                    )
                })
                .into();
            lines.extend(changes.iter().map(|change| format!("schema: {change}")));
            let matters = moved.iter().filter(|one| one.value >= one.min_effect);
            lines.extend(matters.map(|one| {
                format!(
                    "drift: {} ({}) {:.3} {} of {}",
                    one.column,
                    one.measure.replace('_', " "),
                    one.value,
                    one.unit,
                    one.moved.join(", ")
                )
            }));
            if moved.iter().all(|one| one.value < one.min_effect) {
                lines.push("no column has moved enough to matter".to_owned());
            }
            lines.join("\n")
        }
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}
