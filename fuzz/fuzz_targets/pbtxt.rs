//! The text form of TensorFlow Metadata's messages, and back.
#![no_main]

use driftline_schema::tfmd::{DatasetFeatureStatisticsList, Named, Schema, from_text, to_text};
use libfuzzer_sys::fuzz_target;

fn both_ways<M: Named + PartialEq>(text: &str) {
    if let Ok(message) = from_text::<M>("fuzz.pbtxt", text) {
        let again = from_text::<M>("again.pbtxt", &to_text(&message));
        // Numbers that are not numbers are not equal to themselves.
        let bytes = |message: &M| message.encode_to_vec();
        assert_eq!(again.map(|again| bytes(&again)).ok(), Some(bytes(&message)));
    }
}

fuzz_target!(|text: &str| {
    both_ways::<Schema>(text);
    both_ways::<DatasetFeatureStatisticsList>(text);
});
