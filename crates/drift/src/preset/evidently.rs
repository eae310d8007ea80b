//! Evidently 0.7: which test it picks for a column, the test, the decision.
//!
//! Nulls and ±∞ are dropped from each side, so a rise of nulls is no drift. The default
//! test depends on the rows of the baseline that are left and on the distinct values of
//! both sides. Where a measure has bins, a numeric baseline of more than 20 distinct values
//! gets Sturges' bins over both sides, any other column a bin for each value.

pub mod text;

use super::{
    Categories, CategoryPair, Kind, MeasureInfo, Outcome, PresetError, State, Values,
    histogram::{self, Rule},
};
use crate::two_sample::{
    Sample,
    anderson_darling::anderson_darling,
    chi_squared, cramer_von_mises,
    energy::energy_distance,
    epps_singleton::{self, epps_singleton},
    fisher_exact::fisher_exact,
    kolmogorov_smirnov::kolmogorov_smirnov,
    mann_whitney::{Alternative, mann_whitney},
    maximum_mean_discrepancy::maximum_mean_discrepancy,
    proportions::z_test,
    student_t::{Variances, student_t},
    wasserstein::wasserstein,
};
use rand::seq::SliceRandom;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// Rows of the baseline up to which p-values are taken and past which distances are.
pub const SMALL: u64 = 1_000;
/// Share of drifted columns from which the data set has drifted.
pub const DRIFT_SHARE: f64 = 0.5;
/// Distinct values up to which a numeric column is binned by value.
const BINNED_BY_VALUE: usize = 20;
/// Permutations of `empirical_mmd`, as Evidently draws.
const MMD_PERMUTATIONS: usize = 100;
/// Permutations of `TVD`, as Evidently draws.
const TVD_PERMUTATIONS: usize = 1_000;

/// A test of Evidently, named as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Population stability index, nats.
    Psi,
    /// Jensen–Shannon distance, the root of nats.
    JensenShannon,
    /// Kullback–Leibler divergence, nats.
    KlDiv,
    /// Wasserstein distance in standard deviations of the baseline.
    Wasserstein,
    /// Hellinger distance.
    Hellinger,
    /// p-value of Kolmogorov and Smirnov.
    Ks,
    /// p-value of Cramér and von Mises.
    CramerVonMises,
    /// p-value of Anderson and Darling, 0.001 to 0.25.
    Anderson,
    /// p-value of Epps and Singleton.
    Es,
    /// p-value of Student's test with one variance.
    TTest,
    /// p-value of Mann and Whitney, of the baseline being less.
    Mannw,
    /// Energy distance, in the root of the column's unit.
    Ed,
    /// p-value of the maximum mean discrepancy, by permutations.
    EmpiricalMmd,
    /// p-value of the chi-squared test of fit.
    ChiSquare,
    /// p-value of the G-test, for sides of one size.
    GTest,
    /// p-value of the Z-test of a share.
    Z,
    /// p-value of Fisher's exact test, for two categories and sides of one size.
    FisherExact,
    /// p-value of the total variation distance, by permutations.
    Tvd,
    /// AUC of a classifier of texts, against the 95 % quantile of guessing.
    PercTextContentDrift,
    /// AUC of a classifier of texts, against 0.55.
    AbsTextContentDrift,
}

use Measure as M;

impl Measure {
    /// Every test.
    pub const ALL: [Self; 20] = [
        M::Psi,
        M::JensenShannon,
        M::KlDiv,
        M::Wasserstein,
        M::Hellinger,
        M::Ks,
        M::CramerVonMises,
        M::Anderson,
        M::Es,
        M::TTest,
        M::Mannw,
        M::Ed,
        M::EmpiricalMmd,
        M::ChiSquare,
        M::GTest,
        M::Z,
        M::FisherExact,
        M::Tvd,
        M::PercTextContentDrift,
        M::AbsTextContentDrift,
    ];

