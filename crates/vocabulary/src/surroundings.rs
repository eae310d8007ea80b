//! What stands beside names, and what beside other words.
//!
//! A word that somebody makes up may have the characters of a name. What is before it and
//! after it tells them apart: a name begins a title and 回应 follows it, a word stands after
//! 的 and 很. How much more often each unit is beside the dictionary's names than beside its
//! other words is counted in the training data, so it is that of the text that is judged.

use crate::{
    by_hash::{ByHash, Hashed},
    lexicon,
    present::Present,
};
use driftline_statistics::{
    ngrams::{Ngram, NgramCounts},
    units::{UnitKind, extend_hash, last_unit_hash, prefix_hash},
};
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Lengths, in units, of the dictionary's words that are looked at.
const WORD_UNITS: RangeInclusive<usize> = 2..=4;
/// Fewer documents with a word say little about it.
const LEAST_DOCUMENTS: u32 = 2;
/// Names and other words that it takes to tell them apart.
const LEAST_WORDS: usize = 5;
/// A word counts as if it occurred so often at most, or the names of one year would be all.
const MOST_OCCURRENCES: f64 = 30.0;
/// Occurrences that every unit is given beside all words alike.
const PRIOR: f64 = 10.0;
/// Stands for the end of a run; no unit has this hash but by chance.
const END: u64 = 0;

/// How much more often units stand beside names than beside other words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Surroundings(ByHash<Beside>);

/// Log odds of a name with this unit beside it, in hundredths of a nat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) unit: u64,
    /// Where it stands before and after the word.
    pub(crate) odds: [i16; 2],
}

impl Hashed for Beside {
    fn hash(&self) -> u64 {
        self.unit
    }
}

/// What a unit is beside of, by side and by whether it is a name.
type Tally = [[f64; 2]; 2];

impl Surroundings {
    /// Of units in the order of their hashes, each once.
    pub(crate) fn of(units: &[Beside]) -> Self {
        Self(ByHash::new(units))
    }

    /// In the order of their hashes.
    pub(crate) fn units(&self) -> &[Beside] {
        self.0.entries()
    }

    /// Counts what stands beside the words that the dictionary has.
    pub(crate) fn learn(counts: &NgramCounts) -> Self {
        let words = Words::of(counts);
        let [others, names] = [false, true].map(|is_name| {
            let of_kind = words.words.iter().filter(|word| word.is_name == is_name);
            of_kind.count()
        });
        match others.min(names) < LEAST_WORDS {
            true => Self::of(&[]),
            false => Self::of(&odds(&words.tallies(counts))),
        }
    }

    /// Mean log odds, in nats, that an n-gram is a name by what stands beside it: of its
    /// units, of the n-grams with one unit more in front and behind, with their counts, and
    /// of its own occurrences. `None` where the training data have too few of the dictionary's words.
    pub(crate) fn odds(
        &self,
        units: &[u64],
        longer: &[FxHashMap<u64, u32>; 2],
        occurrences: u32,
    ) -> Option<f64> {
        if self.units().is_empty() {
            return None;
        }
        let ngram = units.iter().fold(0, |hash, &unit| extend_hash(hash, unit));
        let unit_of = |side: usize, longer: u64| match side {
            0 => {
                let whole = units.iter().rev();
                last_unit_hash(whole.fold(longer, |hash, &unit| prefix_hash(hash, unit)), 0)
            }
            _ => last_unit_hash(longer, ngram),
        };
        let mut sum = 0;
        for (side, longer) in longer.iter().enumerate() {
            let known: u32 = longer.values().sum();
            let beside = longer.iter().map(|(&hash, &n)| (unit_of(side, hash), n));
            let ends = (END, occurrences.saturating_sub(known));
            sum += (beside.chain([ends]))
                .map(|(unit, count)| i64::from(self.of_unit(unit, side)) * i64::from(count))
                .sum::<i64>();
        }
        Some(sum as f64 / 100.0 / f64::from(occurrences.max(1)))
    }

    fn of_unit(&self, unit: u64, side: usize) -> i16 {
        self.0.get(unit).map_or(0, |beside| beside.odds[side])
    }
}

