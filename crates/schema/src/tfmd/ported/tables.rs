//! Rows of table-driven tests, read from the cases where they are beside the repository.

use super::{alone, path, read, weighted, with_view};
use crate::tfmd::anomaly_info::Type;
use crate::tfmd::data_validation::FeatureStatisticsToProtoConfig;
use crate::tfmd::draft::domain::{boolean, float, integer, string};
use crate::tfmd::draft::new_feature::infer_presence_and_shape;
use crate::tfmd::draft::{lengths, presence, shape, stage_is_deprecated};
use crate::tfmd::feature::{DomainInfo, PresenceConstraints};
use crate::tfmd::rules::Rules;
use crate::tfmd::{
    DatasetFeatureStatistics, Feature, FeatureNameStatistics, LifecycleStage, Named, Schema, Scope,
    StringDomain, update,
};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// A file of cases by id; none where the cases are not there.
fn cases(file: &str) -> Option<HashMap<String, Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/tfdv-cases")
        .join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    };
    let by_id = text.lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        (case["id"].as_str().unwrap().to_owned(), case)
    });
    Some(by_id.collect())
}

/// Runs a check on the rows of these ids.
fn rows(ids: &[&str], check: impl Fn(&Row)) {
    let Some(cases) = cases("table.jsonl") else {
        return;
    };
    for id in ids {
        let case = cases.get(*id).unwrap_or_else(|| panic!("no case {id}"));
        check(&Row { id, case });
    }
}

struct Row<'r> {
    id: &'r str,
    case: &'r Value,
}

impl Row<'_> {
    fn message<M: Named>(&self, field: &str) -> M {
        read(self.case["fields"][field]["pbtxt"].as_str().unwrap())
    }

    fn yes(&self, field: &str) -> bool {
        self.case["fields"][field].as_bool().unwrap()
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.case["fields"][field].as_str()
    }

    fn texts(&self, field: &str) -> Vec<&str> {
        let values = self.case["fields"][field].as_array();
        values
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    fn dataset(&self, field: &str) -> DatasetFeatureStatistics {
        alone(self.message(field))
    }
}

/// A domain of a feature, written as the feature's text.
fn domain(row: &Row<'_>, field: &str, kind: &str) -> Option<DomainInfo> {
    let text = row.case["fields"][field]["pbtxt"].as_str().unwrap();
    read::<Feature>(&format!("{kind} {{ {text} }}")).domain_info
}

fn only(row: &Row<'_>, kind: &str, field: &str) -> Feature {
    Feature {
        domain_info: domain(row, field, kind),
        ..Feature::default()
    }
}

#[test]
fn boolean_domains_of_statistics() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.BoolTypeFeatureNameStatistics:1",
        ],
        |row| {
            let found = with_view(&row.dataset("input"), false, boolean::infer);
            assert_eq!(found, row.message("expected"), "{}", row.id);
        },
    );
}

#[test]
fn boolean_domains_that_fit() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsValid:1",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsValid:3",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsValid:5",
        ],
        |row| {
            let original = only(row, "bool_domain", "original");
            let mut feature = original.clone();
            let reasons = with_view(&row.dataset("input"), false, |view| {
                boolean::update(view, &mut feature)
            });
            assert_eq!(reasons.is_empty(), row.yes("expected"), "{}", row.id);
            if row.yes("expected") {
                assert_eq!(feature, original, "{}", row.id);
            }
        },
    );
}

#[test]
fn boolean_domains_that_are_changed() {
    rows(
        &["tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.Update:1"],
        |row| {
            let mut feature: Feature = row.message("original");
            with_view(&row.dataset("input"), false, |view| {
                boolean::update(view, &mut feature)
            });
            assert_eq!(feature, row.message("expected"), "{}", row.id);
        },
    );
}

#[test]
fn boolean_candidates() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsCandidate:1",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsCandidate:4",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsCandidate:6",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsCandidate:7",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolTypeTest.IsCandidate:8",
        ],
        |row| {
            let found = with_view(&row.dataset("input"), false, boolean::is_candidate);
            assert_eq!(found, row.yes("expected"), "{}", row.id);
        },
    );
}

#[test]
fn boolean_domains_themselves() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolDomainUtil.UpdateBoolDomainSelf:1",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolDomainUtil.UpdateBoolDomainSelf:2",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolDomainUtil.UpdateBoolDomainSelf:3",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolDomainUtil.UpdateBoolDomainSelf:4",
            "tensorflow_data_validation/anomalies/bool_domain_test.cc:BoolDomainUtil.UpdateBoolDomainSelf:6",
        ],
        |row| {
            let mut found = row.message("original");
            let reasons = boolean::update_self(&mut found);
            assert_eq!(found, row.message("expected"), "{}", row.id);
            assert_eq!(
                reasons.is_empty(),
                row.yes("descriptions_empty"),
                "{}",
                row.id
            );
        },
    );
}

