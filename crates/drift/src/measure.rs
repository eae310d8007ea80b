//! Drift measures: how far two vectors of counts, or two distributions, are apart.
//!
//! Every measure works on counts in the same cells, baseline first, so that one
//! definition serves a live window and the draws that calibrate it. A measure of
//! nothing is `None`, never a number that looks like "no drift".

pub mod chi_squared;
pub mod g_test;
pub mod hellinger;
pub mod jensen_shannon;
pub mod kolmogorov_smirnov;
pub mod l_infinity;
pub mod mean_difference;
pub mod null_share;
pub mod population_stability_index;
pub mod wasserstein;

use serde::{Deserialize, Serialize};

/// A drift measure, by its textbook name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Population stability index on ten bins, nulls and non-finite values: nats.
    PopulationStabilityIndex,
    /// Jensen–Shannon divergence: bits, 0 to 1.
    JensenShannon,
    /// Greatest distance of two distribution functions, 0 to 1; of lengths in
    /// characters where the column is text.
    KolmogorovSmirnov,
    /// Wasserstein-1 distance, clipped, in interquartile ranges of the baseline; of
    /// lengths in characters where the column is text.
    Wasserstein,
    /// Pearson's statistic of the two-sample table, per degree of freedom.
    ChiSquared,
    /// Greatest difference of a share, 0 to 1.
    LInfinity,
    /// Hellinger distance, 0 to 1.
    Hellinger,
    /// Two-sample G statistic per unit of the window: bits.
    GTest,
    /// Distance of the means in standard deviations of the baseline, without sign.
    MeanDifference,
    /// Rise of the mean in the column's own unit; negative where it fell.
    MeanIncrease,
    /// Difference of the shares of nulls, without sign, 0 to 1.
    NullShare,
    /// Share of a stretch of the window that neither the baseline nor the rest of the
    /// window says, above what other stretches have of it, times the root of its part of
    /// the window: 0 to 1. Measured on texts, not on counts.
    NovelStretch,
    /// How well trees tell the rows of the window from those of the baseline by several columns:
    /// area under the curve, ½ where they cannot. Measured on rows, not on counts.
    DomainClassifier,
    /// Mean distance of rows from what the baseline's principal components make of them, as a
    /// multiple of the baseline's own. Measured on rows.
    ReconstructionError,
    /// Distance of the means of several columns in the space of a Gaussian kernel, 0 to √2.
    /// Measured on rows.
    MaximumMeanDiscrepancy,
}

impl Measure {
    /// Every measure.
    pub const ALL: &'static [Self] = &[
        Self::PopulationStabilityIndex,
        Self::JensenShannon,
        Self::KolmogorovSmirnov,
        Self::Wasserstein,
        Self::ChiSquared,
        Self::LInfinity,
        Self::Hellinger,
        Self::GTest,
        Self::MeanDifference,
        Self::MeanIncrease,
        Self::NullShare,
        Self::NovelStretch,
        Self::DomainClassifier,
        Self::ReconstructionError,
        Self::MaximumMeanDiscrepancy,
    ];

    /// Its name in files, settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::PopulationStabilityIndex => "population_stability_index",
            Self::JensenShannon => "jensen_shannon",
            Self::KolmogorovSmirnov => "kolmogorov_smirnov",
            Self::Wasserstein => "wasserstein",
            Self::ChiSquared => "chi_squared",
            Self::LInfinity => "l_infinity",
            Self::Hellinger => "hellinger",
            Self::GTest => "g_test",
            Self::MeanDifference => "mean_difference",
            Self::MeanIncrease => "mean_increase",
            Self::NullShare => "null_share",
            Self::NovelStretch => "novel_stretch",
            Self::DomainClassifier => "domain_classifier",
            Self::ReconstructionError => "reconstruction_error",
            Self::MaximumMeanDiscrepancy => "maximum_mean_discrepancy",
        }
    }

    /// The unit of its values; empty for a share or a plain number.
    pub fn unit(self) -> &'static str {
        match self {
            Self::JensenShannon => "bits",
            Self::GTest => "bits per unit",
            Self::PopulationStabilityIndex => "nats",
            Self::Wasserstein => "interquartile ranges",
            Self::MeanDifference => "standard deviations",
            _ => "",
        }
    }

    /// The least effect that matters where a pipeline states none, in the measure's
    /// own unit, on top of what stationary windows show.
    ///
    /// Rules of thumb, not theory: a PSI of 0.1 is the customary "look at it", a
    /// share is let move by 2 to 5 points, a location by a tenth of the spread.
    pub fn default_min_effect(self) -> f64 {
        match self {
            Self::PopulationStabilityIndex => 0.1,
            Self::JensenShannon => 0.01,
            Self::KolmogorovSmirnov => 0.05,
            Self::Wasserstein => 0.1,
            Self::ChiSquared => 1.0,
            Self::LInfinity => 0.05,
            Self::Hellinger => 0.05,
            Self::GTest => 0.01,
            Self::MeanDifference => 0.1,
            Self::MeanIncrease => 0.01,
            Self::NullShare => 0.02,
            Self::NovelStretch => 0.005,
            Self::DomainClassifier | Self::ReconstructionError => 0.05,
            Self::MaximumMeanDiscrepancy => 0.02,
        }
    }

    /// Whether it grows with the square of a shift, as a variance does.
    pub(crate) fn is_squared(self) -> bool {
        match self {
            Self::PopulationStabilityIndex
            | Self::JensenShannon
            | Self::ChiSquared
            | Self::GTest => true,
            Self::KolmogorovSmirnov
            | Self::Wasserstein
            | Self::LInfinity
            | Self::Hellinger
            | Self::MeanDifference
            | Self::MeanIncrease
            | Self::NullShare
            | Self::NovelStretch
            | Self::DomainClassifier
            | Self::ReconstructionError
            | Self::MaximumMeanDiscrepancy => false,
        }
    }
}

