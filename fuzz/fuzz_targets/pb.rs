//! The binary form of TensorFlow Metadata's messages.
#![no_main]

use driftline_schema::tfmd::{DatasetFeatureStatisticsList, Schema, from_binary, to_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(schema) = from_binary::<Schema>("fuzz.pb", bytes) {
        drop(to_text(&schema));
    }
    if let Ok(list) = from_binary::<DatasetFeatureStatisticsList>("fuzz.pb", bytes) {
        drop(to_text(&list));
    }
});
