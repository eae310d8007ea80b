//! What a person can get wrong in a schema file, each with its place.

use miette::{Diagnostic, NamedSource, SourceSpan};

/// Why a schema file was refused.
///
/// [`Invalid`](Self::Invalid) is what [`Schema::from_yaml`](crate::Schema::from_yaml)
/// returns; the others are the mistakes inside it.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SchemaError {
    /// A file with at least one mistake; all that were found are listed.
    #[error("{name} is not a valid schema ({})", count(mistakes.len()))]
    #[diagnostic(code(schema::invalid))]
    Invalid {
        /// What the file is called.
        name: String,
        /// The file.
        #[source_code]
        yaml: NamedSource<String>,
        /// Every mistake, in the order of the file.
        #[related]
        mistakes: Vec<SchemaError>,
    },

    /// A file in protobuf's text format that does not parse.
    #[error("not a {kind} in protobuf's text format: {reason}")]
    #[diagnostic(code(schema::protobuf_text))]
    Protobuf {
        /// The message that was expected.
        kind: &'static str,
        /// What the parser says.
        reason: String,
        /// The file.
        #[source_code]
        text: NamedSource<String>,
        /// Where; the last character of a text that ends too early.
        #[label("here")]
        at: SourceSpan,
    },

    /// A file in protobuf's binary format that does not parse.
    #[error("{name} is not a {kind} in protobuf's binary format: {reason}")]
    #[diagnostic(
        code(schema::protobuf_binary),
        help("is it truncated, or of another kind, or text? Text files end in .pbtxt")
    )]
    Binary {
        /// What the file is called.
        name: String,
        /// The message that was expected.
        kind: &'static str,
        /// What the parser says.
        reason: String,
    },

    /// A path in its one-line form that does not parse.
    #[error("`{path}` is no path: the step `{step}` is neither plain nor quoted")]
    #[diagnostic(
        code(schema::path),
        help("put a step with a dot, a quote or a parenthesis in single quotes, its own doubled")
    )]
    Path {
        /// The path.
        path: String,
        /// The step.
        step: String,
    },

    /// Statistics that contradict themselves.
    #[error("the statistics `{dataset}` cannot be read: {reason}")]
    #[diagnostic(
        code(schema::statistics),
        help("make the statistics again; every feature has one path, or every feature one name")
    )]
    Statistics {
        /// The name of the dataset in the file; often empty.
        dataset: String,
        /// What is wrong.
        reason: String,
    },

    /// A list of statistics without those of all examples.
    #[error(
        "no statistics of all examples; slices of the file: {}",
        listed(slices)
    )]
    #[diagnostic(
        code(schema::no_default_slice),
        help("validation needs the slice `All Examples`, or a file of one slice")
    )]
    NoDefaultSlice {
        /// The slices that there are.
        slices: Vec<String>,
    },

    /// Shards of statistics that are not of the same rows.
    #[error("shards of the slice `{slice}` tell different things: {what}")]
    #[diagnostic(
        code(schema::shards),
        help(
            "all shards must come of one run over the same rows; statistics of other rows are other statistics"
        )
    )]
    Shards {
        /// The slice.
        slice: String,
        /// What they differ in.
        what: String,
    },

    /// An environment that the schema never mentions.
    #[error(
        "the schema has no environment `{environment}`; it knows {}",
        listed(known)
    )]
    #[diagnostic(
        code(schema::environment),
        help("add it to the schema's `default_environment`, or ask for one that is there")
    )]
    Environment {
        /// What was asked for.
        environment: String,
        /// What there is.
        known: Vec<String>,
    },

    /// A feature that is not there, or has not what was asked for.
    #[error("feature `{path}`: {reason}")]
    #[diagnostic(code(schema::no_feature), help("look at the features of the schema"))]
    NoFeature {
        /// The path.
        path: String,
        /// What is missing.
        reason: String,
    },

    /// A list of needed features that does not parse.
    #[error("{name} is no list of features: {reason}")]
    #[diagnostic(
        code(schema::features_needed),
        help("write a JSON list of paths, such as [\"age\", [\"trip\", \"fare\"]]")
    )]
    FeaturesNeeded {
        /// What the file is called.
        name: String,
        /// What is wrong, with line and column.
        reason: String,
    },

    /// Validations of one's own that do not fit the statistics.
    #[error("the custom validations cannot be asked: {reason}")]
    #[diagnostic(code(schema::custom_validation), help("{help}"))]
    CustomValidation {
        /// What is missing.
        reason: String,
        /// What to do.
        help: String,
    },

    /// A binary message with a field that this version does not know.
    #[error("{name}: field `{field}` is not known to this version")]
    #[diagnostic(
        code(schema::unknown_field),
        help("it would be lost on the way; a newer driftline may know it")
    )]
    UnknownField {
        /// What the file is called.
        name: String,
        /// Its path, ending with its number.
        field: String,
    },

    /// A text file that is no text.
    #[error("{name} is no text in UTF-8 (byte {at})")]
    #[diagnostic(
        code(schema::not_text),
        help("a schema in protobuf's binary format ends in .pb")
    )]
    NotText {
        /// What the file is called.
        name: String,
        /// The first byte that is none, from 0.
        at: usize,
    },

    /// The text is not YAML; nothing after this place was read.
    #[error("not YAML: {message}")]
    #[diagnostic(code(schema::syntax))]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where.
        #[label("here")]
        at: SourceSpan,
    },

    /// A file of a format that this version does not read.
    #[error("format version {found} is not known")]
    #[diagnostic(
        code(schema::format_version),
        help("this version of driftline reads format version 1")
    )]
    FormatVersion {
        /// The version in the file.
        found: i128,
        /// Where.
        #[label("written by a newer version?")]
        at: SourceSpan,
    },

    /// A key that means nothing here.
    #[error("{place}: there is no key `{key}`")]
    #[diagnostic(code(schema::unknown_key), help("{help}"))]
    UnknownKey {
        /// What the key is in, such as ``column `fare` ``.
        place: String,
        /// The key.
        key: String,
        /// The key that was probably meant, or all that can be here.
        help: String,
        /// Where.
        #[label("unknown key")]
        at: SourceSpan,
    },

    /// A key that is there twice.
    #[error("{place}: `{key}` is there twice")]
    #[diagnostic(code(schema::duplicate_key), help("keep one of them"))]
    DuplicateKey {
        /// What the key is in.
        place: String,
        /// The key.
        key: String,
        /// The second one.
        #[label("again")]
        at: SourceSpan,
    },

    /// A key that must be there.
    #[error("{place}: `{key}` is missing")]
    #[diagnostic(code(schema::missing_key), help("add {example}"))]
    MissingKey {
        /// What should have the key.
        place: String,
        /// The key.
        key: &'static str,
        /// What it could be.
        example: &'static str,
        /// Where.
        #[label("`{key}` belongs in here")]
        at: SourceSpan,
    },

    /// A value of another kind than the key takes.
    #[error("{place}: `{key}` must be {expected}, not {found}")]
    #[diagnostic(code(schema::wrong_type))]
    WrongType {
        /// What the key is in.
        place: String,
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What it has.
        found: &'static str,
        /// Where.
        #[label("this is {found}")]
        at: SourceSpan,
    },

    /// A word that is not one of those a key takes.
    #[error("{place}: `{found}` is no {key}")]
    #[diagnostic(code(schema::unknown_name), help("{help}"))]
    UnknownName {
        /// What the key is in.
        place: String,
        /// The key.
        key: String,
        /// The word.
        found: String,
        /// The word that was probably meant, or all that it takes.
        help: String,
        /// Where.
        #[label("unknown")]
        at: SourceSpan,
    },

    /// A number outside what a key can be.
    #[error("{place}: `{key}` is {value} and must be {allowed}")]
    #[diagnostic(code(schema::out_of_range))]
    OutOfRange {
        /// What the key is in.
        place: String,
        /// The key.
        key: String,
        /// The number.
        value: String,
        /// What it can be.
        allowed: &'static str,
        /// Where.
        #[label("out of range")]
        at: SourceSpan,
    },

    /// A least value above the greatest.
    #[error("{place}: in `{key}`, `min` {min} is above `max` {max}")]
    #[diagnostic(code(schema::empty_range), help("swap them, or remove one"))]
    EmptyRange {
        /// What the key is in.
        place: String,
        /// The key.
        key: String,
        /// The least value.
        min: String,
        /// The greatest value.
        max: String,
        /// Where.
        #[label("no value satisfies this")]
        at: SourceSpan,
    },

    /// A value that is in a domain twice, or means both true and false.
    #[error("{place}: `{value}` is in `{key}` twice")]
    #[diagnostic(code(schema::duplicate_value), help("remove one of them"))]
    DuplicateValue {
        /// What the key is in.
        place: String,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The second one.
        #[label("again")]
        at: SourceSpan,
    },

    /// A constraint that says nothing that could be checked.
    #[error("{place}: {problem}")]
    #[diagnostic(code(schema::constraint), help("{help}"))]
    Constraint {
        /// Which constraint.
        place: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        help: String,
        /// Where.
        #[label("here")]
        at: SourceSpan,
    },

    /// Two keys that cannot both hold, such as a `range` of strings.
    #[error("{place}: {problem}")]
    #[diagnostic(code(schema::contradiction), help("{help}"))]
    Contradiction {
        /// The column.
        place: String,
        /// What cannot be.
        problem: String,
        /// What to do.
        help: String,
        /// Where.
        #[label("contradicts the rest of the column")]
        at: SourceSpan,
    },
}

impl SchemaError {
    pub(crate) fn shards(slice: &str, what: &str) -> Self {
        Self::Shards {
            slice: slice.to_owned(),
            what: what.to_owned(),
        }
    }

    /// The mistakes in a file, in its order; empty for a mistake itself.
    pub fn mistakes(&self) -> &[SchemaError] {
        match self {
            Self::Invalid { mistakes, .. } => mistakes,
            _ => &[],
        }
    }
}

fn count(mistakes: usize) -> String {
    if mistakes == 1 {
        "1 mistake".to_owned()
    } else {
        format!("{mistakes} mistakes")
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
