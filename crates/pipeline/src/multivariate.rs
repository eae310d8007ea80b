//! Several columns together, held against the training data's own windows.
//!
//! Samples of rows are compared: a window's with one of the training data. Each of the training data's own
//! windows is compared with a sample of what lies a window's length and more away from it, and what
//! these show is the null.

use crate::{
    PipelineError,
    baseline::{Baseline, can_drift},
    config::{MeasureConfig, Pipeline, TimeConfig},
    own_windows::{self, OwnTest, OwnWindow},
    rows::{PreparedRows, time_zone},
};
use driftline_drift::{
    Evidence, Measure, Measurement, Skipped, WindowNull, WindowValue, multivariate,
    multivariate::Feature, rate_share,
};
use driftline_engine::{RecordBatch, RowSample, RowSampleRequest, Rows, Span};
use driftline_schema::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows of a window that are compared, and of the training data.
const ROWS: usize = 1_000;
/// Rows drawn of the whole training data, so that enough of them are away from any window.
const POOL: usize = 3 * ROWS;
/// Windows of the training data that are measured: as many as give the null's spread within a tenth.
const OWN_WINDOWS: usize = 60;

/// What live windows are compared with.
#[derive(Debug, Clone)]
pub struct MultivariateCard {
    /// What is said of the rows.
    pub null: MultivariateNull,
    /// Rows of the training data, with the columns of `null`.
    pub rows: RecordBatch,
}

/// What the training data's own windows show of several columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultivariateNull {
    /// Length of a window: `7d`.
    pub window: String,
    /// The columns.
    pub columns: Vec<String>,
    /// By the name of a measure, its values in the training data's own windows.
    pub measures: BTreeMap<String, WindowNull>,
}

impl MultivariateNull {
    /// Whether it was made for windows, columns and measures as a pipeline has them.
    pub(crate) fn fits(&self, pipeline: &Pipeline) -> bool {
        let (Some(time), Some(config)) = (&pipeline.time, &pipeline.drift.multivariate) else {
            return false;
        };
        let measures = config.measures();
        self.window == time.window.to_string()
            && (config.columns.is_empty() || config.columns == self.columns)
            && measures
                .iter()
                .all(|(measure, _)| self.measures.contains_key(measure.name()))
    }
}

/// What several columns are called.
fn name_of(columns: &[String]) -> String {
    match columns {
        [first, second, _, _, ..] => {
            format!("{first}, {second} and {} more", columns.len() - 2)
        }
        _ => columns.join(", "),
    }
}

/// The tests of a pipeline, without windows.
fn tests(pipeline: &Pipeline, columns: &[String]) -> Vec<OwnTest> {
    let Some(config) = &pipeline.drift.multivariate else {
        return Vec::new();
    };
    let measures = config.measures();
    let share = rate_share::MULTIVARIATE / measures.len() as f64;
    let test = |(measure, how): &(Measure, MeasureConfig)| OwnTest {
        column: name_of(columns),
        measure: *measure,
        min_effect: (
            how.min_effect.unwrap_or(measure.default_min_effect()),
            how.min_effect.is_some(),
        ),
        rate: pipeline.drift.false_alarm_rate * share,
        least_spread: multivariate::LEAST_SPREAD,
        windows: Vec::new(),
    };
    measures.iter().map(test).collect()
}

fn request(
    pipeline: &Pipeline,
    time: &TimeConfig,
    columns: &[String],
) -> Result<RowSampleRequest, PipelineError> {
    Ok(RowSampleRequest {
        columns: columns.to_vec(),
        time: time.column.clone(),
        time_zone: time_zone(pipeline)?,
        seed: pipeline.seed,
    })
}

