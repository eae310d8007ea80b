//! An n-gram from window to window, and over which of them it is most surprising.

use super::{
    config::TermConfig,
    window::{Key, Sightings, Window},
};
use crate::contrast::{self, Exposure};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Sightings of n-grams by window, for the windows of the longest horizon.
///
/// They lie one n-gram behind the other, each in a ring by the number of the window, since
/// thousands are asked of in every window.
#[derive(Debug)]
pub(super) struct Tracks {
    longest: usize,
    by_hash: FxHashMap<u64, u32>,
    known: Vec<Known>,
    sightings: Vec<Sightings>,
    free: Vec<u32>,
}

/// What is known of an n-gram.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Number of the newest window that is known, from 1.
    newest: u32,
    /// How many are, up to the newest.
    windows: u32,
    before: Before,
}

/// How often an n-gram stands in the baseline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// Documents with it, or the most there can be.
    pub(super) documents: u32,
    pub(super) exact: bool,
}

impl Tracks {
    /// For horizons up to so many windows.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            longest,
            by_hash: FxHashMap::default(),
            known: Vec::new(),
            sightings: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Where the track of an n-gram is, if it has one.
    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        self.by_hash.get(&hash).copied()
    }

    /// How often an n-gram stands in the baseline.
    pub(super) fn before(&self, track: u32) -> Before {
        self.known[track as usize].before
    }

    /// The track of an n-gram of the newest of `windows`, known up to that, which has the number
    /// `observed`: what is missing is looked up. `track` is where it is, if there is one.
    pub(super) fn bring_up(
        &mut self,
        track: Option<u32>,
        (key, before): (Key<'_>, Before),
        (newest, observed): (Sightings, usize),
        windows: &VecDeque<Window>,
    ) -> u32 {
        let nothing = Known {
            newest: (observed - windows.len()) as u32,
            windows: 0,
            before,
        };
        let track = track.unwrap_or_else(|| self.begin(key.hash, nothing));
        let known = &mut self.known[track as usize];
        if known.newest < nothing.newest {
            *known = nothing;
        }
        let missing = observed - known.newest as usize;
        let first = windows.len() - missing;
        for window in windows.range(first..windows.len().saturating_sub(1).max(first)) {
            self.push(track, window.sightings(key));
        }
        if missing > 0 {
            self.push(track, newest);
        }
        track
    }

    fn begin(&mut self, hash: u64, known: Known) -> u32 {
        let track = match self.free.pop() {
            Some(track) => {
                self.known[track as usize] = known;
                track
            }
            None => {
                self.known.push(known);
                let end = self.known.len() * self.longest;
                self.sightings.resize(end, Sightings::default());
                u32::try_from(self.known.len() - 1).expect("fewer n-grams than 2³² have support")
            }
        };
        self.by_hash.insert(hash, track);
        track
    }

    /// Ends the track of an n-gram.
    pub(super) fn end(&mut self, hash: u64) {
        self.free.extend(self.by_hash.remove(&hash));
    }

    /// Adds the next window.
    fn push(&mut self, track: u32, sightings: Sightings) {
        let known = &mut self.known[track as usize];
        known.newest += 1;
        known.windows = (known.windows + 1).min(self.longest as u32);
        let at = known.newest as usize % self.longest;
        self.sightings[track as usize * self.longest + at] = sightings;
    }

    /// What was seen by window, the newest first.
    pub(super) fn newest_first(&self, track: u32) -> impl ExactSizeIterator<Item = Sightings> {
        let known = self.known[track as usize];
        let ring = &self.sightings[track as usize * self.longest..][..self.longest];
        let newest = known.newest as usize % self.longest;
        (0..known.windows as usize).map(move |back| {
            let at = if back <= newest {
                newest
            } else {
                newest + ring.len()
            };
            ring[at - back]
        })
    }

    /// Forgets the n-grams that were seen last in a window before number `oldest`.
    pub(super) fn forget(&mut self, oldest: usize) {
        let (known, free) = (&self.known, &mut self.free);
        self.by_hash.retain(|_, track| {
            let keep = known[*track as usize].newest as usize >= oldest;
            if !keep {
                free.push(*track);
            }
            keep
        });
    }
}

/// The windows of the longest horizon.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Start and units of each, the newest last.
    spans: VecDeque<(i64, u64)>,
    /// Units of the last windows, by their number.
    units: Vec<u64>,
}

impl Spans {
    /// Adds a window; `longest` are kept.
    pub(super) fn push(&mut self, start: i64, units: u64, longest: usize) {
        self.spans.push_back((start, units));
        if self.spans.len() > longest {
            self.spans.pop_front();
        }
        self.units.clear();
        let newest_first = self.spans.iter().rev();
        self.units.push(0);
        self.units.extend(newest_first.scan(0, |total, (_, units)| {
            *total += units;
            Some(*total)
        }));
    }

    /// Units of the last `windows`, or of all there are.
    pub(super) fn units(&self, windows: usize) -> u64 {
        let known = self.units.len().saturating_sub(1);
        self.units.get(windows.min(known)).copied().unwrap_or(0)
    }

    fn len(&self) -> usize {
        self.spans.len()
    }

    /// Start of the first of the last `windows`.
    pub(super) fn start(&self, windows: usize) -> Option<i64> {
        let first = self.spans.len().checked_sub(windows.max(1))?;
        self.spans.get(first).map(|(start, _)| *start)
    }
}

/// Over how many windows an n-gram is most surprising.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    pub(super) ln_bayes_factor: f64,
    pub(super) horizon: usize,
    /// Days with it, and units of text.
    pub(super) live: Exposure,
}

/// The Bayes factors that were computed before, by windows, live count and count of the
/// baseline: few differ among the n-grams of a window.
pub(super) type Factors = FxHashMap<[u64; 3], f64>;

/// The horizon of the greatest Bayes factor, with the days and units of text of it.
pub(super) fn best_horizon(
    config: &TermConfig,
    spans: &Spans,
    newest_first: impl ExactSizeIterator<Item = Sightings>,
    before: Exposure,
    factors: &mut Factors,
) -> Best {
    let mut best = Best {
        ln_bayes_factor: f64::NEG_INFINITY,
        horizon: 1,
        live: Exposure {
            count: 0.0,
            units: 0.0,
        },
    };
    // A track knows nothing of windows before its first.
    let known = spans.len().min(newest_first.len());
    let mut newest_first = newest_first;
    let (mut days, mut taken) = (0, 0);
    for &horizon in &config.horizons {
        let more = horizon.min(known).saturating_sub(taken);
        days += (newest_first.by_ref().take(more))
            .map(|seen| u64::from(seen.days()))
            .sum::<u64>();
        taken += more;
        let live = Exposure {
            count: days as f64,
            units: spans.units(taken) as f64,
        };
        if live.rate() <= config.min_rate_ratio * before.rate() {
            continue;
        }
        let ln_bayes_factor = *factors
            .entry([taken as u64, days, before.count as u64])
            .or_insert_with(|| contrast::ln_bayes_factor(live, before));
        if ln_bayes_factor > best.ln_bayes_factor {
            best = Best {
                ln_bayes_factor,
                horizon,
                live,
            };
        }
    }
    best
}
