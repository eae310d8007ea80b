//! The last windows, and what was found in each of them.

use super::window::{Key, Place, Window};
use driftline_statistics::units::extend_hash;
use rustc_hash::FxHashMap;
use std::collections::{VecDeque, hash_map::Entry};

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
    places: FxHashMap<u64, Places>,
    counts: FxHashMap<u64, Counts>,
}

/// What was found of one n-gram in the windows up to number `observed`.
#[derive(Debug)]
struct Found<T> {
    observed: usize,
    by_window: VecDeque<T>,
}

/// How often an n-gram stands in the windows.
#[derive(Debug, Default)]
struct Counts {
    found: Found<u32>,
    /// In all of them.
    total: u64,
}

/// Where an n-gram stands in the windows.
#[derive(Debug, Default)]
pub(super) struct Places {
    found: Found<Option<Place>>,
    /// Hashes of the n-grams that have one unit more in front, and of those that have one
    /// more behind, with their counts in all windows.
    pub(super) longer: [FxHashMap<u64, u32>; 2],
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
        find: impl FnMut(&Window) -> T,
        gone: impl FnMut(T),
    ) {
        let missing = (observed - self.observed).min(windows.len());
        let newer = windows.iter().skip(windows.len() - missing);
        self.by_window.extend(newer.map(find));
        let surplus = self.by_window.len() - windows.len();
        self.by_window.drain(..surplus).for_each(gone);
        self.observed = observed;
    }
}

impl Places {
    fn bring_up(&mut self, key: Key<'_>, windows: &VecDeque<Window>, observed: usize) {
        let Self { found, longer } = self;
        let mut went = Vec::new();
        let find = |window: &Window| {
            let place = window.place(key)?;
            for (all, counts) in longer.iter_mut().zip(&place.longer) {
                for &(longer, count) in counts {
                    *all.entry(longer).or_default() += count;
                }
            }
            Some(place)
        };
        found.bring_up(windows, observed, find, |place| went.extend(place));
        for place in went {
            for (all, counts) in longer.iter_mut().zip(place.longer) {
                subtract(all, counts);
            }
        }
    }

    /// By window, the oldest first; `None` where a window does not have it.
    pub(super) fn by_window(&self) -> impl Iterator<Item = Option<&Place>> {
        self.found.by_window.iter().map(Option::as_ref)
    }
}

fn subtract(all: &mut FxHashMap<u64, u32>, gone: Vec<(u64, u32)>) {
    for (hash, gone) in gone {
        if let Entry::Occupied(mut count) = all.entry(hash) {
            *count.get_mut() -= gone;
            if *count.get() == 0 {
                count.remove();
            }
        }
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
            self.places
                .retain(|_, places| places.found.observed > stale);
            self.counts
                .retain(|_, counts| counts.found.observed > stale);
        }
        old
    }

    /// Units of all windows.
    pub(super) fn units(&self) -> u64 {
        self.units
    }

    /// Starts of the windows.
    pub(super) fn starts(&self) -> impl Iterator<Item = i64> {
        self.windows.iter().map(|window| window.start)
    }

    /// Where the n-gram of a key stands.
    pub(super) fn places(&mut self, key: Key<'_>) -> &Places {
        let places = self.places.entry(key.hash).or_default();
        if places.found.observed < self.observed {
            places.bring_up(key, &self.windows, self.observed);
        }
        places
    }

    /// Occurrences of the n-gram of these units.
    pub(super) fn count(&mut self, units: &[u64]) -> u64 {
        let hash = (units.iter()).fold(0, |hash, &unit| extend_hash(hash, unit));
        let key = Key { hash, units };
        let Counts { found, total } = self.counts.entry(hash).or_default();
        if found.observed < self.observed {
            let mut gone = 0;
            let find = |window: &Window| {
                let count = window.find(key).map_or(0, |ngram| ngram.count());
                *total += u64::from(count);
                count
            };
            found.bring_up(&self.windows, self.observed, find, |count| {
                gone += u64::from(count);
            });
            *total -= gone;
        }
        *total
    }
}
