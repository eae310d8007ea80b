//! A stretch of a window that speaks of what neither the baseline nor the rest of the
//! window does.
//!
//! The share of a whole window that the baseline does not know wanders, because news
//! is new and vocabularies age: between the weeks of one year and those of the next it
//! moves no further than within a year. But change seldom fills a window evenly. Where
//! for some days another source, another crowd or another year speaks, those days share
//! no stories with the days around them. So of every stretch of a window, up to an eighth
//! of it, what the baseline does not know is parted in two: what stands *nowhere else*,
//! and what another part of the window *shares*. Foreign days have more of the one and less
//! of the other; a great event of the day has more of the one alone. What the stretches of
//! the same length have in common, be it the age of the vocabulary or the season, cancels
//! out: the medians are taken off.
//!
//! Asked are threes of neighbouring characters, and pairs of words of scripts that write
//! spaces: half of an ordinary day's are new, and a day of another year has a tenth more.
//! Pairs and words tell apart less.
//!
//! Scan statistics: Naus (1965), "The Distribution of the Size of the Maximum Cluster
//! of Points on a Line". Its distribution is not derived here but seen in the baseline's
//! own windows, as texts come in stories and stories in days.

use crate::BaselineVocabulary;
use driftline_statistics::units::{Unit, UnitKind, UnitReader, extend_hash};
use rustc_hash::{FxHashMap, FxHashSet};

/// Unknown items that are kept; past that only those of low hash are, half as many each time.
const MOST_ITEMS: usize = 1 << 18;
/// A stretch is at most this part of its window.
const LONGEST: usize = 8;
/// Blocks with text that a window must have, for its stretches to have a median.
const FEWEST_BLOCKS: usize = 4;

/// What a window says that the baseline does not, by the blocks it stands in.
///
/// Copies of a text count once, as far as one scan sees them. Memory is bounded: of
/// more than 2¹⁸ unknown items a sample by hash is kept, which widens the null and the
/// live value alike.
#[derive(Debug, Clone)]
pub struct NoveltyScan {
    /// Items of each block, known or not.
    items: Vec<u64>,
    /// Occurrences of unknown ones in each block.
    news: Vec<u64>,
    texts: u64,
    seen: FxHashSet<u64>,
    unknown: FxHashMap<u64, Places>,
    /// Items are kept whose hash has as many leading zeros.
    level: u32,
    reader: UnitReader,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy)]
struct Places {
    first: u16,
    last: u16,
    count: u32,
}

/// The stretch of a window that stands out most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NovelStretch {
    /// Its first block.
    pub from: usize,
    /// One past its last block.
    pub to: usize,
    /// Share of its items that stand nowhere else, and the median of that over all
    /// stretches of its length.
    pub alone: (f64, f64),
    /// The same of its items that only other parts of the window share.
    pub shared: (f64, f64),
    /// Its part of the window's items.
    pub part: f64,
}

impl NovelStretch {
    /// How much it stands out: what is alone above its median, less what is shared above
    /// its median, times the root of its part, so that a day and a week of equal surprise
    /// weigh alike.
    pub fn excess(&self) -> f64 {
        (self.alone.0 - self.alone.1 - (self.shared.0 - self.shared.1)) * self.part.sqrt()
    }
}

impl NoveltyScan {
    /// A scan of a window with so many blocks, at most 2¹⁶.
    pub fn new(blocks: usize) -> Self {
        Self {
            items: vec![0; blocks.clamp(1, 1 << 16)],
            news: vec![0; blocks.clamp(1, 1 << 16)],
            texts: 0,
            seen: FxHashSet::default(),
            unknown: FxHashMap::default(),
            level: 0,
            reader: UnitReader::default(),
        }
    }

    /// Adds a text of a block; a block past the last counts as the last.
    ///
    /// `own` are the folds of the training time that the window itself lies in, and 0
    /// for live text: what only they say counts as unknown.
    pub fn update(&mut self, vocabulary: &BaselineVocabulary, own: u16, text: &str, block: usize) {
        self.reader.read(text);
        let document = self.reader.document_hash();
        if self.seen.len() < MOST_ITEMS {
            if !self.seen.insert(document) {
                return;
            }
        } else if self.seen.contains(&document) {
            return;
        }
        self.texts += 1;
        let block = block.min(self.items.len() - 1);
        let place = block as u16;
        let (items, news) = (&mut self.items[block], &mut self.news[block]);
        let (unknown, level) = (&mut self.unknown, self.level);
        for run in self.reader.runs() {
            for_each_item(run.units(), |hash| {
                *items += 1;
                if vocabulary.folds_with(hash) & !own != 0 {
                    return;
                }
                *news += 1;
                if hash.leading_zeros() < level {
                    return;
                }
                let places = unknown.entry(hash).or_insert(Places {
                    first: place,
                    last: place,
                    count: 0,
                });
                places.first = places.first.min(place);
                places.last = places.last.max(place);
                places.count += 1;
            });
        }
        while self.unknown.len() > MOST_ITEMS {
            self.level += 1;
            let level = self.level;
            self.unknown
                .retain(|&hash, _| hash.leading_zeros() >= level);
        }
    }

