//! Which of two candidates is the term, where one holds the other.

use super::candidate::Candidate;
use driftline_statistics::units::extend_hash;
use rustc_hash::{FxHashMap, FxHashSet};

/// From this share of its documents on a longer candidate replaces the shorter.
const REPLACES: f64 = 0.6;

/// Below this share the longer one has a piece too many.
const TOO_LONG: f64 = 0.35;

/// Drops pieces of longer terms, and terms with a piece too many.
pub(super) fn unnested(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| {
        let longest_first = b.units.len().cmp(&a.units.len());
        longest_first.then_with(|| a.text.cmp(&b.text))
    });
    let mut dropped = FxHashSet::default();
    let containing = containing(&candidates);
    for (at, short) in candidates.iter().enumerate() {
        for &longer in &containing[at] {
            if dropped.contains(&longer) {
                continue;
            }
            let share = f64::from(candidates[longer].documents) / f64::from(short.documents);
            if share >= REPLACES {
                dropped.insert(at);
            } else if share < TOO_LONG {
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

/// For each candidate the longer ones that hold it, in their order.
fn containing(candidates: &[Candidate]) -> Vec<Vec<usize>> {
    let by_hash: FxHashMap<u64, usize> = (candidates.iter().enumerate())
        .map(|(at, candidate)| (candidate.hash, at))
        .collect();
    let mut containing = vec![Vec::new(); candidates.len()];
    for (longer, long) in candidates.iter().enumerate() {
        for begin in 0..long.units.len() {
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
