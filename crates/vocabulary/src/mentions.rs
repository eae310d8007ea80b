//! Whether the texts with a term look written apart from one another, or by few hands.
//!
//! Three things are looked at: texts that are near copies of others, a few authors who wrote
//! most, and texts that all came within minutes. Each tells of a campaign or a flood by
//! itself; that none holds is no proof that nobody planned it.

use driftline_statistics::units::{UnitReader, extend_hash, mix};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Texts kept of a term; more are thinned evenly.
const MOST_TEXTS: usize = 1_024;
/// Pairs of neighbouring units kept of a text.
const MOST_PAIRS: usize = 256;
/// Fewer texts are not judged.
const LEAST_TEXTS: usize = 10;
/// Texts are near copies if they share half of all pairs that either has.
const NEAR: f64 = 0.5;
/// Texts from which on near copies are a group, and not a quotation.
const LEAST_GROUP: usize = 3;
/// Authors who may not have written most of the texts.
const TOP_AUTHORS: usize = 3;
const MINUTES_US: i64 = 10 * 60 * 1_000_000;
const HOUR_US: i64 = 3_600_000_000;
/// Hash functions of a signature, two of which make a band: texts that share half of their
/// pairs have an equal band with a probability of 0.99.
const HASHES: usize = 32;
const BAND: usize = 2;

/// The texts of the live data with one term.
#[derive(Debug, Clone, Default)]
pub struct Mentions {
    texts: Vec<Mention>,
    seen: u64,
    /// A text is kept if its number, mixed, has no bit of these.
    thinned: u64,
}

#[derive(Debug, Clone)]
struct Mention {
    at_us: Option<i64>,
    author: Option<u64>,
    number: u64,
    /// Hashes of pairs of units, without those of the term: sorted, each once.
    pairs: Vec<u64>,
}

/// What can be known of where some texts with a term come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    /// Texts looked at.
    pub texts: usize,
    /// Share of them that are near copies of at least two others.
    pub near_copies: f64,
    /// Share of the texts with an author that the three busiest of them wrote; `None` where
    /// none has.
    pub top_authors: Option<f64>,
    /// The greatest share within ten minutes; `None` where no time is finer than an hour.
    pub ten_minutes: Option<f64>,
}

impl Mentions {
    /// Adds a text with the term: who wrote it, as a hash, and when, in microseconds.
    pub fn add(
        &mut self,
        reader: &mut UnitReader,
        (text, term): (&str, &str),
        author: Option<u64>,
        at_us: Option<i64>,
    ) {
        let number = mix(self.seen);
        self.seen += 1;
        if number & self.thinned != 0 {
            return;
        }
        let of_term = pairs(reader, term);
        let mut pairs = pairs(reader, text);
        pairs.retain(|pair| of_term.binary_search(pair).is_err());
        self.texts.push(Mention {
            at_us,
            author,
            number,
            pairs,
        });
        if self.texts.len() > MOST_TEXTS {
            self.thinned = self.thinned << 1 | 1;
            self.texts.retain(|text| text.number & self.thinned == 0);
        }
    }

    /// Where the texts of a stretch of time come from, or all without one; `None` of too few.
    pub fn origin(&self, within: Option<Range<i64>>) -> Option<Origin> {
        let inside = |text: &&Mention| match &within {
            Some(range) => text.at_us.is_some_and(|at| range.contains(&at)),
            None => true,
        };
        let texts: Vec<&Mention> = self.texts.iter().filter(inside).collect();
        (texts.len() >= LEAST_TEXTS).then(|| Origin {
            texts: texts.len(),
            near_copies: near_copies(&texts) as f64 / texts.len() as f64,
            top_authors: top_authors(&texts),
            ten_minutes: ten_minutes(&texts),
        })
    }
}

impl Origin {
    /// From this share on one of the three says that texts were not written apart.
    pub const MOST: f64 = 0.5;

    /// Whether most texts are near copies, by three authors, or of the same minutes.
    pub fn is_coordinated(&self) -> bool {
        let shares = [Some(self.near_copies), self.top_authors, self.ten_minutes];
        shares
            .into_iter()
            .flatten()
            .any(|share| share >= Self::MOST)
    }
}

