//! What is known of a model beside its own outputs: true values that come late, and a
//! challenger on the same rows.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_drift::performance::{Metric, Scored, realised};
use driftline_engine::{AggregateGroups, Engine, EngineConfig, Source};
use driftline_pipeline::{
    Evaluation, EvaluationRequest, Evaluator, Pipeline, PipelineError, ReadFiles,
};
use driftline_scorer::Scorer;
use driftline_verdict::{ActionKind, Finding, FindingKind, Run, Severity, Verdict};
use std::{fmt::Write, fs, path::Path};

const MANIFEST: &str = "format_version: 1
name: NAME
version: 1
task: multiclass_classification
labels: [high, low, middle]
inputs:
  - name: features
    from: columns
    columns: [{column: a}, {column: b}, {column: c}, {column: d}]
outputs: [{name: output_probability, holds: probabilities}]
";

const PIPELINE: &str = "name: grades
baseline: {source: rows.csv, prepare: 'SELECT * FROM source WHERE key < 2000'}
live: {source: rows.csv, prepare: 'SELECT * FROM source WHERE key >= 2000'}
time: {column: day, window: 1d}
ignore: [key]
";

/// A forest and a logistic regression that were trained on the same data, and 100 rows a day
/// for 20 days, twice.
fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/models");
    for (name, file) in [("forest", "forest-names"), ("logistic", "logistic-names")] {
        let bundle = folder.path().join(name);
        fs::create_dir_all(&bundle).unwrap();
        fs::copy(
            models.join(format!("{file}.onnx")),
            bundle.join("model.onnx"),
        )
        .unwrap();
        fs::write(bundle.join("manifest.yaml"), MANIFEST.replace("NAME", name)).unwrap();
    }
    let mut rows = String::from("key,day,a,b,c,d\n");
    for key in 0..4000_u32 {
        let x = |by: u32| f64::from((key * by) % 97) / 25.0 - 2.0;
        let (month, day) = (key / 2000 + 1, key % 2000 / 100 + 1);
        let [a, b, c, d] = [7, 11, 13, 29].map(x);
        writeln!(rows, "{key},2024-{month:02}-{day:02},{a},{b},{c},{d}").unwrap();
    }
    fs::write(folder.path().join("rows.csv"), rows).unwrap();
    folder
}

/// A table of true values: what a model says, but for rows where a condition holds.
async fn targets(folder: &Path, model: &str, wrong_where: &str, known_where: &str) {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    engine.add_scorer("m", Scorer::load(&folder.join(model)).unwrap());
    let source = Source::new(folder.join("rows.csv").to_str().unwrap());
    let rows = engine.open(&source).await.unwrap();
    let label = "score('m', a, b, c, d)['label']";
    let other = format!(
        "CASE WHEN {wrong_where} THEN CASE WHEN {label} = 'high' THEN 'low' ELSE 'high' END ELSE {label} END"
    );
    let labelled = rows.with_columns(&[("label".into(), other)]).await.unwrap();
    let known = format!("SELECT key, label FROM source WHERE {known_where}");
    let known = labelled.prepare(&known).await.unwrap();
    known
        .write_parquet(&folder.join("targets.parquet"))
        .await
        .unwrap();
}

async fn run(folder: &Path, more: &str) -> Result<Run, PipelineError> {
    let evaluated = evaluate(folder, &format!("{PIPELINE}{more}"), None).await;
    Ok(evaluated?.run)
}

async fn evaluate(
    folder: &Path,
    yaml: &str,
    read: Option<&ReadFiles>,
) -> Result<Evaluation, PipelineError> {
    let file = folder.join("p.yaml");
    fs::write(&file, yaml).unwrap();
    let request = EvaluationRequest {
        run_id: "run".into(),
        now: chrono::DateTime::UNIX_EPOCH,
        range: None,
        window: None,
        posted: None,
        read,
        progress: &|_| {},
    };
    let evaluator = Evaluator::new(Pipeline::read(&file)?, EngineConfig::default());
    evaluator.evaluate(&request).await
}

fn found(run: &Run, window: usize, measure: &str) -> Finding {
    let findings = &run.windows[window].findings;
    let found = findings
        .iter()
        .find(|f| f.measure.as_deref() == Some(measure));
    found
        .unwrap_or_else(|| panic!("{measure} is not in {findings:?}"))
        .clone()
}

