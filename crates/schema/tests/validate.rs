//! Anomalies, each raised by the condition that TFDV raises it by.

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, NullArray, StringArray,
};
use driftline_schema::{
    Anomaly, AnomalyType, BooleanDomain, Bounds, Column, ColumnType, InferConfig, Number, Presence,
    Schema, Severity, SpelledNumber, infer, validate,
};
use driftline_statistics::ColumnProfile;
use std::sync::Arc;

fn of(columns: Vec<Column>) -> Schema {
    Schema {
        columns,
        ..Schema::default()
    }
}

fn words(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// `count` of each value.
fn counted(values: &[(&str, usize)]) -> ArrayRef {
    let repeated = values
        .iter()
        .flat_map(|(value, count)| vec![*value; *count]);
    Arc::new(StringArray::from(repeated.collect::<Vec<_>>()))
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn check(column: Column, array: &ArrayRef) -> Vec<Anomaly> {
    let profile = ColumnProfile::of(array, false);
    let name = column.name.clone();
    validate(&of(vec![column]), &[(name, &profile)], profile.rows)
}

fn kinds(anomalies: &[Anomaly]) -> Vec<&'static str> {
    anomalies
        .iter()
        .map(|anomaly| anomaly.kind.name())
        .collect()
}

fn kinds_of(column: Column, array: &ArrayRef) -> Vec<&'static str> {
    kinds(&check(column, array))
}

fn required() -> Presence {
    Presence {
        min_fraction: Some(1.0),
        min_count: Some(1),
    }
}

// Columns that come and go.

#[test]
fn a_required_column_that_is_absent_is_missing() {
    let column = Column {
        presence: Some(required()),
        ..Column::new("label", ColumnType::String)
    };
    let anomalies = validate(&of(vec![column]), &[], 1_000);
    assert_eq!(kinds(&anomalies), ["SCHEMA_MISSING_COLUMN"]);
    assert_eq!(anomalies[0].column.as_deref(), Some("label"));
    assert_eq!(anomalies[0].severity, Severity::Error);
}

#[test]
fn a_column_that_is_not_required_may_be_absent_or_null() {
    let optional = Column::new("a", ColumnType::Integer);
    let zero = Presence {
        min_fraction: Some(0.0),
        min_count: Some(0),
    };
    let zero = Column {
        presence: Some(zero),
        ..Column::new("b", ColumnType::String)
    };
    let schema = of(vec![optional.clone(), zero]);
    assert_eq!(validate(&schema, &[], 10), []);
    assert_eq!(
        kinds_of(optional, &(Arc::new(NullArray::new(3)) as ArrayRef)),
        [""; 0]
    );
}

#[test]
fn a_column_of_nulls_is_an_anomaly_of_its_own() {
    let column = Column {
        presence: Some(required()),
        ..Column::new("fare", ColumnType::Float)
    };
    let nulls: ArrayRef = Arc::new(Float64Array::from(vec![None, None]));
    assert_eq!(
        kinds_of(column.clone(), &nulls),
        ["FEATURE_TYPE_NOT_PRESENT"]
    );
    // As CSV gives it: a column without a type.
    assert_eq!(
        kinds_of(column, &(Arc::new(NullArray::new(2)) as ArrayRef)),
        ["FEATURE_TYPE_NOT_PRESENT"]
    );
}

#[test]
fn a_new_column_is_told_once_and_its_severity_can_be_lowered() {
    let profile = ColumnProfile::of(&integers(&[1]), false);
    let mut schema = of(vec![]);
    let columns = [("tip".to_owned(), &profile), ("tip".to_owned(), &profile)];
    assert_eq!(
        kinds(&validate(&schema, &columns, 1)),
        ["SCHEMA_NEW_COLUMN"]
    );
    schema.severity_overrides = [(AnomalyType::SchemaNewColumn, Severity::Warning)].into();
    assert_eq!(
        validate(&schema, &columns, 1)[0].severity,
        Severity::Warning
    );
}

