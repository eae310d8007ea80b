//! What is frequent, and more frequent than in the baseline: asked of every n-gram.

use super::{
    TermFinder,
    candidate::{Candidate, Spread},
    track::{Factors, best_horizon},
    window::{Entry, Sightings, Window, order},
};
use crate::contrast::Exposure;
use driftline_statistics::{ngrams::Ngram, units::UnitKind};

/// About three times the n-grams of a quarter of headlines; more n-grams only cost time.
const RECENT_CELL_BITS: u32 = 21;

/// Documents of each n-gram over the lookback, by the upper bits of [`order`]; collisions
/// only add.
#[derive(Debug)]
pub(super) struct Recent(Vec<u16>);

/// A cell that was full: from then on nobody knows how many there are.
const MANY: u16 = u16::MAX;

impl Recent {
    pub(super) fn new() -> Self {
        Self(vec![0; 1 << RECENT_CELL_BITS])
    }

    fn cell(ngram: &Entry) -> usize {
        (order(ngram.hash) >> (u64::BITS - RECENT_CELL_BITS)) as usize
    }

    /// Takes the n-grams of a window away and adds those of another. Both are in [`order`],
    /// so to walk over them is to walk over the cells from the first to the last.
    pub(super) fn slide(&mut self, old: &[Entry], new: &[Entry]) {
        for ngram in new {
            let cell = &mut self.0[Self::cell(ngram)];
            let documents = u16::try_from(ngram.documents).unwrap_or(MANY);
            *cell = cell.saturating_add(documents);
        }
        for ngram in old {
            let cell = &mut self.0[Self::cell(ngram)];
            let documents = u16::try_from(ngram.documents).unwrap_or(MANY);
            *cell = match *cell {
                MANY => MANY,
                all => all.saturating_sub(documents),
            };
        }
    }

    /// Documents of the n-gram's cell.
    pub(super) fn get(&self, ngram: &Entry) -> u32 {
        match self.0[Self::cell(ngram)] {
            MANY => u32::MAX,
            documents => documents.into(),
        }
    }
}

/// An n-gram of the newest window that is frequent enough over the lookback.
struct Supported<'a> {
    entry: &'a Entry,
    recent: u32,
    before: Exposure,
    baseline_exact: bool,
}

impl TermFinder<'_> {
    /// N-grams of the newest window with support and a contrast to the baseline; `old` is
    /// the window that went.
    ///
    /// Each question is put to all before the next is, in the order of hashes, so that the
    /// processor waits for many places of memory at once, or for the next.
    pub(super) fn contrasted(&mut self, old: Option<&Window>) -> Vec<Candidate> {
        let windows = &self.lookback.windows;
        let Some(newest) = windows.back() else {
            return Vec::new();
        };
        let old = old.map_or(&[][..], Window::entries);
        self.recent.slide(old, newest.entries());
        let entries = newest.entries().iter();
        let frequent: Vec<(&Entry, u32)> = entries
            .map(|entry| (entry, self.recent.get(entry)))
            .filter(|(_, recent)| *recent >= self.config.min_documents)
            .collect();
        let mut supported = self.supported(newest, &frequent);
        self.drop_usual(&mut supported, newest);
        let known: Vec<Option<u32>> = (supported.iter())
            .map(|ngram| self.tracks.find(ngram.entry.hash))
            .collect();
        let before = self.observed - windows.len();
        let mut begun = Vec::new();
        let tracks: Vec<u32> = (supported.iter().zip(known))
            .map(|(ngram, known)| {
                let hash = ngram.entry.hash;
                known.unwrap_or_else(|| {
                    let track = self.tracks.begin(hash, before);
                    begun.push((hash, track));
                    track
                })
            })
            .collect();
        for window in windows.iter().take(windows.len() - 1) {
            for &(hash, track) in &begun {
                self.tracks.push(track, window.sightings(hash));
            }
        }
        for (ngram, &track) in supported.iter().zip(&tracks) {
            let sightings = newest.sightings_of(ngram.entry);
            self.tracks.extend(track, self.observed, sightings);
        }
        let mut found = Vec::new();
        let mut factors = Factors::default();
        for (ngram, track) in supported.into_iter().zip(tracks) {
            let seen = self.tracks.newest_first(track);
            let documents = seen.take(windows.len()).map(Sightings::documents).sum();
            if documents < self.config.min_documents {
                continue;
            }
            let before = ngram.before;
            let seen = self.tracks.newest_first(track);
            let best = best_horizon(&self.config, &self.spans, seen, before, &mut factors);
            if best.ln_bayes_factor < self.config.watch {
                continue;
            }
            let hash = ngram.entry.hash;
            let (baseline_exact, ngram) = (ngram.baseline_exact, newest.ngram(ngram.entry));
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

    fn supported<'w>(
        &self,
        newest: &'w Window,
        frequent: &[(&'w Entry, u32)],
    ) -> Vec<Supported<'w>> {
        let units = self.baseline.units() as f64;
        let single = newest.counts.ids_of_length(1);
        // The longest n-grams are there for their neighbours' sake.
        let longer = single.end..newest.counts.ids_of_length(self.config.max_units).end;
        let may_be_a_term = |entry: &Entry| {
            longer.contains(&entry.id)
                || single.contains(&entry.id) && is_a_long_word(&newest.ngram(entry))
        };
        let frequent = frequent.iter().copied();
        let terms = frequent.filter(|(entry, _)| may_be_a_term(entry));
        let asked = terms.map(|(entry, recent)| {
            let known = self.baseline.documents_with(entry.hash);
            let count = known.unwrap_or_else(|| {
                let length = if entry.id < longer.start {
                    1
                } else {
                    newest.ngram(entry).length()
                };
                self.baseline.absent_bound(length)
            });
            Supported {
                entry,
                recent,
                before: Exposure {
                    count: f64::from(count),
                    units,
                },
                baseline_exact: known.is_some(),
            }
        });
        asked.collect()
    }

    /// Drops what cannot be much more frequent than in the baseline.
    fn drop_usual(&self, supported: &mut Vec<Supported<'_>>, newest: &Window) {
        // Units of the shortest horizon of more than one window.
        let horizons = self.config.horizons.iter().copied();
        let more = horizons.filter(|&horizon| horizon > 1).min().unwrap_or(1);
        let more_units = self.spans.units(more).max(1) as f64;
        let newest_units = newest.counts.units().max(1) as f64;
        supported.retain(|ngram| {
            // The rate over one window is known, and over more at most so many documents
            // stand among at least so many units.
            let in_newest = f64::from(ngram.entry.documents) / newest_units;
            let in_more = f64::from(ngram.recent) / more_units;
            in_newest.max(in_more) > self.config.min_rate_ratio * ngram.before.rate()
        });
    }
}

/// A single character is no term of its own.
fn is_a_long_word(ngram: &Ngram<'_>) -> bool {
    ngram.last_kind() == UnitKind::Word && ngram.last_unit().chars().nth(1).is_some()
}
