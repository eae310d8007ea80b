//! Decoding a Parquet file and nothing else: what a profile of it cannot do without.

use crate::Error;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::{fs::File, path::Path, thread};

/// Rows of a batch, as the engine reads them.
const BATCH_ROWS: usize = 8_192;

/// Decodes all columns of a file into Arrow arrays of the types of its schema, row groups
/// shared by threads, and gives the number of rows.
///
/// # Errors
/// Where the file cannot be read.
pub fn decode(path: &Path, threads: usize) -> Result<u64, Error> {
    let groups = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?
        .metadata()
        .num_row_groups();
    let share = groups.div_ceil(threads.max(1)).max(1);
    let groups: Vec<usize> = (0..groups).collect();
    thread::scope(|scope| {
        let parts: Vec<_> = groups
            .chunks(share)
            .map(|groups| scope.spawn(|| decode_groups(path, groups)))
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().map_err(|_| "a thread panicked")?)
            .sum()
    })
}

fn decode_groups(path: &Path, groups: &[usize]) -> Result<u64, Error> {
    let mut rows = 0;
    // One group after the other, as a dictionary is that of its group.
    for &group in groups {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS)
            .build()?;
        for batch in reader {
            rows += batch?.num_rows() as u64;
        }
    }
    Ok(rows)
}
