//! whylogs 1.6: a test for each column, and three states instead of two.
//!
//! whylogs compares sketches. Here rows are compared exactly, so values differ from its own
//! by what its sketches are off (about 0.01); a Driftline profile that has become a sketch
//! is compared as it is, which whylogs would do too. Frequent items past what its sketch
//! holds are counted by the same sketch, in the order of the rows.

use super::{Categories, Column, Kind, MeasureInfo, Outcome, PresetError, State, Values};
use crate::two_sample::{Sample, kolmogorov, tail};
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use std::collections::BTreeMap;

/// Slots of whylogs' frequent-items sketch.
const FREQUENT_SLOTS: usize = 1_024;
/// Items up to which that sketch is exact: three quarters of its slots.
const FREQUENT_EXACT: usize = 768;
/// Quantiles of each side at which the distribution functions are compared.
const QUANTILES: u32 = 100;
/// Bins of a histogram at most and at least, and rows for each bin.
const MOST_BINS: f64 = 30.0;
const LEAST_BINS: f64 = 2.0;
const ROWS_A_BIN: f64 = 4.0;

/// A test of whylogs, named as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Kolmogorov and Smirnov at 100 quantiles of each side.
    Ks,
    /// Hellinger distance over equal bins.
    Hellinger,
    /// Chi-squared test of fit over the frequent items.
    ChiSquare,
}

impl Measure {
    /// Every test.
    pub const ALL: [Self; 3] = [Self::Ks, Self::Hellinger, Self::ChiSquare];

    /// Its name and what it is for; whylogs counts frequent items of whole numbers too.
    pub fn info(self) -> MeasureInfo {
        let kinds: &[Kind] = match self {
            Self::Ks | Self::Hellinger => &[Kind::Numeric],
            Self::ChiSquare => &[Kind::Category, Kind::Numeric],
        };
        MeasureInfo {
            name: self.name(),
            kinds,
        }
    }

    /// whylogs' name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ks => "ks",
            Self::Hellinger => "hellinger",
            Self::ChiSquare => "chi-square",
        }
    }

    /// The test of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// What whylogs keeps of one side of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    values: Values,
    /// Rows, nulls included.
    rows: u64,
    frequent: Option<BTreeMap<String, u64>>,
}

impl Side {
    /// Of rows.
    pub fn of_column(column: &Column) -> Self {
        let values = column.values();
        let frequent = match (&values, column) {
            (Values::Categories(all), Column::Categories { codes, labels }) => {
                Some(if all.distinct() <= FREQUENT_EXACT {
                    exact(all)
                } else {
                    let items = codes.iter().flatten();
                    sketched(items.map(|code| labels[*code as usize].clone()))
                })
            }
            (Values::Numbers(numbers), Column::Numbers { values, .. }) if numbers.whole => {
                Some(if numbers.sample.distinct() <= FREQUENT_EXACT {
                    exact(&categories(&numbers.sample))
                } else {
                    sketched(values.iter().map(f64::to_string))
                })
            }
            _ => None,
        };
        Self {
            values,
            rows: column.rows() as u64,
            frequent,
        }
    }

    /// Of a profile's values and its rows; frequent items only where there are few.
    pub fn of_values(values: Values, rows: u64) -> Self {
        let few = |categories: Categories| {
            (categories.distinct() <= FREQUENT_EXACT).then(|| exact(&categories))
        };
        let frequent = match &values {
            Values::Categories(all) => few(all.clone()),
            Values::Numbers(numbers) if numbers.whole && numbers.exact => {
                few(categories(&numbers.sample))
            }
            _ => None,
        };
        Self {
            values,
            rows,
            frequent,
        }
    }

    fn distinct(&self) -> usize {
        match &self.values {
            Values::Numbers(numbers) => numbers.sample.distinct(),
            Values::Categories(all) => all.distinct(),
            Values::Texts(_) => 0,
        }
    }
}

fn categories(sample: &Sample) -> Categories {
    Categories::of_counted(
        sample
            .counted()
            .map(|(value, count)| (value.to_string(), count)),
    )
}

fn exact(all: &Categories) -> BTreeMap<String, u64> {
    all.counted()
        .map(|(value, count)| (value.to_owned(), count))
        .collect()
}

/// The items that are frequent for certain.
fn sketched(items: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let Ok(mut sketch) = FrequentItemsSketch::<String>::new(FREQUENT_SLOTS) else {
        return BTreeMap::new();
    };
    items.for_each(|item| sketch.update(item));
    sketch
        .frequent_items(ErrorType::NoFalsePositives)
        .into_iter()
        .map(|row| (row.item().clone(), row.estimate()))
        .collect()
}

