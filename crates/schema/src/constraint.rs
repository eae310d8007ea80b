//! Rules of a schema that TensorFlow Data Validation has no words for.
//!
//! A rule says of each row that it holds or not, and how many rows may break it. It
//! stands in the list `constraints` of a table or of a column. What a profile can
//! answer is answered by [`profile_holds`]; the rest needs rows, which this crate never
//! sees: whoever has them counts ([`Count`]), and [`judge`] says what the count means.
//!
//! | rule | a row breaks it where |
//! |---|---|
//! | [`Key`](Rule::Key) | another row of the window has the same key |
//! | [`Regex`](Rule::Regex) | no part of its string matches |
//! | [`Monotone`](Rule::Monotone) | its value turns back from that of the row before it |
//! | [`Between`](Rule::Between) | its value is outside, by fixed ends or by other columns |
//! | [`InSet`](Rule::InSet) | its value is none of those listed |
//! | [`Length`](Rule::Length) | its string is shorter or longer |
//! | [`References`](Rule::References) | another source does not have its values |
//! | [`Sql`](Rule::Sql) | an expression of SQL is false |
//! | [`Freshness`](Rule::Freshness) | (of the newest row alone) it is too old |
//!
//! A row that has no value says nothing: it neither keeps nor breaks a rule, and is no
//! part of the share. That a value must be there is what `presence` says.

mod by_profile;
mod judge;

pub use by_profile::profile_holds;
pub use judge::{Count, Judgement, judge, judge_age};

use crate::{AnomalyType, Bounds, Number, Schema, Severity, tfmd};
use std::fmt;

/// A rule, and how strictly it is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// What messages call it; by default the rule itself in words.
    pub name: Option<String>,
    /// The column that it is about, where the list of the table has it.
    pub column: Option<String>,
    /// What must hold.
    pub rule: Rule,
    /// An expression of SQL: rows for which it is not true are left alone.
    pub filter: Option<String>,
    /// How many rows may break it.
    pub at_most: Tolerance,
    /// How bad a breach is; by default what the schema says of the anomaly's type.
    pub severity: Option<Severity>,
    /// How many broken values are shown; [`EXAMPLES`](Self::EXAMPLES) by default.
    pub examples: Option<u64>,
    /// Where it stands in its file.
    pub place: Place,
}

impl Constraint {
    /// Broken values that are shown where the constraint does not say how many.
    pub const EXAMPLES: u64 = 5;

    /// A rule that no row may break.
    pub fn new(rule: Rule) -> Self {
        Self {
            name: None,
            column: None,
            rule,
            filter: None,
            at_most: Tolerance::default(),
            severity: None,
            examples: None,
            place: Place::default(),
        }
    }
}

/// What must hold. Where a list of columns is empty, the one column is meant that the
/// constraint is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// No two rows have the same values in these columns.
    Key {
        /// The columns.
        columns: Vec<String>,
        /// Null is a value like others; else a row with a null in its key has none, as
        /// in `UNIQUE` of SQL.
        nulls_equal: bool,
    },
    /// A part of every string matches this regular expression, in the syntax of the
    /// crate `regex`; `^` and `$` bind it to the ends.
    Regex(String),
    /// Values go one way from row to row.
    Monotone {
        /// Which way.
        direction: Direction,
        /// Columns that say which row comes before which; none for the order of the
        /// files. Rows that are equal in them may stand in any order.
        by: Vec<String>,
        /// Columns whose values split the rows into series of their own.
        per: Vec<String>,
    },
    /// Values lie between two ends.
    Between(Between),
    /// Values are among these.
    InSet(Vec<Scalar>),
    /// Strings have this many characters.
    Length(Bounds<u64>),
    /// Values are found in another source.
    References {
        /// The columns here.
        columns: Vec<String>,
        /// The other source, read against the folder of the schema file.
        source: String,
        /// Its columns, one for each of `columns`; the same names where empty.
        key: Vec<String>,
    },
    /// The newest time is at most this many seconds old.
    Freshness(u64),
    /// An expression of SQL over the columns, true or false for a row.
    Sql(String),
}

/// Which way values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Each is as great as the one before it, or greater.
    Increasing,
    /// Each is as small as the one before it, or smaller.
    Decreasing,
    /// Each is greater than the one before it.
    StrictlyIncreasing,
    /// Each is smaller than the one before it.
    StrictlyDecreasing,
}

