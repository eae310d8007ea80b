//! What is made of a text before it is parted: `normalizer`.

use super::sub_word::refused;
use base64::Engine as _;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

#[derive(Debug)]
pub(super) enum Normal {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    Lowercase,
    StripAccents,
    Strip {
        left: bool,
        right: bool,
    },
    Replace {
        from: String,
        to: String,
    },
    /// Two or more spaces are one text.
    Spaces {
        to: String,
    },
    Prepend(String),
    Charsmap(Charsmap),
}

impl Normal {
    pub(super) fn read(file: &Value) -> Result<Vec<Self>, String> {
        let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
        Ok(vec![match file["type"].as_str() {
            None if file.is_null() => return Ok(Vec::new()),
            Some("Sequence") => {
                let mut all = Vec::new();
                for one in file["normalizers"].as_array().into_iter().flatten() {
                    all.extend(Self::read(one)?);
                }
                return Ok(all);
            }
            Some("NFC") => Self::Nfc,
            Some("NFD") => Self::Nfd,
            Some("NFKC") => Self::Nfkc,
            Some("NFKD") => Self::Nfkd,
            Some("Lowercase") => Self::Lowercase,
            Some("StripAccents") => Self::StripAccents,
            Some("Strip") => Self::Strip {
                left: file["strip_left"].as_bool().unwrap_or(true),
                right: file["strip_right"].as_bool().unwrap_or(true),
            },
            Some("Prepend") => Self::Prepend(text("prepend")),
            Some("Replace") => match (&file["pattern"]["String"], &file["pattern"]["Regex"]) {
                (Value::String(from), _) if !from.is_empty() => Self::Replace {
                    from: from.clone(),
                    to: text("content"),
                },
                (_, Value::String(pattern)) if pattern == " {2,}" => Self::Spaces {
                    to: text("content"),
                },
                _ => return refused("normaliser", file),
            },
            Some("Precompiled") => Self::Charsmap(Charsmap::read(&text("precompiled_charsmap"))?),
            _ => return refused("normaliser", file),
        }])
    }

    pub(super) fn apply(&self, text: String) -> String {
        match self {
            Self::Nfc => text.nfc().collect(),
            Self::Nfd => text.nfd().collect(),
            Self::Nfkc => text.nfkc().collect(),
            Self::Nfkd => text.nfkd().collect(),
            Self::Lowercase => text.chars().flat_map(char::to_lowercase).collect(),
            Self::StripAccents => {
                let is_accent = |c: &char| c.general_category_group() == GeneralCategoryGroup::Mark;
                text.chars().filter(|c| !is_accent(c)).collect()
            }
            Self::Strip { left, right } => {
                let mut text = text.as_str();
                if *left {
                    text = text.trim_start();
                }
                if *right {
                    text = text.trim_end();
                }
                text.to_owned()
            }
            Self::Replace { from, to } => text.replace(from, to),
            Self::Spaces { to } => spaces(&text, to),
            Self::Prepend(prefix) if !text.is_empty() => format!("{prefix}{text}"),
            Self::Prepend(_) => text,
            Self::Charsmap(map) => map.apply(&text),
        }
    }
}

fn spaces(text: &str, to: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("  ") {
        made.push_str(before);
        made.push_str(to);
        rest = after.trim_start_matches(' ');
    }
    made.push_str(rest);
    made
}

/// SentencePiece's rules of what becomes of which characters: a double array (Aoe 1989, "An
/// efficient digital search algorithm by using a double-array structure") in the form of the
/// library Darts-clone, whose values are places in a text of replacements.
#[derive(Debug)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

/// Bytes of the longest cluster of characters that is looked up as one.
const LONGEST_CLUSTER: usize = 5;

impl Charsmap {
    fn read(base64: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("its `precompiled_charsmap` is damaged: {what}");
        let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
        let bytes = bytes.map_err(|error| wrong(&error.to_string()))?;
        if bytes.is_empty() {
            return Ok(Self {
                units: Vec::new(),
                replacements: String::new(),
            });
        }
        let (size, rest) = bytes
            .split_first_chunk()
            .ok_or_else(|| wrong("it ends early"))?;
        let size = u32::from_le_bytes(*size) as usize;
        let (trie, replacements) = rest
            .split_at_checked(size)
            .ok_or_else(|| wrong("it ends early"))?;
        let (units, _) = trie.as_chunks::<4>();
        let replacements = String::from_utf8(replacements.to_vec());
        Ok(Self {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements: replacements.map_err(|error| wrong(&error.to_string()))?,
        })
    }

    fn apply(&self, text: &str) -> String {
        let mut made = String::with_capacity(text.len());
        for cluster in text.graphemes(true) {
            if cluster.len() <= LONGEST_CLUSTER
                && let Some(instead) = self.instead(cluster)
            {
                made.push_str(instead);
                continue;
            }
            let mut buffer = [0; 4];
            for c in cluster.chars() {
                let one = &*c.encode_utf8(&mut buffer);
                made.push_str(self.instead(one).unwrap_or(one));
            }
        }
        made
    }

    /// What stands instead of the shortest beginning of a text that has a rule.
    fn instead(&self, text: &str) -> Option<&str> {
        let unit = |at: usize| self.units.get(at).copied();
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut at = offset(unit(0)?);
        for byte in text.bytes().take_while(|byte| *byte != 0) {
            at ^= usize::from(byte);
            let found = unit(at)?;
            if found & ((1 << 31) | 0xFF) != u32::from(byte) {
                return None;
            }
            at ^= offset(found);
            if (found >> 8) & 1 == 1 {
                let place = (unit(at)? & !(1 << 31)) as usize;
                let instead = self.replacements.get(place..)?;
                return instead.split('\0').next();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_spaces_become_one() {
        assert_eq!(spaces("a  b   c d ", " "), "a b c d ");
    }

    #[test]
    fn damaged_rules_are_refused_or_find_nothing() {
        assert!(Charsmap::read("AAA").is_err());
        assert!(
            Charsmap::read("////fw==")
                .unwrap_err()
                .contains("ends early")
        );
        let map = Charsmap {
            units: vec![u32::MAX; 3],
            replacements: "x".to_owned(),
        };
        assert_eq!(map.apply("abc"), "abc");
    }
}
