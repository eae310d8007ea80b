//! The head of a source as a file of its own, and how large the whole is: what an
//! estimate of a run needs, without reading the run's data.

use super::{Compression, DataFile, Format, Source, arrow_ipc, discover, parquet, tfrecord};
use crate::{Engine, EngineError, rows::COLUMNS_AT_ONCE};
use datafusion::{
    arrow::array::RecordBatch,
    parquet::{
        arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
        file::metadata::{ParquetMetaData, RowGroupMetaData},
    },
};
use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read, Write},
    rc::Rc,
};
use tempfile::{Builder, TempPath};

/// How large a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceSize {
    /// Its files.
    pub files: usize,
    /// Their bytes on disk.
    pub size_bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Whether the files say how many rows they hold, rather than their heads suggest it.
    pub rows_exact: bool,
    /// Streams that its rows can be read in, whatever the number of threads.
    pub most_streams: u64,
    /// Bytes that a stream holds of a file while it reads, at most: those columns of a row
    /// group that are read in one pass, where the format has such.
    pub group_bytes: u64,
}

/// The first rows of a source.
#[derive(Debug)]
pub struct SourceHead {
    /// A source of these rows, written as the whole is.
    pub source: Source,
    _file: TempPath,
}

impl Engine {
    /// How large a source is, by the footers of its files where they have them, and by
    /// the first bytes of the first file where not.
    ///
    /// # Errors
    /// As [`open`](Self::open), for what the first bytes and the footers show.
    pub async fn size(&self, source: &Source) -> Result<SourceSize, EngineError> {
        let source = source.clone();
        blocking(move || size(&source)).await
    }

