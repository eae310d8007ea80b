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

use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

/// A unit repeated more often than this in a row is cut down to it.
const MAX_REPEATS: u32 = 2;

/// An @name is at most this many characters; what follows is text again.
const MAX_NAME_CHARS: usize = 30;

/// Text in the form in which Driftline compares it.
///
/// NFKC, lower case, simplified characters; zero-width and direction marks, links,
/// e-mail addresses, @names, the marks (not the words) of `#topics#`, emoji skin
/// tones and surplus white space are gone; a unit repeated three times or more
/// stands twice. Punctuation and numbers stay. Applying it again changes nothing.
///
/// Conversion to simplified characters is by character, so 乾隆 becomes 干隆.
///
/// ```
/// use driftline_statistics::units::normalize_text;
/// assert_eq!(normalize_text("＠小明 哈哈哈哈！ https://a.cn/x #遊戲#"), "哈哈! 游戏");
/// ```
pub fn normalize_text(text: &str) -> String {
    let mut folded = fold_characters(text);
    // Cutting something out can bring two characters together that then fold as
    // one; nearly always the second round changes nothing.
    for _ in 0..MAX_ROUNDS {
        let mut cut = String::with_capacity(folded.len());
        write_normalized(&folded, &mut cut);
        let again = fold_characters(&cut);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

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
pub fn extend_hash(prefix: u64, unit: u64) -> u64 {
    (prefix.rotate_left(29) ^ unit).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

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

        let mut repeats = 0;
        // White space since the last unit: it ends a run unless one side is a word.
        let mut spaced = false;
        for (token, piece) in Tokens::new(&folded) {
            match token {
                Token::Space => spaced = true,
                Token::Unit(kind) => {
                    let run_start = self.run_ends.last().copied().unwrap_or(0) as usize;
                    let previous = self
                        .units
                        .get(run_start..)
                        .and_then(<[Unit]>::last)
                        .copied();
                    let words = [previous.map(|p| p.kind), Some(kind)]
                        .iter()
                        .filter(|k| **k == Some(UnitKind::Word))
                        .count();
                    if spaced && previous.is_some() && words == 0 {
                        self.end_run();
                        repeats = 0;
                    }
                    spaced = false;
                    self.found.emoji |= kind == UnitKind::Emoji;
                    let hash = hash_unit(piece);
                    repeats = match previous {
                        Some(p) if p.hash == hash && repeats > 0 => repeats + 1,
                        _ => 1,
                    };
                    if repeats > MAX_REPEATS {
                        self.found.repeat = true;
                        continue;
                    }
                    if words == 2 {
                        self.text.push(' ');
                    }
                    let start = offset(self.text.len());
                    self.text.push_str(piece);
                    let end = offset(self.text.len());
                    self.units.push(Unit {
                        kind,
                        hash,
                        start,
                        end,
                    });
                }
                boundary => {
                    self.found.link |= boundary == Token::Link;
                    self.found.name |= boundary == Token::Name;
                    self.end_run();
                    repeats = 0;
                    spaced = false;
                }
            }
        }
        self.end_run();
        self.folded = folded;
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

fn hash_unit(unit: &str) -> u64 {
    // FNV-1a, then a finaliser: FNV alone leaves the high bits of short strings poor.
    let hash = unit.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash)
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn write_normalized(folded: &str, out: &mut String) {
    let mut last_unit = "";
    let mut last_token = None;
    let mut repeats = 0;
    let mut spaced = false;
    for (token, piece) in Tokens::new(folded) {
        match token {
            Token::Space => spaced = true,
            Token::Link | Token::Name | Token::TopicMark => {
                spaced = true;
                repeats = 0;
            }
            Token::Unit(kind) => {
                let broken = spaced && kind != UnitKind::Word;
                repeats =
                    if !broken && repeats > 0 && last_unit == piece && last_token == Some(token) {
                        repeats + 1
                    } else {
                        1
                    };
                (last_unit, last_token) = (piece, Some(token));
                if repeats <= MAX_REPEATS {
                    write_piece(out, piece, spaced);
                }
                spaced = false;
            }
            Token::Number | Token::Other => {
                repeats = 0;
                write_piece(out, piece, spaced);
                spaced = false;
            }
        }
    }
}

fn write_piece(out: &mut String, piece: &str, spaced: bool) {
    if spaced && !out.is_empty() {
        out.push(' ');
    }
    out.push_str(piece);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Unit(UnitKind),
    Space,
    Number,
    Link,
    Name,
    TopicMark,
    Other,
}

/// Cuts folded text into tokens.
struct Tokens<'a> {
    rest: &'a str,
    /// Words of a stretch of letters and digits, found together by UAX #29.
    words: Option<unicode_segmentation::UWordBounds<'a>>,
    graphemes: Option<unicode_segmentation::Graphemes<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            words: None,
            graphemes: None,
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (piece, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        piece
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(word) = self.words.as_mut().and_then(Iterator::next) {
            return Some((word_token(word), word));
        }
        self.words = None;
        if let Some(grapheme) = self.graphemes.as_mut().and_then(Iterator::next) {
            return Some((Token::Unit(UnitKind::Grapheme), grapheme));
        }
        self.graphemes = None;

        let first = self.rest.chars().next()?;
        match Class::of(first) {
            Class::Ideograph => {
                let piece = self.take(first.len_utf8());
                Some((Token::Unit(UnitKind::Ideograph), piece))
            }
            Class::Space => {
                let piece = self.take(first.len_utf8());
                Some((Token::Space, piece))
            }
            Class::Emoji => {
                let piece = self.take(emoji_length(self.rest));
                Some((Token::Unit(UnitKind::Emoji), piece))
            }
            Class::Unspaced => {
                let length =
                    length_while(self.rest, |c| Class::of(c) == Class::Unspaced || is_mark(c));
                self.graphemes = Some(self.take(length).graphemes(true));
                self.next()
            }
            Class::Letter => {
                if let Some(length) = link_length(self.rest) {
                    return Some((Token::Link, self.take(length)));
                }
                let length = stretch_length(self.rest);
                let after = self.rest.get(length..).unwrap_or("");
                let stretch = self.rest.get(..length).unwrap_or("");
                if after.starts_with('/') && is_host(stretch) {
                    let length = length + ascii_length(after);
                    return Some((Token::Link, self.take(length)));
                }
                if let Some(host) = after.strip_prefix('@')
                    && host.starts_with(|c: char| c.is_ascii_alphanumeric())
                {
                    let length = length + 1 + stretch_length(host);
                    return Some((Token::Link, self.take(length)));
                }
                let mut words = self.take(length).split_word_bounds();
                let word = words.next()?;
                self.words = Some(words);
                Some((word_token(word), word))
            }
            Class::Other => {
                if first == '@' {
                    let name = self.rest.get(1..).unwrap_or("");
                    let length: usize = name
                        .chars()
                        .take_while(|&c| c.is_alphanumeric() || c == '_' || c == '-')
                        .take(MAX_NAME_CHARS)
                        .map(char::len_utf8)
                        .sum();
                    if length > 0 {
                        return Some((Token::Name, self.take(1 + length)));
                    }
                }
                let piece = self.take(first.len_utf8());
                Some((
                    if first == '#' {
                        Token::TopicMark
                    } else {
                        Token::Other
                    },
                    piece,
                ))
            }
        }
    }
}

/// A word is a unit; digits alone, with whatever groups them, are a number.
fn word_token(word: &str) -> Token {
    if word.chars().any(char::is_alphabetic) {
        Token::Unit(UnitKind::Word)
    } else if word.chars().any(char::is_numeric) {
        Token::Number
    } else {
        Token::Other
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ideograph,
    /// Letters, digits and the marks on them.
    Letter,
    /// Scripts that write no spaces between words.
    Unspaced,
    Emoji,
    Space,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Self::Letter,
            '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{3ffff}'
            | '々'
            | '〇'
            | '\u{3041}'..='\u{3096}'
            | '\u{309d}'..='\u{309f}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{30fc}'..='\u{30ff}'
            | '\u{3105}'..='\u{312f}'
            | '\u{31a0}'..='\u{31bf}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{f900}'..='\u{faff}' => Self::Ideograph,
            '\0'..='\u{7f}' => {
                if c.is_ascii_whitespace() {
                    Self::Space
                } else {
                    Self::Other
                }
            }
            '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' | '\u{1000}'..='\u{109f}' => {
                if c.is_alphabetic() || is_mark(c) {
                    Self::Unspaced
                } else if c.is_numeric() {
                    Self::Letter
                } else {
                    Self::Other
                }
            }
            _ if c.is_whitespace() => Self::Space,
            _ if is_emoji(c) => Self::Emoji,
            _ if c.is_alphanumeric() || is_mark(c) => Self::Letter,
            _ => Self::Other,
        }
    }
}

fn is_mark(c: char) -> bool {
    c >= '\u{300}' && unicode_normalization::char::is_combining_mark(c)
}

/// Pictographs and flags; not the digits, `#` and `*` which only keycaps make emoji.
pub(crate) fn is_emoji(c: char) -> bool {
    ('\u{203c}'..'\u{3400}').contains(&c) && c.is_emoji_char()
        || ('\u{1f000}'..='\u{1faff}').contains(&c)
            && c.is_emoji_char()
            && !('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

fn length_while(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

/// One emoji: a flag's two letters, or pictographs held together by joiners.
fn emoji_length(text: &str) -> usize {
    let is_flag_letter = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    let mut chars = text.chars().peekable();
    let Some(first) = chars.next() else { return 0 };
    let mut length = first.len_utf8();
    if is_flag_letter(first) {
        return match chars.peek() {
            Some(&second) if is_flag_letter(second) => length + second.len_utf8(),
            _ => length,
        };
    }
    while chars.next() == Some(ZERO_WIDTH_JOINER) {
        match chars.next() {
            Some(joined) if is_emoji(joined) => {
                length += ZERO_WIDTH_JOINER.len_utf8() + joined.len_utf8();
            }
            _ => break,
        }
    }
    length
}

/// Letters, digits and marks, and the punctuation that UAX #29 may keep inside a word.
fn stretch_length(text: &str) -> usize {
    let mut length = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let inside = match c {
            '\'' | '’' | '.' | ',' | '_' | '·' | ':' => chars
                .peek()
                .is_some_and(|&(_, next)| Class::of(next) == Class::Letter || next == '_'),
            _ => Class::of(c) == Class::Letter,
        };
        if !inside {
            break;
        }
        length = at + c.len_utf8();
    }
    length
}

fn link_length(text: &str) -> Option<usize> {
    let after = ["https://", "http://", "ftp://", "www."]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let length = ascii_length(after);
    (length > 0).then_some(text.len() - after.len() + length)
}

/// Length of a link's remainder: printable ASCII, less the punctuation of the sentence around it.
fn ascii_length(text: &str) -> usize {
    let length = length_while(text, |c| {
        c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '#' | '@')
    });
    text.get(..length).map_or(0, |link| {
        link.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\''])
            .len()
    })
}

