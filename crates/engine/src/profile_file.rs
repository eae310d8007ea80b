//! The profile file: Parquet, one row for each window, slice and column.
//!
//! People query the typed columns with whatever reads Parquet; programs merge the
//! `state`. Every row carries the format version, so that files concatenated by
//! other tools are still profile files.

use crate::{
    EngineError, ProfileRow, Slice,
    output::Output,
    window::{Span, instant_type},
};
use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder,
            ListBuilder, RecordBatch, StringBuilder, StructBuilder, TimestampMicrosecondBuilder,
            UInt32Builder,
        },
        compute::cast,
        datatypes::{
            DataType, Field, Fields, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type,
        },
    },
    parquet::{
        arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
        basic::{Compression, ZstdLevel},
        errors::ParquetError,
        file::{properties::WriterProperties, reader::ChunkReader},
    },
};
use driftline_statistics::{ColumnProfile, NumericProfile, ValueCount};
use prost::bytes::Bytes;
use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    fs::File,
    path::Path,
    sync::Arc,
};

/// The version of the file's columns that this build writes.
pub const PROFILE_FILE_VERSION: u32 = 1;

/// Most frequent values listed in a row.
const TOP_VALUES: usize = 20;

/// Rows written at once, and bytes of their profiles.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: usize = 16 << 20;

/// Bytes of a row group, which is in memory until it is complete.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// The column of models: files that other writers made may lack it.
const MODEL: &str = "model";

/// Columns that a file must have to be read.
const KEY_COLUMNS: [&str; 7] = [
    "format_version",
    "window_start",
    "window_end",
    "slice_column",
    "slice_value",
    "column",
    "state",
];

/// Writes profiles to a file, beside it and renamed; a target that is no regular
/// file is written in place.
///
/// # Errors
/// [`EngineError::Unwritable`], and the first that is among the rows.
pub fn write<R: Borrow<ProfileRow>>(
    path: &Path,
    rows: impl IntoIterator<Item = Result<R, EngineError>>,
) -> Result<(), EngineError> {
    let failed = |error: ParquetError| EngineError::unwritable(path, error);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer =
        ArrowWriter::try_new(Output::create(path)?, schema(), Some(properties)).map_err(failed)?;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let (mut part, mut bytes) = (Vec::new(), 0);
        while part.len() < BATCH_ROWS
            && bytes < BATCH_BYTES
            && let Some(row) = rows.next()
        {
            let row = row?;
            bytes += row.borrow().profile.size_bytes();
            part.push(row);
        }
        let part: Vec<&ProfileRow> = part.iter().map(Borrow::borrow).collect();
        writer.write(&batch(&part)?).map_err(failed)?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush().map_err(failed)?;
        }
    }
    writer.into_inner().map_err(failed)?.commit()
}

/// Whether a path is a profile file, by its columns.
pub fn is_profile(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    ParquetRecordBatchReaderBuilder::try_new(file).is_ok_and(|builder| {
        let columns = builder.schema();
        KEY_COLUMNS
            .iter()
            .all(|name| columns.field_with_name(name).is_ok())
    })
}

/// Reads the profiles of a file, in its order.
///
/// # Errors
/// [`EngineError::Missing`], [`EngineError::Empty`] and [`EngineError::Unreadable`]
/// for the file; [`EngineError::Malformed`] for one that is no Parquet,
/// [`EngineError::NotAProfile`] for Parquet of another kind,
/// [`EngineError::ProfileVersion`] and
/// [`Statistics`](EngineError::Statistics) for what this build cannot read.
pub fn read(path: &Path) -> Result<Vec<ProfileRow>, EngineError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| EngineError::io(&name, &error))?;
    let size = file
        .metadata()
        .map_err(|error| EngineError::io(&name, &error))?
        .len();
    if size == 0 {
        return Err(EngineError::Empty { file: name });
    }
    read_from(name, file, None)
}

/// Reads the profiles of a file that is in memory and that somebody else sent, named for
/// messages; more than so many bytes, when nothing is compressed, are refused before they are read.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(
    name: &str,
    content: Vec<u8>,
    most_bytes: u64,
) -> Result<Vec<ProfileRow>, EngineError> {
    read_from(name.to_owned(), Bytes::from(content), Some(most_bytes))
}

