//! What makes a row offend: the conditions of the anomalies, row by row.

use super::{cut, text};
use crate::EngineError;
use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::DataType,
};
use driftline_statistics::features::{
    FeaturePath, Nested,
    nested::{self, each_bytes, fields, normalised},
};
use std::collections::BTreeSet;

/// Values of a row that are shown, at most.
const VALUES: usize = 5;

/// How a row offends.
#[derive(Debug, Clone, PartialEq)]
pub enum RowTest {
    /// It lacks the feature.
    Absent,
    /// It has a value of this kind.
    Value(ValueTest),
    /// A list, at one of its levels of nesting, is shorter or longer than this; the outermost
    /// level first, ends that are not stated are open.
    Lengths(Vec<(Option<u64>, Option<u64>)>),
    /// It has another number of values than this, or lacks the feature.
    NotThisMany(u64),
    /// The parts of a sparse or weighted feature do not fit together.
    Parts(Parts),
    /// An expression of SQL over the columns is false of it.
    False {
        /// The expression.
        sql: String,
        /// Another one: rows of which it is not true are left alone.
        filter: Option<String>,
    },
}

/// How a value offends.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTest {
    /// It is none of these strings.
    NotIn(BTreeSet<String>),
    /// It spells no whole number of 64 bits.
    NotInteger,
    /// It spells no number.
    NotNumber,
    /// It is, or spells, a number below this.
    Below(f64),
    /// It is, or spells, a number above this.
    Above(f64),
    /// It is neither 0 nor 1.
    NotBoolean,
    /// It is not a number.
    Nan,
    /// It is an infinity.
    Infinite,
    /// It has fewer characters.
    Shorter(u64),
    /// It has more characters.
    Longer(u64),
    /// It has more bytes.
    MoreBytes(u64),
    /// It is no UTF-8.
    NotUtf8,
}

/// What is wrong with the parts of a sparse or weighted feature, which are named beside
/// the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// One of these is there, and the value is not.
    NoValue(Vec<FeaturePath>),
    /// The value, or another part, is there, and one of these is not.
    NoPart(Vec<FeaturePath>),
    /// One of these is longer or shorter than the value.
    OtherLength(Vec<FeaturePath>),
}

impl Parts {
    fn paths(&self) -> &[FeaturePath] {
        match self {
            Self::NoValue(paths) | Self::NoPart(paths) | Self::OtherLength(paths) => paths,
        }
    }
}

/// Rows of a batch that offend, and by which values.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) rows: Vec<usize>,
    pub(super) values: Vec<Option<String>>,
}

/// A feature of a batch: its lists and values, and the row of each outermost list.
struct Located {
    nested: Nested,
    rows: Vec<usize>,
}

impl RowTest {
    /// The features that a test looks at.
    pub(super) fn paths<'a>(&'a self, path: &'a FeaturePath) -> Vec<&'a FeaturePath> {
        let mut paths = vec![path];
        if let Self::Parts(parts) = self {
            paths.extend(parts.paths());
        }
        paths
    }

    /// The rows of a batch that offend, in their order, each once.
    pub(super) fn places(
        &self,
        batch: &RecordBatch,
        path: &FeaturePath,
    ) -> Result<Places, EngineError> {
        if let Self::Parts(parts) = self {
            return parts_places(parts, batch, path);
        }
        let Some(found) = locate(batch, path)? else {
            let absent = matches!(self, Self::Absent | Self::NotThisMany(_));
            return Ok(if absent {
                Places {
                    rows: (0..batch.num_rows()).collect(),
                    values: Vec::new(),
                }
            } else {
                Places::default()
            });
        };
        match self {
            Self::Absent => Ok(absent(&found)),
            Self::Value(test) => values(test, &found),
            Self::Lengths(levels) => Ok(lengths(levels, &found)),
            Self::NotThisMany(wanted) => Ok(not_this_many(*wanted, &found)),
            // Those of SQL are a column of the batch.
            Self::Parts(_) | Self::False { .. } => Ok(Places::default()),
        }
    }
}

