//! `driftline store`: what keeps a store well over the years.

use crate::{
    args::{self, Format},
    command, exit_code, output,
};
use driftline_store::{CheckReport, PrunePolicy, PruneReport, RowCount};
use miette::IntoDiagnostic;
use std::path::Path;

pub(crate) async fn store(verb: args::StoreVerb) -> miette::Result<u8> {
    match verb {
        args::StoreVerb::Migrate(arguments) => migrate(arguments).await,
        args::StoreVerb::Check(arguments) => check(arguments).await,
        args::StoreVerb::Prune(arguments) => prune(arguments).await,
        args::StoreVerb::Backup(arguments) => backup(arguments).await,
        args::StoreVerb::Restore(arguments) => restore(arguments).await,
    }
}

async fn migrate(arguments: args::StoreMigrate) -> miette::Result<u8> {
    // Opening it for writing is what brings it to this version.
    let store = command::open_store(&arguments.store.store, false).await?;
    output::put(
        &format!(
            "{} has version {}",
            store.location(),
            driftline_store::latest_version()
        ),
        None,
    )?;
    store.close().await;
    Ok(exit_code::PASS)
}

async fn check(arguments: args::StoreCheck) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let report = command::ended(&store, store.check().await).await?;
    let text = match arguments.output.format {
        Format::Json => serde_json::to_string_pretty(&report).into_diagnostic()?,
        Format::Table => check_table(&report),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(match report.problems.is_empty() {
        true => exit_code::PASS,
        false => exit_code::FAIL,
    })
}

fn check_table(report: &CheckReport) -> String {
    let mut lines = vec![format!("{} has version {}", report.store, report.version)];
    lines.extend(row_counts(&report.tables));
    if report.problems.is_empty() {
        lines.push("nothing is wrong".to_owned());
    }
    lines.extend(report.problems.iter().map(|problem| {
        format!(
            "WRONG: {} (not so for {} rows): {}",
            problem.check, problem.rows, problem.message
        )
    }));
    lines.join("\n")
}

async fn prune(arguments: args::StorePrune) -> miette::Result<u8> {
    let policy = PrunePolicy {
        keep: command::duration("--keep", &arguments.keep)?,
        dry_run: arguments.dry_run,
    };
    let store = command::open_store(&arguments.store.store, false).await?;
    let pruned = store.prune(policy, chrono::Utc::now()).await;
    let report = command::ended(&store, pruned).await?;
    let text = match arguments.output.format {
        Format::Json => serde_json::to_string_pretty(&report).into_diagnostic()?,
        Format::Table => prune_table(&report, policy.dry_run),
    };
    output::put(&text, arguments.output.output.as_deref())?;
    Ok(exit_code::PASS)
}

fn prune_table(report: &PruneReport, dry_run: bool) -> String {
    let PruneReport {
        runs,
        deliveries,
        events,
        retraining_requests,
        alerts,
        audit,
        streams,
        profiles,
        baselines,
        baseline_files,
    } = report;
    let gone = if dry_run { "would go" } else { "are gone" };
    format!(
        "{runs} runs, {events} events, {deliveries} deliveries, {retraining_requests} retraining \
         requests, {alerts} alerts and silences, {audit} audit entries and keys, {streams} windows \
         and dead letters of topics, {profiles} profiles that were posted, {baselines} baselines and {baseline_files} files of frozen ones \
         {gone}"
    )
}

async fn backup(arguments: args::StoreBackup) -> miette::Result<u8> {
    let store = command::open_store(&arguments.store.store, true).await?;
    let copied = store.back_up(&arguments.file).await;
    let copied = command::ended(&store, copied).await?;
    tell_copied(&copied, &arguments.file)?;
    Ok(exit_code::PASS)
}

async fn restore(arguments: args::StoreRestore) -> miette::Result<u8> {
    let url = format!("sqlite://{}", arguments.file.display());
    let backup = command::open_store(&url, true).await?;
    let store = command::open_store(&arguments.store.store, false).await?;
    let copied = store.restore(&backup).await;
    backup.close().await;
    let copied = command::ended(&store, copied).await?;
    tell_copied(&copied, Path::new(store.location()))?;
    Ok(exit_code::PASS)
}

fn tell_copied(copied: &[RowCount], to: &Path) -> miette::Result<()> {
    let mut lines = vec![format!("copied to {}", to.display())];
    lines.extend(row_counts(copied));
    Ok(output::put(&lines.join("\n"), None)?)
}

fn row_counts(tables: &[RowCount]) -> impl Iterator<Item = String> {
    tables
        .iter()
        .map(|count| format!("  {:<22} {:>10}", count.table, count.rows))
}
