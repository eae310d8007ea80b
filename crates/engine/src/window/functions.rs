//! Windows as functions of queries: where the window of an instant begins and ends.

use super::{
    Calendar, Sliding, Span,
    event_time::{instant_type, instants},
    listed, time_zone,
};
use crate::EngineError;
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{AsArray, ListBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder},
        datatypes::{DataType, Field, Int64Type, TimestampMicrosecondType},
    },
    common::{ScalarValue, exec_err},
    error::Result,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
        Volatility,
    },
};
use std::sync::{Arc, LazyLock};

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
