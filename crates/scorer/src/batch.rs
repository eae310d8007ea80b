//! Texts into full batches of one length, and scores back to their rows.
//!
//! A recurrent network without a mask reads its padding, so a padded text
//! would be scored by the length of its neighbours. Here a batch holds texts
//! of exactly one length, and a short one is filled with repeated rows, whose
//! scores are dropped. Equal texts are scored once.

use rustc_hash::FxHashMap;

use crate::runtime::Runtime;
use crate::{ScorerError, Tokenizer};

/// One probability per row; none where the row is null or its text is empty
/// after normalisation.
pub(crate) fn probabilities<'a>(
    rows: impl IntoIterator<Item = Option<&'a str>>,
    tokenizer: &Tokenizer,
    runtime: &Runtime,
    failed: impl Fn(usize, String) -> ScorerError,
) -> Result<Vec<Option<f32>>, ScorerError> {
    let mut number_of: FxHashMap<&str, usize> = FxHashMap::default();
    let mut tokens: Vec<Vec<i64>> = Vec::new();
    let numbers: Vec<Option<usize>> = rows
        .into_iter()
        .map(|row| {
            row.map(|text| {
                *number_of.entry(text).or_insert_with(|| {
                    tokens.push(tokenizer.encode(text));
                    tokens.len() - 1
                })
            })
        })
        .collect();

    let mut by_length: Vec<usize> = (0..tokens.len())
        .filter(|&number| !tokens[number].is_empty())
        .collect();
    by_length.sort_by_key(|&number| tokens[number].len());

    let batch_size = runtime.batch_size();
    let mut scores: Vec<Option<f32>> = vec![None; tokens.len()];
    for group in by_length.chunk_by(|&a, &b| tokens[a].len() == tokens[b].len()) {
        let length = tokens[group[0]].len();
        for texts in group.chunks(batch_size) {
            let filled = texts.iter().cycle().take(batch_size);
            let batch = filled.flat_map(|&number| tokens[number].iter().copied());
            let values = runtime
                .run(batch.collect(), length)
                .map_err(|problem| failed(length, problem))?;
            for (&number, value) in texts.iter().zip(values) {
                scores[number] = Some(value);
            }
        }
    }
    Ok(numbers
        .into_iter()
        .map(|number| number.and_then(|number| scores[number]))
        .collect())
}
