//! What fails, what warns and what is never judged.

use crate::synthetic::{Days, normal, window_of};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, NullArray, StringArray};
use driftline_drift::{
    Basis, Block, Calibrator, ColumnKey, ColumnSettings, DriftError, Judgement, Measure,
    Measurement, NotCalibrated, Profiles, Role, Settings, Skipped,
};
use driftline_statistics::ColumnProfile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

fn settings() -> Settings {
    Settings {
        draws: 299,
        ..Settings::default()
    }
}

/// Settings that state one least effect for a column.
fn stating(column: &str, measure: Measure, effect: f64) -> Settings {
    let column_settings = ColumnSettings {
        min_effect: [(measure, effect)].into(),
        ..ColumnSettings::default()
    };
    Settings {
        columns: [(column.to_owned(), column_settings)].into(),
        ..settings()
    }
}

fn find<'a>(measurements: &'a [Measurement], column: &str, measure: Measure) -> &'a Measurement {
    measurements
        .iter()
        .find(|m| m.column == column && m.measure == measure)
        .expect("the column is measured so")
}

fn fails(measurements: &[Measurement]) -> bool {
    measurements.iter().any(|m| m.judgement == Judgement::Fail)
}

fn of(array: impl arrow_array::Array + 'static) -> ColumnProfile {
    let array: ArrayRef = Arc::new(array);
    ColumnProfile::of(&array, false)
}

fn one(profile: ColumnProfile) -> Profiles {
    [(ColumnKey::whole("x"), profile)].into()
}

/// Days of one column of independent normal numbers.
fn normal_days(seed: u64, days: usize, rows: usize, shift: f64) -> Vec<Block> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut day = || {
        let values = (0..rows).map(|_| ((normal(&mut rng) + shift) * 50.0).round());
        Block {
            profiles: one(of(Float64Array::from_iter_values(values))),
            ..Block::default()
        }
    };
    (0..days).map(|_| day()).collect()
}

/// A normal shift by d moves KS by 2 Φ(d/2) − 1: 0.1 for d = 0.2513 and 0.025 for
/// d = 0.0627, twice and half the least effect of 0.05 (SciPy: 2 * norm.cdf(d / 2) − 1).
#[test]
fn twice_the_least_effect_fails_and_half_of_it_does_not() {
    let mut calibrator = Calibrator::new(&normal_days(1, 60, 2_000, 0.0), settings()).unwrap();
    for rows in [2_000, 20_000] {
        let window = |shift| window_of(&normal_days(2, 1, rows, shift));
        let twice = calibrator.judge(&window(0.2513), 1).measurements;
        let ks = find(&twice, "x", Measure::KolmogorovSmirnov);
        assert_eq!(ks.judgement, Judgement::Fail, "{rows} {ks:?}");
        let half = calibrator.judge(&window(0.0627), 1).measurements;
        assert!(!fails(&half), "{rows}");
        assert!(
            !fails(&calibrator.judge(&window(0.0), 1).measurements),
            "{rows}"
        );
    }
}

#[test]
fn a_failing_measurement_can_be_redone_by_hand() {
    let mut calibrator = Calibrator::new(&normal_days(1, 60, 500, 0.0), settings()).unwrap();
    let judged = calibrator.judge(&window_of(&normal_days(2, 1, 500, 1.0)), 1);
    let m = find(&judged.measurements, "x", Measure::PopulationStabilityIndex);
    assert_eq!(m.judgement, Judgement::Fail);
    assert!(m.value > m.threshold && m.p_value <= judged.card.limit);
    assert_eq!((m.baseline_rows, m.window_rows), (30_000, 500));
    let added: f64 = m.evidence.iter().map(|e| e.contribution).sum();
    assert!(
        (added - m.value.unwrap()).abs() < 0.01,
        "the ten bins are told, and they add up"
    );
    let again = judged.card.test(&ColumnKey::whole("x"), m.measure).unwrap();
    assert_eq!(Some(again.p_value(m.value.unwrap())), m.p_value);
    assert_eq!(again.draws.len(), 299);
}

#[test]
fn ten_rows_give_no_alarm_however_far_they_are() {
    let mut calibrator = Calibrator::new(&normal_days(1, 60, 100, 0.0), settings()).unwrap();
    let judged = calibrator.judge(&window_of(&normal_days(2, 1, 10, 50.0)), 1);
    for m in &judged.measurements {
        assert_eq!(
            m.judgement,
            Judgement::Skipped {
                reason: Skipped::TooFewRows
            }
        );
        assert!(m.value.is_some(), "the value is shown all the same");
    }
}

