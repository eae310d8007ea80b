//! Signatures as Standard Webhooks 1.0.0 define them: HMAC-SHA256 (`whsec_…`), where both sides
//! have the secret, and ed25519 (`whsk_…`), where receivers have only the public key (`whpk_…`).
//!
//! The key is what the prefix stands before, decoded from base64: taking the text itself as
//! the key is the commonest mistake of senders, and a decoder that forgives turns a
//! mistyped secret into a short or empty key that anybody could guess.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// The header with the event's id: the same on every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

const SYMMETRIC: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";
const SHORTEST: usize = 24;
const LONGEST: usize = 64;
/// Bytes of the seed of an ed25519 key pair, and of its public key.
const SEED: usize = 32;

/// A text that is no secret. Says nothing of what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not begin as secrets do.
    #[error("begins neither with `whsec_` nor with `whsk_`")]
    Prefix,
    /// What follows is not base64.
    #[error("is not standard base64 with padding after its prefix")]
    Base64,
    /// Too easy to guess, or too long.
    #[error("holds {bytes} bytes: a secret has 24 to 64 random ones")]
    Length {
        /// Bytes of the key.
        bytes: usize,
    },
    /// No key pair of ed25519.
    #[error(
        "is no ed25519 key: `whsk_` stands before the base64 of 32 random bytes, or of those and the public key"
    )]
    KeyPair,
}

/// A key that events are signed with. Never shown; what we hold of it is wiped from memory.
#[derive(Debug)]
pub enum SigningKey {
    /// Both sides have it.
    Symmetric(SecretSlice<u8>),
    /// Receivers have the public half.
    Asymmetric(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// Reads `whsec_` or `whsk_` and standard base64, strictly.
    ///
    /// # Errors
    /// [`KeyError`] where it is anything else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let decoded = |encoded: &str| {
            let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::Base64)?;
            Ok(SecretSlice::from(bytes))
        };
        if let Some(encoded) = text.strip_prefix(SYMMETRIC) {
            let key = decoded(encoded)?;
            return match key.expose_secret().len() {
                SHORTEST..=LONGEST => Ok(Self::Symmetric(key)),
                bytes => Err(KeyError::Length { bytes }),
            };
        }
        let encoded = text.strip_prefix(PRIVATE).ok_or(KeyError::Prefix)?;
        let key = decoded(encoded)?;
        let bytes = key.expose_secret();
        let pair = match bytes.split_at_checked(SEED) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => return Err(KeyError::KeyPair),
        };
        pair.map(|pair| Self::Asymmetric(Box::new(pair)))
            .map_err(|_| KeyError::KeyPair)
    }

    /// The public key as receivers are given it: `whpk_…`; `None` where both sides share one.
    pub fn public_key(&self) -> Option<String> {
        match self {
            Self::Symmetric(_) => None,
            Self::Asymmetric(pair) => Some(format!(
                "{PUBLIC}{}",
                STANDARD.encode(pair.public_key().as_ref())
            )),
        }
    }

    /// `v1,` and the base64 of HMAC-SHA256, or `v1a,` and that of ed25519, over
    /// `{id}.{timestamp}.{body}`.
    ///
    /// `id` holds no full stop: ours are letters, digits and `_`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        match self {
            Self::Symmetric(key) => {
                let signature = hmac_sha256(key.expose_secret(), &[head.as_bytes(), body]);
                format!("v1,{signature}")
            }
            Self::Asymmetric(pair) => {
                let signature = pair.sign(&[head.as_bytes(), body].concat());
                format!("v1a,{}", STANDARD.encode(signature.as_ref()))
            }
        }
    }
}

/// The base64 of HMAC-SHA256 over the parts, one after the other.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The keys in force, at least one: two while one replaces the other.
#[derive(Debug)]
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// `None` where there is no key.
    pub fn new(keys: Vec<SigningKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The public halves of those that have one.
    pub fn public_keys(&self) -> Vec<String> {
        self.0.iter().filter_map(SigningKey::public_key).collect()
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
        let pair = SigningKey::parse(&format!("whsk_{}", STANDARD.encode([7_u8; 32]))).unwrap();
        assert!(!format!("{pair:?}").contains("7, 7"), "{pair:?}");
    }

    /// Test 2 of RFC 8032, section 7.1, whose message is one byte: here our signature over a
    /// longer one is verified with its public key.
    #[test]
    fn an_asymmetric_signature_is_verified_with_the_public_key_of_rfc_8032() {
        const SECRET_KEY: [u8; 32] = [
            0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11,
            0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed,
            0x4f, 0xb8, 0xa6, 0xfb,
        ];
        const PUBLIC_KEY: [u8; 32] = [
            0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b,
            0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1,
            0x2a, 0xf4, 0x66, 0x0c,
        ];
        let both = [SECRET_KEY, PUBLIC_KEY].concat();
        for secret in [&SECRET_KEY[..], &both] {
            let key = SigningKey::parse(&format!("whsk_{}", STANDARD.encode(secret))).unwrap();
            let public = format!("whpk_{}", STANDARD.encode(PUBLIC_KEY));
            assert_eq!(key.public_key(), Some(public));
            let signature = key.sign("evt_1", 9, b"{}");
            let signature = STANDARD.decode(signature.strip_prefix("v1a,").unwrap());
            ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, PUBLIC_KEY)
                .verify(b"evt_1.9.{}", &signature.unwrap())
                .unwrap();
        }
    }

    #[test]
    fn a_private_key_of_another_length_or_with_another_public_key_is_refused() {
        for bytes in [vec![7; 31], vec![7; 33], vec![7; 64]] {
            let text = format!("whsk_{}", STANDARD.encode(bytes));
            assert_eq!(SigningKey::parse(&text).unwrap_err(), KeyError::KeyPair);
        }
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
