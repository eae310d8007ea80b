//! The last windows, and what was found in each of them.

use super::window::{Place, Window};
use driftline_statistics::units::extend_hash;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// The last windows, the newest last.
///
/// A window never changes and candidates are much the same from one to the next, so what
/// was found in a window is kept until the window goes.
#[derive(Debug)]
pub(super) struct Lookback {
    pub(super) windows: VecDeque<Window>,
    most: usize,
    /// Windows so far.
    observed: usize,
    units: u64,
    places: FxHashMap<u64, Found<Option<Place>>>,
    counts: FxHashMap<u64, Found<u32>>,
}

/// What was found of one n-gram in the windows up to number `observed`.
#[derive(Debug)]
struct Found<T> {
    observed: usize,
    by_window: VecDeque<T>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            observed: 0,
            by_window: VecDeque::new(),
        }
    }
}

impl<T> Found<T> {
    /// Finds it in the windows that came since, and forgets those that went.
    fn bring_up(
        &mut self,
        windows: &VecDeque<Window>,
        observed: usize,
        find: impl Fn(&Window) -> T,
    ) {
        let missing = (observed - self.observed).min(windows.len());
        let newer = windows.iter().skip(windows.len() - missing);
        self.by_window.extend(newer.map(find));
        let surplus = self.by_window.len() - windows.len();
        self.by_window.drain(..surplus);
        self.observed = observed;
    }
}

impl Lookback {
    pub(super) fn new(most: usize) -> Self {
        Self {
            windows: VecDeque::new(),
            most: most.max(1),
            observed: 0,
            units: 0,
            places: FxHashMap::default(),
            counts: FxHashMap::default(),
        }
    }

    /// Adds a window and returns the one that goes, if it was full.
    pub(super) fn push(&mut self, window: Window) -> Option<Window> {
        let old = match self.windows.len() < self.most {
            true => None,
            false => self.windows.pop_front(),
        };
        self.units += window.counts.units();
        self.units -= old.as_ref().map_or(0, |old| old.counts.units());
        self.windows.push_back(window);
        self.observed += 1;
        if self.observed.is_multiple_of(self.most) {
            let stale = self.observed - self.most;
            self.places.retain(|_, found| found.observed > stale);
            self.counts.retain(|_, found| found.observed > stale);
        }
        old
    }

    /// Units of all windows.
    pub(super) fn units(&self) -> u64 {
        self.units
    }

    /// The n-gram with this hash in each of the windows that has it, with the window's start.
    pub(super) fn places(&mut self, hash: u64) -> impl Iterator<Item = (i64, &Place)> {
        let found = self.places.entry(hash).or_default();
        let windows = &self.windows;
        found.bring_up(windows, self.observed, |window| window.place(hash));
        let starts = windows.iter().map(|window| window.start);
        starts
            .zip(&found.by_window)
            .filter_map(|(start, place)| Some((start, place.as_ref()?)))
    }

    /// Occurrences of the n-gram of these units.
    pub(super) fn count(&mut self, units: &[u64]) -> u64 {
        let hash = (units.iter()).fold(0, |hash, &unit| extend_hash(hash, unit));
        let found = self.counts.entry(hash).or_default();
        found.bring_up(&self.windows, self.observed, |window| {
            window.find(hash).map_or(0, |ngram| ngram.count())
        });
        found.by_window.iter().copied().map(u64::from).sum()
    }
}
