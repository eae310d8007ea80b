//! `schema_test.cc` and `schema_anomalies_test.cc`: a schema and what becomes of it.

use super::{path, ported, read};
use crate::tfmd::anomaly_info::Severity;
use crate::tfmd::data_validation::FeatureStatisticsToProtoConfig;
use crate::tfmd::draft::{Comparison, Draft, Findings};
use crate::tfmd::rules::Rules;
use crate::tfmd::{
    DatasetFeatureStatistics, DatasetView, FeaturePath, Schema, Scope, Validation, infer,
    relate_string_domains, to_text, update,
};
use std::collections::BTreeSet;

fn rules() -> Rules {
    Rules::new(&FeatureStatisticsToProtoConfig::default())
}

fn updated(
    schema: &Schema,
    statistics: &str,
    environment: Option<&str>,
    paths: &[FeaturePath],
) -> Schema {
    let paths: BTreeSet<FeaturePath> = paths.iter().cloned().collect();
    update(
        schema,
        &read(statistics),
        &FeatureStatisticsToProtoConfig::default(),
        &Scope {
            paths: (!paths.is_empty()).then_some(&paths),
            environment,
        },
    )
    .unwrap()
}

/// A string and a number, as (a, b, c) counts and the first of two unit-wide buckets.
fn string_and_number(counts: [u32; 3], low: f64) -> DatasetFeatureStatistics {
    let [a, b, c] = counts;
    read(&format!(
        "features {{
           name: 'string_feature' type: STRING
           string_stats {{
             common_stats {{ num_non_missing: 1 max_num_values: 1 }}
             rank_histogram {{
               buckets {{ label: 'a' sample_count: {a} }}
               buckets {{ label: 'b' sample_count: {b} }}
               buckets {{ label: 'c' sample_count: {c} }}
             }}
           }}
         }}
         features {{
           name: 'numeric_feature' type: INT
           num_stats {{
             common_stats {{ num_non_missing: 1 max_num_values: 1 }}
             histograms {{
               buckets {{ low_value: {low} high_value: {} sample_count: 1 }}
               buckets {{ low_value: {} high_value: {} sample_count: 1 }}
             }}
           }}
         }}",
        low + 1.0,
        low + 1.0,
        low + 2.0
    ))
}

const SKEW_OF_BOTH: &str = "
    feature {
      name: 'string_feature' type: BYTES
      skew_comparator { infinity_norm { threshold: 0.1 } }
    }
    feature {
      name: 'numeric_feature' type: INT
      skew_comparator { jensen_shannon_divergence { threshold: 0.1 } }
    }";

const SKEW_OF_BOTH_AFTER: &str = "
    feature {
      name: 'string_feature' type: BYTES
      skew_comparator { infinity_norm { threshold: 0.19999999999999998 } }
    }
    feature {
      name: 'numeric_feature' type: INT
      skew_comparator { jensen_shannon_divergence { threshold: 1 } }
    }";

/// The schema after a look at the skew of both features, and what was found.
fn skew_of_both() -> (Schema, Vec<Comparison>) {
    let training = string_and_number([1, 2, 7], 1.0);
    let serving = string_and_number([3, 1, 6], 5.0);
    let view = DatasetView::new(&training)
        .unwrap()
        .served_by(Some(DatasetView::new(&serving).unwrap()));
    let mut draft = Draft::new(read(SKEW_OF_BOTH));
    let found = view
        .features()
        .map(|feature| draft.update_skew(feature))
        .collect();
    (draft.into_schema(), found)
}

/// What dataset constraints become of 2 examples.
fn constrained(constraints: &str, span: Option<u64>, version: Option<u64>) -> (Schema, usize) {
    let of = |examples: u64| DatasetFeatureStatistics {
        num_examples: examples,
        ..DatasetFeatureStatistics::default()
    };
    let (current, span, version) = (of(2), span.map(of), version.map(of));
    let view = DatasetView::new(&current)
        .unwrap()
        .after(span.as_ref().map(|data| DatasetView::new(data).unwrap()))
        .instead_of(version.as_ref().map(|data| DatasetView::new(data).unwrap()));
    let mut draft = Draft::new(read(&format!("dataset_constraints {{ {constraints} }}")));
    let reasons = draft.update_dataset(&view).len();
    (draft.into_schema(), reasons)
}