fn read_from<F: ChunkReader + 'static>(
    name: String,
    file: F,
    most_bytes: Option<u64>,
) -> Result<Vec<ProfileRow>, EngineError> {
    let malformed = |reason: String| EngineError::Malformed {
        file: name.clone(),
        format: "Parquet".into(),
        reason,
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| malformed(error.to_string()))?;
    let not_a_profile = |reason: String| EngineError::NotAProfile {
        file: name.clone(),
        reason,
    };
    let groups = builder.metadata().row_groups().iter();
    let bytes = groups.map(|group| u64::try_from(group.total_byte_size()).unwrap_or(u64::MAX));
    let bytes = bytes.fold(0, u64::saturating_add);
    if let Some(most) = most_bytes.filter(|most| bytes > *most) {
        return Err(not_a_profile(format!(
            "uncompressed it has {bytes} bytes, more than {most}"
        )));
    }
    for column in KEY_COLUMNS {
        if builder.schema().field_with_name(column).is_err() {
            return Err(not_a_profile(format!("it has no column `{column}`")));
        }
    }
    let read = KEY_COLUMNS.into_iter().chain([MODEL]);
    let mask = ProjectionMask::columns(builder.parquet_schema(), read);
    let batches = builder
        .with_projection(mask)
        .build()
        .map_err(|error| malformed(error.to_string()))?;
    let mut rows = Vec::new();
    for batch in batches {
        let batch = batch.map_err(|error| malformed(error.to_string()))?;
        let column = |name: &str, to: &DataType| -> Result<ArrayRef, EngineError> {
            let found = batch.column_by_name(name);
            let cast = found.and_then(|found| cast(found, to).ok());
            cast.ok_or_else(|| not_a_profile(format!("its column `{name}` is not of type {to}")))
        };
        let versions = column("format_version", &DataType::UInt32)?;
        let starts = column("window_start", &instant_type())?;
        let ends = column("window_end", &instant_type())?;
        let slice_columns = column("slice_column", &DataType::Utf8)?;
        let slice_values = column("slice_value", &DataType::Utf8)?;
        let columns = column("column", &DataType::Utf8)?;
        let states = column("state", &DataType::Binary)?;
        let models = match batch.column_by_name(MODEL) {
            Some(_) => Some(column(MODEL, &DataType::Utf8)?),
            None => None,
        };
        let text = |array: &ArrayRef, row: usize| {
            array
                .is_valid(row)
                .then(|| array.as_string::<i32>().value(row).to_owned())
        };
        let time = |array: &ArrayRef, row: usize| {
            array
                .is_valid(row)
                .then(|| array.as_primitive::<TimestampMicrosecondType>().value(row))
        };
        for row in 0..batch.num_rows() {
            let found = versions.as_primitive::<UInt32Type>().value(row);
            if found > PROFILE_FILE_VERSION {
                return Err(EngineError::ProfileVersion {
                    file: name.clone(),
                    found,
                    supported: PROFILE_FILE_VERSION,
                });
            }
            let column = text(&columns, row)
                .filter(|_| states.is_valid(row) && found > 0)
                .ok_or_else(|| {
                    not_a_profile(format!("row {row} has no column, state or version"))
                })?;
            let profile = ColumnProfile::from_bytes(states.as_binary::<i32>().value(row))
                .map_err(|error| not_a_profile(format!("row {row}, `{column}`: {error}")))?;
            rows.push(ProfileRow {
                span: time(&starts, row)
                    .zip(time(&ends, row))
                    .map(|(start_us, end_us)| Span { start_us, end_us }),
                slice: text(&slice_columns, row).map(|column| Slice {
                    column,
                    value: text(&slice_values, row),
                }),
                column,
                model: models.as_ref().and_then(|models| text(models, row)),
                profile,
            });
        }
    }
    Ok(rows)
}

