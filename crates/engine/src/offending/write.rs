//! Offending rows as a file: Parquet, CSV or JSON Lines, by its ending.

use crate::{EngineError, output::Output};
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray, UInt64Array},
        datatypes::{DataType, Field, Schema},
    },
    parquet::{
        arrow::ArrowWriter,
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
};
use std::{io::Write, path::Path, sync::Arc};

/// A table of text, with a column of row numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowTable {
    /// Names of the columns of text before the row number.
    pub before: Vec<String>,
    /// Names of the columns of text after it.
    pub after: Vec<String>,
    /// The rows.
    pub rows: Vec<TableRow>,
}

/// A row: text before its number, the number, text after it.
pub type TableRow = (Vec<Option<String>>, u64, Vec<Option<String>>);

/// Name of the column of row numbers.
const ROW: &str = "row";

impl RowTable {
    /// Writes the table, in the form that the file's ending names: `.parquet`, `.csv`, or
    /// `.jsonl` and `.ndjson`.
    ///
    /// # Errors
    /// [`EngineError::RowsFormat`] for another ending, [`EngineError::Unwritable`].
    pub fn write(&self, path: &Path) -> Result<(), EngineError> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        let write: fn(&Self, &mut Output, &Path) -> Result<(), EngineError> = match ending.to_str()
        {
            Some("parquet") => Self::parquet,
            Some("csv") => Self::csv,
            Some("jsonl" | "ndjson") => Self::json_lines,
            _ => {
                return Err(EngineError::RowsFormat {
                    file: path.display().to_string(),
                });
            }
        };
        let mut file = Output::create(path)?;
        write(self, &mut file, path)?;
        file.commit()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let before = self.before.iter().map(String::as_str);
        before
            .chain([ROW])
            .chain(self.after.iter().map(String::as_str))
    }

    fn parquet(&self, file: &mut Output, path: &Path) -> Result<(), EngineError> {
        let text = |name: &String| Field::new(name, DataType::Utf8, true);
        let fields: Vec<Field> = self
            .before
            .iter()
            .map(text)
            .chain([Field::new(ROW, DataType::UInt64, false)])
            .chain(self.after.iter().map(text))
            .collect();
        let column = |values: &dyn Fn(&TableRow) -> Option<String>| -> ArrayRef {
            Arc::new(self.rows.iter().map(values).collect::<StringArray>())
        };
        let cell = |cells: &[Option<String>], place: usize| cells.get(place).cloned().flatten();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for place in 0..self.before.len() {
            columns.push(column(&|row| cell(&row.0, place)));
        }
        let numbers = self.rows.iter().map(|(_, number, _)| *number);
        columns.push(Arc::new(UInt64Array::from_iter_values(numbers)));
        for place in 0..self.after.len() {
            columns.push(column(&|row| cell(&row.2, place)));
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let failed =
            |error: datafusion::parquet::errors::ParquetError| EngineError::unwritable(path, error);
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(failed)?;
        writer.write(&batch).map_err(failed)?;
        writer.close().map_err(failed)?;
        Ok(())
    }

    fn csv(&self, file: &mut Output, path: &Path) -> Result<(), EngineError> {
        let failed = |error: csv::Error| EngineError::unwritable(path, error);
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(self.names()).map_err(failed)?;
        for (before, number, after) in &self.rows {
            let number = number.to_string();
            let text = |cell: &'_ Option<String>| cell.clone().unwrap_or_default();
            let cells = before.iter().map(text).chain([number]);
            let cells = cells.chain(after.iter().map(text));
            writer.write_record(cells).map_err(failed)?;
        }
        writer
            .flush()
            .map_err(|error| EngineError::unwritable(path, error))
    }

    fn json_lines(&self, file: &mut Output, path: &Path) -> Result<(), EngineError> {
        for (before, number, after) in &self.rows {
            let text = |cell: &Option<String>| serde_json::json!(cell);
            let values = before.iter().map(text).chain([serde_json::json!(number)]);
            let values = values.chain(after.iter().map(text));
            let line: serde_json::Map<String, serde_json::Value> =
                self.names().map(str::to_owned).zip(values).collect();
            writeln!(file, "{}", serde_json::Value::Object(line))
                .map_err(|error| EngineError::unwritable(path, error))?;
        }
        Ok(())
    }
}
