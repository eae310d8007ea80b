//! NannyML: chunk by chunk, each against what the baseline's own chunks show.

use super::{
    ChunkBy, Measured, MeasuredWindow, MeasuredWindows, NamedColumn, PresetRequest, Sides,
    configuration, estimated, not_evaluated,
    side::Side,
    wishes::{Plan, PlannedColumn},
};
use crate::PipelineError;
use driftline_drift::preset::{
    Column, Kind, State,
    nannyml::{
        self, Chunks, Cut, Limits, domain_classifier, reconstruction,
        univariate::{self, Drift},
    },
};
use driftline_engine::{Rows, Tz, Windows, time_zone};
use driftline_verdict::FindingKind;
use std::{collections::BTreeMap, ops::Range};

/// Columns that are read at a time.
const COLUMNS_AT_ONCE: usize = 16;

/// The columns of a side in the order that chunks are cut in.
pub(crate) struct Ordered {
    pub(crate) columns: BTreeMap<String, Result<Column, String>>,
    pub(crate) rows: usize,
    /// Instants of the rows, rising; empty without a time column.
    times: Vec<i64>,
    /// Rows without a time, which belong to no chunk.
    timeless: usize,
}

/// How both sides are cut, with the time of each chunk of the window.
pub(crate) struct Chunked {
    pub(crate) cut: Cut,
    ranges: Vec<Range<usize>>,
    spans: Vec<Option<(i64, i64)>>,
}

/// # Errors
/// [`PipelineError::Configuration`] for a profile in the place of rows, for chunks by time
/// without a time column, and for scores that are none; those of the engine.
pub(crate) async fn measure(
    sides: &Sides<'_>,
    request: &PresetRequest,
    plan: Plan,
) -> Result<MeasuredWindows, PipelineError> {
    let time = time(sides)?;
    let wanted = wanted(request, &plan);
    let baseline = ordered(rows(&sides.baseline, "baseline")?, &wanted, &time).await?;
    let mut live = wanted;
    if let Some(scored) = &request.scored {
        live.retain(|column| column.name != scored.target);
    }
    let window = ordered(rows(&sides.window, "window")?, &live, &time).await?;
    let chunked = Chunked::of(request, &time, &baseline, &window)?;
    let request = request.clone();
    tokio::task::spawn_blocking(move || {
        measure_ordered(&request, &plan, &baseline, &window, &chunked)
    })
    .await
    .map_err(|error| PipelineError::Internal {
        message: format!("comparing the chunks stopped: {error}"),
    })?
}

type Time = Option<(String, Tz)>;

fn time(sides: &Sides<'_>) -> Result<Time, PipelineError> {
    let Some(column) = &sides.source.time else {
        return Ok(None);
    };
    let zone = match &sides.source.time_zone {
        Some(zone) => time_zone(zone)?,
        None => Tz::UTC,
    };
    Ok(Some((column.clone(), zone)))
}

/// Everything that is read of the baseline.
fn wanted(request: &PresetRequest, plan: &Plan) -> Vec<NamedColumn> {
    let mut wanted: Vec<NamedColumn> = plan.together.clone();
    let alone = plan.alone.iter().map(|planned| planned.column.clone());
    wanted.extend(alone.filter(|column| !plan.together.contains(column)));
    if let Some(scored) = &request.scored {
        // A prediction may be a category by itself and a number for the estimate.
        let classes = [&scored.target, &scored.prediction];
        let classes = classes.map(|name| (name.as_str(), scored.kind_of_target()));
        let scores = scored.scores().into_iter();
        for (name, kind) in classes
            .into_iter()
            .chain(scores.map(|name| (name, Kind::Numeric)))
        {
            let column = NamedColumn {
                name: name.to_owned(),
                kind,
            };
            if !wanted.contains(&column) {
                wanted.push(column);
            }
        }
    }
    wanted
}

fn rows<'a>(side: &'a Side, name: &str) -> Result<&'a Rows, PipelineError> {
    match side {
        Side::Rows { rows, .. } => Ok(rows),
        Side::Profiles(_) => Err(configuration(format!(
            "NannyML cuts rows into chunks, and a profile keeps no order: give the rows of the {name} instead"
        ))),
    }
}

async fn ordered(
    rows: &Rows,
    wanted: &[NamedColumn],
    time: &Time,
) -> Result<Ordered, PipelineError> {
    let mut ordered = Ordered {
        columns: BTreeMap::new(),
        rows: 0,
        times: Vec::new(),
        timeless: 0,
    };
    let mut order: Option<Vec<usize>> = None;
    for block in wanted.chunks(COLUMNS_AT_ONCE) {
        let names: Vec<&str> = block.iter().map(|column| column.name.as_str()).collect();
        let asked = time.as_ref().filter(|_| order.is_none());
        let asked = asked.map(|(column, zone)| (column.as_str(), *zone));
        let read = rows.in_order(&names, asked).await?;
        if asked.is_some() {
            let mut known: Vec<usize> = (0..read.rows)
                .filter(|row| read.times[*row].is_some())
                .collect();
            known.sort_by_key(|row| read.times[*row]);
            ordered.times = known.iter().filter_map(|row| read.times[*row]).collect();
            ordered.timeless = read.rows - known.len();
            order = Some(known);
        }
        for (column, arrays) in block.iter().zip(&read.columns) {
            let found = Column::of(arrays, column.kind)
                .map(|column| match &order {
                    Some(order) => column.taken(order),
                    None => column,
                })
                .map_err(|refused| refused.to_string());
            ordered.columns.insert(key(column), found);
        }
        ordered.rows = order.as_ref().map_or(read.rows, Vec::len);
    }
    Ok(ordered)
}