/// What a column is, which decides what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Numbers and times.
    Numeric,
    /// A number per row of which only a rise is bad, such as the share of a text's
    /// units that the baseline does not know.
    Share,
    /// Categories, identifiers and booleans.
    Category,
    /// Free text.
    Text,
    /// A column that is only counted.
    Counts,
}

impl Role {
    /// What is measured, and whether it decides.
    ///
    /// Few measures decide, because each one more costs power: the limit is set so
    /// that all of them together keep the stated rate. The others are computed,
    /// calibrated and shown. Numbers are decided by a measure of shape that ranks
    /// (KS) and one that weighs rare bins (PSI); categories by the whole distribution
    /// (JS) and the single value that moved most (L∞); text by its frequent units and
    /// its length, because distances over the full vocabulary are blind: they need
    /// a nearly complete change of topic before they leave the range of ordinary weeks.
    pub fn measures(self) -> &'static [(Measure, bool)] {
        use Measure::*;
        match self {
            Self::Numeric => &[
                (KolmogorovSmirnov, true),
                (PopulationStabilityIndex, true),
                (NullShare, true),
                (Wasserstein, false),
                (JensenShannon, false),
                (MeanDifference, false),
            ],
            Self::Share => &[
                (MeanIncrease, true),
                (NullShare, true),
                (KolmogorovSmirnov, false),
                (PopulationStabilityIndex, false),
                (Wasserstein, false),
            ],
            Self::Category => &[
                (JensenShannon, true),
                (LInfinity, true),
                (NullShare, true),
                (PopulationStabilityIndex, false),
                (ChiSquared, false),
                (Hellinger, false),
            ],
            Self::Text => &[
                (GTest, true),
                (KolmogorovSmirnov, true),
                (NullShare, true),
                (JensenShannon, false),
                (PopulationStabilityIndex, false),
                (Hellinger, false),
                (LInfinity, false),
                (Wasserstein, false),
            ],
            Self::Counts => &[(NullShare, true)],
        }
    }

    /// What of the column a measure looks at.
    pub(crate) fn looks_at(self, measure: Measure) -> Aspect {
        match (self, measure) {
            (_, Measure::NullShare) => Aspect::Presence,
            (Self::Text, Measure::KolmogorovSmirnov | Measure::Wasserstein) => Aspect::Length,
            _ => Aspect::Values,
        }
    }
}

/// A side of a column that drifts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// Its values, or the units of a text.
    Values,
    /// Lengths of texts.
    Length,
    /// Whether it has a value.
    Presence,
}

