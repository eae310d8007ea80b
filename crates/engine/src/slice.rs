//! The profile query: all columns, windows and slices in one scan.
//!
//! `GROUP BY GROUPING SETS ((window), (window, a), (window, b))` gives every row to
//! the group of its window and to that of each of its slices while it is read once.

use crate::window::WINDOW;
use crate::{
    EngineError,
    rows::{ProfileRequest, ProfileRow},
    window::{Span, Windows},
};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch},
        datatypes::{DataType, Int32Type, TimestampMicrosecondType},
    },
    common::runtime::SpawnedTask,
    dataframe::DataFrame,
    execution::memory_pool::{MemoryConsumer, MemoryReservation},
    functions_aggregate::expr_fn::grouping,
    logical_expr::{Expr, GroupingSet, cast},
    prelude::{ident, lit},
};
use driftline_statistics::ColumnProfile;
use futures::StreamExt;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The rows that have one value in one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice {
    /// The column.
    pub column: String,
    /// Its value as text; `None` for the rows where it is null.
    pub value: Option<String>,
}

/// The profiles of requests that differ in their columns alone, as one answer.
///
/// What is gathered counts against the memory limit until it is handed out: states of
/// thousands of slices are more than the query that made them holds at a time.
pub(crate) async fn profile(
    requests: Vec<(DataFrame, ProfileRequest)>,
    max_groups: usize,
) -> Result<Vec<ProfileRow>, EngineError> {
    let mut columns = Vec::new();
    let mut all: Vec<Group> = Vec::new();
    let mut held = Vec::new();
    for (frame, request) in requests {
        if request.columns.is_empty() {
            continue;
        }
        columns.extend(request.columns.iter().cloned());
        let (groups, memory) = gather(frame, request, max_groups).await?;
        held.push(memory);
        if all.is_empty() {
            all = groups;
            continue;
        }
        // Files that change while they are read can have other groups the second time.
        if all.len() != groups.len() || all.iter().zip(&groups).any(|(a, b)| !a.is_same(b)) {
            return Err(EngineError::Query {
                reason: "the files of the source changed while they were read".into(),
            });
        }
        for (group, more) in all.iter_mut().zip(groups) {
            group.profiles.extend(more.profiles);
        }
    }
    let rows = all.into_iter().flat_map(|group| {
        let Group {
            span,
            slice,
            profiles,
        } = group;
        let profiles = columns.iter().zip(profiles);
        profiles.map(move |(column, profile)| ProfileRow {
            span,
            slice: slice.clone(),
            column: column.name.clone(),
            profile,
        })
    });
    Ok(rows.collect())
}

/// The profiles of one request by window and slice, and the memory that they take.
///
/// They are gathered in a task of their own: see [`collect`](crate::rows::collect).
async fn gather(
    frame: DataFrame,
    request: ProfileRequest,
    max_groups: usize,
) -> Result<(Vec<Group>, MemoryReservation), EngineError> {
    let fields = frame.schema().fields().iter();
    let types: HashMap<&str, &DataType> = fields
        .map(|field| (field.name().as_str(), field.data_type()))
        .collect();
    let no_rows: Vec<ColumnProfile> = request
        .columns
        .iter()
        .map(|column| {
            let data_type = types.get(column.name.as_str());
            let data_type = data_type.ok_or_else(|| missing(&column.name))?;
            Ok(ColumnProfile::new(data_type, column.text))
        })
        .collect::<Result<_, EngineError>>()?;
    let frame = query(frame, &request)?;
    let task = SpawnedTask::spawn(async move {
        let pool = Arc::clone(&frame.task_ctx().runtime_env().memory_pool);
        let memory = MemoryConsumer::new("the profiles of all windows and slices").register(&pool);
        let mut stream = frame.execute_stream().await?;
        let mut groups = Vec::new();
        while let Some(batch) = stream.next().await {
            read(&batch?, &request, &mut groups, &memory)?;
            // Each thread holds a part of the groups, and counts its own.
            if groups.len() > max_groups {
                return Err(EngineError::TooManyGroups { limit: max_groups });
            }
        }
        add_missing(&mut groups, &request, &no_rows, max_groups)?;
        Ok((groups, memory))
    });
    let (mut groups, memory) = task.await.map_err(|error| EngineError::Query {
        reason: error.to_string(),
    })??;
    groups.sort_by(|a, b| {
        let key = |group: &Group| (group.span.is_none(), group.span, group.slice.clone());
        key(a).cmp(&key(b))
    });
    Ok((groups, memory))
}

struct Group {
    span: Option<Span>,
    slice: Option<Slice>,
    profiles: Vec<ColumnProfile>,
}

