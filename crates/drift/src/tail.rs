//! p-values from replay draws, continuous past the last of them.
//!
//! With 999 draws no count of draws gives a p below 0.001, and a family of sixty
//! tests then ties at its smallest possible p in more than 1 % of all draws: no
//! limit could keep 1 %. So the top tenth of the draws is replaced by an exponential
//! tail. A generalised Pareto tail was tried: the draws of a year of weeks hold five
//! independent ones in their top tenth, no shape can be told from five, and the heavy
//! shapes it came up with put limits at twenty times what the baseline ever showed.
//! How heavy real weeks are is not this tail's to say: it only makes p-values of
//! different tests comparable, and the family's limit is learnt from such p-values of
//! stretches that the tail has not seen.

use serde::{Deserialize, Serialize};

/// Share of the draws that the tail is fitted to.
const TAIL_SHARE: f64 = 0.1;
/// With fewer draws in the tail its scale is at least that of the least effect.
const LEAST_FOR_SCALE: usize = 20;

/// Exponential tail: of values beyond `start`, a share `exp(−(x − start) / scale)` is
/// beyond `x`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Where it starts.
    pub start: f64,
    /// Probability of a value beyond `start`.
    pub share: f64,
    /// Mean excess over `start`, in the measure's unit.
    pub scale: f64,
}

/// A null distribution: the draws of one test in ascending order, and their tail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Null {
    sorted: Vec<f64>,
    tail: Tail,
}

impl Null {
    /// The null of some draws. Where the draws do not vary at their upper end, the
    /// tail falls by e for each `least_scale`; it must be above zero.
    pub(crate) fn of(draws: impl IntoIterator<Item = f64>, least_scale: f64) -> Self {
        let mut sorted: Vec<f64> = draws.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let tail = Tail::fit(&sorted, least_scale);
        Self { sorted, tail }
    }

    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    /// Probability of a draw of `value` or more.
    pub(crate) fn p_value(&self, value: f64) -> f64 {
        if value > self.tail.start {
            return self.tail.p_value(value);
        }
        let at_least = self.sorted.len() - self.sorted.partition_point(|&draw| draw < value);
        (1 + at_least) as f64 / (self.sorted.len() + 1) as f64
    }

    /// The least value whose p is `p` or less.
    pub(crate) fn value_at(&self, p: f64) -> f64 {
        if p < self.tail.share || self.sorted.is_empty() {
            return self.tail.value_at(p);
        }
        let at_least = (p * (self.sorted.len() + 1) as f64).floor() as usize;
        let index = self.sorted.len().saturating_sub(at_least.saturating_sub(1));
        self.sorted
            .get(index)
            .copied()
            .unwrap_or(self.tail.start)
            .min(self.tail.start)
    }

    /// The least draw with at least a share `q` of all draws at or below it.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let index = (q * self.sorted.len() as f64).ceil().max(1.0) as usize - 1;
        self.sorted
            .get(index.min(self.sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0.0)
    }
}

impl Tail {
    /// The mean of the excesses over the 90 % quantile.
    fn fit(sorted: &[f64], least_scale: f64) -> Self {
        let n = sorted.len();
        let from = ((1.0 - TAIL_SHARE) * n as f64) as usize;
        let start = from.checked_sub(1).map_or(0.0, |last| sorted[last]);
        let excesses: Vec<f64> = sorted
            .iter()
            .map(|x| x - start)
            .filter(|x| *x > 0.0)
            .collect();
        let share = (1 + excesses.len()) as f64 / (n + 1) as f64;
        let scale = excesses.iter().sum::<f64>() / excesses.len().max(1) as f64;
        let scale = if excesses.len() < LEAST_FOR_SCALE {
            scale.max(least_scale)
        } else {
            scale
        };
        Self {
            start,
            share,
            scale,
        }
    }

    /// Probability of a value of `value` or more, for values beyond the start.
    pub(crate) fn p_value(&self, value: f64) -> f64 {
        let x = (value - self.start) / self.scale;
        (self.share * (-x).exp()).max(f64::MIN_POSITIVE)
    }

    fn value_at(&self, p: f64) -> f64 {
        let ln = (self.share / p.max(f64::MIN_POSITIVE)).ln().max(0.0);
        self.start + self.scale * ln
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exponential_draws_get_their_own_tail() {
        // Quantiles of the exponential distribution: P(X > 12) = e^-12 = 6.1e-6.
        let draws = (0..999).map(|i| -(1.0 - (f64::from(i) + 0.5) / 999.0).ln());
        let p = Null::of(draws, 1.0).p_value(12.0);
        assert!((p.ln() + 12.0).abs() < 1.0, "{p}");
    }

    #[test]
    fn draws_that_never_vary_leave_the_scale_to_the_least_effect() {
        let null = Null::of(vec![0.0; 999], 0.005);
        assert!((null.p_value(0.0) - 1.0).abs() < 1e-15);
        assert!((null.p_value(0.005) - 0.001 * (-1.0_f64).exp()).abs() < 1e-12);
        assert!(null.p_value(0.3) < 1e-20);
    }

    proptest! {
        #[test]
        fn p_falls_as_the_value_rises_and_stays_a_probability(
            draws in prop::collection::vec(prop_oneof![0.0..1.0_f64, Just(0.0)], 1..400),
            mut values in prop::collection::vec(-1.0..5.0_f64, 2..20),
        ) {
            let null = Null::of(draws, 0.01);
            values.sort_by(f64::total_cmp);
            let p: Vec<f64> = values.iter().map(|&x| null.p_value(x)).collect();
            prop_assert!(p.iter().all(|p| *p > 0.0 && *p <= 1.0), "{p:?}");
            prop_assert!(p.windows(2).all(|w| w[0] >= w[1] - 1e-12), "{p:?}");
        }

        #[test]
        fn the_value_at_a_p_has_that_p_or_less(
            draws in prop::collection::vec(0.0..1.0_f64, 50..400),
            p in 1e-6..0.5_f64,
        ) {
            let null = Null::of(draws, 0.01);
            let value = null.value_at(p);
            prop_assert!(null.p_value(value * (1.0 + 1e-9) + 1e-12) <= p * (1.0 + 1e-6));
        }
    }
}
