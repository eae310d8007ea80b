//! From a location to files, and from a file's first bytes to its format.

use super::{Compression, DataFile, Format, Source, elsewhere, open, remote, serving, tfrecord};
use crate::EngineError;
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::{NamedTempFile, TempPath};

/// Endings of files that are looked for in a directory.
const DATA_ENDINGS: [&str; 9] = [
    "parquet", "csv", "tsv", "jsonl", "ndjson", "json", "arrow", "feather", "ipc",
];

/// Bytes that are looked at to tell the format.
const HEAD_BYTES: u64 = 64 * 1024;
/// Bytes of a first line that are looked at to tell whether it is a message of a log.
const LINE_BYTES: u64 = 64 << 20;

/// The files of a source, in the order of their names, formats known.
pub(super) fn discover(source: &Source) -> Result<Vec<DataFile>, EngineError> {
    let location = source.location.as_str();
    if location == "-" {
        return Ok(vec![standard_input()?]);
    }
    let within = source.within.as_ref();
    let is_wanted = |name: &str| {
        let is_named = source.only.as_ref().is_none_or(|only| only.contains(name));
        is_named && within.is_none_or(|range| range.may_hold(name))
    };
    let files: Vec<DataFile> = if remote::is_url(location) {
        remote::copies(location, is_wanted)?
            .into_iter()
            .map(|(name, copy)| recognise(name, copy.to_path_buf(), Some(copy)))
            .collect::<Result<_, _>>()?
    } else {
        paths(location)?
            .into_iter()
            .map(|path| (path.display().to_string(), path))
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, path)| recognise(name, path, None))
            .collect::<Result<_, _>>()?
    };
    match within {
        Some(range) if files.is_empty() => Err(EngineError::NoPartition {
            location: location.into(),
            column: range.column.clone(),
        }),
        _ => Ok(files),
    }
}

/// The files of a path, pattern or directory, in the order of their names.
pub(super) fn paths(location: &str) -> Result<Vec<PathBuf>, EngineError> {
    let path = Path::new(location);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let mut paths = Vec::new();
            walk(path, &mut paths)?;
            if paths.is_empty() {
                return Err(EngineError::NoDataFiles {
                    directory: location.into(),
                });
            }
            Ok(paths)
        }
        Ok(_) => Ok(vec![path.to_owned()]),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern(location) => {
            matches(location)
        }
        Err(error) => Err(EngineError::io(location, &error)),
    }
}

