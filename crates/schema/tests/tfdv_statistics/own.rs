//! Our own small set, which runs everywhere.

use crate::tree::differences;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, types::Int64Type,
};
use driftline_schema::tfmd::{
    FeatureNameStatistics, Schema, feature_name_statistics::Stats, from_text, statistics, to_text,
};
use driftline_statistics::{
    StatisticsError,
    features::{DatasetStatistics, FeatureOptions, FeaturePath, LiftOptions, Weights},
};
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

fn compute(options: FeatureOptions, batch: &RecordBatch) -> DatasetStatistics {
    let mut statistics = DatasetStatistics::new(Arc::new(options));
    statistics.update(batch).unwrap();
    statistics
}

fn feature(statistics: &DatasetStatistics, at: usize) -> FeatureNameStatistics {
    statistics::message(statistics, "").unwrap().features[at].clone()
}

#[test]
fn a_plain_column_has_one_value_a_row() {
    let column: ArrayRef = Arc::new(StringArray::from(vec![
        Some("b"),
        None,
        Some("a"),
        Some("b"),
    ]));
    let found = feature(
        &compute(FeatureOptions::default(), &batch(vec![("s", column)])),
        0,
    );
    let expected: FeatureNameStatistics = from_text(
        "own",
        r#"path { step: "s" } type: STRING string_stats {
             common_stats { num_non_missing: 3 num_missing: 1 min_num_values: 1
               max_num_values: 1 avg_num_values: 1.0 tot_num_values: 3 }
             unique: 2 avg_length: 1.0
             top_values { value: "b" frequency: 2.0 }
             top_values { value: "a" frequency: 1.0 }
             rank_histogram {
               buckets { label: "b" sample_count: 2.0 }
               buckets { low_rank: 1 high_rank: 1 label: "a" sample_count: 1.0 } } }"#,
    )
    .unwrap();
    let mut without = found;
    if let Some(Stats::StringStats(stats)) = &mut without.stats {
        stats.common_stats.as_mut().unwrap().num_values_histogram = None;
    }
    assert_eq!(differences(&without, &expected), Vec::<String>::new());
}

#[test]
fn a_date_is_skipped_with_its_reason_and_the_rest_stands() {
    let statistics = compute(
        FeatureOptions::default(),
        &batch(vec![
            ("day", Arc::new(Date32Array::from(vec![1, 2]))),
            ("flag", Arc::new(BooleanArray::from(vec![true, false]))),
        ]),
    );
    let day = FeaturePath::column("day");
    let reason = statistics.skipped()[&day].to_string();
    assert!(reason.contains("`day` of type Date32"), "{reason}");
    let Some(Stats::NumStats(flag)) = feature(&statistics, 0).stats else {
        panic!("a boolean is a whole number");
    };
    assert_eq!((flag.min, flag.max, flag.num_zeros), (0.0, 1.0, 1));
}

#[test]
fn an_empty_list_is_there_and_a_null_list_is_missing() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![]),
        None,
        Some(vec![Some(3), Some(5)]),
    ]);
    let found = feature(
        &compute(
            FeatureOptions::default(),
            &batch(vec![("l", Arc::new(lists))]),
        ),
        0,
    );
    let Some(Stats::NumStats(numbers)) = found.stats else {
        panic!("{found:?}");
    };
    let common = numbers.common_stats.unwrap();
    assert_eq!((common.num_non_missing, common.num_missing), (2, 1));
    assert_eq!((common.min_num_values, common.max_num_values), (0, 2));
    assert_eq!(common.tot_num_values, 2);
}

#[test]
fn a_weight_that_is_missing_is_told_with_its_column() {
    let options = FeatureOptions {
        weights: Weights {
            column: Some("w".into()),
            ..Weights::default()
        },
        ..FeatureOptions::default()
    };
    let weights: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None]));
    let mut statistics = DatasetStatistics::new(Arc::new(options));
    let error = statistics.update(&batch(vec![("w", weights)])).unwrap_err();
    assert!(matches!(error, StatisticsError::Weight { .. }));
    assert!(
        error.to_string().contains("`w` cannot weigh rows"),
        "{error}"
    );
}

#[test]
fn a_feature_of_two_types_is_an_error_that_names_it() {
    let mut statistics = DatasetStatistics::new(Arc::new(FeatureOptions::default()));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    statistics.update(&batch(vec![("x", numbers)])).unwrap();
    let error = statistics.update(&batch(vec![("x", words)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x` holds INT values in some rows and STRING values in others; cast it to one type in `prepare`"
    );
}

#[test]
fn a_schema_makes_categories_of_numbers_and_bytes_of_strings() {
    let schema: Schema = from_text(
        "own",
        r#"feature { name: "code" type: INT int_domain { is_categorical: true } }
           feature { name: "picture" type: BYTES image_domain {} }"#,
    )
    .unwrap();
    let options = FeatureOptions {
        claims: statistics::claims(&schema),
        ..FeatureOptions::default()
    };
    let statistics = compute(
        options,
        &batch(vec![
            ("code", Arc::new(Int64Array::from(vec![7, 7, 12]))),
            (
                "picture",
                Arc::new(StringArray::from(vec!["abc", "d", "ef"])),
            ),
        ]),
    );
    let message = statistics::message(&statistics, "").unwrap();
    let Some(Stats::StringStats(code)) = &message.features[0].stats else {
        panic!("{}", to_text(&message.features[0]));
    };
    assert_eq!((code.unique, code.top_values[0].value.as_str()), (2, "7"));
    let Some(Stats::BytesStats(picture)) = &message.features[1].stats else {
        panic!("{}", to_text(&message.features[1]));
    };
    assert_eq!((picture.max_num_bytes_int, picture.avg_num_bytes), (3, 2.0));
}

#[test]
fn no_rows_give_statistics_without_features() {
    let statistics = DatasetStatistics::new(Arc::new(FeatureOptions::default()));
    let message = statistics::message(&statistics, "All Examples").unwrap();
    assert_eq!(to_text(&message), "name: \"All Examples\"\n");
}

/// The lifts that TFDV's `test_lift_weighted` and `test_lift_float_y` expect of these rows.
#[test]
fn lifts_are_cross_statistics_of_counts_and_of_weights() {
    let rows = batch(vec![
        ("x", Arc::new(StringArray::from(vec!["a", "a", "b", "a"]))),
        (
            "y",
            Arc::new(StringArray::from(vec!["cat", "dog", "cat", "dog"])),
        ),
        ("n", Arc::new(Float64Array::from(vec![1.1, 2.2, 3.3, 4.4]))),
        ("w", Arc::new(Float64Array::from(vec![0.5, 0.5, 2.0, 1.0]))),
    ]);
    let only = |label: &str, boundaries: &[f64], weight: Option<&str>| FeatureOptions {
        basic: false,
        tokens: false,
        weights: Weights {
            column: weight.map(str::to_owned),
            ..Weights::default()
        },
        lift: Some(Arc::new(LiftOptions {
            label: FeaturePath::column(label),
            features: Some(vec![FeaturePath::column("x")]),
            boundaries: boundaries.to_vec(),
            custom: weight.is_none(),
            ..LiftOptions::default()
        })),
        ..FeatureOptions::default()
    };
    let weighted = compute(only("y", &[], Some("w")), &rows);
    let message = statistics::message(&weighted, "").unwrap();
    let text: Vec<String> = message.cross_features.iter().map(to_text).collect();
    insta::assert_snapshot!(text.join("\n"));
    let cut = compute(only("n", &[2.0, 4.0], None), &rows);
    insta::assert_snapshot!(to_text(&statistics::message(&cut, "").unwrap()));
}
