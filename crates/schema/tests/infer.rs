//! What is learnt from data: TFDV's rules, and Driftline's roles.

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, NullArray, StringArray,
};
use driftline_schema::{
    BooleanDomain, Bounds, Column, ColumnType, InferConfig, Number, Presence, Ranges, Role,
    SpelledNumber, infer, infer_role, validate,
};
use driftline_statistics::ColumnProfile;
use proptest::prelude::*;
use std::sync::Arc;

fn strings<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

fn words<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    strings(values.into_iter().map(Some))
}

fn column_with(array: &ArrayRef, config: &InferConfig) -> Column {
    let profile = ColumnProfile::of(array, false);
    let schema = infer(&[("c".to_owned(), &profile)], config);
    schema
        .columns
        .into_iter()
        .next()
        .expect("there is one column")
}

fn column(array: &ArrayRef) -> Column {
    column_with(array, &InferConfig::default())
}

fn observed() -> InferConfig {
    InferConfig {
        ranges: Ranges::Observed,
        ..InferConfig::default()
    }
}

// Presence and valency: tfdv.md, section c.

#[test]
fn a_column_without_gaps_must_stay_so() {
    let column = column(&words(["a", "b", "a"]));
    let presence = Presence {
        min_fraction: Some(1.0),
        min_count: Some(1),
    };
    assert_eq!(column.presence, Some(presence));
    assert_eq!(column.valency, Some(Bounds::new(1, 1)));
    assert!(column.is_required());
}

#[test]
fn a_column_with_gaps_must_have_some_value() {
    let column = column(&strings([Some("a"), None]));
    let presence = Presence {
        min_fraction: None,
        min_count: Some(1),
    };
    assert_eq!(column.presence, Some(presence));
    assert!(column.is_required());
}

#[test]
fn a_column_of_nulls_may_be_absent() {
    // TFDV: an all-None column is inferred with presence {min_count: 0}.
    for array in [
        strings([None, None]),
        Arc::new(NullArray::new(2)) as ArrayRef,
    ] {
        let column = column(&array);
        let presence = Presence {
            min_fraction: None,
            min_count: Some(0),
        };
        assert_eq!(column.presence, Some(presence));
        assert_eq!((column.valency, &column.domain), (None, &None));
        assert!(!column.is_required());
    }
    assert_eq!(
        column(&(Arc::new(NullArray::new(2)) as ArrayRef)).column_type,
        ColumnType::Any
    );
}

// Domains. The rows of BoolTypeTest.IsCandidate and IntDomainTest.IsCandidate of
// tensorflow/data-validation 710b32f.

#[test]
fn strings_that_tfdv_takes_for_booleans_are_boolean() {
    for (values, yes, no) in [
        (vec!["true", "false"], Some("true"), Some("false")),
        (vec!["1", "0"], Some("1"), Some("0")),
        (vec!["SET", "CLEAR"], Some("SET"), Some("CLEAR")),
        (vec!["false"], None, Some("false")),
    ] {
        let boolean = column(&words(values.clone())).boolean.unwrap();
        let found = (
            boolean.true_value.as_deref(),
            boolean.false_value.as_deref(),
        );
        assert_eq!(found, (yes, no), "{values:?}");
    }
}

#[test]
fn strings_that_tfdv_does_not_take_for_booleans_get_a_domain() {
    for values in [
        ["True", "False"],
        ["T", "F"],
        ["yes", "no"],
        ["Y", "N"],
        ["on", "off"],
        ["true", "1"],
    ] {
        let mut sorted = values.map(str::to_owned).to_vec();
        sorted.sort();
        let column = column(&words([values, values].concat()));
        assert_eq!((column.boolean, column.domain), (None, Some(sorted)));
    }
}

#[test]
fn integers_up_to_exactly_one_are_boolean() {
    let boolean =
        |values: &[i64]| column(&(Arc::new(Int64Array::from(values.to_vec())) as ArrayRef)).boolean;
    assert_eq!(boolean(&[0, 1, 1]), Some(BooleanDomain::default()));
    assert_eq!(boolean(&[1]), Some(BooleanDomain::default()));
    assert_eq!(boolean(&[0]), None);
    assert_eq!(boolean(&[-1, 1]), None);
    assert_eq!(boolean(&[0, 2]), None);
    let floats = column(&(Arc::new(Float64Array::from(vec![0.0, 1.0])) as ArrayRef));
    assert_eq!(floats.boolean, None);
}

#[test]
fn strings_of_integers_hold_integers() {
    let holds = |values: &[&str]| column(&words(values.iter().copied())).holds;
    assert_eq!(holds(&["1", "4"]), Some(SpelledNumber::Integer));
    assert_eq!(holds(&["-14", "17", "17"]), Some(SpelledNumber::Integer));
    assert_eq!(holds(&["14", "hello"]), None);
    assert_eq!(holds(&["1.5", "2"]), None);
    assert_eq!(holds(&["99999999999999999999", "2"]), None);
}

