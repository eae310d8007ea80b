//! Drift of one column, chunk by chunk.

use super::{Chunks, Cut, Limits};
use crate::preset::{
    Categories, Column, Kind, MeasureInfo, Preset, PresetError, Values,
    evidently::jensen_shannon_distance,
    histogram::{self, Rule},
    measure_of,
};
use crate::two_sample::{Sample, chi_squared, kolmogorov_smirnov, wasserstein::wasserstein};

/// Rows of the baseline from which two measures are computed on bins.
const BINNED_FROM: u64 = 10_000;
/// Those bins.
const BINS: usize = 10_000;
/// Level of the chi-squared test.
const LEVEL: f64 = 0.05;

/// A method of NannyML, named as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Jensen–Shannon distance: the root of bits.
    JensenShannon,
    /// Hellinger distance.
    Hellinger,
    /// Greatest distance of the distribution functions; on 10,000 bins of a baseline of
    /// 10,000 rows and more.
    KolmogorovSmirnov,
    /// Wasserstein distance in the column's unit; on such bins too.
    Wasserstein,
    /// Pearson's statistic of the table of two rows, corrected for two categories.
    Chi2,
    /// Greatest difference of a share.
    LInfinity,
}

impl Measure {
    /// Every method.
    pub const ALL: [Self; 6] = [
        Self::JensenShannon,
        Self::Hellinger,
        Self::KolmogorovSmirnov,
        Self::Wasserstein,
        Self::Chi2,
        Self::LInfinity,
    ];

    /// Its name and what it is for.
    pub fn info(self) -> MeasureInfo {
        let kinds: &[Kind] = match self {
            Self::JensenShannon | Self::Hellinger => &[Kind::Numeric, Kind::Category],
            Self::KolmogorovSmirnov | Self::Wasserstein => &[Kind::Numeric],
            Self::Chi2 | Self::LInfinity => &[Kind::Category],
        };
        MeasureInfo {
            name: self.name(),
            kinds,
        }
    }

    /// NannyML's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::JensenShannon => "jensen_shannon",
            Self::Hellinger => "hellinger",
            Self::KolmogorovSmirnov => "kolmogorov_smirnov",
            Self::Wasserstein => "wasserstein",
            Self::Chi2 => "chi2",
            Self::LInfinity => "l_infinity",
        }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// One measure on every chunk of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The measure.
    pub measure: Measure,
    /// Values on the chunks of the baseline; NaN for a chunk without values.
    pub baseline: Vec<f64>,
    /// Values on the chunks of the window; NaN for a chunk without values.
    pub window: Vec<f64>,
    /// p-values on the chunks of the window, where the measure is a test.
    pub p_values: Option<Vec<f64>>,
    /// The limit learnt from the chunks of the baseline; `None` for the test, which has a
    /// level of 0.05 instead.
    pub limits: Option<Limits>,
    /// Whether each chunk of the window is an alert.
    pub alerts: Vec<bool>,
}

/// What a measure knows of the baseline.
enum Fitted {
    Histogram { edges: Vec<f64>, shares: Vec<f64> },
    Rows(Sample),
    Bins { edges: Vec<f64>, below: Vec<f64> },
    Categories(Categories),
}

