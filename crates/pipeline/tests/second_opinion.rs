//! What is known of a model beside its own outputs: true values that come late, and a
//! challenger on the same rows.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_engine::{Engine, EngineConfig, Source};
use driftline_pipeline::{EvaluationRequest, Evaluator, Pipeline, PipelineError};
use driftline_scorer::Scorer;
use driftline_verdict::{ActionKind, Finding, FindingKind, Run, Severity};
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
    let file = folder.join("p.yaml");
    fs::write(&file, format!("{PIPELINE}{more}")).unwrap();
    let request = EvaluationRequest {
        run_id: "run".into(),
        now: chrono::DateTime::UNIX_EPOCH,
        range: None,
        window: None,
        read: None,
        progress: &|_| {},
    };
    let evaluator = Evaluator::new(Pipeline::read(&file)?, EngineConfig::default());
    Ok(evaluator.evaluate(&request).await?.run)
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
        gain.contains("logistic/1 is right") && gain.contains("than forest/1"),
        "{gain}"
    );
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
