//! The n-grams of one window, and what finds them.

use driftline_statistics::ngrams::{Ngram, NgramCounts};

/// A window of the lookback.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) counts: NgramCounts,
    by_hash: HashIndex,
    suffix_hashes: Vec<u64>,
    by_suffix: HashIndex,
}

/// An n-gram in one window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sightings {
    pub(super) documents: u32,
    /// Folds with a document.
    pub(super) days: u32,
}

impl Window {
    pub(super) fn new(start: i64, mut counts: NgramCounts) -> Self {
        counts.shrink_to_fit();
        let suffix_hashes = counts.suffix_hashes();
        Self {
            start,
            by_hash: HashIndex::new(counts.len(), counts.ngrams().map(|ngram| ngram.hash())),
            by_suffix: HashIndex::new(counts.len(), suffix_hashes.iter().copied()),
            suffix_hashes,
            counts,
        }
    }

    /// The n-gram with this hash.
    pub(super) fn find(&self, hash: u64) -> Option<Ngram<'_>> {
        let ids = self.by_hash.bucket(hash);
        ids.map(|id| self.counts.ngram(id))
            .find(|ngram| ngram.hash() == hash)
    }

    pub(super) fn sightings(&self, hash: u64) -> Sightings {
        self.find(hash)
            .map_or_else(Sightings::default, |ngram| Sightings::of(&ngram))
    }

    /// The n-grams that have one unit more than the n-gram with this hash, in front.
    pub(super) fn preceded(&self, hash: u64) -> impl Iterator<Item = Ngram<'_>> {
        let ids = self.by_suffix.bucket(hash);
        ids.filter(move |&id| self.suffix_hashes[id as usize] == hash)
            .map(|id| self.counts.ngram(id))
    }
}

impl Sightings {
    pub(super) fn of(ngram: &Ngram<'_>) -> Self {
        Self {
            documents: ngram.documents(),
            days: ngram.fold_bits().count_ones(),
        }
    }
}

/// N-grams by some hash: chained lists, since most are never asked for and a list is
/// made in one walk.
#[derive(Debug)]
struct HashIndex {
    /// By the upper bits of the hash the last n-gram, or `NONE`.
    last: Vec<u32>,
    /// By n-gram the one before with the same upper bits, or `NONE`.
    previous: Vec<u32>,
    shift: u32,
}

const NONE: u32 = u32::MAX;

impl HashIndex {
    /// Of `length` n-grams; what has the hash 0 is in no list.
    fn new(length: usize, hashes: impl Iterator<Item = u64>) -> Self {
        let bits = length.max(2).next_power_of_two().trailing_zeros();
        let shift = u64::BITS - bits;
        let mut last = vec![NONE; 1 << bits];
        let previous = (0..)
            .zip(hashes)
            .map(|(id, hash)| match hash {
                0 => NONE,
                hash => std::mem::replace(&mut last[(hash >> shift) as usize], id),
            })
            .collect();
        Self {
            last,
            previous,
            shift,
        }
    }

    /// The n-grams whose hash may be this one.
    fn bucket(&self, hash: u64) -> impl Iterator<Item = u32> {
        let some = |id: u32| Some(id).filter(|&id| id != NONE);
        let last = some(self.last[(hash >> self.shift) as usize]);
        std::iter::successors(last, move |&id| some(self.previous[id as usize]))
    }
}
