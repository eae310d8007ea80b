//! Pipeline files.
#![no_main]

use driftline_pipeline::Pipeline;
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;

fuzz_target!(|text: &str| {
    drop(Pipeline::parse(text, "fuzz.yaml", HashMap::new()));
});
