//! Runs one pipeline when it is time to, for as long as the server lives.
//!
//! An evaluation keeps processors busy for long stretches, so it runs on threads of its
//! own: on those of the API it would make every poll wait. Runs do not pile up: at an interval
//! the next one begins an interval after the last one began, or at once if that is past.
//!
//! Of several servers on one store, one runs the monitor: the one that has its lease. The
//! others ask again and again, and the one that gets it goes on where the last one stopped.
//! Which time of a schedule was the last one is kept with its run, so that no time has two
//! runs and, unless the schedule says so, none has no run.

mod rhythm;

pub(crate) use rhythm::{Due, Rhythm};

use crate::baseline;
use crate::clock::later;
use crate::event::EventSettings;
use crate::posted::{self, ToJudge};
use crate::read_files;
use crate::run_once::{Ended, Turn, commit};
use crate::{Clock, EvaluationError, Evaluator, MonitorError, RunRequest};
use chrono::{DateTime, Utc};
use driftline_store::{BaselineVersion, Lease, Store, StoreError};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Runs one pipeline when it is time to.
pub(crate) struct Schedule {
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rhythm: Rhythm,
    pub(crate) settings: EventSettings,
    /// Threads for evaluations.
    pub(crate) threads: Handle,
    /// How many evaluations run at the same time.
    pub(crate) room: Arc<Semaphore>,
    /// Woken with every commit.
    pub(crate) changes: watch::Sender<i64>,
    /// Who holds the lease: this server.
    pub(crate) owner: String,
    /// How long a lease lasts unless it is renewed.
    pub(crate) lease: Duration,
    /// Rung when somebody asks for a run out of turn.
    pub(crate) asked: Arc<Notify>,
}

/// What a server may do with a monitor now.
enum Chance {
    /// Run it.
    Mine(Lease, Due),
    /// It is not time yet; look again then.
    NotYet(DateTime<Utc>),
    /// Another server runs it.
    Elsewhere,
}

impl Schedule {
    /// Runs until shutdown. A run that has begun is finished.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut is_asked = false;
        loop {
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else {
                return;
            };
            if shutdown.is_cancelled() {
                return;
            }
            let now = self.clock.now();
            let again = later(now, self.lease / 3);
            let next = match self.take(is_asked, now).await {
                Ok(Chance::Mine(lease, due)) => match self.evaluate_and_commit(lease, due).await {
                    true => self.rhythm.done(due, now),
                    false => again,
                },
                Ok(Chance::NotYet(next)) => next,
                Ok(Chance::Elsewhere) => {
                    self.rhythm.is_elsewhere();
                    again
                }
                Err(error) => {
                    tracing::error!(monitor = self.evaluator.name(), %error, "cannot take its turn");
                    again
                }
            };
            drop(permit);
            is_asked = tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.clock.sleep_until(next) => false,
                () = self.asked.notified() => true,
            };
        }
    }

    /// Whose turn it is, and for what.
    async fn take(&mut self, is_asked: bool, now: DateTime<Utc>) -> Result<Chance, StoreError> {
        let monitor = self.evaluator.name();
        let until = later(now, self.lease);
        let Some(lease) = self
            .store
            .acquire_lease(monitor, &self.owner, until, now)
            .await?
        else {
            return Ok(Chance::Elsewhere);
        };
        if is_asked {
            return Ok(Chance::Mine(lease, Due::out_of_turn(now)));
        }
        let state = self.store.monitor(monitor).await?;
        Ok(match self.rhythm.due(state.as_ref(), now) {
            Ok(due) => Chance::Mine(lease, due),
            Err(next) => Chance::NotYet(next),
        })
    }

    /// Says whether what it ended in could be written.
    #[tracing::instrument(name = "run", skip_all, fields(monitor = self.evaluator.name()))]
    async fn evaluate_and_commit(&self, lease: Lease, due: Due) -> bool {
        let monitor = self.evaluator.name();
        let renewed = renew_baseline(
            &self.evaluator,
            &self.store,
            &*self.clock,
            &self.threads,
            &lease,
        );
        let baseline = match renewed.await {
            Ok(baseline) => baseline,
            Err(error) => {
                tracing::error!(monitor, %error, "cannot tell the baseline");
                return false;
            }
        };
        let read = match read_files::known(&self.store, monitor).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(monitor, %error, "cannot tell which files were read");
                return false;
            }
        };
        let asked = posted::to_judge(&*self.evaluator, &self.store, due.as_of).await;
        let ToJudge { contents, judged } = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::error!(monitor, %error, "cannot tell which profiles were posted");
                return false;
            }
        };
        let request = RunRequest {
            baseline,
            posted: contents,
            read,
            ..RunRequest::at(due.as_of)
        };
        let run_id = request.run_id.clone();
        tracing::info!(monitor, run = run_id, "evaluating");
        let evaluation = self.threads.spawn({
            let evaluator = Arc::clone(&self.evaluator);
            async move { evaluator.evaluate(&request).await }.in_current_span()
        });
        // A panic is an evaluation that failed, and no reason to stop the others.
        let evaluated = evaluation
            .await
            .unwrap_or_else(|panic| Err(EvaluationError::from(format!("internal error: {panic}"))));
        let turn = Turn {
            lease: Some(lease),
            scheduled_for: due.slot,
            closes: None,
            judges: judged,
        };
        let now = self.clock.now();
        let committed = commit(
            &*self.evaluator,
            evaluated,
            &self.store,
            &turn,
            now,
            &self.settings,
        )
        .await;
        let is_written = match committed {
            Ok(Ended {
                evaluated: Ok(evaluation),
                committed,
            }) => {
                tracing::info!(
                    monitor,
                    run = run_id,
                    verdict = ?evaluation.run.verdict,
                    events = committed.new_events.len(),
                    "committed"
                );
                true
            }
            Ok(Ended {
                evaluated: Err(error),
                ..
            }) => {
                tracing::error!(monitor, run = run_id, %error, "no verdict");
                true
            }
            Err(error) => {
                tracing::error!(monitor, run = run_id, %error, "the run is lost");
                false
            }
        };
        self.changes.send_modify(|_| {});
        is_written
    }
}