    /// The first rows of the first file, about as many as are asked for.
    ///
    /// # Errors
    /// As [`size`](Self::size), and [`EngineError::Unwritable`].
    pub async fn head(&self, source: &Source, rows: usize) -> Result<SourceHead, EngineError> {
        let source = source.clone();
        blocking(move || {
            let files = discover::discover(&source)?;
            let first = files.first().ok_or_else(|| EngineError::NoDataFiles {
                directory: source.location.clone(),
            })?;
            let (_, head) = head(&source, first, rows)?;
            Ok(head)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::Query {
            reason: error.to_string(),
        })?
}

/// Rows of the head that a size is told by.
const ROWS_OF_HEAD: usize = 16_384;

fn size(source: &Source) -> Result<SourceSize, EngineError> {
    let mut size = SourceSize {
        files: 0,
        size_bytes: 0,
        rows: 0,
        rows_exact: true,
        most_streams: 0,
        group_bytes: 0,
    };
    // Rows for each byte on disk, of the first file that does not tell its rows.
    let mut density = None;
    for file in discover::discover(source)? {
        let about = std::fs::metadata(&file.path);
        let bytes = about
            .map_err(|error| EngineError::io(&file.name, &error))?
            .len();
        size.files += 1;
        size.size_bytes += bytes;
        if file.format == Format::Parquet {
            let metadata = parquet::metadata(&file)?;
            size.rows += u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
            size.most_streams += bytes.div_ceil(1 << 20).max(1);
            size.group_bytes = size.group_bytes.max(largest_group(&metadata));
            continue;
        }
        size.most_streams += 1;
        let per_byte = match density {
            Some(density) => density,
            None => {
                let (taken, _) = head(source, &file, ROWS_OF_HEAD)?;
                // The messages of a log are of any number of rows.
                let is_log = matches!(file.format, Format::InferenceLog | Format::PredictionLog);
                size.rows_exact &= taken.whole && !is_log;
                if taken.whole {
                    size.rows += taken.rows;
                    continue;
                }
                let found = taken.rows as f64 / taken.bytes.max(1) as f64;
                density = Some(found);
                found
            }
        };
        size.rows_exact = false;
        size.rows += (bytes as f64 * per_byte).round() as u64;
    }
    Ok(size)
}

/// Bytes of the largest row group that a profile holds in one pass over its columns.
fn largest_group(metadata: &ParquetMetaData) -> u64 {
    let of_pass = |group: &RowGroupMetaData| {
        let columns = group.columns().iter();
        let mut bytes: Vec<u64> = columns
            .map(|column| u64::try_from(column.compressed_size()).unwrap_or(0))
            .collect();
        bytes.sort_unstable_by(|a, b| b.cmp(a));
        bytes.iter().take(COLUMNS_AT_ONCE).sum()
    };
    (metadata.row_groups().iter().map(of_pass).max()).unwrap_or(0)
}

/// What was taken of a file.
struct Taken {
    rows: u64,
    /// Bytes on disk that hold them.
    bytes: u64,
    /// Whether that is all of it.
    whole: bool,
}

fn head(source: &Source, file: &DataFile, rows: usize) -> Result<(Taken, SourceHead), EngineError> {
    let ending = match file.format {
        Format::Parquet | Format::ArrowFile | Format::ArrowStream => ".parquet",
        Format::Csv => ".csv",
        Format::JsonLines => ".jsonl",
        // Lines of messages, or one array of them.
        Format::InferenceLog => ".json",
        Format::TfRecord | Format::PredictionLog => ".tfrecord",
    };
    let unwritable = |error: io::Error| EngineError::unwritable(&std::env::temp_dir(), error);
    let mut into = Builder::new()
        .suffix(ending)
        .tempfile()
        .map_err(unwritable)?;
    let taken = match file.format {
        Format::Parquet => parquet_head(file, rows, into.as_file_mut())?,
        Format::ArrowFile | Format::ArrowStream => arrow_head(file, rows, into.as_file_mut())?,
        Format::Csv
        | Format::JsonLines
        | Format::TfRecord
        | Format::InferenceLog
        | Format::PredictionLog => {
            let counted = Rc::new(Cell::new(0));
            let taken = plain_head(file, rows, &counted)?;
            into.write_all(&taken.0).map_err(unwritable)?;
            Taken {
                rows: taken.1,
                bytes: counted.get(),
                whole: taken.2,
            }
        }
    };
    into.flush().map_err(unwritable)?;
    let path = into.into_temp_path();
    let head = SourceHead {
        source: Source {
            location: path.display().to_string(),
            ..source.clone()
        },
        _file: path,
    };
    Ok((taken, head))
}

fn parquet_head(file: &DataFile, rows: usize, into: &mut File) -> Result<Taken, EngineError> {
    let opened = File::open(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(opened)
        .and_then(|builder| builder.with_limit(rows).build())
        .map_err(|error| file.malformed(error))?;
    let schema = datafusion::arrow::array::RecordBatchReader::schema(&reader);
    write_batches(reader, schema, rows, into)
}

fn arrow_head(file: &DataFile, rows: usize, into: &mut File) -> Result<Taken, EngineError> {
    let (_, schema) = arrow_ipc::inspect(file)?;
    let all = (0..schema.fields().len()).collect();
    let batches = arrow_ipc::read(file, all)?;
    let mut taken = write_batches(batches, schema, rows, into)?;
    // Arrays lie in the file as they do in memory.
    let about = std::fs::metadata(&file.path);
    let size = about
        .map_err(|error| EngineError::io(&file.name, &error))?
        .len();
    taken.bytes = taken.bytes.min(size);
    Ok(taken)
}

fn write_batches<E>(
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
    schema: datafusion::arrow::datatypes::SchemaRef,
    rows: usize,
    into: &mut File,
) -> Result<Taken, EngineError>
where
    EngineError: From<E>,
{
    let failed = |error: datafusion::parquet::errors::ParquetError| {
        EngineError::unwritable(&std::env::temp_dir(), error)
    };
    let mut writer = ArrowWriter::try_new(into, schema, None).map_err(failed)?;
    let mut taken = Taken {
        rows: 0,
        bytes: 0,
        whole: true,
    };
    for batch in batches {
        let batch = batch?;
        let left = rows.saturating_sub(taken.rows as usize);
        if left < batch.num_rows() {
            taken.whole = false;
        }
        if left == 0 {
            break;
        }
        // A part of a batch still holds the memory of the whole.
        let bytes = batch.get_array_memory_size() as u64;
        let all = batch.num_rows().max(1) as u64;
        let batch = batch.slice(0, left.min(batch.num_rows()));
        taken.rows += batch.num_rows() as u64;
        taken.bytes += bytes * batch.num_rows() as u64 / all;
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(taken)
}

/// Bytes of the head that are looked at, at most.
const MOST_BYTES: u64 = 64 << 20;

/// Whole lines or records, decompressed: their bytes and number, and whether they are
/// all there are. Bytes read from the disk are added up.
fn plain_head(
    file: &DataFile,
    rows: usize,
    counted: &Rc<Cell<u64>>,
) -> Result<(Vec<u8>, u64, bool), EngineError> {
    let raw = File::open(&file.path).map_err(|error| EngineError::io(&file.name, &error))?;
    let raw = Counting {
        reader: raw,
        counted: Rc::clone(counted),
    };
    let reader: Box<dyn Read> = match file.compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(raw))),
        Compression::Zstd => Box::new(
            zstd::stream::read::Decoder::new(raw).map_err(|error| file.read_error(&error))?,
        ),
    };
    let mut reader = BufReader::new(reader.take(MOST_BYTES));
    let found = if matches!(file.format, Format::TfRecord | Format::PredictionLog) {
        tfrecord::head(&mut reader, rows)
    } else {
        lines(&mut reader, rows, file.format == Format::Csv)
    };
    let (bytes, rows, whole) = found.map_err(|error| file.read_error(&error))?;
    Ok((bytes, rows, whole && reader.get_ref().limit() > 0))
}

/// Whole lines; a line break between quotes ends none where `quotes`.
fn lines(
    reader: &mut impl io::BufRead,
    rows: usize,
    quotes: bool,
) -> io::Result<(Vec<u8>, u64, bool)> {
    let mut bytes = Vec::new();
    let (mut found, mut quoted, mut start) = (0, false, 0);
    loop {
        let read = reader.read_until(b'\n', &mut bytes)?;
        if read == 0 {
            // What ends within quotes was cut there, or is a quote by itself.
            return Ok((bytes, found, true));
        }
        let line = &bytes[start..];
        quoted ^= quotes && line.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        start = bytes.len();
        if !quoted {
            found += 1;
        }
        if found as usize > rows {
            return Ok((bytes, found, false));
        }
    }
}

struct Counting<R> {
    reader: R,
    counted: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.counted.set(self.counted.get() + read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    fn written(columns: usize) -> tempfile::NamedTempFile {
        let file = Builder::new().suffix(".parquet").tempfile().unwrap();
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
        let named = (0..columns).map(|column| (format!("c{column}"), Arc::clone(&values)));
        let batch = RecordBatch::try_from_iter(named).unwrap();
        let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None);
        let writer = writer.as_mut().unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn of_many_columns_those_of_one_pass_are_held() {
        let held = |columns| {
            let file = written(columns);
            let source = Source::new(file.path().to_str().unwrap());
            size(&source).unwrap().group_bytes
        };
        let of_a_pass = held(COLUMNS_AT_ONCE);
        assert!(of_a_pass > held(COLUMNS_AT_ONCE / 2));
        assert_eq!(held(COLUMNS_AT_ONCE * 4), of_a_pass);
    }
}
