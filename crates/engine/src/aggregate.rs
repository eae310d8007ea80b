//! SQL aggregates over windows, their slices, and rows that agree.

use crate::{
    EngineError, Rows,
    rows::{TABLE, collect},
    slice::Slice,
    window::{Span, WINDOW, Windows},
};
use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type, Int32Type, TimestampMicrosecondType},
};

/// The values of aggregates over one window, one of its slices, or those of their rows that
/// agree in some columns.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateRow {
    /// As in [`ProfileRow::span`](crate::ProfileRow::span).
    pub span: Option<Span>,
    /// `None` for all rows.
    pub slice: Option<Slice>,
    /// What the rows agree in, as text, in the order of the columns.
    pub keys: Vec<Option<String>>,
    /// One value per expression, in their order; `None` for null.
    pub values: Vec<Option<f64>>,
}

/// What rows are put together by, beside their window.
#[derive(Debug, Clone, Copy, Default)]
pub struct AggregateGroups<'a> {
    /// Columns whose values split the rows into slices; all rows are given as well.
    pub slices: &'a [String],
    /// Columns that the rows of a group agree in. Of few values: all groups are held.
    pub keys: &'a [String],
}

impl Rows {
    /// SQL aggregates (name and expression of each) over every window, or over all
    /// rows: `avg(CASE WHEN label = 'negative' THEN 1.0 ELSE 0.0 END)`. Windows
    /// without rows are left out.
    ///
    /// # Errors
    /// [`EngineError::Sql`], with the place in the expression, and the errors of
    /// [`profile`](Self::profile).
    pub async fn aggregate(
        &self,
        expressions: &[(String, String)],
        windows: Option<&Windows>,
    ) -> Result<Vec<AggregateRow>, EngineError> {
        let groups = AggregateGroups::default();
        self.aggregate_groups(expressions, groups, windows).await
    }

    /// As [`aggregate`](Self::aggregate), over the slices of every window and the rows that agree
    /// in some columns, in one reading. Ordered by window alone.
    ///
    /// # Errors
    /// As [`aggregate`](Self::aggregate).
    pub async fn aggregate_groups(
        &self,
        expressions: &[(String, String)],
        groups: AggregateGroups<'_>,
        windows: Option<&Windows>,
    ) -> Result<Vec<AggregateRow>, EngineError> {
        self.check_columns(groups.slices.iter().chain(groups.keys))?;
        let context = self.session();
        let frame = self.frame(&context);
        let mut selected = vec![if windows.is_some() { WINDOW } else { "NULL" }.to_owned()];
        for key in groups.keys.iter().chain(groups.slices) {
            selected.push(format!("CAST({} AS VARCHAR)", quoted(key)));
        }
        for slice in groups.slices {
            selected.push(format!("grouping({})", quoted(slice)));
        }
        for (_, expression) in expressions {
            // Parsed alone first, so that a mistake is placed in the user's own text.
            frame.parse_sql_expr(expression)?;
            selected.push(format!("CAST(({expression}\n) AS DOUBLE)"));
        }
        let selected = selected.iter().enumerate();
        let selected = selected.map(|(at, sql)| format!("{sql} AS driftline_{at}"));
        let selected = selected.collect::<Vec<_>>().join(", ");
        let frame = self.with_window(&context, windows, false)?;
        context.register_table(TABLE, frame.into_view())?;
        let query = format!(
            "SELECT {selected} FROM {TABLE}{}",
            groups.clause(windows.is_some())
        );
        let mut rows = Vec::new();
        for batch in collect(context.sql(&query).await?).await? {
            groups.read(&batch, windows, &mut rows)?;
        }
        rows.sort_by_key(|row| (row.span.is_none(), row.span));
        Ok(rows)
    }
}

impl AggregateGroups<'_> {
    fn clause(&self, windows: bool) -> String {
        let window = windows.then(|| WINDOW.to_owned());
        let of_all: Vec<String> = window
            .into_iter()
            .chain(self.keys.iter().map(|key| quoted(key)))
            .collect();
        if self.slices.is_empty() {
            return match of_all.is_empty() {
                true => String::new(),
                false => format!(" GROUP BY {}", of_all.join(", ")),
            };
        }
        let of_slices = self.slices.iter().map(|slice| {
            let own = of_all.iter().cloned().chain([quoted(slice)]);
            own.collect::<Vec<_>>().join(", ")
        });
        let sets = std::iter::once(of_all.join(", ")).chain(of_slices);
        let sets: Vec<String> = sets.map(|set| format!("({set})")).collect();
        format!(" GROUP BY GROUPING SETS ({})", sets.join(", "))
    }

    fn read(
        &self,
        batch: &RecordBatch,
        windows: Option<&Windows>,
        into: &mut Vec<AggregateRow>,
    ) -> Result<(), EngineError> {
        let (of_span, rest) = batch.columns().split_at(1);
        let (of_keys, rest) = rest.split_at(self.keys.len());
        let (of_slices, rest) = rest.split_at(self.slices.len());
        let (of_marks, of_values) = rest.split_at(self.slices.len());
        let cast_to = |columns: &[ArrayRef], to: DataType| -> Result<Vec<ArrayRef>, EngineError> {
            let all = columns.iter().map(|column| cast(column, &to));
            Ok(all.collect::<Result<_, _>>()?)
        };
        let of_keys = cast_to(of_keys, DataType::Utf8)?;
        let of_slices = cast_to(of_slices, DataType::Utf8)?;
        let of_marks = cast_to(of_marks, DataType::Int32)?;
        for row in 0..batch.num_rows() {
            let text = |column: &ArrayRef| {
                let texts = column.as_string::<i32>();
                texts.is_valid(row).then(|| texts.value(row).to_owned())
            };
            let value = |column: &ArrayRef| {
                let values = column.as_primitive::<Float64Type>();
                values.is_valid(row).then(|| values.value(row))
            };
            let is_of = |mark: &ArrayRef| mark.as_primitive::<Int32Type>().value(row) == 0;
            let span = windows.and_then(|windows| {
                let starts = of_span[0].as_primitive::<TimestampMicrosecondType>();
                let start = starts.is_valid(row).then(|| starts.value(row))?;
                windows.span_of(start)
            });
            into.push(AggregateRow {
                span,
                slice: of_marks.iter().position(is_of).map(|at| Slice {
                    column: self.slices[at].clone(),
                    value: text(&of_slices[at]),
                }),
                keys: of_keys.iter().map(text).collect(),
                values: of_values.iter().map(value).collect(),
            });
        }
        Ok(())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
