//! What a person reads when a bundle is wrong: the file, the place, the remedy.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};

use driftline_scorer::{Scorer, ScorerError};
use tempfile::TempDir;

/// A copy of the shipped bundle, to be damaged.
fn bundle() -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("sentiment/1");
    copy_to(&folder);
    (temporary, folder)
}

fn copy_to(folder: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/sentiment/1");
    fs::create_dir_all(folder).unwrap();
    for file in [
        "manifest.yaml",
        "tokenizer.json",
        "model.onnx",
        "expected.json",
    ] {
        fs::copy(shipped.join(file), folder.join(file)).unwrap();
    }
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// The error of loading the bundle after `damage` was done to its folder, and
/// its text without the folder's own path.
fn error_after(damage: impl FnOnce(&Path)) -> (ScorerError, String) {
    let (_temporary, folder) = bundle();
    damage(&folder);
    let error = Scorer::load(&folder).unwrap_err();
    let text = error.to_string();
    let text = text.replace(&format!("{}/", folder.display()), "");
    (error, text)
}

/// As [`error_after`], with one replacement in the manifest.
fn manifest_error(from: &str, to: &str) -> (ScorerError, String) {
    error_after(|folder| replace(&folder.join("manifest.yaml"), from, to))
}

fn model_error(bytes: &[u8]) -> String {
    let (error, text) = error_after(|folder| fs::write(folder.join("model.onnx"), bytes).unwrap());
    assert!(matches!(error, ScorerError::Model { .. }), "{error:?}");
    assert!(
        text.starts_with("model.onnx: not a model that can be run: "),
        "{text}"
    );
    text
}

#[test]
fn the_greatest_version_is_taken_by_number() {
    let (_temporary, folder) = bundle();
    let above = folder.parent().unwrap();
    for version in ["9", "10", "drafts"] {
        copy_to(&above.join(version));
        let number = version.parse().unwrap_or(99);
        replace(
            &above.join(version).join("manifest.yaml"),
            "\nversion: 1\n",
            &format!("\nversion: {number}\n"),
        );
    }
    assert_eq!(Scorer::load(above).unwrap().manifest().id(), "sentiment/10");
    assert_eq!(
        Scorer::load(&above.join("9")).unwrap().manifest().id(),
        "sentiment/9"
    );
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Scorer::load(Path::new("no/such/folder")).unwrap_err();
    assert!(matches!(error, ScorerError::Missing { .. }));
    assert_eq!(
        error.to_string(),
        "no/such/folder: no such model bundle; a model bundle is a folder with manifest.yaml, model.onnx and, for texts, tokenizer.json"
    );
}

#[test]
fn a_model_file_in_place_of_a_bundle_is_no_bundle() {
    let (_temporary, folder) = bundle();
    let error = Scorer::load(&folder.join("model.onnx")).unwrap_err();
    assert!(matches!(error, ScorerError::Missing { .. }), "{error:?}");
}

#[test]
fn every_missing_file_is_named() {
    for file in ["manifest.yaml", "tokenizer.json", "model.onnx"] {
        let (error, text) = error_after(|folder| fs::remove_file(folder.join(file)).unwrap());
        assert!(matches!(error, ScorerError::Missing { .. }), "{error:?}");
        assert!(text.starts_with(&format!("{file}: no such ")), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_never_ends_is_not_read() {
    for file in ["manifest.yaml", "tokenizer.json", "model.onnx"] {
        let (error, text) = error_after(|folder| {
            fs::remove_file(folder.join(file)).unwrap();
            std::os::unix::fs::symlink("/dev/zero", folder.join(file)).unwrap();
        });
        assert!(matches!(error, ScorerError::Unreadable { .. }), "{error:?}");
        assert!(text.contains("it is no plain file"), "{text}");
    }
}

#[test]
fn an_empty_folder_lacks_a_manifest() {
    let temporary = tempfile::tempdir().unwrap();
    let error = Scorer::load(temporary.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("manifest.yaml: no such manifest"),
        "{error}"
    );
}

#[test]
fn an_unknown_key_is_shown_with_line_and_column() {
    let (error, text) = manifest_error("threshold: 0.5", "treshold: 0.5");
    let ScorerError::ManifestSyntax { line, column, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((line, column), (8, 1), "{text}");
    assert!(text.starts_with("manifest.yaml:8:1: "), "{text}");
    assert!(text.contains("treshold"), "{text}");
}

#[test]
fn a_wrong_type_is_shown_with_line_and_column() {
    let (error, text) = manifest_error("max_length: 128", "max_length: long");
    let ScorerError::ManifestSyntax { line, column, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((line, column), (16, 13), "{text}");
}

#[test]
fn a_missing_key_is_named() {
    let (error, text) = manifest_error("task: binary_classification\n", "");
    assert!(
        matches!(error, ScorerError::ManifestSyntax { .. }),
        "{error:?}"
    );
    assert!(text.contains("task"), "{text}");
}

#[test]
fn a_manifest_that_is_empty_or_no_yaml_is_refused() {
    for content in ["", "{", "\u{1}\u{2}", "- 1\n- 2\n"] {
        let (error, text) =
            error_after(|folder| fs::write(folder.join("manifest.yaml"), content).unwrap());
        assert!(
            matches!(error, ScorerError::ManifestSyntax { .. }),
            "{content:?}: {error:?}"
        );
        assert!(text.starts_with("manifest.yaml:"), "{text}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_said_to_be_none() {
    for file in ["manifest.yaml", "tokenizer.json"] {
        let (error, text) =
            error_after(|folder| fs::write(folder.join(file), [0xff, 0xfe]).unwrap());
        assert!(matches!(error, ScorerError::Unreadable { .. }), "{error:?}");
        assert!(
            text.starts_with(&format!("{file}: cannot be read: invalid utf-8")),
            "{text}"
        );
    }
}

#[test]
fn values_that_cannot_be_are_named_by_key() {
    for (from, to, key) in [
        ("format_version: 1", "format_version: 2", "format_version"),
        ("name: sentiment", "name: ''", "name"),
        ("[negative, positive]", "[negative]", "labels"),
        ("[negative, positive]", "[same, same]", "labels"),
        ("[negative, positive]", "['', positive]", "labels"),
        ("labels: [negative, positive]\n", "", "labels"),
        ("threshold: 0.5", "temperature: 0", "temperature"),
        ("binary_classification", "regression", "labels"),
        ("probability_of_second_label", "value", "outputs"),
        ("from: tokenizer", "from: attention_mask", "inputs"),
        ("from: tokenizer", "from: columns", "inputs"),
        ("threshold: 0.5", "threshold: 1.0", "threshold"),
        ("threshold: 0.5", "threshold: .nan", "threshold"),
        ("max_length: 128", "max_length: 0", "max_length"),
        ("batch_size: 64", "batch_size: 1000000", "batch_size"),
        ("share: 0.", "share: 80.", "accuracy"),
        (
            "  - name: tokens\n    from: tokenizer\n",
            "  []\n",
            "inputs",
        ),
    ] {
        let (error, text) = manifest_error(from, to);
        assert!(
            matches!(error, ScorerError::ManifestValue { .. }),
            "{to}: {error:?}"
        );
        assert!(
            text.starts_with(&format!("manifest.yaml: `{key}` ")),
            "{text}"
        );
    }
}

#[test]
fn a_tokenizer_that_is_none_is_refused_with_the_reason() {
    for (from, to, reason) in [
        ("{", "", "line 1"),
        ("\"unknown_id\"", "\"unknown\"", "unknown field `unknown`"),
        ("nfkc_lowercase_no_space", "none", "unknown variant `none`"),
        (
            "\"format_version\": 1",
            "\"format_version\": 7",
            "`format_version` is 7",
        ),
        (
            "\"first_id\": 2",
            "\"first_id\": 1",
            "`first_id` must be above",
        ),
        (
            "\"characters\": \"",
            "\"characters\": \"，，",
            "holds \"，\" twice",
        ),
    ] {
        let (error, text) = error_after(|folder| replace(&folder.join("tokenizer.json"), from, to));
        assert!(matches!(error, ScorerError::Tokenizer { .. }), "{error:?}");
        assert!(
            text.starts_with("tokenizer.json: ") && text.contains(reason),
            "{text}"
        );
    }
}

#[test]
fn a_tokenizer_with_more_ids_than_the_model_has_rows_is_found_at_load() {
    let (error, _) = error_after(|folder| {
        replace(
            &folder.join("tokenizer.json"),
            "\"first_id\": 2",
            "\"first_id\": 9990",
        );
    });
    assert!(matches!(error, ScorerError::Model { .. }), "{error:?}");
}

#[test]
fn a_file_that_is_no_onnx_model_is_refused() {
    model_error(b"");
    model_error(b"this is no model\n");
    model_error(&[0xff; 4096]);
    model_error(b"\x89PNG\r\n\x1a\n");
}

#[test]
fn a_truncated_model_is_refused_wherever_it_is_cut() {
    let (_temporary, folder) = bundle();
    let whole = fs::read(folder.join("model.onnx")).unwrap();
    for share in [1, 10, 50, 90, 99] {
        model_error(&whole[..whole.len() * share / 100]);
    }
    model_error(&whole[..whole.len() - 1]);
}

#[test]
fn an_input_or_output_that_the_graph_lacks_is_named() {
    for (from, name) in [("tokens", "words"), ("probability\n    holds", "logits")] {
        let to = from.replace(from.split('\n').next().unwrap(), name);
        let (error, text) = manifest_error(&format!("name: {from}"), &format!("name: {to}"));
        assert!(matches!(error, ScorerError::Model { .. }), "{error:?}");
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn an_output_that_is_no_probability_is_found_at_load() {
    let (error, text) = manifest_error("name: probability", "name: dense");
    assert!(matches!(error, ScorerError::Model { .. }), "{error:?}");
    assert!(
        text.contains("one for each") || text.contains("no probability"),
        "{text}"
    );
}

#[test]
fn another_batch_size_than_the_models_is_found_at_load() {
    let (error, text) = manifest_error("batch_size: 64", "batch_size: 32");
    assert!(matches!(error, ScorerError::Model { .. }), "{text}");
}