/// A column as it was read: the same one may be read as a category and as numbers.
fn key(column: &NamedColumn) -> String {
    format!("{} {}", column.kind.name(), column.name)
}

impl Ordered {
    pub(crate) fn column(&self, column: &NamedColumn) -> Result<&Column, String> {
        match self.columns.get(&key(column)) {
            Some(found) => found.as_ref().map_err(Clone::clone),
            None => Err("it was not read".into()),
        }
    }
}

impl Chunked {
    fn of(
        request: &PresetRequest,
        time: &Time,
        baseline: &Ordered,
        window: &Ordered,
    ) -> Result<Self, PipelineError> {
        let by_time = |width| {
            let (column, zone) = time.as_ref().ok_or_else(|| {
                configuration("chunks by time need the time of a row: give `--time COLUMN`")
            })?;
            let mut windows = Windows::new(column, width);
            windows.time_zone = *zone;
            Ok::<_, PipelineError>(windows)
        };
        let (cut, windows) = match request.chunks {
            None => (Chunks::default().into(), None),
            Some(ChunkBy::Count(count)) => (Chunks::Count(count).into(), None),
            Some(ChunkBy::Rows(rows)) => (Chunks::Size(rows).into(), None),
            Some(ChunkBy::Time(width)) => {
                let windows = by_time(width)?;
                let cut = Cut {
                    baseline: Chunks::Ranges(ranges(&windows, &baseline.times)),
                    window: Chunks::Ranges(ranges(&windows, &window.times)),
                };
                (cut, Some(windows))
            }
        };
        let ranges = cut.window.of(window.rows);
        let spans = ranges
            .iter()
            .map(|range| {
                let first = *window.times.get(range.start)?;
                let last = *window.times.get(range.end.checked_sub(1)?)?;
                let span = windows.as_ref().and_then(|windows| windows.span_of(first));
                Some(span.map_or((first, last + 1), |span| (span.start_us, span.end_us)))
            })
            .collect();
        Ok(Self { cut, ranges, spans })
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn rows(&self, chunk: usize) -> u64 {
        self.ranges[chunk].len() as u64
    }
}

/// Rows of the same window of time, which follow each other.
fn ranges(windows: &Windows, times: &[i64]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut end = i64::MIN;
    for (row, time) in times.iter().enumerate() {
        match ranges.last_mut() {
            Some(last) if *time < end => last.end = row + 1,
            _ => {
                ranges.push(row..row + 1);
                end = windows.span_of(*time).map_or(i64::MAX, |span| span.end_us);
            }
        }
    }
    ranges
}

fn measure_ordered(
    request: &PresetRequest,
    plan: &Plan,
    baseline: &Ordered,
    window: &Ordered,
    chunked: &Chunked,
) -> Result<MeasuredWindows, PipelineError> {
    let mut windows: Vec<MeasuredWindow> = (0..chunked.len())
        .map(|chunk| MeasuredWindow {
            span: chunked.spans[chunk],
            rows: chunked.rows(chunk),
            measured: Vec::new(),
            not_evaluated: plan.not_evaluated.clone(),
        })
        .collect();
    for planned in &plan.alone {
        alone(request, planned, (baseline, window), chunked, &mut windows);
    }
    if !plan.together.is_empty() {
        together(request, plan, (baseline, window), chunked, &mut windows);
    }
    let mut notes = Vec::new();
    match &request.scored {
        Some(scored) => {
            let features = wanted(request, plan);
            let sides = (baseline, window);
            estimated::measure(scored, &features, sides, chunked, &mut windows)?;
        }
        None => notes.push(
            "performance is not estimated: name the columns `--target` and `--prediction` of a model for that, and `--probability` of a classifier".into(),
        ),
    }
    for (side, ordered) in [("baseline", baseline), ("window", window)] {
        if ordered.timeless > 0 {
            notes.push(format!(
                "{} rows of the {side} have no time and belong to no chunk",
                ordered.timeless
            ));
        }
    }
    Ok(MeasuredWindows {
        windows,
        baseline_rows: baseline.rows as u64,
        notes,
    })
}

/// Each column by itself.
fn alone(
    request: &PresetRequest,
    planned: &PlannedColumn,
    (baseline, window): (&Ordered, &Ordered),
    chunked: &Chunked,
    windows: &mut [MeasuredWindow],
) {
    let name = &planned.column.name;
    let missing = |windows: &mut [MeasuredWindow], reason: String| {
        for window in windows {
            window
                .not_evaluated
                .push(not_evaluated(name, reason.as_str()));
        }
    };
    let (ours, theirs) = match (
        baseline.column(&planned.column),
        window.column(&planned.column),
    ) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(reason), _) => return missing(windows, format!("in the baseline, {reason}")),
        (_, Err(reason)) => return missing(windows, format!("in the window, {reason}")),
    };
    let asked: Vec<nannyml::Measure> = if planned.measures.is_empty() {
        vec![nannyml::Measure::JensenShannon]
    } else {
        let named = planned.measures.iter();
        named
            .filter_map(|name| nannyml::Measure::named(name))
            .collect()
    };
    for measure in asked {
        match univariate::compare(ours, theirs, Some(measure), chunked.cut.clone()) {
            Ok(drift) => push(request, name, &drift, baseline.rows as u64, windows),
            Err(error) => missing(windows, error.to_string()),
        }
    }
}

