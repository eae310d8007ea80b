//! Sends messages to a topic of Kafka, one at a time.

use super::kafka::describe;
use rdkafka::{
    ClientConfig, ClientContext,
    error::KafkaError,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, ProducerContext, ThreadedProducer},
};
use std::{collections::BTreeMap, sync::mpsc, time::Duration};

/// Says how a message ended to whoever waits for it.
struct Reports;

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<mpsc::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let ended = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        // Nobody waits any more where it took too long.
        drop(waiting.send(ended));
    }
}

/// Sends to one topic.
pub struct KafkaSender {
    producer: ThreadedProducer<Reports>,
    topic: String,
}

/// A message to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Messages of one key keep their order.
    pub key: &'a str,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// What it holds.
    pub payload: &'a str,
}

impl KafkaSender {
    /// A sender to a topic, with these settings of librdkafka; it connects when it sends.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(
        brokers: &str,
        topic: &str,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        for (name, value) in settings {
            config.set(name, value);
        }
        // A message counts as sent when the broker has it for good, and is there once however
        // often the client itself repeats it.
        config.set("acks", "all").set("enable.idempotence", "true");
        let producer = config
            .create_with_context(Reports)
            .map_err(|error| describe(&error))?;
        Ok(Self {
            producer,
            topic: topic.to_owned(),
        })
    }

    /// Sends a message and waits until the broker has it; blocking.
    ///
    /// # Errors
    /// Why it does not have it, as far as is known.
    pub fn send(&self, message: &Outgoing<'_>, patience: Duration) -> Result<(), String> {
        let (waiting, ended) = mpsc::channel();
        let headers = message.headers.iter();
        let headers = headers.fold(OwnedHeaders::new(), |headers, (key, value)| {
            let value = Some(*value);
            headers.insert(Header { key, value })
        });
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(waiting))
            .key(message.key)
            .headers(headers)
            .payload(message.payload);
        self.producer
            .send(record)
            .map_err(|(error, _)| describe(&error))?;
        match ended.recv_timeout(patience) {
            Ok(ended) => ended.map_err(|error| describe(&error)),
            Err(_) => Err(format!(
                "the broker does not confirm it within {} ms",
                patience.as_millis()
            )),
        }
    }
}