#[test]
fn a_small_window_with_a_stated_effect_is_under_powered_and_does_not_pass() {
    let settings = stating("x", Measure::KolmogorovSmirnov, 0.01);
    let mut calibrator = Calibrator::new(&normal_days(1, 60, 100, 0.0), settings).unwrap();
    let measurements = calibrator
        .judge(&window_of(&normal_days(5, 1, 60, 0.0)), 1)
        .measurements;
    let ks = find(&measurements, "x", Measure::KolmogorovSmirnov);
    assert_eq!(ks.judgement, Judgement::UnderPowered);
    assert!(ks.least_detectable_effect > Some(0.01));
    let psi = find(&measurements, "x", Measure::PopulationStabilityIndex);
    assert_eq!(
        psi.judgement,
        Judgement::Pass,
        "no least effect is stated for it"
    );
}

#[test]
fn files_instead_of_time_fail_only_a_stated_effect() {
    let far = window_of(&normal_days(2, 1, 500, 3.0));
    let unordered = |settings| Settings {
        ordered_by_time: false,
        ..settings
    };
    let mut silent = Calibrator::new(&normal_days(1, 60, 500, 0.0), unordered(settings())).unwrap();
    let judged = silent.judge(&far, 1);
    assert_eq!(judged.card.basis, Basis::ExchangeableAssumed);
    let ks = find(&judged.measurements, "x", Measure::KolmogorovSmirnov);
    assert_eq!(ks.judgement, Judgement::Significant);
    assert!(ks.is_warning() && !fails(&judged.measurements));
    let stated = unordered(stating("x", Measure::KolmogorovSmirnov, 0.1));
    let mut stated = Calibrator::new(&normal_days(1, 60, 500, 0.0), stated).unwrap();
    let judged = stated.judge(&far, 1);
    assert_eq!(
        find(&judged.measurements, "x", Measure::KolmogorovSmirnov).judgement,
        Judgement::Fail
    );
}

#[test]
fn too_small_a_baseline_gives_an_effect_but_no_p() {
    let single = window_of(&normal_days(1, 60, 100, 0.0));
    let single = vec![Block {
        profiles: single,
        ..Block::default()
    }];
    for (blocks, length, reason) in [
        (single, 1, NotCalibrated::FewerThanTenWindows),
        (
            normal_days(1, 27, 100, 0.0),
            3,
            NotCalibrated::FewerThanTenWindows,
        ),
        (
            normal_days(1, 27, 100, 0.0),
            7,
            NotCalibrated::WindowTooLong,
        ),
    ] {
        let mut calibrator = Calibrator::new(&blocks, settings()).unwrap();
        let far = calibrator.judge(&window_of(&normal_days(2, 1, 500, 3.0)), length);
        assert_eq!(far.card.limit, None);
        let ks = find(&far.measurements, "x", Measure::KolmogorovSmirnov);
        assert_eq!(
            ks.judgement,
            Judgement::NotCalibrated {
                reason,
                exceeds: true
            }
        );
        assert_eq!((ks.p_value, ks.threshold), (None, None));
        assert!(ks.effect_lower > Some(0.5) && ks.is_warning());
        let near = calibrator.judge(&window_of(&normal_days(3, 1, 500, 0.0)), length);
        assert!(near.measurements.iter().all(|m| !m.is_warning()));
    }
}

#[test]
fn a_rate_below_what_the_baseline_holds_is_extrapolated() {
    let mut days = Days::new(9, 1);
    let blocks = days.next_days(120);
    let mut calibrator = Calibrator::new(&blocks, settings()).unwrap();
    let window = window_of(&days.next_days(1));
    assert!(
        !calibrator.judge(&window, 1).card.extrapolated,
        "120 days hold 1 in 100"
    );
    assert!(
        calibrator.judge(&window, 7).card.extrapolated,
        "17 weeks do not"
    );
}

