//! Event-time windows: which span of time a row belongs to.
//!
//! A day is a day of the people who write, so widths of days and weeks follow
//! the calendar of a time zone, whatever daylight saving does to their length.
//! Widths below a day are plain durations: an hour that the clock repeats in
//! autumn is two windows, not one of double size.

mod event_time;
mod functions;

use event_time::parse;
pub(crate) use event_time::{EVENT_TIME, event_time, instant_type, instants};
pub(crate) use functions::{
    LISTED_END, LISTED_START, WINDOW_END, WINDOW_START, WINDOW_STARTS, literal, literal_of,
};

use crate::EngineError;
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use datafusion::{
    arrow::datatypes::DataType,
    common::ScalarValue,
    dataframe::DataFrame,
    error::Result,
    logical_expr::Expr,
    prelude::{ident, lit},
};
use std::{fmt, str::FromStr, sync::Arc};

const SECOND_US: i64 = 1_000_000;
const DAY_S: i64 = 86_400;

/// The column of a query that holds the start of a row's window.
pub(crate) const WINDOW: &str = "driftline_window";

/// A span of time, `[start, end)`, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First instant inside.
    pub start_us: i64,
    /// First instant after it.
    pub end_us: i64,
}

/// How wide a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// A duration below a day.
    Seconds(u32),
    /// Days of the calendar.
    Days(u32),
}

impl FromStr for Width {
    type Err = EngineError;

    /// `90m`, `6h`, `1d`, `30d`, `1w`; whole days become days of the calendar.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let wrong = || EngineError::Width { text: text.into() };
        let text_trimmed = text.trim();
        let number_end = text_trimmed
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = text_trimmed.split_at(number_end);
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let (seconds, days) = match unit.trim() {
            "m" | "min" => (number.checked_mul(60), None),
            "h" => (number.checked_mul(3_600), None),
            "d" => (None, Some(number)),
            "w" => (None, number.checked_mul(7)),
            _ => return Err(wrong()),
        };
        match (seconds, days) {
            (_, Some(days)) if (1..=36_525).contains(&days) => Ok(Self::Days(days)),
            (Some(seconds), _) if seconds > 0 && i64::from(seconds) % DAY_S == 0 => {
                u32::try_from(i64::from(seconds) / DAY_S)
                    .map(Self::Days)
                    .map_err(|_| wrong())
            }
            (Some(seconds), _) if seconds > 0 => Ok(Self::Seconds(seconds)),
            _ => Err(wrong()),
        }
    }
}

impl Width {
    /// Its length in seconds, with days of 24 hours.
    pub(crate) fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => i64::from(seconds),
            Self::Days(days) => i64::from(days) * DAY_S,
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Days(days) if days % 7 == 0 => write!(f, "{}w", days / 7),
            Self::Days(days) => write!(f, "{days}d"),
            Self::Seconds(seconds) if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            Self::Seconds(seconds) => write!(f, "{}m", seconds / 60),
        }
    }
}

/// How windows lie to one another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Cut {
    /// One after the other, without a gap.
    #[default]
    Tumbling,
    /// One begins every so often, and a row is in several: each of as many of these steps as
    /// are in its width.
    Sliding(Width),
    /// These, which are in order and do not overlap.
    Listed(Arc<[Span]>),
}

/// Windows by the time in a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Windows {
    /// The time column.
    pub column: String,
    /// Width of a window.
    pub width: Width,
    /// The zone whose days are meant; `UTC` unless given. A time without a zone
    /// is UTC; a date without a time is that day in this zone.
    pub time_zone: Tz,
    /// A day on which a window begins. Without one, weeks begin on Mondays and
    /// everything is counted from Monday, 1970-01-05.
    pub origin: Option<NaiveDate>,
    /// How they lie to one another.
    pub cut: Cut,
}

impl Windows {
    /// Windows in UTC, one after the other, weeks from Monday.
    pub fn new(column: impl Into<String>, width: Width) -> Self {
        Self {
            column: column.into(),
            width,
            time_zone: Tz::UTC,
            origin: None,
            cut: Cut::Tumbling,
        }
    }

