//! CSV: how a file is written and what its columns hold, by looking at all of it.
//!
//! Types that were guessed from the first thousand rows fail on the million and
//! first, hours later. So a file is read twice: once for its types and mistakes,
//! once for its rows. The first reading asks of a cell only whether it still fits
//! what the column was so far, which costs a fraction of the second.

use super::{DataFile, Layout, table::Batches};
use crate::EngineError;
use csv::{ByteRecord, ReaderBuilder};
use datafusion::arrow::{
    array::{
        ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder,
        NullBuilder, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
    },
    compute::kernels::cast_utils::{Parser, string_to_datetime},
    datatypes::{DataType, Date32Type, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit},
};
use std::{io::Read, sync::Arc};

/// How CSV files are written; what is `None` is detected for each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// The byte between cells; detected among `,` `;` tab and `|`.
    pub delimiter: Option<u8>,
    /// The byte around cells; detected among `"` and `'`.
    pub quote: Option<u8>,
    /// Whether the first line names the columns. Detected: it does unless one of
    /// its cells is a number, a date or a boolean. Columns without names are
    /// called `column_1`, `column_2`, ….
    pub header: Option<bool>,
    /// Cells that mean null, beside empty ones.
    pub null_values: Vec<String>,
}

/// How one file is written.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    pub(super) header: bool,
    /// White space around cells is cut: the file has a space after every delimiter.
    pub(super) trim: bool,
    pub(super) names: Vec<String>,
    pub(super) null_values: Vec<String>,
}

/// What the cells of a column fit so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guess {
    Null,
    Boolean,
    Integer,
    Float,
    Date,
    Timestamp,
    ZonedTimestamp,
    Text,
}

impl Guess {
    fn of(cell: &str) -> Self {
        let Some(&first) = cell.as_bytes().first() else {
            return Self::Null;
        };
        if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
            Self::Boolean
        } else if Int64Type::parse(cell).is_some() {
            Self::Integer
        } else if cell.bytes().all(|byte| byte.is_ascii_digit()) {
            // Beyond 64 bits: an identifier that a float would round.
            Self::Text
        } else if is_date_shaped(cell) {
            match instant(cell) {
                None => Self::Text,
                Some(_) if cell.len() == 10 => Self::Date,
                Some(_) if has_zone(cell) => Self::ZonedTimestamp,
                Some(_) => Self::Timestamp,
            }
        } else if (first.is_ascii_digit()
            || matches!(first, b'-' | b'+' | b'.' | b'i' | b'I' | b'n' | b'N'))
            && Float64Type::parse(cell).is_some()
        {
            Self::Float
        } else {
            Self::Text
        }
    }

    /// What a column is whose cells were such so far, with one more.
    fn with(self, cell: &str) -> Self {
        // Nearly all cells are like those before them, and that alone is asked first.
        let is_like = match self {
            Self::Integer => Int64Type::parse(cell).is_some(),
            Self::Float => {
                cell.starts_with(|first: char| first.is_ascii_digit() || first == '-')
                    && cell.contains('.')
                    && Float64Type::parse(cell).is_some()
            }
            _ => false,
        };
        if is_like {
            self
        } else {
            self.join(Self::of(cell))
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Null, x) | (x, Self::Null) => x,
            (Self::Integer | Self::Float, Self::Integer | Self::Float) => Self::Float,
            (Self::Date | Self::Timestamp, Self::Date | Self::Timestamp) => Self::Timestamp,
            (
                Self::Date | Self::Timestamp | Self::ZonedTimestamp,
                Self::Date | Self::Timestamp | Self::ZonedTimestamp,
            ) => Self::ZonedTimestamp,
            _ => Self::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::ZonedTimestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text => DataType::Utf8,
        }
    }
}

fn is_date_shaped(cell: &str) -> bool {
    let bytes = cell.as_bytes();
    bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && matches!(bytes.get(10), None | Some(b' ' | b'T' | b't'))
}

/// Microseconds since 1970 in UTC.
fn instant(cell: &str) -> Option<i64> {
    string_to_datetime(&chrono::Utc, cell)
        .ok()
        .map(|time| time.timestamp_micros())
}

fn has_zone(cell: &str) -> bool {
    cell.bytes()
        .skip(11)
        .any(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'+' | b'-'))
}

/// Bytes from which the dialect is detected.
const SAMPLE_BYTES: u64 = 256 * 1024;

