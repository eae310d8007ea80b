//! Keys to the status API: `drift_ID.SECRET`.
//!
//! The secret is 244 random bits, so its plain SHA-256 is enough to keep: there is nothing that
//! a slow hash could protect from guessing.

use chrono::{DateTime, Utc};
use driftline_store::{ApiKey, Scope};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

const PREFIX: &str = "drift_";

/// A key that was just made: the only time that its secret can be seen.
#[derive(Clone)]
pub struct FreshKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// The hash of its secret.
    pub secret_hash: String,
    /// The whole of it, for its holder.
    pub text: String,
}

impl FreshKey {
    /// Makes a key.
    pub fn new(
        name: &str,
        scope: Scope,
        now: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Self {
        let id: String = Uuid::new_v4()
            .simple()
            .to_string()
            .chars()
            .take(12)
            .collect();
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            secret_hash: hash(&secret),
            text: format!("{PREFIX}{id}.{secret}"),
            key: ApiKey {
                id,
                name: name.to_owned(),
                scope,
                created_at: now,
                expires_at,
            },
        }
    }
}

/// The identity and the secret of a key's text.
pub(crate) fn parts(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(PREFIX)?.split_once('.')
}

/// Whether a secret has this hash, in a time that does not depend on where they differ.
pub(crate) fn is_secret_of(secret: &str, secret_hash: &str) -> bool {
    hash(secret).as_bytes().ct_eq(secret_hash.as_bytes()).into()
}

fn hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_secret_alone() {
        let now = DateTime::UNIX_EPOCH;
        let fresh = FreshKey::new("ci", Scope::Gate, now, None);
        let (id, secret) = parts(&fresh.text).unwrap();
        assert_eq!(id, fresh.key.id);
        assert!(is_secret_of(secret, &fresh.secret_hash));
        let short: String = secret.chars().skip(1).collect();
        assert!(!is_secret_of(&short, &fresh.secret_hash));
        assert!(!fresh.secret_hash.contains(secret));
        assert_eq!(parts("drift_x"), None);
        assert_eq!(parts("Bearer x.y"), None);
    }
}
