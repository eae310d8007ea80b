//! Rules about rows, by `validate` and window by window in a run.

use crate::desk::{Desk, SAME, TRAINING};
use serde_json::Value;

const TRIPS: &str = "\
id,zone,started,ended,meter,fare,phone
1,N,2024-01-01T08:00:00,2024-01-01T08:10:00,10,5.0,13800138001
2,N,2024-01-01T09:00:00,2024-01-01T08:50:00,12,7.5,13800138002
2,S,2024-01-01T10:00:00,2024-01-01T10:30:00,11,-3.0,none
4,X,2024-01-01T11:00:00,2024-01-01T11:05:00,15,,13800138004
";

const SCHEMA: &str = "\
format_version: 1
constraints:
- key: id
- references: {source: zones.csv, key: code}
  columns: zone
- column: meter
  monotone: increasing
  by: started
- column: started
  freshness: 2d
- name: no trip ends before it begins
  column: ended
  between: {min: {column: started}}
- sql: fare >= 0
  at_most: 40 %
columns:
  id: {type: integer}
  zone: {type: string, constraints: [{in_set: [N, S, X]}]}
  started: {type: timestamp}
  ended: {type: timestamp}
  meter: {type: integer, constraints: [{between: {min: 0, max: 20}}]}
  fare: {type: float}
  phone:
    type: string
    constraints:
    - regex: ^[0-9]+$
      severity: warning
    - length: {min: 5}
";

fn trips() -> Desk {
    let desk = Desk::new();
    desk.write("trips.csv", TRIPS);
    desk.write("zones.csv", "code,name\nN,North\nS,South\n");
    desk.write("schema.yaml", SCHEMA);
    desk
}

const VALIDATE: [&str; 6] = [
    "validate",
    "trips.csv",
    "--schema",
    "schema.yaml",
    "--now",
    "2024-01-02T00:00:00Z",
];

