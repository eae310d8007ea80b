//! Text into token ids, by character.
//!
//! The training script normalises in exactly the same way; where the two
//! differed, the model would be scored on text it was not trained on. White
//! space goes, because Chinese writers set it at will and the training data
//! has lost most of it.

use std::path::Path;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use crate::ScorerError;
use crate::bundle::read_text;

const FORMAT_VERSION: u32 = 1;

/// Turns a text into the token ids that a model reads.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    ids: FxHashMap<char, i64>,
    unknown_id: i64,
    max_length: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenizerFile {
    format_version: u32,
    #[expect(dead_code, reason = "one value so far: reading it is checking it")]
    unit: Unit,
    #[expect(dead_code, reason = "one value so far: reading it is checking it")]
    normalisation: Normalisation,
    unknown_id: i64,
    first_id: i64,
    /// The first has `first_id`, the next one more, and so on.
    characters: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Character,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Normalisation {
    NfkcLowercaseNoSpace,
}

impl Tokenizer {
    pub(crate) fn read(path: &Path, max_length: usize) -> Result<Self, ScorerError> {
        let json = read_text(path, "tokenizer")?;
        let wrong = |problem: String| ScorerError::Tokenizer {
            path: path.to_owned(),
            problem,
        };
        let file: TokenizerFile =
            serde_json::from_str(&json).map_err(|error| wrong(error.to_string()))?;
        if file.format_version != FORMAT_VERSION {
            return Err(wrong(format!(
                "`format_version` is {}; this version reads {FORMAT_VERSION}",
                file.format_version
            )));
        }
        if file.unknown_id < 0 || file.first_id <= file.unknown_id {
            return Err(wrong(
                "`first_id` must be above `unknown_id`, and neither negative".to_owned(),
            ));
        }
        let mut ids = FxHashMap::default();
        for (id, character) in (file.first_id..).zip(file.characters.chars()) {
            if ids.insert(character, id).is_some() {
                return Err(wrong(format!("`characters` holds {character:?} twice")));
            }
        }
        if ids.is_empty() {
            return Err(wrong("`characters` is empty".to_owned()));
        }
        Ok(Self {
            ids,
            unknown_id: file.unknown_id,
            max_length,
        })
    }

    /// The text's token ids, at most `max_length`; none where the text has
    /// nothing but white space and control characters.
    ///
    /// Reads only as much of the text as it needs.
    pub(crate) fn encode(&self, text: &str) -> Vec<i64> {
        normalise(text)
            .take(self.max_length)
            .map(|c| self.ids.get(&c).copied().unwrap_or(self.unknown_id))
            .collect()
    }

    /// The greatest id that [`encode`](Self::encode) can return.
    pub(crate) fn greatest_id(&self) -> i64 {
        self.ids.values().copied().fold(self.unknown_id, i64::max)
    }
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
    use super::normalise;

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
}