/// A word that the dictionary has.
struct Word {
    hash: u64,
    is_name: bool,
    count: u32,
}

/// The dictionary's words among n-grams.
#[derive(Default)]
struct Words {
    words: Vec<Word>,
    /// Their places, by hash.
    by_hash: FxHashMap<u64, u32>,
}

impl Words {
    fn of(counts: &NgramCounts) -> Self {
        let mut words = Self::default();
        let mut text = String::new();
        for single in counts.ngrams_of_length(1) {
            words.add(single, &mut text);
        }
        words
    }

    /// Adds the words that begin with an n-gram; `text` is what stands before its last unit.
    fn add(&mut self, ngram: Ngram<'_>, text: &mut String) {
        // What is longer is in no more documents.
        if ngram.documents() < LEAST_DOCUMENTS {
            return;
        }
        let before = text.len();
        text.push_str(ngram.last_unit());
        if WORD_UNITS.contains(&ngram.length())
            && ngram.last_kind() == UnitKind::Ideograph
            && let Some(is_name) = lexicon::is_known_name(text)
        {
            let place = self.words.len() as u32;
            self.by_hash.insert(ngram.hash(), place);
            let count = ngram.count();
            let hash = ngram.hash();
            self.words.push(Word {
                hash,
                is_name,
                count,
            });
        }
        if ngram.length() < *WORD_UNITS.end() {
            for longer in ngram.extensions() {
                self.add(longer, text);
            }
        }
        text.truncate(before);
    }

    /// What stands beside them.
    fn tallies(&self, counts: &NgramCounts) -> BTreeMap<u64, Tally> {
        let mut beside = Neighbours {
            words: self,
            present: Present::with_room_for(self.words.len()),
            known: vec![[0; 2]; self.words.len()],
            tallies: FxHashMap::default(),
        };
        for word in &self.words {
            beside.present.add(word.hash);
        }
        for single in counts.ngrams_of_length(1) {
            beside.visit(single, single.last_hash(), None, 0);
        }
        // The rest of a word stands at the end of a run.
        for (place, word) in (0..).zip(&self.words) {
            for side in [0, 1] {
                let known = beside.known[place as usize][side];
                beside.add(END, side, place, word.count.saturating_sub(known));
            }
        }
        beside.tallies.into_iter().collect()
    }
}

/// A count of what stands beside words.
struct Neighbours<'w> {
    words: &'w Words,
    present: Present,
    /// Occurrences of each word with something before it, and behind it.
    known: Vec<[u32; 2]>,
    tallies: FxHashMap<u64, Tally>,
}

impl Neighbours<'_> {
    /// Looks at what an n-gram begins: its first unit stands before the rest, and its last
    /// behind what it begins with. `word` is the word that the n-gram is; `suffix` the
    /// hash of what it is without its first unit.
    fn visit(&mut self, ngram: Ngram<'_>, first: u64, word: Option<u32>, suffix: u64) {
        for longer in ngram.extensions() {
            let (unit, count) = (longer.last_hash(), longer.count());
            if let Some(word) = word {
                self.known[word as usize][1] += count;
                self.add(unit, 1, word, count);
            }
            let suffix = extend_hash(suffix, unit);
            if longer.length() > *WORD_UNITS.start()
                && let Some(word) = self.word(suffix)
            {
                self.known[word as usize][0] += count;
                self.add(first, 0, word, count);
            }
            if longer.length() <= *WORD_UNITS.end() {
                let is_frequent = longer.documents() >= LEAST_DOCUMENTS;
                let word = is_frequent.then(|| self.word(longer.hash())).flatten();
                self.visit(longer, first, word, suffix);
            }
        }
    }

    fn word(&self, hash: u64) -> Option<u32> {
        match self.present.may_hold(hash) {
            true => self.words.by_hash.get(&hash).copied(),
            false => None,
        }
    }

    fn add(&mut self, unit: u64, side: usize, word: u32, count: u32) {
        let word = &self.words.words[word as usize];
        let weight = (MOST_OCCURRENCES / f64::from(word.count.max(1))).min(1.0);
        let tally = self.tallies.entry(unit).or_default();
        tally[side][usize::from(word.is_name)] += weight * f64::from(count);
    }
}

