//! `drift --preset`: the numbers of other tools, their thresholds and decisions.

use crate::{
    desk::{Chance, DEARER, Desk, Ended, PURPLE, SAME, Shop, TRAINING, root},
    verbs::is_a_verdict,
};
use serde_json::Value;
use std::{fmt::Write, path::PathBuf};

/// A desk with training data, a week that is like it and two that are not.
fn shop() -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("same.csv", SAME.csv());
    desk.write("dearer.csv", DEARER.csv());
    // Long enough for amounts that are not told apart by chance.
    let long = |shop: Shop| Shop { days: 56, ..shop }.csv();
    desk.write("long.csv", long(SAME));
    desk.write("purple.csv", long(PURPLE));
    desk
}

fn drift(desk: &Desk, tool: &str, sides: [&str; 2], more: &[&str]) -> Ended {
    let fixed = ["drift", sides[0], sides[1], "--preset", tool];
    desk.driftline(&[&fixed, more].concat())
}

fn json(desk: &Desk, tool: &str, sides: [&str; 2], more: &[&str]) -> Value {
    let run = drift(desk, tool, sides, &[more, &["--format", "json"]].concat()).json();
    is_a_verdict(&run);
    run
}

fn findings(window: &Value) -> impl Iterator<Item = &Value> {
    window["findings"].as_array().unwrap().iter()
}

/// The finding of a measure of a column; `None` for what is of no column.
#[track_caller]
fn of<'a>(window: &'a Value, column: Option<&str>, measure: &str) -> &'a Value {
    let mut all = findings(window);
    let same =
        |finding: &Value| finding["column"].as_str() == column && finding["measure"] == measure;
    all.find(|finding| same(finding))
        .unwrap_or_else(|| panic!("no {measure} of {column:?} in {window:#}"))
}

#[track_caller]
fn close(value: &Value, expected: &Value, tolerance: f64) {
    let (value, expected) = (value.as_f64().unwrap(), expected.as_f64().unwrap());
    assert!(
        (value - expected).abs() <= tolerance * expected.abs().max(1e-300),
        "{value} instead of {expected}"
    );
}

#[test]
fn evidently_tells_the_columns_apart_and_decides_by_their_share() {
    let desk = shop();
    let same = drift(&desk, "evidently", ["base.csv", "long.csv"], &[]);
    same.ends_with(0);
    assert!(
        same.out
            .starts_with("pass: Evidently: 0 of 2 columns drifted"),
        "{}",
        same.out
    );
    let purple = drift(&desk, "evidently", ["base.csv", "purple.csv"], &[]);
    // One of two is half, from which on Evidently says that the data has drifted.
    purple.ends_with(1);
    let run = json(&desk, "evidently", ["base.csv", "purple.csv"], &[]);
    let window = &run["windows"][0];
    let colour = of(window, Some("colour"), "jensenshannon");
    assert_eq!(
        (&colour["threshold"], &colour["severity"]),
        (&0.1.into(), &"warning".into())
    );
    assert!(colour["value"].as_f64().unwrap() > 0.3);
    let amount = of(window, Some("amount"), "wasserstein");
    assert_eq!(amount["severity"], "info");
    let share = of(window, None, "share_of_drifted_columns");
    assert_eq!(
        (&share["value"], &share["severity"]),
        (&0.5.into(), &"error".into())
    );
    let less = ["--drift-share", "0.6"];
    let tolerant = drift(&desk, "evidently", ["base.csv", "purple.csv"], &less);
    tolerant.ends_with(0);
    assert!(tolerant.out.starts_with("warn"), "{}", tolerant.out);
    let strict = [&less[..], &["--fail-on", "warn"]].concat();
    drift(&desk, "evidently", ["base.csv", "purple.csv"], &strict).ends_with(1);
}

