//! Sends one request over HTTP and reads what came back, within bounds.
//!
//! No proxy from the environment, no redirects (a 3xx is a failure: the signature was
//! meant for the first host), only addresses that passed the guard, one deadline for the
//! whole exchange, and no more of an answer than [`ANSWER_BYTES`].

use crate::delivery::Webhook;
use crate::delivery::address::{GuardedResolver, check, ip_literal};
use crate::delivery::tls::TlsFiles;
use async_trait::async_trait;
use driftline_pipeline::config::TlsConfig;
use ipnet::IpNet;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// As much of an answer as is read.
pub const ANSWER_BYTES: usize = 64 * 1024;

/// How long the body of a yes is waited for.
const LEFTOVER_TIME: Duration = Duration::from_millis(250);

/// A request, ready to be sent as it is.
#[derive(Clone)]
pub struct Request {
    /// Where it goes; may hold a secret.
    pub url: Url,
    /// Its headers; may hold secrets.
    pub headers: HeaderMap,
    /// Its body, the very bytes that were signed.
    pub body: String,
}

impl Debug for Request {
    /// Without what may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("host", &self.url.host_str())
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub body: String,
}

/// Sends a request; HTTP in life, a double in tests.
#[async_trait]
pub trait Transport: Send + Sync + Debug {
    /// Sends the request, within the target's bounds.
    ///
    /// # Errors
    /// What kept it from an answer, for people, without the URL.
    async fn send(&self, target: &Webhook, request: Request) -> Result<Answer, String>;
}

/// HTTP over TCP and TLS.
#[derive(Debug, Default)]
pub struct HttpTransport {
    clients: Mutex<BTreeMap<Settings, KeptClient>>,
}

/// What sits in a client: the guard with its list of allowed networks, and the target's own TLS.
type Settings = (Vec<IpNet>, Option<TlsConfig>);

/// A client, and what its certificates and key were when it was made.
#[derive(Debug)]
struct KeptClient {
    client: Client,
    digest: Option<[u8; 32]>,
}

impl HttpTransport {
    /// A transport without connections yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self, target: &Webhook) -> Result<Client, String> {
        let allowed = target.allow_addresses();
        let tls = target.tls().map(TlsFiles::read).transpose()?;
        let digest = tls.as_ref().map(TlsFiles::digest);
        let settings = (allowed.to_vec(), target.tls().cloned());
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = clients.get(&settings)
            && kept.digest == digest
        {
            return Ok(kept.client.clone());
        }
        install_tls_provider();
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .dns_resolver(GuardedResolver::new(allowed))
            .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(2);
        if let Some(tls) = &tls {
            builder = builder.tls_backend_preconfigured(tls.client_config()?);
        }
        let client = builder
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        let kept = KeptClient {
            client: client.clone(),
            digest,
        };
        clients.insert(settings, kept);
        Ok(client)
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, target: &Webhook, request: Request) -> Result<Answer, String> {
        // A literal address is never resolved, so the resolver's guard does not see it.
        if let Some(ip) = ip_literal(&request.url) {
            check(ip, target.allow_addresses()).map_err(|refused| refused.to_string())?;
        }
        let client = self.client(target)?;
        let deadline = tokio::time::Instant::now() + target.timeout();
        let sending = client
            .post(request.url)
            .headers(request.headers)
            .body(request.body)
            .send();
        let mut response = tokio::time::timeout_at(deadline, sending)
            .await
            .map_err(|_| format!("no answer within {} ms", target.timeout().as_millis()))?
            .map_err(said)?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut body = Vec::new();
        // The status is the answer: a body that dribbles, breaks off or never ends does
        // not undo it. That of a yes is read only so that the connection can be used again,
        // unless the target's yes stands in it.
        let until = if response.status().is_success() && target.success().is_none() {
            deadline.min(tokio::time::Instant::now() + LEFTOVER_TIME)
        } else {
            deadline
        };
        if tokio::time::timeout_at(until, read_beginning(&mut response, &mut body))
            .await
            .is_err()
        {
            tracing::debug!(target = target.name(), "the answer's body was cut off");
        }
        Ok(Answer {
            status,
            retry_after,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// Reads as much of the body as is worth reading.
async fn read_beginning(response: &mut reqwest::Response, body: &mut Vec<u8>) {
    while body.len() < ANSWER_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        let left = ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(left)]);
    }
}

/// An error and its innermost cause, without the URL.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, &raw const error) {
        error.to_string()
    } else {
        format!("{error}: {cause}")
    }
}

/// rustls is linked without a provider of its own choice; another part of the process may
/// have installed one already, which is as good.
pub(crate) fn install_tls_provider() {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider is installed already");
    }
}
