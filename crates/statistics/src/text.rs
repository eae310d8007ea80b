//! Text: lengths and distinct texts.

use crate::{distinct::DistinctCount, numeric::NumericProfile};
use serde::{Deserialize, Serialize};

/// Mergeable summary of a column of free text.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TextProfile {
    characters: NumericProfile,
    distinct: DistinctCount,
}

impl TextProfile {
    /// Adds one text.
    pub fn update(&mut self, text: &str) {
        self.characters.update(text.chars().count() as f64);
        self.distinct.update(text.as_bytes());
    }

    /// Adds the texts of another profile.
    pub fn merge(&mut self, other: &Self) {
        self.characters.merge(&other.characters);
        self.distinct.merge(&other.distinct);
    }

    /// Lengths in characters.
    pub fn characters(&self) -> &NumericProfile {
        &self.characters
    }

    /// Distinct texts.
    pub fn distinct(&self) -> crate::DistinctEstimate {
        self.distinct.estimate()
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        self.characters.size_bytes() + self.distinct.size_bytes()
    }

    pub(crate) fn flush(&mut self) {
        self.characters.flush();
    }
}
