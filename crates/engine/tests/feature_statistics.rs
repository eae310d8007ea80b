//! Statistics of features: the same from any number of threads, sliced and sampled.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_engine::{Engine, EngineConfig, EngineError, FeatureRequest, Sample, Source};
use driftline_statistics::features::SliceFeatures;
use std::{collections::BTreeMap, fmt::Write, num::NonZeroUsize};
use tempfile::TempDir;

const ROWS: u64 = 20_000;

fn table() -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in 0..4 {
        let mut csv = String::from("n,colour\n");
        for row in 0..ROWS / 4 {
            let colour = ["red", "green", "blue"][usize::try_from(row % 3).unwrap()];
            writeln!(csv, "{},{colour}", file * ROWS / 4 + row).unwrap();
        }
        std::fs::write(folder.path().join(format!("{file}.csv")), csv).unwrap();
    }
    folder
}

fn engine(threads: usize, max_groups: usize) -> Engine {
    Engine::new(EngineConfig {
        threads: NonZeroUsize::new(threads),
        max_groups,
        ..EngineConfig::default()
    })
    .unwrap()
}

fn by_colour() -> FeatureRequest {
    FeatureRequest {
        slices: vec![SliceFeatures(BTreeMap::from([("colour".into(), None)]))],
        conditions: vec![("low".into(), "n < 100".into())],
        ..FeatureRequest::default()
    }
}

#[tokio::test]
async fn slices_add_up_to_the_whole_whatever_the_threads() {
    let folder = table();
    let source = Source::new(folder.path().display().to_string());
    for threads in [1, 4] {
        let rows = engine(threads, 100).open(&source).await.unwrap();
        let found = rows.feature_statistics(&by_colour()).await.unwrap();
        assert_eq!(found.all.examples(), ROWS);
        let slices: Vec<(&str, u64)> = found
            .slices
            .iter()
            .map(|(key, slice)| (key.as_str(), slice.examples()))
            .collect();
        assert_eq!(
            slices,
            [
                ("colour_blue", 6_664),
                ("colour_green", 6_668),
                ("colour_red", 6_668),
                ("low", 100)
            ]
        );
        let numbers = found.all.features()[0].numbers.as_ref().unwrap();
        let median = numbers.distribution(10, 10).unwrap().median;
        let off = (median / ROWS as f64 - 0.5).abs();
        assert!(off <= numbers.rank_error() + 1e-3 && off < 0.01, "{median}");
    }
}

#[tokio::test]
async fn a_sample_is_the_same_rows_every_time() {
    let folder = table();
    let source = Source::new(folder.path().display().to_string());
    let request = FeatureRequest {
        sample: Some(Sample::Rows(1_000)),
        ..FeatureRequest::default()
    };
    let mut means = Vec::new();
    for threads in [1, 4] {
        let rows = engine(threads, 100).open(&source).await.unwrap();
        let found = rows.feature_statistics(&request).await.unwrap();
        assert_eq!(found.all.examples(), 1_000);
        let numbers = found.all.features()[0].numbers.as_ref().unwrap();
        means.push(numbers.moments.mean().to_bits());
    }
    assert_eq!(means[0], means[1]);
}

#[tokio::test]
async fn too_many_slices_and_a_slice_by_nothing_are_told() {
    let folder = table();
    let source = Source::new(folder.path().display().to_string());
    let rows = engine(2, 3).open(&source).await.unwrap();
    let error = rows.feature_statistics(&by_colour()).await.unwrap_err();
    assert!(
        matches!(error, EngineError::TooManyGroups { limit: 3 }),
        "{error}"
    );
    let request = FeatureRequest {
        slices: vec![SliceFeatures(BTreeMap::from([("color".into(), None)]))],
        ..FeatureRequest::default()
    };
    let error = rows.feature_statistics(&request).await.unwrap_err();
    assert!(error.to_string().contains("colour"), "{error}");
}
