//! How many independent windows a baseline holds.
//!
//! A year of weeks is 52 windows, but where each week is like the one before it, they
//! say as little about the weeks to come as a few would: a share that climbed from 0.65
//! to 0.92 over the year has seen one climb, not 52 values. A limit that counts 52 of
//! them alarms in every third window of the time after, and it is not the window that
//! is odd. So windows are counted for what they are worth.
//!
//! It is judged on the baseline alone, by the measure's own distance, so that every kind
//! of column has one definition: neighbouring windows of a source without memory are as
//! far apart as any two. The memory is `r = 1 − (mean squared distance of neighbours) /
//! (mean squared distance of all pairs)`, which for a number is its first
//! autocorrelation (half of von Neumann's ratio is `1 − r`; von Neumann 1941,
//! "Distribution of the Ratio of the Mean Square Successive Difference to the
//! Variance"). A short series looks less like itself than it is, by (1 + 4 r) / W, which
//! is made good for (Kendall 1954, "Note on Bias in the Estimation of Autocorrelation").
//! With a memory of one step, W windows are worth `W (1 − r) / (1 + r)` independent ones
//! (Bayley & Hammersley 1946, "The 'Effective' Number of Independent Observations in an
//! Autocorrelated Time Series").
//!
//! A memory that chance explains counts as none: without one, r has a standard deviation
//! of at most 1 / √W, and 2.33 of them are passed once in a hundred columns.

use crate::measure::Measure;

/// Standard deviations of r that a source without memory passes once in a hundred times.
const SIGNIFICANT: f64 = 2.33;
/// Fewest independent windows that predictions are made from.
pub(crate) const FEWEST: f64 = 3.0;
/// Cells looked at for one measure; past that only some of the lags are.
const BUDGET: usize = 1 << 23;
const FEWEST_LAGS: usize = 8;

/// Independent windows that `windows` successive ones are worth, by the distance of two
/// of them, but not fewer than 3.
///
/// `cells` is the width of what a distance looks at, and only limits the time taken.
/// Pairs without a distance are left out.
pub(crate) fn independent_windows(
    measure: Measure,
    windows: usize,
    cells: usize,
    distance: impl Fn(usize, usize) -> Option<f64>,
) -> f64 {
    let all = windows as f64;
    let square = |distance: f64| match measure.is_squared() {
        true => distance,
        false => distance * distance,
    };
    let mean = |lags: &mut dyn Iterator<Item = usize>| {
        let (mut sum, mut pairs) = (0.0, 0_u64);
        for lag in lags {
            for first in 0..windows.saturating_sub(lag) {
                if let Some(distance) = distance(first, first + lag) {
                    sum += square(distance);
                    pairs += 1;
                }
            }
        }
        (pairs > 0).then(|| sum / pairs as f64)
    };
    let most_lags = (BUDGET / (cells.max(1) * windows.max(1))).max(FEWEST_LAGS);
    let step = windows.div_ceil(most_lags).max(1);
    let any = mean(&mut (1 + step / 2..windows).step_by(step)).unwrap_or(0.0);
    if any <= 0.0 {
        return all;
    }
    let Some(near) = mean(&mut std::iter::once(1)) else {
        return all;
    };
    let memory = 1.0 - near / any;
    let unbiased = ((memory * all + 1.0) / (all - 4.0).max(1.0)).clamp(0.0, 1.0);
    let worth = (all * (1.0 - unbiased) / (1.0 + unbiased)).max(FEWEST);
    if memory * all.sqrt() > SIGNIFICANT {
        worth
    } else {
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// An autoregressive process of order one.
    fn process(seed: u64, memory: f64, length: usize) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = move || {
            let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
            radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
        };
        let mut value = normal();
        (0..length)
            .map(|_| {
                value = memory * value + (1.0 - memory * memory).sqrt() * normal();
                value
            })
            .collect()
    }

    fn worth(values: &[f64]) -> f64 {
        let difference = |a: usize, b: usize| Some((values[a] - values[b]).abs());
        independent_windows(Measure::MeanDifference, values.len(), 1, difference)
    }

    #[test]
    fn independent_values_are_worth_their_number() {
        let others = (0..400)
            .filter(|&seed| worth(&process(seed, 0.0, 52)) < 52.0)
            .count();
        // One in a hundred, by the normal approximation.
        assert!(others <= 10, "{others} of 400");
    }

    #[test]
    fn values_with_a_long_memory_are_worth_less() {
        let mean = |memory: f64, length: usize| {
            let worth = (0..200).map(|seed| worth(&process(seed, memory, length)));
            worth.sum::<f64>() / 200.0
        };
        // 2000 · 0.0025 / 1.9975 = 2.5 of 2,000, and 100 · 0.05 / 1.95 = 2.6 of 100.
        assert!(
            (FEWEST..6.0).contains(&mean(0.9975, 2_000)),
            "{}",
            mean(0.9975, 2_000)
        );
        assert!(
            (FEWEST..6.0).contains(&mean(0.95, 100)),
            "{}",
            mean(0.95, 100)
        );
        // 2000 · 0.5 / 1.5.
        assert!(
            (mean(0.5, 2_000) / 666.7 - 1.0).abs() < 0.03,
            "{}",
            mean(0.5, 2_000)
        );
    }

    #[test]
    fn a_trend_is_worth_nothing_and_a_constant_all() {
        let trend: Vec<f64> = (0..52).map(f64::from).collect();
        assert!((worth(&trend) - FEWEST).abs() < 1e-12);
        assert!((worth(&[7.0; 52]) - 52.0).abs() < 1e-12);
        assert!((worth(&[]) - 0.0).abs() < 1e-12);
    }

    #[test]
    fn lags_that_are_left_out_change_little() {
        let values = process(3, 0.99, 600);
        let difference = |a: usize, b: usize| Some((values[a] - values[b]).abs());
        let some = independent_windows(Measure::MeanDifference, values.len(), 1 << 12, difference);
        assert!(worth(&values) < 10.0, "{}", worth(&values));
        assert!((some - worth(&values)).abs() < 2.0, "{some}");
    }
}
