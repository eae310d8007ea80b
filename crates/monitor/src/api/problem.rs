//! Every error as RFC 9457 says, also those that the framework would word itself.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use driftline_store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;

/// The largest request body, but for a profile.
pub(crate) const BODY_BYTES: usize = 64 * 1024;
/// The largest profile.
pub(crate) const PROFILE_BYTES: usize = 16 * 1024 * 1024;

/// The largest body of a request.
pub(crate) fn most_bytes(path: &str) -> usize {
    match path == "/api/v1/profiles" {
        true => PROFILE_BYTES,
        false => BODY_BYTES,
    }
}

const CONTENT_TYPE: &str = "application/problem+json";

/// An error as a client sees it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    /// What a program tells errors apart by.
    code: &'static str,
    detail: String,
    errors: Vec<Mistake>,
}

/// One thing that is wrong with a request, or one check that fails.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Mistake {
    /// The parameter or check.
    pub(crate) name: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

/// An error, as RFC 9457 says.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Described<'a> {
    /// `urn:driftline:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'a str,
    /// The status.
    status: u16,
    /// What is wrong, for a person.
    detail: &'a str,
    /// What this one error is called in the server's log.
    instance: String,
    /// What a program tells errors apart by.
    code: &'a str,
    /// The parameters or checks that are wrong.
    #[serde(skip_serializing_if = "<[Mistake]>::is_empty")]
    errors: &'a [Mistake],
}

impl Problem {
    /// An answer that is no JSON, though answers are made of strings and numbers.
    pub(crate) fn unencodable(error: serde_json::Error) -> Self {
        tracing::error!(%error, "an answer is no JSON");
        internal()
    }

    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no {what} `{id}`"),
        )
    }

    /// A parameter that cannot be taken.
    pub(crate) fn parameter(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            "bad_parameter",
            format!("`{name}`: {message}"),
        );
        problem.errors.push(Mistake {
            name: name.to_owned(),
            message,
        });
        problem
    }

    pub(crate) fn with_errors(mut self, errors: Vec<Mistake>) -> Self {
        self.errors = errors;
        self
    }
}

/// A JSON body, whose mistakes are told as a problem. It must say that it is JSON: a browser
/// that another site's page makes send one has to ask first, and is not allowed to.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "send JSON, with `Content-Type: application/json`",
            )),
            Err(JsonRejection::BytesRejection(rejection))
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Err(too_large(BODY_BYTES))
            }
            Err(rejection) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_body",
                rejection.body_text(),
            )),
        }
    }
}

impl From<StoreError> for Problem {
    /// The log has the whole story; a client has no use for paths of this machine.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Locked { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_busy",
                "the store is busy: try again",
            ),
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "store_failed",
                "the store cannot be read: see the server's log",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let instance = format!("urn:uuid:{}", uuid::Uuid::new_v4());
        if self.status.is_server_error() {
            tracing::warn!(instance, code = self.code, "answered {}", self.status);
        }
        let body = Described {
            kind: format!("urn:driftline:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            errors: &self.errors,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        response
    }
}

/// Turns any error that is not a problem yet into one: unknown paths, wrong methods,
/// whatever an extractor refused.
pub(crate) async fn everywhere(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == CONTENT_TYPE);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("not_found", format!("there is nothing at `{path}`")),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            format!("`{path}` does not answer {}", named(&method)),
        ),
        StatusCode::PAYLOAD_TOO_LARGE => return too_large(most_bytes(&path)).into_response(),
        _ if status.is_client_error() => ("bad_request", "the request cannot be read".to_owned()),
        _ => ("internal", "see the server's log".to_owned()),
    };
    let mut problem = Problem::new(status, code, detail).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

/// A method that a client made up is not repeated at length.
fn named(method: &Method) -> String {
    method.as_str().chars().take(16).collect()
}

/// Refuses a body that says it is too large, before anything reads it.
pub(crate) async fn refuse_large_body(request: Request, next: Next) -> Response {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    let most = most_bytes(request.uri().path());
    if declared.is_some_and(|bytes| bytes > most as u64) {
        return too_large(most).into_response();
    }
    next.run(request).await
}

pub(crate) fn too_large(most: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("a request body may have {most} bytes"),
    )
}

/// Something that only the log tells.
pub(crate) fn internal() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "see the server's log",
    )
}

/// What a client sees of a panic: nothing but that there was one.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<&str>()
        .map(|said| (*said).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(said, "a request panicked");
    internal().into_response()
}
