//! The records of a TFRecord file.
//!
//! A record is a length in eight bytes (little-endian), the masked CRC-32C of those
//! bytes, the data, and the masked CRC-32C of the data. There is no mark between
//! records: where a length is damaged, the next record is found by looking for eight
//! bytes whose checksum follows them.
//!
//! Source of the format and of the mask: TensorFlow's guide "TFRecord and
//! tf.train.Example", section "TFRecords format details".

use crc::{CRC_32_ISCSI, Crc, Table};
use std::io::{self, Read};

/// Bytes before the data of a record.
pub(crate) const HEADER_BYTES: usize = 12;

/// A protocol buffer is at most 2 GiB, so a greater length is no length.
const MOST_BYTES: u64 = i32::MAX as u64;

const CASTAGNOLI: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The checksum of some bytes as it is written beside them.
pub(crate) fn masked_crc(bytes: &[u8]) -> u32 {
    CASTAGNOLI
        .checksum(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// The length that a header speaks of, where its checksum is right.
pub(crate) fn length(header: &[u8; HEADER_BYTES]) -> Option<u64> {
    let (length, checksum) = header.split_first_chunk::<8>()?;
    let checksum = u32::from_le_bytes(checksum.try_into().ok()?);
    (masked_crc(length) == checksum).then(|| u64::from_le_bytes(*length))
}

/// Whether a file begins like a TFRecord file: its first length has its checksum.
pub(crate) fn begins(head: &[u8]) -> bool {
    head.first_chunk()
        .is_some_and(|header| length(header).is_some())
}

/// What was found at a place of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The data of a record.
    Data(&'a [u8]),
    /// A record that is damaged, and how.
    Damaged(&'static str),
}

/// The place of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The record, from 1; damaged ones count.
    pub(crate) record: u64,
    /// Bytes before it, after decompression.
    pub(crate) offset: u64,
}

/// The records of a reader, one after the other.
pub(crate) struct Records<R> {
    reader: R,
    /// Bytes read so far.
    offset: u64,
    record: u64,
    data: Vec<u8>,
    /// The length before was damaged: the next record begins at an unknown place.
    lost: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            offset: 0,
            record: 0,
            data: Vec::new(),
            lost: false,
        }
    }

    /// The next record and its place; `None` at the end.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Place, Frame<'_>)>> {
        let mut header = [0; HEADER_BYTES];
        let start = self.offset;
        let read = self.fill(&mut header)?;
        let lost = std::mem::take(&mut self.lost);
        if read == 0 {
            return Ok(None);
        }
        let mut place = Place {
            record: self.record + 1,
            offset: start,
        };
        if read < HEADER_BYTES {
            // What follows a damaged length is part of the damage.
            return Ok((!lost).then(|| self.damaged(place, "the file ends within its length")));
        }
        let mut found = length(&header);
        if lost {
            while found.is_none() {
                header.copy_within(1.., 0);
                if self.fill(&mut header[HEADER_BYTES - 1..])? == 0 {
                    return Ok(None);
                }
                found = length(&header);
            }
            place.offset = self.offset - HEADER_BYTES as u64;
        }
        let length = match found {
            Some(length) if length <= MOST_BYTES => length,
            Some(_) => {
                self.lost = true;
                return Ok(Some(self.damaged(place, "it is longer than 2 GiB")));
            }
            None => {
                self.lost = true;
                return Ok(Some(
                    self.damaged(place, "the checksum of its length is wrong"),
                ));
            }
        };
        // The memory grows with what is there, not with what the length promises.
        self.data.clear();
        self.reader
            .by_ref()
            .take(length + 4)
            .read_to_end(&mut self.data)?;
        self.offset += self.data.len() as u64;
        if (self.data.len() as u64) < length + 4 {
            return Ok(Some(self.damaged(place, "the file ends within it")));
        }
        let Some((data, checksum)) = self.data.split_last_chunk::<4>() else {
            return Ok(Some(self.damaged(place, "the file ends within it")));
        };
        if masked_crc(data) != u32::from_le_bytes(*checksum) {
            return Ok(Some(
                self.damaged(place, "the checksum of its data is wrong"),
            ));
        }
        self.record += 1;
        let length = data.len();
        Ok(Some((place, Frame::Data(&self.data[..length]))))
    }

    fn damaged(&mut self, place: Place, how: &'static str) -> (Place, Frame<'static>) {
        self.record += 1;
        (place, Frame::Damaged(how))
    }

    /// Reads as many bytes as there are, at most as many as fit.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.reader.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }
}

