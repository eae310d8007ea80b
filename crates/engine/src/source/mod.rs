//! Sources: where rows come from, from a path to a table.
//!
//! What a file is, its bytes say; its name is asked only where they do not. All
//! files are looked at before the first row is read, so that a missing, cut or
//! odd one is named at once and not after an hour.

mod arrow_ipc;
mod csv;
mod discover;
mod elsewhere;
mod jsonl;
mod parquet;
mod partition;
mod profile_scan;
mod remote;
mod sample;
mod schema;
mod serving;
#[cfg(feature = "cluster")]
mod shipped;
mod table;
mod tfrecord;

#[cfg(feature = "cluster")]
pub(crate) use shipped::{bytes_of_schema, opened_part, schema_of_bytes};

pub use csv::CsvOptions;
pub use partition::PartitionRange;
pub use sample::{SourceHead, SourceSize};

use crate::{ColumnInfo, EngineError};
use datafusion::{
    arrow::datatypes::{FieldRef, SchemaRef},
    common::ScalarValue,
};
use flate2::read::MultiGzDecoder;
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};
pub(crate) use table::SourceTable;
use tempfile::TempPath;
pub(crate) use tfrecord::{Frame, Records, begins, write_record};

/// Where rows come from.
///
/// `location` is the path of a file, a pattern (`data/*.csv`), a directory, which
/// is searched with its sub-directories for files with the ending of a data file,
/// a URL of any of these (`s3://`, `gs://`, `az://`; of a file alone `https://`),
/// or `-` for standard input. Files of different schemas are one table: columns
/// are joined by name, a missing one is null. A folder named `key=value` on the way to
/// a file is a column of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Path, pattern, directory, URL or `-`.
    pub location: String,
    /// How CSV files are written, where that should not be detected.
    pub csv: CsvOptions,
    /// Damaged records of TFRecord files to be left out, at most, over all files; one
    /// more is an error.
    pub skip_corrupt: u64,
    /// Only files of folders that may hold rows of this stretch of time; all by default.
    pub within: Option<PartitionRange>,
    /// Only files of these names; all by default.
    pub only: Option<Arc<BTreeSet<String>>>,
    /// What columns of JSON Lines are, where JSON does not tell: dates and times are text there,
    /// whole numbers may be any numbers, and nulls anything.
    pub types: Vec<ColumnInfo>,
}

impl Source {
    /// A source whose details are detected.
    pub fn new(location: impl Into<String>) -> Self {
        Self {
            location: location.into(),
            ..Self::default()
        }
    }

    /// The files that it names now, in the order that they are read; none for
    /// standard input.
    ///
    /// # Errors
    /// As [`Engine::open`](crate::Engine::open) for what is missing or unreadable.
    pub fn files(&self) -> Result<Vec<std::path::PathBuf>, EngineError> {
        if self.location == "-" {
            return Ok(Vec::new());
        }
        if remote::is_url(&self.location) {
            let objects = remote::list(&self.location)?;
            return Ok(objects.into_iter().map(|o| o.name.into()).collect());
        }
        discover::paths(&self.location)
    }

    /// The files that it names now, as they are now; none for standard input.
    ///
    /// # Errors
    /// As [`files`](Self::files).
    pub fn versions(&self) -> Result<Vec<FileVersion>, EngineError> {
        if remote::is_url(&self.location) {
            let objects = remote::list(&self.location)?.into_iter();
            return Ok(objects
                .map(|object| FileVersion {
                    name: object.name,
                    size_bytes: object.size_bytes,
                    version: object.version,
                })
                .collect());
        }
        self.files()?
            .iter()
            .map(|path| FileVersion::of(path))
            .collect()
    }
}

/// A file as it is at some moment: an equal value later means that it did not change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileVersion {
    /// Its path or URL.
    pub name: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// The time of its last change; of an object its entity tag.
    pub version: String,
}

impl FileVersion {
    /// What its content is told by, the same under every name: of a file a hash, of an object
    /// its entity tag.
    ///
    /// # Errors
    /// [`EngineError::Missing`] and [`EngineError::Unreadable`].
    pub fn content(&self) -> Result<String, EngineError> {
        if remote::is_url(&self.name) {
            return Ok(self.version.clone());
        }
        let failed = |error: io::Error| EngineError::io(&self.name, &error);
        let mut file = File::open(&self.name).map_err(failed)?;
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        let mut chunk = vec![0; 1 << 16];
        loop {
            match file.read(&mut chunk).map_err(failed)? {
                0 => return Ok(format!("{:032x}", hash.digest128())),
                read => hash.update(chunk.get(..read).unwrap_or_default()),
            }
        }
    }

