//! The request that tells a target of an event.

use crate::delivery::Webhook;
use crate::delivery::format::{self, Occurrence};
use crate::delivery::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::delivery::transport::Request;
use chrono::{DateTime, Utc};
use driftline_pipeline::config::{BodyEncoding, TargetFormat};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::Value;

/// The request of one attempt. `payload` is the event as it is stored.
///
/// The standard form is the stored bytes, signed; what signs itself in its own way, or by a
/// secret in its URL, is not signed a second time.
///
/// # Errors
/// What keeps it from being made, for people.
pub(super) fn of(
    target: &Webhook,
    id: &str,
    payload: &str,
    now: DateTime<Utc>,
) -> Result<Request, String> {
    let said = |error: crate::MonitorError| error.to_string();
    let timestamp = now.timestamp();
    let mut headers = target.headers().map_err(said)?;
    let mut url = target.url().clone();
    let (content_type, body) = if target.format() == TargetFormat::Standard {
        ("application/json", payload.to_owned())
    } else {
        let event: Value = serde_json::from_str(payload)
            .map_err(|error| format!("the event is no JSON: {error}"))?;
        let secret = target.secret().map_err(said)?;
        let occurrence = Occurrence {
            id,
            event: &event,
            timestamp,
            secret: secret.as_ref().map(ExposeSecret::expose_secret),
        };
        let form = format::fill(target.format(), target.template(), &occurrence)?;
        if !form.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&form.query);
        }
        match target.body() {
            BodyEncoding::Json => (form.content_type, form.body),
            BodyEncoding::Form => (format::FORM, format::as_form(&form.body)?),
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    put(&mut headers, ID_HEADER, id)?;
    put(&mut headers, TIMESTAMP_HEADER, &timestamp.to_string())?;
    if let Some(keys) = target.signing_keys().map_err(said)? {
        let signature = keys.sign(id, timestamp, body.as_bytes());
        put(&mut headers, SIGNATURE_HEADER, &signature)?;
    }
    Ok(Request { url, headers, body })
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), String> {
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("`{name}` cannot be sent as a header"))?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}
