//! The schema as values: what each column should be.
//!
//! It is TFDV's model in shape, under names that a person would write: a
//! constraint that is not stated is not checked, and a column without `presence` may
//! be absent. What a key means is told once, here; the YAML reader and
//! the JSON Schema for editors take it from these types.
//!
//! What TensorFlow Metadata can say beyond that is held as it is in its own messages, in
//! [`Schema::other`] and [`Column::other`]: each fact has one place, so the conversion of
//! [`tfmd::convert`] loses nothing.

use crate::{AnomalyType, Severity, constraint::Constraint, tfmd};
use driftline_statistics::ValueType;
use schemars::JsonSchema;
use std::{collections::BTreeMap, fmt};

/// What data should look like.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Schema {
    /// The columns, in the order of the file.
    #[schemars(with = "BTreeMap<String, Column>")]
    pub columns: Vec<Column>,
    /// How many rows a window should have.
    pub rows: Option<Bounds<u64>>,
    /// Severities other than `error`, by anomaly type.
    #[schemars(default)]
    pub severity_overrides: BTreeMap<AnomalyType, Severity>,
    /// Rules about rows, some of them about a column.
    #[schemars(skip)]
    pub constraints: Vec<Constraint>,
    /// Everything else that TensorFlow Metadata can say of a table, in its own terms:
    /// shared domains, environments, sparse and weighted features, comparators of row
    /// counts, tensor representations. It holds no features: those are the columns.
    #[schemars(skip)]
    pub other: tfmd::Schema,
}

impl Schema {
    /// Version of the file format that [`Schema::to_yaml`] writes.
    pub const FORMAT_VERSION: u64 = 1;

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The values that a column may have, its own or those of a domain it shares.
    pub fn domain<'a>(&'a self, column: &'a Column) -> Option<&'a [String]> {
        if let Some(values) = &column.domain {
            return Some(values);
        }
        let name = column.shared_domain()?;
        let mut shared = self.other.string_domain.iter();
        shared
            .find(|domain| domain.name.as_deref() == Some(name))
            .map(|domain| domain.value.as_slice())
    }

    /// How bad an anomaly of this type is under this schema.
    pub fn severity(&self, kind: AnomalyType) -> Severity {
        self.severity_overrides
            .get(&kind)
            .copied()
            .unwrap_or(Severity::Error)
    }
}

/// What one column should be.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Column {
    /// Its name, the key in the file.
    #[schemars(skip)]
    pub name: String,
    /// What kind of values it holds.
    #[schemars(rename = "type")]
    pub column_type: ColumnType,
    /// What the values are for.
    pub role: Option<Role>,
    /// How often it has a value; absent: the column may be missing.
    pub presence: Option<Presence>,
    /// How many values a row has, where it has any; 1 to 1 for a flat column.
    pub valency: Option<Bounds<u64>>,
    /// The values it may have.
    pub domain: Option<Vec<String>>,
    /// The share of values that must be in `domain`; 1 where absent.
    #[schemars(range(min = 0, max = 1))]
    pub min_domain_mass: Option<f64>,
    /// The column holds two values that mean false and true: 0 and 1 for numbers, the
    /// stated two for strings.
    pub boolean: Option<BooleanDomain>,
    /// The strings spell numbers of this kind; `range` then limits those numbers.
    pub holds: Option<SpelledNumber>,
    /// Least and greatest number.
    pub range: Option<Bounds<Number>>,
    /// NaN is an anomaly.
    #[schemars(default)]
    pub disallow_nan: bool,
    /// Infinities are an anomaly.
    #[schemars(default)]
    pub disallow_inf: bool,
    /// Length of a string in characters (Unicode scalar values).
    pub length: Option<Bounds<u64>>,
    /// How many distinct values it has.
    pub unique: Option<Bounds<u64>>,
    /// How drift of the column is judged by a pipeline.
    pub drift: Option<ColumnDrift>,
    /// Rules about its values, row by row.
    #[schemars(skip)]
    pub constraints: Vec<Constraint>,
    /// The columns inside a struct.
    #[schemars(with = "BTreeMap<String, Column>", default)]
    pub columns: Vec<Column>,
    /// The name is only a label: the feature has none in TensorFlow Metadata, which a
    /// check of the schema itself will tell.
    #[schemars(default)]
    pub unnamed: bool,
    /// Everything else that TensorFlow Metadata can say of a feature, in its own terms:
    /// other domains, shape, environments, comparators, life cycle. A `name` in here
    /// stands in place of the column's, which is then only a label.
    #[schemars(skip)]
    pub other: tfmd::Feature,
}

