//! From a retraining that succeeded to the baseline that windows are compared with.
//!
//! A version that waits is built by whoever is about to run the monitor, under the same lease:
//! the training data is read, limits are calibrated, the baseline is verified on parts of
//! itself held out, frozen, and put in force. The run that follows is the first to rest on it.

use crate::run_once::with_causes;
use crate::{Clock, EvaluationError, MonitorError};
use driftline_store::{BaselineVersion, BuiltBaseline, Lease, Store};
use futures::future::BoxFuture;

/// Builds one version, wherever such work is done.
pub(crate) type Build<'a> = dyn Fn(BaselineVersion) -> BoxFuture<'a, Result<BuiltBaseline, EvaluationError>>
    + Send
    + Sync
    + 'a;

/// Builds the versions of a monitor that wait, and returns the one in force after that; `None`
/// is what the pipeline file names. One that cannot be built is refused, with the reason.
pub(crate) async fn renew(
    monitor: &str,
    store: &Store,
    lease: Option<&Lease>,
    clock: &dyn Clock,
    build: &Build<'_>,
) -> Result<Option<BaselineVersion>, MonitorError> {
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
    Ok(store.baseline_in_force(monitor).await?)
}
