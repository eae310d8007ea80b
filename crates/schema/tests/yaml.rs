//! The schema file as people meet it: what is written, what is read back, what is
//! said about mistakes.

use driftline_schema::{
    AnomalyType, BooleanDomain, Bounds, Column, ColumnType, Number, Presence, Role, Schema,
    SchemaError, Severity, SpelledNumber, json_schema,
};
use proptest::prelude::*;

fn taxi() -> Schema {
    let presence = Presence {
        min_fraction: Some(1.0),
        min_count: Some(1),
    };
    Schema {
        columns: vec![
            Column {
                role: Some(Role::Text),
                presence: Some(presence),
                valency: Some(Bounds::new(1, 1)),
                length: Some(Bounds::new(1, 40)),
                ..Column::new("title", ColumnType::String)
            },
            Column {
                role: Some(Role::Category),
                domain: Some(vec![
                    "Cash".into(),
                    "Credit Card".into(),
                    "No".into(),
                    "12".into(),
                ]),
                min_domain_mass: Some(0.99),
                ..Column::new("payment type: 支付 \"方式\"", ColumnType::String)
            },
            Column {
                role: Some(Role::Number),
                range: Some(Bounds {
                    min: Some(Number::Integer(0)),
                    max: Some(Number::Float(500.5)),
                }),
                disallow_nan: true,
                ..Column::new("fare", ColumnType::Float)
            },
            Column {
                boolean: Some(BooleanDomain {
                    true_value: Some("1".into()),
                    false_value: Some("0".into()),
                }),
                unique: Some(Bounds {
                    min: Some(2),
                    max: None,
                }),
                ..Column::new("shared", ColumnType::String)
            },
            Column {
                domain: Some((0..12).map(|i| format!("company number {i}")).collect()),
                ..Column::new("company", ColumnType::String)
            },
            Column::new("trips", ColumnType::Nested),
        ],
        rows: Some(Bounds {
            min: Some(100),
            max: None,
        }),
        severity_overrides: [(AnomalyType::SchemaNewColumn, Severity::Warning)].into(),
        ..Schema::default()
    }
}

