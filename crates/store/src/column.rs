//! How values stand in columns: words of an enum as text, instants as milliseconds.

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// How an instant stands in JSON: RFC 3339 in UTC.
pub(crate) struct Instant;

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// The name under which an enum's value stands in JSON, in the API and in a column.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("an enum without fields is a JSON string, not {other:?}"),
    }
}

/// The enum's value of that name.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str) -> sqlx::Result<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(decode)
}

/// An optional enum's value.
pub(crate) fn from_optional_word<T: DeserializeOwned>(
    word: Option<String>,
) -> sqlx::Result<Option<T>> {
    word.as_deref().map(from_word).transpose()
}

/// Milliseconds since 1970, which both databases order and compare alike.
pub(crate) fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

/// The instant of that many milliseconds.
pub(crate) fn instant(millis: i64) -> sqlx::Result<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
        .ok_or_else(|| decode(format!("{millis} ms is no instant")))
}

/// An optional instant.
pub(crate) fn optional_instant(millis: Option<i64>) -> sqlx::Result<Option<DateTime<Utc>>> {
    millis.map(instant).transpose()
}

/// A count as a column holds it. Counts beyond `i64` do not occur: they count rows.
pub(crate) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A duration in milliseconds.
pub(crate) fn duration_millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The duration of that many milliseconds; a negative one is none.
pub(crate) fn duration(millis: i64) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A text out of data, as both databases hold it: a NUL, which PostgreSQL's text cannot have, is its symbol.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

/// An optional text out of data.
pub(crate) fn optional_text(optional: Option<&str>) -> Option<String> {
    optional.map(text)
}

/// A value that a column must not hold.
pub(crate) fn decode(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(reason.into())
}
