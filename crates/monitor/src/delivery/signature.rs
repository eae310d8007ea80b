//! Signatures as Standard Webhooks 1.0.0 define them, symmetric form.
//!
//! The key is what `whsec_` stands before, decoded from base64: taking the text itself as
//! the key is the commonest mistake of senders, and a decoder that forgives turns a
//! mistyped secret into a short or empty key that anybody could guess.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// The header with the event's id: the same on every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

const PREFIX: &str = "whsec_";
const SHORTEST: usize = 24;
const LONGEST: usize = 64;

/// A text that is no secret. Says nothing of what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not begin as secrets do.
    #[error("does not begin with `whsec_`")]
    Prefix,
    /// What follows is not base64.
    #[error("is not standard base64 with padding after `whsec_`")]
    Base64,
    /// Too easy to guess, or too long.
    #[error("holds {bytes} bytes: a secret has 24 to 64 random ones")]
    Length {
        /// Bytes of the key.
        bytes: usize,
    },
}

/// A key that events are signed with. Wiped from memory when dropped, and never shown.
#[derive(Debug)]
pub struct SigningKey(SecretSlice<u8>);

impl SigningKey {
    /// Reads `whsec_` and standard base64, strictly.
    ///
    /// # Errors
    /// [`KeyError`] where it is anything else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(KeyError::Prefix)?;
        let key = SecretSlice::from(STANDARD.decode(encoded).map_err(|_| KeyError::Base64)?);
        match key.expose_secret().len() {
            SHORTEST..=LONGEST => Ok(Self(key)),
            bytes => Err(KeyError::Length { bytes }),
        }
    }

    /// `v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`.
    ///
    /// `id` holds no full stop: ours are letters, digits and `_`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret())
            .expect("HMAC takes a key of any length");
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The keys in force, at least one: two while one replaces the other.
#[derive(Debug)]
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// `None` where there is no key.
    pub fn new(keys: Vec<SigningKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The value of the signature header: one signature for each key. A receiver accepts
    /// any that it can verify.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        self.0
            .iter()
            .map(|key| key.sign(id, timestamp, body))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7_u8; bytes]))
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        for bytes in [24, 32, 64] {
            assert!(SigningKey::parse(&secret(bytes)).is_ok());
        }
        for bytes in [0, 23, 65] {
            let error = SigningKey::parse(&secret(bytes)).unwrap_err();
            assert_eq!(error, KeyError::Length { bytes });
        }
    }

    #[test]
    fn a_secret_that_is_not_strict_base64_is_refused() {
        let good = secret(25);
        assert!(good.ends_with('='));
        let unpadded = good.trim_end_matches('=');
        let with_space = format!("{good} ");
        let url_safe = good.replace("whsec_", "whsec__-");
        for text in [unpadded, &with_space, &url_safe, "whsec_字", "whsec_===="] {
            assert_eq!(SigningKey::parse(text).unwrap_err(), KeyError::Base64);
        }
    }

    #[test]
    fn a_secret_without_its_prefix_is_refused() {
        let good = secret(32);
        let bare = good.strip_prefix("whsec_").unwrap();
        assert_eq!(SigningKey::parse(bare).unwrap_err(), KeyError::Prefix);
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let key = SigningKey::parse(&secret(24)).unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains('7') && !shown.contains("Bw"), "{shown}");
    }

    #[test]
    fn two_keys_give_two_signatures() {
        let keys = |sizes: &[usize]| {
            SigningKeys::new(
                sizes
                    .iter()
                    .map(|size| SigningKey::parse(&secret(*size)).unwrap())
                    .collect(),
            )
        };
        let both = keys(&[24, 32]).unwrap().sign("evt_1", 1, b"{}");
        let old = keys(&[24]).unwrap().sign("evt_1", 1, b"{}");
        let new = keys(&[32]).unwrap().sign("evt_1", 1, b"{}");
        assert_eq!(both, format!("{old} {new}"));
        assert!(keys(&[]).is_none());
    }
}
