//! `model verify` and `model init`, and models of tables in `score` and in pipelines.

use crate::desk::{Desk, root};
use std::path::PathBuf;

fn model(name: &str) -> PathBuf {
    root().join("crates/scorer/tests/models").join(name)
}

const MANIFEST: &str = "format_version: 1
name: grade
version: 1
task: multiclass_classification
labels: [high, low, middle]
inputs:
  - name: features
    from: columns
    columns: [{column: a}, {column: b}, {column: c}, {column: d, missing: 0}]
outputs: [{name: output_probability, holds: probabilities}]
";

/// A bundle of three classes that reads the columns a, b, c and d, as version 1 of `grade`.
pub(crate) fn desk() -> Desk {
    let desk = Desk::new();
    version(&desk, "1");
    let mut rows = String::from("day,a,b,c,wide\n");
    for row in 0..400_u32 {
        let x = |by: u32| f64::from((row * by) % 97) / 25.0 - 2.0;
        let day = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
        let day = day + chrono::Days::new(u64::from(row / 20));
        rows.push_str(&format!("{day},{},{},{},{}\n", x(7), x(11), x(13), x(29)));
    }
    desk.write("rows.csv", rows);
    desk
}

fn version(desk: &Desk, version: &str) {
    let folder = desk.path("grade").join(version);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(model("forest-names.onnx"), folder.join("model.onnx")).unwrap();
    std::fs::write(folder.join("manifest.yaml"), MANIFEST).unwrap();
}

#[test]
fn verify_ends_with_0_where_all_holds_1_where_outputs_differ_3_where_it_cannot_run() {
    let desk = Desk::new();
    let good = model("lightgbm-two.onnx");
    let good = good.to_str().unwrap();
    let found = desk.driftline(&["model", "verify", good, "--format", "json"]);
    let found = found.ends_with(0).json();
    assert_eq!(found["outcome"], "holds");
    assert_eq!(found["axes"]["free_batch"], true);
    assert!(found["expected"]["largest_difference"].as_f64().unwrap() < 1e-4);
    assert!(found["speed"][0]["rows_per_s"].as_f64().unwrap() > 0.0);
    assert!(found["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);

    std::fs::copy(good, desk.path("other.onnx")).unwrap();
    let expected = std::fs::read_to_string(model("lightgbm-two.expected.json")).unwrap();
    desk.write("other.expected.json", expected.replacen("0.", "0.9", 1));
    let other = desk.driftline(&["model", "verify", "other.onnx"]);
    other.ends_with(1);
    assert!(
        other.out.contains("other outputs than expected"),
        "{}",
        other.out
    );

    let none = desk.driftline(&["model", "verify", model("svc.onnx").to_str().unwrap()]);
    none.ends_with(3);
    assert!(none.out.contains("SVMClassifier"), "{}", none.out);
    assert!(none.out.contains("DOES NOT RUN"), "{}", none.out);
    desk.write("text.onnx", "this is no model");
    for bad in ["text.onnx", "gone.onnx"] {
        let bad = desk.driftline(&["model", "verify", bad, "--format", "json"]);
        assert_eq!(bad.ends_with(3).json()["outcome"], "cannot_run");
    }
}

#[test]
fn a_model_that_takes_more_than_it_may_is_ended_and_said_so() {
    let desk = Desk::new();
    let good = model("lightgbm-two.onnx");
    let verify = [
        "model",
        "verify",
        good.to_str().unwrap(),
        "--limit-memory",
        "24",
    ];
    let found = desk.driftline(&verify);
    found.ends_with(3);
    assert!(found.out.contains("--limit-memory"), "{}", found.out);
}

#[test]
fn a_model_that_waits_for_ever_is_ended_by_the_clock() {
    let desk = desk();
    // A server that takes the connection and never answers: no processor time is used.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = format!(
        "remote: {{protocol: open_inference, url: 'http://{}', timeout_ms: 60000}}\n",
        silent.local_addr().unwrap()
    );
    desk.write("grade/1/manifest.yaml", format!("{MANIFEST}{remote}"));
    let found = desk.driftline(&["model", "verify", "grade", "--limit-time", "1"]);
    found.ends_with(3);
    assert!(found.out.contains("more than 1 seconds"), "{}", found.out);
    assert!(found.out.contains("--limit-time"), "{}", found.out);
}

#[test]
fn embeddings_and_reconstruction_errors_reach_the_scored_file() {
    let desk = Desk::new();
    let mut rows = String::from("text\n");
    for title in ["奥运会开幕式", "明星演唱会门票", "今日天气预报", ""] {
        for number in 0..50 {
            let number = if title.is_empty() {
                String::new()
            } else {
                number.to_string()
            };
            rows.push_str(&format!("\"{title}{number}\"\n"));
        }
    }
    desk.write("titles.csv", rows);
    let posts = root().join("fixtures/models/posts");
    let score = [
        "score",
        "titles.csv",
        "--model",
        posts.to_str().unwrap(),
        "--text",
        "text",
    ];
    let score = desk.driftline(&[&score[..], &["-o", "scored.parquet"]].concat());
    score.ends_with(0).says("200 rows");
    let profile = desk.driftline(&["profile", "scored.parquet", "--format", "json"]);
    let profile = profile.ends_with(0).json();
    let columns = profile["columns"].as_array().unwrap();
    for name in [
        "model_embedding_norm",
        "model_reconstruction_error",
        "model_entropy",
    ] {
        let column = columns.iter().find(|column| column["name"] == name);
        let column = column.unwrap_or_else(|| panic!("{name}: {profile}"));
        assert!(column["min"].as_f64().unwrap() >= 0.0, "{column}");
        // A title without a character has no score.
        assert_eq!(column["nulls"], 50, "{column}");
    }
    let names = profile.to_string();
    assert!(names.contains("model_embedding"), "{names}");
}

#[test]
fn init_writes_a_manifest_that_verify_reads_and_never_over_another() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("m")).unwrap();
    std::fs::copy(model("forest-names.onnx"), desk.path("m/model.onnx")).unwrap();
    let init = ["model", "init", "m/model.onnx", "-o", "m/manifest.yaml"];
    desk.driftline(&init).ends_with(0);
    desk.driftline(&["model", "verify", "m"]).ends_with(0);
    desk.driftline(&init).ends_with(2).says("is there already");
}

