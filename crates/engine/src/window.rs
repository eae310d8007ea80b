//! Event-time windows: which span of time a row belongs to.
//!
//! A day is a day of the people who write, so widths of days and weeks follow
//! the calendar of a time zone, whatever daylight saving does to their length.
//! Widths below a day are plain durations: an hour that the clock repeats in
//! autumn is two windows, not one of double size.

use crate::EngineError;
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray, ListBuilder, StringArray, TimestampMicrosecondArray,
            TimestampMicrosecondBuilder,
        },
        compute::{cast, kernels::cast_utils::string_to_datetime},
        datatypes::{DataType, Date32Type, Field, Int64Type, TimeUnit, TimestampMicrosecondType},
    },
    common::{ScalarValue, exec_err},
    dataframe::DataFrame,
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        TypeSignature, Volatility,
    },
    prelude::{ident, lit},
};
use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

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

/// The type of an instant in this crate.
pub(crate) fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The expression that reads a column as instants.
pub(crate) fn event_time(column: Expr, name: &str, zone: Tz) -> Expr {
    EVENT_TIME.call(vec![column, lit(name), lit(zone.name())])
}

/// `event_time(column, name, time zone)`: instants from timestamps, dates and text.
pub(crate) static EVENT_TIME: LazyLock<ScalarUDF> = LazyLock::new(|| {
    ScalarUDF::new_from_impl(EventTime {
        signature: Signature::any(3, Volatility::Immutable),
    })
});

/// `window_start(instant, width, time zone, origin)`: the first instant of its window.
pub(crate) static WINDOW_START: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::new_from_impl(WindowEdge::new(false)));

/// `window_end(instant, width, time zone, origin)`: the first instant after it; with a slide as
/// fifth argument, after the window that begins last of those that hold it.
pub(crate) static WINDOW_END: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::new_from_impl(WindowEdge::new(true)));

/// `window_starts(instant, width, time zone, origin, slide)`: the first instants of the windows
/// that hold it, the earliest first.
pub(crate) static WINDOW_STARTS: LazyLock<ScalarUDF> = LazyLock::new(|| {
    ScalarUDF::new_from_impl(WindowStarts {
        signature: Signature::any(5, Volatility::Immutable),
    })
});

/// `listed_window_start(instant, edges)`: the start of the window that holds it, of windows whose
/// starts and ends are a list.
pub(crate) static LISTED_START: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::new_from_impl(ListedEdge::new(false)));

/// `listed_window_end(instant, edges)`: the end of that window.
pub(crate) static LISTED_END: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::new_from_impl(ListedEdge::new(true)));

#[derive(Debug, PartialEq, Eq, Hash)]
struct EventTime {
    signature: Signature,
}

