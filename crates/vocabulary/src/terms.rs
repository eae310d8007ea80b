//! Finds the terms of a window, window by window.
//!
//! An n-gram passes tests from the cheapest to the dearest: **support** (documents,
//! and days and sources behind them), **contrast** with the frozen baseline over one,
//! a few and many windows, **cohesion** (its parts do not meet by chance), **boundary
//! entropy** (what stands before and after it varies, so it begins and ends there),
//! **nesting** (not a piece of a longer term, nor one with a piece too many). Contrast
//! alone removes more than nine in ten, so only it is computed for everything.
//!
//! What passed is told apart by the dictionary: words that it has are surges.
//!
//! The filters look at the last [`TermConfig::horizons`] windows at most, so memory is
//! bounded by that many tables.

use crate::{
    BaselineVocabulary,
    contrast::{self, Exposure},
    lexicon,
};
use driftline_statistics::{
    ngrams::{Ngram, NgramCounts, source_count},
    units::UnitKind,
};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What makes an n-gram a term. The defaults were chosen on weekly windows of headlines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TermConfig {
    /// Spans, in windows, over which live counts are compared with the baseline; ascending.
    pub horizons: Vec<usize>,
    /// Least documents over the longest span.
    pub min_documents: u32,
    /// Least days (folds of windows) with a document.
    pub min_days: u32,
    /// Least sources, where they are known.
    pub min_sources: u32,
    /// Greatest share of the documents on one day.
    pub max_day_share: f64,
    /// Log Bayes factor from which a term is watched.
    pub watch: f64,
    /// Log Bayes factor from which a term alarms.
    pub alarm: f64,
    /// Windows after which a term that alarmed, and is still above, is confirmed.
    pub confirm_after: usize,
    /// Windows for which a term that was reported is not reported again.
    pub refractory: usize,
    /// Overdispersion φ of the weekly counts of known words.
    pub overdispersion: f64,
    /// Least ratio of the live rate to the baseline's.
    pub min_rate_ratio: f64,
    /// Least cohesion in bits.
    pub min_cohesion: f64,
    /// Least entropy of the neighbours on either side, in bits.
    pub min_entropy: f64,
    /// The same as a share of the greatest possible, for terms of few occurrences.
    pub min_relative_entropy: f64,
    /// Most units of a term; one longer is counted to see its neighbours.
    pub max_units: usize,
}

impl Default for TermConfig {
    fn default() -> Self {
        Self {
            horizons: vec![1, 4, 13],
            min_documents: 5,
            min_days: 3,
            min_sources: 5,
            max_day_share: 0.5,
            watch: 5.0,
            alarm: 8.0,
            confirm_after: 4,
            refractory: 26,
            overdispersion: 0.45,
            min_rate_ratio: 2.0,
            min_cohesion: 3.0,
            min_entropy: 1.5,
            min_relative_entropy: 0.5,
            max_units: 5,
        }
    }
}

/// What kind of term it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermClass {
    /// A word or phrase that no dictionary has: new to this text.
    Coinage,
    /// A name of a person, place, work or event.
    Entity,
    /// A word of the dictionary that rose.
    Surge,
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Above [`TermConfig::watch`]: worth keeping an eye on.
    Watch,
    /// Above [`TermConfig::alarm`].
    Alarm,
    /// Alarmed [`TermConfig::confirm_after`] windows ago and still above.
    Confirmed,
}

