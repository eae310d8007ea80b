//! What all tokenizers have in common that cut words into pieces, and the parts of Hugging
//! Face's `tokenizer.json` that say so.

use crate::token_statistics::Counted;
use serde_json::Value;

/// A tokenizer that parts a text into words and cuts these into known pieces.
pub(super) trait Pieces: std::fmt::Debug + Send + Sync {
    /// The numbers before and behind every text.
    fn frame(&self) -> &Frame;
    /// The number of a piece that is not known, where there is one.
    fn unknown(&self) -> Option<i64>;
    fn words(&self, text: &str) -> Vec<String>;
    /// Adds the numbers of a word's pieces.
    fn cut(&self, word: &str, into: &mut Vec<i64>);
    /// The greatest number of a piece.
    fn greatest_piece(&self) -> i64;

    /// None where nothing stands between the first and the last token.
    fn encode(&self, text: &str, max_length: usize) -> Vec<i64> {
        let frame = self.frame();
        let room = max_length - frame.len();
        let mut inner = Vec::new();
        for word in self.words(text) {
            if inner.len() >= room {
                break;
            }
            self.cut(&word, &mut inner);
        }
        inner.truncate(room);
        if inner.is_empty() {
            return inner;
        }
        [frame.before.as_slice(), &inner, &frame.after].concat()
    }

    /// Counts words and tokens as far as [`encode`](Self::encode) reads; those that every text
    /// has before and behind it are left out.
    fn count(&self, text: &str, max_length: usize) -> Counted {
        let room = max_length - self.frame().len();
        let mut counted = Counted::default();
        let mut tokens = Vec::new();
        for word in self.words(text) {
            if counted.tokens >= room {
                break;
            }
            tokens.clear();
            self.cut(&word, &mut tokens);
            let unknown = self.unknown().map_or(0, |unknown| {
                tokens.iter().filter(|token| **token == unknown).count()
            });
            counted.words += 1;
            counted.foreign += usize::from(tokens.len() > 1 || unknown > 0);
            counted.tokens += tokens.len();
            counted.unknown += unknown;
            counted.characters += self.characters(&word);
        }
        counted
    }

    /// Characters of a word that are no white space.
    fn characters(&self, word: &str) -> usize {
        word.chars().count()
    }

    /// The greatest number that [`encode`](Self::encode) can return.
    fn greatest_id(&self) -> i64 {
        let Frame { before, after } = self.frame();
        let framed = before.iter().chain(after).copied();
        framed.fold(self.greatest_piece(), i64::max)
    }
}

/// Numbers before and behind a single text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Frame {
    pub(super) before: Vec<i64>,
    pub(super) after: Vec<i64>,
}

impl Frame {
    pub(super) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// That of a file's `post_processor`.
    pub(super) fn of(post_processor: &Value) -> Self {
        let mut frame = Self::default();
        if let Some(all) = post_processor["processors"].as_array() {
            for one in all {
                let one = Self::of(one);
                frame.before.splice(0..0, one.before);
                frame.after.extend(one.after);
            }
            return frame;
        }
        let Some(single) = post_processor["single"].as_array() else {
            // A pair of the token and its number.
            frame.before.extend(post_processor["cls"][1].as_i64());
            frame.after.extend(post_processor["sep"][1].as_i64());
            return frame;
        };
        let mut behind = false;
        for part in single {
            let special = part["SpecialToken"]["id"].as_str();
            behind |= special.is_none();
            let ids = special.map(|name| &post_processor["special_tokens"][name]["ids"]);
            let ids = ids.and_then(Value::as_array).into_iter().flatten();
            let side = if behind {
                &mut frame.after
            } else {
                &mut frame.before
            };
            side.extend(ids.filter_map(Value::as_i64));
        }
        frame
    }
}
