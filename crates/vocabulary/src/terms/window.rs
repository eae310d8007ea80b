//! The n-grams of one window, and what finds them.

use crate::by_hash::{ByHash, Hashed};
use driftline_statistics::ngrams::{Ngram, NgramCounts};

/// A window of the lookback.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) counts: NgramCounts,
    by_hash: ByHash<Entry>,
    present: Present,
    by_suffix: SuffixIndex,
}

/// An n-gram of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) documents: u32,
    pub(super) id: u32,
}

/// Place in the order of a window's n-grams: by their cells of [`Recent`](super::contrasted::Recent),
/// so that to walk over n-grams is to walk over cells.
pub(super) fn order(hash: u64) -> u64 {
    hash.rotate_left(3)
}

impl Hashed for Entry {
    fn hash(&self) -> u64 {
        order(self.hash)
    }
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
        let entries: Vec<Entry> = (0..)
            .zip(counts.ngrams())
            .map(|(id, ngram)| Entry {
                hash: ngram.hash(),
                documents: ngram.documents(),
                id,
            })
            .collect();
        Self {
            start,
            by_hash: ByHash::new(&entries),
            present: Present::new(&entries),
            by_suffix: SuffixIndex::new(counts.suffix_hashes()),
            counts,
        }
    }

    /// All n-grams, in [`order`].
    pub(super) fn entries(&self) -> &[Entry] {
        self.by_hash.entries()
    }

    pub(super) fn ngram(&self, entry: &Entry) -> Ngram<'_> {
        self.counts.ngram(entry.id)
    }

    fn entry(&self, hash: u64) -> Option<&Entry> {
        match self.present.may_hold(hash) {
            true => self.by_hash.get(order(hash)),
            false => None,
        }
    }

    /// The n-gram with this hash.
    pub(super) fn find(&self, hash: u64) -> Option<Ngram<'_>> {
        self.entry(hash).map(|entry| self.ngram(entry))
    }

    /// How the n-gram with this hash was seen.
    pub(super) fn sightings(&self, hash: u64) -> Sightings {
        self.entry(hash)
            .map_or_else(Sightings::default, |entry| self.sightings_of(entry))
    }

    pub(super) fn sightings_of(&self, entry: &Entry) -> Sightings {
        let days = match entry.documents {
            1 => 1,
            _ => self.ngram(entry).fold_bits().count_ones(),
        };
        Sightings::new(entry.documents, days)
    }

    pub(super) fn place(&self, hash: u64) -> Option<Place> {
        let ngram = self.find(hash)?;
        let counted = |longer: Ngram<'_>| (longer.hash(), longer.count());
        let folds = ngram.folds();
        let days = || (0..).zip(folds).filter(|(_, documents)| *documents > 0);
        let preceded = self.by_suffix.find(hash);
        Some(Place {
            count: ngram.count(),
            sources: ngram.source_bits(),
            days: days().count() as u32,
            top_day: folds.into_iter().max().map_or(0, u32::from),
            first_day: days().next().map_or(0, |(day, _)| day),
            longer: [
                preceded.map(|id| counted(self.counts.ngram(id))).collect(),
                ngram.extensions().map(counted).collect(),
            ],
        })
    }
}

impl Sightings {
    /// Bits of the days; the documents are above.
    const DAY_BITS: u32 = 5;

    /// More documents than 2²⁷ count as that many.
    fn new(documents: u32, days: u32) -> Self {
        let most = u32::MAX >> Self::DAY_BITS;
        Self(documents.min(most) << Self::DAY_BITS | days)
    }

    pub(super) fn documents(self) -> u32 {
        self.0 >> Self::DAY_BITS
    }

    /// Folds with a document.
    pub(super) fn days(self) -> u32 {
        self.0 & ((1 << Self::DAY_BITS) - 1)
    }
}

/// Bits for the n-grams of a window: most of what is asked of a window is not in it, and so
/// few bits stay in the cache.
#[derive(Debug)]
struct Present(Vec<u64>);

impl Present {
    fn new(entries: &[Entry]) -> Self {
        let mut bits = Self(vec![0; (entries.len() / 8).next_power_of_two()]);
        for entry in entries {
            let (word, bit) = bits.place(entry.hash);
            bits.0[word] |= bit;
        }
        bits
    }

    /// By the lower bits: the upper ones are those of the neighbours in the order of hashes.
    fn place(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.0.len() - 1), 1 << (hash % 64))
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.0[word] & bit != 0
    }
}

/// N-grams by the hash of all but their first unit: chained lists, since few are asked for.
#[derive(Debug)]
struct SuffixIndex {
    /// By n-gram.
    hashes: Vec<u64>,
    /// By the upper bits of the hash the last n-gram, or `NONE`.
    last: Vec<u32>,
    /// By n-gram the one before with the same upper bits, or `NONE`.
    previous: Vec<u32>,
    shift: u32,
}

const NONE: u32 = u32::MAX;

impl SuffixIndex {
    /// Of n-grams by number; single units, whose hash is 0, are in no list.
    fn new(hashes: Vec<u64>) -> Self {
        let bits = hashes.len().max(2).next_power_of_two().trailing_zeros();
        let shift = u64::BITS - bits;
        let mut last = vec![NONE; 1 << bits];
        let previous = (0..)
            .zip(&hashes)
            .map(|(id, hash)| match hash {
                0 => NONE,
                hash => std::mem::replace(&mut last[(hash >> shift) as usize], id),
            })
            .collect();
        Self {
            hashes,
            last,
            previous,
            shift,
        }
    }

    fn find(&self, hash: u64) -> impl Iterator<Item = u32> {
        let some = |id: u32| Some(id).filter(|&id| id != NONE);
        let last = some(self.last[(hash >> self.shift) as usize]);
        std::iter::successors(last, move |&id| some(self.previous[id as usize]))
            .filter(move |&id| self.hashes[id as usize] == hash)
    }
}
