//! The published JSON Schema is that of the types, and what we write keeps to it.

mod demo;

use driftline_verdict::{json_schema, report};
use serde_json::{Value, json};

fn published() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/verdict.schema.json")
}

/// Where this fails, the types have changed: look at the difference, think of old readers,
/// then write the file with `UPDATE_SCHEMAS=1 cargo test -p driftline-verdict --test schema`.
#[test]
fn the_published_schema_is_that_of_the_types() {
    let generated = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(published(), &generated).unwrap();
    }
    let file = std::fs::read_to_string(published()).unwrap();
    assert!(
        file == generated,
        "schemas/verdict.schema.json is not that of the types: \
         write it with UPDATE_SCHEMAS=1 cargo test -p driftline-verdict --test schema"
    );
}

fn keeps_to_the_schema(verdict: &Value) -> bool {
    jsonschema::validator_for(&json_schema())
        .expect("the schema is one")
        .is_valid(verdict)
}

fn verdict() -> Value {
    let json = report::json(&demo::report(52).run).expect("a run is written as JSON");
    serde_json::from_str(&json).expect("what was written is JSON")
}

#[test]
fn a_written_verdict_keeps_to_the_schema() {
    assert!(keeps_to_the_schema(&verdict()));
}

#[test]
fn a_kind_or_a_field_of_a_later_version_keeps_to_the_schema() {
    let mut verdict = verdict();
    verdict["windows"][0]["findings"] = json!([
        { "kind": "lineage", "severity": "info", "message": "m", "later": true }
    ]);
    verdict["later"] = json!(1);
    assert!(keeps_to_the_schema(&verdict));
}

#[test]
fn a_verdict_that_is_none_breaks_the_schema() {
    let mut unknown = verdict();
    unknown["verdict"] = json!("maybe");
    assert!(!keeps_to_the_schema(&unknown));
    let mut without = verdict();
    without.as_object_mut().unwrap().remove("windows");
    assert!(!keeps_to_the_schema(&without));
}
