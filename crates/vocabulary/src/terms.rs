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

mod candidate;
mod config;
mod contrasted;
mod nesting;
mod report;
mod term;
#[cfg(test)]
mod tests;
mod track;
mod window;

pub use config::TermConfig;
pub use term::{Term, TermClass, TermSeries, Tier};

use crate::{BaselineVocabulary, lexicon};
use candidate::Lookback;
use contrasted::{Recent, Tracks};
use driftline_statistics::ngrams::NgramCounts;
use nesting::unnested;
use report::Reported;
use std::collections::{BTreeMap, VecDeque};
use track::Spans;
use window::Window;

/// Looks for terms in windows, given one after the other in time order.
#[derive(Debug)]
pub struct TermFinder<'a> {
    baseline: &'a BaselineVocabulary,
    config: TermConfig,
    /// The last [`TermConfig::lookback`] windows, the newest last.
    windows: VecDeque<Window>,
    recent: Recent,
    /// Sightings by window of what had support at some time, by hash.
    tracks: Tracks,
    /// The windows of the longest horizon.
    spans: Spans,
    /// Number of windows observed.
    observed: usize,
    reported: BTreeMap<String, Reported>,
}

impl<'a> TermFinder<'a> {
    /// A finder that has seen no window yet.
    pub fn new(baseline: &'a BaselineVocabulary, config: TermConfig) -> Self {
        Self {
            baseline,
            config,
            windows: VecDeque::new(),
            recent: Recent::new(),
            tracks: Tracks::default(),
            spans: Spans::default(),
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
        let mut lookback = Lookback::new(&self.windows);
        candidates.retain_mut(|candidate| {
            (lexicon::is_known(&candidate.text) || !lexicon::is_cut_out(&candidate.text))
                && candidate.is_spread(&self.config, &lookback)
                && candidate.holds_together(&self.config, &mut lookback)
                && candidate.meets_many(&self.config, &lookback)
        });
        self.report(unnested(candidates))
    }

    /// Documents with a term that was reported, window by window.
    pub fn series(&self, term: &str) -> Option<&TermSeries> {
        self.reported.get(term).map(|reported| &reported.series)
    }

    fn push(&mut self, start: i64, counts: NgramCounts) {
        let lookback = self.config.lookback.max(1);
        if self.windows.len() >= lookback
            && let Some(old) = self.windows.pop_front()
        {
            self.recent.remove(old.counts.ngrams());
        }
        let newest = Window::new(start, counts);
        self.recent.add(newest.counts.ngrams());
        for reported in self.reported.values_mut() {
            reported.extend(&newest);
        }
        self.observed += 1;
        let longest = self.longest_horizon();
        self.spans.push(start, newest.counts.units(), longest);
        self.windows.push_back(newest);
        if self.observed.is_multiple_of(lookback) {
            self.tracks
                .retain(|_, track| track.newest + self.config.lookback > self.observed);
        }
    }

    fn longest_horizon(&self) -> usize {
        let horizons = self.config.horizons.iter().copied();
        horizons.max().unwrap_or(1).max(1)
    }
}