#[test]
fn a_table_has_one_line_for_every_measure() {
    let desk = shop();
    let asked = [
        "--measure",
        "psi",
        "--measure",
        "ks",
        "--measure",
        "colour=chisquare",
    ];
    let table = drift(&desk, "evidently", ["base.csv", "purple.csv"], &asked);
    let lines: Vec<Vec<&str>> = table
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[2],
        ["column", "measure", "value", "threshold", "p", "drift"]
    );
    let measured: Vec<[&str; 2]> = lines[3..]
        .iter()
        .filter(|line| line.len() > 3 && line[0] != "not")
        .map(|line| [line[0], line[1]])
        .collect();
    assert_eq!(
        measured,
        [["amount", "psi"], ["amount", "ks"], ["colour", "chisquare"]]
    );
    assert!(
        table
            .out
            .contains("not evaluated: day: Evidently does not compare"),
        "{}",
        table.out
    );
}

#[test]
fn tfdv_judges_nothing_without_a_threshold() {
    let desk = shop();
    let sides = ["base.csv", "purple.csv"];
    let without = drift(&desk, "tfdv", sides, &[]);
    without.ends_with(3);
    assert!(without.out.contains("not judged") && without.out.contains("--threshold"));
    let run = json(&desk, "tfdv", sides, &["--threshold", "infinity_norm=0.01"]);
    let window = &run["windows"][0];
    let colour = of(window, Some("colour"), "infinity_norm");
    assert_eq!(
        (&colour["severity"], &run["verdict"]),
        (&"error".into(), &"fail".into())
    );
    let amount = of(window, Some("amount"), "jensen_shannon_divergence");
    assert!(amount.get("threshold").is_none());
    let all = ["--threshold", "0.9", "--threshold", "amount=0.8"];
    let all = json(&desk, "tfdv", sides, &all);
    assert_eq!(all["verdict"], "pass");
    let amount = of(
        &all["windows"][0],
        Some("amount"),
        "jensen_shannon_divergence",
    );
    assert_eq!(amount["threshold"], 0.8);
}

#[test]
fn whylogs_has_three_states() {
    let desk = Desk::new();
    let items = |first: usize| {
        "colour\n".to_owned() + &"red\n".repeat(first) + &"blue\n".repeat(1_000 - first)
    };
    desk.write("base.csv", items(500));
    for (first, code, word) in [(505, 0, "pass"), (527, 0, "warn"), (560, 1, "fail")] {
        desk.write("live.csv", items(first));
        let ended = drift(&desk, "whylogs", ["base.csv", "live.csv"], &[]);
        ended.ends_with(code);
        assert!(ended.out.starts_with(word), "{}", ended.out);
    }
    desk.write("live.csv", items(500).replace("blue", "teal"));
    let run = json(&desk, "whylogs", ["base.csv", "live.csv"], &[]);
    let finding = of(&run["windows"][0], Some("colour"), "chi-square");
    assert!(finding.get("value").is_none(), "infinite is no JSON");
    assert!(finding["message"].as_str().unwrap().contains("infinite"));
    let refused = drift(
        &desk,
        "whylogs",
        ["base.csv", "live.csv"],
        &["--threshold", "0.1"],
    );
    refused.ends_with(2).says("thresholds of their own");
}

