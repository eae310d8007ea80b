//! Who is told: a webhook, a topic, or people by e-mail.

use crate::MonitorError;
use crate::delivery::email::Email;
use crate::delivery::signature::SigningKeys;
use crate::delivery::topic::TopicLine;
use crate::delivery::webhook::Webhook;
use driftline_pipeline::config::{EmailTarget, Topic, TopicTarget, WebhookTarget};
use std::time::Duration;

/// Who is told of what, checked as far as that is possible without sending.
#[derive(Debug, Clone)]
pub enum Target {
    /// Over HTTP.
    Webhook(Box<Webhook>),
    /// By messages of a topic.
    Topic(TopicLine),
    /// By e-mail.
    Email(Box<Email>),
}

impl Target {
    /// A webhook.
    ///
    /// # Errors
    /// As [`Webhook::new`].
    pub fn new(config: WebhookTarget) -> Result<Self, MonitorError> {
        Ok(Self::Webhook(Box::new(Webhook::new(config)?)))
    }

    /// A topic.
    ///
    /// # Errors
    /// As [`TopicLine::new`].
    pub fn topic(config: TopicTarget) -> Result<Self, MonitorError> {
        Ok(Self::Topic(TopicLine::new(config)?))
    }

    /// People.
    ///
    /// # Errors
    /// As [`Email::new`].
    pub fn email(config: EmailTarget) -> Result<Self, MonitorError> {
        Ok(Self::Email(Box::new(Email::new(config)?)))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Webhook(webhook) => webhook.name(),
            Self::Topic(topic) => topic.name(),
            Self::Email(email) => email.name(),
        }
    }

    /// What it is told of.
    pub fn on(&self) -> &[Topic] {
        match self {
            Self::Webhook(webhook) => webhook.on(),
            Self::Topic(topic) => topic.on(),
            Self::Email(email) => email.on(),
        }
    }

    /// Whether an event waits until those before it have arrived or been given up.
    pub(crate) fn is_ordered(&self) -> bool {
        match self {
            Self::Webhook(webhook) => webhook.is_ordered(),
            Self::Topic(topic) => topic.is_ordered(),
            Self::Email(email) => email.is_ordered(),
        }
    }

    /// Time for one attempt.
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Self::Webhook(webhook) => webhook.timeout(),
            Self::Topic(_) => TopicLine::TIMEOUT,
            Self::Email(_) => Email::TIMEOUT,
        }
    }

    /// The public halves of the keys that events are signed with, as receivers are given them.
    ///
    /// # Errors
    /// As [`Target::signing_keys`].
    pub fn public_keys(&self) -> Result<Vec<String>, MonitorError> {
        let keys = self.signing_keys()?;
        Ok(keys.map_or_else(Vec::new, |keys| keys.public_keys()))
    }

    /// The keys that events are signed with; `None` where they are not.
    ///
    /// # Errors
    /// As [`Webhook::signing_keys`].
    pub fn signing_keys(&self) -> Result<Option<SigningKeys>, MonitorError> {
        match self {
            Self::Webhook(webhook) => webhook.signing_keys(),
            Self::Topic(_) | Self::Email(_) => Ok(None),
        }
    }
}
