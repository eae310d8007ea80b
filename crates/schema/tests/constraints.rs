//! Rules about rows: what is written, what is read back, what is said about mistakes,
//! and what a count of broken rows means.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_schema::{
    Bounds, Column, ColumnType, Number, Schema, SchemaError, Severity, UnexpectedValue,
    constraint::{
        Between, Constraint, Count, Direction, End, Judgement, Placed, Rule, Scalar, Tolerance,
        judge, judge_age, profile_holds,
    },
    json_schema, tfmd,
};
use driftline_statistics::ColumnProfile;
use proptest::prelude::*;
use std::sync::Arc;

const TRIPS: &str = r#"format_version: 1
constraints:
- name: one row per trip
  key: [vendor, trip]
  nulls: equal
- references: {source: zones.csv, key: [zone]}
  columns: pickup
  at_most: 0.1 %
- sql: tips <= fare
  where: fare > 0
  at_most: 12 rows
  severity: warning
  examples: 0
- column: started
  freshness: 36h
- column: meter
  monotone: strictly_increasing
  by: started
  per: [vendor]
columns:
  vendor:
    type: string
    constraints:
    - regex: '^[A-Z]{2}$'
    - in_set: [AB, CD, 12, true]
      at_most: 0.05
    - length: {min: 2, max: 2}
  trip: {type: integer, drift: {min_effect: 0.05, required: true}}
  pickup: {type: string}
  started: {type: timestamp}
  meter: {type: float}
  tips: {type: float}
  fare:
    type: float
    constraints:
    - between: {min: 0, below: {column: meter}}
    - key: true
"#;

fn trips() -> Schema {
    Schema::from_yaml("trips.yaml", TRIPS).unwrap()
}

#[test]
fn rules_are_read_as_they_are_meant() {
    let schema = trips();
    let labels: Vec<String> = schema.all_constraints().iter().map(Placed::label).collect();
    insta::assert_snapshot!(labels.join("\n"), @r"
    one row per trip
    `pickup` in zones.csv
    tips <= fare
    `started` at most 36h old
    `meter` strictly increasing by `started` per `vendor`
    `vendor` matches ^[A-Z]{2}$
    `vendor` in AB, CD, 12, true
    length of `vendor` from 2 to 2
    `fare` ≥ 0 and < `meter`
    key `fare`
    ");
    let sql = &schema.constraints[2];
    assert_eq!(sql.at_most, Tolerance::Rows(12));
    assert_eq!(sql.severity, Some(Severity::Warning));
    let at = sql.place.sql.unwrap();
    assert!(TRIPS.get(at..).unwrap().starts_with("tips <= fare"));
    assert_eq!(schema.constraints[1].at_most, Tolerance::Share(0.001));
    let drift = schema.column("trip").unwrap().drift.unwrap();
    assert_eq!((drift.min_effect, drift.required), (Some(0.05), true));
}

#[test]
fn rules_survive_yaml_and_both_forms_of_tensorflow_metadata() {
    let schema = trips();
    let again = Schema::from_yaml("again.yaml", &schema.to_yaml()).unwrap();
    assert_eq!(again, schema);
    let message = tfmd::Schema::from(&schema);
    assert_eq!(Schema::from(&message), schema);
    let text = tfmd::to_text(&message);
    let read: tfmd::Schema = tfmd::from_text("trips.pbtxt", &text).unwrap();
    assert_eq!(Schema::from(&read), schema);
}

#[test]
fn the_file_fits_the_published_schema() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let fits = |schema: &Schema| validator.is_valid(&schema.to_json());
    assert!(fits(&trips()));
    let wrong = serde_json::json!({"format_version": 1, "columns": {}, "constraints": [{"sql": "a", "regex": "b"}]});
    assert!(!validator.is_valid(&wrong));
}

fn mistakes(constraint: &str) -> String {
    let yaml = format!(
        "format_version: 1\nconstraints:\n- {constraint}\ncolumns: {{a: {{type: string}}, n: {{type: integer}}}}\n"
    );
    let error = Schema::from_yaml("s.yaml", &yaml).unwrap_err();
    let told: Vec<String> = error
        .mistakes()
        .iter()
        .map(SchemaError::to_string)
        .collect();
    told.join("\n")
}