/// Detects how a file is written and reads it once, for types and mistakes.
pub(super) fn inspect(
    file: &DataFile,
    options: &CsvOptions,
) -> Result<(Layout, SchemaRef), EngineError> {
    let mut sample = Vec::new();
    open(file)?
        .take(SAMPLE_BYTES)
        .read_to_end(&mut sample)
        .map_err(|error| file.read_error(&error))?;
    let mut dialect = detect(&sample, options);
    let mut rows = Rows::new(file, &dialect)?;
    let first = rows.next()?;
    let Some(first) = first else {
        return Err(EngineError::Empty {
            file: file.name.clone(),
        });
    };
    let first_cells = (0..first.len())
        .map(|column| rows.cell(&first, column).map(str::to_owned))
        .collect::<Result<Vec<String>, EngineError>>()?;
    dialect.header = options.header.unwrap_or_else(|| {
        first_cells
            .iter()
            .all(|cell| matches!(Guess::of(cell), Guess::Null | Guess::Text))
    });
    dialect.names = if dialect.header {
        name_columns(&first_cells)
    } else {
        (1..=first_cells.len())
            .map(|n| format!("column_{n}"))
            .collect()
    };
    let mut guesses = vec![Guess::Null; dialect.names.len()];
    let mut row = first;
    let mut more = !dialect.header || rows.read(&mut row)?;
    while more {
        rows.check_width(&row, dialect.names.len())?;
        for (column, guess) in guesses.iter_mut().enumerate() {
            let cell = rows.cell(&row, column)?;
            if *guess != Guess::Text && !is_null(cell, &dialect.null_values) {
                *guess = guess.with(cell);
            }
        }
        more = rows.read(&mut row)?;
    }
    let fields: Vec<Field> = dialect
        .names
        .iter()
        .zip(&guesses)
        .map(|(name, guess)| Field::new(name, guess.data_type(), true))
        .collect();
    Ok((Layout::Csv(dialect), Arc::new(Schema::new(fields))))
}

fn name_columns(cells: &[String]) -> Vec<String> {
    cells
        .iter()
        .enumerate()
        .map(|(index, cell)| match cell.trim() {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        })
        .collect()
}

fn is_null(cell: &str, null_values: &[String]) -> bool {
    cell.is_empty() || null_values.iter().any(|null| null == cell)
}

/// The file's bytes without a byte-order mark.
fn open(file: &DataFile) -> Result<Box<dyn Read + Send>, EngineError> {
    let mut bytes = file.open()?;
    let mut start = Vec::new();
    bytes
        .by_ref()
        .take(3)
        .read_to_end(&mut start)
        .map_err(|error| file.read_error(&error))?;
    if start == b"\xef\xbb\xbf" {
        start.clear();
    }
    Ok(Box::new(std::io::Cursor::new(start).chain(bytes)))
}

/// The dialect under which the lines of a sample agree best on their number of cells.
fn detect(sample: &[u8], options: &CsvOptions) -> Dialect {
    // The last line may be cut.
    let end = sample
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(sample.len(), |end| end + 1);
    let sample = if (sample.len() as u64) < SAMPLE_BYTES {
        sample
    } else {
        &sample[..end]
    };
    let delimiters = options
        .delimiter
        .map_or(b",;\t|".to_vec(), |only| vec![only]);
    let quotes = options.quote.map_or(b"\"'".to_vec(), |only| vec![only]);
    let mut best = (0.0, delimiters[0], quotes[0]);
    for &quote in &quotes {
        for &delimiter in &delimiters {
            let agreement = agreement(sample, delimiter, quote);
            if agreement > best.0 + 1e-9 {
                best = (agreement, delimiter, quote);
            }
        }
    }
    let (_, delimiter, quote) = best;
    Dialect {
        delimiter,
        quote,
        header: true,
        trim: is_spaced(sample, delimiter, quote),
        names: Vec::new(),
        null_values: options.null_values.clone(),
    }
}

/// Share of the sample's lines that have the most common number of cells; 0 where
/// that number is one.
fn agreement(sample: &[u8], delimiter: u8, quote: u8) -> f64 {
    let mut counts: Vec<usize> = Vec::new();
    let mut records = 0_usize;
    for record in reader(sample, delimiter, quote)
        .into_byte_records()
        .map_while(Result::ok)
    {
        if counts.len() <= record.len() {
            counts.resize(record.len() + 1, 0);
        }
        counts[record.len()] += 1;
        records += 1;
    }
    let common = counts.iter().skip(2).max().copied().unwrap_or(0);
    if records == 0 {
        0.0
    } else {
        common as f64 / records as f64
    }
}

/// Whether every cell but the first of a line begins with a space.
fn is_spaced(sample: &[u8], delimiter: u8, quote: u8) -> bool {
    let mut cells = 0_usize;
    for record in reader(sample, delimiter, quote)
        .into_byte_records()
        .map_while(Result::ok)
    {
        for cell in record.iter().skip(1) {
            if !cell.starts_with(b" ") {
                return false;
            }
            cells += 1;
        }
    }
    cells > 0
}

