//! Bytes as a record of a TFRecord file.

use crate::source::write_record;

/// A record: its length, the masked CRC-32C of that, the bytes, and theirs.
pub fn tfrecord(bytes: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    write_record(&mut record, bytes);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by TensorFlow's own writer for an empty record: both checksums are those
    /// of eight zero bytes and of nothing.
    #[test]
    fn an_empty_record_has_tensorflows_checksums() {
        let record = tfrecord(b"");
        assert_eq!(record.len(), 16);
        assert_eq!(&record[12..], 0xa282_ead8_u32.to_le_bytes());
    }
}
