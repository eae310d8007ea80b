//! What is fuzzed with the query engine: pipelines and files of rows.

use crate::targets::Target;
use driftline_engine::{Engine, EngineConfig, Source, profile_file};
use driftline_pipeline::Pipeline;
use driftline_scorer::Manifest;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// Targets with the query engine.
pub const ALL: [Target; 9] = [
    ("pipeline_yaml", pipeline_yaml),
    ("model_manifest", model_manifest),
    ("csv", csv),
    ("jsonl", jsonl),
    ("tfrecord", tfrecord),
    ("parquet", parquet),
    ("arrow", arrow),
    ("profile_file", profile_parquet),
    ("vocabulary", vocabulary),
];

/// A pipeline.
pub fn pipeline_yaml(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(Pipeline::parse(text, "any.yaml", HashMap::new()));
    }
}

/// A model's manifest.
pub fn model_manifest(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(manifest) = Manifest::parse(text, Path::new("any.yaml"))
    {
        assert!(!manifest.columns().is_empty());
    }
}

/// Delimited text, its dialect found from it.
pub fn csv(bytes: &[u8]) {
    rows("any.csv", bytes);
}

/// JSON, an object a line.
pub fn jsonl(bytes: &[u8]) {
    rows("any.jsonl", bytes);
}

/// Records of `tf.Example`, of which two may be damaged.
pub fn tfrecord(bytes: &[u8]) {
    rows("any.tfrecord", bytes);
}

/// Parquet.
pub fn parquet(bytes: &[u8]) {
    rows("any.parquet", bytes);
}

/// Arrow's file and stream.
pub fn arrow(bytes: &[u8]) {
    rows("any.arrow", bytes);
}

/// A profile file.
pub fn profile_parquet(bytes: &[u8]) {
    with_file("any.parquet", bytes, |path| {
        if profile_file::is_profile(&path)
            && let Ok(rows) = profile_file::read(&path)
        {
            drop(profile_file::merge(rows));
        }
    });
}

/// A frozen vocabulary.
pub fn vocabulary(bytes: &[u8]) {
    if let Ok(vocabulary) = driftline_vocabulary::BaselineVocabulary::from_bytes(bytes) {
        drop(vocabulary.to_bytes());
    }
}

fn rows(name: &str, bytes: &[u8]) {
    let config = EngineConfig {
        memory_limit_bytes: 64 << 20,
        ..EngineConfig::default()
    };
    with_file(name, bytes, |path| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let engine = Engine::new(config).expect("the shipped rules");
            let source = Source {
                skip_corrupt: 2,
                ..Source::new(path.display().to_string())
            };
            if let Ok(rows) = engine.open(&source).await {
                drop(rows.collect().await);
            }
        });
    });
}

fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(PathBuf)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file in it");
    read(path);
}
