//! Files that were read, between the store and the pipeline.

use driftline_engine::FileVersion;
use driftline_pipeline::{ReadFile, ReadFiles, ReadTargets};
use driftline_store::{Store, StoreError};

/// Names that no file has: of the true values as they were, and of those of a window.
const TARGETS: &str = "targets:";

/// What a monitor has read so far.
pub(crate) async fn known(store: &Store, monitor: &str) -> Result<ReadFiles, StoreError> {
    Ok(read(store.read_files(monitor).await?))
}

fn read(stored: Vec<driftline_store::ReadFile>) -> ReadFiles {
    let plan = stored.first().map(|file| file.plan.clone());
    let mut read = ReadFiles {
        plan: plan.unwrap_or_default(),
        ..ReadFiles::default()
    };
    for one in stored {
        match (one.name.strip_prefix(TARGETS), one.range) {
            (Some(""), _) => read.targets.version = one.version,
            (Some(_), Some(range)) => {
                read.targets.windows.insert(range, one.content);
            }
            _ => read.files.push(ReadFile {
                file: FileVersion {
                    name: one.name,
                    size_bytes: one.size_bytes,
                    version: one.version,
                },
                content: one.content,
                range: one.range,
            }),
        }
    }
    read
}

/// As it is stored.
pub(crate) fn stored(read: &ReadFiles) -> Vec<driftline_store::ReadFile> {
    let one = |name: String| driftline_store::ReadFile {
        plan: read.plan.clone(),
        name,
        size_bytes: 0,
        version: String::new(),
        content: String::new(),
        range: None,
    };
    let files = read.files.iter().map(|file| driftline_store::ReadFile {
        size_bytes: file.file.size_bytes,
        version: file.file.version.clone(),
        content: file.content.clone(),
        range: file.range,
        ..one(file.file.name.clone())
    });
    let ReadTargets { version, windows } = &read.targets;
    let targets = (!version.is_empty()).then(|| driftline_store::ReadFile {
        version: version.clone(),
        ..one(TARGETS.to_owned())
    });
    let windows = windows
        .iter()
        .map(|(range, told)| driftline_store::ReadFile {
            content: told.clone(),
            range: Some(*range),
            ..one(format!("{TARGETS}{}", range.0))
        });
    files.chain(targets).chain(windows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_comes_back_from_the_store() {
        let was = ReadFiles {
            plan: "plan".into(),
            files: vec![ReadFile {
                file: FileVersion {
                    name: "rows.csv".into(),
                    size_bytes: 7,
                    version: "1".into(),
                },
                content: "abc".into(),
                range: None,
            }],
            targets: ReadTargets {
                version: "of today".into(),
                windows: [((0, 10), "3 4".to_owned()), ((10, 20), "1 2".to_owned())].into(),
            },
        };
        assert_eq!(read(stored(&was)), was);
    }
}