/// One profile from several: states of the same window, slice and column are merged.
/// Rows come out by window (those without one last) and slice, columns in the order
/// in which they first appear.
///
/// # Errors
/// [`EngineError::Statistics`] where the same column holds numbers in one and text
/// in another, [`EngineError::DifferentModels`] where it holds scores of different models.
pub fn merge(parts: impl IntoIterator<Item = ProfileRow>) -> Result<Vec<ProfileRow>, EngineError> {
    let mut columns: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut models: Vec<Option<String>> = Vec::new();
    let mut merged: BTreeMap<(bool, Option<Span>, Option<Slice>, usize), ColumnProfile> =
        BTreeMap::new();
    for row in parts {
        let place = places.get(&row.column).copied().unwrap_or_else(|| {
            columns.push(row.column.clone());
            models.push(None);
            places.insert(row.column.clone(), columns.len() - 1);
            columns.len() - 1
        });
        match (&models[place], row.model) {
            (Some(left), Some(right)) if *left != right => {
                return Err(EngineError::DifferentModels {
                    column: row.column,
                    left: left.clone(),
                    right,
                });
            }
            (None, Some(model)) => models[place] = Some(model),
            _ => {}
        }
        let key = (row.span.is_none(), row.span, row.slice, place);
        match merged.get_mut(&key) {
            Some(profile) => profile.merge(&row.profile)?,
            None => {
                merged.insert(key, row.profile);
            }
        }
    }
    Ok(merged
        .into_iter()
        .map(|((_, span, slice, place), profile)| ProfileRow {
            span,
            slice,
            column: columns[place].clone(),
            model: models[place].clone(),
            profile,
        })
        .collect())
}

fn schema() -> SchemaRef {
    let count = |name: &str| Field::new(name, DataType::Int64, true);
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        Field::new("format_version", DataType::UInt32, false),
        Field::new("window_start", instant_type(), true),
        Field::new("window_end", instant_type(), true),
        text("slice_column"),
        text("slice_value"),
        Field::new("column", DataType::Utf8, false),
        text(MODEL),
        Field::new("value_type", DataType::Utf8, false),
        Field::new("rows", DataType::Int64, false),
        Field::new("nulls", DataType::Int64, false),
        number("mean"),
        number("std_dev"),
        number("min"),
        number("max"),
        number("median"),
        count("zeros"),
        count("non_finite"),
        number("distinct"),
        Field::new("distinct_exact", DataType::Boolean, true),
        number("distinct_error"),
        Field::new("top_values", list_of(top_value_fields()), true),
        number("characters_mean"),
        number("characters_min"),
        number("characters_median"),
        number("characters_max"),
        number("units_mean"),
        number("bytes_mean"),
        count("texts_empty"),
        count("texts_with_emoji"),
        count("texts_with_link"),
        count("texts_with_repeat"),
        Field::new("scripts", list_of(script_fields()), true),
        Field::new("state", DataType::Binary, false),
    ]))
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(fields),
        true,
    )))
}

fn top_value_fields() -> Fields {
    Fields::from(vec![
        Field::new("value", DataType::Utf8, false),
        Field::new("count", DataType::Int64, false),
    ])
}

fn script_fields() -> Fields {
    Fields::from(vec![
        Field::new("script", DataType::Utf8, false),
        Field::new("characters", DataType::Int64, false),
    ])
}