#[test]
fn score_reads_the_columns_of_the_manifest_under_other_names() {
    let desk = desk();
    let score = |more: &[&str]| {
        let fixed = [
            "score",
            "rows.csv",
            "--model",
            "grade",
            "-o",
            "scored.parquet",
        ];
        desk.driftline(&[&fixed, more].concat())
    };
    score(&["--column", "d=wide"]).ends_with(0).says("400 rows");
    let profile = desk.driftline(&["profile", "scored.parquet", "--format", "json"]);
    let profile = profile.ends_with(0).json().to_string();
    for field in ["label", "confidence", "entropy", "margin"] {
        assert!(
            profile.contains(&format!("model_{field}")),
            "{field}: {profile}"
        );
    }
    score(&[]).ends_with(2).says("there is no column `d`");
    score(&["--column", "e=wide"])
        .ends_with(2)
        .says("it reads a, b, c, d");
    score(&["--text", "wide"]).ends_with(2).says("--column");
}

#[test]
fn a_pipeline_watches_every_field_and_takes_the_newest_version_that_can_be_used() {
    let desk = desk();
    let pipeline = |columns: &str| {
        desk.write(
            "p.yaml",
            format!(
                "name: grades\nbaseline: {{source: rows.csv}}\nlive: {{source: rows.csv}}\n\
                 time: {{column: day, window: 1d}}\nmodels: {{grade: {{bundle: grade{columns}}}}}\n"
            ),
        );
        desk.driftline(&["run", "p.yaml", "--format", "json"])
    };
    pipeline("")
        .ends_with(2)
        .says("reads the column `d`, which the rows do not have");
    pipeline(", columns: {x: wide}")
        .ends_with(2)
        .says("it reads a, b, c, d");
    pipeline(", text: wide")
        .ends_with(2)
        .says("name them in `columns`");
    // A copy that is not finished.
    version(&desk, "2");
    std::fs::remove_file(desk.path("grade/2/manifest.yaml")).unwrap();
    let run = pipeline(", columns: {d: wide}");
    // A day has too few rows for any column to be judged.
    run.ends_with(3);
    let run = run.json().to_string();
    assert!(
        run.contains("grade: a newer version of the model is not used"),
        "{run}"
    );
    let report = std::fs::read_to_string(desk.path("driftline-out/grades/report.md")).unwrap();
    assert!(report.contains("grade"), "{report}");
}

