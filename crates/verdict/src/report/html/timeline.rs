//! The timeline: one cell a window.

use super::{Cut, counted_rows};
use crate::Run;
use crate::report::format::window_span;
use serde::Serialize;
use std::collections::BTreeSet;

/// One bar of the timeline.
#[derive(Serialize)]
pub(super) struct Cell {
    name: String,
    verdict: &'static str,
    /// Where its details are, if they are shown.
    place: Option<usize>,
    /// Written under the cell: the month, where it begins.
    tick: String,
    rows: String,
}

/// Cells of the newest windows; `shown` holds the windows that have details.
pub(super) fn strip(run: &Run, shown: &BTreeSet<usize>, most: usize) -> Cut<Cell> {
    let more = run.windows.len().saturating_sub(most);
    let mut month = String::new();
    let (mut room, mut needed) = (0, 0);
    let items = run
        .windows
        .iter()
        .enumerate()
        .skip(more)
        .map(|(place, window)| {
            room += 1;
            let mut tick = String::new();
            if let Some(begun) = window.start.as_deref().and_then(month_of)
                && begun != month
            {
                if room >= needed {
                    tick = month_label(&begun, month.is_empty());
                    room = 0;
                    // A cell is at least as wide as one and a half characters of a label.
                    needed = (tick.len() * 2).div_ceil(3) + 1;
                }
                month = begun;
            }
            Cell {
                name: window_span(window, place),
                verdict: window.verdict.name(),
                place: shown.contains(&place).then_some(place),
                tick,
                rows: counted_rows(window.rows),
            }
        })
        .collect();
    Cut { items, more }
}

/// `2023-01` of an RFC 3339 instant.
fn month_of(instant: &str) -> Option<String> {
    let month = instant.get(..7)?;
    let digits = month
        .bytes()
        .enumerate()
        .all(|(place, byte)| (place == 4 && byte == b'-') || byte.is_ascii_digit());
    digits.then(|| month.to_owned())
}

/// The month's name, with the year where it changes.
fn month_label(month: &str, first: bool) -> String {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, number) = month.split_once('-').unwrap_or((month, ""));
    let name = number
        .parse::<usize>()
        .ok()
        .and_then(|number| NAMES.get(number.wrapping_sub(1)))
        .copied()
        .unwrap_or(number);
    if first || name == "Jan" {
        format!("{name} {year}")
    } else {
        name.to_owned()
    }
}
