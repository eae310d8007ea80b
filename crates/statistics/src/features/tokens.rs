//! Distinct values and the most frequent ones, counted and weighed.
//!
//! Every value is counted exactly while there are at most [`EXACT_VALUES`] of at most
//! [`EXACT_BYTES`] together; past that the counts of Misra and Gries (1982, "Finding
//! Repeated Elements") keep [`KEPT_VALUES`] of them, merged as Agarwal et al. (2012,
//! "Mergeable Summaries") show. A count is then at most [`TopValues::error`] too low
//! and never too high: what is listed was seen at least that often. TFDV adds the
//! error to every count of its sketch, so that a column of mostly single values gets
//! a thousand top values with counts far above the truth.

use super::{
    nested::{FeatureRows, each_bytes},
    strings::six_digits,
};
use crate::{DistinctCount, allocated, table};
use arrow_array::{Array, cast::AsArray, types};
use arrow_schema::DataType;
use rustc_hash::{FxHashMap, FxHashSet};

/// Up to this many distinct values, every count is exact.
pub const EXACT_VALUES: usize = 100_000;
/// Up to this many bytes of distinct values, every count is exact.
pub const EXACT_BYTES: usize = 16 << 20;
/// Values whose counts are kept past that.
pub const KEPT_VALUES: usize = 8_192;
/// Longer values count as one, [`LARGE_VALUE`], unless they are to be kept whole.
const LARGE_BYTES: usize = 1_024;
/// What stands for values of more than 1,024 bytes.
pub const LARGE_VALUE: &str = "__LARGE_BYTES__";
/// What stands for values that are no UTF-8.
pub const INVALID_VALUE: &str = "__BYTES_VALUE__";

/// How values are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRules {
    /// Values of more than 1,024 bytes are counted one by one.
    pub whole: bool,
    /// Values that are no UTF-8 are counted one by one, and whole numbers in order of
    /// size where they are equally frequent.
    pub raw: bool,
}

/// A value as it is told apart from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Token {
    Bytes(Box<[u8]>),
    Int(i64),
    Unsigned(u64),
    /// Bits of a double.
    Float(u64),
}

impl Token {
    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
    }

    /// Its text, and whether it has one.
    fn label(&self) -> String {
        match self {
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => INVALID_VALUE.to_owned(),
            },
            Self::Int(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Float(bits) => six_digits(f64::from_bits(*bits)),
        }
    }
}

/// The values of a feature, how many there are and how often each occurs.
#[derive(Debug, Clone)]
pub struct Tokens {
    rules: TokenRules,
    distinct: Distinct,
    counts: Counts,
    weights: Option<Counts>,
}

#[derive(Debug, Clone)]
enum Distinct {
    Exact(FxHashSet<u64>),
    Sketch(Box<DistinctCount>),
}

#[derive(Debug, Clone, Default)]
struct Counts {
    values: FxHashMap<Token, f64>,
    bytes: usize,
    /// What was taken off every count so far; 0 while counts are exact.
    error: f64,
}

/// A value with its count or weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The value as text.
    pub label: String,
    /// How often it occurred, or its weight.
    pub count: f64,
}

/// Values by descending count.
#[derive(Debug, Clone, PartialEq)]
pub struct TopValues {
    /// The values.
    pub values: Vec<Counted>,
    /// How much too low a count can be; 0 where counts are exact.
    pub error: f64,
}

impl Tokens {
    /// Nothing seen yet.
    pub fn new(rules: TokenRules, weighted: bool) -> Self {
        Self {
            rules,
            distinct: Distinct::Exact(FxHashSet::default()),
            counts: Counts::default(),
            weights: weighted.then(Counts::default),
        }
    }