/// Builds baselines that wait, on the threads for evaluations, and gives the one in force.
pub(crate) async fn renew_baseline(
    evaluator: &Arc<dyn Evaluator>,
    store: &Store,
    clock: &dyn Clock,
    threads: &Handle,
    lease: &Lease,
) -> Result<Option<BaselineVersion>, MonitorError> {
    let build = |version| -> BoxFuture<'_, _> {
        let evaluator = Arc::clone(evaluator);
        let building = async move { evaluator.build_baseline(&version).await };
        let building = threads.spawn(building);
        Box::pin(async move {
            building.await.unwrap_or_else(|panic| {
                Err(EvaluationError::from(format!("internal error: {panic}")))
            })
        })
    };
    baseline::renew(&**evaluator, store, Some(lease), clock, &build).await
}

/// What a server does beside its runs: it keeps its leases, all in one transaction, and looks
/// whether a run was asked for in another process. A lease that is lost all the same shows
/// when its run is committed.
pub(crate) async fn keep_leases(
    store: Store,
    clock: Arc<dyn Clock>,
    owner: String,
    lease: Duration,
    bells: Bells,
) {
    loop {
        clock.sleep(lease / 3).await;
        let until = later(clock.now(), lease);
        if let Err(error) = store.renew_leases(&owner, until).await {
            tracing::error!(%error, "cannot renew leases");
        }
        match store.requested_runs().await {
            Ok(asked) => asked.iter().for_each(|monitor| bells.ring(monitor)),
            Err(error) => tracing::error!(%error, "cannot look for runs that were asked for"),
        }
    }
}

/// One bell for each monitor of a server: rung, its next run begins at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bells(Arc<BTreeMap<String, Arc<Notify>>>);

impl Bells {
    pub(crate) fn of<'a>(monitors: impl Iterator<Item = &'a str>) -> Self {
        let bells = monitors.map(|monitor| (monitor.to_owned(), Arc::default()));
        Self(Arc::new(bells.collect()))
    }

    /// The bell of a monitor of this server.
    pub(crate) fn bell(&self, monitor: &str) -> Arc<Notify> {
        self.0.get(monitor).cloned().unwrap_or_default()
    }

    /// Rings, where this server has such a monitor. During a run it is heard after it.
    pub(crate) fn ring(&self, monitor: &str) {
        if let Some(bell) = self.0.get(monitor) {
            bell.notify_one();
        }
    }
}
