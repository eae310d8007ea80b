//! Tokens and sequences of a feature that holds natural language.
//!
//! TFDV, `natural_language_stats_generator.py`, into `NaturalLanguageStatistics`: a row
//! is a sequence of tokens, either words or their numbers in a vocabulary. One thing
//! differs: there a sequence of no counted tokens is forgotten by the next one, so that
//! the least length depends on the order of rows; here zero is a length like any other.

mod reported;
mod rules;

pub use reported::ReportedSequence;
pub use rules::{SequenceRules, Vocabulary};

use super::byte_values;
use crate::{
    HeavyHitters, ValueCount,
    features::{FeatureType, Histogram, Nested, WeightedQuantiles, histogram::quantiles_histogram},
};
use arrow_array::{
    Array, ArrayRef,
    cast::AsArray,
    types::{Int64Type, UInt64Type},
};
use arrow_schema::DataType;
use reported::Reported;
use std::{collections::BTreeMap, fmt};

/// A token: a word, or its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {
    /// A number, of which no word is known.
    Number(i64),
    /// A word.
    Word(String),
}

/// As Python writes it in a list, which is how TFDV reports sequences.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(&reported::python_literal(word)),
        }
    }
}

/// How often a token occurs, and where in its sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenStatistics {
    /// Occurrences in all sequences.
    pub occurrences: u64,
    /// Sequences in which it occurs.
    pub sequences: u64,
    /// The least and the most occurrences in a sequence, those without it included.
    pub per_sequence: Option<(u64, u64)>,
    /// Occurrences by place: a sequence is cut into as many parts as a histogram has
    /// buckets.
    pub positions: BTreeMap<u64, u64>,
}

impl TokenStatistics {
    fn add(&mut self, places: &[u64]) {
        let count = places.len() as u64;
        self.occurrences += count;
        self.sequences += u64::from(count > 0);
        let (least, most) = self.per_sequence.unwrap_or((count, count));
        self.per_sequence = Some((least.min(count), most.max(count)));
        for place in places {
            *self.positions.entry(*place).or_default() += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.occurrences += other.occurrences;
        self.sequences += other.sequences;
        self.per_sequence = match (self.per_sequence, other.per_sequence) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        for (place, count) in &other.positions {
            *self.positions.entry(*place).or_default() += count;
        }
    }
}

/// The tokens and sequences of a feature, as far as its rules ask for them.
#[derive(Debug, Clone, Default)]
pub struct SequenceCounts {
    invalid: bool,
    sequences: u64,
    tokens: u64,
    known_tokens: u64,
    known_characters: u64,
    token_lengths: Lengths,
    sequence_lengths: Lengths,
    ranks: HeavyHitters,
    asked: BTreeMap<Token, TokenStatistics>,
    by_coverage: Reported,
    by_token_length: Reported,
}

impl SequenceCounts {
    /// Adds the rows of a feature. Tokens that are neither words nor integers, words
    /// that are no UTF-8, and lists in lists rule the feature out for good.
    ///
    /// `parts` is the number of buckets that histograms of positions have.
    pub fn update(
        &mut self,
        feature_type: FeatureType,
        rows: &Nested,
        rules: &SequenceRules,
        parts: u64,
    ) {
        if self.invalid {
            return;
        }
        let tokens = match feature_type {
            FeatureType::String => words(&rows.values),
            FeatureType::Int => numbers(&rows.values),
            FeatureType::Float | FeatureType::Struct => None,
        };
        let Some(tokens) = tokens.filter(|_| rows.levels.len() == 1) else {
            self.invalid = true;
            return;
        };
        let words = feature_type == FeatureType::String;
        let level = &rows.levels[0];
        let mut rest = tokens.as_slice();
        for row in 0..level.len() {
            if !level.is_present(row) {
                continue;
            }
            let (sequence, after) = rest.split_at(level.length(row).min(rest.len()));
            rest = after;
            self.sequences += 1;
            if !sequence.is_empty() {
                self.add_sequence(sequence, words, rules, parts);
            }
            self.add_tokens(sequence, rules);
        }
    }