#[test]
fn calibrate_fits_a_temperature_to_labelled_rows_and_writes_it_where_asked() {
    let desk = desk();
    let mut rows = String::from("a,b,c,d,truth\n");
    for row in 0..2000_u32 {
        let x = |by: u32| f64::from((row * by) % 97) / 25.0 - 2.0;
        let truth = match row % 10 {
            0 => "unheard",
            1..=3 => "high",
            4..=6 => "low",
            _ => "middle",
        };
        rows.push_str(&format!("{},{},{},{},{truth}\n", x(7), x(11), x(13), x(29)));
    }
    desk.write("labelled.csv", rows);
    let calibrate = |more: &[&str]| {
        let fixed = ["model", "calibrate", "grade", "labelled.csv", "--label"];
        desk.driftline(&[&fixed, more].concat())
    };
    let found = calibrate(&["truth", "--format", "json", "--write"]);
    let found = found.ends_with(0).json();
    // Labels that have nothing to do with the rows: the truth is that nothing is sure.
    let number = |key: &str| found[key].as_f64().unwrap();
    assert!(number("temperature") > 2.0, "{found}");
    assert!(
        number("expected_error") < number("expected_error_before"),
        "{found}"
    );
    assert!(number("log_loss") < number("log_loss_before"), "{found}");
    assert_eq!(found["unknown_labels"], 200);
    let manifest = desk.read("grade/1/manifest.yaml");
    let written = manifest
        .lines()
        .find_map(|line| line.strip_prefix("temperature: "));
    assert_eq!(
        written.unwrap().parse(),
        Ok(number("temperature")),
        "{manifest}"
    );
    desk.driftline(&["model", "verify", "grade"]).ends_with(0);
    let again = calibrate(&["truth"]);
    again.ends_with(0);
    assert!(again.out.contains("calibration error"), "{}", again.out);

    calibrate(&["a"]).ends_with(3).says("too few");
    calibrate(&["gone"])
        .ends_with(2)
        .says("there is no column `gone`");
}

#[test]
fn adapt_learns_a_head_from_few_labels_and_its_bundle_scores() {
    let desk = Desk::new();
    let mut rows = String::from("text,label\n");
    for number in 0..90 {
        let (text, label) = match number % 3 {
            0 => ("球队赢得比赛冠军", "sport"),
            1 => ("歌手发布新专辑", "music"),
            _ => ("餐厅推出新菜单", "food"),
        };
        rows.push_str(&format!("{text}第{number}次,{label}\n"));
    }
    desk.write("few.csv", rows);
    let adapt = |more: &[&str]| {
        let fixed = [
            "model", "adapt", "few.csv", "--text", "text", "--format", "json",
        ];
        desk.driftline(&[&fixed, more].concat())
    };
    let posts = root().join("fixtures/models/posts");
    let encoder = ["--encoder", posts.to_str().unwrap()];
    for (name, encoder) in [("plain", &[][..]), ("encoded", &encoder[..])] {
        let wanted = ["--label", "label", "--name", name, "-o", name];
        let found = adapt(&[&wanted[..], encoder].concat()).ends_with(0).json();
        assert_eq!(
            found["labels"],
            serde_json::json!(["food", "music", "sport"])
        );
        assert!(found["accuracy"].as_f64().unwrap() > 0.95, "{found}");
        assert!(found["most_frequent"].as_f64().unwrap() < 0.4, "{found}");
        desk.driftline(&["model", "verify", name]).ends_with(0);
        let score = [
            "score",
            "few.csv",
            "--model",
            name,
            "--text",
            "text",
            "-o",
            "s.parquet",
        ];
        desk.driftline(&score).ends_with(0).says("90 rows");
        adapt(&wanted).ends_with(2).says("is not written over");
    }
    let none = adapt(&["--label", "text", "-o", "none"]);
    none.ends_with(3).says("distinct texts; each needs 10");
    assert!(!desk.path("none").exists() && !desk.path("none.part").exists());
}
