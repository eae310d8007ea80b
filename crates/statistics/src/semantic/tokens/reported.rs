//! The few sequences that are shown to a person.

use super::Token;
use std::{collections::BTreeSet, fmt::Write};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Sequences that are kept of each kind.
const MOST: usize = 5;

/// Tokens of a sequence that are kept: what is shown to a person is short.
const MOST_TOKENS: usize = 1_000;

/// A sequence, and what it is shown for.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedSequence {
    /// Its tokens as a list in Python, the way TFDV reports them.
    pub text: String,
    /// The measure that it is least in.
    pub measure: f64,
}

/// The different sequences of least measure; of equal ones the first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reported(Vec<ReportedSequence>);

impl Reported {
    pub(super) fn add(&mut self, sequence: &[Token], measure: f64) {
        if self.0.len() == MOST && self.0.last().is_some_and(|last| measure >= last.measure) {
            return;
        }
        let mut text = String::from("[");
        for (place, token) in sequence.iter().take(MOST_TOKENS).enumerate() {
            let between = if place == 0 { "" } else { ", " };
            // Writing to a string does not fail.
            let _written = write!(text, "{between}{token}");
        }
        if sequence.len() > MOST_TOKENS {
            text.push_str(", …");
        }
        text.push(']');
        self.0.push(ReportedSequence { text, measure });
        self.settle();
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
        self.settle();
    }

    fn settle(&mut self) {
        self.0.sort_by(|a, b| a.measure.total_cmp(&b.measure));
        let mut seen = BTreeSet::new();
        self.0.retain(|sequence| seen.insert(sequence.text.clone()));
        self.0.truncate(MOST);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ReportedSequence> {
        self.0.iter()
    }
}

/// A word as Python's `repr` writes it.
///
/// Source: "The Python Language Reference", string literals, and the documentation of
/// `repr` and `str.isprintable`.
pub(super) fn python_literal(word: &str) -> String {
    let quote = if word.contains('\'') && !word.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut literal = String::from(quote);
    for character in word.chars() {
        match character {
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c == quote => {
                literal.push('\\');
                literal.push(c);
            }
            c if is_printable(c) => literal.push(c),
            c => {
                let code = u32::from(c);
                // Writing to a string does not fail.
                let _written = match code {
                    0..=0xff => write!(literal, "\\x{code:02x}"),
                    0x100..=0xffff => write!(literal, "\\u{code:04x}"),
                    _ => write!(literal, "\\U{code:08x}"),
                };
            }
        }
    }
    literal.push(quote);
    literal
}

fn is_printable(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate,
        Unassigned,
    };
    character == ' '
        || !matches!(
            character.general_category(),
            Control
                | Format
                | LineSeparator
                | ParagraphSeparator
                | PrivateUse
                | SpaceSeparator
                | Surrogate
                | Unassigned
        )
}
