//! States of profiles: what is read must merge and be written again.
#![no_main]

use driftline_statistics::ColumnProfile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = ColumnProfile::from_bytes(bytes) {
        let mut twice = profile.clone();
        drop(twice.merge(&profile));
        let written = twice.to_bytes();
        drop(ColumnProfile::from_bytes(&written));
    }
});