#[test]
fn anomalies_follow_the_schema_then_the_data() {
    let profile = ColumnProfile::of(&integers(&[1]), false);
    let text = |name: &str| Column {
        presence: Some(required()),
        ..Column::new(name, ColumnType::String)
    };
    let mut schema = of(vec![text("z"), text("a")]);
    schema.rows = Some(Bounds::new(5, 9));
    let names = ["new 2", "a", "new 1"];
    let columns = names.map(|name| (name.to_owned(), &profile));
    let found: Vec<_> = validate(&schema, &columns, 1)
        .into_iter()
        .map(|a| a.column)
        .collect();
    let found: Vec<&str> = found
        .iter()
        .map(|c| c.as_deref().unwrap_or("rows"))
        .collect();
    assert_eq!(found, ["rows", "z", "a", "new 2", "new 1"]);
}

// Rows.

#[test]
fn no_rows_is_told_and_nothing_else() {
    let column = Column {
        presence: Some(required()),
        ..Column::new("a", ColumnType::Float)
    };
    let anomalies = validate(&of(vec![column]), &[], 0);
    assert_eq!(kinds(&anomalies), ["DATA_MISSING"]);
    assert!(anomalies[0].kind.is_own());
}

#[test]
fn the_number_of_rows_has_bounds() {
    let mut schema = of(vec![]);
    schema.rows = Some(Bounds::new(2, 3));
    let kinds = |rows| kinds(&validate(&schema, &[], rows));
    assert_eq!(kinds(1), ["DATASET_LOW_NUM_EXAMPLES"]);
    assert_eq!((kinds(2), kinds(3)), (vec![], vec![]));
    assert_eq!(kinds(4), ["DATASET_HIGH_NUM_EXAMPLES"]);
}

// Presence.

fn with_gaps(present: usize, missing: usize) -> ArrayRef {
    let values = std::iter::repeat_n(Some(1), present).chain(std::iter::repeat_n(None, missing));
    Arc::new(Int64Array::from_iter(values))
}

#[test]
fn too_few_values_break_the_least_count() {
    // FeatureTypeTest.TestMinCount: 10 rows, 4 of them missing.
    let with = |min_count| {
        let presence = Presence {
            min_fraction: None,
            min_count: Some(min_count),
        };
        Column {
            presence: Some(presence),
            ..Column::new("foo", ColumnType::Integer)
        }
    };
    assert_eq!(check(with(3), &with_gaps(6, 4)), []);
    let anomalies = check(with(7), &with_gaps(6, 4));
    assert_eq!(kinds(&anomalies), ["FEATURE_TYPE_LOW_NUMBER_PRESENT"]);
    assert_eq!(
        (anomalies[0].expected, anomalies[0].actual),
        (Some(7.0), Some(6.0))
    );
}

#[test]
fn too_small_a_share_of_values_is_told_with_both_numbers() {
    let presence = Presence {
        min_fraction: Some(0.75),
        min_count: None,
    };
    let column = Column {
        presence: Some(presence),
        ..Column::new("foo", ColumnType::Integer)
    };
    assert_eq!(check(column.clone(), &with_gaps(6, 2)), []);
    let anomalies = check(column, &with_gaps(5, 3));
    assert_eq!(kinds(&anomalies), ["FEATURE_TYPE_LOW_FRACTION_PRESENT"]);
    insta::assert_snapshot!(anomalies[0].description, @"5 of 8 rows have a value: a share of 0.625, below the least of 0.75");
}

#[test]
fn one_missing_value_in_a_quadrillion_is_missing() {
    // FeatureTypeTest.RareMissingFeatureUnweighted: the share rounds to 1.
    let mut profile = ColumnProfile::of(&with_gaps(1, 1), false);
    profile.rows = 1_000_000_000_000_001;
    let column = Column {
        presence: Some(required()),
        ..Column::new("a", ColumnType::Integer)
    };
    let anomalies = validate(
        &of(vec![column]),
        &[("a".to_owned(), &profile)],
        profile.rows,
    );
    assert_eq!(kinds(&anomalies), ["FEATURE_TYPE_LOW_FRACTION_PRESENT"]);
    insta::assert_snapshot!(anomalies[0].description, @"every row should have a value, and 1 of 1000000000000001 have none");
}

