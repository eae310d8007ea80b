//! Columns of the data sets that golden values are of, cut as a case describes it.

use crate::golden::shared;
use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray};
use arrow_schema::DataType;
use driftline_drift::preset::{Column, Kind};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

/// A case by its data set and column.
pub(crate) fn name(case: &Value) -> String {
    let part = |key: &str| case[key].as_str().unwrap_or("").to_owned();
    format!("{} {}", part("dataset"), part("column"))
}

/// A column written into a case.
pub(crate) fn given(values: &Value, kind: Kind) -> Column {
    let values = values.as_array().unwrap();
    match kind {
        Kind::Numeric => Column::Numbers {
            values: values
                .iter()
                .map(|value| match value.as_str() {
                    Some("inf") => f64::INFINITY,
                    Some("-inf") => f64::NEG_INFINITY,
                    _ => value.as_f64().unwrap_or(f64::NAN),
                })
                .collect(),
            whole: values.iter().all(Value::is_i64),
            nan: 0,
        },
        _ => {
            let array: arrow_array::StringArray = values.iter().map(Value::as_str).collect();
            Column::of(&[std::sync::Arc::new(array) as ArrayRef], kind).unwrap()
        }
    }
}

pub(crate) struct Scores {
    pub(crate) scores: Vec<f64>,
    pub(crate) predictions: Vec<usize>,
}

/// The folder of data sets; files are read once.
pub(crate) struct Data {
    folder: PathBuf,
    files: Mutex<BTreeMap<PathBuf, Vec<RecordBatch>>>,
}

/// The two files of a case, and which of their rows.
struct Cut {
    files: (PathBuf, PathBuf),
    rows: (Vec<usize>, Vec<usize>),
}