/// Whether `text` looks like `t.cn`: it is a link if a slash follows.
fn is_host(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(name, domain)| {
        !name.is_empty() && domain.len() >= 2 && domain.bytes().all(|b| b.is_ascii_alphabetic())
    }) && text.is_ascii()
}

const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Marks that no reader sees: padding against filters, direction, presentation, skin tone.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20e3}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

fn fold_characters(text: &str) -> String {
    let mut out = String::new();
    fold_characters_into(text, &mut out);
    out
}

/// NFKC, lower case, simplified characters, invisible marks gone; into `out`.
fn fold_characters_into(text: &str, out: &mut String) {
    out.clear();
    if fold_plain(text, out) {
        return;
    }
    // Rare: something that must be composed. Lower case can undo a composition, and a
    // composition can make an upper-case letter, so until nothing changes.
    let mut composed: String = text.nfkc().filter(|&c| !is_invisible(c)).collect();
    for _ in 0..MAX_ROUNDS {
        let again: String = composed
            .chars()
            .flat_map(char::to_lowercase)
            .map(simplified)
            .filter(|&c| !is_invisible(c))
            .nfkc()
            .collect();
        if again == composed {
            break;
        }
        composed = again;
    }
    out.clear();
    for c in composed.chars() {
        push_folded(out, c);
    }
    drop_loose_joiner(out);
}

