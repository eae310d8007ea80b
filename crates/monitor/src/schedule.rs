//! Runs one pipeline at an interval, for as long as the server lives.
//!
//! An evaluation keeps processors busy for long stretches, so it runs on threads of its
//! own: on those of the API it would make every poll wait. Runs do not pile up: the next
//! one begins an interval after the last one began, or at once if that is past.

use crate::clock::later;
use crate::event::EventSettings;
use crate::run_once::{commit, new_run_id};
use crate::{Clock, EvaluationError, Evaluator, MonitorError};
use driftline_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
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
}

impl Schedule {
    /// Runs until shutdown, the first time at once. A run that has begun is finished.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let started = self.clock.now();
            let Ok(_permit) = self.room.acquire().await else {
                return;
            };
            if shutdown.is_cancelled() {
                return;
            }
            self.evaluate_and_commit().await;
            drop(_permit);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.clock.sleep_until(later(started, self.every)) => {}
            }
        }
    }

    async fn evaluate_and_commit(&self) {
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
