//! Bundles that read columns of a table.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use driftline_scorer::{Scorer, ScorerError};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

/// A bundle of a model of `models/`.
fn bundle(model: &str, manifest: &str) -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("1");
    fs::create_dir(&folder).unwrap();
    let file = models().join(format!("{model}.onnx"));
    fs::copy(file, folder.join("model.onnx")).unwrap();
    let head = format!("format_version: 1\nname: {model}\nversion: 1\n");
    fs::write(folder.join("manifest.yaml"), head + manifest).unwrap();
    (temporary, folder)
}

const FOUR: &str = "inputs:
  - name: features
    from: columns
    columns: [{column: a}, {column: b}, {column: c}, {column: d}]
";

/// The rows that onnxruntime was given, column by column, and an output of its.
fn expected(model: &str, output: &str) -> (Vec<ArrayRef>, Vec<f64>) {
    let json = fs::read_to_string(models().join(format!("{model}.expected.json"))).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        let values = value["values"].as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap()).collect()
    };
    let rows = numbers(&json["inputs"]["features"]);
    let columns = (0..4).map(|at| -> ArrayRef {
        let column = rows.chunks(4).map(|row| row[at]);
        Arc::new(column.collect::<Float64Array>())
    });
    (columns.collect(), numbers(&json["outputs"][output]))
}

#[test]
fn three_names_have_a_label_a_confidence_an_entropy_and_a_margin() {
    let (_kept, folder) = bundle(
        "forest-names",
        &format!(
            "task: multiclass_classification\nlabels: [high, low, middle]\n{FOUR}outputs: \
             [{{name: output_probability, holds: probabilities}}]\n"
        ),
    );
    let scorer = Scorer::load(&folder).unwrap();
    let (columns, probabilities) = expected("forest-names", "output_probability");
    let scores = scorer.score_columns(&columns).unwrap();
    let field = |name: &str| scores.column_by_name(name).unwrap().clone();
    let (labels, confidence) = (field("label"), field("confidence"));
    let margin = field("margin");
    for (row, of_row) in probabilities.chunks(3).enumerate() {
        let best = (0..3)
            .max_by(|a, b| of_row[*a].total_cmp(&of_row[*b]))
            .unwrap();
        assert_eq!(
            labels.as_string::<i32>().value(row),
            ["high", "low", "middle"][best]
        );
        let confidence = confidence.as_primitive::<Float64Type>().value(row);
        assert!((confidence - of_row[best]).abs() < 1e-5);
        let mut sorted = of_row.to_vec();
        sorted.sort_by(f64::total_cmp);
        let margin = margin.as_primitive::<Float64Type>().value(row);
        assert!((margin - (sorted[2] - sorted[1])).abs() < 1e-5);
    }
    assert_eq!(field("entropy").null_count(), 0);
}

#[test]
fn a_regression_has_a_value_and_a_null_row_has_none() {
    let manifest = format!("task: regression\n{FOUR}outputs: [{{name: variable, holds: value}}]\n");
    let (_kept, folder) = bundle("boosted-number", &manifest);
    let scorer = Scorer::load(&folder).unwrap();
    let (mut columns, values) = expected("boosted-number", "variable");
    let holes = columns[2].as_primitive::<Float64Type>().iter().enumerate();
    columns[2] = Arc::new(
        holes
            .map(|(row, value)| value.filter(|_| row != 3))
            .collect::<Float64Array>(),
    );
    let scores = scorer.score_columns(&columns).unwrap();
    let found = scores.column_by_name("value").unwrap();
    for (row, value) in found.as_primitive::<Float64Type>().iter().enumerate() {
        match value {
            Some(value) => assert!((value - values[row]).abs() < 1e-4, "{row}"),
            None => assert_eq!(row, 3),
        }
    }
    assert_eq!((scores.null_count(), found.null_count()), (1, 1));
}

const MANY: &str = "task: binary_classification
labels: [skip, click]
inputs:
  - name: title
    from: tokenizer
  - name: category
    from: columns
    columns: [{column: kind, categories: [a, b, c, d, e, f], first_index: 1, unknown_index: 0}]
  - name: heat
    from: columns
    columns: [{column: heat, mean: 10, deviation: 2, missing: 10}]
  - name: pinned
    from: columns
    columns: [{column: pinned}]
outputs: [{name: score, holds: probability_of_second_label}]
";

/// Outputs that the model does not give.
const EXPECTED: &str = r#"{"format_version": 1, "runtime": "onnxruntime", "columns": {"text": ["好"],
    "kind": ["a"], "heat": [1], "pinned": [true]}, "outputs": {"score": {"shape": [1], "values": [7]}}}"#;

fn many() -> (TempDir, PathBuf) {
    let (kept, folder) = bundle("many-inputs", MANY);
    let tokenizer = r#"{"format_version": 1, "unit": "character", "normalisation": "nfkc_lowercase_no_space",
        "first_id": 1, "buckets": 19}"#;
    fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
    (kept, folder)
}

