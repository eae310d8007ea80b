//! Text as units: what n-grams are made of and vocabulary is counted in.
//!
//! Chinese has no spaces, and a segmenter cuts the very words that are not yet in
//! its dictionary. So a unit is smaller than a word there (one character) and a
//! word elsewhere (UAX #29), and new words are found as n-grams of units.
//!
//! Both sides of every comparison pass through here, so the same thing must come
//! out for every way of writing it: width, case, traditional characters, zero-width
//! padding against filters, and stretched repeats (哈哈哈哈哈) are folded; links,
//! @names and numbers, which are new in every message and say nothing about
//! language, only cut the text.

mod class;
mod fold;
mod normalize;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use class::is_emoji;
pub use normalize::normalize_text;

use fold::fold_characters_into;
use std::ops::Range;
use token::{Token, Tokens};

/// A unit repeated more often than this in a row is cut down to it.
const MAX_REPEATS: u32 = 2;

/// Folding is done again until nothing changes, but no more often than this.
const MAX_ROUNDS: usize = 4;

/// What a unit is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitKind {
    /// One Han, kana or bopomofo character.
    Ideograph,
    /// One word of a script that writes spaces, or a mixed run such as `su7`.
    Word,
    /// One grapheme cluster of a script without spaces that is no ideograph (Thai, Lao, Khmer, Burmese).
    Grapheme,
    /// One emoji, joined sequences whole.
    Emoji,
}

/// One unit of a [`Run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// What it is made of.
    pub kind: UnitKind,
    /// Hash of its text, the same on every machine and in every version of the format.
    pub hash: u64,
    start: u32,
    end: u32,
}

/// Units that follow one another with nothing between them but, beside a word, a space.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    text: &'a str,
    units: &'a [Unit],
}

impl<'a> Run<'a> {
    /// The units in order; never empty.
    pub fn units(&self) -> &'a [Unit] {
        self.units
    }

    /// Text of the units `from..to`: written together, one space between two words.
    ///
    /// # Panics
    /// If the range is empty or ends beyond the run.
    pub fn text(&self, from: usize, to: usize) -> &'a str {
        let (start, end) = (self.units[from].start, self.units[to - 1].end);
        self.text
            .get(start as usize..end as usize)
            .expect("units begin and end between characters")
    }
}

/// A hash of an n-gram, from the hash of all but its last unit (0 for none) and the last unit's.
///
/// The same on every machine: frozen vocabularies hold these.
#[inline]
pub fn extend_hash(prefix: u64, unit: u64) -> u64 {
    (prefix.rotate_left(PREFIX_BITS) ^ unit).wrapping_mul(MULTIPLIER)
}

/// The last unit's hash, from that of the n-gram and of all but the last unit.
pub fn last_unit_hash(ngram: u64, prefix: u64) -> u64 {
    ngram.wrapping_mul(INVERSE) ^ prefix.rotate_left(PREFIX_BITS)
}

/// The hash of all but the last unit, from that of the n-gram and the last unit's.
pub fn prefix_hash(ngram: u64, unit: u64) -> u64 {
    (ngram.wrapping_mul(INVERSE) ^ unit).rotate_right(PREFIX_BITS)
}

const PREFIX_BITS: u32 = 29;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Of [`MULTIPLIER`], modulo 2⁶⁴.
const INVERSE: u64 = 0xf1de_83e1_9937_733d;

/// Reads texts into units; one reader for many texts, since it keeps its buffers.
///
/// ```
/// use driftline_statistics::units::UnitReader;
/// let mut reader = UnitReader::default();
/// reader.read("小米SU7太帅了，i人狂喜");
/// let runs: Vec<_> = reader.runs().map(|run| run.text(0, run.units().len())).collect();
/// assert_eq!(runs, ["小米su7太帅了", "i人狂喜"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct UnitReader {
    folded: String,
    text: String,
    units: Vec<Unit>,
    run_ends: Vec<u32>,
    found: Found,
}

/// What else a text held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    link: bool,
    name: bool,
    emoji: bool,
    repeat: bool,
}