/// A term with the numbers that made it one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The term in normal form.
    pub text: String,
    /// What kind of term it is.
    pub class: TermClass,
    /// How sure it is.
    pub tier: Tier,
    /// Start of the window that it is reported in.
    pub window_start: i64,
    /// Start of the first window that has it, of those that the longest horizon looks back on.
    pub first_seen: i64,
    /// Fold (day) of its first sighting in that window.
    pub first_seen_fold: u8,
    /// Windows over which the counts below were taken: the horizon of the greatest Bayes factor.
    pub horizon: usize,
    /// Occurrences.
    pub count: u64,
    /// Documents with it: `y`.
    pub documents: u64,
    /// Units of text over the same windows: `N_y`.
    pub units: u64,
    /// Documents of the baseline with it: `b`, an upper bound unless `baseline_exact`.
    pub baseline_documents: u32,
    /// Whether the baseline keeps the n-gram, so that its count is exact.
    pub baseline_exact: bool,
    /// Units of the baseline: `N_b`.
    pub baseline_units: u64,
    /// Natural logarithm of the Bayes factor; see [`contrast::ln_bayes_factor`].
    pub ln_bayes_factor: f64,
    /// Lower 99 % bound of the rate ratio.
    pub rate_ratio_lower: f64,
    /// Least pointwise mutual information over the places to cut it, in bits; `None` for one unit.
    pub cohesion: Option<f64>,
    /// Entropy of what stands before it, in bits.
    pub left_entropy: f64,
    /// Entropy of what stands after it, in bits.
    pub right_entropy: f64,
    /// Days with it over the longest horizon.
    pub days: u32,
    /// Share of its documents on the day with most.
    pub top_day_share: f64,
    /// Sources over the longest horizon, estimated; `None` where there are too many to tell.
    pub sources: Option<f64>,
    /// What lists are ordered by, the greatest first.
    pub score: f64,
}

/// Documents with a reported term, window by window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermSeries {
    /// Start of the first window of the series: the longest horizon before the first report.
    pub start: i64,
    /// Documents in that window and each one after.
    pub documents: Vec<u32>,
}

/// Looks for terms in windows, given one after the other in time order.
#[derive(Debug)]
pub struct TermFinder<'a> {
    baseline: &'a BaselineVocabulary,
    config: TermConfig,
    /// The windows of the longest horizon, the newest last.
    windows: VecDeque<Window>,
    /// Documents of each n-gram over `windows`, by hash; collisions only add.
    recent: Vec<u32>,
    /// Number of windows observed.
    observed: usize,
    reported: BTreeMap<String, Reported>,
}

#[derive(Debug)]
struct Window {
    start: i64,
    counts: NgramCounts,
    hashes: Vec<u64>,
}

#[derive(Debug)]
struct Reported {
    units: Vec<u64>,
    tier: Tier,
    /// Number of the window of the last change of tier.
    at: usize,
    confirmed: bool,
    series: TermSeries,
}

/// An n-gram on its way through the filters.
struct Candidate {
    units: Vec<u64>,
    hash: u64,
    length: usize,
    text: String,
    ln_bayes_factor: f64,
    horizon: usize,
    live: Exposure,
    before: Exposure,
    baseline_exact: bool,
    cohesion: Option<f64>,
    entropy: [f64; 2],
    spread: Spread,
    /// Documents over the longest horizon.
    documents: u32,
}

/// Over what the documents of a candidate are spread, over the longest horizon.
#[derive(Default)]
struct Spread {
    days: u32,
    top_day: u32,
    sources: u64,
    first: Option<(i64, u8)>,
    counts: Vec<u32>,
}

const RECENT_CELLS: usize = 1 << 20;

impl<'a> TermFinder<'a> {
    /// A finder that has seen no window yet.
    pub fn new(baseline: &'a BaselineVocabulary, config: TermConfig) -> Self {
        Self {
            baseline,
            config,
            windows: VecDeque::new(),
            recent: vec![0; RECENT_CELLS],
            observed: 0,
            reported: BTreeMap::new(),
        }
    }

    /// Adds the next window, which begins at `start` (any clock, as long as it is the same
    /// for all), and returns the terms whose tier it changed, best first.
    ///
    /// The folds of `counts` are the window's days.
    pub fn observe(&mut self, start: i64, counts: NgramCounts) -> Vec<Term> {
        self.push(start, counts);
        let mut candidates = self.contrasted();
        candidates
            .retain_mut(|candidate| self.is_spread(candidate) && self.holds_together(candidate));
        self.meets_many(&mut candidates);
        let candidates = self.unnested(candidates);
        self.report(candidates)
    }

    /// Documents with a term that was reported, window by window.
    pub fn series(&self, term: &str) -> Option<&TermSeries> {
        self.reported.get(term).map(|reported| &reported.series)
    }

    fn longest(&self) -> usize {
        self.config.horizons.last().copied().unwrap_or(1).max(1)
    }

