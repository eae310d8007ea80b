//! Asks a schema registry for the schemas of messages, by their number.
//!
//! The interface is Confluent's, which others have too:
//! [`GET /schemas/ids/{id}`](https://docs.confluent.io/platform/current/schema-registry/develop/api.html#get--schemas-ids-int-%20id).

use crate::delivery::install_tls_provider;
use driftline_engine::{EngineError, topic::SchemaRegistry};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a registry may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A registry over HTTP.
#[derive(Debug)]
pub(crate) struct HttpRegistry {
    client: Client,
    url: Url,
    login: Option<(String, SecretString)>,
    topic: String,
    runtime: Handle,
}

/// What a registry answers.
#[derive(Debug, Deserialize)]
struct Answer {
    schema: String,
    /// Avro unless it says so.
    #[serde(rename = "schemaType")]
    kind: Option<String>,
}

impl HttpRegistry {
    /// The registry at an address, for messages of a topic. `login` is `user:password`. Called
    /// within a runtime, and asked outside of its threads.
    ///
    /// # Errors
    /// What is wrong with the address or the login.
    pub(crate) fn new(
        url: &str,
        login: Option<&SecretString>,
        topic: &str,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("`registry.url` is none: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err("`registry.url` begins with `https://` or `http://`".to_owned());
        }
        let login = match login.map(|login| login.expose_secret().trim().split_once(':')) {
            None => None,
            Some(Some((user, password))) => Some((user.to_owned(), password.to_owned().into())),
            Some(None) => return Err("`registry.login` is no `user:password`".to_owned()),
        };
        install_tls_provider();
        let client = Client::builder()
            .timeout(PATIENCE)
            .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self {
            client,
            url,
            login,
            topic: topic.to_owned(),
            runtime: Handle::current(),
        })
    }

    async fn ask(&self, id: u32) -> Result<Option<String>, String> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["schemas", "ids", &id.to_string()]);
        }
        let mut request = self.client.get(url);
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let said = |error: reqwest::Error| error.without_url().to_string();
        let answer = request.send().await.map_err(said)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
                "it answers {}: check `registry.login`",
                answer.status()
            )),
            status if status.is_success() => {
                let answer: Answer = answer.json().await.map_err(said)?;
                match answer.kind.as_deref() {
                    None | Some("AVRO") => Ok(Some(answer.schema)),
                    Some(other) => Err(format!("schema {id} is of {other}, not of Avro")),
                }
            }
            status => Err(format!("it answers {status}")),
        }
    }
}

impl SchemaRegistry for HttpRegistry {
    fn schema(&self, id: u32) -> Result<Option<String>, EngineError> {
        let asked = self.runtime.block_on(self.ask(id));
        asked.map_err(|reason| EngineError::Topic {
            topic: self.topic.clone(),
            reason: format!("the schema registry does not tell schema {id}: {reason}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{basic_auth, path},
    };

    async fn asked(registry: &Arc<HttpRegistry>, id: u32) -> Result<Option<String>, String> {
        let registry = Arc::clone(registry);
        let asked = tokio::task::spawn_blocking(move || registry.schema(id)).await;
        asked.unwrap().map_err(|error| error.to_string())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_registry_knows_a_schema_or_does_not_or_cannot_be_asked() {
        let server = MockServer::start().await;
        let answer = |body: &str| ResponseTemplate::new(200).set_body_string(body.to_owned());
        for (id, template) in [
            (7, answer(r#"{"schema":"\"string\""}"#)),
            (8, answer(r#"{"schema":"x","schemaType":"PROTOBUF"}"#)),
            (9, ResponseTemplate::new(500)),
            (10, ResponseTemplate::new(401)),
        ] {
            Mock::given(path(format!("/registry/schemas/ids/{id}")))
                .and(basic_auth("reader", "geheim"))
                .respond_with(template)
                .mount(&server)
                .await;
        }
        let url = format!("{}/registry/", server.uri());
        let login = SecretString::from("reader:geheim\n");
        let registry = Arc::new(HttpRegistry::new(&url, Some(&login), "orders").unwrap());
        assert_eq!(asked(&registry, 7).await, Ok(Some("\"string\"".to_owned())));
        assert_eq!(asked(&registry, 6).await, Ok(None));
        for (id, said) in [
            (8, "of PROTOBUF, not of Avro"),
            (9, "it answers 500"),
            (10, "check `registry.login`"),
        ] {
            let refused = asked(&registry, id).await.unwrap_err();
            assert!(refused.contains(said), "{refused}");
            assert!(refused.starts_with("topic `orders`"), "{refused}");
        }
        let away = Arc::new(HttpRegistry::new("http://127.0.0.1:9", None, "orders").unwrap());
        asked(&away, 7).await.unwrap_err();
        for wrong in ["registry", "ftp://a", "mailto:a"] {
            HttpRegistry::new(wrong, None, "orders").unwrap_err();
        }
    }
}