fn batch(rows: &[&ProfileRow]) -> Result<RecordBatch, EngineError> {
    let spans = |end: bool| -> ArrayRef {
        let mut times = TimestampMicrosecondBuilder::new();
        for row in rows {
            times.append_option(row.span.map(|s| if end { s.end_us } else { s.start_us }));
        }
        Arc::new(times.finish().with_data_type(instant_type()))
    };
    let texts = |of: &dyn Fn(&ProfileRow) -> Option<String>| -> ArrayRef {
        let mut texts = StringBuilder::new();
        for row in rows {
            texts.append_option(of(row));
        }
        Arc::new(texts.finish())
    };
    let counts = |of: &dyn Fn(&ColumnProfile) -> Option<u64>| -> ArrayRef {
        let mut counts = Int64Builder::new();
        for row in rows {
            counts.append_option(of(&row.profile).map(|n| i64::try_from(n).unwrap_or(i64::MAX)));
        }
        Arc::new(counts.finish())
    };
    let numbers = |of: &dyn Fn(&ColumnProfile) -> Option<f64>| -> ArrayRef {
        let mut numbers = Float64Builder::new();
        for row in rows {
            numbers.append_option(of(&row.profile));
        }
        Arc::new(numbers.finish())
    };
    let lengths = |of: &dyn Fn(&NumericProfile) -> Option<f64>| {
        numbers(&|profile| profile.text().and_then(|text| of(text.characters())))
    };
    let mut versions = UInt32Builder::new();
    let mut exact = BooleanBuilder::new();
    let mut states = BinaryBuilder::new();
    for row in rows {
        versions.append_value(PROFILE_FILE_VERSION);
        exact.append_option(row.profile.distinct().map(|distinct| distinct.exact));
        states.append_value(row.profile.to_bytes());
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(versions.finish()),
        spans(false),
        spans(true),
        texts(&|row| row.slice.as_ref().map(|slice| slice.column.clone())),
        texts(&|row| row.slice.as_ref().and_then(|slice| slice.value.clone())),
        texts(&|row| Some(row.column.clone())),
        texts(&|row| row.model.clone()),
        texts(&|row| Some(row.profile.value_type.name().to_owned())),
        counts(&|profile| Some(profile.rows)),
        counts(&|profile| Some(profile.nulls)),
        numbers(&|profile| profile.numeric()?.mean()),
        numbers(&|profile| profile.numeric()?.std_dev()),
        numbers(&|profile| profile.numeric()?.min()),
        numbers(&|profile| profile.numeric()?.max()),
        numbers(&|profile| profile.numeric()?.quantiles().quantile(0.5)),
        counts(&|profile| Some(profile.numeric()?.zeros)),
        counts(&|profile| Some(profile.numeric()?.non_finite())),
        numbers(&|profile| Some(profile.distinct()?.value)),
        Arc::new(exact.finish()),
        numbers(&|profile| Some(profile.distinct()?.error)),
        top_values(rows),
        lengths(&|lengths| lengths.mean()),
        lengths(&|lengths| lengths.min()),
        lengths(&|lengths| lengths.quantiles().quantile(0.5)),
        lengths(&|lengths| lengths.max()),
        numbers(&|profile| profile.text()?.units().mean()),
        numbers(&|profile| profile.text()?.bytes().mean()),
        counts(&|profile| Some(profile.text()?.values().empty)),
        counts(&|profile| Some(profile.text()?.with_emoji())),
        counts(&|profile| Some(profile.text()?.with_link())),
        counts(&|profile| Some(profile.text()?.with_repeat())),
        scripts(rows),
        Arc::new(states.finish()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// Lists of a text and a count.
struct PairLists(ListBuilder<StructBuilder>);

impl PairLists {
    fn new(fields: Fields) -> Self {
        let item = Field::new_list_field(DataType::Struct(fields.clone()), true);
        let pairs = StructBuilder::new(
            fields,
            vec![
                Box::new(StringBuilder::new()),
                Box::new(Int64Builder::new()),
            ],
        );
        Self(ListBuilder::new(pairs).with_field(item))
    }

    fn append(&mut self, pairs: Option<impl Iterator<Item = (String, u64)>>) {
        let Some(pairs) = pairs else {
            self.0.append_null();
            return;
        };
        for (name, count) in pairs {
            let builder = self.0.values();
            let names = builder.field_builder::<StringBuilder>(0);
            names.expect("the first field is text").append_value(name);
            let counts = builder.field_builder::<Int64Builder>(1);
            counts
                .expect("the second field is a count")
                .append_value(i64::try_from(count).unwrap_or(i64::MAX));
            builder.append(true);
        }
        self.0.append(true);
    }
}

fn top_values(rows: &[&ProfileRow]) -> ArrayRef {
    let mut lists = PairLists::new(top_value_fields());
    for row in rows {
        let values: Option<Vec<ValueCount>> = row.profile.categorical().map(|c| c.values());
        let top = values.map(|values| {
            let pairs = values.into_iter().take(TOP_VALUES);
            pairs.map(|value| (value.value, value.count))
        });
        lists.append(top);
    }
    Arc::new(lists.0.finish())
}

fn scripts(rows: &[&ProfileRow]) -> ArrayRef {
    let mut lists = PairLists::new(script_fields());
    for row in rows {
        let scripts = row.profile.text().map(|text| {
            let used = text.scripts().filter(|(_, characters)| *characters > 0);
            used.map(|(script, characters)| (script.name().to_owned(), characters))
        });
        lists.append(scripts);
    }
    Arc::new(lists.0.finish())
}
