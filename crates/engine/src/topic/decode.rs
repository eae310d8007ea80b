//! From a message to a line of JSON and the time of its row.

use super::Message;
#[cfg(feature = "kafka")]
use super::{Avro, Protobuf};
use crate::{ColumnInfo, EngineError, Windows};
use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::arrow::{
    compute::kernels::cast_utils::{Parser, string_to_datetime},
    datatypes::{DataType, Date32Type},
};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// How a message holds its row.
#[derive(Debug, Clone)]
pub enum PayloadFormat {
    /// A JSON object.
    Json,
    /// One line of CSV.
    Csv {
        /// The names of its cells.
        columns: Vec<String>,
        /// The byte between cells.
        delimiter: u8,
    },
    /// A record of Avro.
    #[cfg(feature = "kafka")]
    Avro(Avro),
    /// A message of Protocol Buffers.
    #[cfg(feature = "kafka")]
    Protobuf(Protobuf),
}

/// Why there is no row of a message.
#[derive(Debug)]
pub enum Unreadable {
    /// What is wrong with the message, without what it holds.
    Message(String),
    /// What is needed to read it cannot be had now: it is read again later.
    Away(EngineError),
}

impl From<String> for Unreadable {
    fn from(reason: String) -> Self {
        Self::Message(reason)
    }
}

impl From<&str> for Unreadable {
    fn from(reason: &str) -> Self {
        Self::Message(reason.to_owned())
    }
}

/// What a decoder is told.
#[derive(Debug, Clone)]
pub struct DecoderOptions {
    /// How a message holds its row.
    pub format: PayloadFormat,
    /// The column with the time of a row, and its windows.
    pub windows: Windows,
    /// The columns that rows are compared with. A value of another kind than its column is a
    /// mistake of its message; of a column that is not among them it is taken as text.
    pub columns: Vec<ColumnInfo>,
    /// Name of the column for the message's key.
    pub key: Option<String>,
    /// Name of the column for the time at which the message was sent.
    pub timestamp: Option<String>,
    /// Name of the column for the message's headers, an object.
    pub headers: Option<String>,
}

/// A row of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its time, in microseconds since 1970.
    pub time_us: i64,
    /// The row as a line of JSON, with its end.
    pub line: Vec<u8>,
}

/// What a column's values are in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number,
    Date,
    Time,
    Text,
    /// Lists and objects.
    Nested,
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(..) => Self::Time,
            DataType::Dictionary(_, values) => Self::of(values),
            other if other.is_numeric() => Self::Number,
            other if other.is_nested() => Self::Nested,
            _ => Self::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Date => "a date",
            Self::Time => "a time",
            Self::Text => "text",
            Self::Nested => "a list or an object",
        }
    }
}

/// Reads the rows of messages.
#[derive(Debug, Clone)]
pub struct Decoder {
    options: DecoderOptions,
    kinds: BTreeMap<String, Kind>,
}

impl Decoder {
    /// A decoder. Where no columns are given, values are taken as they are.
    pub fn new(options: DecoderOptions) -> Self {
        let columns = options.columns.iter();
        let kinds = columns.map(|column| (column.name.clone(), Kind::of(&column.data_type)));
        Self {
            kinds: kinds.collect(),
            options,
        }
    }

