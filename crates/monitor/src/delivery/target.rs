//! Who is told: a checked webhook target, and its secret by reference.

use crate::MonitorError;
use crate::delivery::address::{self, ip_literal};
use crate::delivery::signature::{SigningKey, SigningKeys};
use driftline_pipeline::config::{SecretReference, Topic, WebhookTarget};
use ipnet::IpNet;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::time::Duration;

/// The longest time that one delivery may take.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A webhook target whose configuration makes sense.
#[derive(Clone)]
pub struct Target {
    config: WebhookTarget,
    url: Url,
}

impl Target {
    /// Checks a target as far as that is possible without sending.
    ///
    /// # Errors
    /// [`MonitorError::Target`]: a URL that is none, carries a password or a fragment, is
    /// not HTTPS although plain HTTP was not allowed, or names an address that may not be
    /// reached; a timeout of zero or beyond 30 s.
    pub fn new(config: WebhookTarget) -> Result<Self, MonitorError> {
        // The URL is not repeated in messages: many services put a secret into it.
        let refuse = |reason: String| MonitorError::Target {
            target: config.name.to_string(),
            reason,
        };
        let url = Url::parse(&config.url)
            .map_err(|error| refuse(format!("its `url` is none: {error}")))?;
        match url.scheme() {
            "https" => {}
            "http" if config.allow_http => {}
            "http" => {
                return Err(refuse(
                    "its `url` is not HTTPS: use `https://`, or set `allow_http: true`".to_owned(),
                ));
            }
            scheme => {
                return Err(refuse(format!(
                    "its `url` begins with `{scheme}:`: use `https://`"
                )));
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "its `url` carries a user or password: events are signed instead".to_owned(),
            ));
        }
        if url.fragment().is_some() {
            return Err(refuse(
                "its `url` has a fragment (`#…`), which is never sent".to_owned(),
            ));
        }
        if let Some(ip) = ip_literal(&url) {
            address::check(ip, &config.allow_addresses)
                .map_err(|refused| refuse(refused.to_string()))?;
        }
        let timeout = Duration::from_millis(config.timeout_ms);
        if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
            return Err(refuse(
                "its timeout must be above 0 and at most 30 s".to_owned(),
            ));
        }
        if config.on.is_empty() {
            return Err(refuse(
                "`on` names nothing: name `notify`, `alert` or `retrain`".to_owned(),
            ));
        }
        Ok(Self { config, url })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.config.name.as_str()
    }

    /// What it is told of.
    pub fn on(&self) -> &[Topic] {
        &self.config.on
    }

    /// Where events are sent. May hold a secret: not for logs and answers.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Networks that may be reached although they are private.
    pub(crate) fn allow_addresses(&self) -> &[IpNet] {
        &self.config.allow_addresses
    }

    /// Time for the whole request.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms)
    }

    /// Reads the signing keys. They are read for every attempt, so that a secret can be
    /// changed without a restart.
    ///
    /// # Errors
    /// [`MonitorError::Target`] where the secret is missing or no `whsec_…` of 24 to 64
    /// bytes.
    pub fn signing_keys(&self) -> Result<SigningKeys, MonitorError> {
        let refuse = |reason: String| MonitorError::Target {
            target: self.config.name.to_string(),
            reason: format!("its secret `{}` {reason}", self.config.secret),
        };
        let text = match &self.config.secret {
            SecretReference::Environment(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|error| match error {
                    std::env::VarError::NotPresent => {
                        refuse("is not set: set that environment variable".to_owned())
                    }
                    std::env::VarError::NotUnicode(_) => refuse("is not UTF-8".to_owned()),
                })?,
            SecretReference::File(path) => std::fs::read_to_string(path)
                .map(SecretString::from)
                .map_err(|error| refuse(format!("cannot be read: {error}")))?,
        };
        let keys = text
            .expose_secret()
            .split_whitespace()
            .map(SigningKey::parse)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(error.to_string()))?;
        SigningKeys::new(keys).ok_or_else(|| refuse("is empty".to_owned()))
    }
}

impl fmt::Debug for Target {
    /// Without the URL, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.config.name.as_str())
            .field("on", &self.config.on)
            .field("host", &self.url.host_str())
            .field("secret", &self.config.secret)
            .finish_non_exhaustive()
    }
}
