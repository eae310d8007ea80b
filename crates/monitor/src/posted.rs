//! Profiles that edges post, between the store and the pipeline.
//!
//! A run judges the windows that are over, from the first of which a profile came since it was
//! judged to the last: a window whose profiles come one after the other is judged again with each
//! run, until it takes no more.

use crate::{EvaluationError, Evaluator, MonitorError};
use chrono::{DateTime, Utc};
use driftline_engine::{Span, Windows};
use driftline_pipeline::{LiveProfile, PipelineError, PostedProfiles, ProfiledWindow};
use driftline_store::{ProfileContent, ProfileKey, Store, StoreError};

/// How a pipeline takes profiles that are posted.
#[derive(Debug, Clone)]
pub struct PostedLive {
    /// Its windows.
    pub windows: Windows,
    /// What they may take in the store together.
    pub most_bytes: u64,
}

/// Profiles for one evaluation, as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedContents {
    /// All that may have rows of the windows.
    pub profiles: Vec<ProfileContent>,
    /// Windows that lie in here are judged.
    pub span: Span,
}

/// What a run judges of the profiles that were posted.
#[derive(Debug, Default)]
pub(crate) struct ToJudge {
    pub(crate) contents: Option<PostedContents>,
    /// Profiles all of whose windows are judged by then.
    pub(crate) judged: Vec<ProfileKey>,
}

/// What is to be judged now; nothing where the live data is something else.
pub(crate) async fn to_judge(
    evaluator: &dyn Evaluator,
    store: &Store,
    now: DateTime<Utc>,
) -> Result<ToJudge, StoreError> {
    let Some(PostedLive { windows, .. }) = evaluator.posted() else {
        return Ok(ToJudge::default());
    };
    let monitor = evaluator.name();
    let now_us = now.timestamp_micros();
    // The window that holds the present is not over.
    let over_us = windows.span_of(now_us).map_or(now_us, |span| span.start_us);
    let waiting = store.unjudged_profiles(monitor, over_us).await?;
    let first = waiting.iter().map(|profile| profile.start);
    let first = first.min().map(|start| start.timestamp_micros());
    let last = waiting.iter().map(|profile| profile.end);
    let last = last.max().map(|end| end.timestamp_micros().min(over_us));
    let newest = match first.zip(last) {
        Some(both) => Some(both),
        // Nothing came: the newest window is judged again.
        None => {
            let end = store.newest_profile_us(monitor, over_us).await?;
            end.map(|end| (end - 1, end))
        }
    };
    let span = newest.and_then(|(first, last)| {
        Some(Span {
            start_us: windows.span_of(first)?.start_us,
            end_us: windows.span_of(last - 1)?.end_us,
        })
    });
    let span = span.unwrap_or(Span {
        start_us: over_us,
        end_us: over_us,
    });
    let ended = waiting.into_iter();
    let ended = ended.filter(|profile| profile.end.timestamp_micros() <= over_us);
    Ok(ToJudge {
        contents: Some(contents(store, monitor, span).await?),
        judged: ended.map(|profile| profile.key()).collect(),
    })
}

/// What was posted for a stretch of the past.
pub(crate) async fn of_range(
    evaluator: &dyn Evaluator,
    store: &Store,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<PostedContents>, MonitorError> {
    if evaluator.posted().is_none() {
        return Ok(None);
    }
    let span = Span {
        start_us: from.timestamp_micros(),
        end_us: to.timestamp_micros(),
    };
    Ok(Some(contents(store, evaluator.name(), span).await?))
}

async fn contents(store: &Store, monitor: &str, span: Span) -> Result<PostedContents, StoreError> {
    let asked = (span.start_us, span.end_us);
    Ok(PostedContents {
        profiles: store.profile_contents(monitor, asked).await?,
        span,
    })
}

/// What the pipeline makes of contents.
pub(crate) async fn read(contents: &PostedContents) -> Result<PostedProfiles, EvaluationError> {
    let PostedContents { profiles, span } = contents.clone();
    let read = move || -> Result<Vec<LiveProfile>, PipelineError> {
        let read = profiles.into_iter().map(|one| {
            let name = format!("{} of {}", one.id, one.edge);
            LiveProfile::posted(name, one.content, one.received_at)
        });
        read.collect()
    };
    let profiles = tokio::task::spawn_blocking(read).await??;
    Ok(PostedProfiles { profiles, span })
}

/// Why a profile is not taken.
#[derive(Debug)]
pub enum ProfileRefusal {
    /// It is no profile file.
    Unreadable(String),
    /// It does not fit the pipeline.
    Unfit(String),
    /// The pipeline itself is wrong.
    Failed(EvaluationError),
}

/// The windows of a profile that came now; or why it is not taken.
pub(crate) fn check(
    evaluator: &driftline_pipeline::Evaluator,
    content: &[u8],
    now: DateTime<Utc>,
) -> Result<Vec<ProfiledWindow>, ProfileRefusal> {
    let profile = LiveProfile::posted("the profile".into(), content.to_vec(), now)
        .map_err(|error| ProfileRefusal::Unreadable(error.to_string()))?;
    let windows = evaluator
        .profiled_windows(&profile)
        .map_err(|error| ProfileRefusal::Failed(error.into()))?;
    let windows = windows.map_err(ProfileRefusal::Unfit)?;
    match windows.iter().any(|window| window.rows > 0) {
        true => Ok(windows),
        false => Err(ProfileRefusal::Unfit(
            "it has no rows in a window of time".to_owned(),
        )),
    }
}