/// One column as NannyML judges it, by the Jensen–Shannon distance or by another measure.
///
/// # Errors
/// [`PresetError`] for a measure of another kind, for a baseline without values or with
/// infinities.
pub fn compare(
    baseline: &Column,
    window: &Column,
    measure: Option<Measure>,
    cut: impl Into<Cut>,
) -> Result<Drift, PresetError> {
    let cut = cut.into();
    if baseline.kind() != window.kind() {
        return Err(PresetError::KindsDiffer {
            baseline: baseline.kind(),
            window: window.kind(),
        });
    }
    let measure = measure.unwrap_or(Measure::JensenShannon);
    measure_of(Preset::NannyMl, measure.name(), baseline.kind())?;
    for column in [baseline, window] {
        if let Values::Numbers(numbers) = column.values()
            && numbers.negative_infinite + numbers.positive_infinite > 0
        {
            return Err(PresetError::Undefined {
                measure: measure.name(),
                reason: "the column holds infinities, for which NannyML finds no bins".into(),
            });
        }
    }
    let fitted = fit(measure, &baseline.values())?;
    let of_chunks = |column: &Column, chunks: &Chunks| -> Vec<(f64, Option<f64>)> {
        chunks
            .of(column.rows())
            .into_iter()
            .map(|rows| value(measure, &fitted, &column.values_of(rows)))
            .collect()
    };
    let values = |of: &[(f64, Option<f64>)]| of.iter().map(|(value, _)| *value).collect();
    let learnt: Vec<f64> = values(&of_chunks(baseline, &cut.baseline));
    let measured = of_chunks(window, &cut.window);
    let seen: Vec<f64> = values(&measured);
    if measure == Measure::Chi2 {
        let p_values: Vec<f64> = measured
            .iter()
            .map(|(_, p)| p.unwrap_or(f64::NAN))
            .collect();
        return Ok(Drift {
            measure,
            baseline: learnt,
            window: seen,
            alerts: p_values.iter().map(|p| *p < LEVEL).collect(),
            p_values: Some(p_values),
            limits: None,
        });
    }
    // Less distance than usual is no drift, and no distance is below 0 or, where it has an
    // end, above 1.
    let limits = Limits::learnt(&learnt).map(|limits| Limits {
        lower: None,
        upper: limits.upper.map(|upper| {
            if measure == Measure::KolmogorovSmirnov {
                upper.min(1.0)
            } else {
                upper
            }
        }),
    });
    Ok(Drift {
        measure,
        alerts: seen
            .iter()
            .map(|value| limits.is_some_and(|limits| limits.are_crossed(*value)))
            .collect(),
        baseline: learnt,
        window: seen,
        p_values: None,
        limits,
    })
}

/// The measure of two columns as wholes, without chunks.
///
/// # Errors
/// As [`compare`].
pub fn whole(baseline: &Column, window: &Column, measure: Measure) -> Result<f64, PresetError> {
    let all = Chunks::Size(usize::MAX);
    let drift = compare(baseline, window, Some(measure), all)?;
    drift.window.first().copied().ok_or(PresetError::NoValues {
        side: "window",
        tool: "NannyML",
    })
}

fn fit(measure: Measure, baseline: &Values) -> Result<Fitted, PresetError> {
    if baseline.size() == 0 {
        return Err(PresetError::NoValues {
            side: "baseline",
            tool: "NannyML",
        });
    }
    Ok(match baseline {
        Values::Categories(all) => Fitted::Categories(all.clone()),
        Values::Texts(texts) => Fitted::Categories(Categories::of(texts.iter().cloned())),
        Values::Numbers(numbers) => {
            let sample = &numbers.sample;
            match measure {
                Measure::KolmogorovSmirnov | Measure::Wasserstein => {
                    if sample.size() < BINNED_FROM {
                        return Ok(Fitted::Rows(sample.clone()));
                    }
                    let (least, greatest) = sample.range().unwrap_or_default();
                    // One value alone gets a bin of its own, as in any histogram of NumPy.
                    let edges = if least < greatest {
                        histogram::equal(least, greatest, BINS)
                    } else {
                        histogram::equal(least - 0.5, greatest + 0.5, BINS)
                    };
                    let below = cumulated(&shares_in(sample, &edges));
                    Fitted::Bins { edges, below }
                }
                _ => {
                    // NannyML casts to floating point, so that bins may be narrower than 1.
                    let edges = histogram::edges(sample, Rule::Doane, false).unwrap_or_default();
                    let shares = shares_in(sample, &edges);
                    Fitted::Histogram { edges, shares }
                }
            }
        }
    })
}

