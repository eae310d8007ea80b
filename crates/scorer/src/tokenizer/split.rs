//! How a text is parted before its words are cut into pieces: `pre_tokenizer`.

use super::sub_word::refused;
use serde_json::Value;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup as Group, UnicodeGeneralCategory};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Split {
    /// At white space, which is dropped.
    WhiteSpace,
    /// Runs of letters, digits and `_`, and runs of what is neither that nor white space.
    Words,
    /// As GPT-2 parts a text; then each byte is a character.
    Bytes { prefix: bool, parts: bool },
    /// Spaces become a visible character, and words begin with it.
    Metaspace {
        replacement: char,
        prepend: Prepend,
        parts: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Prepend {
    Always,
    First,
    Never,
}

impl Split {
    pub(super) fn read(file: &Value) -> Result<Vec<Self>, String> {
        let flag = |key: &str, usual: bool| file[key].as_bool().unwrap_or(usual);
        Ok(vec![match file["type"].as_str() {
            None if file.is_null() => return Ok(Vec::new()),
            Some("Sequence") => {
                let all = file["pretokenizers"].as_array();
                let all = all.into_iter().flatten().map(Self::read);
                return Ok(all.collect::<Result<Vec<_>, _>>()?.concat());
            }
            Some("WhitespaceSplit") => Self::WhiteSpace,
            Some("Whitespace") => Self::Words,
            Some("ByteLevel") => Self::Bytes {
                prefix: flag("add_prefix_space", true),
                parts: flag("use_regex", true),
            },
            Some("Metaspace") => Self::Metaspace {
                replacement: file["replacement"]
                    .as_str()
                    .and_then(|text| text.chars().next())
                    .unwrap_or('▁'),
                prepend: match (
                    file["prepend_scheme"].as_str(),
                    flag("add_prefix_space", true),
                ) {
                    (Some("never"), _) | (None, false) => Prepend::Never,
                    (Some("first"), _) => Prepend::First,
                    (Some("always") | None, _) => Prepend::Always,
                    (Some(_), _) => return refused("pre-tokenizer", file),
                },
                parts: flag("split", true),
            },
            _ => return refused("pre-tokenizer", file),
        }])
    }

    /// Whether characters stand for bytes behind it.
    pub(super) fn is_of_bytes(&self) -> bool {
        matches!(self, Self::Bytes { .. })
    }

    /// The parts of a text, which begins a whole text or does not.
    pub(super) fn apply(&self, text: &str, is_first: bool) -> Vec<String> {
        match self {
            Self::WhiteSpace => text.split_whitespace().map(str::to_owned).collect(),
            Self::Words => {
                let kind = |c: char| match (is_of_word(c), c.is_whitespace()) {
                    (true, _) => Some(true),
                    (_, false) => Some(false),
                    _ => None,
                };
                runs(text, kind)
            }
            Self::Bytes { prefix, parts } => {
                let text = match *prefix && !text.starts_with(' ') {
                    true => format!(" {text}"),
                    false => text.to_owned(),
                };
                let parts = match parts {
                    true => gpt2(&text),
                    false => vec![text.as_str()],
                };
                let mapped = parts.iter().map(|part| part.bytes().map(of_byte).collect());
                mapped.collect()
            }
            Self::Metaspace {
                replacement,
                prepend,
                parts,
            } => {
                let mut text = text.replace(' ', replacement.encode_utf8(&mut [0; 4]));
                let wanted = match prepend {
                    Prepend::Always => true,
                    Prepend::First => is_first,
                    Prepend::Never => false,
                };
                if wanted && !text.starts_with(*replacement) {
                    text.insert(0, *replacement);
                }
                if !parts {
                    return vec![text];
                }
                let mut words: Vec<String> = Vec::new();
                for c in text.chars() {
                    match words.last_mut().filter(|_| c != *replacement) {
                        Some(word) => word.push(c),
                        None => words.push(c.to_string()),
                    }
                }
                words
            }
        }
    }
}

/// What `\w` stands for: annex C of Unicode's technical standard 18.
fn is_of_word(c: char) -> bool {
    let category = c.general_category();
    c.is_alphabetic()
        || c.general_category_group() == Group::Mark
        || category == GeneralCategory::DecimalNumber
        || category == GeneralCategory::ConnectorPunctuation
        || matches!(c, '\u{200C}' | '\u{200D}')
}

/// Runs of characters of one kind; those of none are dropped.
fn runs(text: &str, kind: impl Fn(char) -> Option<bool>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let now = kind(c);
        match (now, found.last_mut()) {
            (Some(_), Some(run)) if now == last => run.push(c),
            (Some(_), _) => found.push(c.to_string()),
            (None, _) => {}
        }
        last = now;
    }
    found
}

/// The parts of a text by the pattern of GPT-2's `encoder.py`:
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
fn gpt2(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(gpt2_part(rest).max(1));
        parts.push(part);
        rest = after;
    }
    parts
}