#[test]
fn a_schema_is_written_as_a_person_would() {
    insta::assert_snapshot!(taxi().to_yaml(), @r#"
    # What each column should be; `driftline validate` checks data against it.
    # A key that is left out is not checked; a column without `presence` may be missing.
    format_version: 1
    rows: {min: 100}
    severity_overrides:
      SCHEMA_NEW_COLUMN: warning
    columns:
      title:
        type: string
        role: text
        presence: {min_fraction: 1.0, min_count: 1}
        valency: {min: 1, max: 1}
        length: {min: 1, max: 40}
      "payment type: 支付 \"方式\"":
        type: string
        role: category
        domain: [Cash, Credit Card, "No", "12"]
        min_domain_mass: 0.99
      fare:
        type: float
        role: number
        range: {min: 0, max: 500.5}
        disallow_nan: true
      shared:
        type: string
        boolean: {true_value: "1", false_value: "0"}
        unique: {min: 2}
      company:
        type: string
        domain:
          - company number 0
          - company number 1
          - company number 2
          - company number 3
          - company number 4
          - company number 5
          - company number 6
          - company number 7
          - company number 8
          - company number 9
          - company number 10
          - company number 11
      trips:
        type: nested
    "#);
}

#[test]
fn what_is_written_reads_back() {
    let schema = taxi();
    assert_eq!(
        Schema::from_yaml("s.yaml", &schema.to_yaml()).unwrap(),
        schema
    );
    let empty = Schema::default();
    assert_eq!(
        Schema::from_yaml("s.yaml", &empty.to_yaml()).unwrap(),
        empty
    );
}

fn rendered(yaml: &str) -> String {
    let error = Schema::from_yaml("schemas/taxi.yaml", yaml).expect_err("the file has mistakes");
    let mut out = String::new();
    miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
        .with_width(90)
        .render_report(&mut out, &error)
        .expect("writing to a string cannot fail");
    // Lines of nothing but padding would not survive an editor.
    out.lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn a_mistake_is_shown_in_its_line() {
    insta::assert_snapshot!(rendered("format_version: 1\ncolumns:\n  fare:\n    type: float\n    range: { min: 500, max: 5 }\n"), @r"
    schema::invalid

      × schemas/taxi.yaml is not a valid schema (1 mistake)

    Error: schema::empty_range

      × column `fare`: in `range`, `min` 500 is above `max` 5
       ╭─[schemas/taxi.yaml:5:12]
     4 │     type: float
     5 │     range: { min: 500, max: 5 }
       ·            ──────────┬─────────
       ·                      ╰── no value satisfies this
       ╰────
      help: swap them, or remove one
    ");
}

#[test]
fn every_mistake_of_a_file_is_shown_at_once() {
    insta::assert_snapshot!(rendered("\
format_version: 1
rows: {min: many}
severity_overrides: {NEW_COLUMN: warning}
columns:
  title:
    type: strnig
    role: word
  fare:
    type: float
    presence: {min_fraction: 1.5, min_count: -1}
    rnage: {max: 5}
  company:
    type: string
    domain: [a, b, a, 7]
  tip: float
"), @r"
    schema::invalid

      × schemas/taxi.yaml is not a valid schema (10 mistakes)

    Error: schema::wrong_type

      × the schema: `rows.min` must be a whole number, not text
       ╭─[schemas/taxi.yaml:2:13]
     1 │ format_version: 1
     2 │ rows: {min: many}
       ·             ──┬─
       ·               ╰── this is text
     3 │ severity_overrides: {NEW_COLUMN: warning}
       ╰────

    Error: schema::unknown_name

      × the schema: `NEW_COLUMN` is no anomaly type
       ╭─[schemas/taxi.yaml:3:22]
     2 │ rows: {min: many}
     3 │ severity_overrides: {NEW_COLUMN: warning}
       ·                      ─────┬────
       ·                           ╰── unknown
     4 │ columns:
       ╰────
      help: did you mean `SCHEMA_NEW_COLUMN`?

    Error: schema::unknown_name

      × column `title`: `strnig` is no type
       ╭─[schemas/taxi.yaml:6:11]
     5 │   title:
     6 │     type: strnig
       ·           ───┬──
       ·              ╰── unknown
     7 │     role: word
       ╰────
      help: did you mean `string`?

    Error: schema::unknown_name

      × column `title`: `word` is no role
       ╭─[schemas/taxi.yaml:7:11]
     6 │     type: strnig
     7 │     role: word
       ·           ──┬─
       ·             ╰── unknown
     8 │   fare:
       ╰────
      help: one of: text, category, id, number, time, author, key, label, score, confidence,
            weight

    Error: schema::out_of_range

      × column `fare`: `presence.min_fraction` is 1.5 and must be from 0 to 1
        ╭─[schemas/taxi.yaml:10:30]
      9 │     type: float
     10 │     presence: {min_fraction: 1.5, min_count: -1}
        ·                              ─┬─
        ·                               ╰── out of range
     11 │     rnage: {max: 5}
        ╰────

    Error: schema::out_of_range

      × column `fare`: `presence.min_count` is -1 and must be 0 or more
        ╭─[schemas/taxi.yaml:10:46]
      9 │     type: float
     10 │     presence: {min_fraction: 1.5, min_count: -1}
        ·                                              ─┬
        ·                                               ╰── out of range
     11 │     rnage: {max: 5}
        ╰────

    Error: schema::unknown_key

      × column `fare`: there is no key `rnage`
        ╭─[schemas/taxi.yaml:11:5]
     10 │     presence: {min_fraction: 1.5, min_count: -1}
     11 │     rnage: {max: 5}
        ·     ──┬──
        ·       ╰── unknown key
     12 │   company:
        ╰────
      help: did you mean `range`?

    Error: schema::duplicate_value

      × column `company`: `a` is in `domain` twice
        ╭─[schemas/taxi.yaml:14:20]
     13 │     type: string
     14 │     domain: [a, b, a, 7]
        ·                    ┬
        ·                    ╰── again
     15 │   tip: float
        ╰────
      help: remove one of them

    Error: schema::wrong_type

      × column `company`: `domain[3]` must be text in quotes, not a whole number
        ╭─[schemas/taxi.yaml:14:23]
     13 │     type: string
     14 │     domain: [a, b, a, 7]
        ·                       ┬
        ·                       ╰── this is a whole number
     15 │   tip: float
        ╰────

    Error: schema::wrong_type

      × columns: `tip` must be a map, such as `{type: string}`, not text
        ╭─[schemas/taxi.yaml:15:8]
     14 │     domain: [a, b, a, 7]
     15 │   tip: float
        ·        ──┬──
        ·          ╰── this is text
        ╰────
    ");
}

fn codes(yaml: &str) -> Vec<String> {
    use miette::Diagnostic as _;
    let error = Schema::from_yaml("s.yaml", yaml).expect_err("the file has mistakes");
    error
        .mistakes()
        .iter()
        .map(|mistake| {
            mistake
                .code()
                .expect("every mistake has a code")
                .to_string()
        })
        .collect()
}

fn codes_of_column(keys: &str) -> Vec<String> {
    codes(&format!("format_version: 1\ncolumns:\n  a: {{{keys}}}\n"))
}

#[test]
fn keys_that_contradict_each_other_are_mistakes() {
    for keys in [
        "type: float, domain: [a]",
        "type: string, range: {min: 1}",
        "type: date, range: {min: 1}",
        "type: integer, length: {max: 3}",
        "type: integer, disallow_nan: true",
        "type: integer, role: text",
        "type: string, role: text, domain: [a]",
        "type: string, domain: [a], boolean: {true_value: a}",
        "type: string, domain: []",
        "type: string, boolean: {}",
        "type: integer, boolean: {true_value: a}",
        "type: integer, boolean: {}, range: {max: 3}",
        "type: integer, holds: integer",
        "type: string, min_domain_mass: 0.5",
        "type: bytes, boolean: {}",
    ] {
        assert_eq!(codes_of_column(keys), ["schema::contradiction"], "{keys}");
    }
}

#[test]
fn each_kind_of_mistake_has_its_code() {
    for (keys, code) in [
        ("role: id", "missing_key"),
        ("type: ~", "wrong_type"),
        ("type: string, type: float", "duplicate_key"),
        ("type: string, disallow_nan: yes", "wrong_type"),
        ("type: string, presence: [1]", "wrong_type"),
        ("type: string, presence: ", "wrong_type"),
        ("type: float, range: {min: .nan}", "out_of_range"),
        (
            "type: string, min_domain_mass: -0.1, domain: [a]",
            "out_of_range",
        ),
        ("type: string, domain: [x, x]", "duplicate_value"),
        (
            "type: string, boolean: {true_value: t, false_value: t}",
            "duplicate_value",
        ),
        ("type: string, length: {min: 5, max: 4}", "empty_range"),
        ("type: string, valency: {minimum: 5}", "unknown_key"),
        ("type: text", "unknown_name"),
    ] {
        assert_eq!(codes_of_column(keys), [format!("schema::{code}")], "{keys}");
    }
    for (yaml, code) in [
        ("[]", "wrong_type"),
        ("columns: {}", "missing_key"),
        ("format_version: 1", "missing_key"),
        ("format_version: 2\ncolumns: {}", "format_version"),
        ("format_version: '1'\ncolumns: {}", "wrong_type"),
        ("format_version: 1\ncolumns: [", "syntax"),
        ("format_version: 1\n\tcolumns: {}", "syntax"),
        ("format_version: 1\ncolumns: {}\n---\na: 1\n", "syntax"),
        ("\u{0}\u{1}", "syntax"),
    ] {
        assert_eq!(codes(yaml), [format!("schema::{code}")], "{yaml:?}");
    }
}

#[test]
fn a_syntax_error_says_where_reading_stopped() {
    insta::assert_snapshot!(rendered("format_version: 1\ncolumns:\n  fare: {type: float\n  tip:\n"), @r"
    schema::invalid

      × schemas/taxi.yaml is not a valid schema (1 mistake)

    Error: schema::syntax

      × not YAML: while parsing a flow mapping, did not find expected ',' or '}'
       ╭─[schemas/taxi.yaml:4:6]
     3 │   fare: {type: float
     4 │   tip:
       ·      ▲
       ·      ╰── here
       ╰────
    ");
}

#[test]
fn an_empty_file_says_what_belongs_into_it() {
    let missing = ["schema::missing_key", "schema::missing_key"];
    assert_eq!(codes(""), missing);
    assert_eq!(codes("# nothing yet\n"), missing);
}

#[test]
fn words_that_older_yaml_took_for_booleans_are_values() {
    let yaml = "format_version: 1\ncolumns:\n  no: {type: string, domain: [yes, no, on, off, y]}\n";
    let schema = Schema::from_yaml("s.yaml", yaml).unwrap();
    assert_eq!(schema.columns[0].name, "no");
    assert_eq!(schema.columns[0].domain.as_ref().unwrap().len(), 5);
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut yaml = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (this, last) in ('b'..='k').zip('a'..='j') {
        yaml += &format!(
            "{this}: &{this} [{}]\n",
            vec![format!("*{last}"); 9].join(", ")
        );
    }
    assert_eq!(codes(&yaml), ["schema::syntax"]);
}

#[test]
fn ten_thousand_columns_go_through() {
    let schema = Schema {
        columns: (0..10_000)
            .map(|i| Column {
                presence: Some(Presence {
                    min_fraction: Some(1.0),
                    min_count: Some(1),
                }),
                valency: Some(Bounds::new(1, 1)),
                domain: Some(vec!["a".into(), "b".into()]),
                ..Column::new(format!("column.{i}"), ColumnType::String)
            })
            .collect(),
        ..Schema::default()
    };
    assert_eq!(
        Schema::from_yaml("s.yaml", &schema.to_yaml()).unwrap(),
        schema
    );
}

#[test]
fn the_json_schema_accepts_what_is_written_and_knows_every_key() {
    let json_schema = json_schema();
    let validator = jsonschema::validator_for(&json_schema).unwrap();
    let value = |yaml: &str| serde_saphyr::from_str::<serde_json::Value>(yaml).unwrap();
    assert!(validator.is_valid(&value(&taxi().to_yaml())));
    let column = |keys: &str| value(&format!("format_version: 1\ncolumns:\n  a: {{{keys}}}\n"));
    for keys in [
        "role: id",
        "type: strnig",
        "type: string, rnage: {}",
        "type: string, presence: ~",
        "type: string, presence: {min_fraction: 2}",
        "type: string, domain: [1]",
    ] {
        assert!(!validator.is_valid(&column(keys)), "{keys}");
    }
    for overrides in ["NEW_COLUMN: error", "SCHEMA_NEW_COLUMN: bad"] {
        let yaml =
            format!("format_version: 1\ncolumns: {{}}\nseverity_overrides: {{{overrides}}}\n");
        assert!(!validator.is_valid(&value(&yaml)), "{overrides}");
    }
    // What the reader knows of a column is what the JSON Schema lists.
    let yaml = "format_version: 1\ncolumns:\n  a: {type: any, nonsense: 1}\n";
    let error = Schema::from_yaml("s.yaml", yaml).unwrap_err();
    let [SchemaError::UnknownKey { help, .. }] = error.mistakes() else {
        panic!("{error:?}");
    };
    let mut known: Vec<&str> = help.trim_start_matches("one of: ").split(", ").collect();
    known.sort_unstable();
    let listed = json_schema["$defs"]["Column"]["properties"]
        .as_object()
        .unwrap();
    let mut listed: Vec<&str> = listed.keys().map(String::as_str).collect();
    listed.sort_unstable();
    assert_eq!(known, listed);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z ._/:#,\\[\\]{}'\"\\\\-]{0,8}",
        2 => any::<String>(),
        1 => prop::sample::select(vec![
            "", "~", "null", "true", "No", "1", "0x1F", "1e3", ".inf", "-", "? a", "<<", "=", "a: b",
            " a", "a ", "a #b", "- a", "...", "---", "\n", "a\nb", "\r\n", "\u{85}", "\u{2028}",
            "\u{feff}", "😀", "👨‍👩‍👧", "囍", "a.b", "'a.b'", "\"", "%", "@a", "`a`", "!a", "&a", "*a",
        ]).prop_map(str::to_owned),
        1 => Just("长".repeat(2_000)),
    ]
}

fn any_bounds() -> impl Strategy<Value = Option<Bounds<u64>>> {
    prop::option::of((prop::option::of(0..50_u64), prop::option::of(50..u64::MAX)))
        .prop_map(|b| b.map(|(min, max)| Bounds { min, max }))
}

fn any_share() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(0.0..=1.0_f64)
}

fn any_range() -> impl Strategy<Value = Option<Bounds<Number>>> {
    let low = prop_oneof![
        (i64::MIN..0).prop_map(Number::Integer),
        (-1e300..0.0_f64).prop_map(Number::Float),
    ];
    let high = prop_oneof![
        (0..i64::MAX).prop_map(Number::Integer),
        (0.0..1e300_f64).prop_map(Number::Float),
        Just(Number::Float(1e-300)),
    ];
    prop::option::of((prop::option::of(low), prop::option::of(high)))
        .prop_map(|b| b.map(|(min, max)| Bounds { min, max }))
}

/// What limits the values of a column, of which it has at most one.
fn any_limit() -> impl Strategy<Value = Column> {
    let domain = (prop::collection::btree_set(any_text(), 1..12), any_share());
    prop_oneof![
        domain.prop_map(|(domain, min_domain_mass)| Column {
            domain: Some(domain.into_iter().collect()),
            min_domain_mass,
            ..Column::new("", ColumnType::String)
        }),
        (any_text(), any_text()).prop_map(|(yes, no)| Column {
            boolean: Some(BooleanDomain {
                true_value: Some(yes.clone()),
                false_value: (yes != no).then_some(no),
            }),
            ..Column::new("", ColumnType::String)
        }),
        (prop::sample::select(SpelledNumber::ALL), any_range()).prop_map(|(holds, range)| Column {
            holds: Some(holds),
            range,
            ..Column::new("", ColumnType::String)
        }),
        (any_range(), any::<bool>(), any::<bool>()).prop_map(
            |(range, disallow_nan, disallow_inf)| Column {
                range,
                disallow_nan,
                disallow_inf,
                ..Column::new("", ColumnType::Float)
            }
        ),
        prop::sample::select(ColumnType::ALL).prop_map(|kind| Column::new("", kind)),
    ]
}

fn any_column() -> impl Strategy<Value = Column> {
    let roles: Vec<Role> = Role::ALL
        .iter()
        .copied()
        .filter(|r| *r != Role::Text)
        .collect();
    (
        any_limit(),
        prop::option::of(prop::sample::select(roles)),
        prop::option::of((any_share(), prop::option::of(any::<u64>()))),
        (any_bounds(), any_bounds(), any_bounds()),
    )
        .prop_map(
            |(limit, role, presence, (valency, length, unique))| Column {
                role,
                presence: presence.map(|(min_fraction, min_count)| Presence {
                    min_fraction,
                    min_count,
                }),
                valency,
                length: length.filter(|_| limit.column_type == ColumnType::String),
                unique,
                ..limit
            },
        )
}

fn any_schema() -> impl Strategy<Value = Schema> {
    (
        prop::collection::btree_map(any_text(), any_column(), 0..8),
        any_bounds(),
        prop::collection::btree_map(
            prop::sample::select(AnomalyType::ALL),
            prop::sample::select(Severity::ALL.to_vec()),
            0..4,
        ),
    )
        .prop_map(|(columns, rows, severity_overrides)| Schema {
            columns: columns
                .into_iter()
                .map(|(name, column)| Column { name, ..column })
                .collect(),
            rows,
            severity_overrides,
            ..Schema::default()
        })
}

proptest! {
    #[test]
    fn any_schema_survives_writing_and_reading(schema in any_schema()) {
        let yaml = schema.to_yaml();
        match Schema::from_yaml("s.yaml", &yaml) {
            Ok(read) => {
                prop_assert_eq!(read.to_yaml(), yaml);
                prop_assert_eq!(read, schema);
            }
            Err(error) => prop_assert!(false, "{:?}\n{}", error, yaml),
        }
    }

    #[test]
    fn nothing_in_a_file_makes_the_reader_panic(yaml in prop_oneof![
        any::<String>(),
        "(format_version: 1\n)?columns:\n( {0,4}[a-z]{1,3}: ?[\\[{]?[a-z0-9:,&*~ ]{0,9}[\\]}]?\n){0,6}",
    ]) {
        if let Err(error) = Schema::from_yaml("s.yaml", &yaml) {
            let mut out = String::new();
            let handler = miette::GraphicalReportHandler::new();
            prop_assert!(handler.render_report(&mut out, &error).is_ok());
        }
    }
}
