//! What a schema says about the tokens of a feature.

use super::Token;
use std::collections::{BTreeMap, BTreeSet};

/// Words and their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    numbers: BTreeMap<String, i64>,
    words: BTreeMap<i64, String>,
}

impl Vocabulary {
    /// A vocabulary of words in the order of their numbers, from 0. White space around
    /// a word is cut; of a word that comes twice the later number counts.
    pub fn new<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut vocabulary = Self::default();
        for (number, word) in (0..).zip(words) {
            let word = word.as_ref().trim().to_owned();
            vocabulary.numbers.insert(word.clone(), number);
            vocabulary.words.insert(number, word);
        }
        vocabulary
    }

    /// A word's number, or a number's word; what is not known stays as it is.
    pub fn translate(&self, token: &Token) -> Token {
        let known = match token {
            Token::Word(word) => self.numbers.get(word).copied().map(Token::Number),
            Token::Number(number) => self.words.get(number).cloned().map(Token::Word),
        };
        known.unwrap_or_else(|| token.clone())
    }
}

/// How the tokens of a feature are to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SequenceRules {
    /// Its vocabulary, where it has one.
    pub vocabulary: Option<Vocabulary>,
    /// Tokens that do not count for the coverage.
    pub excluded: BTreeSet<Token>,
    /// Words that count as being outside of the vocabulary.
    pub outside_words: BTreeSet<String>,
    /// Tokens that do not count for the length of a sequence.
    pub uncounted: BTreeSet<Token>,
    /// Tokens that statistics of their own are asked for.
    pub asked: BTreeSet<Token>,
}