#[test]
fn every_kind_of_rule_is_an_anomaly_of_its_own() {
    let desk = trips();
    let told = desk.driftline(&[&VALIDATE[..], &["--format", "json"]].concat());
    let told = told.ends_with(1).json();
    let anomalies = told["anomalies"].as_array().unwrap();
    let shown: Vec<String> = anomalies
        .iter()
        .map(|anomaly| {
            format!(
                "{} {}: {}",
                anomaly["severity"].as_str().unwrap(),
                anomaly["kind"].as_str().unwrap(),
                anomaly["description"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "error KEY_NOT_UNIQUE: key `id`: 2 of 4 rows share their key with another, 50 %; such as 2 (2 rows)",
            "error REFERENCE_NOT_FOUND: `zone` in zones.csv: 1 of 4 rows are not found there, 25 %; such as X",
            "error NOT_MONOTONE: `meter` increasing by `started`: 1 of 4 rows turn back, 25 %; such as started=2024-01-01T10:00:00, meter=11",
            "error NOT_BETWEEN: no trip ends before it begins: 1 of 4 rows are outside, 25 %; such as ended=2024-01-01T08:50:00, started=2024-01-01T09:00:00",
            "warning REGEX_NOT_MATCHED: `phone` matches ^[0-9]+$: 1 of 4 rows do not match, 25 %; such as none",
            "error LENGTH_NOT_BETWEEN: length of `phone` from 5 to any: 1 of 4 rows have another length, 25 %; such as none",
        ]
    );
    assert_eq!(anomalies[0]["count"], 2);
    assert_eq!(anomalies[0]["evidence"][0]["value"], "2");
    assert_eq!(told["not_evaluated"], Value::Array(Vec::new()));
    let table = desk.driftline(&VALIDATE);
    table.ends_with(1);
    assert!(table.out.contains("KEY_NOT_UNIQUE"), "{}", table.out);
    // The data is of 2024, and this is a later day.
    let late = desk.driftline(&["validate", "trips.csv", "--schema", "schema.yaml"]);
    late.ends_with(1);
    assert!(late.out.contains("DATA_STALE"), "{}", late.out);
}

#[test]
fn a_rule_that_cannot_be_asked_is_never_passed() {
    let desk = trips();
    desk.write(
        "schema.yaml",
        "format_version: 1\nconstraints:\n- references: {source: gone.csv, key: code}\n  columns: zone\n- sql: extra > 0\n- sql: id > 0\n\
         columns: {id: {type: integer}, zone: {type: string}, started: {type: timestamp}, ended: {type: timestamp}, meter: {type: integer}, fare: {type: float}, phone: {type: string}, extra: {type: integer}}\n",
    );
    let told = desk.driftline(&VALIDATE);
    told.ends_with(3);
    assert!(told.out.starts_with("unknown:"), "{}", told.out);
    for reason in ["gone.csv", "there is no column `extra`"] {
        assert!(told.out.contains(reason), "{}", told.out);
    }
}

#[test]
fn sql_that_is_wrong_is_shown_in_the_schema_file() {
    for (sql, place, what) in [
        ("fare >== 0", "schema.yaml:3:15", "SQL"),
        ("fare + 1", "schema.yaml:3:8", "not true or false"),
        ("fair > 0", "schema.yaml:3:3", "there is no column `fair`"),
        ("sum(fare) > 0", "schema.yaml:3:8", "many rows"),
    ] {
        let desk = trips();
        desk.write(
            "schema.yaml",
            format!("format_version: 1\nconstraints:\n- sql: {sql}\ncolumns: {{fare: {{type: float}}}}\n"),
        );
        let told = desk.driftline(&VALIDATE);
        told.ends_with(2).says(place).says(what);
    }
}

#[test]
fn a_run_asks_the_rules_of_every_window() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    // On the last day every sale is red, twice the same, and one costs nothing.
    let mut live = SAME.csv();
    let last = "2024-03-10,";
    live = live
        .lines()
        .map(|line| match line.starts_with(last) {
            true => format!("{last}0.5,red\n"),
            false => format!("{line}\n"),
        })
        .collect();
    desk.write("live.csv", live);
    desk.write(
        "schema.yaml",
        "format_version: 1\nconstraints:\n- name: positive\n  sql: amount > 1\n  at_most: 1 %\n- references: {source: colours.csv}\n  columns: colour\n\
         columns: {day: {type: date}, amount: {type: float}, colour: {type: string}}\n",
    );
    desk.write("colours.csv", "colour\nred\ngreen\nblue\n");
    desk.pipeline("base.csv", "live.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(1);
    let verdict = desk.json("out/verdict.json");
    crate::verbs::is_a_verdict(&verdict);
    let windows = verdict["windows"].as_array().unwrap();
    let broken = |window: &Value| -> Vec<String> {
        let findings = window["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["kind"] == "anomaly")
            .map(|finding| finding["message"].as_str().unwrap().to_owned())
            .collect()
    };
    for window in &windows[..6] {
        assert_eq!(broken(window), Vec::<String>::new());
    }
    assert_eq!(
        broken(&windows[6]),
        [
            "positive: 40 of 40 rows break it, 100 %, more than the tolerated 1 %; such as 0.5 (40 rows)"
        ]
    );
    // No example leaves the data where the pipeline says so.
    desk.pipeline(
        "base.csv",
        "live.csv",
        "schema: schema.yaml\nexamples: none\n",
    );
    desk.run(&[]).ends_with(1);
    assert!(!desk.read("out/verdict.json").contains("such as"));
    // Without the other source nobody knows.
    std::fs::remove_file(desk.path("colours.csv")).unwrap();
    desk.run(&[]);
    let verdict = desk.json("out/verdict.json");
    for window in verdict["windows"].as_array().unwrap() {
        assert_ne!(window["verdict"], "pass");
    }
}

#[test]
fn a_schema_says_how_drift_of_a_column_is_judged() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", crate::desk::DEARER.csv());
    let schema = |drift: &str| {
        format!(
            "format_version: 1\ncolumns: {{day: {{type: date}}, amount: {{type: float, drift: {{{drift}}}}}, colour: {{type: string}}}}\n"
        )
    };
    desk.write("schema.yaml", schema("required: true"));
    desk.pipeline("base.csv", "live.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(1);
    // No distance is that large.
    desk.write("schema.yaml", schema("min_effect: 1000"));
    desk.run(&[]);
    let verdict = desk.json("out/verdict.json");
    for window in verdict["windows"].as_array().unwrap() {
        assert_ne!(window["verdict"], "fail", "{window:#}");
    }
    desk.write("schema.yaml", schema("min_effect: -1"));
    desk.run(&[]).ends_with(2).says("schema.yaml:2");
}

#[test]
fn rows_that_break_a_rule_are_found() {
    let desk = trips();
    let told = desk.driftline(&[&VALIDATE[..], &["--rows", "3", "--show", "id"]].concat());
    told.ends_with(1);
    let line = |kind: &str| {
        let mut lines = told.out.lines().rev();
        let found =
            lines.find(|line| line.starts_with(kind) || line.contains(&format!(": {kind}")));
        let cells: Vec<&str> = found.unwrap_or_default().split_whitespace().collect();
        cells.join(" ")
    };
    assert_eq!(
        line("REGEX_NOT_MATCHED"),
        "REGEX_NOT_MATCHED phone trips.csv 3 none 2"
    );
    assert_eq!(
        line("NOT_BETWEEN"),
        "NOT_BETWEEN ended trips.csv 2 2024-01-01T08:50:00 2"
    );
    assert!(
        line("KEY_NOT_UNIQUE").starts_with("no rows: KEY_NOT_UNIQUE"),
        "{}",
        told.out
    );
}

#[test]
fn a_rule_whose_rows_all_lack_the_value_is_unknown() {
    let desk = Desk::new();
    desk.write("rows.csv", "a,b\n1,\n2,\n");
    desk.write(
        "schema.yaml",
        "format_version: 1\ncolumns: {a: {type: integer}, b: {type: any, constraints: [{regex: x}]}}\n",
    );
    let told = desk.driftline(&["validate", "rows.csv", "--schema", "schema.yaml"]);
    told.ends_with(3);
    assert!(told.out.contains("lack a value"), "{}", told.out);
}

/// Sales of one colour by day, whose numbers count up unless `turned` says otherwise.
fn counted(turned: bool) -> String {
    let mut rows = "day,number\n".to_owned();
    for day in 1..=28 {
        for sale in 0..20 {
            let number = day * 100 + sale;
            let number = if turned && number == 1_010 { 1 } else { number };
            rows.push_str(&format!("2024-01-{day:02},{number}\n"));
        }
    }
    rows
}

#[test]
fn a_run_asks_for_the_order_of_the_files() {
    let desk = Desk::new();
    desk.write("base.csv", counted(false));
    desk.write("live.csv", counted(true));
    desk.write(
        "schema.yaml",
        "format_version: 1\ncolumns: {day: {type: date}, number: {type: integer, constraints: [{monotone: increasing}]}}\n",
    );
    desk.pipeline("base.csv", "live.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(1);
    let verdict = desk.json("out/verdict.json");
    let windows = verdict["windows"].as_array().unwrap();
    let turns = |window: &Value| {
        let findings = window["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["measure"] == "NOT_MONOTONE")
            .count()
    };
    assert_eq!(windows.iter().map(turns).sum::<usize>(), 1, "{verdict:#}");
    assert!(!desk.read("out/verdict.json").contains("lost the order"));
    // A query mixes them.
    desk.pipeline(
        "base.csv",
        "live.csv",
        "schema: schema.yaml\nprepare: SELECT DISTINCT day, number FROM source\n",
    );
    desk.run(&[]);
    assert!(desk.read("out/verdict.json").contains("lost the order"));
}

#[test]
fn a_schema_beside_a_baselines_folder_is_the_one_that_counts() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk.run(&[]);
    std::fs::rename(desk.path("out/baseline"), desk.path("frozen")).unwrap();
    desk.write(
        "schema.yaml",
        "format_version: 1\ncolumns: {day: {type: date}, amount: {type: float, range: {max: 0}}, colour: {type: string}}\n",
    );
    desk.pipeline("frozen", "live.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(1);
    assert!(
        desk.read("out/verdict.json")
            .contains("FLOAT_TYPE_BIG_FLOAT")
    );
    assert!(desk.read("out/baseline/schema.yaml").contains("max: 0"));
}

#[test]
fn a_vocabulary_of_the_schema_is_named_in_the_pipeline() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    let schema = |unknown: &str| {
        format!(
            "format_version: 1\ncolumns: {{day: {{type: date}}, amount: {{type: float}}, colour: {{type: string, natural_language_domain: {{vocabulary: colours, coverage: {{min_coverage: 0.9, oov_string_tokens: [{unknown}]}}}}}}}}\n"
        )
    };
    desk.write("schema.yaml", schema("mauve"));
    desk.pipeline("base.csv", "live.csv", "schema: schema.yaml\n");
    desk.run(&[])
        .ends_with(2)
        .says("the schema asks for the vocabulary `colours`");
    let more = "schema: schema.yaml\nvocabularies: {colours: words.txt}\n";
    desk.pipeline("base.csv", "live.csv", more);
    desk.write("words.txt", "red\ngreen\nblue\n");
    desk.run(&[]);
    let verdict = desk.read("out/verdict.json");
    assert!(!verdict.contains("STATS_NOT_AVAILABLE"), "{verdict}");
    assert!(!verdict.contains("FEATURE_COVERAGE_TOO_LOW"), "{verdict}");
    desk.write("schema.yaml", schema("red"));
    desk.run(&[]).ends_with(1);
    let verdict = desk.read("out/verdict.json");
    assert!(verdict.contains("FEATURE_COVERAGE_TOO_LOW"), "{verdict}");
}
