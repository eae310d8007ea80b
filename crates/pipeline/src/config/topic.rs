//! Live data that comes as messages: `topic:` of a pipeline's `live`.

use super::{Duration, SecretReference};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{collections::BTreeMap, path::PathBuf};

/// How a topic is read, and when its windows close.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TopicConfig {
    /// How a message holds its row.
    pub format: TopicFormat,
    /// Names of the cells of a message, for `csv`.
    pub columns: Vec<String>,
    /// The character between cells, for `csv`.
    pub delimiter: char,
    /// The registry that has the schemas of messages, for `avro`.
    pub registry: Option<RegistryConfig>,
    /// The file with the schema of messages: a schema in JSON for `avro` without a registry, a set
    /// of descriptors for `protobuf`.
    pub schema: Option<PathBuf>,
    /// The full name of the message in `schema`, for `protobuf`.
    pub message: Option<String>,
    /// Whether messages begin as clients of a schema registry write them, although `schema` says
    /// how they are read.
    pub framed: bool,
    /// A column for the key of the message.
    pub key: Option<String>,
    /// A column for the time at which the message was sent.
    pub timestamp: Option<String>,
    /// A column for the headers of the message, an object.
    pub headers: Option<String>,
    /// The consumer group under which the broker shows the lag; by default `driftline-` and the
    /// pipeline's name.
    pub group: Option<String>,
    /// Where a topic is begun that was never read.
    pub start: TopicStart,
    /// Settings of librdkafka, such as those for TLS and SASL; secrets as `env:NAME` or
    /// `file:PATH`.
    pub settings: BTreeMap<String, TopicSetting>,
    /// How far the times of a partition may be out of order: its watermark is that much behind
    /// the greatest time that it has seen.
    pub out_of_orderness: Duration,
    /// How long a window stays open after the watermark has passed its end.
    pub allowed_lateness: Duration,
    /// After so long without a message a partition holds no window open any more.
    pub idle: Duration,
    /// How far a time may be ahead of the sending of its message; one that is further is a
    /// mistake of the message and moves no watermark.
    pub max_ahead: Duration,
    /// The share of a window's messages that may be unreadable; above it the window is unknown.
    pub max_dead_share: f64,
    /// What the rows of open windows may take in the store, in MiB; above it no more is read
    /// until windows close.
    pub max_state_mib: u64,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            format: TopicFormat::Json,
            columns: Vec::new(),
            delimiter: ',',
            registry: None,
            schema: None,
            message: None,
            framed: false,
            key: None,
            timestamp: None,
            headers: None,
            group: None,
            start: TopicStart::Beginning,
            settings: BTreeMap::new(),
            out_of_orderness: Duration::from_minutes(1),
            allowed_lateness: Duration::from_minutes(1),
            idle: Duration::from_minutes(1),
            max_ahead: Duration::from_minutes(24 * 60),
            max_dead_share: 0.01,
            max_state_mib: 4_096,
        }
    }
}

/// How a message holds its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopicFormat {
    /// A JSON object.
    Json,
    /// One line of CSV, whose cells `columns` names.
    Csv,
    /// A record of Avro, whose schema `registry` or `schema` has.
    Avro,
    /// A message of Protocol Buffers, which `schema` and `message` describe.
    Protobuf,
}

/// A schema registry, as Confluent's and those like it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Where it is: `https://registry.example.com`.
    pub url: String,
    /// User and password, `user:password`, by reference.
    #[serde(default)]
    pub login: Option<SecretReference>,
}

/// Where a topic is begun that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopicStart {
    /// With the oldest message that the broker has.
    Beginning,
    /// With the next message that comes.
    End,
}

/// The value of a setting, or where it stands.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub enum TopicSetting {
    /// The value.
    Plain(String),
    /// Where the value is read.
    Secret(SecretReference),
}

/// Settings whose value is nobody's to see.
const SECRETS: [&str; 4] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "sasl.oauthbearer.client.secret",
];

impl<'de> Deserialize<'de> for TopicSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.starts_with("env:") || text.starts_with("file:") {
            true => text.parse().map(Self::Secret).map_err(D::Error::custom),
            false => Ok(Self::Plain(text)),
        }
    }
}

impl TopicConfig {
    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let wants_columns = self.format == TopicFormat::Csv;
        if wants_columns == self.columns.is_empty() {
            return Some((
                "topic",
                "`columns` names the cells of `format: csv`: give both, or neither".to_owned(),
            ));
        }
        if let Some(said) = self.schema_mistake() {
            return Some(("topic", said.to_owned()));
        }
        if !self.delimiter.is_ascii() {
            return Some(("delimiter", format!("`{}` is not ASCII", self.delimiter)));
        }
        if !(0.0..=1.0).contains(&self.max_dead_share) {
            let said = format!("{} is no share: write 0 to 1", self.max_dead_share);
            return Some(("max_dead_share", said));
        }
        open_secret(&self.settings).map(|said| ("settings", said))
    }
}

/// The sentence of a secret that is written out among settings.
pub(super) fn open_secret(settings: &BTreeMap<String, TopicSetting>) -> Option<String> {
    let mut open = settings.iter().filter(|(name, value)| {
        SECRETS.contains(&name.as_str()) && matches!(value, TopicSetting::Plain(_))
    });
    let (name, _) = open.next()?;
    Some(format!(
        "`{name}` is written out; name it instead: `env:NAME` or `file:PATH`"
    ))
}

impl TopicConfig {
    /// What is missing or too much of what says how messages are read.
    fn schema_mistake(&self) -> Option<&'static str> {
        let (registry, schema) = (self.registry.is_some(), self.schema.is_some());
        match self.format {
            TopicFormat::Avro if registry == schema => Some(
                "`format: avro` needs the schema of messages: give `registry`, or a file as `schema`",
            ),
            TopicFormat::Protobuf if !schema || self.message.is_none() => Some(
                "`format: protobuf` needs the type of messages: give the file of its descriptors as \
                 `schema`, and its full name as `message`",
            ),
            TopicFormat::Protobuf if registry => Some(
                "`registry` is for `format: avro`: of `protobuf` the descriptors are in a file",
            ),
            TopicFormat::Avro if self.message.is_some() => {
                Some("`message` is for `format: protobuf`")
            }
            TopicFormat::Json | TopicFormat::Csv
                if registry || schema || self.message.is_some() || self.framed =>
            {
                Some(
                    "`registry`, `schema`, `message` and `framed` are for `format: avro` and \
                     `format: protobuf`",
                )
            }
            _ => None,
        }
    }
}

/// `kafka://broker:9092,other:9092/topic`, in its parts: brokers and topic.
pub(super) fn parts(source: &str) -> Option<Result<(&str, &str), String>> {
    let rest = source.strip_prefix("kafka://")?;
    let parts = rest
        .split_once('/')
        .filter(|(brokers, topic)| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            !brokers.is_empty() && !topic.is_empty() && topic.chars().all(fits)
        })
        .ok_or_else(|| {
            format!("`{source}` names no topic: write kafka://broker:9092,other:9092/topic")
        });
    Some(parts)
}
