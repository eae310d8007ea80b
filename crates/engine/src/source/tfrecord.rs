//! TFRecord files of `tf.Example` or `tf.SequenceExample`.
//!
//! A file is read twice: for the kinds of its features and for records that are
//! damaged, and for rows. A damaged record is an error with its number and place,
//! unless the source tolerates some.

mod columns;
pub(super) mod example;
mod facts;
mod framing;

pub(crate) use framing::{Frame, Place, Records, begins, write as write_record};

use super::{DataFile, Layout, table::Batches};
use crate::EngineError;
use columns::Columns;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use example::Record;
use facts::Facts;
use prost::Message;
use std::{
    io::{BufReader, Read},
    sync::Arc,
};

/// Bytes of records after which a batch is handed on, however few they are: images
/// are large, and offsets into an array of bytes have 31 bits.
const BATCH_BYTES: usize = 64 << 20;

/// Damaged records that a source tolerates, counted over its files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    /// Those that may still come.
    left: u64,
    /// Those that were asked to be tolerated.
    of: u64,
}

impl Tolerance {
    pub(super) fn new(of: u64) -> Self {
        Self { left: of, of }
    }

    /// Leaves a record out, and says so.
    ///
    /// # Errors
    /// [`EngineError::Record`] for one more than is tolerated.
    pub(super) fn leave_out(
        &mut self,
        file: &DataFile,
        place: Place,
        reason: &str,
    ) -> Result<(), EngineError> {
        if self.left == 0 {
            return Err(file.bad_record(place, beyond(reason, self.of)));
        }
        self.left -= 1;
        tracing::warn!(
            "`{}` record {} at byte {} is skipped: {reason}",
            file.name,
            place.record,
            place.offset
        );
        Ok(())
    }
}

/// Reads all records once, for the kinds of the features and for damage.
pub(super) fn inspect(
    file: &DataFile,
    tolerance: &mut Tolerance,
) -> Result<(Layout, SchemaRef), EngineError> {
    let mut facts = Facts::default();
    let mut reader = Reader::open(file)?;
    let mut skipped = 0;
    loop {
        match reader.next()? {
            None => break,
            Some((place, Ok(record))) => {
                facts
                    .add(place.record, &record)
                    .map_err(|reason| file.bad_record(place, reason))?;
            }
            Some((place, Err(reason))) => {
                tolerance.leave_out(file, place, &reason)?;
                skipped += 1;
            }
        }
    }
    Ok((Layout::TfRecord { skipped }, Arc::new(facts.schema())))
}

/// The way out differs with what was asked for.
fn beyond(reason: &str, tolerated: u64) -> String {
    if tolerated == 0 {
        format!("{reason}; write or copy the file again, or tolerate it by `--skip-corrupt 1`")
    } else {
        format!("{reason}; that is one more than the {tolerated} that `--skip-corrupt` tolerates")
    }
}

/// The batches of the columns of `wanted` that the file has.
pub(super) fn read(
    file: &DataFile,
    own: &Schema,
    wanted: &Schema,
    skipped: u64,
    batch_rows: usize,
) -> Result<Batches, EngineError> {
    let fields: Vec<Field> = wanted
        .fields()
        .iter()
        .filter_map(|field| {
            let own = own.field_with_name(field.name()).ok()?;
            Some(
                own.clone()
                    .with_data_type(layout(own.data_type(), field.data_type())),
            )
        })
        .collect();
    Ok(Box::new(RowReader {
        reader: Some(Reader::open(file)?),
        columns: Columns::new(Arc::new(Schema::new(fields)))?,
        skipped,
        batch_rows,
    }))
}

/// The file's own values in the lists of the table: a cast would take a record without
/// the feature for a list of one null.
fn layout(own: &DataType, wanted: &DataType) -> DataType {
    match (own, wanted) {
        (DataType::Struct(_), wanted) => wanted.clone(),
        (own, DataType::List(item)) if !own.is_nested() => {
            DataType::List(Arc::new(item.as_ref().clone().with_data_type(own.clone())))
        }
        (own, _) => own.clone(),
    }
}

