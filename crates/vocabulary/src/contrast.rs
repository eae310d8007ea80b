//! How much more frequent a term is in live text than in the baseline.
//!
//! Two questions are asked apart: is there a difference at all (a Bayes factor), and
//! is it large (a lower bound of the rate ratio). The obvious alternative, a z score
//! of the log odds with a prior, ranks a word that never occurred before far below a
//! known word that rose, since its variance has a term for the count of zero.

use statrs::function::{beta::inv_beta_reg, gamma::ln_gamma};

/// Occurrences of one thing among some units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// How often.
    pub count: f64,
    /// Among how many units of text.
    pub units: f64,
}

impl Exposure {
    /// Occurrences per unit; 0 without units.
    pub fn rate(&self) -> f64 {
        if self.units > 0.0 {
            self.count / self.units
        } else {
            0.0
        }
    }
}

/// Shape of the prior of a rate.
const PRIOR_SHAPE: f64 = 0.5;

/// Natural logarithm of the Bayes factor for two rates against one: two-sample
/// Gamma–Poisson, prior Gamma(½, `live.units`) on every rate.
///
/// Words come in bursts, so count days with a term rather than texts: a burst of a
/// thousand texts in a day is one. One is taken off the live count, since the first
/// sighting is what made us look. At most 0 where the live rate is not above the
/// baseline's.
pub fn ln_bayes_factor(live: Exposure, baseline: Exposure) -> f64 {
    let (y, b) = ((live.count - 1.0).max(0.0), baseline.count);
    let (n, m, a, c) = (live.units, baseline.units, PRIOR_SHAPE, live.units);
    if n <= 0.0 || m <= 0.0 {
        return 0.0;
    }
    let ln_bf = a * c.ln() - ln_gamma(a) + ln_gamma(b + a) + ln_gamma(y + a)
        - ln_gamma(b + y + a)
        - (b + a) * (m + c).ln()
        - (y + a) * (n + c).ln()
        + (b + y + a) * (m + n + c).ln();
    if y * m > b * n { ln_bf } else { ln_bf.min(0.0) }
}

/// Signed root of the likelihood-ratio statistic G² for two rates against one, over
/// √`dispersion`: about standard normal where the rates are equal.
pub fn signed_root_g2(live: Exposure, baseline: Exposure, dispersion: f64) -> f64 {
    let total = live.count + baseline.count;
    let units = live.units + baseline.units;
    if total <= 0.0 || live.units <= 0.0 || baseline.units <= 0.0 {
        return 0.0;
    }
    let term = |count: f64, expected: f64| {
        if count > 0.0 {
            count * (count / expected).ln()
        } else {
            0.0
        }
    };
    let expected = total * live.units / units;
    let g2 = 2.0 * (term(live.count, expected) + term(baseline.count, total - expected));
    let root = (g2.max(0.0) / dispersion).sqrt();
    if live.count >= expected { root } else { -root }
}

/// Lower 99 % bound of the ratio of the live rate to the baseline's; infinite only
/// without baseline units.
///
/// The share of the live text among all occurrences is Beta(y + ½, b + ½); its 1 %
/// quantile gives the ratio.
pub fn rate_ratio_lower(live: Exposure, baseline: Exposure) -> f64 {
    if live.units <= 0.0 {
        return 0.0;
    }
    let share = inv_beta_reg(live.count + 0.5, baseline.count + 0.5, 0.01).clamp(0.0, 1.0 - 1e-12);
    share / (1.0 - share) * baseline.units / live.units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(count: f64, units: f64) -> Exposure {
        Exposure { count, units }
    }

    // Expected numbers: SciPy 1.x `gammaln` and `beta.ppf`, the formulas written out anew.
    #[test]
    fn numbers_agree_with_scipy() {
        let (live, baseline) = (1e5, 1e6);
        for (y, b, expected) in [
            (9.0, 0.0, 14.031_007_852_039_28),
            (20.0, 3.0, 25.571_112_517_091_48),
        ] {
            let found = ln_bayes_factor(exposure(y, live), exposure(b, baseline));
            assert!((found - expected).abs() < 1e-7, "{found} {expected}");
        }
        for (y, b, expected) in [
            (9.0, 0.0, 23.213_345_684_595_154),
            (20.0, 3.0, 18.827_604_541_249_69),
        ] {
            let found = rate_ratio_lower(exposure(y, live), exposure(b, baseline));
            assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
        }
        for (y, b, expected) in [
            (20.0, 3.0, 8.869_943_784_048_926),
            (1.0, 50.0, -2.117_284_707_110_175),
        ] {
            let found = signed_root_g2(exposure(y, live), exposure(b, baseline), 1.0);
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn nothing_is_no_evidence() {
        let nothing = exposure(0.0, 0.0);
        let some = exposure(5.0, 100.0);
        for value in [
            ln_bayes_factor(some, nothing),
            ln_bayes_factor(nothing, some),
            rate_ratio_lower(nothing, some),
            signed_root_g2(nothing, nothing, 1.0),
        ] {
            assert!(value.abs() < 1e-12);
        }
        assert!(ln_bayes_factor(exposure(3.0, 1e4), exposure(300.0, 1e6)) <= 0.0);
    }
}
