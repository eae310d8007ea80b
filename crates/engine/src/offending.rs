//! The rows behind an anomaly: a second pass that stops when it has enough.
//!
//! An anomaly says what is wrong with a column; here the rows are found that make it so.
//! Only the columns that the tests are about are read, and those that are to be shown.

mod test;
mod write;

pub use test::{Parts, RowTest, ValueTest};
pub use write::{RowTable, TableRow};

use self::test::Places;
use crate::{Engine, EngineError, Rows, Source};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch},
        util::display::{ArrayFormatter, FormatOptions},
    },
    logical_expr::Expr,
    prelude::ident,
};
use driftline_statistics::features::FeaturePath;
use futures::StreamExt;
use std::collections::BTreeSet;

/// Characters of a value that are shown.
const VALUE_CHARS: usize = 200;

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct RowCheck {
    /// The feature that the rows offend by.
    pub path: FeaturePath,
    /// How.
    pub test: RowTest,
}

/// What is looked for, and how much of it is wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OffendingRequest {
    /// The tests.
    pub checks: Vec<RowCheck>,
    /// Rows that are wanted of each test, at most.
    pub rows: usize,
    /// Columns that are shown beside the values.
    pub show: Vec<String>,
}

/// A row that fails a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffendingRow {
    /// The test, by its place in the request.
    pub check: usize,
    /// The file that it is in; `None` for rows that a query made, and standard input.
    pub file: Option<String>,
    /// Its number in the file, or among all rows where there is no file; the first is 1,
    /// and a line of headings is none.
    pub row: u64,
    /// The values that offend, as text; `None` where there is none.
    pub value: Option<String>,
    /// The columns that are shown, as text.
    pub shown: Vec<Option<String>>,
}

impl Engine {
    /// The first rows of each test in the files of a source, file by file.
    ///
    /// # Errors
    /// As [`open`](Self::open), and as [`Rows::offending`].
    pub async fn offending(
        &self,
        source: &Source,
        request: &OffendingRequest,
    ) -> Result<Vec<OffendingRow>, EngineError> {
        let mut found = Search::new(request);
        for file in source.files()? {
            if found.is_done() {
                break;
            }
            let name = file.display().to_string();
            let one = Source {
                location: name.clone(),
                ..source.clone()
            };
            let rows = self.open(&one).await?;
            found.look(&rows, Some(&name)).await?;
        }
        Ok(found.into_rows())
    }
}

impl Rows {
    /// The first rows of each test, in the order of the rows.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`] for a column to be shown, [`EngineError::Statistics`]
    /// for a column that no test can look into, and what the rows' query fails with.
    pub async fn offending(
        &self,
        request: &OffendingRequest,
    ) -> Result<Vec<OffendingRow>, EngineError> {
        let mut found = Search::new(request);
        found.look(self, None).await?;
        Ok(found.into_rows())
    }
}

/// A search over one file after the other.
struct Search<'a> {
    request: &'a OffendingRequest,
    found: Vec<Vec<OffendingRow>>,
}

impl<'a> Search<'a> {
    fn new(request: &'a OffendingRequest) -> Self {
        Self {
            request,
            found: vec![Vec::new(); request.checks.len()],
        }
    }

    fn is_done(&self) -> bool {
        let mut found = self.found.iter();
        found.all(|rows| rows.len() >= self.request.rows)
    }

    fn into_rows(self) -> Vec<OffendingRow> {
        self.found.into_iter().flatten().collect()
    }

