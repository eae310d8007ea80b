//! `explain`: findings of a run in words, and numbers that come out again.

use crate::desk::{DEARER, Desk, PURPLE, TRAINING};
use serde_json::Value;

/// A desk with a run over a week that is dearer and one over a week with a new colour.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk.run(&["--quiet"]).ends_with(1);
    desk
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn the_index_and_the_distance_are_redone_from_what_the_verdict_holds() {
    let desk = desk();
    let run = desk.json("out/verdict.json");
    let windows = run["windows"].as_array().unwrap();
    let mut redone = 0;
    for finding in windows
        .iter()
        .flat_map(|w| w["findings"].as_array().unwrap())
    {
        let Some(workings) = finding.get("workings") else {
            continue;
        };
        let value = number(&finding["value"]);
        let (b, w) = (
            number(&workings["baseline_total"]),
            number(&workings["window_total"]),
        );
        match finding["measure"].as_str() {
            Some("population_stability_index") => {
                let half = 0.5 * number(&workings["cells"]);
                let part = |cell: &Value| {
                    let count = |share: &Value, total: f64| (number(share) * total).round();
                    let p = (count(&cell["baseline"], b) + 0.5) / (b + half);
                    let q = (count(&cell["window"], w) + 0.5) / (w + half);
                    (q - p) * (q / p).ln()
                };
                let told: Vec<&Value> = finding["evidence"].as_array().unwrap().iter().collect();
                let mut sum = 0.0;
                for cell in &told {
                    assert!(
                        (part(cell) - number(&cell["contribution"])).abs() < 1e-9,
                        "{cell}"
                    );
                    sum += part(cell);
                }
                if let Some(rest) = workings.get("rest") {
                    sum += number(&rest["contribution"]);
                }
                assert!((sum - value).abs() < 1e-9, "{sum} {value}");
                redone += 1;
            }
            Some("kolmogorov_smirnov") => {
                let gap = &workings["widest_gap"];
                let difference = (number(&gap["baseline"]) - number(&gap["window"])).abs();
                assert!((difference - value).abs() < 1e-12, "{gap} {value}");
                redone += 1;
            }
            _ => {}
        }
        let limit = &workings["limit"];
        assert!(number(&limit["null_median"]) <= number(&limit["null_upper"]));
        assert!(number(&finding["p_value"]) <= number(&limit["p_limit"]));
    }
    assert!(redone >= 2, "{run:#}");
}

#[test]
fn a_file_a_folder_and_a_stored_run_are_explained_alike() {
    let desk = desk();
    let id = desk.json("out/verdict.json")["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let stored = ["--store", "sqlite://s.db"];
    let explained = |run: &str| {
        let ended = desk.driftline(&[&["explain", run, "amount"][..], &stored].concat());
        ended.ends_with(0);
        ended.out
    };
    let text = explained("out/verdict.json");
    assert_eq!(text, explained("out"));
    assert_eq!(text, explained(&id));
    for words in [
        "what moved",
        "Σ (q − p) ln(q / p) over all cells",
        "It is widest for values",
        "stretches of the baseline",
        "An error: the window fails.",
    ] {
        assert!(text.contains(words), "no `{words}` in\n{text}");
    }
    let json = desk.driftline(&["explain", "out", "1", "--window", "1", "--format", "json"]);
    let json = json.ends_with(0).json();
    assert_eq!(json["run_id"], id.as_str());
    assert_eq!(json["explanations"][0]["number"], 1);
    assert!(json["explanations"][0]["sections"][0]["title"].is_string());
}

#[test]
fn what_is_not_there_is_named() {
    let desk = desk();
    let ends = |arguments: &[&str], code: i32, words: &str| {
        desk.driftline(arguments).ends_with(code).says(words);
    };
    ends(
        &["explain", "out", "price"],
        2,
        "has no finding `price`; it has 1",
    );
    ends(
        &["explain", "out", "--window", "99"],
        2,
        "has no window `99`; it has 1 to 7",
    );
    ends(&["explain", "no/verdict.json"], 3, "cannot be read");
    ends(&["explain", "p.yaml"], 3, "it is no verdict");
    ends(
        &["explain", "unknown", "--store", "sqlite://s.db"],
        3,
        "has no run `unknown`",
    );
}

#[test]
fn a_preset_s_run_is_explained_too() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", PURPLE.csv());
    let to = ["--preset", "evidently", "--format", "json", "-o", "v.json"];
    desk.driftline(&[&["drift", "base.csv", "live.csv"][..], &to].concat())
        .ends_with(1);
    let ended = desk.driftline(&["explain", "v.json", "colour"]);
    ended.ends_with(0);
    assert!(ended.out.contains("jensenshannon is 0."), "{}", ended.out);
}