/// Measures the training data's own windows; `None` where the pipeline does not ask for it.
pub(crate) async fn learn(
    prepared: &PreparedRows,
    pipeline: &Pipeline,
    roles: &BTreeMap<String, Role>,
) -> Result<Option<(MultivariateCard, Vec<OwnTest>)>, PipelineError> {
    let (Some(config), Some(time), Some(range)) =
        (&pipeline.drift.multivariate, &pipeline.time, prepared.range)
    else {
        return Ok(None);
    };
    let columns = match &config.columns[..] {
        [] => comparable(prepared, pipeline, roles).await?,
        named => named.to_vec(),
    };
    let mut own = own_windows::spans(time, range)?;
    if own.len() > OWN_WINDOWS {
        own.retain(|(_, counts)| *counts);
    }
    let step = own.len().div_ceil(OWN_WINDOWS).max(1);
    let own: Vec<(Span, bool)> = own.into_iter().step_by(step).collect();
    let whole = Span {
        start_us: range.0,
        end_us: range.1.saturating_add(1),
    };
    let stretches: Vec<(Span, usize)> = std::iter::once((whole, POOL))
        .chain(own.iter().map(|(span, _)| (*span, ROWS)))
        .collect();
    let request = request(pipeline, time, &columns)?;
    let mut samples = prepared.rows.row_samples(&request, &stretches).await?;
    let windows = samples.split_off(1);
    let Some(pool) = samples.pop() else {
        return Ok(None);
    };
    for (column, values) in columns.iter().zip(pool.rows.columns()) {
        if Feature::of(column, values).is_none() {
            return Err(PipelineError::Configuration {
                message: format!(
                    "`drift.multivariate`: the column `{column}` has the type {}; numbers, categories and lists of numbers of one length can be compared together",
                    values.data_type()
                ),
            });
        }
    }
    let mut tests = tests(pipeline, &columns);
    let asked: Vec<Compared> = own
        .iter()
        .zip(windows)
        .map(|((span, _), window)| {
            Ok(Compared {
                baseline: away_from(&pool, *span)?,
                window: window.rows,
            })
        })
        .collect::<Result<_, PipelineError>>()?;
    let sizes: Vec<u64> = asked
        .iter()
        .map(|asked| asked.window.num_rows() as u64)
        .collect();
    let measures: Vec<Measure> = tests.iter().map(|test| test.measure).collect();
    let found = compared(&columns, &measures, asked).await?;
    for (test, values) in tests.iter_mut().zip(found) {
        let windows = own.iter().zip(values).zip(&sizes);
        test.windows = windows
            .filter_map(|((&(span, counts), found), &size)| {
                Some(OwnWindow {
                    span,
                    value: found.ok()?.0,
                    size,
                    counts,
                })
            })
            .collect();
    }
    let nulls = tests
        .iter()
        .map(|test| (test.measure.name().to_owned(), test.null()));
    let card = MultivariateCard {
        null: MultivariateNull {
            window: time.window.to_string(),
            columns,
            measures: nulls.collect(),
        },
        rows: pool.rows.slice(0, pool.rows.num_rows().min(ROWS)),
    };
    Ok(Some((card, tests)))
}

/// The columns that a pipeline without named ones compares: numbers and categories.
async fn comparable(
    prepared: &PreparedRows,
    pipeline: &Pipeline,
    roles: &BTreeMap<String, Role>,
) -> Result<Vec<String>, PipelineError> {
    let rows = prepared.rows.head(1).await?;
    let columns = prepared.columns(pipeline).into_iter();
    let columns: Vec<String> = columns
        .map(|column| column.name)
        .filter(|name| can_drift(roles, name) && roles.get(name) != Some(&Role::Text))
        .filter(|name| {
            let mut values = rows.iter().filter_map(|batch| batch.column_by_name(name));
            values.any(|values| driftline_drift::preset::Kind::of(values.data_type()).is_some())
        })
        .collect();
    if columns.is_empty() {
        return Err(PipelineError::Configuration {
            message: "`drift.multivariate`: the training data has no column of numbers or categories; name embeddings in `columns`, or leave it out".to_owned(),
        });
    }
    Ok(columns)
}

/// The first rows of a sample of the training data that lie a window's length and more away from one of
/// its windows.
fn away_from(pool: &RowSample, window: Span) -> Result<RecordBatch, PipelineError> {
    let guard = window.end_us - window.start_us;
    let near = window.start_us.saturating_sub(guard)..window.end_us.saturating_add(guard);
    let times = pool.times.iter().enumerate();
    let away = times.filter(|(_, time)| !near.contains(time));
    let rows = away.filter_map(|(row, _)| u32::try_from(row).ok());
    let rows: Vec<u32> = rows.take(ROWS).collect();
    Ok(pool.some_rows(&rows)?)
}

/// Rows of the training data and of a window.
struct Compared {
    baseline: RecordBatch,
    window: RecordBatch,
}

/// What was found of a window, or why nothing was.
type Found = Result<(f64, Vec<Evidence>), Skipped>;

