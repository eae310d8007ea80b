//! `statistics_view_test.cc`.

use super::{alone, path, ported, read, weighted, with_feature, with_view};
use crate::SchemaError;
use crate::tfmd::feature_name_statistics::Stats;
use crate::tfmd::histogram::HistogramType;
use crate::tfmd::{
    DatasetFeatureStatistics, DatasetView, FeatureNameStatistics, HistogramSelection,
    histogram_selection,
};

/// A feature `bar` with lists of 3 to `longest` values.
fn bar(longest: u32) -> DatasetFeatureStatistics {
    read(&format!(
        "num_examples: 9
         features {{
           name: 'bar' type: FLOAT
           num_stats {{
             common_stats {{
               num_missing: 3 num_non_missing: 6
               min_num_values: 3 max_num_values: {longest}
             }}
           }}
         }}"
    ))
}

fn view(data: &DatasetFeatureStatistics) -> DatasetView<'_> {
    DatasetView::new(data).unwrap()
}

/// A struct `foo` (or what `kind` makes of it) and a number `name`.
fn foo_and(name: &str, kind: &str) -> DatasetFeatureStatistics {
    read(&format!(
        "features {{ {name} type: FLOAT num_stats {{ common_stats {{ num_non_missing: 6 }} }} }}
         features {{ {kind} }}"
    ))
}

const STRUCT: &str =
    "name: 'foo' type: STRUCT struct_stats { common_stats { num_non_missing: 6 } }";