/// The feature at a path; `None` where the batch has no such field.
fn locate(batch: &RecordBatch, path: &FeaturePath) -> Result<Option<Located>, EngineError> {
    let Some((first, rest)) = path.steps().split_first() else {
        return Ok(None);
    };
    let Some(mut array) = batch.column_by_name(first).cloned() else {
        return Ok(None);
    };
    let mut rows: Vec<usize> = (0..batch.num_rows()).collect();
    for step in rest {
        let outer = Nested::of(&normalised(path, &array)?);
        let DataType::Struct(_) = outer.values.data_type() else {
            return Ok(None);
        };
        rows = outer.spread(&rows);
        let inner = fields(outer.values.as_struct())
            .into_iter()
            .find(|(name, _)| *name == step);
        match inner {
            Some((_, column)) => array = column,
            None => return Ok(None),
        }
    }
    // A type without statistics, such as a time, is there or it is not all the same.
    let array = normalised(path, &array).unwrap_or(array);
    Ok(Some(Located {
        nested: Nested::of(&array),
        rows,
    }))
}

fn absent(found: &Located) -> Places {
    let outermost = &found.nested.levels[0];
    let missing = (0..outermost.len()).filter(|place| !outermost.is_present(*place));
    once(missing.map(|place| (found.rows[place], None)))
}

fn lengths(wanted: &[(Option<u64>, Option<u64>)], found: &Located) -> Places {
    let mut rows = found.rows.clone();
    let mut odd = Vec::new();
    for (level, (min, max)) in found.nested.levels.iter().zip(wanted) {
        for (place, row) in rows.iter().enumerate() {
            let length = level.length(place) as u64;
            let outside =
                min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max);
            if level.is_present(place) && outside {
                odd.push((*row, Some(format!("{length} values"))));
            }
        }
        rows = level.spread(&rows);
    }
    odd.sort_by_key(|(row, _)| *row);
    once(odd.into_iter())
}

fn not_this_many(wanted: u64, found: &Located) -> Places {
    let counts = found.nested.innermost_lengths();
    let outermost = &found.nested.levels[0];
    let odd = counts.into_iter().enumerate().filter_map(|(place, count)| {
        let present = outermost.is_present(place);
        let value = present.then(|| format!("{count} values"));
        (!present || count as u64 != wanted).then(|| (found.rows[place], value))
    });
    once(odd)
}

fn parts_places(
    parts: &Parts,
    batch: &RecordBatch,
    path: &FeaturePath,
) -> Result<Places, EngineError> {
    // Presence and length of a feature in each row; absent from all where there is none.
    let lists = |path: &FeaturePath| -> Result<Vec<Option<usize>>, EngineError> {
        let Some(found) = nested::find(batch, path)? else {
            return Ok(vec![None; batch.num_rows()]);
        };
        let level = &found.levels[0];
        let places = 0..level.len();
        Ok(places
            .map(|place| level.is_present(place).then(|| level.length(place)))
            .collect())
    };
    let value = lists(path)?;
    let others = parts
        .paths()
        .iter()
        .map(lists)
        .collect::<Result<Vec<_>, _>>()?;
    let odd = (0..batch.num_rows()).filter_map(|row| {
        let value = value.get(row).copied().flatten();
        let others: Vec<Option<usize>> = others
            .iter()
            .map(|other| other.get(row).copied().flatten())
            .collect();
        // Where nothing is there, nothing is missing.
        if value.is_none() && others.iter().all(Option::is_none) {
            return None;
        }
        let length = |length: Option<usize>| length.unwrap_or(0);
        let odd = match parts {
            Parts::NoValue(_) => value.is_none(),
            Parts::NoPart(_) => others.iter().any(Option::is_none),
            Parts::OtherLength(_) => others.iter().any(|other| length(*other) != length(value)),
        };
        let shown = || {
            let others: Vec<String> = others.iter().map(|o| length(*o).to_string()).collect();
            format!("{} values, beside {}", length(value), others.join(", "))
        };
        odd.then(|| (row, Some(shown())))
    });
    Ok(once(odd))
}

