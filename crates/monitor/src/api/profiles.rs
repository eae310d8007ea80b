//! `/api/v1/profiles`: profiles of rows that are elsewhere, in the place of live rows.

use crate::api::change::Changing;
use crate::api::page::{PageRequest, Parameters};
use crate::api::problem::Problem;
use crate::api::reports::served;
use crate::api::{Api, problem};
use crate::posted::{PostedLive, ProfileRefusal};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use driftline_store::{PostOutcome, PostedFilter, PostedProfile};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What a profile is sent as. A browser that another site's page makes send it has to ask first,
/// and is not allowed to.
pub(crate) const CONTENT_TYPE: &str = "application/octet-stream";
/// Characters of an edge's name, and of an id.
const NAME_CHARACTERS: usize = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostParameters {
    /// The monitor whose live rows they are.
    monitor: String,
    /// Who counted the rows: letters, digits, `.`, `_` and `-`.
    edge: String,
    /// What the sender calls it: the same one counts once, whenever it is sent. The hash of its
    /// content where it is left out.
    id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParameters {
    /// Only this monitor's.
    monitor: Option<String>,
    /// Only those of this edge.
    edge: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = PostedFilter {
        monitor: asked.monitor,
        edge: asked.edge,
    };
    let page = PageRequest::new("profiles", &filter, asked.page_size, asked.page_token)?;
    let profiles = api
        .store
        .posted_profiles(&filter, page.after(), page.limit());
    page.answer(&headers, profiles.await?, PostedProfile::position)
}

/// Takes a profile: 201 where it is new, 200 and the first answer where it came before.
pub(crate) async fn post(
    Changing(api): Changing,
    Parameters(asked): Parameters<PostParameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if headers
        .get(header::CONTENT_TYPE)
        .map(|kind| kind.as_bytes())
        != Some(CONTENT_TYPE.as_bytes())
    {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_bytes",
            format!("send a profile file, with `Content-Type: {CONTENT_TYPE}`"),
        ));
    }
    let content_hash = hex(&Sha256::digest(&body));
    let id = asked.id.unwrap_or_else(|| content_hash.clone());
    for (parameter, name) in [("edge", &asked.edge), ("id", &id)] {
        if !is_name(name) {
            return Err(Problem::parameter(
                parameter,
                format!("is 1 to {NAME_CHARACTERS} letters, digits, `.`, `_` and `-`"),
            ));
        }
    }
    let evaluator = served(&api, &asked.monitor).await?;
    let Some(PostedLive { most_bytes, .. }) = evaluator.posted() else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "takes_no_profiles",
            "the live data of this monitor is something else: its pipeline says \
             `live: {profiles: {posted: {}}}` where profiles are posted",
        ));
    };
    let now = api.clock.now();
    let windows = {
        let (evaluator, body) = (Arc::clone(&evaluator), body.clone());
        // One that makes a reader panic is as unreadable as any other.
        tokio::task::spawn_blocking(move || evaluator.check_profile(&body, now))
            .await
            .unwrap_or_else(|_| Err(ProfileRefusal::Unreadable("it cannot be read".into())))
            .map_err(refused)?
    };
    let all = || windows.iter().map(|window| window.span);
    let taken = || windows.iter().filter(|window| !window.is_late);
    let judged = || taken().map(|window| window.span);
    // Windows that take no more are not judged again for it.
    let (start, end) = match taken().next() {
        Some(_) => (
            judged().map(|s| s.start_us).min(),
            judged().map(|s| s.end_us).max(),
        ),
        None => (
            all().map(|s| s.start_us).min(),
            all().map(|s| s.end_us).max(),
        ),
    };
    let instant = |us: Option<i64>| {
        us.and_then(chrono::DateTime::from_timestamp_micros)
            .ok_or_else(|| refused(ProfileRefusal::Unfit("its windows are in no year".into())))
    };
    let rows = windows.iter().map(|window| window.rows).sum();
    let late_rows = windows.iter().filter(|window| window.is_late);
    let late_rows = late_rows.map(|window| window.rows).sum();
    let profile = PostedProfile {
        monitor: asked.monitor,
        id,
        edge: asked.edge,
        content_hash,
        size_bytes: body.len() as u64,
        rows,
        late_rows,
        start: instant(start)?,
        end: instant(end)?,
        // As the store keeps it, so that the first answer and later ones are the same.
        received_at: chrono::SubsecRound::trunc_subsecs(now, 3),
        is_judged: taken().next().is_none(),
    };
    match api.store.post_profile(&profile, &body, most_bytes).await? {
        PostOutcome::Written => Ok((StatusCode::CREATED, axum::Json(profile)).into_response()),
        PostOutcome::Known(known) => Ok(axum::Json(known).into_response()),
        PostOutcome::IdTaken => Err(Problem::new(
            StatusCode::CONFLICT,
            "id_taken",
            format!("another profile was posted as `{}`", profile.id),
        )),
        PostOutcome::Full => Err(Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage_full",
            "the profiles of this monitor take as much as they may (`max_state_mib`): prune the store",
        )),
    }
}

fn refused(refusal: ProfileRefusal) -> Problem {
    match refusal {
        ProfileRefusal::Unreadable(why) => {
            Problem::new(StatusCode::BAD_REQUEST, "bad_profile", why)
        }
        ProfileRefusal::Unfit(why) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "profile_unfit", why)
        }
        ProfileRefusal::Failed(error) => {
            tracing::error!(%error, "a profile cannot be checked");
            problem::internal()
        }
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=NAME_CHARACTERS).contains(&text.len()) && text.chars().all(fits)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
