//! A test whose null is one value of each of the baseline's own windows.
//!
//! What is measured on counts can be [replayed](crate::replay) a thousand times. What
//! takes the texts of a whole window, such as the stretch of it that stands out most,
//! is measured once for each window that fits into the baseline, and once more for the
//! windows half-way between, which make the spread less a matter of luck but count for
//! nothing more. A new window is then judged by Student's prediction interval: with W
//! windows of mean m and standard deviation s, the next one has m + t s √(1 + 1 / W) or
//! more with the probability that t has, with W − 1 degrees of freedom (Hahn & Meeker
//! 1991, "Statistical Intervals", section 4.7). Values are taken by their logarithms: the
//! greatest of many is skewed, and by itself let five to eight of 144 held-out weeks
//! of headlines alarm where one was stated.

use crate::{
    compare::{Judgement, LEAST_ROWS, Measurement, Skipped},
    grid::Evidence,
    measure::Measure,
    replay::LEAST_WINDOWS,
    threshold_card::NotCalibrated,
};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A window is judged where its size is within this factor of the baseline's windows'.
const OTHER_SIZE: f64 = 2.0;

/// Values are taken for at least this.
const LEAST_VALUE: f64 = 1e-4;

fn log(value: f64) -> f64 {
    value.max(LEAST_VALUE).ln()
}

/// Values of one measure in the baseline's own windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowNull {
    /// Windows that do not overlap.
    pub windows: usize,
    /// Median size of a window, in what the measure counts: texts.
    pub size: u64,
    /// The values, in order of time; those of windows half-way between too.
    pub values: Vec<f64>,
    /// Spread of the logarithms that is assumed at least, where the baseline shows less.
    #[serde(default = "least_spread")]
    pub least_spread: f64,
}

/// What was assumed where nothing is written down.
fn least_spread() -> f64 {
    0.1
}

/// What is judged by a [`WindowNull`].
#[derive(Debug, Clone)]
pub struct WindowValue {
    /// The column.
    pub column: String,
    /// The measure.
    pub measure: Measure,
    /// Its value, or why there is none.
    pub value: Result<f64, Skipped>,
    /// The window's size, in the null's unit.
    pub size: u64,
    /// What the value is made of.
    pub evidence: Vec<Evidence>,
    /// The least effect, and whether the pipeline states it.
    pub min_effect: (f64, bool),
    /// Rows of the baseline and of the window.
    pub rows: (u64, u64),
}

impl WindowNull {
    /// Why no p can be had, if so.
    fn not_calibrated(&self) -> Option<NotCalibrated> {
        (self.windows < LEAST_WINDOWS).then_some(NotCalibrated::FewerThanTenWindows)
    }

    /// Mean of the logarithms.
    fn mean(&self) -> f64 {
        self.values.iter().map(|&x| log(x)).sum::<f64>() / self.values.len().max(1) as f64
    }

