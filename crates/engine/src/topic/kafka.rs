//! Kafka, by librdkafka.
//!
//! The reader assigns all partitions to itself rather than joining a group: which server reads
//! a topic is settled by the lease on its monitor, and where it goes on by the offsets in the
//! store. A group would be a second, weaker answer to both. The group's offsets are still
//! committed, for tools that show lag.

use super::{Message, Polled, Topic};
use crate::EngineError;
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::Headers,
};
use std::{collections::BTreeMap, time::Duration};

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// A topic of Kafka, and how it is reached.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The group under which offsets are shown.
    pub group: String,
    /// Settings of librdkafka, such as those for TLS and SASL.
    pub settings: BTreeMap<String, String>,
    /// Whether a partition of which nothing is known is read from its first message rather
    /// than from the next one.
    pub from_beginning: bool,
    /// The first offset that was not read, by partition.
    pub next_offsets: BTreeMap<i32, i64>,
}

/// Says no more than what is read: every error comes out of a poll as well, the end of a
/// partition among them.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for Quiet {}

/// A topic of Kafka.
pub struct KafkaTopic {
    consumer: BaseConsumer<Quiet>,
    options: KafkaOptions,
    /// Partitions, and where reading each began.
    assigned: BTreeMap<i32, i64>,
}

impl KafkaTopic {
    /// Connects, and begins where reading ended.
    ///
    /// # Errors
    /// [`EngineError::Topic`]: no broker answers, the login is refused, there is no such topic,
    /// a setting is unknown.
    pub fn open(options: KafkaOptions) -> Result<Self, EngineError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &options.brokers)
            .set("group.id", &options.group)
            // Bounds of what is fetched ahead.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.message.max.bytes", "1048576");
        for (name, value) in &options.settings {
            config.set(name, value);
        }
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // Offsets that the broker no longer has are a loss of messages, and said.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer<Quiet> = config
            .create_with_context(Quiet)
            .map_err(|error| failed(&options.topic, &error))?;
        let mut topic = Self {
            consumer,
            options,
            assigned: BTreeMap::new(),
        };
        topic.partitions()?;
        Ok(topic)
    }

    /// Where reading a partition begins. An offset, and not "its end", so that whoever notes it
    /// loses nothing that comes before the first message is read.
    fn start_of(&self, partition: i32) -> Result<i64, EngineError> {
        if let Some(&offset) = self.options.next_offsets.get(&partition) {
            return Ok(offset);
        }
        let name = &self.options.topic;
        let ends = self.consumer.fetch_watermarks(name, partition, PATIENCE);
        let (first, end) = ends.map_err(|error| failed(name, &error))?;
        // A partition that is new among known ones came after the last look at the topic.
        let is_known = !self.assigned.is_empty() || !self.options.next_offsets.is_empty();
        Ok(match self.options.from_beginning || is_known {
            true => first,
            false => end,
        })
    }
}

impl Topic for KafkaTopic {
    fn partitions(&mut self) -> Result<BTreeMap<i32, i64>, EngineError> {
        let name = &self.options.topic;
        let metadata = self
            .consumer
            .fetch_metadata(Some(name), PATIENCE)
            .map_err(|error| failed(name, &error))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let found: Vec<i32> = match topic {
            Some(topic) if topic.error().is_none() => {
                topic.partitions().iter().map(|one| one.id()).collect()
            }
            _ => Vec::new(),
        };
        if found.is_empty() {
            return Err(EngineError::Topic {
                topic: name.clone(),
                reason: "there is no such topic, or this user may not read it".into(),
            });
        }
        let mut starts = BTreeMap::new();
        for partition in found {
            if !self.assigned.contains_key(&partition) {
                starts.insert(partition, self.start_of(partition)?);
            }
        }
        if !starts.is_empty() {
            let mut list = TopicPartitionList::new();
            for (partition, start) in &starts {
                list.add_partition_offset(name, *partition, Offset::Offset(*start))
                    .map_err(|error| failed(name, &error))?;
            }
            self.consumer
                .incremental_assign(&list)
                .map_err(|error| failed(name, &error))?;
            self.assigned.extend(starts);
        }
        Ok(self.assigned.clone())
    }

    fn ends(&mut self) -> BTreeMap<i32, i64> {
        let name = &self.options.topic;
        let end = |partition: &i32| {
            let ends = self.consumer.fetch_watermarks(name, *partition, PATIENCE);
            let (_, end) = ends
                .inspect_err(|error| tracing::debug!(partition, %error, "the lag is not known"))
                .ok()?;
            Some((*partition, end))
        };
        self.assigned.keys().map_while(end).collect()
    }

    fn poll(&mut self, most: Duration) -> Result<Polled, EngineError> {
        match self.consumer.poll(most) {
            None => Ok(Polled::Nothing),
            Some(Ok(message)) => {
                let headers = message.headers().map(|headers| {
                    let headers = headers.iter();
                    headers
                        .map(|one| (one.key.to_owned(), one.value.unwrap_or_default().to_vec()))
                        .collect()
                });
                Ok(Polled::Message(Message {
                    partition: message.partition(),
                    offset: message.offset(),
                    sent_at_ms: message.timestamp().to_millis(),
                    key: message.key().map(<[u8]>::to_vec),
                    headers: headers.unwrap_or_default(),
                    payload: message.payload().map(<[u8]>::to_vec),
                }))
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Polled::End(partition)),
            Some(Err(error)) if is_passing(&error) => {
                tracing::warn!(topic = self.options.topic, %error, "the broker is asked again");
                Ok(Polled::Away)
            }
            Some(Err(error)) => Err(failed(&self.options.topic, &error)),
        }
    }

    fn done(&mut self, next_offsets: &BTreeMap<i32, i64>) {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in next_offsets {
            let offset = Offset::Offset(*offset);
            let added = list.add_partition_offset(&self.options.topic, *partition, offset);
            if added.is_err() {
                return;
            }
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "the broker shows an old lag");
        }
    }
}

/// Whether librdkafka goes on by itself: a broker that is away comes back.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::NetworkException
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::Resolve
        )
    )
}

fn failed(topic: &str, error: &KafkaError) -> EngineError {
    EngineError::Topic {
        topic: topic.into(),
        reason: describe(error),
    }
}

/// What a mistake of librdkafka's means for those who configure it.
pub(super) fn describe(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
            "the broker refuses the login; check `topic.settings`".to_owned()
        }
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            "messages that were not read are gone from the broker: it keeps them for too short a \
              time. Start anew under another pipeline name, or restore the topic"
                .to_owned()
        }
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut,
        ) => format!("no broker answers ({error}); check the address, and TLS in `topic.settings`"),
        _ => error.to_string(),
    }
}
