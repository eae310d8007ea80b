//! What can go wrong between a file and a profile.
//!
//! DataFusion reports a mistake in a user's SQL, a broken file and a full memory
//! pool by one type. Here they are told apart, because the exit code and the way
//! out differ, and named in our own words.

use datafusion::{
    arrow::error::ArrowError,
    common::{Diagnostic, SchemaError},
    error::DataFusionError,
    parquet::errors::ParquetError,
};
use driftline_scorer::ScorerError;
use driftline_statistics::StatisticsError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An error of this crate. `file` is the name that the user gave, or the file
/// found under it; `standard input` for `-`.
///
/// The executors of a cluster send theirs as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EngineError {
    /// No file of that name.
    #[error(
        "`{file}`: no such file or directory; check the path, relative to the working directory"
    )]
    Missing {
        /// The path as given.
        file: String,
    },
    /// A pattern that matches no file.
    #[error("`{pattern}` matches no file; check the pattern, relative to the working directory")]
    NoMatch {
        /// The pattern as given.
        pattern: String,
    },
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern: {reason}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory in which nothing can be read.
    #[error(
        "`{directory}` holds no data file (.parquet, .csv, .tsv, .jsonl, .ndjson, .json, .arrow, .feather, .ipc, .tfrecord, also with .gz or .zst); name the files themselves if they are called otherwise"
    )]
    NoDataFiles {
        /// The directory as given.
        directory: String,
    },
    /// A file of no bytes.
    #[error("`{file}` is empty (0 bytes); remove it, or wait until it is written")]
    Empty {
        /// The file.
        file: String,
    },
    /// A file that the system does not let us read.
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// A file that is none of the formats read here.
    #[error(
        "`{file}` is in no format that can be read ({reason}); Parquet, CSV, JSON Lines, Arrow IPC and TFRecord can, plain or compressed by gzip or zstd"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// What was found instead.
        reason: String,
    },
    /// A file that breaks its format: cut off, or changed on the way.
    #[error("`{file}` is no complete {format} file: {reason}; write or copy it again")]
    Malformed {
        /// The file.
        file: String,
        /// Name of the format.
        format: Cow<'static, str>,
        /// What did not fit.
        reason: String,
    },
    /// A text file that is not UTF-8.
    #[error(
        "`{file}` line {line}: not UTF-8; convert it first, for example by `iconv -f GB18030 -t UTF-8`"
    )]
    NotUtf8 {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// A line of a text file that does not fit.
    #[error("`{file}` line {line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A record of a TFRecord file that is damaged, or does not fit those before it.
    #[error("`{file}` record {record} at byte {offset}: {reason}")]
    Record {
        /// The file.
        file: String,
        /// The record, from 1.
        record: u64,
        /// Bytes before it; of the decompressed file, where it is compressed.
        offset: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A cell that does not fit the type of its column.
    #[error("`{file}` line {line}, column `{column}`: `{value}` is no {expected}")]
    Cell {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// The cell, cut to 80 characters.
        value: String,
        /// Name of the column's type.
        expected: String,
    },
    /// Columns of one file that have the same name.
    #[error("`{file}`: two columns are named `{column}`; rename one")]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// Files of one source whose columns have types that no common type holds.
    #[error(
        "`{file}`: column `{column}` holds {found}, but {expected} in `{other}`; make them one type, or read the files as sources of their own"
    )]
    ColumnClash {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Its type in this file.
        found: String,
        /// Its type in the other.
        expected: String,
        /// A file that comes before it.
        other: String,
    },
    /// A source behind a scheme that is not known.
    #[error(
        "`{location}`: there are no `{scheme}` URLs; s3, gs, az, http and https are read, and paths"
    )]
    Scheme {
        /// The location as given.
        location: String,
        /// Its scheme.
        scheme: String,
    },
    /// A table of a database. Its URL may hold a password, so only its scheme is told.
    #[error(
        "tables of databases are not read (`{scheme}://…`); write the rows into a file, \
         best Parquet, or pipe them: {way}"
    )]
    Database {
        /// The URL's scheme.
        scheme: String,
        /// A command that writes them.
        way: String,
    },
    /// A folder whose files count only by a log beside them.
    #[error(
        "`{directory}` is a table of {format}: its log says which of its files count, and \
         reading all of them would count what was replaced or deleted; write what it holds now as \
         plain Parquet: {way}"
    )]
    LakeTable {
        /// The folder or the URL.
        directory: String,
        /// Whose table it is.
        format: String,
        /// A command that writes it.
        way: String,
    },
    /// No object of that name, or no bucket.
    #[error("`{location}`: there is no such object; check the bucket and the name in it")]
    NoObject {
        /// The URL.
        location: String,
    },
    /// An object that may not be read.
    #[error("`{location}`: access is refused; {credentials}")]
    Denied {
        /// The URL.
        location: String,
        /// How credentials are given.
        credentials: Cow<'static, str>,
    },
    /// An object that was replaced between being listed and being read.
    #[error("`{file}` changed while it was read; run again when nobody writes it")]
    Changed {
        /// The URL.
        file: String,
    },
    /// A store of objects that does not answer, or not as one.
    #[error("`{location}` cannot be read: {reason}")]
    Remote {
        /// The URL.
        location: String,
        /// What went wrong, after the last retry.
        reason: String,
    },
    /// A topic that cannot be read.
    #[error("topic `{topic}`: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What the broker or its client says, and what to do.
        reason: String,
    },
    /// No file of a source is of a stretch of time.
    #[error("`{location}`: no folder `{column}=…` is of that time; give a time that has data")]
    NoPartition {
        /// The location as given.
        location: String,
        /// The key of the folders.
        column: String,
    },
    /// A column that is not there.
    #[error("there is no column `{column}`{}", did_you_mean(.near, .columns))]
    UnknownColumn {
        /// The name as asked for.
        column: String,
        /// Columns of a similar name, the closest first.
        near: Vec<String>,
        /// All columns.
        columns: Vec<String>,
    },
    /// SQL that is wrong.
    #[error("{}: {message}", at(.line, .column))]
    Sql {
        /// What is wrong.
        message: String,
        /// Line in the SQL text, from 1, where it is known.
        line: Option<u64>,
        /// Column in the SQL text, from 1, where it is known.
        column: Option<u64>,
    },
    /// A time column that holds something else.
    #[error(
        "column `{column}` is no time: {example}; use dates (2022-01-31), RFC 3339 (2022-01-31T08:00:00Z) or a timestamp type, or convert it in `prepare`"
    )]
    NotATime {
        /// The column.
        column: String,
        /// A value that does not parse, or the column's type.
        example: String,
    },
    /// A width of a window that is none.
    #[error(
        "`{text}` is no width of a window: a number and m, h, d or w, such as 6h, 1d, 30d or 1w"
    )]
    Width {
        /// The width as given.
        text: String,
    },
    /// A time zone that is not in the IANA database.
    #[error("`{text}` is no time zone: use an IANA name, such as UTC or Asia/Shanghai")]
    TimeZone {
        /// The name as given.
        text: String,
    },
    /// More windows and slices than a query may hold.
    #[error(
        "more than {limit} groups (windows × slices); use wider windows, or slice by a column of fewer values"
    )]
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// A file of rows whose ending names no form.
    #[error("{file}: rows are written as .parquet, .csv or .jsonl")]
    RowsFormat {
        /// The file.
        file: String,
    },
    /// Rows are to be joined, and nothing says by what.
    #[error("rows are compared by key: name the columns that tell one row from another")]
    NoKey,
    /// Keys that name several rows.
    #[error(
        "{count} keys of {} name several rows of a side; add a column to the key, or allow duplicate keys to compare each with each",
        .keys.join(", ")
    )]
    DuplicateKeys {
        /// The key columns.
        keys: Vec<String>,
        /// How many keys.
        count: u64,
    },
    /// The memory limit is reached, and spilling to disk did not help.
    #[error(
        "the memory limit is reached: {reason}; raise it (`--memory`), use wider windows or fewer slices, or drop columns in `prepare`"
    )]
    OutOfMemory {
        /// What the memory pool says.
        reason: String,
    },
    /// A file of advertisement rules that is wrong.
    #[error("`{file}` line {line}: {reason}")]
    Rules {
        /// The rule file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A function was given a name that was not added.
    #[error("there is no {kind} `{name}`{}", did_you_mean(.known, .known))]
    UnknownName {
        /// `model` or `vocabulary`.
        kind: Cow<'static, str>,
        /// The name as asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A Parquet file that is no profile file.
    #[error("`{file}` is no profile file: {reason}")]
    NotAProfile {
        /// The file.
        file: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// A profile file of a newer format.
    #[error(
        "`{file}` has format version {found}, this build reads up to {supported}; use a newer build"
    )]
    ProfileVersion {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The greatest version that this build reads.
        supported: u32,
    },
    /// Profiles of scores of different models, which have nothing in common.
    #[error(
        "the column `{column}` holds scores of {left} in one profile and of {right} in another; \
         only those of one model merge"
    )]
    DifferentModels {
        /// The column.
        column: String,
        /// The model of one.
        left: String,
        /// That of the other.
        right: String,
    },
    /// A file that cannot be written.
    #[error("`{file}` cannot be written: {reason}")]
    Unwritable {
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// A cluster that does not answer, is of another build, or cannot do what is asked.
    #[error("cluster {address}: {reason}")]
    Cluster {
        /// Where its scheduler is.
        address: String,
        /// What went wrong, and what to do.
        reason: String,
    },
    /// Profiles that do not merge, or a state that cannot be read.
    #[error(transparent)]
    #[serde(skip)]
    Statistics(#[from] StatisticsError),
    /// A model that fails on the rows.
    #[error("scoring failed: {reason}")]
    Scoring {
        /// What the scorer says.
        reason: String,
    },
    /// Columns that a model cannot read.
    #[error("nothing is scored: {reason}")]
    Unscorable {
        /// What the scorer says.
        reason: String,
    },
    /// A query that fails on the rows, such as a cast of a value that does not fit.
    #[error("the query failed: {reason}")]
    Query {
        /// What the query engine says.
        reason: String,
    },
}

fn did_you_mean(near: &[String], all: &[String]) -> String {
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match (near, all) {
        ([], []) => String::new(),
        ([], all) if all.len() <= 12 => format!("; there are {}", list(all)),
        ([], all) => format!("; there are {}, … ({} in all)", list(&all[..12]), all.len()),
        (near, _) => format!("; did you mean {}?", list(near)),
    }
}

fn at(line: &Option<u64>, column: &Option<u64>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!("SQL line {line}, column {column}"),
        _ => "SQL".into(),
    }
}