/// One column as whylogs judges it: by Kolmogorov and Smirnov where there are numbers, else
/// by frequent items, or by a test that is asked for.
///
/// # Errors
/// [`PresetError`] where whylogs gives no score.
pub fn compare(
    baseline: &Side,
    window: &Side,
    measure: Option<Measure>,
) -> Result<Outcome, PresetError> {
    let (a, b) = (&baseline.values, &window.values);
    if a.kind() != b.kind() {
        return Err(PresetError::KindsDiffer {
            baseline: a.kind(),
            window: b.kind(),
        });
    }
    for (values, side) in [(a, "baseline"), (b, "window")] {
        if values.size() == 0 {
            return Err(PresetError::NoValues {
                side,
                tool: "whylogs",
            });
        }
    }
    if let Some(asked) = measure {
        super::measure_of(super::Preset::Whylogs, asked.name(), a.kind())?;
    }
    match (a, b) {
        (Values::Numbers(a), Values::Numbers(b)) if measure != Some(Measure::ChiSquare) => {
            Ok(match measure {
                Some(Measure::Hellinger) => hellinger(&a.sample, &b.sample),
                _ => kolmogorov_smirnov(&a.sample, &b.sample),
            })
        }
        _ => chi_squared(baseline, window),
    }
}

/// The greatest difference of the shares below each of 100 quantiles of either side.
fn kolmogorov_smirnov(a: &Sample, b: &Sample) -> Outcome {
    let (n, m) = (a.size() as f64, b.size() as f64);
    let points = [a, b].into_iter().flat_map(|sample| {
        (0..QUANTILES).filter_map(move |step| {
            let rank = f64::from(step) / f64::from(QUANTILES - 1) * sample.size() as f64;
            sample.at_rank((rank as u64).min(sample.size() - 1))
        })
    });
    let statistic = points
        .map(|point| (a.below(point) as f64 / n - b.below(point) as f64 / m).abs())
        .fold(0.0, f64::max);
    let p_value = kolmogorov::tail((n * m / (n + m)).round_ties_even() as u64, statistic);
    Outcome {
        measure: Measure::Ks.name(),
        value: statistic,
        p_value: Some(p_value),
        threshold: Some(0.05),
        state: state_of_p_value(p_value),
    }
}

/// Hellinger's distance over up to 30 equal bins of the range of both sides.
fn hellinger(a: &Sample, b: &Sample) -> Outcome {
    let edges = bins(a, b);
    let masses = |sample: &Sample| -> Vec<f64> {
        let size = sample.size() as f64;
        let below: Vec<f64> = std::iter::once(0)
            .chain(edges.iter().map(|edge| sample.below(*edge)))
            .chain(std::iter::once(sample.size()))
            .map(|count| count as f64 / size)
            .collect();
        below.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    let squares: f64 = masses(a)
        .iter()
        .zip(masses(b))
        .map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2))
        .sum();
    let distance = (squares / 2.0).sqrt();
    Outcome {
        measure: Measure::Hellinger.name(),
        value: distance,
        p_value: None,
        threshold: Some(0.4),
        state: if distance < 0.15 {
            State::NoDrift
        } else if distance < 0.4 {
            State::PossibleDrift
        } else {
            State::Drift
        },
    }
}

fn bins(a: &Sample, b: &Sample) -> Vec<f64> {
    let (Some((least_a, most_a)), Some((least_b, most_b))) = (a.range(), b.range()) else {
        return Vec::new();
    };
    let (start, end) = (least_a.min(least_b), most_a.max(most_b));
    // The greatest value lies inside the last bin.
    let end = end + if end == 0.0 { 1e-7 } else { end.abs() * 1e-7 };
    let rows = (a.size() + b.size()) as f64;
    let mut count = (rows / ROWS_A_BIN).ceil().clamp(LEAST_BINS, MOST_BINS);
    // No bin narrower than what single precision tells apart at this magnitude.
    let resolution =
        (start.abs().max(end.abs()).log2().floor() - f64::from(f32::MANTISSA_DIGITS - 1)).exp2();
    if (end - start) / count < resolution {
        count = ((end - start) / resolution).floor().max(1.0);
    }
    let width = (end - start) / count;
    (0..=count as u32)
        .map(|bin| start + f64::from(bin) * width)
        .collect()
}

