//! Live data that comes as profiles: those of a window are merged, and stand for its rows.
//!
//! Whoever has the rows has counted them: an edge device, or `driftline profile`. A profile that
//! does not fit the others, the windows or the models is left out as a whole, and the windows that
//! it would be of say so; what only rows can tell is listed as not evaluated.

mod fit;

use crate::{
    PipelineError,
    baseline::Baseline,
    config::{Name, Pipeline, ProfilesConfig},
    run::EvaluationRequest,
};
use chrono::{DateTime, Utc};
use driftline_engine::{ProfileRow, Source, Span, Tz, profile_file};
use driftline_schema::check;
use driftline_scorer::Manifest;
use driftline_statistics::{ColumnProfile, StatisticsError, Summary, ValueType};
use driftline_verdict::NotEvaluated;
use fit::{Fit, Key, window_rows};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
};

/// Why a check is not made where profiles stand for rows.
pub(crate) const NEEDS_ROWS: &str = "it needs rows, and the live data is profiles";

/// A profile of some of the live rows, by whoever has them.
#[derive(Debug, Clone)]
pub struct LiveProfile {
    /// Who or what it is of, for people: a file, an edge device.
    pub name: String,
    /// The profiles of its columns, by window and slice.
    pub rows: Vec<ProfileRow>,
    /// When it came, where windows wait for profiles only so long; microseconds since 1970.
    pub received_us: Option<i64>,
}

/// Bytes that a profile which was posted may have when nothing is compressed.
const MOST_BYTES: u64 = 256 << 20;

/// Profiles that were posted to a server.
#[derive(Debug, Clone)]
pub struct PostedProfiles {
    /// All that may have rows of the windows.
    pub profiles: Vec<LiveProfile>,
    /// Windows that lie in here are judged.
    pub span: Span,
}

/// Rows of a profile in one of the pipeline's windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfiledWindow {
    /// The window.
    pub span: Span,
    /// The rows.
    pub rows: u64,
    /// Whether they came too late to be judged.
    pub is_late: bool,
}

impl LiveProfile {
    /// Reads a profile that was posted, and is not to be trusted.
    ///
    /// # Errors
    /// Those of the [file](driftline_engine::profile_file::read_bytes).
    pub fn posted(
        name: String,
        content: Vec<u8>,
        received: DateTime<Utc>,
    ) -> Result<Self, PipelineError> {
        let rows = profile_file::read_bytes(&name, content, MOST_BYTES)?;
        Ok(Self::new(name, rows, Some(received.timestamp_micros())))
    }

    /// What a pipeline judges of a profile: not what lists and structs hold, which are columns of
    /// their own there (`tags[]`), and of a list are rows of their own.
    fn new(name: String, mut rows: Vec<ProfileRow>, received_us: Option<i64>) -> Self {
        let is_nested = |row: &&ProfileRow| row.profile.value_type == ValueType::Nested;
        let nested = rows.iter().filter(is_nested);
        let nested: BTreeSet<String> = nested.map(|row| row.column.clone()).collect();
        let is_within = |column: &str| {
            nested.iter().any(|outer| {
                let rest = column.strip_prefix(outer.as_str());
                rest.is_some_and(|rest| rest.starts_with(['.', '[']))
            })
        };
        rows.retain(|row| !is_within(&row.column));
        Self {
            name,
            rows,
            received_us,
        }
    }
}

/// Profiles put together.
pub(crate) struct Merged {
    /// By window of the pipeline, slice and column.
    pub(crate) rows: Vec<ProfileRow>,
    /// Columns that are no scores, in the order in which they came.
    pub(crate) columns: Vec<String>,
    /// What was left out, by the windows that it would be of; `None` where that is not known.
    pub(crate) refused: BTreeMap<Option<Span>, Vec<NotEvaluated>>,
    /// Rows that came too late, by window.
    pub(crate) late: BTreeMap<Option<Span>, u64>,
    /// First and last time of the rows, in microseconds, where profiles of the time column tell.
    pub(crate) range: Option<(i64, i64)>,
}

impl Merged {
    /// Only windows that lie in here.
    pub(crate) fn keep_within(&mut self, span: Span) {
        let is_in = |one: &Option<Span>| {
            one.is_none_or(|one| one.start_us >= span.start_us && one.end_us <= span.end_us)
        };
        self.rows.retain(|row| is_in(&row.span));
        self.refused.retain(|one, _| is_in(one));
        self.late.retain(|one, _| is_in(one));
    }
}

