//! What is fuzzed: every reader of a file or message, one function each.
//!
//! A target gets any bytes. It may refuse them; it may not panic, hang or ask for memory
//! without bound, and what it accepts must survive being written and read again. The same
//! functions are run by `crates/pipeline/tests/fuzz_targets.rs` over damaged files of each
//! kind, so that they hold without a fuzzer.

use driftline_schema::{
    Schema,
    tfmd::{self, DatasetFeatureStatisticsList, data_validation::ValidationConfig},
};
use driftline_statistics::{ColumnProfile, ngrams::NgramCounts};

/// A target and its name, which is that of its program.
pub type Target = (&'static str, fn(&[u8]));

/// Targets without the query engine.
pub const LIGHT: [Target; 8] = [
    ("schema_yaml", schema_yaml),
    ("schema_pbtxt", schema_pbtxt),
    ("schema_pb", schema_pb),
    ("statistics_pbtxt", statistics_pbtxt),
    ("statistics_pb", statistics_pb),
    ("validation_config", validation_config),
    ("profile_state", profile_state),
    ("ngram_state", ngram_state),
];

/// A schema in YAML: written again, it reads as the same.
pub fn schema_yaml(bytes: &[u8]) {
    if let Ok(schema) = Schema::from_file("any.yaml", bytes) {
        let yaml = schema.to_yaml();
        match Schema::from_yaml("again.yaml", &yaml) {
            Ok(again) => assert_eq!(again.to_yaml(), yaml),
            Err(error) => panic!("what was written is not read: {error}\n{yaml}"),
        }
    }
}

/// A schema of TensorFlow Metadata as text.
pub fn schema_pbtxt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(schema) = tfmd::from_text::<tfmd::Schema>("any.pbtxt", text)
    {
        same_text(&schema);
        drop(Schema::from_file("any.pbtxt", bytes));
    }
}

/// A schema of TensorFlow Metadata as bytes.
pub fn schema_pb(bytes: &[u8]) {
    if let Ok(schema) = tfmd::from_binary::<tfmd::Schema>("any.pb", bytes) {
        same_text(&schema);
        drop(Schema::from_file("any.pb", bytes));
    }
}

/// Statistics as text: a schema is inferred, and they are checked against it.
pub fn statistics_pbtxt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(list) = tfmd::from_text::<DatasetFeatureStatisticsList>("any.pbtxt", text)
    {
        same_text(&list);
        judge(&list);
    }
}

/// Statistics as bytes, likewise.
pub fn statistics_pb(bytes: &[u8]) {
    drop(tfmd::read_statistics("any.pb", bytes));
    if let Ok(list) = tfmd::from_binary::<DatasetFeatureStatisticsList>("any.pb", bytes) {
        same_text(&list);
        judge(&list);
    }
}

/// A configuration of a validation.
pub fn validation_config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(config) = tfmd::from_text::<ValidationConfig>("any.pbtxt", text)
    {
        same_text(&config);
    }
}

/// The state of a profile: written again, it is the same bytes from then on.
pub fn profile_state(bytes: &[u8]) {
    if let Ok(profile) = ColumnProfile::from_bytes(bytes) {
        let written = profile.to_bytes();
        match ColumnProfile::from_bytes(&written) {
            Ok(again) => assert_eq!(again.to_bytes(), written),
            Err(error) => panic!("what was written is not read: {error}"),
        }
        let mut twice = profile.clone();
        drop(twice.merge(&profile));
        if let Some(numeric) = twice.numeric() {
            drop((numeric.histogram(10), numeric.std_dev()));
        }
        assert!(
            twice
                .distinct()
                .is_none_or(|distinct| !distinct.value.is_nan())
        );
    }
}

/// A table of n-grams.
pub fn ngram_state(bytes: &[u8]) {
    if let Ok(counts) = NgramCounts::from_bytes(bytes) {
        drop(counts.to_bytes());
    }
}

fn same_text<M: tfmd::Named>(message: &M) {
    let text = tfmd::to_text(message);
    match tfmd::from_text::<M>("again.pbtxt", &text) {
        Ok(again) => assert_eq!(tfmd::to_text(&again), text),
        Err(error) => panic!("what was written is not read: {error}\n{text}"),
    }
}

fn judge(list: &DatasetFeatureStatisticsList) {
    let config = tfmd::inference_config(100, true);
    for statistics in &list.datasets {
        if let Ok(schema) = tfmd::infer(statistics, &config) {
            drop(tfmd::validate(
                statistics,
                &schema,
                &tfmd::Inputs::default(),
            ));
            drop(tfmd::update(
                &schema,
                statistics,
                &config,
                &tfmd::Scope::default(),
            ));
        }
    }
}
