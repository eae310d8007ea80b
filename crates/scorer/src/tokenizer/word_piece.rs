//! Pieces of words, as BERT cuts them.
//!
//! Devlin et al. (2019), "BERT", and the reference `tokenization.py` beside it: clean, part
//! at white space, punctuation and Chinese characters, take off accents, then the longest
//! known piece from the left. Hugging Face's `tokenizer.json` says the same in settings.

use super::pieces::{Frame, Pieces};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Longer words are unknown as a whole.
const LONGEST_WORD: usize = 100;

#[derive(Debug)]
pub(super) struct WordPiece {
    pieces: FxHashMap<String, i64>,
    unknown: i64,
    prefix: String,
    longest_word: usize,
    lowercase: bool,
    strip_accents: bool,
    chinese: bool,
    frame: Frame,
}

/// What is read of Hugging Face's file; there is much more in it.
#[derive(Deserialize)]
struct HuggingFace {
    model: Model,
    #[serde(default)]
    normalizer: Option<Normalizer>,
    #[serde(default)]
    post_processor: Value,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    vocab: Value,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    max_input_chars_per_word: Option<usize>,
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    lowercase: Option<bool>,
    #[serde(default)]
    strip_accents: Option<bool>,
    #[serde(default)]
    handle_chinese_chars: Option<bool>,
}

impl WordPiece {
    /// A vocabulary of BERT: one piece a line, numbered from 0, in lower case where it
    /// holds no capitals but those of `[CLS]` and the like.
    pub(super) fn of_lines(text: &str) -> Result<Self, String> {
        let mut pieces = FxHashMap::default();
        for (number, line) in (0..).zip(text.lines()) {
            if pieces.insert(line.trim_end().to_owned(), number).is_some() {
                return Err(format!(
                    "line {}: the piece {line:?} is there twice",
                    number + 1
                ));
            }
        }
        let special = |piece: &&String| !(piece.starts_with('[') && piece.ends_with(']'));
        let mut words = pieces.keys().filter(special);
        let lowercase = !words.any(|piece| piece.chars().any(char::is_uppercase));
        let number = |piece: &str| {
            pieces.get(piece).copied().ok_or_else(|| {
                format!("the vocabulary has no {piece}; a BERT vocabulary has one a line")
            })
        };
        Ok(Self {
            unknown: number("[UNK]")?,
            frame: Frame {
                before: vec![number("[CLS]")?],
                after: vec![number("[SEP]")?],
            },
            prefix: "##".to_owned(),
            longest_word: LONGEST_WORD,
            lowercase,
            strip_accents: lowercase,
            chinese: true,
            pieces,
        })
    }

    /// Hugging Face's `tokenizer.json` of a WordPiece model with BERT's normaliser.
    pub(super) fn of_hugging_face(file: &Value) -> Result<Self, String> {
        let file = HuggingFace::deserialize(file).map_err(|error| error.to_string())?;
        let normalizer = file
            .normalizer
            .filter(|normalizer| normalizer.kind == "BertNormalizer");
        let normalizer = normalizer
            .ok_or("its normaliser is not BERT's (`BertNormalizer`), which alone runs")?;
        let vocabulary = file
            .model
            .vocab
            .as_object()
            .ok_or("its model has no `vocab`")?;
        let pieces: FxHashMap<String, i64> = vocabulary
            .iter()
            .filter_map(|(piece, number)| Some((piece.clone(), number.as_i64()?)))
            .collect();
        let unknown = file.model.unk_token.as_deref().unwrap_or("[UNK]");
        let unknown = *pieces
            .get(unknown)
            .ok_or_else(|| format!("its `vocab` has no {unknown}"))?;
        let lowercase = normalizer.lowercase.unwrap_or(true);
        Ok(Self {
            unknown,
            frame: Frame::of(&file.post_processor),
            prefix: file
                .model
                .continuing_subword_prefix
                .unwrap_or_else(|| "##".to_owned()),
            longest_word: file.model.max_input_chars_per_word.unwrap_or(LONGEST_WORD),
            lowercase,
            strip_accents: normalizer.strip_accents.unwrap_or(lowercase),
            chinese: normalizer.handle_chinese_chars.unwrap_or(true),
            pieces,
        })
    }
}