impl Direction {
    /// Every direction.
    pub const ALL: &'static [Self] = &[
        Self::Increasing,
        Self::Decreasing,
        Self::StrictlyIncreasing,
        Self::StrictlyDecreasing,
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Decreasing => "decreasing",
            Self::StrictlyIncreasing => "strictly_increasing",
            Self::StrictlyDecreasing => "strictly_decreasing",
        }
    }
}

/// Two ends, each of which may be left open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Between {
    /// The least that is allowed.
    pub min: Option<End>,
    /// The greatest that is allowed.
    pub max: Option<End>,
    /// Everything must be greater than this.
    pub above: Option<End>,
    /// Everything must be less than this.
    pub below: Option<End>,
}

impl Between {
    /// Its keys in files and their values.
    pub fn ends(&self) -> impl Iterator<Item = (&'static str, &End)> {
        [
            ("min", &self.min),
            ("above", &self.above),
            ("max", &self.max),
            ("below", &self.below),
        ]
        .into_iter()
        .filter_map(|(key, end)| Some((key, end.as_ref()?)))
    }
}

/// An end of [`Between`].
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The same for all rows.
    Value(Scalar),
    /// What another column of the row has.
    Column(String),
}

/// A value as it is written in the file. A date or time is a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A finite number.
    Number(Number),
    /// A text.
    Text(String),
    /// True or false.
    Flag(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// How many rows may break a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// A share of the rows that say something, in `[0, 1]`.
    Share(f64),
    /// A number of rows.
    Rows(u64),
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::Share(0.0)
    }
}

impl Tolerance {
    /// Whether no row may break the rule.
    pub fn is_none(self) -> bool {
        match self {
            Self::Share(share) => share <= 0.0,
            Self::Rows(rows) => rows == 0,
        }
    }
}

