//! Tokens of an identity provider in the place of keys: OpenID Connect, bearer tokens as JWT.
//!
//! What a token says counts only once its signature, its issuer, its audience and its time are
//! checked, in that order. Which algorithms there are is this server's word, never the token's:
//! one that asks for `none`, or for an HMAC under what is a public key, is refused. The signatures
//! themselves are those of `ring`, which rustls brings.
//!
//! RFC 7519 (JSON Web Token), RFC 8725 (best practices), OpenID Connect Discovery 1.0.

mod keys;
mod signature;

use crate::{Clock, MonitorError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use driftline_store::Scope;
use keys::{IssuerKeys, KeyTrouble};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use signature::Algorithm;
use std::net::IpAddr;
use std::sync::Arc;

/// Bytes of a token; providers that list hundreds of groups stay below it.
const TOKEN_BYTES: usize = 16 * 1024;
/// By how much the clocks of the issuer and of this machine may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// A token allows `driftline:read` and the like.
const SCOPE_PREFIX: &str = "driftline:";

/// Whose tokens are taken, and for what.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    issuer: Url,
    /// As it stands in tokens, to the letter.
    issuer_text: String,
    audience: String,
    scope_claim: String,
}

impl OidcSettings {
    /// Tokens of `issuer` that are made for `audience`, whose claim `scope_claim` says what they
    /// allow: `driftline:gate`, `driftline:read`, `driftline:write` or `driftline:admin`, in a
    /// list or among other words of a text.
    ///
    /// # Errors
    /// [`MonitorError::Issuer`] where the issuer is no `https` URL. `http` is for issuers on this
    /// machine.
    pub fn new(issuer: &str, audience: &str, scope_claim: &str) -> Result<Self, MonitorError> {
        let url = safe_url(issuer).map_err(|reason| MonitorError::Issuer {
            issuer: issuer.to_owned(),
            reason,
        })?;
        Ok(Self {
            issuer: url,
            issuer_text: issuer.to_owned(),
            audience: audience.to_owned(),
            scope_claim: scope_claim.to_owned(),
        })
    }
}

/// A URL from which keys may be taken.
fn safe_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("it is no URL: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err(
            "write an `https` URL: whoever can change what it answers can make tokens".to_owned(),
        ),
    }
}

/// Who a token speaks for, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The subject, unique with the issuer.
    pub(crate) subject: String,
    /// The most that it allows, if anything.
    pub(crate) scope: Option<Scope>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenTrouble {
    /// It is wrong, in these words.
    Refused(&'static str),
    /// Nobody can tell: the issuer's keys are not to be had.
    IssuerUnreachable,
}

/// Checks tokens of one issuer.
#[derive(Debug)]
pub(crate) struct Issuer {
    settings: OidcSettings,
    keys: IssuerKeys,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

impl Issuer {
    pub(crate) fn new(settings: OidcSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys: IssuerKeys::new(settings.issuer.clone(), settings.issuer_text.clone()),
            settings,
            clock,
        }
    }

    /// Who an actor is, in the audit log.
    pub(crate) fn name(&self, bearer: &Bearer) -> String {
        format!("{} ({})", bearer.subject, self.settings.issuer_text)
    }

    /// Takes a token apart and checks all of it.
    pub(crate) async fn verify(&self, token: &str) -> Result<Bearer, TokenTrouble> {
        const MALFORMED: TokenTrouble = TokenTrouble::Refused("this is no token");
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(MALFORMED);
        };
        if token.len() > TOKEN_BYTES {
            return Err(TokenTrouble::Refused("this token is too long"));
        }
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| MALFORMED)?;
        let Some(algorithm) = Algorithm::named(&header.alg) else {
            return Err(TokenTrouble::Refused(
                "this token's algorithm is not taken: sign with RS256, PS256, ES256 or EdDSA",
            ));
        };
        if header.crit.is_some() {
            return Err(TokenTrouble::Refused(
                "this token has extensions that nobody knows here",
            ));
        }
        let now = self.clock.now();
        let key = self.keys.find(header.kid.as_deref(), algorithm, now);
        let key = key.await.map_err(|trouble| match trouble {
            KeyTrouble::Unknown => {
                TokenTrouble::Refused("this token's key is none of its issuer's")
            }
            KeyTrouble::Unreachable => TokenTrouble::IssuerUnreachable,
        })?;
        let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
        if !key.has_signed(algorithm, signed.as_bytes(), &decoded(signature)?) {
            return Err(TokenTrouble::Refused("this token's signature is wrong"));
        }
        let claims: Map<String, Value> =
            serde_json::from_slice(&decoded(claims)?).map_err(|_| MALFORMED)?;
        self.settings
            .bearer(&claims, now)
            .map_err(TokenTrouble::Refused)
    }
}

