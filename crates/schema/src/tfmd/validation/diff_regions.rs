//! The given schema beside the repaired one, line by line.
//!
//! Lines are those of the text form, counted from 1. Of a long unchanged stretch the
//! lines next to a change are shown, and the rest is counted.

use crate::tfmd::diff_region::Details;
use crate::tfmd::{
    ChangedRegion, DiffRegion, HiddenRegion, OneSideRegion, Schema, UnchangedRegion, to_text,
};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::ops::Range;

/// How many unchanged lines are shown on each side of a change.
const CONTEXT: usize = 3;

pub(super) fn between(before: &Schema, after: &Schema) -> Vec<DiffRegion> {
    let (before, after) = (to_text(before), to_text(after));
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    let operations = capture_diff_slices(Algorithm::Myers, &before, &after);
    let last = operations.len().saturating_sub(1);
    operations
        .iter()
        .enumerate()
        .flat_map(|(index, operation)| match *operation {
            DiffOp::Equal {
                old_index,
                new_index,
                len,
            } => unchanged(&before, old_index, new_index, len, index > 0, index < last),
            DiffOp::Delete {
                old_index, old_len, ..
            } => vec![Details::Removed(OneSideRegion {
                start: Some(line(old_index)),
                contents: lines(&before, old_index..old_index + old_len),
            })],
            DiffOp::Insert {
                new_index, new_len, ..
            } => vec![Details::Added(OneSideRegion {
                start: Some(line(new_index)),
                contents: lines(&after, new_index..new_index + new_len),
            })],
            DiffOp::Replace {
                old_index,
                old_len,
                new_index,
                new_len,
            } => vec![Details::Changed(ChangedRegion {
                left_start: Some(line(old_index)),
                left_contents: lines(&before, old_index..old_index + old_len),
                right_start: Some(line(new_index)),
                right_contents: lines(&after, new_index..new_index + new_len),
            })],
        })
        .map(|details| DiffRegion {
            details: Some(details),
        })
        .collect()
}

fn unchanged(
    text: &[&str],
    left: usize,
    right: usize,
    len: usize,
    follows_a_change: bool,
    precedes_a_change: bool,
) -> Vec<Details> {
    let head = if follows_a_change {
        CONTEXT.min(len)
    } else {
        0
    };
    let tail = if precedes_a_change {
        CONTEXT.min(len - head)
    } else {
        0
    };
    let hidden = len - head - tail;
    let shown = |from: usize, len: usize| {
        (len > 0).then(|| {
            Details::Unchanged(UnchangedRegion {
                left_start: Some(line(left + from)),
                right_start: Some(line(right + from)),
                contents: lines(text, left + from..left + from + len),
            })
        })
    };
    if hidden == 0 {
        return shown(0, len).into_iter().collect();
    }
    [
        shown(0, head),
        Some(Details::Hidden(HiddenRegion {
            left_start: Some(line(left + head)),
            right_start: Some(line(right + head)),
            size: Some(i32::try_from(hidden).unwrap_or(i32::MAX)),
        })),
        shown(head + hidden, tail),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn line(index: usize) -> i32 {
    i32::try_from(index + 1).unwrap_or(i32::MAX)
}

fn lines(text: &[&str], range: Range<usize>) -> Vec<String> {
    text[range].iter().map(|&line| line.to_owned()).collect()
}