    /// Its name and what it is for.
    pub fn info(self) -> MeasureInfo {
        let kinds: &[Kind] = match self {
            M::Psi | M::JensenShannon | M::KlDiv | M::Hellinger => &[Kind::Numeric, Kind::Category],
            M::ChiSquare | M::GTest | M::Z | M::FisherExact | M::Tvd => &[Kind::Category],
            M::PercTextContentDrift | M::AbsTextContentDrift => &[Kind::Text],
            _ => &[Kind::Numeric],
        };
        MeasureInfo {
            name: self.name(),
            kinds,
        }
    }

    /// Evidently's name.
    pub fn name(self) -> &'static str {
        match self {
            M::Psi => "psi",
            M::JensenShannon => "jensenshannon",
            M::KlDiv => "kl_div",
            M::Wasserstein => "wasserstein",
            M::Hellinger => "hellinger",
            M::Ks => "ks",
            M::CramerVonMises => "cramer_von_mises",
            M::Anderson => "anderson",
            M::Es => "es",
            M::TTest => "t_test",
            M::Mannw => "mannw",
            M::Ed => "ed",
            M::EmpiricalMmd => "empirical_mmd",
            M::ChiSquare => "chisquare",
            M::GTest => "g_test",
            M::Z => "z",
            M::FisherExact => "fisher_exact",
            M::Tvd => "TVD",
            M::PercTextContentDrift => "perc_text_content_drift",
            M::AbsTextContentDrift => "abs_text_content_drift",
        }
    }

    /// The test of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// Evidently's threshold for it.
    pub fn default_threshold(self) -> f64 {
        match self {
            M::Ks | M::Es | M::TTest | M::Mannw | M::ChiSquare | M::Z => 0.05,
            M::PercTextContentDrift => 0.95,
            M::AbsTextContentDrift => 0.55,
            _ => 0.1,
        }
    }

    fn is_test(self) -> bool {
        !matches!(
            self,
            M::Psi
                | M::JensenShannon
                | M::KlDiv
                | M::Wasserstein
                | M::Hellinger
                | M::Ed
                | M::PercTextContentDrift
                | M::AbsTextContentDrift
        )
    }

    /// Whether a value is drift; a value of NaN never is.
    fn drifts(self, value: f64, threshold: f64) -> bool {
        match self {
            M::Psi | M::JensenShannon | M::KlDiv | M::Wasserstein | M::Hellinger => {
                value >= threshold
            }
            M::Ed | M::AbsTextContentDrift | M::PercTextContentDrift => value > threshold,
            M::Ks | M::CramerVonMises => value <= threshold,
            _ => value < threshold,
        }
    }
}

/// The test that Evidently picks for two columns.
pub fn default_measure(baseline: &Values, window: &Values) -> Measure {
    let small = baseline.size() <= SMALL;
    let distinct = match (baseline, window) {
        (Values::Numbers(a), Values::Numbers(b)) => a.sample.beside(&b.sample).count(),
        (Values::Categories(a), Values::Categories(b)) => CategoryPair::of(a, b).values.len(),
        _ => 0,
    };
    match (baseline.kind(), small) {
        (Kind::Text, true) => M::PercTextContentDrift,
        (Kind::Text, false) => M::AbsTextContentDrift,
        (Kind::Numeric, true) if distinct > 5 => M::Ks,
        (Kind::Numeric, false) if distinct > 5 => M::Wasserstein,
        (_, true) if distinct > 2 => M::ChiSquare,
        (_, true) => M::Z,
        (_, false) => M::JensenShannon,
    }
}