/// Sums of both sides; `None` where either is empty.
pub(crate) fn totals(baseline: &[u64], window: &[u64]) -> Option<(f64, f64)> {
    let (b, w) = (baseline.iter().sum::<u64>(), window.iter().sum::<u64>());
    (b > 0 && w > 0).then_some((b as f64, w as f64))
}

/// The shares of both sides, cell by cell; `None` where either is empty.
pub(crate) fn shares<'a>(
    baseline: &'a [u64],
    window: &'a [u64],
) -> Option<impl Iterator<Item = (f64, f64)> + 'a> {
    let (b, w) = totals(baseline, window)?;
    Some(
        baseline
            .iter()
            .zip(window)
            .map(move |(&x, &y)| (x as f64 / b, y as f64 / w)),
    )
}

/// `x ln(x / y)`, zero where `x` is.
pub(crate) fn x_ln_x_over_y(x: f64, y: f64) -> f64 {
    if x > 0.0 { x * (x / y).ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type OnCounts = fn(&[u64], &[u64]) -> Option<f64>;

    const SYMMETRIC: [(&str, OnCounts); 5] = [
        ("jensen_shannon", jensen_shannon::jensen_shannon),
        ("hellinger", hellinger::hellinger),
        ("l_infinity", l_infinity::l_infinity),
        ("chi_squared", chi_squared::chi_squared),
        ("kolmogorov_smirnov", kolmogorov_smirnov::kolmogorov_smirnov),
    ];
    const OTHER: [(&str, OnCounts); 2] = [
        (
            "population_stability_index",
            population_stability_index::population_stability_index,
        ),
        ("g_test", g_test::g_test),
    ];

    fn two_sides() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
        (1..40_usize).prop_flat_map(|cells| {
            let side =
                || prop::collection::vec(prop_oneof![Just(0), 0..5_u64, 0..10_000_u64], cells);
            (side(), side())
        })
    }

    proptest! {
        #[test]
        fn every_measure_is_finite_and_not_negative((a, b) in two_sides()) {
            for (name, measure) in SYMMETRIC.iter().chain(&OTHER) {
                match measure(&a, &b) {
                    Some(value) => prop_assert!(value.is_finite() && value >= -1e-12, "{name}: {value}"),
                    None => prop_assert!(totals(&a, &b).is_none(), "{name} of something is none"),
                }
            }
        }

        #[test]
        fn equal_counts_have_no_distance((a, _) in two_sides()) {
            for (name, measure) in SYMMETRIC.iter().chain(&OTHER) {
                if let Some(value) = measure(&a, &a) {
                    prop_assert!(value.abs() < 1e-12, "{name}: {value}");
                }
            }
        }

        #[test]
        fn symmetric_measures_do_not_see_the_order((a, b) in two_sides()) {
            for (name, measure) in SYMMETRIC {
                if let (Some(x), Some(y)) = (measure(&a, &b), measure(&b, &a)) {
                    prop_assert!((x - y).abs() <= 1e-9 * x.abs().max(1.0), "{name}: {x} {y}");
                }
            }
        }

        #[test]
        fn bounded_measures_keep_their_bounds((a, b) in two_sides()) {
            for (name, measure) in SYMMETRIC.iter().filter(|(name, _)| *name != "chi_squared") {
                if let Some(value) = measure(&a, &b) {
                    prop_assert!(value <= 1.0 + 1e-12, "{name}: {value}");
                }
            }
        }

        #[test]
        fn parts_add_up((a, b) in two_sides()) {
            let close = |parts: Option<Vec<f64>>, value: Option<f64>| match (parts, value) {
                (Some(parts), Some(value)) => (parts.iter().sum::<f64>() - value).abs() < 1e-9 * value.max(1.0),
                (parts, value) => parts.is_none() && value.is_none(),
            };
            prop_assert!(close(jensen_shannon::parts(&a, &b), jensen_shannon::jensen_shannon(&a, &b)));
            prop_assert!(close(
                population_stability_index::parts(&a, &b),
                population_stability_index::population_stability_index(&a, &b)
            ));
            prop_assert!(close(g_test::parts(&a, &b), g_test::g_test(&a, &b)));
            prop_assert!(close(chi_squared::parts(&a, &b), chi_squared::chi_squared(&a, &b)));
            prop_assert!(close(
                hellinger::parts(&a, &b),
                hellinger::hellinger(&a, &b).map(|h| h * h)
            ));
        }
    }
}
