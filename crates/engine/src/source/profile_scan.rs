//! Parquet as profiles want it: strings stay as the file encodes them.
//!
//! DataFusion's scan gives every row its own string. Most columns of strings are written
//! as a dictionary and places in it, and a profile only has to count the places. So the
//! row groups are read here by the Parquet reader itself: a column whose pages are all of
//! that kind as a dictionary array, any other column of strings as views into its pages.
//!
//! A stream reads whole row groups, one after the other, so that no batch has parts of
//! two dictionaries.

use super::{Readable, table};
use crate::{EngineError, engine::BATCH_ROWS};
use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    datasource::TableType,
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::Expr,
    parquet::{
        arrow::{
            ProjectionMask,
            arrow_reader::{
                ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
            },
        },
        basic::Encoding,
        file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetStatisticsPolicy},
    },
    physical_plan::{
        ExecutionPlan,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::File,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// What is known of the row groups of a file.
#[derive(Debug, Clone)]
pub(crate) struct RowGroups {
    /// Compressed bytes of each.
    pub(super) sizes: Vec<u64>,
    /// Columns of the file of which every page refers to a dictionary.
    pub(super) dictionaries: BTreeSet<String>,
}

impl RowGroups {
    /// Of a file whose row groups were chosen by somebody else.
    #[cfg(feature = "cluster")]
    pub(super) fn unknown() -> Self {
        Self {
            sizes: Vec::new(),
            dictionaries: BTreeSet::new(),
        }
    }

    pub(super) fn of(metadata: &ParquetMetaData) -> Self {
        let groups = metadata.row_groups();
        let columns = metadata.file_metadata().schema_descr().columns();
        let is_dictionary = |column: usize| {
            let mut chunks = groups.iter().map(|group| group.column(column));
            chunks.all(is_dictionary_encoded)
        };
        Self {
            sizes: groups
                .iter()
                .map(|group| u64::try_from(group.compressed_size()).unwrap_or(0))
                .collect(),
            dictionaries: (0..columns.len())
                // Of a column by itself: fields of a struct may have the name of another column.
                .filter(|&column| columns[column].path().parts().len() == 1)
                .filter(|&column| is_dictionary(column))
                .map(|column| columns[column].name().to_owned())
                .collect(),
        }
    }
}

/// Whether every page of data refers to a dictionary. A writer that ran out of room for
/// one goes on without, and one that does not say is taken at its worst.
fn is_dictionary_encoded(chunk: &ColumnChunkMetaData) -> bool {
    let pages = chunk.page_encoding_stats_mask();
    chunk.dictionary_page_offset().is_some()
        && pages.is_some_and(|pages| {
            pages.is_only(Encoding::RLE_DICTIONARY) || pages.is_only(Encoding::PLAIN_DICTIONARY)
        })
}

/// Parquet files of which a profile reads some columns at a time.
#[derive(Debug)]
pub(crate) struct ProfileFiles {
    /// All columns of the table, in the type in which each is read.
    pub(super) schema: SchemaRef,
    /// Where each column is in the schema.
    places: HashMap<String, usize>,
    pub(super) files: Vec<ProfileFile>,
    /// Whether footers are kept between two passes.
    keep_footers: bool,
}

/// Column chunks of footers that are kept between two passes, at most: some 60 MiB. A table
/// of many columns is read in many passes, and reading its footer takes as long as a pass.
const KEPT_CHUNKS: usize = 100_000;

#[derive(Debug)]
pub(super) struct ProfileFile {
    pub(super) readable: Readable,
    footer: Mutex<Option<Arc<Footer>>>,
}

/// What a file says of its columns.
#[derive(Debug)]
struct Footer {
    metadata: ArrowReaderMetadata,
    /// Where each column is in the file.
    places: HashMap<String, usize>,
}

impl ProfileFiles {
    /// `texts` are the columns that are free text.
    pub(super) fn new(schema: &Schema, files: &[Readable], texts: &HashSet<&str>) -> Self {
        let columns = schema.fields().iter().map(|field| field.name().clone());
        let places: HashMap<String, usize> = columns.zip(0..).collect();
        let mut forms: Vec<Form> = schema.fields().iter().map(|f| Form::of(f)).collect();
        for file in files {
            let row_groups = file.row_groups();
            for field in file.schema.fields() {
                let form = &mut forms[places[field.name()]];
                form.string &= is_string(field.data_type());
                form.dictionary &= row_groups.dictionaries.contains(field.name());
            }
        }
        let fields = schema.fields().iter().zip(forms).map(|(field, form)| {
            let text = texts.contains(field.name().as_str());
            let data_type = form.data_type(field, text);
            field.as_ref().clone().with_data_type(data_type)
        });
        Self::in_schema(Schema::new(fields.collect::<Vec<_>>()), files)
    }

    /// The files with their columns in the types of a schema.
    pub(super) fn in_schema(schema: Schema, files: &[Readable]) -> Self {
        let columns = schema.fields().iter().map(|field| field.name().clone());
        let chunks = files.iter().map(|file| {
            let row_groups = file.row_groups().sizes.len();
            row_groups * file.schema.fields().len()
        });
        Self {
            places: columns.zip(0..).collect(),
            schema: Arc::new(schema),
            keep_footers: chunks.sum::<usize>() <= KEPT_CHUNKS,
            files: files
                .iter()
                .map(|readable| ProfileFile {
                    readable: readable.clone(),
                    footer: Mutex::new(None),
                })
                .collect(),
        }
    }

    /// The table over some of the columns, in their order in the files' table.
    pub(crate) fn scan<'a>(
        self: &Arc<Self>,
        columns: impl IntoIterator<Item = &'a str>,
    ) -> Result<ProfileScan> {
        let places = columns
            .into_iter()
            .filter_map(|name| self.places.get(name).copied());
        let places: BTreeSet<usize> = places.collect();
        let places: Vec<usize> = places.into_iter().collect();
        Ok(ProfileScan {
            schema: Arc::new(self.schema.project(&places)?),
            files: Arc::clone(self),
        })
    }

    /// The rows in at most so many streams.
    pub(super) fn split_streams(
        self: &Arc<Self>,
        streams: usize,
        schema: &SchemaRef,
    ) -> Vec<Stream> {
        let parts = split(&self.files, streams).into_iter();
        let streams = parts.map(|parts| Stream {
            files: Arc::clone(self),
            parts,
            schema: Arc::clone(schema),
        });
        streams.collect()
    }

    /// Whether only this process can read them.
    #[cfg(feature = "cluster")]
    fn are_own(&self) -> bool {
        self.files.iter().any(|file| file.readable.file.own)
    }

    /// In how many streams the rows come where there are so many threads.
    pub(crate) fn streams(&self, threads: usize) -> usize {
        split(&self.files, threads).len()
    }

    fn footer(&self, file: usize) -> Result<Arc<Footer>, EngineError> {
        let file = &self.files[file];
        if !self.keep_footers {
            return Ok(Arc::new(self.read_footer(&file.readable)?));
        }
        // A reader that panicked has left what was there before, or nothing.
        let mut kept = file.footer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(footer) = &*kept {
            return Ok(Arc::clone(footer));
        }
        let footer = Arc::new(self.read_footer(&file.readable)?);
        *kept = Some(Arc::clone(&footer));
        Ok(footer)
    }

    fn read_footer(&self, readable: &Readable) -> Result<Footer, EngineError> {
        let (file, own) = (&readable.file, readable.schema.fields());
        let opened = File::open(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
        let types = own.iter().map(|own| {
            let wanted = self.places.get(own.name());
            match wanted.map(|&place| self.schema.field(place).data_type()) {
                Some(encoded @ (DataType::Dictionary(..) | DataType::Utf8View))
                    if is_string(own.data_type()) =>
                {
                    Arc::new(own.as_ref().clone().with_data_type(encoded.clone()))
                }
                _ => Arc::clone(own),
            }
        });
        let options = ArrowReaderOptions::new()
            .with_schema(Arc::new(Schema::new(types.collect::<Vec<_>>())))
            .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        let metadata =
            ArrowReaderMetadata::load(&opened, options).map_err(|error| file.malformed(error))?;
        let names = own.iter().map(|own| own.name().clone());
        Ok(Footer {
            metadata,
            places: names.zip(0..).collect(),
        })
    }
}

fn is_string(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// How a column is written in all files that have it.
struct Form {
    /// As strings, of whatever layout.
    string: bool,
    /// As places in a dictionary, on every page.
    dictionary: bool,
}

impl Form {
    fn of(field: &Field) -> Self {
        Self {
            string: is_string(field.data_type()),
            dictionary: true,
        }
    }

    /// The type in which the column is cheapest to profile.
    fn data_type(&self, field: &Field, text: bool) -> DataType {
        if !self.string {
            field.data_type().clone()
        } else if self.dictionary && !text {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        } else {
            DataType::Utf8View
        }
    }
}

/// The table over some columns of Parquet files.
#[derive(Debug)]
pub(crate) struct ProfileScan {
    schema: SchemaRef,
    files: Arc<ProfileFiles>,
}

#[async_trait]
impl TableProvider for ProfileScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let streams = session.config().target_partitions();
        let streams = self.files.split_streams(streams, &schema);
        #[cfg(feature = "cluster")]
        if crate::cluster::is_sent(session) && !self.files.are_own() {
            let parts = streams.iter().map(super::shipped::profile_part);
            let parts = parts.collect::<Result<_, EngineError>>()?;
            return Ok(crate::cluster::parts_exec(schema, parts));
        }
        let streams = streams
            .into_iter()
            .map(|stream| Arc::new(stream) as Arc<dyn PartitionStream>)
            .collect();
        let exec = StreamingTableExec::try_new(schema, streams, None, [], false, None)?;
        Ok(Arc::new(exec))
    }
}

