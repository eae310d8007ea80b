//! Lists in pages: `{items, next_page_token, page_size}`.
//!
//! A token is opaque and belongs to its list and filter: it names the last item that was
//! given out, not a number of items, so that a list that grows meanwhile repeats nothing.

use crate::api::problem::Problem;
use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The most items of one page.
const LARGEST_PAGE: u32 = 1_000;
/// Items of a page, unless asked for.
const USUAL_PAGE: u32 = 100;
/// The longest token that is looked at.
const LONGEST_TOKEN: usize = 4_096;

/// Query parameters; unknown and malformed ones are problems.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(value) = Query::try_from_uri(&parts.uri).map_err(|error| {
            Problem::new(
                axum::http::StatusCode::BAD_REQUEST,
                "bad_parameter",
                error.body_text(),
            )
        })?;
        Ok(Self(value))
    }
}

/// How many items a page has. More than the largest page is the largest page.
pub(crate) fn page_size(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(USUAL_PAGE),
        Some(0) => Err(Problem::parameter("page_size", "must be at least 1")),
        Some(size) => Ok(size.min(LARGEST_PAGE)),
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_page_token: Option<String>,
    pub(crate) page_size: u32,
}

/// Makes a page of one item more than it holds: that one says that there is a next page.
pub(crate) fn page<T, P: Serialize>(
    mut items: Vec<T>,
    page_size: u32,
    list: &str,
    filter: &str,
    position: impl Fn(&T) -> P,
) -> Page<T> {
    let size = usize::try_from(page_size).unwrap_or(usize::MAX);
    let more = items.len() > size;
    items.truncate(size);
    let next_page_token = items
        .last()
        .filter(|_| more)
        .map(|last| token(list, filter, &position(last)));
    Page {
        items,
        next_page_token,
        page_size,
    }
}

#[derive(Serialize, Deserialize)]
struct Token<P> {
    list: String,
    filter: String,
    after: P,
}

fn token<P: Serialize>(list: &str, filter: &str, after: &P) -> String {
    let token = Token {
        list: list.to_owned(),
        filter: filter.to_owned(),
        after,
    };
    let json = serde_json::to_vec(&token).expect("strings and numbers are JSON");
    URL_SAFE_NO_PAD.encode(json)
}

/// Where a page begins. A token of another list or filter is as unknown as any other text.
pub(crate) fn after<P: DeserializeOwned>(
    list: &str,
    filter: &str,
    token: Option<&str>,
) -> Result<Option<P>, Problem> {
    let Some(token) = token else {
        return Ok(None);
    };
    let decoded = (token.len() <= LONGEST_TOKEN)
        .then(|| URL_SAFE_NO_PAD.decode(token).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice::<Token<P>>(&json).ok())
        .filter(|decoded| decoded.list == list && decoded.filter == filter);
    match decoded {
        Some(decoded) => Ok(Some(decoded.after)),
        None => Err(Problem::parameter(
            "page_token",
            "is unknown, or belongs to another list or filter: begin again without it",
        )),
    }
}