    /// A file on disk.
    ///
    /// # Errors
    /// [`EngineError::Missing`] and [`EngineError::Unreadable`].
    pub fn of(path: &Path) -> Result<Self, EngineError> {
        let name = path.display().to_string();
        let about = path
            .metadata()
            .map_err(|error| EngineError::io(&name, &error))?;
        let changed = about.modified().ok();
        let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            name,
            size_bytes: about.len(),
            version: since.map_or(0, |since| since.as_nanos()).to_string(),
        })
    }
}

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Csv,
    JsonLines,
    ArrowFile,
    ArrowStream,
    TfRecord,
    /// Requests to a model and its responses, as JSON.
    InferenceLog,
    /// The same of TensorFlow Serving.
    PredictionLog,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Csv => "CSV",
            Self::JsonLines => "JSON Lines",
            Self::ArrowFile | Self::ArrowStream => "Arrow IPC",
            Self::TfRecord => "TFRecord",
            Self::InferenceLog => "Open Inference Protocol",
            Self::PredictionLog => "PredictionLog",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A file on disk: the user's own, or a temporary one that goes when it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// What messages call it.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    /// Whether nobody else can read it: it was made by this process, or came by standard input.
    #[cfg_attr(
        not(feature = "cluster"),
        expect(dead_code, reason = "files are sent to clusters alone")
    )]
    own: bool,
    _temporary: Option<Arc<TempPath>>,
}

impl DataFile {
    /// A temporary Parquet file, removed when the last clone is dropped.
    pub(crate) fn temporary_parquet(path: TempPath) -> Self {
        Self {
            name: "temporary file".into(),
            path: path.to_path_buf(),
            format: Format::Parquet,
            compression: Compression::None,
            own: true,
            _temporary: Some(Arc::new(path)),
        }
    }

    /// Its bytes, decompressed.
    pub(crate) fn open(&self) -> Result<Box<dyn Read + Send>, EngineError> {
        open(&self.path, self.compression).map_err(|error| EngineError::io(&self.name, &error))
    }

    /// The error for what went wrong while reading it.
    pub(crate) fn malformed(&self, reason: impl ToString) -> EngineError {
        EngineError::Malformed {
            file: self.name.clone(),
            format: self.format.name().into(),
            reason: reason.to_string(),
        }
    }

    /// The error for a read that failed: damaged compression, or the system's no.
    pub(crate) fn read_error(&self, error: &io::Error) -> EngineError {
        let damaged = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        );
        match self.compression {
            Compression::Gzip if damaged => EngineError::Malformed {
                file: self.name.clone(),
                format: "gzip".into(),
                reason: error.to_string(),
            },
            // The zstd library reports every kind of damage as `Other`.
            Compression::Zstd if damaged || error.kind() == io::ErrorKind::Other => {
                EngineError::Malformed {
                    file: self.name.clone(),
                    format: "zstd".into(),
                    reason: error.to_string(),
                }
            }
            _ => EngineError::io(&self.name, error),
        }
    }
}

fn open(path: &Path, compression: Compression) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    Ok(match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    })
}

/// A file with what was learnt about its columns.
#[derive(Debug, Clone)]
pub(crate) struct Readable {
    pub(crate) file: DataFile,
    pub(crate) layout: Layout,
    /// The columns that it holds.
    pub(crate) schema: SchemaRef,
    /// The columns that are in its path.
    pub(crate) constants: Vec<(FieldRef, ScalarValue)>,
}

impl Readable {
    /// What is known of the row groups of a Parquet file.
    fn row_groups(&self) -> &profile_scan::RowGroups {
        match &self.layout {
            Layout::Parquet { row_groups, .. } => row_groups,
            _ => unreachable!("a Parquet file has a Parquet layout"),
        }
    }
}