impl UnitReader {
    /// Reads `text`, forgetting the one before.
    pub fn read(&mut self, text: &str) {
        self.text.clear();
        self.units.clear();
        self.run_ends.clear();
        self.found = Found::default();
        let mut folded = std::mem::take(&mut self.folded);
        fold_characters_into(text, &mut folded);

        // The last unit of the run, and how often it stood in a row.
        let (mut previous, mut repeats) = (None::<Unit>, 0);
        // White space since the last unit: it ends a run unless one side is a word.
        let mut spaced = false;
        // Text of units, one behind the other, that is not copied yet.
        let mut uncopied = 0..0;
        let mut end = 0;
        for (token, piece) in Tokens::new(&folded) {
            let begin = end;
            end += piece.len();
            let kind = match token {
                Token::Unit(kind) => kind,
                Token::Space => {
                    spaced = true;
                    continue;
                }
                boundary => {
                    self.found.link |= boundary == Token::Link;
                    self.found.name |= boundary == Token::Name;
                    self.end_run();
                    (previous, repeats, spaced) = (None, 0, false);
                    continue;
                }
            };
            let is_word = kind == UnitKind::Word;
            let after_word = previous.is_some_and(|unit| unit.kind == UnitKind::Word);
            if spaced && !is_word && !after_word {
                self.end_run();
                repeats = 0;
            }
            spaced = false;
            self.found.emoji |= kind == UnitKind::Emoji;
            let hash = hash_unit(piece);
            repeats = match previous {
                Some(unit) if unit.hash == hash && repeats > 0 => repeats + 1,
                _ => 1,
            };
            if repeats > MAX_REPEATS {
                self.found.repeat = true;
                continue;
            }
            if begin != uncopied.end || is_word && after_word {
                self.copy(&folded, &mut uncopied);
                uncopied = begin..begin;
                if is_word && after_word {
                    self.text.push(' ');
                }
            }
            uncopied.end = end;
            let start = self.text.len() + begin - uncopied.start;
            let unit = Unit {
                kind,
                hash,
                start: offset(start),
                end: offset(start + piece.len()),
            };
            self.units.push(unit);
            previous = Some(unit);
        }
        self.copy(&folded, &mut uncopied);
        self.end_run();
        self.folded = folded;
    }

    fn copy(&mut self, folded: &str, uncopied: &mut Range<usize>) {
        let piece = folded.get(uncopied.clone());
        self.text
            .push_str(piece.expect("tokens begin and end between characters"));
    }

    fn end_run(&mut self) {
        let end = offset(self.units.len());
        if self.run_ends.last().copied().unwrap_or(0) < end {
            self.run_ends.push(end);
        }
    }

    /// The runs of the text read last.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let starts = std::iter::once(0).chain(self.run_ends.iter().copied());
        starts.zip(&self.run_ends).map(|(start, &end)| Run {
            text: &self.text,
            units: &self.units[start as usize..end as usize],
        })
    }

    /// Units of the text read last.
    pub fn unit_count(&self) -> usize {
        self.units.len()
    }

    /// A hash of the text's runs: equal for texts that differ only in what normalisation,
    /// punctuation, numbers, links and names add.
    pub fn document_hash(&self) -> u64 {
        let mut hash = 0;
        for run in self.runs() {
            hash = run
                .units
                .iter()
                .fold(extend_hash(hash, 1), |h, u| extend_hash(h, u.hash));
        }
        mix(hash)
    }

    /// Whether the text read last held a link or an e-mail address.
    pub fn has_link(&self) -> bool {
        self.found.link
    }

    /// Whether the text read last named somebody by @name.
    pub fn has_name(&self) -> bool {
        self.found.name
    }

    /// Whether the text read last held an emoji.
    pub fn has_emoji(&self) -> bool {
        self.found.emoji
    }

    /// Whether a unit of the text read last stood three times or more in a row.
    pub fn has_repeat(&self) -> bool {
        self.found.repeat
    }
}

/// Hash of an n-gram given as text, as [`extend_hash`] makes it from its units; `None`
/// unless the text is exactly one run.
pub fn ngram_hash(ngram: &str) -> Option<u64> {
    let mut reader = UnitReader::default();
    reader.read(ngram);
    let mut runs = reader.runs();
    let run = runs.next()?;
    let hash = run.units.iter().fold(0, |h, u| extend_hash(h, u.hash));
    runs.next().is_none().then_some(hash)
}

fn offset(position: usize) -> u32 {
    u32::try_from(position).expect("a text is shorter than 4 GiB, as Arrow's strings are")
}

/// Hash of a unit, from its folded text.
pub(crate) fn hash_unit(unit: &str) -> u64 {
    // FNV-1a, then a finaliser: FNV alone leaves the high bits of short strings poor.
    let hash = unit.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash)
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
