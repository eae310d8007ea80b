//! The cases of TFDV, where they are beside the repository.

use crate::case::Case;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILES: [&str; 12] = [
    "validate",
    "validate-sequence",
    "drift",
    "skew",
    "infer",
    "update",
    "distance",
    "schema-roundtrip",
    "data-infer",
    "data-update",
    "data-drift",
    "data-skew",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/tfdv-cases")
}

fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.jsonl")))
        .expect("the cases are readable");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case is JSON"))
        .collect()
}

#[test]
fn the_cases_of_tfdv_pass() {
    if !folder().exists() {
        eprintln!("SKIPPED: {} is not there", folder().display());
        return;
    }
    let statistics: BTreeMap<String, String> = lines("data-stats")
        .into_iter()
        .map(|case| {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            (text("id"), text("expected_statistics_pbtxt"))
        })
        .collect();
    let (mut all_passed, mut all) = (0, 0);
    let mut too_few = Vec::new();
    for file in FILES {
        let (mut passed, mut counted, mut failed) = (0, 0, Vec::new());
        for value in lines(file) {
            let case = Case {
                value: &value,
                statistics_of: &|id| statistics.get(id).cloned(),
            };
            if !case.counts() {
                continue;
            }
            counted += 1;
            match case.run() {
                Ok(()) => passed += 1,
                Err(why) => failed.push(format!("{}: {why}", case.id())),
            }
        }
        eprintln!("{file}: {passed} of {counted} passed");
        for failure in &failed {
            eprintln!("  FAILED {failure}");
        }
        if passed * 100 < counted * 95 {
            too_few.push(file);
        }
        all_passed += passed;
        all += counted;
    }
    eprintln!("all: {all_passed} of {all} passed");
    assert!(too_few.is_empty(), "below 95 %: {too_few:?}");
    assert!(all_passed * 100 >= all * 98, "{all_passed} of {all}");
}
