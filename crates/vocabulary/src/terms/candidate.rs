//! N-grams on their way through the filters that look at their surroundings.

use super::{
    TermConfig,
    lookback::Lookback,
    nature::{Nature, Seen},
    track::Best,
    window::Key,
};
use crate::{BaselineVocabulary, contrast::Exposure, lexicon};
use driftline_statistics::ngrams::source_count;
use rustc_hash::FxHashMap;

/// Below this the entropy that a term can have at all is small, so its share of that counts.
const FEW_OCCURRENCES: u32 = 20;

/// An n-gram with support and a contrast to the baseline.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) hash: u64,
    /// Hashes of its units.
    pub(super) units: Vec<u64>,
    pub(super) text: String,
    pub(super) best: Best,
    pub(super) before: Exposure,
    pub(super) baseline_exact: bool,
    /// Documents over the lookback.
    pub(super) documents: u32,
    pub(super) cohesion: Option<f64>,
    pub(super) entropy: [f64; 2],
    /// What it looks like.
    pub(super) nature: Option<Nature>,
    pub(super) spread: Spread,
}

/// Over what the documents of a candidate are spread, over the lookback.
#[derive(Debug, Default)]
pub(super) struct Spread {
    pub(super) days: u32,
    pub(super) top_day: u32,
    pub(super) sources: u64,
    /// Start of the window of its first sighting, and the fold in it.
    pub(super) first: Option<(i64, u8)>,
}

/// A word begins or ends with a character that ties sentences together only where the rest of it
/// has that character beside it at least so often; else it is cut out of sentences.
const BELONGS: f64 = 0.6;