/// Where a constraint stands in its file, in bytes; unknown where no file of YAML is
/// behind it. Two rules that stand in different places are the same rule.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// The constraint: first byte and length.
    pub constraint: Option<(usize, usize)>,
    /// Its text of SQL, without a quote before it, where that is written on one line
    /// as it is: a mistake in it can be shown.
    pub sql: Option<usize>,
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Rule {
    /// What a breach is called.
    pub fn anomaly_type(&self) -> AnomalyType {
        match self {
            Self::Key { .. } => AnomalyType::KeyNotUnique,
            Self::Regex(_) => AnomalyType::RegexNotMatched,
            Self::Monotone { .. } => AnomalyType::NotMonotone,
            Self::Between(_) => AnomalyType::NotBetween,
            Self::InSet(_) => AnomalyType::NotInSet,
            Self::Length(_) => AnomalyType::LengthNotBetween,
            Self::References { .. } => AnomalyType::ReferenceNotFound,
            Self::Freshness(_) => AnomalyType::DataStale,
            Self::Sql(_) => AnomalyType::SqlNotTrue,
        }
    }

    /// Its key in files.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::Regex(_) => "regex",
            Self::Monotone { .. } => "monotone",
            Self::Between(_) => "between",
            Self::InSet(_) => "in_set",
            Self::Length(_) => "length",
            Self::References { .. } => "references",
            Self::Freshness(_) => "freshness",
            Self::Sql(_) => "sql",
        }
    }

    /// The columns that it names itself, beside the one that the constraint is about.
    pub fn named_columns(&self) -> Vec<&str> {
        match self {
            Self::Key { columns, .. } | Self::References { columns, .. } => {
                columns.iter().map(String::as_str).collect()
            }
            Self::Monotone { by, per, .. } => by.iter().chain(per).map(String::as_str).collect(),
            Self::Between(between) => between
                .ends()
                .filter_map(|(_, end)| match end {
                    End::Column(column) => Some(column.as_str()),
                    End::Value(_) => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// A constraint and the column that it is about.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The column; `None` where it is about rows.
    pub column: Option<&'a str>,
    /// The constraint.
    pub constraint: &'a Constraint,
}

impl<'a> Placed<'a> {
    /// The columns of a key or a reference; those that the rule names else.
    pub fn columns(&self) -> Vec<&'a str> {
        let named = self.constraint.rule.named_columns();
        match (&self.constraint.rule, self.column) {
            (Rule::Key { .. } | Rule::References { .. }, Some(column)) if named.is_empty() => {
                vec![column]
            }
            (Rule::Key { .. } | Rule::References { .. }, _) => named,
            (_, column) => column.into_iter().chain(named).collect(),
        }
    }

    /// Its name, or the rule in words.
    pub fn label(&self) -> String {
        match &self.constraint.name {
            Some(name) => name.clone(),
            None => self.in_words(),
        }
    }

    fn in_words(&self) -> String {
        let quoted = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|c| format!("`{c}`")).collect();
            columns.join(", ")
        };
        let column = quoted(&self.column.into_iter().collect::<Vec<_>>());
        match &self.constraint.rule {
            Rule::Key { .. } => format!("key {}", quoted(&self.columns())),
            Rule::Regex(pattern) => format!("{column} matches {pattern}"),
            Rule::Monotone {
                direction, by, per, ..
            } => {
                let names = |columns: &[String]| {
                    quoted(&columns.iter().map(String::as_str).collect::<Vec<_>>())
                };
                let mut words = format!("{column} {}", direction.name().replace('_', " "));
                if !by.is_empty() {
                    words.push_str(&format!(" by {}", names(by)));
                }
                if !per.is_empty() {
                    words.push_str(&format!(" per {}", names(per)));
                }
                words
            }
            Rule::Between(between) => {
                let ends: Vec<String> = between
                    .ends()
                    .map(|(key, end)| {
                        let sign = match key {
                            "min" => "≥",
                            "above" => ">",
                            "max" => "≤",
                            _ => "<",
                        };
                        match end {
                            End::Value(value) => format!("{sign} {value}"),
                            End::Column(other) => format!("{sign} `{other}`"),
                        }
                    })
                    .collect();
                format!("{column} {}", ends.join(" and "))
            }
            Rule::InSet(values) => {
                let shown: Vec<String> = values.iter().take(5).map(Scalar::to_string).collect();
                let more = if values.len() > 5 { ", …" } else { "" };
                format!("{column} in {}{more}", shown.join(", "))
            }
            Rule::Length(bounds) => {
                let end = |end: Option<u64>, open: &str| {
                    end.map_or_else(|| open.to_owned(), |end| end.to_string())
                };
                format!(
                    "length of {column} from {} to {}",
                    end(bounds.min, "0"),
                    end(bounds.max, "any")
                )
            }
            Rule::References { source, .. } => {
                format!("{} in {source}", quoted(&self.columns()))
            }
            Rule::Freshness(seconds) => {
                format!("{column} at most {} old", duration(*seconds))
            }
            Rule::Sql(sql) => sql.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

impl Schema {
    /// Every constraint, those of the table first, then those of its columns.
    pub fn all_constraints(&self) -> Vec<Placed<'_>> {
        let table = self.constraints.iter().map(|constraint| Placed {
            column: constraint.column.as_deref(),
            constraint,
        });
        let columns = self.columns.iter().flat_map(|column| {
            column.constraints.iter().map(|constraint| Placed {
                column: Some(column.name.as_str()),
                constraint,
            })
        });
        table.chain(columns).collect()
    }
}

impl Schema {
    /// The constraints that are asked in an environment: those of columns that are not in
    /// it, or out of use, are not.
    pub fn constraints_in(&self, environment: Option<&str>) -> Vec<Placed<'_>> {
        let defaults = &self.other.default_environment;
        let mut all = self.all_constraints();
        all.retain(|placed| {
            let column = placed.column.and_then(|name| self.column(name));
            column.is_none_or(|column| {
                !tfmd::feature_is_deprecated(&column.other)
                    && tfmd::is_in_environment(&column.other, defaults, environment)
            })
        });
        all
    }
}

const UNITS: [(&str, u64); 4] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)];

/// Seconds of `30m`, `6h`, `2d`, `1w`; `None` for anything else.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, each) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(*each)
        .filter(|s| *s > 0)
}

/// Seconds as [`seconds`] reads them; a rest of less than a minute is left out.
pub(crate) fn duration(seconds: u64) -> String {
    let fits = |(_, each): &&(&str, u64)| seconds.is_multiple_of(*each);
    let (unit, each) = UNITS.iter().find(fits).unwrap_or(&UNITS[3]);
    format!("{}{unit}", seconds / each)
}