#[test]
fn nannyml_alerts_by_chunk() {
    let desk = shop();
    let run = json(&desk, "nannyml", ["base.csv", "dearer.csv"], &[]);
    let windows = run["windows"].as_array().unwrap();
    assert_eq!((windows.len(), &run["verdict"]), (10, &"fail".into()));
    for window in windows {
        assert_eq!(window["rows"], 28);
        let amount = of(window, Some("amount"), "jensen_shannon");
        assert_eq!(amount["severity"], "error");
        of(window, None, "reconstruction_error");
    }
    let told = ["--measure", "domain_classifier"];
    let told = json(&desk, "nannyml", ["base.csv", "dearer.csv"], &told);
    for window in told["windows"].as_array().unwrap() {
        let all = of(window, None, "domain_classifier");
        assert_eq!(
            (&all["severity"], &all["threshold"]),
            (&"error".into(), &0.65.into())
        );
    }
    let table = drift(&desk, "nannyml", ["base.csv", "dearer.csv"], &[]);
    assert!(table.out.contains("10 of 10  !!!!!!!!!!"), "{}", table.out);
    assert!(
        table.out.contains("performance is not estimated: name"),
        "{}",
        table.out
    );
    let four = [
        "--chunks",
        "4",
        "--measure",
        "wasserstein",
        "--measure",
        "colour=l_infinity",
    ];
    let high = ["--threshold", "1", "--threshold", "wasserstein=1000"];
    let four = [four.as_slice(), high.as_slice()].concat();
    let four = json(&desk, "nannyml", ["base.csv", "dearer.csv"], &four);
    assert_eq!(
        (four["windows"].as_array().unwrap().len(), &four["verdict"]),
        (4, &"pass".into())
    );
    let sized = json(
        &desk,
        "nannyml",
        ["base.csv", "same.csv"],
        &["--chunk-size", "100"],
    );
    let rows: Vec<&Value> = sized["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| &w["rows"])
        .collect();
    assert_eq!(rows, [100, 100, 80]);
}

#[test]
fn chunks_by_time_are_those_of_the_time_and_not_of_the_order_of_rows() {
    let desk = shop();
    let (head, rows) = SAME
        .csv()
        .split_once('\n')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let mut lines: Vec<&str> = rows.lines().collect();
    lines.reverse();
    desk.write("reversed.csv", format!("{head}\n{}\n", lines.join("\n")));
    let by_day = ["--time", "day", "--chunk-by", "1d"];
    let straight = json(&desk, "nannyml", ["base.csv", "same.csv"], &by_day);
    let windows = straight["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 7);
    assert_eq!(windows[0]["start"], "2024-03-04T00:00:00Z");
    assert_eq!(windows[0]["end"], "2024-03-05T00:00:00Z");
    let reversed = json(&desk, "nannyml", ["base.csv", "reversed.csv"], &by_day);
    for (a, b) in windows.iter().zip(reversed["windows"].as_array().unwrap()) {
        assert_eq!(a["rows"], b["rows"]);
        let value = |window: &Value| of(window, Some("amount"), "jensen_shannon")["value"].clone();
        close(&value(a), &value(b), 1e-12);
    }
    let without = drift(
        &desk,
        "nannyml",
        ["base.csv", "same.csv"],
        &["--chunk-by", "1d"],
    );
    without.ends_with(2).says("--time");
}

/// Scores of a classifier, which is sure or not.
fn scored(seed: u64, sureness: f64, target: bool) -> String {
    let mut chance = Chance(seed);
    let mut text = if target { "y,p,score\n" } else { "p,score\n" }.to_owned();
    for _ in 0..4_000 {
        let score = 0.5 + (chance.next() - 0.5) * sureness;
        let (truth, prediction) = (u8::from(chance.next() < score), u8::from(score >= 0.5));
        if target {
            write!(text, "{truth},").unwrap();
        }
        writeln!(text, "{prediction},{score:.6}").unwrap();
    }
    text
}

#[test]
fn nannyml_estimates_performance_where_the_columns_are_named() {
    let desk = Desk::new();
    desk.write("base.csv", scored(1, 1.0, true));
    desk.write("unsure.csv", scored(2, 0.3, false));
    let named = [
        "--target",
        "y",
        "--prediction",
        "p",
        "--probability",
        "score",
    ];
    let run = json(&desk, "nannyml", ["base.csv", "unsure.csv"], &named);
    for metric in [
        "roc_auc",
        "f1",
        "precision",
        "recall",
        "specificity",
        "accuracy",
    ] {
        let finding = of(&run["windows"][0], None, metric);
        assert_eq!(
            (&finding["kind"], &finding["severity"]),
            (&"performance".into(), &"error".into())
        );
        assert!(finding["value"].as_f64().unwrap() < finding["threshold"].as_f64().unwrap());
    }
    let part = ["--target", "y"];
    drift(&desk, "nannyml", ["base.csv", "unsure.csv"], &part)
        .ends_with(2)
        .says("--prediction");
    let wrong = [
        "--target",
        "score",
        "--prediction",
        "p",
        "--probability",
        "score",
    ];
    drift(&desk, "nannyml", ["base.csv", "unsure.csv"], &wrong)
        .ends_with(2)
        .says("a class is 0 or 1");
    drift(&desk, "evidently", ["base.csv", "unsure.csv"], &named)
        .ends_with(2)
        .says("nannyml only");
}

#[test]
fn nannyml_estimates_performance_of_several_classes_by_name() {
    let desk = Desk::new();
    let rows = |seed: u64, sureness: f64, target: bool| {
        let mut chance = Chance(seed);
        let mut text = if target { "y,p,a,b,c\n" } else { "p,a,b,c\n" }.to_owned();
        for _ in 0..4_000 {
            let weights = [0, 1, 2].map(|_| (sureness * chance.next()).exp());
            let sum: f64 = weights.iter().sum();
            let [a, b, c] = weights.map(|weight| weight / sum);
            let best = if a > b.max(c) {
                "low"
            } else if b > c {
                "middle"
            } else {
                "high"
            };
            let drawn = chance.next();
            let truth = if drawn < a {
                "low"
            } else if drawn < a + b {
                "middle"
            } else {
                "high"
            };
            if target {
                write!(text, "{truth},").unwrap();
            }
            writeln!(text, "{best},{a:.6},{b:.6},{c:.6}").unwrap();
        }
        text
    };
    desk.write("base.csv", rows(1, 5.0, true));
    desk.write("unsure.csv", rows(2, 1.5, false));
    let fixed = ["--target", "y", "--prediction", "p"];
    let named = [
        "--probability",
        "low=a",
        "--probability",
        "middle=b",
        "--probability",
        "high=c",
    ];
    let run = json(
        &desk,
        "nannyml",
        ["base.csv", "unsure.csv"],
        &[&fixed[..], &named].concat(),
    );
    for metric in ["accuracy", "f1", "roc_auc", "average_precision"] {
        let finding = of(&run["windows"][0], None, metric);
        assert!(finding["value"].as_f64().unwrap() < finding["threshold"].as_f64().unwrap());
    }
    let two = [
        &fixed[..],
        &["--probability", "low=a", "--probability", "middle=b"],
    ]
    .concat();
    drift(&desk, "nannyml", ["base.csv", "unsure.csv"], &two)
        .ends_with(2)
        .says("`--probability` names the classes low, middle");
    let one = [&fixed[..], &["--probability", "low=a"]].concat();
    drift(&desk, "nannyml", ["base.csv", "unsure.csv"], &one)
        .ends_with(2)
        .says("name the column of every class");
}

#[test]
fn nannyml_estimates_the_loss_of_a_regression_without_probabilities() {
    let desk = Desk::new();
    let rows = |seed: u64, least: f64, target: bool| {
        let mut chance = Chance(seed);
        let mut text = if target { "y,p,x\n" } else { "p,x\n" }.to_owned();
        for _ in 0..4_000 {
            let x = least + (4.0 - least) * chance.next();
            let truth = 10.0 * x + x * (chance.next() - 0.5);
            if target {
                write!(text, "{truth:.6},").unwrap();
            }
            writeln!(text, "{:.6},{x:.6}", 10.0 * x).unwrap();
        }
        text
    };
    desk.write("base.csv", rows(1, 1.0, true));
    desk.write("wide.csv", rows(2, 3.0, false));
    let named = ["--target", "y", "--prediction", "p"];
    let run = json(&desk, "nannyml", ["base.csv", "wide.csv"], &named);
    // The mean of |x · u| over x from 3 to 4 and u from −1/2 to 1/2 is 3.5 / 4.
    let finding = of(&run["windows"][0], None, "mae");
    let value = finding["value"].as_f64().unwrap();
    assert!((value - 0.875).abs() < 0.06, "{value}");
    assert_eq!(finding["kind"], "performance");
}

#[test]
fn slices_are_compared_as_if_they_were_alone() {
    let desk = shop();
    let sides = ["base.csv", "dearer.csv"];
    let sliced = json(&desk, "evidently", sides, &["--by", "colour"]);
    let findings = |run: &Value| run["windows"][0]["findings"].as_array().unwrap().clone();
    let value = |findings: &[Value], slice: &Value| {
        let mut all = findings.iter();
        let found = all.find(|finding| finding["column"] == "amount" && finding["slice"] == *slice);
        found.map(|finding| finding["value"].as_f64().unwrap())
    };
    let only = ["--prepare", "SELECT * FROM source WHERE colour = 'red'"];
    let alone = json(&desk, "evidently", sides, &only);
    let red = value(&findings(&sliced), &"colour=red".into());
    assert!(red.is_some(), "{sliced:#}");
    assert_eq!(red, value(&findings(&alone), &Value::Null));
    // All rows are compared as they are without slices.
    let whole = json(&desk, "evidently", sides, &[]);
    assert_eq!(
        value(&findings(&sliced), &Value::Null),
        value(&findings(&whole), &Value::Null)
    );
    let table = drift(&desk, "evidently", sides, &["--by", "colour"]);
    assert!(table.out.contains("colour=red"), "{}", table.out);
}

#[test]
fn a_measure_that_does_not_fit_is_refused_and_the_right_ones_are_named() {
    let desk = shop();
    let sides = ["base.csv", "same.csv"];
    let refused = |tool: &str, more: &[&str], words: &str| {
        drift(&desk, tool, sides, more).ends_with(2).says(words);
    };
    let fitting =
        "`infinity_norm` is not for a numeric column; for one there is jensen_shannon_divergence";
    refused("tfdv", &["--measure", "amount=infinity_norm"], fitting);
    refused(
        "evidently",
        &["--measure", "colour=ks"],
        "for one there is psi, jensenshannon",
    );
    refused(
        "evidently",
        &["--measure", "abs_text_content_drift"],
        "is not for a numeric column",
    );
    refused(
        "evidently",
        &["--measure", "pso"],
        "evidently has no measure `pso`; it has psi,",
    );
    refused(
        "evidently",
        &["--measure", "shade=psi"],
        "`shade`, which is no column; there are amount",
    );
    refused(
        "evidently",
        &["--measure", "day=psi"],
        "does not compare columns of type",
    );
    refused(
        "evidently",
        &["--threshold", "psy=1"],
        "neither a column nor a measure",
    );
    refused("evidently", &["--threshold", "much"], "is no number");
    refused(
        "evidently",
        &["--chunks", "3"],
        "only the preset nannyml has chunks",
    );
    refused("nannyml", &["--by", "colour"], "--prepare");
    refused(
        "evidently",
        &["--by", "shade"],
        "`shade`, which is no column",
    );
    refused("evidently", &["--by", "amount"], "more than 200 values");
    refused(
        "nannyml",
        &["--measure", "amount=domain_classifier"],
        "of all columns together",
    );
    refused("evidently", &["--window", "1d"], "--chunk-by");
    refused("evidently", &["--drift-share", "2"], "at most 1");
    refused(
        "nannyml",
        &["--threshold", "chi2=1"],
        "takes no other threshold",
    );
    refused(
        "driftline",
        &["--measure", "psi"],
        "needs the preset of another tool",
    );
    // One that fits some columns leaves the others, and says so.
    let some = json(&desk, "evidently", sides, &["--measure", "ks"]);
    let missing = some["windows"][0]["not_evaluated"].as_array().unwrap();
    let colour = missing
        .iter()
        .find(|missing| missing["check"] == "colour")
        .unwrap();
    assert!(
        colour["reason"]
            .as_str()
            .unwrap()
            .starts_with("`ks` is not for a category column")
    );
}

#[test]
fn a_profile_stands_in_for_rows_while_it_is_exact() {
    let desk = shop();
    desk.write(
        "base.csv",
        Shop {
            days: 14,
            ..TRAINING
        }
        .csv(),
    );
    desk.driftline(&["profile", "base.csv", "-o", "base.parquet"])
        .ends_with(0);
    for tool in ["evidently", "tfdv", "whylogs"] {
        let value = |baseline: &str| {
            let run = json(
                &desk,
                tool,
                [baseline, "purple.csv"],
                &["--threshold", "0.5"][..2 * usize::from(tool != "whylogs")],
            );
            let all: Vec<Value> = findings(&run["windows"][0])
                .filter(|finding| finding["column"] == "amount")
                .map(|finding| finding["value"].clone())
                .collect();
            all
        };
        assert_eq!(value("base.csv"), value("base.parquet"), "{tool}");
        assert_eq!(value("base.csv").len(), 1);
    }
    let chunks = drift(&desk, "nannyml", ["base.parquet", "same.csv"], &[]);
    chunks
        .ends_with(2)
        .says("give the rows of the baseline instead");
    let mut many = "x\n".to_owned();
    let mut chance = Chance(7);
    (0..60_000).for_each(|_| writeln!(many, "{}", chance.next()).unwrap());
    desk.write("many.csv", many);
    desk.driftline(&["profile", "many.csv", "-o", "many.parquet"])
        .ends_with(0);
    let sketch = drift(&desk, "evidently", ["many.parquet", "many.csv"], &[]);
    sketch.ends_with(3);
    assert!(
        sketch.out.contains("needs rows, not a profile"),
        "{}",
        sketch.out
    );
    drift(&desk, "whylogs", ["many.parquet", "many.csv"], &[]).ends_with(0);
}

#[test]
fn reports_draw_a_preset_too() {
    let desk = shop();
    for format in ["html", "markdown", "junit", "sarif"] {
        let ended = drift(
            &desk,
            "nannyml",
            ["base.csv", "dearer.csv"],
            &["--format", format],
        );
        ended.ends_with(1);
        assert!(ended.out.contains("jensen"), "{format}");
    }
}

/// The two files of a data set of NannyML, and the golden values of a tool; `None`, said
/// loudly, where they are absent.
fn golden(tool: &str, dataset: &str) -> Option<(Vec<Value>, [String; 2])> {
    let shared = root().join("../shared");
    let file = shared.join(format!("peer-golden/{tool}.json"));
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("SKIPPED: {} is not there", file.display());
        return None;
    };
    let golden: Value = serde_json::from_str(&text).unwrap();
    let cases = golden["cases"].as_array().unwrap().iter();
    let whole = |case: &&Value| case["dataset"] == dataset;
    let part = |part: &str| -> String {
        let name = format!("nannyml-{dataset}");
        let file: PathBuf = shared.join(format!("data/{name}/{name}-{part}.parquet"));
        file.to_str().unwrap().to_owned()
    };
    Some((
        cases.filter(whole).cloned().collect(),
        [part("reference"), part("analysis")],
    ))
}

#[test]
fn the_command_line_prints_what_evidently_and_whylogs_print() {
    let desk = Desk::new();
    let Some((cases, sides)) = golden("evidently", "work-from-home") else {
        return;
    };
    let sides = [sides[0].as_str(), sides[1].as_str()];
    let all = [
        "psi",
        "jensenshannon",
        "kl_div",
        "wasserstein",
        "hellinger",
        "ks",
        "chisquare",
        "t_test",
    ];
    let asked: Vec<&str> = all.iter().flat_map(|name| ["--measure", name]).collect();
    let (default, named) = (
        json(&desk, "evidently", sides, &[]),
        json(&desk, "evidently", sides, &asked),
    );
    assert!(!cases.is_empty());
    for case in &cases {
        let column = case["column"].as_str();
        let expected = &case["results"]["default"];
        let finding = of(
            &default["windows"][0],
            column,
            expected["test"].as_str().unwrap(),
        );
        close(&finding["value"], &expected["value"], 1e-9);
        assert_eq!(finding["threshold"], expected["threshold"]);
        assert_eq!(
            finding["severity"] == "warning",
            expected["drifted"] == true
        );
        for measure in all {
            if let Some(expected) = case["results"].get(measure) {
                let finding = of(&named["windows"][0], column, measure);
                close(&finding["value"], &expected["value"], 1e-6);
            }
        }
    }
    let Some((cases, _)) = golden("whylogs", "work-from-home") else {
        return;
    };
    let run = json(&desk, "whylogs", sides, &[]);
    for case in cases {
        let expected = &case["results"]["default"];
        let measure = expected["algorithm"].as_str().unwrap();
        let finding = of(&run["windows"][0], case["column"].as_str(), measure);
        let state = match finding["severity"].as_str() {
            Some("error") => "DRIFT",
            Some("warning") => "POSSIBLE_DRIFT",
            _ => "NO_DRIFT",
        };
        assert_eq!(state, expected["category"]);
        // The tool's own statistic is of sketches: 0.02 of a share, 2 % of a sum of squares.
        let tolerance = 0.02 * expected["statistic"].as_f64().unwrap().max(1.0);
        let value = finding["value"].as_f64().unwrap();
        assert!(
            (value - expected["statistic"].as_f64().unwrap()).abs() <= tolerance,
            "{finding}"
        );
    }
}

#[test]
fn the_command_line_prints_what_nannyml_prints() {
    let desk = Desk::new();
    let Some((single, sides)) = golden("nannyml-univariate", "work-from-home") else {
        return;
    };
    let sides = [sides[0].as_str(), sides[1].as_str()];
    let (Some((together, _)), Some((estimated, _))) = (
        golden("nannyml-multivariate", "work-from-home"),
        golden("nannyml-cbpe", "work-from-home"),
    ) else {
        return;
    };
    let columns: Vec<String> = together[0]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let both = json(
        &desk,
        "nannyml",
        sides,
        &[
            "--target",
            "work_home_actual",
            "--prediction",
            "y_pred",
            "--probability",
            "y_pred_proba",
        ],
    );
    let windows = both["windows"].as_array().unwrap();
    let alert = |finding: &Value| finding["severity"] == "error";
    for case in &single {
        let expected = &case["results"]["jensen_shannon"];
        for (chunk, window) in windows.iter().enumerate() {
            let finding = of(window, case["column"].as_str(), "jensen_shannon");
            close(&finding["value"], &expected["analysis"][chunk], 1e-9);
            close(&finding["threshold"], &expected["upper_threshold"], 1e-9);
            assert_eq!(alert(finding), expected["alert"][chunk] == true);
        }
    }
    for (chunk, window) in windows.iter().enumerate() {
        let metric = estimated[0]["metric"].as_str().unwrap();
        let finding = of(window, None, metric);
        close(&finding["value"], &estimated[0]["value"][chunk], 0.005);
        assert_eq!(alert(finding), estimated[0]["alert"][chunk] == true);
    }
    // The golden values are of these columns only.
    let select = format!("SELECT {} FROM source", columns.join(", "));
    let together_only = [
        "--prepare",
        select.as_str(),
        "--measure",
        "reconstruction_error",
    ];
    let run = json(&desk, "nannyml", sides, &together_only);
    for (chunk, window) in run["windows"].as_array().unwrap().iter().enumerate() {
        assert_eq!(findings(window).count(), 1);
        let finding = of(window, None, "reconstruction_error");
        close(&finding["value"], &together[0]["value"][chunk], 1e-3);
        assert_eq!(alert(finding), together[0]["alert"][chunk] == true);
    }
}
