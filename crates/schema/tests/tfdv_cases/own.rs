//! Our own cases, in the form of TFDV's: one for each kind, and for bad input.

use crate::case::Case;
use serde_json::{Value, json};

fn passes(value: Value) {
    let case = Case {
        value: &value,
        statistics_of: &|_| None,
    };
    if let Err(why) = case.run() {
        panic!("{}: {why}", case.id());
    }
}

/// Colours of 10 examples, of which 2 lack one.
const COLOURS: &str = r#"
    num_examples: 10
    features {
      name: "colour" type: STRING
      string_stats {
        common_stats {
          num_non_missing: 8 num_missing: 2
          min_num_values: 1 max_num_values: 1 avg_num_values: 1 tot_num_values: 8
        }
        unique: 2
        rank_histogram {
          buckets { label: "red" sample_count: 6 }
          buckets { label: "blue" sample_count: 2 }
        }
      }
    }"#;

#[test]
fn a_schema_is_inferred_from_strings() {
    passes(json!({
        "id": "strings", "kind": "infer",
        "statistics_pbtxt": COLOURS,
        "max_string_domain_size": 2, "infer_feature_shape": true,
        "expected_schema_pbtxt": r#"
            feature {
              name: "colour" type: BYTES
              presence { min_count: 1 }
              value_count { min: 1 max: 1 }
              domain: "colour"
            }
            string_domain { name: "colour" value: "blue" value: "red" }"#,
    }));
}

#[test]
fn too_many_strings_make_no_domain() {
    passes(json!({
        "id": "many strings", "kind": "infer",
        "statistics_pbtxt": COLOURS,
        "max_string_domain_size": 1, "infer_feature_shape": true,
        "expected_schema_pbtxt": r#"
            feature {
              name: "colour" type: BYTES
              presence { min_count: 1 }
              value_count { min: 1 max: 1 }
            }"#,
    }));
}

#[test]
fn an_update_widens_and_never_narrows() {
    passes(json!({
        "id": "widen", "kind": "update",
        "schema_pbtxt": r#"
            feature {
              name: "colour" type: BYTES
              presence { min_count: 1 min_fraction: 1 }
              value_count { min: 1 max: 3 }
              domain: "hue"
            }
            string_domain { name: "hue" value: "red" value: "green" }"#,
        "statistics_pbtxt": COLOURS,
        "max_string_domain_size": 100,
        "expected_schema_pbtxt": r#"
            feature {
              name: "colour" type: BYTES
              presence { min_count: 1 min_fraction: 0.8 }
              value_count { min: 1 max: 3 }
              domain: "hue"
            }
            string_domain { name: "hue" value: "red" value: "green" value: "blue" }"#,
    }));
}

#[test]
fn several_reasons_are_multiple_errors() {
    passes(json!({
        "id": "multiple", "kind": "validate",
        "schema_pbtxt": r#"
            feature {
              name: "colour" type: BYTES
              presence { min_fraction: 1 }
              string_domain { value: "red" }
            }"#,
        "statistics_pbtxt": COLOURS,
        "expected_complete": ["anomaly_info", "drift_skew_info", "dataset_anomaly_info"],
        "expected_anomalies_pbtxt": r#"
            anomaly_info {
              key: "colour"
              value {
                path { step: "colour" }
                severity: ERROR
                short_description: "Multiple errors"
                description: "The feature was present in fewer examples than expected: minimum fraction = 1.000000, actual = 0.800000 Examples contain values missing from the schema: blue (~25%). "
                reason {
                  type: FEATURE_TYPE_LOW_FRACTION_PRESENT
                  short_description: "Column dropped"
                  description: "The feature was present in fewer examples than expected: minimum fraction = 1.000000, actual = 0.800000"
                }
                reason {
                  type: ENUM_TYPE_UNEXPECTED_STRING_VALUES
                  short_description: "Unexpected string values"
                  description: "Examples contain values missing from the schema: blue (~25%). "
                }
              }
            }"#,
    }));
}

#[test]
fn drift_beyond_the_threshold_names_the_value() {
    let previous = COLOURS;
    passes(json!({
        "id": "drift", "kind": "drift",
        "schema_pbtxt": r#"
            feature {
              name: "colour" type: BYTES
              drift_comparator { infinity_norm { threshold: 0.1 } }
            }"#,
        "statistics_pbtxt": COLOURS,
        "previous_span_statistics_pbtxt": previous.replace("\"red\" sample_count: 6", "\"red\" sample_count: 2"),
        "expected_complete": ["drift_skew_info"],
        "expected_anomalies_pbtxt": r#"
            drift_skew_info {
              path { step: "colour" }
              drift_measurements { type: L_INFTY value: 0.25 threshold: 0.1 }
            }"#,
    }));
}

