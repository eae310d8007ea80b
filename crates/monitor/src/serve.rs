//! The process that runs for ever: schedules, deliveries and the status API.

use crate::api::{Api, ApiSettings, Served};
use crate::clock::later;
use crate::delivery::{Deliverer, HttpTransport, Line, Transport};
use crate::event::{self, EventSettings};
use crate::schedule::{Bells, Rhythm, Schedule, keep_leases};
use crate::stream::Stream;
use crate::{Clock, Evaluator, MonitorError, Randomness, SeededRandomness, SystemClock, api};
use chrono::{DateTime, Utc};
use driftline_pipeline::config::Topic;
use driftline_store::{MonitorSettings, PrunePolicy, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often to look whether another process changed the store.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often what is old is forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
/// No pipeline can have this name.
const PRUNE_LEASE: &str = "/prune";

/// How a server runs.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where the status API listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether it may listen where other machines reach it.
    pub allow_remote: bool,
    /// From the beginning of one run to that of the next, where the pipeline has no schedule; at
    /// least 1 s.
    pub every: Duration,
    /// How long an evaluation counts as fresh; three intervals if `None`, or twice the longest
    /// time between two runs of a schedule.
    pub max_age: Option<Duration>,
    /// What events say beside the run.
    pub events: EventSettings,
    /// How long this server keeps a monitor to itself after it last gave a sign of life: so
    /// long after it died another server on the same store takes over. At least 1 s.
    pub lease: Duration,
    /// How long runs, events and requests are kept; for ever if `None`.
    pub keep: Option<Duration>,
    /// Evaluations at the same time.
    pub evaluations_at_once: usize,
    /// How long a shutdown is announced by `/readyz` before new connections are refused,
    /// so that a balancer sends nobody any more.
    pub announce: Duration,
    /// How long a shutdown then waits for what has begun.
    pub drain: Duration,
    /// Bounds of the status API.
    pub api: ApiSettings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub randomness: Arc<dyn Randomness>,
    /// How events are sent.
    pub transport: Arc<dyn Transport>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allow_remote: false,
            every: Duration::from_secs(300),
            max_age: None,
            events: EventSettings::default(),
            lease: Duration::from_secs(10),
            keep: None,
            evaluations_at_once: 1,
            announce: Duration::from_secs(1),
            drain: Duration::from_secs(20),
            api: ApiSettings::default(),
            clock: Arc::new(SystemClock),
            randomness: Arc::new(SeededRandomness::from_system()),
            transport: Arc::new(HttpTransport::new()),
        }
    }
}

/// A server that listens and has not begun to work.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    store: Store,
    evaluators: Vec<Arc<dyn Evaluator>>,
    options: ServeOptions,
    /// What of a schedule is past by then was missed.
    began: DateTime<Utc>,
}

