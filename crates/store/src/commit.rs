//! One transaction a run: everything that a decision leaves behind, or nothing.

use crate::alerts::{self, DecideAlerts};
use crate::baselines::{self, BaselineRecord};
use crate::column::{count, decode};
use crate::database::Transaction;
use crate::events::{self, NewEvent};
use crate::posted_profiles::{self, ProfileKey};
use crate::read_files::{self, ReadFiles};
use crate::retraining::{self, NewRetrainingRequest};
use crate::{Lease, Store, StoreError, StreamClosing, findings, monitors, runs, streams, windows};
use chrono::{DateTime, Utc};
use driftline_verdict::{Report, Run};

/// What a run leaves behind.
#[derive(Debug, Clone)]
pub struct RunCommit<'a> {
    /// The monitor whose run it is.
    pub monitor: &'a str,
    /// The run.
    pub run: &'a Run,
    /// What its report shows.
    pub report: &'a Report,
    /// What its windows were compared with.
    pub baseline: &'a BaselineRecord,
    /// A retraining request, if the run asks for one.
    pub retraining: Option<NewRetrainingRequest>,
    /// Events, apart from that of the retraining request.
    pub events: Vec<NewEvent>,
    /// Decides about alerts from what is known of them; without it they stay as they are.
    pub alerts: Option<&'a dyn DecideAlerts>,
    /// The time of the monitor's schedule that the run is for, if it is for one.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// Whether it looks at windows of the past again: then the monitor's state stays as it is.
    pub is_backfill: bool,
    /// The lease on the monitor under which the run was made, where there is one.
    pub lease: Option<&'a Lease>,
    /// The window of a topic that it judges, which closes with it.
    pub closes: Option<StreamClosing>,
    /// The files that the monitor has read by now, where it reads only what is new.
    pub read_files: Option<&'a ReadFiles>,
    /// Profiles that were posted, all of whose windows it or an earlier run has judged.
    pub judged_profiles: &'a [ProfileKey],
}

/// What a commit made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The monitor's new state version.
    pub state_version: i64,
    /// Events that are new; those of a window that was told of before are not.
    pub new_events: Vec<String>,
    /// The retraining request, if it is new.
    pub retraining_request: Option<String>,
}

impl Store {
    /// Writes a run, its windows and findings, its baseline, the state of the monitor and of
    /// its alerts, a retraining request, the events and their outbox rows, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`], and then nothing of the run is in the store. A run that is there
    /// already is [`StoreError::RunExists`]; where another process has taken over the
    /// monitor, it is [`StoreError::LeaseLost`].
    pub async fn commit_run(
        &self,
        commit: &RunCommit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Committed, StoreError> {
        const OPERATION: &str = "committing a run";
        if commit.baseline.id != commit.run.baseline_id {
            return Err(self.error(
                OPERATION,
                decode(format!(
                    "run `{}` was compared with baseline `{}`, not with `{}`",
                    commit.run.run_id, commit.run.baseline_id, commit.baseline.id
                )),
            ));
        }
        let malformed = |error| self.error(OPERATION, decode(error));
        let run_json = serde_json::to_string(commit.run).map_err(malformed)?;
        let report_json = runs::split_report(commit.report).map_err(malformed)?;

        let mut transaction = self.begin(OPERATION).await?;
        self.hold_lease(&mut transaction, OPERATION, commit.monitor, commit.lease)
            .await?;
        let written = write(&mut transaction, commit, &run_json, &report_json, now).await;
        let result = match written {
            Ok(committed) => transaction.commit().await.map(|()| committed),
            // Dropping the transaction rolls it back.
            Err(error) => Err(error),
        };
        result.map_err(|error| {
            if is_duplicate_run(&error) {
                StoreError::RunExists {
                    location: self.location().to_owned(),
                    run_id: commit.run.run_id.clone(),
                }
            } else {
                self.error(OPERATION, error)
            }
        })
    }
}

async fn write(
    transaction: &mut Transaction,
    commit: &RunCommit<'_>,
    run_json: &str,
    report_json: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Committed> {
    let run = commit.run;
    monitors::ensure(transaction, commit.monitor, now).await?;
    baselines::upsert(transaction, commit.baseline, now).await?;
    runs::insert(transaction, commit.monitor, run, run_json, report_json, now).await?;
    for (window_position, window) in run.windows.iter().enumerate() {
        let window_position = count(window_position as u64);
        windows::insert(transaction, &run.run_id, window_position, window).await?;
        for (position, finding) in window.findings.iter().enumerate() {
            let position = count(position as u64);
            findings::insert(transaction, &run.run_id, window_position, position, finding).await?;
        }
    }

    if let Some(files) = commit.read_files {
        read_files::replace(transaction, commit.monitor, files).await?;
    }
    posted_profiles::judge(transaction, commit.monitor, commit.judged_profiles).await?;
    if let Some(window) = &commit.closes {
        streams::close(transaction, commit.monitor, window, Some(&run.run_id), now).await?;
    }
    let run_id = Some(run.run_id.as_str());
    let mut new_events =
        events::insert_all(transaction, commit.monitor, run_id, &commit.events, now).await?;
    let mut retraining_request = None;
    if let Some(request) = &commit.retraining
        && retraining::insert_unless_open(transaction, commit.monitor, run, request, now).await?
    {
        retraining_request = Some(request.id.clone());
        let event = std::slice::from_ref(&request.event);
        new_events
            .extend(events::insert_all(transaction, commit.monitor, run_id, event, now).await?);
    }

    if let Some(decider) = commit.alerts {
        new_events.extend(alerts::follow(transaction, commit.monitor, run_id, decider, now).await?);
    }

    let state_version = match commit.is_backfill {
        true => monitors::keep(transaction, commit.monitor).await?,
        false => {
            let slot = commit.scheduled_for;
            monitors::advance(transaction, commit.monitor, run, slot, now).await?
        }
    };
    Ok(Committed {
        state_version,
        new_events,
        retraining_request,
    })
}

/// `run_id` is the only key that a caller chooses freely and that must be new.
fn is_duplicate_run(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.is_unique_violation()
            && (error.message().contains("runs.id") || error.constraint() == Some("runs_pkey"))
    })
}
