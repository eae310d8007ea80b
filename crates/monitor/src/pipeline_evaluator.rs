//! A pipeline as something that a monitor runs: evaluates it, and leaves its reports on
//! disk.
//!
//! A server runs for months, and the pipeline's files are edited meanwhile. Before each
//! evaluation it looks whether one changed, and reads all of them again if so. A file that is
//! wrong now ends the evaluation: the monitor is unknown, with the mistake as the reason, rather
//! than what the old file said.

use crate::{
    Evaluation, EvaluationError, Evaluator, MonitorError, PostedLive, ProfileRefusal, RunRequest,
    TopicSource, delivery::Target, pipeline_topic, posted,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftline_engine::{EngineConfig, write_atomically};
use driftline_pipeline::{
    EvaluationRequest, Pipeline, ProfiledWindow, TermDecision, TermDecisions,
    baseline::read_manifest,
    config::{
        AlertsConfig, ProfilesConfig, ScheduleConfig, SourceConfig, TopicTarget, WebhookTarget,
    },
    output,
};
use driftline_store::{BaselineFile, BaselineRecord, BaselineVersion, BuiltBaseline};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

type Progress = dyn Fn(&str) + Send + Sync;

/// Bytes of a baseline that is kept in the store; a larger one stays on the machine that built it.
const SHARED_BYTES: u64 = 256 * 1024 * 1024;

/// A pipeline, ready to be evaluated.
pub struct PipelineEvaluator {
    name: String,
    config: EngineConfig,
    /// The pipeline's file, where it is to be watched.
    file: Option<PathBuf>,
    current: Mutex<Current>,
    targets: Vec<Target>,
    folder: Option<PathBuf>,
    /// Held while the file of decisions is rewritten.
    deciding: Mutex<()>,
    progress: Box<Progress>,
}

/// The pipeline as it was last read.
struct Current {
    pipeline: Pipeline,
    /// Its files as they were then.
    stamps: Vec<Stamp>,
    /// With the baseline in force.
    evaluator: Arc<driftline_pipeline::Evaluator>,
    /// The version of that baseline; 0 is what the pipeline file names.
    version: i64,
}

/// A file with its size and time of change; `None` where it cannot be seen.
type Stamp = (PathBuf, Option<(u64, SystemTime)>);

impl PipelineEvaluator {
    /// Makes a pipeline ready. Reports and the baseline go into `folder`, which each
    /// evaluation replaces; without one nothing is written.
    ///
    /// # Errors
    /// [`MonitorError::Target`] for a target that cannot be used.
    pub fn new(
        pipeline: Pipeline,
        config: EngineConfig,
        folder: Option<PathBuf>,
    ) -> Result<Self, MonitorError> {
        let webhooks = pipeline.actions.webhooks.iter();
        let webhooks = webhooks.map(|webhook| Target::new(placed(&pipeline, webhook)));
        let topics = pipeline.actions.topics.iter().map(|topic| {
            Target::topic(TopicTarget {
                settings: pipeline_topic::placed_settings(&pipeline, &topic.settings),
                ..topic.clone()
            })
        });
        let emails = pipeline.actions.emails.iter();
        let emails = emails.map(|email| Target::email(email.placed(&pipeline)));
        let targets = webhooks
            .chain(topics)
            .chain(emails)
            .collect::<Result<_, _>>()?;
        let evaluator = driftline_pipeline::Evaluator::new(pipeline.clone(), config.clone());
        Ok(Self {
            name: pipeline.name.to_string(),
            config,
            file: None,
            current: Mutex::new(Current {
                pipeline,
                stamps: Vec::new(),
                evaluator: Arc::new(evaluator),
                version: 0,
            }),
            targets,
            folder,
            deciding: Mutex::new(()),
            progress: Box::new(|_| {}),
        })
    }

    /// Reads the pipeline again when its file, or one that it names, changes. Its name, schedule
    /// and webhooks stay those that it began with.
    #[must_use]
    pub fn watching(mut self, file: PathBuf) -> Self {
        {
            let mut current = self.current();
            current.stamps = stamps(&file, &current.pipeline);
        }
        self.file = Some(file);
        self
    }

    /// Tells what is being done, for a progress bar.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// The file for what people say of terms, where the pipeline names one.
    fn decisions_file(&self) -> Option<PathBuf> {
        let current = self.current();
        let terms = current.pipeline.terms.as_ref()?;
        Some(current.pipeline.path(terms.decisions.as_ref()?))
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pipeline as its files are now, compared with this version of the baseline.
    fn renewed(
        &self,
        baseline: Option<&BaselineVersion>,
    ) -> Result<Arc<driftline_pipeline::Evaluator>, EvaluationError> {
        let mut current = self.current();
        let mut is_new = false;
        if let Some(file) = &self.file
            && stamps(file, &current.pipeline) != current.stamps
        {
            let pipeline = Pipeline::read(file)?;
            if pipeline.name.as_str() != self.name {
                return Err(format!(
                    "{} is named `{}` now, and was `{}`: restart the server",
                    file.display(),
                    pipeline.name,
                    self.name
                )
                .into());
            }
            tracing::info!(monitor = self.name, "the pipeline's files changed");
            current.stamps = stamps(file, &pipeline);
            current.pipeline = pipeline;
            is_new = true;
        }
        let version = baseline.map_or(0, |baseline| baseline.version);
        if is_new || version != current.version {
            let mut pipeline = current.pipeline.clone();
            if let Some(baseline) = baseline {
                pipeline.baseline = self.source_of(baseline);
            }
            let evaluator = driftline_pipeline::Evaluator::new(pipeline, self.config.clone());
            current.evaluator = Arc::new(evaluator);
            current.version = version;
        }
        Ok(Arc::clone(&current.evaluator))
    }

    /// Where versions of the baseline are frozen: beside the reports, which are replaced.
    fn frozen(&self, version: i64) -> Result<PathBuf, EvaluationError> {
        let Some(folder) = &self.folder else {
            return Err("there is no folder to freeze a baseline in".into());
        };
        let folder = folder.with_file_name(format!("{}.baselines", self.name));
        Ok(std::path::absolute(folder)?.join(version.to_string()))
    }

    /// The folder in which a version is frozen on this machine, if it is.
    fn folder_of(&self, baseline: &BaselineVersion) -> Option<PathBuf> {
        let built = baseline.directory.as_ref().map(PathBuf::from);
        let candidates = built.into_iter().chain(self.frozen(baseline.version).ok());
        let is_it = |folder: &PathBuf| {
            let manifest = read_manifest(folder).ok();
            manifest.map(|manifest| manifest.id()) == baseline.baseline_id
        };
        candidates
            .filter(|folder| folder.is_dir())
            .find(|folder| is_it(folder))
    }

    /// The frozen folder of a version, or what it was learnt from, on a machine that has not got
    /// it.
    fn source_of(&self, baseline: &BaselineVersion) -> SourceConfig {
        match self.folder_of(baseline) {
            Some(folder) => SourceConfig::of(folder.display().to_string()),
            None => SourceConfig {
                prepare: baseline.data.prepare.clone(),
                ..SourceConfig::of(baseline.data.source.clone())
            },
        }
    }
}

/// The files of a frozen folder; none where that is more than a store should hold.
fn files_of(folder: &Path) -> Result<Vec<BaselineFile>, EvaluationError> {
    let mut files = Vec::new();
    let mut left = SHARED_BYTES;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let size = entry.metadata()?.len();
        let name = entry.file_name().into_string();
        let (Ok(name), Some(rest)) = (name, left.checked_sub(size)) else {
            return Ok(Vec::new());
        };
        left = rest;
        files.push(BaselineFile {
            name,
            content: std::fs::read(entry.path())?,
        });
    }
    Ok(files)
}

fn stamps(file: &Path, pipeline: &Pipeline) -> Vec<Stamp> {
    let mut files = vec![file.to_owned()];
    files.extend(pipeline.files());
    files
        .into_iter()
        .map(|file| {
            let about = std::fs::metadata(&file).ok();
            let stamp = about.and_then(|about| Some((about.len(), about.modified().ok()?)));
            (file, stamp)
        })
        .collect()
}

/// The target with its files read against the pipeline's folder, like every path.
fn placed(pipeline: &Pipeline, webhook: &WebhookTarget) -> WebhookTarget {
    let mut webhook = webhook.clone();
    for reference in webhook
        .secret
        .iter_mut()
        .chain(webhook.headers.values_mut())
    {
        *reference = pipeline.placed(reference);
    }
    webhook.tls = webhook.tls.map(|tls| tls.placed(pipeline));
    webhook.template = webhook.template.map(|path| pipeline.path(&path));
    webhook
}

#[async_trait]
impl Evaluator for PipelineEvaluator {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn alerts(&self) -> AlertsConfig {
        self.current().pipeline.alerts.clone()
    }

    fn schedule(&self) -> Option<ScheduleConfig> {
        self.current().pipeline.schedule.clone()
    }

    fn reads_topic(&self) -> bool {
        self.current().pipeline.live.brokers_and_topic().is_some()
    }

    async fn topic(&self) -> Result<Option<TopicSource>, EvaluationError> {
        // What was edited meanwhile counts from the next start of reading on.
        let evaluator = self.renewed(None)?;
        pipeline_topic::source(evaluator.pipeline(), &self.config).await
    }

    fn posted(&self) -> Option<PostedLive> {
        let current = self.current();
        let Some(ProfilesConfig::Posted(posted)) = &current.pipeline.live.profiles else {
            return None;
        };
        // A pipeline without windows, or with no such time zone, is told when it is evaluated.
        let windows = current.pipeline.time.as_ref()?.windows().ok()?;
        Some(PostedLive {
            windows,
            most_bytes: posted.max_state_mib.saturating_mul(1 << 20),
        })
    }

    fn check_profile(
        &self,
        content: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Vec<ProfiledWindow>, ProfileRefusal> {
        let evaluator = Arc::clone(&self.current().evaluator);
        posted::check(&evaluator, content, now)
    }

    fn max_window_age(&self) -> Option<Duration> {
        let current = self.current();
        let freshness = current.pipeline.freshness.as_ref()?;
        Some(Duration::from_secs(freshness.max_age.seconds()))
    }

    async fn build_baseline(
        &self,
        version: &BaselineVersion,
    ) -> Result<BuiltBaseline, EvaluationError> {
        (self.progress)("building a baseline");
        let directory = self.frozen(version.version)?;
        let mut pipeline = self.current().pipeline.clone();
        pipeline.baseline = SourceConfig {
            prepare: version.data.prepare.clone(),
            ..SourceConfig::of(version.data.source.clone())
        };
        let stated_rate = pipeline.drift.false_alarm_rate;
        let evaluator = driftline_pipeline::Evaluator::new(pipeline, self.config.clone());
        let frozen = evaluator.freeze(&directory).await?;
        let verification = frozen.verified.as_ref().map(|one| &one.verification);
        if frozen.alarms_too_often()
            && let Some(verification) = verification
        {
            return Ok(BuiltBaseline::Refused {
                message: format!(
                    "{} of {} windows of it that were held out alarmed, more than the stated rate \
                     of {stated_rate} explains: `driftline calibrate verify` names them",
                    verification.alarms, verification.windows
                ),
            });
        }
        Ok(BuiltBaseline::Ready {
            baseline_id: frozen.id.clone(),
            directory: directory.display().to_string(),
            observed_rate: verification.map(|verification| verification.observed),
            stated_rate,
            files: files_of(&directory)?,
        })
    }

    fn has_baseline(&self, version: &BaselineVersion) -> bool {
        self.folder_of(version).is_some()
    }

    fn keep_baseline(
        &self,
        version: &BaselineVersion,
        files: &[BaselineFile],
    ) -> Result<(), EvaluationError> {
        let folder = self.frozen(version.version)?;
        let parent = folder.parent().ok_or("there is no folder to keep it in")?;
        std::fs::create_dir_all(parent)?;
        // Beside its place, and renamed: nobody sees a part of it.
        let beside = tempfile::tempdir_in(parent)?;
        for file in files {
            if Path::new(&file.name).file_name() != Some(file.name.as_ref()) {
                return Err(format!("`{}` is no name of a file", file.name).into());
            }
            std::fs::write(beside.path().join(&file.name), &file.content)?;
        }
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::rename(beside.keep(), folder)?;
        Ok(())
    }

    fn term_decisions(&self) -> Result<TermDecisions, EvaluationError> {
        match self.decisions_file() {
            Some(file) => Ok(TermDecisions::read_or_new(&file)?),
            None => Ok(TermDecisions::default()),
        }
    }

    fn decide_term(&self, term: &str, decision: TermDecision) -> Result<(), EvaluationError> {
        let file = self.decisions_file().ok_or(
            "this pipeline names no file for it: set `terms.decisions`, and restart or wait for its next run",
        )?;
        // One at a time: each keeps what the others wrote.
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut decisions = TermDecisions::read_or_new(&file)?;
        decisions.decide(term, decision);
        Ok(write_atomically(&file, decisions.to_yaml().as_bytes())?)
    }

    #[tracing::instrument(name = "evaluate", skip_all)]
    async fn evaluate(&self, request: &RunRequest) -> Result<Evaluation, EvaluationError> {
        let evaluator = self.renewed(request.baseline.as_ref())?;
        let progress = |step: &str| {
            tracing::info!("{step}");
            (self.progress)(step);
        };
        let posted = match &request.posted {
            Some(contents) => Some(posted::read(contents).await?),
            None => None,
        };
        let asked = EvaluationRequest {
            run_id: request.run_id.clone(),
            now: request.now,
            range: request.range,
            window: request.window.clone(),
            posted: posted.as_ref(),
            read: Some(&request.read),
            progress: &progress,
        };
        let evaluation = evaluator.evaluate(&asked).await?;
        if let Some(baseline) = &request.baseline
            && evaluator.pipeline().baseline.source == baseline.data.source
            && baseline.baseline_id.as_ref() != Some(&evaluation.baseline_id)
        {
            return Err(format!(
                "version {} of the baseline is frozen on another machine and too large for the \
                 store, and `{}`, which it was learnt from, is not what it was: share the folder `{}`",
                baseline.version,
                baseline.data.source,
                baseline.directory.as_deref().unwrap_or_default()
            )
            .into());
        }
        let directory = match &self.folder {
            Some(folder) => {
                progress("writing the report");
                output::write(&evaluation, folder)?;
                folder.join("baseline").display().to_string()
            }
            None => String::new(),
        };
        Ok(Evaluation {
            baseline: BaselineRecord {
                id: evaluation.baseline_id.clone(),
                directory,
                created_at: request.now,
            },
            read: evaluation.read,
            run: evaluation.run,
            report: evaluation.report,
        })
    }
}
