//! What a monitor runs, seen from the monitor: something with a name that can be evaluated.

use crate::delivery::Target;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use driftline_store::BaselineRecord;
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
}

/// A pipeline, ready to be evaluated.
#[async_trait]
pub trait Evaluator: Send + Sync {
    /// The pipeline's name, which is the monitor's id.
    fn name(&self) -> &str;

    /// Who is told, and of what.
    fn targets(&self) -> &[Target];

    /// How old the end of the newest window may be before its verdict is stale; `None`
    /// where old data is no fault.
    fn max_window_age(&self) -> Option<Duration> {
        None
    }

    /// One evaluation, from sources to verdict. The run carries `run_id` and the time
    /// `now`.
    ///
    /// # Errors
    /// Whatever kept it from a verdict.
    async fn evaluate(
        &self,
        run_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Evaluation, EvaluationError>;
}
