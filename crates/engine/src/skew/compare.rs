//! Pairs of rows, compared column by column.

use super::{FeatureSkew, KeyMatches, RowSkew, SIDES, SkewRequest, key_names, rounded::rounded};
use crate::EngineError;
use datafusion::arrow::{
    array::{Array, ArrayRef, RecordBatch, StringArray, make_comparator, new_null_array},
    buffer::NullBuffer,
    compute::{SortOptions, can_cast_types, cast},
    datatypes::{DataType, Schema},
    util::display::{ArrayFormatter, FormatOptions},
};
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};
use xxhash_rust::xxh3::xxh3_64;

/// A value of either side of a pair, as text; `None` where the row lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkewValue {
    /// The column.
    pub feature: String,
    /// The base row's value.
    pub base: Option<String>,
    /// The test row's value.
    pub test: Option<String>,
}

/// A pair of rows that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkewPair {
    /// The values of the key columns, in their order.
    pub key: Vec<String>,
    /// Columns with the same value.
    pub matched: Vec<String>,
    /// Columns that both rows have, with other values.
    pub mismatched: Vec<SkewValue>,
    /// Columns that only the base row has.
    pub base_only: Vec<SkewValue>,
    /// Columns that only the test row has.
    pub test_only: Vec<SkewValue>,
}

/// How one column of a pair compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Neither,
    Match,
    Mismatch,
    BaseOnly,
    TestOnly,
}

/// What was found in some pairs.
#[derive(Debug)]
pub(super) struct Found {
    features: Vec<FeatureSkew>,
    skewed: u64,
    /// By the hash of the key, the least first; keys that meet are told apart by their
    /// place.
    samples: BTreeMap<(u64, u64), SkewPair>,
    pairs: u64,
}

/// Compares batches of joined rows.
#[derive(Debug)]
pub(super) struct Comparer {
    features: Vec<String>,
    /// Places of the base's and the test's column in a batch, for each feature.
    places: Vec<[Option<usize>; 2]>,
    keys: Vec<usize>,
    digits: Option<u8>,
    samples: usize,
}

impl Comparer {
    pub(super) fn new(request: &SkewRequest, features: Vec<String>, schema: &Schema) -> Self {
        let place = |name: String| schema.index_of(&name).ok();
        Self {
            places: (0..features.len())
                .map(|feature| SIDES.map(|side| place(format!("{side}{feature}"))))
                .collect(),
            keys: key_names(SIDES[0], request)
                .into_iter()
                .filter_map(place)
                .collect(),
            features,
            digits: request.float_digits,
            samples: request.samples,
        }
    }

    pub(super) fn start(&self) -> Found {
        Found {
            features: self
                .features
                .iter()
                .map(|feature| FeatureSkew {
                    feature: feature.clone(),
                    ..FeatureSkew::default()
                })
                .collect(),
            skewed: 0,
            samples: BTreeMap::new(),
            pairs: 0,
        }
    }

    /// Compares the pairs of a batch.
    pub(super) fn add(&self, found: &mut Found, batch: &RecordBatch) -> Result<(), EngineError> {
        let rows = batch.num_rows();
        let mut outcomes = Vec::with_capacity(self.features.len());
        for places in &self.places {
            let sides = places.map(|place| {
                let column = place.map(|place| batch.column(place));
                match (column, self.digits) {
                    (Some(column), Some(digits)) => Some(rounded(column, digits)),
                    (column, _) => column.cloned(),
                }
            });
            outcomes.push(outcomes_of(sides, rows)?);
        }
        for (skew, outcomes) in found.features.iter_mut().zip(&outcomes) {
            for outcome in outcomes {
                count(skew, *outcome);
            }
        }
        let differs = |row: usize| {
            let mut of_row = outcomes.iter().map(|outcomes| outcomes[row]);
            of_row.any(|outcome| !matches!(outcome, Outcome::Neither | Outcome::Match))
        };
        for row in (0..rows).filter(|row| differs(*row)) {
            found.skewed += 1;
            if self.samples == 0 {
                continue;
            }
            let key = self.key(batch, row)?;
            let hash = xxh3_64(key.join("\u{0}").as_bytes());
            let place = (hash, found.pairs + row as u64);
            let last = found.samples.last_key_value().map(|(place, _)| *place);
            if found.samples.len() < self.samples || last.is_some_and(|last| place < last) {
                let pair = self.pair(key, batch, row, &outcomes)?;
                found.samples.insert(place, pair);
                if found.samples.len() > self.samples {
                    found.samples.pop_last();
                }
            }
        }
        found.pairs += rows as u64;
        Ok(())
    }

    pub(super) fn merge(&self, found: &mut Found, other: Found) {
        for (mine, theirs) in found.features.iter_mut().zip(&other.features) {
            mine.add(theirs);
        }
        found.skewed += other.skewed;
        for ((hash, place), pair) in other.samples {
            found.samples.insert((hash, found.pairs + place), pair);
        }
        while found.samples.len() > self.samples {
            found.samples.pop_last();
        }
        found.pairs += other.pairs;
    }

