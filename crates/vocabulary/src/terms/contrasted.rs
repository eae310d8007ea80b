//! What is frequent, and more frequent than in the baseline: asked of every n-gram.

use super::{
    TermConfig, TermFinder,
    candidate::{Candidate, Spread},
    track::{Before, Factors, Spans, Tracks, best_horizon},
    window::{Key, Sightings, Window},
};
use crate::{BaselineVocabulary, contrast::Exposure};
use driftline_statistics::{
    ngrams::Ngram,
    units::{UnitKind, extend_hash},
};
use std::collections::VecDeque;

/// About three times the n-grams of a quarter of headlines, and as much memory as a
/// processor has near; more n-grams only cost time.
const RECENT_CELL_BITS: u32 = 21;

/// Documents of each n-gram over the lookback, by the upper bits of its hash; collisions
/// only add.
#[derive(Debug)]
pub(super) struct Recent(Vec<u8>);

/// A cell that was full: from then on nobody knows how many there are.
const MANY: u8 = u8::MAX;

impl Recent {
    pub(super) fn new() -> Self {
        Self(vec![0; 1 << RECENT_CELL_BITS])
    }

    fn cell(hash: u64) -> usize {
        (hash >> (u64::BITS - RECENT_CELL_BITS)) as usize
    }

    /// Adds an n-gram of the window that comes.
    pub(super) fn add(&mut self, hash: u64, documents: u32) {
        let cell = &mut self.0[Self::cell(hash)];
        *cell = cell.saturating_add(u8::try_from(documents).unwrap_or(MANY));
    }

    /// Takes an n-gram of the window that goes away.
    pub(super) fn subtract(&mut self, hash: u64, documents: u32) {
        let cell = &mut self.0[Self::cell(hash)];
        if *cell != MANY {
            *cell = cell.saturating_sub(u8::try_from(documents).unwrap_or(MANY));
        }
    }

    /// Documents of the n-gram's cell.
    pub(super) fn get(&self, hash: u64) -> u32 {
        match self.0[Self::cell(hash)] {
            MANY => u32::MAX,
            documents => documents.into(),
        }
    }
}

impl TermFinder<'_> {
    /// N-grams of the newest window with support and a contrast to the baseline; `old` is
    /// the window that went.
    pub(super) fn contrasted(&mut self, old: Option<&Window>) -> Vec<Candidate> {
        self.slide(old);
        let windows = &self.lookback.windows;
        let Some(newest) = windows.back() else {
            return Vec::new();
        };
        let mut search = Search {
            baseline: self.baseline,
            config: &self.config,
            recent: &self.recent,
            spans: &self.spans,
            windows,
            observed: self.observed,
            newest_units: newest.counts.units(),
            tracks: &mut self.tracks,
            factors: Factors::default(),
            units: Vec::new(),
            found: Vec::new(),
        };
        for single in newest.counts.ngrams_of_length(1) {
            search.visit(single, u32::MAX, None);
        }
        search.found
    }

    /// Brings [`Recent`] up to the newest window.
    fn slide(&mut self, old: Option<&Window>) {
        let (recent, longest) = (&mut self.recent, self.config.max_units);
        // The longest n-grams are there for their neighbours' sake.
        if let Some(newest) = self.lookback.windows.back() {
            (newest.counts).for_each(longest, |hash, documents| recent.add(hash, documents));
        }
        if let Some(old) = old {
            (old.counts).for_each(longest, |hash, documents| recent.subtract(hash, documents));
        }
    }
}

/// A search of the newest window.
struct Search<'a> {
    baseline: &'a BaselineVocabulary,
    config: &'a TermConfig,
    recent: &'a Recent,
    spans: &'a Spans,
    windows: &'a VecDeque<Window>,
    /// Number of the newest window.
    observed: usize,
    newest_units: u64,
    tracks: &'a mut Tracks,
    factors: Factors,
    /// Hashes of the units of the n-gram that is visited.
    units: Vec<u64>,
    found: Vec<Candidate>,
}

