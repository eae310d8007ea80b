//! The keys of an issuer: where it says they are, kept for a while, and asked for again when a
//! token names one that is not among them.

use super::safe_url;
use super::signature::{Algorithm, PublicKey};
use crate::delivery::install_tls_provider;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long keys are taken without asking again.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// How long keys are taken though the issuer cannot be reached.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// Whatever tokens come, the issuer is asked no more often than that.
const ASK_EVERY: TimeDelta = TimeDelta::seconds(60);
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES: usize = 256 * 1024;
/// Keys that are looked at; issuers have two or three.
const KEYS: usize = 100;

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyTrouble {
    /// The issuer has none that the token names.
    Unknown,
    /// The issuer cannot be reached, and never was, or not for a day.
    Unreachable,
}

#[derive(Debug)]
pub(super) struct IssuerKeys {
    issuer: Url,
    issuer_text: String,
    client: OnceLock<Client>,
    kept: Mutex<Option<Arc<Kept>>>,
    /// When the issuer was last asked; held while it is.
    asked: tokio::sync::Mutex<Option<DateTime<Utc>>>,
}

#[derive(Debug)]
struct Kept {
    keys: Vec<PublicKey>,
    at: DateTime<Utc>,
}

impl Kept {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<PublicKey> {
        let mut serving = self.keys.iter().filter(|key| key.serves(algorithm));
        match id {
            Some(id) => serving.find(|key| key.id() == Some(id)).cloned(),
            // A token that names no key is of the only one.
            None => serving.next().filter(|_| serving.next().is_none()).cloned(),
        }
    }

    /// Also where the clock was set back.
    fn is_within(&self, age: TimeDelta, now: DateTime<Utc>) -> bool {
        (TimeDelta::zero()..age).contains(&(now - self.at))
    }
}

impl IssuerKeys {
    pub(super) fn new(issuer: Url, issuer_text: String) -> Self {
        Self {
            issuer,
            issuer_text,
            client: OnceLock::new(),
            kept: Mutex::default(),
            asked: tokio::sync::Mutex::default(),
        }
    }

    /// The key that a token names.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Result<PublicKey, KeyTrouble> {
        let fresh = |kept: &Arc<Kept>| kept.is_within(FRESH, now);
        let known = || self.kept().filter(fresh)?.find(id, algorithm);
        if let Some(key) = known() {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        // Whoever held it may have had the answer.
        if let Some(key) = known() {
            return Ok(key);
        }
        if asked.is_none_or(|last| !(TimeDelta::zero()..ASK_EVERY).contains(&(now - last))) {
            *asked = Some(now);
            match self.ask().await {
                Ok(keys) => *self.lock() = Some(Arc::new(Kept { keys, at: now })),
                Err(error) => {
                    tracing::error!(issuer = self.issuer_text, error, "no keys of the issuer");
                }
            }
        }
        let kept = self.kept().filter(|kept| kept.is_within(KEPT, now));
        let kept = kept.ok_or(KeyTrouble::Unreachable)?;
        kept.find(id, algorithm).ok_or(KeyTrouble::Unknown)
    }

    fn kept(&self) -> Option<Arc<Kept>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the issuer where its keys are, and for them.
    async fn ask(&self) -> Result<Vec<PublicKey>, String> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<Value>,
        }
        let mut place = self.issuer.clone();
        place
            .path_segments_mut()
            .map_err(|()| "it has no path")?
            .pop_if_empty()
            .extend([".well-known", "openid-configuration"]);
        let found: Discovery = self.get(place).await?;
        if found.issuer != self.issuer_text {
            return Err(format!(
                "it calls itself `{}`: write that to the letter",
                found.issuer
            ));
        }
        let set: KeySet = self.get(safe_url(&found.jwks_uri)?).await?;
        // A key of a kind that is not known here is no mistake.
        let keys = set.keys.into_iter().take(KEYS);
        Ok(keys
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect())
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, String> {
        let place = url.to_string();
        let failed = |what: &dyn std::fmt::Display| format!("{place}: {what}");
        let mut response = self
            .client()?
            .get(url)
            .send()
            .await
            .map_err(|error| failed(&error.without_url()))?;
        if !response.status().is_success() {
            return Err(failed(&response.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = response
            .chunk()
            .await
            .map_err(|error| failed(&error.without_url()))?
        {
            body.extend_from_slice(&part);
            if body.len() > ANSWER_BYTES {
                return Err(failed(&"its answer is too long"));
            }
        }
        serde_json::from_slice(&body).map_err(|error| failed(&error))
    }

    fn client(&self) -> Result<Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        install_tls_provider();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}
