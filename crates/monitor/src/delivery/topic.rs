//! Events as messages of a topic of Kafka.
//!
//! The message is the event as it is stored, its key the event's id: whoever reads an event a
//! second time, because an answer of the broker was lost, knows it by that.

use crate::MonitorError;
use driftline_pipeline::config::{Topic, TopicTarget};
use std::time::Duration;

/// A topic that is told.
#[derive(Debug, Clone)]
pub struct TopicLine {
    config: TopicTarget,
    #[cfg(feature = "kafka")]
    sender: kafka::Sender,
}

impl TopicLine {
    /// Time for one attempt.
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

    /// Checks a target as far as that is possible without sending.
    ///
    /// # Errors
    /// [`MonitorError::Target`] where the topic is none, or this build sends to none.
    pub fn new(config: TopicTarget) -> Result<Self, MonitorError> {
        let refuse = |reason: String| MonitorError::Target {
            target: config.name.to_string(),
            reason,
        };
        config.brokers_and_topic().map_err(refuse)?;
        #[cfg(not(feature = "kafka"))]
        {
            Err(refuse(
                "this build sends to no topics: build it with `--features kafka`".to_owned(),
            ))
        }
        #[cfg(feature = "kafka")]
        {
            Ok(Self {
                config,
                sender: kafka::Sender::default(),
            })
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.config.name.as_str()
    }

    /// What it is told of.
    pub(crate) fn on(&self) -> &[Topic] {
        &self.config.on
    }

    /// Whether an event waits until those before it have arrived or been given up.
    pub(crate) fn is_ordered(&self) -> bool {
        self.config.ordered
    }

    /// Sends an event, and waits until the broker has it.
    ///
    /// # Errors
    /// What kept it from being sent, without secrets.
    pub(super) async fn tell(&self, id: &str, payload: &str) -> Result<(), String> {
        #[cfg(feature = "kafka")]
        {
            self.sender.tell(&self.config, id, payload).await
        }
        #[cfg(not(feature = "kafka"))]
        {
            Err(format!(
                "this build cannot send {} bytes of {id}",
                payload.len()
            ))
        }
    }
}

#[cfg(feature = "kafka")]
mod kafka {
    use super::{TopicLine, TopicTarget};
    use crate::pipeline_topic::plain_settings;
    use driftline_engine::topic::{KafkaSender, Outgoing};
    use std::{
        fmt,
        sync::{Arc, Mutex, PoisonError},
    };

    /// The connection, made when there is something to tell, and made anew after a failure: a
    /// secret may have changed.
    #[derive(Clone, Default)]
    pub(super) struct Sender(Arc<Mutex<Option<Arc<KafkaSender>>>>);

    impl fmt::Debug for Sender {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Sender")
        }
    }

    impl Sender {
        pub(super) async fn tell(
            &self,
            config: &TopicTarget,
            id: &str,
            payload: &str,
        ) -> Result<(), String> {
            let connected = self.connected(config)?;
            let (key, payload) = (id.to_owned(), payload.to_owned());
            let sent = tokio::task::spawn_blocking(move || {
                let message = Outgoing {
                    key: &key,
                    headers: &[("content-type", "application/json")],
                    payload: &payload,
                };
                // The lease of the attempt ends a while after its time.
                connected.send(&message, TopicLine::TIMEOUT)
            });
            let sent = sent
                .await
                .unwrap_or_else(|error| Err(format!("internal error: {error}")));
            if sent.is_err() {
                *self.held() = None;
            }
            sent
        }

        fn connected(&self, config: &TopicTarget) -> Result<Arc<KafkaSender>, String> {
            let mut held = self.held();
            if let Some(sender) = &*held {
                return Ok(Arc::clone(sender));
            }
            let (brokers, topic) = config.brokers_and_topic()?;
            let settings = plain_settings(&config.settings)?;
            let sender = Arc::new(KafkaSender::new(brokers, topic, &settings)?);
            *held = Some(Arc::clone(&sender));
            Ok(sender)
        }

        fn held(&self) -> std::sync::MutexGuard<'_, Option<Arc<KafkaSender>>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
