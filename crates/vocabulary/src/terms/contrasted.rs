//! What is frequent, and more frequent than in the baseline: asked of every n-gram.

use super::{
    TermConfig, TermFinder,
    candidate::{Candidate, Spread},
    track::{Factors, Track, best_horizon},
    window::Sightings,
};
use crate::contrast::Exposure;
use driftline_statistics::{ngrams::Ngram, units::UnitKind};
use rustc_hash::FxHashMap;

/// About three times the n-grams of a quarter of headlines; more n-grams only cost time.
const RECENT_CELLS: usize = 1 << 21;

/// Documents of each n-gram over the lookback, by hash; collisions only add.
#[derive(Debug)]
pub(super) struct Recent(Vec<u32>);

impl Recent {
    pub(super) fn new() -> Self {
        Self(vec![0; RECENT_CELLS])
    }

    fn cell(hash: u64) -> usize {
        (hash >> 40) as usize % RECENT_CELLS
    }

    pub(super) fn add<'a>(&mut self, ngrams: impl Iterator<Item = Ngram<'a>>) {
        for ngram in ngrams {
            let cell = &mut self.0[Self::cell(ngram.hash())];
            *cell = cell.saturating_add(ngram.documents());
        }
    }

    pub(super) fn remove<'a>(&mut self, ngrams: impl Iterator<Item = Ngram<'a>>) {
        for ngram in ngrams {
            let cell = &mut self.0[Self::cell(ngram.hash())];
            *cell = cell.saturating_sub(ngram.documents());
        }
    }

    fn get(&self, hash: u64) -> u32 {
        self.0[Self::cell(hash)]
    }
}

impl TermFinder<'_> {
    /// N-grams of the newest window with support and a contrast to the baseline.
    pub(super) fn contrasted(&mut self) -> Vec<Candidate> {
        let longest = self.longest_horizon();
        let Some(newest) = self.windows.back() else {
            return Vec::new();
        };
        // Units of the shortest horizon of more than one window.
        let horizons = self.config.horizons.iter().copied();
        let more = horizons.filter(|&horizon| horizon > 1).min().unwrap_or(1);
        let more_units = self.spans.units(more).max(1) as f64;
        let newest_units = newest.counts.units().max(1) as f64;
        let mut found = Vec::new();
        let mut factors = Factors::default();
        for ngram in newest.counts.ngrams() {
            let hash = ngram.hash();
            let recent = self.recent.get(hash);
            if recent < self.config.min_documents || !may_be_a_term(&self.config, &ngram) {
                continue;
            }
            let (count, baseline_exact) = match self.baseline.documents_with(hash) {
                Some(count) => (count, true),
                None => (self.baseline.absent_bound(ngram.length()), false),
            };
            let before = Exposure {
                count: f64::from(count),
                units: self.baseline.units() as f64,
            };
            // The rate over one window is known, and over more at most so many documents
            // stand among at least so many units.
            let in_newest = f64::from(ngram.documents()) / newest_units;
            let in_more = f64::from(recent) / more_units;
            if in_newest.max(in_more) <= self.config.min_rate_ratio * before.rate() {
                continue;
            }
            let track = self.tracks.entry(hash).or_insert_with(|| {
                let older = self.windows.iter().take(self.windows.len() - 1);
                Track {
                    newest: self.observed - 1,
                    sightings: older.map(|window| window.sightings(hash)).collect(),
                }
            });
            track.extend(self.observed, Sightings::of(&ngram), longest);
            let documents = track.documents(self.windows.len());
            if documents < self.config.min_documents {
                continue;
            }
            let best = best_horizon(&self.config, &self.spans, track, before, &mut factors);
            if best.ln_bayes_factor < self.config.watch {
                continue;
            }
            found.push(Candidate {
                hash,
                units: ngram.unit_hashes(),
                text: ngram.text(),
                best,
                before,
                baseline_exact,
                documents,
                cohesion: None,
                entropy: [0.0; 2],
                spread: Spread::default(),
            });
        }
        found
    }
}

/// A single character is no term of its own, and the longest n-grams are there for
/// their neighbours' sake.
fn may_be_a_term(config: &TermConfig, ngram: &Ngram<'_>) -> bool {
    match ngram.length() {
        1 => ngram.last_kind() == UnitKind::Word && ngram.last_unit().chars().nth(1).is_some(),
        length => length <= config.max_units,
    }
}

/// Tracks by the hash of their n-gram.
pub(super) type Tracks = FxHashMap<u64, Track>;