    /// The columns that rows are compared with.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.options.columns
    }

    /// The row of a message; `None` where it says that its key was deleted.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn decode(&self, message: &Message) -> Result<Option<Row>, Unreadable> {
        let Some(payload) = &message.payload else {
            return Ok(None);
        };
        let mut row = match &self.options.format {
            PayloadFormat::Json => json(payload)?,
            PayloadFormat::Csv { columns, delimiter } => self.csv(payload, columns, *delimiter)?,
            #[cfg(feature = "kafka")]
            PayloadFormat::Avro(avro) => avro.row(payload)?,
            #[cfg(feature = "kafka")]
            PayloadFormat::Protobuf(protobuf) => protobuf.row(payload)?,
        };
        for (name, value) in &mut row {
            self.fit(name, value)?;
        }
        self.add_envelope(message, &mut row)?;
        let time_us = self.time(&row)?;
        let mut line = serde_json::to_vec(&row).map_err(|error| error.to_string())?;
        line.push(b'\n');
        Ok(Some(Row { time_us, line }))
    }

    fn time(&self, row: &Map<String, Value>) -> Result<i64, String> {
        let windows = &self.options.windows;
        let column = &windows.column;
        match row.get(column) {
            None | Some(Value::Null) => Err(format!("it has no `{column}`")),
            Some(Value::String(text)) => windows
                .instant_of(text)
                .ok_or_else(|| format!("`{column}` is no time")),
            Some(_) => Err(format!(
                "`{column}` is no text with a time; take the time of the message: `timestamp: {column}`"
            )),
        }
    }

    fn fit(&self, name: &str, value: &mut Value) -> Result<(), String> {
        if self.kinds.is_empty() {
            return Ok(());
        }
        let known = self.kinds.get(name).copied();
        let fits = match (&*value, known) {
            (Value::Null, _) => true,
            (Value::String(_), None | Some(Kind::Text))
            | (Value::Number(_), Some(Kind::Number))
            | (Value::Bool(_), Some(Kind::Boolean))
            | (Value::Array(_) | Value::Object(_), Some(Kind::Nested)) => true,
            (Value::String(text), Some(Kind::Date)) => Date32Type::parse(text).is_some(),
            (Value::String(text), Some(Kind::Time)) => string_to_datetime(&Utc, text).is_ok(),
            (other, None) => {
                *value = Value::String(other.to_string());
                true
            }
            _ => false,
        };
        match (fits, known) {
            (false, Some(kind)) => Err(format!("`{name}` is not {}", kind.name())),
            _ => Ok(()),
        }
    }

    fn csv(
        &self,
        payload: &[u8],
        columns: &[String],
        delimiter: u8,
    ) -> Result<Map<String, Value>, String> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(payload);
        let mut record = csv::StringRecord::new();
        let read = reader.read_record(&mut record);
        if !read.map_err(|_| "no line of CSV in UTF-8".to_owned())? {
            return Err("it is empty".into());
        }
        if record.len() != columns.len() {
            return Err(format!(
                "{} cells, and {} columns are named",
                record.len(),
                columns.len()
            ));
        }
        let mut row = Map::new();
        for (name, cell) in columns.iter().zip(&record) {
            let value = match self.kinds.get(name) {
                _ if cell.is_empty() => Value::Null,
                Some(Kind::Number) => {
                    Value::Number(number(cell).ok_or_else(|| format!("`{name}` is not a number"))?)
                }
                Some(Kind::Boolean) if cell.eq_ignore_ascii_case("true") => true.into(),
                Some(Kind::Boolean) if cell.eq_ignore_ascii_case("false") => false.into(),
                _ => Value::String(cell.to_owned()),
            };
            row.insert(name.clone(), value);
        }
        Ok(row)
    }

    /// Adds what stands outside of the payload, where a column is named for it.
    fn add_envelope(&self, message: &Message, row: &mut Map<String, Value>) -> Result<(), String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Some(name) = &self.options.key {
            let key = message.key.as_deref().map(text);
            row.insert(name.clone(), key.into());
        }
        if let Some(name) = &self.options.headers {
            let headers = message.headers.iter();
            let headers: Map<String, Value> = headers
                .map(|(name, value)| (name.clone(), text(value).into()))
                .collect();
            row.insert(name.clone(), headers.into());
        }
        if let Some(name) = &self.options.timestamp {
            let sent = message
                .sent_at_ms
                .and_then(DateTime::from_timestamp_millis)
                .ok_or("the broker gives it no time")?;
            let sent = sent.to_rfc3339_opts(SecondsFormat::Millis, true);
            row.insert(name.clone(), sent.into());
        }
        Ok(())
    }
}

