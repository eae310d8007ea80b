//! No text with a NUL comes in: PostgreSQL's texts cannot hold one, and what one store holds must fit into
//! another.

use crate::api::problem::{self, Problem};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses a request with a NUL in its path, its parameters or its body.
pub(super) async fn refused(request: Request, next: Next) -> Response {
    let asked = request.uri().path_and_query();
    if asked.is_some_and(|asked| asked.as_str().contains("%00")) {
        return problem("bad_parameter");
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is = |what: &[u8]| kind.is_some_and(|kind| holds(kind.as_bytes(), what));
    // Any kind of JSON: `application/cloudevents+json` is read like it.
    let (is_form, is_json) = (is(b"x-www-form-urlencoded"), is(b"json"));
    if !is_form && !is_json {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, problem::BODY_BYTES).await else {
        return problem::too_large(problem::BODY_BYTES).into_response();
    };
    if (is_form && holds(&body, b"%00")) || (is_json && has_escaped_nul(&body)) {
        return problem("bad_body");
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

fn problem(code: &'static str) -> Response {
    let detail = "a text has a NUL character (U+0000)";
    Problem::new(StatusCode::BAD_REQUEST, code, detail).into_response()
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether JSON has an escape of NUL, whose backslash is not itself escaped.
fn has_escaped_nul(json: &[u8]) -> bool {
    const ESCAPED: &[u8] = br"\u0000";
    let found = json.windows(ESCAPED.len()).enumerate();
    found.filter(|(_, six)| *six == ESCAPED).any(|(place, _)| {
        let before = json.iter().take(place).rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_backslash_is_no_escape() {
        assert!(has_escaped_nul(br#"{"a": "\u0000"}"#));
        assert!(has_escaped_nul(br#"{"a": "\\\u0000"}"#));
        assert!(!has_escaped_nul(br#"{"a": "\\u0000"}"#));
        assert!(!has_escaped_nul(br#"{"a": "u0000"}"#));
    }
}
