//! What can go wrong before or while a pipeline is evaluated.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PipelineError {
    /// A named file that cannot be read.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    #[diagnostic(code(pipeline::unreadable))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A pipeline file whose content is wrong.
    #[error("{file}:{line}:{column}: {message}")]
    #[diagnostic(code(pipeline::yaml))]
    Yaml {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The file's content.
        #[source_code]
        source_code: miette::NamedSource<String>,
        /// Where in the content.
        #[label("here")]
        at: miette::SourceSpan,
        /// What else is wrong.
        #[related]
        others: Vec<PipelineError>,
    },
    /// A pipeline that does not fit its data.
    #[error("{message}")]
    #[diagnostic(code(pipeline::configuration))]
    Configuration {
        /// What does not fit, and what to do.
        message: String,
    },
    /// Training data without a row.
    #[error(
        "the baseline {baseline} has no rows after `prepare`; without training data nothing can be compared"
    )]
    #[diagnostic(code(pipeline::no_training_data))]
    NoTrainingData {
        /// The baseline's source.
        baseline: String,
    },
    /// A source or a query.
    #[error(transparent)]
    Engine(#[from] driftline_engine::EngineError),
    /// A schema file.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Schema(#[from] driftline_schema::SchemaError),
    /// A model bundle.
    #[error(transparent)]
    Scorer(#[from] driftline_scorer::ScorerError),
    /// A profile's state.
    #[error(transparent)]
    Statistics(#[from] driftline_statistics::StatisticsError),
    /// A calibration.
    #[error(transparent)]
    Drift(#[from] driftline_drift::DriftError),
    /// A mistake in Driftline itself.
    #[error("{message}; this is a mistake in driftline: please report it")]
    #[diagnostic(code(pipeline::internal))]
    Internal {
        /// What happened.
        message: String,
    },
    /// Something that cannot be written.
    #[error("{path} cannot be written: {reason}", path = path.display())]
    #[diagnostic(code(pipeline::unwritable))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl PipelineError {
    /// An error of the YAML reader, with its place.
    pub(crate) fn yaml(text: &str, file: &str, error: &serde_saphyr::Error) -> Self {
        let (line, column) = error
            .location()
            .map_or((1, 1), |l| (l.line() as usize, l.column() as usize));
        // The reader's own message ends with the place and a picture; ours shows both.
        let message = error.without_snippet().to_string();
        let message = message
            .strip_prefix(&format!("error: line {line} column {column}: "))
            .unwrap_or(&message);
        let message = message
            .strip_suffix(&format!(" at line {line}, column {column}"))
            .unwrap_or(message)
            .to_owned();
        Self::at(text, file, line, column, message)
    }

    /// A mistake that shows only when values are seen together, placed at `key`.
    pub(crate) fn yaml_at(text: &str, file: &str, key: &str, message: String) -> Self {
        let place = text.lines().enumerate().find_map(|(number, line)| {
            let at = line.find(key)?;
            Some((number + 1, line.split_at(at).0.chars().count() + 1))
        });
        let (line, column) = place.unwrap_or((1, 1));
        Self::at(text, file, line, column, message)
    }

    pub(crate) fn at(text: &str, file: &str, line: usize, column: usize, message: String) -> Self {
        let start: usize = text
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        let rest = text.get(start..).unwrap_or("");
        let offset: usize = rest
            .chars()
            .take(column.saturating_sub(1))
            .map(char::len_utf8)
            .sum();
        let length = rest
            .get(offset..)
            .unwrap_or("")
            .find(|c: char| c.is_whitespace() || c == ':' || c == ',' || c == '}')
            .unwrap_or(1);
        Self::Yaml {
            file: file.into(),
            line,
            column,
            message,
            source_code: miette::NamedSource::new(file, text.to_owned()).with_language("yaml"),
            at: (start + offset, length.max(1)).into(),
            others: Vec::new(),
        }
    }

    /// The same, with what else is wrong with the file.
    #[must_use]
    pub(crate) fn with_others(mut self, more: Vec<Self>) -> Self {
        if let Self::Yaml { others, .. } = &mut self {
            *others = more;
        }
        self
    }
}