/// The log odds that are not zero.
fn odds(tallies: &BTreeMap<u64, Tally>) -> Vec<Beside> {
    let total = |side: usize, kind: usize| -> f64 {
        tallies.values().map(|tally| tally[side][kind]).sum::<f64>()
    };
    let shares = [0, 1].map(|side| {
        let [other, name] = [0, 1].map(|kind| total(side, kind).max(1.0));
        [other, name].map(|of| of / (other + name))
    });
    let of = |(&unit, tally): (&u64, &Tally)| {
        let odds = [0, 1].map(|side| {
            let [other, name] = [0, 1].map(|kind| {
                let share = shares[side][kind];
                (tally[side][kind] + PRIOR * share) / share
            });
            ((name / other).ln() * 100.0).round() as i16
        });
        (odds != [0; 2]).then_some(Beside { unit, odds })
    };
    tallies.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_statistics::{
        ngrams::{NgramConfig, Preceding},
        units::ngram_hash,
    };

    fn counts(texts: &[&str]) -> NgramCounts {
        let mut counts = NgramCounts::new(NgramConfig::baseline());
        for (at, text) in texts.iter().enumerate() {
            counts.update(text, at as u8, None);
        }
        counts
    }

    /// Odds of the only n-gram that is `text`, in other texts.
    fn odds_in(surroundings: &Surroundings, text: &str, texts: &[&str]) -> f64 {
        let live = counts(texts);
        let found = live.find(text).unwrap();
        let counted = |longer: Ngram<'_>| (longer.hash(), longer.count());
        let preceding = Preceding::new(&live);
        let longer = [
            preceding.longer(&live, &found).map(counted).collect(),
            found.extensions().map(counted).collect(),
        ];
        let odds = surroundings.odds(&found.unit_hashes(), &longer, found.count());
        odds.unwrap()
    }

    #[test]
    fn what_begins_titles_and_answers_is_a_name() {
        let places = ["乌克兰", "俄罗斯", "新加坡", "阿根廷", "葡萄牙", "墨西哥"];
        let words = ["朋友", "东西", "问题", "办法", "道理", "心情"];
        let mut texts = Vec::new();
        for ending in ["一", "再"] {
            texts.extend(places.map(|place| format!("{place}回应{ending}")));
            texts.extend(words.map(|word| format!("{ending}很好的{word}了")));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let learnt = Surroundings::learn(&counts(&texts));
        let name = odds_in(&learnt, "辛巴", &["辛巴回应了", "辛巴回来"]);
        let word = odds_in(&learnt, "班味", &["满满的班味了", "我的班味"]);
        assert!(name > 1.0 && word < -0.5, "{name} {word}");
        let unknown = odds_in(&learnt, "显眼包", &["甲显眼包乙", "丙显眼包丁"]);
        assert!(unknown.abs() < 1e-9);
        assert_eq!(Surroundings::of(learnt.units()), learnt);
    }

    #[test]
    fn a_neighbour_is_told_from_the_hash_of_both() {
        let unit = |text: &str| last_unit_hash(ngram_hash(text).unwrap(), 0);
        let [before, word, after] = ["的", "班味", "了"];
        let with = ngram_hash(&format!("{word}{after}")).unwrap();
        assert_eq!(last_unit_hash(with, ngram_hash(word).unwrap()), unit(after));
        assert_eq!(extend_hash(ngram_hash(word).unwrap(), unit(after)), with);
        let with = ngram_hash(&format!("{before}{word}")).unwrap();
        let rest = ["味", "班"]
            .iter()
            .fold(with, |hash, part| prefix_hash(hash, unit(part)));
        assert_eq!(last_unit_hash(rest, 0), unit(before));
    }

    #[test]
    fn nothing_is_learnt_of_nothing() {
        assert!(
            Surroundings::learn(&NgramCounts::default())
                .units()
                .is_empty()
        );
    }
}
