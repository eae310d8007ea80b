//! What can go wrong between a bundle's folder and a prediction.

use std::path::PathBuf;

use crate::Comparison;

/// Why a model bundle could not be loaded, or a column not be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    /// A bundle's folder or one of its files is not there.
    #[error("{}: no such {what}; a model bundle is a folder with manifest.yaml, model.onnx and, for texts, tokenizer.json", path.display())]
    Missing {
        /// What was looked for, and where.
        path: PathBuf,
        /// `model bundle`, or the file's part in it.
        what: &'static str,
    },

    /// A file is there and cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file is larger than any that a bundle should hold.
    #[error("{}: {size_bytes} bytes, more than the {limit_bytes} a bundle's file may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size_bytes: u64,
        /// The most that is read.
        limit_bytes: u64,
    },

    /// The manifest is not the YAML it should be: a syntax error, an unknown
    /// key, a missing one, or a value of another type.
    #[error("{}:{line}:{column}: {message}", path.display())]
    ManifestSyntax {
        /// The manifest.
        path: PathBuf,
        /// Line of the mistake, from 1; 0 where the parser knows none.
        line: u64,
        /// Column of the mistake in characters, from 1; 0 where the parser knows none.
        column: u64,
        /// What is wrong.
        message: String,
    },

    /// The manifest is well-formed, and what it says cannot be.
    #[error("{}: `{key}` {problem}", path.display())]
    ManifestValue {
        /// The manifest.
        path: PathBuf,
        /// The key with the impossible value.
        key: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },

    /// The tokenizer's file does not describe a tokenizer.
    #[error("{}: {problem}", path.display())]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// What is wrong, with line and column where the parser knows them.
        problem: String,
    },

    /// The model's file is no ONNX model, a damaged one, or one that cannot
    /// do what the manifest says.
    #[error("{}: not a model that can be run: {problem}", path.display())]
    Model {
        /// The model's file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// The expected outputs are no such file, or do not fit the model.
    #[error("{}: {problem}", path.display())]
    Expected {
        /// The file of expected outputs.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// The model gives other outputs than those expected of it.
    #[error(
        "{}: the outputs differ from those of {} by up to {:.2e} (at {}), and {:.0e} is allowed",
        path.display(), comparison.runtime, comparison.largest_difference, comparison.at,
        comparison.tolerance
    )]
    Differs {
        /// The file of expected outputs.
        path: PathBuf,
        /// By how much, and where.
        comparison: Comparison,
    },

    /// Not the columns that the model reads.
    #[error("the model reads {} columns ({}), and {given} are given", wanted.len(), wanted.join(", "))]
    Columns {
        /// The columns that it reads.
        wanted: Vec<String>,
        /// How many it was given.
        given: usize,
    },

    /// A column of a type that a feature cannot be made of.
    #[error(
        "the column `{column}` holds {data_type}, and the model's manifest makes {wanted} of it; cast the column"
    )]
    ColumnType {
        /// The manifest's name of the column.
        column: String,
        /// Its Arrow type.
        data_type: arrow_schema::DataType,
        /// What is made of it.
        wanted: &'static str,
    },

    /// A column to score does not hold text.
    #[error("a model scores text, not {data_type}; cast the column to a string type")]
    NotText {
        /// The column's Arrow type.
        data_type: arrow_schema::DataType,
    },

    /// A temperature that cannot be fitted.
    #[error("the model `{model}` cannot be calibrated: {problem}")]
    Calibration {
        /// The model's name and version.
        model: String,
        /// What is missing.
        problem: String,
    },

    /// A head that cannot be learnt, or its bundle not be written.
    #[error("no bundle is made: {problem}")]
    Adapt {
        /// What is missing or in the way.
        problem: String,
    },

    /// A loaded model failed on a batch.
    #[error("the model `{model}` failed on a batch of rows (texts of {length} tokens): {problem}")]
    Run {
        /// The model's name and version.
        model: String,
        /// Length of the batch's texts.
        length: usize,
        /// What the runtime said.
        problem: String,
    },
}