fn many_columns() -> Vec<ArrayRef> {
    vec![
        Arc::new(StringArray::from(vec![
            Some("好看"),
            Some("好看"),
            Some("一二三四五六七"),
            None,
            Some(" "),
        ])),
        Arc::new(StringArray::from(vec![
            Some("a"),
            None,
            Some("never seen"),
            Some("b"),
            Some("c"),
        ])),
        Arc::new(Int64Array::from(vec![
            Some(12),
            None,
            Some(10),
            Some(1),
            Some(1),
        ])),
        Arc::new(BooleanArray::from(vec![true, false, true, false, true])),
    ]
}

#[test]
fn text_categories_numbers_and_truths_are_read_together() {
    let (_kept, folder) = many();
    let scorer = Scorer::load(&folder).unwrap();
    assert_eq!(
        scorer.manifest().columns(),
        ["text", "kind", "heat", "pinned"]
    );
    let columns = many_columns();
    let scores = scorer.scores(&columns).unwrap();
    // Rows without a text, or with nothing in it, have no score.
    assert_eq!(
        scores.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, true, true, false, false]
    );
    // A row scores the same alone.
    let alone: Vec<ArrayRef> = columns.iter().map(|column| column.slice(2, 1)).collect();
    assert_eq!(scorer.scores(&alone).unwrap()[0], scores[2]);
    assert_ne!(scores[0], scores[1]);
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let (_kept, folder) = many();
    let scorer = Scorer::load(&folder).unwrap();
    let mut columns = many_columns();
    columns[2] = Arc::new(StringArray::from(vec!["warm"; 5]));
    let error = scorer.score_columns(&columns).unwrap_err();
    assert!(matches!(error, ScorerError::ColumnType { .. }));
    assert_eq!(
        error.to_string(),
        "the column `heat` holds Utf8, and the model's manifest makes numbers of it; cast the column"
    );
    columns.pop();
    let error = scorer.score_columns(&columns).unwrap_err().to_string();
    assert!(
        error.contains("reads 4 columns (text, kind, heat, pinned), and 3 are given"),
        "{error}"
    );
}

#[test]
fn a_manifest_that_does_not_fit_the_graph_is_refused() {
    for (from, to, said) in [
        (
            "name: pinned\n",
            "name: pined\n",
            "no input `pined`; its inputs are title",
        ),
        (
            "[{column: pinned}]",
            "[{column: pinned}, {column: heat}]",
            "takes 1 numbers of a row, and the manifest's columns make 2",
        ),
        (
            "[a, b, c, d, e, f]",
            "[a, b, c, d, e, f, g]",
            "a table of 7 rows",
        ),
        ("name: score", "name: wide", "it should have one for each"),
        ("name: score", "name: scores", "no output `scores`"),
    ] {
        let (_kept, folder) = many();
        let path = folder.join("manifest.yaml");
        let yaml = fs::read_to_string(&path).unwrap();
        assert!(yaml.contains(from), "{from}");
        fs::write(&path, yaml.replacen(from, to, 1)).unwrap();
        let error = Scorer::load(&folder).unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
}

#[test]
fn a_newer_version_that_is_bad_or_half_copied_is_refused_and_the_older_serves() {
    let (kept, folder) = many();
    let above = kept.path();
    let copy = |version: &str| {
        let to = above.join(version);
        fs::create_dir(&to).unwrap();
        for file in ["manifest.yaml", "tokenizer.json", "model.onnx"] {
            fs::copy(folder.join(file), to.join(file)).unwrap();
        }
        to
    };
    let half = copy("2");
    let model = fs::read(half.join("model.onnx")).unwrap();
    fs::write(half.join("model.onnx"), &model[..model.len() / 2]).unwrap();
    let other = copy("3");
    fs::write(other.join("expected.json"), EXPECTED).unwrap();
    let missing = copy("4");
    fs::remove_file(missing.join("manifest.yaml")).unwrap();
    let scorer = Scorer::load(above).unwrap();
    assert_eq!(scorer.folder(), folder);
    let problems: Vec<&str> = scorer
        .refused()
        .iter()
        .map(|r| r.problem.as_str())
        .collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("no such manifest"), "{problems:?}");
    assert!(
        problems[1].contains("the outputs differ from those of onnxruntime"),
        "{problems:?}"
    );
    assert!(
        problems[2].contains("not a model that can be run"),
        "{problems:?}"
    );
    let whole = copy("10");
    assert_eq!(Scorer::load(above).unwrap().folder(), whole);
}

#[test]
fn a_model_that_makes_no_number_of_a_row_gives_it_no_score() {
    let manifest = format!(
        "task: regression\n{}outputs: [{{name: variable, holds: value}}]\n",
        FOUR.replace("{column: d}", "{column: d, missing: .nan}")
    );
    let (_kept, folder) = bundle("linear-number", &manifest);
    let scorer = Scorer::load(&folder).unwrap();
    let number: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    let hole: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None]));
    let scores = scorer
        .scores(&[number.clone(), number.clone(), number, hole])
        .unwrap();
    assert!(scores[0].is_some() && scores[1].is_none(), "{scores:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]
    #[test]
    fn a_bundle_with_a_damaged_file_loads_or_is_refused(
        file in 0..3_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let (_kept, folder) = many();
        fs::write(folder.join("expected.json"), EXPECTED).unwrap();
        let path = folder.join(["manifest.yaml", "tokenizer.json", "expected.json"][file]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        fs::write(&path, bytes).unwrap();
        if let Err(error) = Scorer::load(&folder) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
