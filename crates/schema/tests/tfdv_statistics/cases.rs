//! The files of cases, and what became of each case.

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use base64::Engine as _;
use driftline_schema::tfmd::{Named, from_text};
use serde_json::Value;
use std::{fs, io::Cursor, path::PathBuf};

pub(crate) const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");

/// The cases of a file, or `None`, loudly, where the folder is not there.
pub(crate) fn read(file: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(SHARED).join("tfdv-cases").join(file);
    match fs::read_to_string(&path) {
        Ok(text) => Some(
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        ),
        Err(_) => {
            eprintln!("SKIPPED {file}: {} is not there", path.display());
            None
        }
    }
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The batches of a list of Arrow streams.
pub(crate) fn batches(list: &Value) -> Vec<RecordBatch> {
    list.as_array()
        .into_iter()
        .flatten()
        .flat_map(|batch| {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text(batch, "arrow_ipc_b64"))
                .unwrap();
            let reader = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
            reader.map(Result::unwrap).collect::<Vec<_>>()
        })
        .collect()
}

/// A message given as `{"type": …, "pbtxt": …}`.
pub(crate) fn message<M: Named>(value: &Value) -> Option<M> {
    Some(from_text("case", value["pbtxt"].as_str()?).unwrap())
}

/// What became of the cases of a file.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) passed: Vec<String>,
    pub(crate) failed: Vec<String>,
    pub(crate) unsupported: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, id: &str, differences: Vec<String>) {
        if differences.is_empty() {
            self.passed.push(id.to_owned());
        } else {
            let shown: Vec<String> = differences.iter().take(8).cloned().collect();
            eprintln!("FAILED {id}\n    {}", shown.join("\n    "));
            self.failed.push(id.to_owned());
        }
    }

    pub(crate) fn report(&self, file: &str) {
        eprintln!(
            "{file}: {} passed, {} failed, {} not supported",
            self.passed.len(),
            self.failed.len(),
            self.unsupported.len()
        );
        for id in &self.passed {
            eprintln!("passed {id}");
        }
        for id in &self.unsupported {
            eprintln!("not supported {id}");
        }
    }

    /// Of the cases that are supported, the share that passed.
    pub(crate) fn share(&self) -> f64 {
        let all = self.passed.len() + self.failed.len();
        self.passed.len() as f64 / all.max(1) as f64
    }
}
