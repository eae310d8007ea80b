//! Windows made of panes.
//!
//! A pane is the stretch of time that no window divides: a window itself where windows follow
//! one another, a step where they slide, a gap where they are sessions. So rows can be kept by
//! pane before it is known which windows they are in: a window is a run of panes. A session
//! is such a run because a pane is as long as the gap that ends it, so that all rows of a pane
//! are in the same session.

use crate::window::{Cut, Sliding, Span, Windows};

/// Rows of a pane, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane {
    /// What it covers.
    pub span: Span,
    /// The times of its first and its last row.
    pub times: Option<(i64, i64)>,
}

/// A window, as panes; in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaneWindow {
    /// The window.
    pub span: Span,
    /// Its panes, from the start of the first to the end of the last.
    pub panes: Span,
    /// It is over when no row before this can come any more.
    pub over_us: i64,
    /// Panes that end by then are in no later window.
    pub frees_us: i64,
}

/// How windows are made of panes.
#[derive(Debug, Clone)]
pub struct Panes {
    windows: Windows,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A window is a pane.
    Tumbling,
    /// A window is so many panes.
    Sliding(Sliding),
    /// A window is the panes until there is no row for so long, and so many at most.
    Sessions { gap_us: i64, most: usize },
}

impl Panes {
    /// The panes of windows that a calendar has.
    pub fn of(windows: &Windows) -> Self {
        match windows.sliding() {
            Some(sliding) => Self {
                windows: Windows {
                    width: sliding.steps.width,
                    cut: Cut::Tumbling,
                    ..windows.clone()
                },
                kind: Kind::Sliding(sliding),
            },
            None => Self {
                windows: windows.clone(),
                kind: Kind::Tumbling,
            },
        }
    }

    /// The panes of sessions: `gaps` are windows, one after the other, as long as the gap that
    /// ends a session, and a session is cut after so many of them.
    pub fn of_sessions(gaps: Windows, most: usize) -> Self {
        let gap_us = gaps.width.seconds() * 1_000_000;
        Self {
            windows: gaps,
            kind: Kind::Sessions { gap_us, most },
        }
    }

    /// The panes by themselves, as windows.
    pub fn panes(&self) -> &Windows {
        &self.windows
    }

    /// The windows of these panes, in order; those without a pane are left out, and so are
    /// those that begin before a time, as they are closed.
    pub fn windows(&self, panes: &[Pane], closed_until_us: Option<i64>) -> Vec<PaneWindow> {
        let is_open = |start_us: i64| closed_until_us.is_none_or(|until| start_us >= until);
        let panes = panes.iter().filter(|pane| is_open(pane.span.start_us));
        match self.kind {
            Kind::Tumbling => panes
                .map(|pane| PaneWindow {
                    span: pane.span,
                    panes: pane.span,
                    over_us: pane.span.end_us,
                    frees_us: pane.span.end_us,
                })
                .collect(),
            Kind::Sliding(sliding) => {
                let mut windows: Vec<PaneWindow> = Vec::new();
                for pane in panes {
                    let known = windows.last().map(|window| window.span.start_us);
                    let is_new = |start: &i64| known.is_none_or(|known| *start > known);
                    let starts = sliding.starts_of(pane.span.start_us).take_while(is_new);
                    let mut starts: Vec<i64> = starts.filter(|start| is_open(*start)).collect();
                    starts.reverse();
                    windows.extend(starts.into_iter().filter_map(|start| {
                        let span = sliding.last_of(start)?;
                        Some(PaneWindow {
                            span,
                            panes: span,
                            over_us: span.end_us,
                            frees_us: sliding.steps.span_of(start)?.end_us,
                        })
                    }));
                }
                windows
            }
            Kind::Sessions { gap_us, most } => {
                let panes: Vec<&Pane> = panes.collect();
                sessions(&panes, gap_us, most)
            }
        }
    }

    /// When a row can be in none of its windows any more: the time up to which no rows are
    /// waited for must have come to this. `None` beyond the calendar.
    pub fn over_us(&self, pane: Span, time_us: i64) -> Option<i64> {
        match self.kind {
            Kind::Tumbling => Some(pane.end_us),
            Kind::Sliding(sliding) => Some(sliding.last_of(pane.start_us)?.end_us),
            // Of sessions it is known which rows they have up to that time, and no more.
            Kind::Sessions { .. } => time_us.checked_add(1),
        }
    }

    /// The start of the first window with rows of this pane that is not over at that time,
    /// where one that begins before it is.
    pub fn first_open(&self, pane: Span, time_us: i64) -> Option<i64> {
        match self.kind {
            Kind::Sliding(sliding) if pane.end_us <= time_us => {
                let is_open = |start: &i64| {
                    sliding
                        .last_of(*start)
                        .is_some_and(|span| span.end_us > time_us)
                };
                let starts = sliding.starts_of(pane.start_us);
                starts.take_while(is_open).last()
            }
            _ => None,
        }
    }
}

