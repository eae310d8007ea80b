//! Columns that move together are told once.

use crate::synthetic::normal;
use arrow_array::{ArrayRef, Float64Array};
use driftline_drift::{Block, Calibrator, ColumnKey, Profiles, Settings, companions};
use driftline_statistics::ColumnProfile;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::{collections::BTreeMap, sync::Arc};

/// A day of rows: `warm` and `felt` have the day's weather in common, `sold` has a day of its own.
fn day(rng: &mut ChaCha8Rng, shift: f64) -> Profiles {
    let (weather, trade) = (0.5 * normal(rng), 0.5 * normal(rng));
    let mut column = |name: &str, level: f64| {
        let values: Vec<f64> = (0..400).map(|_| normal(rng) + level + shift).collect();
        let array: ArrayRef = Arc::new(Float64Array::from(values));
        (ColumnKey::whole(name), ColumnProfile::of(&array, false))
    };
    [
        column("warm", weather),
        column("felt", weather),
        column("sold", trade),
    ]
    .into()
}

#[test]
fn what_moved_together_before_is_told_once_and_what_did_not_is_told_apart() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let blocks: Vec<Block> = (0..60)
        .map(|number| Block {
            start: Some(number * 86_400),
            hour_of_week: None,
            profiles: day(&mut rng, 0.0),
        })
        .collect();
    let settings = Settings {
        ordered_by_time: true,
        ..Settings::default()
    };
    let mut calibrator = Calibrator::new(&blocks, settings).unwrap();
    let judged = calibrator.judge(&day(&mut rng, 6.0), 1);
    let told = companions(&judged.card, &judged.measurements);
    let names: BTreeMap<&str, &str> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert!(
        names == [("felt", "warm")].into() || names == [("warm", "felt")].into(),
        "{names:?}"
    );
    let quiet = calibrator.judge(&day(&mut rng, 0.0), 1);
    assert!(companions(&quiet.card, &quiet.measurements).is_empty());
}
