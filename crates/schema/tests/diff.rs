//! For whom a change of the schema breaks something: a case for every rule.

use driftline_schema::{
    Schema,
    diff::{Change, Effect, diff, effect},
};
use proptest::prelude::*;

fn schema(text: &str) -> Schema {
    let yaml = format!("format_version: 1\n{text}\n");
    Schema::from_yaml("s.yaml", &yaml).unwrap_or_else(|error| panic!("{:?}", error.mistakes()))
}

fn column(keys: &str) -> Schema {
    schema(&format!("columns: {{a: {{{keys}}}}}"))
}

fn changes(old: &str, new: &str) -> Vec<Change> {
    diff(&column(old), &column(new))
}

/// Both ways: what breaks writers one way breaks readers the other way.
#[track_caller]
fn breaks_writers(wide: &str, narrow: &str) {
    let there = changes(wide, narrow);
    let back = changes(narrow, wide);
    assert_eq!(
        effect(&there),
        Effect::Writers,
        "{wide} → {narrow}: {there:?}"
    );
    assert_eq!(
        effect(&back),
        Effect::Readers,
        "{narrow} → {wide}: {back:?}"
    );
}

#[track_caller]
fn breaks_both(one: &str, other: &str) {
    for (old, new) in [(one, other), (other, one)] {
        let found = changes(old, new);
        assert_eq!(effect(&found), Effect::Both, "{old} → {new}: {found:?}");
    }
}

#[track_caller]
fn breaks_nobody(one: &str, other: &str) {
    for (old, new) in [(one, other), (other, one)] {
        let found = changes(old, new);
        assert!(!found.is_empty(), "{old} → {new}");
        assert_eq!(effect(&found), Effect::None, "{old} → {new}: {found:?}");
    }
}

#[test]
fn a_required_column_that_is_added_breaks_writers() {
    let one = "a: {type: string}";
    let required = "b: {type: string, presence: {min_count: 1}}";
    let old = schema(&format!("columns: {{{one}}}"));
    let new = schema(&format!("columns: {{{one}, {required}}}"));
    assert_eq!(effect(&diff(&old, &new)), Effect::Writers);
    let optional = schema(&format!("columns: {{{one}, b: {{type: string}}}}"));
    assert_eq!(effect(&diff(&old, &optional)), Effect::None);
}

#[test]
fn a_column_that_is_removed_breaks_writers_and_if_required_readers() {
    let one = "a: {type: string}";
    let new = schema(&format!("columns: {{{one}}}"));
    let required = schema(&format!(
        "columns: {{{one}, b: {{type: string, presence: {{min_fraction: 0.5}}}}}}"
    ));
    assert_eq!(effect(&diff(&required, &new)), Effect::Both);
    let optional = schema(&format!("columns: {{{one}, b: {{type: string}}}}"));
    assert_eq!(effect(&diff(&optional, &new)), Effect::Writers);
    let lenient = schema(&format!(
        "severity_overrides: {{SCHEMA_NEW_COLUMN: warning}}\ncolumns: {{{one}}}"
    ));
    let found = diff(&optional, &lenient);
    let removed = found.iter().find(|change| change.key == "column").unwrap();
    assert_eq!(removed.effect, Effect::None);
}

#[test]
fn another_type_breaks_both_and_any_takes_everything() {
    breaks_both("type: integer", "type: float");
    breaks_both("type: string", "type: struct");
    breaks_writers("type: any", "type: integer");
    breaks_nobody("type: string", "type: bytes");
}

#[test]
fn a_tighter_limit_breaks_writers() {
    for (wide, narrow) in [
        ("type: string", "type: string, presence: {min_count: 1}"),
        (
            "type: string, presence: {min_fraction: 0.5}",
            "type: string, presence: {min_fraction: 1.0}",
        ),
        ("type: string", "type: string, valency: {min: 1, max: 1}"),
        (
            "type: integer, range: {min: 0}",
            "type: integer, range: {min: 0, max: 9}",
        ),
        (
            "type: integer, range: {max: 10}",
            "type: integer, range: {max: 9}",
        ),
        ("type: float", "type: float, disallow_nan: true"),
        ("type: string", "type: string, length: {max: 9}"),
        (
            "type: string, unique: {min: 1}",
            "type: string, unique: {min: 2}",
        ),
        ("type: string", "type: string, domain: [x]"),
        ("type: string, domain: [x, y]", "type: string, domain: [x]"),
        (
            "type: string, domain: [x], min_domain_mass: 0.9",
            "type: string, domain: [x]",
        ),
        ("type: integer", "type: integer, boolean: {}"),
        ("type: string", "type: string, holds: integer"),
        ("type: string", "type: string, group_presence: true"),
        ("type: integer", "type: integer, shape: [2]"),
        (
            "type: string, lifecycle_stage: planned",
            "type: string, lifecycle_stage: production",
        ),
        ("type: string, deprecated: true", "type: string"),
    ] {
        breaks_writers(wide, narrow);
    }
}