    /// The window that holds an instant, in microseconds since 1970-01-01T00:00:00Z; of
    /// several the one that begins last. `None` where none does, and beyond the years that a
    /// calendar can hold (about ±262,000).
    pub fn span_of(&self, instant_us: i64) -> Option<Span> {
        match &self.cut {
            Cut::Tumbling => self.calendar().span_of(instant_us),
            Cut::Sliding(_) => self.sliding()?.last_of(instant_us),
            Cut::Listed(spans) => listed(spans, instant_us),
        }
    }

    /// The window that begins next.
    fn after(&self, span: Span) -> Option<Span> {
        match &self.cut {
            Cut::Tumbling => self.calendar().span_of(span.end_us),
            Cut::Sliding(_) => {
                let sliding = self.sliding()?;
                let step = sliding.steps.span_of(span.start_us)?;
                sliding.last_of(step.end_us)
            }
            Cut::Listed(spans) => {
                let next = spans.partition_point(|one| one.start_us <= span.start_us);
                spans.get(next).copied()
            }
        }
    }

    /// The instant that a text says, in microseconds since 1970; `None` where it says none.
    pub fn instant_of(&self, text: &str) -> Option<i64> {
        parse(text.trim(), self.time_zone)
    }

    /// All windows from the one that holds `first_us` to the one that holds
    /// `last_us`, those without rows included.
    ///
    /// # Errors
    /// [`EngineError::TooManyGroups`] where there are more than `limit`.
    pub fn spans(
        &self,
        first_us: i64,
        last_us: i64,
        limit: usize,
    ) -> Result<Vec<Span>, EngineError> {
        let mut spans = Vec::new();
        let mut next = self.span_of(first_us);
        while let Some(span) = next.filter(|span| span.start_us <= last_us) {
            if spans.len() == limit {
                return Err(EngineError::TooManyGroups { limit });
            }
            spans.push(span);
            next = self.after(span);
        }
        Ok(spans)
    }

    /// These windows rather than those of a calendar. They are in order and do not overlap.
    #[must_use]
    pub fn listed(self, spans: impl Into<Arc<[Span]>>) -> Self {
        Self {
            cut: Cut::Listed(spans.into()),
            ..self
        }
    }

    /// The rows of a query with the start of their window in [`WINDOW`], beside what else is
    /// selected: a row that is in several windows comes once for each.
    pub(crate) fn select(&self, frame: DataFrame, mut selected: Vec<Expr>) -> Result<DataFrame> {
        let time = event_time(ident(&self.column), &self.column, self.time_zone);
        let start = match &self.cut {
            Cut::Tumbling => WINDOW_START.call(self.arguments(time)),
            Cut::Sliding(_) => WINDOW_STARTS.call(self.arguments(time)),
            Cut::Listed(spans) => LISTED_START.call(vec![time, edges(spans)]),
        };
        selected.push(start.alias(WINDOW));
        let frame = frame.select(selected)?;
        match self.cut {
            Cut::Sliding(_) => frame.unnest_columns(&[WINDOW]),
            Cut::Tumbling | Cut::Listed(_) => Ok(frame),
        }
    }

    /// The end of the window whose start is in [`WINDOW`].
    pub(crate) fn end_expr(&self) -> Expr {
        match &self.cut {
            Cut::Tumbling | Cut::Sliding(_) => WINDOW_END.call(self.arguments(ident(WINDOW))),
            Cut::Listed(spans) => LISTED_END.call(vec![ident(WINDOW), edges(spans)]),
        }
    }

    fn arguments(&self, time: Expr) -> Vec<Expr> {
        let zone = self.time_zone.name();
        let origin = self.calendar().origin.format("%F").to_string();
        let mut arguments = vec![time, lit(self.width.to_string()), lit(zone), lit(origin)];
        if let Cut::Sliding(slide) = self.cut {
            arguments.push(lit(slide.to_string()));
        }
        arguments
    }

