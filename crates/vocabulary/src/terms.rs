//! Finds the terms of a window, window by window.
//!
//! An n-gram passes tests from the cheapest to the dearest: **support** (documents,
//! and days and sources behind them), **contrast** with the frozen baseline over one,
//! a few and many windows, **cohesion** (its parts do not meet by chance), **boundary
//! entropy** (what stands before and after it varies, so it begins and ends there),
//! **nesting** (not a piece of a longer term, nor one with a piece too many). Contrast
//! alone removes more than nine in ten, so only it is computed for everything.
//!
//! What passed is told apart: names are entities; words that the dictionary has, or that
//! were in use all through the baseline, are surges; what is most likely a piece of something
//! is not told; the rest is new.
//!
//! Memory is bounded by the tables of the last [`TermConfig::lookback`] windows.

mod candidate;
mod config;
mod contrasted;
mod lookback;
mod nature;
mod nesting;
mod report;
mod term;
#[cfg(test)]
mod tests;
mod track;
mod window;

pub use config::TermConfig;
pub use nature::{Nature, Sign};
pub use term::{Term, TermClass, TermSeries, Tier};

use crate::BaselineVocabulary;
use contrasted::Recent;
use driftline_statistics::ngrams::NgramCounts;
use lookback::Lookback;
use nesting::unnested;
use report::Reported;
use std::collections::BTreeMap;
use track::{Spans, Tracks};
use window::Window;

/// Looks for terms in windows, given one after the other in time order.
#[derive(Debug)]
pub struct TermFinder<'a> {
    baseline: &'a BaselineVocabulary,
    config: TermConfig,
    /// The last [`TermConfig::lookback`] windows.
    lookback: Lookback,
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
            lookback: Lookback::new(config.lookback),
            recent: Recent::new(),
            tracks: Tracks::new(longest_horizon(&config)),
            spans: Spans::default(),
            observed: 0,
            reported: BTreeMap::new(),
            config,
        }
    }

    /// Adds the next window, which begins at `start` (any clock, as long as it is the same
    /// for all), and returns the terms whose tier it changed: coinages, names, surges; the
    /// best of each first.
    ///
    /// The folds of `counts` are the window's days.
    pub fn observe(&mut self, start: i64, counts: NgramCounts) -> Vec<Term> {
        let old = self.push(start, counts);
        let mut candidates = self.contrasted(old.as_ref());
        let (config, lookback) = (&self.config, &mut self.lookback);
        candidates.retain_mut(|candidate| {
            candidate.is_spread(config, lookback)
                && candidate.is_whole(lookback)
                && candidate.holds_together(config, lookback)
                && candidate.meets_many(config, lookback)
        });
        let mut terms = unnested(candidates);
        terms.retain_mut(|candidate| {
            candidate.nature = candidate.nature(self.baseline, lookback);
            !(candidate.nature.as_ref()).is_some_and(|nature| nature.piece >= config.piece_from)
        });
        self.report(terms)
    }

    /// Documents with a term that was reported, window by window.
    pub fn series(&self, term: &str) -> Option<&TermSeries> {
        self.reported.get(term).map(|reported| &reported.series)
    }

    /// Returns the window that goes.
    fn push(&mut self, start: i64, counts: NgramCounts) -> Option<Window> {
        let newest = Window::new(start, counts);
        for reported in self.reported.values_mut() {
            reported.extend(&newest);
        }
        self.observed += 1;
        let longest = longest_horizon(&self.config);
        self.spans.push(start, newest.counts.units(), longest);
        let old = self.lookback.push(newest);
        let lookback = self.config.lookback;
        if self.observed.is_multiple_of(lookback.max(1)) {
            self.tracks
                .forget((self.observed + 1).saturating_sub(lookback));
        }
        old
    }
}

fn longest_horizon(config: &TermConfig) -> usize {
    let horizons = config.horizons.iter().copied();
    horizons.max().unwrap_or(1).max(1)
}