impl Candidate {
    pub(super) fn key(&self) -> Key<'_> {
        Key {
            hash: self.hash,
            units: &self.units,
        }
    }

    /// Whether it is more than a piece cut out of a sentence, such as 在乌 or 普京称.
    pub(super) fn is_whole(&self, lookback: &mut Lookback) -> bool {
        let [first, last] = lexicon::relating_ends(&self.text);
        if !first && !last || lexicon::is_known(&self.text) {
            return true;
        }
        let whole = lookback.count(&self.units) as f64;
        let rests = [
            first.then(|| &self.units[1..]),
            last.then(|| &self.units[..self.units.len() - 1]),
        ];
        let mut rests = rests.into_iter().flatten();
        rests.all(|rest| !rest.is_empty() && whole >= BELONGS * lookback.count(rest) as f64)
    }

    /// Whether enough days and sources have it, none of the days too much of it.
    pub(super) fn is_spread(&mut self, config: &TermConfig, lookback: &mut Lookback) -> bool {
        let starts: Vec<i64> = lookback.starts().collect();
        let by_window = lookback.places(self.key()).by_window();
        let mut spread = Spread::default();
        for (start, place) in starts.into_iter().zip(by_window) {
            let Some(place) = place else { continue };
            spread.days += place.days;
            spread.top_day = spread.top_day.max(place.top_day);
            spread.first.get_or_insert((start, place.first_day));
            spread.sources |= place.sources;
        }
        self.spread = spread;
        let spread = &self.spread;
        let least_sources = f64::from(config.min_sources);
        spread.days >= config.min_days
            && f64::from(spread.top_day) <= config.max_day_share * f64::from(self.documents)
            // Linear counting rounds: five sources may be estimated as 4.99 or so.
            && source_count(spread.sources).is_none_or(|sources| sources >= least_sources - 0.5)
    }

    /// Fills in how far its parts meet more often than by chance; whether it is enough.
    pub(super) fn holds_together(&mut self, config: &TermConfig, lookback: &mut Lookback) -> bool {
        let units = &self.units;
        if units.len() < 2 {
            return true;
        }
        let whole = lookback.count(units) as f64;
        let all = lookback.units() as f64;
        let least = (1..units.len())
            .map(|cut| {
                let (head, tail) = units.split_at(cut);
                let parts = lookback.count(head) as f64 * lookback.count(tail) as f64;
                (whole * all / parts.max(1.0)).log2()
            })
            .fold(f64::INFINITY, f64::min);
        self.cohesion = Some(least);
        least >= config.min_cohesion
    }

    /// Fills in what stands on either side; whether it varies enough.
    pub(super) fn meets_many(&mut self, config: &TermConfig, lookback: &mut Lookback) -> bool {
        let places = lookback.places(self.key());
        let occurrences = places.by_window().flatten().map(|place| place.count).sum();
        // With the candidate given, the longer n-gram stands for the neighbour.
        self.entropy = [0, 1].map(|side| entropy(&places.longer[side], occurrences));
        let least = self.entropy[0].min(self.entropy[1]);
        let most = f64::from(occurrences).log2();
        if occurrences < FEW_OCCURRENCES {
            least >= config.min_relative_entropy * most
        } else {
            least >= config.min_entropy
        }
    }

    /// What it looks like; `None` of a word that the dictionary has, and where the training data have
    /// too few names to learn from.
    pub(super) fn nature(
        &self,
        baseline: &BaselineVocabulary,
        lookback: &mut Lookback,
    ) -> Option<Nature> {
        if lexicon::is_known(&self.text) {
            return None;
        }
        let places = lookback.places(self.key());
        let occurrences: u32 = places.by_window().flatten().map(|place| place.count).sum();
        let [before, after] = &places.longer;
        let surroundings = &baseline.surroundings;
        let neighbours = surroundings.odds(&self.units, &places.longer, occurrences)?;
        let share = |count: u32| f64::from(count) / f64::from(occurrences.max(1));
        let ends = |side: &FxHashMap<u64, u32>| 1.0 - share(side.values().sum());
        let seen = Seen {
            characters: lexicon::name_score(&self.text).unwrap_or(0.0),
            neighbours,
            family_name: lexicon::is_like_a_person(&self.text),
            foreign: self.text.is_ascii(),
            cohesion: self.cohesion.unwrap_or(0.0),
            no_word_within: lexicon::has_no_word(&self.text),
            alone: ends(before) * ends(after),
            sixteenths: baseline.folds_with(self.hash).count_ones(),
            loose_end: lexicon::has_a_loose_end(&self.text),
            cut_through: 0.0,
        };
        Some(Nature::of(&Seen {
            cut_through: share(self.cut_through(lookback)),
            ..seen
        }))
    }

    /// Occurrences in which the dictionary has a word across its border: before it or after it,
    /// whichever are more.
    fn cut_through(&self, lookback: &Lookback) -> u32 {
        let mut across = [0, 0];
        for window in &lookback.windows {
            let [before, after] = window.beside(self.key());
            for (unit, count) in before {
                let words = lexicon::word_lengths(&format!("{unit}{}", self.text));
                across[0] += count * u32::from(words.first().is_some_and(|&length| length > 1));
            }
            for (unit, count) in after {
                let words = lexicon::word_lengths(&format!("{}{unit}", self.text));
                across[1] += count * u32::from(words.last().is_some_and(|&length| length > 1));
            }
        }
        across[0].max(across[1])
    }
}

/// Entropy in bits of the neighbours on one side, with Miller and Madow's correction;
/// ends of runs count as neighbours that are all different.
pub(super) fn entropy(neighbours: &FxHashMap<u64, u32>, occurrences: u32) -> f64 {
    let total = f64::from(occurrences);
    if occurrences == 0 {
        return 0.0;
    }
    let mut counts: Vec<u32> = neighbours.values().copied().collect();
    counts.sort_unstable();
    let known: u32 = counts.iter().sum();
    let ends = f64::from(occurrences.saturating_sub(known));
    let bits = |count: u32| {
        let share = f64::from(count) / total;
        -share * share.log2()
    };
    let plain: f64 = counts.into_iter().map(bits).sum::<f64>() + ends * total.log2() / total;
    let kinds = neighbours.len() as f64 + ends;
    plain + (kinds - 1.0) / (2.0 * total * std::f64::consts::LN_2)
}