/// One column as Evidently judges it: by the test that it picks, or by one that is asked
/// for, against its threshold or another.
///
/// # Errors
/// [`PresetError`] where Evidently raises one.
pub fn compare(
    baseline: &Values,
    window: &Values,
    measure: Option<Measure>,
    threshold: Option<f64>,
) -> Result<Outcome, PresetError> {
    if baseline.kind() != window.kind() {
        return Err(PresetError::KindsDiffer {
            baseline: baseline.kind(),
            window: window.kind(),
        });
    }
    for (values, side) in [(baseline, "baseline"), (window, "window")] {
        if values.size() == 0 {
            return Err(PresetError::NoValues {
                side,
                tool: "Evidently",
            });
        }
    }
    if let Some(asked) = measure {
        super::measure_of(super::Preset::Evidently, asked.name(), baseline.kind())?;
    }
    let measure = measure.unwrap_or_else(|| default_measure(baseline, window));
    let threshold = threshold.unwrap_or_else(|| measure.default_threshold());
    let (value, limit) = match measure {
        M::PercTextContentDrift | M::AbsTextContentDrift => {
            texts(measure, baseline, window, threshold)?
        }
        _ => (value(measure, baseline, window)?, threshold),
    };
    Ok(Outcome {
        measure: measure.name(),
        value,
        p_value: measure.is_test().then_some(value),
        threshold: Some(limit),
        state: if measure.drifts(value, limit) {
            State::Drift
        } else {
            State::NoDrift
        },
    })
}

fn texts(
    measure: Measure,
    baseline: &Values,
    window: &Values,
    threshold: f64,
) -> Result<(f64, f64), PresetError> {
    let (Values::Texts(a), Values::Texts(b)) = (baseline, window) else {
        return Err(undefined(measure, "the columns are no texts"));
    };
    let classified = text::classify(a, b).ok_or_else(|| {
        undefined(
            measure,
            "half of the texts do not hold both sides, or no word is left of them",
        )
    })?;
    let limit = if measure == M::PercTextContentDrift {
        text::auc_of_guessing(&classified.labels, threshold)
    } else {
        threshold
    };
    Ok((classified.auc, limit))
}

fn undefined(measure: Measure, reason: &str) -> PresetError {
    PresetError::Undefined {
        measure: measure.name(),
        reason: reason.to_owned(),
    }
}

fn value(measure: Measure, baseline: &Values, window: &Values) -> Result<f64, PresetError> {
    match (baseline, window) {
        (Values::Numbers(a), Values::Numbers(b)) => {
            if !(a.exact && b.exact) {
                return Err(PresetError::NeedsRows {
                    measure: measure.name(),
                });
            }
            match measure {
                M::Psi | M::JensenShannon | M::KlDiv => Ok(of_shares(
                    measure,
                    &Shares::of_numbers(&a.sample, &b.sample, a.whole && b.whole),
                )),
                M::Hellinger => Ok(hellinger_of_numbers(
                    &a.sample,
                    &b.sample,
                    a.whole && b.whole,
                )),
                // Evidently itself picks these two for numbers of few distinct values.
                M::ChiSquare | M::Z => of_counts(measure, &pair_of_numbers(&a.sample, &b.sample)),
                _ => of_samples(measure, &a.sample, &b.sample),
            }
        }
        (Values::Categories(a), Values::Categories(b)) => match measure {
            M::Psi | M::JensenShannon | M::KlDiv => Ok(of_shares(
                measure,
                &Shares::of_pair(&CategoryPair::of(a, b)),
            )),
            M::Hellinger => Ok(hellinger_of_categories(a, b)),
            _ => of_counts(measure, &CategoryPair::of(a, b)),
        },
        _ => Err(undefined(measure, "the columns are texts")),
    }
}

