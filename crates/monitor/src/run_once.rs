//! One evaluation: evaluate, commit, try to deliver.

use crate::alert::RunAlerts;
use crate::baseline;
use crate::delivery::{Deliverer, DeliveryReport, Selection};
use crate::event::{self, EventSettings};
use crate::posted::{self, ToJudge};
use crate::{Clock, Evaluation, EvaluationError, Evaluator, MonitorError, RunRequest, read_files};
use chrono::{DateTime, Utc};
use driftline_store::{
    Committed, FailedRun, Lease, ProfileKey, RunCommit, Store, StoreError, StreamClosing,
};
use futures::future::BoxFuture;
use uuid::{NoContext, Timestamp, Uuid};

/// What a run left behind.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The run, its report and its baseline.
    pub evaluation: Evaluation,
    /// What was written.
    pub committed: Committed,
    /// The attempts to deliver this run's own events. One that failed stays in the outbox.
    pub deliveries: Vec<DeliveryReport>,
}

/// Evaluates, commits, and tries each delivery of this very run once; with `deliverer`
/// `None` the events wait in the outbox. An evaluation that ends in an error makes the
/// monitor's verdict unknown.
///
/// # Errors
/// [`MonitorError::Evaluation`] with the pipeline's own error as source, or
/// [`MonitorError::Store`]. A delivery that fails is no error: it is in the outcome.
#[tracing::instrument(name = "run", skip_all, fields(monitor = evaluator.name()))]
pub async fn run_once(
    evaluator: &dyn Evaluator,
    store: &Store,
    clock: &dyn Clock,
    settings: &EventSettings,
    deliverer: Option<&Deliverer>,
) -> Result<RunOutcome, MonitorError> {
    let build = |version| -> BoxFuture<'_, _> {
        Box::pin(async move { evaluator.build_baseline(&version).await })
    };
    let baseline = baseline::renew(evaluator, store, None, clock, &build).await?;
    let now = clock.now();
    let ToJudge { contents, judged } = posted::to_judge(evaluator, store, now).await?;
    let turn = Turn {
        judges: judged,
        ..Turn::default()
    };
    let request = RunRequest {
        baseline,
        posted: contents,
        read: read_files::known(store, evaluator.name()).await?,
        ..RunRequest::at(now)
    };
    let evaluated = evaluator.evaluate(&request).await;
    let Ended {
        evaluated,
        committed,
    } = commit(evaluator, evaluated, store, &turn, clock.now(), settings).await?;
    if let Ok(evaluation) = &evaluated {
        let (run, verdict) = (&evaluation.run.run_id, evaluation.run.verdict);
        tracing::info!(run, ?verdict, "committed");
    }
    let deliveries = match deliverer {
        Some(deliverer) if !committed.new_events.is_empty() => {
            deliverer
                .deliver(
                    evaluator.name(),
                    evaluator.targets(),
                    &Selection::Events(committed.new_events.clone()),
                )
                .await?
        }
        _ => Vec::new(),
    };
    Ok(RunOutcome {
        evaluation: evaluated.map_err(|source| MonitorError::Evaluation {
            monitor: evaluator.name().to_owned(),
            source,
        })?,
        committed,
        deliveries,
    })
}

/// Evaluates the windows of a stretch of the past, again or for the first time, and keeps what
/// it concludes. Nobody is told, no retraining is asked for, and the monitor's status stays that
/// of the newest window.
///
/// # Errors
/// As [`run_once`]; the monitor's verdict stays as it is.
#[tracing::instrument(name = "backfill", skip_all, fields(monitor = evaluator.name()))]
pub async fn backfill(
    evaluator: &dyn Evaluator,
    store: &Store,
    clock: &dyn Clock,
    range: (DateTime<Utc>, DateTime<Utc>),
) -> Result<Evaluation, MonitorError> {
    let monitor = evaluator.name();
    let request = RunRequest {
        range: Some(range),
        posted: posted::of_range(evaluator, store, range).await?,
        baseline: baseline::in_force(evaluator, store).await?,
        ..RunRequest::at(clock.now())
    };
    let evaluated = evaluator.evaluate(&request).await;
    let evaluation = evaluated.map_err(|source| MonitorError::Evaluation {
        monitor: monitor.to_owned(),
        source,
    })?;
    let commit = RunCommit {
        monitor,
        run: &evaluation.run,
        report: &evaluation.report,
        baseline: &evaluation.baseline,
        retraining: None,
        events: Vec::new(),
        alerts: None,
        scheduled_for: None,
        is_backfill: true,
        lease: None,
        closes: None,
        read_files: None,
        judged_profiles: &[],
    };
    store.commit_run(&commit, clock.now()).await?;
    Ok(evaluation)
}