    fn add_sequence(&mut self, own: &[Token], words: bool, rules: &SequenceRules, parts: u64) {
        // The same sequence in the other form, where the vocabulary knows it.
        let other: Option<Vec<Token>> = rules.vocabulary.as_ref().map(|vocabulary| {
            let translated = own.iter().map(|token| vocabulary.translate(token));
            translated.collect()
        });
        let other = other.as_deref();
        let (in_words, in_numbers) = if words {
            (Some(own), other)
        } else {
            (other, Some(own))
        };
        for asked in &rules.asked {
            let form = match asked {
                Token::Word(_) => in_words,
                Token::Number(_) => in_numbers,
            };
            if let Some(form) = form {
                let places = places(form, asked, parts);
                self.asked.entry(asked.clone()).or_default().add(&places);
            }
        }
        let shown = in_words.unwrap_or(own);
        let lengths: Vec<u64> = shown
            .iter()
            .filter_map(|token| match token {
                Token::Word(word) if !rules.outside_words.contains(word) => Some(characters(word)),
                _ => None,
            })
            .collect();
        let mean = |sum: u64, of: usize| if of == 0 { 0.0 } else { sum as f64 / of as f64 };
        self.by_coverage
            .add(shown, mean(lengths.len() as u64, shown.len()));
        self.by_token_length
            .add(shown, mean(lengths.iter().sum(), lengths.len()));
        let counted = own.len()
            - excluded(in_numbers, &rules.uncounted)
            - excluded(in_words, &rules.uncounted);
        self.sequence_lengths.add(counted as u64);
    }

    fn add_tokens(&mut self, sequence: &[Token], rules: &SequenceRules) {
        for token in sequence {
            let other = rules.vocabulary.as_ref().map(|v| v.translate(token));
            let forms = [Some(token), other.as_ref()];
            if forms
                .into_iter()
                .flatten()
                .any(|form| rules.excluded.contains(form))
            {
                continue;
            }
            self.tokens += 1;
            let word = forms.into_iter().flatten().find_map(|form| match form {
                Token::Word(word) => Some(word),
                Token::Number(_) => None,
            });
            if let Some(word) = word.filter(|word| !rules.outside_words.contains(*word)) {
                let length = characters(word);
                self.known_tokens += 1;
                self.known_characters += length;
                self.token_lengths.add(length);
                self.ranks.update(word);
            }
        }
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.invalid |= other.invalid;
        self.sequences += other.sequences;
        self.tokens += other.tokens;
        self.known_tokens += other.known_tokens;
        self.known_characters += other.known_characters;
        self.token_lengths.merge(&other.token_lengths);
        self.sequence_lengths.merge(&other.sequence_lengths);
        self.ranks.merge(&other.ranks);
        for (token, statistics) in &other.asked {
            self.asked
                .entry(token.clone())
                .or_default()
                .merge(statistics);
        }
        self.by_coverage.merge(&other.by_coverage);
        self.by_token_length.merge(&other.by_token_length);
    }

    /// Whether the feature holds tokens.
    pub fn is_valid(&self) -> bool {
        !self.invalid
    }

    /// Rows that hold a sequence, empty ones too.
    pub fn sequences(&self) -> u64 {
        self.sequences
    }

    /// The share of tokens that the vocabulary knows, excluded ones aside; `None`
    /// without tokens.
    pub fn coverage(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.known_tokens as f64 / self.tokens as f64)
    }

    /// Mean number of characters of the tokens that the vocabulary knows; `None`
    /// without such tokens.
    pub fn mean_token_length(&self) -> Option<f64> {
        (self.known_tokens > 0).then(|| self.known_characters as f64 / self.known_tokens as f64)
    }

    /// The distribution of the numbers of characters of the known tokens, in as many
    /// parts of equal weight.
    pub fn token_lengths(&self, parts: usize) -> Option<Histogram> {
        self.token_lengths.histogram(parts)
    }

    /// The distribution of the numbers of tokens of the sequences, in as many parts of
    /// equal weight.
    pub fn sequence_lengths(&self, parts: usize) -> Option<Histogram> {
        self.sequence_lengths.histogram(parts)
    }

    /// Tokens of the shortest and of the longest sequence.
    pub fn sequence_range(&self) -> Option<(u64, u64)> {
        self.sequence_lengths.range
    }

    /// The known tokens, the most frequent first.
    pub fn ranks(&self) -> Vec<ValueCount> {
        self.ranks.values()
    }

    /// The tokens that the rules ask for: numbers first.
    pub fn asked(&self) -> impl Iterator<Item = (&Token, &TokenStatistics)> {
        self.asked.iter()
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + self.ranks.size_bytes()
            + self.token_lengths.quantiles.size_bytes()
            + self.sequence_lengths.quantiles.size_bytes()
            + self.asked.len() * 256
            + self
                .reported()
                .map(|sequence| sequence.text.len())
                .sum::<usize>()
    }

