//! Bytes as records of a TFRecord file, and back.

use crate::{
    EngineError,
    source::{Frame, Records, begins, write_record},
};
use flate2::read::MultiGzDecoder;
use std::io::Read;

/// With these a gzip file begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A record: its length, the masked CRC-32C of that, the bytes, and theirs.
pub fn tfrecord(bytes: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    write_record(&mut record, bytes);
    record
}

/// The records of a TFRecord file, plain or compressed by gzip; `None` where the bytes are no
/// such file.
///
/// # Errors
/// [`EngineError::Record`] for one that is damaged, and [`EngineError::Unreadable`] where gzip
/// is.
pub fn tfrecords(file: &str, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, EngineError> {
    let mut unpacked = Vec::new();
    let bytes = if bytes.starts_with(&GZIP) {
        let unpack = MultiGzDecoder::new(bytes).read_to_end(&mut unpacked);
        unpack.map_err(|error| EngineError::Unreadable {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
        unpacked.as_slice()
    } else {
        bytes
    };
    if !begins(bytes) {
        return Ok(None);
    }
    let mut records = Records::new(bytes);
    let mut found = Vec::new();
    let unreadable = |error: std::io::Error| EngineError::Unreadable {
        file: file.to_owned(),
        reason: error.to_string(),
    };
    while let Some((place, frame)) = records.next().map_err(unreadable)? {
        match frame {
            Frame::Data(data) => found.push(data.to_vec()),
            Frame::Damaged(reason) => {
                return Err(EngineError::Record {
                    file: file.to_owned(),
                    record: place.record,
                    offset: place.offset,
                    reason: reason.to_owned(),
                });
            }
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_and_a_damaged_one_is_named() {
        let mut file = [tfrecord(b"one"), tfrecord(b"two")].concat();
        let records = tfrecords("f", &file).unwrap();
        assert_eq!(records, Some(vec![b"one".to_vec(), b"two".to_vec()]));
        assert_eq!(tfrecords("f", b"datasets { }").unwrap(), None);
        *file.last_mut().unwrap() ^= 1;
        let error = tfrecords("f", &file).unwrap_err().to_string();
        assert!(error.starts_with("`f` record 2 at byte 19"), "{error}");
    }

    /// Written by TensorFlow's own writer for an empty record: both checksums are those
    /// of eight zero bytes and of nothing.
    #[test]
    fn an_empty_record_has_tensorflows_checksums() {
        let record = tfrecord(b"");
        assert_eq!(record.len(), 16);
        assert_eq!(&record[12..], 0xa282_ead8_u32.to_le_bytes());
    }
}