#[test]
fn a_flat_column_has_one_value_a_row() {
    let with = |min, max| Column {
        valency: Some(Bounds::new(min, max)),
        ..Column::new("a", ColumnType::Integer)
    };
    assert_eq!(kinds_of(with(1, 1), &integers(&[1])), [""; 0]);
    assert_eq!(
        kinds_of(with(2, 3), &integers(&[1])),
        ["FEATURE_TYPE_LOW_NUMBER_VALUES"]
    );
    assert_eq!(
        kinds_of(with(0, 0), &integers(&[1])),
        ["FEATURE_TYPE_HIGH_NUMBER_VALUES"]
    );
}

// Types.

#[test]
fn another_type_is_told_and_its_values_are_not_compared() {
    let column = Column {
        range: Some(Bounds::new(Number::Integer(0), Number::Integer(5))),
        unique: Some(Bounds::new(100, 200)),
        ..Column::new("fare", ColumnType::Float)
    };
    assert_eq!(
        kinds_of(column.clone(), &words(&["7"])),
        ["UNEXPECTED_DATA_TYPE"]
    );
    assert_eq!(kinds_of(column, &integers(&[7])), ["UNEXPECTED_DATA_TYPE"]);
}

#[test]
fn strings_and_bytes_are_one_type_and_any_takes_all() {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\xff\xfe"]));
    assert_eq!(
        kinds_of(Column::new("a", ColumnType::String), &bytes),
        [""; 0]
    );
    assert_eq!(
        kinds_of(Column::new("a", ColumnType::Bytes), &words(&["a"])),
        [""; 0]
    );
    assert_eq!(kinds_of(Column::new("a", ColumnType::Any), &bytes), [""; 0]);
}

// Domains.

fn with_domain(values: &[&str], min_domain_mass: Option<f64>) -> Column {
    Column {
        domain: Some(values.iter().map(|&v| v.to_owned()).collect()),
        min_domain_mass,
        ..Column::new("bar", ColumnType::String)
    }
}

#[test]
fn values_outside_the_domain_are_named_with_their_share() {
    let array = counted(&[("a", 943), ("mystery, \"x\"", 50), ("b", 7)]);
    let anomalies = check(with_domain(&["a"], None), &array);
    assert_eq!(kinds(&anomalies), ["ENUM_TYPE_UNEXPECTED_STRING_VALUES"]);
    insta::assert_json_snapshot!(anomalies[0], @r#"
    {
      "kind": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
      "column": "bar",
      "severity": "error",
      "short_description": "unexpected values",
      "description": "values outside the domain: mystery, \"x\" (~5%), b (<1%)",
      "expected": 1.0,
      "actual": 0.943,
      "evidence": [
        {
          "value": "mystery, \"x\"",
          "count": 50,
          "share": 0.05
        },
        {
          "value": "b",
          "count": 7,
          "share": 0.007
        }
      ]
    }
    "#);
}

#[test]
fn a_domain_may_hold_most_of_the_values() {
    // EnumType.IsValidWithMassConstraint; 8 of 10 is exactly the least of 0.8, which
    // 1 - 0.8 in binary is not.
    let column = with_domain(&["a", "b"], Some(0.8));
    assert_eq!(check(column.clone(), &counted(&[("a", 8), ("b", 2)])), []);
    assert_eq!(check(column.clone(), &counted(&[("a", 8), ("c", 2)])), []);
    let anomalies = check(column, &counted(&[("a", 7), ("c", 3)]));
    assert_eq!(kinds(&anomalies), ["ENUM_TYPE_UNEXPECTED_STRING_VALUES"]);
    assert_eq!(
        (anomalies[0].expected, anomalies[0].actual),
        (Some(0.8), Some(0.7))
    );
}

#[test]
fn many_unexpected_values_are_counted_and_some_named() {
    let values: Vec<String> = (0..50).map(|i| format!("v{i:02}")).collect();
    let array: ArrayRef = Arc::new(StringArray::from(values));
    let anomalies = check(with_domain(&["v00"], None), &array);
    assert_eq!(anomalies[0].evidence.len(), Anomaly::MAX_EVIDENCE);
    assert!(
        anomalies[0].description.ends_with("v20 (~2%) and 29 more"),
        "{}",
        anomalies[0].description
    );
}

#[test]
fn a_long_or_wild_value_takes_one_line() {
    let long = "好".repeat(70);
    let anomalies = check(
        with_domain(&["a"], None),
        &words(&["a", "x\ny\u{1b}[31m", &long]),
    );
    let shown = format!("{}… (~33%), x\\ny\\u{{1b}}[31m (~33%)", "好".repeat(60));
    let values: Vec<&str> = anomalies[0]
        .evidence
        .iter()
        .map(|v| v.value.as_str())
        .collect();
    assert_eq!(values, ["x\ny\u{1b}[31m", &long]);
    let (a, b) = shown.split_once(", ").unwrap();
    assert_eq!(
        anomalies[0].description,
        format!("values outside the domain: {b}, {a}")
    );
}

#[test]
fn a_domain_check_on_a_sketch_says_so() {
    let values: Vec<String> = (0..20_000).map(|i| format!("v{i}")).collect();
    let mut all = vec!["usual"; 9_000];
    all.extend(["mystery"; 1_000]);
    all.extend(values.iter().map(String::as_str));
    let anomalies = check(with_domain(&["usual"], None), &words(&all));
    assert_eq!(kinds(&anomalies), ["ENUM_TYPE_UNEXPECTED_STRING_VALUES"]);
    assert_eq!(anomalies[0].evidence[0].value, "mystery");
    assert!(
        anomalies[0]
            .description
            .contains("the counts come from a sketch")
    );
}

// Booleans: BoolTypeTest.IsValid and Update.

#[test]
fn a_boolean_column_of_numbers_holds_only_zero_and_one() {
    let with = |kind| Column {
        boolean: Some(BooleanDomain::default()),
        ..Column::new("a", kind)
    };
    let integer = || with(ColumnType::Integer);
    assert_eq!(kinds_of(integer(), &integers(&[0, 1])), [""; 0]);
    assert_eq!(
        kinds_of(integer(), &integers(&[-1, 2])),
        ["BOOL_TYPE_SMALL_INT", "BOOL_TYPE_BIG_INT"]
    );
    let float = || with(ColumnType::Float);
    assert_eq!(kinds_of(float(), &floats(&[0.0, -0.0, 1.0])), [""; 0]);
    for odd in [0.5, -1.0, 2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            kinds_of(float(), &floats(&[0.0, odd, 1.0])),
            ["BOOL_TYPE_UNEXPECTED_FLOAT"],
            "{odd}"
        );
    }
    let arrow: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    assert_eq!(kinds_of(with(ColumnType::Boolean), &arrow), [""; 0]);
}