impl EngineError {
    /// The error for a column that is not among `columns`.
    pub(crate) fn unknown_column(column: &str, columns: &[String]) -> Self {
        Self::UnknownColumn {
            column: column.into(),
            near: near(column, columns),
            columns: columns.to_vec(),
        }
    }

    /// The error for a file that the system refuses to open or read.
    pub(crate) fn io(file: &str, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { file: file.into() },
            _ => Self::Unreadable {
                file: file.into(),
                reason: error.to_string(),
            },
        }
    }

    /// The error for a file that the system refuses to write.
    pub(crate) fn unwritable(file: &std::path::Path, reason: impl ToString) -> Self {
        Self::Unwritable {
            file: file.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

/// Names that differ from `name` in case alone, or in at most a third of its
/// letters; the closest first, at most three.
fn near(name: &str, names: &[String]) -> Vec<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let mut close: Vec<(usize, &String)> = names
        .iter()
        .map(|name| {
            let letters: Vec<char> = name.to_lowercase().chars().collect();
            (edits(&wanted, &letters), name)
        })
        .filter(|&(edits, _)| edits <= wanted.len().div_ceil(3))
        .collect();
    close.sort();
    close
        .into_iter()
        .take(3)
        .map(|(_, name)| name.clone())
        .collect()
}

/// Levenshtein's distance.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl From<EngineError> for DataFusionError {
    fn from(error: EngineError) -> Self {
        #[cfg(feature = "cluster")]
        let error = crate::cluster::Carried(error);
        Self::External(Box::new(error))
    }
}

