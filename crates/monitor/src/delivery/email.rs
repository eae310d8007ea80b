//! Events as e-mail: a subject, a few lines, and the event's id as the mail's.
//!
//! A mail that is sent a second time, because an answer was lost, has the same `Message-ID`; many servers and
//! readers of mail show it once.

use crate::MonitorError;
use crate::delivery::address::{self, ip_literal};
use crate::delivery::format;
use crate::delivery::sender::Failure;
use crate::delivery::smtp::{self, Server};
use crate::delivery::tls::TlsFiles;
use crate::delivery::webhook::read_secret;
use async_smtp::authentication::Credentials;
use async_smtp::{EmailAddress, Envelope, SendableEmail};
use chrono::{DateTime, Utc};
use driftline_pipeline::config::{EmailTarget, SecretReference, Topic};
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::time::Duration;

/// An e-mail target whose configuration makes sense.
#[derive(Debug, Clone)]
pub struct Email {
    config: EmailTarget,
    host: String,
    port: u16,
    is_tls_first: bool,
}

impl Email {
    /// Time for one attempt.
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

    /// Checks a target as far as that is possible without sending.
    ///
    /// # Errors
    /// [`MonitorError::Target`]: a URL that names no mail server, or an address that may not be reached.
    pub fn new(config: EmailTarget) -> Result<Self, MonitorError> {
        let refuse = |reason: String| MonitorError::Target {
            target: config.name.to_string(),
            reason,
        };
        let url = Url::parse(&config.url)
            .map_err(|error| refuse(format!("its `url` is none: {error}")))?;
        let (is_tls_first, port) = match url.scheme() {
            "smtp" => (false, 587),
            "smtps" => (true, 465),
            scheme => {
                return Err(refuse(format!(
                    "its `url` begins with `{scheme}:`: use `smtp://` or `smtps://`"
                )));
            }
        };
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let Some(host) = url.host_str().filter(|host| is_bare && !host.is_empty()) else {
            return Err(refuse(
                "its `url` is more or less than a server: write `smtp://mail.example.com:587`; user and password \
                 have keys of their own"
                    .to_owned(),
            ));
        };
        if let Some(ip) = ip_literal(&url) {
            address::check(ip, &config.allow_addresses)
                .map_err(|refused| refuse(refused.to_string()))?;
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            is_tls_first,
            config,
        })
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

    /// Sends an event, and returns the status of the server's yes.
    pub(super) async fn tell(
        &self,
        id: &str,
        payload: &str,
        now: DateTime<Utc>,
    ) -> Result<u16, Failure> {
        let mail = self.mail(id, payload, now).map_err(Failure::of)?;
        let tls = match &self.config.tls {
            Some(tls) => TlsFiles::read(tls).map_err(Failure::of)?,
            None => TlsFiles::default(),
        };
        let server = Server {
            host: &self.host,
            port: self.port,
            is_tls_first: self.is_tls_first,
            allow_plain: self.config.allow_plain,
            allow_addresses: &self.config.allow_addresses,
            tls: tls.client_config().map_err(Failure::of)?,
            login: self.login().map_err(Failure::of)?,
        };
        let sending = smtp::send(server, mail);
        let sent = tokio::time::timeout(Self::TIMEOUT, sending).await;
        sent.unwrap_or_else(|_| {
            let seconds = Self::TIMEOUT.as_secs();
            Err(Failure::of(format!("no answer within {seconds} s")))
        })
    }

    /// Read for every attempt, so that a password can be changed without a restart.
    fn login(&self) -> Result<Option<Credentials>, String> {
        let (Some(user), Some(password)) = (&self.config.user, &self.config.password) else {
            return Ok(None);
        };
        let read = |key: &str, reference: &SecretReference| -> Result<SecretString, String> {
            read_secret(reference).map_err(|said| format!("its `{key}`, `{reference}`, {said}"))
        };
        let (user, password) = (read("user", user)?, read("password", password)?);
        let text = |secret: &SecretString| secret.expose_secret().trim().to_owned();
        Ok(Some(Credentials::new(text(&user), text(&password))))
    }

    fn mail(&self, id: &str, payload: &str, now: DateTime<Utc>) -> Result<SendableEmail, String> {
        let event: Value = serde_json::from_str(payload)
            .map_err(|error| format!("the event is no JSON: {error}"))?;
        let (title, text) = format::in_words(&event);
        // A header ends with its line.
        let subject = title.replace(char::is_control, " ");
        let from = &self.config.from;
        let host = from.rsplit_once('@').map_or("", |(_, host)| host);
        let to: Vec<&str> = self.config.to.iter().map(String::as_str).collect();
        let message = MessageBuilder::new()
            .from(from.as_str())
            .to(to)
            .date(now.timestamp())
            .message_id(format!("{id}@{host}"))
            // RFC 3834: nobody's absence is told to a machine.
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .subject(subject)
            .text_body(text)
            .write_to_vec()
            .map_err(|error| format!("no mail: {error}"))?;
        let address = |address: &String| EmailAddress::new(address.clone());
        let to: Result<Vec<_>, _> = self.config.to.iter().map(address).collect();
        let envelope = address(from)
            .and_then(|from| Envelope::new(Some(from), to?))
            .map_err(|error| format!("no mail: {error}"))?;
        Ok(SendableEmail::new(envelope, message))
    }
}
