//! Topics: messages that come one by one, and the rows that they hold.
//!
//! A row is written as one line of JSON, so that the rows of a window are a file like any other:
//! whatever a pipeline asks of files it asks of a topic, by the same code.

#[cfg(feature = "kafka")]
mod avro;
mod decode;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod protobuf;
#[cfg(feature = "kafka")]
mod sender;

#[cfg(feature = "kafka")]
pub use avro::{Avro, SchemaRegistry};
pub use decode::{Decoder, DecoderOptions, PayloadFormat, Row, Unreadable};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaOptions, KafkaTopic};
#[cfg(feature = "kafka")]
pub use protobuf::Protobuf;
/// The client; its mock broker is what tests run against.
#[cfg(feature = "kafka")]
pub use rdkafka;
#[cfg(feature = "kafka")]
pub use sender::{KafkaSender, Outgoing};

use crate::EngineError;
use std::{collections::BTreeMap, time::Duration};

/// A message of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// When it was sent or stored, in milliseconds since 1970.
    pub sent_at_ms: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What it holds; `None` says that the key was deleted.
    pub payload: Option<Vec<u8>>,
}

/// What a topic gives next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// A message.
    Message(Message),
    /// There is nothing more in this partition for now.
    End(i32),
    /// Nothing came.
    Nothing,
    /// No broker answers for now.
    Away,
}

/// A topic that is read by one reader. Its calls block.
pub trait Topic: Send {
    /// The partitions there are now, with the offset that reading each began at. Ones that were not
    /// there before are read from their beginning.
    ///
    /// # Errors
    /// [`EngineError::Topic`] where the broker does not answer.
    fn partitions(&mut self) -> Result<BTreeMap<i32, i64>, EngineError>;

    /// The offset after the last message of each partition, as far as the broker tells.
    fn ends(&mut self) -> BTreeMap<i32, i64>;

    /// The next message, waiting for it so long.
    ///
    /// # Errors
    /// [`EngineError::Topic`] for what no retry mends.
    fn poll(&mut self, most: Duration) -> Result<Polled, EngineError>;

    /// Tells the broker how far messages are done with, for those who look at its lag.
    fn done(&mut self, next_offsets: &BTreeMap<i32, i64>);
}
