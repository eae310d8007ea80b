//! What is certain of an effect: bounds by a bootstrap with the noise of real windows.
//!
//! A distance of 0.1 in a window of a thousand rows may be one of 0.06 and luck. How much
//! luck there is follows from resampling the window's own rows (Efron 1979, "Bootstrap
//! Methods"), but rows come in days and topics, which resampling them one by one does not
//! see, and a live window is one profile without blocks of its own to resample. So the
//! noise of blocks is taken from the baseline: its stretches differ from the rest of it by
//! more than as many single rows would, and that ratio of variances is the window's
//! *design effect* (Kish 1965, "Survey Sampling", section 8.2). A window of n rows is then
//! resampled as one of n over that many.
//!
//! With the values v* of the resampled windows, a bound of what v is about is
//! 2 v − quantile(v*): what v* exceeds v by is taken off v, so that the part of a distance
//! that is noise, which is above zero for equal distributions, is taken off too (the basic
//! bootstrap; Davison & Hinkley 1997, "Bootstrap Methods and their Application", section
//! 5.2).

use crate::{grid::Counts, measure::Measure, replay::Series, thin};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Resampled windows.
const RESAMPLES: usize = 100;
/// A baseline of so many times the window's rows is taken as it is: what its own sampling
/// adds to the spread is a fortieth.
const MUCH_LARGER: u64 = 20;
/// Copies that rows are drawn from without replacement, which is nearly one with it.
const COPIES: u64 = 64;
/// Parts that a baseline too short for cards is cut into, to see its design effect.
const FEWEST_PARTS: usize = 3;
/// Probability that the effect is beyond one of its bounds.
const BEYOND: f64 = 0.05;

/// Bounds of an effect, each of them 95 % certain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// Rows of the window that are worth one independent one.
    pub(crate) design_effect: f64,
}

/// How the values of resampled windows lie about what they are resampled from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The window's value.
    pub(crate) value: f64,
    /// The value less what resampling adds to it.
    pub(crate) unbiased: f64,
    /// Standard deviation.
    pub(crate) deviation: f64,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares = values.iter().map(|x| (x - mean).powi(2));
    squares.sum::<f64>() / values.len().max(1) as f64
}

/// How far one measure of one column may be from what a window shows.
pub(crate) struct Effect<'a> {
    pub(crate) series: &'a Series,
    /// What the window is compared with.
    pub(crate) total: &'a Counts,
    pub(crate) measure: Measure,
    pub(crate) seed: u64,
}

impl Effect<'_> {
    /// Bounds of a window's effect, where `stretches` are the values of stretches of the
    /// baseline of the window's size.
    pub(crate) fn bounds(&self, window: &Counts, stretches: &[f64]) -> Option<Bounds> {
        let of_rows = self.of_rows(window.rows());
        self.bounds_with(window, self.design_effect(stretches, &of_rows))
    }

    /// The same where the baseline is too short to have such stretches: judged by those of
    /// a third of it, or of a window where that is less. A baseline of one block shows no
    /// more than that rows differ.
    pub(crate) fn bounds_of_short(&self, window: &Counts, length: usize) -> Option<Bounds> {
        let blocks = self.series.block_rows().count();
        let length = (blocks / FEWEST_PARTS).clamp(1, length.max(1));
        let parts = self.series.windows(length);
        let values: Vec<f64> = parts
            .iter()
            .filter_map(|part| {
                let rest = self.total.less(part);
                self.series.grid.value(self.measure, &rest, part)
            })
            .collect();
        let rows = parts.iter().map(Counts::rows).sum::<u64>() / parts.len().max(1) as u64;
        let effect = match values.len() {
            0 | 1 => 1.0,
            _ => self.design_effect(&values, &self.of_rows(rows)),
        };
        self.bounds_with(window, effect)
    }

    /// Values of samples of single rows of the baseline against the whole of it.
    fn of_rows(&self, rows: u64) -> Vec<f64> {
        let mut rng = self.rng(1);
        let total = self.total;
        (0..RESAMPLES)
            .filter_map(|_| {
                let part = rows as f64 / total.rows().max(1) as f64;
                let window = sample(&mut rng, total, part);
                self.series.grid.value(self.measure, total, &window)
            })
            .collect()
    }

    /// The variance of stretches over that of as many single rows, at least 1.
    fn design_effect(&self, stretches: &[f64], of_rows: &[f64]) -> f64 {
        let ratio = match self.measure {
            // It has a sign, so it varies about its mean.
            Measure::MeanIncrease => variance(stretches) / variance(of_rows),
            measure if measure.is_squared() => mean(stretches) / mean(of_rows),
            _ => (mean(stretches) / mean(of_rows)).powi(2),
        };
        // Without any variance, as where no row is null, rows are all that there is.
        if ratio.is_finite() {
            ratio.max(1.0)
        } else {
            1.0
        }
    }

    /// A window's value, and those of resamples of as many rows as it is worth, ascending.
    fn resampled(&self, window: &Counts, design_effect: f64) -> Option<(f64, Vec<f64>)> {
        let (grid, total) = (&self.series.grid, self.total);
        let value = grid.value(self.measure, total, window)?;
        let mut rng = self.rng(2);
        let larger = total.rows() / window.rows().max(1) >= MUCH_LARGER;
        let mut values: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| {
                let mut again = |counts| {
                    let sample = sample(&mut rng, counts, 1.0 / design_effect);
                    // In its old size, for the measures that add a part of a count.
                    sample.times(design_effect)
                };
                let window = again(window);
                match larger {
                    true => grid.value(self.measure, total, &window),
                    false => grid.value(self.measure, &again(total), &window),
                }
            })
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        (!values.is_empty()).then_some((value, values))
    }

    fn bounds_with(&self, window: &Counts, design_effect: f64) -> Option<Bounds> {
        let (value, values) = self.resampled(window, design_effect)?;
        let quantile = |q: f64| values[(q * values.len() as f64).ceil().max(1.0) as usize - 1];
        Some(Bounds {
            lower: 2.0 * value - quantile(1.0 - BEYOND),
            upper: 2.0 * value - quantile(BEYOND),
            design_effect,
        })
    }

    /// A window's value and how it spreads, where its design effect is known.
    pub(crate) fn spread(&self, window: &Counts, design_effect: f64) -> Option<Spread> {
        let (value, values) = self.resampled(window, design_effect)?;
        let mean = mean(&values);
        Some(Spread {
            value,
            unbiased: 2.0 * value - mean,
            deviation: variance(&values).sqrt(),
        })
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

/// A sample, nearly with replacement, of a part of as many rows as some counts have.
fn sample(rng: &mut ChaCha8Rng, counts: &Counts, part: f64) -> Counts {
    let mut draw = |counts: &[u64]| {
        let wanted = counts.iter().sum::<u64>() as f64 * part;
        let copies: Vec<u64> = counts.iter().map(|count| count * COPIES).collect();
        thin::rows(rng, &copies, (wanted.round() as u64).max(1))
    };
    Counts {
        cells: draw(&counts.cells),
        units: draw(&counts.units),
    }
}
