//! Columns with every row in its order, for measures that a summary cannot give.

use crate::{EngineError, Rows, rows::collect, window::event_time};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray},
        datatypes::{DataType, TimestampMicrosecondType},
    },
    logical_expr::cast,
    prelude::{Expr, ident},
};

/// Some columns of all rows, in the order of the files.
#[derive(Debug, Clone)]
pub struct InOrder {
    /// The arrays of each column, in the order asked for; their lengths add up to the rows.
    pub columns: Vec<Vec<ArrayRef>>,
    /// Instants of the rows in microseconds since 1970-01-01T00:00:00Z, `None` for null;
    /// empty where no time was asked for.
    pub times: Vec<Option<i64>>,
    /// How many rows there are.
    pub rows: usize,
}

impl Rows {
    /// Two columns as text, row by row in the order of the files, where neither is null. They
    /// must fit in memory.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`]; what the rows' query fails with.
    pub async fn text_pairs(
        &self,
        first: &str,
        second: &str,
    ) -> Result<Vec<(String, String)>, EngineError> {
        self.check_columns([first, second])?;
        let text = |column: &str, name: &str| cast(ident(column), DataType::Utf8).alias(name);
        let selected = vec![text(first, "first"), text(second, "second")];
        let mut pairs = Vec::new();
        for batch in collect(self.ordered_frame(selected)?).await? {
            let [first, second] = [0, 1].map(|at| batch.column(at).as_string::<i32>());
            let both = first.iter().zip(second.iter());
            pairs.extend(both.filter_map(|(a, b)| Some((a?.to_owned(), b?.to_owned()))));
        }
        Ok(pairs)
    }

    /// Some columns, and the instants of a time column, with all their rows in the order of
    /// the files. They must fit in memory.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`]; [`EngineError::NotATime`] with a value that does not
    /// parse; what the rows' query fails with.
    pub async fn in_order(
        &self,
        columns: &[&str],
        time: Option<(&str, Tz)>,
    ) -> Result<InOrder, EngineError> {
        self.check_columns(columns.iter().chain(time.iter().map(|(column, _)| column)))?;
        // A column may be asked for both as values and as time.
        let named = |place: usize| format!("driftline_{place}");
        let mut selected: Vec<Expr> = columns
            .iter()
            .enumerate()
            .map(|(place, column)| ident(*column).alias(named(place)))
            .collect();
        if let Some((column, zone)) = time {
            selected.push(event_time(ident(column), column, zone).alias(named(columns.len())));
        }
        let batches = collect(self.ordered_frame(selected)?).await?;
        let mut times = Vec::new();
        if time.is_some() {
            for batch in &batches {
                let instants = batch
                    .column(columns.len())
                    .as_primitive::<TimestampMicrosecondType>();
                times.extend(instants.iter());
            }
        }
        Ok(InOrder {
            columns: (0..columns.len())
                .map(|place| {
                    batches
                        .iter()
                        .map(|batch| ArrayRef::clone(batch.column(place)))
                        .collect()
                })
                .collect(),
            times,
            rows: batches.iter().map(|batch| batch.num_rows()).sum(),
        })
    }
}