    fn calendar(&self) -> Calendar {
        Calendar {
            width: self.width,
            zone: self.time_zone,
            origin: self.origin.unwrap_or(MONDAY),
        }
    }

    /// The steps, where these windows slide.
    pub(crate) fn sliding(&self) -> Option<Sliding> {
        match self.cut {
            Cut::Sliding(slide) => Some(Sliding::new(self.calendar(), slide)),
            Cut::Tumbling | Cut::Listed(_) => None,
        }
    }
}

/// The one of these windows that holds an instant.
fn listed(spans: &[Span], instant_us: i64) -> Option<Span> {
    let next = spans.partition_point(|span| span.start_us <= instant_us);
    let span = *spans.get(next.checked_sub(1)?)?;
    (instant_us < span.end_us).then_some(span)
}

/// Windows as a literal: the start and the end of each in turn.
fn edges(spans: &[Span]) -> Expr {
    let edges = spans.iter().flat_map(|span| [span.start_us, span.end_us]);
    let edges: Vec<ScalarValue> = edges.map(ScalarValue::from).collect();
    lit(ScalarValue::List(ScalarValue::new_list_nullable(
        &edges,
        &DataType::Int64,
    )))
}

/// The time zone of an IANA name.
///
/// # Errors
/// [`EngineError::TimeZone`].
pub fn time_zone(name: &str) -> Result<Tz, EngineError> {
    name.parse()
        .map_err(|_| EngineError::TimeZone { text: name.into() })
}

const MONDAY: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 5).expect("a day of the calendar");

#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    pub(crate) width: Width,
    zone: Tz,
    origin: NaiveDate,
}

impl Calendar {
    pub(crate) fn span_of(&self, instant_us: i64) -> Option<Span> {
        match self.width {
            Width::Seconds(seconds) => {
                let width = i64::from(seconds) * SECOND_US;
                let origin = midnight(self.zone, self.origin)?.rem_euclid(width);
                let inside = instant_us.checked_sub(origin)?.rem_euclid(width);
                let start_us = instant_us.checked_sub(inside)?;
                let end_us = start_us.checked_add(width)?;
                Some(Span { start_us, end_us })
            }
            Width::Days(days) => {
                let local = DateTime::<Utc>::from_timestamp_micros(instant_us)?
                    .with_timezone(&self.zone)
                    .date_naive();
                let since = local.signed_duration_since(self.origin).num_days();
                let inside = since.rem_euclid(i64::from(days));
                let first = local.checked_sub_signed(TimeDelta::try_days(inside)?)?;
                let next = first.checked_add_days(Days::new(u64::from(days)))?;
                Some(Span {
                    start_us: midnight(self.zone, first)?,
                    end_us: midnight(self.zone, next)?,
                })
            }
        }
    }
}

/// Windows that overlap, as steps of a calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sliding {
    pub(crate) steps: Calendar,
    /// Steps in a window.
    pub(crate) width: u32,
}

impl Sliding {
    fn new(whole: Calendar, slide: Width) -> Self {
        Self {
            steps: Calendar {
                width: slide,
                ..whole
            },
            width: (whole.width.seconds() / slide.seconds()).max(1) as u32,
        }
    }

    /// The window that begins with the step that holds an instant.
    pub(crate) fn last_of(&self, instant_us: i64) -> Option<Span> {
        let first = self.steps.span_of(instant_us)?;
        let mut last = first;
        for _ in 1..self.width {
            last = self.steps.span_of(last.end_us)?;
        }
        Some(Span {
            start_us: first.start_us,
            end_us: last.end_us,
        })
    }

    /// The starts of the windows that hold an instant, the last first.
    pub(crate) fn starts_of(&self, instant_us: i64) -> impl Iterator<Item = i64> {
        let last = self.steps.span_of(instant_us);
        let before = |step: &Span| self.steps.span_of(step.start_us.checked_sub(1)?);
        let starts = std::iter::successors(last, before).map(|step| step.start_us);
        starts.take(self.width as usize)
    }
}