/// Writes a record behind others.
pub(crate) fn write(into: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    into.extend(length);
    into.extend(masked_crc(&length).to_le_bytes());
    into.extend(data);
    into.extend(masked_crc(data).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = Vec<(u64, u64, Result<Vec<u8>, &'static str>)>;

    fn all(bytes: &[u8]) -> Seen {
        let mut records = Records::new(bytes);
        let mut seen = Vec::new();
        while let Some((place, frame)) = records.next().unwrap() {
            let frame = match frame {
                Frame::Data(data) => Ok(data.to_vec()),
                Frame::Damaged(how) => Err(how),
            };
            seen.push((place.record, place.offset, frame));
        }
        seen
    }

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        for data in [&b"one"[..], b"", b"three"] {
            write(&mut bytes, data);
        }
        bytes
    }

    /// CRC-32C of "123456789" is 0xe3069283 (RFC 3720, appendix B.4, and the catalogue
    /// of CRC algorithms), of 32 bytes of zero 0x8a9136aa; the mask is rotation by 15
    /// and an addition.
    #[test]
    fn the_checksum_is_the_masked_castagnoli() {
        assert_eq!(CASTAGNOLI.checksum(b"123456789"), 0xe306_9283);
        assert_eq!(CASTAGNOLI.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(
            masked_crc(b"123456789"),
            0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }

    #[test]
    fn records_come_with_number_and_offset() {
        assert_eq!(
            all(&three()),
            [
                (1, 0, Ok(b"one".to_vec())),
                (2, 19, Ok(Vec::new())),
                (3, 35, Ok(b"three".to_vec())),
            ]
        );
    }

    #[test]
    fn damaged_data_costs_one_record() {
        let mut bytes = three();
        bytes[13] ^= 1;
        let seen = all(&bytes);
        assert_eq!(seen[0], (1, 0, Err("the checksum of its data is wrong")));
        assert_eq!(seen[1..], all(&three())[1..]);
    }

    #[test]
    fn after_a_damaged_length_the_next_record_is_found() {
        let mut bytes = three();
        bytes[0] ^= 1;
        let seen = all(&bytes);
        assert_eq!(seen[0], (1, 0, Err("the checksum of its length is wrong")));
        assert_eq!(seen[1..], all(&three())[1..]);
    }

    #[test]
    fn a_cut_file_ends_with_a_damaged_record() {
        let bytes = three();
        for cut in 36..bytes.len() {
            let seen = all(&bytes[..cut]);
            assert_eq!(seen.len(), 3, "cut at {cut}");
            assert!(seen[2].2.is_err(), "cut at {cut}");
        }
        assert_eq!(
            all(&bytes[..35]).len(),
            2,
            "a cut between records is no cut"
        );
    }

    #[test]
    fn a_length_beyond_the_file_takes_no_memory() {
        let mut bytes = Vec::new();
        let length = u64::from(i32::MAX as u32).to_le_bytes();
        bytes.extend(length);
        bytes.extend(masked_crc(&length).to_le_bytes());
        let mut records = Records::new(&bytes[..]);
        assert!(matches!(
            records.next().unwrap(),
            Some((_, Frame::Damaged(_)))
        ));
        assert!(records.data.capacity() < 1 << 16);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let seen = all(&bytes);
            prop_assert!(seen.len() <= bytes.len());
        }

        #[test]
        fn one_flipped_bit_damages_one_record(flip in 0..(19 + 16 + 21) * 8_usize) {
            let mut bytes = three();
            bytes[flip / 8] ^= 1 << (flip % 8);
            let (seen, whole) = (all(&bytes), all(&three()));
            let damaged = match flip / 8 { 0..19 => 0, 19..35 => 1, _ => 2 };
            prop_assert_eq!(seen.len(), 3);
            for at in 0..3 {
                prop_assert_eq!(seen[at].2.is_err(), at == damaged);
                if at != damaged {
                    prop_assert_eq!(&seen[at], &whole[at]);
                }
            }
        }
    }
}