/// Over the window's frequent items, against the baseline's shares of the window's rows,
/// cut to whole numbers; an item that the baseline lacks makes the statistic infinite.
fn chi_squared(baseline: &Side, window: &Side) -> Result<Outcome, PresetError> {
    let (Some(theirs), Some(ours)) = (&baseline.frequent, &window.frequent) else {
        return Err(PresetError::Undefined {
            measure: Measure::ChiSquare.name(),
            reason: "whylogs counts frequent items of strings, booleans and whole numbers \
                     without nulls, and past 768 of them rows are needed"
                .into(),
        });
    };
    let mut statistic = 0.0;
    // What only the baseline has counts as seen zero times.
    let missing = theirs.keys().filter(|item| !ours.contains_key(*item));
    for (item, seen) in ours
        .iter()
        .map(|(item, count)| (item, *count as f64))
        .chain(missing.map(|item| (item, 0.0)))
    {
        let share = theirs.get(item).map_or(0.0, |count| *count as f64) / baseline.rows as f64;
        let expected = (share * window.rows as f64).trunc();
        if expected == 0.0 {
            statistic = f64::INFINITY;
            break;
        }
        statistic += (seen - expected).powi(2) / expected;
    }
    let degrees = window.distinct().saturating_sub(1).max(1) as f64;
    let p_value = tail::chi_squared(statistic, degrees);
    Ok(Outcome {
        measure: Measure::ChiSquare.name(),
        value: statistic,
        p_value: Some(p_value),
        threshold: Some(0.05),
        state: state_of_p_value(p_value),
    })
}

fn state_of_p_value(p: f64) -> State {
    if p < 0.05 {
        State::Drift
    } else if p < 0.15 {
        State::PossibleDrift
    } else {
        State::NoDrift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::column::Numbers;

    fn side(values: Values) -> Side {
        let rows = values.size();
        Side::of_values(values, rows)
    }

    fn numbers(values: impl Iterator<Item = f64>, whole: bool) -> Side {
        side(Values::Numbers(Numbers {
            sample: Sample::of(values),
            whole,
            exact: true,
            ..Numbers::default()
        }))
    }

    #[test]
    fn three_states_by_p_value() {
        let of = |a, b| {
            side(Values::Categories(Categories::of_counted([
                ("x", a),
                ("y", b),
            ])))
        };
        let state = |window: &Side| compare(&of(500, 500), window, None).unwrap().state;
        assert_eq!(state(&of(505, 495)), State::NoDrift);
        assert_eq!(state(&of(527, 473)), State::PossibleDrift);
        assert_eq!(state(&of(560, 440)), State::Drift);
    }

    #[test]
    fn a_new_item_is_drift() {
        let old = side(Values::Categories(Categories::of(["a", "b"])));
        let new = side(Values::Categories(Categories::of(["a", "c"])));
        let outcome = compare(&old, &new, None).unwrap();
        assert_eq!(
            (outcome.value, outcome.state),
            (f64::INFINITY, State::Drift)
        );
    }

    #[test]
    fn numbers_are_compared_by_quantiles_and_bins() {
        let (a, b) = (
            numbers((0..1_000).map(f64::from), false),
            numbers((0..1_000).map(|n| f64::from(n) + 300.0), false),
        );
        let ks = compare(&a, &b, None).unwrap();
        assert!(
            (ks.value - 0.3).abs() < 0.01 && ks.state == State::Drift,
            "{ks:?}"
        );
        let hellinger = compare(&a, &b, Some(Measure::Hellinger)).unwrap();
        assert!(
            (hellinger.value - 0.3_f64.sqrt()).abs() < 0.02,
            "{hellinger:?}"
        );
        assert!(compare(&a, &b, Some(Measure::ChiSquare)).is_err());
        let same = compare(&a, &a, Some(Measure::Hellinger)).unwrap();
        assert_eq!((same.value, same.state), (0.0, State::NoDrift));
    }

    #[test]
    fn many_items_are_counted_by_the_sketch() {
        let labels: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
        let codes = (0..20_000_u32).map(|n| Some(if n % 2 == 0 { 0 } else { n % 2_000 }));
        let column = Column::Categories {
            codes: codes.collect(),
            labels,
        };
        let frequent = Side::of_column(&column).frequent.unwrap();
        assert!(frequent["0"].abs_diff(10_000) < 100, "{}", frequent["0"]);
    }
}