#[test]
fn a_boolean_column_of_strings_holds_only_its_two_words() {
    let boolean = BooleanDomain {
        true_value: Some("my_true".into()),
        false_value: None,
    };
    let column = Column {
        boolean: Some(boolean),
        ..Column::new("a", ColumnType::String)
    };
    assert_eq!(check(column.clone(), &words(&["my_true"])), []);
    let anomalies = check(column, &words(&["my_true", "maybe"]));
    assert_eq!(kinds(&anomalies), ["BOOL_TYPE_UNEXPECTED_STRING"]);
    insta::assert_snapshot!(anomalies[0].description, @"values other than `my_true`: maybe (~50%)");
}

// Numbers.

fn with_range(kind: ColumnType, min: i64, max: i64) -> Column {
    let range = Bounds::new(Number::Integer(min), Number::Integer(max));
    Column {
        range: Some(range),
        ..Column::new("bar", kind)
    }
}

#[test]
fn integers_keep_to_their_range() {
    // IntDomainTest.IsValid, "Expand range." and "Negative values for uint32".
    let column = || with_range(ColumnType::Integer, 7, 10);
    assert_eq!(kinds_of(column(), &integers(&[7, 10])), [""; 0]);
    assert_eq!(
        kinds_of(column(), &integers(&[2, 27])),
        ["INT_TYPE_SMALL_INT", "INT_TYPE_BIG_INT"]
    );
    assert_eq!(
        kinds_of(
            with_range(ColumnType::Integer, 0, 20),
            &integers(&[-13, 14])
        ),
        ["INT_TYPE_SMALL_INT"]
    );
}

#[test]
fn floats_keep_to_their_range_and_infinity_is_outside_all() {
    // FloatDomainTest.UpdateFloatDomain, "float_value_in_range" and its neighbours.
    let column = || with_range(ColumnType::Float, 3, 5);
    assert_eq!(kinds_of(column(), &floats(&[3.5, 4.5])), [""; 0]);
    assert_eq!(
        kinds_of(column(), &floats(&[2.5, 5.5])),
        ["FLOAT_TYPE_SMALL_FLOAT", "FLOAT_TYPE_BIG_FLOAT"]
    );
    assert_eq!(
        kinds_of(column(), &floats(&[4.0, f64::NEG_INFINITY])),
        ["FLOAT_TYPE_SMALL_FLOAT"]
    );
}

