//! Bytes as a record of a TFRecord file.

use crc::{CRC_32_ISCSI, Crc};

/// A record: its length, the masked CRC-32C of that, the bytes, and theirs.
///
/// TensorFlow, `tensorflow/core/lib/io/record_writer.h` and `core/lib/hash/crc32c.h`:
/// the checksum is rotated and a constant added, so that a record inside a record does
/// not carry a checksum of itself.
pub fn tfrecord(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [
        &length,
        &masked_crc(&length).to_le_bytes()[..],
        bytes,
        &masked_crc(bytes).to_le_bytes(),
    ]
    .concat()
}

fn masked_crc(bytes: &[u8]) -> u32 {
    let crc = Crc::<u32>::new(&CRC_32_ISCSI).checksum(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
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
        assert_eq!(
            Crc::<u32>::new(&CRC_32_ISCSI).checksum(b"123456789"),
            0xe306_9283
        );
        assert_eq!(&record[12..], 0xa282_ead8_u32.to_le_bytes());
    }
}