#[test]
fn every_mistake_in_a_rule_is_told() {
    for (constraint, told) in [
        ("{name: x}", "a constraint has one of key, regex"),
        ("{sql: a = 'b', key: a}", "`key` and `sql` are two rules"),
        ("{column: a, regex: '['}", "no regular expression"),
        ("{regex: b}", "`regex` does not say of which column"),
        ("{column: b, regex: b}", "`b` is no column of this schema"),
        ("{key: [a, a]}", "names `a` twice"),
        ("{key: a, nulls: never}", "`nulls` cannot be `never`"),
        ("{sql: n > 0, at_most: 5}", "`at_most` is no share"),
        ("{sql: n > 0, at_most: 120 %}", "`at_most` is no share"),
        ("{sql: n > 0, examples: 99}", "`examples` is 99"),
        ("{column: n, between: {}}", "`between` has no end"),
        (
            "{column: n, between: {min: 2, max: 1}}",
            "`min` 2 is above `max` 1",
        ),
        ("{column: n, between: {min: {colum: a}}}", "no key `colum`"),
        ("{column: n, in_set: []}", "allows no value at all"),
        ("{column: n, freshness: 2 fortnights}", "no length of time"),
        ("{column: n, monotone: upwards}", "`upwards` is no monotone"),
        (
            "{column: n, references: {}}",
            "does not say in which source",
        ),
        ("{references: {source: x}}", "does not say of which columns"),
        (
            "{column: n, references: {source: x, key: [a, b]}}",
            "`references.key` has 2 columns, for 1 here",
        ),
        ("{sql: n > 0, colour: red}", "no key `colour`"),
    ] {
        let found = mistakes(constraint);
        assert!(found.contains(told), "{constraint}: {found}");
    }
}

#[test]
fn a_column_inside_a_struct_has_no_rules() {
    let yaml = "format_version: 1\ncolumns:\n  t:\n    type: struct\n    columns:\n      a: {type: string, constraints: [{key: true}]}\n";
    let error = Schema::from_yaml("s.yaml", yaml).unwrap_err();
    assert!(error.mistakes()[0].to_string().contains("inside a struct"));
}

fn count(rows: u64, judged: u64, broken: u64) -> Count {
    Count {
        rows,
        judged,
        broken,
        examples: vec![UnexpectedValue {
            value: "9".into(),
            count: 2,
            share: 0.5,
        }],
    }
}

#[test]
fn a_share_or_a_number_of_rows_is_tolerated_and_no_more() {
    let schema = trips();
    let all = schema.all_constraints();
    let (share, rows) = (all[1], all[2]);
    assert_eq!(
        judge(&schema, share, count(5_000, 5_000, 5)),
        Judgement::Holds
    );
    let Judgement::Broken(anomaly) = judge(&schema, share, count(5_010, 5_000, 6)) else {
        panic!("6 of 5,000 are more than 0.1 %");
    };
    assert_eq!(anomaly.kind.name(), "REFERENCE_NOT_FOUND");
    assert_eq!((anomaly.count, anomaly.expected), (Some(6), Some(0.001)));
    assert_eq!(
        anomaly.description,
        "`pickup` in zones.csv: 6 of 5000 rows are not found there, 0.12 %, more than the tolerated 0.1 %; such as 9 (2 rows); 10 more rows lack a value and are not judged"
    );
    assert_eq!(judge(&schema, rows, count(20, 20, 12)), Judgement::Holds);
    let Judgement::Broken(anomaly) = judge(&schema, rows, count(20, 20, 13)) else {
        panic!("13 rows are more than 12");
    };
    assert_eq!(anomaly.severity, Severity::Warning);
    assert_eq!((anomaly.expected, anomaly.actual), (Some(12.0), Some(13.0)));
}

#[test]
fn a_rule_of_which_no_row_speaks_is_not_passed() {
    let schema = trips();
    for placed in schema.all_constraints() {
        let judged = judge(&schema, placed, count(10, 0, 0));
        assert!(matches!(judged, Judgement::NotEvaluated { .. }));
    }
}

#[test]
fn an_age_is_told_in_hours() {
    let schema = trips();
    let placed = schema.all_constraints()[3];
    assert_eq!(judge_age(&schema, placed, 36.0 * 3_600.0), Judgement::Holds);
    let Judgement::Broken(anomaly) = judge_age(&schema, placed, 48.0 * 3_600.0) else {
        panic!("two days are more than 36 hours");
    };
    assert_eq!(
        anomaly.description,
        "the newest `started` is 48.0 hours old, more than 36h"
    );
}

