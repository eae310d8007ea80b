//! The vocabulary of the training data, frozen.
//!
//! Frozen at training time, not trailing: against the last 52 weeks a word that
//! spreads slowly is never new. Kept as sorted hashes with counts, since a baseline
//! is only ever asked about n-grams that somebody else already has the text of.

use crate::{
    VocabularyError,
    by_hash::{ByHash, Hashed},
    surroundings::{Beside, Surroundings},
};
use driftline_statistics::ngrams::NgramCounts;

/// Version 1 had no [`Surroundings`].
const VERSION: u8 = 2;

/// Bytes of an entry on disk: hash, documents, folds.
const ENTRY_BYTES: usize = 14;
/// Bytes of a unit beside words: hash, odds before and after.
const BESIDE_BYTES: usize = 12;

/// The most entries kept; past that n-grams of few documents go first.
const MAX_ENTRIES: usize = 8 << 20;

/// How often each n-gram stood in the training data, and in which parts of its time.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineVocabulary {
    units: u64,
    documents: u64,
    /// Most documents that an n-gram can have which is not kept.
    absent_bound: u32,
    /// The same for single units and pairs, of which all are kept if there is room.
    absent_pair_bound: u32,
    entries: ByHash<Entry>,
    /// Folds that any n-gram is in.
    pub(crate) occupied: u16,
    /// What stands beside names.
    pub(crate) surroundings: Surroundings,
}

/// An n-gram that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: u64,
    documents: u32,
    folds: u16,
}

impl Hashed for Entry {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl BaselineVocabulary {
    /// Freezes the counts of the training data, whose folds are sixteenths of its time.
    ///
    /// Kept are all single units and pairs, and longer n-grams in two documents or more.
    /// One n-gram in 10¹² that was never seen is taken for one that was, because of
    /// equal 64-bit hashes.
    pub fn freeze(counts: &NgramCounts) -> Self {
        let kept = |floor: &[u32; 3]| -> Vec<Entry> {
            counts
                .ngrams()
                .filter(|n| n.documents() >= floor[n.length().min(3) - 1])
                .map(|n| Entry {
                    hash: n.hash(),
                    documents: n.documents(),
                    folds: n.fold_bits(),
                })
                .collect()
        };
        let mut floor = [1, 1, 2];
        let mut entries = kept(&floor);
        while entries.len() > MAX_ENTRIES {
            floor[2] *= 2;
            if floor[2] > 64 {
                floor[1] *= 2;
                floor[0] *= 2;
            }
            entries = kept(&floor);
        }
        Self::of(
            [counts.units(), counts.documents()],
            [floor[2], floor[1]].map(|floor| counts.absent_bound().saturating_add(floor - 1)),
            ByHash::new(&entries).without_repeats(),
            Surroundings::learn(counts),
        )
    }

    fn of(
        totals: [u64; 2],
        absent_bounds: [u32; 2],
        entries: ByHash<Entry>,
        surroundings: Surroundings,
    ) -> Self {
        let [units, documents] = totals;
        let [absent_bound, absent_pair_bound] = absent_bounds;
        Self {
            units,
            documents,
            absent_bound,
            absent_pair_bound,
            occupied: (entries.entries().iter()).fold(0, |folds, entry| folds | entry.folds),
            entries,
            surroundings,
        }
    }

    /// Units of the training data.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Distinct texts of the training data.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// N-grams kept.
    pub fn len(&self) -> usize {
        self.entries.entries().len()
    }

    /// Whether nothing was learnt.
    pub fn is_empty(&self) -> bool {
        self.entries.entries().is_empty()
    }

    /// Documents of the n-gram with this [hash](driftline_statistics::units::extend_hash), or `None` if it is not kept and
    /// [`absent_bound`](Self::absent_bound) is all that is known.
    pub fn documents_with(&self, hash: u64) -> Option<u32> {
        self.entries.get(hash).map(|entry| entry.documents)
    }

