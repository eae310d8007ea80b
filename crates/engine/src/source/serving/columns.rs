//! What all rows of a log say of its columns, and the file of the rows.

use super::exchange::{Cell, Part, Row};
use crate::EngineError;
use datafusion::{
    arrow::{
        datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
        json::{ReaderBuilder, reader::Decoder},
    },
    parquet::{arrow::ArrowWriter, errors::ParquetError},
};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use std::{collections::BTreeMap, fmt::Write, fs::File};
use tempfile::{NamedTempFile, TempPath};

/// Rows that are written at once, and values within them.
const BATCH_ROWS: usize = 8_192;
const BATCH_VALUES: usize = 1 << 20;
/// Bytes of a row group as it is written.
const GROUP_BYTES: usize = 64 << 20;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Float,
    Text,
    Time,
}

impl Kind {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Null | Cell::List(_) => None,
            Cell::Boolean(_) => Some(Self::Boolean),
            Cell::Integer(_) => Some(Self::Integer),
            Cell::Float(_) => Some(Self::Float),
            Cell::Text(_) | Cell::Bytes(_) => Some(Self::Text),
            Cell::Time(_) => Some(Self::Time),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer | Self::Float => "a number",
            Self::Text => "text",
            Self::Time => "a time",
        }
    }

    /// The kind that holds the values of both.
    fn join(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Some(Self::Float),
            _ => None,
        }
    }
}

/// The columns of the rows seen so far.
#[derive(Debug, Default)]
pub(super) struct Facts {
    columns: BTreeMap<(Part, String), ColumnFacts>,
}

#[derive(Debug, Default)]
struct ColumnFacts {
    /// The kind of the values, and where the first was.
    kind: Option<(Kind, String)>,
    /// Lists around a value that is in any, and where the first such was.
    depth: Option<(usize, String)>,
    /// Lists around nothing, at most.
    empty_depth: usize,
    /// Whether a row holds another number of values than one.
    many: bool,
    /// Whether a value is no UTF-8.
    binary: bool,
}

impl Facts {
    /// Adds a row.
    ///
    /// # Errors
    /// What is wrong with it, where a column is of another kind or shape than before.
    pub(super) fn add(&mut self, place: &str, row: &Row) -> Result<(), String> {
        for (key, cell) in row {
            if !self.columns.contains_key(key) {
                self.columns.insert(key.clone(), ColumnFacts::default());
            }
            let facts = self.columns.get_mut(key).expect("it was put there above");
            let added = facts.add(place, cell);
            added.map_err(|reason| format!("`{}` {reason}", key.1))?;
        }
        Ok(())
    }

    /// The name of a column. What the log says gives way to a tensor of the same name, and an
    /// output of the name of an input says that it is one.
    fn name(&self, (part, name): &(Part, String)) -> Option<String> {
        let has = |part| self.columns.contains_key(&(part, name.clone()));
        match part {
            Part::Log if has(Part::Input) || has(Part::Output) => None,
            Part::Output if has(Part::Input) => Some(format!("{name}_output")),
            _ => Some(name.clone()),
        }
    }
}

impl ColumnFacts {
    fn add(&mut self, place: &str, cell: &Cell) -> Result<(), String> {
        if *cell == Cell::Null {
            return Ok(());
        }
        let values = self.look(place, cell, 0)?;
        self.many |= values != 1;
        match &self.depth {
            Some((depth, first)) if self.empty_depth > *depth => Err(format!(
                "has {} dimensions here, but {depth} in {first}; {ONE_SHAPE}",
                self.empty_depth
            )),
            _ => Ok(()),
        }
    }

    /// Looks at the values of a cell within so many lists, and counts them.
    fn look(&mut self, place: &str, cell: &Cell, depth: usize) -> Result<usize, String> {
        if let Cell::List(cells) = cell {
            if cells.is_empty() {
                self.empty_depth = self.empty_depth.max(depth + 1);
            }
            let mut values = 0;
            for cell in cells {
                values += self.look(place, cell, depth + 1)?;
            }
            return Ok(values);
        }
        match &self.depth {
            Some((known, first)) if depth > 0 && depth != *known => {
                return Err(format!(
                    "has {depth} dimensions here, but {known} in {first}; {ONE_SHAPE}"
                ));
            }
            None if depth > 0 => self.depth = Some((depth, place.to_owned())),
            _ => {}
        }
        if let Some(kind) = Kind::of(cell) {
            match &mut self.kind {
                None => self.kind = Some((kind, place.to_owned())),
                Some((known, first)) => match known.join(kind) {
                    Some(both) => *known = both,
                    None => {
                        return Err(format!(
                            "is {} here, but {} in {first}; write logs of different models into \
                             folders of their own, and read one",
                            kind.name(),
                            known.name()
                        ));
                    }
                },
            }
        }
        self.binary |= matches!(cell, Cell::Bytes(_));
        Ok(1)
    }

    /// Lists around each value.
    fn lists(&self) -> usize {
        match &self.depth {
            _ if !self.many => 0,
            Some((depth, _)) => *depth,
            None => self.empty_depth.max(1),
        }
    }

