//! The fuzz targets over damaged files of each kind: whatever a file holds, reading it ends
//! with a value or an error, never a panic.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(unreachable_pub, reason = "the targets are of another crate")]

#[path = "../../../fuzz/src/sources.rs"]
mod sources;
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use driftline_schema::tfmd;
use driftline_statistics::{
    CategoricalProfile, ColumnProfile, NumericProfile, Summary, TextProfile, ValueType,
    ngrams::NgramCounts,
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::path::Path;

/// The files that a target's corpus begins with, and messages and states made of them.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts = |target: &str| -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
        let entries = std::fs::read_dir(folder.join(target)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let texts = paths.iter().map(std::fs::read_to_string);
        texts.collect::<Result<_, _>>().unwrap()
    };
    match target {
        "schema_pb" => {
            let schemas = texts("schema_pbtxt").into_iter();
            let schemas = schemas.map(|text| tfmd::from_text::<tfmd::Schema>("seed", &text));
            schemas
                .map(|schema| tfmd::to_binary(&schema.unwrap()))
                .collect()
        }
        "statistics_pb" => {
            let lists = texts("statistics_pbtxt").into_iter();
            let lists = lists
                .map(|text| tfmd::from_text::<tfmd::DatasetFeatureStatisticsList>("seed", &text));
            lists.map(|list| tfmd::to_binary(&list.unwrap())).collect()
        }
        "profile_state" => {
            let numbers = |count: u32| {
                let mut numbers = NumericProfile::default();
                numbers.update_batch(&[f64::NAN, 2.0, 2.0]);
                (0..count).for_each(|n| numbers.update(f64::from(n).sin()));
                Summary::Numeric(Box::new(numbers))
            };
            let mut words = CategoricalProfile::default();
            for word in ["a b", "c", "a b"] {
                words.update(word);
            }
            let mut text = TextProfile::default();
            for line in ["a b", "c", "一二三"] {
                text.update(line);
            }
            let summaries = [
                (ValueType::Null, Summary::Counts),
                (ValueType::Float, numbers(3)),
                (ValueType::Float, numbers(3_000)),
                (ValueType::String, Summary::Categorical(Box::new(words))),
                (ValueType::String, Summary::Text(Box::new(text))),
            ];
            let profiles = summaries.map(|(value_type, summary)| ColumnProfile {
                value_type,
                rows: 5_000,
                nulls: 2,
                summary,
            });
            profiles.iter().map(ColumnProfile::to_bytes).collect()
        }
        "ngram_state" => {
            let mut counts = NgramCounts::default();
            for text in ["one two three", "two three four", "一二三"] {
                counts.update(text, 0, None);
            }
            vec![counts.to_bytes()]
        }
        // The engine's own tests damage whole files of these kinds.
        "tfrecord" | "parquet" | "arrow" | "profile_file" | "vocabulary" => Vec::new(),
        _ => texts(target).into_iter().map(String::into_bytes).collect(),
    }
}

fn damage(bytes: &mut Vec<u8>, at: prop::sample::Index, how: u8, byte: u8) {
    if bytes.is_empty() {
        return;
    }
    let at = at.index(bytes.len());
    match how {
        0 => bytes[at] = byte,
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, byte),
        3 => {
            let run = bytes[at..(at + 16).min(bytes.len())].to_vec();
            bytes.splice(at..at, run);
        }
        _ => bytes.truncate(at),
    }
}

fn hold(targets: &[targets::Target], cases: u32) {
    for &(name, target) in targets {
        let seeds = seeds(name);
        seeds.iter().for_each(|bytes| target(bytes));
        let wounds =
            prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<u8>()), 0..6);
        let any_bytes = prop::collection::vec(any::<u8>(), 0..200);
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(cases)
        });
        let damaged = (0..=seeds.len(), wounds, any_bytes);
        let run = runner.run(&damaged, |(seed, wounds, any_bytes)| {
            let mut bytes = seeds.get(seed).cloned().unwrap_or(any_bytes);
            for (at, how, byte) in wounds {
                damage(&mut bytes, at, how, byte);
            }
            target(&bytes);
            Ok(())
        });
        if let Err(error) = run {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn damaged_schemas_statistics_and_states_are_read_or_refused() {
    hold(&targets::LIGHT, 300);
}

#[test]
fn damaged_pipelines_and_sources_are_read_or_refused() {
    hold(&sources::ALL, 40);
}