#[test]
fn a_domain_ends_at_a_hundred_values() {
    let values = |n: usize| -> Vec<String> { (0..n).map(|i| format!("v{i}")).collect() };
    let twice = |n: usize| words(values(n).iter().chain(&values(n)).map(String::as_str));
    assert_eq!(column(&twice(100)).domain.map(|d| d.len()), Some(100));
    assert_eq!(column(&twice(101)).domain, None);
    let none = InferConfig {
        max_string_domain_size: 0,
        ..InferConfig::default()
    };
    assert_eq!(column_with(&twice(2), &none).domain, None);
}

#[test]
fn identifiers_and_texts_get_no_domain() {
    assert_eq!(column(&words(["a17", "b42"])).domain, None);
    let config = InferConfig {
        roles: [("c".to_owned(), Role::Text)].into(),
        ..InferConfig::default()
    };
    let column = column_with(&words(["a", "b", "a"]), &config);
    assert_eq!((column.role, column.domain), (Some(Role::Text), None));
}

#[test]
fn ranges_are_only_inferred_when_asked_for() {
    let array: ArrayRef = Arc::new(Float64Array::from(vec![2.5, -1.0, f64::INFINITY]));
    let tfdv = column(&array);
    assert_eq!((tfdv.range, tfdv.disallow_nan), (None, false));
    let ours = column_with(&array, &observed());
    let range = Bounds {
        min: Some(Number::Float(-1.0)),
        max: None,
    };
    assert_eq!(
        (ours.range, ours.disallow_nan, ours.disallow_inf),
        (Some(range), true, false)
    );
    let integers: ArrayRef = Arc::new(Int64Array::from(vec![7, -3]));
    let range = Bounds::new(Number::Integer(-3), Number::Integer(7));
    assert_eq!(column_with(&integers, &observed()).range, Some(range));
    let text = ColumnProfile::of(&words(["今天天气", "好"]), true);
    let schema = infer(&[("t".to_owned(), &text)], &observed());
    assert_eq!(schema.columns[0].length, Some(Bounds::new(1, 4)));
}

#[test]
fn only_nan_gives_no_range() {
    let array: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, f64::NAN]));
    let column = column_with(&array, &observed());
    assert_eq!((column.range, column.boolean), (None, None));
}

// Roles: architecture.md, section 5.

fn role(array: &ArrayRef) -> Option<Role> {
    infer_role(&ColumnProfile::of(array, false))
}

#[test]
fn long_and_mostly_distinct_strings_are_text() {
    let titles = [
        "中国队夺得冠军金牌",
        "今天你摆烂了吗朋友",
        "某明星工作室发声明",
        "某明星工作室发声明",
    ];
    assert_eq!(role(&words(titles)), Some(Role::Text));
    assert_eq!(role(&words(titles.repeat(3))), Some(Role::Category));
    // Median of 5 characters: too short.
    assert_eq!(
        role(&words(["短 标题一", "短 标题二", "短 标题三"])),
        Some(Role::Category)
    );
}

#[test]
fn unique_single_tokens_are_identifiers() {
    assert_eq!(
        role(&words(["a1b2c3d4-0001", "a1b2c3d4-0002"])),
        Some(Role::Id)
    );
    assert_eq!(
        role(&words(["first headline", "second headline"])),
        Some(Role::Text)
    );
    let many: Vec<String> = (0..20_000).map(|i| format!("row{i:07}")).collect();
    assert_eq!(
        role(&words(many.iter().map(String::as_str))),
        Some(Role::Id)
    );
}

/// The estimate of one column in twenty lies outside its stated error.
#[test]
fn unique_tokens_past_exact_counting_are_identifiers_in_every_column() {
    for column in 0..60 {
        let many: Vec<String> = (0..5_320)
            .map(|i| format!("u{i}@{column}.example"))
            .collect();
        assert_eq!(
            role(&words(many.iter().map(String::as_str))),
            Some(Role::Id),
            "column {column}"
        );
    }
}

#[test]
fn integers_that_number_the_rows_are_identifiers() {
    let integers = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let numbered: Vec<i64> = (0..30_000).map(|at| 500 + at * 7_919 % 30_000).collect();
    assert_eq!(role(&integers(numbered.clone())), Some(Role::Id));
    let config = observed();
    assert_eq!(
        column_with(&integers(numbered.clone()), &config).range,
        None
    );
    // Half of the numbers twice, half left out, few rows, one number, and no integers.
    for other in [
        (0..30_000)
            .map(|at| if at == 29_999 { at } else { at / 2 * 2 })
            .collect(),
        numbered.iter().map(|number| number * 2).collect(),
        (0..99).collect(),
        vec![1; 200],
    ] {
        assert_eq!(role(&integers(other)), Some(Role::Number));
    }
    let floats = Float64Array::from_iter_values(numbered.iter().map(|&number| number as f64));
    assert_eq!(role(&(Arc::new(floats) as ArrayRef)), Some(Role::Number));
}