    pub(super) fn finish(&self, found: Found, keys: KeyMatches) -> RowSkew {
        RowSkew {
            keys,
            skewed_pairs: found.skewed,
            features: found.features,
            samples: found.samples.into_values().collect(),
        }
    }

    fn key(&self, batch: &RecordBatch, row: usize) -> Result<Vec<String>, EngineError> {
        let keys = self.keys.iter();
        keys.map(|place| Ok(text(batch.column(*place), row)?.unwrap_or_default()))
            .collect()
    }

    fn pair(
        &self,
        key: Vec<String>,
        batch: &RecordBatch,
        row: usize,
        outcomes: &[Vec<Outcome>],
    ) -> Result<SkewPair, EngineError> {
        let mut pair = SkewPair {
            key,
            matched: Vec::new(),
            mismatched: Vec::new(),
            base_only: Vec::new(),
            test_only: Vec::new(),
        };
        for (feature, name) in self.features.iter().enumerate() {
            let outcome = outcomes[feature][row];
            let list = match outcome {
                Outcome::Neither => continue,
                Outcome::Match => {
                    pair.matched.push(name.clone());
                    continue;
                }
                Outcome::Mismatch => &mut pair.mismatched,
                Outcome::BaseOnly => &mut pair.base_only,
                Outcome::TestOnly => &mut pair.test_only,
            };
            let [base, test] = self.places[feature];
            let value = |place: Option<usize>| match place {
                Some(place) => text(batch.column(place), row),
                None => Ok(None),
            };
            list.push(SkewValue {
                feature: name.clone(),
                base: value(base)?,
                test: value(test)?,
            });
        }
        Ok(pair)
    }
}

fn count(skew: &mut FeatureSkew, outcome: Outcome) {
    match outcome {
        Outcome::Neither => {}
        Outcome::Match => {
            skew.base_count += 1;
            skew.test_count += 1;
            skew.match_count += 1;
        }
        Outcome::Mismatch => {
            skew.base_count += 1;
            skew.test_count += 1;
            skew.mismatch_count += 1;
        }
        Outcome::BaseOnly => {
            skew.base_count += 1;
            skew.base_only += 1;
        }
        Outcome::TestOnly => {
            skew.test_count += 1;
            skew.test_only += 1;
        }
    }
}

fn outcomes_of(sides: [Option<ArrayRef>; 2], rows: usize) -> Result<Vec<Outcome>, EngineError> {
    let [base, test] = match sides {
        [Some(base), Some(test)] => same_type(base, test)?,
        [Some(base), None] => {
            let test = new_null_array(base.data_type(), rows);
            [base, test]
        }
        [None, Some(test)] => {
            let base = new_null_array(test.data_type(), rows);
            [base, test]
        }
        [None, None] => return Ok(vec![Outcome::Neither; rows]),
    };
    if *base.data_type() == DataType::Null {
        return Ok(vec![Outcome::Neither; rows]);
    }
    let compare = make_comparator(&base, &test, SortOptions::default())?;
    let (in_base, in_test) = (base.logical_nulls(), test.logical_nulls());
    let there = |nulls: &Option<NullBuffer>, row: usize| {
        nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    };
    Ok((0..rows)
        .map(|row| match (there(&in_base, row), there(&in_test, row)) {
            (false, false) => Outcome::Neither,
            (true, false) => Outcome::BaseOnly,
            (false, true) => Outcome::TestOnly,
            (true, true) if compare(row, row) == Ordering::Equal => Outcome::Match,
            (true, true) => Outcome::Mismatch,
        })
        .collect())
}

/// Both sides in one type, by their types alone: whole numbers exactly, other numbers as
/// doubles, anything else as text.
fn same_type(base: ArrayRef, test: ArrayRef) -> Result<[ArrayRef; 2], EngineError> {
    let (own, theirs) = (base.data_type(), test.data_type());
    if own == theirs {
        return Ok([base, test]);
    }
    let number = |data_type: &DataType| data_type.is_numeric();
    let target = if own.is_integer() && theirs.is_integer() {
        // Holds every number of 64 bits, with a sign and without.
        DataType::Decimal128(20, 0)
    } else if number(own) && number(theirs) {
        DataType::Float64
    } else {
        DataType::Utf8
    };
    let convert = |array: ArrayRef| -> Result<ArrayRef, EngineError> {
        if can_cast_types(array.data_type(), &target) {
            return Ok(cast(&array, &target)?);
        }
        let texts = (0..array.len()).map(|row| text(&array, row));
        let texts: Vec<Option<String>> = texts.collect::<Result<_, _>>()?;
        Ok(Arc::new(StringArray::from(texts)))
    };
    Ok([convert(base)?, convert(test)?])
}

fn text(array: &ArrayRef, row: usize) -> Result<Option<String>, EngineError> {
    if array
        .logical_nulls()
        .is_some_and(|nulls| nulls.is_null(row))
    {
        return Ok(None);
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
    Ok(Some(formatter.value(row).to_string()))
}