fn constraints(text: &str) -> Schema {
    read(&format!("dataset_constraints {{ {text} }}"))
}

/// Structs and sparse features, each feature with `extra`.
fn nested(extra: &str) -> Schema {
    read(&format!(
        "feature {{
           name: 'struct' type: STRUCT {extra}
           struct_domain {{
             feature {{ name: 'foo' {extra} }}
             feature {{ name: 'bar.baz' {extra} }}
           }}
         }}
         feature {{
           name: '##SEQUENCE##' type: STRUCT {extra}
           struct_domain {{
             feature {{ name: 'foo' {extra} }}
             feature {{ name: 'baz.bar' {extra} }}
           }}
         }}
         feature {{
           name: '(ext.field)' type: STRUCT {extra}
           struct_domain {{
             feature {{ name: 'foo' {extra} }}
             sparse_feature {{ name: 'deep_sparse' {extra} }}
           }}
         }}
         sparse_feature {{ name: 'shallow_sparse' {extra} }}
         feature {{ name: 'foo.bar' {extra} }}"
    ))
}

/// Every feature of [`nested`] that is no sparse one.
fn features_of_nested() -> Vec<FeaturePath> {
    vec![
        path(["struct"]),
        path(["struct", "foo"]),
        path(["struct", "bar.baz"]),
        path(["##SEQUENCE##"]),
        path(["##SEQUENCE##", "foo"]),
        path(["##SEQUENCE##", "baz.bar"]),
        path(["(ext.field)"]),
        path(["(ext.field)", "foo"]),
        path(["foo.bar"]),
    ]
}

fn sparse_of_nested() -> Vec<FeaturePath> {
    vec![
        path(["(ext.field)", "deep_sparse"]),
        path(["shallow_sparse"]),
    ]
}

/// What the statistics lack of what the schema asks for.
fn missing(schema: &Schema, statistics: &str) -> Vec<FeaturePath> {
    let statistics: DatasetFeatureStatistics = read(statistics);
    let view = DatasetView::new(&statistics).unwrap();
    let mut paths = crate::tfmd::draft::required(schema, None);
    paths.retain(|path| !view.has(path));
    paths
}

fn two_alike(id_a: &str, id_b: &str) -> FeatureStatisticsToProtoConfig {
    let feature = |id: &str| {
        format!(
            "features {{
               {id} type: STRING
               string_stats {{
                 common_stats {{ num_missing: 3 min_num_values: 1 max_num_values: 1 }}
                 rank_histogram {{
                   buckets {{ label: 'A' }} buckets {{ label: 'B' }} buckets {{ label: 'C' }}
                 }}
               }}
             }}"
        )
    };
    let statistics = format!("{}{}", feature(id_a), feature(id_b));
    relate_string_domains(&read(&statistics), &read("enum_threshold: 400")).unwrap()
}

const TWO_ALIKE: &str = "
    enum_threshold: 400
    column_constraint {
      column_path { step: 'field_a' } column_path { step: 'field_b' } enum_name: 'field_a'
    }";

