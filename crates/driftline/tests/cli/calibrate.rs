//! `calibrate`, and the tests that only a history of windows makes possible.

use crate::desk::Desk;

/// Numbers that look random and are always the same.
struct Lot(u64);

impl Lot {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Rows of so many days, 40 a day: a number and a text of common words and of one of the
/// stories that go on for eight days. `odd` days speak of nothing that others do; `shift` is added
/// to the number of each day.
fn rows(from: u32, days: u32, odd: &[u32], shift: impl Fn(u32) -> u64) -> String {
    let start = chrono::NaiveDate::from_ymd_opt(2022, 1, 3).unwrap();
    let mut lot = Lot(u64::from(from) + 1);
    let mut text = String::from("day,x,text\n");
    for day in from..from + days {
        let date = start + chrono::Days::new(day.into());
        for row in 0..40 {
            let x = lot.below(100) + lot.below(100) + shift(day - from);
            let said = if odd.contains(&(day - from)) {
                format!(
                    "q{}z r{}z s{}z t{}z",
                    lot.below(900),
                    lot.below(900),
                    lot.below(900),
                    row
                )
            } else {
                let story = 100 + u64::from(day) + lot.below(8);
                format!(
                    "w{} w{} of s{story} and t{story} w{}",
                    lot.below(30),
                    lot.below(30),
                    lot.below(30)
                )
            };
            text.push_str(&format!("{date},{x},{said}\n"));
        }
    }
    text
}

fn desk(odd: &[u32], shift: impl Fn(u32) -> u64) -> Desk {
    let desk = Desk::new();
    desk.write("train.csv", rows(0, 140, &[], |_| 0));
    desk.write("live.csv", rows(140, 56, odd, shift));
    desk.write(
        "pipeline.yaml",
        "name: history\nbaseline: {source: train.csv}\nlive: {source: live.csv}\n\
         time: {column: day, window: 7d}\nroles: {text: text}\nterms: {column: text}\n\
         drift: {novel_stretch: true}\n",
    );
    desk
}

fn findings<'a>(run: &'a serde_json::Value, measure: &str) -> Vec<(usize, &'a str)> {
    let windows = run["windows"].as_array().unwrap().iter().enumerate();
    windows
        .flat_map(|(at, window)| {
            window["findings"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |f| (at, f))
        })
        .filter(|(_, finding)| finding["measure"] == measure)
        .map(|(at, finding)| (at, finding["message"].as_str().unwrap()))
        .collect()
}

#[test]
fn days_that_share_nothing_with_the_others_are_found_and_named() {
    let desk = desk(&[16], |_| 0);
    let ended = desk.driftline(&["run", "pipeline.yaml", "--format", "json", "--quiet"]);
    let run = ended.json();
    let found = findings(&run, "novel_stretch");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, 2);
    assert!(
        found[0]
            .1
            .contains("from 2022-06-08T00:00:00Z to 2022-06-09T00:00:00Z"),
        "{}",
        found[0].1
    );
    // The baseline that was kept judges as the one that was learnt.
    desk.write(
        "again.yaml",
        "name: history\nbaseline: {source: driftline-out/history/baseline}\nlive: {source: live.csv}\n\
         time: {column: day, window: 7d}\nterms: {column: text}\n\
         drift: {novel_stretch: true}\n",
    );
    let ended = desk.driftline(&[
        "run",
        "again.yaml",
        "--format",
        "json",
        "--quiet",
        "--out",
        "again",
    ]);
    assert_eq!(findings(&ended.json(), "novel_stretch"), found);
}

#[test]
fn a_number_that_creeps_is_told_as_slow_drift() {
    let desk = desk(&[], |day| u64::from(day / 7) * 2);
    let ended = desk.driftline(&["run", "pipeline.yaml", "--format", "json", "--quiet"]);
    let run = ended.json();
    let found = findings(&run, "slow_drift");
    assert!(
        found
            .iter()
            .any(|(at, message)| *at >= 3 && message.starts_with("`x`")),
        "{found:?}"
    );
    assert!(findings(&run, "novel_stretch").is_empty());
}

#[test]
fn held_out_weeks_show_the_rate_that_is_kept() {
    let desk = desk(&[], |_| 0);
    let ended = desk.driftline(&["calibrate", "verify", "pipeline.yaml", "--format", "json"]);
    let found = ended.ends_with(0).json();
    assert_eq!(found["windows"], 16);
    assert!(found["alarms"].as_u64().unwrap() <= 1, "{found}");
    assert!((found["stated"].as_f64().unwrap() - 0.009).abs() < 1e-12);
    let interval = found["interval"].as_array().unwrap();
    assert!(interval[0].as_f64().unwrap() <= found["observed"].as_f64().unwrap());
    let ended = desk.driftline(&["calibrate", "verify", "pipeline.yaml"]);
    assert!(
        ended
            .ends_with(0)
            .out
            .contains("of 16 held-out windows alarmed")
    );
}

#[test]
fn a_plan_says_what_will_show_and_what_a_short_history_cannot() {
    let desk = desk(&[], |_| 0);
    let ended = desk.driftline(&["calibrate", "plan", "pipeline.yaml", "--format", "json"]);
    let found = ended.ends_with(0).json();
    assert_eq!(found["windows_in_baseline"], 20);
    assert!((found["alarms_a_month"].as_f64().unwrap() - 0.0435).abs() < 1e-3);
    let tests = found["tests"].as_array().unwrap();
    let x = tests
        .iter()
        .find(|t| t["column"] == "x" && t["measure"] == "kolmogorov_smirnov")
        .unwrap();
    assert!(x["least_detectable_effect"].as_f64().unwrap() > 0.0, "{x}");
    assert!(found["backtest"]["windows"].as_u64().unwrap() > 0);
    let ended = desk.driftline(&["calibrate", "plan", "pipeline.yaml"]);
    assert!(ended.ends_with(0).out.contains("x: kolmogorov smirnov"));
    desk.write(
        "long.yaml",
        "name: long\nbaseline: {source: train.csv}\nlive: {source: live.csv}\ntime: {column: day, window: 30d}\n",
    );
    let ended = desk.driftline(&["calibrate", "plan", "long.yaml"]);
    assert!(ended.ends_with(3).out.contains("not calibrated"));
    desk.write(
        "untimed.yaml",
        "name: u\nbaseline: {source: train.csv}\nlive: {source: live.csv}\n",
    );
    let ended = desk.driftline(&["calibrate", "verify", "untimed.yaml"]);
    assert!(ended.ends_with(2).err.contains("time.column"));
}