fn json(payload: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(payload) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Err("JSON, but no object".into()),
        // Where, but not what: the message may hold what nobody is to see.
        Err(error) => Err(format!(
            "no JSON at line {} column {}",
            error.line(),
            error.column()
        )),
    }
}

fn number(cell: &str) -> Option<Number> {
    let cell = cell.trim();
    match cell.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(cell.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(format: PayloadFormat) -> Decoder {
        let column = |name: &str, data_type| ColumnInfo {
            name: name.into(),
            data_type,
        };
        Decoder::new(DecoderOptions {
            format,
            windows: Windows::new("at", "1h".parse().unwrap()),
            columns: vec![
                column("at", DataType::Utf8),
                column("amount", DataType::Float64),
                column("paid", DataType::Boolean),
                column("due", DataType::Date32),
            ],
            key: Some("user".into()),
            timestamp: None,
            headers: Some("about".into()),
        })
    }

    fn message(payload: &str) -> Message {
        Message {
            key: Some(b"u1".to_vec()),
            headers: vec![("from".into(), b"app".to_vec())],
            payload: Some(payload.into()),
            ..Message::default()
        }
    }

    fn line(decoder: &Decoder, payload: &str) -> String {
        let row = decoder.decode(&message(payload)).unwrap().unwrap();
        String::from_utf8(row.line).unwrap()
    }

    #[test]
    fn a_row_keeps_its_values_and_gets_its_envelope() {
        let decoder = decoder(PayloadFormat::Json);
        let text = r#"{"at":"2024-01-01T10:00:00Z","amount":12.50,"paid":true,"new":[1]}"#;
        insta::assert_snapshot!(line(&decoder, text), @r#"{"at":"2024-01-01T10:00:00Z","amount":12.5,"paid":true,"new":"[1]","user":"u1","about":{"from":"app"}}"#);
        let row = decoder.decode(&message(text)).unwrap().unwrap();
        assert_eq!(row.time_us, 1_704_103_200_000_000);
        let deleted = Message::default();
        assert!(decoder.decode(&deleted).unwrap().is_none());
    }

    #[test]
    fn cells_are_what_their_columns_are() {
        let decoder = decoder(PayloadFormat::Csv {
            columns: ["at", "amount", "paid", "note"].map(String::from).to_vec(),
            delimiter: b';',
        });
        insta::assert_snapshot!(line(&decoder, "2024-01-01;7;TRUE;\"a;b\""), @r#"{"at":"2024-01-01","amount":7,"paid":true,"note":"a;b","user":"u1","about":{"from":"app"}}"#);
    }

    #[test]
    fn what_is_wrong_is_said_without_what_it_holds() {
        let json = decoder(PayloadFormat::Json);
        let csv = decoder(PayloadFormat::Csv {
            columns: ["at", "amount"].map(String::from).to_vec(),
            delimiter: b',',
        });
        for (decoder, payload, said) in [
            (&json, "{\"secret\": ", "no JSON at line 1 column 11"),
            (&json, "[1]", "JSON, but no object"),
            (&json, "{}", "it has no `at`"),
            (&json, r#"{"at":"soon"}"#, "`at` is no time"),
            (
                &json,
                r#"{"at":"2024-01-01","amount":"7"}"#,
                "`amount` is not a number",
            ),
            (
                &json,
                r#"{"at":"2024-01-01","paid":1}"#,
                "`paid` is not true or false",
            ),
            (
                &json,
                r#"{"at":"2024-01-01","due":"soon"}"#,
                "`due` is not a date",
            ),
            (&csv, "2024-01-01", "1 cells, and 2 columns are named"),
            (&csv, "2024-01-01,x", "`amount` is not a number"),
            (&csv, "", "it is empty"),
        ] {
            let Unreadable::Message(reason) = decoder.decode(&message(payload)).unwrap_err() else {
                panic!("{said}")
            };
            assert_eq!(reason, said);
        }
    }
}
