//! Folders named `key=value`: columns that are in the path, as Hive, Spark and DuckDB write
//! them.

use super::Readable;
use chrono::{DateTime, NaiveDate};
use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef},
    common::ScalarValue,
};
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// What Hive calls the folder of rows without a value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

const DAY_US: i64 = 86_400_000_000;

/// Only folders whose value of a column may lie in a stretch of time; those whose value is no
/// date are read in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRange {
    /// The key of the folders: `day` of `day=2024-01-31`.
    pub column: String,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub start_us: i64,
    /// The end, not in the range.
    pub end_us: i64,
}

impl PartitionRange {
    /// Whether the file of this name may have rows of the range. Zones differ from UTC by less
    /// than a day, so a day more is kept on both sides.
    pub(super) fn may_hold(&self, name: &str) -> bool {
        let values = of(name);
        let value = values.iter().find(|(key, _)| *key == self.column);
        let Some(day) = value.and_then(|(_, value)| date(value.as_deref()?)) else {
            return true;
        };
        let start_us = day.and_time(chrono::NaiveTime::MIN).and_utc();
        let start_us = start_us.timestamp_micros();
        start_us - DAY_US < self.end_us && start_us + 2 * DAY_US > self.start_us
    }
}

/// Keys and values of the folders on the way to a file; no value for null.
pub(super) fn of(name: &str) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let (folders, _) = name.rsplit_once('/').unwrap_or_default();
    for folder in folders.split('/') {
        let Some((key, value)) = folder.split_once('=') else {
            continue;
        };
        if key.is_empty() {
            continue;
        }
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let key = plain(key);
        found.retain(|(known, _)| *known != key);
        found.push((key, (value != NULL).then(|| plain(value))));
    }
    found
}

/// Gives every file the columns of its path that no file holds itself: whole numbers or dates
/// where all values are such, else text.
pub(super) fn add(files: &mut [Readable]) {
    let of_files: Vec<_> = files.iter().map(|file| of(&file.file.name)).collect();
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in of_files.iter().flatten() {
        let is_held = |file: &Readable| file.schema.index_of(key).is_ok();
        if !keys.contains(&key.as_str()) && !files.iter().any(is_held) {
            keys.push(key);
        }
    }
    for key in keys {
        let values: Vec<Option<&str>> = of_files
            .iter()
            .map(|pairs| pairs.iter().find(|(known, _)| known == key)?.1.as_deref())
            .collect();
        let all = |fits: fn(&str) -> bool| values.iter().flatten().all(|value| fits(value));
        let scalar: fn(Option<&str>) -> ScalarValue = if all(|v| v.parse::<i64>().is_ok()) {
            |value| ScalarValue::Int64(value.and_then(|value| value.parse().ok()))
        } else if all(|v| date(v).is_some()) {
            |value| ScalarValue::Date32(value.and_then(date).map(days))
        } else {
            |value| ScalarValue::Utf8(value.map(str::to_owned))
        };
        let field: FieldRef = Arc::new(Field::new(key, scalar(None).data_type(), true));
        for (file, value) in files.iter_mut().zip(&values) {
            file.constants.push((Arc::clone(&field), scalar(*value)));
        }
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn days(date: NaiveDate) -> i32 {
    let since = date.signed_duration_since(DateTime::UNIX_EPOCH.date_naive());
    i32::try_from(since.num_days()).expect("chrono's years have 31 bits of days")
}

/// The fields of the columns that are in the path.
pub(super) fn fields(files: &[Readable]) -> Vec<FieldRef> {
    let first = files.first();
    let constants = first.map_or(&[][..], |file| file.constants.as_slice());
    constants
        .iter()
        .map(|(field, _)| Arc::clone(field))
        .collect()
}

/// The value of a column that is in the path, in the type that is wanted.
pub(super) fn constant(
    constants: &[(FieldRef, ScalarValue)],
    wanted: &Field,
) -> Option<ScalarValue> {
    let (_, value) = constants
        .iter()
        .find(|(field, _)| field.name() == wanted.name())?;
    match wanted.data_type() {
        same if *same == value.data_type() => Some(value.clone()),
        DataType::Dictionary(..) | DataType::Utf8View => value.cast_to(wanted.data_type()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_columns_and_the_last_of_a_name_counts() {
        let found = of("s3://bucket/a=1/day=2024-01-31/a=x%3Ay/b=__HIVE_DEFAULT_PARTITION__/f.csv");
        let shown: Vec<_> = found
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [("day", Some("2024-01-31")), ("a", Some("x:y")), ("b", None)]
        );
        assert!(of("a=1.csv").is_empty());
    }

    #[test]
    fn a_range_keeps_its_days_and_a_day_around_for_zones() {
        let day = |text: &str| {
            let date = date(text).unwrap().and_time(chrono::NaiveTime::MIN);
            date.and_utc().timestamp_micros()
        };
        let range = PartitionRange {
            column: "day".into(),
            start_us: day("2024-01-10"),
            end_us: day("2024-01-12"),
        };
        let kept = |day: u32| range.may_hold(&format!("data/day=2024-01-{day:02}/a.parquet"));
        let kept: Vec<u32> = (1..31).filter(|&day| kept(day)).collect();
        assert_eq!(kept, [9, 10, 11, 12]);
        assert!(range.may_hold("data/a.parquet") && range.may_hold("data/day=x/a.parquet"));
    }
}