impl Search<'_> {
    /// Looks at an n-gram and at all that it begins, as long as they may be frequent enough:
    /// none is more frequent than what it begins with, or ends with (Apriori). Its prefix has
    /// at most `most` documents over the lookback; `suffix` is the hash of what the prefix has
    /// without its first unit.
    fn visit(&mut self, ngram: Ngram<'_>, most: u32, suffix: Option<u64>) {
        let least = self.config.min_documents;
        let mut recent = self.recent.get(ngram.hash()).min(most);
        if recent < least {
            return;
        }
        let unit = ngram.last_hash();
        let suffix = suffix.map(|suffix| extend_hash(suffix, unit));
        if let Some(suffix) = suffix {
            recent = recent.min(self.recent.get(suffix));
            if recent < least {
                return;
            }
        }
        self.units.push(unit);
        if ngram.length() > 1 || is_a_long_word(&ngram) {
            self.contrast(&ngram, recent);
        }
        if ngram.length() < self.config.max_units {
            for longer in ngram.extensions() {
                self.visit(longer, recent, Some(suffix.unwrap_or(0)));
            }
        }
        self.units.pop();
    }

    /// Keeps an n-gram, with at most `recent` documents over the lookback, if it has support
    /// and a contrast to the baseline.
    fn contrast(&mut self, ngram: &Ngram<'_>, recent: u32) {
        let hash = ngram.hash();
        let track = self.tracks.find(hash);
        let before = match track {
            Some(track) => self.tracks.before(track),
            None => self.look_up(ngram),
        };
        let exposure = Exposure {
            count: before.documents.into(),
            units: self.baseline.units() as f64,
        };
        if !self.is_unusual(ngram, recent, exposure) {
            return;
        }
        let key = Key {
            hash,
            units: &self.units,
        };
        let newest = (Sightings::of(ngram), self.observed);
        let track = (self.tracks).bring_up(track, (key, before), newest, self.windows);
        let seen = self.tracks.newest_first(track);
        let documents = (seen.take(self.windows.len()).map(Sightings::documents)).sum();
        if documents < self.config.min_documents || !self.is_unusual(ngram, documents, exposure) {
            // So that no collision of hashes makes a track.
            self.tracks.end(hash);
            return;
        }
        let seen = self.tracks.newest_first(track);
        let best = best_horizon(self.config, self.spans, seen, exposure, &mut self.factors);
        if best.ln_bayes_factor < self.config.watch {
            return;
        }
        self.found.push(Candidate {
            hash,
            units: self.units.clone(),
            text: ngram.text(),
            best,
            before: exposure,
            baseline_exact: before.exact,
            documents,
            cohesion: None,
            entropy: [0.0; 2],
            nature: None,
            spread: Spread::default(),
        });
    }

    fn look_up(&self, ngram: &Ngram<'_>) -> Before {
        match self.baseline.documents_with(ngram.hash()) {
            Some(documents) => Before {
                documents,
                exact: true,
            },
            None => Before {
                documents: self.baseline.absent_bound(ngram.length()),
                exact: false,
            },
        }
    }

    /// Whether it can be much more frequent than in the baseline, with at most `recent`
    /// documents over the lookback.
    fn is_unusual(&self, ngram: &Ngram<'_>, recent: u32, before: Exposure) -> bool {
        // Units of the shortest horizon of more than one window.
        let horizons = self.config.horizons.iter().copied();
        let more = horizons.filter(|&horizon| horizon > 1).min().unwrap_or(1);
        let more_units = self.spans.units(more).max(1) as f64;
        // The rate over one window is known, and over more at most so many documents
        // stand among at least so many units.
        let in_newest = f64::from(ngram.documents()) / self.newest_units.max(1) as f64;
        let in_more = f64::from(recent) / more_units;
        in_newest.max(in_more) > self.config.min_rate_ratio * before.rate()
    }
}

/// A single character is no term of its own.
fn is_a_long_word(ngram: &Ngram<'_>) -> bool {
    ngram.last_kind() == UnitKind::Word && ngram.last_unit().chars().nth(1).is_some()
}
