//! Finds the terms of a window, window by window.
//!
//! An n-gram passes tests from the cheapest to the dearest: **support** (documents,
//! and days and sources behind them), **contrast** with the frozen baseline over one,
//! a few and many windows, **cohesion** (its parts do not meet by chance), **boundary
//! entropy** (what stands before and after it varies, so it begins and ends there),
//! **nesting** (not a piece of a longer term, nor one with a piece too many). Contrast
//! alone removes more than nine in ten, so only it is computed for everything.
//!
//! What passed is told apart by the dictionary: words that it has, or that were in use
//! all through the baseline, are surges; the rest is new, less what looks like the
//! name of a person.
//!
//! Memory is bounded by the tables of the last [`TermConfig::lookback`] windows.

use crate::{
    BaselineVocabulary,
    contrast::{self, Exposure},
    lexicon,
};
use driftline_statistics::{
    ngrams::{Ngram, NgramCounts, source_count},
    units::{UnitKind, extend_hash},
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
    /// Windows whose n-grams are kept, for support, spread, cohesion and neighbours.
    pub lookback: usize,
    /// Least documents over the lookback.
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
    /// Least ratio of the live rate to the baseline's.
    pub min_rate_ratio: f64,
    /// Least cohesion in bits.
    pub min_cohesion: f64,
    /// Least entropy of the neighbours on either side, in bits.
    pub min_entropy: f64,
    /// The same as a share of the greatest possible, for terms of few occurrences.
    pub min_relative_entropy: f64,
    /// A term in so many sixteenths of the baseline's time was in use before, and is not new.
    pub established_folds: u32,
    /// Most units of a term; one longer is counted to see its neighbours.
    pub max_units: usize,
}

impl Default for TermConfig {
    fn default() -> Self {
        Self {
            horizons: vec![1, 4, 13, 26],
            lookback: 13,
            min_documents: 5,
            min_days: 3,
            min_sources: 5,
            max_day_share: 0.5,
            watch: 5.0,
            alarm: 8.0,
            confirm_after: 4,
            refractory: 26,
            min_rate_ratio: 2.0,
            min_cohesion: 3.0,
            min_entropy: 1.5,
            min_relative_entropy: 0.5,
            established_folds: 4,
            max_units: 5,
        }
    }
}

/// What kind of term it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermClass {
    /// A word or phrase that neither the dictionary nor the baseline knows.
    Coinage,
    /// A name; so far only what has the form of a Chinese person's.
    Entity,
    /// A word of the dictionary, or one in use all through the baseline, that rose.
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
    /// Start of the first window of the lookback that has it.
    pub first_seen: i64,
    /// Fold (day) of its first sighting in that window.
    pub first_seen_fold: u8,
    /// Windows over which the counts below were taken: the horizon of the greatest Bayes factor.
    pub horizon: usize,
    /// Occurrences, in those of the windows that are in the lookback.
    pub count: u64,
    /// Documents, in the same windows.
    pub documents: u64,
    /// Days (folds of windows) with it over the horizon: `y` of the Bayes factor.
    pub days: u32,
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
    /// Share of its documents on the day with most.
    pub top_day_share: f64,
    /// Sources over the lookback, estimated; `None` where there are too many to tell.
    pub sources: Option<f64>,
    /// What lists are ordered by, the greatest first.
    pub score: f64,
}

/// Documents with a reported term, window by window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermSeries {
    /// Start of the first window of the series: as far back as was known at the first report.
    pub start: i64,
    /// Documents in that window and each one after.
    pub documents: Vec<u32>,
}

/// Looks for terms in windows, given one after the other in time order.
#[derive(Debug)]
pub struct TermFinder<'a> {
    baseline: &'a BaselineVocabulary,
    config: TermConfig,
    /// The last [`TermConfig::lookback`] windows, the newest last.
    windows: VecDeque<Window>,
    /// Documents of each n-gram over `windows`, by hash; collisions only add.
    recent: Vec<u32>,
    /// Sightings by window of what had support at some time, by hash.
    tracks: FxHashMap<u64, Track>,
    /// The windows of the longest horizon, the newest last.
    spans: VecDeque<Span>,
    /// Number of windows observed.
    observed: usize,
    reported: BTreeMap<String, Reported>,
}

#[derive(Debug)]
struct Window {
    start: i64,
    counts: NgramCounts,
    before: Neighbours,
    after: Neighbours,
}

