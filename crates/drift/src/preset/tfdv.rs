//! TensorFlow Data Validation 1.21: the distances of its drift and skew comparators.
//!
//! TFDV has no default threshold: without one of the user's it reports no anomaly, and here
//! the column is not judged. Numbers are compared by histograms of ten equal buckets over
//! each side's own range, counted exactly; TFDV reads the counts off a quantile sketch.

use super::{
    CategoryPair, Kind, MeasureInfo, Outcome, PresetError, State, Values, column::Numbers,
    histogram,
};

/// Buckets of TFDV's standard histogram.
const BUCKETS: usize = 10;

/// A distance of TFDV, named as its comparators are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Greatest difference of a share.
    InfinityNorm,
    /// Jensen–Shannon divergence in bits (not its root), 0 to 1.
    JensenShannonDivergence,
    /// Sum of the differences of the counts, divided by all counts of both sides.
    NormalizedAbsDifference,
}

impl Measure {
    /// Every distance.
    pub const ALL: [Self; 3] = [
        Self::InfinityNorm,
        Self::JensenShannonDivergence,
        Self::NormalizedAbsDifference,
    ];

    /// Its name and what it is for.
    pub fn info(self) -> MeasureInfo {
        let kinds: &[Kind] = match self {
            Self::JensenShannonDivergence => &[Kind::Category, Kind::Numeric],
            Self::InfinityNorm | Self::NormalizedAbsDifference => &[Kind::Category],
        };
        MeasureInfo {
            name: self.name(),
            kinds,
        }
    }

    /// The comparator's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InfinityNorm => "infinity_norm",
            Self::JensenShannonDivergence => "jensen_shannon_divergence",
            Self::NormalizedAbsDifference => "normalized_abs_difference",
        }
    }

    /// The distance of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// The distance of a column where none is asked for: the greatest difference of a share for
/// categories, the Jensen–Shannon divergence for numbers.
pub fn default_measure(kind: Kind) -> Measure {
    match kind {
        Kind::Numeric => Measure::JensenShannonDivergence,
        Kind::Category | Kind::Text => Measure::InfinityNorm,
    }
}

/// One column as a comparator of TFDV measures it: by the greatest difference of a share
/// for categories and by the Jensen–Shannon divergence for numbers, or as is asked for.
///
/// # Errors
/// [`PresetError`] for a measure of another kind, or where TFDV measures nothing.
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
    if let Some(asked) = measure {
        super::measure_of(super::Preset::Tfdv, asked.name(), baseline.kind())?;
    }
    let empty = |values: &Values| match values {
        Values::Numbers(numbers) => weight(numbers) == 0,
        other => other.size() == 0,
    };
    for (values, side) in [(baseline, "baseline"), (window, "window")] {
        if empty(values) {
            return Err(PresetError::NoValues { side, tool: "TFDV" });
        }
    }
    let (measure, value) = match (baseline, window) {
        (Values::Categories(a), Values::Categories(b)) => {
            let pair = CategoryPair::of(a, b);
            let measure = measure.unwrap_or_else(|| default_measure(Kind::Category));
            (measure, of_categories(measure, &pair))
        }
        (Values::Numbers(a), Values::Numbers(b)) => {
            (Measure::JensenShannonDivergence, divergence(&aligned(a, b)))
        }
        _ => {
            return Err(PresetError::Undefined {
                measure: measure
                    .unwrap_or_else(|| default_measure(Kind::Text))
                    .name(),
                reason: "TFDV counts texts as categories; give the column the role `category`"
                    .into(),
            });
        }
    };
    Ok(Outcome {
        measure: measure.name(),
        value,
        p_value: None,
        threshold,
        state: match threshold {
            None => State::NoThreshold,
            Some(threshold) if value > threshold => State::Drift,
            Some(_) => State::NoDrift,
        },
    })
}

fn of_categories(measure: Measure, pair: &CategoryPair) -> f64 {
    let counts = || {
        pair.baseline
            .iter()
            .zip(&pair.window)
            .map(|(a, b)| (*a as f64, *b as f64))
    };
    let (n, m) = counts().fold((0.0, 0.0), |sums, (a, b)| (sums.0 + a, sums.1 + b));
    match measure {
        Measure::InfinityNorm => counts()
            .map(|(a, b)| (a / n - b / m).abs())
            .fold(0.0, f64::max),
        Measure::NormalizedAbsDifference => {
            counts().map(|(a, b)| (a - b).abs()).sum::<f64>() / (n + m)
        }
        Measure::JensenShannonDivergence => divergence(&counts().collect::<Vec<_>>()),
    }
}

/// The Jensen–Shannon divergence of weights in the same cells, in bits, at most 1 (Lin
/// 1991, "Divergence measures based on the Shannon entropy").
pub fn divergence(cells: &[(f64, f64)]) -> f64 {
    let (n, m) = cells
        .iter()
        .fold((0.0, 0.0), |sums, (a, b)| (sums.0 + a, sums.1 + b));
    let toward = |x: f64, middle: f64| {
        if x > 0.0 {
            x * (x / middle).log2()
        } else {
            0.0
        }
    };
    let sum: f64 = cells
        .iter()
        .map(|(a, b)| {
            let (p, q) = (a / n, b / m);
            let middle = (p + q) / 2.0;
            (toward(p, middle) + toward(q, middle)) / 2.0
        })
        .sum();
    sum.clamp(0.0, 1.0)
}

