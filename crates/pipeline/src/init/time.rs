//! Which column says when a row happened, and how long a window is.

use super::quoted;
use crate::{
    PipelineError,
    config::{Duration, TimeConfig},
};
use chrono::DateTime;
use driftline_engine::{ColumnInfo, DataType, EngineError, Rows, Tz};
use driftline_statistics::ColumnProfile;

/// Windows of all data that are wanted: twenty to learn from, ten to judge.
const WANTED_WINDOWS: u64 = 30;
/// Windows with which it can be tried.
const LEAST_WINDOWS: u64 = 21;
/// Live windows that are wanted.
const LIVE_WINDOWS: u64 = 10;
/// Rows of a window below which little can be said.
const LEAST_ROWS: u64 = 30;
/// Rows without a time, as a share, with which a column still says when rows happened.
const MOST_NULLS: f64 = 0.05;

const WIDTHS: [&str; 6] = ["4w", "1w", "1d", "6h", "1h", "10m"];

/// How a column writes its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Timestamp,
    Date,
    Text,
    /// Integers since 1970: how many make a second.
    Epoch(i64),
}

/// The column that says when a row happened.
#[derive(Debug, Clone)]
pub(crate) struct TimeColumn {
    pub(crate) name: String,
    pub(crate) reason: String,
    form: Form,
    /// First and last instant, in microseconds.
    range: (i64, i64),
}

/// Where the training data ends.
pub(crate) struct Cut {
    us: i64,
    /// The instant, for people.
    pub(crate) day: String,
}

impl TimeColumn {
    /// SQL that makes times of what are none yet.
    pub(crate) fn conversion(&self) -> Option<String> {
        let function = match self.form {
            Form::Epoch(1) => "to_timestamp_seconds",
            Form::Epoch(1_000) => "to_timestamp_millis",
            Form::Epoch(_) => "to_timestamp_micros",
            _ => return None,
        };
        let name = quoted(&self.name);
        Some(format!(
            "SELECT * REPLACE ({function}({name}) AS {name}) FROM source"
        ))
    }

    /// SQL for the rows on one side of a cut.
    pub(crate) fn side(&self, cut: &Cut, sign: &str) -> String {
        let name = quoted(&self.name);
        let instant = DateTime::from_timestamp_micros(cut.us).unwrap_or_default();
        let (column, cut) = match self.form {
            Form::Epoch(per_second) => {
                let cut = i128::from(cut.us) * i128::from(per_second) / 1_000_000;
                (name, cut.to_string())
            }
            Form::Date => (name, format!("DATE '{}'", instant.format("%F"))),
            Form::Timestamp => (name, format!("TIMESTAMP '{}'", instant.format("%F %T"))),
            Form::Text => (
                format!(
                    "event_time({name}, '{}', 'UTC')",
                    self.name.replace('\'', "''")
                ),
                format!("TIMESTAMP '{}'", instant.format("%F %T")),
            ),
        };
        format!("SELECT * FROM source WHERE {column} {sign} {cut}")
    }
}

