//! Runs one pipeline at an interval, for as long as the server lives.
//!
//! An evaluation keeps processors busy for long stretches, so it runs on threads of its
//! own: on those of the API it would make every poll wait. Runs do not pile up: the next
//! one begins an interval after the last one began, or at once if that is past.
//!
//! Of several servers on one store, one runs the monitor: the one that has its lease. The
//! others ask again and again, and the one that gets it goes on where the last one stopped.

use crate::clock::later;
use crate::event::EventSettings;
use crate::run_once::{commit, new_run_id};
use crate::{Clock, EvaluationError, Evaluator, MonitorError};
use chrono::{DateTime, Utc};
use driftline_store::{Lease, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Runs one pipeline at an interval.
pub(crate) struct Schedule {
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) every: Duration,
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

impl Schedule {
    /// Runs until shutdown, the first time at once if no other server runs the monitor. A
    /// run that has begun is finished.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut is_elsewhere = false;
        let mut is_asked = false;
        loop {
            let Ok(_permit) = self.room.acquire().await else {
                return;
            };
            if shutdown.is_cancelled() {
                return;
            }
            let now = self.clock.now();
            let next = match self.take(is_elsewhere && !is_asked, now).await {
                Ok(Turn::Mine(lease)) => {
                    is_elsewhere = false;
                    self.evaluate_and_commit(&lease).await;
                    later(now, self.every)
                }
                Ok(Turn::NotYet(next)) => {
                    is_elsewhere = false;
                    next
                }
                Ok(Turn::Elsewhere) => {
                    is_elsewhere = true;
                    later(now, self.lease / 3)
                }
                Err(error) => {
                    tracing::error!(monitor = self.evaluator.name(), %error, "cannot take its turn");
                    later(now, self.lease / 3)
                }
            };
            drop(_permit);
            is_asked = tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.clock.sleep_until(next) => false,
                () = self.asked.notified() => true,
            };
        }
    }

    /// Whose turn it is. Whoever takes over goes on in the other's rhythm.
    async fn take(&self, was_elsewhere: bool, now: DateTime<Utc>) -> Result<Turn, StoreError> {
        let monitor = self.evaluator.name();
        let until = later(now, self.lease);
        let Some(lease) = self
            .store
            .acquire_lease(monitor, &self.owner, until, now)
            .await?
        else {
            return Ok(Turn::Elsewhere);
        };
        if was_elsewhere
            && let Some(state) = self.store.monitor(monitor).await?
            && let Some(last) = state.last_attempt_at
            && later(last, self.every) > now
        {
            return Ok(Turn::NotYet(later(last, self.every)));
        }
        Ok(Turn::Mine(lease))
    }

    async fn evaluate_and_commit(&self, lease: &Lease) {
        let monitor = self.evaluator.name();
        let now = self.clock.now();
        let run_id = new_run_id(now);
        tracing::info!(monitor, run = run_id, "evaluating");
        let evaluation = self.threads.spawn({
            let evaluator = Arc::clone(&self.evaluator);
            let run_id = run_id.clone();
            async move { evaluator.evaluate(&run_id, now).await }
        });
        // A panic is an evaluation that failed, and no reason to stop the others.
        let evaluated = evaluation
            .await
            .unwrap_or_else(|panic| Err(EvaluationError::from(format!("internal error: {panic}"))));
        let committed = commit(
            &*self.evaluator,
            evaluated,
            &self.store,
            Some(lease),
            self.clock.now(),
            &self.settings,
        )
        .await;
        match committed {
            Ok((evaluation, committed)) => tracing::info!(
                monitor,
                run = run_id,
                verdict = ?evaluation.run.verdict,
                events = committed.new_events.len(),
                "committed"
            ),
            Err(error @ MonitorError::Evaluation { .. }) => {
                tracing::error!(monitor, run = run_id, %error, "no verdict");
            }
            Err(error) => {
                tracing::error!(monitor, run = run_id, %error, "the run is lost, the next one is on time");
            }
        }
        self.changes.send_modify(|_| {});
    }
}

/// What a server may do with a monitor now.
enum Turn {
    /// Run it.
    Mine(Lease),
    /// It has just been taken over; run it then.
    NotYet(DateTime<Utc>),
    /// Another server runs it.
    Elsewhere,
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
