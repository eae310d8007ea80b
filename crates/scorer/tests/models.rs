//! Small models of common exporters, held to onnxruntime's outputs; and what is said of
//! those that do not run. `models/make.py` made them.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use driftline_scorer::{Graph, Manifest, Outcome, Runs, Verification, first_manifest, verify};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

/// A clock that hurries: speed is not what is tested.
fn verified(path: &Path) -> Verification {
    let ticks = std::cell::Cell::new(0);
    verify(path, &|| {
        ticks.set(ticks.get() + 1);
        Duration::from_millis(400 * ticks.get())
    })
}

fn named(name: &str) -> Verification {
    verified(&models().join(format!("{name}.onnx")))
}

fn all() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(models())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_model_with_expected_outputs_gives_them() {
    let with_outputs = all()
        .into_iter()
        .filter(|path| path.with_extension("expected.json").exists());
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in with_outputs {
        count += 1;
        let found = verified(&path);
        let differs = found.expected.as_ref().map(|e| e.largest_difference);
        println!("{}: {:?} {differs:?}", path.display(), found.outcome);
        if found.outcome != Outcome::Holds || found.expected.is_none() {
            wrong.push(found.table());
        }
    }
    assert!(count >= 25, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_does_not_run_is_named_with_its_node_and_a_way_out() {
    for (name, operator, advice) in [
        ("svc", "SVMClassifier", "matrix products"),
        ("custom", "com.example.MyLayer", "standard operators"),
        ("custom", "Unique", "standard operators"),
    ] {
        let found = named(name);
        assert_eq!(found.outcome, Outcome::CannotRun);
        let problem = found.problem.clone().unwrap();
        assert!(
            problem.contains(&format!("`{operator}` (node `")),
            "{problem}"
        );
        assert!(problem.contains(advice), "{problem}");
        let listed = found
            .operators
            .iter()
            .find(|found| found.name == operator)
            .unwrap();
        assert_eq!(listed.runs, Runs::No);
        assert!(found.table().contains("DOES NOT RUN"));
    }
}

#[test]
fn texts_as_inputs_and_weights_elsewhere_are_refused_with_a_way_out() {
    let words = named("words").problem.unwrap();
    assert!(words.contains("the input `word` is text"), "{words}");
    assert!(words.contains("`tokenizer`, `categories`"), "{words}");
    let huge = named("huge").problem.unwrap();
    assert!(huge.contains("values are allowed"), "{huge}");
    let external = named("external").problem.unwrap();
    assert!(external.contains("in `weights.bin`"), "{external}");
    assert!(
        external.contains("save_as_external_data=False"),
        "{external}"
    );
}

#[test]
fn rewritten_operators_are_told_from_those_that_run_as_they_are() {
    let found = named("logistic-scaled");
    let of = |name: &str| {
        let mut operators = found.operators.iter();
        operators
            .find(|operator| operator.name == name)
            .unwrap()
            .runs
    };
    assert_eq!(
        (of("Scaler"), of("ZipMap")),
        (Runs::Rewritten, Runs::Rewritten)
    );
    assert_eq!(of("LinearClassifier"), Runs::AsItIs);
}

#[test]
fn a_fixed_batch_stays_fixed_and_a_free_one_is_tried() {
    let fixed = named("many-inputs").axes.unwrap();
    assert_eq!((fixed.free_batch, fixed.batch_size), (false, 4));
    let free = named("boosted-number").axes.unwrap();
    assert!(free.free_batch && free.refused.is_empty(), "{free:?}");
    let recurrent = named("lstm-zero-state").axes.unwrap();
    assert!(recurrent.free_length, "{recurrent:?}");
}

#[test]
fn outputs_that_differ_are_found_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    fs::copy(models().join("linear-number.onnx"), &model).unwrap();
    let expected = fs::read_to_string(models().join("linear-number.expected.json")).unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let output = expected["outputs"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap();
    output["values"][3] = 7.0.into();
    fs::write(model.with_extension("expected.json"), expected.to_string()).unwrap();
    let found = verified(&model);
    assert_eq!(found.outcome, Outcome::Differs);
    assert!(found.expected.unwrap().at.ends_with("row 4"));
}

#[test]
fn a_first_manifest_can_be_read_whatever_the_model() {
    for path in all() {
        match first_manifest(&path) {
            Ok(yaml) => {
                let manifest = Manifest::parse(&yaml, Path::new("manifest.yaml"));
                assert!(manifest.is_ok(), "{}: {manifest:?}\n{yaml}", path.display());
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains("is text") || text.contains("weights.bin"),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_first_manifest_knows_the_names_that_the_file_carries() {
    let yaml = first_manifest(&models().join("forest-names.onnx")).unwrap();
    assert!(yaml.contains("labels: ['high', 'low', 'middle']"), "{yaml}");
    assert!(yaml.contains("task: multiclass_classification"), "{yaml}");
    let yaml = first_manifest(&models().join("encoder.onnx")).unwrap();
    for line in [
        "from: tokenizer",
        "from: attention_mask",
        "from 0 to 39",
        "holds: logits",
    ] {
        assert!(yaml.contains(line), "{line}: {yaml}");
    }
}

#[test]
fn the_shared_models_run_as_onnxruntime_says_they_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/onnx-models");
    if !folder.exists() {
        println!("SKIPPED: {} is not there", folder.display());
        return;
    }
    // The largest is English and takes seconds; it is verified by hand.
    for name in [
        "xgboost-test",
        "lgbm-classifier-tensor",
        "logreg-iris",
        "keras-mlp-example",
        "autoencoder-netflow",
        "byte-bilstm-splitter",
    ] {
        let found = verified(&folder.join(format!("{name}.onnx")));
        assert_eq!(found.outcome, Outcome::Holds, "{}", found.table());
    }
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    let whole = fs::read(models().join("encoder.onnx")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    for cut in (0..whole.len()).step_by(whole.len() / 40) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(Graph::read(&path).is_err() || verified(&path).outcome != Outcome::Holds);
        let mut bent = whole.clone();
        bent[cut] ^= 0x15;
        fs::write(&path, &bent).unwrap();
        verified(&path);
    }
}
