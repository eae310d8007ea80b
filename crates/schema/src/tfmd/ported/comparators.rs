//! `feature_util_test.cc`, `dataset_constraints_util_test.cc`, `metrics_test.cc`:
//! comparisons with other data.

use super::{path, ported, read, with_feature};
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::distance::{NotComparable, jensen_shannon};
use crate::tfmd::draft::comparator::{self, Comparison, Role};
use crate::tfmd::draft::dataset::{self, Against};
use crate::tfmd::{
    DatasetConstraints, DatasetFeatureStatistics, DatasetView, Feature, FeatureComparator,
    HistogramSelection, NumericValueComparator,
};

fn examples(number: u64) -> DatasetFeatureStatistics {
    DatasetFeatureStatistics {
        num_examples: number,
        ..DatasetFeatureStatistics::default()
    }
}

/// What becomes of a comparator of 2 examples with `control` ones.
fn compare(
    against: Against,
    control: Option<u64>,
    text: &str,
) -> (NumericValueComparator, Vec<Reason>) {
    let current = examples(2);
    let control = control.map(examples);
    let control = control.as_ref().map(|data| DatasetView::new(data).unwrap());
    let view = DatasetView::new(&current).unwrap();
    let view = match against {
        Against::PreviousSpan => view.after(control),
        Against::PreviousVersion => view.instead_of(control),
    };
    let mut comparator: NumericValueComparator = read(text);
    let reasons = dataset::compare(&view, against, &mut comparator);
    (comparator, reasons)
}

const EXACTLY: &str = "min_fraction_threshold: 1 max_fraction_threshold: 1";

/// Compares `test_feature` with the span before, which has only another feature, if any.
fn against_other(previous: Option<&str>, text: &str) -> (FeatureComparator, Comparison) {
    let current: DatasetFeatureStatistics = read(
        "num_examples: 1
         features { name: 'test_feature' type: INT num_stats { max: 10 } }
         features { name: 'other_feature' type: INT num_stats { max: 10 } }",
    );
    let previous: Option<DatasetFeatureStatistics> = previous.map(read);
    let view = DatasetView::new(&current).unwrap().after(
        previous
            .as_ref()
            .map(|data| DatasetView::new(data).unwrap()),
    );
    let mut comparator: FeatureComparator = read(text);
    let feature = view.feature(&path(["test_feature"])).unwrap();
    let comparison = comparator::update(feature, Role::Drift, &mut comparator);
    (comparator, comparison)
}

const INFINITY_NORM: &str = "infinity_norm { threshold: 0.1 }";