impl Pieces for WordPiece {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn unknown(&self) -> Option<i64> {
        Some(self.unknown)
    }

    fn greatest_piece(&self) -> i64 {
        self.pieces.values().copied().fold(self.unknown, i64::max)
    }

    fn words(&self, text: &str) -> Vec<String> {
        let mut cleaned = String::with_capacity(text.len());
        for c in text.chars() {
            if c == '\u{0}' || c == '\u{fffd}' || is_control(c) {
                continue;
            }
            if c.is_whitespace() {
                cleaned.push(' ');
            } else if self.chinese && is_chinese(c) {
                cleaned.extend([' ', c, ' ']);
            } else {
                cleaned.push(c);
            }
        }
        if self.strip_accents {
            cleaned = cleaned
                .nfd()
                .filter(|c| c.general_category() != GeneralCategory::NonspacingMark)
                .collect();
        }
        if self.lowercase {
            cleaned = cleaned.to_lowercase();
        }
        let mut words: Vec<String> = Vec::new();
        for part in cleaned.split_whitespace() {
            let mut word = String::new();
            for c in part.chars() {
                if is_punctuation(c) {
                    words.extend([std::mem::take(&mut word), c.to_string()]);
                } else {
                    word.push(c);
                }
            }
            words.push(word);
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// The longest known pieces from the left; unknown where a rest is not known.
    fn cut(&self, word: &str, into: &mut Vec<i64>) {
        let characters: Vec<char> = word.chars().collect();
        if characters.len() > self.longest_word {
            into.push(self.unknown);
            return;
        }
        let before = into.len();
        let mut start = 0;
        while start < characters.len() {
            let found = (start + 1..=characters.len()).rev().find_map(|end| {
                let mut piece = if start > 0 {
                    self.prefix.clone()
                } else {
                    String::new()
                };
                piece.extend(&characters[start..end]);
                Some((*self.pieces.get(&piece)?, end))
            });
            let Some((number, end)) = found else {
                into.truncate(before);
                into.push(self.unknown);
                return;
            };
            into.push(number);
            start = end;
        }
    }
}

fn is_control(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r') && c.general_category_group() == GeneralCategoryGroup::Other
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// The blocks of ideographs that BERT parts at each character.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F
        | 0x2B740..=0x2B81F | 0x2B820..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nhello\n,\n!\n你\n好\ncafe\n";

    #[test]
    fn words_are_cut_into_their_longest_pieces() {
        let pieces = WordPiece::of_lines(LINES).unwrap();
        // `tokenization_test.py` of the BERT repository: "unwanted,running" and the like.
        assert_eq!(pieces.encode("unaffable", 16), [2, 4, 5, 6, 3]);
        assert_eq!(
            pieces.encode("Hello, 你好! Café", 16),
            [2, 7, 8, 10, 11, 9, 12, 3]
        );
        assert_eq!(pieces.encode("unaffableX", 16), [2, 1, 3]);
    }

    #[test]
    fn a_cut_text_keeps_its_frame_and_an_empty_one_has_no_tokens() {
        let pieces = WordPiece::of_lines(LINES).unwrap();
        assert_eq!(pieces.encode("hello hello hello hello", 4), [2, 7, 7, 3]);
        assert!(pieces.encode(" \u{0}\n", 4).is_empty());
    }

    #[test]
    fn hugging_faces_file_gives_the_same_numbers() {
        let lines = LINES.lines().enumerate();
        let vocab: serde_json::Map<String, serde_json::Value> = lines
            .map(|(number, piece)| (piece.to_owned(), number.into()))
            .collect();
        let file = serde_json::json!({
            "version": "1.0",
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "lowercase": true,
                "strip_accents": null, "handle_chinese_chars": true},
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2]}, "[SEP]": {"id": "[SEP]", "ids": [3]}}},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocab},
        });
        let pieces = WordPiece::of_hugging_face(&file).unwrap();
        assert_eq!(
            pieces.encode("Hello, 你好! Café", 16),
            [2, 7, 8, 10, 11, 9, 12, 3]
        );
    }
}
