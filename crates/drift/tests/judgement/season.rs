//! A window is judged by its own hours of the week.

use crate::synthetic::{normal, window_of};
use arrow_array::{ArrayRef, Float64Array};
use driftline_drift::{
    Alike, Block, Calibrator, ColumnKey, Judged, Measurement, Profiles, Settings, WindowShape,
};
use driftline_statistics::ColumnProfile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const WEEK: usize = 168;
/// Hours of a window.
const LENGTH: usize = 6;

/// Hours of a source that is busy by day and less so at weekends: 20 rows each, with an
/// effect of the hour that all rows share.
struct Hours {
    rng: ChaCha8Rng,
    next: usize,
}

impl Hours {
    fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            next: 0,
        }
    }

    fn level(hour: usize) -> f64 {
        let day = f64::from(u8::from((7..19).contains(&(hour % 24))));
        let weekend = f64::from(u8::from(hour % WEEK >= 120));
        day * (4.0 - 1.5 * weekend)
    }

    /// The next hour, with the rows of another one if `like` says so.
    fn hour(&mut self, like: Option<usize>) -> Block {
        let effect = 0.2 * normal(&mut self.rng);
        let level = Self::level(like.unwrap_or(self.next)) + effect;
        let values = (0..20).map(|_| ((level + normal(&mut self.rng)) * 8.0).round());
        let array: ArrayRef = Arc::new(Float64Array::from_iter_values(values.collect::<Vec<_>>()));
        let key = ColumnKey::whole("x");
        let block = Block {
            hour_of_week: Some((self.next % WEEK) as u16),
            profiles: [(key, ColumnProfile::of(&array, false))].into(),
            ..Block::default()
        };
        self.next += 1;
        block
    }

    fn hours(&mut self, hours: usize) -> Vec<Block> {
        (0..hours).map(|_| self.hour(None)).collect()
    }
}

fn calibrator(hours: &mut Hours, weeks: usize) -> Calibrator {
    let settings = Settings {
        draws: 299,
        ..Settings::default()
    };
    Calibrator::new(&hours.hours(weeks * WEEK), settings).expect("the blocks are enough")
}

fn alarms(judged: &Judged) -> bool {
    judged.measurements.iter().any(Measurement::is_significant)
}

fn judge(calibrator: &mut Calibrator, blocks: &[Block], matched: bool) -> Judged {
    let window: Profiles = window_of(blocks);
    let shape = WindowShape {
        blocks: blocks.len(),
        hour_of_week: blocks[0].hour_of_week.filter(|_| matched),
    };
    calibrator.judge(&window, shape)
}

/// Four weeks of windows: of the 112, one alarm is stated; six or more would be seen in 1
/// of 1000 such tests.
#[test]
fn a_seasonal_source_does_not_alarm_for_being_seasonal() {
    let mut hours = Hours::new(1);
    let mut calibrator = calibrator(&mut hours, 12);
    let mut alarming = 0;
    for _ in 0..4 * WEEK / LENGTH {
        let judged = judge(&mut calibrator, &hours.hours(LENGTH), true);
        let season = judged.card.season.expect("twelve weeks can be matched");
        assert_eq!(season.alike, Alike::HourOfWeek);
        assert_eq!(judged.card.windows_in_baseline, 12);
        alarming += usize::from(alarms(&judged));
    }
    assert!(alarming <= 5, "{alarming} of 112");
}

#[test]
fn a_night_that_looks_like_a_day_is_only_seen_among_nights() {
    let mut hours = Hours::new(2);
    let mut calibrator = calibrator(&mut hours, 12);
    // The first six hours of a Monday with the rows of its noon.
    let odd: Vec<Block> = (0..LENGTH).map(|_| hours.hour(Some(12))).collect();
    let matched = judge(&mut calibrator, &odd, true);
    assert!(alarms(&matched));
    let ks = &matched.measurements[0];
    assert!(ks.value > Some(0.9) && ks.null_median < Some(0.3), "{ks:?}");
    assert!(!alarms(&judge(&mut calibrator, &odd, false)));
}

#[test]
fn a_holiday_is_judged_as_a_sunday() {
    let mut hours = Hours::new(3);
    let mut calibrator = calibrator(&mut hours, 12);
    hours.hours(12);
    // A Monday noon with the rows of a Sunday.
    let quiet: Vec<Block> = (0..LENGTH).map(|_| hours.hour(Some(6 * 24 + 12))).collect();
    assert!(alarms(&judge(&mut calibrator, &quiet, true)));
    let holiday: Vec<Block> = quiet
        .into_iter()
        .map(|block| Block {
            hour_of_week: block.hour_of_week.map(|hour| 6 * 24 + hour % 24),
            ..block
        })
        .collect();
    assert!(!alarms(&judge(&mut calibrator, &holiday, true)));
}

#[test]
fn days_without_an_hour_are_held_against_all() {
    let mut hours = Hours::new(4);
    let mut blocks = hours.hours(12 * WEEK);
    let lot = hours.rng.random_range(0..blocks.len());
    blocks[lot].hour_of_week = None;
    let mut calibrator = Calibrator::new(&blocks, Settings::default()).unwrap();
    let judged = judge(&mut calibrator, &hours.hours(LENGTH), true);
    assert_eq!(judged.card.season, None);
}