fn not_evaluated(run: &Run, window: usize) -> String {
    let missing = run.windows[window].not_evaluated.iter();
    missing
        .map(|missing| format!("{}: {}\n", missing.check, missing.reason))
        .collect()
}

const WITH_TARGETS: &str = "models: {grade: {bundle: forest}}
targets: {source: targets.parquet, key: [key], column: label}
";

#[tokio::test]
async fn late_targets_give_accuracy_beside_its_estimate_and_windows_without_any_say_so() {
    let folder = desk();
    targets(folder.path(), "forest", "key % 5 = 0", "key < 3500").await;
    let run = run(folder.path(), WITH_TARGETS).await.unwrap();
    assert_eq!(run.windows.len(), 20);
    for window in 0..15 {
        let accuracy = found(&run, window, "accuracy");
        assert_eq!(accuracy.value, Some(0.8));
        assert_eq!(
            (accuracy.window_rows, accuracy.baseline_rows),
            (Some(100), Some(2000))
        );
        assert_eq!(accuracy.severity, Severity::Info);
        assert!(
            accuracy.message.contains("was estimated for them"),
            "{}",
            accuracy.message
        );
    }
    for window in 15..20 {
        let said = not_evaluated(&run, window);
        assert!(
            said.contains("none of the 100 rows that were scored has a target yet"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn targets_of_windows_that_were_judged_are_judged_when_they_come_and_nothing_else_is() {
    let folder = desk();
    let wrong = "key % 5 = 0 OR key >= 2500 AND key % 2 = 0";
    let yaml = format!("{PIPELINE}{WITH_TARGETS}")
        .replace("live: {", "live: {incremental: true, ")
        .replace("column: label}", "column: label, max_loss: 0.1}");
    targets(folder.path(), "forest", wrong, "key < 2500").await;
    let first = evaluate(folder.path(), &yaml, Some(&ReadFiles::default())).await;
    let first = first.unwrap();
    assert_eq!(first.run.windows.len(), 20);
    let (files, known) = (first.read.unwrap(), |run: &Run, window: usize| {
        let findings = run.windows[window].findings.iter();
        findings
            .filter(|f| f.kind == FindingKind::Performance)
            .count()
    });
    assert_eq!((known(&first.run, 4), known(&first.run, 5)), (4, 0));
    // Nothing new: the newest window is judged again.
    let same = evaluate(folder.path(), &yaml, Some(&files)).await.unwrap();
    assert_eq!(same.run.windows.len(), 1);
    // True values of three more days.
    targets(folder.path(), "forest", wrong, "key < 2800").await;
    let later = evaluate(folder.path(), &yaml, Some(&files)).await.unwrap();
    assert_eq!(later.run.windows.len(), 4);
    for window in 0..3 {
        let told = &later.run.windows[window];
        assert_eq!(told.start, first.run.windows[window + 5].start);
        assert_eq!((told.rows, known(&later.run, window)), (100, 4));
        assert_eq!(told.findings.len(), 4);
        assert_eq!(found(&later.run, window, "accuracy").value, Some(0.4));
        assert!(not_evaluated(&later.run, window).contains("an earlier run judged this window"));
        assert_eq!(told.verdict, Verdict::Fail);
    }
    assert_eq!(later.run.windows[3].start, first.run.windows[19].start);
    let files = later.read.unwrap();
    let same = evaluate(folder.path(), &yaml, Some(&files)).await.unwrap();
    assert_eq!(same.run.windows.len(), 1);
}

#[tokio::test]
async fn a_certain_loss_beyond_its_limit_fails_and_asks_for_retraining() {
    let folder = desk();
    targets(
        folder.path(),
        "forest",
        "key % 5 = 0 OR key >= 3000 AND key % 2 = 0",
        "true",
    )
    .await;
    let yaml = WITH_TARGETS.replace("column: label}", "column: label, max_loss: 0.1}");
    let run = run(folder.path(), &yaml).await.unwrap();
    let before = found(&run, 5, "accuracy");
    assert_eq!(before.severity, Severity::Info);
    let after = found(&run, 15, "accuracy");
    assert_eq!((after.severity, after.value), (Severity::Error, Some(0.4)));
    assert_eq!(after.action, Some(ActionKind::Retrain));
    assert!((after.threshold.unwrap() - 0.7).abs() < 1e-9);
    assert!(
        run.actions
            .iter()
            .any(|action| action.kind == ActionKind::Retrain)
    );
}

/// Rows with what the model says of them and their target, as `confidence` needs them.
async fn labelled(folder: &Path) -> ([Vec<f64>; 3], Vec<usize>, Vec<usize>) {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    engine.add_scorer("m", Scorer::load(&folder.join("forest")).unwrap());
    let open = async |file: &str| {
        let source = Source::new(folder.join(file).to_str().unwrap());
        engine.open(&source).await.unwrap()
    };
    let (rows, targets) = (open("rows.csv").await, open("targets.parquet").await);
    let key = ["key".to_owned()];
    let rows = rows.with_joined(&targets, &key, "label", "truth").unwrap();
    let score = "score('m', a, b, c, d)";
    let place =
        |value: &str| format!("CASE {value} WHEN 'high' THEN 0 WHEN 'low' THEN 1 ELSE 2 END");
    let [a, b, c] = [1, 2, 3].map(|label| format!("{score}['probabilities'][{label}]"));
    let label = place(&format!("{score}['label']"));
    let asked: Vec<(String, String)> = [a, b, c, label, place("truth")]
        .map(|one| (String::new(), format!("sum({one})")))
        .into();
    let first_day = "SELECT * FROM source WHERE key >= 2000 AND key < 2100";
    let rows = rows.prepare(first_day).await.unwrap();
    let groups = AggregateGroups {
        keys: &key,
        slices: &[],
    };
    let (mut scores, mut places) = ([const { Vec::new() }; 3], [const { Vec::new() }; 2]);
    for row in rows.aggregate_groups(&asked, groups, None).await.unwrap() {
        let values: Vec<f64> = row.values.into_iter().map(Option::unwrap).collect();
        for (scores, value) in scores.iter_mut().zip(&values) {
            scores.push(*value);
        }
        for (places, value) in places.iter_mut().zip(&values[3..]) {
            places.push(*value as usize);
        }
    }
    let [predictions, truth] = places;
    (scores, predictions, truth)
}

#[tokio::test]
async fn every_measure_is_what_its_rows_give_and_the_baseline_tells_what_to_expect() {
    let folder = desk();
    targets(folder.path(), "forest", "key % 5 = 0", "true").await;
    let measures = Metric::ALL.map(Metric::name).join(", ");
    let yaml = WITH_TARGETS.replace(
        "column: label}",
        &format!("column: label, measures: [{measures}]}}"),
    );
    let run = run(folder.path(), &yaml).await.unwrap();
    let (scores, predictions, truth) = labelled(folder.path()).await;
    let scored = Scored {
        scores: scores.iter().map(Vec::as_slice).collect(),
        predictions: &predictions,
    };
    for metric in Metric::ALL {
        let exact = realised(metric, &scored, &truth, 0..100).unwrap();
        let told = found(&run, 0, metric.name());
        let value = told.value.unwrap();
        assert!((value - exact).abs() < 2e-3, "{metric:?}: {value} {exact}");
        // A fifth of the labels is wrong on both sides: what was learnt there is expected here.
        let error = told.message.split("estimated for them, ").nth(1).unwrap();
        let error: f64 = error.split(' ').next().unwrap().parse().unwrap();
        assert!(error < 0.08, "{}", told.message);
    }
}

#[tokio::test]
async fn a_slice_that_loses_fails_while_all_rows_hold() {
    let folder = desk();
    let wrong = "key % 10 = 0 OR key >= 3000 AND key % 4 = 1";
    targets(folder.path(), "forest", wrong, "true").await;
    let slices = "prepare: \"SELECT *, CASE WHEN key % 4 = 1 THEN 'one' ELSE 'other' END AS part FROM source\"
slices: [part]
";
    let yaml = WITH_TARGETS.replace("column: label}", "column: label, max_loss: 0.4}");
    let run = run(folder.path(), &format!("{slices}{yaml}"))
        .await
        .unwrap();
    for (window, one, severity) in [(5, 1.0, Severity::Info), (15, 0.0, Severity::Error)] {
        let findings = &run.windows[window].findings;
        let of = |slice: Option<&str>| {
            let is_it = |f: &&Finding| {
                f.measure.as_deref() == Some("accuracy") && f.slice.as_deref() == slice
            };
            findings.iter().find(is_it).unwrap().clone()
        };
        assert_eq!(of(None).severity, Severity::Info);
        let of_one = of(Some("part=one"));
        assert_eq!((of_one.value, of_one.severity), (Some(one), severity));
        assert_eq!(
            (of_one.window_rows, of_one.baseline_rows),
            (Some(25), Some(500))
        );
        assert!(
            of_one.message.contains("rows where part=one"),
            "{}",
            of_one.message
        );
        let other = of(Some("part=other"));
        assert_eq!(other.severity, Severity::Info);
        assert!((other.value.unwrap() - 65.0 / 75.0).abs() < 1e-9);
    }
}

#[tokio::test]
async fn losses_of_a_regression_have_the_names_of_their_estimates() {
    let folder = desk();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/models");
    let bundle = folder.path().join("number");
    fs::create_dir_all(&bundle).unwrap();
    fs::copy(models.join("forest-number.onnx"), bundle.join("model.onnx")).unwrap();
    let manifest = "format_version: 1
name: number
version: 1
task: regression
inputs:
  - name: features
    from: columns
    columns: [{column: a}, {column: b}, {column: c}, {column: d}]
outputs: [{name: variable, holds: value}]
";
    fs::write(bundle.join("manifest.yaml"), manifest).unwrap();
    let engine = Engine::new(EngineConfig::default()).unwrap();
    engine.add_scorer("m", Scorer::load(&bundle).unwrap());
    let source = Source::new(folder.path().join("rows.csv").to_str().unwrap());
    let rows = engine.open(&source).await.unwrap();
    // Half of the rows are off by 3, half by 1.
    let truth = "SELECT key, score('m', a, b, c, d)['value'] + CASE WHEN key % 2 = 0 THEN 3 ELSE -1 END AS truth FROM source";
    let truth = rows.prepare(truth).await.unwrap();
    let file = folder.path().join("targets.parquet");
    truth.write_parquet(&file).await.unwrap();
    let targets = |more: &str| {
        format!(
            "models: {{number: {{bundle: number}}}}
targets: {{source: targets.parquet, key: [key], column: truth{more}}}
"
        )
    };
    let run_of = async |more: &str| run(folder.path(), &targets(more)).await;
    let usual = run_of("").await.unwrap();
    let near = |run: &Run, measure: &str, value: f64| {
        let told = found(run, 0, measure);
        assert!(
            (told.value.unwrap() - value).abs() < 1e-6,
            "{}",
            told.message
        );
    };
    near(&usual, "mae", 2.0);
    near(&usual, "rmse", 5_f64.sqrt());
    let asked = run_of(", measures: [mse, mape, msle], max_loss: 1")
        .await
        .unwrap();
    near(&asked, "mse", 5.0);
    assert!((found(&asked, 0, "mse").threshold.unwrap() - 6.0).abs() < 1e-6);
    assert!(found(&asked, 0, "mape").value.unwrap() > 0.0);
    let error = run_of(", measures: [mae, f1]")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("names `f1`, which is no measure of a model that predicts a number; mae, "),
        "{error}"
    );
    let error = run_of(", measures: [mea]").await.unwrap_err().to_string();
    assert!(
        error.contains("`mea` is no measure of performance"),
        "{error}"
    );
}

#[tokio::test]
async fn targets_that_are_no_labels_of_the_model_are_counted_and_left_out() {
    let folder = desk();
    targets(folder.path(), "forest", "false", "true").await;
    let yaml = WITH_TARGETS.replace(
        "key: [key]",
        "prepare: \"SELECT key, CASE WHEN key % 10 = 0 THEN 'excellent' ELSE label END AS label FROM source\", key: [key]",
    );
    let run = run(folder.path(), &yaml).await.unwrap();
    let accuracy = found(&run, 3, "accuracy");
    assert_eq!(
        (accuracy.value, accuracy.window_rows),
        (Some(1.0), Some(90))
    );
    let said = not_evaluated(&run, 3);
    assert!(
        said.contains("10 targets are no labels of the model, which are high, low, middle"),
        "{said}"
    );
}

#[tokio::test]
async fn rows_that_are_not_scored_count_nowhere() {
    let folder = desk();
    targets(folder.path(), "forest", "false", "true").await;
    let yaml = WITH_TARGETS.replace("{bundle: forest}", "{bundle: forest, rows: 30}");
    let run = run(folder.path(), &yaml).await.unwrap();
    let told = found(&run, 0, "accuracy");
    assert_eq!((told.value, told.window_rows), (Some(1.0), Some(30)));
    assert!(
        told.message.contains("on 30 of 30 rows"),
        "{}",
        told.message
    );
}

#[tokio::test]
async fn targets_that_cannot_be_joined_are_refused_with_the_reason() {
    let folder = desk();
    targets(folder.path(), "forest", "false", "true").await;
    for (targets, says) in [
        (
            "{column: label}",
            "`targets.column` is `label`, which the rows do not have",
        ),
        (
            "{source: targets.parquet, column: label}",
            "name the columns of `key`",
        ),
        (
            "{source: targets.parquet, key: [id], column: label}",
            "there is no column `id`",
        ),
        (
            "{source: targets.parquet, key: [key], column: truth}",
            "there is no column `truth`",
        ),
        (
            "{model: other, column: label}",
            "`models` does not name `other`",
        ),
    ] {
        let yaml = format!("models: {{grade: {{bundle: forest}}}}\ntargets: {targets}\n");
        let error = run(folder.path(), &yaml).await.unwrap_err().to_string();
        assert!(error.contains(says), "{targets}: {error}");
    }
}

#[tokio::test]
async fn a_challenger_is_compared_and_changes_no_verdict() {
    let folder = desk();
    // The challenger is right about nine of ten rows.
    targets(folder.path(), "logistic", "key % 10 = 0", "true").await;
    let alone = run(folder.path(), WITH_TARGETS).await.unwrap();
    let both = "models: {grade: {bundle: forest, challenger: {bundle: logistic}}}
targets: {source: targets.parquet, key: [key], column: label}
";
    let both = run(folder.path(), both).await.unwrap();
    assert_eq!(both.baseline_id, alone.baseline_id);
    for (window, (one, two)) in alone.windows.iter().zip(&both.windows).enumerate() {
        assert_eq!(one.verdict, two.verdict);
        let own = two
            .findings
            .iter()
            .filter(|f| f.kind != FindingKind::Challenger);
        assert!(own.eq(&one.findings), "window {window}");
        let flips = found(&both, window, "label_flips");
        assert!(
            flips.value > Some(0.0) && flips.value < Some(0.5),
            "{flips:?}"
        );
        assert_eq!(
            (flips.severity, flips.window_rows),
            (Severity::Info, Some(100))
        );
        let shares = flips.evidence.iter().map(|e| e.window).sum::<f64>();
        assert!((shares - 1.0).abs() < 1e-9);
        let gain = found(&both, window, "accuracy_gain");
        let accuracy = found(&both, window, "accuracy").value.unwrap();
        assert!(
            (gain.value.unwrap() - (0.9 - accuracy)).abs() < 1e-9,
            "{gain:?}"
        );
    }
    let gain = found(&both, 0, "accuracy_gain").message;
    assert!(
        gain.contains("logistic/1: accuracy 0.9 on 100 rows, forest/1: ")
            && gain.contains(" place") | gain.contains("cannot be told"),
        "{gain}"
    );
}

/// The rows that a challenger with a share scored in each window, and its finding.
fn shared(run: &Run) -> Vec<(u64, Finding)> {
    (0..run.windows.len())
        .map(|window| {
            let share = found(run, window, "share_scored");
            (share.window_rows.unwrap(), share)
        })
        .collect()
}

#[tokio::test]
async fn a_share_of_the_rows_is_the_challengers_in_whatever_order_they_come() {
    let folder = desk();
    targets(folder.path(), "logistic", "key % 10 = 0", "true").await;
    let yaml = |share: f64, seed: u32| {
        format!(
            "seed: {seed}
models: {{grade: {{bundle: forest, challenger: {{bundle: logistic, share: {share}, key: [key]}}}}}}
targets: {{source: targets.parquet, key: [key], column: label}}
"
        )
    };
    let few = run(folder.path(), &yaml(0.3, 1)).await.unwrap();
    let (of_few, mut all) = (shared(&few), 0.0);
    for (window, (rows, share)) in of_few.iter().enumerate() {
        assert!((10..55).contains(rows), "{rows}");
        assert!((share.value.unwrap() - *rows as f64 / 100.0).abs() < 1e-9);
        assert!(
            share.message.contains("mean confidence"),
            "{}",
            share.message
        );
        all += *rows as f64;
        // Every row has one model: what is told of the two adds up.
        let champion = found(&few, window, "accuracy");
        assert_eq!(champion.window_rows.unwrap() + rows, 100);
        let gain = found(&few, window, "accuracy_gain");
        assert_eq!(gain.window_rows, Some(*rows));
        let said = gain.message;
        assert!(
            said.contains(" place") | said.contains("cannot be told"),
            "{said}"
        );
        assert!(
            found(&few, window, "estimated_accuracy_gain")
                .message
                .contains("estimated")
        );
    }
    assert!((all / 2000.0 - 0.3).abs() < 0.04, "{all}");
    // The challenger is right on nine of ten rows, the champion less often.
    let better = |run: &Run| {
        let gains = (0..20).map(|window| found(run, window, "accuracy_gain").value.unwrap());
        gains.sum::<f64>() / 20.0
    };
    assert!(better(&few) > 0.0);
    // Rows in another order, and another seed.
    let rows = fs::read_to_string(folder.path().join("rows.csv")).unwrap();
    let (head, rest) = rows.split_once('\n').unwrap();
    let turned: Vec<&str> = rest.lines().rev().collect();
    let turned = format!("{head}\n{}\n", turned.join("\n"));
    fs::write(folder.path().join("rows.csv"), turned).unwrap();
    let again = run(folder.path(), &yaml(0.3, 2)).await.unwrap();
    for ((rows, one), (again, other)) in of_few.iter().zip(shared(&again)) {
        assert_eq!((*rows, &one.evidence), (again, &other.evidence));
    }
    // A greater share has the rows of the smaller one.
    let more = run(folder.path(), &yaml(0.6, 1)).await.unwrap();
    let grown = of_few
        .iter()
        .zip(shared(&more))
        .all(|(few, more)| few.0 <= more.0);
    assert!(grown);
    fs::write(folder.path().join("logistic/model.onnx"), "damaged").unwrap();
    let none = run(folder.path(), &yaml(0.3, 1)).await.unwrap();
    assert_eq!(found(&none, 0, "accuracy").window_rows, Some(100));
}

#[tokio::test]
async fn a_share_that_means_nothing_is_refused() {
    let folder = desk();
    for (share, says) in [
        ("share: 1.5, key: [key]", "above 0 and below 1"),
        ("share: 0.1", "name the columns of `key`"),
        ("key: [key]", "it belongs to a `share`"),
        (
            "share: 0.1, key: [user]",
            "names `user`, which the rows do not have",
        ),
    ] {
        let yaml = format!(
            "models: {{grade: {{bundle: forest, challenger: {{bundle: logistic, {share}}}}}}}\n"
        );
        let error = run(folder.path(), &yaml).await.unwrap_err().to_string();
        assert!(error.contains(says), "{share}: {error}");
    }
}

#[tokio::test]
async fn a_challenger_that_cannot_be_loaded_is_named_and_nothing_else_happens() {
    let folder = desk();
    fs::write(folder.path().join("logistic/model.onnx"), "damaged").unwrap();
    let alone = run(folder.path(), "models: {grade: {bundle: forest}}\n")
        .await
        .unwrap();
    let both = "models: {grade: {bundle: forest, challenger: {bundle: logistic}}}\n";
    let both = run(folder.path(), both).await.unwrap();
    assert_eq!(alone.verdict, both.verdict);
    let said = not_evaluated(&both, 0);
    assert!(
        said.contains("challenger of grade: ") && said.contains("no ONNX file"),
        "{said}"
    );
}
