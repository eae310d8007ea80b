//! Characters that stand for others, and marks that no reader sees, folded away.

use super::{MAX_ROUNDS, class::is_emoji};
use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;

pub(super) const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Marks that no reader sees: padding against filters, direction, presentation, skin tone.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20e3}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

pub(super) fn fold_characters(text: &str) -> String {
    let mut out = String::new();
    fold_characters_into(text, &mut out);
    out
}

/// NFKC, lower case, simplified characters, invisible marks gone; into `out`.
pub(super) fn fold_characters_into(text: &str, out: &mut String) {
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
    let plain = plain_table();
    // Whether `out` ends with a joiner.
    let mut joined = false;
    for c in text.chars() {
        if let Some(&folded) = plain.get(c as usize)
            && folded != NOT_PLAIN
        {
            if joined {
                drop_loose_joiner(out);
                joined = false;
            }
            out.push(folded);
            continue;
        }
        match c {
            ZERO_WIDTH_JOINER
            | '\u{1f300}'..='\u{1f64f}'
            | '\u{1f680}'..='\u{1f6ff}'
            | '\u{1f900}'..='\u{1faff}' => push_folded(out, c),
            '…' => {
                push_folded(out, '.');
                out.push_str("..");
            }
            _ if is_invisible(c) => {}
            _ => return false,
        }
        joined = out.ends_with(ZERO_WIDTH_JOINER);
    }
    drop_loose_joiner(out);
    true
}

/// What stands in [`plain_table`] for a character that folds to more or fewer than one,
/// together with others, or not by this table.
const NOT_PLAIN: char = char::MAX;

/// By code what a character folds to, where that is one character and the same after
/// every other.
fn plain_table() -> &'static [char] {
    static TABLE: OnceLock<Box<[char]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let converter = OpenCC::from_config(BuiltinConfig::T2s)
            .expect("the conversion to simplified characters is built in");
        let converted = |c: char| {
            let converted = converter.convert(c.encode_utf8(&mut [0; 4]));
            let mut chars = converted.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => only,
                _ => c,
            }
        };
        // Of a few, what they are converted to is converted too: 薴, 苧, 苎.
        let simplified = |c: char| (0..MAX_ROUNDS).fold(c, |c, _| converted(c));
        let fold = |c: char| match c {
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
            _ => NOT_PLAIN,
        };
        (0..=0xffff)
            .map(|code| char::from_u32(code).map_or(NOT_PLAIN, fold))
            .collect()
    })
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
    match c {
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => plain_table()[c as usize],
        _ => c,
    }
}
