//! What a monitor runs, seen from the monitor: something with a name that can be evaluated.

use crate::delivery::Target;
use crate::posted::{PostedContents, PostedLive, ProfileRefusal};
use crate::run_once::new_run_id;
use crate::stream::TopicSource;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftline_pipeline::{
    ProfiledWindow, ReadFiles, TermDecision, TermDecisions, WindowRows,
    config::{AlertsConfig, ScheduleConfig},
};
use driftline_store::{BaselineFile, BaselineRecord, BaselineVersion, BuiltBaseline};
use driftline_verdict::{Report, Run};
use std::time::Duration;

/// What an evaluation ended in, if not in a verdict.
pub type EvaluationError = Box<dyn std::error::Error + Send + Sync>;

/// What an evaluation ended in.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The run.
    pub run: Run,
    /// What its report shows.
    pub report: Report,
    /// What its windows were compared with.
    pub baseline: BaselineRecord,
    /// The files that were read by now, where only what is new is read.
    pub read: Option<ReadFiles>,
}

/// What is to be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// Identity of the run.
    pub run_id: String,
    /// The time as of which it is made.
    pub now: DateTime<Utc>,
    /// Only windows that lie in here, be they the newest or not.
    pub range: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The rows of one window, in place of the pipeline's live data.
    pub window: Option<WindowRows>,
    /// The profiles that were posted, where they are the live data.
    pub posted: Option<PostedContents>,
    /// The files that earlier runs have read.
    pub read: ReadFiles,
    /// The baseline in force, where it is not the one that the pipeline file names.
    pub baseline: Option<BaselineVersion>,
}

impl RunRequest {
    /// A run as of now, over what the pipeline says.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            run_id: new_run_id(now),
            now,
            range: None,
            window: None,
            posted: None,
            read: ReadFiles::default(),
            baseline: None,
        }
    }
}

/// A pipeline, ready to be evaluated.
#[async_trait]
pub trait Evaluator: Send + Sync {
    /// The pipeline's name, which is the monitor's id.
    fn name(&self) -> &str;

    /// Who is told, and of what.
    fn targets(&self) -> &[Target];

    /// How findings become alerts.
    fn alerts(&self) -> AlertsConfig {
        AlertsConfig::default()
    }

    /// When it runs; `None` at the server's interval.
    fn schedule(&self) -> Option<ScheduleConfig> {
        None
    }

    /// Whether its live data is a topic, whose windows are judged as they close.
    fn reads_topic(&self) -> bool {
        false
    }

    /// The topic that its live data is, if it is one.
    ///
    /// # Errors
    /// What keeps it from being read.
    async fn topic(&self) -> Result<Option<TopicSource>, EvaluationError> {
        Ok(None)
    }

    /// How profiles are taken that edges post, where they are its live data.
    fn posted(&self) -> Option<PostedLive> {
        None
    }

    /// The windows of a profile that came now.
    ///
    /// # Errors
    /// Why it is not taken.
    fn check_profile(
        &self,
        _content: &[u8],
        _now: DateTime<Utc>,
    ) -> Result<Vec<ProfiledWindow>, ProfileRefusal> {
        let why = "the live data of this pipeline is something else";
        Err(ProfileRefusal::Unfit(why.to_owned()))
    }

    /// How old the end of the newest window may be before its verdict is stale; `None`
    /// where old data is no fault.
    fn max_window_age(&self) -> Option<Duration> {
        None
    }

    /// Builds a version of the baseline: learns it, verifies it on itself, and freezes it.
    ///
    /// # Errors
    /// Whatever kept it from being built.
    async fn build_baseline(
        &self,
        version: &BaselineVersion,
    ) -> Result<BuiltBaseline, EvaluationError> {
        Err(format!("version {} cannot be built here", version.version).into())
    }

    /// Whether the files of a version that was built are on this machine.
    fn has_baseline(&self, _version: &BaselineVersion) -> bool {
        true
    }

    /// Keeps the files of a version that another machine built.
    ///
    /// # Errors
    /// Whatever kept them from being written.
    fn keep_baseline(
        &self,
        version: &BaselineVersion,
        _files: &[BaselineFile],
    ) -> Result<(), EvaluationError> {
        Err(format!("version {} cannot be kept here", version.version).into())
    }

    /// What people said of terms.
    ///
    /// # Errors
    /// Whatever kept the file from being read.
    fn term_decisions(&self) -> Result<TermDecisions, EvaluationError> {
        Ok(TermDecisions::default())
    }

    /// Takes what somebody says of a term; the next evaluation heeds it.
    ///
    /// # Errors
    /// Whatever kept it from being written: there may be no file for it.
    fn decide_term(&self, _term: &str, _decision: TermDecision) -> Result<(), EvaluationError> {
        Err("this pipeline looks for no terms".into())
    }

    /// One evaluation, from sources to verdict.
    ///
    /// # Errors
    /// Whatever kept it from a verdict.
    async fn evaluate(&self, request: &RunRequest) -> Result<Evaluation, EvaluationError>;
}
