//! `feature_util_test.cc`: stages, presence, distinct values.

use super::{alone, ported, read, weighted, with_feature, with_view};
use crate::tfmd::anomaly_info::Reason;
use crate::tfmd::draft::{distinct, presence};
use crate::tfmd::draft::{feature_is_deprecated, sparse_is_deprecated, stage_is_deprecated};
use crate::tfmd::feature::DomainInfo;
use crate::tfmd::{
    DatasetFeatureStatistics, Feature, FeaturePresence, IntDomain, LifecycleStage, SparseFeature,
    WeightedFeature,
};

fn update(
    data: &DatasetFeatureStatistics,
    by_weight: bool,
    text: &str,
) -> (FeaturePresence, Vec<Reason>) {
    let mut to_modify: FeaturePresence = read(text);
    let reasons = with_view(data, by_weight, |view| {
        presence::update(view, &mut to_modify)
    });
    (to_modify, reasons)
}

const QUADRILLION: &str = "
    name: 'one_in_a_quadrillion' type: INT
    num_stats { common_stats { num_missing: 1 num_non_missing: 1000000000000000 } }";

fn distinct_of(feature: &str, statistics: &str) -> (Feature, Vec<Reason>) {
    let mut to_modify: Feature = read(feature);
    let reasons = with_feature(statistics, |view| distinct::update(view, &mut to_modify));
    (to_modify, reasons)
}

const FIVE_CATEGORIES: &str = "name: 'c' type: INT string_stats { unique: 5 }";
const ONE_STRING: &str = "name: 's' type: STRING string_stats { unique: 1 }";

