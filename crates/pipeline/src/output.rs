//! What a run leaves on disk: a folder that is replaced as a whole, or not at all.

use crate::{
    Evaluation, PipelineError,
    baseline::{Manifest, unwritable},
};
use driftline_verdict::report;
use std::path::{Path, PathBuf};

/// Writes the reports and the baseline of an evaluation into `folder`, replacing it.
///
/// Everything is written beside the folder first, so that a reader sees the old files or
/// the new ones, never a part of either.
///
/// # Errors
/// [`PipelineError::Unwritable`], with the old folder left as it was.
pub fn write(evaluation: &Evaluation, folder: &Path) -> Result<Manifest, PipelineError> {
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    if folder.exists() && !folder.is_dir() {
        return Err(PipelineError::Unwritable {
            path: folder.to_owned(),
            reason: "it is no folder; name an empty or a new one".into(),
        });
    }
    if folder.exists() && !is_ours(folder) {
        return Err(PipelineError::Unwritable {
            path: folder.to_owned(),
            reason: "it holds other files than a run's; name an empty or a new folder".into(),
        });
    }
    let fresh = tempfile::Builder::new()
        .prefix(".driftline-")
        .tempdir_in(parent)
        .map_err(|error| unwritable(parent, &error))?;
    let put = |name: &str, text: &str| {
        let path = fresh.path().join(name);
        std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))
    };
    let rendered = |result: Result<String, driftline_verdict::VerdictError>| {
        result.map_err(|error| PipelineError::Internal {
            message: error.to_string(),
        })
    };
    put("verdict.json", &rendered(report::json(&evaluation.run))?)?;
    put("report.html", &rendered(report::html(&evaluation.report))?)?;
    put("report.md", &report::markdown(&evaluation.report))?;
    put("junit.xml", &rendered(report::junit(&evaluation.run))?)?;
    put("report.sarif", &rendered(report::sarif(&evaluation.run))?)?;
    let baseline = fresh.path().join("baseline");
    std::fs::create_dir(&baseline).map_err(|error| unwritable(&baseline, &error))?;
    let manifest = evaluation.baseline.write(&baseline)?;
    replace(folder, fresh.keep())?;
    Ok(manifest)
}

/// Whether a folder is empty or was written by [`write`].
fn is_ours(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.next().is_none() || folder.join("verdict.json").is_file()
}

pub(crate) fn replace(folder: &Path, fresh: PathBuf) -> Result<(), PipelineError> {
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let old = folder.with_file_name(format!(".{}.old", name.unwrap_or_else(|| "run".into())));
    let had_old = folder.exists();
    let moved = (|| {
        if old.exists() {
            std::fs::remove_dir_all(&old)?;
        }
        if had_old {
            std::fs::rename(folder, &old)?;
        }
        std::fs::rename(&fresh, folder)
    })();
    match moved {
        Ok(()) => {
            if had_old {
                std::fs::remove_dir_all(&old).map_err(|error| unwritable(&old, &error))?;
            }
            Ok(())
        }
        Err(error) => {
            if had_old && !folder.exists() {
                drop(std::fs::rename(&old, folder));
            }
            drop(std::fs::remove_dir_all(&fresh));
            Err(unwritable(folder, &error))
        }
    }
}
