//! Lists in pages: `{items, next_page_token, page_size}`.
//!
//! A token is opaque and belongs to its list and filter: it names the last item that was
//! given out, not a number of items, so that a list that grows meanwhile repeats nothing.

use crate::api::etag;
use crate::api::problem::Problem;
use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

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

/// One page of a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// What the next page is asked for with; null on the last one.
    pub(crate) next_page_token: Option<String>,
    /// How many items a page has.
    pub(crate) page_size: u32,
}

/// Which page of which list a client asks for.
#[derive(Debug)]
pub(crate) struct PageRequest<P> {
    list: &'static str,
    filter: String,
    size: u32,
    after: Option<P>,
}

#[derive(Serialize, Deserialize)]
struct Token<P> {
    list: String,
    filter: String,
    after: P,
}

impl<P: Serialize + DeserializeOwned> PageRequest<P> {
    /// Reads `page_size` and `page_token` of a list with this filter. More than the largest page
    /// is the largest page; a token of another list or filter is as unknown as any other text.
    pub(crate) fn new(
        list: &'static str,
        filter: &impl Debug,
        page_size: Option<u32>,
        page_token: Option<String>,
    ) -> Result<Self, Problem> {
        let filter = format!("{filter:?}");
        let size = match page_size {
            None => USUAL_PAGE,
            Some(0) => return Err(Problem::parameter("page_size", "must be at least 1")),
            Some(size) => size.min(LARGEST_PAGE),
        };
        let after = match page_token {
            None => None,
            Some(token) => Some(read_token(list, &filter, &token)?),
        };
        Ok(Self {
            list,
            filter,
            size,
            after,
        })
    }

    /// The place after which the page begins.
    pub(crate) fn after(&self) -> Option<&P> {
        self.after.as_ref()
    }

    /// How many items to read: one more than the page holds, which says that there is a next one.
    pub(crate) fn limit(&self) -> u32 {
        self.size + 1
    }

    /// 304 if the client knows the page of these items, else the page.
    pub(crate) fn answer<T: Serialize>(
        &self,
        headers: &HeaderMap,
        items: Vec<T>,
        position: impl Fn(&T) -> P,
    ) -> Result<Response, Problem> {
        etag::answer_value(headers, &self.page(items, position))
    }

    /// The page of the items that were read.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, position: impl Fn(&T) -> P) -> Page<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let last = items.last().filter(|_| more);
        Page {
            next_page_token: last.map(|last| self.token(position(last))),
            items,
            page_size: self.size,
        }
    }

    fn token(&self, after: P) -> String {
        let token = Token {
            list: self.list.to_owned(),
            filter: self.filter.clone(),
            after,
        };
        let json = serde_json::to_vec(&token).expect("strings and numbers are JSON");
        URL_SAFE_NO_PAD.encode(json)
    }
}

fn read_token<P: DeserializeOwned>(list: &str, filter: &str, token: &str) -> Result<P, Problem> {
    let decoded = (token.len() <= LONGEST_TOKEN)
        .then(|| URL_SAFE_NO_PAD.decode(token).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice::<Token<P>>(&json).ok())
        .filter(|decoded| decoded.list == list && decoded.filter == filter);
    decoded.map(|decoded| decoded.after).ok_or_else(|| {
        Problem::parameter(
            "page_token",
            "is unknown, or belongs to another list or filter: begin again without it",
        )
    })
}
