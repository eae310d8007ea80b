//! The profile of the rows so far, and its file.
//!
//! The file has those columns of a profile file without which it is none; `driftline merge`
//! fills in the others from the states.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt32Array, new_null_array};
use arrow_schema::{DataType, Field, Schema};
use driftline_statistics::ColumnProfile;
use parquet::arrow::ArrowWriter;

use crate::EdgeError;
use crate::window::{Span, Stretch};

/// Version of the profile file's columns.
const PROFILE_FILE_VERSION: u32 = 1;

/// Windows of one file. Each is a profile of every column, held until the end.
const MOST_WINDOWS: usize = 10_000;

/// A column so far.
struct Column {
    name: String,
    /// The model whose scores it holds, as `name/version`.
    model: Option<String>,
    profile: ColumnProfile,
}

/// Profiles of columns, in the order in which they came, by window.
pub(crate) struct Summary {
    texts: Vec<String>,
    ignored: Vec<String>,
    windows: BTreeMap<Option<Span>, Vec<Column>>,
    rows: u64,
}

impl Summary {
    pub(crate) fn new(texts: Vec<String>, ignored: Vec<String>) -> Self {
        Self {
            texts,
            ignored,
            windows: BTreeMap::new(),
            rows: 0,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds every column that is not ignored.
    pub(crate) fn add(
        &mut self,
        batch: &RecordBatch,
        stretches: &[Stretch],
    ) -> Result<(), EdgeError> {
        self.rows += batch.num_rows() as u64;
        for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if !self.ignored.contains(field.name()) {
                self.add_column((field.name(), None), values, stretches)?;
            }
        }
        Ok(())
    }

    /// Adds a column, and the model whose scores it holds.
    pub(crate) fn add_column(
        &mut self,
        (name, model): (&str, Option<&str>),
        values: &ArrayRef,
        stretches: &[Stretch],
    ) -> Result<(), EdgeError> {
        for (span, rows) in stretches {
            let columns = self.windows.entry(*span).or_default();
            let at = columns.iter().position(|known| known.name == name);
            let at = at.unwrap_or_else(|| {
                let text = self.texts.iter().any(|text| text == name);
                let profile = ColumnProfile::new(values.data_type(), text);
                columns.push(Column {
                    name: name.to_owned(),
                    model: model.map(str::to_owned),
                    profile,
                });
                columns.len() - 1
            });
            columns[at].profile.update(values, rows.clone());
        }
        match self.windows.len() > MOST_WINDOWS {
            true => Err(EdgeError::Usage {
                argument: "--window",
                reason: format!(
                    "the rows are of more than {MOST_WINDOWS} windows; take wider ones, or rows of \
                     less time"
                ),
            }),
            false => Ok(()),
        }
    }

    /// The profile file.
    pub(crate) fn to_file(&self) -> Vec<u8> {
        let batch = self.batch();
        let written = ArrowWriter::try_new(Vec::new(), batch.schema(), None);
        let written = written.and_then(|mut writer| {
            writer.write(&batch)?;
            writer.into_inner()
        });
        written.expect("columns of these types are written to memory")
    }

    fn batch(&self) -> RecordBatch {
        let (mut names, mut models) = (StringBuilder::new(), StringBuilder::new());
        let mut states = BinaryBuilder::new();
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for (span, columns) in &self.windows {
            for column in columns {
                names.append_value(&column.name);
                models.append_option(column.model.as_ref());
                states.append_value(column.profile.to_bytes());
                starts.push(span.map(|(start, _)| start));
                ends.push(span.map(|(_, end)| end));
            }
        }
        let count = starts.len();
        let instants = |instants: Vec<Option<i64>>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC"))
        };
        let columns: Vec<(&str, bool, ArrayRef)> = vec![
            (
                "format_version",
                false,
                Arc::new(UInt32Array::from(vec![PROFILE_FILE_VERSION; count])),
            ),
            ("window_start", true, instants(starts)),
            ("window_end", true, instants(ends)),
            ("slice_column", true, new_null_array(&DataType::Utf8, count)),
            ("slice_value", true, new_null_array(&DataType::Utf8, count)),
            ("column", false, Arc::new(names.finish())),
            ("model", true, Arc::new(models.finish())),
            ("state", false, Arc::new(states.finish())),
        ];
        let field = |(name, nullable, values): &(&str, bool, ArrayRef)| {
            Field::new(*name, values.data_type().clone(), *nullable)
        };
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let columns = columns.into_iter().map(|(_, _, values)| values).collect();
        RecordBatch::try_new(Arc::new(schema), columns)
            .expect("each column has the type of its field and one value for each profile")
    }
}