    /// The most documents that an n-gram of `length` units can have if it is not kept.
    pub fn absent_bound(&self, length: usize) -> u32 {
        if length <= 2 {
            self.absent_pair_bound
        } else {
            self.absent_bound
        }
    }

    /// Parts of the training time that the n-gram with this hash occurred in, one bit for each.
    pub fn folds_with(&self, hash: u64) -> u16 {
        self.entries.get(hash).map_or(0, |entry| entry.folds)
    }

    /// The vocabulary as bytes: version, totals, then the entries and the units that stand beside
    /// words, each in the order of their hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.len() * ENTRY_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.units.to_le_bytes());
        out.extend_from_slice(&self.documents.to_le_bytes());
        out.extend_from_slice(&self.absent_bound.to_le_bytes());
        out.extend_from_slice(&self.absent_pair_bound.to_le_bytes());
        out.extend_from_slice(&(self.len() as u64).to_le_bytes());
        for entry in self.entries.entries() {
            out.extend_from_slice(&entry.hash.to_le_bytes());
            out.extend_from_slice(&entry.documents.to_le_bytes());
            out.extend_from_slice(&entry.folds.to_le_bytes());
        }
        let beside = self.surroundings.units();
        out.extend_from_slice(&(beside.len() as u64).to_le_bytes());
        for Beside { unit, odds } in beside {
            out.extend_from_slice(&unit.to_le_bytes());
            for side in odds {
                out.extend_from_slice(&side.to_le_bytes());
            }
        }
        out
    }

    /// The vocabulary that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`VocabularyError::Version`] for a newer format, [`VocabularyError::Corrupt`] for
    /// bytes that are cut, padded, or no vocabulary.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VocabularyError> {
        let mut bytes = Bytes(bytes);
        let [version] = bytes.take()?;
        if version == 0 || version > VERSION {
            return Err(VocabularyError::Version {
                found: version,
                supported: VERSION,
            });
        }
        let (units, documents) = (bytes.number()?, bytes.number()?);
        let absent_bound = u32::from_le_bytes(bytes.take()?);
        let absent_pair_bound = u32::from_le_bytes(bytes.take()?);
        let length = bytes.length(ENTRY_BYTES)?;
        let mut entries = Vec::with_capacity(length);
        for _ in 0..length {
            entries.push(Entry {
                hash: bytes.number()?,
                documents: u32::from_le_bytes(bytes.take()?),
                folds: u16::from_le_bytes(bytes.take()?),
            });
        }
        let beside = match version {
            1 => 0,
            _ => bytes.length(BESIDE_BYTES)?,
        };
        let mut surroundings = Vec::with_capacity(beside);
        for _ in 0..beside {
            surroundings.push(Beside {
                unit: bytes.number()?,
                odds: [bytes.take()?, bytes.take()?].map(i16::from_le_bytes),
            });
        }
        if !bytes.0.is_empty() {
            return Err(corrupt(&format!("{} bytes too many", bytes.0.len())));
        }
        let sorted = surroundings.is_sorted_by(|a, b| a.unit < b.unit);
        if !sorted || !entries.is_sorted_by(|a, b| a.hash < b.hash) {
            return Err(corrupt("the entries are not in order"));
        }
        Ok(Self::of(
            [units, documents],
            [absent_bound, absent_pair_bound],
            ByHash::new(&entries),
            Surroundings::of(&surroundings),
        ))
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], VocabularyError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| corrupt("the bytes end too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, VocabularyError> {
        self.take().map(u64::from_le_bytes)
    }

    fn length(&mut self, size: usize) -> Result<usize, VocabularyError> {
        let length = self.number()?;
        usize::try_from(length)
            .ok()
            .filter(|length| {
                length
                    .checked_mul(size)
                    .is_some_and(|bytes| bytes <= self.0.len())
            })
            .ok_or_else(|| corrupt(&format!("{length} entries in {} bytes", self.0.len())))
    }
}

