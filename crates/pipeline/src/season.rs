//! The hour of the week that a block or a window begins with, as its people live it.

use crate::config::TimeConfig;
use chrono::{DateTime, Datelike, Timelike};
use driftline_engine::Tz;

/// Sunday, counted from Monday.
const SUNDAY: u32 = 6;

/// The hour of the week of an instant in microseconds, from Monday's first; of a holiday
/// that of a Sunday.
pub(crate) fn hour_of_week(time: &TimeConfig, zone: Tz, at_us: i64) -> Option<u16> {
    let local = DateTime::from_timestamp_micros(at_us)?.with_timezone(&zone);
    let day = match time.holidays.contains(&local.date_naive()) {
        true => SUNDAY,
        false => local.weekday().num_days_from_monday(),
    };
    u16::try_from(day * 24 + local.hour()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;

    #[test]
    fn hours_are_local_and_a_holiday_is_a_sunday() {
        let yaml = "name: a\nbaseline: {source: b}\nlive: {source: l}\n\
            time: {column: t, window: 1d, time_zone: Asia/Shanghai, holidays: [2023-01-23]}\n";
        let pipeline = Pipeline::parse(yaml, "a.yaml", Default::default()).unwrap();
        let time = pipeline.time.unwrap();
        let hour = |instant: &str| {
            let at = DateTime::parse_from_rfc3339(instant).unwrap();
            hour_of_week(&time, chrono_tz::Asia::Shanghai, at.timestamp_micros())
        };
        assert_eq!(hour("2023-01-15T16:00:00Z"), Some(0), "Monday begins");
        assert_eq!(hour("2023-01-20T12:30:00Z"), Some(4 * 24 + 20));
        assert_eq!(
            hour("2023-01-22T16:00:00Z"),
            Some(6 * 24),
            "a holiday on a Monday"
        );
    }
}
