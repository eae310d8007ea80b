//! Files that were read, between the store and the pipeline.

use driftline_engine::FileVersion;
use driftline_pipeline::{ReadFile, ReadFiles, ReadTargets};
use driftline_store::{Store, StoreError};

/// What a monitor has read so far.
pub(crate) async fn known(store: &Store, monitor: &str) -> Result<ReadFiles, StoreError> {
    Ok(read(store.read_files(monitor).await?))
}

fn read(stored: driftline_store::ReadFiles) -> ReadFiles {
    let file = |one: driftline_store::ReadFile| ReadFile {
        file: FileVersion {
            name: one.name,
            size_bytes: one.size_bytes,
            version: one.version,
        },
        content: one.content,
        range: one.range,
    };
    let windows = stored.targets.into_iter();
    ReadFiles {
        plan: stored.plan,
        files: stored.files.into_iter().map(file).collect(),
        targets: ReadTargets {
            version: stored.targets_version.unwrap_or_default(),
            windows: windows.map(|one| (one.range, one.content)).collect(),
        },
    }
}

/// As it is stored.
pub(crate) fn stored(read: &ReadFiles) -> driftline_store::ReadFiles {
    let file = |one: &ReadFile| driftline_store::ReadFile {
        name: one.file.name.clone(),
        size_bytes: one.file.size_bytes,
        version: one.file.version.clone(),
        content: one.content.clone(),
        range: one.range,
    };
    let ReadTargets { version, windows } = &read.targets;
    let targets = |(range, content): (&(i64, i64), &String)| driftline_store::ReadTargets {
        range: *range,
        content: content.clone(),
    };
    driftline_store::ReadFiles {
        plan: read.plan.clone(),
        files: read.files.iter().map(file).collect(),
        targets_version: Some(version.clone()).filter(|version| !version.is_empty()),
        targets: windows.iter().map(targets).collect(),
    }
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
