//! Folded text cut into tokens.

use super::{
    UnitKind,
    class::{Class, is_emoji, is_mark},
    fold::ZERO_WIDTH_JOINER,
};
use unicode_segmentation::UnicodeSegmentation;

/// An @name is at most this many characters; what follows is text again.
const MAX_NAME_CHARS: usize = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Unit(UnitKind),
    Space,
    Number,
    Link,
    Name,
    TopicMark,
    Other,
}

/// Cuts folded text into tokens.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// Words of a stretch of letters and digits, found together by UAX #29.
    words: Option<unicode_segmentation::UWordBounds<'a>>,
    graphemes: Option<unicode_segmentation::Graphemes<'a>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
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

        match *self.rest.as_bytes() {
            // U+5000 to U+9FFF: three bytes each, all ideographs, and nearly all of Chinese.
            [0xe5..=0xe9, ..] => {
                return Some((Token::Unit(UnitKind::Ideograph), self.take(3)));
            }
            [b'a'..=b'z' | b'0'..=b'9', ..] => {
                if let Some(length) = plain_word_length(self.rest.as_bytes()) {
                    let word = self.take(length);
                    return Some((word_token(word), word));
                }
            }
            _ => {}
        }
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

/// Length of the ASCII letters and digits that `text` begins with, if what follows shows that
/// they are one word by themselves and no part of a link, an address or a longer word.
fn plain_word_length(text: &[u8]) -> Option<usize> {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric();
    let length = text.iter().take_while(|byte| is_inside(byte)).count();
    let ends = match text[length..] {
        [] => true,
        // These stand inside words and links too, but not at their end.
        [b'.' | b',' | b':' | b'\'', ref rest @ ..] => {
            rest.first().is_none_or(u8::is_ascii_whitespace)
        }
        [b'_' | b'@', ..] => false,
        // Ideographs, by the first of their bytes.
        [byte, ..] => byte.is_ascii() || (0xe4..=0xe9).contains(&byte),
    };
    ends.then_some(length)
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
        match c {
            // Inside if a letter follows, at last: `__name__` is `name`, alone as in a text.
            '\'' | '’' | '.' | ',' | '_' | '·' | ':' => {
                let joins =
                    |&(_, next): &(_, char)| Class::of(next) == Class::Letter || next == '_';
                if !chars.peek().is_some_and(joins) {
                    break;
                }
            }
            _ if Class::of(c) == Class::Letter => length = at + c.len_utf8(),
            _ => break,
        }
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