fn shares_in(sample: &Sample, edges: &[f64]) -> Vec<f64> {
    histogram::counts(sample, edges)
        .into_iter()
        .map(|count| count as f64 / sample.size() as f64)
        .collect()
}

fn cumulated(shares: &[f64]) -> Vec<f64> {
    shares
        .iter()
        .scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        })
        .collect()
}

/// The measure of a chunk, with its p-value where it is a test.
fn value(measure: Measure, fitted: &Fitted, chunk: &Values) -> (f64, Option<f64>) {
    if chunk.size() == 0 {
        return (f64::NAN, None);
    }
    let value = match (fitted, chunk) {
        (Fitted::Histogram { edges, shares }, Values::Numbers(numbers)) => {
            distance(measure, shares.clone(), shares_in(&numbers.sample, edges))
        }
        (Fitted::Rows(rows), Values::Numbers(numbers)) => {
            let sample = &numbers.sample;
            match measure {
                Measure::Wasserstein => wasserstein(rows, sample),
                _ => kolmogorov_smirnov::statistic(rows, sample),
            }
            .unwrap_or(f64::NAN)
        }
        (Fitted::Bins { edges, below }, Values::Numbers(numbers)) => match measure {
            Measure::Wasserstein => binned_wasserstein(edges, below, &numbers.sample),
            _ => binned_kolmogorov_smirnov(edges, below, &numbers.sample),
        },
        (Fitted::Categories(known), Values::Categories(categories)) => {
            return of_categories(measure, known, categories);
        }
        _ => f64::NAN,
    };
    (value, None)
}

fn of_categories(measure: Measure, known: &Categories, chunk: &Categories) -> (f64, Option<f64>) {
    let (n, m) = (known.size() as f64, chunk.size() as f64);
    match measure {
        Measure::Chi2 | Measure::LInfinity => {
            let pair = crate::preset::CategoryPair::of(known, chunk);
            if measure == Measure::LInfinity {
                let gaps = pair.baseline.iter().zip(&pair.window);
                let greatest = gaps
                    .map(|(a, b)| (*a as f64 / n - *b as f64 / m).abs())
                    .fold(0.0, f64::max);
                return (greatest, None);
            }
            chi_squared::contingency(&pair.baseline, &pair.window, true)
                .map_or((f64::NAN, None), |found| {
                    (found.statistic, Some(found.p_value))
                })
        }
        _ => {
            let (baseline, window) = known
                .counted()
                .map(|(value, count)| (count as f64 / n, chunk.count(value) as f64 / m))
                .unzip();
            (distance(measure, baseline, window), None)
        }
    }
}

/// A distance of shares; what the window has outside of the baseline's cells is one more
/// cell, empty in the baseline.
fn distance(measure: Measure, mut baseline: Vec<f64>, mut window: Vec<f64>) -> f64 {
    let rest = 1.0 - window.iter().sum::<f64>();
    if rest > 0.0 {
        baseline.push(0.0);
        window.push(rest);
    }
    if measure == Measure::Hellinger {
        let squares = baseline.iter().zip(&window);
        let sum: f64 = squares.map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
        return (sum / 2.0).sqrt();
    }
    let scaled = |shares: &[f64]| -> Vec<f64> {
        let sum: f64 = shares.iter().sum();
        shares.iter().map(|share| share / sum).collect()
    };
    jensen_shannon_distance(&scaled(&baseline), &scaled(&window)) / std::f64::consts::LN_2.sqrt()
}

fn binned_kolmogorov_smirnov(edges: &[f64], below: &[f64], sample: &Sample) -> f64 {
    let outside = sample.below(edges[0]) as f64 / sample.size() as f64;
    cumulated(&shares_in(sample, edges))
        .iter()
        .zip(below)
        .map(|(ours, theirs)| (theirs - (outside + ours)).abs())
        .fold(0.0, f64::max)
}