impl Data {
    pub(crate) fn open() -> Option<Self> {
        let folder = shared().join("data");
        if !folder.exists() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return None;
        }
        Some(Self {
            folder,
            files: Mutex::default(),
        })
    }

    /// The case's column on both sides.
    pub(crate) fn sides(&self, case: &Value, kind: Kind) -> (Column, Column) {
        self.cut_sides(case, case["column"].as_str().unwrap(), Some(kind))
    }

    /// A column on both sides, taken for what its type says.
    pub(crate) fn natural_sides(&self, case: &Value, column: &str) -> (Column, Column) {
        self.cut_sides(case, column, None)
    }

    fn cut_sides(&self, case: &Value, column: &str, kind: Option<Kind>) -> (Column, Column) {
        let cut = self.cut(case);
        let side = |file: &Path, rows: &[usize]| {
            let arrays = self.arrays(file, column);
            let kind = kind.unwrap_or_else(|| Kind::of(arrays[0].data_type()).unwrap());
            Column::of(&arrays, kind).unwrap().taken(rows)
        };
        (
            side(&cut.files.0, &cut.rows.0),
            side(&cut.files.1, &cut.rows.1),
        )
    }

    /// Scores, predictions and labels of the baseline; scores and predictions of the window.
    pub(crate) fn scored(&self, case: &Value) -> ((Scores, Vec<usize>), (Scores, ())) {
        let (reference, analysis) = self.pair(case["dataset"].as_str().unwrap());
        let flags = |file: &Path, column: &str| -> Vec<usize> {
            let Column::Numbers { values, .. } =
                Column::of(&self.arrays(file, column), Kind::Numeric).unwrap()
            else {
                panic!("{column} holds no numbers")
            };
            values
                .iter()
                .map(|value| usize::from(*value > 0.5))
                .collect()
        };
        let scores = |file: &Path| {
            let Column::Numbers { values, .. } =
                Column::of(&self.arrays(file, "y_pred_proba"), Kind::Numeric).unwrap()
            else {
                panic!("scores are no numbers")
            };
            Scores {
                scores: values,
                predictions: flags(file, "y_pred"),
            }
        };
        // The labels are what the window's file does not have.
        let names = |file: &Path| -> Vec<String> {
            let batches = self.batches(file);
            let schema = batches[0].schema();
            schema
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect()
        };
        let known = names(&analysis);
        let target = names(&reference)
            .into_iter()
            .find(|name| !known.contains(name))
            .unwrap_or_else(|| panic!("{} has no labels", reference.display()));
        (
            (scores(&reference), flags(&reference, &target)),
            (scores(&analysis), ()),
        )
    }

    /// Rows of a yearly file: `first 3000 rows of 2020`, `last 3000 rows of 2022`,
    /// `even rows among the first 6000 of 2020`.
    pub(crate) fn described(&self, case: &Value, words: &str) -> Column {
        let dataset = case["dataset"].as_str().unwrap();
        let words: Vec<&str> = words.split_whitespace().collect();
        let year = words.last().unwrap();
        let count: usize = words.iter().find_map(|word| word.parse().ok()).unwrap();
        let folder = self.folder.join(dataset);
        let file = folder.join(format!("{dataset}-{year}.parquet"));
        let column = case["column"].as_str().unwrap();
        let arrays = self.arrays(&file, column);
        let column = Column::of(&arrays, Kind::Text).unwrap();
        let rows: Vec<usize> = match words[0] {
            "first" => (0..count).collect(),
            "last" => (column.rows() - count..column.rows()).collect(),
            "even" => (0..count).step_by(2).collect(),
            "odd" => (1..count).step_by(2).collect(),
            other => panic!("rows that are {other}"),
        };
        column.taken(&rows)
    }

    fn batches(&self, file: &Path) -> Vec<RecordBatch> {
        let mut files = self.files.lock().unwrap();
        files
            .entry(file.to_owned())
            .or_insert_with(|| {
                let opened = std::fs::File::open(file)
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                ParquetRecordBatchReaderBuilder::try_new(opened)
                    .unwrap()
                    .with_batch_size(1 << 20)
                    .build()
                    .unwrap()
                    .map(Result::unwrap)
                    .collect()
            })
            .clone()
    }

    fn arrays(&self, file: &Path, column: &str) -> Vec<ArrayRef> {
        let batches = self.batches(file);
        batches
            .iter()
            .map(|batch| {
                let array = batch.column_by_name(column);
                array
                    .unwrap_or_else(|| panic!("{} has no column {column}", file.display()))
                    .clone()
            })
            .collect()
    }

    /// The folder of a data set, which a case may name with something about the cut.
    fn dataset(&self, name: &str) -> PathBuf {
        let folders: Vec<String> = std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let plain = |folder: &str| folder.strip_prefix("nannyml-").unwrap_or(folder).to_owned();
        let first = name.split('-').next().unwrap();
        let found = folders
            .iter()
            .filter(|folder| name.starts_with(&plain(folder)))
            .max_by_key(|folder| folder.len())
            .or_else(|| {
                let with_word = |folder: &&String| folder.split('-').any(|word| word == first);
                folders.iter().find(with_word)
            });
        self.folder
            .join(found.unwrap_or_else(|| panic!("no data set {name}")))
    }

    /// The reference and the analysis file of a data set of NannyML, or its one file twice.
    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let folder = self.dataset(name);
        let stem = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let part = |part: &str| folder.join(format!("{stem}-{part}.parquet"));
        if part("reference").exists() {
            return (part("reference"), part("analysis"));
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
            .collect();
        files.sort();
        (files[0].clone(), files[0].clone())
    }

    fn cut(&self, case: &Value) -> Cut {
        let files = self.pair(case["dataset"].as_str().unwrap());
        let words = case["slice"]
            .as_str()
            .or(case["rows"].as_str())
            .unwrap_or("reference file vs whole analysis file");
        let (words, _) = words
            .split_once(" (")
            .filter(|(_, rest)| !rest.contains(','))
            .unwrap_or((words, ""));
        let (first, second) = words
            .split_once(" vs ")
            .or_else(|| words.split_once("; "))
            .or_else(|| words.split_once(", "))
            .unwrap_or_else(|| panic!("a slice that reads {words}"));
        let baseline = self.rows(&files.0, first, None);
        let window = self.rows(&files.1, second, Some((first, &baseline)));
        Cut {
            rows: (baseline, window),
            files,
        }
    }

    fn rows(&self, file: &Path, words: &str, before: Option<(&str, &[usize])>) -> Vec<usize> {
        let all: usize = self.batches(file).iter().map(RecordBatch::num_rows).sum();
        let words = words
            .trim_start_matches("reference ")
            .trim_start_matches("current ");
        if let Some(range) = words.strip_prefix("rows ") {
            let (range, _) = range.split_once(" of ").unwrap();
            let (from, to) = range.split_once("..").unwrap();
            return (from.parse().unwrap()..to.parse().unwrap_or(all)).collect();
        }
        let counted = |word: &str| -> Option<usize> {
            let (count, _) = words.strip_prefix(word)?.split_once(' ')?;
            count.parse().ok()
        };
        if let Some(count) = counted("first ") {
            return (0..count).collect();
        }
        if let Some(count) = counted("last ") {
            return (all - count..all).collect();
        }
        if words.contains("file") {
            return (0..all).collect();
        }
        if words == "the rest" || words.ends_with(" in those") {
            let (_, taken) = before.unwrap();
            return (0..all)
                .filter(|row| taken.binary_search(row).is_err())
                .collect();
        }
        if let Some((column, list)) = words.split_once(" not in (") {
            let names: Vec<&str> = list.trim_end_matches(')').split(", ").collect();
            let texts = self.texts(file, column);
            return (0..all)
                .filter(|row| !names.contains(&texts[*row].as_str()))
                .collect();
        }
        // `column < high` or `low <= column < high`, in the order of their texts.
        let (lower, high) = words
            .split_once(" < ")
            .unwrap_or_else(|| panic!("rows {words}"));
        let (low, column) = lower.split_once(" <= ").unwrap_or(("", lower));
        let texts = self.texts(file, column);
        (0..all)
            .filter(|row| low <= texts[*row].as_str() && texts[*row].as_str() < high)
            .collect()
    }

    fn texts(&self, file: &Path, column: &str) -> Vec<String> {
        self.arrays(file, column)
            .iter()
            .flat_map(|array| {
                let texts = arrow_cast::cast(array, &DataType::Utf8).unwrap();
                let texts = texts.as_string::<i32>();
                (0..texts.len())
                    .map(|row| {
                        if texts.is_null(row) {
                            String::new()
                        } else {
                            texts.value(row).to_owned()
                        }
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}
