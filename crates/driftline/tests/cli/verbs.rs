//! Every verb on small data: what it prints, what it writes, how it ends.

use crate::desk::{Chance, DEARER, Desk, PURPLE, SAME, Shop, TRAINING, root};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::io::Write;

/// A desk with training data and a week that is like it.
fn shop() -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    desk
}

/// Asserts that a value is what `schemas/verdict.schema.json` describes.
#[track_caller]
pub(crate) fn is_a_verdict(value: &Value) {
    let text = std::fs::read_to_string(root().join("schemas/verdict.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mistakes: Vec<String> = validator
        .iter_errors(value)
        .take(5)
        .map(|mistake| format!("{} at {}", mistake, mistake.instance_path()))
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

fn columns(profile: &Value) -> &Vec<Value> {
    profile["columns"].as_array().unwrap()
}

#[test]
fn a_profile_counts_what_is_in_the_file() {
    let desk = Desk::new();
    desk.write(
        "a.csv",
        "n,colour,flag\n1,red,true\n0,red,false\n,blue,true\n4,,true\n",
    );
    let profile = desk.driftline(&["profile", "a.csv", "--format", "json"]);
    let profile = profile.ends_with(0).json();
    let [n, colour, flag] = &columns(&profile)[..] else {
        panic!("{profile}");
    };
    assert_eq!((&n["name"], &n["type"]), (&"n".into(), &"integer".into()));
    assert_eq!(
        (&n["rows"], &n["nulls"], &n["zeros"]),
        (&4.into(), &1.into(), &1.into())
    );
    assert_eq!(
        (&n["min"], &n["max"], &n["median"]),
        (&0.0.into(), &4.0.into(), &1.0.into())
    );
    // (1 + 0 + 4) / 3.
    assert!((n["mean"].as_f64().unwrap() - 5.0 / 3.0).abs() < 1e-12);
    assert_eq!(n["distinct"]["value"], 3.0);
    assert_eq!(n["distinct"]["exact"], true);
    assert_eq!(colour["nulls"], 1);
    let top = &colour["top_values"]["values"][0];
    assert_eq!((&top["value"], &top["count"]), (&"red".into(), &2.into()));
    assert_eq!(flag["type"], "boolean");
    let table = desk.driftline(&["profile", "a.csv"]);
    table.ends_with(0);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", table.out);
    assert!(
        lines[2].starts_with("colour") && lines[2].contains("red (2)"),
        "{}",
        table.out
    );
}

#[test]
fn a_profile_by_slice_and_window_adds_up_to_the_whole() {
    let desk = shop();
    let arguments = [
        "profile", "live.csv", "--by", "colour", "--time", "day", "--window", "1d", "--format",
        "json",
    ];
    let profile = desk.driftline(&arguments).ends_with(0).json();
    let mut whole = 0;
    let mut sliced = 0;
    for column in columns(&profile).iter().filter(|c| c["name"] == "amount") {
        let rows = column["rows"].as_u64().unwrap();
        assert!(column["window_start"].as_str().unwrap() < column["window_end"].as_str().unwrap());
        match column.get("slice") {
            Some(slice) => {
                assert_eq!(slice["column"], "colour");
                sliced += rows;
            }
            None => {
                assert_eq!(rows, 40);
                whole += rows;
            }
        }
    }
    assert_eq!((whole, sliced), (280, 280));
}

#[test]
fn standard_input_gzip_json_lines_and_a_folder_give_the_profile_of_the_file() {
    let desk = shop();
    let csv = SAME.csv();
    let whole = desk.driftline(&["profile", "live.csv", "--format", "json"]);
    let whole = whole.ends_with(0).json();
    let piped = desk.driftline_with(&["profile", "-", "--format", "json"], &[], csv.as_str());
    assert_eq!(piped.ends_with(0).json(), whole);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    desk.write("packed.csv.gz", gzip.finish().unwrap());
    let packed = desk.driftline(&["profile", "packed.csv.gz", "--format", "json"]);
    assert_eq!(packed.ends_with(0).json(), whole);
    // JSON has no dates: the day is a string there.
    desk.write("live.jsonl", SAME.json_lines());
    let lines = desk.driftline(&["profile", "live.jsonl", "--format", "json"]);
    let lines = lines.ends_with(0).json();
    let of = |profile: &Value, name: &str| {
        let mut all = columns(profile).iter();
        all.find(|column| column["name"] == name).unwrap().clone()
    };
    for name in ["amount", "colour"] {
        assert_eq!(of(&lines, name), of(&whole, name));
    }
    std::fs::create_dir(desk.path("parts")).unwrap();
    let (head, tail) = csv.split_at(csv.match_indices('\n').nth(100).unwrap().0 + 1);
    desk.write("parts/a.csv", head);
    desk.write("parts/b.csv", format!("day,amount,colour\n{tail}"));
    for source in ["parts", "parts/*.csv"] {
        let parts = desk.driftline(&["profile", source, "--format", "json"]);
        let parts = parts.ends_with(0).json();
        assert_eq!(of(&parts, "colour"), of(&whole, "colour"));
    }
    desk.has_no_parts();
}

#[test]
fn merged_profiles_are_the_profile_of_all_rows() {
    let desk = shop();
    desk.write("dear.csv", DEARER.csv());
    let both = TRAINING.csv() + DEARER.csv().split_once('\n').unwrap().1;
    desk.write("both.csv", both);
    for name in ["base", "dear", "both"] {
        let (from, to) = (format!("{name}.csv"), format!("{name}.parquet"));
        desk.driftline(&["profile", &from, "-o", &to]).ends_with(0);
    }
    desk.driftline(&[
        "merge",
        "base.parquet",
        "dear.parquet",
        "-o",
        "merged.parquet",
    ])
    .ends_with(0);
    // A profile file is a table: its own columns are read back by SQL over it.
    let summary = |file: &str| {
        let sql = "SELECT \"column\", rows, nulls, mean, min, max FROM source";
        let ended = desk.driftline(&["profile", file, "--prepare", sql, "--format", "json"]);
        ended.ends_with(0).json()
    };
    let (merged, whole) = (summary("merged.parquet"), summary("both.parquet"));
    for (merged, whole) in columns(&merged).iter().zip(columns(&whole)) {
        assert_eq!(merged["name"], whole["name"]);
        for statistic in ["min", "max", "mean", "rows", "nulls"] {
            match (merged[statistic].as_f64(), whole[statistic].as_f64()) {
                (Some(merged), Some(whole)) => {
                    assert!((merged - whole).abs() <= 1e-9 * whole.abs(), "{statistic}");
                }
                (merged, whole) => assert_eq!(merged, whole),
            }
        }
    }
    desk.driftline(&["merge", "base.csv", "-o", "wrong.parquet"])
        .ends_with(3)
        .says("base.csv");
    assert!(!desk.path("wrong.parquet").exists());
    desk.has_no_parts();
}

#[test]
fn an_inferred_schema_passes_its_own_data_and_fails_data_that_changed() {
    let desk = shop();
    desk.driftline(&["infer", "base.csv", "-o", "schema.yaml"])
        .ends_with(0);
    let printed = desk.driftline(&["infer", "base.csv"]);
    assert_eq!(printed.out, desk.read("schema.yaml"));
    assert!(printed.out.contains("role: category"), "{}", printed.out);
    let validate = |file: &str, format: &str| {
        desk.driftline(&[
            "validate",
            file,
            "--schema",
            "schema.yaml",
            "--format",
            format,
        ])
    };
    let ended = validate("base.csv", "table");
    assert!(ended.ends_with(0).out.contains("pass"), "{}", ended.out);
    let mut more = String::new();
    for (at, line) in PURPLE.csv().lines().enumerate() {
        more += &format!("{line},{}\n", if at == 0 { "shop" } else { "north" });
    }
    desk.write("more.csv", more);
    let found = validate("more.csv", "json");
    let found = found.ends_with(1).json();
    let kinds: Vec<(&str, &str)> = found["anomalies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|anomaly| {
            let text = |key: &str| anomaly[key].as_str().unwrap();
            (text("column"), text("kind"))
        })
        .collect();
    assert!(
        kinds.contains(&("colour", "ENUM_TYPE_UNEXPECTED_STRING_VALUES")),
        "{kinds:?}"
    );
    assert!(kinds.contains(&("shop", "SCHEMA_NEW_COLUMN")), "{kinds:?}");
    let junit = validate("more.csv", "junit");
    junit.ends_with(1);
    assert!(
        junit.out.contains("ENUM_TYPE_UNEXPECTED_STRING_VALUES"),
        "{}",
        junit.out
    );
    let sarif = validate("more.csv", "sarif").ends_with(1).json();
    let rules: Vec<&str> = sarif["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["ruleId"].as_str().unwrap())
        .collect();
    assert!(
        rules.contains(&"anomaly/ENUM_TYPE_UNEXPECTED_STRING_VALUES"),
        "{rules:?}"
    );
}

#[test]
fn drift_compares_two_files_and_fails_only_with_time() {
    let desk = shop();
    desk.write("dear.csv", DEARER.csv());
    let drift = |live: &str, more: &[&str]| {
        let fixed = ["drift", "base.csv", live, "--format", "json"];
        desk.driftline(&[&fixed, more].concat())
    };
    let timed = ["--time", "day", "--window", "1d"];
    for (live, more, code, verdict) in [
        ("live.csv", &[][..], 0, "pass"),
        ("live.csv", &timed, 0, "pass"),
        // Without time nothing shows that rows are exchangeable: at most a warning.
        ("dear.csv", &[], 0, "warn"),
        ("dear.csv", &["--fail-on", "warn"], 1, "warn"),
        ("dear.csv", &timed, 1, "fail"),
    ] {
        let ended = drift(live, more);
        let found = ended.ends_with(code).json();
        assert_eq!(found["verdict"], verdict, "{live} {more:?}: {}", ended.out);
        is_a_verdict(&found);
    }
    let moved = drift("dear.csv", &timed).json();
    let columns: Vec<&str> = moved["windows"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["column"].as_str().unwrap())
        .collect();
    assert!(
        !columns.is_empty() && columns.iter().all(|c| *c == "amount"),
        "{columns:?}"
    );
    let table = desk.driftline(&["drift", "base.csv", "dear.csv"]);
    assert!(
        table.ends_with(0).out.starts_with("warn  drift"),
        "{}",
        table.out
    );
}

/// Headlines of common words; from `fresh` on, every fifth has a new one.
fn headlines(days: u32, from: &str, seed: u64, fresh: bool) -> String {
    const WORDS: [&str; 12] = [
        "天气", "学校", "电影", "城市", "音乐", "比赛", "周末", "朋友", "老师", "火车", "春天",
        "晚饭",
    ];
    let mut chance = Chance(seed);
    let mut text = "day,title\n".to_owned();
    let first: chrono::NaiveDate = from.parse().unwrap();
    for day in 0..days {
        for row in 0..60 {
            let mut title = String::new();
            for _ in 0..5 {
                title += WORDS[(chance.next() * WORDS.len() as f64) as usize];
            }
            if fresh && row % 5 == 0 {
                title = format!("{}显眼包{}", WORDS[row % 12], title);
            }
            let day = first + chrono::Days::new(day.into());
            text += &format!("{day},{title}\n");
        }
    }
    text
}

#[test]
fn terms_brings_up_a_new_word_and_no_known_one() {
    let desk = Desk::new();
    desk.write("base.csv", headlines(84, "2024-01-01", 1, false));
    desk.write("live.csv", headlines(14, "2024-03-25", 2, true));
    let terms = |format: &str| {
        desk.driftline(&[
            "terms", "base.csv", "live.csv", "--text", "title", "--time", "day", "--window", "7d",
            "--format", format,
        ])
    };
    let found = terms("json").ends_with(0).json();
    let findings = found["findings"].as_array().unwrap();
    let coined: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["class"] == "coinage")
        .map(|finding| finding["term"].as_str().unwrap())
        .collect();
    assert!(coined.contains(&"显眼包"), "{coined:?}");
    assert!(
        coined.iter().all(|term| term.contains("显眼包")),
        "{coined:?}"
    );
    let with = findings.iter().find(|f| f["term"] == "显眼包").unwrap();
    assert!(
        with["examples"][0].as_str().unwrap().contains("显眼包"),
        "{with}"
    );
    let table = terms("table");
    assert!(table.ends_with(0).out.contains("显眼包"), "{}", table.out);
    let none = desk.driftline(&[
        "terms", "base.csv", "base.csv", "--text", "title", "--format", "json",
    ]);
    let none = none.ends_with(0).json();
    assert_eq!(none["findings"], Value::Array(Vec::new()));
}

#[test]
fn an_ignored_term_is_not_reported_again_and_an_accepted_one_is_exported() {
    let desk = Desk::new();
    desk.write("base.csv", headlines(84, "2024-01-01", 1, false));
    desk.write("live.csv", headlines(14, "2024-03-25", 2, true));
    let terms = |more: &[&str]| {
        let fixed = [
            "terms", "base.csv", "live.csv", "--text", "title", "--time", "day", "--window", "7d",
        ];
        desk.driftline(&[&fixed, more].concat())
            .ends_with(0)
            .out
            .clone()
    };
    let csv = terms(&["--format", "csv"]);
    assert!(csv.starts_with("term,class,tier,"), "{csv}");
    assert!(csv.contains("\n显眼包,coinage,"), "{csv}");
    assert!(terms(&["--format", "jieba"]).contains("显眼包 "));
    desk.driftline(&["term", "accept", "显眼包"]).ends_with(0);
    let decided = [
        "--decisions",
        "terms.yaml",
        "--accepted",
        "--format",
        "tokens",
    ];
    assert_eq!(terms(&decided), "显眼包\n");
    desk.driftline(&["term", "class", "entity", "显眼包"])
        .ends_with(0);
    let decided = ["--decisions", "terms.yaml", "--format", "csv"];
    assert!(terms(&decided).contains("\n显眼包,entity,"));
    desk.driftline(&["term", "ignore", "显眼包"]).ends_with(0);
    assert!(!terms(&decided).contains("\n显眼包,"));
    desk.write("terms.yaml", "ignored: [显眼包]\n");
    desk.driftline(&["term", "ignore", "甲"])
        .ends_with(2)
        .says("terms.yaml:1:");
}

#[test]
fn score_writes_label_and_confidence_of_every_row() {
    let desk = Desk::new();
    desk.write(
        "texts.csv",
        "id,text\n1,这家酒店非常好 服务热情 下次还会来\n2,质量太差了 用了两天就坏了 不要买\n3,\n",
    );
    let bundle = root().join("fixtures/models/sentiment");
    let bundle = bundle.to_str().unwrap();
    let score = |more: &[&str]| {
        let fixed = [
            "score",
            "texts.csv",
            "--model",
            bundle,
            "--text",
            "text",
            "-o",
            "scored.parquet",
        ];
        desk.driftline(&[&fixed, more].concat())
    };
    score(&[]).ends_with(0).says("3 rows: scored.parquet");
    let profile = desk.driftline(&["profile", "scored.parquet", "--format", "json"]);
    let profile = profile.ends_with(0).json();
    let of = |name: &str| {
        columns(&profile)
            .iter()
            .find(|c| c["name"] == name)
            .unwrap()
    };
    assert_eq!(of("id")["rows"], 3);
    let confidence = of("model_confidence");
    assert_eq!(
        (&confidence["rows"], &confidence["nulls"]),
        (&3.into(), &1.into())
    );
    assert!(confidence["min"].as_f64().unwrap() >= 0.5, "{confidence}");
    assert!(confidence["max"].as_f64().unwrap() <= 1.0, "{confidence}");
    let labels: Vec<&str> = of("model_label")["top_values"]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["value"].as_str().unwrap())
        .collect();
    assert!(
        labels.contains(&"positive") && labels.contains(&"negative"),
        "{labels:?}"
    );
    let quiet = score(&["--quiet"]);
    quiet.ends_with(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
}

#[test]
fn a_stored_run_is_reported_again_as_it_was() {
    let desk = shop();
    desk.write("live.csv", DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    let first = desk.run(&[]);
    first.ends_with(1);
    let verdict = desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    let id = verdict["run_id"].as_str().unwrap();
    let again = |format: &str| {
        let arguments = ["report", id, "--store", "sqlite://s.db", "--format", format];
        let ended = desk.driftline(&arguments);
        ended.ends_with(0);
        ended.out.trim_end().to_owned()
    };
    assert_eq!(again("table"), first.out.trim_end());
    for (format, name) in [
        ("html", "out/report.html"),
        ("markdown", "out/report.md"),
        ("junit", "out/junit.xml"),
        ("sarif", "out/report.sarif"),
    ] {
        assert!(again(format) == desk.read(name).trim_end(), "{name}");
    }
    let json: Value = serde_json::from_str(&again("json")).unwrap();
    assert_eq!(json, verdict);
}

#[test]
fn quiet_prints_results_that_were_asked_for_and_nothing_else() {
    let desk = shop();
    desk.pipeline("base.csv", "live.csv", "");
    let quiet = desk.run(&["--quiet"]);
    quiet.ends_with(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    let asked = desk.run(&["--quiet", "--format", "json"]);
    assert_eq!(asked.ends_with(0).err, "");
    is_a_verdict(&asked.json());
    assert_eq!(asked.json(), desk.json("out/verdict.json"));
}

#[test]
fn a_warning_ends_with_0_unless_it_is_asked_to_fail() {
    let desk = shop();
    desk.pipeline(
        "base.csv",
        "live.csv",
        "rules: [{name: dear, sql: max(amount), max: 1, severity: warning}]\n",
    );
    desk.run(&[]).ends_with(0);
    assert_eq!(desk.json("out/verdict.json")["verdict"], "warn");
    desk.run(&["--fail-on", "warn"]).ends_with(1);
    desk.run(&["--fail-on", "fail"]).ends_with(0);
}

#[test]
fn a_result_in_a_file_is_what_would_be_printed() {
    let desk = shop();
    desk.pipeline("base.csv", "live.csv", "");
    let ended = desk.run(&["--format", "markdown", "-o", "summary.md"]);
    assert_eq!(ended.ends_with(0).out, "");
    assert_eq!(desk.read("summary.md"), desk.read("out/report.md"));
    let printed = desk.driftline(&["profile", "live.csv"]);
    desk.driftline(&["profile", "live.csv", "-o", "profile.txt"])
        .ends_with(0);
    assert_eq!(desk.read("profile.txt").trim_end(), printed.out.trim_end());
    desk.driftline(&["profile", "live.csv", "-o", "/dev/null"])
        .ends_with(0);
    desk.has_no_parts();
}

#[test]
fn a_rule_that_breaks_fails_its_window_and_names_its_numbers() {
    let desk = shop();
    desk.pipeline(
        "base.csv",
        "live.csv",
        "rules: [{name: dear, sql: max(amount), max: 1}]\nvolume: {min_rows: 41}\n",
    );
    desk.run(&[]).ends_with(1);
    let verdict = desk.json("out/verdict.json");
    let findings = verdict["windows"][0]["findings"].as_array().unwrap();
    let of = |kind: &str| findings.iter().find(|f| f["kind"] == kind).unwrap();
    assert_eq!(
        (&of("rule")["measure"], &of("rule")["threshold"]),
        (&"dear".into(), &1.0.into())
    );
    assert!(of("rule")["value"].as_f64().unwrap() > 100.0);
    assert_eq!(of("volume")["value"], 40.0);
    assert_eq!(of("volume")["threshold"], 41.0);
}

#[test]
fn a_run_without_data_for_a_day_shows_it_as_a_window_without_rows() {
    let desk = shop();
    let days = [
        Shop { days: 2, ..SAME },
        Shop {
            from: "2024-03-07",
            days: 1,
            ..SAME
        },
    ];
    let rows = days[1].csv();
    desk.write("live.csv", days[0].csv() + rows.split_once('\n').unwrap().1);
    desk.pipeline("base.csv", "live.csv", "");
    desk.run(&[]).ends_with(3);
    let verdict = desk.json("out/verdict.json");
    let windows = verdict["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 4, "{verdict}");
    assert_eq!(windows[2]["rows"], 0);
    assert_eq!(windows[2]["verdict"], "unknown");
}

#[test]
fn a_baseline_folder_and_a_profile_file_stand_in_for_the_training_data() {
    let desk = shop();
    desk.write("dear.csv", DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk.run(&[]).ends_with(0);
    let drift = |baseline: &str, live: &str| {
        let ended = desk.driftline(&[
            "drift", baseline, live, "--time", "day", "--window", "1d", "--format", "json",
        ]);
        ended.json()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(drift("out/baseline", "live.csv"), "pass");
    assert_eq!(drift("out/baseline", "dear.csv"), "fail");
    let profile = [
        "profile",
        "base.csv",
        "--time",
        "day",
        "--window",
        "1d",
        "-o",
        "base.parquet",
    ];
    desk.driftline(&profile).ends_with(0);
    assert_eq!(drift("base.parquet", "live.csv"), "pass");
    assert_eq!(drift("base.parquet", "dear.csv"), "fail");
}

#[test]
fn statistics_for_tfdv_are_written_in_its_three_forms() {
    let desk = Desk::new();
    let csv = "n,colour,day\n1,red,2024-01-01\n0,red,2024-01-02\n,blue,2024-01-03\n4,,2024-01-04\n";
    desk.write("a.csv", csv);
    let run = |format: &str, more: &[&str]| {
        let arguments = [&["profile", "a.csv", "--format", format], more].concat();
        desk.driftline(&arguments)
    };
    let text = run(
        "tfdv-pbtxt",
        &["--slice", "colour", "--slice-sql", "some:=n > 0"],
    );
    text.ends_with(0);
    // A column that has no statistics is told, and the others stand.
    text.says("skipped: `day` of type");
    for expected in [
        "name: \"All Examples\"",
        "name: \"colour_blue\"",
        "name: \"colour_red\"",
        "name: \"some\"",
        "num_missing: 1",
        "mean: 1.6666666666666667",
    ] {
        assert!(text.out.contains(expected), "{expected}\n{}", text.out);
    }
    run("tfdv-pb", &["-o", "a.pb"]).ends_with(0);
    run("tfrecord", &["-o", "a.tfrecord"]).ends_with(0);
    let message = std::fs::read(desk.path("a.pb")).unwrap();
    let record = std::fs::read(desk.path("a.tfrecord")).unwrap();
    assert_eq!(&record[..8], (message.len() as u64).to_le_bytes());
    assert_eq!(&record[12..record.len() - 4], message);
    // Each of them is read again, shards too.
    for (file, column) in [("half-1.tfrecord", "n"), ("half-2.tfrecord", "colour")] {
        let half = format!("SELECT {column} FROM source");
        run("tfrecord", &["--prepare", &half, "-o", file]).ends_with(0);
    }
    let inferred = |statistics: &str| {
        let found = desk.driftline(&["infer", "--statistics", statistics]);
        found.ends_with(0);
        found.out
    };
    assert!(inferred("a.pb").contains("name: \"colour\""));
    assert_eq!(inferred("a.tfrecord"), inferred("a.pb"));
    assert_eq!(inferred("half-*.tfrecord"), inferred("a.pb"));
    desk.driftline(&["infer", "--statistics", "none-*.tfrecord"])
        .ends_with(3)
        .says("matches no file");
    // Options of these forms mean nothing to the others.
    desk.driftline(&["profile", "a.csv", "--top-values", "3"])
        .ends_with(2)
        .says("are for `--format tfdv-pbtxt`");
    run("tfdv-pbtxt", &["--slice-sql", "n >"]).ends_with(2);
    run("tfdv-pbtxt", &["--weight", "n"])
        .says("`n` cannot weigh rows: it must have exactly one value in every row");
}

#[test]
fn words_that_are_used_otherwise_are_listed_with_examples_for_and_against() {
    let desk = Desk::new();
    // Thirty topics of six words; `w7` goes with topic 7, in the newest rows with topic 3.
    let rows = |days: std::ops::Range<u32>, with: u32| {
        let mut text = String::from("day,title\n");
        for day in days {
            for row in 0..900 {
                let (topic, lot) = (row % 30, row / 30 + day * 7);
                let word = match topic {
                    _ if topic == with && lot % 2 == 0 => "w7".to_owned(),
                    7 => "odd".to_owned(),
                    _ => format!("w{}", topic + if topic == 7 { 100 } else { 0 }),
                };
                let said = (0..3).map(|at| format!("t{topic}x{}", (lot * (at + 1) + at) % 6));
                let said: Vec<String> = said.collect();
                text.push_str(&format!("2024-01-{day:02},{word} of {}\n", said.join(" ")));
            }
        }
        text
    };
    desk.write("train.csv", rows(1..13, 7));
    desk.write("live.csv", rows(13..20, 3));
    let arguments = |format| {
        [
            "usage",
            "train.csv",
            "live.csv",
            "--text",
            "title",
            "--time",
            "day",
            "--format",
            format,
        ]
    };
    let found = desk.driftline(&arguments("json")).ends_with(0).json();
    let first = &found["items"][0];
    assert_eq!(first["word"], "w7", "{found}");
    let says = |list: &serde_json::Value, what: &str| {
        let texts = list.as_array().unwrap().iter();
        texts
            .filter(|text| text.as_str().unwrap().contains(what))
            .count()
            > 0
    };
    assert!(
        says(&first["now_with"], "t3x") && says(&first["before_with"], "t7x"),
        "{first}"
    );
    assert!(says(&first["examples"], "w7 of t3x"), "{first}");
    assert!(first["score"].as_f64().unwrap() > 3.0, "{first}");
    let table = desk.driftline(&arguments("table"));
    assert!(
        table.ends_with(0).out.contains("+ w7 of t3x"),
        "{}",
        table.out
    );
    desk.write("few.csv", "day,title\n2024-01-20,w7 of t3x1\n");
    let few = [
        "usage",
        "train.csv",
        "few.csv",
        "--text",
        "title",
        "--word",
        "w7",
    ];
    desk.driftline(&few).ends_with(0);
    assert!(
        (desk.driftline(&few).out).contains("not compared, in too few texts: w7"),
        "a word that was asked for is never passed over"
    );
    assert!(
        desk.driftline(&few)
            .ends_with(0)
            .out
            .starts_with("0 of 0 words")
    );
    desk.driftline(&["usage", "train.csv", "live.csv", "--text", "titel"])
        .says("titel");
}
