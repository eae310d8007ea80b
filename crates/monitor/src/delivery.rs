//! Delivers what is in the outbox: at least once, signed, with retries.
//!
//! Each target stands for itself: it has its own claims, its own two attempts at a time,
//! and what fails there waits there. A target that fails again and again is left alone for a
//! while (`breaker.rs`), so that its events keep their attempts; one that fails for days, or says
//! that it is gone, is disabled, and others are told. Where the target wants order,
//! an event waits for those before it. An attempt is settled under the lease that it was
//! claimed with, and a lease outlives the longest attempt, so that two processes on one
//! store do not send the same attempt twice unless one of them was stopped in the middle.
//!
//! Events are claimed and settled some at a time, because what a delivery costs is the disk:
//! a transaction waits for it, a target nearby answers sooner. What was claimed and not begun by
//! the first failure, or within a second, is given back.

mod address;
mod breaker;
mod email;
mod format;
mod request;
mod retry;
mod sender;
mod signature;
mod smtp;
mod target;
mod tls;
mod topic;
mod transport;
mod webhook;

pub use email::Email;
pub use retry::{LONGEST_RETRY_AFTER, RetrySchedule};
pub use sender::Probe;
pub use signature::{
    ID_HEADER, KeyError, SIGNATURE_HEADER, SigningKey, SigningKeys, TIMESTAMP_HEADER,
};
pub use target::Target;
pub use topic::TopicLine;
pub(crate) use transport::install_tls_provider;
pub use transport::{ANSWER_BYTES, Answer, HttpTransport, Request, Transport};
pub use webhook::Webhook;
#[cfg(feature = "kafka")]
pub(crate) use webhook::read_secret;

use crate::clock::later;
use crate::delivery::breaker::Breaker;
use crate::delivery::sender::Failure;
use crate::{Clock, MonitorError, Randomness, SeededRandomness, SystemClock, event};
use chrono::{DateTime, TimeDelta, Utc};
use driftline_pipeline::config::Topic;
use driftline_store::{
    Claim, ClaimRequest, OutboxFilter, OutboxState, Settlement, Store, StoreError,
};
use futures::{StreamExt, future::try_join_all, stream::FuturesUnordered};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Attempts at one target at the same time.
const ATTEMPTS_AT_ONCE: usize = 2;
/// Events of one target that are claimed at a time.
const BATCH: u32 = 32;
/// How long attempts at the events of a claim may begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(1);
/// What a lease lasts beyond the target's timeout: waiting for its turn, reading secrets, writing
/// the outcome.
const LEASE_MARGIN: Duration = Duration::from_secs(60);
/// How often a dispatcher looks for events that another process decided.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Rows of the outbox that are listed at once.
const PAGE: u32 = 500;

/// How long a target may fail without one success before it is disabled.
const DISABLED_AFTER: TimeDelta = TimeDelta::hours(120);

/// Where deliveries go: one target of a monitor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) monitor: &'a str,
    pub(crate) target: &'a Target,
    /// Who is told when the target is disabled.
    pub(crate) told: &'a [String],
}

/// Which events to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those whose next attempt is due.
    Due,
    /// These, due or not.
    Events(Vec<String>),
    /// All that await delivery, due or not.
    Pending,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    /// The event.
    pub event_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The monitor whose event it is.
    pub monitor: String,
    /// The target.
    pub target: String,
    /// The attempt's number, from 1.
    pub attempt: i64,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The target said yes.
    Delivered {
        /// With this status.
        status: u16,
    },
    /// It did not; another attempt follows.
    Retry {
        /// What went wrong.
        error: String,
        /// When the next attempt is due.
        next_at: DateTime<Utc>,
    },
    /// Given up.
    Dead {
        /// What went wrong.
        error: String,
    },
}

impl DeliveryOutcome {
    /// Whether the target said yes.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }
}

impl std::fmt::Display for DeliveryOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delivered { status } => write!(f, "delivered ({status})"),
            Self::Retry { error, next_at } => write!(f, "{error}; next attempt at {next_at}"),
            Self::Dead { error } => write!(f, "given up: {error}"),
        }
    }
}

/// Delivers the outbox of one store.
#[derive(Debug, Clone)]
pub struct Deliverer {
    store: Store,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    transport: Arc<dyn Transport>,
    schedule: RetrySchedule,
    owner: String,
}

impl Deliverer {
    /// Delivers over HTTP, by the machine's clock.
    pub fn new(store: Store) -> Self {
        Self::with(
            store,
            Arc::new(SystemClock),
            Arc::new(SeededRandomness::from_system()),
            Arc::new(HttpTransport::new()),
        )
    }

