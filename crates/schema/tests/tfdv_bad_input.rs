//! Statistics and schemas of TFDV's form that are wrong, strange or large: an error that
//! says what, or an answer; never a panic.

use driftline_schema::SchemaError;
use driftline_schema::tfmd::{
    DatasetFeatureStatistics, DatasetView, Inputs, Schema, from_text, infer, inference_config,
    read_message, read_statistics, to_text, validate,
};

fn anomalies_of(statistics: &str, schema: &str) -> driftline_schema::tfmd::Anomalies {
    let statistics: DatasetFeatureStatistics = from_text("s", statistics).expect("statistics");
    let schema: Schema = from_text("t", schema).expect("a schema");
    validate(&statistics, &schema, &Inputs::default()).expect("they are answered")
}

#[test]
fn a_schema_that_contradicts_itself_is_an_anomaly_for_each_contradiction() {
    let found = anomalies_of(
        "num_examples: 2
         features { name: 'a' type: INT num_stats { common_stats { num_non_missing: 2 } } }
         features { name: 'b' type: STRING string_stats { common_stats { num_non_missing: 2 } } }",
        "feature {
           name: 'a' type: INT value_count { min: -1 max: -5 } presence { min_fraction: 7 }
           url_domain {}
         }
         feature { name: 'b' type: BYTES domain: 'nowhere' }",
    );
    let reasons = |name: &str| found.anomaly_info[name].reason.len();
    assert_eq!(reasons("a"), 4, "{}", to_text(&found));
    assert_eq!(
        found.anomaly_info["b"].reason[0].short_description(),
        "missing domain: nowhere"
    );
}

#[test]
fn statistics_with_missing_parts_are_answered() {
    let found = anomalies_of(
        "num_examples: 2
         features { name: 'no_common' type: INT num_stats {} }
         features { name: 'nothing' }
         features { name: 'custom' custom_stats { name: 'x' num: 1 } }
         features { name: 'unknown_type' type: 77 string_stats { common_stats { num_non_missing: 2 } } }",
        "feature { name: 'no_common' type: INT presence { min_count: 1 } }
         feature { name: 'nothing' type: INT presence { min_count: 1 } }
         feature { name: 'unknown_type' type: BYTES }",
    );
    let kind = |name: &str| found.anomaly_info[name].reason[0].r#type().as_str_name();
    assert_eq!(kind("no_common"), "FEATURE_TYPE_NOT_PRESENT");
    assert_eq!(kind("nothing"), "SCHEMA_MISSING_COLUMN");
    assert_eq!(kind("custom"), "SCHEMA_NEW_COLUMN");
    assert_eq!(kind("unknown_type"), "UNEXPECTED_DATA_TYPE");
}

#[test]
fn a_feature_that_is_there_twice_or_too_deep_is_refused() {
    let twice: DatasetFeatureStatistics = from_text(
        "s",
        "features { name: 'a' num_stats {} } features { name: 'a' string_stats {} }",
    )
    .unwrap();
    let Err(SchemaError::Statistics { reason, .. }) = DatasetView::new(&twice) else {
        panic!("it was read");
    };
    assert_eq!(reason, "feature `a` is there twice");
    let steps = "step: 'a' ".repeat(1_000);
    let deep: DatasetFeatureStatistics = from_text(
        "s",
        &format!("features {{ path {{ {steps} }} num_stats {{}} }}"),
    )
    .unwrap();
    assert!(DatasetView::new(&deep).is_err());
    let rootless: DatasetFeatureStatistics =
        from_text("s", "features { path {} num_stats {} }").unwrap();
    assert!(DatasetView::new(&rootless).is_err());
}

#[test]
fn names_with_dots_quotes_and_newlines_are_kept_apart() {
    let names = ["a.b", "a'b", "a\nb", "(a", "字", ""];
    let features: String = names
        .iter()
        .map(|name| {
            format!(
                "features {{ path {{ step: {name:?} }} type: INT
                   num_stats {{ common_stats {{ num_non_missing: 1 }} }} }}"
            )
        })
        .collect();
    let text = format!("num_examples: 1 {features}");
    let found = anomalies_of(&text, "");
    assert_eq!(found.anomaly_info.len(), names.len());
    assert!(found.anomaly_info.contains_key("'a.b'"));
    // What is inferred fits, and is read again from its text.
    let statistics: DatasetFeatureStatistics = from_text("s", &text).unwrap();
    let schema = infer(&statistics, &inference_config(100, true)).unwrap();
    let again: Schema = from_text("t", &to_text(&schema)).unwrap();
    assert_eq!(again, schema);
    let clean = validate(&statistics, &again, &Inputs::default()).unwrap();
    assert!(clean.anomaly_info.is_empty());
}

#[test]
fn ten_thousand_columns_are_inferred_and_checked() {
    let features: String = (0..10_000)
        .map(|index| {
            format!(
                "features {{ name: 'c{index}' type: STRING string_stats {{
                   common_stats {{ num_non_missing: 1 min_num_values: 1 max_num_values: 1 tot_num_values: 1 }}
                   rank_histogram {{ buckets {{ label: 'v' sample_count: 1 }} }} }} }}"
            )
        })
        .collect();
    let statistics: DatasetFeatureStatistics =
        from_text("s", &format!("num_examples: 1 {features}")).unwrap();
    let schema = infer(&statistics, &inference_config(100, true)).unwrap();
    assert_eq!(
        (schema.feature.len(), schema.string_domain.len()),
        (10_000, 10_000)
    );
    let clean = validate(&statistics, &schema, &Inputs::default()).unwrap();
    assert!(clean.anomaly_info.is_empty());
    let all_new = validate(&statistics, &Schema::default(), &Inputs::default()).unwrap();
    assert_eq!(all_new.anomaly_info.len(), 10_000);
}

#[test]
fn files_of_another_kind_are_refused_with_their_place() {
    let error = read_statistics("s.pbtxt", b"datasets {\n  oops: 1\n}").unwrap_err();
    let SchemaError::Protobuf { at, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(at.offset(), 13);
    assert!(read_statistics("s.pb", b"\xff\xff").is_err());
    assert!(read_message::<Schema>("t.pbtxt", b"\xff\xfe\x00").is_err());
}

#[test]
fn an_environment_that_nobody_mentions_is_refused() {
    let statistics: DatasetFeatureStatistics = from_text("s", "num_examples: 1").unwrap();
    let schema: Schema = from_text("t", "default_environment: 'TRAINING'").unwrap();
    let inputs = Inputs {
        environment: Some("TRIANING"),
        ..Inputs::default()
    };
    let error = validate(&statistics, &schema, &inputs).unwrap_err();
    assert!(error.to_string().contains("`TRAINING`"), "{error}");
}

#[test]
fn diff_regions_show_the_repair() {
    let statistics: DatasetFeatureStatistics = from_text(
        "s",
        "num_examples: 1
         features { name: 'a' type: INT num_stats { common_stats { num_non_missing: 1 } max: 9 } }",
    )
    .unwrap();
    let schema: Schema =
        from_text("t", "feature { name: 'a' type: INT int_domain { max: 5 } }").unwrap();
    let inputs = Inputs {
        diff_regions: true,
        ..Inputs::default()
    };
    let found = validate(&statistics, &schema, &inputs).unwrap();
    let text = to_text(&found);
    assert!(text.contains("left_contents: \"    max: 5\""), "{text}");
    assert!(text.contains("right_contents: \"    max: 9\""), "{text}");
}