    fn push(&mut self, start: i64, counts: NgramCounts) {
        let hashes = counts.hashes();
        for (ngram, &hash) in counts.ngrams().zip(&hashes) {
            let cell = &mut self.recent[cell(hash)];
            *cell = cell.saturating_add(ngram.documents());
        }
        self.windows.push_back(Window {
            start,
            counts,
            hashes,
        });
        self.observed += 1;
        if self.windows.len() > self.longest()
            && let Some(old) = self.windows.pop_front()
        {
            for (ngram, &hash) in old.counts.ngrams().zip(&old.hashes) {
                let cell = &mut self.recent[cell(hash)];
                *cell = cell.saturating_sub(ngram.documents());
            }
        }
        let Some(newest) = self.windows.back() else {
            return;
        };
        for reported in self.reported.values_mut() {
            let ngram = newest.counts.find_units(&reported.units);
            reported
                .series
                .documents
                .push(ngram.map_or(0, |n| n.documents()));
        }
    }

    /// N-grams of the newest window with support and a contrast to the baseline.
    fn contrasted(&self) -> Vec<Candidate> {
        let Some(newest) = self.windows.back() else {
            return Vec::new();
        };
        let baseline_units = self.baseline.units() as f64;
        let mut found = Vec::new();
        for (ngram, &hash) in newest.counts.ngrams().zip(&newest.hashes) {
            let recent = self.recent[cell(hash)];
            if recent < self.config.min_documents || !self.may_be_a_term(&ngram) {
                continue;
            }
            let (count, exact) = match self.baseline.documents_with(hash) {
                Some(count) => (count, true),
                None => (self.baseline.absent_bound(ngram.length()), false),
            };
            let before = Exposure {
                count: f64::from(count),
                units: baseline_units,
            };
            // No span has a greater rate than all recent documents in the newest window alone.
            let most = f64::from(recent) / newest.counts.units() as f64;
            if most <= self.config.min_rate_ratio * before.rate() {
                continue;
            }
            let units = ngram.unit_hashes();
            let counts = self.window_counts(&units);
            let documents: u32 = counts.iter().sum();
            if documents < self.config.min_documents {
                continue;
            }
            let (ln_bayes_factor, horizon, live) = self.best_horizon(&counts, before);
            if ln_bayes_factor < self.config.watch {
                continue;
            }
            found.push(Candidate {
                hash,
                length: ngram.length(),
                text: ngram.text(),
                units,
                ln_bayes_factor,
                horizon,
                live,
                before,
                baseline_exact: exact,
                cohesion: None,
                entropy: [0.0; 2],
                spread: Spread {
                    counts,
                    ..Spread::default()
                },
                documents,
            });
        }
        found
    }

    /// A single character is no term of its own, and the longest n-grams are there for
    /// their neighbours' sake.
    fn may_be_a_term(&self, ngram: &Ngram<'_>) -> bool {
        let length = ngram.length();
        length <= self.config.max_units && (length > 1 || ngram.last_kind() == UnitKind::Word)
    }

    /// Documents with an n-gram in each window held, the oldest first.
    fn window_counts(&self, units: &[u64]) -> Vec<u32> {
        self.windows
            .iter()
            .map(|window| window.counts.find_units(units).map_or(0, |n| n.documents()))
            .collect()
    }

    /// The span of the greatest Bayes factor, with the live counts over it.
    fn best_horizon(&self, counts: &[u32], before: Exposure) -> (f64, usize, Exposure) {
        let mut best = (
            f64::NEG_INFINITY,
            1,
            Exposure {
                count: 0.0,
                units: 0.0,
            },
        );
        let (mut count, mut units, mut taken) = (0.0, 0.0, 0);
        for &horizon in &self.config.horizons {
            for (window, &documents) in self
                .windows
                .iter()
                .zip(counts)
                .rev()
                .take(horizon)
                .skip(taken)
            {
                count += f64::from(documents);
                units += window.counts.units() as f64;
                taken += 1;
            }
            let live = Exposure { count, units };
            if live.rate() <= self.config.min_rate_ratio * before.rate() {
                continue;
            }
            let ln_bf = contrast::ln_bayes_factor(live, before, self.config.overdispersion);
            if ln_bf > best.0 {
                best = (ln_bf, horizon, live);
            }
        }
        best
    }

