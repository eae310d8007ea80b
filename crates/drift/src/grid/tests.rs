use super::*;
use crate::measure::kolmogorov_smirnov;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, NullArray, StringArray};
use proptest::prelude::*;
use std::sync::Arc;

fn numbers(values: impl IntoIterator<Item = Option<f64>>) -> ColumnProfile {
    let array: ArrayRef = Arc::new(Float64Array::from_iter(values));
    ColumnProfile::of(&array, false)
}

fn strings(values: &[&str], text: bool) -> ColumnProfile {
    let array: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    ColumnProfile::of(&array, text)
}

fn on_grid(baseline: &ColumnProfile, window: &ColumnProfile, measure: Measure) -> Option<f64> {
    let grid = Grid::from_baseline(baseline);
    let (b, w) = (grid.counts(baseline).unwrap(), grid.counts(window).unwrap());
    grid.value(measure, &b, &w)
}

#[test]
fn measures_of_order_equal_scipy_where_values_are_few() {
    // x = arange(1, 101), y = arange(1, 51) * 3 - 20, SciPy 1.17.1: ks_2samp(x, y);
    // wasserstein_distance of both clipped to [1, 100], x's 0.1 % and 99.9 %
    // quantiles, over x's interquartile range 50 (method "inverted_cdf").
    let x = numbers((1..101).map(|n| Some(f64::from(n))));
    let y = numbers((1..51).map(|n| Some(f64::from(n * 3 - 20))));
    let close = |measure, expected: f64| {
        let value = on_grid(&x, &y, measure).unwrap();
        assert!((value - expected).abs() < 1e-12, "{measure:?} {value}");
    };
    close(Measure::KolmogorovSmirnov, 0.21);
    close(Measure::Wasserstein, 0.1732);
    assert_eq!(on_grid(&x, &x, Measure::Wasserstein), Some(0.0));
    assert_eq!(
        on_grid(&x, &x, Measure::PopulationStabilityIndex),
        Some(0.0)
    );
}

#[test]
fn many_values_are_cut_at_quantiles_and_point_masses_stay_alone() {
    let spread = (0..5_000).map(|n| Some(f64::from(n) + 0.25));
    let baseline = numbers(spread.chain((0..500).map(|_| Some(77.0))));
    let grid = Grid::from_baseline(&baseline);
    assert!(grid.width() < 300, "{}", grid.width());
    let lump = grid.counts(&numbers([Some(77.0); 9])).unwrap();
    assert_eq!(lump.cells.iter().filter(|&&n| n > 0).count(), 1);
    let Grid::Numeric(numeric) = &grid else {
        panic!("numbers have a numeric grid")
    };
    let cell = lump.cells.iter().position(|&n| n > 0).unwrap() - SPECIAL;
    assert_eq!(numeric.range(cell, cell), "77");
}

#[test]
fn outside_the_baseline_is_counted_below_and_above() {
    let grid = Grid::from_baseline(&numbers((0..100).map(|n| Some(f64::from(n)))));
    let window = numbers([
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(-1e300),
        Some(1e300),
        Some(50.5),
    ]);
    let counts = grid.counts(&window).unwrap().cells;
    assert_eq!((counts[NULL], counts[NON_FINITE]), (1, 2));
    assert_eq!((counts[SPECIAL], *counts.last().unwrap()), (1, 1));
    assert_eq!(counts.iter().sum::<u64>(), 6);
}

#[test]
fn deciles_of_the_baseline_hold_a_tenth_each() {
    let baseline = numbers((0..2_000).map(|n| Some(f64::from(n))));
    let grid = Grid::from_baseline(&baseline);
    let Grid::Numeric(numeric) = &grid else {
        panic!("numbers have a numeric grid")
    };
    let bins = numeric.bins(&grid.counts(&baseline).unwrap().cells);
    assert_eq!(bins[..2], [0, 0]);
    assert_eq!(bins.len(), 12);
    // Past 1,024 values a profile is a sketch, whose ranks err by 0.55 %.
    assert!(bins[2..].iter().all(|n| n.abs_diff(200) <= 22), "{bins:?}");
}

#[test]
fn a_category_that_is_new_is_counted_as_other() {
    let grid = Grid::from_baseline(&strings(&["a", "b", "a"], false));
    let window = strings(&["a", "c", "d"], false);
    let counts = grid.counts(&window).unwrap();
    assert_eq!(counts.cells, [0, 2, 1, 0]);
    let baseline = grid.counts(&strings(&["a", "b", "a"], false)).unwrap();
    let evidence = grid.evidence(Measure::LInfinity, &baseline, &counts, 2);
    assert_eq!(evidence[0].label, "other");
    assert!((evidence[0].contribution - 2.0 / 3.0).abs() < 1e-12);
}

