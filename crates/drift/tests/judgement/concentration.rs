//! Drift of a part of the rows is told to be there.

use crate::synthetic::normal;
use arrow_array::{ArrayRef, Float64Array};
use driftline_drift::{
    Block, Calibrator, ColumnKey, Concentration, Measure, Profiles, Settings, SlicedProfiles,
};
use driftline_statistics::ColumnProfile;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const SLICES: usize = 8;

fn profile(values: Vec<f64>) -> ColumnProfile {
    let array: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
    ColumnProfile::of(&array, false)
}

fn merged(parts: &[ColumnProfile]) -> ColumnProfile {
    let (first, others) = parts.split_first().expect("there are parts");
    others.iter().fold(first.clone(), |mut all, part| {
        all.merge(part).expect("parts are alike");
        all
    })
}

/// Rows of eight slices, each with a shift of its own.
fn slices(rng: &mut ChaCha8Rng, rows: usize, shift: impl Fn(usize) -> f64) -> Vec<ColumnProfile> {
    let mut of = |slice| {
        let values = (0..rows).map(|_| ((normal(rng) + shift(slice)) * 20.0).round());
        profile(values.collect())
    };
    (0..SLICES).map(&mut of).collect()
}

fn one(profile: ColumnProfile) -> Profiles {
    [(ColumnKey::whole("x"), profile)].into()
}

fn found(shift: impl Fn(usize) -> f64) -> Vec<Concentration> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let days: Vec<Vec<ColumnProfile>> = (0..40).map(|_| slices(&mut rng, 200, |_| 0.0)).collect();
    let blocks: Vec<Block> = days
        .iter()
        .map(|day| Block {
            profiles: one(merged(day)),
            ..Block::default()
        })
        .collect();
    let settings = Settings {
        draws: 299,
        ..Settings::default()
    };
    let mut calibrator = Calibrator::new(&blocks, settings).expect("the blocks are enough");
    let window = slices(&mut rng, 200, shift);
    let whole = merged(&window);
    let judged = calibrator.judge(&one(whole.clone()), 1).measurements;
    let ks = judged
        .iter()
        .find(|m| m.measure == Measure::KolmogorovSmirnov)
        .expect("numbers are judged by it");
    assert!(ks.is_significant(), "{ks:?}");
    let sliced: Vec<SlicedProfiles> = (0..SLICES)
        .map(|slice| SlicedProfiles {
            slice: format!("shop={slice}"),
            baseline: merged(
                &days
                    .iter()
                    .map(|day| day[slice].clone())
                    .collect::<Vec<_>>(),
            ),
            window: window[slice].clone(),
        })
        .collect();
    calibrator.concentrations(ks, &whole, &sliced)
}

#[test]
fn one_shop_that_moves_is_named() {
    let found = found(|slice| if slice == 5 { 3.0 } else { 0.0 });
    let [shop] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!((shop.slice.as_str(), shop.window_rows), ("shop=5", 200));
    assert!(
        (shop.window_share - 0.125).abs() < 1e-12 && (shop.baseline_share - 0.125).abs() < 1e-12
    );
    // 2 Φ(1.5) − 1 = 0.866 in it, noise elsewhere.
    assert!(
        (shop.value - 0.866).abs() < 0.1 && shop.rest < 0.06,
        "{shop:?}"
    );
}

#[test]
fn drift_that_is_everywhere_is_in_no_slice() {
    assert_eq!(found(|_| 0.7), []);
}
