//! Arrow IPC: files and streams.
//!
//! The lengths that a file claims are not believed: the readers of Arrow make room for as
//! much as a message says, and a damaged length would end the process.

use super::{DataFile, Format, Layout, table::Batches};
use crate::EngineError;
use datafusion::arrow::{
    array::RecordBatch,
    buffer::Buffer,
    datatypes::SchemaRef,
    error::ArrowError,
    ipc::{
        Block,
        reader::{FileReader, StreamDecoder, read_footer_length},
        root_as_footer,
    },
};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
};

/// Bytes of a stream that are read at once.
const CHUNK: usize = 1 << 16;
/// The length of the footer and the magic word, at the end of a file.
const TAIL: u64 = 10;

pub(super) fn inspect(file: &DataFile) -> Result<(Layout, SchemaRef), EngineError> {
    let schema = match file.format {
        Format::ArrowFile => file_reader(file, None)?.schema(),
        _ => Stream::open(file)?.schema()?,
    };
    Ok((Layout::Other, schema))
}

/// The batches of the columns at `projection`.
pub(super) fn read(file: &DataFile, projection: Vec<usize>) -> Result<Batches, EngineError> {
    let malformed = file.clone();
    Ok(match file.format {
        Format::ArrowFile => Box::new(
            file_reader(file, Some(projection))?
                .map(move |batch| batch.map_err(|error| malformed.malformed(error))),
        ),
        _ => Box::new(Stream::open(file)?.map(move |batch| {
            let projected = |batch: RecordBatch| batch.project(&projection);
            batch.and_then(|batch| projected(batch).map_err(|error| malformed.malformed(error)))
        })),
    })
}

fn file_reader(
    file: &DataFile,
    projection: Option<Vec<usize>>,
) -> Result<FileReader<BufReader<File>>, EngineError> {
    let failed = |error: std::io::Error| EngineError::io(&file.name, &error);
    let mut opened = File::open(&file.path).map_err(failed)?;
    check_blocks(&mut opened).map_err(|error| file.malformed(error))?;
    opened.rewind().map_err(failed)?;
    FileReader::try_new(BufReader::new(opened), projection).map_err(|error| file.malformed(error))
}

/// Whether all that the footer lists lies within the file.
fn check_blocks(file: &mut File) -> Result<(), ArrowError> {
    let outside = || ArrowError::IpcError("the footer points outside the file".to_owned());
    let size = file.seek(SeekFrom::End(0))?;
    let tail_at = size.checked_sub(TAIL).ok_or_else(outside)?;
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = [0; TAIL as usize];
    file.read_exact(&mut tail)?;
    let footer_bytes = read_footer_length(tail)?;
    let footer_at = tail_at
        .checked_sub(footer_bytes as u64)
        .ok_or_else(outside)?;
    file.seek(SeekFrom::Start(footer_at))?;
    let mut footer = vec![0; footer_bytes];
    file.read_exact(&mut footer)?;
    let footer = root_as_footer(&footer)
        .map_err(|error| ArrowError::ParseError(format!("the footer does not parse: {error}")))?;
    let within = |block: &Block| {
        let parts = [
            block.offset(),
            i64::from(block.metaDataLength()),
            block.bodyLength(),
        ];
        let sum = |all: u64, part| all.checked_add(u64::try_from(part).ok()?);
        parts
            .into_iter()
            .try_fold(0, sum)
            .is_some_and(|end| end <= footer_at)
    };
    let lists = [footer.dictionaries(), footer.recordBatches()];
    match lists.into_iter().flatten().flatten().all(within) {
        true => Ok(()),
        false => Err(outside()),
    }
}

/// A stream of batches, decoded as its bytes come in.
struct Stream {
    file: DataFile,
    source: Box<dyn Read + Send>,
    decoder: StreamDecoder,
    waiting: Buffer,
    ended: bool,
}

impl Stream {
    fn open(file: &DataFile) -> Result<Self, EngineError> {
        Ok(Self {
            file: file.clone(),
            source: file.open()?,
            decoder: StreamDecoder::new(),
            waiting: Buffer::from(Vec::<u8>::new()),
            ended: false,
        })
    }

    /// What comes before the first batch.
    fn schema(&mut self) -> Result<SchemaRef, EngineError> {
        loop {
            if let Some(schema) = self.decoder.schema() {
                return Ok(schema);
            }
            if self.next_batch()?.is_none() {
                let schema = self.decoder.schema();
                return schema.ok_or_else(|| self.file.malformed("it holds no schema"));
            }
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, EngineError> {
        loop {
            let decoded = self.decoder.decode(&mut self.waiting);
            if let Some(batch) = decoded.map_err(|error| self.file.malformed(error))? {
                return Ok(Some(batch));
            }
            let mut chunk = Vec::with_capacity(CHUNK);
            let mut part = self.source.by_ref().take(CHUNK as u64);
            let read = part.read_to_end(&mut chunk);
            if read.map_err(|error| self.file.read_error(&error))? == 0 {
                let finished = self.decoder.finish();
                finished.map_err(|error| self.file.malformed(error))?;
                return Ok(None);
            }
            self.waiting = Buffer::from(chunk);
        }
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_batch().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
