//! The mistakes of a pipeline file, told in one go.
//!
//! The reader stops at the first. The entry that it stops at is blanked out, and the rest is read again. That an
//! entry is missing may only follow from that: it is not told, and the mapping that lacks it is blanked out. It
//! ends where an entry is alone in its mapping, which would be empty without it.

use crate::PipelineError;
use serde_saphyr::{Error, Location};

/// More are not told in one go.
const MOST: usize = 20;

/// The mistakes of a file after the first one. `read` tells the first mistake of a text.
pub(super) fn after(
    first: Error,
    text: &str,
    file: &str,
    read: impl Fn(&str) -> Option<Error>,
) -> Vec<PipelineError> {
    let mut others = Vec::new();
    let (mut rest, mut error) = (text.to_owned(), first);
    while others.len() < MOST
        && let Some(shorter) = without(&rest, &error)
        && let Some(next) = read(&shorter)
    {
        if is_entry(&next) {
            others.push(PipelineError::yaml(text, file, &next));
        }
        (rest, error) = (shorter, next);
    }
    others
}

/// Whether a single entry is wrong: not where one is missing, or the text is no YAML.
fn is_entry(error: &Error) -> bool {
    matches!(
        error.without_snippet(),
        Error::Message { .. }
            | Error::Unexpected { .. }
            | Error::InvalidBooleanStrict { .. }
            | Error::NullIntoString { .. }
            | Error::InvalidScalar { .. }
            | Error::NonFiniteFloat { .. }
            | Error::SerdeInvalidType { .. }
            | Error::SerdeInvalidValue { .. }
            | Error::SerdeInvalidLength { .. }
            | Error::SerdeUnknownVariant { .. }
            | Error::SerdeUnknownField { .. }
            | Error::DuplicateMappingKey { .. }
    )
}

/// The text without the entry that is wrong, or without the mapping that lacks one, everything else where it was.
/// `None` where that cannot be told, or leaves a mapping empty.
fn without(text: &str, error: &Error) -> Option<String> {
    let is_missing = matches!(error.without_snippet(), Error::SerdeMissingField { .. });
    if !is_missing && !is_entry(error) {
        return None;
    }
    let place: Location = error.location()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut number = usize::try_from(place.line()).ok()?.checked_sub(1)?;
    let mut column = usize::try_from(place.column()).ok()?.checked_sub(1)?;
    if is_missing {
        // It is placed at the last entry of the mapping, or at the `{` of an empty one.
        let line = lines.get(number)?;
        let is_brace = line.chars().nth(column) == Some('{');
        match open_before(line, column).last() {
            _ if is_brace => {}
            Some(mapping) => column = mapping.at,
            None => {
                number = parent(&lines, number)?;
                column = key_column(&lines[number]).0;
            }
        }
    }
    if let Some(shorter) = without_in_flow(lines.get(number)?, column) {
        lines[number] = shorter;
        return Some(lines.join("\n"));
    }
    let (start, kept) = key_column(&lines[number]);
    let last = end(&lines, number, start);
    if !lines[number].contains(':') || !has_sibling(&lines, number, last, start) {
        return None;
    }
    lines[number] = kept;
    for line in &mut lines[number + 1..=last] {
        line.clear();
    }
    Some(lines.join("\n"))
}

/// The line of the entry whose mapping begins at this line.
fn parent(lines: &[String], number: usize) -> Option<usize> {
    let own = key_column(lines.get(number)?).0;
    let before = lines.iter().take(number).enumerate().rev();
    let mut outer = before.filter(|(_, line)| !is_empty(line) && key_column(line).0 < own);
    outer.next().map(|(number, _)| number)
}

/// The column of a line's key, behind the dashes of a list, and the line up to there.
fn key_column(line: &str) -> (usize, String) {
    let is_before = |c: &char| matches!(c, ' ' | '-');
    let before: String = line.chars().take_while(is_before).collect();
    (before.len(), before.trim_end().to_owned())
}

fn is_empty(line: &str) -> bool {
    let text = line.trim_start();
    text.is_empty() || text.starts_with('#')
}

/// The last line that belongs to the entry of this line.
fn end(lines: &[String], number: usize, start: usize) -> usize {
    let belongs = |line: &String| {
        let indent = line.chars().take_while(|c| *c == ' ').count();
        is_empty(line) || indent > start || (indent == start && line.trim_start().starts_with("- "))
    };
    let after = lines.iter().skip(number + 1);
    number + after.take_while(|line| belongs(line)).count()
}

/// Whether the mapping has another entry than that of these lines.
fn has_sibling(lines: &[String], first: usize, last: usize, start: usize) -> bool {
    let column = |line: &String| key_column(line).0;
    let is_sibling = |line: &String| column(line) == start;
    let within = |line: &&String| is_empty(line) || column(line) >= start;
    let before = lines.iter().take(first).rev().take_while(within);
    let after = lines.iter().skip(last + 1).take_while(within);
    let mut all = before.chain(after);
    all.any(|line| !is_empty(line) && is_sibling(line))
}

/// A `{` or `[` that is open.
struct Open {
    /// Its column.
    at: usize,
    /// The column where its present entry begins.
    entry: usize,
}

/// What is open in a line before a column, the innermost last.
fn open_before(line: &str, column: usize) -> Vec<Open> {
    let mut open: Vec<Open> = Vec::new();
    let mut quote = None;
    for (at, character) in line.chars().enumerate().take(column) {
        match (quote, character) {
            (Some(mark), _) if mark == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{' | '[') => open.push(Open { at, entry: at + 1 }),
            (None, '}' | ']') => {
                open.pop();
            }
            (None, ',') => {
                if let Some(innermost) = open.last_mut() {
                    innermost.entry = at + 1;
                }
            }
            _ => {}
        }
    }
    open
}

/// The line without the entry of a `{…}` or `[…]` of this line; `None` where the column is in none.
fn without_in_flow(line: &str, column: usize) -> Option<String> {
    let begin = open_before(line, column).pop()?.entry;
    let mut characters: Vec<char> = line.chars().collect();
    let mut depth = 0_usize;
    let mut end = None;
    for (at, character) in characters.iter().enumerate().skip(begin) {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 0 => end = Some(at),
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => end = Some(at + 1),
            _ => {}
        }
        if end.is_some() {
            break;
        }
    }
    characters[begin..end?].fill(' ');
    Some(characters.into_iter().collect())
}
