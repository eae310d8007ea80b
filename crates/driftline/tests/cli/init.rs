//! A first pipeline from the data, which runs as it is.

use crate::desk::{Desk, SAME, TRAINING, root};
use serde_json::Value;
use std::path::PathBuf;

/// Both files by `init`, and the verdict of the run that follows.
#[track_caller]
fn started(desk: &Desk, source: &str) -> (String, String, Value) {
    desk.driftline(&["init", source]).ends_with(0);
    let run = desk.driftline(&[
        "run",
        "pipeline.yaml",
        "--out",
        "out",
        "--store",
        "sqlite://s.db",
        "--quiet",
    ]);
    assert!(
        matches!(run.code, Some(0 | 1 | 3)),
        "{:?} {}\n{}",
        run.code,
        run.err,
        desk.read("pipeline.yaml")
    );
    let verdict = desk.json("out/verdict.json");
    crate::verbs::is_a_verdict(&verdict);
    (
        desk.read("pipeline.yaml"),
        desk.read("schema.yaml"),
        verdict,
    )
}

fn windows(verdict: &Value) -> usize {
    verdict["windows"].as_array().unwrap().len()
}

#[test]
fn one_file_is_parted_by_time_and_runs() {
    let desk = Desk::new();
    let live = SAME.csv();
    let (_, live) = live.split_once('\n').unwrap();
    desk.write("sales.csv", TRAINING.csv() + live);
    let (pipeline, schema, verdict) = started(&desk, "sales.csv");
    for said in [
        "name: sales\n",
        "  prepare: \"SELECT * FROM source WHERE \\\"day\\\" < DATE '2024-02-",
        "  column: day\n  window: 1d\n",
        "schema: schema.yaml\n",
        "# volume: {min_rows: 20}\n",
    ] {
        assert!(pipeline.contains(said), "no {said} in\n{pipeline}");
    }
    for said in [
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES: warning\n",
        "  # strings that come again; seen: 3 values, no nulls\n  colour:\n    type: string\n    role: category\n",
        "  # when the row happened; seen: ",
    ] {
        assert!(schema.contains(said), "no {said} in\n{schema}");
    }
    assert!(windows(&verdict) >= 10, "{verdict}");
    assert_ne!(verdict["verdict"], "fail", "{verdict:#}");
}

#[test]
fn what_is_there_is_not_replaced() {
    let desk = Desk::new();
    desk.write("sales.csv", SAME.csv());
    desk.write("schema.yaml", "mine");
    let told = desk.driftline(&["init", "sales.csv"]);
    told.ends_with(2)
        .says("schema.yaml is there")
        .says("--force");
    assert_eq!(desk.read("schema.yaml"), "mine");
    assert!(!desk.path("pipeline.yaml").exists());
    desk.driftline(&["init", "sales.csv", "--force"])
        .ends_with(0);
    assert!(desk.read("schema.yaml").contains("format_version: 1"));
    desk.driftline(&["init", "-", "--force"])
        .ends_with(2)
        .says("standard input");
    desk.driftline(&["init", "gone.csv", "--force"])
        .ends_with(3);
    desk.write("empty.csv", "a,b\n");
    desk.driftline(&["init", "empty.csv", "--force"])
        .ends_with(2)
        .says("no rows");
}

#[test]
fn two_sources_are_taken_as_they_are_from_another_folder() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    desk.driftline(&[
        "init", "base.csv", "live.csv", "--out", "first", "--name", "shop",
    ])
    .ends_with(0)
    .says("two sources were given");
    let pipeline = desk.read("first/pipeline.yaml");
    assert!(!pipeline.contains("  prepare:"), "{pipeline}");
    desk.driftline(&[
        "run",
        "first/pipeline.yaml",
        "--out",
        "out",
        "--store",
        "sqlite://s.db",
    ])
    .ends_with(0);
}

#[test]
fn awkward_names_and_numbers_that_are_times_survive() {
    let desk = Desk::new();
    let mut csv = "event time (s),名,a\"b,n\n".replace("a\"b", "\"a\"\"b\"");
    for row in 0..6_000_u64 {
        let at = 1_700_000_000 + row / 2 * 3_600;
        csv.push_str(&format!("{at},it's {},{},{}\n", row % 7, row % 3, row % 11));
    }
    desk.write("it's 100%.csv", csv);
    let (pipeline, _, verdict) = started(&desk, "it's 100%.csv");
    assert!(pipeline.contains("to_timestamp_seconds"), "{pipeline}");
    assert!(windows(&verdict) >= 10, "{pipeline}");
}

/// Real data, each with what a person would choose.
#[test]
fn real_data_gives_a_first_report() {
    let shared = root().join("../shared/data");
    if !shared.is_dir() {
        eprintln!(
            "SKIPPED real_data_gives_a_first_report: no {}",
            shared.display()
        );
        return;
    }
    let weibo = root().join("fixtures/weibo/weibo-hot-search-2022.parquet");
    let sets: [(PathBuf, Option<&str>, usize); 5] = [
        (
            shared.join("bike-sharing/bike-sharing-hour.parquet"),
            Some("dteday"),
            10,
        ),
        (
            shared.join("nycflights13/nycflights13.parquet"),
            Some("date"),
            10,
        ),
        (
            shared.join("chicago-taxi/*.parquet"),
            Some("trip_start_timestamp"),
            10,
        ),
        (weibo, Some("date"), 10),
        (shared.join("adult-census/adult.parquet"), None, 1),
    ];
    for (source, time, least) in sets {
        let desk = Desk::new();
        let (pipeline, schema, verdict) = started(&desk, &source.display().to_string());
        match time {
            Some(time) => assert!(
                pipeline.contains(&format!("  column: {time}\n")),
                "{pipeline}"
            ),
            None => assert!(!pipeline.contains("\ntime:"), "{pipeline}"),
        }
        assert!(windows(&verdict) >= least, "{pipeline}");
        assert!(!schema.is_empty());
        eprintln!(
            "{}: {} of {} windows, {} findings",
            source.display(),
            verdict["verdict"],
            windows(&verdict),
            verdict["windows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|w| w["findings"].as_array().unwrap().len())
                .sum::<usize>()
        );
    }
}