impl OidcSettings {
    /// Who a token speaks for whose signature holds.
    fn bearer(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Bearer, &'static str> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(self.issuer_text.as_str()) {
            return Err("this token is of another issuer");
        }
        let is_for_us = match claims.get("aud") {
            Some(Value::String(one)) => *one == self.audience,
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(&self.audience)),
            _ => false,
        };
        if !is_for_us {
            return Err("this token is for another audience");
        }
        // Seconds since 1970, whole or not (RFC 7519, section 2, NumericDate).
        let instant = |name: &str| {
            let seconds = claims.get(name)?.as_f64()?;
            DateTime::from_timestamp_millis((seconds * 1_000.0) as i64)
        };
        match instant("exp") {
            Some(end) if now < end + LEEWAY => {}
            Some(_) => return Err("this token has expired"),
            None => return Err("this token says no end"),
        }
        if claims.contains_key("nbf") && instant("nbf").is_none_or(|begin| now < begin - LEEWAY) {
            return Err("this token is not valid yet");
        }
        let subject = text("sub").filter(|subject| !subject.is_empty());
        Ok(Bearer {
            subject: subject.ok_or("this token names no subject")?.to_owned(),
            scope: self.scope(claims),
        })
    }

    /// The most that the claims allow.
    fn scope(&self, claims: &Map<String, Value>) -> Option<Scope> {
        let words: Vec<&str> = match claims.get(&self.scope_claim)? {
            Value::String(text) => text.split_whitespace().collect(),
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let names = words
            .iter()
            .filter_map(|word| word.strip_prefix(SCOPE_PREFIX));
        names.filter_map(Scope::named).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> OidcSettings {
        OidcSettings::new("https://login.example.com/", "driftline", "scope").unwrap()
    }

    fn judged(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Bearer, &'static str> {
        let mut claims = json!({
            "iss": "https://login.example.com/",
            "aud": ["other", "driftline"],
            "sub": "ada",
            "exp": 1_000,
            "nbf": 500,
            "scope": "openid driftline:gate driftline:write driftline:none",
        });
        change(claims.as_object_mut().unwrap());
        let now = DateTime::from_timestamp(900, 0).unwrap();
        settings().bearer(claims.as_object().unwrap(), now)
    }

    #[test]
    fn claims_are_taken_as_they_stand_and_no_other_way() {
        let ada = judged(|_| {}).unwrap();
        assert_eq!(
            (ada.subject.as_str(), ada.scope),
            ("ada", Some(Scope::Write))
        );
        for (claim, value, refused) in [
            ("iss", json!("https://login.example.com"), "issuer"),
            ("iss", json!(null), "issuer"),
            ("aud", json!("other"), "audience"),
            ("aud", json!(null), "audience"),
            ("exp", json!(840), "expired"),
            ("exp", json!("1000"), "no end"),
            ("nbf", json!(961), "not valid yet"),
            ("nbf", json!("now"), "not valid yet"),
            ("sub", json!(""), "no subject"),
        ] {
            let mistake = judged(|claims| {
                claims.insert(claim.to_owned(), value.clone());
            });
            let mistake = mistake.unwrap_err();
            assert!(mistake.contains(refused), "{claim} {value}: {mistake}");
        }
        assert!(judged(|claims| drop(claims.remove("exp"))).is_err());
        // Clocks may differ by a minute; `nbf` may be missing.
        assert!(judged(|claims| drop(claims.insert("exp".into(), json!(841)))).is_ok());
        assert!(judged(|claims| drop(claims.insert("nbf".into(), json!(960)))).is_ok());
        assert!(judged(|claims| drop(claims.remove("nbf"))).is_ok());
    }

    #[test]
    fn scopes_are_words_or_a_list_and_nothing_is_allowed_by_default() {
        let scope = |value: Value| {
            judged(|claims| drop(claims.insert("scope".into(), value)))
                .unwrap()
                .scope
        };
        assert_eq!(scope(json!(["driftline:read"])), Some(Scope::Read));
        assert_eq!(scope(json!("driftline:admin")), Some(Scope::Admin));
        assert_eq!(scope(json!("admin read driftline")), None);
        assert_eq!(scope(json!({"driftline:admin": true})), None);
    }

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        for (issuer, is_taken) in [
            ("https://login.example.com/realms/a", true),
            ("http://127.0.0.1:8080", true),
            ("http://localhost/a", true),
            ("http://login.example.com", false),
            ("file:///etc/keys", false),
            ("login.example.com", false),
        ] {
            assert_eq!(
                OidcSettings::new(issuer, "a", "scope").is_ok(),
                is_taken,
                "{issuer}"
            );
        }
    }
}