/// Some row groups of a file, by its place among the files.
pub(super) type Part = (usize, Range<usize>);

/// Divides all row groups, in their order, among at most so many streams of about as many
/// bytes each. Files without row groups are read by nobody.
fn split(files: &[ProfileFile], streams: usize) -> Vec<Vec<Part>> {
    let sizes = |file: &ProfileFile| file.readable.row_groups().sizes.clone();
    let total: u64 = files.iter().flat_map(sizes).sum();
    let share = (total / streams.max(1) as u64).max(1);
    let mut split: Vec<Vec<Part>> = vec![Vec::new()];
    let mut before = 0;
    for (place, file) in files.iter().enumerate() {
        for (group, size) in sizes(file).into_iter().enumerate() {
            // A row group is of the stream in whose share its middle lies.
            let stream = ((before + size / 2) / share) as usize;
            before += size;
            if stream >= split.len() && split.len() < streams && !split[split.len() - 1].is_empty()
            {
                split.push(Vec::new());
            }
            let parts = split.last_mut().expect("there is one from the start");
            match parts.last_mut() {
                Some((last, groups)) if *last == place => groups.end = group + 1,
                _ => parts.push((place, group..group + 1)),
            }
        }
    }
    split
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) files: Arc<ProfileFiles>,
    pub(super) parts: Vec<Part>,
    pub(super) schema: SchemaRef,
}

