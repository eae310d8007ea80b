//! What is frequent, and more frequent than in the baseline: asked of every n-gram.

use super::{
    TermFinder,
    candidate::{Candidate, Spread},
    track::{Factors, best_horizon},
    window::{Sightings, Window},
};
use crate::contrast::Exposure;
use driftline_statistics::{
    ngrams::{Ngram, NgramCounts},
    units::UnitKind,
};

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

/// An n-gram of the newest window that may be frequent enough over the lookback.
struct Supported<'a> {
    ngram: Ngram<'a>,
    /// At most so many documents over the lookback.
    recent: u32,
    before: Exposure,
    baseline_exact: bool,
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
        let mut supported = self.supported(&newest.counts);
        supported.retain_mut(|ngram| {
            self.look_up(ngram);
            self.is_unusual(ngram, ngram.recent, newest.counts.units())
        });
        let mut found = Vec::new();
        let mut factors = Factors::default();
        for ngram in supported {
            let hash = ngram.ngram.hash();
            let track = self.tracks.bring_up(hash, self.observed, windows);
            let seen = self.tracks.newest_first(track);
            let documents = seen.take(windows.len()).map(Sightings::documents).sum();
            if documents < self.config.min_documents
                || !self.is_unusual(&ngram, documents, newest.counts.units())
            {
                // So that no collision of hashes makes a track.
                self.tracks.end(hash);
                continue;
            }
            let before = ngram.before;
            let seen = self.tracks.newest_first(track);
            let best = best_horizon(&self.config, &self.spans, seen, before, &mut factors);
            if best.ln_bayes_factor < self.config.watch {
                continue;
            }
            let (baseline_exact, ngram) = (ngram.baseline_exact, ngram.ngram);
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

    /// Brings [`Recent`] up to the newest window.
    fn slide(&mut self, old: Option<&Window>) {
        // The longest n-grams are there for their neighbours' sake.
        for length in 1..=self.config.max_units {
            if let Some(newest) = self.lookback.windows.back() {
                for ngram in newest.counts.ngrams_of_length(length) {
                    self.recent.add(ngram.hash(), ngram.documents());
                }
            }
            if let Some(old) = old {
                for ngram in old.counts.ngrams_of_length(length) {
                    self.recent.subtract(ngram.hash(), ngram.documents());
                }
            }
        }
    }

    /// N-grams of the newest window that may be frequent enough to be terms. None is more
    /// frequent than what it begins with (Apriori).
    fn supported<'w>(&self, newest: &'w NgramCounts) -> Vec<Supported<'w>> {
        let units = self.baseline.units() as f64;
        // By n-gram the documents over the lookback, at most; none where they are too few.
        let mut frequent = vec![0; newest.ids_of_length(self.config.max_units).end as usize];
        let mut supported = Vec::new();
        for length in 1..=self.config.max_units {
            let first = newest.ids_of_length(length).start as usize;
            for (id, ngram) in (first..).zip(newest.ngrams_of_length(length)) {
                let most = (ngram.prefix()).map_or(u32::MAX, |prefix| frequent[prefix as usize]);
                if most < self.config.min_documents {
                    continue;
                }
                let recent = self.recent.get(ngram.hash()).min(most);
                if recent < self.config.min_documents {
                    continue;
                }
                frequent[id] = recent;
                if length > 1 || is_a_long_word(&ngram) {
                    supported.push(Supported {
                        ngram,
                        recent,
                        before: Exposure { count: 0.0, units },
                        baseline_exact: false,
                    });
                }
            }
        }
        supported
    }

    /// Looks an n-gram up in the baseline.
    fn look_up(&self, ngram: &mut Supported<'_>) {
        let known = self.baseline.documents_with(ngram.ngram.hash());
        let documents = known.unwrap_or_else(|| self.baseline.absent_bound(ngram.ngram.length()));
        ngram.before.count = documents.into();
        ngram.baseline_exact = known.is_some();
    }

    /// Whether it can be much more frequent than in the baseline, with at most `recent`
    /// documents over the lookback.
    fn is_unusual(&self, ngram: &Supported<'_>, recent: u32, newest_units: u64) -> bool {
        // Units of the shortest horizon of more than one window.
        let horizons = self.config.horizons.iter().copied();
        let more = horizons.filter(|&horizon| horizon > 1).min().unwrap_or(1);
        let more_units = self.spans.units(more).max(1) as f64;
        // The rate over one window is known, and over more at most so many documents
        // stand among at least so many units.
        let in_newest = f64::from(ngram.ngram.documents()) / newest_units.max(1) as f64;
        let in_more = f64::from(recent) / more_units;
        in_newest.max(in_more) > self.config.min_rate_ratio * ngram.before.rate()
    }
}

/// A single character is no term of its own.
fn is_a_long_word(ngram: &Ngram<'_>) -> bool {
    ngram.last_kind() == UnitKind::Word && ngram.last_unit().chars().nth(1).is_some()
}