    /// Adds the values of rows.
    pub fn update(&mut self, rows: &FeatureRows<'_>) {
        let weights = rows
            .weights
            .filter(|_| self.weights.is_some())
            .map(|weights| rows.nested.spread(weights));
        let weight = |place: usize| weights.as_ref().map(|weights| weights[place]);
        let values = &rows.nested.values;
        // The same number of batches later the same value is found by the same key:
        // within a batch, values are grouped first, so that few keys are made.
        match values.data_type() {
            DataType::Int64 => {
                let values = values.as_primitive::<types::Int64Type>();
                for (place, value) in values.iter().enumerate() {
                    if let Some(value) = value {
                        self.see(&value.to_le_bytes(), Token::Int(value), weight(place));
                    }
                }
            }
            DataType::UInt64 => {
                let values = values.as_primitive::<types::UInt64Type>();
                for (place, value) in values.iter().enumerate() {
                    if let Some(value) = value {
                        self.see(&value.to_le_bytes(), Token::Unsigned(value), weight(place));
                    }
                }
            }
            DataType::Float64 => {
                let values = values.as_primitive::<types::Float64Type>();
                for (place, value) in values.iter().enumerate() {
                    if let Some(value) = value {
                        let bits = value.to_bits();
                        self.see(&bits.to_le_bytes(), Token::Float(bits), weight(place));
                    }
                }
            }
            _ => self.update_bytes(rows, weights.as_deref()),
        }
    }

    fn update_bytes(&mut self, rows: &FeatureRows<'_>, weights: Option<&[f64]>) {
        // Columns repeat their values: grouped by batch, few keys are made.
        let mut groups = FxHashMap::<&[u8], (f64, f64)>::default();
        let rules = self.rules;
        let values = &rows.nested.values;
        let mut own: Vec<(usize, usize)> = Vec::new();
        let mut arena: Vec<u8> = Vec::new();
        let mut places: Vec<usize> = Vec::new();
        each_bytes(values, &mut |place, bytes| {
            own.push((arena.len(), bytes.len()));
            arena.extend_from_slice(bytes);
            places.push(place);
        });
        for (&(start, length), place) in own.iter().zip(places) {
            let group = groups.entry(&arena[start..start + length]).or_default();
            group.0 += 1.0;
            group.1 += weights.map_or(0.0, |weights| weights[place]);
        }
        let mut groups: Vec<(&[u8], (f64, f64))> = groups.into_iter().collect();
        // A full sketch drops values by the order they come in: that must not be chance.
        groups.sort_unstable_by_key(|(bytes, _)| *bytes);
        for (bytes, (count, weight)) in groups {
            self.see_hash(xxhash_rust::xxh3::xxh3_64(bytes));
            let token = if !rules.raw && std::str::from_utf8(bytes).is_err() {
                INVALID_VALUE.as_bytes()
            } else if !rules.whole && bytes.len() > LARGE_BYTES {
                LARGE_VALUE.as_bytes()
            } else {
                bytes
            };
            self.counts.add_bytes(token, count);
            if let Some(weights) = &mut self.weights {
                weights.add_bytes(token, weight);
            }
        }
    }

    fn see(&mut self, bytes: &[u8], token: Token, weight: Option<f64>) {
        self.see_hash(xxhash_rust::xxh3::xxh3_64(bytes));
        if let (Some(weights), Some(weight)) = (&mut self.weights, weight) {
            weights.add(token.clone(), weight);
        }
        self.counts.add(token, 1.0);
    }

    fn see_hash(&mut self, hash: u64) {
        match &mut self.distinct {
            Distinct::Exact(seen) => {
                seen.insert(hash);
                if seen.len() > EXACT_VALUES {
                    self.distinct = Distinct::Sketch(Box::new(sketch_of(seen)));
                }
            }
            Distinct::Sketch(sketch) => sketch.update_hash(hash),
        }
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.distinct, &other.distinct) {
            (_, Distinct::Exact(theirs)) => {
                let mut hashes: Vec<u64> = theirs.iter().copied().collect();
                hashes.sort_unstable();
                hashes.into_iter().for_each(|hash| self.see_hash(hash));
            }
            (Distinct::Exact(mine), Distinct::Sketch(theirs)) => {
                let mut sketch = sketch_of(mine);
                sketch.merge(theirs);
                self.distinct = Distinct::Sketch(Box::new(sketch));
            }
            (Distinct::Sketch(mine), Distinct::Sketch(theirs)) => mine.merge(theirs),
        }
        self.counts.merge(&other.counts);
        if let (Some(mine), Some(theirs)) = (&mut self.weights, &other.weights) {
            mine.merge(theirs);
        }
    }

    /// The number of distinct values, and its relative error at 95 %, 0 where exact.
    pub fn distinct(&self) -> (u64, f64) {
        match &self.distinct {
            Distinct::Exact(seen) => (seen.len() as u64, 0.0),
            Distinct::Sketch(sketch) => {
                let estimate = sketch.estimate();
                (estimate.value as u64, estimate.error)
            }
        }
    }

    /// Whether no value was seen.
    pub fn is_empty(&self) -> bool {
        self.counts.values.is_empty()
    }

    /// The `limit` most frequent values with a count of at least `threshold`.
    pub fn top(&self, limit: usize, threshold: f64) -> TopValues {
        self.counts.top(limit, threshold, self.rules.raw)
    }

    /// The `limit` values of greatest weight; `None` without weights.
    pub fn weighted_top(&self, limit: usize, threshold: f64) -> Option<TopValues> {
        Some(self.weights.as_ref()?.top(limit, threshold, self.rules.raw))
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let of = |counts: &Counts| {
            let values = counts.values.keys().filter(|token| token.bytes() > 0);
            table(counts.values.capacity(), size_of::<(Token, f64)>())
                + values.map(|token| allocated(token.bytes())).sum::<usize>()
        };
        let distinct = match &self.distinct {
            Distinct::Exact(seen) => table(seen.capacity(), size_of::<u64>()),
            Distinct::Sketch(sketch) => sketch.size_bytes(),
        };
        distinct + of(&self.counts) + self.weights.as_ref().map_or(0, of)
    }
}

