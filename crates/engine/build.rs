//! Names the build: a hash of what gives a plan or a state its meaning. Programs that talk to
//! each other in a cluster compare it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The crates whose code is in plans and states, and the versions of everything else.
const MEANING: [&str; 5] = [
    "src",
    "../statistics/src",
    "../scorer/src",
    "../vocabulary/src",
    "../../Cargo.lock",
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for place in MEANING {
        println!("cargo:rerun-if-changed={place}");
        find(Path::new(place), &mut files)?;
    }
    files.sort();
    // FNV-1a of 64 bits: it tells builds apart, and nobody is kept out by it.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let name = file.to_string_lossy().into_owned().into_bytes();
        for byte in name.into_iter().chain(fs::read(&file)?) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    println!("cargo:rustc-env=DRIFTLINE_BUILD={hash:016x}");
    Ok(())
}

fn find(place: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !place.is_dir() {
        files.push(place.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(place)? {
        find(&entry?.path(), files)?;
    }
    Ok(())
}