    fn is_spread(&self, candidate: &mut Candidate) -> bool {
        let spread = &mut candidate.spread;
        for window in &self.windows {
            let Some(ngram) = window.counts.find_units(&candidate.units) else {
                continue;
            };
            let folds = ngram.folds();
            for (fold, &documents) in folds
                .iter()
                .enumerate()
                .filter(|(_, documents)| **documents > 0)
            {
                spread.days += 1;
                spread.top_day = spread.top_day.max(documents.into());
                spread.first.get_or_insert((window.start, fold as u8));
            }
            spread.sources |= ngram.source_bits();
        }
        let least_sources = f64::from(self.config.min_sources);
        spread.days >= self.config.min_days
            && f64::from(spread.top_day) <= self.config.max_day_share * f64::from(candidate.documents)
            // Linear counting rounds: five sources may be estimated as 4.99 or so.
            && source_count(spread.sources).is_none_or(|sources| sources >= least_sources - 0.5)
    }

    /// Occurrences over all windows held.
    fn count(&self, units: &[u64]) -> u64 {
        self.windows
            .iter()
            .filter_map(|window| window.counts.find_units(units))
            .map(|ngram| u64::from(ngram.count()))
            .sum()
    }

    fn holds_together(&self, candidate: &mut Candidate) -> bool {
        let units = &candidate.units;
        if units.len() < 2 {
            return true;
        }
        let total: u64 = self.windows.iter().map(|w| w.counts.units()).sum();
        let whole = self.count(units) as f64;
        let least = (1..units.len())
            .map(|cut| {
                let (head, tail) = units.split_at(cut);
                let parts = self.count(head) as f64 * self.count(tail) as f64;
                (whole * total as f64 / parts.max(1.0)).log2()
            })
            .fold(f64::INFINITY, f64::min);
        candidate.cohesion = Some(least);
        least >= self.config.min_cohesion
    }

    /// Fills in the entropy of what stands on either side, and drops what stands in one
    /// place only.
    fn meets_many(&self, candidates: &mut Vec<Candidate>) {
        let places: FxHashMap<u64, usize> = (0..)
            .zip(&*candidates)
            .map(|(at, c)| (c.hash, at))
            .collect();
        let mut neighbours: Vec<[FxHashMap<u64, u32>; 2]> =
            vec![Default::default(); candidates.len()];
        let mut occurrences = vec![0_u32; candidates.len()];
        for window in &self.windows {
            let place_of: Vec<Option<usize>> = window
                .hashes
                .iter()
                .map(|hash| places.get(hash).copied())
                .collect();
            for ngram in window.counts.ngrams() {
                if let Some(at) = place_of[ngram.id() as usize] {
                    occurrences[at] += ngram.count();
                }
                if let Some(at) = ngram.suffix().and_then(|id| place_of[id as usize]) {
                    let first = ngram.unit_hashes()[0];
                    *neighbours[at][0].entry(first).or_default() += ngram.count();
                }
                if let Some(at) = ngram.prefix().and_then(|id| place_of[id as usize]) {
                    let last = ngram.unit_hashes()[ngram.length() - 1];
                    *neighbours[at][1].entry(last).or_default() += ngram.count();
                }
            }
        }
        for (at, candidate) in candidates.iter_mut().enumerate() {
            candidate.entropy = [0, 1].map(|side| entropy(&neighbours[at][side], occurrences[at]));
        }
        let mut at = 0;
        candidates.retain(|candidate| {
            let count = f64::from(occurrences[at]);
            at += 1;
            let least = candidate.entropy[0].min(candidate.entropy[1]);
            if count < 20.0 {
                least >= self.config.min_relative_entropy * count.log2()
            } else {
                least >= self.config.min_entropy
            }
        });
    }