/// Whose turn a run is.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The lease on the monitor, where there is one.
    pub(crate) lease: Option<Lease>,
    /// The time of the monitor's schedule that the run is for, if it is for one.
    pub(crate) scheduled_for: Option<DateTime<Utc>>,
    /// The window of a topic that it closes.
    pub(crate) closes: Option<StreamClosing>,
    /// The profiles all of whose windows are judged with it.
    pub(crate) judges: Vec<ProfileKey>,
}

/// What an evaluation ended in, and what was written of it.
pub(crate) struct Ended {
    pub(crate) evaluated: Result<Evaluation, EvaluationError>,
    pub(crate) committed: Committed,
}

/// Writes down what an evaluation ended in, a verdict or an error.
#[tracing::instrument(name = "commit", skip_all)]
pub(crate) async fn commit(
    evaluator: &dyn Evaluator,
    evaluated: Result<Evaluation, EvaluationError>,
    store: &Store,
    turn: &Turn,
    now: DateTime<Utc>,
    settings: &EventSettings,
) -> Result<Ended, StoreError> {
    let committed = match &evaluated {
        Ok(evaluation) => commit_run(evaluator, evaluation, store, turn, now, settings).await?,
        Err(error) => {
            let reason = format!("the evaluation failed: {}", with_causes(error.as_ref()));
            commit_failure(evaluator, &reason, store, turn, now, settings).await?
        }
    };
    Ok(Ended {
        evaluated,
        committed,
    })
}

/// Writes down why there is no verdict, and what is told of that.
pub(crate) async fn commit_failure(
    evaluator: &dyn Evaluator,
    reason: &str,
    store: &Store,
    turn: &Turn,
    now: DateTime<Utc>,
    settings: &EventSettings,
) -> Result<Committed, StoreError> {
    let config = evaluator.alerts();
    let alerts = RunAlerts {
        monitor: evaluator.name(),
        evaluated: Err(reason),
        config: &config,
        targets: evaluator.targets(),
        settings,
        now,
    };
    let failed = FailedRun {
        monitor: evaluator.name(),
        reason,
        scheduled_for: turn.scheduled_for,
        lease: turn.lease.as_ref(),
        alerts: Some(&alerts),
    };
    store.commit_failure(&failed, now).await
}

async fn commit_run(
    evaluator: &dyn Evaluator,
    evaluation: &Evaluation,
    store: &Store,
    turn: &Turn,
    now: DateTime<Utc>,
    settings: &EventSettings,
) -> Result<Committed, StoreError> {
    let monitor = evaluator.name();
    let config = evaluator.alerts();
    let alerts = RunAlerts {
        monitor,
        evaluated: Ok(&evaluation.run),
        config: &config,
        targets: evaluator.targets(),
        settings,
        now,
    };
    let before = store.monitor(monitor).await?;
    let decided = event::decide(
        monitor,
        &evaluation.run,
        before.as_ref(),
        evaluator.targets(),
        settings,
        now,
    );
    let files = evaluation.read.as_ref().map(read_files::stored);
    store
        .commit_run(
            &RunCommit {
                monitor,
                run: &evaluation.run,
                report: &evaluation.report,
                baseline: &evaluation.baseline,
                retraining: decided.retraining,
                events: decided.events,
                alerts: Some(&alerts),
                scheduled_for: turn.scheduled_for,
                is_backfill: false,
                lease: turn.lease.as_ref(),
                closes: turn.closes,
                read_files: files.as_ref(),
                judged_profiles: &turn.judges,
            },
            now,
        )
        .await
}

/// An id for a run that begins now. Ids sort by time.
pub fn new_run_id(now: DateTime<Utc>) -> String {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let timestamp = Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos());
    Uuid::new_v7(timestamp).to_string()
}

/// An error and its causes on one line, each said once.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