/// The n-grams that extend each n-gram by one unit, on one side: chained lists.
#[derive(Debug)]
struct Neighbours {
    /// The last that extends an n-gram, or `NONE`.
    last: Vec<u32>,
    /// The one before, that extends the same n-gram, or `NONE`.
    previous: Vec<u32>,
}

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Reported {
    units: Vec<u64>,
    tier: Tier,
    /// Number of the window of the last change of tier.
    at: usize,
    confirmed: bool,
    series: TermSeries,
}

#[derive(Debug)]
struct Span {
    start: i64,
    units: u64,
}

/// An n-gram in the windows up to number `newest`, which comes last.
#[derive(Debug)]
struct Track {
    newest: usize,
    sightings: VecDeque<Sightings>,
}

/// An n-gram in one window.
#[derive(Debug, Clone, Copy, Default)]
struct Sightings {
    documents: u32,
    /// Folds with a document.
    days: u32,
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
    /// Documents over the lookback.
    documents: u32,
}

/// Over what the documents of a candidate are spread, over the lookback.
#[derive(Default)]
struct Spread {
    days: u32,
    top_day: u32,
    sources: u64,
    first: Option<(i64, u8)>,
}

/// Below this the entropy that a term can have at all is small, so its share of that counts.
const FEW_OCCURRENCES: u32 = 20;

/// About three times the n-grams of a quarter of headlines; more n-grams only cost time.
const RECENT_CELLS: usize = 1 << 21;

