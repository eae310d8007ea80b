//! From records to the arrays of a batch.

use super::{
    example::{Feature, FeatureList, Kind, Record, Values},
    facts::SEQUENCE,
};
use datafusion::arrow::{
    array::{
        ArrayRef, BinaryBuilder, Float32Builder, Int64Builder, ListArray, NullArray,
        NullBufferBuilder, RecordBatch, RecordBatchOptions, StringBuilder, StructArray,
    },
    buffer::OffsetBuffer,
    datatypes::{DataType, FieldRef, Fields, SchemaRef},
    error::ArrowError,
};
use std::sync::Arc;

/// The columns of a batch that is being filled.
pub(super) struct Columns {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

impl Columns {
    /// Columns of a schema that [`Facts`](super::facts::Facts) made, with lists in
    /// place of plain columns where that is wanted.
    ///
    /// # Errors
    /// A type that no feature has.
    pub(super) fn new(schema: SchemaRef) -> Result<Self, ArrowError> {
        let columns = schema
            .fields()
            .iter()
            .map(Column::new)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            schema,
            columns,
            rows: 0,
        })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// What does not fit the schema: the file is not the one that was looked at.
    pub(super) fn add(&mut self, record: &Record) -> Result<(), &'static str> {
        self.rows += 1;
        for (field, column) in self.schema.fields().iter().zip(&mut self.columns) {
            let name = field.name();
            match column {
                Column::Sequence { children, .. } => {
                    let lists = record.feature_lists.as_ref();
                    for (name, child) in children {
                        child.add(lists.and_then(|lists| lists.feature_list.get(name)))?;
                    }
                }
                Column::Feature(column) => {
                    let features = record.features.as_ref();
                    column.add(features.and_then(|features| features.feature.get(name)))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The batch, leaving the columns empty.
    ///
    /// # Errors
    /// None that a record can cause.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let arrays = self
            .columns
            .iter_mut()
            .map(|column| column.finish(rows))
            .collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
    }
}

enum Column {
    Feature(FeatureColumn),
    Sequence {
        fields: Fields,
        children: Vec<(String, SequenceColumn)>,
    },
}

impl Column {
    fn new(field: &FieldRef) -> Result<Self, ArrowError> {
        match field.data_type() {
            DataType::Struct(fields) if field.name() == SEQUENCE => Ok(Self::Sequence {
                fields: fields.clone(),
                children: fields
                    .iter()
                    .map(|field| Ok((field.name().clone(), SequenceColumn::new(field)?)))
                    .collect::<Result<_, ArrowError>>()?,
            }),
            DataType::List(item) => Ok(Self::Feature(FeatureColumn {
                values: ArrayValues::new(item.data_type())?,
                list: Some(List::new(item)),
            })),
            plain => Ok(Self::Feature(FeatureColumn {
                values: ArrayValues::new(plain)?,
                list: None,
            })),
        }
    }

    fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Feature(column) => {
                let values = column.values.finish();
                match &mut column.list {
                    None => Ok(values),
                    Some(list) => list.finish(values),
                }
            }
            Self::Sequence { fields, children } => {
                let arrays = children
                    .iter_mut()
                    .map(|(_, child)| child.finish())
                    .collect::<Result<Vec<_>, _>>()?;
                let array = StructArray::try_new_with_length(fields.clone(), arrays, None, rows)?;
                Ok(Arc::new(array))
            }
        }
    }
}

/// A feature: one value a row, or a list of values.
struct FeatureColumn {
    values: ArrayValues,
    list: Option<List>,
}

impl FeatureColumn {
    fn add(&mut self, feature: Option<&Feature>) -> Result<(), &'static str> {
        let values = feature.and_then(|feature| feature.values.as_ref());
        match (&mut self.list, values) {
            (None, None) => self.values.add_null(),
            (None, Some(values)) if values.len() != 1 => return Err(CHANGED),
            (None, Some(values)) => self.values.add(values)?,
            (Some(list), None) => list.add_null(),
            (Some(list), Some(values)) => {
                self.values.add(values)?;
                list.add(values.len())?;
            }
        }
        Ok(())
    }
}

