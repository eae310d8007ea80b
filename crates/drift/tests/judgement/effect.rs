//! What fails matters, whatever the number of rows.

use crate::synthetic::normal;
use arrow_array::{ArrayRef, Float64Array, StringArray};
use driftline_drift::{
    Block, Calibrator, ColumnKey, ColumnSettings, Judgement, Measure, Measurement, Profiles, Role,
    Settings,
};
use driftline_statistics::ColumnProfile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// A column, and how its rows are drawn with a shift in them.
struct Kind {
    measure: Measure,
    role: Option<Role>,
    /// The least effect, and the shifts whose effects are twice and half of that.
    least: f64,
    twice: f64,
    half: f64,
    rows: fn(&mut ChaCha8Rng, usize, f64) -> ArrayRef,
}

fn normals(rng: &mut ChaCha8Rng, rows: usize, shift: f64) -> ArrayRef {
    let values = (0..rows).map(|_| normal(rng) + shift);
    Arc::new(Float64Array::from_iter_values(values.collect::<Vec<_>>()))
}

/// A twentieth of the rows without a value, and so many more.
fn nulls(rng: &mut ChaCha8Rng, rows: usize, shift: f64) -> ArrayRef {
    let values = (0..rows).map(|_| (rng.random::<f64>() >= 0.05 + shift).then_some(1.0));
    Arc::new(Float64Array::from_iter(values.collect::<Vec<_>>()))
}

/// `a` in 0.4 of the rows and in so many more, `b` in 0.3 and in so many fewer, else `c`.
fn letters(rng: &mut ChaCha8Rng, rows: usize, shift: f64) -> ArrayRef {
    let values = (0..rows).map(|_| match rng.random::<f64>() {
        x if x < 0.4 + shift => "a",
        x if x < 0.7 => "b",
        _ => "c",
    });
    Arc::new(StringArray::from_iter_values(values.collect::<Vec<_>>()))
}

/// Uniform up to 0.4, so 0.2 on average, and so much more.
fn shares(rng: &mut ChaCha8Rng, rows: usize, shift: f64) -> ArrayRef {
    let values = (0..rows).map(|_| rng.random::<f64>() * 0.4 + shift);
    Arc::new(Float64Array::from_iter_values(values.collect::<Vec<_>>()))
}

/// Of KS: d with 2 Φ(d / 2) − 1 = effect; of PSI and Jensen–Shannon: by bisection of their
/// definitions over ten equally likely bins of a normal and over the shares (Python 3.11,
/// `statistics.NormalDist`).
const KINDS: [Kind; 6] = [
    Kind {
        measure: Measure::KolmogorovSmirnov,
        role: None,
        least: 0.1,
        twice: 0.506_694,
        half: 0.125_414,
        rows: normals,
    },
    Kind {
        measure: Measure::PopulationStabilityIndex,
        role: None,
        least: 0.2,
        twice: 0.650_484,
        half: 0.323_474,
        rows: normals,
    },
    Kind {
        measure: Measure::NullShare,
        role: None,
        least: 0.06,
        twice: 0.12,
        half: 0.03,
        rows: nulls,
    },
    Kind {
        measure: Measure::LInfinity,
        role: None,
        least: 0.13,
        twice: 0.26,
        half: 0.065,
        rows: letters,
    },
    Kind {
        measure: Measure::JensenShannon,
        role: None,
        least: 0.02,
        twice: 0.178_588,
        half: 0.094_424,
        rows: letters,
    },
    Kind {
        measure: Measure::MeanIncrease,
        role: Some(Role::Share),
        least: 0.03,
        twice: 0.06,
        half: 0.015,
        rows: shares,
    },
];

fn one(array: ArrayRef) -> Profiles {
    [(ColumnKey::whole("x"), ColumnProfile::of(&array, false))].into()
}

impl Kind {
    fn calibrator(&self, days: usize, rows: usize) -> Calibrator {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let blocks: Vec<Block> = (0..days)
            .map(|_| Block {
                profiles: one((self.rows)(&mut rng, rows, 0.0)),
                ..Block::default()
            })
            .collect();
        let column = ColumnSettings {
            role: self.role,
            min_effect: [(self.measure, self.least)].into(),
        };
        let settings = Settings {
            draws: 299,
            columns: [("x".to_owned(), column)].into(),
            ..Settings::default()
        };
        Calibrator::new(&blocks, settings).expect("the blocks are enough")
    }

