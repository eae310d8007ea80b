//! The live side by window: rows, read once and profiled, or profiles that stand for them.

use crate::{
    EvaluationRequest, PipelineError,
    baseline::{
        Baseline, author, can_drift, column_key, out_of_vocabulary_column, rule_expressions,
    },
    config::{Name, Pipeline, TimeConfig},
    constraints,
    incremental::Pass,
    live_profiles,
    rows::{Part, PreparedRows, profile_columns, quoted},
    season::hour_of_week,
};
use driftline_drift::{Profiles, WindowShape};
use driftline_engine::{
    Engine, Pane, PartitionRange, ProfileColumn, ProfileRequest, ProfileRow, Rows, Span, Tz,
    VocabularyRequest, VocabularyTime, Windows,
};
use driftline_scorer::Manifest;
use driftline_statistics::{ColumnProfile, ngrams::NgramCounts};
use driftline_verdict::NotEvaluated;
use std::{collections::BTreeMap, sync::Arc};

/// The most windows of one run.
const MAX_WINDOWS: usize = 5_000;

/// The live data, window by window.
pub(crate) struct Live {
    /// The rows; `None` where profiles stand for them.
    pub(crate) rows: Option<ReadRows>,
    /// The time of the newest row, in microseconds; `None` without a time column or rows, and
    /// where profiles do not tell.
    pub(crate) newest_us: Option<i64>,
    pub(crate) windows: Vec<LiveWindow>,
    /// What a reader of the run must know.
    pub(crate) notes: Vec<String>,
}

/// The live rows.
pub(crate) struct ReadRows {
    pub(crate) rows: Rows,
    pub(crate) in_file_order: bool,
    /// How rows are cut into these; `None` without a time column.
    pub(crate) cut: Option<Windows>,
    /// What to count the n-grams of, where terms are sought.
    pub(crate) vocabulary: Option<VocabularyRequest>,
}

/// Counts n-grams for a few windows at a time, so that memory does not grow with the
/// number of windows.
pub(crate) struct VocabularyReader {
    pub(crate) rows: Rows,
    pub(crate) request: VocabularyRequest,
}

impl VocabularyReader {
    /// The tables of the windows from the first to the last of these spans.
    pub(crate) async fn read(
        &self,
        spans: &[Option<Span>],
    ) -> Result<BTreeMap<Option<Span>, NgramCounts>, PipelineError> {
        let mut rows = self.rows.clone();
        if let VocabularyTime::Windows { windows, .. } = &self.request.over
            && let (Some(Some(first)), Some(Some(last))) = (spans.first(), spans.last())
        {
            let span = Span {
                start_us: first.start_us,
                end_us: last.end_us,
            };
            rows = rows.within(&windows.column, windows.time_zone, span)?;
        }
        Ok(rows.vocabulary(&self.request).await?.into_iter().collect())
    }
}

/// One window of live data.
pub(crate) struct LiveWindow {
    pub(crate) span: Option<Span>,
    /// The zone that its times are shown in.
    pub(crate) zone: Tz,
    pub(crate) rows: u64,
    /// Whether the data begins or ends inside it.
    pub(crate) partial: bool,
    /// How much of the baseline's time the data in it spans, and from which hour on.
    pub(crate) shape: WindowShape,
    /// Columns that can drift, by slice.
    pub(crate) profiles: Profiles,
    /// Columns that cannot, such as times and identifiers.
    pub(crate) unjudged: BTreeMap<String, ColumnProfile>,
    /// Columns that the schema is about, in order.
    pub(crate) checked: Vec<String>,
    /// Values of the rules.
    pub(crate) rules: Vec<Option<f64>>,
    /// Distinct texts.
    pub(crate) documents: u64,
    /// What cannot be evaluated because profiles stand for its rows.
    pub(crate) not_evaluated: Vec<NotEvaluated>,
    /// Whether they do.
    pub(crate) is_of_profiles: bool,
}

