//! Whether values are prose.
//!
//! TFDV, `natural_language_domain_inferring_stats_generator.py`: a value is prose when
//! its first 100 characters hold at least three words of 2.5 to 8 characters on average.
//! Of each batch the first 100 values are looked at.

use super::{LEAST_VALUES, MATCH_SHARE, byte_values, is_text};
use crate::features::FeatureType;
use arrow_array::{Array, ArrayRef};

/// Characters of a value that are looked at.
const MOST_CHARACTERS: usize = 100;

/// Values of a batch that are looked at.
const MOST_VALUES: usize = 100;

/// Words that prose has at least.
const LEAST_WORDS: usize = 3;

/// How many values were looked at, and how many are prose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LanguageShare {
    considered: u64,
    matched: u64,
    invalid: bool,
}

impl LanguageShare {
    /// Adds the innermost values of a feature in a batch. Values that are no strings,
    /// or no UTF-8, rule prose out for good.
    pub fn update(&mut self, feature_type: FeatureType, values: &ArrayRef) {
        self.update_by(feature_type, values, &|bytes, text| is_prose(bytes, text));
    }

    /// As [`update`](Self::update), by another judgement of a value; it is told whether
    /// the value is text rather than bytes that happen to be text.
    pub fn update_by(
        &mut self,
        feature_type: FeatureType,
        values: &ArrayRef,
        prose: &dyn Fn(&str, bool) -> bool,
    ) {
        if self.invalid {
            return;
        }
        if feature_type != FeatureType::String {
            self.invalid = true;
            return;
        }
        let values = values.slice(0, values.len().min(MOST_VALUES));
        let text = is_text(&values);
        let texts: Option<Vec<&str>> = byte_values(&values)
            .into_iter()
            .map(|bytes| std::str::from_utf8(bytes).ok())
            .collect();
        let Some(texts) = texts else {
            self.invalid = true;
            return;
        };
        self.considered += texts.len() as u64;
        self.matched += texts.iter().filter(|value| prose(value, text)).count() as u64;
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.considered += other.considered;
        self.matched += other.matched;
        self.invalid |= other.invalid;
    }

    /// The share of prose, where there are enough values and enough of them are prose,
    /// by the usual bounds: 100 values, 0.8 of them prose.
    pub fn share(&self) -> Option<f64> {
        self.share_by(LEAST_VALUES, MATCH_SHARE)
    }

    /// As [`share`](Self::share), with bounds of one's own.
    pub fn share_by(&self, least_values: u64, match_share: f64) -> Option<f64> {
        if self.invalid || self.considered < least_values.max(1) {
            return None;
        }
        let share = self.matched as f64 / self.considered as f64;
        (share >= match_share).then_some(share)
    }
}

/// Whether a value is prose. TFDV measures columns of bytes in bytes and columns of
/// text in characters; `text` says which this is.
pub fn is_prose(value: &str, text: bool) -> bool {
    let lengths: Vec<usize> = if text {
        let end = value.char_indices().nth(MOST_CHARACTERS);
        let head = value.get(..end.map_or(value.len(), |(end, _)| end));
        head.unwrap_or(value)
            .split(is_blank)
            .filter(|word| !word.is_empty())
            .map(|word| word.chars().count())
            .collect()
    } else {
        let bytes = value.as_bytes();
        bytes[..bytes.len().min(MOST_CHARACTERS)]
            .split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b)
            .filter(|word| !word.is_empty())
            .map(<[u8]>::len)
            .collect()
    };
    let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
    lengths.len() >= LEAST_WORDS && (2.5..=8.0).contains(&mean)
}

/// What Python's `str.split` splits at: white space, and the four separators of ASCII.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringArray};
    use std::sync::Arc;

    fn of(values: &[&str]) -> LanguageShare {
        let mut share = LanguageShare::default();
        let array: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        share.update(FeatureType::String, &array);
        share
    }

    #[test]
    fn prose_has_three_words_of_middling_length() {
        for (value, prose) in [
            ("This looks correct.", true),
            ("This one too, it should be text.", true),
            ("xosuhddsofuhg123fdgosh", false),
            ("a b c d e", false),
            ("two words", false),
            ("", false),
            ("   ", false),
        ] {
            assert_eq!(is_prose(value, true), prose, "{value:?}");
            assert_eq!(is_prose(value, false), prose, "{value:?}");
        }
        // Nine bytes a word, three characters: columns of bytes are measured in bytes.
        assert!(is_prose("字字字 字字字 字字字", true));
        assert!(!is_prose("字字字 字字字 字字字", false));
    }

    #[test]
    fn only_the_first_hundred_values_of_a_batch_count() {
        let mut values = vec!["this is clearly prose"; 100];
        values.extend(vec!["no"; 900]);
        assert_eq!(of(&values).share(), Some(1.0));
    }

    #[test]
    fn numbers_rule_prose_out() {
        let mut share = of(&["this is clearly prose"; 100]);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![42]));
        share.update(FeatureType::Int, &numbers);
        assert_eq!(share.share(), None);
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let mut merged = of(&["this is clearly prose"; 60]);
        merged.merge(&of(&["x"; 40]));
        let mut all = vec!["this is clearly prose"; 60];
        all.extend(vec!["x"; 40]);
        assert_eq!(merged, of(&all));
        assert_eq!(merged.share_by(100, 0.6), Some(0.6));
        assert_eq!(merged.share(), None);
    }
}
