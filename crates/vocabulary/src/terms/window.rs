//! The n-grams of one window, and what finds them.

use crate::present::Present;
use driftline_statistics::ngrams::{Ngram, NgramCounts, Preceding};

/// A window of the lookback.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) counts: NgramCounts,
    present: Present,
    preceding: Preceding,
}

/// What an n-gram is looked up by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// Hash of all its units.
    pub(super) hash: u64,
    /// Hashes of its units, in order.
    pub(super) units: &'a [u64],
}

/// How often an n-gram was seen in one window: its documents, and the folds with one.
/// One number, since those of many windows are kept for many n-grams.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sightings(u32);

/// An n-gram in one window, with its surroundings.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) count: u32,
    pub(super) sources: u64,
    /// Folds with a document.
    pub(super) days: u32,
    /// Documents of the fold with most.
    pub(super) top_day: u32,
    /// The first fold with a document.
    pub(super) first_day: u8,
    /// Hashes of the n-grams that have one unit more in front, and of those that have one
    /// more behind, with their counts.
    pub(super) longer: [Vec<(u64, u32)>; 2],
}

impl Window {
    pub(super) fn new(start: i64, mut counts: NgramCounts) -> Self {
        counts.shrink_to_fit();
        let mut present = Present::with_room_for(counts.len());
        counts.for_each(usize::MAX, |hash, _| present.add(hash));
        Self {
            start,
            present,
            preceding: Preceding::new(&counts),
            counts,
        }
    }

    /// The n-gram of a key.
    pub(super) fn find(&self, key: Key<'_>) -> Option<Ngram<'_>> {
        match self.present.may_hold(key.hash) {
            true => self.counts.find_units(key.units),
            false => None,
        }
    }

    /// How the n-gram of a key was seen.
    pub(super) fn sightings(&self, key: Key<'_>) -> Sightings {
        self.find(key)
            .map_or_else(Sightings::default, |ngram| Sightings::of(&ngram))
    }

    pub(super) fn place(&self, key: Key<'_>) -> Option<Place> {
        let ngram = self.find(key)?;
        let counted = |longer: Ngram<'_>| (longer.hash(), longer.count());
        let folds = ngram.folds();
        let days = || (0..).zip(folds).filter(|(_, documents)| *documents > 0);
        let preceded = self.preceding.longer(&self.counts, &ngram);
        Some(Place {
            count: ngram.count(),
            sources: ngram.source_bits(),
            days: days().count() as u32,
            top_day: folds.into_iter().max().map_or(0, u32::from),
            first_day: days().next().map_or(0, |(day, _)| day),
            longer: [
                preceded.map(counted).collect(),
                ngram.extensions().map(counted).collect(),
            ],
        })
    }

    /// What stands before the n-gram of a key, and what after it, with counts.
    pub(super) fn beside(&self, key: Key<'_>) -> [Vec<(String, u32)>; 2] {
        let Some(ngram) = self.find(key) else {
            return Default::default();
        };
        let first_unit = |longer: Ngram<'_>| {
            let text = longer.text();
            let unit = text.strip_suffix(&ngram.text()).unwrap_or_default();
            (unit.trim_end().to_owned(), longer.count())
        };
        let last_unit = |longer: Ngram<'_>| (longer.last_unit().to_owned(), longer.count());
        [
            (self.preceding.longer(&self.counts, &ngram))
                .map(first_unit)
                .collect(),
            ngram.extensions().map(last_unit).collect(),
        ]
    }
}

impl Sightings {
    /// Bits of the days; the documents are above.
    const DAY_BITS: u32 = 5;

    /// More documents than 2²⁷ count as that many.
    pub(super) fn of(ngram: &Ngram<'_>) -> Self {
        let days = match ngram.documents() {
            1 => 1,
            _ => ngram.fold_bits().count_ones(),
        };
        let most = u32::MAX >> Self::DAY_BITS;
        Self(ngram.documents().min(most) << Self::DAY_BITS | days)
    }

    pub(super) fn documents(self) -> u32 {
        self.0 >> Self::DAY_BITS
    }

    /// Folds with a document.
    pub(super) fn days(self) -> u32 {
        self.0 & ((1 << Self::DAY_BITS) - 1)
    }
}