impl<'a> TermFinder<'a> {
    /// A finder that has seen no window yet.
    pub fn new(baseline: &'a BaselineVocabulary, config: TermConfig) -> Self {
        Self {
            baseline,
            config,
            windows: VecDeque::new(),
            recent: vec![0; RECENT_CELLS],
            tracks: FxHashMap::default(),
            spans: VecDeque::new(),
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
        let mut counted = FxHashMap::default();
        candidates.retain_mut(|candidate| {
            (lexicon::is_known(&candidate.text) || !lexicon::is_cut_out(&candidate.text))
                && self.is_spread(candidate)
                && self.holds_together(candidate, &mut counted)
                && self.meets_many(candidate)
        });
        let candidates = self.unnested(candidates);
        self.report(candidates)
    }

    /// Documents with a term that was reported, window by window.
    pub fn series(&self, term: &str) -> Option<&TermSeries> {
        self.reported.get(term).map(|reported| &reported.series)
    }

    fn push(&mut self, start: i64, counts: NgramCounts) {
        if self.windows.len() >= self.config.lookback.max(1)
            && let Some(old) = self.windows.pop_front()
        {
            for ngram in old.counts.ngrams() {
                let cell = &mut self.recent[cell(ngram.hash())];
                *cell = cell.saturating_sub(ngram.documents());
            }
        }
        let newest = Window::new(start, counts);
        let counts = &newest.counts;
        for ngram in counts.ngrams() {
            let cell = &mut self.recent[cell(ngram.hash())];
            *cell = cell.saturating_add(ngram.documents());
        }
        for reported in self.reported.values_mut() {
            let ngram = counts.find_units(&reported.units);
            let documents = ngram.map_or(0, |ngram| ngram.documents());
            reported.series.documents.push(documents);
        }
        self.observed += 1;
        self.spans.push_back(Span {
            start,
            units: counts.units(),
        });
        if self.spans.len() > self.longest_horizon() {
            self.spans.pop_front();
        }
        self.windows.push_back(newest);
        if self.observed.is_multiple_of(self.config.lookback.max(1)) {
            let (observed, lookback) = (self.observed, self.config.lookback);
            self.tracks
                .retain(|_, track| track.newest + lookback > observed);
        }
    }

    fn longest_horizon(&self) -> usize {
        self.config
            .horizons
            .iter()
            .copied()
            .max()
            .unwrap_or(1)
            .max(1)
    }

    /// N-grams of the newest window with support and a contrast to the baseline.
    fn contrasted(&mut self) -> Vec<Candidate> {
        let longest = self.longest_horizon();
        let Some(newest) = self.windows.back() else {
            return Vec::new();
        };
        // Units of the shortest horizon of more than one window.
        let more = self
            .config
            .horizons
            .iter()
            .copied()
            .filter(|&horizon| horizon > 1)
            .min();
        let more_units: u64 = self
            .spans
            .iter()
            .rev()
            .take(more.unwrap_or(1))
            .map(|span| span.units)
            .sum();
        let more_units = more_units.max(1) as f64;
        let mut found = Vec::new();
        let mut factors = FxHashMap::default();
        for ngram in newest.counts.ngrams() {
            let hash = ngram.hash();
            let recent = self.recent[cell(hash)];
            if recent < self.config.min_documents || !may_be_a_term(&self.config, &ngram) {
                continue;
            }
            let (count, exact) = match self.baseline.documents_with(hash) {
                Some(count) => (count, true),
                None => (self.baseline.absent_bound(ngram.length()), false),
            };
            let before = Exposure {
                count: f64::from(count),
                units: self.baseline.units() as f64,
            };
            // The rate over one window is known, and over more at most so many documents
            // stand among at least so many units.
            let in_newest = f64::from(ngram.documents()) / newest.counts.units().max(1) as f64;
            let in_more = f64::from(recent) / more_units;
            if in_newest.max(in_more) <= self.config.min_rate_ratio * before.rate() {
                continue;
            }
            let track = self.tracks.entry(hash).or_insert_with(|| {
                let older = self.windows.iter().take(self.windows.len() - 1);
                Track {
                    newest: self.observed - 1,
                    sightings: older.map(|window| window.sightings(hash)).collect(),
                }
            });
            track.extend(self.observed, Sightings::of(&ngram), longest);
            let lookback = track.sightings.iter().rev().take(self.windows.len());
            let documents: u32 = lookback.map(|seen| seen.documents).sum();
            if documents < self.config.min_documents {
                continue;
            }
            let (ln_bayes_factor, horizon, live) = best_horizon(
                &self.config,
                &self.spans,
                &track.sightings,
                before,
                &mut factors,
            );
            if ln_bayes_factor < self.config.watch {
                continue;
            }
            found.push(Candidate {
                hash,
                length: ngram.length(),
                text: ngram.text(),
                units: ngram.unit_hashes(),
                ln_bayes_factor,
                horizon,
                live,
                before,
                baseline_exact: exact,
                cohesion: None,
                entropy: [0.0; 2],
                spread: Spread::default(),
                documents,
            });
        }
        found
    }

    fn is_spread(&self, candidate: &mut Candidate) -> bool {
        let spread = &mut candidate.spread;
        for window in &self.windows {
            let Some(ngram) = window.counts.find_hash(candidate.hash) else {
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

    /// Occurrences over all windows held of the n-gram of these units. `counted` has those
    /// that were asked for before: candidates share their parts.
    fn count(&self, units: &[u64], counted: &mut FxHashMap<u64, u64>) -> f64 {
        let hash = (units.iter()).fold(0, |hash, &unit| extend_hash(hash, unit));
        let count = counted.entry(hash).or_insert_with(|| {
            self.windows
                .iter()
                .filter_map(|window| window.counts.find_hash(hash))
                .map(|ngram| u64::from(ngram.count()))
                .sum()
        });
        *count as f64
    }

    fn holds_together(&self, candidate: &mut Candidate, counted: &mut FxHashMap<u64, u64>) -> bool {
        let units = &candidate.units;
        if units.len() < 2 {
            return true;
        }
        let total: u64 = self.windows.iter().map(|w| w.counts.units()).sum();
        let whole = self.count(units, counted);
        let least = (1..units.len())
            .map(|cut| {
                let (head, tail) = units.split_at(cut);
                let parts = self.count(head, counted) * self.count(tail, counted);
                (whole * total as f64 / parts.max(1.0)).log2()
            })
            .fold(f64::INFINITY, f64::min);
        candidate.cohesion = Some(least);
        least >= self.config.min_cohesion
    }

    /// Fills in the entropy of what stands on either side; whether it is enough.
    fn meets_many(&self, candidate: &mut Candidate) -> bool {
        let mut occurrences = 0;
        let mut neighbours: [FxHashMap<u64, u32>; 2] = Default::default();
        for window in &self.windows {
            let Some(ngram) = window.counts.find_hash(candidate.hash) else {
                continue;
            };
            occurrences += ngram.count();
            // With the candidate given, the longer n-gram stands for the neighbour.
            for id in window.before.of(ngram.id()) {
                let longer = window.counts.ngram(id);
                *neighbours[0].entry(longer.hash()).or_default() += longer.count();
            }
            for id in window.after.of(ngram.id()) {
                let longer = window.counts.ngram(id);
                *neighbours[1].entry(longer.hash()).or_default() += longer.count();
            }
        }
        candidate.entropy = neighbours.map(|side| entropy(&side, occurrences));
        let least = candidate.entropy[0].min(candidate.entropy[1]);
        let most = f64::from(occurrences).log2();
        if occurrences < FEW_OCCURRENCES {
            least >= self.config.min_relative_entropy * most
        } else {
            least >= self.config.min_entropy
        }
    }

    /// Drops pieces of longer terms, and terms with a piece too many.
    fn unnested(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        candidates.sort_by(|a, b| b.length.cmp(&a.length).then_with(|| a.text.cmp(&b.text)));
        let mut dropped = FxHashSet::default();
        let containing = containing(&candidates);
        for (at, short) in candidates.iter().enumerate() {
            for &longer in &containing[at] {
                if dropped.contains(&longer) {
                    continue;
                }
                let share = f64::from(candidates[longer].documents) / f64::from(short.documents);
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
                    let series = self.series_so_far(&candidate);
                    self.reported.insert(
                        candidate.text.clone(),
                        Reported {
                            units: candidate.units.clone(),
                            tier,
                            at: now,
                            confirmed: false,
                            series,
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

    fn class(&self, candidate: &Candidate) -> TermClass {
        let folds = self.baseline.folds_with(candidate.hash).count_ones();
        if folds >= self.config.established_folds || lexicon::is_known(&candidate.text) {
            TermClass::Surge
        } else if lexicon::is_person_name(&candidate.text) {
            TermClass::Entity
        } else {
            TermClass::Coinage
        }
    }

    fn series_so_far(&self, candidate: &Candidate) -> TermSeries {
        let documents: Vec<u32> = match self.tracks.get(&candidate.hash) {
            Some(track) => track.sightings.iter().map(|seen| seen.documents).collect(),
            None => Vec::new(),
        };
        let first = self
            .spans
            .iter()
            .rev()
            .nth(documents.len().saturating_sub(1));
        TermSeries {
            start: first.map_or(0, |span| span.start),
            documents,
        }
    }

    fn term(&self, candidate: Candidate, tier: Tier) -> Term {
        let (first_seen, first_seen_fold) = candidate.spread.first.unwrap_or_default();
        let (mut count, mut documents) = (0, 0);
        for window in self.windows.iter().rev().take(candidate.horizon) {
            if let Some(ngram) = window.counts.find_hash(candidate.hash) {
                count += u64::from(ngram.count());
                documents += u64::from(ngram.documents());
            }
        }
        Term {
            class: self.class(&candidate),
            tier,
            window_start: self.windows.back().map_or(0, |window| window.start),
            first_seen,
            first_seen_fold,
            horizon: candidate.horizon,
            count,
            documents,
            units: candidate.live.units as u64,
            baseline_documents: candidate.before.count as u32,
            baseline_exact: candidate.baseline_exact,
            baseline_units: self.baseline.units(),
            ln_bayes_factor: candidate.ln_bayes_factor,
            rate_ratio_lower: contrast::rate_ratio_lower(candidate.live, candidate.before),
            cohesion: candidate.cohesion,
            left_entropy: candidate.entropy[0],
            right_entropy: candidate.entropy[1],
            days: candidate.live.count as u32,
            top_day_share: f64::from(candidate.spread.top_day)
                / f64::from(candidate.documents.max(1)),
            sources: source_count(candidate.spread.sources),
            score: candidate.ln_bayes_factor,
            text: candidate.text,
        }
    }
}

impl Window {
    fn new(start: i64, mut counts: NgramCounts) -> Self {
        counts.shrink_to_fit();
        let after = Neighbours::new(&counts, |ngram| ngram.prefix());
        let before = Neighbours::new(&counts, |ngram| ngram.suffix());
        Self {
            start,
            counts,
            before,
            after,
        }
    }

    fn sightings(&self, hash: u64) -> Sightings {
        let ngram = self.counts.find_hash(hash);
        ngram.map_or_else(Sightings::default, |ngram| Sightings::of(&ngram))
    }
}

impl Sightings {
    fn of(ngram: &Ngram<'_>) -> Self {
        let days = ngram
            .folds()
            .iter()
            .filter(|documents| **documents > 0)
            .count();
        Self {
            documents: ngram.documents(),
            days: days as u32,
        }
    }
}

impl Neighbours {
    /// Gathers the n-grams by the shorter one that each extends.
    fn new(counts: &NgramCounts, shorter: impl Fn(&Ngram<'_>) -> Option<u32>) -> Self {
        let mut last = vec![NONE; counts.len()];
        let previous = counts
            .ngrams()
            .map(|ngram| match shorter(&ngram) {
                Some(id) => std::mem::replace(&mut last[id as usize], ngram.id()),
                None => NONE,
            })
            .collect();
        Self { last, previous }
    }

    fn of(&self, id: u32) -> impl Iterator<Item = u32> {
        let some = |id: u32| Some(id).filter(|&id| id != NONE);
        std::iter::successors(some(self.last[id as usize]), move |&id| {
            some(self.previous[id as usize])
        })
    }
}

impl Track {
    /// Adds the window that makes `observed` of them, after empty ones for those missed.
    fn extend(&mut self, observed: usize, sightings: Sightings, longest: usize) {
        let missed = (observed - 1).saturating_sub(self.newest).min(longest);
        self.sightings
            .extend(std::iter::repeat_n(Sightings::default(), missed));
        self.sightings.push_back(sightings);
        self.newest = observed;
        while self.sightings.len() > longest {
            self.sightings.pop_front();
        }
    }
}

/// A single character is no term of its own, and the longest n-grams are there for
/// their neighbours' sake.
fn may_be_a_term(config: &TermConfig, ngram: &Ngram<'_>) -> bool {
    match ngram.length() {
        1 => ngram.last_kind() == UnitKind::Word && ngram.last_unit().chars().nth(1).is_some(),
        length => length <= config.max_units,
    }
}

/// For each candidate the longer ones that hold it, in their order.
fn containing(candidates: &[Candidate]) -> Vec<Vec<usize>> {
    let by_hash: FxHashMap<u64, usize> = (candidates.iter().enumerate())
        .map(|(at, candidate)| (candidate.hash, at))
        .collect();
    let mut containing = vec![Vec::new(); candidates.len()];
    for (longer, long) in candidates.iter().enumerate() {
        for begin in 0..long.length {
            let mut hash = 0;
            for &unit in &long.units[begin..] {
                hash = extend_hash(hash, unit);
                if let Some(&at) = by_hash.get(&hash)
                    && at != longer
                    && containing[at].last() != Some(&longer)
                {
                    containing[at].push(longer);
                }
            }
        }
    }
    containing
}

/// The horizon of the greatest Bayes factor, with the days and units of text of it.
///
/// `factors` has the Bayes factors that were computed before, by windows, live count and
/// count of the baseline: few differ among the n-grams of a window.
fn best_horizon(
    config: &TermConfig,
    spans: &VecDeque<Span>,
    sightings: &VecDeque<Sightings>,
    before: Exposure,
    factors: &mut FxHashMap<[u64; 3], f64>,
) -> (f64, usize, Exposure) {
    let nothing = Exposure {
        count: 0.0,
        units: 0.0,
    };
    let mut best = (f64::NEG_INFINITY, 1, nothing);
    let (mut live, mut taken) = (nothing, 0);
    for &horizon in &config.horizons {
        // A track knows nothing of windows before its first.
        let known = spans.iter().rev().zip(sightings.iter().rev());
        for (span, seen) in known.take(horizon).skip(taken) {
            live.count += f64::from(seen.days);
            live.units += span.units as f64;
            taken += 1;
        }
        if live.rate() <= config.min_rate_ratio * before.rate() {
            continue;
        }
        let ln_bf = *factors
            .entry([taken as u64, live.count as u64, before.count as u64])
            .or_insert_with(|| contrast::ln_bayes_factor(live, before));
        if ln_bf > best.0 {
            best = (ln_bf, horizon, live);
        }
    }
    best
}

fn cell(hash: u64) -> usize {
    (hash >> 40) as usize % RECENT_CELLS
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

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_statistics::ngrams::NgramConfig;
    use proptest::prelude::*;

    /// Texts of words drawn by a small seeded generator, most words rare.
    struct Writer(u64);

    impl Writer {
        fn next(&mut self, below: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % below
        }

        fn word(&mut self) -> String {
            let rank = self.next(40) * self.next(40);
            let letter = |k: u64| char::from_u32((0x5000 + rank * 13 + k * 7) as u32).unwrap();
            [letter(0), letter(1)].iter().collect()
        }

        fn text(&mut self) -> String {
            (0..5).map(|_| self.word()).collect()
        }

        fn text_with(&mut self, term: &str) -> String {
            format!(
                "{}{}{term}{}{}",
                self.word(),
                self.word(),
                self.word(),
                self.word()
            )
        }
    }

    const BASELINE_TEXTS: usize = 6_000;
    const WINDOW_TEXTS: usize = 150;

    fn baseline(term: Option<&str>) -> BaselineVocabulary {
        let mut writer = Writer(1);
        let mut counts = NgramCounts::new(NgramConfig::baseline());
        for i in 0..BASELINE_TEXTS {
            let text = match term {
                Some(term) if i % 200 == 0 => writer.text_with(term),
                _ => writer.text(),
            };
            counts.update(&text, (i * 16 / BASELINE_TEXTS) as u8, None);
        }
        BaselineVocabulary::freeze(&counts)
    }

    /// Windows of which those from the third on have `each` texts with the term.
    fn windows(term: &str, each: usize) -> Vec<NgramCounts> {
        let mut writer = Writer(2);
        (0..12)
            .map(|window| {
                let mut counts = NgramCounts::new(NgramConfig::window());
                for i in 0..WINDOW_TEXTS {
                    let text = match window >= 2 && i < each {
                        true => writer.text_with(term),
                        false => writer.text(),
                    };
                    counts.update(&text, (i % 7) as u8, None);
                }
                counts
            })
            .collect()
    }

    fn observe(baseline: &BaselineVocabulary, windows: Vec<NgramCounts>) -> Vec<Term> {
        let mut finder = TermFinder::new(baseline, TermConfig::default());
        (0..)
            .zip(windows)
            .flat_map(|(start, counts)| finder.observe(start, counts))
            .collect()
    }

    fn alarms(terms: &[Term]) -> Vec<(&str, TermClass)> {
        terms
            .iter()
            .filter(|term| term.tier == Tier::Alarm)
            .map(|term| (term.text.as_str(), term.class))
            .collect()
    }

    #[test]
    fn a_coinage_is_found_in_its_first_windows_and_nothing_else() {
        let baseline = baseline(None);
        let terms = observe(&baseline, windows("显眼包", 6));
        assert_eq!(alarms(&terms), [("显眼包", TermClass::Coinage)]);
        let alarm = terms.iter().find(|term| term.tier == Tier::Alarm).unwrap();
        assert!(alarm.window_start <= 4 && alarm.first_seen == 2 && alarm.first_seen_fold == 0);
        assert_eq!((alarm.baseline_documents, alarm.baseline_exact), (1, false));
        assert!(
            terms
                .iter()
                .any(|term| term.tier == Tier::Confirmed && term.text == "显眼包")
        );
    }

    #[test]
    fn the_numbers_of_a_term_can_be_redone_by_hand() {
        let baseline = baseline(None);
        let terms = observe(&baseline, windows("显眼包", 6));
        let term = &terms[0];
        let live = Exposure {
            count: f64::from(term.days),
            units: term.units as f64,
        };
        let before = Exposure {
            count: f64::from(term.baseline_documents),
            units: term.baseline_units as f64,
        };
        assert!((contrast::ln_bayes_factor(live, before) - term.ln_bayes_factor).abs() < 1e-12);
        assert!((contrast::rate_ratio_lower(live, before) - term.rate_ratio_lower).abs() < 1e-9);
        assert!(term.documents >= u64::from(term.days) && term.count >= term.documents);
    }

    #[test]
    fn a_stationary_stream_gives_no_alarm() {
        assert_eq!(alarms(&observe(&baseline(None), windows("显眼包", 0))), []);
    }

    #[test]
    fn a_text_repeated_ten_thousand_times_is_no_term() {
        let baseline = baseline(None);
        let mut flood = windows("显眼包", 0);
        for counts in &mut flood {
            for i in 0..10_000 {
                counts.update(&format!("加群领红包福利多 {i}"), (i % 7) as u8, None);
            }
        }
        assert_eq!(alarms(&observe(&baseline, flood)), []);
    }

    /// One hour's flood, every text with an edit of its own, so that none is a copy.
    #[test]
    fn a_text_repeated_with_small_edits_within_an_hour_is_no_term() {
        let baseline = baseline(None);
        for source in [None, Some(1)] {
            let mut windows = windows("显眼包", 0);
            let mut writer = Writer(4);
            for i in 0..2_000 {
                // A word in front, one put in at some place, and one behind.
                let flood = ["加群", "领", "红包", "福利多"];
                let (head, tail) = flood.split_at(i % flood.len());
                let [first, edit, last] = [writer.word(), writer.word(), writer.word()];
                let text = format!("{first}{}{edit}{}{last}", head.concat(), tail.concat());
                windows[6].update(&text, 3, source);
            }
            assert!(
                windows[6].documents() > 2_000,
                "the edits make every text a document"
            );
            assert_eq!(alarms(&observe(&baseline, windows)), []);
        }
    }

    #[test]
    fn one_author_does_not_make_a_term() {
        let baseline = baseline(None);
        let mut windows = windows("显眼包", 0);
        let mut writer = Writer(3);
        for counts in &mut windows {
            for day in 0..7 {
                counts.update(&writer.text_with("全网最低"), day, Some(1));
            }
        }
        assert_eq!(alarms(&observe(&baseline, windows)), []);
    }

    #[test]
    fn words_of_the_dictionary_and_of_the_baseline_surge() {
        let surge = [("乌克兰", TermClass::Surge)];
        assert_eq!(
            alarms(&observe(&baseline(None), windows("乌克兰", 6))),
            surge
        );
        let surge = [("显眼包", TermClass::Surge)];
        assert_eq!(
            alarms(&observe(&baseline(Some("显眼包")), windows("显眼包", 40))),
            surge
        );
    }

    #[test]
    fn a_term_at_its_usual_rate_is_no_term() {
        // 30 in 6,000 texts of the baseline, one in 150 of each window.
        assert_eq!(
            alarms(&observe(&baseline(Some("显眼包")), windows("显眼包", 1))),
            []
        );
    }

    #[test]
    fn names_are_entities_and_pieces_of_terms_are_none() {
        let name = [("卢昱晓", TermClass::Entity)];
        assert_eq!(
            alarms(&observe(&baseline(None), windows("卢昱晓", 6))),
            name
        );
        let phrase = [("命运的齿轮", TermClass::Coinage)];
        assert_eq!(
            alarms(&observe(&baseline(None), windows("命运的齿轮", 6))),
            phrase
        );
        let mixed = [("小米su7", TermClass::Coinage)];
        assert_eq!(
            alarms(&observe(&baseline(None), windows("小米SU7", 6))),
            mixed
        );
    }

    #[test]
    fn a_series_has_every_window_since_the_first_report() {
        let baseline = baseline(None);
        let mut finder = TermFinder::new(&baseline, TermConfig::default());
        for (start, counts) in (100..).zip(windows("显眼包", 6)) {
            finder.observe(start, counts);
        }
        let series = finder.series("显眼包").unwrap();
        assert_eq!(series.start + series.documents.len() as i64, 112);
        let tail = series.documents.iter().rev().take(10);
        assert!(tail.copied().eq([6; 10]));
        assert_eq!(finder.series("班味"), None);
    }

    /// What a plain search of the texts finds of a term of ideographs.
    #[derive(Debug, PartialEq)]
    struct Plain {
        count: u64,
        documents: u64,
        days: u32,
        cohesion: Option<f64>,
        entropy: [f64; 2],
    }

    fn occurrences(text: &[char], term: &[char]) -> Vec<usize> {
        let ends = text.len().saturating_sub(term.len() - 1);
        (0..ends)
            .filter(|&at| text[at..].starts_with(term))
            .collect()
    }

    /// By windows of days of texts that are each one run.
    fn plain(windows: &[Vec<(u8, Vec<char>)>], term: &[char]) -> Plain {
        let texts = || windows.iter().flatten().map(|(_, text)| text);
        let count =
            |part: &[char]| -> usize { texts().map(|text| occurrences(text, part).len()).sum() };
        let units: usize = texts().map(Vec::len).sum();
        let mut entropies: [FxHashMap<u64, u32>; 2] = Default::default();
        for text in texts() {
            for at in occurrences(text, term) {
                let neighbours = [
                    at.checked_sub(1).map(|before| text[before]),
                    text.get(at + term.len()).copied(),
                ];
                for (side, neighbour) in entropies.iter_mut().zip(neighbours) {
                    if let Some(neighbour) = neighbour {
                        *side.entry(u64::from(neighbour)).or_default() += 1;
                    }
                }
            }
        }
        let holding = |window: &Vec<(u8, Vec<char>)>| -> Vec<u8> {
            let has = |text: &[char]| !occurrences(text, term).is_empty();
            let days = window.iter().filter(|(_, text)| has(text));
            days.map(|(day, _)| *day).collect()
        };
        let days: Vec<Vec<u8>> = windows.iter().map(holding).collect();
        Plain {
            count: count(term) as u64,
            documents: days.iter().map(Vec::len).sum::<usize>() as u64,
            days: days
                .iter()
                .map(|days| days.iter().collect::<std::collections::BTreeSet<_>>().len() as u32)
                .sum(),
            cohesion: (1..term.len())
                .map(|cut| {
                    let parts = count(&term[..cut]) as f64 * count(&term[cut..]) as f64;
                    (count(term) as f64 * units as f64 / parts).log2()
                })
                .reduce(f64::min),
            entropy: entropies.map(|side| entropy(&side, count(term) as u32)),
        }
    }

    proptest! {
        #[test]
        fn numbers_of_terms_equal_those_of_a_plain_search(
            windows in prop::collection::vec(
                prop::collection::vec((0..7_u8, "(甲乙丙|甲丁|丙丁戊|戊甲){1,6}"), 0..25),
                1..6,
            ),
        ) {
            let everything = TermConfig {
                horizons: vec![3],
                lookback: 3,
                min_documents: 1,
                min_days: 1,
                min_sources: 0,
                max_day_share: 1.0,
                watch: 0.0,
                refractory: 0,
                min_cohesion: f64::NEG_INFINITY,
                min_entropy: f64::NEG_INFINITY,
                min_relative_entropy: -1.0,
                ..TermConfig::default()
            };
            let baseline = BaselineVocabulary::freeze(&NgramCounts::default());
            let mut finder = TermFinder::new(&baseline, everything);
            let mut plain_windows = Vec::new();
            for (start, rows) in (0..).zip(&windows) {
                let mut counts = NgramCounts::default();
                let mut texts: Vec<(u8, Vec<char>)> = Vec::new();
                for (day, text) in rows {
                    counts.update(text, *day, None);
                    let text = text.chars().collect();
                    // A copy is no document; no unit stands three times in a row here.
                    if !texts.iter().any(|(_, known)| *known == text) {
                        texts.push((*day, text));
                    }
                }
                plain_windows.push(texts);
                let terms = finder.observe(start, counts);
                let lookback = &plain_windows[plain_windows.len().saturating_sub(3)..];
                for term in &terms {
                    let expected = plain(lookback, &term.text.chars().collect::<Vec<_>>());
                    let found = Plain {
                        count: term.count,
                        documents: term.documents,
                        days: term.days,
                        cohesion: term.cohesion,
                        entropy: [term.left_entropy, term.right_entropy],
                    };
                    prop_assert_eq!(found, expected, "{}", term.text);
                }
                prop_assert_eq!(terms.is_empty(), lookback.last().is_none_or(Vec::is_empty));
            }
        }
    }

    #[test]
    fn neighbours_that_vary_have_entropy() {
        // Three of one, one of another, two ends: shares ½, ⅙, ⅙, ⅙, and Miller–Madow's
        // correction (SciPy's entropy of those shares is 1.7925 bits).
        let neighbours = FxHashMap::from_iter([(1, 3), (2, 1)]);
        assert!((entropy(&neighbours, 6) - 2.153_155_010_582_818_6).abs() < 1e-9);
        assert!(entropy(&FxHashMap::default(), 0).abs() < 1e-12);
    }

    #[test]
    fn empty_windows_are_windows() {
        let baseline = baseline(None);
        let mut windows = windows("显眼包", 6);
        windows.insert(5, NgramCounts::default());
        assert_eq!(alarms(&observe(&baseline, windows)).len(), 1);
        let empty = BaselineVocabulary::freeze(&NgramCounts::default());
        assert_eq!(observe(&empty, vec![NgramCounts::default()]), []);
    }
}
