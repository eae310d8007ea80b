//! New terms, and known ones that surge, in the text of a window.
//!
//! [`BaselineVocabulary`] is what the training data said, frozen; [`TermFinder`]
//! goes over the windows of live text in time order and names what it did not say:
//! n-grams that are frequent, far more frequent than in the baseline, spread over
//! days and texts, that hold together inside and meet many different neighbours
//! outside. [`keyword()`] watches words that somebody named beforehand.
//!
//! Everything here is a function of counts of n-grams: no files, clock or
//! randomness. A word that stands in a dictionary is no new word, however rare
//! the baseline had it; where it rises it is a surge.

pub mod baseline;
mod by_hash;
pub mod contrast;
mod error;
pub mod keyword;
pub mod lexicon;
mod mentions;
mod novel_stretch;
mod out_of_vocabulary;
mod present;
mod surroundings;
pub mod terms;
pub mod usage;

pub use baseline::BaselineVocabulary;
pub use contrast::Exposure;
pub use error::VocabularyError;
pub use keyword::{KeywordCount, keyword};
pub use mentions::{Mentions, Origin};
pub use novel_stretch::{NovelStretch, NoveltyScan};
pub use out_of_vocabulary::OovReader;
pub use terms::{Nature, Sign, Term, TermClass, TermConfig, TermFinder, TermSeries, Tier};
pub use usage::{UsageChange, UsagePart, UsageProfiles, WordCounts, WordCutter};