fn corrupt(reason: &str) -> VocabularyError {
    VocabularyError::Corrupt {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use driftline_statistics::{ngrams::NgramConfig, units::ngram_hash};
    use proptest::prelude::*;

    pub(crate) fn vocabulary(texts: &[(&str, u8)]) -> BaselineVocabulary {
        let mut counts = NgramCounts::new(NgramConfig::baseline());
        for (text, fold) in texts {
            counts.update(text, *fold, None);
        }
        BaselineVocabulary::freeze(&counts)
    }

    fn documents(vocabulary: &BaselineVocabulary, ngram: &str) -> Option<u32> {
        vocabulary.documents_with(ngram_hash(ngram).unwrap())
    }

    #[test]
    fn pairs_are_kept_and_longer_ngrams_from_two_documents_on() {
        let vocabulary = vocabulary(&[("甲乙丙", 0), ("甲乙丙丁", 3), ("乙丙戊", 3)]);
        assert_eq!(documents(&vocabulary, "乙丙"), Some(3));
        assert_eq!(documents(&vocabulary, "甲乙丙"), Some(2));
        assert_eq!(documents(&vocabulary, "丙戊"), Some(1));
        assert_eq!(documents(&vocabulary, "乙丙丁"), None);
        assert_eq!(
            (vocabulary.absent_bound(2), vocabulary.absent_bound(3)),
            (0, 1)
        );
        assert_eq!(vocabulary.folds_with(ngram_hash("甲乙").unwrap()), 0b1001);
        assert_eq!((vocabulary.documents(), vocabulary.units()), (3, 10));
    }

    #[test]
    fn every_hash_is_found_among_many() {
        let texts: Vec<String> = (0..3_000).map(|i| format!("w{i} x{}", i % 7)).collect();
        let texts: Vec<(&str, u8)> = texts.iter().map(|text| (text.as_str(), 0)).collect();
        let vocabulary = vocabulary(&texts);
        assert!(
            vocabulary
                .entries
                .entries()
                .iter()
                .all(|entry| vocabulary.entries.get(entry.hash) == Some(entry))
        );
        assert!((0..1_000).all(|i| documents(&vocabulary, &format!("y{i}")).is_none()));
    }

    #[test]
    fn bytes_are_read_back_and_refused_cut_padded_unordered_or_newer() {
        let vocabulary = vocabulary(&[("甲乙丙", 0), ("乙丙丁", 1)]);
        let bytes = vocabulary.to_bytes();
        assert_eq!(BaselineVocabulary::from_bytes(&bytes), Ok(vocabulary));
        for length in 0..bytes.len() {
            assert!(BaselineVocabulary::from_bytes(&bytes[..length]).is_err());
        }
        assert!(BaselineVocabulary::from_bytes(&[bytes.clone(), vec![0]].concat()).is_err());
        let mut newer = bytes.clone();
        newer[0] = VERSION + 1;
        assert!(matches!(
            BaselineVocabulary::from_bytes(&newer),
            Err(VocabularyError::Version { .. })
        ));
        let mut unordered = bytes.clone();
        let last = bytes.len() - 8 - ENTRY_BYTES;
        unordered[last..last + 8].fill(0);
        assert!(BaselineVocabulary::from_bytes(&unordered).is_err());
    }

    #[test]
    fn a_vocabulary_of_the_first_version_is_read() {
        let vocabulary = vocabulary(&[("甲乙丙", 0), ("乙丙丁", 1)]);
        let mut first = vocabulary.to_bytes();
        first[0] = 1;
        first.truncate(first.len() - 8);
        assert_eq!(BaselineVocabulary::from_bytes(&first), Ok(vocabulary));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_a_vocabulary(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(vocabulary) = BaselineVocabulary::from_bytes(&bytes) {
                prop_assert!(bytes[0] != VERSION || vocabulary.to_bytes() == bytes);
            }
        }
    }
}
