//! Windows of time, cut as pipelines cut them in UTC: from a Monday on, by the time of the rows.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, TimeUnit};

use crate::EdgeError;

/// Monday, 1970-01-05, in microseconds since 1970-01-01.
const MONDAY_US: i64 = 4 * 86_400_000_000;
/// Units of a width, in seconds.
const UNITS: [(char, i64); 5] = [
    ('s', 1),
    ('m', 60),
    ('h', 3_600),
    ('d', 86_400),
    ('w', 604_800),
];

/// How rows are cut into windows.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    /// The column of their times.
    column: String,
    width_us: i64,
}

/// The first instant of a window and that after it, in microseconds since 1970, in UTC.
pub(crate) type Span = (i64, i64);

/// Rows that follow one another in one window; none where they have no time.
pub(crate) type Stretch = (Option<Span>, Range<usize>);

/// A width as pipelines write it: `30m`, `1h`, `7d`, `2w`.
pub(crate) fn width(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no width of a window; write `30m`, `1h`, `7d` or `2w`");
    let of_unit = |(unit, seconds): (char, i64)| Some((text.strip_suffix(unit)?, seconds));
    let (count, seconds) = UNITS.into_iter().find_map(of_unit).ok_or_else(wrong)?;
    let count: i64 = count.parse().map_err(|_| wrong())?;
    let width = count.checked_mul(seconds * 1_000_000);
    width.filter(|width| *width > 0).ok_or_else(wrong)
}

impl Windows {
    pub(crate) fn new(column: String, width_us: i64) -> Self {
        Self { column, width_us }
    }

    fn span_of(&self, instant_us: i64) -> Option<Span> {
        let inside = instant_us.checked_sub(MONDAY_US)?.rem_euclid(self.width_us);
        let start = instant_us.checked_sub(inside)?;
        Some((start, start.checked_add(self.width_us)?))
    }

    /// The rows of a batch by window, in their order.
    pub(crate) fn cut(&self, batch: &RecordBatch) -> Result<Vec<Stretch>, EdgeError> {
        let wrong = |reason: String| EdgeError::Usage {
            argument: "--time",
            reason,
        };
        let column = batch.column_by_name(&self.column).ok_or_else(|| {
            wrong(format!(
                "the rows have no column `{}`, in which their times would be",
                self.column
            ))
        })?;
        let instants = instants(column).map_err(wrong)?;
        let instants = instants.as_primitive::<TimestampMicrosecondType>();
        let mut stretches: Vec<Stretch> = Vec::new();
        for row in 0..instants.len() {
            if instants.is_null(row) && column.is_valid(row) {
                let value = array_value_to_string(column, row).unwrap_or_default();
                return Err(wrong(format!(
                    "`{value}` in the column `{}` is no time; write it as 2024-01-31T12:00:00Z",
                    self.column
                )));
            }
            let instant = instants.is_valid(row).then(|| instants.value(row));
            let span = instant.and_then(|instant| self.span_of(instant));
            match stretches.last_mut() {
                Some((last, rows)) if *last == span => rows.end = row + 1,
                _ => stretches.push((span, row..row + 1)),
            }
        }
        Ok(stretches)
    }
}

/// Times and dates, or texts of them; without a zone they are in UTC.
fn instants(column: &ArrayRef) -> Result<ArrayRef, String> {
    let failed = |error: arrow_schema::ArrowError| error.to_string();
    let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
    match column.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            cast(column, &plain).map_err(failed)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
            let zoned = cast(column, &zoned).map_err(failed)?;
            cast(&zoned, &plain).map_err(failed)
        }
        other => Err(format!(
            "a column of the type {other} has no times; they are dates, times, or texts of them"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Date32Array, Int64Array, StringArray};
    use std::sync::Arc;

    fn batch(column: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("at", column, true)]).unwrap()
    }

    fn windows(text: &str) -> Windows {
        Windows::new("at".to_owned(), width(text).unwrap())
    }

    #[test]
    fn widths_are_those_of_pipelines() {
        assert_eq!(width("30m"), Ok(1_800_000_000));
        assert_eq!(width("2w"), Ok(14 * 86_400_000_000));
        for wrong in ["", "h", "1", "-1h", "1y", "0d", "99999999999999999w", "1時"] {
            assert!(width(wrong).unwrap_err().contains("no width"), "{wrong}");
        }
    }

    #[test]
    fn weeks_begin_on_mondays_and_rows_without_a_time_are_in_none() {
        // A Sunday and the Monday after it.
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(3), Some(4), Some(10), None]));
        let found = windows("7d").cut(&batch(days)).unwrap();
        let day = 86_400_000_000;
        assert_eq!(
            found,
            [
                (Some((-3 * day, 4 * day)), 0..1),
                (Some((4 * day, 11 * day)), 1..3),
                (None, 3..4)
            ]
        );
    }

    #[test]
    fn texts_are_times_with_a_zone_or_without_and_others_are_named() {
        let texts = [
            "1970-01-01T01:30:00+01:00",
            "1970-01-01 00:59:59",
            "1970-01-01T01:00:00Z",
        ];
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let hour = 3_600_000_000;
        let found = windows("1h").cut(&batch(texts)).unwrap();
        assert_eq!(
            found,
            [(Some((0, hour)), 0..2), (Some((hour, 2 * hour)), 2..3)]
        );
        let wrong: ArrayRef = Arc::new(StringArray::from(vec!["yesterday"]));
        let said = windows("1h").cut(&batch(wrong)).unwrap_err().to_string();
        assert!(
            said.contains("`yesterday` in the column `at` is no time"),
            "{said}"
        );
        let wrong: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let said = windows("1h").cut(&batch(wrong)).unwrap_err().to_string();
        assert!(said.contains("the type Int64 has no times"), "{said}");
    }
}