#[test]
fn skew_of_numbers_is_a_divergence_of_histograms() {
    let numbers = |low: f64| {
        format!(
            r#"num_examples: 4
            features {{
              name: "x" type: FLOAT
              num_stats {{
                common_stats {{ num_non_missing: 4 min_num_values: 1 max_num_values: 1 }}
                histograms {{
                  buckets {{ low_value: {low} high_value: {} sample_count: 4 }}
                }}
              }}
            }}"#,
            low + 2.0
        )
    };
    // Half of each lies in the common bucket: 1/2 bit.
    passes(json!({
        "id": "skew", "kind": "skew",
        "schema_pbtxt": r#"
            feature {
              name: "x" type: FLOAT
              skew_comparator { jensen_shannon_divergence { threshold: 0.6 } }
            }"#,
        "statistics_pbtxt": numbers(0.0),
        "serving_statistics_pbtxt": numbers(1.0),
        "expected_complete": ["anomaly_info", "drift_skew_info"],
        "expected_anomalies_pbtxt": r#"
            drift_skew_info {
              path { step: "x" }
              skew_measurements { type: JENSEN_SHANNON_DIVERGENCE value: 0.5 threshold: 0.6 }
            }"#,
    }));
}

#[test]
fn no_examples_are_missing_data_and_nothing_else() {
    passes(json!({
        "id": "no examples", "kind": "validate",
        "schema_pbtxt": "feature { name: 'a' type: INT presence { min_count: 1 } }",
        "statistics_pbtxt": "",
        "expected_complete": ["all"],
        "expected_anomalies_pbtxt": r#"
            baseline { feature { name: "a" type: INT presence { min_count: 1 } } }
            data_missing: true"#,
    }));
}

#[test]
fn an_override_lowers_the_severity() {
    passes(json!({
        "id": "override", "kind": "validate",
        "schema_pbtxt": "",
        "statistics_pbtxt": "num_examples: 1 features { name: \"a.'b\" num_stats { common_stats { num_non_missing: 1 } } }",
        "config": { "ValidationConfig": "severity_overrides { type: SCHEMA_NEW_COLUMN severity: WARNING }" },
        "expected_complete": ["anomaly_info"],
        "expected_anomalies_pbtxt": r#"
            anomaly_info {
              key: "'a.''b'"
              value {
                path { step: "a.'b" }
                severity: WARNING
                short_description: "New column"
                description: "New column (column in data but not in schema)"
                reason {
                  type: SCHEMA_NEW_COLUMN
                  short_description: "New column"
                  description: "New column (column in data but not in schema)"
                }
              }
            }"#,
    }));
}

/// Numbers in buckets, and so many that are none.
fn numbers(buckets: &[(f64, f64, f64)], nan: u32) -> String {
    let buckets: String = (buckets.iter())
        .map(|(low, high, count)| {
            format!("buckets {{ low_value: {low} high_value: {high} sample_count: {count} }} ")
        })
        .collect();
    format!(
        "name: 'a' type: FLOAT num_stats {{ common_stats {{ num_non_missing: 20 }} \
         histograms {{ num_nan: {nan} {buckets}}} }}"
    )
}

/// Values of TFDV 1.16.1.
#[test]
fn nan_counts_only_where_the_boundaries_are_the_same() {
    let even = [(0.0, 1.0, 10.0), (1.0, 2.0, 10.0)];
    let uneven = [(0.0, 1.0, 5.0), (1.0, 2.0, 15.0)];
    let wide = [(0.5, 3.0, 20.0)];
    for (a, b, expected) in [
        (numbers(&even, 0), numbers(&even, 1), 0.024228),
        (numbers(&even, 1), numbers(&uneven, 0), 0.071887),
        (numbers(&even, 0), numbers(&wide, 0), 0.331024),
        (numbers(&even, 3), numbers(&wide, 5), 0.331024),
    ] {
        passes(json!({
            "id": "nan", "kind": "distance", "metric": "JENSEN_SHANNON_DIVERGENCE",
            "feature_a_pbtxt": a, "feature_b_pbtxt": b,
            "expected": expected, "tolerance": 1e-5,
        }));
    }
}

#[test]
fn a_type_that_is_said_to_be_unknown_fits_no_domain() {
    passes(json!({
        "id": "unknown type", "kind": "validate",
        "schema_pbtxt": "feature { name: 'colour' type: TYPE_UNKNOWN }",
        "statistics_pbtxt": COLOURS,
        "expected_complete": ["anomaly_info"],
        "expected_anomalies_pbtxt": r#"
            anomaly_info {
              key: "colour"
              value {
                path { step: "colour" }
                severity: ERROR
                short_description: "Multiple errors"
                description: "The domain \"UNSET\" does not match the type: TYPE_UNKNOWN Expected data of type: TYPE_UNKNOWN but got STRING"
                reason {
                  type: DOMAIN_INVALID_FOR_TYPE
                  short_description: "The domain does not match the type"
                  description: "The domain \"UNSET\" does not match the type: TYPE_UNKNOWN"
                }
                reason {
                  type: UNEXPECTED_DATA_TYPE
                  short_description: "Unexpected data type"
                  description: "Expected data of type: TYPE_UNKNOWN but got STRING"
                }
              }
            }"#,
    }));
}
