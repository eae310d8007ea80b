//! How well a bundle's tokenizer knows the texts that it cuts.
//!
//! A model reads a word that its tokenizer lacks in pieces, or not at all, long before its
//! confidence says so.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields};

/// How a text fares in the tokens that a model reads of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenStatistics {
    /// Share of its words that the vocabulary does not hold as one token, in `[0, 1]`. Of a
    /// tokenizer of characters they are the characters.
    pub out_of_vocabulary: f64,
    /// Share of its tokens that stand for something unknown, in `[0, 1]`; 0 where tokens are
    /// hashes.
    pub unknown_tokens: f64,
    /// Tokens a character, white space not counted.
    pub tokens_per_character: f64,
}

/// The fields of [`TokenStatistics`], by name.
pub const TOKEN_FIELDS: [&str; 3] = [
    "out_of_vocabulary",
    "unknown_tokens",
    "tokens_per_character",
];

impl TokenStatistics {
    /// Arrow type of a column of them.
    pub fn data_type() -> DataType {
        DataType::Struct(fields())
    }

    fn values(&self) -> [f64; 3] {
        [
            self.out_of_vocabulary,
            self.unknown_tokens,
            self.tokens_per_character,
        ]
    }
}

fn fields() -> Fields {
    let field = |name| Field::new(name, DataType::Float64, true);
    TOKEN_FIELDS.into_iter().map(field).collect()
}

/// What was counted of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) words: usize,
    /// Words that are no token of their own.
    pub(crate) foreign: usize,
    pub(crate) tokens: usize,
    pub(crate) unknown: usize,
    pub(crate) characters: usize,
}

impl Counted {
    /// `None` of a text with nothing to read.
    pub(crate) fn statistics(self) -> Option<TokenStatistics> {
        let share = |part: usize, of: usize| part as f64 / of as f64;
        (self.tokens > 0 && self.characters > 0).then(|| TokenStatistics {
            out_of_vocabulary: share(self.foreign, self.words),
            unknown_tokens: share(self.unknown, self.tokens),
            tokens_per_character: share(self.tokens, self.characters),
        })
    }
}

/// One struct a text; null for a null, and where there is nothing to read.
pub(crate) fn column(
    texts: &StringArray,
    of: impl Fn(&str) -> Option<TokenStatistics>,
) -> StructArray {
    let found: Vec<Option<TokenStatistics>> = texts.iter().map(|text| text.and_then(&of)).collect();
    let columns = (0..TOKEN_FIELDS.len())
        .map(|at| {
            let values = found.iter().map(|found| found.map(|it| it.values()[at]));
            Arc::new(values.collect::<Float64Array>()) as ArrayRef
        })
        .collect();
    let nulls: NullBuffer = found.iter().map(Option::is_some).collect();
    StructArray::new(fields(), columns, Some(nulls))
}