impl PartitionStream for Stream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (files, schema) = (Arc::clone(&self.files), Arc::clone(&self.schema));
        // Read where they are profiled, while they are still in the cache.
        let batches = self
            .parts
            .clone()
            .into_iter()
            .flat_map(move |(file, groups)| or_error(read(&files, file, groups, &schema)));
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            futures::stream::iter(batches),
        ))
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

fn or_error(batches: Result<Batches, EngineError>) -> Batches {
    match batches {
        Ok(batches) => batches,
        Err(error) => Box::new(std::iter::once(Err(error.into()))),
    }
}

/// The batches of some row groups of a file, in the schema of the scan.
fn read(
    files: &ProfileFiles,
    place: usize,
    groups: Range<usize>,
    schema: &SchemaRef,
) -> Result<Batches, EngineError> {
    let readable = &files.files[place].readable;
    let file = &readable.file;
    let opened = File::open(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
    let footer = files.footer(place)?;
    let wanted = schema.fields().iter();
    let wanted = wanted.filter_map(|field| footer.places.get(field.name()).copied());
    let metadata = footer.metadata.clone();
    let mask = ProjectionMask::roots(metadata.parquet_schema(), wanted);
    let (schema, name) = (Arc::clone(schema), file.clone());
    let constants: Arc<[_]> = readable.constants.as_slice().into();
    let batches = groups.flat_map(move |group| -> Batches {
        let failed =
            |error: &dyn std::fmt::Display| -> DataFusionError { name.malformed(error).into() };
        let reader = opened
            .try_clone()
            .map_err(|error| failed(&error))
            .and_then(|file| {
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
                    .with_row_groups(vec![group])
                    .with_projection(mask.clone())
                    .with_batch_size(BATCH_ROWS)
                    .build()
                    .map_err(|error| failed(&error))
            });
        let (schema, name, constants) = (Arc::clone(&schema), name.clone(), Arc::clone(&constants));
        match reader {
            Err(error) => Box::new(std::iter::once(Err(error))),
            Ok(reader) => Box::new(reader.map(move |batch| match batch {
                Ok(batch) => table::fit(&batch, &schema, &constants),
                Err(error) => Err(name.malformed(error).into()),
            })),
        }
    });
    Ok(Box::new(batches))
}