impl Server {
    /// Checks everything that can be checked, makes the monitors known and listens.
    ///
    /// # Errors
    /// [`MonitorError`]: two pipelines or two targets of one name, an address that other
    /// machines reach or that is taken, an interval below 1 s, a store that fails.
    pub async fn bind(
        evaluators: Vec<Arc<dyn Evaluator>>,
        store: Store,
        options: ServeOptions,
    ) -> Result<Self, MonitorError> {
        if options.every < Duration::from_secs(1) {
            return Err(MonitorError::Interval {
                given_ms: options.every.as_millis(),
            });
        }
        let is_guarded = options.allow_remote || options.api.require_key;
        if !is_guarded && !options.listen.ip().is_loopback() {
            return Err(MonitorError::RemoteListen {
                listen: options.listen,
            });
        }
        distinct("pipelines", evaluators.iter().map(|one| one.name()))?;
        for evaluator in &evaluators {
            let names = evaluator.targets().iter().map(|target| target.name());
            distinct("webhook targets", names)?;
        }
        let began = options.clock.now();
        for evaluator in &evaluators {
            let now = options.clock.now();
            let rhythm = Rhythm::of(evaluator.schedule(), options.every, began);
            let settings = MonitorSettings {
                // Windows of a topic end when they end: how old one may be, the pipeline says.
                max_age: match evaluator.reads_topic() {
                    true => options.max_age,
                    false => Some(options.max_age.unwrap_or_else(|| rhythm.max_age(now))),
                },
                max_window_age: evaluator.max_window_age(),
            };
            store
                .register_monitor(evaluator.name(), settings, now)
                .await?;
        }
        let listen = |source| MonitorError::Listen {
            listen: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            address,
            store,
            evaluators,
            options,
            began,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works until `shutdown`: then `/readyz` says no and no run or delivery begins; after
    /// `announce` no connection is accepted; what has begun is waited for up to `drain`,
    /// and the store is closed.
    ///
    /// # Errors
    /// [`MonitorError::Threads`]. Everything that fails later is logged and shown in the
    /// monitors' status, and ends nothing.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), MonitorError> {
        let Self {
            listener,
            store,
            evaluators,
            options,
            began,
            ..
        } = self;
        let threads = EvaluationThreads::start()?;
        let changes = watch::Sender::new(0_i64);
        let deliverer = Deliverer::with(
            store.clone(),
            Arc::clone(&options.clock),
            Arc::clone(&options.randomness),
            Arc::clone(&options.transport),
        );
        let room = Arc::new(Semaphore::new(options.evaluations_at_once.max(1)));
        let owner = Uuid::new_v4().to_string();
        let lease = options.lease.max(Duration::from_secs(1));
        let bells = Bells::of(evaluators.iter().map(|one| one.name()));
        let served: BTreeMap<String, Arc<dyn Evaluator>> = evaluators
            .iter()
            .map(|one| (one.name().to_owned(), Arc::clone(one)))
            .collect();
        let mut work = JoinSet::new();
        // Apart from the work: leases are kept until all of it has ended.
        let mut keeper = JoinSet::new();
        keeper.spawn(keep_leases(
            store.clone(),
            Arc::clone(&options.clock),
            owner.clone(),
            lease,
            bells.clone(),
        ));
        for evaluator in evaluators {
            let told = event::told(evaluator.targets(), Topic::Notify);
            for target in evaluator.targets().to_vec() {
                let (deliverer, monitor) = (deliverer.clone(), evaluator.name().to_owned());
                let (changed, shutdown) = (changes.subscribe(), shutdown.clone());
                let told = told.clone();
                work.spawn(async move {
                    let line = Line {
                        monitor: &monitor,
                        target: &target,
                        told: &told,
                    };
                    deliverer.dispatch(line, changed, &shutdown).await;
                });
            }
            if evaluator.reads_topic() {
                let stream = Stream {
                    evaluator,
                    store: store.clone(),
                    clock: Arc::clone(&options.clock),
                    settings: options.events.clone(),
                    threads: threads.handle(),
                    room: Arc::clone(&room),
                    changes: changes.clone(),
                    owner: owner.clone(),
                    lease,
                };
                work.spawn(stream.run(shutdown.clone()));
                continue;
            }
            let schedule = Schedule {
                asked: bells.bell(evaluator.name()),
                rhythm: Rhythm::of(evaluator.schedule(), options.every, began),
                evaluator,
                store: store.clone(),
                clock: Arc::clone(&options.clock),
                settings: options.events.clone(),
                threads: threads.handle(),
                room: Arc::clone(&room),
                changes: changes.clone(),
                owner: owner.clone(),
                lease,
            };
            work.spawn(schedule.run(shutdown.clone()));
        }
        if let Some(keep) = options.keep {
            work.spawn(prune(
                store.clone(),
                Arc::clone(&options.clock),
                owner.clone(),
                keep,
                shutdown.clone(),
            ));
        }
        work.spawn(watch_store(
            store.clone(),
            changes.clone(),
            shutdown.clone(),
        ));
        let api = Api::new(
            store.clone(),
            Served {
                evaluators: served,
                bells,
            },
            Arc::clone(&options.clock),
            changes,
            options.max_age.unwrap_or(options.every.saturating_mul(3)),
            options.api.clone(),
            shutdown.clone(),
        );
        let closing = CancellationToken::new();
        work.spawn(api::listen(listener, api, closing.clone()));

        shutdown.cancelled().await;
        tokio::time::sleep(options.announce).await;
        closing.cancel();
        let drained = tokio::time::timeout(options.drain, async {
            while let Some(ended) = work.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a task of the server ended badly");
                }
            }
        })
        .await;
        if drained.is_err() {
            tracing::warn!("what had begun did not end in time; what was not committed is undone");
        }
        work.shutdown().await;
        drop(threads);
        keeper.shutdown().await;
        if let Err(error) = store.release_leases(&owner).await {
            tracing::warn!(%error, "leases run out by themselves");
        }
        store.close().await;
        Ok(())
    }
}

/// Threads on which evaluations run.
struct EvaluationThreads(Option<Runtime>);

impl EvaluationThreads {
    fn start() -> Result<Self, MonitorError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("driftline-evaluate")
            .enable_all()
            .build()
            .map_err(|source| MonitorError::Threads { source })?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> Handle {
        let runtime = self.0.as_ref().expect("taken only when dropped");
        runtime.handle().clone()
    }
}

impl Drop for EvaluationThreads {
    /// Without waiting: a runtime that waits for its threads must not be dropped within
    /// another, not even when the server's own future is.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Forgets what is old, once an hour; of several servers one does.
async fn prune(
    store: Store,
    clock: Arc<dyn Clock>,
    owner: String,
    keep: Duration,
    shutdown: CancellationToken,
) {
    let policy = PrunePolicy {
        keep,
        dry_run: false,
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(PRUNE_EVERY) => {}
        }
        let now = clock.now();
        let turn = store
            .acquire_lease(PRUNE_LEASE, &owner, later(now, PRUNE_EVERY), now)
            .await;
        let pruned = match turn {
            Ok(Some(_)) => store.prune(policy, now).await,
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match pruned {
            Ok(report) => tracing::info!(?report, "forgot what is old"),
            Err(error) => tracing::error!(%error, "cannot forget what is old"),
        }
    }
}

/// Wakes waiting readers when another process wrote to the store.
async fn watch_store(store: Store, changes: watch::Sender<i64>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match store.change_counter().await {
            Ok(counter) => {
                changes.send_if_modified(|known| std::mem::replace(known, counter) != counter);
            }
            Err(error) => tracing::error!(%error, "cannot look for changes"),
        }
    }
}

fn distinct<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), MonitorError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(MonitorError::DuplicateName {
                what,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}