/// The same for text whose characters fold one by one; false if `text` is not of that kind.
fn fold_plain(text: &str, out: &mut String) -> bool {
    for c in text.chars() {
        let folded = match c {
            '\0'..='\u{7f}' => c.to_ascii_lowercase(),
            '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => simplified(c),
            // Full width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let ascii = u8::try_from(u32::from(c) - 0xfee0)
                    .expect("full width forms are 94 characters");
                char::from(ascii).to_ascii_lowercase()
            }
            '\u{3000}' => ' ',
            '\u{3001}'..='\u{3011}'
            | '\u{3014}'..='\u{301b}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fe}'
            | '\u{2018}'..='\u{201d}'
            | '\u{2014}'
            | '\u{2022}'
            | '\u{b7}' => c,
            '\u{1f300}'..='\u{1f64f}'
            | '\u{1f680}'..='\u{1f6ff}'
            | '\u{1f900}'..='\u{1faff}'
            | ZERO_WIDTH_JOINER => c,
            '…' => {
                push_folded(out, '.');
                out.push_str("..");
                continue;
            }
            _ if is_invisible(c) => continue,
            _ => return false,
        };
        push_folded(out, folded);
    }
    drop_loose_joiner(out);
    true
}

/// Appends a character; a joiner stays only between two emoji.
fn push_folded(out: &mut String, c: char) {
    if is_invisible(c) {
        return;
    }
    if out.ends_with(ZERO_WIDTH_JOINER) && !is_emoji(c) {
        out.pop();
    }
    if c == ZERO_WIDTH_JOINER && !out.chars().next_back().is_some_and(is_emoji) {
        return;
    }
    out.push(c);
}

