//! What makes an n-gram a term.

use serde::{Deserialize, Serialize};

/// What makes an n-gram a term. The defaults were chosen on weekly windows of headlines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TermConfig {
    /// Spans, in windows, over which live counts are compared with the baseline; ascending.
    pub horizons: Vec<usize>,
    /// Windows whose n-grams are kept, for support, spread, cohesion and neighbours.
    pub lookback: usize,
    /// Least documents over the lookback.
    pub min_documents: u32,
    /// Least days (folds of windows) with a document.
    pub min_days: u32,
    /// Least sources, where they are known.
    pub min_sources: u32,
    /// Greatest share of the documents on one day.
    pub max_day_share: f64,
    /// Log Bayes factor from which a term is watched.
    pub watch: f64,
    /// Log Bayes factor from which a term alarms.
    pub alarm: f64,
    /// Windows after which a term that alarmed, and is still above, is confirmed.
    pub confirm_after: usize,
    /// Windows for which a term that was reported is not reported again, unless its tier rises
    /// or its rate doubles.
    pub refractory: usize,
    /// Least ratio of the live rate to the baseline's.
    pub min_rate_ratio: f64,
    /// Least cohesion in bits.
    pub min_cohesion: f64,
    /// Least entropy of the neighbours on either side, in bits.
    pub min_entropy: f64,
    /// The same as a share of the greatest possible, for terms of few occurrences.
    pub min_relative_entropy: f64,
    /// A term in so many sixteenths of the baseline's time was in use before, and is not new.
    pub established_folds: u32,
    /// A term that the dictionary does not have is a name where it is one with so much probability.
    pub name_from: f64,
    /// It is not told where it is a piece of something with so much probability.
    pub piece_from: f64,
    /// Most units of a term; one longer is counted to see its neighbours.
    pub max_units: usize,
}

impl Default for TermConfig {
    fn default() -> Self {
        Self {
            horizons: vec![1, 4, 13, 26],
            lookback: 13,
            min_documents: 5,
            min_days: 3,
            min_sources: 5,
            max_day_share: 0.5,
            watch: 5.0,
            alarm: 8.0,
            confirm_after: 4,
            refractory: 26,
            min_rate_ratio: 2.0,
            min_cohesion: 3.0,
            min_entropy: 1.5,
            min_relative_entropy: 0.5,
            established_folds: 4,
            name_from: 0.7,
            piece_from: 0.5,
            max_units: 5,
        }
    }
}