#[test]
fn single_tokens_that_repeat_are_categories_however_many() {
    // 30,000 different users in 40,000 rows; and a page that has no name.
    let users: Vec<String> = (0..40_000)
        .map(|i| format!("user-{:x}", i % 30_000))
        .collect();
    let values = users.iter().map(String::as_str);
    assert_eq!(role(&words(values.clone())), Some(Role::Category));
    assert_eq!(role(&words(values.chain([""]))), Some(Role::Category));
    // Words in scripts without spaces are no single tokens.
    let titles: Vec<String> = users.iter().map(|user| format!("标题{user}")).collect();
    let titles = titles.iter().map(String::as_str);
    assert_eq!(role(&words(titles)), Some(Role::Text));
}

#[test]
fn twenty_thousand_distinct_titles_are_text() {
    // More than the profile keeps: length and share come from sketches.
    let many: Vec<String> = (0..20_000).map(|i| format!("标题 number {i}")).collect();
    assert_eq!(
        role(&words(many.iter().map(String::as_str))),
        Some(Role::Text)
    );
}

#[test]
fn other_types_have_the_role_of_their_type() {
    assert_eq!(
        role(&(Arc::new(Int64Array::from(vec![1])) as ArrayRef)),
        Some(Role::Number)
    );
    assert_eq!(
        role(&(Arc::new(BooleanArray::from(vec![true])) as ArrayRef)),
        Some(Role::Category)
    );
    assert_eq!(
        role(&(Arc::new(Date32Array::from(vec![1])) as ArrayRef)),
        Some(Role::Time)
    );
    assert_eq!(role(&(Arc::new(NullArray::new(1)) as ArrayRef)), None);
    assert_eq!(role(&strings([None, None])), Some(Role::Category));
    assert_eq!(
        infer_role(&ColumnProfile::of(&words(["a"]), true)),
        Some(Role::Text)
    );
}

#[test]
fn roles_of_the_configuration_win() {
    let config = InferConfig {
        roles: [("c".to_owned(), Role::Author)].into(),
        ..InferConfig::default()
    };
    assert_eq!(
        column_with(&words(["ann", "bob", "ann"]), &config).role,
        Some(Role::Author)
    );
}

#[test]
fn the_first_of_two_columns_of_one_name_counts() {
    let (a, b) = (
        ColumnProfile::of(&words(["a"]), false),
        ColumnProfile::of(&(Arc::new(Int64Array::from(vec![1])) as ArrayRef), false),
    );
    let schema = infer(
        &[("x".to_owned(), &a), ("x".to_owned(), &b)],
        &InferConfig::default(),
    );
    assert_eq!(schema.columns.len(), 1);
    assert_eq!(schema.columns[0].column_type, ColumnType::String);
}

fn any_array() -> impl Strategy<Value = ArrayRef> {
    let number = prop_oneof![
        4 => (-3..4_i32).prop_map(f64::from),
        2 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(f64::NEG_INFINITY),
    ];
    let word = prop_oneof![
        3 => "[a-c]{0,2}", 1 => "[01]", 1 => any::<String>(), 1 => Just("true".to_owned()),
        1 => Just("长".repeat(120)),
    ];
    prop_oneof![
        prop::collection::vec(prop::option::of(number), 1..40)
            .prop_map(|v| Arc::new(Float64Array::from(v)) as ArrayRef),
        prop::collection::vec(prop::option::of(-2..3_i64), 1..40)
            .prop_map(|v| Arc::new(Int64Array::from(v)) as ArrayRef),
        prop::collection::vec(prop::option::of(word), 1..40)
            .prop_map(|v| Arc::new(StringArray::from(v)) as ArrayRef),
        prop::collection::vec(prop::option::of(any::<bool>()), 1..40)
            .prop_map(|v| Arc::new(BooleanArray::from(v)) as ArrayRef),
    ]
}

proptest! {
    #[test]
    fn data_fit_the_schema_that_was_learnt_from_them(array in any_array(), text in any::<bool>(), observe in any::<bool>()) {
        let profile = ColumnProfile::of(&array, text);
        let columns = [("c".to_owned(), &profile)];
        let config = if observe { observed() } else { InferConfig::default() };
        let schema = infer(&columns, &config);
        prop_assert_eq!(validate(&schema, &columns, profile.rows), []);
        let read = driftline_schema::Schema::from_yaml("s.yaml", &schema.to_yaml());
        prop_assert_eq!(read.unwrap(), schema);
    }
}
