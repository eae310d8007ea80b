//! Text into token numbers: by character, by word, by piece of a word.
//!
//! The training script must normalise in exactly the same way; where the two differ, the
//! model is scored on text it was not trained on. Characters and words are normalised by
//! NFKC, in lower case and without white space, because Chinese writers set it at will and
//! training data has lost most of it. Pieces of words follow BERT, or what Hugging Face's
//! file says.

mod bpe;
mod normal;
mod pieces;
mod split;
mod sub_word;
mod unigram;
mod word_piece;

use std::path::Path;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_64;

use crate::ScorerError;
use crate::bundle::read_text;
use crate::token_statistics::{Counted, TokenStatistics};
use pieces::Pieces;
use sub_word::SubWord;
use word_piece::WordPiece;

const FORMAT_VERSION: u32 = 1;
/// Bytes of a text for each token that is read: what is behind them is not looked at, so
/// that a long text costs no more than a short one.
const BYTES_PER_TOKEN: usize = 64;

/// Turns a text into the token numbers that a model reads.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    kind: Kind,
    max_length: usize,
}

#[derive(Debug)]
enum Kind {
    Units { unit: Unit, numbers: Numbers },
    Pieces(Box<dyn Pieces>),
}

/// The numbers of units.
#[derive(Debug)]
enum Numbers {
    Known {
        numbers: FxHashMap<String, i64>,
        unknown: i64,
    },
    Hashed {
        first: i64,
        buckets: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenizerFile {
    format_version: u32,
    unit: Unit,
    #[expect(dead_code, reason = "one value so far: reading it is checking it")]
    normalisation: Normalisation,
    #[serde(default)]
    unknown_id: i64,
    first_id: i64,
    /// Characters that are known: the first has `first_id`, the next one more, and so on.
    #[serde(default)]
    characters: String,
    /// Words that are known, in the same way.
    #[serde(default)]
    words: Vec<String>,
    /// Instead of known units: the hash of a unit is its place among so many.
    #[serde(default)]
    buckets: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Character,
    /// As jieba's dictionary parts a text, without guessing at words that it does not hold.
    Word,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Normalisation {
    NfkcLowercaseNoSpace,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of ours or of Hugging Face's `tokenizers`, or a WordPiece
    /// vocabulary, one piece a line.
    pub(crate) fn read(path: &Path, max_length: usize) -> Result<Self, ScorerError> {
        let text = read_text(path, "tokenizer")?;
        let wrong = |problem: String| ScorerError::Tokenizer {
            path: path.to_owned(),
            problem,
        };
        let kind = if path.extension().is_some_and(|extension| extension == "txt") {
            WordPiece::of_lines(&text).map(of_pieces)
        } else {
            match hugging_face(&text) {
                Some(file) if file["model"]["type"] == "WordPiece" => {
                    WordPiece::of_hugging_face(&file).map(of_pieces)
                }
                Some(file) => SubWord::of_hugging_face(&file).map(of_pieces),
                None => units(&text),
            }
        };
        let kind = kind.map_err(wrong)?;
        if let Kind::Pieces(pieces) = &kind
            && max_length <= pieces.frame().len()
        {
            return Err(wrong(format!(
                "the manifest's `max_length` of {max_length} leaves no room between the first and \
                 the last token of a text"
            )));
        }
        Ok(Self { kind, max_length })
    }

    /// The text's token numbers, at most `max_length`; none where there is nothing to read.
    ///
    /// Reads only as much of the text as it needs.
    pub(crate) fn encode(&self, text: &str) -> Vec<i64> {
        match &self.kind {
            Kind::Pieces(pieces) => {
                pieces.encode(beginning(text, self.max_length), self.max_length)
            }
            Kind::Units {
                unit: Unit::Character,
                numbers,
            } => {
                let mut buffer = [0; 4];
                normalise(text)
                    .take(self.max_length)
                    .map(|c| numbers.of(c.encode_utf8(&mut buffer)))
                    .collect()
            }
            Kind::Units {
                unit: Unit::Word,
                numbers,
            } => {
                let text: String = normalise(beginning(text, self.max_length)).collect();
                let words = words(&text);
                let words = words.iter().take(self.max_length);
                words.map(|word| numbers.of(word)).collect()
            }
        }
    }

    /// How the tokens that [`encode`](Self::encode) gives fare; none where it gives none.
    pub(crate) fn statistics(&self, text: &str) -> Option<TokenStatistics> {
        let (unit, numbers) = match &self.kind {
            Kind::Pieces(pieces) => {
                let text = beginning(text, self.max_length);
                return pieces.count(text, self.max_length).statistics();
            }
            Kind::Units { unit, numbers } => (unit, numbers),
        };
        let mut counted = Counted::default();
        let mut count = |unit: &str| {
            let unknown = usize::from(!numbers.holds(unit));
            counted.words += 1;
            counted.tokens += 1;
            counted.foreign += unknown;
            counted.unknown += unknown;
            counted.characters += unit.chars().count();
        };
        match unit {
            Unit::Character => {
                let mut buffer = [0; 4];
                for c in normalise(text).take(self.max_length) {
                    count(c.encode_utf8(&mut buffer));
                }
            }
            Unit::Word => {
                let text: String = normalise(beginning(text, self.max_length)).collect();
                let words = words(&text);
                (words.iter().take(self.max_length)).for_each(|word| count(word));
            }
        }
        counted.statistics()
    }

    /// The greatest number that [`encode`](Self::encode) can return.
    pub(crate) fn greatest_id(&self) -> i64 {
        match &self.kind {
            Kind::Pieces(pieces) => pieces.greatest_id(),
            Kind::Units {
                numbers: Numbers::Known { numbers, unknown },
                ..
            } => numbers.values().copied().fold(*unknown, i64::max),
            Kind::Units {
                numbers: Numbers::Hashed { first, buckets },
                ..
            } => first.saturating_add_unsigned(buckets - 1),
        }
    }
}

impl Numbers {
    /// Whether a unit has a number of its own; a hash is one.
    fn holds(&self, unit: &str) -> bool {
        match self {
            Self::Known { numbers, .. } => numbers.contains_key(unit),
            Self::Hashed { .. } => true,
        }
    }

    fn of(&self, unit: &str) -> i64 {
        match self {
            Self::Known { numbers, unknown } => numbers.get(unit).copied().unwrap_or(*unknown),
            Self::Hashed { first, buckets } => {
                first.saturating_add_unsigned(xxh3_64(unit.as_bytes()) % buckets)
            }
        }
    }
}

fn of_pieces(pieces: impl Pieces + 'static) -> Kind {
    Kind::Pieces(Box::new(pieces))
}

/// A file of Hugging Face's `tokenizers`; none where it is not one.
fn hugging_face(json: &str) -> Option<serde_json::Value> {
    let file: serde_json::Value = serde_json::from_str(json).ok()?;
    file["model"].is_object().then_some(file)
}

fn units(json: &str) -> Result<Kind, String> {
    let file: TokenizerFile = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if file.format_version != FORMAT_VERSION {
        return Err(format!(
            "`format_version` is {}; this version reads {FORMAT_VERSION}",
            file.format_version
        ));
    }
    let number = 0..=i64::from(u32::MAX);
    if !number.contains(&file.unknown_id) || !number.contains(&file.first_id) {
        return Err(
            "neither `first_id` nor `unknown_id` may be negative, or above 32 bits".to_owned(),
        );
    }
    if cfg!(not(feature = "words")) && file.unit == Unit::Word {
        return Err(
            "parts texts into words, which this build cannot: build it with the feature `words`"
                .to_owned(),
        );
    }
    if let Some(buckets) = file.buckets {
        if buckets == 0
            || buckets > i64::MAX.unsigned_abs()
            || !file.characters.is_empty()
            || !file.words.is_empty()
        {
            return Err(
                "`buckets` must be 1 or more, and stands instead of known units".to_owned(),
            );
        }
        let numbers = Numbers::Hashed {
            first: file.first_id,
            buckets,
        };
        return Ok(Kind::Units {
            unit: file.unit,
            numbers,
        });
    }
    if file.first_id <= file.unknown_id {
        return Err("`first_id` must be above `unknown_id`, and neither negative".to_owned());
    }
    let (key, known): (_, Vec<String>) = match file.unit {
        Unit::Character => (
            "characters",
            file.characters.chars().map(String::from).collect(),
        ),
        Unit::Word => ("words", file.words),
    };
    let mut numbers = FxHashMap::default();
    for (number, unit) in (file.first_id..).zip(known) {
        if numbers.insert(unit.clone(), number).is_some() {
            return Err(format!("`{key}` holds {unit:?} twice"));
        }
    }
    if numbers.is_empty() {
        return Err(format!("`{key}` is empty"));
    }
    let numbers = Numbers::Known {
        numbers,
        unknown: file.unknown_id,
    };
    Ok(Kind::Units {
        unit: file.unit,
        numbers,
    })
}

/// The first bytes of a text, whole characters.
fn beginning(text: &str, tokens: usize) -> &str {
    let end = text.floor_char_boundary(tokens.saturating_mul(BYTES_PER_TOKEN));
    text.split_at(end).0
}

/// The words of a text.
#[cfg(feature = "words")]
fn words(text: &str) -> Vec<&str> {
    static JIEBA: std::sync::OnceLock<jieba_rs::Jieba> = std::sync::OnceLock::new();
    let jieba = JIEBA.get_or_init(jieba_rs::Jieba::new);
    let tokens = jieba.cut(text, false);
    tokens.into_iter().map(|token| token.word).collect()
}

/// Without the dictionary, bundles that need it are refused when they are read.
#[cfg(not(feature = "words"))]
fn words(_: &str) -> Vec<&str> {
    Vec::new()
}

/// NFKC, lower case character by character (no Greek final sigma), then
/// without white space and control characters.
fn normalise(text: &str) -> impl Iterator<Item = char> {
    text.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !c.is_whitespace() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::{Kind, beginning, normalise, units};

    #[test]
    fn full_width_capitals_and_spaces_become_plain_lower_case() {
        let text: String = normalise("ＡｂＣ\u{3000}１２３ ①\t㍿\n好！").collect();
        assert_eq!(text, "abc1231株式会社好!");
    }

    #[test]
    fn capital_with_a_dot_becomes_two_characters_as_in_python() {
        // "".join(c.lower() for c in "İΣ") in Python 3.11.
        assert_eq!(normalise("İΣ").collect::<String>(), "i\u{307}σ");
    }

    fn encoded(json: &str, text: &str) -> Vec<i64> {
        let kind = units(json).unwrap();
        super::Tokenizer {
            kind,
            max_length: 8,
        }
        .encode(text)
    }

    #[test]
    fn words_are_those_of_the_dictionary() {
        let json = r#"{"format_version": 1, "unit": "word", "normalisation": "nfkc_lowercase_no_space",
            "unknown_id": 1, "first_id": 2, "words": ["我们", "喜欢"]}"#;
        assert_eq!(encoded(json, "我们喜欢苹果"), [2, 3, 1]);
    }

    #[test]
    fn a_text_is_described_by_how_its_tokens_fare() {
        let json = r#"{"format_version": 1, "unit": "word", "normalisation": "nfkc_lowercase_no_space",
            "unknown_id": 1, "first_id": 2, "words": ["我们", "喜欢"]}"#;
        let tokenizer = super::Tokenizer {
            kind: units(json).unwrap(),
            max_length: 8,
        };
        let found = tokenizer.statistics("我们 喜欢 苹果!").unwrap();
        // 我们, 喜欢, and the unknown 苹果 and !, in seven characters.
        assert!((found.out_of_vocabulary - 0.5).abs() < 1e-12);
        assert!((found.unknown_tokens - 0.5).abs() < 1e-12);
        assert!((found.tokens_per_character - 4.0 / 7.0).abs() < 1e-12);
        assert_eq!(tokenizer.statistics(" \n"), None);
    }

    #[test]
    fn a_word_in_pieces_is_foreign_and_its_tokens_are_known() {
        let vocabulary = "[UNK]\n[CLS]\n[SEP]\nplay\n##ing\nwe\n";
        let tokenizer = super::Tokenizer {
            kind: super::of_pieces(super::WordPiece::of_lines(vocabulary).unwrap()),
            max_length: 16,
        };
        let found = tokenizer.statistics("we playing chess").unwrap();
        // we; play, ##ing; unknown.
        assert!((found.out_of_vocabulary - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.unknown_tokens - 0.25).abs() < 1e-12);
        assert!((found.tokens_per_character - 4.0 / 14.0).abs() < 1e-12);
    }

    #[test]
    fn hashes_stay_in_their_buckets_and_need_no_vocabulary() {
        let json = r#"{"format_version": 1, "unit": "character", "normalisation": "nfkc_lowercase_no_space",
            "first_id": 10, "buckets": 5}"#;
        let numbers = encoded(json, "一二三四五六七八九十");
        assert_eq!(numbers.len(), 8);
        assert!(numbers.iter().all(|number| (10..15).contains(number)));
        assert_eq!(encoded(json, "一一"), [numbers[0]; 2]);
    }

    #[test]
    fn a_vocabulary_beside_buckets_is_refused() {
        let json = r#"{"format_version": 1, "unit": "character", "normalisation": "nfkc_lowercase_no_space",
            "first_id": 1, "characters": "ab", "buckets": 5}"#;
        let refused = units(json).map(|kind| matches!(kind, Kind::Units { .. }));
        assert!(refused.unwrap_err().contains("instead of known units"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(beginning(&"字".repeat(100), 1), "字".repeat(21));
    }
}