/// What came too late.
pub(crate) fn notes(
    pipeline: &Pipeline,
    late: &BTreeMap<Option<Span>, u64>,
    zone: Tz,
) -> Vec<String> {
    let Some(ProfilesConfig::Posted(posted)) = &pipeline.live.profiles else {
        return Vec::new();
    };
    let allowed = posted.allowed_lateness;
    let note = |(span, rows): (&Option<Span>, &u64)| {
        let start = crate::report::instant((*span)?.start_us, zone);
        Some(format!(
            "{rows} rows of the window from {start} came more than {allowed} after its end, and are \
             not judged"
        ))
    };
    late.iter().filter_map(note).collect()
}

/// The profiles of this evaluation.
pub(crate) async fn read(
    pipeline: &Pipeline,
    request: &EvaluationRequest<'_>,
) -> Result<Vec<LiveProfile>, PipelineError> {
    match (&pipeline.live.profiles, request.posted) {
        (Some(ProfilesConfig::Files(files)), _) => {
            let location = pipeline.location(files);
            let read = tokio::task::spawn_blocking(move || of_files(&location));
            read.await.map_err(|error| PipelineError::Internal {
                message: error.to_string(),
            })?
        }
        (_, Some(posted)) => Ok(posted.profiles.clone()),
        (_, None) => Err(PipelineError::Configuration {
            message:
                "the live data of this pipeline are profiles that are posted to a server, and \
                      are in its store: evaluate it with that store"
                    .into(),
        }),
    }
}

/// Profile files; the same content under several names counts once.
fn of_files(location: &str) -> Result<Vec<LiveProfile>, PipelineError> {
    let mut contents = BTreeSet::new();
    let mut profiles = Vec::new();
    for file in Source::new(location).versions()? {
        if contents.insert(file.content()?) {
            let rows = profile_file::read(file.name.as_ref())?;
            profiles.push(LiveProfile::new(file.name, rows, None));
        }
    }
    Ok(profiles)
}

/// Puts profiles together that fit one another, window by window. Of those that do not, the
/// ones stay whose columns hold what they hold in the training data.
pub(crate) fn merge(
    pipeline: &Pipeline,
    baseline: &Baseline,
    models: &[(Name, Manifest)],
    mut profiles: Vec<LiveProfile>,
) -> Result<Merged, PipelineError> {
    let fit = Fit::new(pipeline, models)?;
    // The order decides who is left out, and the bytes of sketches.
    profiles.sort_by_cached_key(|profile| (!is_like(baseline, profile), profile.name.clone()));
    let mut merged: BTreeMap<Key, ColumnProfile> = BTreeMap::new();
    let mut columns: Vec<String> = Vec::new();
    let mut refused: BTreeMap<Option<Span>, Vec<NotEvaluated>> = BTreeMap::new();
    let mut late: BTreeMap<Option<Span>, u64> = BTreeMap::new();
    for profile in profiles {
        let placed = fit.placed(&profile).and_then(|mut rows| {
            let too_late = window_rows(&rows).into_iter();
            let too_late: BTreeMap<Option<Span>, u64> = too_late
                .filter(|(span, _)| fit.is_late(&profile, *span))
                .collect();
            rows.retain(|((span, ..), _)| !too_late.contains_key(span));
            Ok((with(&merged, rows)?, too_late))
        });
        match placed {
            Ok((more, too_late)) => {
                for (span, rows) in too_late {
                    *late.entry(span).or_default() += rows;
                }
                for name in profile.rows.into_iter().map(|row| row.column) {
                    let is_kept =
                        !pipeline.ignore.contains(&name) && !fit.scores.contains_key(&name);
                    if is_kept && !columns.contains(&name) {
                        columns.push(name);
                    }
                }
                merged.extend(more);
            }
            Err(reason) => {
                let missing = NotEvaluated {
                    check: format!("the profile {}", profile.name),
                    reason,
                    required: true,
                };
                for span in fit.windows_of(&profile) {
                    refused.entry(span).or_default().push(missing.clone());
                }
            }
        }
    }
    let range = pipeline.time.as_ref().and_then(|time| {
        let times = merged.iter().filter_map(|((_, slice, column), profile)| {
            let is_time = matches!(profile.value_type, ValueType::Timestamp | ValueType::Date);
            let is_it = is_time && slice.is_none() && *column == time.column;
            let numbers = profile.numeric().filter(|_| is_it)?;
            Some((micros(numbers.min()?), micros(numbers.max()?)))
        });
        times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    });
    Ok(Merged {
        rows: merged
            .into_iter()
            .map(|((span, slice, column), profile)| ProfileRow {
                span,
                slice,
                column,
                model: None,
                profile,
            })
            .collect(),
        columns,
        refused,
        late,
        range,
    })
}

