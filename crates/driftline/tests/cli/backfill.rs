//! Windows of the past, and runs that leave nothing behind.

use crate::desk::{DEARER, Desk, TRAINING};
use serde_json::Value;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk
}

fn starts(verdict: &Value) -> Vec<&str> {
    let windows = verdict["windows"].as_array().unwrap();
    windows
        .iter()
        .map(|window| window["start"].as_str().unwrap())
        .collect()
}

#[test]
fn a_backfill_keeps_its_run_and_leaves_the_newest_status() {
    let desk = desk();
    desk.run(&[]).ends_with(1);
    let fixed = [
        "backfill",
        "p.yaml",
        "--store",
        "sqlite://s.db",
        "--format",
        "json",
    ];
    let backfill = |more: &[&str]| desk.driftline(&[&fixed, more].concat());
    let days = ["--from", "2024-03-05", "--to", "2024-03-07T00:00:00Z"];
    let ended = backfill(&days);
    let verdict = ended.ends_with(1).json();
    assert_eq!(
        starts(&verdict),
        ["2024-03-05T00:00:00Z", "2024-03-06T00:00:00Z"]
    );
    let id = verdict["run_id"].as_str().unwrap();
    let report = ["report", id, "--store", "sqlite://s.db", "--format", "json"];
    assert_eq!(desk.driftline(&report).ends_with(0).json(), verdict);
    // Nobody is told of the past.
    let told = [
        "outbox",
        "list",
        "--store",
        "sqlite://s.db",
        "--format",
        "json",
    ];
    assert_eq!(
        desk.driftline(&told).ends_with(0).json()["items"],
        Value::Array(Vec::new())
    );

    backfill(&["--from", "2020-01-01", "--to", "2020-02-01"])
        .ends_with(2)
        .says("no window of the live data lies between");
    backfill(&["--from", "soon", "--to", "2024-03-07"])
        .ends_with(2)
        .says("--from");
    backfill(&["--from", "2024-03-07", "--to", "2024-03-05"])
        .ends_with(2)
        .says("is not after");
    desk.has_no_parts();
}

#[test]
fn a_dry_run_prints_and_leaves_nothing_behind() {
    let desk = desk();
    let dry = [
        "run",
        "p.yaml",
        "--dry-run",
        "--format",
        "json",
        "--store",
        "sqlite://s.db",
    ];
    let ended = desk.driftline(&dry);
    assert_eq!(ended.ends_with(1).json()["verdict"], "fail");
    let days = ["--from", "2024-03-05", "--to", "2024-03-06", "--dry-run"];
    let fixed = [
        "backfill",
        "p.yaml",
        "--store",
        "sqlite://s.db",
        "--format",
        "json",
    ];
    let ended = desk.driftline(&[&fixed[..], &days].concat());
    assert_eq!(starts(&ended.ends_with(1).json()).len(), 1);
    assert!(!desk.path("s.db").exists());
    assert!(!desk.path("driftline-out").exists());
    desk.has_no_output();
}
