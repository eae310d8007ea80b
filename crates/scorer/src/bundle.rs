//! A model bundle on disk: which files make one, and which version is taken.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::ScorerError;

/// Name of the manifest in a bundle's folder.
pub(crate) const MANIFEST_FILE: &str = "manifest.yaml";
/// Name of the model in a bundle's folder.
pub(crate) const MODEL_FILE: &str = "model.onnx";
/// Name of the expected outputs in a bundle's folder.
pub(crate) const EXPECTED_FILE: &str = "expected.json";
/// Names that a tokenizer can have in a bundle's folder: units or Hugging Face's, and a
/// WordPiece vocabulary.
const TOKENIZER_FILES: [&str; 2] = ["tokenizer.json", "vocab.txt"];

const TEXT_FILE_LIMIT_BYTES: u64 = 16 << 20;
const MODEL_FILE_LIMIT_BYTES: u64 = 1 << 30;

/// The bundles that a path names, the newest first: `path` itself, or its sub-folders with
/// numbers for names, as TensorFlow Serving lays versions out.
pub(crate) fn versions(path: &Path) -> Result<Vec<PathBuf>, ScorerError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ScorerError::Missing {
            path: path.to_owned(),
            what: "model bundle",
        },
        _ => ScorerError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let mut numbered: Vec<(u64, PathBuf)> = Vec::new();
    let mut is_bundle = false;
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        // A folder with any of a bundle's files is meant as one, so that what
        // it lacks can be named.
        is_bundle |= [MANIFEST_FILE, MODEL_FILE]
            .iter()
            .chain(&TOKENIZER_FILES)
            .any(|file| name == *file);
        let version = name.to_str().and_then(|name| name.parse::<u64>().ok());
        if let Some(version) = version
            && entry.path().is_dir()
        {
            numbered.push((version, entry.path()));
        }
    }
    if is_bundle || numbered.is_empty() {
        return Ok(vec![path.to_owned()]);
    }
    numbered.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    Ok(numbered.into_iter().map(|(_, folder)| folder).collect())
}

/// The tokenizer's file of a bundle.
pub(crate) fn tokenizer(folder: &Path) -> PathBuf {
    let known = TOKENIZER_FILES.map(|file| folder.join(file));
    let there = known.iter().find(|file| file.exists());
    there.unwrap_or(&known[0]).clone()
}

/// Reads a text file of the bundle; `what` is its part in the bundle.
pub(crate) fn read_text(path: &Path, what: &'static str) -> Result<String, ScorerError> {
    let bytes = read(path, what, TEXT_FILE_LIMIT_BYTES)?;
    String::from_utf8(bytes).map_err(|error| ScorerError::Unreadable {
        path: path.to_owned(),
        source: std::io::Error::new(ErrorKind::InvalidData, error.utf8_error()),
    })
}

/// Reads the model's file.
pub(crate) fn read_model(path: &Path) -> Result<Vec<u8>, ScorerError> {
    read(path, "model", MODEL_FILE_LIMIT_BYTES)
}

fn read(path: &Path, what: &'static str, limit_bytes: u64) -> Result<Vec<u8>, ScorerError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => ScorerError::Missing {
            path: path.to_owned(),
            what,
        },
        _ => ScorerError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let found = fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        // A pipe may never end, or never begin.
        let reason = "it is no plain file";
        return Err(unreadable(std::io::Error::new(
            ErrorKind::InvalidInput,
            reason,
        )));
    }
    let too_large = |size_bytes| ScorerError::TooLarge {
        path: path.to_owned(),
        size_bytes,
        limit_bytes,
    };
    if found.len() > limit_bytes {
        return Err(too_large(found.len()));
    }
    // It may grow while it is read.
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let read = file.take(limit_bytes + 1).read_to_end(&mut bytes);
    let read = read.map_err(unreadable)? as u64;
    match read > limit_bytes {
        true => Err(too_large(read)),
        false => Ok(bytes),
    }
}