fn drop_loose_joiner(out: &mut String) {
    if out.ends_with(ZERO_WIDTH_JOINER) {
        out.pop();
    }
}

/// The simplified form of a traditional character, or the character itself.
fn simplified(c: char) -> char {
    const FIRST: u32 = 0x3400;
    const LAST: u32 = 0x9fff;
    static TABLE: OnceLock<Box<[char]>> = OnceLock::new();
    let code = u32::from(c);
    if !(FIRST..=LAST).contains(&code) {
        return c;
    }
    let table = TABLE.get_or_init(|| {
        let converter = OpenCC::from_config(BuiltinConfig::T2s)
            .expect("the conversion to simplified characters is built in");
        (FIRST..=LAST)
            .map(|code| {
                let c = char::from_u32(code).expect("no surrogates between 3400 and 9fff");
                let converted = converter.convert(c.encode_utf8(&mut [0; 4]));
                let mut chars = converted.chars();
                match (chars.next(), chars.next()) {
                    (Some(only), None) => only,
                    _ => c,
                }
            })
            .collect()
    });
    table[(code - FIRST) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(text: &str) -> Vec<Vec<String>> {
        let mut reader = UnitReader::default();
        reader.read(text);
        reader
            .runs()
            .map(|run| {
                (0..run.units().len())
                    .map(|i| run.text(i, i + 1).to_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn units_of_every_kind_of_text() {
        let table: &[(&str, &[&[&str]])] = &[
            ("", &[]),
            ("班味", &[&["班", "味"]]),
            ("小米SU7真香", &[&["小", "米", "su7", "真", "香"]]),
            ("小米 SU7", &[&["小", "米", "su7"]]),
            ("i人e人", &[&["i", "人", "e", "人"]]),
            ("i 人", &[&["i", "人"]]),
            ("city不city", &[&["city", "不", "city"]]),
            ("4S店", &[&["4s", "店"]]),
            // A space between characters, punctuation and numbers cut.
            ("张三 离婚", &[&["张", "三"], &["离", "婚"]]),
            (
                "新增12例，无死亡",
                &[&["新", "增"], &["例"], &["无", "死", "亡"]],
            ),
            ("退！退！退！", &[&["退"], &["退"], &["退"]]),
            ("3.14 1,000 50%", &[]),
            // Stretched repeats.
            ("哈哈哈哈哈", &[&["哈", "哈"]]),
            ("ha ha ha ha", &[&["ha", "ha"]]),
            ("😂😂😂😂", &[&["😂", "😂"]]),
            ("哈哈 哈哈", &[&["哈", "哈"], &["哈", "哈"]]),
            ("挖呀挖呀挖", &[&["挖", "呀", "挖", "呀", "挖"]]),
            // Links, addresses, names and topics.
            ("看https://t.cn/A6x?b=1真的", &[&["看"], &["真", "的"]]),
            ("t.cn/abc 好", &[&["好"]]),
            ("写信给a.b@example.com吧", &[&["写", "信", "给"], &["吧"]]),
            ("谢谢@小明_1 你好", &[&["谢", "谢"], &["你", "好"]]),
            (
                "#淄博烧烤#真火",
                &[&["淄", "博", "烧", "烤"], &["真", "火"]],
            ),
            ("see you @ 5pm", &[&["see", "you"], &["5pm"]]),
            // Width, case, traditional characters, padding.
            ("ＹＹＤＳ", &[&["yyds"]]),
            ("遊戲", &[&["游", "戏"]]),
            ("躺\u{200b}平", &[&["躺", "平"]]),
            ("\u{feff}y\u{ad}yds\u{2060}", &[&["yyds"]]),
            // Kana, Hangul, Cyrillic, Arabic with marks, Hebrew, Thai.
            ("ラーメン", &[&["ラ", "ー", "メ", "ン"]]),
            ("한국어 문장", &[&["한국어", "문장"]]),
            ("Привет, мир", &[&["привет"], &["мир"]]),
            ("مَرْحَبًا بالعالم", &[&["مَرْحَبًا", "بالعالم"]]),
            ("שלום עולם", &[&["שלום", "עולם"]]),
            ("ไทยที่", &[&["ไ", "ท", "ย", "ที่"]]),
            // Composed and decomposed are one.
            ("cafe\u{301}", &[&["café"]]),
            ("café", &[&["café"]]),
            ("don't", &[&["don't"]]),
            // Emoji: joined whole, without skin tone, flags in pairs.
            ("👍🏽👍", &[&["👍", "👍"]]),
            ("👨‍👩‍👧好", &[&["👨‍👩‍👧", "好"]]),
            ("🇨🇳🇯🇵", &[&["🇨🇳", "🇯🇵"]]),
            ("❤️爱", &[&["❤", "爱"]]),
            ("1️⃣好", &[&["好"]]),
        ];
        for (text, expected) in table {
            assert_eq!(units(text), *expected, "{text}");
        }
    }

    #[test]
    fn what_else_a_text_holds_is_told() {
        let mut reader = UnitReader::default();
        reader.read("哈哈哈 😂 @a http://b.c");
        assert!(
            reader.has_repeat() && reader.has_emoji() && reader.has_name() && reader.has_link()
        );
        reader.read("哈哈");
        assert!(
            !reader.has_repeat() && !reader.has_emoji() && !reader.has_name() && !reader.has_link()
        );
    }

    #[test]
    fn normalisation_keeps_what_people_read() {
        for (text, expected) in [
            ("  A　B\t\nC ", "a b c"),
            ("新增１２例！", "新增12例!"),
            ("哈哈哈哈，ha ha ha!!!", "哈哈,ha ha!!!"),
            ("#話題#轉發@某人 http://t.cn/x", "话题 转发"),
            ("ﬁne ²", "fine 2"),
            ("İstanbul", "i̇stanbul"),
        ] {
            assert_eq!(normalize_text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_and_its_normal_form_are_the_same_document() {
        let mut reader = UnitReader::default();
        for text in [
            "小米ＳＵ7！！",
            "哈哈哈 😂😂😂 @a http://b.c 1,2 you're",
            "#話題#轉發",
        ] {
            reader.read(text);
            let hash = reader.document_hash();
            reader.read(&normalize_text(text));
            assert_eq!(reader.document_hash(), hash, "{text}");
        }
    }

    #[test]
    fn documents_differ_by_their_words_and_cuts_only() {
        let hash = |text: &str| {
            let mut reader = UnitReader::default();
            reader.read(text);
            reader.document_hash()
        };
        assert_eq!(hash("新增12例"), hash("新增 3 例!"));
        assert_ne!(hash("新增例"), hash("新增1例"));
        assert_ne!(hash("张三"), hash("三张"));
    }

    #[test]
    fn an_ngram_hash_is_that_of_its_units() {
        assert_eq!(ngram_hash("Ｉ人"), ngram_hash("i人"));
        assert_ne!(ngram_hash("班味"), ngram_hash("味班"));
        assert_eq!(ngram_hash("张三，李四"), None);
        assert_eq!(ngram_hash("12"), None);
        // Frozen: vocabularies on disk hold these.
        assert_eq!(ngram_hash("班味"), Some(2_337_555_291_274_337_016));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "(\\PC|[哈h😂👍🏽 @#.:/\u{200d}\u{fe0f}é\u{301}1]){0,24}") {
            let once = normalize_text(&text);
            prop_assert_eq!(normalize_text(&once), once);
        }

        #[test]
        fn runs_cover_all_units_in_order(text in "(\\PC|[哈h😂👍🏽 @#.:/\u{200d}\u{fe0f}é\u{301}1]){0,24}") {
            let mut reader = UnitReader::default();
            reader.read(&text);
            let total: usize = reader.runs().map(|run| run.units().len()).sum();
            prop_assert_eq!(total, reader.unit_count());
            for run in reader.runs() {
                prop_assert!(!run.units().is_empty());
                prop_assert!(!run.text(0, run.units().len()).is_empty());
            }
        }
    }
}
