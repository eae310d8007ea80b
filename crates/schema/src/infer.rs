//! A schema learnt from a profile, by TFDV's rules.
//!
//! TFDV states what it saw without exception and leaves the rest open: no
//! missing value means that none may be missing, a string column of few values
//! means that there are no others; numbers get no range, because a range that was
//! merely observed fails on the next larger value. Whoever wants it all the same
//! asks for [`Ranges::Observed`].
//!
//! Roles are Driftline's own: they decide which columns are profiled as text.

mod nested;

pub use nested::infer_nested;

use crate::{
    BooleanDomain, Bounds, Column, ColumnType, Number, Presence, Role, Schema, SpelledNumber,
};
use driftline_statistics::{
    CategoricalProfile, ColumnProfile, NumericProfile, Summary, ValueCount, ValueType,
};
use std::collections::BTreeMap;
use unicode_script::{Script, UnicodeScript};

/// A string column of at least this median length, in characters, can be text.
const MIN_TEXT_LENGTH: u64 = 6;
/// A string column of at least this share of distinct values can be text.
const MIN_TEXT_DISTINCT_SHARE: f64 = 0.5;

/// What strings TFDV takes for true and for false in a column of at most two values.
const TRUE_WORDS: [&str; 6] = ["TRUE", "true", "SET", "set", "1", ""];
const FALSE_WORDS: [&str; 5] = ["FALSE", "false", "CLEAR", "clear", "0"];

/// How a schema is inferred. The default is TFDV's.
#[derive(Debug, Clone, PartialEq)]
pub struct InferConfig {
    /// A string column of at most this many distinct values gets a domain; 0: none does.
    pub max_string_domain_size: usize,
    /// Whether the range of the values seen becomes a constraint.
    pub ranges: Ranges,
    /// Roles of columns by name, instead of the inferred ones.
    pub roles: BTreeMap<String, Role>,
}

impl Default for InferConfig {
    fn default() -> Self {
        Self {
            max_string_domain_size: 100,
            ranges: Ranges::None,
            roles: BTreeMap::new(),
        }
    }
}

/// Whether the range of the values seen becomes a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ranges {
    /// No: TFDV infers none.
    #[default]
    None,
    /// Yes: least and greatest number, shortest and longest string, and no NaN or
    /// infinity where there was none.
    Observed,
}

/// Learns a schema from the profiles of a table's columns, in their order.
///
/// Of columns with the same name the first counts. The schema always accepts the
/// profiles that it was learnt from.
pub fn infer(columns: &[(String, &ColumnProfile)], config: &InferConfig) -> Schema {
    let mut seen = std::collections::BTreeSet::new();
    Schema {
        columns: columns
            .iter()
            .filter(|(name, _)| seen.insert(name.as_str()))
            .map(|(name, profile)| infer_column(name, profile, config))
            .collect(),
        ..Schema::default()
    }
}

fn infer_column(name: &str, profile: &ColumnProfile, config: &InferConfig) -> Column {
    let mut column = Column::new(name, profile.value_type.into());
    column.role = config
        .roles
        .get(name)
        .copied()
        .or_else(|| infer_role(profile));
    let present = profile.present();
    column.presence = Some(Presence {
        min_fraction: (present > 0 && profile.nulls == 0).then_some(1.0),
        min_count: Some(u64::from(present > 0)),
    });
    let flat = !matches!(column.column_type, ColumnType::Nested | ColumnType::Any);
    if flat && present > 0 {
        column.valency = Some(Bounds::new(1, 1));
    }
    match &profile.summary {
        Summary::Numeric(numeric) => infer_numbers(&mut column, numeric, config),
        Summary::Categorical(values) if profile.value_type == ValueType::String => {
            infer_strings(&mut column, values, config);
        }
        Summary::Text(text) if config.ranges == Ranges::Observed => {
            let lengths = text.characters();
            column.length = lengths
                .min()
                .zip(lengths.max())
                .map(|(min, max)| Bounds::new(min as u64, max as u64));
        }
        Summary::Categorical(_) | Summary::Text(_) | Summary::Counts => {}
    }
    column
}