    /// Distinct texts.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// The stretch of whole blocks that stands out most, of all up to an eighth of the
    /// window; `None` where fewer than four blocks have text.
    pub fn strongest(&self) -> Option<NovelStretch> {
        // Blocks without text are gaps, not quiet days.
        let kept: Vec<usize> = (0..self.items.len())
            .filter(|&block| self.items[block] > 0)
            .collect();
        let blocks = kept.len();
        if blocks < FEWEST_BLOCKS {
            return None;
        }
        let longest = (blocks / LONGEST).max(1);
        let mut place = vec![0; self.items.len()];
        for (at, &block) in kept.iter().enumerate() {
            place[block] = at;
        }
        // Occurrences by first block and how many blocks further the last one is.
        let mut alone = vec![0_u64; blocks * longest];
        // A sum, so the order does not matter.
        self.unknown.values().for_each(|places| {
            let first = place[usize::from(places.first)];
            let further = place[usize::from(places.last)] - first;
            if further < longest {
                alone[first * longest + further] += u64::from(places.count);
            }
        });
        let all: u64 = self.items.iter().sum();
        let scale = f64::from(self.level).exp2();
        let mut strongest: Option<NovelStretch> = None;
        for length in 1..=longest {
            let stretches: Vec<(f64, f64, f64)> = (0..=blocks - length)
                .map(|from| {
                    let sum = |counts: &[u64]| {
                        let counts = kept[from..from + length].iter().map(|&block| counts[block]);
                        counts.sum::<u64>() as f64
                    };
                    let inside: u64 = (0..length)
                        .map(|ahead| {
                            let row = (from + ahead) * longest;
                            alone[row..row + length - ahead].iter().sum::<u64>()
                        })
                        .sum();
                    let (items, alone) = (sum(&self.items), inside as f64 * scale);
                    (alone / items, (sum(&self.news) - alone) / items, items)
                })
                .collect();
            let usual_alone = median(stretches.iter().map(|stretch| stretch.0));
            let usual_shared = median(stretches.iter().map(|stretch| stretch.1));
            for (from, (alone, shared, items)) in stretches.into_iter().enumerate() {
                let stretch = NovelStretch {
                    from: kept[from],
                    to: kept[from + length - 1] + 1,
                    alone: (alone, usual_alone),
                    shared: (shared, usual_shared),
                    part: items / all as f64,
                };
                if strongest.is_none_or(|best| stretch.excess() > best.excess()) {
                    strongest = Some(stretch);
                }
            }
        }
        strongest
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    (at(sorted.len().saturating_sub(1) / 2) + at(sorted.len() / 2)) / 2.0
}

/// Threes of units, pairs of words; a run that is shorter as a whole.
fn for_each_item(units: &[Unit], mut found: impl FnMut(u64)) {
    let is_word = |unit: &Unit| unit.kind == UnitKind::Word;
    for (at, pair) in units.windows(2).enumerate() {
        let hash = pair
            .iter()
            .fold(0, |hash, unit| extend_hash(hash, unit.hash));
        if pair.iter().all(is_word) {
            found(hash);
        } else if let Some(third) = units.get(at + 2) {
            found(extend_hash(hash, third.hash));
        } else if at == 0 {
            found(hash);
        }
    }
    if let [only] = units {
        found(extend_hash(0, only.hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::tests::vocabulary;
    use driftline_statistics::units::ngram_hash;

    fn items(text: &str) -> Vec<u64> {
        let mut reader = UnitReader::default();
        reader.read(text);
        let mut found = Vec::new();
        for run in reader.runs() {
            for_each_item(run.units(), |hash| found.push(hash));
        }
        found
    }

    #[test]
    fn items_are_threes_of_characters_and_pairs_of_words() {
        let hashes = |of: &[&str]| -> Vec<u64> {
            of.iter().map(|ngram| ngram_hash(ngram).unwrap()).collect()
        };
        assert_eq!(items("甲乙丙丁"), hashes(&["甲乙丙", "乙丙丁"]));
        assert_eq!(items("甲乙，丙"), hashes(&["甲乙", "丙"]));
        assert_eq!(items("some good news"), hashes(&["some good", "good news"]));
        assert!(items("12").is_empty());
    }

    /// A window of ten days that all say 子丑寅, and each something that is known.
    fn window(more: &[(usize, &str)]) -> NoveltyScan {
        const KNOWN: [&str; 10] = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];
        let known = KNOWN.join("，");
        let vocabulary = vocabulary(&[(known.as_str(), 0)]);
        let mut scan = NoveltyScan::new(10);
        for (day, own) in KNOWN.iter().enumerate() {
            scan.update(&vocabulary, 0, &format!("子丑寅，{own}"), day);
        }
        for &(day, text) in more {
            scan.update(&vocabulary, 0, text, day);
        }
        scan
    }

    #[test]
    fn the_day_that_speaks_of_something_else_stands_out() {
        let found = window(&[(6, "天地玄黄")]).strongest().unwrap();
        assert_eq!((found.from, found.to), (6, 7));
        // Of its four items 天地玄 and 地玄黄 stand nowhere else.
        assert!((found.alone.0 - 0.5).abs() < 1e-12 && found.alone.1.abs() < 1e-12);
        // 子丑寅 is new and everywhere: one of four, where one of two is usual.
        assert!((found.shared.0 - 0.25).abs() < 1e-12 && (found.shared.1 - 0.5).abs() < 1e-12);
        assert!((found.part - 4.0 / 22.0).abs() < 1e-12);
        assert!((found.excess() - 0.75 * (4.0_f64 / 22.0).sqrt()).abs() < 1e-12);
        // A story that goes on stands in no stretch of an eighth of the window.
        let story = window(&[(6, "天地玄黄"), (7, "天地玄，地玄黄")]);
        assert!(story.strongest().unwrap().excess().abs() < 1e-12);
    }

    #[test]
    fn what_only_the_windows_own_folds_say_is_unknown() {
        let vocabulary = vocabulary(&[
            ("天地玄", 0),
            ("天地玄黄", 0),
            ("地玄黄宇", 9),
            ("地玄黄", 9),
            ("丑，寅，卯", 5),
        ]);
        let share = |own: u16| {
            let mut scan = NoveltyScan::new(4);
            for (day, known) in ["丑", "寅", "卯", "丑，寅"].iter().enumerate() {
                scan.update(&vocabulary, own, &format!("子丑寅，{known}"), day);
            }
            scan.update(&vocabulary, own, "天地玄黄", 2);
            scan.strongest().unwrap().alone.0
        };
        assert!(share(0).abs() < 1e-12);
        assert!((share(1) - 0.25).abs() < 1e-12, "{}", share(1));
    }

    #[test]
    fn copies_count_once_gaps_are_left_out_and_few_blocks_say_nothing() {
        let vocabulary = vocabulary(&[("甲乙丙", 0)]);
        let mut scan = NoveltyScan::new(20);
        for (text, day) in [("子乙丙丁", 0), ("丑乙丙丁", 5), ("寅乙丙丁", 9)] {
            scan.update(&vocabulary, 0, text, day);
            scan.update(&vocabulary, 0, "天地玄", day);
        }
        assert_eq!((scan.texts(), scan.strongest()), (4, None));
        scan.update(&vocabulary, 0, "卯乙丙丁", 19);
        let found = scan.strongest().unwrap();
        // 子乙丙 and 天地玄 of three, where others have one of two.
        assert_eq!((found.from, found.to), (0, 1));
        assert!((found.alone.0 - found.alone.1 - 1.0 / 6.0).abs() < 1e-12);
        assert_eq!(NoveltyScan::new(7).strongest(), None);
    }

    #[test]
    fn past_the_bound_a_sample_stands_for_all() {
        let vocabulary = vocabulary(&[("甲乙丙", 0)]);
        let mut scan = NoveltyScan::new(4);
        for text in 0..200_000_u32 {
            let word = |n: u32| format!("w{n}x y{n}z");
            scan.update(
                &vocabulary,
                0,
                &format!("{} {}", word(text), word(text + 1)),
                (text % 4) as usize,
            );
        }
        assert!(scan.unknown.len() <= MOST_ITEMS && scan.level > 0);
        let found = scan.strongest().unwrap();
        // Every text has three items: one of its own, one shared with the text before
        // and one with the text after it, both in other blocks.
        assert!((found.alone.0 - 1.0 / 3.0).abs() < 0.01, "{found:?}");
        assert!((found.shared.0 - 2.0 / 3.0).abs() < 0.01, "{found:?}");
    }
}
