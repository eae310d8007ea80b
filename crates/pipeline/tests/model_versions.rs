//! Models that change while an evaluator goes on.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_engine::EngineConfig;
use driftline_pipeline::{EvaluationRequest, Evaluator, Pipeline};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
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
    let bundle = folder.join("grade").join(version.to_string());
    fs::create_dir_all(&bundle).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/models");
    fs::copy(models.join("forest-names.onnx"), bundle.join("model.onnx")).unwrap();
    let manifest = MANIFEST.replace("VERSION", &version.to_string());
    fs::write(bundle.join("manifest.yaml"), manifest).unwrap();
    bundle
}

#[tokio::test]
async fn a_bad_version_leaves_the_old_one_in_service_and_a_good_one_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = version(folder, 1);
    let mut rows = String::from("day,a,b,c,d\n");
    for row in 0..400_u32 {
        let x = |by: u32| f64::from((row * by) % 97) / 25.0 - 2.0;
        writeln!(
            rows,
            "2024-01-{:02},{},{},{},{}",
            row / 20 + 1,
            x(7),
            x(11),
            x(13),
            x(29)
        )
        .unwrap();
    }
    fs::write(folder.join("rows.csv"), rows).unwrap();
    let file = folder.join("p.yaml");
    fs::write(
        &file,
        "name: grades\nbaseline: {source: rows.csv}\nlive: {source: rows.csv}\n\
         time: {column: day, window: 1d}\nmodels: {grade: {bundle: grade}}\n",
    )
    .unwrap();
    let evaluator = Evaluator::new(Pipeline::read(&file).unwrap(), EngineConfig::default());
    let evaluate = async || {
        let request = EvaluationRequest {
            window: None,
            read: None,
            run_id: "run".into(),
            now: chrono::DateTime::UNIX_EPOCH,
            range: None,
            progress: &|_| {},
        };
        let evaluation = evaluator.evaluate(&request).await.unwrap();
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