ported! {
    dataset_comparator_by_role = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.IdentifyComparatorTypeInDataset:1" => {
        let mut constraints: DatasetConstraints =
            read("num_examples_drift_comparator { min_fraction_threshold: 1 }");
        assert!(Against::PreviousSpan.comparator(&mut constraints).is_some());
        assert!(Against::PreviousVersion.comparator(&mut constraints).is_none());
    }
    fewer_than_the_previous_span = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithOutsideThresholdNumExamplesChangesDriftComparator:1" => {
        let (comparator, reasons) = compare(Against::PreviousSpan, Some(4), EXACTLY);
        assert_eq!(
            comparator,
            read("min_fraction_threshold: 0.5 max_fraction_threshold: 1")
        );
        assert_eq!(reasons[0].r#type(), Type::ComparatorLowNumExamples);
    }
    enough_for_the_previous_version = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithBetweenThresholdNumExamplesDoesNotChangeVersionComparator:1" => {
        let text = "min_fraction_threshold: 0.5 max_fraction_threshold: 1";
        assert_eq!(
            compare(Against::PreviousVersion, Some(4), text),
            (read(text), vec![])
        );
    }
    more_than_the_previous_version = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithOutsideThresholdNumExamplesChangesVersionComparator:1" => {
        let (comparator, reasons) = compare(Against::PreviousVersion, Some(1), EXACTLY);
        assert_eq!(
            comparator,
            read("min_fraction_threshold: 1 max_fraction_threshold: 2")
        );
        assert_eq!(reasons[0].r#type(), Type::ComparatorHighNumExamples);
    }
    more_than_nothing = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithZeroExamplesInControlClearsMaxThreshold:1" => {
        let (comparator, reasons) = compare(Against::PreviousVersion, Some(0), EXACTLY);
        assert_eq!(comparator, read("min_fraction_threshold: 1"));
        assert_eq!(reasons.len(), 1);
    }
    no_control_keeps_the_threshold = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithNoControlStatsDoesNotAlterThreshold:1" => {
        let (comparator, _) =
            compare(Against::PreviousVersion, None, "max_fraction_threshold: 1");
        assert_eq!(comparator, read("max_fraction_threshold: 1"));
    }
    no_control_is_no_reason = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithNoControlStatsReturnsEmptyDescriptions:1" => {
        let (_, reasons) = compare(Against::PreviousVersion, None, "max_fraction_threshold: 1");
        assert!(reasons.is_empty());
    }
    examples_below_the_greatest_number = "tensorflow_data_validation/anomalies/dataset_constraints_util_test.cc:DatasetConstraintsUtilTest.UpdateWithNumExamplesBelowMaxDoesNotChangeConstraints:1" => {
        let data = examples(4);
        let mut constraints: DatasetConstraints = read("max_examples_count: 5");
        let reasons = dataset::bound(&DatasetView::new(&data).unwrap(), &mut constraints);
        assert!(reasons.is_empty());
        assert_eq!(constraints, read("max_examples_count: 5"));
    }
    control_lacks_the_feature = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.UpdateComparatorWithoutControlFeatureStatsGeneratesAnomaly:1" => {
        let (comparator, comparison) = against_other(
            Some("features { name: 'other_feature' type: INT num_stats { max: 10 } }"),
            "infinity_norm { threshold: 0.1 } jensen_shannon_divergence { threshold: 0.1 }",
        );
        assert_eq!(comparison.reasons.len(), 1);
        let reason = &comparison.reasons[0];
        assert_eq!(reason.r#type(), Type::ComparatorControlDataMissing);
        assert_eq!(reason.short_description(), "previous data missing");
        assert_eq!(reason.description(), "previous data is missing.");
        assert_eq!(comparator, read("infinity_norm {} jensen_shannon_divergence {}"));
        assert!(comparison.measurements.is_empty());
    }
    no_control_at_all = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureUtilTest.UpdateComparatorWithoutControlDatasetStatsMakesNoChanges:1" => {
        let (comparator, comparison) = against_other(None, INFINITY_NORM);
        assert_eq!(comparator, read(INFINITY_NORM));
        assert!(comparison.reasons.is_empty());
        assert!(comparison.measurements.is_empty());
    }
    has_skew_comparator = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.HasSkewComparatorTrue:1" => {
        let feature: Feature = read("name: 'feature_name' skew_comparator {}");
        assert!(feature.skew_comparator.is_some());
        assert!(feature.drift_comparator.is_none());
    }
    mutable_skew_comparator = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.MutableSkewComparator:1" => {
        let mut feature: Feature =
            read("name: 'feature_name' skew_comparator { infinity_norm { threshold: 0.1 } }");
        assert_eq!(feature.skew_comparator.as_mut(), Some(&mut read(INFINITY_NORM)));
    }
    mutable_comparator_changes_the_feature = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.MutableComparator2:1" => {
        let mut feature: Feature =
            read("skew_comparator { infinity_norm { threshold: 0.1 } }");
        if let Some(norm) = feature.skew_comparator.as_mut().and_then(|c| c.infinity_norm.as_mut()) {
            norm.threshold = Some(0.2);
        }
        assert_eq!(feature.skew_comparator, Some(read("infinity_norm { threshold: 0.2 }")));
    }
    mutable_drift_comparator = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.MutableComparatorWithDrift:1" => {
        let mut feature: Feature =
            read("drift_comparator { infinity_norm { threshold: 0.1 } }");
        if let Some(norm) = feature.drift_comparator.as_mut().and_then(|c| c.infinity_norm.as_mut()) {
            norm.threshold = Some(0.2);
        }
        assert_eq!(feature.drift_comparator, Some(read("infinity_norm { threshold: 0.2 }")));
    }
    comparator_of_a_feature = "tensorflow_data_validation/anomalies/feature_util_test.cc:FeatureTypeTest.GetComparatorNormal:1" => {
        let feature: Feature =
            read("name: 'feature_name' skew_comparator { infinity_norm { threshold: 0.1 } }");
        assert_eq!(feature.skew_comparator, Some(read(INFINITY_NORM)));
    }
    divergence_of_an_empty_histogram = "tensorflow_data_validation/anomalies/metrics_test.cc:JensenShannonDivergence.EmptyHistogram:1" => {
        let numbers = |buckets: &str| {
            format!("name: 'float' type: FLOAT num_stats {{ histograms {{ {buckets} }} }}")
        };
        let full = numbers("buckets { high_value: 4 sample_count: 10 }");
        for empty in ["", "buckets { high_value: 4 sample_count: 0 }"] {
            with_feature(&numbers(empty), |empty| {
                with_feature(&full, |full| {
                    let standard = HistogramSelection::default();
                    assert_eq!(jensen_shannon(empty, full, standard), Err(NotComparable::Empty));
                    assert_eq!(jensen_shannon(full, empty, standard), Err(NotComparable::Empty));
                });
            });
        }
    }
}
