//! The dialect of a CSV file, its types and its rows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| driftline_fuzz::read(".csv", bytes, 0));
