//! True values that come after their windows were judged, where live data is incremental.
//!
//! A window is read once. When its true values come, its performance is judged and nothing else:
//! which windows that are, the key and the time of the rows tell, without a score. Of each window
//! the number of its true values and a sum over them are remembered; windows for which these are
//! other now are those.

use crate::{
    PipelineError,
    config::{Pipeline, SourceConfig},
    hash, report,
    rows::{Part, PreparedRows, quoted},
    targets::{Asked, TARGET, Targets, open},
};
use driftline_engine::{Engine, FileVersion, Source, Span, Tz};
use driftline_verdict::{NotEvaluated, Window, window_verdict};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A prime below which rows are summed, so that sums are exact whatever their order.
const MODULUS: u32 = 1_000_003;

/// The true values that were there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadTargets {
    /// Stands for the table that they are in, as it was; empty where there is none.
    pub version: String,
    /// What is told by of each window's true values, by its first instant and that after it, in
    /// microseconds since 1970.
    pub windows: BTreeMap<(i64, i64), String>,
}

/// Windows of which true values have come since they were judged.
pub(crate) struct LateWindows {
    spans: Vec<Span>,
    /// The names of the files with their rows.
    only: Arc<BTreeSet<String>>,
}

/// Looks at the true values as they are now. `files` are those of the live data, with the times
/// of their rows; `whole` is the stretch of windows that are judged in full, all where `None`.
pub(crate) async fn look(
    engine: &Engine,
    pipeline: &Pipeline,
    before: &ReadTargets,
    files: &BTreeMap<String, Option<(i64, i64)>>,
    whole: Option<Span>,
) -> Result<(ReadTargets, Option<LateWindows>), PipelineError> {
    let (Some(targets), Some(time)) = (&pipeline.targets, &pipeline.time) else {
        return Ok((ReadTargets::default(), None));
    };
    let Some(source) = &targets.source else {
        return Ok((ReadTargets::default(), None));
    };
    let table = Source::new(pipeline.source(&SourceConfig::of(source.clone())));
    let versions = tokio::task::spawn_blocking(move || table.versions());
    let versions = versions.await.map_err(|error| PipelineError::Internal {
        message: error.to_string(),
    })??;
    let version = version(pipeline, &versions);
    if version == before.version {
        return Ok((before.clone(), None));
    }
    let live = Source {
        skip_corrupt: pipeline.skip_corrupt,
        only: Some(Arc::new(files.keys().cloned().collect())),
        ..Source::new(pipeline.source(&pipeline.live))
    };
    let mut rows = engine.open(&live).await?;
    for sql in pipeline.live.prepare.iter().chain(&pipeline.prepare) {
        rows = rows.prepare(sql).await?;
    }
    let table = open(engine, pipeline, targets, source).await?;
    let rows = rows.with_joined(&table, &targets.key, &targets.column, TARGET)?;
    let mut asked = Asked::default();
    let keys: Vec<String> = targets.key.iter().map(|key| quoted(key)).collect();
    asked.rows(&format!("{TARGET} IS NOT NULL"));
    asked.sum(&format!(
        "CASE WHEN {TARGET} IS NOT NULL THEN CAST(seeded_hash(concat_ws('\u{1f}', {}, {TARGET}), 0) \
         % {MODULUS} AS DOUBLE) END",
        keys.join(", ")
    ));
    let windows = time.calendar()?;
    let known = rows.aggregate(&asked.0, Some(&windows)).await?;
    let known = known.into_iter().filter_map(|row| {
        let span = row.span?;
        let [count, sum] = row.values[..] else {
            return None;
        };
        let count = count.filter(|count| *count > 0.0)?;
        let told = format!("{count} {}", sum.unwrap_or(0.0));
        Some(((span.start_us, span.end_us), told))
    });
    let now = ReadTargets {
        version,
        windows: known.collect(),
    };
    let is_late = |span: &Span| {
        let key = (span.start_us, span.end_us);
        let is_judged =
            |whole: Span| span.start_us >= whole.start_us && span.end_us <= whole.end_us;
        before.windows.get(&key) != now.windows.get(&key) && !whole.is_none_or(is_judged)
    };
    let spans = before.windows.keys().chain(now.windows.keys());
    let spans: BTreeSet<Span> = spans
        .map(|(start_us, end_us)| Span {
            start_us: *start_us,
            end_us: *end_us,
        })
        .filter(is_late)
        .collect();
    let holds_some = |range: &Option<(i64, i64)>| {
        let mut spans = spans.iter();
        range.is_some_and(|(first, last)| {
            spans.any(|span| first < span.end_us && last >= span.start_us)
        })
    };
    let only = files.iter().filter(|(_, range)| holds_some(range));
    let only = Arc::new(only.map(|(name, _)| name.clone()).collect());
    let late = (!spans.is_empty()).then(|| LateWindows {
        spans: spans.iter().copied().collect(),
        only,
    });
    Ok((now, late))
}

/// Judges the performance in these windows.
pub(crate) async fn judge(
    engine: &Engine,
    pipeline: &Pipeline,
    targets: &Targets<'_>,
    late: &LateWindows,
    zone: Tz,
) -> Result<Vec<(Span, Window)>, PipelineError> {
    let Some(time) = &pipeline.time else {
        return Ok(Vec::new());
    };
    let part = Part {
        only: Some(Arc::clone(&late.only)),
        ..Part::default()
    };
    let prepared = PreparedRows::read_part(engine, pipeline, &pipeline.live, false, part).await?;
    let windows = time.windows()?.listed(late.spans.clone());
    let mut asked = Asked::default();
    asked.rows("true");
    let rows = prepared.rows.aggregate(&asked.0, Some(&windows)).await?;
    let mut performance = targets.judge(&prepared.rows, Some(&windows)).await?;
    let judged = rows.into_iter().filter_map(|row| {
        let span = row.span?;
        let rows = row.values.first().copied().flatten().unwrap_or(0.0) as u64;
        let mut findings = Vec::new();
        let mut not_evaluated = vec![NotEvaluated {
            check: "everything but performance".into(),
            reason: "an earlier run judged this window; true values of it have come since".into(),
            required: false,
        }];
        let performance = performance.remove(&row.span)?;
        performance.conclude(&mut findings, &mut not_evaluated);
        let window = Window {
            start: Some(report::instant(span.start_us, zone)),
            end: Some(report::instant(span.end_us, zone)),
            rows,
            verdict: window_verdict(rows, &findings, &not_evaluated),
            findings,
            not_evaluated,
        };
        Some((span, window))
    });
    Ok(judged.collect())
}

/// Stands for the table of true values as it is.
fn version(pipeline: &Pipeline, files: &[FileVersion]) -> String {
    let targets = pipeline.targets.as_ref();
    let of_table = targets.map(|targets| {
        let parts =
            [&targets.source, &targets.prepare].map(|part| part.clone().unwrap_or_default());
        let parts = parts.into_iter().chain([targets.column.clone()]);
        parts.chain(targets.key.clone()).collect::<Vec<String>>()
    });
    let of_files = files.iter().flat_map(|file| {
        let size = file.size_bytes.to_string();
        [file.name.clone(), size, file.version.clone()]
    });
    hash::of_parts(of_table.into_iter().flatten().chain(of_files))
}