    fn data_type(&self) -> DataType {
        let value = match &self.kind {
            None => DataType::Null,
            Some((Kind::Boolean, _)) => DataType::Boolean,
            Some((Kind::Integer, _)) => DataType::Int64,
            Some((Kind::Float, _)) => DataType::Float64,
            Some((Kind::Text, _)) if self.binary => DataType::Binary,
            Some((Kind::Text, _)) => DataType::Utf8,
            Some((Kind::Time, _)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        (0..self.lists()).fold(value, |item, _| DataType::new_list(item, true))
    }

    /// A cell in as many lists as the column's values are in.
    fn shaped(&self, cell: Cell) -> Cell {
        let lists = self.lists();
        match cell {
            Cell::Null => Cell::Null,
            // Of a column of single values: the only one, however deep it is.
            Cell::List(mut cells) if lists == 0 => {
                cells.pop().map_or(Cell::Null, |cell| self.shaped(cell))
            }
            Cell::List(cells) => Cell::List(cells),
            value => (0..lists).fold(value, |item, _| Cell::List(vec![item])),
        }
    }
}

const ONE_SHAPE: &str = "a column has one shape";

/// Writes rows into a temporary Parquet file.
pub(super) struct RowWriter {
    facts: Facts,
    decoder: Decoder,
    writer: ArrowWriter<File>,
    path: TempPath,
    rows: Vec<NamedCells>,
    values: usize,
}

impl RowWriter {
    /// A writer for the rows that the facts are of.
    ///
    /// # Errors
    /// [`EngineError::Unwritable`].
    pub(super) fn new(facts: Facts) -> Result<Self, EngineError> {
        let fields = facts.columns.iter().filter_map(|(key, column)| {
            let name = facts.name(key)?;
            Some(Field::new(name, column.data_type(), true))
        });
        let schema = SchemaRef::new(Schema::new(fields.collect::<Vec<_>>()));
        let decoder = ReaderBuilder::new(schema.clone()).build_decoder()?;
        let (file, path) = NamedTempFile::new().map_err(unwritable)?.into_parts();
        let writer = ArrowWriter::try_new(file, schema.clone(), None).map_err(failed)?;
        Ok(Self {
            facts,
            decoder,
            writer,
            path,
            rows: Vec::new(),
            values: 0,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`EngineError::Unwritable`].
    pub(super) fn add(&mut self, row: Row) -> Result<(), EngineError> {
        let mut cells = Vec::new();
        for (key, cell) in row {
            let (Some(name), Some(column)) = (self.facts.name(&key), self.facts.columns.get(&key))
            else {
                continue;
            };
            self.values += size(&cell);
            cells.push((name, column.shaped(cell), column.binary));
        }
        self.rows.push(NamedCells(cells));
        if self.rows.len() >= BATCH_ROWS || self.values >= BATCH_VALUES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), EngineError> {
        self.values = 0;
        let rows = std::mem::take(&mut self.rows);
        self.decoder.serialize(&rows)?;
        if let Some(batch) = self.decoder.flush()? {
            self.writer.write(&batch).map_err(failed)?;
        }
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush().map_err(failed)?;
        }
        Ok(())
    }

    /// The file of all rows.
    ///
    /// # Errors
    /// [`EngineError::Unwritable`].
    pub(super) fn finish(mut self) -> Result<TempPath, EngineError> {
        self.write()?;
        self.writer.close().map_err(failed)?;
        Ok(self.path)
    }
}

fn unwritable(error: std::io::Error) -> EngineError {
    EngineError::unwritable(&std::env::temp_dir(), error)
}

fn failed(error: ParquetError) -> EngineError {
    EngineError::unwritable(&std::env::temp_dir(), error)
}

fn size(cell: &Cell) -> usize {
    match cell {
        Cell::List(cells) => cells.iter().map(size).sum(),
        _ => 1,
    }
}

/// A row as an object: names, cells, and whether these are bytes.
struct NamedCells(Vec<(String, Cell, bool)>);

impl Serialize for NamedCells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell, binary) in &self.0 {
            let binary = *binary;
            row.serialize_entry(name, &Written { cell, binary })?;
        }
        row.end()
    }
}

/// A cell as Arrow's reader of JSON takes it: bytes as hexadecimal digits.
struct Written<'a> {
    cell: &'a Cell,
    binary: bool,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let binary = self.binary;
        match self.cell {
            Cell::Null => serializer.serialize_unit(),
            Cell::Boolean(value) => serializer.serialize_bool(*value),
            Cell::Integer(value) | Cell::Time(value) => serializer.serialize_i64(*value),
            Cell::Float(value) => serializer.serialize_f64(*value),
            Cell::Text(text) if binary => serializer.serialize_str(&hexadecimal(text.as_bytes())),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Bytes(bytes) => serializer.serialize_str(&hexadecimal(bytes)),
            Cell::List(cells) => {
                let mut list = serializer.serialize_seq(Some(cells.len()))?;
                for cell in cells {
                    list.serialize_element(&Written { cell, binary })?;
                }
                list.end()
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
