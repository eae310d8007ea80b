//! One page: its language, its template, its headers.

use super::words::chinese;
use crate::access;
use crate::api::Api;
use crate::api::problem::Problem;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use driftline_verdict::report::STYLE;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fmt::Display;
use std::sync::LazyLock;

const LAYOUT: &str = include_str!("layout.html.jinja");
const PAGES: [(&str, &str); 3] = [
    ("overview", include_str!("overview.html.jinja")),
    ("monitor", include_str!("monitor.html.jinja")),
    ("login", include_str!("login.html.jinja")),
];

/// Where a browser keeps its key.
pub(crate) const KEY_COOKIE: &str = "driftline_key";
const LANGUAGE_COOKIE: &str = "driftline_language";

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    fn of(code: &str) -> Option<Self> {
        [Self::English, Self::Chinese]
            .into_iter()
            .find(|one| one.code() == code)
    }

    /// What was chosen, or what the browser asks for first.
    fn asked(headers: &HeaderMap) -> Self {
        if let Some(chosen) = cookie(headers, LANGUAGE_COOKIE).and_then(Self::of) {
            return chosen;
        }
        let accepted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        accepted
            .split(',')
            .find_map(|one| Self::of(one.trim().split(['-', ';']).next()?))
            .unwrap_or(Self::English)
    }
}

impl FromRequestParts<Api> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Infallible> {
        Ok(Self::asked(&parts.headers))
    }
}

/// A cookie that the browser sends.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// A page to be made.
pub(super) struct Page {
    pub(super) template: &'static str,
    pub(super) language: Language,
    /// The monitor that it is about.
    pub(super) here: Option<String>,
    pub(super) content: Value,
}

impl Page {
    pub(super) fn answer(self, now: DateTime<Utc>) -> Result<Response, Problem> {
        let templates = match self.language {
            Language::English => &*ENGLISH,
            Language::Chinese => &*CHINESE,
        };
        let body = templates
            .get_template(self.template)
            .and_then(|template| template.render(Serde(&self.content)))
            .map_err(unmade)?;
        let title = match &self.here {
            Some(here) => format!("{here} – Driftline"),
            None => "Driftline".to_owned(),
        };
        let page = templates
            .get_template("layout")
            .and_then(|layout| {
                layout.render(context! {
                    body,
                    title,
                    here => self.here,
                    lang => self.language.code(),
                    live => self.template != "login",
                    now => now.to_rfc3339(),
                })
            })
            .map_err(unmade)?;
        Ok(html(page))
    }
}

static ENGLISH: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Language::English));
static CHINESE: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Language::Chinese));

fn environment(language: Language) -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters differ from each other"));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_filter("t", move |text: String| match language {
        Language::English => text.replace('_', " "),
        Language::Chinese => chinese(&text).map_or(text, str::to_owned),
    });
    environment.add_filter("time", |value: Option<String>| {
        value.as_deref().map(time).unwrap_or_default()
    });
    for (name, source) in PAGES.into_iter().chain([("layout", LAYOUT)]) {
        environment
            .add_template(name, source)
            .expect("a test makes every page");
    }
    environment
}

/// An instant for people: to the minute, with its zone where it is not UTC.
fn time(rfc3339: &str) -> String {
    match DateTime::parse_from_rfc3339(rfc3339) {
        Ok(instant) if instant.offset().local_minus_utc() == 0 => {
            instant.format("%Y-%m-%d %H:%M UTC").to_string()
        }
        Ok(instant) => instant.format("%Y-%m-%d %H:%M %:z").to_string(),
        Err(_) => rfc3339.to_owned(),
    }
}

/// A part of a path, with what would end it escaped.
pub(super) fn segment(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A page that may load this server's style and script, and nothing else.
pub(super) fn html(page: String) -> Response {
    let mut response = page.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; \
             connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that cannot be made: a fault of ours.
pub(super) fn unmade(error: impl Display) -> Problem {
    tracing::error!(%error, "a page cannot be made");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "see the server's log",
    )
}

fn asset(content_type: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (headers, text).into_response()
}

pub(super) async fn style() -> Response {
    let own = include_str!("dashboard.css");
    asset("text/css; charset=utf-8", format!("{STYLE}{own}"))
}

pub(super) async fn script() -> Response {
    let script = include_str!("live.js").to_owned();
    asset("text/javascript; charset=utf-8", script)
}

/// Remembers a language, and goes back.
pub(super) async fn language(headers: HeaderMap, Path(code): Path<String>) -> Response {
    let language = Language::of(&code).unwrap_or(Language::English);
    let cookie = format!(
        "{LANGUAGE_COOKIE}={}; Path=/; SameSite=Lax; Max-Age=31536000",
        language.code()
    );
    let back = headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<axum::http::Uri>().ok())
        .map_or("/".to_owned(), |uri| uri.path().to_owned());
    // A path only: nobody is sent elsewhere.
    let back = if back.starts_with("//") { "/" } else { &back };
    ([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response()
}

/// Asks for a key.
pub(super) async fn login(language: Language) -> Result<Response, Problem> {
    let page = Page {
        template: "login",
        language,
        here: None,
        content: json!({}),
    };
    page.answer(Utc::now())
}

/// The cookie that holds a key, if the text is one.
pub(super) fn key_cookie(text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    access::parts(text)?;
    text.chars()
        .all(is_plain)
        .then(|| format!("{KEY_COOKIE}={text}; Path=/; HttpOnly; SameSite=Strict"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_every_page_has_its_chinese() {
        for (_, source) in PAGES.into_iter().chain([("layout", LAYOUT)]) {
            for part in source
                .split("\"|t")
                .collect::<Vec<_>>()
                .iter()
                .rev()
                .skip(1)
            {
                let word = part.rsplit('"').next().unwrap();
                assert!(chinese(word).is_some(), "{word}");
            }
        }
    }

    #[test]
    fn the_language_is_the_chosen_one_or_the_first_that_is_known() {
        let asked = |accept: &str, cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            Language::asked(&headers)
        };
        assert_eq!(asked("de, zh-CN;q=0.8, en;q=0.5", "x=y"), Language::Chinese);
        assert_eq!(asked("zh", "a=b; driftline_language=en"), Language::English);
        assert_eq!(asked("fr", "driftline_language=xx"), Language::English);
    }

    #[test]
    fn a_name_stays_one_part_of_a_path() {
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
        assert_eq!(segment("商店"), "%E5%95%86%E5%BA%97");
    }
}