    async fn look(&mut self, rows: &Rows, file: Option<&str>) -> Result<(), EngineError> {
        rows.check_columns(&self.request.show)?;
        let mut needed: BTreeSet<String> = self.request.show.iter().cloned().collect();
        for check in &self.request.checks {
            let paths = check.test.paths(&check.path);
            needed.extend(
                paths
                    .into_iter()
                    .filter_map(|path| path.steps().first().cloned()),
            );
        }
        // A file may lack a column that others have: there it is absent from every row.
        let mut selected: Vec<Expr> = rows
            .columns()
            .into_iter()
            .filter(|column| needed.contains(&column.name))
            .map(|column| ident(column.name))
            .collect();
        for (index, check) in self.request.checks.iter().enumerate() {
            if let RowTest::False { sql, filter } = &check.test {
                match rows.is_false(sql, filter.as_deref()) {
                    Ok(broken) => selected.push(broken.alias(broken_column(index))),
                    // Without the column, no row says anything.
                    Err(EngineError::UnknownColumn { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if selected.is_empty() {
            // Nothing but the number of rows is left to tell.
            return self.all_absent(rows.count().await?, file);
        }
        let mut stream = rows.ordered_frame(selected)?.execute_stream().await?;
        let mut before = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            self.batch(&batch, before, file)?;
            before += batch.num_rows() as u64;
            if self.is_done() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn batch(
        &mut self,
        batch: &RecordBatch,
        before: u64,
        file: Option<&str>,
    ) -> Result<(), EngineError> {
        let request = self.request;
        for (index, check) in request.checks.iter().enumerate() {
            let wanted = request.rows - self.found[index].len().min(request.rows);
            if wanted == 0 {
                continue;
            }
            let Places { rows, values } = match &check.test {
                RowTest::False { .. } => false_places(batch, index, &check.path)?,
                test => test.places(batch, &check.path)?,
            };
            for (place, row) in rows.into_iter().take(wanted).enumerate() {
                let value = match values.get(place) {
                    Some(value) => value.clone(),
                    None => None,
                };
                let shown = request.show.iter().map(|name| {
                    let column = batch.column_by_name(name);
                    column.map_or(Ok(None), |column| text(column, row))
                });
                let shown = shown.collect::<Result<_, _>>()?;
                self.found[index].push(OffendingRow {
                    check: index,
                    file: file.map(str::to_owned),
                    row: before + row as u64 + 1,
                    value,
                    shown,
                });
            }
        }
        Ok(())
    }

    fn all_absent(&mut self, rows: u64, file: Option<&str>) -> Result<(), EngineError> {
        for (index, check) in self.request.checks.iter().enumerate() {
            if check.test != RowTest::Absent {
                continue;
            }
            let wanted = self.request.rows - self.found[index].len().min(self.request.rows);
            self.found[index].extend((1..=rows).take(wanted).map(|row| OffendingRow {
                check: index,
                file: file.map(str::to_owned),
                row,
                value: None,
                shown: Vec::new(),
            }));
        }
        Ok(())
    }
}

/// The column that says which rows the expression of a check is false of.
fn broken_column(index: usize) -> String {
    format!("driftline_broken_{index}")
}

fn false_places(
    batch: &RecordBatch,
    index: usize,
    path: &FeaturePath,
) -> Result<Places, EngineError> {
    let Some(broken) = batch.column_by_name(&broken_column(index)) else {
        return Ok(Places::default());
    };
    let broken = broken.as_boolean();
    let rows: Vec<usize> = (0..batch.num_rows())
        .filter(|&row| broken.is_valid(row) && broken.value(row))
        .collect();
    let column = path.steps().first();
    let column = column.and_then(|name| batch.column_by_name(name));
    let values = rows.iter().map(|&row| match column {
        Some(column) => text(column, row),
        None => Ok(None),
    });
    Ok(Places {
        values: values.collect::<Result<_, _>>()?,
        rows,
    })
}

/// The value at a row as text, cut where it is long.
fn text(array: &ArrayRef, row: usize) -> Result<Option<String>, EngineError> {
    if array.is_null(row) {
        return Ok(None);
    }
    let options = FormatOptions::default();
    let text = ArrayFormatter::try_new(array.as_ref(), &options)?
        .value(row)
        .to_string();
    Ok(Some(cut(text)))
}

fn cut(text: String) -> String {
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