impl LiveWindow {
    /// The profile of a column over all rows of the window.
    pub(crate) fn profile(&self, column: &str) -> Option<&ColumnProfile> {
        let key = driftline_drift::ColumnKey::whole(column);
        self.profiles.get(&key).or(self.unjudged.get(column))
    }
}

/// Windows of profiles in the place of rows.
pub(crate) async fn read_profiles(
    pipeline: &Pipeline,
    baseline: &Baseline,
    request: &EvaluationRequest<'_>,
    models: &[(Name, Manifest)],
) -> Result<Live, PipelineError> {
    let profiles = live_profiles::read(pipeline, request).await?;
    let mut merged = live_profiles::merge(pipeline, baseline, models, profiles)?;
    if let Some(posted) = request.posted {
        merged.keep_within(posted.span);
    }
    let newest_us = merged.range.map(|(_, newest)| newest);
    let spans = merged.rows.iter().filter_map(|row| row.span);
    let spans = spans.map(|span| (span.start_us, span.end_us - 1));
    let spans = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    // Where the times of the rows are not known, each window is as full as it can be by now.
    let now = request.now.timestamp_micros();
    let spans = spans.map(|(first, last)| (first, last.min(now)));
    let layout = Layout {
        pipeline,
        baseline,
        range: merged.range.or(spans),
        checked: merged.columns,
        has_windows: pipeline.time.is_some(),
    };
    let mut by_span = layout.windows(merged.rows)?;
    let missing = live_profiles::not_evaluated(pipeline, baseline);
    let nowhere = merged.refused.remove(&None).unwrap_or_default();
    for (span, refused) in merged.refused {
        let window = by_span.entry(span);
        window.or_insert_with(|| layout.empty(span)).not_evaluated = refused;
    }
    if by_span.len() > 1 {
        // A window without a span stands for no rows at all.
        by_span.retain(|span, window| layout.has_windows == span.is_some() || window.rows > 0);
    }
    if let Some(mut newest) = by_span.last_entry() {
        newest.get_mut().not_evaluated.extend(nowhere);
    }
    for window in by_span.values_mut() {
        window.is_of_profiles = true;
        if window.rows > 0 {
            window.not_evaluated.extend(missing.iter().cloned());
        }
    }
    Ok(Live {
        rows: None,
        newest_us,
        windows: by_span.into_values().collect(),
        notes: live_profiles::notes(pipeline, &merged.late, baseline.zone),
    })
}