fn sketch_of(seen: &FxHashSet<u64>) -> DistinctCount {
    let mut hashes: Vec<u64> = seen.iter().copied().collect();
    hashes.sort_unstable();
    let mut sketch = DistinctCount::default();
    hashes.into_iter().for_each(|hash| sketch.update_hash(hash));
    sketch
}

impl Counts {
    fn add_bytes(&mut self, bytes: &[u8], count: f64) {
        self.add(Token::Bytes(bytes.into()), count);
    }

    fn add(&mut self, token: Token, count: f64) {
        let bytes = token.bytes();
        match self.values.entry(token) {
            std::collections::hash_map::Entry::Occupied(mut known) => *known.get_mut() += count,
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(count);
                self.bytes += bytes;
                self.shrink();
            }
        }
    }

    /// Keeps the greatest counts where there are too many: twice as many as stay may
    /// gather first, so that this is seldom.
    fn shrink(&mut self) {
        let limit = if self.error > 0.0 {
            2 * KEPT_VALUES
        } else {
            EXACT_VALUES
        };
        if self.values.len() <= limit && self.bytes <= EXACT_BYTES {
            return;
        }
        let mut counts: Vec<f64> = self.values.values().copied().collect();
        // Values too long to keep this many of: fewer stay.
        let kept = KEPT_VALUES.min(counts.len() / 2);
        let (_, cut, _) = counts.select_nth_unstable_by(kept, |a, b| b.total_cmp(a));
        let cut = *cut;
        self.error += cut;
        self.values.retain(|_, count| {
            *count -= cut;
            *count > 0.0
        });
        self.bytes = self.values.keys().map(Token::bytes).sum();
        self.values.shrink_to(2 * KEPT_VALUES);
    }

    fn merge(&mut self, other: &Self) {
        self.error += other.error;
        let mut theirs: Vec<(&Token, &f64)> = other.values.iter().collect();
        theirs.sort_unstable_by_key(|(token, _)| *token);
        for (token, count) in theirs {
            self.add(token.clone(), *count);
        }
        self.shrink();
    }

    /// Ties go to the greater value: by bytes, or by size where `raw` whole numbers.
    fn top(&self, limit: usize, threshold: f64, raw: bool) -> TopValues {
        let mut values: Vec<(&Token, f64)> = self.values.iter().map(|(t, c)| (t, *c)).collect();
        let by_count = |a: &(&Token, f64), b: &(&Token, f64)| {
            let by_value = || match (raw, a.0, b.0) {
                (true, _, _) | (_, Token::Bytes(_), Token::Bytes(_)) => b.0.cmp(a.0),
                _ => b.0.label().cmp(&a.0.label()),
            };
            b.1.total_cmp(&a.1).then_with(by_value)
        };
        if limit == 0 {
            values.clear();
        } else if values.len() > limit {
            values.select_nth_unstable_by(limit - 1, by_count);
            values.truncate(limit);
        }
        values.sort_unstable_by(by_count);
        let listed = values
            .into_iter()
            .take_while(|(_, count)| *count >= threshold);
        TopValues {
            values: listed
                .map(|(token, count)| Counted {
                    label: token.label(),
                    count,
                })
                .collect(),
            error: self.error,
        }
    }
}