fn of_samples(measure: Measure, a: &Sample, b: &Sample) -> Result<f64, PresetError> {
    let constant = || undefined(measure, "it needs more than one distinct value");
    let few = || undefined(measure, "it needs more values on both sides");
    match measure {
        M::Wasserstein => {
            let scale = a.standard_deviation(0).max(0.001);
            wasserstein(a, b).map(|distance| distance / scale)
        }
        M::Ks => kolmogorov_smirnov(a, b).map(|result| result.p_value),
        M::CramerVonMises => {
            cramer_von_mises::cramer_von_mises(a, b, cramer_von_mises::Method::Auto)
                .map(|result| result.p_value)
        }
        M::Anderson => {
            let result = anderson_darling(a, b).ok_or_else(constant)?;
            Some(result.p_value)
        }
        M::Es => {
            let result = epps_singleton(a, b).map_err(|why| match why {
                epps_singleton::Undefined::TooFew => few(),
                epps_singleton::Undefined::NoSpread => {
                    undefined(measure, "the middle half of the values are one value")
                }
            })?;
            Some(result.p_value)
        }
        M::TTest => student_t(a, b, Variances::Equal).map(|result| result.p_value),
        M::Mannw => mann_whitney(a, b, Alternative::Less).map(|result| result.p_value),
        M::Ed => energy_distance(a, b),
        M::EmpiricalMmd => {
            let expand = |sample: &Sample| -> Vec<f64> {
                sample
                    .counted()
                    .flat_map(|(value, count)| std::iter::repeat_n(value, count as usize))
                    .collect()
            };
            maximum_mean_discrepancy(&expand(a), &expand(b), MMD_PERMUTATIONS, 0)
                .and_then(|found| found.p_value)
        }
        _ => None,
    }
    .ok_or_else(few)
}

fn of_counts(measure: Measure, pair: &CategoryPair) -> Result<f64, PresetError> {
    let sizes = (
        pair.baseline.iter().sum::<u64>(),
        pair.window.iter().sum::<u64>(),
    );
    match measure {
        M::ChiSquare => chi_squared::fit(&pair.window, &pair.baseline).map(|found| found.p_value),
        M::GTest => Some(
            chi_squared::g_test(&pair.window, &pair.baseline)
                .ok_or_else(|| undefined(measure, "both sides must have as many values"))?
                .p_value,
        ),
        M::Z => {
            if pair.values.len() == 1 {
                Some(1.0)
            } else {
                // A success is any value but the least.
                let rest = |counts: &[u64], size: u64| (size - counts[least(pair)], size);
                z_test(rest(&pair.baseline, sizes.0), rest(&pair.window, sizes.1))
                    .map(|found| found.p_value)
            }
        }
        M::FisherExact => {
            if pair.values.len() > 2 {
                return Err(undefined(measure, "it needs at most two distinct values"));
            }
            if sizes.0 != sizes.1 {
                return Err(undefined(measure, "both sides must have as many values"));
            }
            let second = |counts: &[u64]| counts.get(1).copied().unwrap_or(0);
            Some(fisher_exact([
                [pair.window[0], second(&pair.window)],
                [pair.baseline[0], second(&pair.baseline)],
            ]))
        }
        M::Tvd => Some(total_variation_p_value(pair)),
        _ => None,
    }
    .ok_or_else(|| undefined(measure, "it is not for categories"))
}

/// Place of the least value of a pair.
fn least(pair: &CategoryPair) -> usize {
    let places = 0..pair.values.len();
    places
        .min_by(|a, b| pair.values[*a].cmp(&pair.values[*b]))
        .unwrap_or(0)
}

/// Numbers as categories, in their order.
fn pair_of_numbers(a: &Sample, b: &Sample) -> CategoryPair {
    let mut pair = CategoryPair::default();
    for (place, (_, in_a, in_b)) in a.beside(b).enumerate() {
        // Named so that the order of the names is that of the numbers.
        pair.values.push(format!("{place:020}"));
        pair.baseline.push(in_a);
        pair.window.push(in_b);
    }
    pair
}

/// Shares of both sides in the same bins.
struct Shares {
    baseline: Vec<f64>,
    window: Vec<f64>,
}

impl Shares {
    fn of_counts(baseline: &[u64], window: &[u64], sizes: (u64, u64)) -> Self {
        let share = |counts: &[u64], size: u64| {
            counts
                .iter()
                .map(|count| *count as f64 / size as f64)
                .collect()
        };
        Self {
            baseline: share(baseline, sizes.0),
            window: share(window, sizes.1),
        }
    }

    fn of_pair(pair: &CategoryPair) -> Self {
        let sizes = (pair.baseline.iter().sum(), pair.window.iter().sum());
        Self::of_counts(&pair.baseline, &pair.window, sizes)
    }