pub(crate) async fn read_live(
    engine: &Engine,
    pipeline: &Pipeline,
    baseline: &Baseline,
    request: &EvaluationRequest<'_>,
    pass: Option<&Pass>,
) -> Result<Live, PipelineError> {
    let within = pipeline.time.as_ref().zip(request.range);
    let within = within.map(|(time, (start, end))| PartitionRange {
        column: time.column.clone(),
        start_us: start.timestamp_micros(),
        end_us: end.timestamp_micros(),
    });
    let in_order = constraints::needs_file_order(&baseline.schema);
    let mut side = pipeline.live.clone();
    if let Some(window) = &request.window {
        side.source.clone_from(&window.source);
    }
    let part = Part {
        within,
        only: pass.map(|pass| Arc::clone(&pass.only)),
        types: match &request.window {
            Some(window) => window.types.clone(),
            None => Vec::new(),
        },
    };
    let mut prepared = PreparedRows::read_part(engine, pipeline, &side, in_order, part).await?;
    if let Some(pass) = pass {
        prepared.range = pass.range;
    }
    let newest_us = prepared.range.map(|(_, newest)| newest);
    if let Some(window) = &request.window {
        // It is over, whenever its rows begin and end.
        prepared.range = Some((window.span.start_us, window.span.end_us - 1));
    }
    let own = prepared.columns(pipeline);
    let mut columns = profile_columns(&own, &baseline.roles);
    let terms = pipeline
        .terms
        .as_ref()
        .filter(|terms| own.iter().any(|column| column.name == terms.column));
    if let Some(terms) = terms {
        let name = out_of_vocabulary_column(&terms.column);
        let share = format!(
            "out_of_vocabulary('{}', {})",
            terms.column.replace('\'', "''"),
            quoted(&terms.column)
        );
        prepared.rows = prepared.rows.with_columns(&[(name.clone(), share)]).await?;
        columns.push(ProfileColumn { name, text: false });
    }
    let checked: Vec<String> = own.into_iter().map(|column| column.name).collect();
    let checked: Vec<String> = checked
        .into_iter()
        .filter(|name| !prepared.is_scored(name))
        .collect();
    let windows = match (&pipeline.time, &request.window) {
        (None, _) => None,
        (Some(time), Some(window)) => Some(time.windows()?.listed([window.span])),
        (Some(time), None) => Some(cut(&prepared.rows, time).await?),
    };
    let request = ProfileRequest {
        columns,
        windows: windows.clone(),
        slices: pipeline.slices.clone(),
    };
    let layout = Layout {
        pipeline,
        baseline,
        range: prepared.range,
        checked,
        has_windows: windows.is_some(),
    };
    let mut by_span = layout.windows(prepared.rows.profile(&request).await?)?;
    let expressions = rule_expressions(pipeline);
    if !expressions.is_empty() {
        for row in prepared
            .rows
            .aggregate(&expressions, windows.as_ref())
            .await?
        {
            if let Some(window) = by_span.get_mut(&row.span) {
                window.rules = row.values;
            }
        }
    }
    let vocabulary = terms.map(|terms| VocabularyRequest {
        text: terms.column.clone(),
        author: author(pipeline),
        baseline: false,
        over: match &windows {
            Some(windows) => VocabularyTime::Windows {
                windows: windows.clone(),
                folds: folds(pipeline),
            },
            None => VocabularyTime::Unknown,
        },
    });
    Ok(Live {
        rows: Some(ReadRows {
            rows: prepared.rows,
            in_file_order: prepared.in_file_order,
            cut: windows,
            vocabulary,
        }),
        newest_us,
        windows: by_span.into_values().collect(),
        notes: Vec::new(),
    })
}

/// How profiles become windows.
struct Layout<'a> {
    pipeline: &'a Pipeline,
    baseline: &'a Baseline,
    /// First and last time of the data.
    range: Option<(i64, i64)>,
    /// Columns that the schema is about.
    checked: Vec<String>,
    has_windows: bool,
}

impl Layout<'_> {
    fn empty(&self, span: Option<Span>) -> LiveWindow {
        let time = self.pipeline.time.as_ref();
        let are_sessions = time.is_some_and(|time| time.gap.is_some());
        LiveWindow {
            // A session is whole, however short: what ends it is that nothing came.
            partial: !are_sessions && is_partial(span, self.range),
            shape: shape_of(self.pipeline, self.baseline, span, self.range),
            span,
            zone: self.baseline.zone,
            rows: 0,
            profiles: Profiles::new(),
            unjudged: BTreeMap::new(),
            checked: self.checked.clone(),
            rules: vec![None; self.pipeline.rules.len()],
            documents: 0,
            not_evaluated: Vec::new(),
            is_of_profiles: false,
        }
    }

    /// The windows of profiles; one without rows where there are none.
    fn windows(
        &self,
        profiled: Vec<ProfileRow>,
    ) -> Result<BTreeMap<Option<Span>, LiveWindow>, PipelineError> {
        let mut by_span: BTreeMap<Option<Span>, LiveWindow> = BTreeMap::new();
        for row in profiled {
            // Rows without a time belong to no window.
            if self.has_windows && row.span.is_none() {
                continue;
            }
            let window = by_span.entry(row.span);
            let window = window.or_insert_with(|| self.empty(row.span));
            if row.slice.is_none() {
                window.rows = window.rows.max(row.profile.rows);
            }
            if can_drift(&self.baseline.roles, &row.column) {
                let key = column_key(row.slice.as_ref(), &row.column);
                window.profiles.insert(key, row.profile);
            } else if row.slice.is_none() {
                window.unjudged.insert(row.column, row.profile);
            }
        }
        if self.pipeline.time.is_none()
            && let Some(window) = by_span.get_mut(&None)
        {
            window.shape = untimed_blocks(self.baseline, window.rows).into();
        }
        if by_span.is_empty() {
            by_span.insert(None, self.empty(None));
        }
        if by_span.len() > MAX_WINDOWS {
            return Err(PipelineError::Configuration {
                message: format!(
                    "the live data spans {} windows, more than {MAX_WINDOWS}; use a wider `window` or less live data",
                    by_span.len()
                ),
            });
        }
        Ok(by_span)
    }
}

