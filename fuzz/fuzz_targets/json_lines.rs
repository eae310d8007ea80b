//! JSON Lines.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| driftline_fuzz::read(".jsonl", bytes, 0));
