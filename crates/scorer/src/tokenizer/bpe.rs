//! Byte-pair encoding: of two neighbours those are joined that were joined earliest in training.
//!
//! Sennrich, Haddow and Birch (2016), "Neural machine translation of rare words with subword
//! units"; over bytes, Radford et al. (2019), "Language models are unsupervised multitask
//! learners".

use rustc_hash::FxHashMap;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Debug)]
pub(super) struct Bpe {
    pieces: FxHashMap<String, i64>,
    /// Of two neighbours: how early they are joined, and what they become.
    merges: FxHashMap<(i64, i64), (usize, i64)>,
    unknown: Option<i64>,
    /// Whether neighbours that are unknown are one.
    fuses: bool,
    /// Numbers of single bytes, for characters that are not known.
    bytes: Option<Vec<i64>>,
    /// Whether a word that is a piece is not cut.
    whole: bool,
}

/// A piece of a word, and its neighbours.
#[derive(Clone, Copy)]
struct Symbol {
    id: i64,
    before: usize,
    after: usize,
    gone: bool,
}

const NONE: usize = usize::MAX;

impl Bpe {
    pub(super) fn read(model: &Value) -> Result<Self, String> {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if model[key].as_str().is_some_and(|text| !text.is_empty()) {
                return Err(format!("its model has a `{key}`, which does not run"));
            }
        }
        if model["dropout"]
            .as_f64()
            .is_some_and(|dropout| dropout > 0.0)
        {
            return Err(
                "its model has a `dropout`: texts would be cut another way each time; save it \
                 without"
                    .to_owned(),
            );
        }
        let vocabulary = model["vocab"].as_object();
        let vocabulary = vocabulary.ok_or("its model has no `vocab`")?;
        let pieces: FxHashMap<String, i64> = vocabulary
            .iter()
            .filter_map(|(piece, number)| Some((piece.clone(), number.as_i64()?)))
            .collect();
        let known = |piece: &str| {
            let number = pieces.get(piece).copied();
            number.ok_or_else(|| format!("its `vocab` has no {piece:?}, which `merges` name"))
        };
        let mut merges = FxHashMap::default();
        let listed = model["merges"].as_array().into_iter().flatten();
        for (rank, merge) in listed.enumerate() {
            let pair = match merge {
                Value::String(text) => text.split_once(' '),
                pair => pair[0].as_str().zip(pair[1].as_str()),
            };
            let (first, second) =
                pair.ok_or_else(|| format!("its merge {} is no pair", rank + 1))?;
            let joined = known(&format!("{first}{second}"))?;
            let pair = (known(first)?, known(second)?);
            merges.entry(pair).or_insert((rank, joined));
        }
        let flag = |key: &str| model[key].as_bool().unwrap_or(false);
        Ok(Self {
            unknown: model["unk_token"].as_str().map(known).transpose()?,
            fuses: flag("fuse_unk"),
            bytes: flag("byte_fallback").then(|| bytes(&pieces)).flatten(),
            whole: flag("ignore_merges"),
            merges,
            pieces,
        })
    }

    pub(super) fn unknown(&self) -> Option<i64> {
        self.unknown
    }

    pub(super) fn greatest(&self) -> i64 {
        self.pieces.values().copied().fold(0, i64::max)
    }

    /// The least number of a piece, or 0 where it is more.
    pub(super) fn least(&self) -> i64 {
        self.pieces.values().copied().fold(0, i64::min)
    }

    /// Adds the numbers of a word's pieces; characters that are not known and for which nothing
    /// stands are passed over.
    pub(super) fn cut(&self, word: &str, into: &mut Vec<i64>) {
        if self.whole
            && let Some(number) = self.pieces.get(word)
        {
            into.push(*number);
            return;
        }
        let mut symbols = self.characters(word);
        // The earliest merge first, of equal ones the leftmost.
        let mut open = BinaryHeap::new();
        for at in 0..symbols.len() {
            self.offer(&symbols, at, &mut open);
        }
        while let Some(Reverse((_, at, joined, second))) = open.pop() {
            let symbol = symbols[at];
            let is_still_so = !symbol.gone && symbol.after != NONE;
            let pair = is_still_so.then(|| (symbol.id, symbols[symbol.after].id));
            // Either may have become another piece meanwhile.
            let merge = pair.and_then(|pair| self.merges.get(&pair));
            if merge.is_none_or(|merge| merge.1 != joined) || symbol.after != second {
                continue;
            }
            let after = symbols[second].after;
            symbols[second].gone = true;
            symbols[at].id = joined;
            symbols[at].after = after;
            if after != NONE {
                symbols[after].before = at;
            }
            if symbol.before != NONE {
                self.offer(&symbols, symbol.before, &mut open);
            }
            self.offer(&symbols, at, &mut open);
        }
        let left = symbols.iter().filter(|symbol| !symbol.gone);
        into.extend(left.map(|symbol| symbol.id));
    }

    fn offer(
        &self,
        symbols: &[Symbol],
        at: usize,
        open: &mut BinaryHeap<Reverse<(usize, usize, i64, usize)>>,
    ) {
        let Symbol { id, after, .. } = symbols[at];
        if after != NONE
            && let Some((rank, joined)) = self.merges.get(&(id, symbols[after].id))
        {
            open.push(Reverse((*rank, at, *joined, after)));
        }
    }

    fn characters(&self, word: &str) -> Vec<Symbol> {
        let mut ids: Vec<i64> = Vec::new();
        let mut was_unknown = false;
        let mut buffer = [0; 4];
        for c in word.chars() {
            let text = c.encode_utf8(&mut buffer);
            let known = self.pieces.get(&*text).copied();
            let is_unknown = known.is_none() && self.bytes.is_none();
            match (known, &self.bytes, self.unknown) {
                (Some(number), ..) => ids.push(number),
                (None, Some(bytes), _) => {
                    ids.extend(text.bytes().map(|byte| bytes[usize::from(byte)]));
                }
                (None, None, Some(_)) if was_unknown && self.fuses => {}
                (None, None, Some(unknown)) => ids.push(unknown),
                (None, None, None) => {}
            }
            was_unknown = is_unknown;
        }
        let last = ids.len().wrapping_sub(1);
        let ids = ids.into_iter().enumerate();
        ids.map(|(at, id)| Symbol {
            id,
            before: at.wrapping_sub(1),
            after: if at == last { NONE } else { at + 1 },
            gone: false,
        })
        .collect()
    }
}

/// The numbers of `<0x00>` to `<0xFF>`, where all are known.
pub(super) fn bytes(pieces: &FxHashMap<String, i64>) -> Option<Vec<i64>> {
    let number = |byte: u8| pieces.get(&format!("<0x{byte:02X}>")).copied();
    (0..=u8::MAX).map(number).collect()
}
