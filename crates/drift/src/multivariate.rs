//! Drift of several columns together: what no column shows by itself, such as a relation that broke.
//!
//! Three measures on samples of rows, the baseline's against the window's. None of them is zero where
//! nothing changed, and rows of one week are told from those of a year whenever weeks differ at all, so none
//! has a limit of its own: a window is judged by what the baseline's own windows show
//! ([`WindowNull`](crate::WindowNull)).
//!
//! - [`Measure::DomainClassifier`]: boosted trees that have not seen a row say which side it is of
//!   (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests").
//! - [`Measure::ReconstructionError`]: principal components of the baseline rebuild the window's rows (Jackson
//!   and Mudholkar 1979, "Control procedures for residuals associated with principal component analysis").
//! - [`Measure::MaximumMeanDiscrepancy`]: distance of the means of random Fourier features (Gretton and
//!   others 2012, "A kernel two-sample test"; Rahimi and Recht 2007, "Random features for large-scale kernel
//!   machines"), for embeddings.

use crate::{
    Evidence, Measure,
    preset::{
        Column, Kind,
        nannyml::{domain_classifier, reconstruction},
    },
};
use arrow_array::{Array, ArrayRef, cast::AsArray};
use arrow_schema::DataType;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Spread of the logarithm of these measures that is assumed at least: 0.01 of an area of ½.
pub const LEAST_SPREAD: f64 = 0.02;

/// Columns that are told of a window.
const TOLD: usize = 5;
/// Random features; the distance has a relative error of some 1 / √256.
const FEATURES: usize = 256;
/// Rows of the baseline whose distances give the width of the kernel.
const WIDTH_ROWS: usize = 200;
/// Errors below this part of a standard deviation are none.
const LEAST_ERROR: f64 = 1e-3;

/// A column, or one number of an embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name: that of the column.
    pub name: String,
    /// The rows.
    pub values: Column,
}

impl Feature {
    /// What a column gives: itself where it holds numbers or categories, its numbers one by one where
    /// it holds lists of numbers of one length. `None` for other types, and lists of several lengths.
    pub fn of(name: &str, values: &ArrayRef) -> Option<Vec<Self>> {
        let feature = |values| Self {
            name: name.to_owned(),
            values,
        };
        let kind = |array: &ArrayRef| Kind::of(array.data_type());
        if let Some(kind) = kind(values) {
            let mut column = Column::of(std::slice::from_ref(values), kind).ok()?;
            no_infinities(&mut column);
            return Some(vec![feature(column)]);
        }
        let lists = embeddings(values)?;
        let width = lists.iter().flatten().map(|list| list.len()).next()?;
        let same = |list: &Option<ArrayRef>| list.as_ref().is_none_or(|list| list.len() == width);
        if width == 0 || !lists.iter().all(same) {
            return None;
        }
        let mut columns = vec![Vec::with_capacity(lists.len()); width];
        for list in lists {
            let numbers = match list {
                Some(list) => match Column::of(&[list], Kind::Numeric).ok()? {
                    Column::Numbers { values, .. } => values,
                    _ => return None,
                },
                None => vec![f64::NAN; width],
            };
            for (column, number) in columns.iter_mut().zip(numbers) {
                column.push(number);
            }
        }
        let numbers = columns.into_iter().map(|values| {
            let mut column = Column::Numbers {
                values,
                whole: false,
                nan: 0,
            };
            no_infinities(&mut column);
            feature(column)
        });
        Some(numbers.collect())
    }
}

/// The list of each row.
fn embeddings(values: &ArrayRef) -> Option<Vec<Option<ArrayRef>>> {
    let is_number = |field: &DataType| Kind::of(field) == Some(Kind::Numeric);
    match values.data_type() {
        DataType::FixedSizeList(field, _) if is_number(field.data_type()) => {
            Some(values.as_fixed_size_list().iter().collect())
        }
        DataType::List(field) if is_number(field.data_type()) => {
            Some(values.as_list::<i32>().iter().collect())
        }
        DataType::LargeList(field) if is_number(field.data_type()) => {
            Some(values.as_list::<i64>().iter().collect())
        }
        _ => None,
    }
}

/// Takes infinities for no value, as one of them would hide all other rows.
fn no_infinities(column: &mut Column) {
    if let Column::Numbers { values, .. } = column {
        for value in values.iter_mut().filter(|value| value.is_infinite()) {
            *value = f64::NAN;
        }
    }
}