fn sessions(panes: &[&Pane], gap_us: i64, most: usize) -> Vec<PaneWindow> {
    let times = |pane: &Pane| {
        pane.times
            .unwrap_or((pane.span.start_us, pane.span.start_us))
    };
    let mut windows = Vec::new();
    let mut rest = panes;
    while let Some(first) = rest.first() {
        let cut_us = first
            .span
            .start_us
            .saturating_add(gap_us.saturating_mul(most as i64));
        let follows = |pair: &[&Pane]| {
            times(pair[1]).0 - times(pair[0]).1 < gap_us && pair[1].span.end_us <= cut_us
        };
        let more = rest.windows(2).take_while(|pair| follows(pair)).count();
        let (session, after) = rest.split_at(more + 1);
        let last = session[more];
        let end_us = (times(last).1.saturating_add(gap_us)).min(cut_us);
        windows.push(PaneWindow {
            span: Span {
                start_us: times(first).0,
                end_us,
            },
            panes: Span {
                start_us: first.span.start_us,
                end_us: last.span.end_us,
            },
            over_us: end_us,
            frees_us: last.span.end_us,
        });
        rest = after;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const MINUTE_US: i64 = 60_000_000;

    fn windows(width: &str) -> Windows {
        Windows::new("at", width.parse().unwrap())
    }

    /// Panes of rows at these times.
    fn filled(panes: &Panes, times: &[i64]) -> Vec<Pane> {
        let mut found: BTreeMap<Span, (i64, i64)> = BTreeMap::new();
        for &time in times {
            let span = panes.panes().span_of(time).unwrap();
            let known = found.entry(span).or_insert((time, time));
            *known = (known.0.min(time), known.1.max(time));
        }
        let found = found.into_iter();
        found
            .map(|(span, times)| Pane {
                span,
                times: Some(times),
            })
            .collect()
    }

    fn rows_of(window: &PaneWindow, times: &[i64]) -> Vec<i64> {
        let inside = window.panes.start_us..window.panes.end_us;
        let mut rows: Vec<i64> = times.to_vec();
        rows.retain(|time| inside.contains(time));
        rows.sort_unstable();
        rows
    }

    proptest! {
        #[test]
        fn sessions_are_the_rows_without_a_gap_between_them(
            minutes in prop::collection::vec(0..3_000_i64, 1..60),
        ) {
            let times: Vec<i64> = minutes.iter().map(|minute| minute * MINUTE_US + 7).collect();
            let panes = Panes::of_sessions(windows("30m"), 1_000);
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let mut expected: Vec<Vec<i64>> = Vec::new();
            for time in sorted {
                match expected.last_mut() {
                    Some(session) if time - session[session.len() - 1] < 30 * MINUTE_US => {
                        session.push(time);
                    }
                    _ => expected.push(vec![time]),
                }
            }
            let found = panes.windows(&filled(&panes, &times), None);
            let rows: Vec<Vec<i64>> = found.iter().map(|one| rows_of(one, &times)).collect();
            prop_assert_eq!(rows, expected);
            prop_assert!(found.windows(2).all(|pair| pair[0].span.end_us <= pair[1].span.start_us));
        }

        #[test]
        fn a_row_is_in_every_window_that_slides_over_it(
            minutes in prop::collection::vec(0..3_000_i64, 1..40),
        ) {
            let times: Vec<i64> = minutes.iter().map(|minute| minute * MINUTE_US).collect();
            let mut sliding = windows("1h");
            sliding.cut = Cut::Sliding("20m".parse().unwrap());
            let panes = Panes::of(&sliding);
            let found = panes.windows(&filled(&panes, &times), None);
            prop_assert!(found.windows(2).all(|pair| pair[0].span < pair[1].span));
            for &time in &times {
                let holding = found.iter().filter(|one| {
                    (one.span.start_us..one.span.end_us).contains(&time)
                });
                prop_assert_eq!(holding.count(), 3);
            }
            for window in &found {
                prop_assert!(!rows_of(window, &times).is_empty());
            }
        }
    }

    #[test]
    fn a_session_that_does_not_end_is_cut() {
        let times: Vec<i64> = (0..10).map(|place| place * 20 * MINUTE_US).collect();
        let panes = Panes::of_sessions(windows("30m"), 2);
        let found = panes.windows(&filled(&panes, &times), None);
        let ends: Vec<i64> = found
            .iter()
            .map(|one| one.span.end_us / MINUTE_US)
            .collect();
        assert_eq!(ends, [60, 120, 180, 210]);
        let rows: Vec<usize> = found.iter().map(|one| rows_of(one, &times).len()).collect();
        assert_eq!(rows, [3, 3, 3, 1]);
    }

    #[test]
    fn a_late_row_is_in_the_windows_that_are_still_open() {
        let mut sliding = windows("1h");
        sliding.cut = Cut::Sliding("20m".parse().unwrap());
        let panes = Panes::of(&sliding);
        let pane = panes.panes().span_of(60 * MINUTE_US).unwrap();
        assert_eq!(panes.first_open(pane, 79 * MINUTE_US), None);
        assert_eq!(panes.first_open(pane, 80 * MINUTE_US), Some(40 * MINUTE_US));
        assert_eq!(
            panes.first_open(pane, 110 * MINUTE_US),
            Some(60 * MINUTE_US)
        );
        assert_eq!(panes.over_us(pane, 0), Some(120 * MINUTE_US));
    }
}
