//! TFRecords: the bytes as a whole file, and as the data of a record.
#![no_main]

use libfuzzer_sys::fuzz_target;

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}

fuzz_target!(|bytes: &[u8]| {
    driftline_fuzz::read(".tfrecord", bytes, 3);
    // Checksums that nobody finds by chance; the byte 0xfe parts the records.
    let mut file = Vec::new();
    for record in bytes.split(|byte| *byte == 0xfe) {
        let length = (record.len() as u64).to_le_bytes();
        file.extend(length);
        file.extend(masked_crc(&length));
        file.extend(record);
        file.extend(masked_crc(record));
    }
    driftline_fuzz::read(".tfrecord", &file, 0);
});