/// The first records, how many they are, and whether they are all there are; damaged
/// ones are left out.
pub(super) fn head(reader: impl Read, rows: usize) -> std::io::Result<(Vec<u8>, u64, bool)> {
    let mut records = Records::new(reader);
    let (mut bytes, mut found) = (Vec::new(), 0);
    while (found as usize) < rows {
        match records.next()? {
            None => return Ok((bytes, found, true)),
            Some((_, Frame::Damaged(_))) => {}
            Some((_, Frame::Data(data))) => {
                framing::write(&mut bytes, data);
                found += 1;
            }
        }
    }
    Ok((bytes, found, false))
}

/// The data of all records of a file.
pub(super) fn all(file: &DataFile) -> Result<Vec<Vec<u8>>, EngineError> {
    let mut records = Records::new(BufReader::new(file.open()?));
    let mut found = Vec::new();
    loop {
        match records.next().map_err(|error| file.read_error(&error))? {
            None => return Ok(found),
            Some((place, Frame::Damaged(how))) => return Err(file.bad_record(place, how)),
            Some((_, Frame::Data(data))) => found.push(data.to_vec()),
        }
    }
}

struct Reader {
    file: DataFile,
    records: Records<BufReader<Box<dyn Read + Send>>>,
    /// Bytes of the record that was read last.
    bytes: usize,
}

/// A record and where it is, or what is wrong with it.
type Found = (Place, Result<Record, String>);

impl Reader {
    fn open(file: &DataFile) -> Result<Self, EngineError> {
        Ok(Self {
            records: Records::new(BufReader::with_capacity(1 << 16, file.open()?)),
            file: file.clone(),
            bytes: 0,
        })
    }

    /// The next record, or what is wrong with it.
    fn next(&mut self) -> Result<Option<Found>, EngineError> {
        let next = self.records.next();
        let found = next.map_err(|error| self.file.read_error(&error))?;
        Ok(found.map(|(place, frame)| {
            let record = match frame {
                Frame::Damaged(how) => Err(how.to_owned()),
                Frame::Data(data) => {
                    self.bytes = data.len();
                    Record::decode(data).map_err(|error| {
                        format!("it is neither a tf.Example nor a tf.SequenceExample ({error})")
                    })
                }
            };
            (place, record)
        }))
    }
}

struct RowReader {
    /// `None` after the end, or an error.
    reader: Option<Reader>,
    columns: Columns,
    /// Damaged records that the first reading met and this one may still meet.
    skipped: u64,
    batch_rows: usize,
}

impl RowReader {
    /// Fills a batch, or what is left of one.
    fn fill(&mut self) -> Result<(), EngineError> {
        let mut bytes = 0;
        while self.columns.rows() < self.batch_rows && bytes < BATCH_BYTES {
            let Some(reader) = &mut self.reader else {
                return Ok(());
            };
            match reader.next()? {
                None => self.reader = None,
                Some((place, Ok(record))) => {
                    bytes += reader.bytes;
                    self.columns
                        .add(&record)
                        .map_err(|reason| reader.file.bad_record(place, reason))?;
                }
                Some((place, Err(reason))) => {
                    if self.skipped == 0 {
                        return Err(reader.file.bad_record(place, reason));
                    }
                    self.skipped -= 1;
                }
            }
        }
        Ok(())
    }
}

impl Iterator for RowReader {
    type Item = Result<datafusion::arrow::array::RecordBatch, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.reader = None;
            return Some(Err(error));
        }
        (self.columns.rows() > 0).then(|| Ok(self.columns.finish()?))
    }
}

impl DataFile {
    /// The error for a record that is damaged, or does not fit those before it.
    pub(super) fn bad_record(&self, place: Place, reason: impl Into<String>) -> EngineError {
        EngineError::Record {
            file: self.name.clone(),
            record: place.record,
            offset: place.offset,
            reason: reason.into(),
        }
    }
}