#[test]
fn nulls_in_a_column_that_never_had_any_are_found() {
    let mut calibrator = Calibrator::new(&normal_days(1, 60, 400, 0.0), settings()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut holes = |share: f64| {
        let values = (0..400).map(|_| {
            let value = (normal(&mut rng) * 50.0).round();
            (rng.random::<f64>() >= share).then_some(value)
        });
        one(of(Float64Array::from_iter(values.collect::<Vec<_>>())))
    };
    let many = calibrator.judge(&holes(0.3), 1).measurements;
    assert_eq!(
        find(&many, "x", Measure::NullShare).judgement,
        Judgement::Fail
    );
    let few = calibrator.judge(&holes(0.004), 1).measurements;
    assert_ne!(
        find(&few, "x", Measure::NullShare).judgement,
        Judgement::Fail
    );
    let all = calibrator
        .judge(&one(of(NullArray::new(400))), 1)
        .measurements;
    assert_eq!(
        find(&all, "x", Measure::NullShare).judgement,
        Judgement::Fail
    );
    assert_eq!(
        find(&all, "x", Measure::KolmogorovSmirnov).judgement,
        Judgement::Skipped {
            reason: Skipped::NoValues
        }
    );
}

#[test]
fn a_new_category_is_found_and_named_as_other() {
    let day = |letters: [&'static str; 4]| {
        let values = (0..400).map(move |i| letters[i % 4]);
        one(of(StringArray::from_iter_values(values)))
    };
    let usual = || Block {
        profiles: day(["a", "a", "b", "c"]),
        ..Block::default()
    };
    let blocks: Vec<Block> = (0..40).map(|_| usual()).collect();
    let mut calibrator = Calibrator::new(&blocks, settings()).unwrap();
    let measurements = calibrator
        .judge(&day(["a", "a", "b", "new"]), 1)
        .measurements;
    let moved = find(&measurements, "x", Measure::LInfinity);
    assert_eq!(moved.judgement, Judgement::Fail);
    let labels: Vec<&str> = moved.evidence.iter().map(|e| e.label.as_str()).collect();
    assert!(
        labels[..2].contains(&"other") && labels[..2].contains(&"c"),
        "{labels:?}"
    );
    let same = calibrator.judge(&day(["a", "a", "b", "c"]), 1).measurements;
    assert!(same.iter().all(|m| !m.is_significant()));
}

#[test]
fn only_a_rise_of_a_share_alarms() {
    let role = ColumnSettings {
        role: Some(Role::Share),
        ..ColumnSettings::default()
    };
    let settings = Settings {
        columns: [("x".to_owned(), role)].into(),
        ..settings()
    };
    let day = |seed: u64, mean: f64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values = (0..300).map(|_| (rng.random::<f64>() * 2.0 * mean * 20.0).round() / 20.0);
        one(of(Float64Array::from_iter_values(
            values.collect::<Vec<_>>(),
        )))
    };
    let blocks: Vec<Block> = (0..60)
        .map(|seed| Block {
            profiles: day(seed, 0.2),
            ..Block::default()
        })
        .collect();
    let mut calibrator = Calibrator::new(&blocks, settings).unwrap();
    let risen = calibrator.judge(&day(900, 0.3), 1).measurements;
    assert_eq!(
        find(&risen, "x", Measure::MeanIncrease).judgement,
        Judgement::Fail
    );
    let fallen = calibrator.judge(&day(901, 0.1), 1).measurements;
    assert!(fallen.iter().all(|m| !m.is_significant()));
}

#[test]
fn slices_are_judged_apart() {
    let block = |seed: u64, shift: f64| {
        let mut profiles = window_of(&normal_days(seed, 1, 200, 0.0));
        let slice = window_of(&normal_days(seed + 1_000, 1, 80, shift));
        for (key, profile) in slice {
            profiles.insert(
                ColumnKey {
                    slice: Some("mobile".into()),
                    ..key
                },
                profile,
            );
        }
        profiles
    };
    let blocks: Vec<Block> = (0..60)
        .map(|seed| Block {
            profiles: block(seed, 0.0),
            ..Block::default()
        })
        .collect();
    let mut calibrator = Calibrator::new(&blocks, settings()).unwrap();
    let judged = calibrator.judge(&block(500, 2.0), 1);
    let failing: Vec<Option<&str>> = judged
        .measurements
        .iter()
        .filter(|m| m.judgement == Judgement::Fail)
        .map(|m| m.slice.as_deref())
        .collect();
    assert!(!failing.is_empty() && failing.iter().all(|slice| *slice == Some("mobile")));
    let rows: Vec<u64> = judged.card.rows.iter().map(|entry| entry.rows).collect();
    assert_eq!(rows, [200, 80]);
}

/// Titles of a day: two topics that the day prefers, out of eight.
fn titles(rng: &mut ChaCha8Rng, topics: &[[&str; 3]], count: usize) -> ColumnProfile {
    let favourite = [
        rng.random_range(0..topics.len()),
        rng.random_range(0..topics.len()),
    ];
    let texts: Vec<String> = (0..count)
        .map(|_| {
            let topic = if rng.random::<f64>() < 0.4 {
                favourite[rng.random_range(0..2)]
            } else {
                rng.random_range(0..topics.len())
            };
            let word = |rng: &mut ChaCha8Rng| topics[topic][rng.random_range(0..3)];
            format!("{}{}的{}", word(rng), word(rng), word(rng))
        })
        .collect();
    let array: ArrayRef = Arc::new(StringArray::from(texts));
    ColumnProfile::of(&array, true)
}

