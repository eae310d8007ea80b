//! Known words that stand among other words than before: 尊 and 雷 are old words with a new sense.
//!
//! A list for people to read, never an alarm. What words a word stands among changes with the topics of the
//! day, and most of what is found is that: on headlines no count of neighbours was ever seen to find a new
//! sense by itself (Hamilton, Leskovec and Jurafsky 2016, "Cultural shift or linguistic drift?", say why: counts
//! of neighbours follow culture more than sense). Three things take off what they can:
//!
//! 1. what is usual: how far the two halves of the training data are apart is taken off how far the
//!    live data are from both, on equally many texts, so that few texts are no change;
//! 2. how often a word is used: changes are taken by their place among words of like frequency, as a
//!    robust z (median and median deviation);
//! 3. its topic: what the words that it stood nearest to show on average is taken off.

use jieba_rs::Jieba;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// Cells that context words are counted in, by their hash.
const CELLS: usize = 1_024;
/// Texts that are kept of a word and a part: those with the least hash, equal ones once.
const TEXTS: usize = 200;
/// Context words that are kept of a text.
const CONTEXT: usize = 32;
/// Words that are compared: the most frequent ones.
const MOST_WORDS: usize = 8_000;
/// Words that are counted; of more, those that come late are left out.
const MOST_COUNTED: usize = 4 << 20;
/// Words of like frequency that a change is held against.
const LIKE: usize = 400;
/// Words of the nearest topic.
const NEAREST: usize = 20;
/// Words that have the greatest change before the topic is taken off, of which the list is made.
const SHORT_LIST: usize = 500;
/// Words that a deviation is estimated from, at least.
const FEWEST: usize = 20;

/// Which part of the data a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsagePart {
    /// The first half of the training data.
    Earlier,
    /// The second half.
    Later,
    /// The live data.
    Live,
}

impl UsagePart {
    const ALL: usize = 3;
}

/// Cuts texts into words by jieba's dictionary, and words of its own.
#[derive(Debug, Clone)]
pub struct WordCutter {
    jieba: Jieba,
}

impl WordCutter {
    /// With words that the dictionary does not have, so that they are not taken apart: names and new terms
    /// would else look like a change of the words within them.
    pub fn new<'a>(own: impl IntoIterator<Item = &'a str>) -> Self {
        let mut jieba = Jieba::new();
        for word in own {
            jieba.add_word(word, None, None);
        }
        Self { jieba }
    }

    /// The words of a text in normal form, in order; what is no letter and no number is left out.
    pub fn words<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let cut = self.jieba.cut(text, false).into_iter();
        cut.map(|word| word.word)
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .collect()
    }
}

/// Whether a word says something of what a text is about: a character alone hardly does.
fn is_context(word: &str) -> bool {
    word.chars().nth(1).is_some() && !word.chars().all(char::is_numeric)
}

/// How often each word stands in each part: which words can be compared.
#[derive(Debug, Clone, Default)]
pub struct WordCounts {
    texts: FxHashMap<Box<str>, [u32; UsagePart::ALL]>,
}

impl WordCounts {
    /// Adds the words of a text.
    pub fn update(&mut self, words: &[&str], part: UsagePart) {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        for &word in words.iter().filter(|word| seen.insert(word)) {
            if let Some(counts) = self.texts.get_mut(word) {
                counts[part as usize] += 1;
            } else if self.texts.len() < MOST_COUNTED {
                let mut counts = [0; UsagePart::ALL];
                counts[part as usize] = 1;
                self.texts.insert(word.into(), counts);
            }
        }
    }

    /// Words in `least` texts and more of the training data and of the live data each, and in half as
    /// many of each half of the training data; the most frequent ones where there are too many.
    pub fn candidates(&self, least: u32) -> Vec<String> {
        let enough = |counts: &[u32; UsagePart::ALL]| {
            let [earlier, later, live] = *counts;
            earlier >= least.div_ceil(2) && later >= least.div_ceil(2) && live >= least
        };
        let is_word = |word: &str| !word.chars().all(char::is_numeric);
        let mut words: Vec<(u32, &str)> = self
            .texts
            .iter()
            .filter(|(word, counts)| enough(counts) && is_word(word))
            .map(|(word, counts)| (counts.iter().copied().min().unwrap_or(0), &**word))
            .collect();
        words.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        words.truncate(MOST_WORDS);
        words.into_iter().map(|(_, word)| word.to_owned()).collect()
    }

