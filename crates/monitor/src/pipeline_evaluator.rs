//! A pipeline as something that a monitor runs: evaluates it, and leaves its reports on
//! disk.

use crate::{Evaluation, EvaluationError, Evaluator, MonitorError, delivery::Target};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftline_engine::EngineConfig;
use driftline_pipeline::{
    EvaluationRequest, Pipeline,
    config::{SecretReference, WebhookTarget},
    output,
};
use driftline_store::BaselineRecord;
use std::{path::PathBuf, time::Duration};

type Progress = dyn Fn(&str) + Send + Sync;

/// A pipeline, ready to be evaluated.
pub struct PipelineEvaluator {
    name: String,
    evaluator: driftline_pipeline::Evaluator,
    targets: Vec<Target>,
    folder: Option<PathBuf>,
    progress: Box<Progress>,
}

impl PipelineEvaluator {
    /// Makes a pipeline ready. Reports and the baseline go into `folder`, which each
    /// evaluation replaces; without one nothing is written.
    ///
    /// # Errors
    /// [`MonitorError::Target`] for a webhook target that cannot be used.
    pub fn new(
        pipeline: Pipeline,
        config: EngineConfig,
        folder: Option<PathBuf>,
    ) -> Result<Self, MonitorError> {
        let targets = pipeline
            .actions
            .webhooks
            .iter()
            .map(|webhook| Target::new(placed(&pipeline, webhook)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: pipeline.name.to_string(),
            evaluator: driftline_pipeline::Evaluator::new(pipeline, config),
            targets,
            folder,
            progress: Box::new(|_| {}),
        })
    }

    /// Tells what is being done, for a progress bar.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }
}

/// The target with its secret's file read against the pipeline's folder, like every path.
fn placed(pipeline: &Pipeline, webhook: &WebhookTarget) -> WebhookTarget {
    let mut webhook = webhook.clone();
    if let SecretReference::File(path) = &mut webhook.secret {
        *path = pipeline.path(path);
    }
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

    fn max_window_age(&self) -> Option<Duration> {
        let freshness = self.evaluator.pipeline().freshness.as_ref()?;
        Some(Duration::from_secs(freshness.max_age.seconds()))
    }

    async fn evaluate(
        &self,
        run_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Evaluation, EvaluationError> {
        let request = EvaluationRequest {
            run_id: run_id.to_owned(),
            now,
            progress: &self.progress,
        };
        let evaluation = self.evaluator.evaluate(&request).await?;
        let directory = match &self.folder {
            Some(folder) => {
                (self.progress)("writing the report");
                output::write(&evaluation, folder)?;
                folder.join("baseline").display().to_string()
            }
            None => String::new(),
        };
        Ok(Evaluation {
            baseline: BaselineRecord {
                id: evaluation.baseline_id.clone(),
                directory,
                created_at: now,
            },
            run: evaluation.run,
            report: evaluation.report,
        })
    }
}