impl Group {
    fn is_same(&self, other: &Self) -> bool {
        (self.span, &self.slice) == (other.span, &other.slice)
    }
}

fn slice_name(index: usize) -> String {
    format!("driftline_slice_{index}")
}

fn column_name(index: usize) -> String {
    format!("driftline_column_{index}")
}

/// One row per group: window, values of the slices, marks of the slices that the
/// group is not of, states.
fn query(frame: DataFrame, request: &ProfileRequest) -> Result<DataFrame, EngineError> {
    let mut selected = Vec::new();
    let mut window = Vec::new();
    if let Some(windows) = &request.windows {
        selected.push(windows.start_expr(ident(&windows.column)).alias(WINDOW));
        window.push(ident(WINDOW));
    }
    for (index, slice) in request.slices.iter().enumerate() {
        selected.push(cast(ident(slice), DataType::Utf8).alias(slice_name(index)));
    }
    for (index, column) in request.columns.iter().enumerate() {
        selected.push(ident(&column.name).alias(column_name(index)));
    }
    let frame = frame.select(selected)?;
    let profile = frame.registry().udaf("profile")?;
    let mut aggregates: Vec<Expr> = (0..request.slices.len())
        .map(|index| grouping(ident(slice_name(index))).alias(format!("driftline_not_{index}")))
        .collect();
    for (index, column) in request.columns.iter().enumerate() {
        let mut arguments = vec![ident(column_name(index))];
        if column.text {
            arguments.push(lit("text"));
        }
        aggregates.push(
            profile
                .call(arguments)
                .alias(format!("driftline_profile_{index}")),
        );
    }
    let groups = if request.slices.is_empty() {
        window
    } else {
        let mut sets = vec![window.clone()];
        for index in 0..request.slices.len() {
            let mut set = window.clone();
            set.push(ident(slice_name(index)));
            sets.push(set);
        }
        vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
    };
    Ok(frame.aggregate(groups, aggregates)?)
}

fn read(
    batch: &RecordBatch,
    request: &ProfileRequest,
    groups: &mut Vec<Group>,
    memory: &MemoryReservation,
) -> Result<(), EngineError> {
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let columns: HashMap<&str, &ArrayRef> = names.zip(batch.columns()).collect();
    let column = |name: &str| columns.get(name).copied().ok_or_else(|| missing(name));
    for row in 0..batch.num_rows() {
        let span = match &request.windows {
            None => None,
            Some(windows) => {
                let starts = column(WINDOW)?.as_primitive::<TimestampMicrosecondType>();
                span_at(windows, starts.is_valid(row).then(|| starts.value(row)))
            }
        };
        let mut slice = None;
        for (index, name) in request.slices.iter().enumerate() {
            let not = column(&format!("driftline_not_{index}"))?.as_primitive::<Int32Type>();
            if not.value(row) == 0 {
                let values = column(&slice_name(index))?.as_string::<i32>();
                slice = Some(Slice {
                    column: name.clone(),
                    value: values.is_valid(row).then(|| values.value(row).to_owned()),
                });
            }
        }
        let mut profiles = Vec::new();
        for index in 0..request.columns.len() {
            let states = column(&format!("driftline_profile_{index}"))?.as_binary::<i32>();
            profiles.push(ColumnProfile::from_bytes(states.value(row))?);
        }
        memory.try_grow(profiles.iter().map(ColumnProfile::size_bytes).sum())?;
        groups.push(Group {
            span,
            slice,
            profiles,
        });
    }
    Ok(())
}

fn missing(column: &str) -> EngineError {
    EngineError::Query {
        reason: format!("the profile query has no column {column}"),
    }
}

fn span_at(windows: &Windows, start: Option<i64>) -> Option<Span> {
    start.and_then(|start| windows.span_of(start))
}

/// Adds the windows without rows, and the group of all rows where there are none.
fn add_missing(
    groups: &mut Vec<Group>,
    request: &ProfileRequest,
    no_rows: &[ColumnProfile],
    max_groups: usize,
) -> Result<(), EngineError> {
    let empty = |span| Group {
        span,
        slice: None,
        profiles: no_rows.to_vec(),
    };
    let whole = || groups.iter().filter(|group| group.slice.is_none());
    match &request.windows {
        None => {
            if whole().next().is_none() {
                groups.push(empty(None));
            }
        }
        Some(windows) => {
            let known: BTreeSet<Span> = whole().filter_map(|group| group.span).collect();
            if let (Some(first), Some(last)) = (known.first(), known.last()) {
                for span in windows.spans(first.start_us, last.start_us, max_groups)? {
                    if !known.contains(&span) {
                        groups.push(empty(Some(span)));
                    }
                }
            }
        }
    }
    Ok(())
}