#[test]
fn a_profile_answers_what_it_can() {
    let numbers: arrow_array::ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![
        Some(0.0),
        Some(4.5),
        None,
    ]));
    let numbers = ColumnProfile::of(&numbers, false);
    let between = |min: i64, max: f64| {
        Constraint::new(Rule::Between(Between {
            min: Some(End::Value(Scalar::Number(Number::Integer(min)))),
            max: Some(End::Value(Scalar::Number(Number::Float(max)))),
            ..Between::default()
        }))
    };
    assert!(profile_holds(&between(0, 4.5), &numbers));
    assert!(!profile_holds(&between(1, 4.5), &numbers));
    assert!(!profile_holds(&between(0, 4.4), &numbers));
    let filtered = Constraint {
        filter: Some("a > 0".into()),
        ..between(0, 4.5)
    };
    assert!(!profile_holds(&filtered, &numbers));
    let words: arrow_array::ArrayRef = Arc::new(arrow_array::StringArray::from(vec!["ab", "c"]));
    let words = ColumnProfile::of(&words, false);
    let set = |values: &[&str]| {
        let values = values.iter().map(|v| Scalar::Text((*v).to_owned()));
        Constraint::new(Rule::InSet(values.collect()))
    };
    assert!(profile_holds(&set(&["ab", "c", "d"]), &words));
    assert!(!profile_holds(&set(&["ab"]), &words));
    let length = |min, max| Constraint::new(Rule::Length(Bounds::new(min, max)));
    assert!(profile_holds(&length(1, 2), &words));
    assert!(!profile_holds(&length(2, 2), &words));
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]",
        prop::sample::select(vec!["a: b", "- a", "#a", "'", "\"", "true", "1", "长"])
            .prop_map(str::to_owned),
    ]
}

fn any_scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any_name().prop_map(Scalar::Text),
        any::<i64>().prop_map(|n| Scalar::Number(Number::Integer(n))),
        (-1e9..1e9_f64).prop_map(|n| Scalar::Number(Number::Float(n))),
        any::<bool>().prop_map(Scalar::Flag),
    ]
}

fn any_names(least: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(any_name(), least..3).prop_map(|names| names.into_iter().collect())
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let end = prop_oneof![
        any_name().prop_map(End::Column),
        any_name().prop_map(|text| End::Value(Scalar::Text(text))),
    ];
    prop_oneof![
        any::<bool>().prop_map(|nulls_equal| Rule::Key {
            columns: Vec::new(),
            nulls_equal
        }),
        "[a-z.]{0,5}".prop_map(Rule::Regex),
        (
            prop::sample::select(Direction::ALL),
            any_names(0),
            any_names(0)
        )
            .prop_map(|(direction, by, per)| Rule::Monotone { direction, by, per }),
        (end.clone(), prop::option::of(end)).prop_map(|(min, below)| Rule::Between(Between {
            min: Some(min),
            below,
            ..Between::default()
        })),
        prop::collection::vec(any_scalar(), 1..4).prop_map(Rule::InSet),
        (0..9_u64, prop::option::of(9..99_u64)).prop_map(|(min, max)| Rule::Length(Bounds {
            min: Some(min),
            max
        })),
        (any_name(), prop::option::of(any_name())).prop_map(|(source, key)| Rule::References {
            columns: Vec::new(),
            source,
            key: key.into_iter().collect(),
        }),
        (1..99_u64).prop_map(|hours| Rule::Freshness(hours * 3_600)),
        any_name().prop_map(Rule::Sql),
    ]
}

fn any_constraint() -> impl Strategy<Value = Constraint> {
    (
        any_rule(),
        prop::option::of(any_name()),
        prop::option::of(any_name()),
        prop_oneof![
            (0.0..=1.0_f64).prop_map(Tolerance::Share),
            any::<u64>().prop_map(Tolerance::Rows)
        ],
        prop::option::of(prop::sample::select(Severity::ALL.to_vec())),
        prop::option::of(0..=20_u64),
    )
        .prop_map(|(rule, name, filter, at_most, severity, examples)| {
            let rows = !matches!(rule, Rule::Freshness(_));
            Constraint {
                name,
                filter: filter.filter(|_| rows),
                at_most: if rows { at_most } else { Tolerance::default() },
                severity,
                examples,
                ..Constraint::new(rule)
            }
        })
}

proptest! {
    #[test]
    fn any_rule_survives_yaml_and_tensorflow_metadata(
        constraints in prop::collection::vec(any_constraint(), 0..4),
    ) {
        let named: std::collections::BTreeSet<String> = constraints
            .iter()
            .flat_map(|c| c.rule.named_columns())
            .map(str::to_owned)
            .chain(["a".to_owned()])
            .collect();
        let columns = named.into_iter().map(|name| Column {
            constraints: if name == "a" { constraints.clone() } else { Vec::new() },
            ..Column::new(name, ColumnType::String)
        });
        let schema = Schema { columns: columns.collect(), ..Schema::default() };
        let yaml = schema.to_yaml();
        match Schema::from_yaml("s.yaml", &yaml) {
            Ok(read) => prop_assert_eq!(&read, &schema),
            Err(error) => prop_assert!(false, "{:?}\n{}", error, yaml),
        }
        prop_assert_eq!(Schema::from(&tfmd::Schema::from(&schema)), schema);
    }
}