fn push(
    request: &PresetRequest,
    column: &str,
    drift: &Drift,
    baseline_rows: u64,
    windows: &mut [MeasuredWindow],
) {
    let measure = drift.measure.name();
    let learnt = drift.limits.and_then(|limits| limits.upper);
    // The test has a level instead.
    let asked = request
        .threshold(Some(column), measure)
        .filter(|_| drift.p_values.is_none());
    for (chunk, window) in windows.iter_mut().enumerate() {
        let value = drift.window[chunk];
        if value.is_nan() {
            let check = format!("{measure} of {column}");
            let reason = "the chunk has no value in this column";
            window.not_evaluated.push(not_evaluated(&check, reason));
            continue;
        }
        let alert = asked.map_or(drift.alerts[chunk], |threshold| value > threshold);
        window.measured.push(Measured {
            kind: FindingKind::Drift,
            slice: None,
            column: Some(column.to_owned()),
            measure: measure.to_owned(),
            value,
            p_value: drift.p_values.as_ref().map(|p| p[chunk]),
            threshold: asked.or(learnt),
            lower: None,
            state: state(alert),
            baseline_rows,
            window_rows: window.rows,
        });
    }
}

/// The columns as one, but for what a model made of them.
fn together(
    request: &PresetRequest,
    plan: &Plan,
    (baseline, window): (&Ordered, &Ordered),
    chunked: &Chunked,
    windows: &mut [MeasuredWindow],
) {
    let made: Vec<&str> = request.scored.as_ref().map_or_else(Vec::new, |scored| {
        let mut made = scored.scores();
        made.push(&scored.prediction);
        made
    });
    let features: Vec<&NamedColumn> = (plan.together.iter())
        .filter(|column| !made.contains(&column.name.as_str()))
        .filter(|column| column.kind != Kind::Text)
        .collect();
    let side = |ordered: &Ordered| -> Result<Vec<Column>, String> {
        let found = features.iter();
        found
            .map(|column| {
                let found = ordered.column(column).cloned();
                found.map_err(|reason| format!("`{}`: {reason}", column.name))
            })
            .collect()
    };
    let sides = side(baseline).and_then(|ours| Ok((ours, side(window)?)));
    for measure in &plan.measures_together {
        let found = (sides.as_ref().map_err(Clone::clone))
            .and_then(|(ours, theirs)| of_all(measure, ours, theirs, &chunked.cut));
        let (values, limits) = match found {
            Ok(found) => found,
            Err(reason) => {
                for window in &mut *windows {
                    let missing = not_evaluated(measure, reason.as_str());
                    window.not_evaluated.push(missing);
                }
                continue;
            }
        };
        // A threshold of all measures is one of the columns by themselves.
        let asked = request.threshold_of(Some(measure));
        for (value, window) in values.into_iter().zip(&mut *windows) {
            if value.is_nan() {
                let reason = "a side has too few different rows";
                window.not_evaluated.push(not_evaluated(measure, reason));
                continue;
            }
            let below = limits.lower.is_some_and(|lower| value <= lower);
            let above = limits.upper.is_some_and(|upper| value >= upper);
            let alert = asked.map_or(below || above, |threshold| value >= threshold);
            window.measured.push(Measured {
                kind: FindingKind::Drift,
                slice: None,
                column: None,
                measure: measure.clone(),
                value,
                p_value: None,
                threshold: asked.or(limits.upper),
                lower: limits.lower.filter(|_| asked.is_none()),
                state: state(alert),
                baseline_rows: baseline.rows as u64,
                window_rows: window.rows,
            });
        }
    }
}

/// A measure of all columns together: the value of each chunk, and the limits.
fn of_all(
    measure: &str,
    baseline: &[Column],
    window: &[Column],
    cut: &Cut,
) -> Result<(Vec<f64>, Limits), String> {
    match measure {
        domain_classifier::NAME => domain_classifier::compare(baseline, window, cut.clone())
            .map(|values| (values, domain_classifier::LIMITS)),
        _ => reconstruction::compare(baseline, window, cut.clone())
            .map(|found| (found.window, found.limits)),
    }
    .map_err(|error| error.to_string())
}

pub(crate) fn state(alert: bool) -> State {
    if alert { State::Drift } else { State::NoDrift }
}
