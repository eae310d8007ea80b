//! `schema_util_test.py` and `anomalies_util_test.py`.

use super::{path, ported, read};
use crate::SchemaError;
use crate::tfmd::anomaly_info::Type;
use crate::tfmd::feature::DomainInfo;
use crate::tfmd::lookup::{DomainOf, domain, feature, remove_reasons, set_domain, slice_keys};
use crate::tfmd::{Anomalies, BoolDomain, Schema};

const BYTES: Type = Type::EnumTypeBytesNotString;
const STRINGS: Type = Type::EnumTypeUnexpectedStringValues;

/// Anomalies of features, each with reasons of these types.
fn anomalies(features: &[&[Type]]) -> Anomalies {
    let entries: String = features
        .iter()
        .enumerate()
        .map(|(index, types)| {
            let reasons: String = types
                .iter()
                .map(|kind| {
                    let name = kind.as_str_name();
                    format!(
                        "reason {{ type: {name} short_description: 'short {name}'
                                   description: 'long {name}.' }}"
                    )
                })
                .collect();
            let (short, long) = match types {
                [only] => (
                    format!("short {}", only.as_str_name()),
                    format!("long {}.", only.as_str_name()),
                ),
                several => (
                    "Multiple errors".to_owned(),
                    several
                        .iter()
                        .map(|kind| format!("long {}.", kind.as_str_name()))
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
            };
            format!(
                "anomaly_info {{
                   key: 'feature_{}'
                   value {{
                     severity: ERROR short_description: '{short}' description: '{long}' {reasons}
                   }}
                 }}",
                index + 1
            )
        })
        .collect();
    read(&entries)
}

/// Without reasons of these types.
fn without(features: &[&[Type]], types: &[Type]) -> Anomalies {
    let mut anomalies = anomalies(features);
    remove_reasons(&mut anomalies, types);
    anomalies
}

ported! {
    set_a_domain_of_the_schema = "tensorflow_data_validation/utils/schema_util_test.py:SchemaUtilTest.test_set_domain_global_domain:p" => {
        let mut schema: Schema =
            read("string_domain { name: 'shared' value: 'a' value: 'b' } feature { name: 'x' }");
        set_domain(&mut schema, &path(["x"]), DomainInfo::Domain("shared".to_owned())).unwrap();
        let expected: Schema = read(
            "string_domain { name: 'shared' value: 'a' value: 'b' }
             feature { name: 'x' domain: 'shared' }",
        );
        assert_eq!(schema, expected);
        let found = domain(&schema, &path(["x"])).unwrap();
        assert_eq!(found, DomainOf::Shared(&expected.string_domain[0]));
        // One that is not there is no domain.
        let error =
            set_domain(&mut schema, &path(["x"]), DomainInfo::Domain("other".to_owned()));
        assert!(matches!(error, Err(SchemaError::NoFeature { .. })));
        assert_eq!(schema, expected);
    }
    set_a_domain_by_path = "tensorflow_data_validation/utils/schema_util_test.py:SchemaUtilTest.test_set_domain_set_domain_using_path:p" => {
        let mut schema: Schema = read(
            "feature { name: 'f' type: STRUCT struct_domain { feature { name: 'sub' } } }",
        );
        let booleans = DomainInfo::BoolDomain(BoolDomain {
            true_value: Some("T".to_owned()),
            false_value: Some("F".to_owned()),
            ..BoolDomain::default()
        });
        set_domain(&mut schema, &path(["f", "sub"]), booleans.clone()).unwrap();
        let expected: Schema = read(
            "feature {
               name: 'f' type: STRUCT
               struct_domain {
                 feature { name: 'sub' bool_domain { true_value: 'T' false_value: 'F' } }
               }
             }",
        );
        assert_eq!(schema, expected);
        assert_eq!(domain(&schema, &path(["f", "sub"])).unwrap(), DomainOf::Own(&booleans));
        assert!(set_domain(&mut schema, &path(["f"]), booleans.clone()).is_err());
        assert!(set_domain(&mut schema, &path(["f", "other"]), booleans).is_err());
        assert_eq!(feature(&schema, &path(["f", "sub"])).unwrap().name(), "sub");
        assert!(feature(&schema, &path(["sub"])).is_err());
    }
    slices_of_anomalies = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_anomalies_slicer_multiple_features:p" => {
        assert_eq!(
            slice_keys(&anomalies(&[&[BYTES], &[STRINGS]])),
            [
                "feature_1_ENUM_TYPE_BYTES_NOT_STRING",
                "feature_2_ENUM_TYPE_UNEXPECTED_STRING_VALUES"
            ]
        );
    }
    all_reasons_of_several_features = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_changes_proto_multiple_features_all_reasons_removed:p" => {
        let found = without(&[&[BYTES, STRINGS], &[STRINGS]], &[BYTES, STRINGS]);
        assert_eq!(found, Anomalies::default());
    }
    all_of_several_reasons = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_changes_proto_multiple_reasons_all_removed:p" => {
        assert_eq!(without(&[&[BYTES, STRINGS]], &[STRINGS, BYTES]), Anomalies::default());
    }
    some_of_several_reasons = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_changes_proto_multiple_reasons_some_removed:p" => {
        assert_eq!(without(&[&[BYTES, STRINGS]], &[BYTES]), anomalies(&[&[STRINGS]]));
    }
    the_only_reason = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_changes_proto_single_reason_removed:p" => {
        let found = without(&[&[STRINGS]], &[STRINGS, Type::FloatTypeBigFloat]);
        assert_eq!(found, Anomalies::default());
    }
    no_reason_of_several_features = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_does_not_change_proto_multiple_features_no_reasons_removed:p" => {
        let features: [&[Type]; 2] = [&[BYTES], &[STRINGS]];
        assert_eq!(without(&features, &[Type::FloatTypeBigFloat]), anomalies(&features));
    }
    none_of_several_reasons = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_does_not_change_proto_multiple_reasons_not_removed:p" => {
        let features: [&[Type]; 1] = [&[BYTES, STRINGS]];
        assert_eq!(without(&features, &[Type::FloatTypeBigFloat]), anomalies(&features));
    }
    not_the_only_reason = "tensorflow_data_validation/utils/anomalies_util_test.py:AnomaliesUtilTest.test_remove_anomaly_types_does_not_change_proto_single_reason_not_removed:p" => {
        let features: [&[Type]; 1] = [&[STRINGS]];
        assert_eq!(without(&features, &[Type::FloatTypeBigFloat]), anomalies(&features));
    }
}