impl ScalarUDFImpl for EventTime {
    fn name(&self) -> &str {
        "event_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(instant_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (name, zone) = (literal(&args, 1)?, literal(&args, 2)?);
        let zone = time_zone(&zone)?;
        let column = args.args[0].to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(instants(&column, &name, zone)?))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowEdge {
    signature: Signature,
    end: bool,
}

impl WindowEdge {
    fn new(end: bool) -> Self {
        let most = if end { 5 } else { 4 };
        let counts = (4..=most).map(TypeSignature::Any).collect();
        Self {
            signature: Signature::one_of(counts, Volatility::Immutable),
            end,
        }
    }
}

impl ScalarUDFImpl for WindowEdge {
    fn name(&self) -> &str {
        if self.end {
            "window_end"
        } else {
            "window_start"
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(instant_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let calendar = calendar_of(&args)?;
        let sliding = match args.args.len() {
            5 => Some(Sliding::new(calendar, literal(&args, 4)?.parse()?)),
            _ => None,
        };
        edge_of_each(
            &args,
            calendar.zone,
            (self.end, sliding.is_some()),
            |time| {
                let span = match &sliding {
                    Some(sliding) => sliding.last_of(time),
                    None => calendar.span_of(time),
                };
                span.map(Some).ok_or_else(|| beyond(time).into())
            },
        )
    }
}

/// Width, time zone and origin of windows, as literals after the first argument.
fn calendar_of(args: &ScalarFunctionArgs) -> Result<Calendar> {
    let (width, zone, origin) = (literal(args, 1)?, literal(args, 2)?, literal(args, 3)?);
    Ok(Calendar {
        width: width.parse()?,
        zone: time_zone(&zone)?,
        origin: origin
            .parse()
            .or_else(|_| exec_err!("`{origin}` is no day; write it as 2022-01-31"))?,
    })
}

fn times_of(args: &ScalarFunctionArgs, zone: Tz) -> Result<TimestampMicrosecondArray> {
    let column = args.args[0].to_array(args.number_rows)?;
    let times = instants(&column, "the first argument of the function", zone)?;
    Ok(times.as_primitive::<TimestampMicrosecondType>().clone())
}

fn beyond(time_us: i64) -> EngineError {
    EngineError::NotATime {
        column: "time".into(),
        example: format!("{time_us} µs since 1970 is beyond the calendar"),
    }
}

/// The start or the end of the window that `window_of` gives for each time; with `overlap`
/// there may be other windows that hold it.
fn edge_of_each(
    args: &ScalarFunctionArgs,
    zone: Tz,
    (end, overlap): (bool, bool),
    window_of: impl Fn(i64) -> Result<Option<Span>>,
) -> Result<ColumnarValue> {
    let times = times_of(args, zone)?;
    let mut edges = TimestampMicrosecondBuilder::with_capacity(times.len());
    // Rows mostly come in order, so the window of the row before is tried first.
    let mut last: Option<Span> = None;
    for time in &times {
        let Some(time) = time else {
            edges.append_null();
            continue;
        };
        let is_same = |span: &Span| match overlap {
            true => span.start_us == time,
            false => (span.start_us..span.end_us).contains(&time),
        };
        let span = match last.filter(is_same) {
            Some(span) => Some(span),
            None => window_of(time)?,
        };
        last = span;
        edges.append_option(span.map(|span| if end { span.end_us } else { span.start_us }));
    }
    Ok(ColumnarValue::Array(Arc::new(
        edges.finish().with_data_type(instant_type()),
    )))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowStarts {
    signature: Signature,
}

impl WindowStarts {
    fn item() -> Field {
        Field::new_list_field(instant_type(), true)
    }
}

impl ScalarUDFImpl for WindowStarts {
    fn name(&self) -> &str {
        "window_starts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Arc::new(Self::item())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let calendar = calendar_of(&args)?;
        let sliding = Sliding::new(calendar, literal(&args, 4)?.parse()?);
        let times = times_of(&args, calendar.zone)?;
        let values = TimestampMicrosecondBuilder::new().with_data_type(instant_type());
        let mut lists = ListBuilder::new(values).with_field(Self::item());
        for time in &times {
            let Some(time) = time else {
                lists.append_null();
                continue;
            };
            let mut starts: Vec<i64> = sliding.starts_of(time).collect();
            if starts.is_empty() {
                return Err(beyond(time).into());
            }
            starts.reverse();
            lists.values().append_slice(&starts);
            lists.append(true);
        }
        Ok(ColumnarValue::Array(Arc::new(lists.finish())))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ListedEdge {
    signature: Signature,
    end: bool,
}

impl ListedEdge {
    fn new(end: bool) -> Self {
        Self {
            signature: Signature::any(2, Volatility::Immutable),
            end,
        }
    }
}

impl ScalarUDFImpl for ListedEdge {
    fn name(&self) -> &str {
        if self.end {
            "listed_window_end"
        } else {
            "listed_window_start"
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(instant_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Scalar(ScalarValue::List(list))) = args.args.get(1) else {
            return exec_err!("argument 2 must be a list of numbers, not a column");
        };
        let edges = list.values().as_primitive::<Int64Type>();
        let spans: Vec<Span> = edges
            .values()
            .chunks_exact(2)
            .map(|edges| Span {
                start_us: edges[0],
                end_us: edges[1],
            })
            .collect();
        edge_of_each(&args, Tz::UTC, (self.end, false), |time| {
            Ok(listed(&spans, time))
        })
    }
}

/// A string literal among a function's arguments.
pub(crate) fn literal(args: &ScalarFunctionArgs, index: usize) -> Result<String> {
    let value = match args.args.get(index) {
        Some(ColumnarValue::Scalar(value)) => literal_of(value),
        _ => None,
    };
    match value {
        Some(text) => Ok(text.to_owned()),
        None => exec_err!(
            "argument {} must be a text in quotes, not a column",
            index + 1
        ),
    }
}

/// The text of a literal.
pub(crate) fn literal_of(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

/// Any column of times as microseconds in UTC.
pub(crate) fn instants(
    column: &ArrayRef,
    name: &str,
    zone: Tz,
) -> Result<ArrayRef, DataFusionError> {
    let column = match column.data_type() {
        DataType::Dictionary(_, values) => &cast(column, values)?,
        _ => column,
    };
    match column.data_type() {
        DataType::Null => Ok(cast(column, &instant_type())?),
        // A zone of the type says how to show an instant, not which one it is.
        DataType::Timestamp(..) => {
            let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None));
            let micros = match column.data_type() {
                DataType::Timestamp(_, Some(_)) => cast(column, &instant_type())?,
                _ => micros?,
            };
            let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
            Ok(Arc::new(micros.with_data_type(instant_type())))
        }
        DataType::Date32 | DataType::Date64 => {
            let days = cast(column, &DataType::Date32)?;
            let days = days.as_primitive::<Date32Type>();
            let starts = days
                .iter()
                .map(|day| day.map(|day| day_start(day, name, zone)).transpose())
                .collect::<Result<TimestampMicrosecondArray, EngineError>>()?;
            Ok(Arc::new(starts.with_data_type(instant_type())))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = cast(column, &DataType::Utf8)?;
            let times = parse_all(texts.as_string(), name, zone)?;
            Ok(Arc::new(times.with_data_type(instant_type())))
        }
        other => Err(EngineError::NotATime {
            column: name.into(),
            example: format!("it holds values of type {other}"),
        }
        .into()),
    }
}

fn day_start(day: i32, name: &str, zone: Tz) -> Result<i64, EngineError> {
    NaiveDate::from_epoch_days(day)
        .and_then(|day| midnight(zone, day))
        .ok_or_else(|| EngineError::NotATime {
            column: name.into(),
            example: format!("day {day} since 1970 is beyond the calendar"),
        })
}

fn parse_all(
    texts: &StringArray,
    name: &str,
    zone: Tz,
) -> Result<TimestampMicrosecondArray, EngineError> {
    let mut last: Option<(&str, i64)> = None;
    texts
        .iter()
        .map(|text| {
            let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            if let Some((_, time)) = last.filter(|(before, _)| *before == text) {
                return Ok(Some(time));
            }
            let time = parse(text, zone).ok_or_else(|| EngineError::NotATime {
                column: name.into(),
                example: format!("it holds `{}`", text.chars().take(80).collect::<String>()),
            })?;
            last = Some((text, time));
            Ok(Some(time))
        })
        .collect()
}

fn parse(text: &str, zone: Tz) -> Option<i64> {
    if text.len() == 10 {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return midnight(zone, day);
    }
    string_to_datetime(&Utc, text)
        .ok()
        .map(|time| time.timestamp_micros())
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
