//! Whatever a file holds, reading it ends with rows or an error, never a panic.

use super::{compressed, encoded, engine, write};
use driftline_engine::Source;
use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Opens a file and reads all its rows; whether there are any.
fn read(runtime: &Runtime, directory: &TempDir, name: &str, bytes: &[u8]) -> bool {
    let path = write(directory, name, bytes);
    let source = Source {
        skip_corrupt: 2,
        ..Source::new(path.display().to_string())
    };
    runtime.block_on(async {
        match engine().open(&source).await {
            Ok(rows) => rows.collect().await.is_ok(),
            Err(_) => false,
        }
    })
}

const NAMES: [&str; 7] = [
    "any.csv",
    "any.tsv",
    "any.jsonl",
    "any.parquet",
    "any.arrow",
    "any.tfrecord",
    "any",
];

#[test]
fn files_of_any_bytes_are_read_or_refused() {
    let (runtime, directory) = (Runtime::new().unwrap(), TempDir::new().unwrap());
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        any::<String>().prop_map(String::into_bytes),
        "[a-c0-9,;\t\"'|.\n\r -]{0,80}".prop_map(String::into_bytes),
        "[\\[\\]{}:,\"a-c0-9.e\n -]{0,80}".prop_map(String::into_bytes),
    ];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(150));
    runner
        .run(&(0..NAMES.len(), bytes), |(name, bytes)| {
            read(&runtime, &directory, NAMES[name], &bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn damaged_files_of_every_format_are_read_or_refused() {
    let (runtime, directory) = (Runtime::new().unwrap(), TempDir::new().unwrap());
    let mut files: Vec<(String, Vec<u8>)> = ["parquet", "csv", "jsonl", "arrow", "arrows"]
        .iter()
        .map(|format| (format!("whole.{format}"), encoded(format)))
        .collect();
    files.push(("whole.tfrecord".into(), super::tfrecord::three_records()));
    files.push(("log.jsonl".into(), super::serving::exchanges().into_bytes()));
    let predictions = super::serving::of_tensorflow("predict.tfrecord");
    files.push((
        "predict.tfrecord".into(),
        std::fs::read(predictions).unwrap(),
    ));
    for (name, bytes) in files.clone() {
        assert!(read(&runtime, &directory, &name, &bytes), "{name}");
        files.push((format!("{name}.gz"), compressed(&bytes, "gz")));
    }
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    runner
        .run(
            &(0..files.len(), wounds, any::<bool>()),
            |(file, wounds, cut)| {
                let (name, mut bytes) = files[file].clone();
                for (at, byte) in &wounds {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                if cut {
                    bytes.truncate(wounds[0].0.index(bytes.len()));
                }
                read(&runtime, &directory, &name, &bytes);
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn a_damaged_length_in_arrow_asks_for_no_memory() {
    let (runtime, directory) = (Runtime::new().unwrap(), TempDir::new().unwrap());
    for format in ["arrow", "arrows"] {
        let whole = encoded(format);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x7f;
            read(&runtime, &directory, &format!("any.{format}"), &bytes);
        }
    }
}