#[test]
fn nan_and_infinity_are_told_apart() {
    let column = Column {
        disallow_nan: true,
        disallow_inf: true,
        ..Column::new("a", ColumnType::Float)
    };
    let anomalies = check(
        column,
        &floats(&[1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    );
    assert_eq!(
        kinds(&anomalies),
        ["FLOAT_TYPE_HAS_NAN", "FLOAT_TYPE_HAS_INF"]
    );
    assert_eq!(
        (anomalies[0].actual, anomalies[1].actual),
        (Some(1.0), Some(2.0))
    );
}

#[test]
fn a_column_of_nan_alone_has_values_and_no_numbers() {
    let column = Column {
        presence: Some(required()),
        unique: Some(Bounds {
            min: None,
            max: Some(5),
        }),
        ..with_range(ColumnType::Float, 0, 1)
    };
    assert_eq!(check(column.clone(), &floats(&[f64::NAN; 3])), []);
    let strict = Column {
        disallow_nan: true,
        ..column
    };
    assert_eq!(
        kinds_of(strict, &floats(&[f64::NAN; 3])),
        ["FLOAT_TYPE_HAS_NAN"]
    );
}

#[test]
fn strings_that_spell_numbers_are_compared_as_numbers() {
    // IntDomainTest.IsValid, "Negative strings with uint32" and "Non-int string".
    let column = |holds, min, max| Column {
        holds: Some(holds),
        ..with_range(ColumnType::String, min, max)
    };
    let integer = || column(SpelledNumber::Integer, 0, 20);
    assert_eq!(kinds_of(integer(), &words(&["14", "17"])), [""; 0]);
    assert_eq!(
        kinds_of(integer(), &words(&["-14", "17"])),
        ["INT_TYPE_SMALL_INT"]
    );
    assert_eq!(
        kinds_of(integer(), &words(&["hello", "17"])),
        ["INT_TYPE_NOT_INT_STRING"]
    );
    let float = Column {
        disallow_nan: true,
        disallow_inf: true,
        ..column(SpelledNumber::Float, 0, 2)
    };
    assert_eq!(kinds_of(float.clone(), &words(&["1.5", "0.25"])), [""; 0]);
    assert_eq!(
        kinds_of(float, &words(&["x", "nan", "inf", "-1"])),
        [
            "FLOAT_TYPE_STRING_NOT_FLOAT",
            "FLOAT_TYPE_SMALL_FLOAT",
            "FLOAT_TYPE_BIG_FLOAT",
            "FLOAT_TYPE_HAS_NAN",
            "FLOAT_TYPE_HAS_INF",
        ]
    );
}

// Distinct values: FeatureUtilTest.UpdateUniqueConstraints*.

#[test]
fn the_number_of_distinct_values_has_bounds() {
    let with = |min, max| Column {
        unique: Some(Bounds::new(min, max)),
        ..Column::new("a", ColumnType::String)
    };
    let five = words(&["a", "b", "c", "d", "e"]);
    assert_eq!(kinds_of(with(5, 5), &five), [""; 0]);
    assert_eq!(kinds_of(with(1, 1), &five), ["FEATURE_TYPE_HIGH_UNIQUE"]);
    assert_eq!(
        kinds_of(with(5, 5), &words(&["a", "a"])),
        ["FEATURE_TYPE_LOW_UNIQUE"]
    );
    let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a"]));
    let uncounted = Column {
        column_type: ColumnType::Bytes,
        ..with(1, 5)
    };
    assert_eq!(kinds_of(uncounted, &bytes), ["FEATURE_TYPE_NO_UNIQUE"]);
}

#[test]
fn an_estimate_within_its_error_breaks_no_bound() {
    let values: Vec<String> = (0..10_000).map(|i| format!("v{i}")).collect();
    let array: ArrayRef = Arc::new(StringArray::from(values));
    let with = |min, max| Column {
        unique: Some(Bounds::new(min, max)),
        ..Column::new("a", ColumnType::String)
    };
    assert_eq!(check(with(10_000, 10_000), &array), []);
    let anomalies = check(with(20_000, 30_000), &array);
    assert_eq!(kinds(&anomalies), ["FEATURE_TYPE_LOW_UNIQUE"]);
    assert!(
        anomalies[0].description.contains("about"),
        "{}",
        anomalies[0].description
    );
}

// Lengths: Driftline's own.

fn with_length(min: u64, max: u64) -> Column {
    Column {
        length: Some(Bounds::new(min, max)),
        ..Column::new("title", ColumnType::String)
    }
}

#[test]
fn lengths_are_counted_in_characters() {
    let array = words(&["今天", "天气很好啊", "ab"]);
    assert_eq!(check(with_length(2, 5), &array), []);
    assert_eq!(
        kinds_of(with_length(3, 4), &array),
        ["LENGTH_TOO_SHORT", "LENGTH_TOO_LONG"]
    );
    let profile = ColumnProfile::of(&array, true);
    let columns = [("title".to_owned(), &profile)];
    assert_eq!(validate(&of(vec![with_length(2, 5)]), &columns, 3), []);
    let anomalies = validate(&of(vec![with_length(3, 4)]), &columns, 3);
    assert_eq!(kinds(&anomalies), ["LENGTH_TOO_SHORT", "LENGTH_TOO_LONG"]);
    assert!(anomalies.iter().all(|anomaly| anomaly.kind.is_own()));
}

#[test]
fn lengths_that_the_profile_cannot_tell_are_never_passed() {
    let long = "字".repeat(1_000);
    // At least 3,000 / 4 characters: certainly more than 700.
    assert_eq!(
        kinds_of(with_length(1, 700), &words(&["a", &long])),
        ["LENGTH_TOO_LONG"]
    );
    assert_eq!(
        kinds_of(with_length(1, 3_000), &words(&["a", &long])),
        [""; 0]
    );
    assert_eq!(
        kinds_of(with_length(1, 900), &words(&["a", &long])),
        ["STATS_NOT_AVAILABLE"]
    );
}

#[test]
fn what_a_text_profile_cannot_tell_is_never_passed() {
    let profile = ColumnProfile::of(&words(&["a", "b"]), true);
    let anomalies = validate(
        &of(vec![with_domain(&["a"], None)]),
        &[("bar".to_owned(), &profile)],
        2,
    );
    assert_eq!(kinds(&anomalies), ["STATS_NOT_AVAILABLE"]);
}

// Names and size.

#[test]
fn hostile_names_are_told_as_they_are() {
    let names = ["a.b", "'q\"", "new\nline", "👩‍🚀", "", "${HOME}", "<script>"];
    let profile = ColumnProfile::of(&words(&["x", "y", "x"]), false);
    let columns = names.map(|name| (name.to_owned(), &profile));
    let schema = infer(&columns, &InferConfig::default());
    let schema = Schema::from_yaml("s.yaml", &schema.to_yaml()).unwrap();
    assert_eq!(validate(&schema, &columns, 3), []);
    let missing = validate(&schema, &[], 3);
    let found: Vec<&str> = missing
        .iter()
        .map(|a| a.column.as_deref().unwrap())
        .collect();
    assert_eq!(found, names);
}

#[test]
fn ten_thousand_columns_are_checked_at_once() {
    let profile = ColumnProfile::of(&words(&["x", "y", "x"]), false);
    let named = |prefix: &str| -> Vec<(String, &ColumnProfile)> {
        (0..10_000)
            .map(|i| (format!("{prefix}{i}"), &profile))
            .collect()
    };
    let schema = infer(&named("c"), &InferConfig::default());
    assert_eq!(validate(&schema, &named("c"), 3), []);
    assert_eq!(validate(&schema, &named("d"), 3).len(), 20_000);
}

#[test]
fn an_anomaly_survives_json() {
    let array = counted(&[("a", 1), ("b", 1)]);
    let anomalies = check(with_domain(&["a"], None), &array);
    let json = serde_json::to_string(&anomalies).unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<Anomaly>>(&json).unwrap(),
        anomalies
    );
}

#[test]
fn every_type_has_its_name_in_json() {
    for kind in AnomalyType::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