    /// Delivers by the given clock, chance and transport.
    pub fn with(
        store: Store,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            store,
            clock,
            randomness,
            transport,
            schedule: RetrySchedule::default(),
            owner: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Tries each selected event once for each of a monitor's targets, and returns how
    /// each attempt ended, by target.
    ///
    /// # Errors
    /// [`MonitorError::Store`]; an attempt that fails is no error.
    pub async fn deliver(
        &self,
        monitor: &str,
        targets: &[Target],
        selection: &Selection,
    ) -> Result<Vec<DeliveryReport>, MonitorError> {
        let told = event::told(targets, Topic::Notify);
        let lines = targets.iter().map(|target| Line {
            monitor,
            target,
            told: &told,
        });
        let reports = try_join_all(lines.map(|line| self.deliver_to(line, selection))).await?;
        Ok(reports.into_iter().flatten().collect())
    }

    async fn deliver_to(
        &self,
        line: Line<'_>,
        selection: &Selection,
    ) -> Result<Vec<DeliveryReport>, MonitorError> {
        let events = match selection {
            Selection::Due => {
                let (mut reports, mut breaker) = (Vec::new(), Breaker::default());
                while let Some(attempted) = self.deliver_some(line, &mut breaker).await? {
                    reports.extend(attempted);
                }
                return Ok(reports);
            }
            Selection::Events(events) => events.clone(),
            Selection::Pending => self.pending(line).await?,
        };
        let mut reports = Vec::new();
        for event in &events {
            // What waits for another is not tried, however much it is wanted.
            let claims = self.claim(line, Some(event), 1).await?;
            reports.extend(self.attempt(line, claims).await?);
        }
        Ok(reports)
    }

    /// The next attempts that are due now; `None` where none is, or while the breaker is open.
    /// A failed attempt is due later, so they come to an end.
    async fn deliver_some(
        &self,
        line: Line<'_>,
        breaker: &mut Breaker,
    ) -> Result<Option<Vec<DeliveryReport>>, MonitorError> {
        let attempts = breaker.attempts(BATCH, self.clock.now());
        if attempts == 0 {
            return Ok(None);
        }
        let claims = self.claim(line, None, attempts).await?;
        if claims.is_empty() {
            return Ok(None);
        }
        let attempted = self.attempt(line, claims).await?;
        for report in &attempted {
            breaker.learn(report.outcome.is_delivered(), self.clock.now());
        }
        Ok(Some(attempted))
    }

    async fn pending(&self, line: Line<'_>) -> Result<Vec<String>, StoreError> {
        let mut events = Vec::new();
        for state in [OutboxState::Pending, OutboxState::Inflight] {
            let filter = OutboxFilter {
                state: Some(state),
                monitor: Some(line.monitor.to_owned()),
                target: Some(line.target.name().to_owned()),
            };
            let mut after = None;
            loop {
                let rows = self.store.outbox(&filter, after.as_ref(), PAGE).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.position());
                events.extend(rows.into_iter().map(|row| row.event_id));
            }
        }
        Ok(events)
    }