    /// Drops pieces of longer terms, and terms with a piece too many.
    fn unnested(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        candidates.sort_by(|a, b| b.length.cmp(&a.length).then_with(|| a.text.cmp(&b.text)));
        let holds = |long: &Candidate, short: &Candidate| {
            long.length > short.length
                && long
                    .units
                    .windows(short.length)
                    .any(|part| part == short.units)
        };
        let mut dropped = FxHashSet::default();
        for (at, short) in candidates.iter().enumerate() {
            for (longer, long) in candidates[..at].iter().enumerate() {
                if dropped.contains(&longer) || !holds(long, short) {
                    continue;
                }
                let share = f64::from(long.documents) / f64::from(short.documents);
                if share >= 0.6 {
                    dropped.insert(at);
                } else if share < 0.35 {
                    dropped.insert(longer);
                }
            }
        }
        let mut at = 0;
        candidates.retain(|_| {
            at += 1;
            !dropped.contains(&(at - 1))
        });
        candidates
    }

    fn report(&mut self, candidates: Vec<Candidate>) -> Vec<Term> {
        let now = self.observed - 1;
        let mut terms = Vec::new();
        for candidate in candidates {
            let mut tier = if candidate.ln_bayes_factor >= self.config.alarm {
                Tier::Alarm
            } else {
                Tier::Watch
            };
            match self.reported.get_mut(&candidate.text) {
                Some(known) if now < known.at + self.config.refractory => {
                    if known.tier == Tier::Watch && tier == Tier::Alarm {
                        known.tier = Tier::Alarm;
                        known.at = now;
                    } else if known.tier == Tier::Alarm
                        && tier == Tier::Alarm
                        && !known.confirmed
                        && now >= known.at + self.config.confirm_after
                    {
                        known.confirmed = true;
                        tier = Tier::Confirmed;
                    } else {
                        continue;
                    }
                }
                Some(known) => {
                    (known.tier, known.at, known.confirmed) = (tier, now, false);
                }
                None => {
                    let start = self.windows.front().map_or(0, |window| window.start);
                    self.reported.insert(
                        candidate.text.clone(),
                        Reported {
                            units: candidate.units.clone(),
                            tier,
                            at: now,
                            confirmed: false,
                            series: TermSeries {
                                start,
                                documents: candidate.spread.counts.clone(),
                            },
                        },
                    );
                }
            }
            terms.push(self.term(candidate, tier));
        }
        terms.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.text.cmp(&b.text))
        });
        terms
    }

    fn term(&self, candidate: Candidate, tier: Tier) -> Term {
        let class = if lexicon::is_known(&candidate.text) {
            TermClass::Surge
        } else {
            TermClass::Coinage
        };
        let (first_seen, first_seen_fold) = candidate.spread.first.unwrap_or_default();
        let count = self
            .windows
            .iter()
            .rev()
            .take(candidate.horizon)
            .filter_map(|window| window.counts.find_units(&candidate.units))
            .map(|ngram| u64::from(ngram.count()))
            .sum();
        Term {
            class,
            tier,
            window_start: self.windows.back().map_or(0, |window| window.start),
            first_seen,
            first_seen_fold,
            horizon: candidate.horizon,
            count,
            documents: candidate.live.count as u64,
            units: candidate.live.units as u64,
            baseline_documents: candidate.before.count as u32,
            baseline_exact: candidate.baseline_exact,
            baseline_units: self.baseline.units(),
            ln_bayes_factor: candidate.ln_bayes_factor,
            rate_ratio_lower: contrast::rate_ratio_lower(candidate.live, candidate.before),
            cohesion: candidate.cohesion,
            left_entropy: candidate.entropy[0],
            right_entropy: candidate.entropy[1],
            days: candidate.spread.days,
            top_day_share: f64::from(candidate.spread.top_day)
                / f64::from(candidate.documents.max(1)),
            sources: source_count(candidate.spread.sources),
            score: candidate.ln_bayes_factor,
            text: candidate.text,
        }
    }
}

fn cell(hash: u64) -> usize {
    (hash >> 44) as usize % RECENT_CELLS
}

/// Entropy in bits of the neighbours on one side, with Miller and Madow's correction;
/// ends of runs count as neighbours that are all different.
fn entropy(neighbours: &FxHashMap<u64, u32>, occurrences: u32) -> f64 {
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
