//! Several columns judged together.

use crate::desk::Desk;
use serde_json::Value;

/// Uniform numbers below 1 that look random and are always the same.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }
}

/// Two hundred rows a day in which `y` follows `x` and `word` says on which side of the middle `x` is;
/// from the day `broken` on neither does, though each is as often what it was.
fn rows(seed: u64, days: u32, broken: u32) -> String {
    let start = chrono::NaiveDate::from_ymd_opt(2022, 1, 3).unwrap();
    let mut lot = Lot(seed);
    let mut text = String::from("at,x,y,word\n");
    for day in 0..days {
        let date = start + chrono::Days::new(u64::from(day));
        for _ in 0..200 {
            let (x, other, noise) = (lot.next(), lot.next(), lot.next());
            let hidden = if day >= broken { other } else { x };
            let y = 0.9 * hidden + 0.1 * noise;
            let word = if hidden > 0.5 { "up" } else { "down" };
            text.push_str(&format!("{date},{x:.6},{y:.6},{word}\n"));
        }
    }
    text
}

fn pipeline(drift: &str) -> String {
    format!(
        "name: together\nbaseline: {{source: train.csv}}\nlive: {{source: live.csv}}\n\
         time: {{column: at, window: 7d}}\ndrift: {{{drift}}}\n"
    )
}

fn desk(drift: &str) -> Desk {
    let desk = Desk::new();
    desk.write("train.csv", rows(1, 140, u32::MAX));
    desk.write("live.csv", rows(2, 28, 14));
    desk.write("pipeline.yaml", pipeline(drift));
    desk
}

const ALL: &str = "multivariate: {measures: {domain_classifier: {}, reconstruction_error: {}, \
                   maximum_mean_discrepancy: {}}}";

/// By window, the measures that fail with their messages.
fn failing(run: &Value) -> Vec<Vec<(String, String)>> {
    let windows = run["windows"].as_array().unwrap().iter();
    let findings = |window: &Value| -> Vec<(String, String)> {
        let findings = window["findings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        findings
            .filter(|finding| finding["severity"] == "error")
            .map(|finding| (text(&finding["measure"]), text(&finding["message"])))
            .collect()
    };
    windows.map(findings).collect()
}

#[test]
fn a_relation_that_breaks_fails_though_no_column_does() {
    let desk = desk(ALL);
    desk.driftline(&["run", "pipeline.yaml"]).ends_with(1);
    let run = desk.json("driftline-out/together/verdict.json");
    let failing = failing(&run);
    assert!(
        failing[0].is_empty() && failing[1].is_empty(),
        "{failing:?}"
    );
    for window in &failing[2..] {
        let mut measures: Vec<&str> = window.iter().map(|(measure, _)| measure.as_str()).collect();
        measures.sort_unstable();
        assert_eq!(
            measures,
            [
                "domain_classifier",
                "maximum_mean_discrepancy",
                "reconstruction_error"
            ]
        );
        let of_trees = |(measure, _): &&(String, String)| measure == "domain_classifier";
        let (_, message) = window.iter().find(of_trees).unwrap();
        assert!(
            message.contains("`x, y, word`: domain classifier")
                && message.contains("the trees rest on"),
            "{message}"
        );
    }
    // What is asked of a baseline's folder is the same.
    let kept = "driftline-out/together/baseline";
    std::fs::rename(desk.path(kept), desk.path("kept")).unwrap();
    desk.write("pipeline.yaml", pipeline(ALL).replace("train.csv", "kept"));
    desk.driftline(&["run", "pipeline.yaml"]).ends_with(1);
    assert_eq!(
        self::failing(&desk.json("driftline-out/together/verdict.json")),
        failing
    );
    // One that was made for other windows is not passed over.
    let other = pipeline(ALL).replace("train.csv", "kept");
    desk.write("pipeline.yaml", other.replace("window: 7d", "window: 14d"));
    desk.driftline(&["run", "pipeline.yaml"])
        .ends_with(2)
        .says("holds nothing of columns together as `drift.multivariate` asks for it");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let desk = desk("multivariate: {columns: [x, at]}");
    desk.driftline(&["run", "pipeline.yaml"])
        .ends_with(2)
        .says("`drift.multivariate`: the column `at` has the type");
    desk.write("pipeline.yaml", pipeline("multivariate: {columns: [x, z]}"));
    desk.driftline(&["run", "pipeline.yaml"])
        .ends_with(2)
        .says("z");
    let no_time = pipeline("multivariate: {}").replace("time: {column: at, window: 7d}\n", "");
    desk.write("pipeline.yaml", no_time);
    desk.driftline(&["run", "pipeline.yaml"])
        .ends_with(2)
        .says("`multivariate` is judged by what the training data's own windows show");
    // A column that is not there any more: the others are judged, and together they are unknown.
    desk.write("pipeline.yaml", pipeline("multivariate: {}"));
    desk.write(
        "live.csv",
        rows(2, 28, 14).replace("at,x,y,word", "at,x,z,word"),
    );
    desk.driftline(&["run", "pipeline.yaml"]).ends_with(1);
    let run = desk.json("driftline-out/together/verdict.json");
    let missing = run["windows"][0]["not_evaluated"].as_array().unwrap();
    let checks = missing.iter().map(|missing| missing["check"].as_str());
    assert!(
        checks
            .flatten()
            .any(|check| check == "domain_classifier of x, y, word"),
        "{missing:?}"
    );
}

#[test]
fn its_part_of_the_rate_is_verified_with_the_others() {
    let desk = desk("multivariate: {}");
    let arguments = ["calibrate", "verify", "pipeline.yaml", "--format", "json"];
    let verified = desk.driftline(&arguments).ends_with(0).json();
    // Seven tenths of the cards and a fifth of this; the sums' tenth is not verified.
    assert!((verified["stated"].as_f64().unwrap() - 0.009).abs() < 1e-9);
    assert!(verified["alarms"].as_u64().unwrap() <= 3, "{verified}");
}
