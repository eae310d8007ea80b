//! Count, mean and squared deviations of numbers, summed several at a time.

use serde::{Deserialize, Serialize};

/// Numbers that the processor handles beside each other.
const LANES: usize = 8;

/// Count, mean and sum of squared deviations from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// `None` of no values.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Standard deviation divided by n; `None` of no values.
    pub(crate) fn std_dev(&self) -> Option<f64> {
        let variance = self.squares / self.count as f64;
        (self.count > 0).then(|| variance.max(0.0).sqrt())
    }

    /// Chan, Golub, LeVeque (1979), "Updating Formulae and a Pairwise Algorithm
    /// for Computing Sample Variances".
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            let count = self.count + other.count;
            let (n, m) = (self.count as f64, other.count as f64);
            let delta = other.mean - self.mean;
            self.mean += delta * (m / count as f64);
            self.squares += other.squares + delta * delta * (n * m / count as f64);
            self.count = count;
        }
    }
}

/// What one pass over numbers tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) zeros: u64,
    pub(crate) negatives: u64,
}

impl Sums {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sums = [0.0; LANES];
        let (mut mins, mut maxs) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        let (mut zeros, mut negatives) = ([0_u64; LANES], [0_u64; LANES]);
        let (blocks, rest) = values.as_chunks::<LANES>();
        let mut add = |lane: usize, value: f64| {
            sums[lane] += value;
            // Not `f64::min`, whose care for NaN costs: where there is one, nothing of
            // this is used.
            mins[lane] = if value < mins[lane] {
                value
            } else {
                mins[lane]
            };
            maxs[lane] = if value > maxs[lane] {
                value
            } else {
                maxs[lane]
            };
            zeros[lane] += u64::from(value == 0.0);
            negatives[lane] += u64::from(value < 0.0);
        };
        for block in blocks {
            for (lane, &value) in block.iter().enumerate() {
                add(lane, value);
            }
        }
        for (lane, &value) in rest.iter().enumerate() {
            add(lane, value);
        }
        Self {
            sum: sums.iter().sum(),
            min: mins.into_iter().fold(f64::INFINITY, f64::min),
            max: maxs.into_iter().fold(f64::NEG_INFINITY, f64::max),
            zeros: zeros.iter().sum(),
            negatives: negatives.iter().sum(),
        }
    }

    /// Whether the sum is finite, and so is each value: no sum with NaN or ±∞ is.
    pub(crate) fn is_finite(&self) -> bool {
        self.sum.is_finite()
    }

    /// The moments of the same values. A second pass about the mean loses no digits
    /// where the mean is large beside the deviations.
    pub(crate) fn moments(&self, values: &[f64]) -> Moments {
        let count = values.len() as u64;
        if count == 0 {
            return Moments::default();
        }
        let mean = self.sum / count as f64;
        let mut squares = [0.0; LANES];
        let (blocks, rest) = values.as_chunks::<LANES>();
        for block in blocks {
            for (square, value) in squares.iter_mut().zip(block) {
                *square += (value - mean) * (value - mean);
            }
        }
        for (square, value) in squares.iter_mut().zip(rest) {
            *square += (value - mean) * (value - mean);
        }
        Moments {
            count,
            mean,
            squares: squares.iter().sum(),
        }
    }
}