pub(super) fn is_pattern(location: &str) -> bool {
    location.contains(['*', '?', '['])
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>, EngineError> {
    let found = glob::glob(pattern).map_err(|error| EngineError::Pattern {
        pattern: pattern.into(),
        reason: error.to_string(),
    })?;
    let mut paths = Vec::new();
    for path in found {
        let path = path
            .map_err(|error| EngineError::io(&error.path().display().to_string(), error.error()))?;
        if path.is_file() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(EngineError::NoMatch {
            pattern: pattern.into(),
        });
    }
    paths.sort();
    Ok(paths)
}

/// Data files below a directory; names that begin with `.` or `_` are other
/// programs' marks.
fn walk(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), EngineError> {
    let failed = |error: &io::Error| EngineError::io(&directory.display().to_string(), error);
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(directory)
        .and_then(Iterator::collect)
        .map_err(|error| failed(&error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    refuse_lake_table(directory, &entries)?;
    for entry in entries {
        let name = entry.file_name();
        if matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        let path = entry.path();
        // A link to a directory is not followed: it may lead back here.
        if kind.is_dir() {
            walk(&path, paths)?;
        } else if path.is_file() && is_data(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

/// Refuses a directory whose files count only by a log beside them.
fn refuse_lake_table(directory: &Path, entries: &[fs::DirEntry]) -> Result<(), EngineError> {
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_log = ["_delta_log", ".hoodie", "metadata"].contains(&name.as_str());
        if !is_log {
            continue;
        }
        // What is no folder, or cannot be seen, says nothing.
        for file in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            let name = format!("{name}/{}", file.file_name().to_string_lossy());
            let directory = directory.display().to_string();
            if let Some(refused) = elsewhere::lake_table(&directory, &name) {
                return Err(refused);
            }
        }
    }
    Ok(())
}

/// Whether a file in a directory is to be read, by its name.
pub(super) fn is_data(path: &Path) -> bool {
    DATA_ENDINGS.contains(&ending(path).as_str()) || is_tfrecord(path)
}

/// Whether a file is called a TFRecord: `train.tfrecord`, and parts of a set, whose
/// number is behind (`data_tfrecord-00000-of-00010.gz`).
fn is_tfrecord(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !DATA_ENDINGS.contains(&ending(path).as_str()) && name.to_lowercase().contains("tfrecord")
}

/// The ending of a file's name in lower case, that of the compression aside.
fn ending(path: &Path) -> String {
    let lower = |path: &Path| {
        path.extension()
            .map(|ending| ending.to_string_lossy().to_lowercase())
            .unwrap_or_default()
    };
    match lower(path).as_str() {
        "gz" | "gzip" | "zst" | "zstd" => lower(Path::new(path.file_stem().unwrap_or_default())),
        other => other.to_owned(),
    }
}

/// Keeps standard input in a temporary file: it is read twice.
fn standard_input() -> Result<DataFile, EngineError> {
    let name = "standard input";
    let failed = |error: io::Error| EngineError::io(name, &error);
    let mut spool = NamedTempFile::new().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), &mut spool).map_err(failed)?;
    spool.flush().map_err(failed)?;
    let temporary = spool.into_temp_path();
    let file = recognise(name.into(), temporary.to_path_buf(), Some(temporary))?;
    Ok(DataFile { own: true, ..file })
}

/// A file that another process found, by its path or URL.
#[cfg(feature = "cluster")]
pub(super) fn found_elsewhere(location: &str) -> Result<DataFile, EngineError> {
    if !remote::is_url(location) {
        return recognise(location.into(), location.into(), None);
    }
    let copies = remote::copies(location, |name| name == location)?;
    let copy = copies.into_iter().next();
    let (name, copy) = copy.ok_or_else(|| EngineError::NoObject {
        location: location.into(),
    })?;
    recognise(name, copy.to_path_buf(), Some(copy))
}

/// Tells what a file is.
fn recognise(
    name: String,
    path: PathBuf,
    temporary: Option<TempPath>,
) -> Result<DataFile, EngineError> {
    let failed = |error: &io::Error| EngineError::io(&name, error);
    let raw = head(&path, Compression::None).map_err(|error| failed(&error))?;
    // A TFRecord file of no records has no bytes: a part that got none.
    let may_be_empty = is_tfrecord(Path::new(&name));
    if raw.is_empty() && !may_be_empty {
        return Err(EngineError::Empty { file: name });
    }
    let compression = match raw.as_slice() {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    };
    let mut file = DataFile {
        name: name.clone(),
        path,
        format: Format::Csv,
        compression,
        own: false,
        _temporary: temporary.map(Arc::new),
    };
    let head = match compression {
        Compression::None => raw,
        _ => head(&file.path, compression).map_err(|error| file.read_error(&error))?,
    };
    if head.is_empty() && !may_be_empty {
        return Err(EngineError::Empty { file: name });
    }
    file.format = match format_of(&name, &head, &ending(Path::new(&name)))? {
        Format::JsonLines if serving::begins_inference_log(&first_line(&file)?) => {
            Format::InferenceLog
        }
        Format::TfRecord if serving::is_prediction_log(&file)? => Format::PredictionLog,
        format => format,
    };
    // Formats that are read from their end are laid out on disk first.
    if compression != Compression::None
        && matches!(file.format, Format::Parquet | Format::ArrowFile)
    {
        let mut plain = NamedTempFile::new().map_err(|error| failed(&error))?;
        io::copy(&mut file.open()?, &mut plain).map_err(|error| file.read_error(&error))?;
        plain.flush().map_err(|error| failed(&error))?;
        let plain = plain.into_temp_path();
        file.path = plain.to_path_buf();
        file.compression = Compression::None;
        file._temporary = Some(Arc::new(plain));
    }
    Ok(file)
}

fn head(path: &Path, compression: Compression) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, compression)?
        .take(HEAD_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first line with anything in it.
fn first_line(file: &DataFile) -> Result<Vec<u8>, EngineError> {
    let mut reader = BufReader::new(file.open()?.take(LINE_BYTES));
    let mut line = Vec::new();
    loop {
        let read = reader.read_until(b'\n', &mut line);
        let read = read.map_err(|error| file.read_error(&error))?;
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        if read == 0 || !text.trim_ascii().is_empty() {
            return Ok(text.to_vec());
        }
        line.clear();
    }
}

fn format_of(name: &str, head: &[u8], ending: &str) -> Result<Format, EngineError> {
    let unknown = |reason: &str| {
        Err(EngineError::UnknownFormat {
            file: name.into(),
            reason: reason.into(),
        })
    };
    if tfrecord::begins(head) {
        return Ok(Format::TfRecord);
    }
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if head.starts_with(b"ARROW1") {
        return Ok(Format::ArrowFile);
    }
    if head.starts_with(&[0xff; 4]) && head.len() >= 8 {
        return Ok(Format::ArrowStream);
    }
    // Damage of the first record, or no record at all.
    if is_tfrecord(Path::new(name)) {
        return Ok(Format::TfRecord);
    }
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return unknown("text in UTF-16; convert it to UTF-8");
    }
    if head.contains(&0) {
        return unknown("bytes that are no text");
    }
    let text = head.trim_ascii_start();
    let text = text
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(text)
        .trim_ascii_start();
    if text.is_empty() && (head.len() as u64) < HEAD_BYTES {
        return unknown("nothing but white space");
    }
    match ending {
        "parquet" => return unknown("named Parquet, but it does not begin with `PAR1`"),
        "arrow" | "feather" | "ipc" => {
            return unknown("named Arrow IPC, but it does not begin like that");
        }
        "csv" | "tsv" => return Ok(Format::Csv),
        "jsonl" | "ndjson" => return Ok(Format::JsonLines),
        _ => {}
    }
    if serving::is_stored_log(text) {
        return Ok(Format::InferenceLog);
    }
    if text.starts_with(b"[") && (ending == "json" || is_json_array(text)) {
        return unknown("one JSON array; write one object a line, for example by `jq -c '.[]'`");
    }
    if text.starts_with(b"{") || ending == "json" {
        return Ok(Format::JsonLines);
    }
    Ok(Format::Csv)
}

fn is_json_array(text: &[u8]) -> bool {
    text.get(1..)
        .unwrap_or_default()
        .trim_ascii_start()
        .starts_with(b"{")
}