    /// Texts with a word in each part: the halves of the training data, then the live data.
    pub fn texts(&self, word: &str) -> [u32; 3] {
        self.texts.get(word).copied().unwrap_or_default()
    }
}

/// Cells of the context words of a text.
type Cells = Box<[u16]>;

/// What words stand among, in samples of the texts with them.
#[derive(Debug, Clone)]
pub struct UsageProfiles {
    words: Vec<String>,
    by_word: FxHashMap<String, u32>,
    samples: Vec<[BTreeMap<u64, Cells>; UsagePart::ALL]>,
}

/// A word that stands among other words than before.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageChange {
    /// The word.
    pub word: String,
    /// How much more it changed than words of like frequency and topic, in standard deviations.
    pub score: f64,
    /// Jensen–Shannon divergence in bits between what it stands among in live and in training data.
    pub divergence: f64,
    /// The same between the halves of the training data: what is usual.
    pub usual: f64,
    /// Texts of each part that this rests on.
    pub texts: usize,
    /// By cell how much likelier it is in live data, in nats.
    log_odds: Vec<f32>,
}

/// The cell of a context word.
fn cell(word: &str) -> u16 {
    (xxh3_64(word.as_bytes()) % CELLS as u64) as u16
}

/// Places of the words that stand around the word at `at`, without its neighbours, with which it may make
/// up one word.
fn around(words: &[&str], at: usize) -> impl Iterator<Item = usize> {
    let is_far = move |place: &usize| place.abs_diff(at) > 1;
    (0..words.len())
        .filter(is_far)
        .filter(move |&place| is_context(words[place]) && words[place] != words[at])
}