#[test]
fn stages_out_of_use() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.LifecycleStageIsDeprecated:2",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.LifecycleStageIsDeprecated:3",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.LifecycleStageIsDeprecated:5",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.LifecycleStageIsDeprecated:6",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.LifecycleStageIsDeprecated:7",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.LifecycleStageIsDeprecated:8",
        ],
        |row| {
            let stage = LifecycleStage::from_str_name(row.text("stage").unwrap()).unwrap();
            assert_eq!(
                stage_is_deprecated(stage),
                row.yes("is_deprecated"),
                "{}",
                row.id
            );
        },
    );
}

#[test]
fn presence_and_shape_of_statistics() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:2",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:3",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:4",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:7",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:8",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:11",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ConstructFromFeatureNameStatistics:14",
        ],
        |row| {
            let mut feature = Feature::default();
            let data = alone(weighted(row.message("statistics")));
            with_view(&data, true, |view| {
                infer_presence_and_shape(view, row.yes("infer_shape"), &mut feature);
            });
            assert_eq!(feature, row.message("feature_proto"), "{}", row.id);
        },
    );
}

#[test]
fn lengths_of_lists() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateFeatureValueCountsTest:1",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateFeatureValueCountsTest:2",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateFeatureValueCountsTest:3",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateFeatureValueCountsTest:5",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateFeatureValueCountsTest:6",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateFeatureValueCountsTest:8",
        ],
        |row| {
            let mut feature: Feature = row.message("original");
            let reasons = with_view(&row.dataset("statistics"), false, |view| {
                lengths::update(view, &mut feature)
            });
            assert_eq!(feature, row.message("expected"), "{}", row.id);
            assert_eq!(
                reasons.is_empty(),
                row.yes("expected_description_empty"),
                "{}",
                row.id
            );
            let types: BTreeSet<&str> = reasons
                .iter()
                .map(|reason| reason.r#type().as_str_name())
                .collect();
            let short: BTreeSet<&str> = reasons
                .iter()
                .map(|reason| reason.short_description())
                .collect();
            let expected = |field: &str| row.texts(field).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(types, expected("expected_anomaly_types"), "{}", row.id);
            assert_eq!(short, expected("expected_short_descriptions"), "{}", row.id);
        },
    );
}

#[test]
fn shapes() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateShapeTest:1",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateShapeTest:2",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateShapeTest:3",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateShapeTest:5",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdateShapeTest:10",
        ],
        |row| {
            let data = alone(weighted(row.message("statistics")));
            for by_weight in [false, true] {
                let mut feature: Feature = row.message("original");
                let reasons = with_view(&data, by_weight, |view| {
                    shape::update(view, row.yes("generate_legacy_feature_spec"), &mut feature)
                });
                assert_eq!(feature, row.message("expected"), "{}", row.id);
                assert_eq!(
                    reasons.is_empty(),
                    row.yes("expected_description_empty"),
                    "{}",
                    row.id
                );
            }
        },
    );
}

#[test]
fn lengths_and_presence_together() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ValidateCustomFeatures:1",
            "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.ValidateCustomFeatures:3",
        ],
        |row| {
            let text = row.case["context"]["feature_stats"]["pbtxt"]
                .as_str()
                .unwrap();
            let data = alone(read(text));
            let mut feature: Feature = row.message("feature_proto");
            let reasons = with_view(&data, false, |view| {
                let mut reasons = lengths::update(view, &mut feature);
                if let Some(PresenceConstraints::Presence(presence)) =
                    &mut feature.presence_constraints
                {
                    reasons.extend(presence::update(view, presence));
                }
                reasons
            });
            assert_eq!(reasons.is_empty(), row.yes("empty_messages"), "{}", row.id);
        },
    );
}

#[test]
fn float_domains() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/float_domain_test.cc:FloatDomainTest.UpdateFloatDomain:1",
            "tensorflow_data_validation/anomalies/float_domain_test.cc:FloatDomainTest.UpdateFloatDomain:2",
        ],
        |row| {
            let mut found = row.message("float_domain");
            let repair = with_view(&row.dataset("input"), false, |view| {
                float::update(view, &mut found)
            });
            if repair.reasons.is_empty() {
                assert_eq!(found, row.message("float_domain"), "{}", row.id);
            }
            assert_eq!(repair.clear, row.yes("clear_field"), "{}", row.id);
            assert_eq!(found, row.message("expected"), "{}", row.id);
        },
    );
}

#[test]
fn integer_domains() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:1",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:2",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:3",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:6",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:7",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:8",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:9",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:11",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:12",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsValid:13",
        ],
        |row| {
            let mut found = row.message("original");
            let repair = with_view(&row.dataset("input"), false, |view| {
                integer::update(view, &mut found)
            });
            let first = repair.reasons.first().map(|reason| reason.r#type());
            let expected = row.text("anomaly_type").and_then(Type::from_str_name);
            assert_eq!(first, expected, "{}", row.id);
            assert_eq!(repair.clear, row.yes("clear_field"), "{}", row.id);
            assert_eq!(found, row.message("expected"), "{}", row.id);
        },
    );
}