/// What reading needs beside the schema.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    Parquet {
        size_bytes: u64,
        row_groups: Arc<profile_scan::RowGroups>,
    },
    Csv(csv::Dialect),
    /// Records that are damaged, and left out.
    TfRecord {
        skipped: u64,
    },
    Other,
}

/// Finds the files of a source, looks at each, and makes one table of them.
///
/// This reads text files and TFRecords once from end to end, so that types fit all rows and
/// every mistake is known by its line. Blocking: call it off the async threads.
pub(crate) fn open_source(source: &Source) -> Result<SourceTable, EngineError> {
    let mut readable = Vec::new();
    let mut tolerance = tfrecord::Tolerance::new(source.skip_corrupt);
    for file in serving::with_rows(discover::discover(source)?, &mut tolerance)? {
        let (layout, schema) = match file.format {
            Format::Parquet => parquet::inspect(&file)?,
            Format::Csv => csv::inspect(&file, &source.csv)?,
            Format::JsonLines => jsonl::inspect(&file, &source.types)?,
            Format::ArrowFile | Format::ArrowStream => arrow_ipc::inspect(&file)?,
            Format::TfRecord => tfrecord::inspect(&file, &mut tolerance)?,
            Format::InferenceLog | Format::PredictionLog => {
                unreachable!("a log is a table of its rows by now")
            }
        };
        schema::refuse_duplicates(&file.name, &schema)?;
        readable.push(Readable {
            file,
            layout,
            schema,
            constants: Vec::new(),
        });
    }
    partition::add(&mut readable);
    let schema = schema::unify(&readable)?;
    Ok(SourceTable::new(schema, readable))
}

/// The words of a file: its lines, or the records of a TFRecord file; plain or
/// compressed.
///
/// # Errors
/// As [`Engine::open`](crate::Engine::open) for what is missing or unreadable, and
/// [`EngineError::NotUtf8`] and [`EngineError::Record`] for words that are no UTF-8.
pub fn words(path: &Path) -> Result<Vec<String>, EngineError> {
    let source = Source::new(path.display().to_string());
    let mut words = Vec::new();
    for file in discover::discover(&source)? {
        if matches!(file.format, Format::TfRecord | Format::PredictionLog) {
            for (record, word) in (1..).zip(tfrecord::all(&file)?) {
                words.push(String::from_utf8(word).map_err(|_| EngineError::Record {
                    file: file.name.clone(),
                    record,
                    offset: 0,
                    reason: "a word that is no UTF-8".into(),
                })?);
            }
            continue;
        }
        let mut reader = BufReader::new(file.open()?);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes);
            if read.map_err(|error| file.read_error(&error))? == 0 {
                break;
            }
            let word = std::str::from_utf8(&bytes).map_err(|_| EngineError::NotUtf8 {
                file: file.name.clone(),
                line,
            })?;
            words.push(word.trim().to_owned());
        }
    }
    Ok(words)
}

/// The table over temporary Parquet files of one schema.
pub(crate) fn temporary_table(
    schema: SchemaRef,
    files: Vec<TempPath>,
) -> Result<SourceTable, EngineError> {
    let mut readable = Vec::new();
    for path in files {
        let file = DataFile::temporary_parquet(path);
        let (layout, _) = parquet::inspect(&file)?;
        readable.push(Readable {
            file,
            layout,
            schema: Arc::clone(&schema),
            constants: Vec::new(),
        });
    }
    Ok(SourceTable::new(schema, readable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, EngineConfig, profile_file};
    use datafusion::catalog::TableProvider;

    #[tokio::test]
    async fn temporary_files_go_with_the_last_rows_that_read_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool.parquet");
        profile_file::write::<crate::ProfileRow>(&path, []).unwrap();
        let location = path.display().to_string();
        let schema = open_source(&Source::new(location)).unwrap().schema();
        let temporary = TempPath::try_from_path(&path).unwrap();
        let engine = Engine::new(EngineConfig::default()).unwrap();
        let rows = engine
            .rows(temporary_table(schema, vec![temporary]).unwrap())
            .unwrap();
        let derived = rows
            .prepare("SELECT count(*) AS n FROM source")
            .await
            .unwrap();
        drop(rows);
        assert_eq!(derived.collect().await.unwrap()[0].num_rows(), 1);
        assert!(path.exists());
        drop(derived);
        assert!(!path.exists());
    }
}