ported! {
    clear_domain = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.ClearDomain:1" => {
        let mut feature: Feature = read("name: 'bytes_feature' type: BYTES");
        assert!(feature.domain_info.is_none());
        feature.domain_info = Some(DomainInfo::IntDomain(IntDomain::default()));
        feature.domain_info = None;
        assert_eq!(feature, read("name: 'bytes_feature' type: BYTES"));
    }
    feature_deprecated_by_stage = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.FeatureIsDeprecatedLifecycleStage:1" => {
        assert!(feature_is_deprecated(&read("lifecycle_stage: DEPRECATED")));
    }
    feature_deprecated_by_flag = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.FeatureIsDeprecatedDeprecatedField:1" => {
        assert!(feature_is_deprecated(&read("deprecated: true lifecycle_stage: PRODUCTION")));
    }
    feature_not_deprecated = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.FeatureIsDeprecatedEmpty:1" => {
        assert!(!feature_is_deprecated(&Feature::default()));
    }
    sparse_deprecated_by_stage = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.SparseFeatureIsDeprecatedLifecycleStage:1" => {
        let mut sparse = SparseFeature::default();
        sparse.set_lifecycle_stage(LifecycleStage::Deprecated);
        assert!(sparse_is_deprecated(&sparse));
    }
    sparse_deprecated_by_flag = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.SparseFeatureIsDeprecatedDeprecatedField:1" => {
        let schema: crate::tfmd::Schema =
            read("sparse_feature { deprecated: true lifecycle_stage: PRODUCTION }");
        assert!(sparse_is_deprecated(&schema.sparse_feature[0]));
    }
    sparse_not_deprecated = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.SparseFeatureIsDeprecatedEmpty:1" => {
        assert!(!sparse_is_deprecated(&SparseFeature::default()));
    }
    weighted_deprecated_by_stage = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.WeightedFeatureIsDeprecatedLifecycleStage:1" => {
        let mut feature = WeightedFeature::default();
        feature.set_lifecycle_stage(LifecycleStage::Deprecated);
        assert!(stage_is_deprecated(feature.lifecycle_stage()));
    }
    weighted_not_deprecated = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.WeightedFeatureIsDeprecatedEmpty:1" => {
        assert!(!stage_is_deprecated(WeightedFeature::default().lifecycle_stage()));
    }
    distinct_no_change = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.UpdateUniqueConstraintsNoChange:1" => {
        let text = "unique_constraints { min: 1 max: 5 }";
        for statistics in [FIVE_CATEGORIES, ONE_STRING] {
            assert_eq!(distinct_of(text, statistics), (read(text), vec![]));
        }
    }
    distinct_outside_range = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.UpdateUniqueConstraintsNumUniquesOutsideRange:1" => {
        let text = "unique_constraints { min: 2 max: 2 }";
        let (many, reasons) = distinct_of(text, FIVE_CATEGORIES);
        assert_eq!(many, read("unique_constraints { min: 2 max: 5 }"));
        assert_eq!(reasons.len(), 1);
        assert_eq!(
            reasons[0].description(),
            "Expected no more than 2 unique values but found 5."
        );
        let (few, reasons) = distinct_of(text, ONE_STRING);
        assert_eq!(few, read("unique_constraints { min: 1 max: 2 }"));
        assert_eq!(reasons.len(), 1);
        assert_eq!(
            reasons[0].description(),
            "Expected at least 2 unique values but found only 1."
        );
    }
    distinct_not_counted = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.UpdateUniqueConstraintsNotStringOrCategorical:1" => {
        let (feature, reasons) = distinct_of(
            "unique_constraints { min: 5 max: 5 }",
            "name: 'n' type: INT num_stats { common_stats { num_non_missing: 6 } }",
        );
        assert_eq!(feature, Feature::default());
        assert_eq!(reasons.len(), 1);
        assert_eq!(
            reasons[0].description(),
            "UniqueConstraints specified for the feature, but unique values were not counted \
             (i.e., feature is not string or categorical)."
        );
    }
    presence_of_many_features = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.UpdatePresenceTest:1" => {
        // Missing, present, the constraint, and what becomes of it.
        for (missing, present, before, after) in [
            (0, 10, "min_count: 1", "min_count: 1"),
            (3, 10, "min_count: 1", "min_count: 1"),
            (10_000, 10, "min_count: 1", "min_count: 1"),
            (0, 10, "min_fraction: 1 min_count: 1", "min_fraction: 1 min_count: 1"),
            (1, 9, "min_fraction: 1", "min_fraction: 0.9"),
            (4, 6, "min_fraction: 0.5", "min_fraction: 0.5"),
            (9, 1, "min_count: 3", "min_count: 1"),
            (10, 0, "min_count: 1 min_fraction: 0.5", "min_count: 0 min_fraction: 0"),
            (10, 0, "", ""),
        ] {
            let data = alone(weighted(read(&format!(
                "name: 'a' type: FLOAT
                 num_stats {{ common_stats {{ num_missing: {missing} num_non_missing: {present} }} }}"
            ))));
            for by_weight in [false, true] {
                let (found, reasons) = update(&data, by_weight, before);
                assert_eq!(found, read(after), "{missing} {present} {before}");
                assert_eq!(reasons.is_empty(), before == after, "{missing} {present} {before}");
            }
        }
    }
    rare_missing = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.RareMissingFeatureUnweighted:1" => {
        let mut data = alone(read(QUADRILLION));
        data.num_examples = 1_000_000_000_000_000;
        let (found, reasons) = update(&data, false, "min_fraction: 1");
        assert_eq!(reasons.len(), 1);
        assert_eq!(
            reasons[0].description(),
            "The feature was expected everywhere, but was missing in 1 examples."
        );
        assert_eq!(found, read("min_fraction: 0.9999"));
    }
    rare_missing_weighted = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.RareMissingFeatureWeighted:1" => {
        let mut data = alone(weighted(read(QUADRILLION)));
        data.weighted_num_examples = 1e15;
        let (_, reasons) = update(&data, true, "min_fraction: 1");
        assert_eq!(reasons.len(), 1);
        assert_eq!(
            reasons[0].description(),
            "The feature was expected everywhere, but was missing in 1 examples."
        );
    }
    min_count = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.TestMinCount:1" => {
        let data = alone(read(
            "name: 'foo' type: INT num_stats { common_stats { num_missing: 4 num_non_missing: 6 } }",
        ));
        assert_eq!(update(&data, false, "min_count: 3"), (read("min_count: 3"), vec![]));
    }
}