/// A measure of several columns, and which of them it rests on; `None` where a side has too few rows, or
/// for a measure that is not of several columns.
///
/// Both sides have the same columns in the same order. Evidence is by column, the most telling first:
/// the share of what the trees won by it, the shares of the squared error on both sides, or the
/// distance of the means in standard deviations of the baseline.
pub fn compare(
    measure: Measure,
    baseline: &[Feature],
    window: &[Feature],
) -> Option<(f64, Vec<Evidence>)> {
    let values = |side: &[Feature]| -> Vec<Column> {
        side.iter().map(|feature| feature.values.clone()).collect()
    };
    let (ours, theirs) = (values(baseline), values(window));
    let (value, parts) = match measure {
        Measure::DomainClassifier => {
            let apart = domain_classifier::told_apart(&ours, &theirs)?;
            let all = apart.gains.iter().sum::<f64>().max(1e-300);
            let parts = apart.gains.iter().map(|gain| (0.0, gain / all));
            (apart.area, parts.collect())
        }
        Measure::ReconstructionError => {
            let [ours, theirs] = reconstruction::rebuilt(&ours, &theirs)?;
            let error = |side: f64| side.max(LEAST_ERROR);
            let parts = ours.shares.into_iter().zip(theirs.shares);
            (error(theirs.mean) / error(ours.mean), parts.collect())
        }
        Measure::MaximumMeanDiscrepancy => {
            let sides = reconstruction::standardised(&ours, &theirs)?;
            mean_discrepancy(&sides)
        }
        _ => return None,
    };
    Some((value, evidence(baseline, parts)))
}

/// The columns of the greatest parts, of the baseline and the window; the numbers of one embedding are
/// one column.
fn evidence(features: &[Feature], parts: Vec<(f64, f64)>) -> Vec<Evidence> {
    let mut columns: Vec<Evidence> = Vec::new();
    for (feature, (baseline, window)) in features.iter().zip(parts) {
        match columns.last_mut().filter(|last| last.label == feature.name) {
            Some(last) => {
                last.baseline_share += baseline;
                last.window_share += window;
                last.contribution += window - baseline;
            }
            None => columns.push(Evidence {
                label: feature.name.clone(),
                cell: None,
                baseline_count: 0,
                window_count: 0,
                baseline_share: baseline,
                window_share: window,
                contribution: window - baseline,
            }),
        }
    }
    columns.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    columns.truncate(TOLD);
    columns
}

/// The distance of the means in the space of a Gaussian kernel, and for each column the distance of its
/// means.
///
/// The kernel is as wide as the median distance of rows of the baseline. The features' seed is always
/// the same, so that every window is measured by the same ones.
fn mean_discrepancy([ours, theirs]: &[DMatrix<f64>; 2]) -> (f64, Vec<(f64, f64)>) {
    let width = median_distance(ours);
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut squares = 0.0;
    for _ in 0..FEATURES {
        let direction: Vec<f64> = (0..ours.ncols())
            .map(|_| normal(&mut random) / width)
            .collect();
        let shift = random.random::<f64>() * std::f64::consts::TAU;
        let mean = |side: &DMatrix<f64>| {
            let waves = side.row_iter().map(|row| {
                let along = row.iter().zip(&direction).map(|(x, w)| x * w);
                (along.sum::<f64>() + shift).cos()
            });
            waves.sum::<f64>() / side.nrows() as f64
        };
        squares += 2.0 / FEATURES as f64 * (mean(ours) - mean(theirs)).powi(2);
    }
    let means = ours.column_iter().zip(theirs.column_iter());
    let parts = means.map(|(ours, theirs)| (0.0, (ours.mean() - theirs.mean()).abs()));
    (squares.sqrt(), parts.collect())
}

/// The median distance of the first rows from each other; 1 where they are all the same.
fn median_distance(rows: &DMatrix<f64>) -> f64 {
    let few = rows.nrows().min(WIDTH_ROWS);
    let mut distances: Vec<f64> = (0..few)
        .flat_map(|a| (0..a).map(move |b| (a, b)))
        .map(|(a, b)| (rows.row(a) - rows.row(b)).norm())
        .filter(|distance| *distance > 0.0)
        .collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(1.0)
}

