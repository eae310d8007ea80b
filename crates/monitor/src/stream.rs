//! Live data that comes as messages: read, kept until its window is over, judged then.
//!
//! The rows of an open window are in the store, beside the offsets up to which they were read,
//! written in one transaction. A window that is over is evaluated as a file would be, and closes
//! in the transaction that writes its run down. So whatever a pipeline asks of files it
//! asks of a topic, with the same answer, and a process that is killed at any point loses and
//! repeats nothing.

mod reader;

pub(crate) use reader::{Lateness, Reader};

use crate::clock::later;
use crate::event::EventSettings;
use crate::run_once::{Turn, commit, commit_failure, with_causes};
use crate::schedule::renew_baseline;
use crate::{Clock, EvaluationError, Evaluator, MonitorError, RunRequest};
use async_trait::async_trait;
use driftline_engine::{
    PaneWindow, Panes,
    topic::{Decoder, Topic},
};
use driftline_pipeline::WindowRows;
use driftline_store::{Lease, Store, StreamClosing, StreamPane};
use driftline_verdict::NotEvaluated;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// After something failed, and while another server reads the topic.
const PAUSE: Duration = Duration::from_secs(3);
/// It is doubled so often at most: three minutes.
const LONGEST_PAUSE: u32 = 6;
/// How often to look for new partitions.
const LOOK_EVERY: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

/// A topic, and how its windows are cut and closed.
pub struct TopicSource {
    /// What the topic is called.
    pub topic: String,
    /// Reads the rows of messages.
    pub decoder: Decoder,
    /// What windows are made of.
    pub panes: Panes,
    /// How far times of a partition may be out of order.
    pub out_of_orderness: Duration,
    /// How long a window stays open after its end.
    pub allowed_lateness: Duration,
    /// When a silent partition holds nothing open any more.
    pub idle: Duration,
    /// How far a time may be ahead of its message.
    pub max_ahead: Duration,
    /// The share of a window's messages that may be unreadable.
    pub max_dead_share: f64,
    /// Bytes of open windows above which no more is read.
    pub max_state_bytes: u64,
    /// Opens the topic.
    pub opener: Arc<dyn OpenTopic>,
}

/// Opens a topic.
#[async_trait]
pub trait OpenTopic: Send + Sync {
    /// The topic from these offsets on, by partition.
    ///
    /// # Errors
    /// What keeps it from being read.
    async fn open(
        &self,
        next_offsets: BTreeMap<i32, i64>,
    ) -> Result<Box<dyn Topic>, EvaluationError>;
}

/// Reads the topic of one monitor, for as long as the server lives.
pub(crate) struct Stream {
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
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
}

