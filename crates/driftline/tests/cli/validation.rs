//! `infer` and `validate` of sources: everything that a schema can state is checked, or
//! told as not evaluated.

use crate::desk::{Desk, Ended, PURPLE, SAME, TRAINING, root};
use driftline_schema::tfmd::{self, Anomalies};
use serde_json::Value;

fn colours(desk: &Desk, name: &str, red: usize, blue: usize) {
    let mut csv = String::from("colour,size\n");
    for (colour, count) in [("red", red), ("blue", blue)] {
        for at in 0..count {
            csv += &format!("{colour},{}\n", at % 7);
        }
    }
    desk.write(name, csv);
}

fn kinds(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found["anomalies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|anomaly| (text(&anomaly["column"]), text(&anomaly["kind"])))
        .collect()
}

fn has(ended: &Ended, column: &str, kind: &str) -> bool {
    kinds(&ended.json()).contains(&(column.to_owned(), kind.to_owned()))
}

const COMPARED: &str = "format_version: 1
columns:
  colour:
    type: string
    drift_comparator: {infinity_norm: 0.1}
    skew_comparator: {infinity_norm: 0.1}
  size:
    type: integer
    drift_comparator: {infinity_norm: 0.3}
";

#[test]
fn a_source_is_compared_with_the_span_before_and_with_what_is_served() {
    let desk = Desk::new();
    desk.write("schema.yaml", COMPARED);
    colours(&desk, "now.csv", 80, 20);
    colours(&desk, "before.csv", 50, 50);
    colours(&desk, "same.csv", 78, 22);
    let validate = |more: &[&str]| {
        let fixed = [
            "validate",
            "now.csv",
            "--schema",
            "schema.yaml",
            "--format",
            "json",
        ];
        desk.driftline(&[&fixed[..], more].concat())
    };
    let drift = validate(&["--previous", "before.csv", "--serving", "same.csv"]);
    drift.ends_with(1);
    assert!(
        has(&drift, "colour", "COMPARATOR_L_INFTY_HIGH"),
        "{}",
        drift.out
    );
    let found = drift.json();
    let first = &found["anomalies"][0];
    assert_eq!(first["expected"], 0.1);
    assert!(
        (first["actual"].as_f64().unwrap() - 0.3).abs() < 1e-9,
        "{first}"
    );
    assert!(
        first["description"]
            .as_str()
            .unwrap()
            .contains("current and previous"),
        "{first}"
    );
    let skew = validate(&["--previous", "same.csv", "--serving", "before.csv"]);
    assert!(has(skew.ends_with(1), "colour", "COMPARATOR_L_INFTY_HIGH"));
    validate(&["--previous", "same.csv", "--serving", "same.csv"]).ends_with(0);
    // Statistics do as well as a source.
    desk.driftline(&[
        "profile",
        "before.csv",
        "--format",
        "tfdv-pb",
        "-o",
        "before.pb",
    ])
    .ends_with(0);
    let by_statistics = validate(&["--previous", "before.pb", "--serving", "same.csv"]);
    assert_eq!(
        by_statistics.ends_with(1).json()["anomalies"],
        found["anomalies"]
    );
}

#[test]
fn a_comparator_without_anything_to_compare_with_is_unknown() {
    let desk = Desk::new();
    desk.write("schema.yaml", COMPARED);
    colours(&desk, "now.csv", 80, 20);
    let ended = desk.driftline(&["validate", "now.csv", "--schema", "schema.yaml"]);
    let said = "not evaluated: drift_comparator of colour: nothing to compare with";
    assert!(ended.ends_with(3).out.contains(said), "{}", ended.out);
    assert!(ended.out.starts_with("unknown:"), "{}", ended.out);
    assert!(ended.out.contains("`--previous`") && ended.out.contains("`--serving`"));
}

#[test]
fn environments_row_counts_and_versions_are_checked_on_sources() {
    let desk = Desk::new();
    desk.write(
        "schema.yaml",
        "format_version: 1
default_environment: [TRAINING, SERVING]
dataset_constraints:
  num_examples_drift_comparator: {min_fraction_threshold: 0.9}
  num_examples_version_comparator: {min_fraction_threshold: 1.0, max_fraction_threshold: 1.0}
columns:
  colour: {type: string}
  size: {type: integer}
  label:
    type: integer
    presence: {min_fraction: 1.0}
    not_in_environment: [SERVING]
",
    );
    colours(&desk, "now.csv", 5, 5);
    colours(&desk, "before.csv", 20, 5);
    let validate = |more: &[&str]| {
        let fixed = [
            "validate",
            "now.csv",
            "--schema",
            "schema.yaml",
            "--format",
            "json",
        ];
        desk.driftline(&[&fixed[..], more].concat())
    };
    let whole = ["--previous", "now.csv", "--previous-version", "now.csv"];
    let training = [&whole[..], &["--environment", "TRAINING"]].concat();
    let ended = validate(&training);
    assert!(
        has(ended.ends_with(1), "label", "SCHEMA_MISSING_COLUMN"),
        "{}",
        ended.out
    );
    validate(&[&whole[..], &["--environment", "SERVING"]].concat()).ends_with(0);
    validate(&["--environment", "MOON"])
        .ends_with(2)
        .says("MOON");
    let fewer = validate(&[
        "--environment",
        "SERVING",
        "--previous",
        "before.csv",
        "--previous-version",
        "before.csv",
    ]);
    fewer.ends_with(1);
    assert_eq!(
        kinds(&fewer.json()),
        [
            (String::new(), "COMPARATOR_LOW_NUM_EXAMPLES".to_owned()),
            (String::new(), "COMPARATOR_LOW_NUM_EXAMPLES".to_owned()),
        ]
    );
}

#[test]
fn anomalies_of_a_source_are_told_in_tfdvs_words_and_form() {
    let desk = Desk::new();
    desk.write(
        "schema.pbtxt",
        "feature { name: \"colour\" type: BYTES string_domain { value: \"red\" } }
         feature { name: \"size\" type: INT value_count { min: 2 } }",
    );
    colours(&desk, "now.csv", 3, 1);
    let validate = |format: &str| {
        desk.driftline(&[
            "validate",
            "now.csv",
            "--schema",
            "schema.pbtxt",
            "--format",
            format,
        ])
    };
    let ended = validate("json");
    let found = ended.ends_with(1).json();
    assert_eq!(
        found["anomalies"][0]["description"],
        "Examples contain values missing from the schema: blue (~25%)."
    );
    assert_eq!(found["anomalies"][0]["evidence"][0]["value"], "blue");
    assert_eq!(found["anomalies"][0]["evidence"][0]["count"], 1);
    assert!(has(&ended, "size", "FEATURE_TYPE_LOW_NUMBER_VALUES"));
    let text = validate("tfdv-pbtxt");
    assert!(
        text.ends_with(1)
            .out
            .contains("type: ENUM_TYPE_UNEXPECTED_STRING_VALUES"),
        "{}",
        text.out
    );
    // The same by way of statistics.
    desk.driftline(&[
        "profile",
        "now.csv",
        "--format",
        "tfdv-pbtxt",
        "-o",
        "now.pbtxt",
    ])
    .ends_with(0);
    let statistics = desk.driftline(&[
        "validate",
        "--statistics",
        "now.pbtxt",
        "--schema",
        "schema.pbtxt",
        "--format",
        "json",
    ]);
    assert_eq!(statistics.ends_with(1).json(), found);
}

#[test]
fn a_schema_of_tfdvs_form_is_inferred_from_a_source() {
    let desk = Desk::new();
    colours(&desk, "now.csv", 30, 10);
    desk.driftline(&[
        "profile",
        "now.csv",
        "--format",
        "tfdv-pbtxt",
        "-o",
        "now.pbtxt",
    ])
    .ends_with(0);
    let of_statistics = desk.driftline(&["infer", "--statistics", "now.pbtxt"]);
    let of_source = desk.driftline(&["infer", "now.csv", "--format", "tfdv-pbtxt"]);
    assert_eq!(of_source.ends_with(0).out, of_statistics.out);
    assert!(
        of_source.out.contains("value: \"blue\""),
        "{}",
        of_source.out
    );
    desk.driftline(&["infer", "now.csv", "--format", "tfdv-pb", "-o", "s.pb"])
        .ends_with(0);
    desk.driftline(&["validate", "now.csv", "--schema", "s.pb"])
        .ends_with(0);
    let few = [
        "infer",
        "now.csv",
        "--format",
        "tfdv-pbtxt",
        "--max-string-domain-size",
        "1",
    ];
    assert!(!desk.driftline(&few).ends_with(0).out.contains("blue"));
}

#[test]
fn what_statistics_do_not_hold_is_unknown_and_never_passed() {
    let desk = Desk::new();
    colours(&desk, "now.csv", 30, 10);
    desk.driftline(&[
        "profile",
        "now.csv",
        "--format",
        "tfdv-pbtxt",
        "-o",
        "now.pbtxt",
    ])
    .ends_with(0);
    desk.write(
        "schema.yaml",
        "format_version: 1
columns:
  colour: {type: string, length: {max: 9}}
  size: {type: integer}
",
    );
    desk.driftline(&["validate", "now.csv", "--schema", "schema.yaml"])
        .ends_with(0);
    let of_statistics = [
        "validate",
        "--statistics",
        "now.pbtxt",
        "--schema",
        "schema.yaml",
    ];
    let ended = desk.driftline(&of_statistics);
    assert!(
        ended
            .ends_with(3)
            .out
            .contains("not evaluated: length of colour"),
        "{}",
        ended.out
    );
    let compare = [&of_statistics[..], &["--format", "json"]].concat();
    assert_eq!(desk.driftline(&compare).json()["verdict"], "unknown");
}

#[test]
fn a_source_without_rows_is_unknown() {
    let desk = Desk::new();
    desk.write("empty.csv", "colour,size\n");
    desk.write(
        "schema.yaml",
        "format_version: 1\ncolumns:\n  colour: {type: string}\n",
    );
    let ended = desk.driftline(&["validate", "empty.csv", "--schema", "schema.yaml"]);
    assert!(
        ended.ends_with(3).out.starts_with("unknown:"),
        "{}",
        ended.out
    );
}

const NESTED: &str = r#"{"id": 1, "tags": ["a", "b"], "place": {"city": "Gdynia", "lat": 54.5}, "items": [{"price": 3, "name": "x"}]}
{"id": 2, "tags": ["a"], "place": {"city": "Sopot", "lat": 54.4}, "items": [{"price": 5, "name": "y"}, {"price": 7, "name": "x"}]}
"#;

#[test]
fn lists_and_structs_are_inferred_and_checked_to_their_leaves() {
    let desk = Desk::new();
    desk.write("base.jsonl", NESTED);
    let inferred = desk.driftline(&["infer", "base.jsonl", "-o", "schema.yaml"]);
    inferred.ends_with(0);
    let yaml = desk.read("schema.yaml");
    for said in ["city:", "price:", "domain:", "struct", "valency:"] {
        assert!(yaml.contains(said), "{said}: {yaml}");
    }
    let validate = |name: &str, more: &[&str]| {
        let fixed = [
            "validate",
            name,
            "--schema",
            "schema.yaml",
            "--format",
            "json",
        ];
        desk.driftline(&[&fixed[..], more].concat())
    };
    let same = validate("base.jsonl", &[]);
    assert_eq!(same.ends_with(0).json()["verdict"], "pass", "{}", same.out);
    desk.write(
        "live.jsonl",
        NESTED.to_owned()
            + r#"{"id": 3, "tags": ["q", "a"], "place": {"city": "Hel", "lat": 54.45}, "items": [{"price": 4, "name": "x"}, {"price": 99, "name": "y"}]}
"#,
    );
    let ended = validate("live.jsonl", &["--rows", "3"]);
    ended.ends_with(1);
    for (column, kind) in [
        ("tags", "ENUM_TYPE_UNEXPECTED_STRING_VALUES"),
        ("place.city", "ENUM_TYPE_UNEXPECTED_STRING_VALUES"),
        ("items.price", "INT_TYPE_BIG_INT"),
    ] {
        assert!(has(&ended, column, kind), "{column} {kind}: {}", ended.out);
    }
    let found = ended.json();
    let rows = found["offending"]["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["row"] == 3), "{rows:?}");
    let values: Vec<&str> = rows
        .iter()
        .map(|row| row["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["3", "q", "Hel", "99"]);
}

#[test]
fn the_rows_behind_an_anomaly_are_shown_and_written() {
    let desk = Desk::new();
    desk.write(
        "a.csv",
        "id,colour,size,word\n1,red,3,ab\n2,blue,4,cd\n3,green,5,ef\n",
    );
    desk.write(
        "b.csv",
        "id,colour,size,word\n4,red,,ab\n5,pink,40,abcdefgh\n6,,5,ab\n",
    );
    desk.write(
        "schema.yaml",
        "format_version: 1
columns:
  id: {type: integer, role: id}
  colour: {type: string, domain: [blue, red], presence: {min_fraction: 1.0}}
  size: {type: integer, range: {max: 9}, presence: {min_fraction: 1.0}}
  word: {type: string, length: {max: 4}, role: category}
  gone: {type: float, presence: {min_count: 1}}
",
    );
    let fixed = [
        "validate",
        "*.csv",
        "--schema",
        "schema.yaml",
        "--rows",
        "2",
    ];
    let ended = desk.driftline(&[&fixed[..], &["--format", "json"]].concat());
    let found = ended.ends_with(1).json();
    let rows: Vec<String> = found["offending"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {} {}:{} {} id {}",
                row["column"].as_str().unwrap(),
                row["anomaly"].as_str().unwrap(),
                row["file"].as_str().unwrap(),
                row["row"],
                row["value"],
                row["shown"]["id"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "colour FEATURE_TYPE_LOW_FRACTION_PRESENT b.csv:3 null id 6",
            "colour ENUM_TYPE_UNEXPECTED_STRING_VALUES a.csv:3 \"green\" id 3",
            "colour ENUM_TYPE_UNEXPECTED_STRING_VALUES b.csv:2 \"pink\" id 5",
            "size FEATURE_TYPE_LOW_FRACTION_PRESENT b.csv:1 null id 4",
            "size INT_TYPE_BIG_INT b.csv:2 \"40\" id 5",
            "word LENGTH_TOO_LONG b.csv:2 \"abcdefgh\" id 5",
        ]
    );
    assert_eq!(
        found["offending"]["without_rows"][0]["reason"],
        "no row has the column"
    );
    let table = desk.driftline(&fixed);
    assert!(
        table
            .ends_with(1)
            .out
            .contains("no rows: SCHEMA_MISSING_COLUMN of gone")
    );
    for name in [
        "temporary/rows.csv",
        "temporary/rows.jsonl",
        "temporary/rows.parquet",
    ] {
        desk.driftline(&[&fixed[..], &["--rows-out", name, "--show", "*"]].concat())
            .ends_with(1);
        let head = desk.driftline(&["profile", name, "--format", "json"]);
        let columns = head.ends_with(0).json();
        let names: Vec<&str> = columns["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        for wanted in ["anomaly", "row", "value", "word"] {
            assert!(names.contains(&wanted), "{name}: {names:?}");
        }
        assert_eq!(columns["columns"][0]["rows"], 6);
    }
    desk.driftline(&[&fixed[..], &["--rows-out", "temporary/rows.txt"]].concat())
        .ends_with(2)
        .says(".parquet");
    // Rows that a query made are numbered as they come.
    let prepared = [
        "--prepare",
        "SELECT * FROM source WHERE size > 4",
        "--format",
        "json",
    ];
    let ended = desk.driftline(&[&fixed[..], &prepared[..]].concat());
    let rows = ended.ends_with(1).json();
    assert!(
        rows["offending"]["rows"][0]["file"].is_null(),
        "{}",
        ended.out
    );
}

#[test]
fn sparse_and_weighted_features_are_checked_on_a_source() {
    let desk = Desk::new();
    desk.write(
        "d.jsonl",
        "{\"value\": [1.0, 2.0], \"index\": [1, 2], \"weight\": [1.0]}\n{\"index\": [3]}\n",
    );
    desk.write(
        "s.pbtxt",
        "feature { name: \"value\" type: FLOAT } feature { name: \"index\" type: INT }
         feature { name: \"weight\" type: FLOAT }
         sparse_feature { name: \"sparse\" index_feature { name: \"index\" } value_feature { name: \"value\" } }
         weighted_feature { name: \"weighted\" feature { step: \"value\" } weight_feature { step: \"weight\" } }",
    );
    let ended = desk.driftline(&[
        "validate", "d.jsonl", "--schema", "s.pbtxt", "--rows", "1", "--format", "json",
    ]);
    ended.ends_with(1);
    assert!(
        has(&ended, "sparse", "SPARSE_FEATURE_MISSING_VALUE"),
        "{}",
        ended.out
    );
    assert!(has(&ended, "weighted", "WEIGHTED_FEATURE_LENGTH_MISMATCH"));
    let found = ended.json();
    let rows = found["offending"]["rows"].as_array().unwrap();
    let missing = rows
        .iter()
        .find(|row| row["anomaly"] == "SPARSE_FEATURE_MISSING_VALUE");
    assert_eq!(missing.unwrap()["row"], 2);
}

/// Cases that were made by TFDV itself, where they are beside the repository.
fn cases(name: &str) -> Vec<Value> {
    let path = root().join("../shared/tfdv-cases").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no {}", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn data(case: &Value, key: &str) -> String {
    let (dataset, file) = (&case["dataset"], &case[key]);
    let folder = root()
        .join("../shared/data")
        .join(dataset.as_str().unwrap());
    folder.join(file.as_str().unwrap()).display().to_string()
}

/// Columns that pandas reads as numbers of double precision, because they have nulls.
fn as_pandas(schema: &tfmd::Schema) -> String {
    let floats = schema
        .feature
        .iter()
        .filter(|f| f.r#type() == tfmd::FeatureType::Float);
    let casts: Vec<String> = floats
        .map(|f| format!("CAST(\"{0}\" AS DOUBLE) AS \"{0}\"", f.name()))
        .collect();
    format!("SELECT * REPLACE ({}) FROM source", casts.join(", "))
}

/// Types of the anomalies of each path, but for that of the values: whole numbers with
/// nulls were of double precision to TFDV, which read them by way of pandas.
fn types(anomalies: &Anomalies, but: &[&str]) -> Vec<(String, Vec<&'static str>)> {
    let infos = anomalies.anomaly_info.iter();
    infos
        .filter(|(path, _)| !but.contains(&path.as_str()))
        .map(|(path, info)| {
            let reasons = info.reason.iter().map(|r| r.r#type().as_str_name());
            let reasons = reasons.filter(|kind| *kind != "UNEXPECTED_DATA_TYPE");
            (path.clone(), reasons.collect())
        })
        .collect()
}

#[test]
fn sources_give_the_schemas_and_anomalies_that_tfdv_gave() {
    let desk = Desk::new();
    let small = ["chicago-taxi", "penguins-skew"];
    let of_small = |case: &Value| small.contains(&case["dataset"].as_str().unwrap());
    let mut seen = 0;
    for case in cases("data-infer.jsonl")
        .iter()
        .filter(|case| of_small(case))
    {
        let shape = case["infer_feature_shape"].as_bool().unwrap_or(true);
        let size = case["max_string_domain_size"].to_string();
        let source = data(case, "input");
        let read = |text: &str| tfmd::from_text::<tfmd::Schema>("schema", text).unwrap();
        let mut expected = read(case["expected_schema_pbtxt"].as_str().unwrap());
        let prepare = as_pandas(&expected);
        let mut arguments = vec!["infer", &source, "--format", "tfdv-pbtxt"];
        arguments.extend(["--prepare", &prepare]);
        arguments.extend(["--max-string-domain-size", &size]);
        if !shape {
            arguments.push("--no-feature-shape");
        }
        let ended = desk.driftline(&arguments);
        let mut found = read(&ended.ends_with(0).out);
        for schema in [&mut found, &mut expected] {
            schema.feature.sort_by(|a, b| a.name.cmp(&b.name));
            schema.string_domain.sort_by(|a, b| a.name.cmp(&b.name));
            // Set by the Python of later versions.
            schema.represent_variable_length_as_ragged = None;
        }
        assert_eq!(
            tfmd::to_text(&found),
            tfmd::to_text(&expected),
            "{}",
            case["id"]
        );
        seen += 1;
    }
    for (cases_of, flag) in [
        ("data-drift.jsonl", "--previous"),
        ("data-skew.jsonl", "--serving"),
    ] {
        let cases = cases(cases_of);
        let of_small = cases.iter().filter(|case| of_small(case));
        for case in of_small.filter(|case| case["id"].as_str().unwrap().ends_with(":0.0")) {
            desk.write("schema.pbtxt", case["schema_pbtxt"].as_str().unwrap());
            let (source, against) = (data(case, "input"), data(case, "against"));
            let schema = case["schema_pbtxt"].as_str().unwrap();
            let prepare = as_pandas(&tfmd::from_text("schema", schema).unwrap());
            let ended = desk.driftline(&[
                "validate",
                &source,
                "--prepare",
                &prepare,
                flag,
                &against,
                "--schema",
                "schema.pbtxt",
                "--format",
                "tfdv-pbtxt",
            ]);
            let read = |text: &str| tfmd::from_text::<Anomalies>("anomalies", text).unwrap();
            let sketched: Vec<&str> = case["sketch_features"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let expected = read(case["expected_anomalies_pbtxt"].as_str().unwrap());
            assert_eq!(
                types(&read(&ended.ends_with(1).out), &sketched),
                types(&expected, &sketched),
                "{}",
                case["id"]
            );
            seen += 1;
        }
    }
    eprintln!("{seen} cases of TFDV");
    let there = root().join("../shared/tfdv-cases").exists();
    assert!(!there || seen >= 12, "only {seen} cases");
}

#[test]
fn a_pipeline_checks_what_its_profiles_do_not_tell() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("same.csv", SAME.csv());
    desk.write("purple.csv", PURPLE.csv());
    let schema = |colour: &str| {
        desk.write(
            "schema.yaml",
            format!(
                "format_version: 1
columns:
  day: {{type: date, role: time}}
  amount: {{type: float}}
  colour: {{type: string, {colour}}}
"
            ),
        );
    };
    schema("skew_comparator: {infinity_norm: 0.3}, drift_comparator: {infinity_norm: 0.6}");
    desk.pipeline("base.csv", "same.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(0);
    let verdict = desk.json("out/verdict.json");
    let first = &verdict["windows"][0]["not_evaluated"];
    assert!(
        first.to_string().contains("drift_comparator of colour"),
        "nothing is before the first window: {first}"
    );
    desk.pipeline("base.csv", "purple.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(1);
    let verdict = desk.json("out/verdict.json");
    let found = verdict["windows"][0]["findings"].to_string();
    assert!(found.contains("COMPARATOR_L_INFTY_HIGH"), "{found}");
    // A shape is no constraint of a profile, and is met by one value in every row.
    schema("shape: [1]");
    desk.pipeline("base.csv", "same.csv", "schema: schema.yaml\n");
    desk.run(&[]).ends_with(0);
    schema("shape: [2]");
    desk.run(&[]).ends_with(1);
    let verdict = desk.json("out/verdict.json");
    assert!(verdict.to_string().contains("INVALID_FEATURE_SHAPE"));
    // A label that is only there in training.
    desk.write(
        "schema.yaml",
        "format_version: 1
default_environment: [TRAINING, SERVING]
columns:
  day: {type: date, role: time}
  amount: {type: float}
  colour: {type: string}
  label: {type: integer, presence: {min_count: 1}, not_in_environment: [SERVING]}
",
    );
    for (environment, code) in [("TRAINING", 1), ("SERVING", 0), ("MOON", 2)] {
        let more = format!("schema: schema.yaml\nenvironment: {environment}\n");
        desk.pipeline("base.csv", "same.csv", &more);
        desk.run(&[]).ends_with(code);
    }
}
