//! Rows into full batches of one length, and outputs back to their rows.
//!
//! A recurrent network without a mask reads its padding, so a padded text would be scored by
//! the length of its neighbours. Here a batch holds texts of exactly one length, and a short
//! batch is filled with repeated rows, whose outputs are dropped: a row is scored in a batch
//! of the same shape whatever its company. Equal rows are scored once.

use rustc_hash::FxHashMap;

use crate::features::{Encoded, Layout};
use crate::runtime::{Runtime, values};

/// Why a batch could not be run.
pub(crate) struct Failed {
    pub(crate) length: usize,
    pub(crate) problem: String,
}

/// Hands the outputs of each of `rows` to `take`, with its place in `rows`; rows whose text
/// has nothing to read are left out.
pub(crate) fn run(
    layout: &Layout,
    runtime: &Runtime,
    encoded: &Encoded,
    rows: &[usize],
    mut take: impl FnMut(usize, &[&[f32]]) -> Result<(), String>,
) -> Result<(), Failed> {
    let tokens: Vec<Vec<i64>> = rows
        .iter()
        .map(|&row| layout.tokens(encoded, row))
        .collect();
    let length = |at: usize| layout.length(&tokens[at]);
    let mut by_length: Vec<usize> = (0..rows.len())
        .filter(|&at| !layout.reads_text() || !tokens[at].is_empty())
        .collect();
    by_length.sort_by_key(|&at| length(at));

    let batch_size = runtime.batch_size();
    for group in by_length.chunk_by(|&a, &b| length(a) == length(b)) {
        let length = length(group[0]);
        for chunk in group.chunks(batch_size) {
            let filled = chunk.iter().cycle().take(batch_size);
            let batch: Vec<(&[i64], usize)> = filled
                .map(|&at| (tokens[at].as_slice(), rows[at]))
                .collect();
            let run = || {
                let outputs = runtime.run(layout.tensors(encoded, &batch, length)?)?;
                outputs.iter().map(values).collect::<Result<Vec<_>, _>>()
            };
            let failed = |problem| Failed { length, problem };
            let outputs = run().map_err(failed)?;
            for (place, &at) in chunk.iter().enumerate() {
                let of_row: Vec<&[f32]> = outputs
                    .iter()
                    .map(|values| {
                        let width = values.len() / batch_size;
                        &values[place * width..(place + 1) * width]
                    })
                    .collect();
                take(at, &of_row).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// The first row of each key, with the rows' keys.
pub(crate) struct Distinct {
    pub(crate) keys: Vec<Option<u128>>,
    pub(crate) first: Vec<(u128, usize)>,
}

/// Rows that differ, among those that can have a score.
pub(crate) fn distinct(encoded: &Encoded) -> Distinct {
    let keys = encoded.keys();
    let mut seen: FxHashMap<u128, ()> = FxHashMap::default();
    let first = keys
        .iter()
        .enumerate()
        .filter_map(|(row, key)| Some(((*key)?, row)))
        .filter(|(key, _)| seen.insert(*key, ()).is_none())
        .collect();
    Distinct { keys, first }
}