/// The windows of rows: those of the calendar, or the sessions that these rows make.
async fn cut(rows: &Rows, time: &TimeConfig) -> Result<Windows, PipelineError> {
    if time.gap.is_none() {
        return time.calendar();
    }
    let panes = time.panes()?;
    let instant = format!(
        "CAST(event_time({}, '{}', '{}') AS BIGINT)",
        quoted(&time.column),
        time.column.replace('\'', "''"),
        time.time_zone
    );
    let asked = ["min", "max"].map(|edge| (edge.to_owned(), format!("{edge}({instant})")));
    let found = rows.aggregate(&asked, Some(panes.panes())).await?;
    let found = found.into_iter().filter_map(|row| {
        // Whole numbers up to 2^53, which is the year 2255 in microseconds.
        let mut edges = row.values.iter().map(|edge| edge.map(|edge| edge as i64));
        Some(Pane {
            span: row.span?,
            times: edges.next()?.zip(edges.next()?),
        })
    });
    let sessions = panes.windows(&found.collect::<Vec<Pane>>(), None);
    let spans: Vec<Span> = sessions.into_iter().map(|window| window.span).collect();
    Ok(time.windows()?.listed(spans))
}

/// Stretches of a baseline without a time that hold as many rows as the live data.
fn untimed_blocks(baseline: &Baseline, rows: u64) -> usize {
    let each = baseline.rows as f64 / baseline.block_count().max(1) as f64;
    (rows as f64 / each.max(1.0)).round().max(1.0) as usize
}

/// Parts of a window that a term's sightings are spread over: its days, at most 16.
fn folds(pipeline: &Pipeline) -> u8 {
    let seconds = pipeline
        .time
        .as_ref()
        .map_or(1, |time| time.window.seconds());
    u8::try_from((seconds / 86_400).clamp(1, 16)).unwrap_or(16)
}

fn is_partial(span: Option<Span>, range: Option<(i64, i64)>) -> bool {
    // A day is the finest time that data may carry: a window that ends on the last
    // day with rows is whole.
    const DAY_US: i64 = 86_400_000_000;
    match (span, range) {
        (Some(span), Some((first, last))) => {
            let day = DAY_US.min((span.end_us - span.start_us) / 2);
            span.start_us < first - day || span.end_us > last + day
        }
        _ => false,
    }
}

/// How many blocks of the baseline span as much time as the data in this window does, and
/// the hour that it begins with.
fn shape_of(
    pipeline: &Pipeline,
    baseline: &Baseline,
    span: Option<Span>,
    range: Option<(i64, i64)>,
) -> WindowShape {
    let (Some(time), Some(span), Some((first, last))) = (&pipeline.time, span, range) else {
        return 1.into();
    };
    let block = time.block().micros().max(1);
    let start = span.start_us.max(first);
    let covered = span.end_us.min(last.saturating_add(block)) - start;
    let most = time.window.seconds() / time.block().seconds();
    let blocks = (covered as f64 / block as f64)
        .round()
        .clamp(1.0, most as f64);
    WindowShape {
        blocks: blocks as usize,
        hour_of_week: hour_of_week(time, baseline.zone, start),
    }
}