fn infer_numbers(column: &mut Column, numeric: &NumericProfile, config: &InferConfig) {
    let (integer, float) = (
        column.column_type == ColumnType::Integer,
        column.column_type == ColumnType::Float,
    );
    let Some((min, max)) = numeric.min().zip(numeric.max()) else {
        return;
    };
    // Exactly as TFDV: a column of zeros alone is no boolean, one of ones is.
    if integer && min >= 0.0 && max.total_cmp(&1.0).is_eq() {
        column.boolean = Some(BooleanDomain::default());
        return;
    }
    // The numbers of these rows say nothing about those of the next.
    let limited = column.role != Some(Role::Id);
    if config.ranges == Ranges::Observed && limited && (integer || float) {
        // An integer column reaches beyond what a profile's `f64` holds exactly only
        // past 2⁵³; the cast saturates there.
        let end = |value: f64| {
            if integer {
                Number::Integer(value as i64)
            } else {
                Number::Float(value)
            }
        };
        let infinite = numeric.positive_infinity + numeric.negative_infinity > 0;
        column.range = Some(Bounds {
            min: (numeric.negative_infinity == 0).then(|| end(min)),
            max: (numeric.positive_infinity == 0).then(|| end(max)),
        });
        column.disallow_nan = float && numeric.nan == 0;
        column.disallow_inf = float && !infinite;
    }
}

fn infer_strings(column: &mut Column, values: &CategoricalProfile, config: &InferConfig) {
    if config.ranges == Ranges::Observed {
        column.length = lengths(values);
    }
    // The values of texts are not kept, those of identifiers say nothing about the next.
    let limited = !matches!(
        column.role,
        Some(Role::Text | Role::Id | Role::Key | Role::Author)
    );
    if !values.is_exact() || column.role == Some(Role::Text) {
        return;
    }
    let found = values.values();
    if found.is_empty() {
        return;
    }
    if let Some(boolean) = boolean(&found) {
        column.boolean = Some(boolean);
    } else if found.iter().all(|v| spells_integer(&v.value).is_some()) {
        column.holds = Some(SpelledNumber::Integer);
    } else if limited && found.len() <= config.max_string_domain_size {
        let mut domain: Vec<String> = found.into_iter().map(|v| v.value).collect();
        domain.sort_unstable();
        column.domain = Some(domain);
    }
}

/// The two values as true and false, where they are words that TFDV takes for them.
fn boolean(values: &[ValueCount]) -> Option<BooleanDomain> {
    if values.len() > 2 {
        return None;
    }
    let mut boolean = BooleanDomain::default();
    for ValueCount { value, .. } in values {
        let slot = if TRUE_WORDS.contains(&value.as_str()) {
            &mut boolean.true_value
        } else if FALSE_WORDS.contains(&value.as_str()) {
            &mut boolean.false_value
        } else {
            return None;
        };
        if slot.replace(value.clone()).is_some() {
            return None;
        }
    }
    Some(boolean)
}

/// The integer of 64 bits that a string spells.
pub(crate) fn spells_integer(text: &str) -> Option<i64> {
    text.trim_matches(|c: char| c.is_ascii_whitespace())
        .parse()
        .ok()
}

/// Shortest and longest value in characters; `None` where the profile cannot tell.
///
/// A profile cuts values of more than [`MAX_WHOLE_BYTES`] bytes and does not keep
/// every value of a large column, so lengths come from the values it holds whole.
pub(crate) fn lengths(values: &CategoricalProfile) -> Option<Bounds<u64>> {
    if !values.is_exact() || values.max_bytes > MAX_WHOLE_BYTES {
        return None;
    }
    let lengths = || {
        values
            .values()
            .into_iter()
            .map(|v| v.value.chars().count() as u64)
    };
    Some(Bounds::new(lengths().min()?, lengths().max()?))
}

/// Values of up to this many bytes are held whole by a [`CategoricalProfile`].
pub(crate) const MAX_WHOLE_BYTES: u64 = 256;

