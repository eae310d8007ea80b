//! Files that were read, between the store and the pipeline.

use driftline_engine::FileVersion;
use driftline_pipeline::{ReadFile, ReadFiles};
use driftline_store::{Store, StoreError};

/// What a monitor has read so far.
pub(crate) async fn known(store: &Store, monitor: &str) -> Result<ReadFiles, StoreError> {
    let stored = store.read_files(monitor).await?;
    Ok(ReadFiles {
        plan: stored
            .first()
            .map_or_else(String::new, |file| file.plan.clone()),
        files: stored
            .into_iter()
            .map(|file| ReadFile {
                file: FileVersion {
                    name: file.name,
                    size_bytes: file.size_bytes,
                    version: file.version,
                },
                content: file.content,
                range: file.range,
            })
            .collect(),
    })
}

/// As it is stored.
pub(crate) fn stored(read: &ReadFiles) -> Vec<driftline_store::ReadFile> {
    let files = read.files.iter();
    files
        .map(|one| driftline_store::ReadFile {
            plan: read.plan.clone(),
            name: one.file.name.clone(),
            size_bytes: one.file.size_bytes,
            version: one.file.version.clone(),
            content: one.content.clone(),
            range: one.range,
        })
        .collect()
}
