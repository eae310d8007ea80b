//! Models that change while an evaluator goes on.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_engine::EngineConfig;
use driftline_pipeline::{Evaluation, EvaluationRequest, Evaluator, Pipeline};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const MANIFEST: &str = "format_version: 1
name: grade
version: VERSION
task: multiclass_classification
labels: [high, low, middle]
inputs:
  - name: features
    from: columns
    columns: [{column: a}, {column: b}, {column: c}, {column: d}]
outputs: [{name: output_probability, holds: probabilities}]
";

fn version(folder: &Path, version: u32) -> PathBuf {
    version_of(folder, version, "forest")
}

fn model(name: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/models");
    models.join(format!("{name}-names.onnx"))
}

fn version_of(folder: &Path, version: u32, name: &str) -> PathBuf {
    let bundle = folder.join("grade").join(version.to_string());
    fs::create_dir_all(&bundle).unwrap();
    fs::copy(model(name), bundle.join("model.onnx")).unwrap();
    let manifest = MANIFEST.replace("VERSION", &version.to_string());
    fs::write(bundle.join("manifest.yaml"), manifest).unwrap();
    bundle
}

/// A pipeline of twenty days with twenty rows each, scored by what is in `grade`.
fn desk(folder: &Path, more: &str) -> Evaluator {
    let mut rows = String::from("day,a,b,c,d,truth\n");
    for row in 0..400_u32 {
        let x = |by: u32| f64::from((row * by) % 97) / 25.0 - 2.0;
        let [a, b, c, d] = [7, 11, 13, 29].map(x);
        writeln!(rows, "2024-01-{:02},{a},{b},{c},{d},high", row / 20 + 1).unwrap();
    }
    fs::write(folder.join("rows.csv"), rows).unwrap();
    let file = folder.join("p.yaml");
    let yaml = "name: grades\nbaseline: {source: rows.csv}\nlive: {source: rows.csv}\n\
                time: {column: day, window: 1d}\nmodels: {grade: {bundle: grade}}\n\
                ignore: [truth]\n";
    fs::write(&file, format!("{yaml}{more}")).unwrap();
    Evaluator::new(Pipeline::read(&file).unwrap(), EngineConfig::default())
}

async fn evaluate(evaluator: &Evaluator) -> Evaluation {
    let request = EvaluationRequest {
        window: None,
        posted: None,
        read: None,
        run_id: "run".into(),
        now: chrono::DateTime::UNIX_EPOCH,
        range: None,
        progress: &|_| {},
    };
    evaluator.evaluate(&request).await.unwrap()
}

#[tokio::test]
async fn a_bad_version_leaves_the_old_one_in_service_and_a_good_one_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = version(folder, 1);
    let evaluator = desk(folder, "");
    let evaluate = async || {
        let evaluation = evaluate(&evaluator).await;
        let scored_by = evaluation.report.models[0].name.clone();
        (scored_by, evaluation.run.notes.join("\n"))
    };
    let refused = |notes: &str| notes.contains("grade: a newer version of the model is not used");

    let (by, notes) = evaluate().await;
    assert!(by.contains("grade/1") && !refused(&notes), "{by}: {notes}");

    // A copy that is not finished, beside the one that serves.
    let second = version(folder, 2);
    let whole = fs::read(second.join("model.onnx")).unwrap();
    fs::write(second.join("model.onnx"), &whole[..whole.len() / 2]).unwrap();
    let (by, notes) = evaluate().await;
    assert!(by.contains("grade/1") && refused(&notes), "{by}: {notes}");

    // Now there is none that could be loaded: what serves goes on.
    fs::write(first.join("model.onnx"), "damaged").unwrap();
    let (by, notes) = evaluate().await;
    assert!(by.contains("grade/1") && refused(&notes), "{by}: {notes}");

    fs::write(second.join("model.onnx"), whole).unwrap();
    let (by, notes) = evaluate().await;
    assert!(by.contains("grade/2") && !refused(&notes), "{by}: {notes}");
}

/// Of each window the rows that were scored and how many of them are `high`.
fn scored(evaluation: &Evaluation) -> Vec<(u64, u64)> {
    let windows = evaluation.run.windows.iter();
    windows
        .map(|window| {
            let is_it = |measure: Option<&str>| measure == Some("accuracy");
            let mut found = window.findings.iter();
            let found = found.find(|f| is_it(f.measure.as_deref())).unwrap();
            let rows = found.window_rows.unwrap();
            (rows, (found.value.unwrap() * rows as f64).round() as u64)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn versions_that_change_under_load_lose_no_row_and_score_none_twice() {
    const TARGETS: &str = "targets: {column: truth, measures: [accuracy]}\n";
    const LAST: u32 = 8;
    // Versions with an even number are another model.
    let name = |version: u32| ["logistic", "forest"][version as usize % 2];
    let mut known = Vec::new();
    for version in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        version_of(folder.path(), version, name(version));
        known.push(scored(&evaluate(&desk(folder.path(), TARGETS)).await));
    }
    assert_ne!(known[0], known[1]);

    let folder = tempfile::tempdir().unwrap();
    version_of(folder.path(), 1, name(1));
    let evaluator = Arc::new(desk(folder.path(), TARGETS));
    let done = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..3)
        .map(|_| {
            let (evaluator, done) = (Arc::clone(&evaluator), Arc::clone(&done));
            let known = known.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let evaluation = evaluate(&evaluator).await;
                    let by = &evaluation.report.models[0].name;
                    let number = by.rsplit_once("grade/").unwrap().1;
                    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
                    let version: u32 = digits.parse().unwrap();
                    // Every row was scored, all by the version that is named.
                    let rows = scored(&evaluation);
                    assert!(rows.iter().all(|(rows, _)| *rows == 20), "{by}: {rows:?}");
                    assert_eq!(rows, known[version as usize % 2], "{by}");
                    seen.push(version);
                }
                seen
            })
        })
        .collect();
    for version in 2..=LAST {
        // As a slow copy does it: the folder first, half of the model, then the rest.
        let bundle = folder.path().join("grade").join(version.to_string());
        fs::create_dir_all(&bundle).unwrap();
        let whole = fs::read(model(name(version))).unwrap();
        fs::write(bundle.join("model.onnx"), &whole[..whole.len() / 2]).unwrap();
        let manifest = MANIFEST.replace("VERSION", &version.to_string());
        fs::write(bundle.join("manifest.yaml"), manifest).unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        fs::write(bundle.join("model.onnx"), whole).unwrap();
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    let last = evaluate(&evaluator).await;
    done.store(true, Ordering::Relaxed);
    assert!(
        last.report.models[0]
            .name
            .contains(&format!("grade/{LAST}"))
    );
    let mut runs = Vec::new();
    for one in load {
        runs.extend(one.await.unwrap());
    }
    let versions: std::collections::BTreeSet<u32> = runs.iter().copied().collect();
    eprintln!("{} runs, scored by the versions {versions:?}", runs.len());
    assert!(runs.len() >= 3 && versions.len() >= 2, "{versions:?}");
}
