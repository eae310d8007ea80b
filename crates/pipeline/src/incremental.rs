//! Live data to which files are added: only those of windows that changed are read.
//!
//! Of every file that was read, its content and the time of its rows are remembered. A content
//! that was not there before, or is there no more, changes the windows of its times; files that
//! have rows of these windows are read, others are not. The same content under another name,
//! or delivered a second time, is the same file: its rows count once.

use crate::{
    PipelineError,
    config::Pipeline,
    hash,
    late_targets::{self, LateWindows, ReadTargets},
    rows::time_zone,
};
use driftline_engine::{Engine, FileVersion, Source, Span};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// The file as it was.
    pub file: FileVersion,
    /// What its content is told by.
    pub content: String,
    /// First and last time of its rows, in microseconds since 1970; `None` where they have none.
    pub range: Option<(i64, i64)>,
}

/// The files that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadFiles {
    /// Stands for what in the pipeline decides about rows and windows: where it is another, all
    /// is read again.
    pub plan: String,
    /// The files, by name.
    pub files: Vec<ReadFile>,
    /// The true values that were there.
    pub targets: ReadTargets,
}

/// What a run has to read.
pub(crate) struct Pass {
    /// The names of the files.
    pub(crate) only: Arc<BTreeSet<String>>,
    /// The windows that changed lie in here; `None` for all windows.
    pub(crate) span: Option<Span>,
    /// First and last time of all files, read or not.
    pub(crate) range: Option<(i64, i64)>,
    /// Other windows, of which true values have come.
    pub(crate) late: Option<LateWindows>,
    /// What is remembered after it.
    pub(crate) read: ReadFiles,
}

/// Looks at the files as they are now, and reads those for their times that are new.
pub(crate) async fn look(
    engine: &Engine,
    pipeline: &Pipeline,
    before: &ReadFiles,
) -> Result<Pass, PipelineError> {
    let plan = plan(pipeline);
    let is_first = before.plan != plan;
    let known = match is_first {
        true => &[],
        false => before.files.as_slice(),
    };
    let location = Source::new(pipeline.source(&pipeline.live));
    let now = tokio::task::spawn_blocking(move || location.versions());
    let now = now.await.map_err(|error| PipelineError::Internal {
        message: error.to_string(),
    })??;
    let mut files: Vec<ReadFile> = Vec::new();
    for file in now {
        if let Some(read) = known.iter().find(|read| read.file == file) {
            files.push(read.clone());
            continue;
        }
        let content = file.content()?;
        let same = known.iter().chain(&files).find(|r| r.content == content);
        let range = match same {
            Some(read) => read.range,
            None => time_range(engine, pipeline, &file.name).await?,
        };
        files.push(ReadFile {
            file,
            content,
            range,
        });
    }
    let counted = by_content(&files);
    let range = counted.values().filter_map(|read| read.range);
    let range = range.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let span = match is_first {
        true => None,
        false => changed(pipeline, &by_content(known), &counted, range)?,
    };
    let is_needed = |read: &&&ReadFile| match (span, read.range) {
        (None, _) => true,
        (Some(span), Some((first, last))) => first < span.end_us && last >= span.start_us,
        (Some(_), None) => false,
    };
    let needed = counted.values().filter(is_needed);
    let only = Arc::new(needed.map(|read| read.file.name.clone()).collect());
    let times = counted.values().map(|r| (r.file.name.clone(), r.range));
    let none = ReadTargets::default();
    let told = if is_first { &none } else { &before.targets };
    let (targets, late) =
        late_targets::look(engine, pipeline, told, &times.collect(), span).await?;
    Ok(Pass {
        only,
        span,
        range,
        late,
        read: ReadFiles {
            plan,
            files,
            targets,
        },
    })
}

/// The files of which each content is counted once: under the first of its names.
fn by_content(files: &[ReadFile]) -> BTreeMap<&str, &ReadFile> {
    let mut counted: BTreeMap<&str, &ReadFile> = BTreeMap::new();
    for read in files {
        counted.entry(&read.content).or_insert(read);
    }
    counted
}

/// From the first window that changed to the last; the newest one where none did.
fn changed(
    pipeline: &Pipeline,
    before: &BTreeMap<&str, &ReadFile>,
    now: &BTreeMap<&str, &ReadFile>,
    range: Option<(i64, i64)>,
) -> Result<Option<Span>, PipelineError> {
    let Some(time) = &pipeline.time else {
        return Ok(None);
    };
    let windows = time.windows()?;
    let one_side = |a: &BTreeMap<&str, &ReadFile>, b: &BTreeMap<&str, &ReadFile>| {
        let alone = a.iter().filter(|(content, _)| !b.contains_key(*content));
        alone
            .filter_map(|(_, read)| read.range)
            .collect::<Vec<(i64, i64)>>()
    };
    let times = [one_side(now, before), one_side(before, now)].concat();
    let times = times.into_iter();
    let times = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (first, last) = match (times, range) {
        (Some(times), _) => times,
        (None, Some((_, newest))) => (newest, newest),
        (None, None) => return Ok(None),
    };
    let span = windows.span_of(first).zip(windows.span_of(last));
    Ok(span.map(|(first, last)| Span {
        start_us: first.start_us,
        end_us: last.end_us,
    }))
}

async fn time_range(
    engine: &Engine,
    pipeline: &Pipeline,
    name: &str,
) -> Result<Option<(i64, i64)>, PipelineError> {
    let Some(time) = &pipeline.time else {
        return Ok(None);
    };
    let source = Source {
        skip_corrupt: pipeline.skip_corrupt,
        ..Source::new(name)
    };
    let mut rows = engine.open(&source).await?;
    for sql in pipeline.live.prepare.iter().chain(&pipeline.prepare) {
        rows = rows.prepare(sql).await?;
    }
    Ok(rows.time_range(&time.column, time_zone(pipeline)?).await?)
}

fn plan(pipeline: &Pipeline) -> String {
    let time = pipeline.time.as_ref();
    let parts = [
        Some(pipeline.source(&pipeline.live)),
        pipeline.live.prepare.clone(),
        pipeline.prepare.clone(),
        time.map(|time| time.column.clone()),
        time.map(|time| time.time_zone.clone()),
        time.map(|time| time.window.to_string()),
    ];
    hash::of_parts(parts.map(Option::unwrap_or_default))
}