    async fn claim(
        &self,
        Line {
            monitor, target, ..
        }: Line<'_>,
        event_id: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Claim>, StoreError> {
        let now = self.clock.now();
        let request = ClaimRequest {
            owner: &self.owner,
            monitor,
            target: target.name(),
            event_id,
            limit,
            in_order: target.is_ordered(),
            lease_until: later(now, target.timeout() + LEASE_MARGIN),
        };
        self.store.claim(&request, now).await
    }

    /// Tries what was claimed, up to the first failure, and writes down how that ended.
    async fn attempt(
        &self,
        line: Line<'_>,
        claims: Vec<Claim>,
    ) -> Result<Vec<DeliveryReport>, MonitorError> {
        let attempts = self.send_all(line.target, claims).await;
        let now = self.clock.now();
        let settled = self.store.settle(&attempts, now).await?;
        for ((claim, settlement), is_settled) in attempts.iter().zip(settled) {
            if !is_settled {
                tracing::warn!(
                    event = claim.event_id,
                    target = claim.target,
                    "the lease of a delivery ran out before its outcome was written"
                );
            }
            self.disable_if_hopeless(line, settlement, now).await?;
        }
        Ok(attempts.into_iter().filter_map(report).collect())
    }

    /// Sends in the order of the claims, some at a time unless the target wants order.
    async fn send_all(&self, target: &Target, claims: Vec<Claim>) -> Vec<(Claim, Settlement)> {
        let at_once = match target.is_ordered() {
            true => 1,
            false => ATTEMPTS_AT_ONCE,
        };
        let begin_until = later(self.clock.now(), BEGIN_WITHIN);
        let mut settlements = vec![Settlement::Untried; claims.len()];
        let mut waiting = claims.iter().enumerate();
        let mut sending = FuturesUnordered::new();
        let mut goes_on = true;
        loop {
            while goes_on
                && sending.len() < at_once
                && let Some((place, claim)) = waiting.next()
            {
                sending.push(async move { (place, self.send(target, claim).await) });
            }
            let Some((place, settlement)) = sending.next().await else {
                break;
            };
            goes_on &= matches!(settlement, Settlement::Delivered { .. })
                && self.clock.now() < begin_until;
            settlements[place] = settlement;
        }
        drop(sending);
        claims.into_iter().zip(settlements).collect()
    }

    /// Disables a target that says that it is gone, or has failed for days without one success.
    async fn disable_if_hopeless(
        &self,
        line: Line<'_>,
        settlement: &Settlement,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (status, error) = match settlement {
            Settlement::Delivered { .. } | Settlement::Untried => return Ok(()),
            Settlement::Retry { status, error, .. } | Settlement::Dead { status, error } => {
                (status, error)
            }
        };
        let (monitor, target) = (line.monitor, line.target.name());
        let state = self.store.target_state(monitor, target).await?;
        let since = state.and_then(|state| state.failing_since).unwrap_or(now);
        let reason = if *status == Some(410) {
            "it says that it is gone (410)".to_owned()
        } else if now - since >= DISABLED_AFTER {
            format!("it failed for 120 hours without one success; last: {error}")
        } else {
            return Ok(());
        };
        let event = event::disabled(monitor, target, &reason, since, line.told);
        let disabled = self
            .store
            .disable_target(monitor, target, &reason, &event, now)
            .await?;
        if disabled {
            tracing::error!(monitor, target, reason, "disabled a target");
        }
        Ok(())
    }

    #[tracing::instrument(
        name = "delivery",
        skip_all,
        fields(target = target.name(), event = claim.event_id, attempt = claim.attempt)
    )]
    async fn send(&self, target: &Target, claim: &Claim) -> Settlement {
        let transport = &*self.transport;
        let now = self.clock.now();
        let tried = sender::tell(transport, target, &claim.event_id, &claim.payload, now).await;
        let failure = match tried {
            Ok(status) => return Settlement::Delivered { status },
            Err(failure) => failure,
        };
        let Failure {
            status,
            error,
            is_final,
            asked,
        } = failure;
        let delay = match is_final {
            true => None,
            false => self.schedule.delay(claim.attempt, &*self.randomness),
        };
        match delay {
            None => Settlement::Dead { status, error },
            Some(delay) => Settlement::Retry {
                status,
                error,
                next_at: later(self.clock.now(), delay.max(asked.unwrap_or_default())),
            },
        }
    }

    /// Delivers to one target until shutdown. `changes` wakes it when a run was committed.
    pub(crate) async fn dispatch(
        &self,
        line: Line<'_>,
        mut changes: watch::Receiver<i64>,
        shutdown: &CancellationToken,
    ) {
        let (monitor, target) = (line.monitor, line.target);
        let mut breaker = Breaker::default();
        while !shutdown.is_cancelled() {
            changes.mark_unchanged();
            match self.deliver_some(line, &mut breaker).await {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(monitor, target = target.name(), %error, "cannot deliver");
                }
            }
            let wait = match breaker.until_half_open(self.clock.now()) {
                Some(wait) => wait,
                None => self.until_due(line).await,
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.clock.sleep(wait) => {}
                // A sender that is gone leaves the clock.
                Ok(()) = changes.changed() => {}
            }
        }
    }

    async fn until_due(
        &self,
        Line {
            monitor, target, ..
        }: Line<'_>,
    ) -> Duration {
        let due = self
            .store
            .next_due(monitor, target.name(), target.is_ordered());
        match due.await {
            Ok(Some(due)) => (due - self.clock.now())
                .to_std()
                .unwrap_or_default()
                // A row that is due and could not be claimed is somebody else's.
                .clamp(Duration::from_millis(100), LOOK_EVERY),
            Ok(None) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(monitor, target = target.name(), %error, "cannot read the outbox");
                LOOK_EVERY
            }
        }
    }
}

/// What is told of an attempt; nothing of what was not tried.
fn report((claim, settlement): (Claim, Settlement)) -> Option<DeliveryReport> {
    let outcome = match settlement {
        Settlement::Untried => return None,
        Settlement::Delivered { status } => {
            tracing::info!(
                event = claim.event_id,
                target = claim.target,
                status,
                "delivered"
            );
            DeliveryOutcome::Delivered { status }
        }
        Settlement::Retry { error, next_at, .. } => {
            tracing::warn!(event = claim.event_id, target = claim.target, attempt = claim.attempt, %error, %next_at, "not delivered");
            DeliveryOutcome::Retry { error, next_at }
        }
        Settlement::Dead { error, .. } => {
            tracing::error!(event = claim.event_id, target = claim.target, attempt = claim.attempt, %error, "given up");
            DeliveryOutcome::Dead { error }
        }
    };
    Some(DeliveryReport {
        event_id: claim.event_id,
        kind: claim.kind,
        monitor: claim.monitor,
        target: claim.target,
        attempt: claim.attempt,
        outcome,
    })
}
