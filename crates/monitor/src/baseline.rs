//! From a retraining that succeeded to the baseline that windows are compared with.
//!
//! A version that waits is built by whoever is about to run the monitor, under the same lease:
//! the training data is read, limits are calibrated, the baseline is verified on parts of
//! itself held out, frozen, and put in force. The run that follows is the first to rest on it.

use crate::run_once::with_causes;
use crate::{Clock, EvaluationError, Evaluator, MonitorError};
use driftline_store::{BaselineVersion, BuiltBaseline, Lease, Store, StoreError};
use futures::future::BoxFuture;

/// Builds one version, wherever such work is done.
pub(crate) type Build<'a> = dyn Fn(BaselineVersion) -> BoxFuture<'a, Result<BuiltBaseline, EvaluationError>>
    + Send
    + Sync
    + 'a;

/// Builds the versions of a monitor that wait, and returns the one in force after that; `None`
/// is what the pipeline file names. One that cannot be built is refused, with the reason.
pub(crate) async fn renew(
    evaluator: &dyn Evaluator,
    store: &Store,
    lease: Option<&Lease>,
    clock: &dyn Clock,
    build: &Build<'_>,
) -> Result<Option<BaselineVersion>, MonitorError> {
    let monitor = evaluator.name();
    while let Some(waiting) = store.waiting_baseline(monitor).await? {
        let version = waiting.version;
        tracing::info!(monitor, version, "building a baseline");
        let built = build(waiting)
            .await
            .unwrap_or_else(|error| BuiltBaseline::Refused {
                message: with_causes(error.as_ref()),
            });
        let is_in_force = store
            .settle_baseline(monitor, version, &built, lease, clock.now())
            .await?;
        match built {
            BuiltBaseline::Ready { baseline_id, .. } => {
                tracing::info!(
                    monitor,
                    version,
                    baseline_id,
                    is_in_force,
                    "built a baseline"
                );
            }
            BuiltBaseline::Refused { message } => {
                tracing::error!(monitor, version, message, "refused a baseline");
            }
        }
    }
    Ok(in_force(evaluator, store).await?)
}

/// The version in force, its files taken from the store where this machine has not got them.
pub(crate) async fn in_force(
    evaluator: &dyn Evaluator,
    store: &Store,
) -> Result<Option<BaselineVersion>, StoreError> {
    let monitor = evaluator.name();
    let Some(version) = store.baseline_in_force(monitor).await? else {
        return Ok(None);
    };
    if let Some(id) = &version.baseline_id
        && !evaluator.has_baseline(&version)
    {
        let files = store.baseline_files(id).await?;
        if !files.is_empty()
            && let Err(error) = evaluator.keep_baseline(&version, &files)
        {
            // It may still be learnt from the same data; the evaluation says if it cannot.
            tracing::error!(monitor, version = version.version, %error, "cannot take a baseline from the store");
        }
    }
    Ok(Some(version))
}