impl UsageProfiles {
    /// Of these words.
    pub fn new(words: Vec<String>) -> Self {
        let by_word = words.iter().cloned().zip(0..).collect();
        Self {
            samples: vec![Default::default(); words.len()],
            by_word,
            words,
        }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds a text, given with its words.
    pub fn update(&mut self, text: &str, words: &[&str], part: UsagePart) {
        let hash = xxh3_64(text.as_bytes());
        for (at, word) in words.iter().enumerate() {
            let Some(&number) = self.by_word.get(*word) else {
                continue;
            };
            let sample = &mut self.samples[number as usize][part as usize];
            let is_full = sample.len() >= TEXTS;
            let greatest = sample.last_key_value().map(|(hash, _)| *hash);
            if is_full && greatest.is_some_and(|greatest| hash >= greatest) {
                continue;
            }
            let cells = around(words, at).take(CONTEXT);
            sample.insert(hash, cells.map(|place| cell(words[place])).collect());
            if sample.len() > TEXTS {
                sample.pop_last();
            }
        }
    }

    /// The words that changed most, the greatest change first, then what there is to say of words that are
    /// asked for; empty of fewer than twenty words, which say nothing of what is usual.
    pub fn changes(&self, most: usize, asked: &[String]) -> Vec<UsageChange> {
        let mut found: Vec<(usize, UsageChange)> = (0..self.words.len())
            .filter_map(|number| Some((number, self.change(number)?)))
            .collect();
        if found.len() < FEWEST {
            return Vec::new();
        }
        // Words are ordered by frequency, so those beside one are like it.
        let excess: Vec<f64> = found
            .iter()
            .map(|(_, change)| change.divergence - change.usual)
            .collect();
        let scores: Vec<f64> = (0..found.len())
            .map(|at| robust_score(&excess, at))
            .collect();
        let mut short: Vec<usize> = (0..found.len()).collect();
        short.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let is_asked = |at: usize| asked.contains(&found[at].1.word);
        let rest = short.split_off(SHORT_LIST.max(most).min(short.len()));
        short.extend(rest.into_iter().filter(|at| is_asked(*at)));
        let profiles: Vec<Vec<f32>> = found
            .iter()
            .map(|(number, _)| self.direction(*number))
            .collect();
        for at in short.iter().copied() {
            let mut near: Vec<(f32, usize)> = (0..found.len())
                .filter(|other| *other != at)
                .map(|other| (dot(&profiles[at], &profiles[other]), other))
                .collect();
            near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            near.truncate(NEAREST);
            let topic = near.iter().map(|(_, other)| scores[*other]).sum::<f64>();
            found[at].1.score = scores[at] - topic / near.len().max(1) as f64;
        }
        let mut changes: Vec<UsageChange> = short
            .into_iter()
            .map(|at| found[at].1.clone())
            .filter(|change| change.score > 0.0 || asked.contains(&change.word))
            .collect();
        changes.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            by_score.then_with(|| a.word.cmp(&b.word))
        });
        let rest = changes.split_off(most.min(changes.len()));
        changes.extend(
            rest.into_iter()
                .filter(|change| asked.contains(&change.word)),
        );
        changes
    }

    /// Counts by cell of the first `texts` texts of a part.
    fn counts(&self, number: usize, part: UsagePart, texts: usize) -> Vec<f32> {
        let mut counts = vec![0.0; CELLS];
        let sample = self.samples[number][part as usize].values();
        for cell in sample.take(texts).flatten() {
            counts[usize::from(*cell)] += 1.0;
        }
        counts
    }

    /// How far the parts are apart; `None` where one has no context words.
    fn change(&self, number: usize) -> Option<UsageChange> {
        let texts = self.samples[number].iter().map(BTreeMap::len).min()?;
        let [earlier, later, live] = [UsagePart::Earlier, UsagePart::Later, UsagePart::Live]
            .map(|part| self.counts(number, part, texts));
        let usual = divergence(&earlier, &later)?;
        let divergence = (divergence(&earlier, &live)? + divergence(&later, &live)?) / 2.0;
        let sum = |counts: &[f32]| counts.iter().sum::<f32>();
        let (all_before, all_live) = (sum(&earlier) + sum(&later), sum(&live));
        let log_odds = (0..CELLS).map(|cell| {
            let before = (earlier[cell] + later[cell] + 0.5) / (all_before + 1.0);
            ((live[cell] + 0.5) / (all_live + 1.0) / before).ln()
        });
        Some(UsageChange {
            word: self.words[number].clone(),
            score: 0.0,
            divergence,
            usual,
            texts,
            log_odds: log_odds.collect(),
        })
    }

    /// What a word stands among in the training data, of length 1.
    fn direction(&self, number: usize) -> Vec<f32> {
        let [earlier, later] =
            [UsagePart::Earlier, UsagePart::Later].map(|part| self.counts(number, part, TEXTS));
        // Roots, so that a few frequent words are not all there is.
        let roots = earlier.iter().zip(&later).map(|(a, b)| (a + b).sqrt());
        let mut direction: Vec<f32> = roots.collect();
        let length = dot(&direction, &direction).sqrt().max(f32::MIN_POSITIVE);
        direction.iter_mut().for_each(|part| *part /= length);
        direction
    }
}

impl UsageChange {
    /// How much more what the word stands among in a text is of live than of training data: mean log odds
    /// over the words around it, in nats; `None` where it does not stand there, or alone.
    pub fn speaks_for(&self, words: &[&str]) -> Option<f64> {
        let at = words.iter().position(|word| *word == self.word)?;
        let odds = around(words, at).map(|place| self.log_odds[usize::from(cell(words[place]))]);
        let odds: Vec<f64> = odds.map(f64::from).collect();
        (!odds.is_empty()).then(|| odds.iter().sum::<f64>() / odds.len() as f64)
    }

    /// The words around the word in a text that say something of what it is about.
    pub fn context<'t>(&self, words: &[&'t str]) -> Vec<&'t str> {
        let at = words.iter().position(|word| *word == self.word);
        let places = at.into_iter().flat_map(|at| around(words, at));
        places.map(|place| words[place]).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Jensen–Shannon divergence of two vectors of counts, in bits (Lin 1991); `None` where one is empty.