impl From<ScorerError> for EngineError {
    fn from(error: ScorerError) -> Self {
        let reason = error.to_string();
        match error {
            ScorerError::Columns { .. }
            | ScorerError::ColumnType { .. }
            | ScorerError::NotText { .. } => Self::Unscorable { reason },
            _ => Self::Scoring { reason },
        }
    }
}

impl From<ArrowError> for EngineError {
    fn from(error: ArrowError) -> Self {
        Self::from(DataFusionError::from(error))
    }
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        translate(&error, None)
    }
}

fn translate(error: &DataFusionError, diagnostic: Option<&Diagnostic>) -> EngineError {
    let place = diagnostic.and_then(|d| d.span).map(|span| span.start);
    let sql = |message: String| EngineError::Sql {
        message,
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
    };
    match error {
        DataFusionError::Context(_, inner) => translate(inner, diagnostic),
        DataFusionError::Diagnostic(found, inner) => translate(inner, Some(found)),
        DataFusionError::Shared(inner) => translate(inner, diagnostic),
        DataFusionError::Collection(errors) if !errors.is_empty() => {
            translate(&errors[0], diagnostic)
        }
        DataFusionError::External(inner) => foreign(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => foreign(inner.as_ref()),
            ArrowError::ParquetError(reason) => EngineError::Query {
                reason: format!("a Parquet file is damaged: {reason}"),
            },
            other => EngineError::Query {
                reason: other.to_string(),
            },
        },
        DataFusionError::ParquetError(inner) => match inner.as_ref() {
            ParquetError::External(inner) => foreign(inner.as_ref()),
            other => EngineError::Query {
                reason: format!("a Parquet file is damaged: {other}"),
            },
        },
        DataFusionError::SQL(parser, _) => parse_error(&parser.to_string()),
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound {
                field,
                valid_fields,
            } => {
                let mut columns: Vec<String> = Vec::new();
                for field in valid_fields {
                    if !columns.contains(&field.name) {
                        columns.push(field.name.clone());
                    }
                }
                EngineError::unknown_column(&field.name, &columns)
            }
            other => sql(other.to_string()),
        },
        DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => {
            sql(first_line(message))
        }
        DataFusionError::ResourcesExhausted(reason) => EngineError::OutOfMemory {
            reason: who_holds(reason),
        },
        other => EngineError::Query {
            reason: first_line(&other.strip_backtrace()),
        },
    }
}