#[test]
fn integer_candidates() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsCandidate:1",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsCandidate:2",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsCandidate:3",
            "tensorflow_data_validation/anomalies/int_domain_test.cc:IntDomainTest.IsCandidate:4",
        ],
        |row| {
            let found = with_view(&row.dataset("input"), false, integer::is_candidate);
            assert_eq!(found, row.yes("expected"), "{}", row.id);
        },
    );
}

#[test]
fn schemas_of_one_feature() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/schema_test.cc:FeatureTypeTest.ConstructFromSchemaStatistics:3",
            "tensorflow_data_validation/anomalies/schema_test.cc:FeatureTypeTest.ConstructFromSchemaStatistics:4",
        ],
        |row| {
            let data = DatasetFeatureStatistics {
                features: vec![row.message("statistics")],
                ..DatasetFeatureStatistics::default()
            };
            let found = update(
                &Schema::default(),
                &data,
                &FeatureStatisticsToProtoConfig::default(),
                &Scope::default(),
            );
            assert_eq!(found.unwrap(), row.message("expected"), "{}", row.id);
        },
    );
}

#[test]
fn annotated_fields() {
    let baseline = "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.ValidTestAnnotatedFieldsMessageBaseline:1";
    let Some(units) = cases("unit.jsonl") else {
        return;
    };
    let text = units[baseline]["inputs"]["original"]["pbtxt"]
        .as_str()
        .unwrap();
    let schema: Schema = read(text);
    rows(
        &[
            "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.ValidTestAnnotatedFieldsMessage:5",
            "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.ValidTestAnnotatedFieldsMessage:6",
            "tensorflow_data_validation/anomalies/schema_test.cc:SchemaTest.ValidTestAnnotatedFieldsMessage:7",
        ],
        |row| {
            let data: DatasetFeatureStatistics = row.dataset("statistics");
            let name = with_view(&data, false, |view| view.path().clone());
            assert_ne!(name, path([]));
            // The other features fit, whatever happens to this one.
            let found = update(
                &schema,
                &data,
                &FeatureStatisticsToProtoConfig::default(),
                &Scope {
                    paths: Some(&BTreeSet::from([name])),
                    environment: None,
                },
            )
            .unwrap();
            assert_eq!(found == schema, row.yes("expected_is_valid"), "{}", row.id);
        },
    );
}

/// What becomes of the row's string domain.
fn string_domain(row: &Row<'_>, max_off_domain: f64) -> (StringDomain, StringDomain, bool, usize) {
    let original = StringDomain {
        name: row.text("name").map(str::to_owned),
        value: row.texts("values").into_iter().map(str::to_owned).collect(),
        ..StringDomain::default()
    };
    let mut found = original.clone();
    let rules = Rules::new(&FeatureStatisticsToProtoConfig::default());
    let repair = with_view(&row.dataset("input"), false, |view| {
        string::update(view, &rules, max_off_domain, &mut found)
    });
    (original, found, repair.clear, repair.reasons.len())
}

fn string_domain_is_valid(row: &Row<'_>, max_off_domain: f64) {
    let (original, found, clear, reasons) = string_domain(row, max_off_domain);
    assert_eq!(reasons == 0, row.yes("expected"), "{}", row.id);
    if row.yes("expected") {
        assert!(!clear, "{}", row.id);
        assert_eq!(found, original, "{}", row.id);
    }
}

#[test]
fn string_domains_that_fit() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.IsValid:3",
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.IsValid:5",
        ],
        |row| string_domain_is_valid(row, 0.0),
    );
}

#[test]
fn string_domains_that_fit_most_values() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.IsValidWithMassConstraint:1",
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.IsValidWithMassConstraint:3",
        ],
        |row| string_domain_is_valid(row, 0.2),
    );
}

#[test]
fn string_domains_that_are_changed() {
    rows(
        &[
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.Update:1",
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.Update:2",
            "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.Update:3",
        ],
        |row| {
            let (_, found, clear, reasons) = string_domain(row, 0.0);
            assert_eq!(clear, row.yes("expected_clear_field"), "{}", row.id);
            let expected = row.case["fields"]["expected_descriptions_size"].as_u64();
            assert_eq!(u64::try_from(reasons).ok(), expected, "{}", row.id);
            assert_eq!(found, row.message("expected"), "{}", row.id);
        },
    );
}

/// That the test helper weighs a feature as the cases expect.
#[test]
fn a_weighted_feature_has_the_same_counts() {
    let feature: FeatureNameStatistics =
        read("name: 'a' num_stats { common_stats { num_missing: 3 num_non_missing: 4 } }");
    let data = alone(weighted(feature));
    for by_weight in [false, true] {
        with_view(&data, by_weight, |view| {
            assert_eq!((view.missing(), view.present()), (3.0, 4.0));
        });
    }
}