/// On the bins, plus what lies outside of them. A tail is weighed by its values and the
/// edge that it is measured from, which is one more than it has: as in NannyML.
fn binned_wasserstein(edges: &[f64], below: &[f64], sample: &Sample) -> f64 {
    let size = sample.size() as f64;
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    let low = Sample::of_counted(
        sample
            .counted()
            .filter(|(value, _)| *value < first)
            .chain([(first, 1)]),
    );
    let high = Sample::of_counted(
        sample
            .counted()
            .filter(|(value, _)| *value > last)
            .chain([(last, 1)]),
    );
    let tail = |side: &Sample, at_or_below: bool| {
        let (mut seen, mut before, mut area) = (0, None, 0.0);
        for (value, count) in side.counted() {
            if let Some(before) = before {
                let share = seen as f64 / side.size() as f64;
                area += (value - before) * if at_or_below { share } else { 1.0 - share };
            }
            seen += count;
            before = Some(value);
        }
        area
    };
    let weight = |side: &Sample| {
        if side.size() > 1 {
            side.size() as f64 / size
        } else {
            0.0
        }
    };
    let width = edges[1] - edges[0];
    let within: f64 = cumulated(&shares_in(sample, edges))
        .iter()
        .zip(below)
        .map(|(ours, theirs)| (theirs - (ours + weight(&low))).abs() * width)
        .sum();
    within + tail(&low, true) * weight(&low) + tail(&high, false) * weight(&high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: impl Iterator<Item = f64>) -> Column {
        Column::Numbers {
            values: values.collect(),
            whole: false,
            nan: 0,
        }
    }

    fn noisy(shift: f64) -> Column {
        numbers((0..2_000_u32).map(move |n| f64::from(n.wrapping_mul(2_654_435_761) >> 16) + shift))
    }

    #[test]
    fn a_shift_is_an_alert_in_every_chunk_and_the_baseline_in_none() {
        let shifted = compare(&noisy(0.0), &noisy(9e3), None, Chunks::default()).unwrap();
        assert_eq!(shifted.window.len(), 10);
        assert!(shifted.alerts.iter().all(|alert| *alert), "{shifted:?}");
        let same = compare(&noisy(0.0), &noisy(0.0), None, Chunks::default()).unwrap();
        assert!(!same.alerts.iter().any(|alert| *alert));
        assert_eq!(same.baseline, same.window);
    }

    #[test]
    fn a_chunk_without_values_is_no_number_and_no_alert() {
        let gap = numbers((0..100).map(|n| if n < 50 { f64::NAN } else { f64::from(n) }));
        let baseline = numbers((0..100).map(f64::from));
        let drift = compare(
            &baseline,
            &gap,
            Some(Measure::Wasserstein),
            Chunks::Size(50),
        )
        .unwrap();
        assert!(drift.window[0].is_nan() && !drift.alerts[0]);
    }

    #[test]
    fn infinities_are_refused() {
        let infinite = numbers([1.0, f64::INFINITY].into_iter());
        assert!(compare(&infinite, &infinite, None, Chunks::default()).is_err());
    }

    #[test]
    fn bins_and_rows_agree() {
        let many = |shift: f64| {
            let rows = 0..12_000_u32;
            numbers(rows.map(move |n| f64::from(n.wrapping_mul(2_654_435_761) >> 16) + shift))
        };
        for measure in [Measure::KolmogorovSmirnov, Measure::Wasserstein] {
            let binned = whole(&many(0.0), &many(3_000.0), measure).unwrap();
            let (Values::Numbers(a), Values::Numbers(b)) =
                (many(0.0).values(), many(3_000.0).values())
            else {
                panic!("numbers")
            };
            let exact = if measure == Measure::Wasserstein {
                wasserstein(&a.sample, &b.sample).unwrap()
            } else {
                kolmogorov_smirnov::statistic(&a.sample, &b.sample).unwrap()
            };
            assert!((binned / exact - 1.0).abs() < 0.01, "{binned} {exact}");
        }
    }
}