/// Bytes of the first part; what follows is not empty.
fn gpt2_part(text: &str) -> usize {
    const SHORT: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    if let Some(short) = SHORT.iter().find(|short| text.starts_with(**short)) {
        return short.len();
    }
    let inner = text.strip_prefix(' ').unwrap_or(text);
    let first = inner.chars().next();
    let Some(kind) = first.map(Kind::of).filter(|kind| *kind != Kind::Space) else {
        // White space; the last of it goes to what follows.
        let end = text.find(|c| !char::is_whitespace(c));
        let Some(end) = end else { return text.len() };
        let (white, _) = text.split_at(end);
        let last = white.chars().next_back().map_or(0, char::len_utf8);
        return if end > last { end - last } else { end };
    };
    let after = inner.find(|c| Kind::of(c) != kind);
    after.map_or(text.len(), |after| text.len() - inner.len() + after)
}

#[derive(PartialEq)]
enum Kind {
    Letter,
    Number,
    Space,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c.general_category_group() {
            Group::Letter => Self::Letter,
            Group::Number => Self::Number,
            _ if c.is_whitespace() => Self::Space,
            _ => Self::Other,
        }
    }
}

/// The character that stands for a byte: itself where it is seen, else one from 256 on.
fn of_byte(byte: u8) -> char {
    let is_seen = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    match is_seen(byte) {
        true => char::from(byte),
        false => {
            let place = (0..byte).filter(|before| !is_seen(*before)).count();
            // At most 68 bytes are not seen.
            char::from_u32(256 + place as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    }
}

/// Characters, no white space, that characters for bytes stand for: each begins with one byte
/// that goes on none.
pub(super) fn characters_of_bytes(word: &str) -> usize {
    let white = [b' ', b'\n', b'\t', b'\r'].map(of_byte);
    let goes_on = |c: char| (0x80..0xC0).map(of_byte).any(|byte| byte == c);
    let begins = |c: &char| !white.contains(c) && !goes_on(*c);
    word.chars().filter(begins).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parted_as_gpt2_does() {
        // regex.findall of the pattern in Python.
        assert_eq!(
            gpt2("I've  2 dogs,\n\n they're 好看!! "),
            [
                "I", "'ve", " ", " 2", " dogs", ",", "\n\n", " they", "'re", " 好看", "!!", " "
            ]
        );
        assert_eq!(gpt2("a\n b"), ["a", "\n", " b"]);
        assert_eq!(gpt2("a\n\tb"), ["a", "\n", "\t", "b"]);
    }

    #[test]
    fn bytes_that_are_not_seen_have_characters_from_256_on() {
        assert_eq!(
            [0, b' ', b'a', 0x7F, 0xAD].map(of_byte),
            ['Ā', 'Ġ', 'a', 'ġ', 'Ń']
        );
        assert_eq!(
            characters_of_bytes(&"好 é".bytes().map(of_byte).collect::<String>()),
            2
        );
    }
}
