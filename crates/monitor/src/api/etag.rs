//! Cheap polling: strong entity tags and `If-None-Match` (RFC 9110, sections 8.8 and 13.1.2).

use crate::api::problem::Problem;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A strong entity tag, with its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// The tag of these parts, which hold no quotes.
    pub(crate) fn of_parts(parts: &[&str]) -> Self {
        Self(format!("\"{}\"", parts.join("-")))
    }

    /// The tag of a value: half of the SHA-256 of its JSON.
    pub(crate) fn of_value<T: Serialize>(value: &T) -> Result<Self, Problem> {
        let json = serde_json::to_vec(value).map_err(Problem::unencodable)?;
        let hash = Sha256::digest(json);
        let half: String = hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self(format!("\"{half}\"")))
    }

    /// Whether the client has this representation already. The comparison is weak, as
    /// the section asks; `*` stands for any.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }

    fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// 304 if the client knows the value, else the value.
pub(crate) fn answer_value<T: Serialize>(
    headers: &HeaderMap,
    value: &T,
) -> Result<Response, Problem> {
    Ok(answer(&ETag::of_value(value)?, headers, value))
}

/// 304 if the client knows the tag, else the value.
pub(crate) fn answer<T: Serialize>(tag: &ETag, headers: &HeaderMap, value: &T) -> Response {
    let mut response = if tag.is_known(headers) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(value).into_response()
    };
    response.headers_mut().insert(header::ETAG, tag.header());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(value));
        }
        ETag::of_parts(&["a", "7"]).is_known(&headers)
    }

    #[test]
    fn a_tag_is_known_alone_in_a_list_weakly_and_by_a_star() {
        assert!(known(&["\"a-7\""]));
        assert!(known(&["W/\"a-7\""]));
        assert!(known(&["\"x\", W/\"y\" ,\"a-7\""]));
        assert!(known(&["\"x\"", "\"a-7\""]));
        assert!(known(&["*"]));
    }

    #[test]
    fn another_tag_is_not_known() {
        assert!(!known(&[]));
        assert!(!known(&["\"a-8\""]));
        assert!(!known(&["a-7"]));
        assert!(!known(&["\"a-77\", \"\""]));
    }
}
