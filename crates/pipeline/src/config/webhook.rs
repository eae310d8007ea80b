//! Who is told of what, and in which form: `actions.webhooks` of a pipeline.

use super::{Name, TlsConfig, TopicSetting, topic};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

/// What a target can be told of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Windows that fail or ask for notice, one by one.
    Notify,
    /// Alerts that begin to fire, still do, or are over.
    Alert,
    /// Requests to train the model again.
    Retrain,
    /// Windows that are judged, whatever the verdict.
    Verdict,
}

/// Who is told of what, by a webhook.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    /// Its name, unique in the pipeline.
    pub name: Name,
    /// What it is told of.
    pub on: Vec<Topic>,
    /// Where events are sent.
    pub url: String,
    /// The secret, by reference: what events are signed with, or the key that the service gave.
    #[serde(default)]
    pub secret: Option<SecretReference>,
    /// The form that the receiver takes.
    #[serde(default)]
    pub format: TargetFormat,
    /// A file with the body as a template, for `format: template`.
    #[serde(default)]
    pub template: Option<PathBuf>,
    /// How the body of a template is sent.
    #[serde(default)]
    pub body: BodyEncoding,
    /// Headers of every request, their values by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretReference>,
    /// What in an answer of 2xx says that it is a yes; by default the status does.
    #[serde(default)]
    pub success: Option<SuccessRule>,
    /// Statuses that are a yes besides 2xx, such as the 409 of a receiver that has the event already.
    #[serde(default)]
    pub success_status: Vec<u16>,
    /// Whether an event waits until those before it have arrived or been given up.
    #[serde(default)]
    pub ordered: bool,
    /// Whether plain HTTP may be used.
    #[serde(default)]
    pub allow_http: bool,
    /// Networks that may be reached although they are private.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub allow_addresses: Vec<ipnet::IpNet>,
    /// Whom its certificate must come from, and what is shown of Driftline.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Time for the whole request.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// Who is told of what, by messages of a topic.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicTarget {
    /// Its name, unique in the pipeline.
    pub name: Name,
    /// What it is told of.
    pub on: Vec<Topic>,
    /// Where events are sent: `kafka://broker:9092,other:9092/topic`.
    pub url: String,
    /// Settings of librdkafka, such as those for TLS and SASL; secrets as `env:NAME` or
    /// `file:PATH`.
    #[serde(default)]
    pub settings: BTreeMap<String, TopicSetting>,
    /// Whether an event waits until those before it have arrived or been given up.
    #[serde(default)]
    pub ordered: bool,
}

impl TopicTarget {
    /// Brokers and topic.
    ///
    /// # Errors
    /// A sentence on what is wrong with `url`.
    pub fn brokers_and_topic(&self) -> Result<(&str, &str), String> {
        topic::parts(&self.url).unwrap_or_else(|| {
            Err("its `url` is no topic: write kafka://broker:9092,other:9092/topic".to_owned())
        })
    }

    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        if let Err(said) = self.brokers_and_topic() {
            return Some(("topics", said));
        }
        if self.on.is_empty() {
            let said = "`on` names nothing: name `verdict`, `notify`, `alert` or `retrain`";
            return Some(("topics", said.to_owned()));
        }
        topic::open_secret(&self.settings).map(|said| ("topics", said))
    }
}

fn default_timeout_ms() -> u64 {
    20_000
}

/// The form of a request that a receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetFormat {
    /// The event as it is, signed as Standard Webhooks 1.0.0 say.
    #[default]
    Standard,
    /// CloudEvents 1.0.2, structured.
    Cloudevents,
    /// An incoming webhook of Slack, or of what understands the same.
    Slack,
    /// A workflow of Microsoft Teams that takes adaptive cards.
    Teams,
    /// A custom bot of Feishu or Lark; `secret` is its signing key.
    Feishu,
    /// A custom robot of DingTalk; `secret` is its signing key.
    Dingtalk,
    /// A group robot of WeCom.
    Wecom,
    /// Events API v2 of PagerDuty; `secret` is the routing key.
    Pagerduty,
    /// Alertmanager's `/api/v2/alerts`.
    Alertmanager,
    /// A run event of OpenLineage with facets of data quality.
    Openlineage,
    /// The file that `template` names.
    Template,
}

/// How the JSON of a template is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// As it is.
    #[default]
    Json,
    /// The fields of its object as those of a form (`application/x-www-form-urlencoded`).
    Form,
}

/// What in the JSON of an answer says that it is a yes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuccessRule {
    /// Where to look: a JSON pointer, as `/data/ok`.
    pub pointer: String,
    /// What must stand there.
    pub equals: serde_json::Value,
}

impl WebhookTarget {
    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let needs_secret = match self.format {
            TargetFormat::Standard => Some("events are signed with it"),
            TargetFormat::Pagerduty => Some("it is the routing key"),
            _ => None,
        };
        if let (Some(why), None) = (needs_secret, &self.secret) {
            return Some(("webhooks", format!("`secret` is missing: {why}")));
        }
        let is_template = self.format == TargetFormat::Template;
        if is_template != self.template.is_some() {
            return Some((
                "webhooks",
                "`template` names a file, and `format: template` says that it is used: give both"
                    .to_owned(),
            ));
        }
        if self.body == BodyEncoding::Form && !is_template {
            return Some((
                "webhooks",
                "`body: form` is for `format: template`".to_owned(),
            ));
        }
        // A redirect is no answer, 410 ends the target, 429 and 5xx ask to be left alone for a while.
        let is_yes = |status: &u16| matches!(status, 400..=409 | 411..=428 | 430..=499);
        if let Some(status) = self.success_status.iter().find(|status| !is_yes(status)) {
            return Some((
                "success_status",
                format!(
                    "{status} cannot be a yes: name statuses of 4xx, such as 409, but 410 and 429"
                ),
            ));
        }
        if let Some(said) = self.tls.as_ref().and_then(TlsConfig::mistake) {
            return Some(("tls", said.to_owned()));
        }
        if let Some(rule) = &self.success
            && !rule.pointer.starts_with('/')
        {
            return Some((
                "pointer",
                format!("`{}` is no JSON pointer: write `/data/ok`", rule.pointer),
            ));
        }
        None
    }
}

/// Where a secret is: `env:NAME` or `file:PATH`. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub enum SecretReference {
    /// An environment variable.
    Environment(String),
    /// A file, whose content less surrounding white space is the secret.
    File(PathBuf),
}

impl FromStr for SecretReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // The text is not repeated: it may be the secret itself.
            _ => Err("a secret is named, not written: use `env:NAME` or `file:PATH`".into()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl Serialize for SecretReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
