//! Columns of times as instants: timestamps, dates and text.

use super::{functions::literal, midnight, time_zone};
use crate::EngineError;
use chrono::{NaiveDate, Utc};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, StringArray, TimestampMicrosecondArray},
        compute::{cast, kernels::cast_utils::string_to_datetime},
        datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType},
    },
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
    prelude::lit,
};
use std::sync::{Arc, LazyLock};

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

/// An instant as people write it; a day begins at its midnight. `None` for other text.
pub(super) fn parse(text: &str, zone: Tz) -> Option<i64> {
    if text.len() == 10 {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return midnight(zone, day);
    }
    string_to_datetime(&Utc, text)
        .ok()
        .map(|time| time.timestamp_micros())
}
