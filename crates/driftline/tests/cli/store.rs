//! The store's own verbs, on a file and on a server.

use crate::desk::{DEARER, Desk, TRAINING};
use crate::postgres;

/// A desk whose one run stands in the store, and the run's id.
fn with_run(store: &str) -> (Desk, String) {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    let run = ["run", "p.yaml", "--out", "out", "--store", store];
    desk.driftline(&run).ends_with(1);
    let id = desk.json("out/verdict.json")["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    (desk, id)
}

/// What is true of a store wherever it is kept.
fn keeps_checks_and_moves(store: &str) {
    let (desk, run) = with_run(store);
    let report = desk.driftline(&["report", &run, "--format", "json", "--store", store]);
    report.ends_with(0);
    assert_eq!(report.json()["run_id"], run.as_str());

    let check = desk.driftline(&["store", "check", "--store", store]);
    assert!(
        check.ends_with(0).out.contains("nothing is wrong"),
        "{}",
        check.out
    );

    desk.driftline(&["store", "backup", "backup.db", "--store", store])
        .ends_with(0);
    let backup = "sqlite://backup.db";
    let again = desk.driftline(&["report", &run, "--format", "json", "--store", backup]);
    assert_eq!(again.json(), report.json());
    desk.driftline(&["store", "backup", "backup.db", "--store", store])
        .ends_with(4)
        .says("it is there already");

    desk.driftline(&["store", "restore", "backup.db", "--store", store])
        .ends_with(4)
        .says("already knows monitors");
    let moved = "sqlite://moved.db";
    desk.driftline(&["store", "restore", "backup.db", "--store", moved])
        .ends_with(0);
    let again = desk.driftline(&["report", &run, "--format", "json", "--store", moved]);
    assert_eq!(again.json(), report.json());

    let pruned = desk.driftline(&["store", "prune", "--keep", "30d", "--store", store]);
    assert!(
        pruned.ends_with(0).out.starts_with("0 runs,"),
        "{}",
        pruned.out
    );
    desk.driftline(&["store", "prune", "--keep", "soon", "--store", store])
        .ends_with(2)
        .says("--keep");
    desk.has_no_parts();
}

#[test]
fn a_store_in_a_file_keeps_checks_and_moves() {
    let folder = tempfile::tempdir().unwrap();
    keeps_checks_and_moves(&format!("sqlite://{}/s.db", folder.path().display()));
}

#[test]
fn a_store_on_a_server_keeps_checks_and_moves() {
    if let Some(url) = postgres::new_database() {
        keeps_checks_and_moves(&url);
    }
}

#[test]
fn a_store_that_does_not_hold_together_ends_with_1() {
    let (desk, _) = with_run("sqlite://s.db");
    let path = desk.path("s.db");
    let whole = std::fs::read(&path).unwrap();
    const PAGE: usize = 4_096;
    // The head of a leaf of an index: where a check does without it, the rows can all be read.
    let is_index = |page: &usize| whole[page * PAGE] == 0x0a;
    let (mut tried, mut found) = (0, 0);
    for page in (1..whole.len() / PAGE).filter(is_index) {
        if tried >= 8 && found > 0 {
            break;
        }
        tried += 1;
        let mut bytes = whole.clone();
        bytes[page * PAGE..page * PAGE + 8].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        let check = desk.driftline(&["store", "check", "--store", "sqlite://s.db"]);
        match check.code {
            Some(1) => {
                assert!(check.out.contains("restore a backup"), "{}", check.out);
                found += 1;
            }
            code => {
                assert_ne!(code, Some(0), "{}", check.out);
                check.says("restore a backup");
            }
        }
    }
    assert!(found > 0, "no index can be damaged");
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let desk = Desk::new();
    // Port 1 is nobody's.
    let url = "postgres://me:hunter2@127.0.0.1:1/driftline";
    let ended = desk.driftline(&["store", "migrate", "--store", url]);
    ended.ends_with(4).says("cannot be reached");
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
}