fn weight(numbers: &Numbers) -> u64 {
    numbers.sample.size() + numbers.nan + numbers.negative_infinite + numbers.positive_infinite
}

/// Both histograms in common cells: the union of their boundaries, each bucket's weight
/// spread evenly over the cells in it, a side of one value as a cell of no width, and each
/// side's NaN and infinities in cells that the other does not share, as in TFDV.
fn aligned(a: &Numbers, b: &Numbers) -> Vec<(f64, f64)> {
    let mut cells = Vec::new();
    for special in [
        |numbers: &Numbers| numbers.nan,
        |numbers: &Numbers| numbers.negative_infinite,
        |numbers: &Numbers| numbers.positive_infinite,
    ] {
        cells.push((special(a) as f64, 0.0));
        cells.push((0.0, special(b) as f64));
    }
    let (first, second) = (Histogram::of(a), Histogram::of(b));
    match (first.point, second.point) {
        (Some((at, weight)), Some((other, theirs))) if at.total_cmp(&other).is_eq() => {
            cells.push((weight, theirs))
        }
        (one, other) => {
            cells.extend(one.map(|(_, weight)| (weight, 0.0)));
            cells.extend(other.map(|(_, weight)| (0.0, weight)));
        }
    }
    let mut edges: Vec<f64> = first.edges.iter().chain(&second.edges).copied().collect();
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup();
    for cell in edges.windows(2) {
        cells.push((
            first.within(cell[0], cell[1]),
            second.within(cell[0], cell[1]),
        ));
    }
    cells
}

/// Ten equal buckets, or one value.
#[derive(Default)]
struct Histogram {
    edges: Vec<f64>,
    weights: Vec<f64>,
    point: Option<(f64, f64)>,
}

impl Histogram {
    fn of(numbers: &Numbers) -> Self {
        match numbers.sample.range() {
            None => Self::default(),
            Some((least, greatest)) if least < greatest => {
                let edges = histogram::equal(least, greatest, BUCKETS);
                let counts = histogram::counts(&numbers.sample, &edges);
                Self {
                    weights: counts.into_iter().map(|count| count as f64).collect(),
                    edges,
                    point: None,
                }
            }
            Some((value, _)) => Self {
                point: Some((value, numbers.sample.size() as f64)),
                ..Self::default()
            },
        }
    }

    /// Weight of a cell that lies within one bucket or outside of all.
    fn within(&self, low: f64, high: f64) -> f64 {
        let place = self.edges.partition_point(|edge| *edge <= low);
        if place == 0 || place >= self.edges.len() {
            return 0.0;
        }
        let width = self.edges[place] - self.edges[place - 1];
        self.weights[place - 1] * (high - low) / width
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use crate::{preset::Categories, two_sample::Sample};

    fn numbers(values: impl IntoIterator<Item = f64>) -> Values {
        Values::Numbers(Numbers {
            sample: Sample::of(values),
            exact: true,
            ..Numbers::default()
        })
    }

    fn value(a: &Values, b: &Values, measure: Option<Measure>) -> f64 {
        compare(a, b, measure, None).unwrap().value
    }

    #[test]
    fn categories_have_three_distances() {
        let a = Values::Categories(Categories::of_counted([("x", 50), ("y", 50)]));
        let b = Values::Categories(Categories::of_counted([("x", 40), ("y", 40), ("z", 20)]));
        assert!((value(&a, &b, None) - 0.2).abs() < 1e-12);
        let difference = value(&a, &b, Some(Measure::NormalizedAbsDifference));
        assert!((difference - 0.2).abs() < 1e-12);
        // The square of SciPy's jensenshannon(p, q, base=2) = 0.3286815269308575.
        let divergence = value(&a, &b, Some(Measure::JensenShannonDivergence));
        assert!((divergence - 0.328_681_526_930_857_5_f64.powi(2)).abs() < 1e-12);
    }

    #[test]
    fn without_a_threshold_nothing_is_judged() {
        let a = numbers([1.0, 2.0]);
        let judged = |threshold| {
            compare(&a, &numbers([5.0, 9.0]), None, threshold)
                .unwrap()
                .state
        };
        assert_eq!(judged(None), State::NoThreshold);
        assert_eq!(judged(Some(0.5)), State::Drift);
        assert_eq!(judged(Some(1.0)), State::NoDrift);
    }

    #[test]
    fn numbers_apart_have_divergence_one_and_the_same_have_none() {
        let a = numbers((0..100).map(f64::from));
        assert_eq!(value(&a, &a, None), 0.0);
        assert!((value(&a, &numbers((200..300).map(f64::from)), None) - 1.0).abs() < 1e-12);
        assert_eq!(value(&numbers([3.0; 4]), &numbers([3.0; 9]), None), 0.0);
        assert_eq!(value(&numbers([3.0; 4]), &numbers([4.0; 4]), None), 1.0);
    }

    #[test]
    fn not_a_number_never_equals_itself() {
        let all_nan = Values::Numbers(Numbers {
            nan: 5,
            exact: true,
            ..Numbers::default()
        });
        assert_eq!(value(&all_nan, &all_nan, None), 1.0);
    }

    #[test]
    fn the_greatest_difference_of_shares_is_refused_for_numbers() {
        let a = numbers([1.0, 2.0]);
        let error = compare(&a, &a, Some(Measure::InfinityNorm), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`infinity_norm` is not for a numeric column; for one there is jensen_shannon_divergence"
        );
    }
}
