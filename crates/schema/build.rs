//! Turns the message definitions under `proto/` into Rust types and a descriptor set.
//!
//! Both come from one compilation, so the text format (by the descriptors) and the
//! binary format (by the types) cannot disagree. The compiler is a library: no
//! `protoc` is needed on the machine.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 7] = [
    "tensorflow_metadata/proto/v0/schema.proto",
    "tensorflow_metadata/proto/v0/statistics.proto",
    "tensorflow_metadata/proto/v0/anomalies.proto",
    "tensorflow_data_validation/anomalies/proto/validation_config.proto",
    "tensorflow_data_validation/anomalies/proto/feature_statistics_to_proto.proto",
    "tensorflow_data_validation/anomalies/proto/custom_validation_config.proto",
    "tensorflow_data_validation/anomalies/proto/validation_metadata.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let files = protox::compile(FILES, ["proto"])?;
    fs::write(out.join("descriptors.bin"), files.encode_to_vec())?;
    let mut config = prost_build::Config::new();
    // Keys of a map in the order that a reader expects, and the same each time.
    config.btree_map(["."]);
    config.include_file("messages.rs");
    config.compile_fds(files)?;
    Ok(())
}