fn reader<R: Read>(bytes: R, delimiter: u8, quote: u8) -> csv::Reader<R> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .quote(quote)
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes)
}

/// Records with their line, and the errors that name it.
struct Rows {
    file: DataFile,
    reader: csv::Reader<Box<dyn Read + Send>>,
    trim: bool,
}

impl Rows {
    fn new(file: &DataFile, dialect: &Dialect) -> Result<Self, EngineError> {
        Ok(Self {
            file: file.clone(),
            reader: reader(open(file)?, dialect.delimiter, dialect.quote),
            trim: dialect.trim,
        })
    }

    fn next(&mut self) -> Result<Option<ByteRecord>, EngineError> {
        let mut record = ByteRecord::new();
        Ok(self.read(&mut record)?.then_some(record))
    }

    fn read(&mut self, record: &mut ByteRecord) -> Result<bool, EngineError> {
        self.reader
            .read_byte_record(record)
            .map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => self.file.read_error(&error),
                other => self.file.malformed(format!("{other:?}")),
            })
    }

    fn cell<'a>(&self, record: &'a ByteRecord, column: usize) -> Result<&'a str, EngineError> {
        let bytes = record.get(column).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(cell) if self.trim => Ok(cell.trim()),
            Ok(cell) => Ok(cell),
            Err(error) => {
                // A quoted cell may hold lines of its own.
                let (before, _) = bytes.split_at(error.valid_up_to());
                let inside = record
                    .iter()
                    .take(column)
                    .chain([before])
                    .flatten()
                    .filter(|&&byte| byte == b'\n')
                    .count() as u64;
                Err(EngineError::NotUtf8 {
                    file: self.file.name.clone(),
                    line: line(record) + inside,
                })
            }
        }
    }

    fn check_width(&self, record: &ByteRecord, expected: usize) -> Result<(), EngineError> {
        if record.len() == expected {
            return Ok(());
        }
        Err(EngineError::Line {
            file: self.file.name.clone(),
            line: line(record),
            reason: format!(
                "{} where the first line has {}; quote cells that hold a delimiter or a line break, and check that the file is complete",
                cells(record.len()),
                cells(expected)
            ),
        })
    }
}

fn cells(count: usize) -> String {
    if count == 1 {
        "1 cell".into()
    } else {
        format!("{count} cells")
    }
}

fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// What a column is read as, given its type in the file and in the table: numbers
/// and text straight as the table wants them, the rest as guessed and then cast.
fn read_as(own: &DataType, table: &DataType) -> DataType {
    match table {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Float64 => DataType::Float64,
        _ => own.clone(),
    }
}

/// The batches of the columns at `projection` of the file.
pub(super) fn read(
    file: &DataFile,
    dialect: &Dialect,
    own: &SchemaRef,
    table: &Schema,
    projection: Vec<usize>,
    batch_rows: usize,
) -> Result<Batches, EngineError> {
    let mut rows = Rows::new(file, dialect)?;
    if dialect.header {
        rows.next()?;
    }
    let fields: Vec<Field> = projection
        .iter()
        .map(|&index| {
            let field = own.field(index);
            let in_table = table
                .field_with_name(field.name())
                .map_or(field.data_type(), Field::data_type);
            Field::new(field.name(), read_as(field.data_type(), in_table), true)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let width = own.fields().len();
    let null_values = dialect.null_values.clone();
    let mut record = ByteRecord::new();
    let mut next = move || -> Result<Option<RecordBatch>, EngineError> {
        let mut columns: Vec<Column> = schema
            .fields()
            .iter()
            .map(|f| Column::new(f.data_type()))
            .collect();
        let mut count = 0;
        while count < batch_rows && rows.read(&mut record)? {
            rows.check_width(&record, width)?;
            for (column, &index) in columns.iter_mut().zip(&projection) {
                let cell = rows.cell(&record, index)?;
                let cell = (!is_null(cell, &null_values)).then_some(cell);
                if !column.append(cell) {
                    let field = own_field(&schema, &projection, index);
                    return Err(EngineError::Cell {
                        file: rows.file.name.clone(),
                        line: line(&record),
                        column: field.name().clone(),
                        value: cell.unwrap_or_default().chars().take(80).collect(),
                        expected: field.data_type().to_string(),
                    });
                }
            }
            count += 1;
        }
        if count == 0 {
            return Ok(None);
        }
        let arrays: Vec<ArrayRef> = columns.into_iter().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
            .map(Some)
            .map_err(EngineError::from)
    };
    Ok(Box::new(std::iter::from_fn(move || next().transpose())))
}

fn own_field<'a>(schema: &'a Schema, projection: &[usize], index: usize) -> &'a Field {
    let place = projection
        .iter()
        .position(|&i| i == index)
        .unwrap_or_default();
    schema.field(place)
}