ported! {
    a_new_struct_is_one_reason = "tensorflow_data_validation/anomalies/schema_anomalies_test.cc:SchemaAnomalyTest.CreateNewField:1" => {
        let statistics: DatasetFeatureStatistics = read(
            "features { name: 'struct' type: STRUCT struct_stats { common_stats { num_non_missing: 7 } } }
             features { name: 'struct.foo' num_stats { common_stats { num_non_missing: 4 } } }
             features { name: 'struct.bar.baz' num_stats { common_stats { num_non_missing: 4 } } }",
        );
        let mut validation = Validation::new(Schema::default(), false);
        validation.find_changes(
            &DatasetView::new(&statistics).unwrap(),
            None,
            &FeatureStatisticsToProtoConfig::default(),
        );
        let anomalies = validation.into_anomalies();
        assert_eq!(anomalies.anomaly_info.len(), 1);
        let info = &anomalies.anomaly_info["struct"];
        assert_eq!(info.severity(), Severity::Error);
        assert_eq!(info.short_description(), "New column");
        assert_eq!(info.description(), "New column (column in data but not in schema)");
        assert_eq!(info.reason.len(), 1);
    }
    update_with_environments = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.UpdateColumnsWithEnvironments:1" => {
        const FEATURE: &str = "
            name: 'feature' type: INT
            value_count { min: 1 max: 1 }
            presence { min_count: 1 min_fraction: 1 }";
        let with = |extra: &str| read::<Schema>(&format!("feature {{ {FEATURE} {extra} }}"));
        let statistics = |values: u32| {
            format!(
                "features {{
                   name: 'feature' type: INT
                   num_stats {{
                     common_stats {{
                       tot_num_values: {values} num_non_missing: {values}
                       min_num_values: {values} max_num_values: {values}
                     }}
                   }}
                 }}"
            )
        };
        let only = [path(["feature"])];
        let env1 = with("in_environment: 'env1'");
        let gone = with("in_environment: 'env1' lifecycle_stage: DEPRECATED");
        for (schema, statistics, environment, expected) in [
            // Neither in the schema nor in the statistics.
            (Schema::default(), String::new(), "env1", Schema::default()),
            // Only in the statistics.
            (Schema::default(), statistics(1), "env1", with("")),
            // Only in the schema, of another environment and of this one.
            (env1.clone(), String::new(), "env2", env1.clone()),
            (env1.clone(), String::new(), "env1", gone.clone()),
            // In both.
            (
                env1.clone(),
                statistics(1),
                "env2",
                with("in_environment: 'env1' in_environment: 'env2'"),
            ),
            (env1.clone(), statistics(1), "env1", env1.clone()),
            // In the statistics, but never present.
            (env1.clone(), statistics(0), "env1", gone.clone()),
            (env1.clone(), statistics(0), "env2", env1.clone()),
        ] {
            let found = updated(&schema, &statistics, Some(environment), &only);
            assert_eq!(to_text(&found), to_text(&expected), "{environment} {statistics}");
        }
    }
    deprecate_a_feature = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.DeprecateFeature:1" => {
        let text = "name: 'feature_name' type: BYTES
                    skew_comparator { infinity_norm { threshold: 0.1 } }";
        let mut draft = Draft::new(read(&format!("feature {{ {text} }}")));
        draft.deprecate(&path(["feature_name"]));
        let expected: Schema = read(&format!("feature {{ {text} lifecycle_stage: DEPRECATED }}"));
        assert_eq!(draft.into_schema(), expected);
    }
    skew_of_strings_and_numbers = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FindSkew:1" => {
        let (schema, found) = skew_of_both();
        assert_eq!(schema, read(SKEW_OF_BOTH_AFTER));
        let measured: Vec<_> = found
            .iter()
            .map(|comparison| {
                assert_eq!((comparison.reasons.len(), comparison.measurements.len()), (1, 1));
                comparison.measurements[0]
            })
            .collect();
        let expected: crate::tfmd::DriftSkewInfo = read(
            "skew_measurements { type: L_INFTY value: 0.19999999999999998 threshold: 0.1 }
             skew_measurements { type: JENSEN_SHANNON_DIVERGENCE value: 1 threshold: 0.1 }",
        );
        assert_eq!(measured, expected.skew_measurements);
    }
    update_skew_comparators = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.UpdateSkewComparator:1" => {
        assert_eq!(skew_of_both().0, read(SKEW_OF_BOTH_AFTER));
    }
    drift_of_strings = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FindDrift:1" => {
        let training = string_and_number([1, 2, 7], 1.0);
        let previous = string_and_number([3, 1, 6], 1.0);
        let view = DatasetView::new(&training)
            .unwrap()
            .after(Some(DatasetView::new(&previous).unwrap()));
        let schema = |threshold: &str| {
            read::<Schema>(&format!(
                "feature {{
                   name: 'string_feature' type: BYTES
                   drift_comparator {{ infinity_norm {{ threshold: {threshold} }} }}
                 }}"
            ))
        };
        let mut draft = Draft::new(schema("0.1"));
        let Findings { reasons, severity, drift_skew } =
            draft.update_feature(&rules(), view.feature(&path(["string_feature"])).unwrap());
        assert_eq!(draft.into_schema(), schema("0.19999999999999998"));
        assert!(!reasons.is_empty());
        assert_eq!(severity, Severity::Error);
        assert_eq!(
            drift_skew,
            Some(read(
                "path { step: 'string_feature' }
                 drift_measurements { type: L_INFTY value: 0.19999999999999998 threshold: 0.1 }"
            ))
        );
    }
    fewer_examples_than_before = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FindNumExamplesDrift:1" => {
        let (schema, reasons) = constrained(
            "num_examples_drift_comparator { min_fraction_threshold: 1 max_fraction_threshold: 1 }",
            Some(4),
            None,
        );
        assert_eq!(schema, constraints(
            "num_examples_drift_comparator { min_fraction_threshold: 0.5 max_fraction_threshold: 1 }",
        ));
        assert_eq!(reasons, 1);
    }
    more_examples_than_the_last_version = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FindNumExamplesChangeAcrossVersions:1" => {
        let (schema, reasons) = constrained(
            "num_examples_version_comparator { min_fraction_threshold: 1 max_fraction_threshold: 1 }",
            None,
            Some(1),
        );
        assert_eq!(schema, constraints(
            "num_examples_version_comparator { min_fraction_threshold: 1 max_fraction_threshold: 2 }",
        ));
        assert_eq!(reasons, 1);
    }
    too_few_examples = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FindNumExamplesTooLow:1" => {
        let (schema, reasons) = constrained("min_examples_count: 3", None, None);
        assert_eq!(schema, constraints("min_examples_count: 2"));
        assert_eq!(reasons, 1);
    }
    a_feature_exists = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FeatureExists:1" => {
        let draft = Draft::new(nested(""));
        for path in features_of_nested().into_iter().chain(sparse_of_nested()) {
            assert!(draft.has(&path), "{path}");
        }
        assert!(!draft.has(&path(["no_such_field"])));
        assert!(!draft.has(&path(["##SEQUENCE##", "no_such_field"])));
    }
    no_feature_is_deprecated = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FeatureIsDeprecatedFalse:1" => {
        let draft = Draft::new(nested(""));
        for path in features_of_nested().into_iter().chain(sparse_of_nested()) {
            assert!(!draft.is_deprecated(&path), "{path}");
        }
    }
    every_feature_is_deprecated = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.FeatureIsDeprecatedTrue:1" => {
        let draft = Draft::new(nested("lifecycle_stage: DEPRECATED"));
        for path in features_of_nested().into_iter().chain(sparse_of_nested()) {
            assert!(draft.is_deprecated(&path), "{path}");
        }
    }
    all_required_paths_are_missing = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.GetMissingPathsAllMissing:1" => {
        // Sparse features are never required.
        let schema = nested("presence { min_count: 1 }");
        assert_eq!(missing(&schema, ""), features_of_nested());
    }
    no_required_path_is_missing = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.GetMissingPathsAllPresent:1" => {
        let schema = nested("presence { min_count: 1 }");
        let there: String = features_of_nested()
            .iter()
            .map(|path| {
                let kind = if path.len() == 1 { "STRUCT" } else { "INT" };
                format!(
                    "features {{ name: '{}' type: {kind} struct_stats {{}} }}",
                    path.steps().join(".")
                )
            })
            .collect();
        assert_eq!(missing(&schema, &there), []);
        assert_eq!(missing(&nested(""), ""), []);
    }
    a_field_is_created_below_its_struct = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.CreateDeepFieldUpdateRecursivelyStructFoo:1" => {
        let with = |fields: &str| {
            read::<Schema>(&format!(
                "feature {{
                   name: 'struct' type: STRUCT presence {{ min_count: 1 }}
                   struct_domain {{ feature {{ name: 'bar' }} {fields} }}
                 }}"
            ))
        };
        let statistics: DatasetFeatureStatistics = read(
            "features { name: 'struct' type: STRUCT struct_stats { common_stats { num_non_missing: 7 } } }
             features {
               name: 'struct.foo' type: INT
               num_stats {
                 common_stats { num_missing: 3 num_non_missing: 4 min_num_values: 2 max_num_values: 2 }
               }
             }",
        );
        let view = DatasetView::new(&statistics).unwrap();
        let mut draft = Draft::new(with(""));
        let foo = view.feature(&path(["struct", "foo"])).unwrap();
        draft.update_recursively(&rules(), foo, None);
        let expected = with(
            "feature {
               name: 'foo' type: INT value_count { min: 2 max: 2 } presence { min_count: 1 }
             }",
        );
        assert_eq!(draft.into_schema(), expected);
    }
    a_shape_where_values_are_missing = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.UpdateFeatureShapeInferLegacyFeatureSpecWithNumMissing:1" => {
        // The published schema lacks `generate_legacy_feature_spec`: a feature with a
        // shape has to be there. Allowed to be absent, it keeps its shape.
        let statistics = "num_examples: 10
            features {
              name: 'f1' type: INT
              num_stats {
                common_stats { num_missing: 1 num_non_missing: 9 min_num_values: 1 max_num_values: 1 }
              }
            }";
        let schema: Schema = read(
            "feature { name: 'f1' type: INT shape { dim { size: 1 } } presence { min_fraction: 1 min_count: 1 } }",
        );
        assert_eq!(
            updated(&schema, statistics, None, &[]),
            read("feature { name: 'f1' type: INT presence { min_fraction: 0.9 min_count: 1 } }")
        );
        let statistics: DatasetFeatureStatistics = read(statistics);
        let view = DatasetView::new(&statistics).unwrap();
        let mut feature = schema.feature[0].clone();
        let reasons = crate::tfmd::draft::shape::update(
            view.feature(&path(["f1"])).unwrap(),
            true,
            &mut feature,
        );
        assert!(reasons.is_empty());
        assert_eq!(feature, schema.feature[0]);
    }
    related_domains_by_name = "tensorflow_data_validation/anomalies/schema_test.cc:Schema.GetRelatedEnums:1" => {
        assert_eq!(two_alike("name: 'field_a'", "name: 'field_b'"), read(TWO_ALIKE));
    }
    related_domains_by_path = "tensorflow_data_validation/anomalies/schema_test.cc:Schema.GetRelatedEnumsFeatureIdIsPath:1" => {
        let found = two_alike("path { step: 'field_a' }", "path { step: 'field_b' }");
        assert_eq!(found, read(TWO_ALIKE));
    }
    an_empty_schema_is_a_schema = "tensorflow_data_validation/anomalies/schema_test.cc:Schema.EmptySchemaProto:1" => {
        let nothing = DatasetFeatureStatistics::default();
        let config = FeatureStatisticsToProtoConfig::default();
        assert_eq!(infer(&nothing, &config).unwrap(), Schema::default());
        assert_eq!(updated(&Schema::default(), "", None, &[]), Schema::default());
    }
    a_schema_that_fits_is_unchanged = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.ValidTestAnnotatedFieldsMessageBaseline:1" => {
        let schema: Schema = read(
            "feature {
               name: 'strings' type: BYTES domain: 'MyAnnotatedEnum'
               presence { min_count: 1 } value_count { min: 1 max: 1 }
             }
             feature {
               name: 'integers' type: INT int_domain { min: 65 } presence { min_count: 1 }
             }
             feature {
               name: 'words' type: BYTES bool_domain { true_value: 'yes' false_value: 'no' }
             }
             feature { name: 'old' type: FLOAT lifecycle_stage: DEPRECATED }
             string_domain { name: 'MyAnnotatedEnum' value: '4' value: '5' }",
        );
        let statistics = "
            num_examples: 10
            features {
              name: 'strings' type: STRING
              string_stats {
                common_stats { num_non_missing: 10 min_num_values: 1 max_num_values: 1 }
                rank_histogram { buckets { label: '4' sample_count: 10 } }
              }
            }
            features {
              name: 'integers' type: INT
              num_stats { common_stats { num_non_missing: 10 } min: 65 max: 100 }
            }
            features {
              name: 'words' type: STRING
              string_stats {
                common_stats { num_non_missing: 10 }
                rank_histogram { buckets { label: 'no' sample_count: 10 } }
              }
            }
            features { name: 'old' type: STRING string_stats { common_stats { num_non_missing: 1 } } }";
        assert_eq!(updated(&schema, statistics, None, &[]), schema);
    }
}