ported! {
    dataset_environment = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.Environment:1" => {
        let data = bar(7);
        assert_eq!(view(&data).in_environment(Some("serving")).environment(), Some("serving"));
        assert_eq!(view(&data).environment(), None);
    }
    feature_environment = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.Environment:1" => {
        let data = bar(7);
        let view = view(&data).in_environment(Some("serving"));
        let feature = view.feature(&path(["bar"])).unwrap();
        assert_eq!(feature.dataset().environment(), Some("serving"));
    }
    feature_previous = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.Previous:1" => {
        let (current, previous) = (bar(7), bar(10));
        let with = view(&current).after(Some(view(&previous)));
        let feature = with.feature(&path(["bar"])).unwrap();
        assert_eq!(feature.in_previous_span().unwrap().lengths_at_each_level(), [(3, 10)]);
        let there = with.previous_span().unwrap().feature(&path(["bar"])).unwrap();
        assert_eq!(there.lengths_at_each_level(), [(3, 10)]);
        let without = view(&current);
        assert!(without.previous_span().is_none());
        assert!(without.feature(&path(["bar"])).unwrap().in_previous_span().is_none());
    }
    feature_serving = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.Serving:1" => {
        let (current, serving) = (bar(7), bar(10));
        let with = view(&current).served_by(Some(view(&serving)));
        let feature = with.feature(&path(["bar"])).unwrap();
        assert_eq!(feature.in_serving().unwrap().lengths_at_each_level(), [(3, 10)]);
        let there = with.serving().unwrap().feature(&path(["bar"])).unwrap();
        assert_eq!(there.lengths_at_each_level(), [(3, 10)]);
        let without = view(&current);
        assert!(without.serving().is_none());
        assert!(without.feature(&path(["bar"])).unwrap().in_serving().is_none());
    }
    feature_derived_source = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.DerivedSource:1" => {
        let data: DatasetFeatureStatistics = read(
            "features { name: 'foo' type: FLOAT num_stats {} }
             features {
               name: 'bar' type: FLOAT num_stats {}
               validation_derived_source { deriver_name: 'bar_source' }
             }",
        );
        let view = view(&data);
        assert!(view.feature(&path(["foo"])).unwrap().derived_from().is_none());
        let source = view.feature(&path(["bar"])).unwrap().derived_from().unwrap();
        assert_eq!(source.deriver_name, "bar_source");
    }
    feature_present_of_struct = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetNumPresentForStruct:1" => {
        with_feature(
            "name: 's' type: STRUCT struct_stats { common_stats { num_non_missing: 10 } }",
            |feature| assert_eq!(feature.present().to_string(), "10"),
        );
    }
    feature_missing_nested = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetNumMissingNested:1" => {
        let data = alone(read(
            "name: 'bar' type: FLOAT
             num_stats { common_stats { num_missing: 3 weighted_common_stats { num_missing: 2 } } }",
        ));
        with_view(&data, false, |feature| assert_eq!(feature.missing_at_each_level(), [3.0]));
        with_view(&data, true, |feature| assert_eq!(feature.missing_at_each_level(), [2.0]));
        // With levels, those are asked, weighted and not.
        let nested = alone(weighted(read(
            "name: 'bar' type: FLOAT
             num_stats {
               common_stats {
                 num_missing: 3
                 presence_and_valency_stats { num_missing: 3 }
                 presence_and_valency_stats { num_missing: 5 }
               }
             }",
        )));
        for by_weight in [false, true] {
            with_view(&nested, by_weight, |feature| {
                assert_eq!(feature.missing_at_each_level(), [3.0, 5.0]);
            });
        }
    }
    feature_examples = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetNumExamples:1" => {
        let data = bar(7);
        let view = view(&data);
        let feature = view.feature(&path(["bar"])).unwrap();
        assert_eq!(feature.dataset().examples().to_string(), "9");
    }
    dataset_parent_is_a_struct = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetParentFalsePositiveGetPath:1" => {
        let data = foo_and("name: 'foo.bar'", "name: 'foo' type: FLOAT num_stats {}");
        let view = view(&data);
        let feature = view.feature(&path(["foo.bar"])).unwrap();
        assert!(feature.parent().is_none());
        assert_eq!(*feature.path(), path(["foo.bar"]));
    }
    dataset_roots = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetRootFeatures:1" => {
        let data = foo_and("name: 'foo.bar'", STRUCT);
        let view = view(&data);
        let roots: Vec<_> = view.roots().map(|root| root.path().clone()).collect();
        assert_eq!(roots, [path(["foo"])]);
    }
    dataset_roots_with_skip = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetRootFeaturesWithSkip:1" => {
        let data: DatasetFeatureStatistics =
            read(&format!("features {{ name: 'bar' }} features {{ {STRUCT} }}"));
        let view = view(&data);
        let roots: Vec<_> = view.roots().collect();
        assert_eq!(roots.len(), 1);
        assert_eq!(*roots[0].path(), path(["foo"]));
        assert_eq!(roots[0].children().count(), 0);
    }
    feature_strings_of_numbers = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetStringValuesWithCountsEmptyResult:1" => {
        with_feature(
            "name: 'bar' type: STRING num_stats { common_stats { num_missing: 3 } }",
            |feature| assert!(feature.string_counts().is_empty()),
        );
    }
    feature_strings_not_string = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetStringValuesWithCountsNotString:1" => {
        with_feature(
            "name: 'bar' type: STRING num_stats { common_stats { num_non_missing: 4 num_missing: 1 } }",
            |feature| assert!(feature.string_counts().is_empty()),
        );
    }
    feature_invalid_utf8 = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.HasInvalidUTF8Strings:1" => {
        with_feature(
            "name: 'bar' type: STRING string_stats { invalid_utf8_count: 1 unique: 3 }",
            |feature| assert!(feature.has_invalid_utf8()),
        );
        with_feature(
            "name: 'bar' type: STRING string_stats { unique: 3 }",
            |feature| assert!(!feature.has_invalid_utf8()),
        );
    }
    feature_no_string_values = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetStringValuesNoStringTest:1" => {
        with_feature(
            "name: 'bar' type: STRING num_stats { common_stats { num_non_missing: 4 } }",
            |feature| assert_eq!(feature.string_counts().len(), 0),
        );
    }
    feature_string_values = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetStringValuesBasic:1" => {
        with_feature(
            "name: 'bar' type: STRING
             string_stats {
               rank_histogram {
                 buckets { label: 'foo' } buckets { label: 'bar' } buckets { label: 'baz' }
               }
             }",
            |feature| {
                let values: Vec<_> = feature.string_counts().into_keys().collect();
                assert_eq!(values, ["bar", "baz", "foo"]);
            },
        );
    }
    feature_strings_weighted = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetStringValuesWithCountsWeighted:1" => {
        let data = alone(read(
            "name: 'bar' type: STRING
             string_stats {
               weighted_string_stats {
                 rank_histogram {
                   buckets { label: 'alpha' sample_count: 123 }
                   buckets { label: 'beta' sample_count: 234 }
                 }
               }
             }",
        ));
        with_view(&data, true, |feature| {
            let counts: Vec<_> = feature.string_counts().into_iter().collect();
            assert_eq!(counts, [("alpha", 123.0), ("beta", 234.0)]);
        });
        with_view(&data, false, |feature| assert!(feature.string_counts().is_empty()));
    }
    feature_numeric = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.NumStats:1" => {
        with_feature("name: 'bar' type: FLOAT num_stats { min: 8 }", |feature| {
            assert_eq!(feature.range(), (8.0, 0.0));
        });
        with_feature("name: 'bar' type: STRING string_stats {}", |feature| {
            assert!(feature.numeric().is_none());
            assert_eq!(feature.range(), (0.0, 0.0));
        });
    }
    feature_missing = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetNumMissing:1" => {
        let data = alone(read(
            "name: 'bar' type: FLOAT
             num_stats {
               common_stats {
                 num_missing: 3 num_non_missing: 7
                 weighted_common_stats { num_non_missing: 5.5 num_missing: 4.25 }
               }
             }",
        ));
        with_view(&data, false, |feature| assert_eq!(feature.missing().to_string(), "3"));
        with_view(&data, true, |feature| assert_eq!(feature.missing().to_string(), "4.25"));
    }
    feature_both_histograms = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetsBothHistogramTypes:1" => {
        with_feature(
            "name: 'x' type: FLOAT
             num_stats { histograms { type: STANDARD } histograms { type: QUANTILES } }",
            |feature| {
                let kind = |selection| feature.histogram(selection).unwrap().r#type();
                assert_eq!(kind(HistogramSelection::default()), HistogramType::Standard);
                let mut quantiles = HistogramSelection::default();
                quantiles.set_type(histogram_selection::Type::Quantiles);
                assert_eq!(kind(quantiles), HistogramType::Quantiles);
            },
        );
    }
    dataset_features = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.Features:1" => {
        assert_eq!(view(&bar(7)).features().count(), 1);
    }
    dataset_examples = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetNumExamples:1" => {
        let data = alone(bar(7).features.remove(0));
        assert_eq!(view(&data).examples().to_string(), "9");
    }
    dataset_examples_weighted = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetNumExamplesWeighted:1" => {
        let data = alone(read(
            "name: 'bar' type: FLOAT
             num_stats {
               common_stats {
                 num_missing: 3 num_non_missing: 7
                 weighted_common_stats { num_non_missing: 5.5 num_missing: 3 }
               }
             }",
        ));
        assert_eq!(view(&data).by_weight(true).examples().to_string(), "8.5");
    }
    dataset_by_weight = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.ByWeight:1" => {
        let data = bar(7);
        assert!(!view(&data).is_by_weight());
        assert!(view(&data).by_weight(true).is_by_weight());
    }
    dataset_by_path = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetByPathOrNull:1" => {
        let data = bar(7);
        let view = view(&data);
        assert_eq!(*view.feature(&path(["bar"])).unwrap().path(), path(["bar"]));
        assert!(view.feature(&path(["imaginary"])).is_none());
    }
    dataset_no_weighted_examples = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.WeightedStatisticsExistNoWeightedNumExamples:1" => {
        let mut data = alone(weighted(bar(7).features.remove(0)));
        assert!(view(&data).has_weights());
        data.weighted_num_examples = 0.0;
        assert!(!view(&data).has_weights());
    }
    dataset_no_weighted_counts = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.WeightedStatisticsExistNoWeightedCommonStats:1" => {
        let mut data = bar(7);
        data.weighted_num_examples = 997.0;
        assert!(!view(&data).has_weights());
    }
    feature_parent_by_name = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetParentGetPath_FieldIdIsName:1" => {
        let data = foo_and("name: 'foo.baz'", STRUCT);
        let view = view(&data);
        let feature = view.feature(&path(["foo", "baz"])).unwrap();
        assert_eq!(*feature.parent().unwrap().path(), path(["foo"]));
        assert_eq!(*feature.path(), path(["foo", "baz"]));
    }
    dataset_children_by_name = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetChildren_FieldIdIsName:1" => {
        let data = foo_and("name: 'foo.bar'", STRUCT);
        let view = view(&data);
        let parent = view.feature(&path(["foo"])).unwrap();
        let children: Vec<_> = parent.children().map(|child| child.path().clone()).collect();
        assert_eq!(children, [path(["foo", "bar"])]);
    }
    feature_parent_by_path = "tensorflow_data_validation/anomalies/statistics_view_test.cc:FeatureStatsView.GetParentGetPath_FieldIdIsPath:1" => {
        let data = foo_and(
            "path { step: 'foo' step: 'baz' }",
            "path { step: 'foo' } type: STRUCT struct_stats {}",
        );
        let view = view(&data);
        let feature = view.feature(&path(["foo", "baz"])).unwrap();
        assert_eq!(*feature.parent().unwrap().path(), path(["foo"]));
    }
    dataset_mixed_ids = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsViewDeathTest.MixedFieldId:1" => {
        // TFDV ends the process; an error says as much.
        let data = foo_and("path { step: 'foo' step: 'bar' }", STRUCT);
        let Err(SchemaError::Statistics { reason, .. }) = DatasetView::new(&data) else {
            panic!("mixed statistics were read");
        };
        assert_eq!(reason, "some features have a name and others a path");
    }
    dataset_previous_version = "tensorflow_data_validation/anomalies/statistics_view_test.cc:DatasetStatsView.GetPreviousVersion:1" => {
        let (current, previous) = (bar(7), bar(10));
        let with = view(&current).instead_of(Some(view(&previous)));
        let there = with.previous_version().unwrap().feature(&path(["bar"])).unwrap();
        assert_eq!(there.lengths_at_each_level(), [(3, 10)]);
        assert!(view(&current).previous_version().is_none());
    }
}