#[test]
fn a_category_that_a_draw_has_never_seen_is_folded_as_a_new_one() {
    let grid = Grid::from_baseline(&strings(&["a", "b", "a"], false));
    let baseline = Counts {
        cells: vec![0, 0, 2, 0],
        units: vec![],
    };
    let mut window = Counts {
        cells: vec![0, 0, 1, 4],
        units: vec![],
    };
    grid.fold_unseen(&baseline, &mut window);
    assert_eq!(window.cells, [0, 4, 1, 0]);
}

#[test]
fn evidence_adds_up_to_the_value() {
    let x = numbers((0..500).map(|n| Some(f64::from(n))));
    let y = numbers((0..500).map(|n| Some(f64::from(n) * 0.5)));
    let grid = Grid::from_baseline(&x);
    let (b, w) = (grid.counts(&x).unwrap(), grid.counts(&y).unwrap());
    let measure = Measure::PopulationStabilityIndex;
    let sum: f64 = grid
        .evidence(measure, &b, &w, 99)
        .iter()
        .map(|e| e.contribution)
        .sum();
    // Bins that are empty on both sides are not told, and add next to nothing.
    assert!((sum - grid.value(measure, &b, &w).unwrap()).abs() < 1e-3);
}

#[test]
fn another_kind_of_values_does_not_fit() {
    let grid = Grid::from_baseline(&numbers([Some(1.0)]));
    assert_eq!(grid.counts(&strings(&["a"], false)), None);
    let nulls: ArrayRef = Arc::new(NullArray::new(4));
    let counts = grid.counts(&ColumnProfile::of(&nulls, false)).unwrap();
    assert_eq!((counts.rows(), counts.nulls()), (4, 4));
}

#[test]
fn a_constant_a_boolean_and_no_rows_have_grids() {
    let constant = numbers([Some(3.0); 50]);
    assert_eq!(
        on_grid(&constant, &constant, Measure::KolmogorovSmirnov),
        Some(0.0)
    );
    assert_eq!(
        on_grid(&constant, &numbers([Some(4.0)]), Measure::KolmogorovSmirnov),
        Some(1.0)
    );
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true]));
    let flags = ColumnProfile::of(&flags, false);
    assert_eq!(on_grid(&flags, &flags, Measure::JensenShannon), Some(0.0));
    let empty = numbers([]);
    assert_eq!(on_grid(&empty, &constant, Measure::KolmogorovSmirnov), None);
    assert_eq!(
        on_grid(&constant, &empty, Measure::PopulationStabilityIndex),
        None
    );
    assert_eq!(on_grid(&empty, &empty, Measure::NullShare), None);
}

#[test]
fn numbers_are_written_short() {
    for (value, text) in [
        (3.0, "3"),
        (-0.25, "-0.25"),
        (1234.5678, "1234.57"),
        (1.0 / 3.0, "0.333333"),
        (1.5e-9, "1.50000e-9"),
        (1e300, "1.00000e300"),
    ] {
        assert_eq!(number(value), text);
    }
}

fn any_number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (-1e3..1e3_f64).prop_map(Some),
        3 => (-4..4_i32).prop_map(|n| Some(n.into())),
        1 => Just(None),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE)].prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn every_row_is_counted_once(
        baseline in prop::collection::vec(any_number(), 0..1_500),
        window in prop::collection::vec(any_number(), 0..300),
    ) {
        let grid = Grid::from_baseline(&numbers(baseline.clone()));
        for values in [baseline, window] {
            let rows = values.len() as u64;
            let counts = grid.counts(&numbers(values)).unwrap();
            prop_assert_eq!(counts.rows(), rows);
            prop_assert_eq!(counts.cells.len(), grid.width());
        }
    }

    #[test]
    fn every_measure_of_numbers_is_finite(
        baseline in prop::collection::vec(any_number(), 0..600),
        window in prop::collection::vec(any_number(), 0..100),
    ) {
        let (baseline, window) = (numbers(baseline), numbers(window));
        for role in [Role::Numeric, Role::Share] {
            for &(measure, _) in role.measures() {
                if let Some(value) = on_grid(&baseline, &window, measure) {
                    prop_assert!(value.is_finite(), "{measure:?} {value}");
                }
            }
        }
    }

    #[test]
    fn the_grid_keeps_ks_within_a_cell(
        baseline in prop::collection::vec(-100.0..100.0_f64, 300..900),
        window in prop::collection::vec(-120.0..120.0_f64, 50..300),
    ) {
        let (x, y) = (numbers(baseline.into_iter().map(Some)), numbers(window.into_iter().map(Some)));
        let grid = on_grid(&x, &y, Measure::KolmogorovSmirnov).unwrap();
        let exact = kolmogorov_smirnov::of_distributions(
            &x.numeric().unwrap().quantiles(),
            &y.numeric().unwrap().quantiles(),
        )
        .unwrap();
        prop_assert!(grid <= exact + 1e-12);
        // A cell holds 1/256 of the baseline, and some of the window besides.
        prop_assert!(grid >= exact - 0.1, "{grid} {exact}");
    }
}