    fn of_numbers(a: &Sample, b: &Sample, whole: bool) -> Self {
        if a.distinct() <= BINNED_BY_VALUE {
            return Self::of_pair(&pair_of_numbers(a, b));
        }
        let edges = histogram::edges(&a.merged(b), Rule::Sturges, whole).unwrap_or_default();
        Self::of_counts(
            &histogram::counts(a, &edges),
            &histogram::counts(b, &edges),
            (a.size(), b.size()),
        )
    }

    /// Empty bins get 1/10,000, or a millionth of the least share where that is smaller
    /// than 1/10,000. Nothing is scaled back to a sum of 1.
    fn filled(shares: &[f64]) -> Vec<f64> {
        let least = shares
            .iter()
            .copied()
            .filter(|share| *share > 0.0)
            .fold(f64::INFINITY, f64::min);
        let fill = if least <= 1e-4 { least / 1e6 } else { 1e-4 };
        shares
            .iter()
            .map(|share| if *share == 0.0 { fill } else { *share })
            .collect()
    }
}

fn of_shares(measure: Measure, shares: &Shares) -> f64 {
    let scaled = |shares: &[f64]| -> Vec<f64> {
        let sum: f64 = shares.iter().sum();
        shares.iter().map(|share| share / sum).collect()
    };
    match measure {
        M::JensenShannon => {
            jensen_shannon_distance(&scaled(&shares.baseline), &scaled(&shares.window))
        }
        M::KlDiv => {
            let p = scaled(&Shares::filled(&shares.baseline));
            let q = scaled(&Shares::filled(&shares.window));
            p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()
        }
        _ => {
            let p = Shares::filled(&shares.baseline);
            let q = Shares::filled(&shares.window);
            p.iter().zip(q).map(|(p, q)| (p - q) * (p / q).ln()).sum()
        }
    }
}

/// The root of the Jensen–Shannon divergence in nats, of shares that sum to 1 (Endres and
/// Schindelin 2003, "A new metric for probability distributions").
pub(crate) fn jensen_shannon_distance(p: &[f64], q: &[f64]) -> f64 {
    let toward = |x: f64, middle: f64| if x > 0.0 { x * (x / middle).ln() } else { 0.0 };
    let sum: f64 = p
        .iter()
        .zip(q)
        .map(|(p, q)| toward(*p, (p + q) / 2.0) + toward(*q, (p + q) / 2.0))
        .sum();
    (sum.max(0.0) / 2.0).sqrt()
}

/// Over Sturges' bins of the *distinct values* of both sides, each once.
fn hellinger_of_numbers(a: &Sample, b: &Sample, whole: bool) -> f64 {
    let distinct = Sample::of(a.beside(b).map(|(value, ..)| value));
    let edges = histogram::edges(&distinct, Rule::Sturges, whole).unwrap_or_default();
    let densities = |sample: &Sample| -> Vec<f64> {
        histogram::counts(sample, &edges)
            .iter()
            .zip(edges.windows(2))
            .map(|(count, edge)| *count as f64 / (edge[1] - edge[0]) / sample.size() as f64)
            .collect()
    };
    let bins = (edges.len() - 1) as f64;
    let width = (edges[edges.len() - 1] - edges[0]) / bins;
    let overlap: f64 = densities(a)
        .iter()
        .zip(densities(b))
        .map(|(p, q)| (p * q).sqrt() * width)
        .sum();
    (1.0 - overlap.clamp(0.0, 1.0)).sqrt()
}

fn hellinger_of_categories(a: &Categories, b: &Categories) -> f64 {
    let shares = Shares::of_pair(&CategoryPair::of(a, b));
    let overlap: f64 = shares
        .baseline
        .iter()
        .zip(shares.window)
        .map(|(p, q)| (p * q).sqrt())
        .sum();
    (1.0 - overlap.clamp(0.0, 1.0)).sqrt()
}