fn values(test: &ValueTest, found: &Located) -> Result<Places, EngineError> {
    let nested = &found.nested;
    if nested.is_unknown() {
        return Ok(Places::default());
    }
    let levels = nested.levels.iter();
    let rows = levels.fold(found.rows.clone(), |rows, level| level.spread(&rows));
    let odd = test.odd(&nested.values)?;
    let mut places = Places::default();
    for (place, row) in rows.into_iter().enumerate() {
        if !odd[place] {
            continue;
        }
        let value = text(&nested.values, place)?;
        if places.rows.last() == Some(&row) {
            add_value(places.values.last_mut(), value);
        } else {
            places.rows.push(row);
            places.values.push(value);
        }
    }
    Ok(places)
}

/// One more value of the same row.
fn add_value(shown: Option<&mut Option<String>>, value: Option<String>) {
    if let (Some(Some(shown)), Some(value)) = (shown, value)
        && shown.matches(", ").count() + 1 < VALUES
    {
        *shown = cut(format!("{shown}, {value}"));
    }
}

/// Each row once, with the first value.
fn once(odd: impl Iterator<Item = (usize, Option<String>)>) -> Places {
    let mut places = Places::default();
    for (row, value) in odd {
        if places.rows.last() != Some(&row) {
            places.rows.push(row);
            places.values.push(value);
        }
    }
    places
}

impl ValueTest {
    /// Which of these values offend; a null does not.
    fn odd(&self, values: &ArrayRef) -> Result<Vec<bool>, EngineError> {
        let mut odd = vec![false; values.len()];
        if let Some(is_odd) = self.of_numbers()
            && let Some(numbers) = nested::numbers(values)
        {
            for (place, number) in numbers.iter().enumerate() {
                odd[place] = number.is_some_and(&is_odd);
            }
            return Ok(odd);
        }
        let bytes = matches!(
            values.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary
        );
        // A file whose values all look like numbers may be one of strings to the others.
        let values = if bytes {
            values.clone()
        } else if matches!(values.data_type(), DataType::Struct(_)) {
            return Ok(odd);
        } else {
            cast(values, &DataType::LargeUtf8)?
        };
        each_bytes(&values, &mut |place, bytes| {
            odd[place] = self.is_odd(bytes);
        });
        Ok(odd)
    }

    fn of_numbers(&self) -> Option<Box<dyn Fn(f64) -> bool + '_>> {
        Some(match self {
            Self::Below(bound) => Box::new(move |value| value < *bound),
            Self::Above(bound) => Box::new(move |value| value > *bound),
            Self::NotBoolean => {
                Box::new(|value| value != 0.0 && value.to_bits() != 1.0_f64.to_bits())
            }
            Self::Nan => Box::new(f64::is_nan),
            Self::Infinite => Box::new(f64::is_infinite),
            _ => return None,
        })
    }

    fn is_odd(&self, bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return match self {
                Self::MoreBytes(most) => bytes.len() as u64 > *most,
                Self::NotUtf8 | Self::NotIn(_) | Self::NotInteger | Self::NotNumber => true,
                _ => false,
            };
        };
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let number = || trimmed.parse::<f64>().ok();
        let characters = || text.chars().count() as u64;
        match self {
            Self::NotIn(allowed) => !allowed.contains(text),
            Self::NotInteger => trimmed.parse::<i64>().is_err(),
            Self::NotNumber => number().is_none(),
            Self::Below(bound) => number().is_some_and(|value| value < *bound),
            Self::Above(bound) => number().is_some_and(|value| value > *bound),
            Self::NotBoolean => !["0", "1"].contains(&trimmed),
            Self::Nan => number().is_some_and(f64::is_nan),
            Self::Infinite => number().is_some_and(f64::is_infinite),
            Self::Shorter(least) => characters() < *least,
            Self::Longer(most) => characters() > *most,
            Self::MoreBytes(most) => bytes.len() as u64 > *most,
            Self::NotUtf8 => false,
        }
    }
}