/// A number of the standard normal distribution (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (random.random::<f64>() * std::f64::consts::TAU).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{FixedSizeListArray, Float64Array, ListArray, StringArray, types::Int32Type};
    use arrow_schema::Field;
    use std::sync::Arc;

    const MEASURES: [Measure; 3] = [
        Measure::DomainClassifier,
        Measure::ReconstructionError,
        Measure::MaximumMeanDiscrepancy,
    ];

    /// Three columns that follow one another, unless the relation is broken.
    fn side(seed: u64, broken: bool) -> Vec<Feature> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let x: Vec<f64> = (0..1_000).map(|_| normal(&mut random)).collect();
        let y: Vec<f64> = match broken {
            true => (0..1_000).map(|_| normal(&mut random)).collect(),
            false => x.iter().map(|x| x + 0.1 * normal(&mut random)).collect(),
        };
        let word: Vec<&str> = x
            .iter()
            .map(|x| if *x > 0.0 { "up" } else { "down" })
            .collect();
        let columns: [(&str, ArrayRef); 3] = [
            ("x", Arc::new(Float64Array::from(x))),
            ("y", Arc::new(Float64Array::from(y))),
            ("word", Arc::new(StringArray::from(word))),
        ];
        let features = columns
            .iter()
            .map(|(name, values)| Feature::of(name, values));
        features.flat_map(Option::unwrap).collect()
    }

    #[test]
    fn a_broken_relation_is_seen_though_each_column_is_as_before() {
        for measure in MEASURES {
            let of = |window: &[Feature]| compare(measure, &side(1, false), window).unwrap();
            let usual: Vec<f64> = (2..6).map(|seed| of(&side(seed, false)).0).collect();
            let most = usual.iter().copied().fold(0.0, f64::max);
            let (broken, evidence) = of(&side(9, true));
            assert!(broken > 1.15 * most, "{measure:?}: {broken} of {usual:?}");
            assert_eq!(evidence.len(), 3, "{measure:?}");
        }
    }

    #[test]
    fn two_rows_measure_as_far_apart_as_the_kernel_says() {
        // One row a side at distance 1, where the kernel's width is 1: √(2 − 2 exp(−½)).
        let at = |x: f64| DMatrix::from_element(1, 1, x);
        let (distance, _) = mean_discrepancy(&[at(0.0), at(1.0)]);
        let exact = (2.0 - 2.0 * (-0.5_f64).exp()).sqrt();
        assert!((distance - exact).abs() < 0.1, "{distance} {exact}");
    }

    #[test]
    fn an_embedding_is_its_numbers_and_one_column_of_evidence() {
        let embedding = |shift: f64| -> ArrayRef {
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let mut numbers = |_| normal(&mut random) + shift;
            let values: Vec<f64> = (0..4_000).map(&mut numbers).collect();
            let field = Arc::new(Field::new_list_field(DataType::Float64, true));
            let values = Arc::new(Float64Array::from(values));
            Arc::new(FixedSizeListArray::new(field, 8, values, None))
        };
        let [ours, theirs] =
            [0.0, 0.5].map(|shift| Feature::of("code", &embedding(shift)).unwrap());
        assert_eq!(ours.len(), 8);
        for measure in MEASURES {
            let (_, evidence) = compare(measure, &ours, &theirs).unwrap();
            assert_eq!(evidence.len(), 1);
            assert_eq!(evidence[0].label, "code");
        }
        let ragged: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(1)]),
        ]));
        assert!(Feature::of("ragged", &ragged).is_none());
    }

    #[test]
    fn nothing_infinity_and_few_rows_are_no_panic() {
        let numbers = |values: Vec<Option<f64>>| -> Vec<Feature> {
            Feature::of("x", &(Arc::new(Float64Array::from(values)) as ArrayRef)).unwrap()
        };
        let nothing = numbers(vec![None; 50]);
        let infinite = numbers(
            (0..50)
                .map(|n| Some(f64::INFINITY / f64::from(n % 2)))
                .collect(),
        );
        let constant = numbers(vec![Some(1.0); 50]);
        let empty = numbers(Vec::new());
        for measure in MEASURES {
            for ours in [&nothing, &infinite, &constant] {
                for theirs in [&nothing, &infinite, &constant] {
                    let found = compare(measure, ours, theirs);
                    assert!(
                        found.is_some_and(|(value, _)| value.is_finite()),
                        "{measure:?}"
                    );
                }
                assert!(compare(measure, ours, &empty).is_none());
                assert!(compare(measure, &empty, ours).is_none());
            }
        }
    }
}
