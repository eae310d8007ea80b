//! Schema files; what is read must be written so that it is read as the same.
#![no_main]

use driftline_schema::Schema;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(schema) = Schema::from_yaml("fuzz.yaml", text) {
        let written = schema.to_yaml();
        let again = Schema::from_yaml("again.yaml", &written).map(|schema| schema.to_yaml());
        assert_eq!(again.ok(), Some(written));
    }
});