/// The column whose times are most likely those of the rows; `None` where there is none.
pub(crate) async fn find(
    rows: &Rows,
    sample: &[(ColumnInfo, ColumnProfile)],
) -> Result<Option<TimeColumn>, PipelineError> {
    let mut candidates: Vec<(i32, &ColumnInfo, Form)> = sample
        .iter()
        .filter(|(_, profile)| profile.null_share().is_none_or(|share| share <= MOST_NULLS))
        .filter_map(|(info, profile)| {
            let form = form(info, profile)?;
            let typed = match form {
                Form::Timestamp | Form::Date => 2,
                Form::Text => 1,
                Form::Epoch(_) => 0,
            };
            Some((by_name(&info.name) + typed, info, form))
        })
        .collect();
    // Of equals the first column.
    candidates.sort_by_key(|(score, _, _)| -score);
    let others = candidates.len().saturating_sub(1);
    for (_, info, form) in candidates {
        let range = match range(rows, info, form).await {
            Ok(range) => range,
            Err(EngineError::NotATime { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if let Some((first, last)) = range.filter(|(first, last)| first < last) {
            let what = match form {
                Form::Timestamp => "it holds timestamps".to_owned(),
                Form::Date => "it holds dates".to_owned(),
                Form::Text => "its texts are dates or times".to_owned(),
                Form::Epoch(1) => "its numbers are seconds since 1970".to_owned(),
                Form::Epoch(1_000) => "its numbers are milliseconds since 1970".to_owned(),
                Form::Epoch(_) => "its numbers are microseconds since 1970".to_owned(),
            };
            let day = |us: i64| {
                let instant = DateTime::from_timestamp_micros(us).unwrap_or_default();
                instant.format("%F").to_string()
            };
            let among = match others {
                0 => String::new(),
                1 => ", and its name suits better than that of another column with times".into(),
                n => format!(
                    ", and its name suits better than those of {n} other columns with times"
                ),
            };
            return Ok(Some(TimeColumn {
                name: info.name.clone(),
                reason: format!("{what}, from {} to {}{among}", day(first), day(last)),
                form,
                range: (first, last),
            }));
        }
    }
    Ok(None)
}

async fn range(
    rows: &Rows,
    info: &ColumnInfo,
    form: Form,
) -> Result<Option<(i64, i64)>, EngineError> {
    let Form::Epoch(per_second) = form else {
        return rows.time_range(&info.name, Tz::UTC).await;
    };
    let name = quoted(&info.name);
    let ends = ["min", "max"].map(|end| (end.to_owned(), format!("{end}({name})")));
    let found = rows.aggregate(&ends, None).await?;
    let value = |at: usize| found.first()?.values.get(at).copied().flatten();
    let instant = |value: f64| (value * 1e6 / per_second as f64) as i64;
    Ok(value(0)
        .zip(value(1))
        .map(|(first, last)| (instant(first), instant(last))))
}

/// How a column may write times; `None` where it holds something else.
fn form(info: &ColumnInfo, profile: &ColumnProfile) -> Option<Form> {
    match &info.data_type {
        DataType::Timestamp(_, _) => Some(Form::Timestamp),
        DataType::Date32 | DataType::Date64 => Some(Form::Date),
        DataType::Int64 | DataType::UInt64 | DataType::Int32 | DataType::UInt32 => {
            let numbers = profile.numeric()?;
            let (least, most) = numbers.min().zip(numbers.max())?;
            // From 1990 to 2040, and said to be a time: any large number could be one.
            let within = |per_second: f64| {
                least >= 631_152_000.0 * per_second && most <= 2_208_988_800.0 * per_second
            };
            let form = [1, 1_000, 1_000_000]
                .into_iter()
                .find(|per_second| within(*per_second as f64))?;
            (by_name(&info.name) > 0).then_some(Form::Epoch(form))
        }
        _ => {
            let values = profile.categorical()?.values();
            let looks = |text: &str| {
                let bytes = text.as_bytes();
                bytes.len() >= 10
                    && bytes[..4].iter().all(u8::is_ascii_digit)
                    && bytes[4] == b'-'
                    && bytes[5..7].iter().all(u8::is_ascii_digit)
            };
            let all = !values.is_empty() && values.iter().take(100).all(|v| looks(&v.value));
            all.then_some(Form::Text)
        }
    }
}

/// Words for when something happened.
const WHEN: [&str; 6] = ["time", "timestamp", "datetime", "date", "day", "ts"];

/// How much a name sounds like when a row happened: below 0 like another time.
fn by_name(name: &str) -> i32 {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let has = |known: &[&str]| {
        words
            .iter()
            .any(|word| known.iter().any(|known| word == known))
    };
    let mut score = 0;
    if WHEN.contains(&lower.as_str()) || ["dteday", "dt"].contains(&lower.as_str()) {
        score += 4;
    }
    if has(&WHEN)
        || has(&["epoch"])
        || ["timestamp", "datetime", "date", "time"]
            .iter()
            .any(|word| lower.ends_with(word))
    {
        score += 2;
    }
    if has(&[
        "event",
        "created",
        "start",
        "started",
        "pickup",
        "published",
        "posted",
        "occurred",
    ]) {
        score += 2;
    }
    if has(&[
        "end",
        "ended",
        "finish",
        "finished",
        "dropoff",
        "updated",
        "modified",
        "deleted",
        "birth",
        "birthday",
        "dob",
        "born",
        "expires",
        "expiry",
        "due",
        "scheduled",
        "sched",
    ]) {
        score -= 6;
    }
    score
}

/// The width of a window, and how many windows that makes of all data.
pub(crate) fn window(column: &TimeColumn, rows: u64) -> (Duration, u64) {
    let span_us = column.range.1 - column.range.0;
    let widths: Vec<(Duration, u64)> = WIDTHS
        .iter()
        .map(|text| text.parse::<Duration>().expect("a width of the list"))
        .map(|width| (width, (span_us / width.micros()) as u64 + 1))
        .collect();
    let at_least = |least: u64| widths.iter().position(|(_, windows)| *windows >= least);
    let wanted = at_least(WANTED_WINDOWS).or_else(|| at_least(LEAST_WINDOWS));
    let mut at = wanted.unwrap_or(widths.len() - 1);
    // Nearly empty windows say nothing; fewer and fuller ones do.
    while at > 0 && rows / widths[at].1 < LEAST_ROWS && widths[at - 1].1 >= LEAST_WINDOWS {
        at -= 1;
    }
    widths[at]
}

/// The beginning of the live data: the last third, of ten windows or more where there are
/// as many.
pub(crate) fn cut(column: &TimeColumn, window: Duration) -> Result<Cut, PipelineError> {
    let windows = TimeConfig::of(column.name.clone(), window).windows()?;
    let (first, last) = column.range;
    let total = ((last - first) / window.micros()).max(1);
    let live = (total / 3).max(LIVE_WINDOWS as i64).min((total / 2).max(1));
    let inside = last - live * window.micros();
    let span = windows.span_of(inside.max(first));
    // A live side that begins with the data would leave nothing to learn from.
    let us = span.map_or(inside, |span| match span.start_us > first {
        true => span.start_us,
        false => span.end_us,
    });
    let us = if us > first && us <= last {
        us
    } else {
        first + (last - first) / 2
    };
    let instant = DateTime::from_timestamp_micros(us).unwrap_or_default();
    // To the second, as it is written.
    let us = instant.timestamp() * 1_000_000;
    let midnight = us.rem_euclid(86_400_000_000) == 0;
    Ok(Cut {
        us,
        day: match midnight {
            true => instant.format("%F").to_string(),
            false => instant.format("%F %T").to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(days: i64) -> TimeColumn {
        TimeColumn {
            name: "t".into(),
            reason: String::new(),
            form: Form::Timestamp,
            range: (
                1_577_836_800_000_000,
                1_577_836_800_000_000 + days * 86_400_000_000,
            ),
        }
    }

    #[test]
    fn a_window_is_as_wide_as_there_are_thirty_of() {
        for (days, rows, width) in [
            (4 * 365, 1_000_000, "4w"),
            (365, 1_000_000, "1w"),
            (60, 1_000_000, "1d"),
            (3, 1_000_000, "1h"),
            // A day of 5 rows is too little to say anything.
            (200, 1_000, "1w"),
        ] {
            assert_eq!(
                window(&over(days), rows).0.to_string(),
                width,
                "{days} days"
            );
        }
    }

    #[test]
    fn the_live_data_begins_with_a_window_and_leaves_more_to_learn_from() {
        let year = over(365);
        let cut = cut(&year, "1w".parse().unwrap()).unwrap();
        // A Monday, 17 weeks before the end of 2020.
        assert_eq!(cut.day, "2020-08-31");
        assert!(cut.us - year.range.0 > year.range.1 - cut.us);
    }

    #[test]
    fn names_of_the_beginning_suit_better_than_those_of_the_end() {
        assert!(by_name("trip_start_timestamp") > by_name("trip_end_timestamp"));
        assert!(by_name("date") > by_name("birth_date"));
        assert!(by_name("created_at") > by_name("updated_at"));
        assert_eq!(by_name("amount"), 0);
    }
}
