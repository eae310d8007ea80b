//! Validations of one's own: what is asked, and what the answers mean.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_schema::tfmd::{
    self, Anomalies, DatasetFeatureStatisticsList,
    custom_validation::{Question, answered, questions, statistics_shape},
    data_validation::CustomValidationConfig,
};

fn statistics() -> DatasetFeatureStatisticsList {
    let text = "datasets { name: 'All Examples' num_examples: 10
        features { path { step: 'fare' } type: INT num_stats { num_zeros: 5 max: 25 } } }
      datasets { name: 'some_slice' num_examples: 5
        features { name: 'fare' type: INT num_stats { num_zeros: 0 max: 5 } } }";
    tfmd::from_text("s.pbtxt", text).unwrap()
}

fn config(text: &str) -> CustomValidationConfig {
    tfmd::from_text("c.pbtxt", text).unwrap()
}

const ZEROS: &str = "feature_validations { feature_path { step: 'fare' }
  validations { sql_expression: 'feature.num_stats.num_zeros < 3' severity: WARNING description: 'too many zeros' }
  validations { sql_expression: 'feature.num_stats.max > 10' severity: ERROR description: 'too low' in_environment: 'TRAINING' } }";

fn asked(text: &str, environment: Option<&str>) -> Vec<Question> {
    questions(&config(text), &statistics(), None, environment).unwrap()
}

#[test]
fn what_is_false_is_an_anomaly_in_the_words_of_the_configuration() {
    let questions = asked(ZEROS, Some("TRAINING"));
    assert_eq!(questions.len(), 2);
    assert_eq!(questions[0].statistics[0].0, "feature");
    let values = &questions[0].statistics[0].1;
    assert_eq!(values["num_stats"]["num_zeros"], 5);
    // What is not set has its default; a message that is not set is null.
    assert_eq!(values["num_stats"]["min"], 0.0);
    assert!(values["string_stats"].is_null());
    assert_eq!(values["type"], "INT");
    let mut anomalies = Anomalies::default();
    answered(&mut anomalies, &questions, &[false, true]);
    insta::assert_snapshot!(tfmd::to_text(&anomalies), @r#"
    anomaly_info {
      key: "fare"
      value {
        description: "Custom validation triggered anomaly. Query: feature.num_stats.num_zeros < 3 Test dataset: default slice"
        severity: WARNING
        short_description: "too many zeros"
        reason {
          type: CUSTOM_VALIDATION
          short_description: "too many zeros"
          description: "Custom validation triggered anomaly. Query: feature.num_stats.num_zeros < 3 Test dataset: default slice"
        }
        path {
          step: "fare"
        }
      }
    }
    "#);
    // The graver of both, and both are told.
    let mut anomalies = Anomalies::default();
    answered(&mut anomalies, &questions, &[false, false]);
    let info = &anomalies.anomaly_info["fare"];
    assert_eq!(info.severity().as_str_name(), "ERROR");
    assert_eq!(
        (info.reason.len(), info.short_description()),
        (2, "Multiple errors")
    );
    let mut none = Anomalies::default();
    answered(&mut none, &questions, &[true, true]);
    assert_eq!(none, Anomalies::default());
}

#[test]
fn a_validation_of_another_environment_is_not_asked() {
    assert_eq!(asked(ZEROS, None).len(), 1);
    assert_eq!(asked(ZEROS, Some("SERVING")).len(), 1);
}

#[test]
fn a_slice_is_found_by_its_name_and_what_is_not_there_is_told() {
    let slice = ZEROS.replace("feature_path", "dataset_name: 'some_slice' feature_path");
    assert_eq!(
        asked(&slice, None)[0].statistics[0].1["num_stats"]["max"],
        5.0
    );
    for (text, told) in [
        (ZEROS.replace("'fare'", "'tip'"), "no feature `tip`"),
        (slice.replace("some_slice", "other"), "no slice `other`"),
    ] {
        let error = questions(&config(&text), &statistics(), None, None).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

const PAIR: &str = "feature_pair_validations { dataset_name: 'some_slice' base_dataset_name: 'All Examples'
  feature_test_path { step: 'fare' } feature_base_path { step: 'fare' }
  validations { sql_expression: 'feature_test.num_stats.max < feature_base.num_stats.max' severity: ERROR description: 'grew' } }";

#[test]
fn a_pair_needs_something_to_compare_with() {
    let error = questions(&config(PAIR), &statistics(), None, None).unwrap_err();
    assert!(error.to_string().contains("nothing to compare with"));
    let base = statistics();
    let asked = questions(&config(PAIR), &statistics(), Some(&base), None).unwrap();
    let names: Vec<&str> = asked[0].statistics.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["feature_test", "feature_base"]);
    let mut anomalies = Anomalies::default();
    answered(&mut anomalies, &asked, &[false]);
    assert_eq!(
        anomalies.anomaly_info["fare"].reason[0].description(),
        "Custom validation triggered anomaly. Query: feature_test.num_stats.max < feature_base.num_stats.max Test dataset: some_slice Base dataset: All Examples Base path: fare"
    );
}

#[test]
fn the_shape_has_the_fields_of_the_message() {
    let names: Vec<String> = statistics_shape().into_iter().map(|s| s.name).collect();
    for name in ["type", "num_stats", "string_stats", "custom_stats"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
}