    fn judged(
        &self,
        calibrator: &mut Calibrator,
        rng: &mut ChaCha8Rng,
        (rows, shift): (usize, f64),
    ) -> Measurement {
        let window = one((self.rows)(rng, rows, shift));
        let judged = calibrator.judge(&window, 1).measurements;
        let of = judged.into_iter().find(|m| m.measure == self.measure);
        of.expect("the column is measured so")
    }
}

/// Windows of 16,000 rows, and of one in twenty of them.
#[test]
fn twice_the_least_effect_fails_and_half_of_it_passes_at_any_number_of_rows() {
    const WINDOWS: usize = 8;
    for kind in KINDS {
        let mut calibrator = kind.calibrator(30, 8_000);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for rows in [16_000, 800] {
            let mut of = |shift: f64, wanted: Judgement| {
                let windows = (0..WINDOWS).map(|_| {
                    kind.judged(&mut calibrator, &mut rng, (rows, shift))
                        .judgement
                });
                let judgements: Vec<Judgement> = windows.collect();
                let right = judgements.iter().filter(|j| **j == wanted).count();
                assert!(
                    right + 1 >= WINDOWS,
                    "{} at {rows} rows: {judgements:?}",
                    kind.measure.name()
                );
            };
            of(kind.twice, Judgement::Fail);
            of(kind.half, Judgement::Pass);
        }
    }
}

/// Of 200 windows of 500 rows, the bound is above what it bounds in 10 by its statement;
/// 18 or more would be seen in 1 of 100 such tests (binomial).
#[test]
fn the_lower_bound_of_an_effect_is_below_it_as_often_as_it_says() {
    for kind in KINDS {
        let mut calibrator = kind.calibrator(40, 2_000);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let truth = 2.0 * kind.least;
        let lower: Vec<f64> = (0..200)
            .map(|_| {
                let judged = kind.judged(&mut calibrator, &mut rng, (500, kind.twice));
                judged.effect_lower.expect("it is significant")
            })
            .collect();
        let above = lower.iter().filter(|lower| **lower > truth).count();
        assert!(above <= 17, "{}: {above} of 200", kind.measure.name());
        let mean = lower.iter().sum::<f64>() / 200.0;
        assert!(mean > 0.6 * truth, "{}: {mean}", kind.measure.name());
    }
}

/// Days that differ by more than their rows do make the same window less certain.
#[test]
fn noise_of_days_widens_the_bound() {
    let bound = |effect: f64| {
        let mut days = crate::synthetic::Days::new(5, 1);
        days.effect = effect;
        let settings = Settings {
            draws: 299,
            ..Settings::default()
        };
        let mut calibrator = Calibrator::new(&days.next_days(80), settings).unwrap();
        days.effect = 0.0;
        days.shift = 2.0;
        let judged = calibrator.judge(&days.next_day().profiles, 1).measurements;
        let ks = judged
            .into_iter()
            .find(|m| m.measure == Measure::KolmogorovSmirnov);
        let ks = ks.unwrap();
        (ks.value.unwrap(), ks.effect_lower.unwrap())
    };
    let ((quiet, quiet_lower), (noisy, noisy_lower)) = (bound(0.0), bound(0.4));
    assert!(
        quiet - quiet_lower < noisy - noisy_lower,
        "{quiet_lower} {noisy_lower}"
    );
}

/// A baseline of a few days has no limits, but days that differ are seen to differ.
#[test]
fn days_of_a_short_baseline_that_differ_are_no_effect() {
    let mut days = crate::synthetic::Days::new(8, 1);
    days.effect = 1.0;
    let mut calibrator = Calibrator::new(&days.next_days(6), Settings::default()).unwrap();
    let warnings = (0..20)
        .map(|_| calibrator.judge(&days.next_day().profiles, 1).measurements)
        .filter(|judged| judged.iter().any(Measurement::is_warning))
        .count();
    assert!(warnings <= 4, "{warnings} of 20");
    days.shift = 8.0;
    let far = calibrator.judge(&days.next_day().profiles, 1).measurements;
    assert!(far.iter().any(Measurement::is_warning));
}
