//! The shipped pipelines on the shipped data.

use crate::{
    desk::{Desk, Ended, names, root},
    verbs::is_a_verdict,
};
use std::{collections::BTreeSet, sync::OnceLock};

/// One run of a shipped pipeline, shared by the tests about it: it takes a while.
struct Shipped {
    desk: Desk,
    ended: Ended,
}

impl Shipped {
    fn run(pipeline: &str, desk: Desk) -> Self {
        let ended = desk.driftline(&["run", pipeline, "--out", "out", "--store", "sqlite://s.db"]);
        Self { desk, ended }
    }

    /// Terms of a class that any window reported.
    fn terms(&self, class: &str) -> BTreeSet<String> {
        let verdict = self.desk.json("out/verdict.json");
        let windows = verdict["windows"].as_array().unwrap();
        windows
            .iter()
            .flat_map(|window| window["findings"].as_array().unwrap())
            .filter(|finding| finding["kind"] == "term" && finding["class"] == class)
            .map(|finding| finding["term"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn shipped(name: &str) -> String {
    let path = root().join("pipelines").join(name);
    path.to_str().unwrap().to_owned()
}

fn quickstart() -> &'static Shipped {
    static RUN: OnceLock<Shipped> = OnceLock::new();
    RUN.get_or_init(|| Shipped::run(&shipped("quickstart.yaml"), Desk::new()))
}

/// The same pipeline a year earlier: the file, untouched but for its sources.
fn a_year_earlier() -> &'static Shipped {
    static RUN: OnceLock<Shipped> = OnceLock::new();
    RUN.get_or_init(|| {
        let text = std::fs::read_to_string(shipped("quickstart.yaml")).unwrap();
        let earlier = text
            .replace(
                "weibo-hot-search-2022.parquet",
                "weibo-hot-search-2021.parquet",
            )
            .replace(
                "weibo-hot-search-2023.parquet",
                "weibo-hot-search-2022.parquet",
            )
            .replace("../fixtures", root().join("fixtures").to_str().unwrap());
        let desk = Desk::new();
        desk.write("earlier.yaml", earlier);
        Shipped::run("earlier.yaml", desk)
    })
}

#[test]
fn the_quickstart_finds_drift_and_writes_every_report() {
    let run = quickstart();
    run.ended.ends_with(1);
    assert_eq!(
        names(&run.desk.path("out")),
        [
            "baseline",
            "junit.xml",
            "report.html",
            "report.md",
            "report.sarif",
            "verdict.json"
        ]
    );
    let verdict = run.desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    assert_eq!(verdict["verdict"], "fail");
    let windows = verdict["windows"].as_array().unwrap();
    assert!(windows.len() >= 52, "a year of weeks: {}", windows.len());
    for name in [
        "manifest.json",
        "profile.parquet",
        "schema.yaml",
        "vocabulary.bin",
    ] {
        assert!(run.desk.path("out/baseline").join(name).is_file(), "{name}");
    }
    assert!(run.desk.read("out/junit.xml").contains("<testsuite"));
    run.desk.has_no_parts();
}

#[test]
fn the_quickstart_report_is_one_small_page_that_asks_for_nothing_else() {
    let html = quickstart().desk.read("out/report.html");
    assert!(html.len() <= 3 * 1024 * 1024, "{} bytes", html.len());
    let asks = regex::Regex::new(
        r#"(?i)(?:src|srcset|href|action|poster|data)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?\s*(?:https?:)?//|@import|<script|<link|<iframe|<object|<embed"#,
    )
    .unwrap();
    let found: Vec<&str> = asks.find_iter(&html).map(|found| found.as_str()).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_quickstart_says_that_headlines_are_outside_the_models_domain() {
    let run = quickstart();
    for name in ["out/report.html", "out/report.md"] {
        let text = run.desk.read(name).to_lowercase();
        assert!(
            text.contains("domain"),
            "{name} says nothing of the model's domain"
        );
    }
    let notes = run.desk.json("out/verdict.json")["notes"].to_string();
    assert!(notes.contains("domain"), "{notes}");
}

#[test]
fn the_quickstart_brings_up_words_that_were_new_in_2023() {
    let run = quickstart();
    let coined = run.terms("coinage");
    assert!(coined.contains("显眼包"), "{coined:?}");
    let others = ["搭子", "i人", "e人"];
    assert!(
        others.iter().any(|word| coined.contains(*word)),
        "{coined:?}"
    );
    let html = run.desk.read("out/report.html");
    assert!(html.contains("显眼包"));
    found_and_missed("2022 → 2023", "2023", &coined);
}

#[test]
fn the_quickstart_calls_no_long_known_word_new() {
    long_known_words_are_not_in(&quickstart().terms("coinage"));
}

#[test]
fn a_year_earlier_the_same_file_calls_no_long_known_word_new() {
    let run = a_year_earlier();
    assert!(
        matches!(run.ended.code, Some(0 | 1)),
        "{:?} {}",
        run.ended.code,
        run.ended.err
    );
    let coined = run.terms("coinage");
    found_and_missed("2021 → 2022", "2022", &coined);
    long_known_words_are_not_in(&coined);
}

#[test]
fn the_gate_answers_for_one_week() {
    let run = Shipped::run(&shipped("gate.yaml"), Desk::new());
    let verdict = run.desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    assert_eq!(verdict["windows"].as_array().unwrap().len(), 1);
    run.ended.ends_with(1);
    assert_eq!(verdict["verdict"], "fail");
}

#[test]
fn the_taxi_pipeline_tells_unseen_values_from_drift_and_from_missing_trips() {
    let run = Shipped::run(&shipped("taxi.yaml"), Desk::new());
    run.ended.ends_with(1);
    let verdict = run.desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    let mut found: Vec<(bool, [String; 3], String)> = Vec::new();
    for window in verdict["windows"].as_array().unwrap() {
        let start = window["start"].as_str().unwrap();
        for finding in window["findings"].as_array().unwrap() {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let what = [word("kind"), word("column"), word("measure")];
            found.push((start < "2016", what, finding.to_string()));
        }
    }
    let of = |in_2015: bool, kind: &str, column: &str| {
        found
            .iter()
            .filter(|(early, what, _)| *early == in_2015 && what[0] == kind && what[1] == column)
            .map(|(_, what, text)| (what[2].as_str(), text.as_str()))
            .collect::<Vec<(&str, &str)>>()
    };
    // One trip in 6,990: an unseen value, not a drift.
    let unseen = "ENUM_TYPE_UNEXPECTED_STRING_VALUES";
    let payment = of(true, "anomaly", "payment_type");
    assert_eq!(payment.len(), 1, "{payment:?}");
    assert!(payment[0].0 == unseen && payment[0].1.contains("Prcard"));
    let mut drifts = found.iter().filter(|(_, what, _)| what[0] == "drift");
    assert!(drifts.all(|(_, _, text)| !text.contains("Prcard")));
    assert!(of(false, "anomaly", "payment_type").is_empty());
    for in_2015 in [true, false] {
        let companies = of(in_2015, "anomaly", "company");
        assert!(!companies.is_empty());
        assert!(companies.iter().all(|(name, _)| *name == unseen));
        assert!(!of(in_2015, "drift", "tips").is_empty());
    }
    assert!(!of(false, "drift", "fare").is_empty());
    // 2016 has a sixth of the trips: every week of it, and no week of 2015.
    assert!(of(true, "volume", "").is_empty());
    let weeks = verdict["windows"].as_array().unwrap();
    let of_2016 = weeks
        .iter()
        .filter(|week| week["start"].as_str() >= Some("2016"));
    assert_eq!(of(false, "volume", "").len(), of_2016.count());
}

/// Starts, kinds, columns, measures and messages of what a run found, worst windows and all.
fn findings(verdict: &serde_json::Value) -> Vec<[String; 5]> {
    let mut found = Vec::new();
    for window in verdict["windows"].as_array().unwrap() {
        for finding in window["findings"].as_array().unwrap() {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let start = window["start"].as_str().unwrap().split('T').next().unwrap();
            let rest = ["kind", "column", "measure", "message"].map(word);
            let [kind, column, measure, message] = rest;
            found.push([start.to_owned(), kind, column, measure, message]);
        }
    }
    found
}

#[test]
fn the_posts_pipeline_watches_clusters_and_the_reconstruction_error_and_passes() {
    let run = Shipped::run(&shipped("posts.yaml"), Desk::new());
    run.ended.ends_with(0);
    let verdict = run.desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    let moved: BTreeSet<String> = findings(&verdict)
        .into_iter()
        .map(|[_, _, column, ..]| column)
        .collect();
    assert!(moved.contains("posts_entropy"), "{moved:?}");
    assert!(!moved.contains("posts_label"), "{moved:?}");
    let html = run.desk.read("out/report.html");
    for trend in ["posts: mean reconstruction error", "posts: mean entropy"] {
        assert!(html.contains(trend), "{trend}");
    }
}

#[test]
fn the_ranking_pipeline_sees_accuracy_fall_where_its_estimate_does_not() {
    let run = Shipped::run(&shipped("ranking.yaml"), Desk::new());
    run.ended.ends_with(1);
    let verdict = run.desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    let found = findings(&verdict);
    let is_of_all_rows = |found: &&[String; 5]| !found[4].contains(" where board=");
    let accuracy: Vec<_> = found
        .iter()
        .filter(|found| found[3] == "accuracy")
        .filter(is_of_all_rows)
        .collect();
    assert_eq!(accuracy.len(), verdict["windows"].as_array().unwrap().len());
    let too_high = accuracy
        .iter()
        .filter(|found| found[4].contains("too high"));
    assert!(too_high.count() * 2 > accuracy.len(), "{accuracy:#?}");
}

#[test]
fn the_actions_pipeline_finds_the_campaign_and_waits_for_the_last_weeks_targets() {
    let run = Shipped::run(&shipped("actions.yaml"), Desk::new());
    run.ended.ends_with(1);
    let verdict = run.desk.json("out/verdict.json");
    is_a_verdict(&verdict);
    // The campaign begins on 1 April; targets are known up to 14 April.
    let windows = verdict["windows"].as_array().unwrap();
    for window in windows {
        let start = window["start"].as_str().unwrap();
        let fails = window["verdict"] == "fail";
        assert!(!fails || start >= "2024-03-30", "{start}");
        assert!(fails || start < "2024-04-08", "{start}");
        let waits = window["not_evaluated"].to_string();
        let waits = waits.contains("has a target yet");
        assert_eq!(waits, start >= "2024-04-15", "{start}");
    }
    let of_outputs = findings(&verdict)
        .into_iter()
        .filter(|[start, kind, column, ..]| {
            start.as_str() >= "2024-04-08" && kind == "drift" && column.starts_with("actions_")
        });
    let columns: BTreeSet<String> = of_outputs.map(|[_, _, column, ..]| column).collect();
    for column in ["actions_entropy", "actions_label"] {
        assert!(columns.contains(column), "{columns:?}");
    }
}

/// A word whose year is known.
struct Word {
    slang: String,
    kind: String,
    emergence_year: String,
    pattern: regex::Regex,
}

/// The list of known words, read in place; `None`, said aloud, where it is not at hand.
fn known_words() -> Option<Vec<Word>> {
    let path = root().join("../shared/data/slang-truth/slang-truth.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: {} is not here, so nothing is compared with it",
            path.display()
        );
        return None;
    };
    let around = regex::Regex::new(r"\(\?<?[!=][^)]*\)").unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let words = table.records().map(|cells| {
        let cells = cells.unwrap();
        Word {
            slang: cells[0].to_owned(),
            kind: cells[2].to_owned(),
            emergence_year: cells[6].to_owned(),
            // A term is found alone: what stands around it need not be looked at.
            pattern: regex::Regex::new(&around.replace_all(&cells[4], "")).unwrap(),
        }
    });
    Some(words.collect())
}

/// Prints which words that came up in a year were found.
fn found_and_missed(what: &str, year: &str, coined: &BTreeSet<String>) {
    let Some(words) = known_words() else { return };
    let (found, missed): (Vec<&Word>, Vec<&Word>) = words
        .iter()
        .filter(|word| word.emergence_year == year)
        .partition(|word| coined.iter().any(|term| word.pattern.is_match(term)));
    let list = |words: &[&Word]| {
        let names: Vec<&str> = words.iter().map(|word| word.slang.as_str()).collect();
        names.join(" ")
    };
    eprintln!(
        "{what}: found {} of {}: {}",
        found.len(),
        found.len() + missed.len(),
        list(&found)
    );
    eprintln!("{what}: missed: {}", list(&missed));
    eprintln!("{what}: {} coinages in all", coined.len());
    assert!(!found.is_empty(), "none of the words of {year} was found");
}

#[track_caller]
fn long_known_words_are_not_in(coined: &BTreeSet<String>) {
    for word in ["囍", "优雅"] {
        assert!(!coined.contains(word), "`{word}` is called new");
    }
    let words = known_words().unwrap_or_default();
    for word in words.iter().filter(|word| word.kind == "common-word") {
        assert!(
            !coined.contains(&word.slang),
            "`{}` is called new",
            word.slang
        );
    }
}

#[test]
fn every_shipped_pipeline_has_a_test_here() {
    let text: Vec<String> = names(&root().join("pipelines"))
        .into_iter()
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    // That of a topic is in `stream.rs`, behind the feature that it needs.
    assert_eq!(
        text,
        [
            "actions.yaml",
            "gate.yaml",
            "posts.yaml",
            "quickstart.yaml",
            "ranking.yaml",
            "stream.yaml",
            "taxi.yaml"
        ]
    );
}
