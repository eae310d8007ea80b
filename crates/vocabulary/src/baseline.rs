//! The vocabulary of the training data, frozen.
//!
//! Frozen at training time, not trailing: against the last 52 weeks a word that
//! spreads slowly is never new. Kept as sorted hashes with counts, since a baseline
//! is only ever asked about n-grams that somebody else already has the text of.

use crate::VocabularyError;
use driftline_statistics::{
    ngrams::{FOLDS, NgramCounts},
    units::{Run, Unit, UnitKind, UnitReader, extend_hash},
};
use std::ops::Range;

const VERSION: u8 = 1;

/// Bytes of an entry: hash, documents, folds.
const ENTRY_BYTES: usize = 14;

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
    hashes: Vec<u64>,
    counts: Vec<u32>,
    folds: Vec<u16>,
    /// Folds that any n-gram is in.
    occupied: u16,
    directory: Directory,
}

/// Where the hashes of equal upper bits begin, so that a search reads about eight.
#[derive(Debug, Clone, PartialEq)]
struct Directory {
    bits: u32,
    starts: Vec<u32>,
}

impl Directory {
    fn new(hashes: &[u64]) -> Self {
        let bits = (hashes.len() / 8).next_power_of_two().trailing_zeros();
        let starts = (0..=1_u64 << bits)
            .scan(0, |at, stretch| {
                let begins = |hash: &u64| upper_bits(*hash, bits) < stretch;
                *at += hashes[*at..].iter().take_while(|hash| begins(hash)).count();
                Some(u32::try_from(*at).expect("a vocabulary has fewer than 2³² entries"))
            })
            .collect();
        Self { bits, starts }
    }

    fn range(&self, hash: u64) -> Range<usize> {
        let at = upper_bits(hash, self.bits) as usize;
        self.starts[at] as usize..self.starts[at + 1] as usize
    }
}

fn upper_bits(hash: u64, bits: u32) -> u64 {
    hash.checked_shr(u64::BITS - bits).unwrap_or(0)
}

impl BaselineVocabulary {
    /// Freezes the counts of the training data, whose folds are sixteenths of its time.
    ///
    /// Kept are all single units and pairs, and longer n-grams in two documents or more.
    /// One n-gram in 10¹² that was never seen is taken for one that was, because of
    /// equal 64-bit hashes.
    pub fn freeze(counts: &NgramCounts) -> Self {
        let mut floor = [1, 1, 2];
        let kept = |floor: &[u32; 3]| {
            counts
                .ngrams()
                .filter(|n| n.documents() >= floor[n.length().min(3) - 1])
                .count()
        };
        while kept(&floor) > MAX_ENTRIES {
            floor[2] *= 2;
            if floor[2] > 64 {
                floor[1] *= 2;
                floor[0] *= 2;
            }
        }
        let mut entries: Vec<(u64, u32, u16)> = counts
            .ngrams()
            .filter(|n| n.documents() >= floor[n.length().min(3) - 1])
            .map(|n| {
                let folds = n.folds();
                let mask = (0..FOLDS)
                    .filter(|&f| folds[f] > 0)
                    .fold(0, |mask, f| mask | 1 << f);
                (n.hash(), n.documents(), mask)
            })
            .collect();
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.0);
        let hashes: Vec<u64> = entries.iter().map(|e| e.0).collect();

        Self {
            units: counts.units(),
            documents: counts.documents(),
            absent_bound: counts.absent_bound().saturating_add(floor[2] - 1),
            absent_pair_bound: counts.absent_bound().saturating_add(floor[1] - 1),
            directory: Directory::new(&hashes),
            hashes,
            counts: entries.iter().map(|e| e.1).collect(),
            folds: entries.iter().map(|e| e.2).collect(),
            occupied: entries.iter().fold(0, |folds, e| folds | e.2),
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
        self.hashes.len()
    }