/// Hashes of the pairs of neighbouring units of a text, sorted, each once.
fn pairs(reader: &mut UnitReader, text: &str) -> Vec<u64> {
    reader.read(text);
    let mut pairs = Vec::new();
    for run in reader.runs() {
        let units = run.units();
        let of = units.windows(2).map(|pair| {
            let first = extend_hash(0, pair[0].hash);
            extend_hash(first, pair[1].hash)
        });
        pairs.extend(of.take(MOST_PAIRS - pairs.len().min(MOST_PAIRS)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Texts in groups of near copies. A text joins the first group whose first text it is near;
/// those that share none of the bands of their signatures are not compared (Broder 1997).
fn near_copies(texts: &[&Mention]) -> usize {
    let mut groups: Vec<(&Mention, usize)> = Vec::new();
    let mut by_band: FxHashMap<(usize, u64), Vec<usize>> = FxHashMap::default();
    for &text in texts.iter().filter(|text| !text.pairs.is_empty()) {
        let bands = bands(&text.pairs);
        let mut likely: Vec<usize> = bands
            .iter()
            .filter_map(|band| by_band.get(band))
            .flatten()
            .copied()
            .collect();
        likely.sort_unstable();
        likely.dedup();
        let near = |group: &&usize| likeness(&groups[**group].0.pairs, &text.pairs) >= NEAR;
        match likely.iter().find(near) {
            Some(&group) => groups[group].1 += 1,
            None => {
                for band in bands {
                    by_band.entry(band).or_default().push(groups.len());
                }
                groups.push((text, 1));
            }
        }
    }
    let large = groups.iter().filter(|(_, texts)| *texts >= LEAST_GROUP);
    large.map(|(_, texts)| texts).sum()
}

fn bands(pairs: &[u64]) -> Vec<(usize, u64)> {
    let least = |hash: usize| {
        let seed = mix(hash as u64 + 1);
        let hashes = pairs.iter().map(|pair| mix(pair ^ seed));
        hashes.min().unwrap_or(0)
    };
    let signature: Vec<u64> = (0..HASHES).map(least).collect();
    let bands = signature.chunks(BAND).enumerate();
    bands
        .map(|(at, band)| {
            (
                at,
                band.iter().fold(0, |hash, part| extend_hash(hash, *part)),
            )
        })
        .collect()
}

/// Jaccard's: the share of all pairs that both have.
fn likeness(a: &[u64], b: &[u64]) -> f64 {
    let both = a
        .iter()
        .filter(|pair| b.binary_search(pair).is_ok())
        .count();
    both as f64 / (a.len() + b.len() - both).max(1) as f64
}

fn top_authors(texts: &[&Mention]) -> Option<f64> {
    let mut by_author: FxHashMap<u64, usize> = FxHashMap::default();
    for author in texts.iter().filter_map(|text| text.author) {
        *by_author.entry(author).or_default() += 1;
    }
    let mut counts: Vec<usize> = by_author.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let all: usize = counts.iter().sum();
    let top: usize = counts.iter().take(TOP_AUTHORS).sum();
    (all > 0).then(|| top as f64 / all as f64)
}

fn ten_minutes(texts: &[&Mention]) -> Option<f64> {
    let mut times: Vec<i64> = texts.iter().filter_map(|text| text.at_us).collect();
    times.sort_unstable();
    if times.iter().all(|at| at % HOUR_US == 0) {
        return None;
    }
    let together = |from: usize| times.partition_point(|at| *at < times[from] + MINUTES_US) - from;
    let most = (0..times.len()).map(together).max()?;
    Some(most as f64 / times.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 24 * HOUR_US;

    fn mentions(texts: impl IntoIterator<Item = (String, Option<u64>, Option<i64>)>) -> Mentions {
        let mut reader = UnitReader::default();
        let mut mentions = Mentions::default();
        for (text, author, at) in texts {
            mentions.add(&mut reader, (&text, "班味"), author, at);
        }
        mentions
    }

    /// A text of its own characters around the term.
    fn apart(number: u32) -> String {
        let character = |at: u32| char::from_u32(0x4e00 + (number * 40 + at) % 20_000);
        let around: String = (0..12).filter_map(character).collect();
        format!("{around}班味")
    }

    #[test]
    fn texts_written_apart_show_no_sign_of_coordination() {
        let texts = (0..60).map(|n| {
            let at = i64::from(n) * DAY_US / 5 + 7;
            (apart(n), Some(u64::from(n)), Some(at))
        });
        let origin = mentions(texts).origin(None).unwrap();
        assert_eq!((origin.texts, origin.near_copies), (60, 0.0));
        assert!(!origin.is_coordinated(), "{origin:?}");
    }

    #[test]
    fn edited_copies_few_authors_and_narrow_minutes_each_show() {
        let edited = (0..30).map(|n| {
            let text = format!(
                "{}这种班味真的是越来越重了我受不了",
                apart(n).chars().next().unwrap()
            );
            (text, None, Some(i64::from(n) * DAY_US))
        });
        let origin = mentions(edited).origin(None).unwrap();
        assert!(origin.near_copies > 0.99 && origin.is_coordinated());
        assert_eq!((origin.top_authors, origin.ten_minutes), (None, None));

        let few = (0..30).map(|n| {
            (
                apart(n),
                Some(u64::from(n % 4)),
                Some(i64::from(n) * DAY_US + 1),
            )
        });
        let origin = mentions(few).origin(None).unwrap();
        assert!(origin.top_authors.unwrap() > 0.7 && origin.near_copies < 0.01);
        assert!(origin.is_coordinated());

        let minutes = (0..30).map(|n| (apart(n), None, Some(i64::from(n) * 10_000_001)));
        let origin = mentions(minutes).origin(None).unwrap();
        assert!(origin.ten_minutes.unwrap() > 0.99 && origin.is_coordinated());
    }

    #[test]
    fn only_texts_of_the_stretch_are_looked_at_and_few_are_not_judged() {
        let texts = (0..40).map(|n| (apart(n), None, Some(i64::from(n) * DAY_US)));
        let mentions = mentions(texts);
        assert_eq!(mentions.origin(Some(0..9 * DAY_US)), None);
        let part = mentions.origin(Some(0..12 * DAY_US)).unwrap();
        assert_eq!(part.texts, 12);
        assert_eq!(Mentions::default().origin(None), None);
    }

    #[test]
    fn a_frequent_term_is_thinned_evenly() {
        let texts = (0..20_000).map(|n| {
            (
                apart(n),
                Some(u64::from(n % 2)),
                Some(i64::from(n) * DAY_US),
            )
        });
        let mentions = mentions(texts);
        assert!((MOST_TEXTS / 4..=MOST_TEXTS).contains(&mentions.texts.len()));
        let early = mentions
            .texts
            .iter()
            .filter(|text| text.at_us < Some(10_000 * DAY_US));
        let share = early.count() as f64 / mentions.texts.len() as f64;
        assert!((0.4..0.6).contains(&share), "{share}");
    }
}