    /// Sequences worth a look: those of least coverage, then those of least mean token
    /// length, at most five of each.
    pub fn reported(&self) -> impl Iterator<Item = &ReportedSequence> {
        self.by_coverage.iter().chain(self.by_token_length.iter())
    }
}

/// How long tokens or sequences are.
#[derive(Debug, Clone)]
struct Lengths {
    range: Option<(u64, u64)>,
    quantiles: WeightedQuantiles,
}

impl Default for Lengths {
    fn default() -> Self {
        Self {
            range: None,
            quantiles: WeightedQuantiles::new(RANK_ERROR),
        }
    }
}

/// The rank error of lengths, as a share of their number: TFDV's.
const RANK_ERROR: f64 = 0.01;

impl Lengths {
    fn add(&mut self, length: u64) {
        let (least, most) = self.range.unwrap_or((length, length));
        self.range = Some((least.min(length), most.max(length)));
        self.quantiles.update(length as f64, 1.0);
    }

    fn merge(&mut self, other: &Self) {
        self.range = match (self.range, other.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        self.quantiles.merge(&other.quantiles);
    }

    fn histogram(&self, parts: usize) -> Option<Histogram> {
        (self.range.is_some() && parts > 0)
            .then(|| quantiles_histogram(&self.quantiles.cuts(parts)))
    }
}

/// The parts of a sequence in which a token occurs.
fn places(sequence: &[Token], token: &Token, parts: u64) -> Vec<u64> {
    let length = sequence.len() as f64;
    sequence
        .iter()
        .enumerate()
        .filter(|(_, found)| *found == token)
        .map(|(place, _)| (place as f64 / length * parts as f64) as u64)
        .collect()
}

fn excluded(sequence: Option<&[Token]>, tokens: &std::collections::BTreeSet<Token>) -> usize {
    let sequence = sequence.unwrap_or_default();
    sequence
        .iter()
        .filter(|token| tokens.contains(token))
        .count()
}

fn characters(word: &str) -> u64 {
    word.chars().count() as u64
}

/// The values as words; `None` where one is no UTF-8, or null.
fn words(values: &ArrayRef) -> Option<Vec<Token>> {
    let bytes = byte_values(values);
    if bytes.len() < values.len() {
        return None;
    }
    bytes
        .into_iter()
        .map(|bytes| Some(Token::Word(std::str::from_utf8(bytes).ok()?.to_owned())))
        .collect()
}

/// The values as numbers; `None` where one does not fit, or is null.
fn numbers(values: &ArrayRef) -> Option<Vec<Token>> {
    match values.data_type() {
        DataType::Int64 => {
            let numbers = values.as_primitive::<Int64Type>().iter();
            numbers.map(|number| number.map(Token::Number)).collect()
        }
        DataType::UInt64 => {
            let numbers = values.as_primitive::<UInt64Type>().iter();
            numbers
                .map(|number| i64::try_from(number?).ok().map(Token::Number))
                .collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ListArray, StringArray, types::Int64Type};
    use std::{collections::BTreeSet, sync::Arc};

    fn word(word: &str) -> Token {
        Token::Word(word.to_owned())
    }

    fn words_of(rows: &[&[&str]], rules: &SequenceRules) -> SequenceCounts {
        let values: Vec<&str> = rows.iter().flat_map(|row| row.iter().copied()).collect();
        let list: ArrayRef = Arc::new(ListArray::new(
            Arc::new(arrow_schema::Field::new_list_field(DataType::Utf8, true)),
            arrow_buffer::OffsetBuffer::from_lengths(rows.iter().map(|row| row.len())),
            Arc::new(StringArray::from(values)),
            None,
        ));
        let mut counts = SequenceCounts::default();
        counts.update(FeatureType::String, &Nested::of(&list), rules, 3);
        counts
    }

    fn numbers_of(rows: Vec<Option<Vec<i64>>>, rules: &SequenceRules) -> SequenceCounts {
        let rows = rows
            .into_iter()
            .map(|row| row.map(|row| row.into_iter().map(Some).collect::<Vec<_>>()));
        let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows));
        let mut counts = SequenceCounts::default();
        counts.update(FeatureType::Int, &Nested::of(&list), rules, 3);
        counts
    }

