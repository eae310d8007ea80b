//! The likeliest pieces of a word, each with a probability of its own.
//!
//! Kudo (2018), "Subword regularization: improving neural network translation models with
//! multiple subword candidates", as SentencePiece cuts texts: Viterbi's algorithm, where a
//! character that no piece covers costs more than the least likely piece.

use super::bpe::bytes;
use rustc_hash::FxHashMap;
use serde_json::Value;

/// By how much less likely than the least likely piece an unknown character is, in log units:
/// `kUnkPenalty` of SentencePiece.
const UNKNOWN_PENALTY: f64 = 10.0;

#[derive(Debug)]
pub(super) struct Unigram {
    pieces: FxHashMap<String, (i64, f64)>,
    /// Bytes of the longest piece.
    longest: usize,
    least: f64,
    unknown: i64,
    bytes: Option<Vec<i64>>,
}

/// The best way to a place of a word: its last piece begins here, and is known or is not.
#[derive(Clone, Copy)]
struct Step {
    score: f64,
    start: usize,
    known: Option<i64>,
}

impl Unigram {
    pub(super) fn read(model: &Value) -> Result<Self, String> {
        let listed = model["vocab"]
            .as_array()
            .ok_or("its model has no `vocab`")?;
        let mut pieces: FxHashMap<String, (i64, f64)> = FxHashMap::default();
        for (number, piece) in (0..).zip(listed) {
            let (text, score) = piece[0].as_str().zip(piece[1].as_f64()).ok_or_else(|| {
                format!("piece {number} of its `vocab` is no pair of a text and a number")
            })?;
            if !text.is_empty() {
                pieces.insert(text.to_owned(), (number, score));
            }
        }
        let numbers = pieces
            .iter()
            .map(|(piece, (number, _))| (piece.clone(), *number));
        let fallback = model["byte_fallback"].as_bool().unwrap_or(false);
        let bytes = fallback.then(|| bytes(&numbers.collect())).flatten();
        let unknown = model["unk_id"].as_i64();
        let unknown = unknown.ok_or(
            "its model has no `unk_id`: a character that it does not know would have no number",
        )?;
        if unknown < 0 || unknown >= listed.len() as i64 {
            return Err(format!("its `unk_id` {unknown} is no piece of its `vocab`"));
        }
        Ok(Self {
            longest: pieces.keys().map(String::len).max().unwrap_or(0),
            least: pieces.values().map(|(_, score)| *score).fold(0.0, f64::min),
            pieces,
            unknown,
            bytes,
        })
    }

    pub(super) fn unknown(&self) -> i64 {
        self.unknown
    }

    pub(super) fn greatest(&self) -> i64 {
        let numbers = self.pieces.values().map(|(number, _)| *number);
        numbers.fold(self.unknown, i64::max)
    }

    /// Adds the numbers of a word's pieces. Unknown characters side by side are one.
    pub(super) fn cut(&self, word: &str, into: &mut Vec<i64>) {
        let mut best: Vec<Option<Step>> = vec![None; word.len() + 1];
        for (start, c) in word.char_indices() {
            let until = best[start].map_or(0.0, |step| step.score);
            let single = start + c.len_utf8();
            let mut covers_one = false;
            // A part that ends within a character is none.
            let ends = best.iter_mut().enumerate().skip(single);
            for (end, step) in ends.take_while(|(end, _)| *end <= start + self.longest) {
                let piece = word.get(start..end).and_then(|part| self.pieces.get(part));
                if let Some((number, score)) = piece {
                    covers_one |= end == single;
                    take(step, until + score, start, Some(*number));
                }
            }
            if !covers_one {
                let score = until + self.least - UNKNOWN_PENALTY;
                take(&mut best[single], score, start, None);
            }
        }
        let (mut end, mut found) = (word.len(), Vec::new());
        // Every place that a character ends at has a step.
        while let Some(step) = best.get(end).copied().flatten().filter(|_| end > 0) {
            found.push((
                step.known.filter(|known| *known != self.unknown),
                step.start..end,
            ));
            end = step.start;
        }
        let mut was_unknown = false;
        for (known, place) in found.into_iter().rev() {
            match (known, &self.bytes) {
                (Some(number), _) => into.push(number),
                (None, Some(bytes)) => {
                    let part = word.get(place).into_iter().flat_map(str::bytes);
                    into.extend(part.map(|byte| bytes[usize::from(byte)]));
                }
                (None, None) if was_unknown => {}
                (None, None) => into.push(self.unknown),
            }
            was_unknown = known.is_none();
        }
    }
}

fn take(best: &mut Option<Step>, score: f64, start: usize, known: Option<i64>) {
    if best.is_none_or(|step| score > step.score) {
        *best = Some(Step {
            score,
            start,
            known,
        });
    }
}