/// Integers from which on a column that numbers its rows is told from a few small numbers.
const MIN_NUMBERED_ROWS: u64 = 100;

/// The least share of different numbers among those that fill their range as rows are
/// numbered: well below 1, since a sketch is off, and above the 0.63 of numbers drawn at
/// random.
const MIN_NUMBERED_DISTINCT_SHARE: f64 = 0.9;

/// What the values of a column are for, by their type and, for strings, their look.
///
/// A column of 100 integers or more that numbers its rows, each number from the least to
/// the greatest once, is an `id`.
/// A string column is an `id` when no value repeats and each is a single token, `text`
/// when its median length is at least 6 characters, at least half of its values are
/// distinct and not all of them are single tokens, and else a `category`: what names one
/// of very many users or pages is no text, however long. A column that was profiled as text is text. `None`
/// for bytes, nested columns and columns without a type.
///
/// On a first sample of a column, profiled as categories, this says whether to
/// profile it as text.
pub fn infer_role(profile: &ColumnProfile) -> Option<Role> {
    match profile.value_type {
        ValueType::Integer if numbers_rows(profile) => Some(Role::Id),
        ValueType::Integer | ValueType::Float => Some(Role::Number),
        ValueType::Boolean => Some(Role::Category),
        ValueType::Timestamp | ValueType::Date => Some(Role::Time),
        ValueType::Bytes | ValueType::Nested | ValueType::Null => None,
        ValueType::String => Some(match &profile.summary {
            Summary::Text(_) => Role::Text,
            Summary::Categorical(values) => string_role(values),
            Summary::Numeric(_) | Summary::Counts => Role::Category,
        }),
    }
}

fn numbers_rows(profile: &ColumnProfile) -> bool {
    let Some(numbers) = profile.numeric() else {
        return false;
    };
    let Some((least, most)) = numbers.min().zip(numbers.max()) else {
        return false;
    };
    let count = numbers.count();
    let dense = (most - least + 1.0 - count as f64).abs() < 0.5;
    let different = numbers.distinct().value >= count as f64 * MIN_NUMBERED_DISTINCT_SHARE;
    count >= MIN_NUMBERED_ROWS && dense && different
}

fn string_role(values: &CategoricalProfile) -> Role {
    let count = values.count();
    if count == 0 {
        return Role::Category;
    }
    let distinct = values.distinct();
    let found = values.values();
    // A sketch of distinct values is off by its stated share in most columns, and by twice
    // that in hardly any: unique within it is unique. Values that hardly ever come again
    // are no categories in any case.
    let unique = distinct.value >= count as f64 * (1.0 - 2.0 * distinct.error);
    let of_words = found
        .iter()
        .any(|v| !v.value.is_empty() && !is_single_token(&v.value));
    if unique && found.iter().all(|v| is_single_token(&v.value)) {
        Role::Id
    } else if of_words
        && distinct.value >= count as f64 * MIN_TEXT_DISTINCT_SHARE
        && median_length(&found).is_none_or(|length| length >= MIN_TEXT_LENGTH)
    {
        Role::Text
    } else {
        Role::Category
    }
}

/// Median length in characters, over the values that the profile still holds.
fn median_length(values: &[ValueCount]) -> Option<u64> {
    let mut lengths: Vec<(u64, u64)> = values
        .iter()
        .map(|v| (v.value.chars().count() as u64, v.count))
        .collect();
    lengths.sort_unstable();
    let total: u64 = lengths.iter().map(|(_, count)| count).sum();
    let mut below = 0;
    lengths.into_iter().find_map(|(length, count)| {
        below += count;
        (2 * below >= total).then_some(length)
    })
}

/// Whether a value is one word or code: no white space, and none of the scripts
/// that write sentences without any.
fn is_single_token(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|c| {
            !c.is_whitespace()
                && !matches!(
                    c.script(),
                    Script::Han
                        | Script::Hiragana
                        | Script::Katakana
                        | Script::Thai
                        | Script::Lao
                        | Script::Khmer
                        | Script::Myanmar
                        | Script::Tibetan
                )
        })
}