fn foreign(error: &(dyn std::error::Error + Send + Sync + 'static)) -> EngineError {
    #[cfg(feature = "cluster")]
    if let Some(ours) = error.downcast_ref::<crate::cluster::Carried>() {
        return ours.0.clone();
    }
    if let Some(ours) = error.downcast_ref::<EngineError>() {
        ours.clone()
    } else if let Some(theirs) = error.downcast_ref::<DataFusionError>() {
        translate(theirs, None)
    } else {
        EngineError::Query {
            reason: error.to_string(),
        }
    }
}

/// The parser appends `at Line: 1, Column: 8` to its message.
fn parse_error(message: &str) -> EngineError {
    let message = message
        .trim_start_matches("sql parser error: ")
        .trim_start_matches("ParserError: ");
    let (text, place) = message.split_once(" at Line: ").unwrap_or((message, ""));
    let (line, column) = place.split_once(", Column: ").unwrap_or_default();
    EngineError::Sql {
        message: first_line(text),
        line: line.trim().parse().ok(),
        column: column.trim().parse().ok(),
    }
}

/// What the memory pool says, on one line: who asked for more, and who holds how much. It
/// writes a line for each holder, `  name#7(can spill: true) consumed 512.0 MB, peak …`.
fn who_holds(reason: &str) -> String {
    let holders: Vec<String> = reason
        .lines()
        .filter_map(|line| {
            let (holder, rest) = line.trim().split_once(" consumed ")?;
            let (name, _) = holder.rsplit_once('#').unwrap_or((holder, ""));
            let (held, _) = rest.split_once(',').unwrap_or((rest, ""));
            Some(format!("{name} {held}"))
        })
        .collect();
    let asked = reason
        .lines()
        .find_map(|line| line.strip_prefix("Error: "))
        .unwrap_or_else(|| reason.lines().next().unwrap_or_default());
    let asked = asked.split(" with ").next().unwrap_or_default().trim();
    match holders.is_empty() {
        true => first_line(reason),
        false => format!("{asked}; held: {}", holders.join(", ")),
    }
}

/// DataFusion appends backtraces and hints to file a bug on further lines.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbours() {
        let names = ["title", "Titles", "day", "rank"].map(String::from);
        assert_eq!(near("titel", &names), ["Titles", "title"]);
        assert_eq!(near("TITLE", &names), ["title", "Titles"]);
        assert!(near("confidence", &names).is_empty());
        let error = EngineError::unknown_column("confidence", &names);
        assert_eq!(
            error.to_string(),
            "there is no column `confidence`; there are `title`, `Titles`, `day`, `rank`"
        );
    }

    #[test]
    fn a_full_pool_says_who_holds_what() {
        let reason = "Additional allocation failed for second with top memory consumers \
            (across reservations) as:\n  first#0(can spill: true) consumed 20.0 MB, peak 25.0 MB,\n  \
            second#1(can spill: false) consumed 10.0 B, peak 10.0 B.\nError: Failed to allocate \
            additional 150.0 B for second with 10.0 B already allocated for this reservation - \
            70.0 B remain available for the total memory pool: greedy(used: 30.0 B)";
        let error = EngineError::from(DataFusionError::ResourcesExhausted(reason.into()));
        insta::assert_snapshot!(error, @"the memory limit is reached: Failed to allocate additional 150.0 B for second; held: first 20.0 MB, second 10.0 B; raise it (`--memory`), use wider windows or fewer slices, or drop columns in `prepare`");
    }

    #[test]
    fn our_own_errors_come_back_out_of_wrappers() {
        let ours = EngineError::TooManyGroups { limit: 3 };
        let wrapped = DataFusionError::Context(
            "while reading".into(),
            Box::new(DataFusionError::ArrowError(
                Box::new(ArrowError::ExternalError(Box::new(DataFusionError::from(
                    ours.clone(),
                )))),
                None,
            )),
        );
        assert_eq!(EngineError::from(wrapped), ours);
    }
}
