//! The n-grams of one window, and what finds them.

use driftline_statistics::ngrams::{Ngram, NgramCounts};

/// A window of the lookback.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) counts: NgramCounts,
    present: Present,
    by_hash: HashIndex,
    by_suffix: SuffixIndex,
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
        Self {
            start,
            present: Present::new(&counts),
            by_hash: HashIndex::new(&counts),
            by_suffix: SuffixIndex::new(counts.suffix_hashes()),
            counts,
        }
    }

    /// The n-gram with this hash.
    pub(super) fn find(&self, hash: u64) -> Option<Ngram<'_>> {
        if !self.present.may_hold(hash) {
            return None;
        }
        let ids = self.by_hash.may_be(hash);
        let mut ngrams = ids.map(|id| self.counts.ngram(id));
        ngrams.find(|ngram| ngram.hash() == hash)
    }

    /// How the n-gram with this hash was seen.
    pub(super) fn sightings(&self, hash: u64) -> Sightings {
        self.find(hash)
            .map_or_else(Sightings::default, |ngram| Sightings::of(&ngram))
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

/// Bits for the n-grams of a window: most of what is asked of a window is not in it, and so
/// few bits stay in the cache.
#[derive(Debug)]
struct Present(Vec<u64>);

impl Present {
    fn new(counts: &NgramCounts) -> Self {
        let mut bits = Self(vec![0; (counts.len() / 8).next_power_of_two()]);
        for ngram in counts.ngrams() {
            let (word, bit) = bits.place(ngram.hash());
            bits.0[word] |= bit;
        }
        bits
    }

    /// By the lower bits: the upper ones are those of the place in [`HashIndex`].
    fn place(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.0.len() - 1), 1 << (hash % 64))
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.0[word] & bit != 0
    }
}

/// N-grams by their hash: a table with linear probing, whose slots hold the lower half of
/// the hash beside the number.
#[derive(Debug)]
struct HashIndex {
    slots: Vec<u64>,
    shift: u32,
}

/// No n-gram has this number.
const EMPTY: u64 = u64::MAX;

impl HashIndex {
    fn new(counts: &NgramCounts) -> Self {
        let room = (counts.len() * 3 / 2).max(2).next_power_of_two();
        let shift = u64::BITS - room.trailing_zeros();
        let mut slots = vec![EMPTY; room];
        for (id, ngram) in (0..).zip(counts.ngrams()) {
            let mut at = (ngram.hash() >> shift) as usize;
            while slots[at] != EMPTY {
                at = (at + 1) & (room - 1);
            }
            slots[at] = slot(ngram.hash(), id);
        }
        Self { slots, shift }
    }

    /// N-grams that may have this hash, those of least number first.
    fn may_be(&self, hash: u64) -> impl Iterator<Item = u32> {
        let mask = self.slots.len() - 1;
        let first = (hash >> self.shift) as usize;
        (0..self.slots.len())
            .map(move |step| self.slots[(first + step) & mask])
            .take_while(|&held| held != EMPTY)
            .filter(move |&held| slot(hash, held as u32) == held)
            .map(|held| held as u32)
    }
}

fn slot(hash: u64, id: u32) -> u64 {
    hash << u32::BITS | u64::from(id)
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
