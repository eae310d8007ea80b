//! What the buttons of the pages do: the same as the API, asked for by forms.
//!
//! A form works without a script, and so could be sent by another site's page in the browser of
//! somebody who may change things here. Browsers say where a form comes from; one that does not
//! come from this server is refused.

use super::page;
use crate::api::change::Changing;
use crate::api::problem::Problem;
use crate::api::{Api, baselines, monitors, reports};
use crate::silence::{SilenceMistake, SilenceRequest};
use axum::Router;
use axum::extract::{Form, Path, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use driftline_store::Replay;
use serde::Deserialize;

/// Every form, each refused unless it is this server's own.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/login", post(login))
        .route("/monitors/{id}/run", post(run))
        .route("/monitors/{id}/term", post(term))
        .route("/monitors/{id}/silence", post(silence))
        .route("/monitors/{id}/unsilence", post(unsilence))
        .route("/monitors/{id}/promote", post(promote))
        .route("/monitors/{id}/pin", post(pin))
        .route("/monitors/{id}/unpin", post(unpin))
        .route("/monitors/{id}/replay", post(replay))
        .route_layer(from_fn(own_only))
}

async fn own_only(request: Request, next: Next) -> Response {
    if !is_own(request.headers()) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "cross_site",
            "this form does not come from this server's own pages",
        )
        .into_response();
    }
    next.run(request).await
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN.as_str()).and_then(|origin| origin.parse::<Uri>().ok());
    let authority = origin.as_ref().and_then(|origin| origin.authority());
    authority.is_some_and(|origin| text(header::HOST.as_str()) == Some(origin.as_str()))
}

/// Back to the page that the form stands on.
fn back(id: &str) -> Response {
    Redirect::to(&super::path_of(id)).into_response()
}

#[derive(Deserialize)]
struct LoginForm {
    key: String,
}

async fn login(Form(form): Form<LoginForm>) -> Response {
    match page::key_cookie(&form.key) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => Redirect::to("/login").into_response(),
    }
}

async fn run(Changing(api): Changing, Path(id): Path<String>) -> Result<Response, Problem> {
    monitors::ask_for_run(&api, &id).await?;
    Ok(back(&id))
}

async fn term(
    Changing(api): Changing,
    Path(id): Path<String>,
    Form(form): Form<reports::TermBody>,
) -> Result<Response, Problem> {
    reports::take_word(&api, &id, &form).await?;
    Ok(back(&id))
}

#[derive(Deserialize)]
struct SilenceForm {
    column: String,
    hours: u64,
    author: String,
    comment: String,
}

async fn silence(
    Changing(api): Changing,
    Path(id): Path<String>,
    Form(form): Form<SilenceForm>,
) -> Result<Response, Problem> {
    let column = Some(form.column).filter(|column| !column.trim().is_empty());
    let request = SilenceRequest {
        monitor: Some(id.clone()),
        column,
        duration_seconds: Some(form.hours.saturating_mul(3_600)),
        author: form.author,
        comment: form.comment,
        ..SilenceRequest::default()
    };
    let silence = request
        .checked(api.clock.now())
        .map_err(|SilenceMistake { field, message }| Problem::parameter(field, message))?;
    api.store.add_silence(&silence).await?;
    Ok(back(&id))
}

#[derive(Deserialize)]
struct UnsilenceForm {
    id: String,
}

async fn unsilence(
    Changing(api): Changing,
    Path(id): Path<String>,
    Form(form): Form<UnsilenceForm>,
) -> Result<Response, Problem> {
    if !api.store.end_silence(&form.id, api.clock.now()).await? {
        return Err(Problem::not_found("silence", &form.id));
    }
    Ok(back(&id))
}

#[derive(Deserialize)]
struct PromoteForm {
    version: i64,
}

async fn promote(
    Changing(api): Changing,
    Path(id): Path<String>,
    Form(form): Form<PromoteForm>,
) -> Result<Response, Problem> {
    baselines::put_in_force(&api, &id, Some(form.version)).await?;
    Ok(back(&id))
}

async fn pin(Changing(api): Changing, Path(id): Path<String>) -> Result<Response, Problem> {
    baselines::set_pinned(&api, &id, true).await?;
    Ok(back(&id))
}

async fn unpin(Changing(api): Changing, Path(id): Path<String>) -> Result<Response, Problem> {
    baselines::set_pinned(&api, &id, false).await?;
    Ok(back(&id))
}

#[derive(Deserialize)]
struct ReplayForm {
    target: String,
}

async fn replay(
    Changing(api): Changing,
    Path(id): Path<String>,
    Form(form): Form<ReplayForm>,
) -> Result<Response, Problem> {
    let replay = Replay {
        monitor: Some(&id),
        target: Some(&form.target),
        ..Replay::default()
    };
    api.store.replay(&replay, api.clock.now()).await?;
    Ok(back(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        let own = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_own(&headers)
        };
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(!own(&[("sec-fetch-site", "cross-site")]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        let host = ("host", "drift:8080");
        assert!(own(&[host, ("origin", "http://drift:8080")]));
        assert!(!own(&[host, ("origin", "http://evil:8080")]));
        assert!(!own(&[host, ("origin", "null")]));
        assert!(!own(&[host]));
    }
}