impl Column {
    /// A column of which nothing but the type is said.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        Self {
            name: name.into(),
            column_type,
            role: None,
            presence: None,
            valency: None,
            domain: None,
            min_domain_mass: None,
            boolean: None,
            holds: None,
            range: None,
            disallow_nan: false,
            disallow_inf: false,
            length: None,
            unique: None,
            drift: None,
            constraints: Vec::new(),
            columns: Vec::new(),
            unnamed: false,
            other: tfmd::Feature::default(),
        }
    }

    /// The name of the domain that it shares with other columns.
    pub fn shared_domain(&self) -> Option<&str> {
        match &self.other.domain_info {
            Some(tfmd::feature::DomainInfo::Domain(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether its absence is an anomaly: `presence` asks for at least one value.
    pub fn is_required(&self) -> bool {
        self.presence.is_some_and(|presence| {
            presence.min_count.is_some_and(|count| count > 0)
                || presence.min_fraction.is_some_and(|share| share > 0.0)
        })
    }
}

/// Declares an enum whose values have a name in the file.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
        pub enum $name {
            $($(#[doc = $doc])+ #[schemars(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in files and messages.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

named! {
    /// What kind of values a column holds, whatever their width.
    ColumnType {
        /// Whole numbers.
        Integer = "integer",
        /// Floating-point and decimal numbers.
        Float = "float",
        /// True or false.
        Boolean = "boolean",
        /// Text of any length.
        String = "string",
        /// Bytes that need not be text.
        Bytes = "bytes",
        /// A point in time.
        Timestamp = "timestamp",
        /// A day.
        Date = "date",
        /// A group of columns.
        Struct = "struct",
        /// Lists, structs and other types that are counted but not summarised.
        Nested = "nested",
        /// Not known, because only nulls of no type were seen: every type fits.
        Any = "any",
    }
}

impl From<ValueType> for ColumnType {
    fn from(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Integer => Self::Integer,
            ValueType::Float => Self::Float,
            ValueType::Boolean => Self::Boolean,
            ValueType::String => Self::String,
            ValueType::Bytes => Self::Bytes,
            ValueType::Timestamp => Self::Timestamp,
            ValueType::Date => Self::Date,
            ValueType::Nested => Self::Nested,
            ValueType::Null => Self::Any,
        }
    }
}

named! {
    /// What the values of a column are for.
    Role {
        /// Free text: its words are counted.
        Text = "text",
        /// One of a limited set of values.
        Category = "category",
        /// Names one row.
        Id = "id",
        /// A quantity.
        Number = "number",
        /// When the row happened.
        Time = "time",
        /// Who wrote the row.
        Author = "author",
        /// Joins rows of several sources.
        Key = "key",
        /// What a model should predict.
        Label = "label",
        /// What a model predicts.
        Score = "score",
        /// How sure a model is.
        Confidence = "confidence",
        /// How much the row counts.
        Weight = "weight",
    }
}

named! {
    /// What kind of number a column of strings spells.
    SpelledNumber {
        /// Whole numbers of 64 bits.
        Integer = "integer",
        /// Any number, `nan` and `inf` included.
        Float = "float",
    }
}

/// How often a column has a value. A column with neither key above 0 may be absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Presence {
    /// Least share of rows that have a value, in `[0, 1]`.
    #[schemars(range(min = 0, max = 1))]
    pub min_fraction: Option<f64>,
    /// Least number of rows that have a value.
    pub min_count: Option<u64>,
}

/// How drift of a column is judged, by limits that are learnt from the training data.
#[derive(Debug, Clone, Copy, Default, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ColumnDrift {
    /// The least effect that matters, in each measure's own unit, instead of the
    /// measure's documented default.
    #[schemars(range(min = 0))]
    pub min_effect: Option<f64>,
    /// A window in which the column cannot be judged is unknown.
    #[schemars(default)]
    pub required: bool,
}

/// The two strings that mean true and false; neither for a column of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct BooleanDomain {
    /// The string that means true.
    pub true_value: Option<String>,
    /// The string that means false.
    pub false_value: Option<String>,
}

/// Least and greatest, both inclusive; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Bounds_of_{T}")]
pub struct Bounds<T> {
    /// The least that is allowed.
    pub min: Option<T>,
    /// The greatest that is allowed.
    pub max: Option<T>,
}

impl<T> Bounds<T> {
    /// From `min` to `max`.
    pub fn new(min: T, max: T) -> Self {
        Self {
            min: Some(min),
            max: Some(max),
        }
    }
}

/// A finite number as it is written: an integer keeps all its digits.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Number {
    /// Written without a fraction.
    Integer(i64),
    /// Written with one.
    Float(f64),
}

impl Number {
    /// Its value; integers beyond 2⁵³ are rounded.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl fmt::Display for Number {
    /// A form that reads back as the same number: floats keep a fraction or an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
        }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Float(value as f64), Self::Integer)
    }
}

impl Number {
    /// Whether it is greater than another; exact between integers.
    pub(crate) fn is_above(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a > b,
            (a, b) => a.as_f64() > b.as_f64(),
        }
    }
}
