//! Which words are known whatever the baseline says: jieba's dictionary.
//!
//! A year of headlines does not hold all of a language. Only the dictionary is
//! asked, never jieba's hidden Markov model, which makes up words of its own.

use jieba_rs::Jieba;
use std::sync::OnceLock;

fn jieba() -> &'static Jieba {
    static DICTIONARY: OnceLock<Jieba> = OnceLock::new();
    DICTIONARY.get_or_init(Jieba::new)
}

/// Whether the dictionary has `word`, which must be in normal form.
pub fn is_known(word: &str) -> bool {
    jieba().has_word(word)
}

/// Whether `word` begins or ends in the middle of nothing but dictionary words: all of
/// it is one, or it falls into several of two characters or more.
pub fn words(text: &str) -> Vec<&str> {
    jieba()
        .cut(text, false)
        .into_iter()
        .map(|token| token.word)
        .collect()
}
