//! An n-gram from window to window, and over which of them it is most surprising.

use super::{config::TermConfig, window::Sightings};
use crate::contrast::{self, Exposure};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// An n-gram in the windows up to number `newest`, which comes last.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) newest: usize,
    pub(super) sightings: VecDeque<Sightings>,
}

impl Track {
    /// Adds the window that makes `observed` of them, after empty ones for those missed;
    /// `longest` are kept.
    pub(super) fn extend(&mut self, observed: usize, sightings: Sightings, longest: usize) {
        let missed = (observed - 1).saturating_sub(self.newest).min(longest);
        self.sightings
            .extend(std::iter::repeat_n(Sightings::default(), missed));
        self.sightings.push_back(sightings);
        self.newest = observed;
        while self.sightings.len() > longest {
            self.sightings.pop_front();
        }
    }

    /// Documents in the last `windows` of them.
    pub(super) fn documents(&self, windows: usize) -> u32 {
        let recent = self.sightings.iter().rev().take(windows);
        recent.map(|seen| seen.documents).sum()
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
    track: &Track,
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
    let known = spans.len().min(track.sightings.len());
    let mut newest_first = track.sightings.iter().rev();
    let (mut days, mut taken) = (0, 0);
    for &horizon in &config.horizons {
        let more = horizon.min(known).saturating_sub(taken);
        days += (newest_first.by_ref().take(more))
            .map(|seen| u64::from(seen.days))
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
