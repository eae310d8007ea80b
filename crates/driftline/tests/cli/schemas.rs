//! The JSON Schemas in `schemas/` are what the types say. `UPDATE_SCHEMAS=1` writes them.

use crate::desk::root;
use serde_json::Value;

#[track_caller]
fn is_published(name: &str, schema: &Value) {
    let path = root().join("schemas").join(name);
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == text,
        "{} is not what the types say: set UPDATE_SCHEMAS=1 and run this test again",
        path.display()
    );
    assert!(
        jsonschema::meta::is_valid(schema),
        "{name} is no JSON Schema"
    );
}

#[test]
fn the_published_schema_of_pipelines_is_the_one_of_the_types() {
    is_published(
        "pipeline.schema.json",
        &driftline_pipeline::Pipeline::json_schema(),
    );
}

#[test]
fn the_published_schema_of_data_schemas_is_the_one_of_the_types() {
    is_published("data.schema.json", &driftline_schema::json_schema());
}

#[test]
fn the_published_description_of_the_api_is_the_one_of_its_routes() {
    is_published("openapi.json", driftline_monitor::openapi());
}

#[test]
fn the_shipped_pipelines_fit_the_published_schema() {
    let schema = driftline_pipeline::Pipeline::json_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in ["quickstart.yaml", "gate.yaml", "taxi.yaml"] {
        let text = std::fs::read_to_string(root().join("pipelines").join(name)).unwrap();
        let value: Value = serde_yaml::from_str(&text).unwrap();
        let mistakes: Vec<String> = validator
            .iter_errors(&value)
            .map(|mistake| format!("{} at {}", mistake, mistake.instance_path()))
            .collect();
        assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
    }
}