impl Stream {
    /// Runs until shutdown. What fails makes the verdict unknown, and is tried again.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let monitor = self.evaluator.name().to_owned();
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let began = self.clock.now();
            let until = later(began, self.lease);
            let lease = self
                .store
                .acquire_lease(&monitor, &self.owner, until, began);
            let ended = match lease.await {
                Ok(Some(lease)) => self.read(&lease, &shutdown).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error.into()),
            };
            match ended {
                Ok(()) => failures = 0,
                Err(error) => {
                    let reason = with_causes(error.as_ref());
                    tracing::error!(monitor, reason, "the topic is not read");
                    let error = error.downcast_ref::<MonitorError>();
                    // A failed evaluation is written down as every other is.
                    if !matches!(error, Some(MonitorError::Evaluation { .. })) {
                        self.fail(&reason).await;
                    }
                    let is_old = self.clock.now() - began > LOOK_EVERY;
                    failures = if is_old { 0 } else { failures + 1 };
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.clock.sleep(PAUSE * 2_u32.pow(failures.min(LONGEST_PAUSE))) => {}
            }
        }
    }

    async fn fail(&self, reason: &str) {
        let reason = format!("the topic is not read: {reason}");
        let turn = Turn::default();
        let written = commit_failure(
            &*self.evaluator,
            &reason,
            &self.store,
            &turn,
            self.clock.now(),
            &self.settings,
        );
        if let Err(error) = written.await {
            tracing::error!(%error, "the failure is not written down");
        }
        self.changes.send_modify(|_| {});
    }

    /// Reads and judges, until shutdown or until something fails.
    async fn read(
        &self,
        lease: &Lease,
        shutdown: &CancellationToken,
    ) -> Result<(), EvaluationError> {
        let monitor = self.evaluator.name();
        let source = self.evaluator.topic().await?;
        let source = source.ok_or("the pipeline reads no topic any more: restart the server")?;
        let mut state = self.store.stream_state(monitor, &source.topic).await?;
        let offsets = state.partitions.iter();
        let offsets = offsets.map(|one| (one.partition, one.next_offset));
        let mut topic = source.opener.open(offsets.collect()).await?;
        let mut reader = Reader::new(
            source.decoder.clone(),
            source.panes.clone(),
            source.lateness(),
            &state,
        );
        tracing::info!(monitor, topic = source.topic, "reading");
        let mut look_at = self.clock.now();
        while !shutdown.is_cancelled() {
            let held: u64 = state.open.iter().map(|pane| pane.size_bytes).sum();
            let is_full = held > source.max_state_bytes;
            let look = self.clock.now() >= look_at;
            if look {
                look_at = self.clock.now() + LOOK_EVERY;
            }
            let clock = Arc::clone(&self.clock);
            let read = tokio::task::spawn_blocking(move || {
                let mut work = || {
                    if look {
                        reader.know(&topic.partitions()?);
                        reader.know_ends(&topic.ends());
                    }
                    if !is_full {
                        reader.read(topic.as_mut(), &|| clock.now())?;
                    }
                    Ok::<_, driftline_engine::EngineError>(())
                };
                let ended = work();
                (ended, reader, topic)
            });
            let ended;
            (ended, reader, topic) = read.await?;
            ended?;
            if let Some(progress) = reader.stretch() {
                self.store
                    .commit_stream(monitor, &source.topic, &progress, lease, self.clock.now())
                    .await?;
                let done = progress.partitions.iter();
                topic.done(&done.map(|one| (one.partition, one.next_offset)).collect());
                state = self.store.stream_state(monitor, &source.topic).await?;
            }
            for window in reader.over(&state.open, self.clock.now()) {
                if shutdown.is_cancelled() {
                    return Ok(());
                }
                self.judge(&source, &window, &state.open, lease).await?;
                reader.closed(&window);
                state.open.retain(|pane| pane.end_us > window.frees_us);
            }
            if is_full && state.open.iter().map(|one| one.size_bytes).sum::<u64>() == held {
                return Err(format!(
                    "the rows of open windows take {} MiB in the store, more than `max_state_mib`; \
                     use a shorter window or less lateness, or raise it",
                    held >> 20
                )
                .into());
            }
        }
        Ok(())
    }

    /// Evaluates a window that is over, and closes it with its run.
    #[tracing::instrument(name = "run", skip_all, fields(monitor = self.evaluator.name()))]
    async fn judge(
        &self,
        source: &TopicSource,
        window: &PaneWindow,
        open: &[StreamPane],
        lease: &Lease,
    ) -> Result<(), EvaluationError> {
        let monitor = self.evaluator.name();
        let now = self.clock.now();
        let counts = Counts::of(window, open);
        let closing = StreamClosing {
            start_us: window.panes.start_us,
            end_us: window.panes.end_us,
            frees_us: window.frees_us,
        };
        let Ok(_permit) = Arc::clone(&self.room).acquire_owned().await else {
            return Ok(());
        };
        let file = tempfile::Builder::new()
            .prefix("driftline-window-")
            .suffix(".jsonl.zst")
            .tempfile()?;
        let mut into = std::io::BufWriter::new(file);
        let any = self
            .store
            .copy_stream_rows(monitor, &closing, &mut into)
            .await?;
        if !any {
            self.store
                .close_empty_stream_window(monitor, &closing, lease, now)
                .await?;
            if counts.dead > 0 {
                let reason = format!("none of {} messages could be read", counts.dead);
                self.fail(&reason).await;
            }
            return Ok(());
        }
        into.flush()?;
        let file = into.into_inner().map_err(|error| error.into_error())?;
        let baseline = renew_baseline(
            &self.evaluator,
            &self.store,
            &*self.clock,
            &self.threads,
            lease,
        )
        .await?;
        let request = RunRequest {
            baseline,
            window: Some(source.rows_of(window, &counts, file.path().display().to_string())),
            ..RunRequest::at(now)
        };
        tracing::info!(
            monitor,
            run = request.run_id,
            rows = counts.rows,
            "evaluating"
        );
        let evaluator = Arc::clone(&self.evaluator);
        let evaluated = self
            .threads
            .spawn(async move { evaluator.evaluate(&request).await }.in_current_span())
            .await
            .unwrap_or_else(|panic| Err(EvaluationError::from(format!("internal error: {panic}"))));
        let turn = Turn {
            lease: Some(lease.clone()),
            scheduled_for: None,
            closes: Some(closing),
            judges: Vec::new(),
        };
        let evaluator = &*self.evaluator;
        let now = self.clock.now();
        let committed = commit(
            evaluator,
            evaluated,
            &self.store,
            &turn,
            now,
            &self.settings,
        )
        .await;
        self.changes.send_modify(|_| {});
        let evaluation = committed?
            .evaluated
            .map_err(|source| MonitorError::Evaluation {
                monitor: monitor.to_owned(),
                source,
            })?;
        tracing::info!(monitor, verdict = ?evaluation.run.verdict, "committed");
        Ok(())
    }
}

impl TopicSource {
    fn lateness(&self) -> Lateness {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Lateness {
            out_of_orderness_us: micros(self.out_of_orderness),
            allowed_us: micros(self.allowed_lateness),
            idle_us: micros(self.idle),
            max_ahead_us: micros(self.max_ahead),
        }
    }

    /// What an evaluation is told of a window.
    fn rows_of(&self, window: &PaneWindow, counts: &Counts, source: String) -> WindowRows {
        let mut notes = Vec::new();
        if counts.late > 0 {
            notes.push(format!(
                "{} rows came after their windows had closed, and are in none",
                counts.late
            ));
        }
        let mut not_evaluated = Vec::new();
        if counts.dead > 0 {
            let messages = counts.rows + counts.dead;
            let share = counts.dead as f64 / messages as f64;
            let reason = format!(
                "{} of {messages} messages could not be read; `driftline topic` says which and \
                 why",
                counts.dead
            );
            match share > self.max_dead_share {
                true => not_evaluated.push(NotEvaluated {
                    check: "messages".into(),
                    reason,
                    required: true,
                }),
                false => notes.push(reason),
            }
        }
        WindowRows {
            source,
            types: self.decoder.columns().to_vec(),
            span: window.span,
            not_evaluated,
            notes,
        }
    }
}

/// Messages of a window.
struct Counts {
    rows: u64,
    dead: u64,
    late: u64,
}

impl Counts {
    fn of(window: &PaneWindow, open: &[StreamPane]) -> Self {
        let held = window.panes.start_us..window.panes.end_us;
        let none = Self {
            rows: 0,
            dead: 0,
            late: 0,
        };
        let panes = open.iter().filter(|pane| held.contains(&pane.start_us));
        panes.fold(none, |sum, pane| Self {
            rows: sum.rows + pane.rows,
            dead: sum.dead + pane.dead,
            late: sum.late + pane.late,
        })
    }
}