/// A column being read.
enum Column {
    Null(NullBuilder),
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Date(Date32Builder),
    Time(TimestampMicrosecondBuilder, DataType),
    Text(StringBuilder),
}

impl Column {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Null(NullBuilder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int64 => Self::Integer(Int64Builder::new()),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(..) => {
                Self::Time(TimestampMicrosecondBuilder::new(), data_type.clone())
            }
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Whether the cell fits; it was made sure of when the file was inspected, but
    /// a file can change between two readings.
    fn append(&mut self, cell: Option<&str>) -> bool {
        match self {
            Self::Null(nulls) => {
                nulls.append_null();
                cell.is_none()
            }
            Self::Boolean(values) => {
                let value = cell.map(|cell| match cell {
                    cell if cell.eq_ignore_ascii_case("true") => Some(true),
                    cell if cell.eq_ignore_ascii_case("false") => Some(false),
                    _ => None,
                });
                values.append_option(value.flatten());
                value != Some(None)
            }
            Self::Integer(values) => {
                let value = cell.map(Int64Type::parse);
                values.append_option(value.flatten());
                value != Some(None)
            }
            Self::Float(values) => {
                let value = cell.map(Float64Type::parse);
                values.append_option(value.flatten());
                value != Some(None)
            }
            Self::Date(values) => {
                let value = cell.map(Date32Type::parse);
                values.append_option(value.flatten());
                value != Some(None)
            }
            Self::Time(values, _) => {
                let value = cell.map(instant);
                values.append_option(value.flatten());
                value != Some(None)
            }
            Self::Text(values) => {
                values.append_option(cell);
                true
            }
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Null(mut values) => ArrayBuilder::finish(&mut values),
            Self::Boolean(mut values) => Arc::new(values.finish()),
            Self::Integer(mut values) => Arc::new(values.finish()),
            Self::Float(mut values) => Arc::new(values.finish()),
            Self::Date(mut values) => Arc::new(values.finish()),
            Self::Time(mut values, data_type) => {
                Arc::new(values.finish().with_data_type(data_type))
            }
            Self::Text(mut values) => Arc::new(values.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_dialect_is_the_one_under_which_lines_agree() {
        for (text, delimiter, quote) in [
            ("a,b\n1,2\n", b',', b'"'),
            ("a;b\n1,5;2\n3,1;4\n", b';', b'"'),
            ("a\tb\nx, y\tz\n", b'\t', b'"'),
            ("a|b\n1|2\n", b'|', b'"'),
            ("'a','b'\n'1,5','2'\n'3','4'\n", b',', b'\''),
            ("name,says\nAnn,it's\nBob,'tis\n", b',', b'"'),
            ("one\n1\n2\n", b',', b'"'),
            ("a,b\n\"x\ny\",\"z, \"\"w\"\"\"\n", b',', b'"'),
        ] {
            let dialect = detect(text.as_bytes(), &CsvOptions::default());
            assert_eq!(
                (dialect.delimiter, dialect.quote),
                (delimiter, quote),
                "{text}"
            );
        }
    }

    #[test]
    fn cells_are_what_they_look_like() {
        for (cell, guess) in [
            ("", Guess::Null),
            ("12", Guess::Integer),
            ("-7", Guess::Integer),
            ("007", Guess::Integer),
            ("1.5", Guess::Float),
            ("1e-3", Guess::Float),
            ("NaN", Guess::Float),
            ("-inf", Guess::Float),
            ("True", Guess::Boolean),
            ("2022-01-31", Guess::Date),
            ("2022-02-31", Guess::Text),
            ("2022-01-31 10:00:00", Guess::Timestamp),
            ("2022-01-31T10:00:00.5", Guess::Timestamp),
            ("2022-01-31T10:00:00Z", Guess::ZonedTimestamp),
            ("2022-01-31T10:00:00+08:00", Guess::ZonedTimestamp),
            ("123456789012345678901234", Guess::Text),
            ("1,5", Guess::Text),
            ("abc", Guess::Text),
            ("Infinite", Guess::Text),
            ("字", Guess::Text),
        ] {
            assert_eq!(Guess::of(cell), guess, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn a_column_is_what_its_cells_are_joined(
            cells in prop::collection::vec(" ?[-+]?[0-9]{0,2}[.:eT-]?[0-9]{0,2} ?|true|2022-01-31", 1..6)
        ) {
            let cells = cells.iter().filter(|cell| !cell.is_empty());
            let joined = cells.clone().fold(Guess::Null, |guess, cell| guess.join(Guess::of(cell)));
            prop_assert_eq!(cells.fold(Guess::Null, |guess, cell| guess.with(cell)), joined);
        }
    }
}
