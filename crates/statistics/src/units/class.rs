//! What a character is, as far as units go.

use unicode_properties::UnicodeEmoji;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
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
    pub(super) fn of(c: char) -> Self {
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

pub(super) fn is_mark(c: char) -> bool {
    c >= '\u{300}' && unicode_normalization::char::is_combining_mark(c)
}

/// Pictographs and flags; not the digits, `#` and `*` which only keycaps make emoji.
pub(crate) fn is_emoji(c: char) -> bool {
    ('\u{203c}'..'\u{3400}').contains(&c) && c.is_emoji_char()
        || ('\u{1f000}'..='\u{1faff}').contains(&c)
            && c.is_emoji_char()
            && !('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}