    /// Whether nothing was learnt.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Documents of the n-gram with this [hash](extend_hash), or `None` if it is not kept and
    /// [`absent_bound`](Self::absent_bound) is all that is known.
    pub fn documents_with(&self, hash: u64) -> Option<u32> {
        self.position(hash).map(|at| self.counts[at])
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
        self.position(hash).map_or(0, |at| self.folds[at])
    }

    fn position(&self, hash: u64) -> Option<usize> {
        let range = self.directory.range(hash);
        let found = self.hashes[range.clone()].binary_search(&hash).ok()?;
        Some(range.start + found)
    }

    /// The vocabulary as bytes: version, totals, then the entries in the order of their hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.len() * ENTRY_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.units.to_le_bytes());
        out.extend_from_slice(&self.documents.to_le_bytes());
        out.extend_from_slice(&self.absent_bound.to_le_bytes());
        out.extend_from_slice(&self.absent_pair_bound.to_le_bytes());
        out.extend_from_slice(&(self.len() as u64).to_le_bytes());
        for at in 0..self.len() {
            out.extend_from_slice(&self.hashes[at].to_le_bytes());
            out.extend_from_slice(&self.counts[at].to_le_bytes());
            out.extend_from_slice(&self.folds[at].to_le_bytes());
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
        let entries = bytes.length(ENTRY_BYTES)?;
        let (mut hashes, mut counts, mut folds) = (
            Vec::with_capacity(entries),
            Vec::with_capacity(entries),
            Vec::with_capacity(entries),
        );
        for _ in 0..entries {
            hashes.push(bytes.number()?);
            counts.push(u32::from_le_bytes(bytes.take()?));
            folds.push(u16::from_le_bytes(bytes.take()?));
        }
        if !bytes.0.is_empty() {
            return Err(corrupt(&format!("{} bytes too many", bytes.0.len())));
        }
        if !hashes.is_sorted_by(|a, b| a < b) {
            return Err(corrupt("the entries are not in order"));
        }
        Ok(Self {
            units,
            documents,
            absent_bound,
            absent_pair_bound,
            directory: Directory::new(&hashes),
            hashes,
            counts,
            occupied: folds.iter().fold(0, |all, folds| all | folds),
            folds,
        })
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

/// The folds of the first half of the training time, and those of the second.
const HALVES: [u16; 2] = [0x00ff, 0xff00];

/// Tells how much of a text the training data does not know: one reader for many texts.
///
/// Asked are the words of scripts that write spaces, and pairs of neighbouring characters
/// of those that do not. Between one year of headlines and the next, the share of unknown
/// pairs rose further above its own movement within a year than that of longer n-grams,
/// most of which are unknown anyway, and than that of a segmenter's words.
///
/// All training texts are asked of one half of the training time, the one that they are
/// not in. Asked of all folds but their own, they found the talk of the same fortnight
/// on both sides of them, which no live text ever does: the weeks of one half of a year
/// stood 2.3 to 4.9 standard deviations above those of the other. By halves it is -0.3
/// to 1.7 (2021 to 2023, both ways round).
#[derive(Debug, Clone, Default)]
pub struct OovReader {
    reader: UnitReader,
}

impl OovReader {
    /// Share of the text's words and pairs that half of the training time does not know;
    /// `None` where the text has none.
    ///
    /// Pass a training text's own fold: it is asked of the half that it is not in. A live
    /// text is asked of each half in turn, and the mean of the two is comparable with the
    /// mean over the training texts. Where the training texts fill one half only, a
    /// live text is asked of it and a training text of the folds that it is not in.
    pub fn share(
        &mut self,
        vocabulary: &BaselineVocabulary,
        text: &str,
        fold: Option<u8>,
    ) -> Option<f64> {
        let own = fold.map(|fold| 1_u16 << fold.min(FOLDS as u8 - 1));
        let two = HALVES.iter().all(|half| half & vocabulary.occupied != 0);
        let parts: &[u16] = match own {
            None if two => &HALVES,
            None => &[u16::MAX],
            Some(own) if !two => &[!own],
            Some(own) if own & HALVES[0] != 0 => &HALVES[1..],
            Some(_) => &HALVES[..1],
        };
        let (mut asked, mut unknown) = (0_u32, 0_u32);
        self.reader.read(text);
        for run in self.reader.runs() {
            for_each_item(&run, |hash| {
                let folds = vocabulary.folds_with(hash);
                for part in parts {
                    asked += 1;
                    unknown += u32::from(folds & part == 0);
                }
            });
        }
        (asked > 0).then(|| f64::from(unknown) / f64::from(asked))
    }
}

fn for_each_item(run: &Run<'_>, mut found: impl FnMut(u64)) {
    let spaced = |unit: &Unit| matches!(unit.kind, UnitKind::Word | UnitKind::Emoji);
    let units = run.units();
    for (at, unit) in units.iter().enumerate() {
        let hash = extend_hash(0, unit.hash);
        match units.get(at + 1) {
            _ if spaced(unit) => found(hash),
            Some(next) if !spaced(next) => found(extend_hash(hash, next.hash)),
            // A character between words, or by itself.
            _ if at == 0 || spaced(&units[at - 1]) => found(hash),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_statistics::{ngrams::NgramConfig, units::ngram_hash};
    use proptest::prelude::*;

    fn vocabulary(texts: &[(&str, u8)]) -> BaselineVocabulary {
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
    fn a_training_text_is_asked_of_the_other_half_and_a_live_text_of_both() {
        let vocabulary = vocabulary(&[
            ("甲乙丙", 0),
            ("乙丙 good", 7),
            ("甲乙 good", 8),
            ("news", 15),
        ]);
        let mut reader = OovReader::default();
        let mut share = |text: &str, fold| reader.share(&vocabulary, text, fold);
        // Known to the first half: 甲乙, 乙丙, good; to the second: 甲乙, good, news.
        assert_eq!(share("甲乙丙 good", Some(0)), Some(1.0 / 3.0));
        assert_eq!(share("甲乙丙 good", Some(7)), Some(1.0 / 3.0));
        assert_eq!(share("甲乙丙 good", Some(8)), Some(0.0));
        assert_eq!(share("甲乙丙 good", None), Some(1.0 / 6.0));
        assert_eq!(share("news bad", None), Some(0.75));
        assert_eq!(share("12，34", None), None);
        assert_eq!(share("", None), None);
    }

    #[test]
    fn training_texts_in_one_half_are_asked_of_the_parts_that_they_are_not_in() {
        let vocabulary = vocabulary(&[("甲乙丙", 0), ("乙丙丁 good", 1), ("good news", 2)]);
        let mut reader = OovReader::default();
        let mut share = |text: &str, fold| reader.share(&vocabulary, text, fold);
        assert_eq!(share("甲乙丙", None), Some(0.0));
        assert_eq!(share("甲乙丙", Some(0)), Some(0.5));
        // Pairs 甲乙 and 乙戊, the word good; the last character ends a pair.
        assert_eq!(share("甲乙戊 good", Some(0)), Some(2.0 / 3.0));
        assert_eq!(share("bad good", None), Some(0.5));
    }

    #[test]
    fn every_hash_is_found_among_many() {
        let texts: Vec<String> = (0..3_000).map(|i| format!("w{i} x{}", i % 7)).collect();
        let texts: Vec<(&str, u8)> = texts.iter().map(|text| (text.as_str(), 0)).collect();
        let vocabulary = vocabulary(&texts);
        assert!(
            vocabulary
                .hashes
                .iter()
                .enumerate()
                .all(|(at, &hash)| vocabulary.position(hash) == Some(at))
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
        let last = bytes.len() - ENTRY_BYTES;
        unordered[last..last + 8].fill(0);
        assert!(BaselineVocabulary::from_bytes(&unordered).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_a_vocabulary(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(vocabulary) = BaselineVocabulary::from_bytes(&bytes) {
                prop_assert_eq!(vocabulary.to_bytes(), bytes);
            }
        }
    }
}
