//! A baseline that is to stay as it is: learnt, verified on itself, and written to a folder.
//!
//! Training data changes under its name; a baseline that windows are compared with for months
//! must not. So what retraining brings is frozen: the folder is a baseline directory, and a
//! pipeline can name it.

use crate::{
    Evaluator, PipelineError,
    calibrate::{self, Verified},
    output::replace,
    run::Learnt,
};
use std::path::Path;

/// A frozen baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    /// Its identity: the hash of its content.
    pub id: String,
    /// Alarms on parts of the training data held out; `None` where it is too short, or has no
    /// time, so that limits could not be learnt from it.
    pub verified: Option<Verified>,
}

impl Frozen {
    /// Whether it alarms more often on its own data than the pipeline states, by more than
    /// chance.
    pub fn alarms_too_often(&self) -> bool {
        self.verified
            .as_ref()
            .is_some_and(|verified| verified.verification.interval.0 > verified.verification.stated)
    }
}

impl Evaluator {
    /// Learns the pipeline's baseline, verifies it on parts of itself held out, and writes it
    /// into `folder`, which it replaces.
    ///
    /// # Errors
    /// Whatever keeps the training data from being read, or the folder from being written.
    pub async fn freeze(&self, folder: &Path) -> Result<Frozen, PipelineError> {
        let Learnt { baseline, .. } = self.learn().await?;
        let pipeline = self.pipeline().clone();
        let folder = folder.to_owned();
        let frozen = tokio::task::spawn_blocking(move || {
            let verified = calibrate::backtested(&pipeline, &baseline)?;
            let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let unwritable = |error| crate::baseline::unwritable(parent, &error);
            std::fs::create_dir_all(parent).map_err(unwritable)?;
            let fresh = tempfile::Builder::new()
                .prefix(".driftline-")
                .tempdir_in(parent)
                .map_err(unwritable)?;
            let id = baseline.write(fresh.path())?.id();
            replace(&folder, fresh.keep())?;
            Ok(Frozen { id, verified })
        });
        frozen.await.map_err(|error| PipelineError::Internal {
            message: format!("freezing the baseline stopped: {error}"),
        })?
    }
}