/// Seconds of a profile of times in microseconds.
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

/// Whether every column that the training data has too holds the same kind of values.
fn is_like(baseline: &Baseline, profile: &LiveProfile) -> bool {
    profile.rows.iter().all(|row| {
        let (known, found) = (baseline.profiles.get(&row.column), &row.profile.summary);
        let is_known = |known: &ColumnProfile| discriminant(&known.summary) == discriminant(found);
        matches!(found, Summary::Counts) || known.is_none_or(is_known)
    })
}

/// Merged profiles with those of one more, as far as it changes them.
fn with(
    merged: &BTreeMap<Key, ColumnProfile>,
    rows: Vec<(Key, &ColumnProfile)>,
) -> Result<BTreeMap<Key, ColumnProfile>, String> {
    let mut more: BTreeMap<Key, ColumnProfile> = BTreeMap::new();
    for (key, profile) in rows {
        let known = more.get(&key).or_else(|| merged.get(&key)).cloned();
        let added = match known {
            None => profile.clone(),
            Some(mut known) => {
                let failed = |error: StatisticsError| {
                    format!("`{}` does not fit that of the others: {error}", key.2)
                };
                known.merge(profile).map_err(failed)?;
                known
            }
        };
        more.insert(key, added);
    }
    Ok(more)
}

/// Rows of a profile in each of the pipeline's windows; or why it does not fit.
pub(crate) fn windows(
    pipeline: &Pipeline,
    models: &[(Name, Manifest)],
    profile: &LiveProfile,
) -> Result<Result<Vec<ProfiledWindow>, String>, PipelineError> {
    let fit = Fit::new(pipeline, models)?;
    let placed = fit.placed(profile).and_then(|rows| {
        // Whether the states merge with each other is known before others see them.
        with(&BTreeMap::new(), rows.clone())?;
        Ok(window_rows(&rows))
    });
    Ok(placed.map(|counted| {
        let windows = counted.into_iter().filter_map(|(span, rows)| {
            Some(ProfiledWindow {
                span: span?,
                rows,
                is_late: fit.is_late(profile, span),
            })
        });
        windows.collect()
    }))
}

/// What the pipeline asks of a window that profiles cannot tell. Its rules are told one by one
/// where they are put into words.
pub(crate) fn not_evaluated(pipeline: &Pipeline, baseline: &Baseline) -> Vec<NotEvaluated> {
    let missing = |check: String, required: bool| NotEvaluated {
        check,
        reason: NEEDS_ROWS.to_owned(),
        required,
    };
    let mut found = Vec::new();
    let environment = pipeline.environment.as_deref();
    for placed in baseline.schema.constraints_in(environment) {
        found.push(missing(format!("constraint {}", placed.label()), true));
    }
    if check::needs_statistics(&baseline.schema) {
        found.push(missing(
            "what the schema states beyond profiles".into(),
            true,
        ));
    }
    if let Some(terms) = &pipeline.terms {
        found.push(missing(format!("new terms of {}", terms.column), false));
        for word in &terms.watch {
            let required = terms.watch_limits.contains_key(word);
            found.push(missing(format!("watched word {word}"), required));
        }
        if baseline.novelty.is_some() {
            found.push(missing(format!("novel_stretch of {}", terms.column), false));
        }
    }
    if pipeline.drift.multivariate.is_some() {
        found.push(missing("columns together (`multivariate`)".into(), false));
    }
    if pipeline.targets.is_some() {
        found.push(missing("performance by `targets`".into(), false));
    }
    let challenged = pipeline
        .models
        .iter()
        .filter(|(_, model)| model.challenger.is_some());
    for (name, _) in challenged {
        found.push(missing(format!("the challenger of {name}"), false));
    }
    found
}
