//! Slow drift that no single window shows: sums of surprise over the windows in order.
//!
//! Each window's p of a test becomes a z-score, z = Φ⁻¹(1 − p), and a one-sided sum
//! S ← max(0, S + z − k) gathers what exceeds k = ½: a shift of one standard deviation,
//! which a single window shows in one of twenty-odd cases, adds a half each time (Page
//! 1954, "Continuous Inspection Schemes"). A sum that passes the limit is told and
//! begins anew.
//!
//! Tables of limits are for independent normal scores; a source's windows resemble their
//! neighbours. So the limit comes from sequences cut out of the baseline: runs of its
//! successive windows, each judged by windows that share nothing with it, put one behind
//! another until there are [`SEQUENCE`] of them (block bootstrap, Künsch 1989). All tests
//! with a stable baseline are summed side by side, and have one limit. Those whose
//! baseline wanders would push it up for all, so each has a limit of its own, which runs of
//! its own wandering make high. One alarm of any test comes in
//! [`SequenceCard::average_run_length`] windows.

use crate::{
    compare::Measurement,
    measure::Measure,
    threshold_card::{Basis, ColumnKey, TestCard, ThresholdCard, deciding_tests, predicted},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// Windows of the sequences that a limit comes from.
pub const SEQUENCE: usize = 100_000;
/// What a sum loses in each window, in standard deviations.
pub const ALLOWANCE: f64 = 0.5;
/// Most windows of a run that is cut out of the baseline.
const LONGEST_RUN: usize = 26;
/// A z-score is taken for no more than this, so that one window alone, which has a test
/// of its own, does not make a slow drift.
const GREATEST_Z: f64 = 3.0;
/// Limits are sought up to this.
const HIGHEST_LIMIT: f64 = 200.0;

/// The limit of sums over the windows of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequenceCard {
    /// Windows of a stationary source from one alarm of any test to the next, on average.
    pub average_run_length: f64,
    /// Windows of the sequences that the limit comes from.
    pub windows: usize,
    /// The tests that are summed: those that decide.
    pub tests: Vec<SummedTest>,
}

/// A test whose surprise is summed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummedTest {
    /// The column and slice.
    pub key: ColumnKey,
    /// The measure.
    pub measure: Measure,
    /// The sum that is an alarm.
    pub limit: f64,
}

/// A test whose sum has passed the limit.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowDrift {
    /// The column and slice.
    pub key: ColumnKey,
    /// The measure.
    pub measure: Measure,
    /// The sum.
    pub sum: f64,
    /// The limit that it passed.
    pub limit: f64,
    /// Windows since the sum was zero, this one too.
    pub windows: usize,
}

/// The sums so far.
#[derive(Debug, Clone, Default)]
pub struct Sums(BTreeMap<(ColumnKey, Measure), (f64, usize)>);

fn z_score(p: f64) -> f64 {
    (-Normal::standard().inverse_cdf(p.clamp(1e-12, 1.0 - 1e-12))).min(GREATEST_Z)
}

impl SequenceCard {
    /// Learns the limit for one alarm in `average_run_length` windows from a card's
    /// replays; `None` where the card has no limits, or the order of blocks means nothing.
    pub fn learn(card: &ThresholdCard, average_run_length: f64) -> Option<Self> {
        if card.basis != Basis::Blocks {
            return None;
        }
        let draws = card.tests.iter().map(|test| test.draws.len()).max()?;
        let (unstable, stable): (Vec<&TestCard>, Vec<&TestCard>) =
            deciding_tests(&card.tests, draws)
                .filter(|test| !test.is_without_limit())
                .partition(|test| test.baseline_unstable());
        let windows = card.windows_in_baseline.max(1);
        // Draws whose starts are less than two windows apart may share blocks.
        let apart = draws as f64 / windows as f64;
        let overlap = (2.0 * apart).ceil() as usize;
        let order = sequence(card.seed, draws, apart, windows);
        // Of all alarms a test may have its part.
        let all = (stable.len() + unstable.len()) as f64;
        let limit = |tests: &[&TestCard]| {
            let scores: Vec<Vec<f64>> = tests.iter().map(|t| scores(t, overlap)).collect();
            let alarms = SEQUENCE as f64 / average_run_length * tests.len() as f64 / all;
            limit(&scores, &order, alarms)
        };
        let summed = |test: &TestCard, limit: f64| SummedTest {
            key: test.key.clone(),
            measure: test.measure,
            limit,
        };
        let mut tests = Vec::new();
        if let Some(limit) = limit(&stable) {
            tests.extend(stable.iter().map(|test| summed(test, limit)));
        }
        for test in unstable {
            tests.extend(limit(&[test]).map(|limit| summed(test, limit)));
        }
        Some(Self {
            average_run_length,
            windows: SEQUENCE,
            tests,
        })
    }
}