/// For each measure, what is found of each window; on as many threads as there are processors.
async fn compared(
    columns: &[String],
    measures: &[Measure],
    asked: Vec<Compared>,
) -> Result<Vec<Vec<Found>>, PipelineError> {
    let mut by_measure = vec![Vec::new(); measures.len()];
    let (columns, measures) = (columns.to_vec(), measures.to_vec());
    let work = move || {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = asked.len().div_ceil(threads).max(1);
        let (columns, measures) = (&columns, &measures);
        std::thread::scope(|scope| {
            let workers: Vec<_> = asked
                .chunks(share)
                .map(|asked| {
                    let found = move || -> Vec<Vec<Found>> {
                        let found = asked.iter();
                        found
                            .map(|asked| found_of(columns, measures, asked))
                            .collect()
                    };
                    scope.spawn(found)
                })
                .collect();
            let joined = workers.into_iter().map(|worker| worker.join());
            joined.collect::<Result<Vec<_>, _>>()
        })
    };
    let stopped = |reason: String| PipelineError::Internal {
        message: format!("comparing columns together stopped: {reason}"),
    };
    let by_window = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| stopped(error.to_string()))?
        .map_err(|_| stopped("a thread panicked".to_owned()))?;
    for window in by_window.into_iter().flatten() {
        for (all, found) in by_measure.iter_mut().zip(window) {
            all.push(found);
        }
    }
    Ok(by_measure)
}

fn found_of(columns: &[String], measures: &[Measure], asked: &Compared) -> Vec<Found> {
    let features = |rows: &RecordBatch| -> Option<Vec<Feature>> {
        let columns = columns.iter().zip(rows.columns());
        let found: Option<Vec<Vec<Feature>>> = columns
            .map(|(name, values)| Feature::of(name, values))
            .collect();
        Some(found?.into_iter().flatten().collect())
    };
    let kinds = |side: &[Feature]| -> Vec<_> { side.iter().map(|f| f.values.kind()).collect() };
    let sides = features(&asked.baseline).zip(features(&asked.window));
    let sides = sides.filter(|(ours, theirs)| kinds(ours) == kinds(theirs));
    let found = |measure: &Measure| {
        let (ours, theirs) = sides.as_ref().ok_or(Skipped::TypeMismatch)?;
        multivariate::compare(*measure, ours, theirs).ok_or(Skipped::TooFewRows)
    };
    measures.iter().map(found).collect()
}

/// Judges live windows, each by every measure; nothing where the baseline has no card for them.
pub(crate) async fn judge(
    rows: &Rows,
    pipeline: &Pipeline,
    baseline: &Baseline,
    windows: &[(Option<Span>, u64)],
) -> Result<Vec<Vec<Measurement>>, PipelineError> {
    let mut judged = vec![Vec::new(); windows.len()];
    let (Some(card), Some(time)) = (&baseline.multivariate, &pipeline.time) else {
        return Ok(judged);
    };
    let asked: Vec<(usize, Span)> = windows
        .iter()
        .enumerate()
        .filter_map(|(at, (span, rows))| Some((at, (*span).filter(|_| *rows > 0)?)))
        .collect();
    let columns = &card.null.columns;
    let tests = tests(pipeline, columns);
    let measures: Vec<Measure> = tests.iter().map(|test| test.measure).collect();
    let live = rows.columns();
    let is_there = |column: &String| live.iter().any(|live| live.name == *column);
    let mut sizes = vec![ROWS as u64; asked.len()];
    // Where a column is not there, the schema says so, and the others are judged one by one.
    let mut found = vec![vec![Err(Skipped::Absent); asked.len()]; tests.len()];
    if columns.iter().all(is_there) {
        let stretches: Vec<(Span, usize)> = asked.iter().map(|(_, span)| (*span, ROWS)).collect();
        let request = request(pipeline, time, columns)?;
        let samples = rows.row_samples(&request, &stretches).await?;
        let rows = samples.iter().map(|sample| sample.rows.num_rows() as u64);
        sizes = rows.collect();
        let samples = samples.into_iter().map(|sample| Compared {
            baseline: card.rows.clone(),
            window: sample.rows,
        });
        found = compared(columns, &measures, samples.collect()).await?;
    }
    for (test, found) in tests.iter().zip(found) {
        let Some(null) = card.null.measures.get(test.measure.name()) else {
            continue;
        };
        for (((at, _), &size), found) in asked.iter().zip(&sizes).zip(found) {
            let (value, evidence) = match found {
                Ok((value, evidence)) => (Ok(value), evidence),
                Err(reason) => (Err(reason), Vec::new()),
            };
            let value = WindowValue {
                column: test.column.clone(),
                measure: test.measure,
                value,
                size,
                evidence,
                min_effect: test.min_effect,
                rows: (baseline.rows, windows[*at].1),
            };
            judged[*at].push(null.judge(value, test.rate));
        }
    }
    Ok(judged)
}