#[test]
fn one_constraint_in_place_of_another_breaks_both() {
    breaks_both(
        "type: integer, range: {min: 0, max: 9}",
        "type: integer, range: {min: 5, max: 15}",
    );
    breaks_both("type: string, domain: [x]", "type: string, domain: [y]");
    breaks_both("type: integer, shape: [2]", "type: integer, shape: [3]");
    breaks_both("type: string", "type: string, not_in_environment: SERVING");
}

#[test]
fn what_judges_or_describes_breaks_nobody() {
    breaks_nobody("type: string", "type: string, role: text");
    breaks_nobody(
        "type: string",
        "type: string, drift_comparator: {infinity_norm: 0.1}",
    );
    breaks_nobody("type: string", "type: string, annotation: {tag: [x]}");
    breaks_nobody(
        "type: string, lifecycle_stage: beta",
        "type: string, lifecycle_stage: production",
    );
}

#[test]
fn shared_domains_are_compared_by_their_values() {
    let with = |values: &str| {
        schema(&format!(
            "domains: {{zone: [{values}]}}\ncolumns: {{a: {{type: string, domain: zone}}}}"
        ))
    };
    let (one, two) = (with("n"), with("n, s"));
    assert_eq!(effect(&diff(&one, &two)), Effect::Readers);
    let own = column("type: string, domain: [n]");
    let found = diff(&one, &own);
    assert_eq!(effect(&found), Effect::None, "{found:?}");
}

#[test]
fn columns_inside_a_struct_are_compared_too() {
    let with = |keys: &str| column(&format!("type: struct, columns: {{b: {{{keys}}}}}"));
    let found = diff(
        &with("type: integer"),
        &with("type: integer, range: {min: 0}"),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].column.as_deref(), Some("a.b"));
    assert_eq!(found[0].to_string(), "a.b: range added: {min: 0}");
}

#[test]
fn the_table_as_a_whole_is_compared() {
    let rows = |least: u64| schema(&format!("rows: {{min: {least}}}\ncolumns: {{}}"));
    assert_eq!(effect(&diff(&rows(1), &rows(2))), Effect::Writers);
    let severity = |severity: &str| {
        schema(&format!(
            "severity_overrides: {{FLOAT_TYPE_HAS_NAN: {severity}}}\ncolumns: {{}}"
        ))
    };
    assert_eq!(
        effect(&diff(&severity("info"), &severity("error"))),
        Effect::Writers
    );
    assert_eq!(
        effect(&diff(&severity("info"), &severity("warning"))),
        Effect::None
    );
    let ragged = schema("represent_variable_length_as_ragged: true\ncolumns: {}");
    assert_eq!(
        effect(&diff(&schema("columns: {}"), &ragged)),
        Effect::Readers
    );
}

#[test]
fn a_change_is_told_in_a_line() {
    let found = changes(
        "type: string, domain: [x, y]",
        "type: string, domain: [x, z]",
    );
    assert_eq!(found[0].to_string(), "a: domain changed: y → z");
    let found = changes("type: string", "type: string, presence: {min_count: 1}");
    assert_eq!(found[0].to_string(), "a: presence added: {min_count: 1}");
}

fn range() -> impl Strategy<Value = (i64, i64)> {
    (-5_i64..5, 0_i64..5).prop_map(|(min, more)| (min, min + more))
}

proptest! {
    /// The definition itself, tried on every value: writers are broken by a change exactly
    /// where some value was right and no longer is, readers where some is newly right.
    #[test]
    fn an_effect_is_what_values_say(old in range(), new in range()) {
        let with = |(min, max): (i64, i64)| {
            column(&format!("type: integer, range: {{min: {min}, max: {max}}}"))
        };
        let found = effect(&diff(&with(old), &with(new)));
        let fits = |(min, max): (i64, i64), value: i64| (min..=max).contains(&value);
        let lost = (-20..20).any(|v| fits(old, v) && !fits(new, v));
        let won = (-20..20).any(|v| !fits(old, v) && fits(new, v));
        prop_assert_eq!(found.suits_writers(), !lost);
        prop_assert_eq!(found.suits_readers(), !won);
    }

    #[test]
    fn a_schema_does_not_differ_from_itself(min in 0_u64..9, share in 0.0..1.0) {
        let text = format!("type: string, presence: {{min_fraction: {share:?}, min_count: {min}}}");
        prop_assert_eq!(changes(&text, &text), vec![]);
    }
}