/// The z-score of each draw of a test, judged by draws that share no block with it.
fn scores(test: &TestCard, overlap: usize) -> Vec<f64> {
    let p = test.held_out_p(overlap).into_iter();
    p.map(|p| z_score(predicted(p, test.independent_windows)))
        .collect()
}

/// The least sum that no more than so many windows of a sequence pass; `None` where none up
/// to 200 is rare enough, or there is nothing to sum.
fn limit(scores: &[Vec<f64>], order: &[usize], wanted: f64) -> Option<f64> {
    let too_many = |limit: f64| alarms(scores, order, limit) as f64 > wanted;
    if scores.is_empty() || too_many(HIGHEST_LIMIT) {
        return None;
    }
    let (mut low, mut high) = (0.0, HIGHEST_LIMIT);
    while high - low > 0.05 {
        let middle = (low + high) / 2.0;
        if too_many(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// Numbers of draws: runs of successive windows of the baseline, from random starts.
fn sequence(seed: u64, draws: usize, apart: f64, windows: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let run = LONGEST_RUN.min(windows / 2).max(1);
    let mut order = Vec::with_capacity(SEQUENCE + run);
    while order.len() < SEQUENCE {
        let start = rng.random_range(0..draws);
        order.extend((0..run).map(|at| (start + (at as f64 * apart).round() as usize) % draws));
    }
    order.truncate(SEQUENCE);
    order
}

/// Windows of a sequence in which any sum passes a limit, each of which begins anew then.
fn alarms(scores: &[Vec<f64>], order: &[usize], limit: f64) -> usize {
    let mut sums = vec![0.0_f64; scores.len()];
    let mut alarms = 0;
    for &draw in order {
        let mut alarm = false;
        for (sum, scores) in sums.iter_mut().zip(scores) {
            *sum = (*sum + scores[draw] - ALLOWANCE).max(0.0);
            if *sum > limit {
                alarm = true;
                *sum = 0.0;
            }
        }
        alarms += usize::from(alarm);
    }
    alarms
}

impl Sums {
    /// Adds the next window; what passes the limit begins anew. A test without a p in
    /// this window keeps its sum.
    pub fn add(&mut self, card: &SequenceCard, window: &[Measurement]) -> Vec<SlowDrift> {
        let mut found = Vec::new();
        for measurement in window {
            let is_of = |test: &&SummedTest| {
                test.measure == measurement.measure
                    && test.key.column == measurement.column
                    && test.key.slice == measurement.slice
            };
            let test = card.tests.iter().find(is_of);
            let (Some(p), Some(test)) = (measurement.p_value, test) else {
                continue;
            };
            let place = (test.key.clone(), test.measure);
            let (sum, windows) = self.0.entry(place).or_default();
            *sum = (*sum + z_score(p) - ALLOWANCE).max(0.0);
            *windows = if *sum > 0.0 { *windows + 1 } else { 0 };
            if *sum > test.limit {
                found.push(SlowDrift {
                    key: test.key.clone(),
                    measure: test.measure,
                    sum: std::mem::take(sum),
                    limit: test.limit,
                    windows: std::mem::take(windows),
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold_card::{CARD_VERSION, TestCard};

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    /// A card of independent windows whose draws overlap as replays do.
    fn card(seed: u64, tests: usize) -> ThresholdCard {
        let windows = 100;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let test = |name: usize, draws: Vec<f64>| {
            let key = ColumnKey::whole(format!("c{name}"));
            TestCard::new(
                key,
                (Measure::MeanIncrease, true),
                0.1,
                windows as f64,
                draws,
            )
        };
        let tests = (0..tests).map(|name| {
            // Ten half-windows' noise between the starts of successive windows.
            let noise: Vec<f64> = (0..windows * 10 + 10).map(|_| normal(&mut rng)).collect();
            let draws = (0..windows * 10).map(|at| noise[at..at + 10].iter().sum::<f64>());
            test(name, draws.map(|sum| sum / 10.0_f64.sqrt()).collect())
        });
        ThresholdCard {
            version: CARD_VERSION,
            rate: 0.01,
            seed: 1,
            blocks_per_window: 10,
            season: None,
            rows: Vec::new(),
            basis: Basis::Blocks,
            windows_in_baseline: windows,
            limit: Some(0.01),
            limit_if_unstable: 0.01,
            extrapolated: false,
            baseline_unstable: false,
            tests: tests.collect(),
        }
    }

    #[test]
    fn one_test_of_independent_windows_has_about_the_textbooks_limit() {
        // h = 5.0 has an average run length of 930 for k = ½ (Montgomery, "Introduction
        // to Statistical Quality Control", table 9.3: 465 for two sides).
        let limits: Vec<f64> = (0..5)
            .map(|seed| SequenceCard::learn(&card(seed, 1), 1_000.0).unwrap())
            .map(|card| card.tests[0].limit)
            .collect();
        let mean = limits.iter().sum::<f64>() / 5.0;
        assert!((4.0..6.5).contains(&mean), "{limits:?}");
        let more = SequenceCard::learn(&card(0, 8), 1_000.0).unwrap();
        assert!(
            more.tests[0].limit > limits[0],
            "eight tests share one rate"
        );
    }

    fn measurement(p: f64) -> Measurement {
        crate::WindowNull {
            windows: 20,
            size: 1_000,
            values: (0..20).map(f64::from).collect(),
            least_spread: 0.1,
        }
        .judge(
            crate::WindowValue {
                column: "c0".to_owned(),
                measure: Measure::MeanIncrease,
                value: Ok(1.0),
                size: 1_000,
                evidence: Vec::new(),
                min_effect: (0.1, false),
                rows: (0, 1_000),
            },
            0.01,
        )
        .with_p(p)
    }

    #[test]
    fn a_shift_of_one_standard_deviation_is_found_within_a_dozen_windows() {
        let card = SequenceCard::learn(&card(3, 4), 1_000.0).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut delays = Vec::new();
        for _ in 0..200 {
            let mut sums = Sums::default();
            let upper = |z: f64| Normal::standard().sf(z);
            let found = (1..200).find(|_| {
                let p = upper(normal(&mut rng) + 1.0);
                !sums.add(&card, &[measurement(p)]).is_empty()
            });
            delays.push(found.unwrap());
        }
        let mean = delays.iter().sum::<usize>() as f64 / 200.0;
        assert!(mean <= 16.0, "{mean}");
    }

    #[test]
    fn single_surprises_make_no_slow_drift_and_sums_begin_anew() {
        let card = SequenceCard {
            average_run_length: 1_000.0,
            windows: SEQUENCE,
            tests: vec![SummedTest {
                key: ColumnKey::whole("c0"),
                measure: Measure::MeanIncrease,
                limit: 5.0,
            }],
        };
        let mut sums = Sums::default();
        for p in [1e-9, 0.5, 0.9, 0.9, 0.9, 0.9] {
            assert_eq!(sums.add(&card, &[measurement(p)]), []);
        }
        let found: Vec<usize> = (1..=12)
            .filter(|_| !sums.add(&card, &[measurement(0.01)]).is_empty())
            .collect();
        // z = 2.33, so 1.83 a window, which passes 5 with the third.
        assert_eq!(found, [3, 6, 9, 12]);
    }
}
