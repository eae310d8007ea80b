//! What a pipeline's schema states beyond profiles, checked window by window.
//!
//! Profiles by window are there anyway and most schemas need no more. Where one states
//! comparators, shapes, lists or other domains, the rows of each window are read once
//! more, so that no constraint goes unchecked: drift against the window before, skew
//! against the training data.

use crate::{
    PipelineError,
    baseline::Baseline,
    config::Pipeline,
    live::LiveWindow,
    rows::{PreparedRows, time_zone},
    validation::{Known, Reader, not_evaluated},
};
use driftline_engine::{Engine, Rows, Span};
use driftline_schema::{
    Anomaly, AnomalyType,
    check::{self, Data, Unevaluated},
    tfmd::{self, Inputs},
};
use driftline_statistics::ColumnProfile;
use driftline_verdict::NotEvaluated;
use std::collections::BTreeSet;

/// What the rows of a window say of the schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowCheck {
    anomalies: Vec<Anomaly>,
    pub(crate) not_evaluated: Vec<NotEvaluated>,
}

impl WindowCheck {
    /// All anomalies of a window: those of its profiles, which have more to show, and
    /// those that only its rows tell.
    pub(crate) fn with_profiles(&self, of_profiles: Vec<Anomaly>) -> Vec<Anomaly> {
        let mut all: Vec<Anomaly> = of_profiles
            .into_iter()
            // The rows told it.
            .filter(|anomaly| anomaly.kind != AnomalyType::StatsNotAvailable)
            .collect();
        let known: BTreeSet<(Option<String>, AnomalyType)> = all
            .iter()
            .map(|anomaly| (anomaly.column.clone(), anomaly.kind))
            .collect();
        let more = self.anomalies.iter();
        all.extend(
            more.filter(|anomaly| !known.contains(&(anomaly.column.clone(), anomaly.kind)))
                .cloned(),
        );
        all
    }
}

/// Checks each of these windows; `None` where profiles are enough for the schema.
pub(crate) async fn check(
    engine: &Engine,
    pipeline: &Pipeline,
    baseline: &Baseline,
    rows: &Rows,
    windows: &[LiveWindow],
) -> Result<Option<Vec<WindowCheck>>, PipelineError> {
    let schema = &baseline.schema;
    if !check::needs_statistics(schema) {
        return Ok(None);
    }
    let theirs = tfmd::Schema::from(schema);
    let columns = windows.iter().flat_map(|window| window.checked.clone());
    let vocabularies = pipeline.vocabularies.iter();
    let vocabularies = vocabularies.map(|(name, file)| (name.clone(), pipeline.path(file)));
    let reader = Reader::with_all_words(&theirs, &vocabularies.collect())?.of_columns(columns);
    let trained = if asks(&theirs.feature, |f| f.skew_comparator.is_some()) {
        let rows = PreparedRows::read(engine, pipeline, &pipeline.baseline)
            .await?
            .rows;
        Some(reader.read(&rows).await?)
    } else {
        None
    };
    let drift = asks(&theirs.feature, |f| f.drift_comparator.is_some())
        || theirs
            .dataset_constraints
            .is_some_and(|c| c.num_examples_drift_comparator.is_some());
    let read = async |span: Option<Span>| -> Result<Known, PipelineError> {
        match (&pipeline.time, span) {
            (Some(time), Some(span)) => {
                let rows = rows.within(&time.column, time_zone(pipeline)?, span)?;
                reader.read(&rows).await
            }
            _ => reader.read(rows).await,
        }
    };
    let mut before: Option<(Span, Known)> = None;
    let mut checks = Vec::new();
    for window in windows {
        if window.rows == 0 {
            checks.push(WindowCheck::default());
            continue;
        }
        let known = read(window.span).await?;
        if drift && let Some(span) = window.span {
            let follows = |(before, _): &(Span, Known)| before.end_us == span.start_us;
            if !before.as_ref().is_some_and(follows) {
                let earlier = span_before(span);
                before = Some((earlier, read(Some(earlier)).await?));
            }
        }
        let previous = before.as_ref().map(|(_, known)| &known.statistics);
        let inputs = Inputs {
            environment: pipeline.environment.as_deref(),
            previous_span: previous.filter(|statistics| statistics.num_examples > 0),
            serving: trained.as_ref().map(|known| &known.statistics),
            ..Inputs::default()
        };
        let profiles = profiles(window);
        let data = Data {
            statistics: &known.statistics,
            types: &known.types,
            skipped: &known.skipped,
            profiles: &profiles,
        };
        let mut checked = check::check(schema, &data, &inputs)?;
        if inputs.previous_span.is_none() {
            let skipped: BTreeSet<_> = known.skipped.iter().map(ToString::to_string).collect();
            let comparable = |missing: &&mut Unevaluated| {
                let column = missing.column.as_ref();
                column.is_none_or(|column| !skipped.contains(column))
            };
            let missing = checked.unevaluated.iter_mut();
            missing.filter(comparable).for_each(nothing_before);
        }
        checks.push(WindowCheck {
            anomalies: checked.anomalies,
            not_evaluated: checked.unevaluated.iter().map(not_evaluated).collect(),
        });
        before = window.span.map(|span| (span, known));
    }
    Ok(Some(checks))
}

/// The first window, and one after a gap, is not asked what it would be compared with: it
/// says so, and is judged by everything else.
fn nothing_before(missing: &mut Unevaluated) {
    if matches!(
        missing.constraint,
        "drift_comparator" | "num_examples_drift_comparator"
    ) {
        missing.required = false;
        missing.reason = "there are no rows in the window before".into();
    }
}

/// The span of the same length that ends where this one starts.
fn span_before(span: Span) -> Span {
    Span {
        start_us: span
            .start_us
            .saturating_sub(span.end_us.saturating_sub(span.start_us)),
        end_us: span.start_us,
    }
}

fn asks(features: &[tfmd::Feature], what: fn(&tfmd::Feature) -> bool) -> bool {
    features.iter().any(|feature| {
        what(feature)
            || match &feature.domain_info {
                Some(tfmd::feature::DomainInfo::StructDomain(fields)) => {
                    asks(&fields.feature, what)
                }
                _ => false,
            }
    })
}

/// The profiles of the columns that the schema is about.
pub(crate) fn profiles(window: &LiveWindow) -> Vec<(String, &ColumnProfile)> {
    window
        .checked
        .iter()
        .filter_map(|column| {
            let key = driftline_drift::ColumnKey::whole(column);
            let profile = window.profiles.get(&key);
            Some((column.clone(), profile.or(window.unjudged.get(column))?))
        })
        .collect()
}