/// A feature list: a list of features, each a list of values.
struct SequenceColumn {
    outer: List,
    /// `None` where no feature of the list has a kind.
    inner: Option<List>,
    values: ArrayValues,
}

impl SequenceColumn {
    fn new(field: &FieldRef) -> Result<Self, ArrowError> {
        let DataType::List(feature) = field.data_type() else {
            return Err(unexpected(field.data_type()));
        };
        let (inner, values) = match feature.data_type() {
            DataType::List(item) => (Some(List::new(item)), item.data_type()),
            other => (None, other),
        };
        Ok(Self {
            outer: List::new(feature),
            inner,
            values: ArrayValues::new(values)?,
        })
    }

    fn add(&mut self, list: Option<&FeatureList>) -> Result<(), &'static str> {
        let Some(list) = list else {
            self.outer.add_null();
            return Ok(());
        };
        for feature in &list.feature {
            match (&mut self.inner, &feature.values) {
                (None, None) => self.values.add_null(),
                (None, Some(_)) => return Err(CHANGED),
                (Some(inner), None) => inner.add_null(),
                (Some(inner), Some(values)) => {
                    self.values.add(values)?;
                    inner.add(values.len())?;
                }
            }
        }
        self.outer.add(list.feature.len())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let values = self.values.finish();
        let features = match &mut self.inner {
            None => values,
            Some(inner) => inner.finish(values)?,
        };
        self.outer.finish(features)
    }
}

/// The offsets of a list column.
struct List {
    item: FieldRef,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl List {
    fn new(item: &FieldRef) -> Self {
        Self {
            item: Arc::clone(item),
            ends: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    fn end(&self) -> i32 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn add_null(&mut self) {
        self.ends.push(self.end());
        self.nulls.append_null();
    }

    fn add(&mut self, length: usize) -> Result<(), &'static str> {
        let end = i32::try_from(length)
            .ok()
            .and_then(|length| self.end().checked_add(length))
            .ok_or("a feature holds more than two thousand million values")?;
        self.ends.push(end);
        self.nulls.append_non_null();
        Ok(())
    }

    fn finish(&mut self, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let list = ListArray::try_new(
            Arc::clone(&self.item),
            OffsetBuffer::new(ends.into()),
            values,
            self.nulls.finish(),
        )?;
        Ok(Arc::new(list))
    }
}

/// Values of one kind.
enum ArrayValues {
    Int64(Int64Builder),
    Float(Float32Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Nothing(usize),
}

/// The second reading of a file met what the first did not.
const CHANGED: &str = "the file changed while it was read";

fn unexpected(data_type: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!("no feature is of type {data_type}"))
}

impl ArrayValues {
    fn new(data_type: &DataType) -> Result<Self, ArrowError> {
        Ok(match data_type {
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float32 => Self::Float(Float32Builder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::Null => Self::Nothing(0),
            other => return Err(unexpected(other)),
        })
    }

    fn add_null(&mut self) {
        match self {
            Self::Int64(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bytes(builder) => builder.append_null(),
            Self::Nothing(count) => *count += 1,
        }
    }

    fn add(&mut self, values: &Values) -> Result<(), &'static str> {
        match (self, values) {
            (Self::Int64(builder), Values::Int64(list)) => builder.append_slice(&list.value),
            (Self::Float(builder), Values::Float(list)) => builder.append_slice(&list.value),
            (Self::Text(builder), Values::Bytes(list)) => {
                for value in &list.value {
                    builder.append_value(std::str::from_utf8(value).map_err(|_| CHANGED)?);
                }
            }
            (Self::Bytes(builder), Values::Bytes(list)) => {
                for value in &list.value {
                    builder.append_value(value);
                }
            }
            _ => return Err(CHANGED),
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Nothing(count) => Arc::new(NullArray::new(std::mem::take(count))),
        }
    }
}

impl Kind {
    /// The Arrow type of its values; bytes are text where `text`.
    pub(super) fn arrow(self, text: bool) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Bytes if text => DataType::Utf8,
            Self::Bytes => DataType::Binary,
        }
    }
}
