//! The profile query: all columns, windows and slices in one scan.
//!
//! `GROUP BY GROUPING SETS ((window), (window, a), (window, b))` gives every row to
//! the group of its window and to that of each of its slices while it is read once.

use crate::window::WINDOW;
use crate::{
    EngineError,
    profile_rows::{Group, Spool},
    rows::ProfileRequest,
    window::{Span, Windows},
};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch},
        datatypes::{DataType, Int32Type, TimestampMicrosecondType},
    },
    common::runtime::SpawnedTask,
    dataframe::DataFrame,
    functions_aggregate::expr_fn::grouping,
    logical_expr::{Expr, GroupingSet, cast},
    prelude::{ident, lit},
};
use driftline_statistics::ColumnProfile;
use futures::StreamExt;
use std::collections::{BTreeSet, HashMap};

/// The rows that have one value in one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice {
    /// The column.
    pub column: String,
    /// Its value as text; `None` for the rows where it is null.
    pub value: Option<String>,
}

/// Profiles one request, whose columns follow those that the spool has.
///
/// The query runs in a task of its own: see [`collect`](crate::rows::collect).
pub(crate) async fn profile(
    frame: DataFrame,
    request: ProfileRequest,
    max_groups: usize,
    mut spool: Spool,
) -> Result<Spool, EngineError> {
    let fields = frame.schema().fields().iter();
    let types: HashMap<&str, &DataType> = fields
        .map(|field| (field.name().as_str(), field.data_type()))
        .collect();
    let no_rows: Vec<Vec<u8>> = request
        .columns
        .iter()
        .map(|column| {
            let data_type = types.get(column.name.as_str());
            let data_type = data_type.ok_or_else(|| missing(&column.name))?;
            Ok(ColumnProfile::new(data_type, column.text).to_bytes())
        })
        .collect::<Result<_, EngineError>>()?;
    let frame = query(frame, &request)?;
    let task = SpawnedTask::spawn(async move {
        let mut stream = frame.execute_stream().await?;
        let mut groups = BTreeSet::new();
        while let Some(batch) = stream.next().await {
            read(&batch?, &request, &mut spool, &mut groups)?;
            // Each thread holds a part of the groups, and counts its own.
            if groups.len() > max_groups {
                return Err(EngineError::TooManyGroups { limit: max_groups });
            }
        }
        add_missing(&mut spool, &request, &groups, &no_rows, max_groups)?;
        Ok(spool)
    });
    task.await.map_err(|error| EngineError::Query {
        reason: error.to_string(),
    })?
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
    for (index, slice) in request.slices.iter().enumerate() {
        selected.push(cast(ident(slice), DataType::Utf8).alias(slice_name(index)));
    }
    for (index, column) in request.columns.iter().enumerate() {
        selected.push(ident(&column.name).alias(column_name(index)));
    }
    let (frame, window) = match &request.windows {
        Some(windows) => (windows.select(frame, selected)?, vec![ident(WINDOW)]),
        None => (frame.select(selected)?, Vec::new()),
    };
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

/// Takes the profiles of a batch of groups, and which groups these are.
fn read(
    batch: &RecordBatch,
    request: &ProfileRequest,
    spool: &mut Spool,
    groups: &mut BTreeSet<Group>,
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
        let group = Group::new(span, slice);
        for index in 0..request.columns.len() {
            let states = column(&format!("driftline_profile_{index}"))?.as_binary::<i32>();
            spool.push(&group, states.value(row))?;
        }
        groups.insert(group);
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
    spool: &mut Spool,
    request: &ProfileRequest,
    groups: &BTreeSet<Group>,
    no_rows: &[Vec<u8>],
    max_groups: usize,
) -> Result<(), EngineError> {
    let whole: BTreeSet<Option<Span>> = groups.iter().filter_map(Group::window).collect();
    let wanted = match &request.windows {
        None => vec![None],
        Some(windows) => {
            let spans = || whole.iter().flatten();
            let spans = match spans().next().zip(spans().next_back()) {
                Some((first, last)) => windows.spans(first.start_us, last.start_us, max_groups)?,
                None => Vec::new(),
            };
            spans.into_iter().map(Some).collect()
        }
    };
    for window in wanted.into_iter().filter(|window| !whole.contains(window)) {
        for state in no_rows {
            spool.push(&Group::new(window, None), state)?;
        }
    }
    Ok(())
}