const TOPICS: [[&str; 3]; 8] = [
    ["天气", "下雨", "台风"],
    ["票房", "电影", "演员"],
    ["高考", "分数", "学生"],
    ["足球", "进球", "球员"],
    ["股市", "上涨", "基金"],
    ["地铁", "早班", "拥挤"],
    ["美食", "火锅", "奶茶"],
    ["手机", "发布", "芯片"],
];

#[test]
fn text_alarms_for_foreign_words_but_not_for_the_days_topic() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let blocks: Vec<Block> = (0..80)
        .map(|_| Block {
            profiles: one(titles(&mut rng, &TOPICS, 120)),
            ..Block::default()
        })
        .collect();
    let mut calibrator = Calibrator::new(&blocks, settings()).unwrap();
    for _ in 0..10 {
        let usual = calibrator
            .judge(&one(titles(&mut rng, &TOPICS, 120)), 1)
            .measurements;
        assert!(!fails(&usual));
    }
    let mut foreign = TOPICS;
    foreign[..4].fill(["硬控", "班味", "搭子"]);
    let changed = calibrator
        .judge(&one(titles(&mut rng, &foreign, 120)), 1)
        .measurements;
    let g = find(&changed, "x", Measure::GTest);
    assert_eq!(g.judgement, Judgement::Fail, "{g:?}");
    assert!(
        g.evidence
            .iter()
            .all(|e| e.label.starts_with("units") || e.cell.is_none())
    );
}

#[test]
fn whatever_comes_is_judged_without_a_panic() {
    let strange: Vec<ColumnProfile> = vec![
        of(Float64Array::from(vec![f64::NAN; 50])),
        of(Float64Array::from(vec![
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
        ])),
        of(Float64Array::from(vec![7.0; 100])),
        of(Float64Array::from(Vec::<f64>::new())),
        of(Float64Array::from(vec![None::<f64>; 60])),
        of(NullArray::new(60)),
        of(NullArray::new(0)),
        of(Int32Array::from((0..3_000).collect::<Vec<_>>())),
        of(BooleanArray::from(vec![true; 70])),
        of(StringArray::from(vec!["only"; 80])),
        of(StringArray::from(vec![""; 80])),
        of(StringArray::from_iter_values(
            (0..4_000).map(|i| format!("id {i}")),
        )),
        {
            let texts: ArrayRef = Arc::new(StringArray::from(vec!["", "字", "😂😂😂", "a b c"]));
            ColumnProfile::of(&texts, true)
        },
    ];
    let settings = || Settings {
        draws: 100,
        ..Settings::default()
    };
    for baseline in &strange {
        for copies in [1, 12] {
            let blocks: Vec<Block> = (0..copies)
                .map(|_| Block {
                    profiles: one(baseline.clone()),
                    ..Block::default()
                })
                .collect();
            let mut calibrator = Calibrator::new(&blocks, settings()).unwrap();
            for window in &strange {
                let judged = calibrator.judge(&one(window.clone()), 1);
                assert!(!judged.measurements.is_empty());
                for m in judged.measurements {
                    assert!(m.value.is_none_or(f64::is_finite), "{m:?}");
                    assert!(m.p_value.is_none_or(|p| p > 0.0 && p <= 1.0), "{m:?}");
                }
            }
            let judged = calibrator.judge(&Profiles::new(), 1);
            let absent = Judgement::Skipped {
                reason: Skipped::Absent,
            };
            assert!(judged.measurements.iter().all(|m| m.judgement == absent));
        }
    }
}

#[test]
fn a_column_of_another_type_is_skipped_and_said_so() {
    let mut calibrator = Calibrator::new(&normal_days(1, 60, 100, 0.0), settings()).unwrap();
    let words = one(of(StringArray::from(vec!["a"; 100])));
    let mismatch = Judgement::Skipped {
        reason: Skipped::TypeMismatch,
    };
    let judged = calibrator.judge(&words, 1);
    assert!(judged.measurements.iter().all(|m| m.judgement == mismatch));
}

#[test]
fn settings_that_cannot_hold_are_refused() {
    let blocks = normal_days(1, 3, 10, 0.0);
    let with = |rate, draws| Settings {
        rate,
        draws,
        ..Settings::default()
    };
    assert_eq!(
        Calibrator::new(&blocks, with(0.0, 999)).unwrap_err(),
        DriftError::Rate { rate: 0.0 }
    );
    assert_eq!(
        Calibrator::new(&blocks, with(0.001, 500)).unwrap_err(),
        DriftError::Draws {
            draws: 500,
            rate: 0.001,
            least: 1_000
        }
    );
    assert_eq!(
        Calibrator::new(&[], settings()).unwrap_err(),
        DriftError::NoBlocks
    );
}