fn divergence(a: &[f32], b: &[f32]) -> Option<f64> {
    let sum = |counts: &[f32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
    let (all_a, all_b) = (sum(a), sum(b));
    if all_a <= 0.0 || all_b <= 0.0 {
        return None;
    }
    let part = |p: f64, middle: f64| {
        if p > 0.0 {
            p * (p / middle).log2()
        } else {
            0.0
        }
    };
    let parts = a.iter().zip(b).map(|(a, b)| {
        let (p, q) = (f64::from(*a) / all_a, f64::from(*b) / all_b);
        let middle = (p + q) / 2.0;
        (part(p, middle) + part(q, middle)) / 2.0
    });
    Some(parts.sum())
}

/// How far a value is above the median of those beside it, in standard deviations by the median
/// deviation.
fn robust_score(values: &[f64], at: usize) -> f64 {
    let width = LIKE.min(values.len());
    let first = at.saturating_sub(width / 2).min(values.len() - width);
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut like = values[first..first + width].to_vec();
    let middle = median(&mut like);
    let mut deviations: Vec<f64> = like.iter().map(|value| (value - middle).abs()).collect();
    // 1.4826 median deviations of a normal distribution are one standard deviation.
    let deviation = 1.482_6 * median(&mut deviations);
    (values[at] - middle) / deviation.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Texts of 40 topics with 12 words of their own, each with some of 60 words that go with one topic
    /// in the training data; in live data `w7` goes with another one, and a whole topic is in fashion.
    fn texts(part: UsagePart) -> Vec<String> {
        let mut random = ChaCha8Rng::seed_from_u64(part as u64);
        (0..12_000)
            .map(|_| {
                let mut topic = random.random_range(0..40_u32);
                if part == UsagePart::Live && random.random::<f64>() < 0.1 {
                    topic = 5;
                }
                let mut words: Vec<String> = (0..6)
                    .map(|_| format!("t{topic}x{}", random.random_range(0..12_u32)))
                    .collect();
                let word = (0..60).filter(|word| {
                    let moved = *word == 7 && part == UsagePart::Live;
                    topic == if moved { 33 } else { word % 40 }
                });
                words.extend(word.map(|word| format!("w{word}")));
                let far = words.len() - 1;
                words.swap(0, far);
                words.join(" ")
            })
            .collect()
    }

    fn changes() -> Vec<UsageChange> {
        let cutter = WordCutter::new([]);
        let parts = [UsagePart::Earlier, UsagePart::Later, UsagePart::Live];
        let mut counts = WordCounts::default();
        for part in parts {
            for text in texts(part) {
                counts.update(&cutter.words(&text), part);
            }
        }
        let mut profiles = UsageProfiles::new(counts.candidates(50));
        for part in parts {
            for text in texts(part) {
                profiles.update(&text, &cutter.words(&text), part);
            }
        }
        profiles.changes(10, &["w3".to_owned()])
    }

    #[test]
    fn a_word_that_moves_to_another_topic_leads_the_list() {
        let changes = changes();
        assert_eq!(changes[0].word, "w7", "{:?}", &changes[..2]);
        assert!(changes.iter().any(|change| change.word == "w3"));
        assert!(changes[0].score > 2.0 * changes[1].score.max(1.0));
        let [new, old] = ["w7 a t33x1 t33x2", "w7 a t7x1 t7x2"].map(|text| {
            let words: Vec<&str> = text.split(' ').collect();
            changes[0].speaks_for(&words).unwrap()
        });
        assert!(new > 1.0 && old < -1.0, "{new} {old}");
    }

    #[test]
    fn words_of_its_own_are_not_taken_apart() {
        let text = "小米发布雷军演讲 2024 !";
        assert!(WordCutter::new([]).words(text).contains(&"雷"));
        let words = WordCutter::new(["雷军"]).words(text);
        assert!(
            words.contains(&"雷军") && !words.contains(&"雷"),
            "{words:?}"
        );
        assert!(!words.contains(&"!"));
    }

    #[test]
    fn few_words_and_words_alone_are_no_change() {
        let mut profiles = UsageProfiles::new(vec!["a".to_owned()]);
        profiles.update("a", &["a"], UsagePart::Live);
        assert!(profiles.changes(5, &[]).is_empty());
        assert!(UsageProfiles::new(Vec::new()).changes(5, &[]).is_empty());
        assert!(divergence(&[0.0], &[1.0]).is_none());
        assert!((divergence(&[1.0, 0.0], &[0.0, 1.0]).unwrap() - 1.0).abs() < 1e-12);
    }
}
