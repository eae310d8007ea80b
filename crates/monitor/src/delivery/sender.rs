//! One attempt to tell one target, the same for every event and for a test.

use crate::delivery::transport::{Answer, HttpTransport, Transport};
use crate::delivery::{Target, Webhook, format, request, retry};
use crate::{Clock, SystemClock};
use chrono::{DateTime, SecondsFormat, Utc};
use driftline_pipeline::config::Topic;
use serde_json::Value;
use std::time::Duration;

/// Characters of an answer that are kept.
const ANSWER_CHARACTERS: usize = 200;

/// The status of a yes of a broker, whose code for no error it is.
const SENT: u16 = 0;

/// Why an attempt is no yes.
pub(super) struct Failure {
    /// The answer's status, where there was one.
    pub(super) status: Option<u16>,
    /// What went wrong, without secrets.
    pub(super) error: String,
    /// Whether it is a no for ever.
    pub(super) is_final: bool,
    /// How long the target asks to be left alone.
    pub(super) asked: Option<Duration>,
}

impl Failure {
    /// One without an answer.
    pub(super) fn of(error: String) -> Self {
        Self {
            status: None,
            error,
            is_final: false,
            asked: None,
        }
    }
}

/// Tells a target of an event once: in its form, signed, with its headers, within its bounds.
/// Returns the status of the yes: of webhooks 2xx is one, of some only where the body says so, and what else
/// the target counts as one.
pub(super) async fn tell(
    transport: &dyn Transport,
    target: &Target,
    id: &str,
    payload: &str,
    now: DateTime<Utc>,
) -> Result<u16, Failure> {
    let target = match target {
        Target::Webhook(webhook) => &**webhook,
        Target::Topic(topic) => {
            let told = topic.tell(id, payload).await;
            return told.map(|()| SENT).map_err(Failure::of);
        }
        Target::Email(email) => return email.tell(id, payload, now).await,
    };
    let request = request::of(target, id, payload, now).map_err(Failure::of)?;
    let answer = transport.send(target, request).await.map_err(Failure::of)?;
    let status = answer.status;
    let is_2xx = (200..300).contains(&status);
    if (is_2xx && says_yes(target, &answer)) || target.success_status().contains(&status) {
        return Ok(status);
    }
    let mut error = match is_2xx {
        true => format!("answered {status}, and no yes in its body"),
        false => format!("answered {status}"),
    };
    let said = quote(&answer.body, target);
    if !said.is_empty() {
        error.push_str(&format!(": {said}"));
    }
    let asked = match (status, &answer.retry_after) {
        (429 | 503, Some(value)) => retry::retry_after(value, now),
        _ => None,
    };
    Err(Failure {
        status: Some(status),
        error,
        is_final: status == 410,
        asked,
    })
}

/// Whether the body of a 2xx says yes, where the target's own must.
fn says_yes(target: &Webhook, answer: &Answer) -> bool {
    target.success().is_none_or(|rule| {
        let body: Option<Value> = serde_json::from_str(&answer.body).ok();
        body.is_some_and(|body| body.pointer(&rule.pointer) == Some(&rule.equals))
    })
}

/// Tells targets of an event that is none, to see whether they would hear a real one.
#[derive(Debug, Default)]
pub struct Probe {
    transport: HttpTransport,
}

impl Probe {
    /// Over HTTP, by the machine's clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a test event once; nothing is written down.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub async fn send(&self, monitor: &str, target: &Target) -> Result<u16, String> {
        let now = SystemClock.now();
        let topic = target.on().first().copied().unwrap_or(Topic::Notify);
        let mut event = format::sample(topic);
        event["type"] = "driftline.test".into();
        event["timestamp"] = now.to_rfc3339_opts(SecondsFormat::Millis, true).into();
        event["data"]["monitor"] = monitor.into();
        let id = format!("evt_test_{}", uuid::Uuid::new_v4().simple());
        tell(&self.transport, target, &id, &event.to_string(), now)
            .await
            .map_err(|failure| failure.error)
    }
}

/// The beginning of what a target said, fit for a log: no control characters, and nothing
/// of the URL's path and query, which may be a secret that the target repeats.
fn quote(body: &str, target: &Webhook) -> String {
    let mut text = clean(body);
    let url = target.url();
    let secret_parts = url
        .path_segments()
        .into_iter()
        .flatten()
        .chain(url.query())
        .filter(|part| part.len() >= 8);
    for part in secret_parts {
        text = text.replace(part, "…");
    }
    text.trim().to_owned()
}

/// The beginning of what was said, without control characters.
pub(super) fn clean(words: &str) -> String {
    let beginning = words.chars().take(ANSWER_CHARACTERS);
    beginning
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
