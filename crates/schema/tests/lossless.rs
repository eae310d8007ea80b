//! Schemas of TensorFlow Metadata come through YAML as they were.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod arbitrary_message;

use arbitrary_message::{arbitrary, bytes};
use driftline_schema::{Schema, tfmd};
use proptest::prelude::*;

/// Through the YAML file and back.
fn through_yaml(schema: &tfmd::Schema) -> tfmd::Schema {
    let own = Schema::from(schema);
    let yaml = own.to_yaml();
    let read = Schema::from_yaml("s.yaml", &yaml).unwrap_or_else(|error| {
        panic!("{error}\n{:?}\n{yaml}", error.mistakes());
    });
    // By the text, because NaN is not equal to itself.
    assert_eq!(
        read.to_yaml(),
        yaml,
        "the YAML reads back as something else"
    );
    tfmd::Schema::from(&read)
}

fn assert_lossless(schema: &tfmd::Schema) {
    let back = through_yaml(schema);
    assert!(
        bytes(&back) == bytes(schema),
        "before:\n{}\nafter:\n{}\nYAML:\n{}",
        tfmd::to_text(schema),
        tfmd::to_text(&back),
        Schema::from(schema).to_yaml(),
    );
}

fn assert_text_lossless(text: &str) {
    let schema: tfmd::Schema = tfmd::from_text("s.pbtxt", text).unwrap();
    assert_lossless(&schema);
    let again: tfmd::Schema = tfmd::from_text("s.pbtxt", &tfmd::to_text(&schema)).unwrap();
    assert!(
        bytes(&again) == bytes(&schema),
        "{}",
        tfmd::to_text(&schema)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_schema_comes_through_yaml_as_it_was(seed in any::<u64>()) {
        let schema: tfmd::Schema = arbitrary(seed);
        assert_lossless(&schema);
    }

    #[test]
    fn any_schema_comes_through_text_as_it_was(seed in any::<u64>()) {
        let schema: tfmd::Schema = arbitrary(seed);
        let again: tfmd::Schema = tfmd::from_text("s.pbtxt", &tfmd::to_text(&schema)).unwrap();
        prop_assert!(bytes(&again) == bytes(&schema), "{}", tfmd::to_text(&schema));
    }
}

#[test]
fn a_schema_that_tfdv_wrote_is_yaml_that_a_person_would_write() {
    let schema: tfmd::Schema = tfmd::from_text("taxi.pbtxt", include_str!("taxi.pbtxt")).unwrap();
    insta::assert_snapshot!(Schema::from(&schema).to_yaml());
    assert_lossless(&schema);
}

#[test]
fn shared_cases_come_through() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/tfdv-cases/schema-roundtrip.jsonl"
    );
    let Ok(text) = std::fs::read_to_string(file) else {
        eprintln!("SKIPPED: {file} is not there");
        return;
    };
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = case["schema_pbtxt"].as_str().unwrap();
        assert_text_lossless(text);
        let expected = case["expected_schema_pbtxt"].as_str().unwrap();
        let expected: tfmd::Schema = tfmd::from_text("expected", expected).unwrap();
        let schema: tfmd::Schema = tfmd::from_text("s.pbtxt", text).unwrap();
        assert_eq!(through_yaml(&schema), expected, "{}", case["id"]);
    }
}

/// Every schema in the shared cases, right or wrong.
#[test]
fn every_schema_of_the_shared_cases_comes_through() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/tfdv-cases");
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("SKIPPED: {folder} is not there");
        return;
    };
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            for key in ["schema_pbtxt", "expected_schema_pbtxt"] {
                if let Some(text) = case[key].as_str() {
                    assert_text_lossless(text);
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "only {count} schemas");
}

#[test]
fn own_keys_come_through_protobuf() {
    let yaml = "\
format_version: 1
rows: {min: 10}
severity_overrides: {SCHEMA_NEW_COLUMN: warning}
columns:
  title: {type: string, role: text, length: {min: 1, max: 40}}
  when: {type: timestamp, role: time}
  open: {type: boolean}
  tags: {type: nested}
  place:
    type: struct
    columns:
      city: {type: string, role: category, domain: [Bern, 台北]}
";
    let schema = Schema::from_yaml("s.yaml", yaml).unwrap();
    let text = tfmd::to_text(&tfmd::Schema::from(&schema));
    let back = Schema::from(&tfmd::from_text::<tfmd::Schema>("s.pbtxt", &text).unwrap());
    assert_eq!(back, schema, "{text}");
}