    /// Standard deviation of the logarithm of a new window's value about the mean.
    fn spread(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|&x| (log(x) - mean).powi(2)).sum();
        let deviation = (squares / (self.values.len() as f64 - 1.0).max(1.0)).sqrt();
        let widened = deviation * (1.0 + 1.0 / self.windows.max(1) as f64).sqrt();
        widened.max(self.least_spread)
    }

    fn student(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.windows.saturating_sub(1).max(1) as f64).ok()
    }

    /// Probability that a new stationary window has `value` or more.
    pub fn p_value(&self, value: f64) -> f64 {
        let t = (log(value) - self.mean()) / self.spread();
        self.student().map_or(1.0, |student| student.sf(t))
    }

    /// The value whose p is `p`.
    pub fn value_at(&self, p: f64) -> f64 {
        let t = self.student().map_or(0.0, |s| -s.inverse_cdf(p));
        (self.mean() + t * self.spread()).exp()
    }

    /// Judges a window at a rate of false alarms of this test alone.
    pub fn judge(&self, of: WindowValue, rate: f64) -> Measurement {
        let WindowValue {
            column,
            measure,
            value,
            size,
            evidence,
            min_effect: (min_effect, min_effect_stated),
            rows: (baseline_rows, window_rows),
        } = of;
        let mut measurement = Measurement {
            column,
            slice: None,
            measure,
            decides: true,
            value: value.ok(),
            p_value: None,
            threshold: None,
            effect: None,
            effect_lower: None,
            design_effect: None,
            min_effect,
            min_effect_stated,
            least_detectable_effect: None,
            null_median: None,
            baseline_rows,
            window_rows,
            extrapolated: rate * (self.windows as f64) < 1.0,
            unstable_windows: None,
            judgement: Judgement::Shown,
            evidence,
            workings: None,
        };
        measurement.judgement = match value {
            Ok(value) => self.judgement(&mut measurement, (value, size), rate),
            Err(reason) => Judgement::Skipped { reason },
        };
        measurement
    }

    fn judgement(&self, of: &mut Measurement, (value, size): (f64, u64), rate: f64) -> Judgement {
        let skipped = |reason| Judgement::Skipped { reason };
        if size < LEAST_ROWS {
            return skipped(Skipped::TooFewRows);
        }
        if self.values.is_empty() {
            return skipped(Skipped::NoDraws);
        }
        let ratio = size as f64 / self.size.max(1) as f64;
        if !(1.0 / OTHER_SIZE..=OTHER_SIZE).contains(&ratio) {
            return skipped(Skipped::OtherSize);
        }
        let usual = self.value_at(0.5);
        of.null_median = Some(usual);
        of.effect = Some(value - usual);
        let lower = value - self.value_at(0.05);
        of.effect_lower = Some(lower);
        if let Some(reason) = self.not_calibrated() {
            let exceeds = lower > of.min_effect;
            return Judgement::NotCalibrated { reason, exceeds };
        }
        let (p, threshold) = (self.p_value(value), self.value_at(rate));
        let least = threshold - self.value_at(0.8);
        of.p_value = Some(p);
        of.threshold = Some(threshold);
        of.least_detectable_effect = Some(least);
        if p <= rate {
            if lower > of.min_effect {
                Judgement::Fail
            } else {
                Judgement::Significant
            }
        } else if of.min_effect_stated && least > of.min_effect {
            Judgement::UnderPowered
        } else {
            Judgement::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn null(values: Vec<f64>) -> WindowNull {
        WindowNull {
            windows: values.len(),
            size: 1_000,
            values,
            least_spread: 0.1,
        }
    }

    fn judged(null: &WindowNull, value: f64, size: u64) -> Measurement {
        let of = WindowValue {
            column: "text".to_owned(),
            measure: Measure::NovelStretch,
            value: Ok(value),
            size,
            evidence: Vec::new(),
            min_effect: (0.5, false),
            rows: (20_000, size),
        };
        null.judge(of, 0.01)
    }

    #[test]
    fn a_prediction_is_students() {
        // Of the logarithms: scipy.stats.t.sf((30 - mean(x)) / (std(x, ddof=1) * sqrt(1 + 1 / 20)), 19) with
        // x = arange(20), SciPy 1.17.1.
        let p = null((0..20).map(|x| f64::from(x).exp()).collect()).p_value(30.0_f64.exp());
        assert!((p - 0.001_565_968_849_758_75).abs() < 1e-9, "{p}");
    }

    #[test]
    fn the_stated_rate_is_kept_on_new_windows() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut normal = move || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let alarms = (0..20_000)
            .filter(|_| {
                let values = (0..16).map(|_| normal().exp()).collect();
                null(values).p_value(normal().exp()) <= 0.01
            })
            .count();
        // 200 expected, standard deviation 14.
        assert!((150..=250).contains(&alarms), "{alarms}");
    }

    #[test]
    fn failing_takes_significance_and_effect_and_a_size_that_was_seen() {
        let seen = null((0..20).map(|i| f64::from(1 + i % 5) / 10.0).collect());
        assert_eq!(judged(&seen, 0.2, 1_000).judgement, Judgement::Pass);
        assert_eq!(judged(&seen, 1.22, 1_000).judgement, Judgement::Significant);
        assert_eq!(judged(&seen, 1.5, 1_000).judgement, Judgement::Fail);
        for (size, reason) in [(2_100, Skipped::OtherSize), (10, Skipped::TooFewRows)] {
            let judgement = judged(&seen, 1.5, size).judgement;
            assert_eq!(judgement, Judgement::Skipped { reason });
        }
        let none = judged(&null(Vec::new()), 9.0, 1_000).judgement;
        let reason = Skipped::NoDraws;
        assert_eq!(none, Judgement::Skipped { reason });
        let few = judged(&null(vec![0.1, 0.2, 0.3]), 9.0, 1_000);
        assert!(few.is_warning() && few.p_value.is_none());
    }
}