/// Share of 1,000 permutations of the rows whose total variation distance is at least the
/// one seen. Evidently draws with NumPy's generator, so single digits differ.
fn total_variation_p_value(pair: &CategoryPair) -> f64 {
    let mut rows: Vec<usize> = pair
        .baseline
        .iter()
        .zip(&pair.window)
        .enumerate()
        .flat_map(|(place, (a, b))| std::iter::repeat_n(place, (a + b) as usize))
        .collect();
    let sizes = (
        pair.baseline.iter().sum::<u64>(),
        pair.window.iter().sum::<u64>(),
    );
    let distance = |baseline: &[u64], window: &[u64]| {
        let shares = Shares::of_counts(baseline, window, sizes);
        let gaps = shares.baseline.iter().zip(&shares.window);
        0.5 * gaps.map(|(p, q)| (p - q).abs()).sum::<f64>()
    };
    let seen = distance(&pair.baseline, &pair.window);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let beyond = (0..TVD_PERMUTATIONS)
        .filter(|_| {
            let (drawn, _) = rows.partial_shuffle(&mut rng, sizes.0 as usize);
            let mut baseline = vec![0; pair.values.len()];
            for place in drawn {
                baseline[*place] += 1;
            }
            let window: Vec<u64> = pair
                .baseline
                .iter()
                .zip(&pair.window)
                .zip(&baseline)
                .map(|((a, b), taken)| a + b - taken)
                .collect();
            seen <= distance(&baseline, &window)
        })
        .count();
    beyond as f64 / TVD_PERMUTATIONS as f64
}

/// Whether the data set has drifted: at least this share of its columns has.
pub fn dataset_drifted(drifted: usize, columns: usize, share: f64) -> bool {
    columns > 0 && drifted as f64 / columns as f64 >= share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::column::Numbers;

    fn numbers(values: impl IntoIterator<Item = f64>) -> Values {
        Values::Numbers(Numbers {
            sample: Sample::of(values),
            exact: true,
            ..Numbers::default()
        })
    }

    #[test]
    fn the_test_follows_rows_and_distinct_values() {
        let of = |rows: usize, distinct: usize| numbers((0..rows).map(|n| (n % distinct) as f64));
        let pick = |rows, distinct| default_measure(&of(rows, distinct), &of(50, distinct));
        assert_eq!(pick(1_000, 9), M::Ks);
        assert_eq!(pick(1_000, 5), M::ChiSquare);
        assert_eq!(pick(1_000, 2), M::Z);
        assert_eq!(pick(1_001, 6), M::Wasserstein);
        assert_eq!(pick(1_001, 5), M::JensenShannon);
        let few = Values::Categories(Categories::of(["a"; 3]));
        assert_eq!(default_measure(&few, &few), M::Z);
    }

    #[test]
    fn a_test_for_categories_is_refused_for_numbers_and_the_right_ones_named() {
        let column = numbers([1.0, 2.0, 3.0]);
        let error = compare(&column, &column, Some(M::GTest), None).unwrap_err();
        assert!(error.to_string().contains("psi"), "{error}");
    }

    #[test]
    fn a_sketch_is_refused() {
        let mut sketch = numbers([1.0, 2.0, 3.0]);
        if let Values::Numbers(numbers) = &mut sketch {
            numbers.exact = false;
        }
        let error = compare(&sketch, &sketch, Some(M::Psi), None).unwrap_err();
        assert!(matches!(error, PresetError::NeedsRows { .. }), "{error}");
    }

    #[test]
    fn an_empty_side_is_an_error_and_not_a_pass() {
        let error = compare(&numbers([]), &numbers([1.0]), None, None).unwrap_err();
        assert!(error.to_string().contains("baseline"), "{error}");
    }

    #[test]
    fn permutations_tell_a_shift_from_none() {
        let of = |a, b| Values::Categories(Categories::of_counted([("x", a), ("y", b)]));
        let p = |window: &Values| {
            compare(&of(80, 20), window, Some(M::Tvd), None)
                .unwrap()
                .value
        };
        assert!(p(&of(40, 60)) < 0.01);
        assert!(p(&of(79, 21)) > 0.5);
    }
}
