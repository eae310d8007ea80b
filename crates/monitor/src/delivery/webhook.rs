//! Who is told over HTTP: a checked webhook target, and its secret by reference.

use crate::MonitorError;
use crate::delivery::address::{self, ip_literal};
use crate::delivery::format::{self, Occurrence};
use crate::delivery::signature::{SigningKey, SigningKeys};
use driftline_pipeline::config::{
    BodyEncoding, SecretReference, SuccessRule, TargetFormat, TlsConfig, Topic, WebhookTarget,
};
use ipnet::IpNet;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::time::Duration;

/// The longest time that one delivery may take.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A webhook target whose configuration makes sense.
#[derive(Clone)]
pub struct Webhook {
    config: WebhookTarget,
    url: Url,
    /// The text of the file that `template` names.
    template: Option<String>,
}

impl Webhook {
    /// Checks a target as far as that is possible without sending.
    ///
    /// # Errors
    /// [`MonitorError::Target`]: a URL that is none, carries a password or a fragment, is
    /// not HTTPS although plain HTTP was not allowed or `tls` is given, or names an address that may not be
    /// reached; a timeout of zero or beyond 30 s; a header that is none; a template that cannot
    /// be read or rendered.
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
        if url.scheme() == "http" && config.tls.is_some() {
            return Err(refuse(
                "its `tls` is for `https://`, which its `url` is not".to_owned(),
            ));
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
        for name in config.headers.keys() {
            let name: HeaderName = name
                .parse()
                .map_err(|_| refuse(format!("`{name}` is no name of a header")))?;
            if FIXED_HEADERS.contains(&name.as_str()) {
                return Err(refuse(format!("`{name}` is set by driftline itself")));
            }
        }
        let template = match &config.template {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                refuse(format!(
                    "its template `{}` cannot be read: {error}",
                    path.display()
                ))
            })?),
            None => None,
        };
        let target = Self {
            config,
            url,
            template,
        };
        for topic in &target.config.on {
            target
                .try_form(*topic)
                .map_err(|reason| MonitorError::Target {
                    target: target.name().to_owned(),
                    reason,
                })?;
        }
        Ok(target)
    }

    /// Puts a sample of what it is told of into its form.
    fn try_form(&self, topic: Topic) -> Result<(), String> {
        if self.config.format == TargetFormat::Standard {
            return Ok(());
        }
        let sample = format::sample(topic);
        let occurrence = Occurrence {
            id: "evt_sample",
            event: &sample,
            timestamp: 0,
            secret: Some("sample"),
        };
        let form = format::fill(self.format(), self.template(), &occurrence)?;
        match self.body() {
            BodyEncoding::Json => Ok(()),
            BodyEncoding::Form => format::as_form(&form.body).map(drop),
        }
    }

    /// The form that it takes.
    pub(crate) fn format(&self) -> TargetFormat {
        self.config.format
    }

    /// The body of the form, where the pipeline brings it.
    pub(crate) fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// Whether an event waits until those before it have arrived or been given up.
    pub(crate) fn is_ordered(&self) -> bool {
        self.config.ordered
    }

    /// How the body of a template is sent.
    pub(crate) fn body(&self) -> BodyEncoding {
        self.config.body
    }

    /// Statuses that are a yes besides 2xx.
    pub(crate) fn success_status(&self) -> &[u16] {
        &self.config.success_status
    }

    /// What in an answer of 2xx says that it is a yes, where the status alone does not.
    pub(crate) fn success(&self) -> Option<SuccessRule> {
        let given = self.config.success.clone();
        given.or_else(|| format::success(self.config.format))
    }

    /// The pipeline's own headers, their values read now.
    ///
    /// # Errors
    /// [`MonitorError::Target`] where a value is missing or cannot be sent.
    pub(crate) fn headers(&self) -> Result<HeaderMap, MonitorError> {
        let mut headers = HeaderMap::new();
        for (name, reference) in &self.config.headers {
            let refuse = |reason: &str| MonitorError::Target {
                target: self.name().to_owned(),
                reason: format!("its header `{name}`, `{reference}`, {reason}"),
            };
            let text = read_secret(reference).map_err(|reason| refuse(&reason))?;
            let name: HeaderName = name.parse().map_err(|_| refuse("has no name"))?;
            let mut value = HeaderValue::from_str(text.expose_secret().trim())
                .map_err(|_| refuse("cannot be sent as a header"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The secret as it stands where it is named, less white space around it; `None` where none
    /// is named.
    ///
    /// # Errors
    /// [`MonitorError::Target`] where it is missing or empty.
    pub(crate) fn secret(&self) -> Result<Option<SecretString>, MonitorError> {
        let Some(reference) = &self.config.secret else {
            return Ok(None);
        };
        let text = read_secret(reference).map_err(|reason| self.refuse_secret(&reason))?;
        match text.expose_secret().trim() {
            "" => Err(self.refuse_secret("is empty")),
            text => Ok(Some(SecretString::from(text))),
        }
    }

    fn refuse_secret(&self, reason: &str) -> MonitorError {
        let reference = self.config.secret.as_ref();
        let named = reference.map(ToString::to_string).unwrap_or_default();
        MonitorError::Target {
            target: self.name().to_owned(),
            reason: format!("its secret `{named}` {reason}"),
        }
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

    /// By what it and Driftline believe each other, where that is not the system's matter.
    pub(crate) fn tls(&self) -> Option<&TlsConfig> {
        self.config.tls.as_ref()
    }

    /// Time for the whole request.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms)
    }

    /// Reads the signing keys. They are read for every attempt, so that a secret can be
    /// changed without a restart. `None` where no secret is named, or where it is no key of ours
    /// but one that the service gave.
    ///
    /// # Errors
    /// [`MonitorError::Target`] where the secret is missing, or is no key.
    pub fn signing_keys(&self) -> Result<Option<SigningKeys>, MonitorError> {
        let is_key = match self.config.format {
            TargetFormat::Standard | TargetFormat::Cloudevents | TargetFormat::Template => true,
            TargetFormat::Slack
            | TargetFormat::Teams
            | TargetFormat::Feishu
            | TargetFormat::Dingtalk
            | TargetFormat::Wecom
            | TargetFormat::Pagerduty
            | TargetFormat::Alertmanager
            | TargetFormat::Openlineage => false,
        };
        let secret = if is_key { self.secret()? } else { None };
        let Some(text) = secret else {
            return Ok(None);
        };
        let keys = text
            .expose_secret()
            .split_whitespace()
            .map(SigningKey::parse)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.refuse_secret(&error.to_string()))?;
        Ok(SigningKeys::new(keys))
    }
}

/// Headers that say what is sent, and by whom.
const FIXED_HEADERS: [&str; 6] = [
    "content-type",
    "content-length",
    "host",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// What a reference names, or what keeps it from being read.
pub(crate) fn read_secret(reference: &SecretReference) -> Result<SecretString, String> {
    match reference {
        SecretReference::Environment(name) => {
            std::env::var(name)
                .map(SecretString::from)
                .map_err(|error| match error {
                    std::env::VarError::NotPresent => {
                        "is not set: set that environment variable".to_owned()
                    }
                    std::env::VarError::NotUnicode(_) => "is not UTF-8".to_owned(),
                })
        }
        SecretReference::File(path) => std::fs::read_to_string(path)
            .map(SecretString::from)
            .map_err(|error| format!("cannot be read: {error}")),
    }
}

impl fmt::Debug for Webhook {
    /// Without the URL, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.config.name.as_str())
            .field("on", &self.config.on)
            .field("host", &self.url.host_str())
            .field("secret", &self.config.secret)
            .finish_non_exhaustive()
    }
}