#[test]
fn the_longest_struct_is_the_parent_and_a_dot_must_follow() {
    let data: DatasetFeatureStatistics = read(
        "features { name: 'a' type: STRUCT struct_stats {} }
         features { name: 'a-b' type: STRUCT struct_stats {} }
         features { name: 'a.b' type: STRUCT struct_stats {} }
         features { name: 'a.b.c.d' num_stats {} }
         features { name: 'ab' num_stats {} }",
    );
    let view = view(&data);
    let paths: Vec<String> = view.features().map(|f| f.path().to_string()).collect();
    assert_eq!(paths, ["a", "a-b", "a.b", "a.b.'c.d'", "ab"]);
    let roots: Vec<String> = view.roots().map(|f| f.path().to_string()).collect();
    assert_eq!(roots, ["a", "a-b", "ab"]);
}

#[test]
fn statistics_without_their_common_part_count_as_nothing() {
    let feature: FeatureNameStatistics = read("name: 'a' type: INT num_stats {}");
    assert!(matches!(&feature.stats, Some(Stats::NumStats(stats)) if stats.common_stats.is_none()));
    with_view(&alone(feature), false, |feature| {
        assert_eq!(feature.present().to_string(), "0");
        assert_eq!(feature.fraction_present(), None);
        assert_eq!(feature.lengths_at_each_level(), [(0, 0)]);
    });
}