    /// By hand from TFDV's rules: numbers are read as words where the vocabulary has them.
    #[test]
    fn numbers_are_counted_as_the_words_they_stand_for() {
        let rules = SequenceRules {
            vocabulary: Some(Vocabulary::new(["Foo\n", " Bar"])),
            excluded: BTreeSet::from([Token::Number(1)]),
            asked: BTreeSet::from([word("Foo"), Token::Number(1)]),
            ..SequenceRules::default()
        };
        let counts = numbers_of(vec![Some(vec![0, 1, 0]), None, Some(vec![1, 7])], &rules);
        assert_eq!(counts.sequences(), 2);
        assert_eq!(counts.coverage(), Some(2.0 / 3.0), "two of 0, 0 and 7");
        assert_eq!(counts.mean_token_length(), Some(3.0));
        assert_eq!(counts.sequence_range(), Some((2, 3)));
        let asked: Vec<_> = counts.asked().collect();
        assert_eq!(asked[0].0, &Token::Number(1));
        assert_eq!((asked[0].1.occurrences, asked[0].1.sequences), (2, 2));
        assert_eq!(asked[1].1.per_sequence, Some((0, 2)));
        assert_eq!(asked[1].1.positions, BTreeMap::from([(0, 1), (2, 1)]));
        let reported: Vec<&str> = counts.reported().map(|r| r.text.as_str()).collect();
        assert_eq!(
            reported,
            [
                "['Bar', 7]",
                "['Foo', 'Bar', 'Foo']",
                "['Foo', 'Bar', 'Foo']",
                "['Bar', 7]"
            ]
        );
    }

    #[test]
    fn words_are_known_unless_they_are_said_to_be_outside() {
        let rules = SequenceRules {
            outside_words: BTreeSet::from(["Baz".to_owned()]),
            uncounted: BTreeSet::from([word("Foo")]),
            ..SequenceRules::default()
        };
        let counts = words_of(&[&["Foo"], &["Baz", "Foo"], &[]], &rules);
        assert_eq!(counts.coverage(), Some(2.0 / 3.0));
        assert_eq!(counts.sequence_range(), Some((0, 1)), "Foo does not count");
        assert_eq!(counts.sequences(), 3);
        assert_eq!(counts.ranks()[0].count, 2);
    }

    #[test]
    fn what_are_no_tokens_rules_the_feature_out() {
        let rules = SequenceRules::default();
        let bytes: ArrayRef = Arc::new(arrow_array::BinaryArray::from(vec![&b"\xff"[..]]));
        let mut counts = SequenceCounts::default();
        counts.update(FeatureType::String, &Nested::of(&bytes), &rules, 3);
        assert!(!counts.is_valid());
        let mut counts = words_of(&[&["a"]], &rules);
        let floats: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![1.0]));
        counts.update(FeatureType::Float, &Nested::of(&floats), &rules, 3);
        assert!(!counts.is_valid());
    }

    #[test]
    fn words_are_written_as_python_writes_them() {
        for (value, written) in [
            ("Foo", "'Foo'"),
            ("it's", "\"it's\""),
            ("\"it's\"", "'\"it\\'s\"'"),
            ("a\\b\n\t\u{7}", "'a\\\\b\\n\\t\\x07'"),
            ("字\u{a0}\u{200b}", "'字\\xa0\\u200b'"),
        ] {
            assert_eq!(word(value).to_string(), written);
        }
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let rules = SequenceRules {
            asked: BTreeSet::from([word("a")]),
            ..SequenceRules::default()
        };
        let rows: [&[&str]; 7] = [
            &["a"],
            &["b", "a"],
            &["ccc"],
            &["dddd", "a"],
            &["a"],
            &["eeeee"],
            &["f", "g", "h"],
        ];
        let whole = words_of(&rows, &rules);
        for cut in 0..=rows.len() {
            let mut merged = words_of(&rows[..cut], &rules);
            merged.merge(&words_of(&rows[cut..], &rules));
            assert_eq!(merged.coverage(), whole.coverage());
            assert_eq!(merged.mean_token_length(), whole.mean_token_length());
            assert_eq!(merged.sequence_range(), whole.sequence_range());
            assert_eq!(merged.ranks(), whole.ranks());
            assert!(merged.asked().eq(whole.asked()));
            assert!(merged.reported().eq(whole.reported()), "cut at {cut}");
        }
    }
}