/// The first instant of a day, in microseconds. Where the clock jumps over
/// midnight, that is the instant after the jump.
fn midnight(zone: Tz, day: NaiveDate) -> Option<i64> {
    let start = day.and_time(NaiveTime::MIN);
    // No zone has ever skipped more than a day.
    for quarters in 0..=100 {
        let local = start.checked_add_signed(TimeDelta::try_minutes(15 * quarters)?)?;
        match zone.from_local_datetime(&local) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                return Some(instant.timestamp_micros());
            }
            LocalResult::None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_micros()
    }

    fn windows(width: &str, zone: &str) -> Windows {
        Windows {
            time_zone: time_zone(zone).unwrap(),
            ..Windows::new("t", width.parse().unwrap())
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let span = windows("1w", "UTC")
            .span_of(instant("2022-01-05T13:00:00Z"))
            .unwrap();
        assert_eq!(span.start_us, instant("2022-01-03T00:00:00Z"));
        assert_eq!(span.end_us, instant("2022-01-10T00:00:00Z"));
    }

    #[test]
    fn an_origin_moves_the_windows() {
        let mut windows = windows("7d", "UTC");
        windows.origin = NaiveDate::from_ymd_opt(2022, 1, 1);
        let span = windows.span_of(instant("2022-01-05T13:00:00Z")).unwrap();
        assert_eq!(span.start_us, instant("2022-01-01T00:00:00Z"));
        let before = windows.span_of(instant("2021-12-31T23:59:59Z")).unwrap();
        assert_eq!(before.start_us, instant("2021-12-25T00:00:00Z"));
    }

    #[test]
    fn a_day_in_berlin_has_23_or_25_hours_when_the_clock_changes() {
        let windows = windows("1d", "Europe/Berlin");
        let hours = |text| {
            let span = windows.span_of(instant(text)).unwrap();
            (span.end_us - span.start_us) / 3_600_000_000
        };
        assert_eq!(hours("2022-03-27T12:00:00+02:00"), 23);
        assert_eq!(hours("2022-10-30T12:00:00+01:00"), 25);
        assert_eq!(hours("2022-06-01T12:00:00+02:00"), 24);
        let span = windows
            .span_of(instant("2022-06-01T00:00:00+02:00"))
            .unwrap();
        assert_eq!(span.start_us, instant("2022-05-31T22:00:00Z"));
    }

    #[test]
    fn a_day_without_midnight_begins_when_it_begins() {
        // São Paulo, 2017-10-15: the clock went from 23:59:59 to 01:00:00.
        let span = windows("1d", "America/Sao_Paulo")
            .span_of(instant("2017-10-15T12:00:00-02:00"))
            .unwrap();
        assert_eq!(span.start_us, instant("2017-10-15T01:00:00-02:00"));
        assert_eq!(span.end_us, instant("2017-10-16T00:00:00-02:00"));
    }

    #[test]
    fn a_repeated_hour_is_two_windows() {
        let windows = windows("1h", "Europe/Berlin");
        let first = windows
            .span_of(instant("2022-10-30T02:30:00+02:00"))
            .unwrap();
        let second = windows
            .span_of(instant("2022-10-30T02:30:00+01:00"))
            .unwrap();
        assert_eq!(first.end_us, second.start_us);
    }

    #[test]
    fn hours_follow_a_zone_of_half_an_hour() {
        let span = windows("1h", "Asia/Kolkata")
            .span_of(instant("2022-01-01T10:45:00+05:30"))
            .unwrap();
        assert_eq!(span.start_us, instant("2022-01-01T10:00:00+05:30"));
    }

    #[test]
    fn windows_without_rows_are_listed_and_limited() {
        let windows = windows("1d", "UTC");
        let (first, last) = (
            instant("2022-01-01T10:00:00Z"),
            instant("2022-01-04T00:00:00Z"),
        );
        let spans = windows.spans(first, last, 10).unwrap();
        assert_eq!(spans.len(), 4);
        assert!(
            spans
                .windows(2)
                .all(|pair| pair[0].end_us == pair[1].start_us)
        );
        assert_eq!(
            windows.spans(first, last, 3),
            Err(EngineError::TooManyGroups { limit: 3 })
        );
    }

    #[test]
    fn windows_that_slide_hold_a_row_several_times() {
        let mut windows = windows("1d", "UTC");
        windows.cut = Cut::Sliding("6h".parse().unwrap());
        let noon = instant("2022-01-02T13:00:00Z");
        let last = windows.span_of(noon).unwrap();
        assert_eq!(last.start_us, instant("2022-01-02T12:00:00Z"));
        assert_eq!(last.end_us, instant("2022-01-03T12:00:00Z"));
        let starts: Vec<i64> = windows.sliding().unwrap().starts_of(noon).collect();
        assert_eq!(starts.len(), 4);
        assert_eq!(starts[3], instant("2022-01-01T18:00:00Z"));
        let spans = windows.spans(starts[3], noon, 10).unwrap();
        assert_eq!(spans.len(), 4);
        assert_eq!(spans[3], last);
    }

    #[test]
    fn weeks_that_slide_by_days_follow_the_calendar() {
        let mut windows = windows("1w", "Europe/Berlin");
        windows.cut = Cut::Sliding("1d".parse().unwrap());
        let span = windows.span_of(instant("2022-03-24T12:00:00Z")).unwrap();
        assert_eq!(span.start_us, instant("2022-03-24T00:00:00+01:00"));
        assert_eq!(span.end_us, instant("2022-03-31T00:00:00+02:00"));
    }

    #[test]
    fn listed_windows_hold_what_is_between_their_ends() {
        let spans = [(0, 10), (20, 30)].map(|(start_us, end_us)| Span { start_us, end_us });
        let windows = windows("1d", "UTC").listed(spans);
        assert_eq!(windows.span_of(9), Some(spans[0]));
        assert_eq!(windows.span_of(10), None);
        assert_eq!(windows.span_of(20), Some(spans[1]));
        assert_eq!(windows.span_of(-1), None);
        assert_eq!(windows.spans(0, 25, 5).unwrap(), spans);
    }

    #[test]
    fn widths_are_read_and_shown() {
        for (text, shown) in [
            ("1d", "1d"),
            ("24h", "1d"),
            ("7d", "1w"),
            ("2w", "2w"),
            ("90m", "90m"),
            ("6 h", "6h"),
        ] {
            assert_eq!(text.parse::<Width>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "d",
            "0d",
            "1",
            "1y",
            "-1d",
            "99999999999d",
            "1.5h",
            "0h",
        ] {
            assert!(text.parse::<Width>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_days_of_the_zone_and_naive_times_are_utc() {
        let shanghai = time_zone("Asia/Shanghai").unwrap();
        assert_eq!(
            parse("2022-01-31", shanghai),
            Some(instant("2022-01-31T00:00:00+08:00"))
        );
        assert_eq!(
            parse("2022-01-31 08:00:00", shanghai),
            Some(instant("2022-01-31T08:00:00Z"))
        );
        assert_eq!(
            parse("2022-01-31T08:00:00+08:00", shanghai),
            Some(instant("2022-01-31T00:00:00Z"))
        );
        for text in ["yesterday", "2022-13-01", "31.01.2022", "2022-1-1"] {
            assert_eq!(parse(text, shanghai), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_is_inside_its_window(
            seconds in -2_000_000_000_i64..4_000_000_000,
            width in prop::sample::select(vec!["15m", "6h", "1d", "7d", "30d"]),
            zone in prop::sample::select(vec!["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"]),
        ) {
            let windows = windows(width, zone);
            let time = seconds * SECOND_US;
            let span = windows.span_of(time).unwrap();
            prop_assert!((span.start_us..span.end_us).contains(&time));
            prop_assert_eq!(windows.span_of(span.start_us).unwrap(), span);
            prop_assert_eq!(windows.span_of(span.end_us).unwrap().start_us, span.end_us);
        }
    }
}
