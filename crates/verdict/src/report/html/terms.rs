//! Tables of terms, one a class.

use super::{Caps, Cut, Foreign, foreign};
use crate::TermClass;
use crate::report::chart;
use crate::report::format::{clip, count, instant, number, window_name};
use crate::report::model::{Report, TermRow};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct TermTable {
    id: &'static str,
    title: &'static str,
    says: &'static str,
    /// The first of its terms.
    best: Vec<TermView>,
    /// Those after them, shown on demand.
    rest: Vec<TermView>,
    /// Terms that are left out.
    more: usize,
}

#[derive(Serialize)]
struct TermView {
    term: Foreign,
    tier: &'static str,
    first_seen: String,
    first_alarm: String,
    count: String,
    baseline_count: String,
    score: String,
    svg: String,
    origin: String,
    examples: Vec<Foreign>,
}

/// Terms of a class that are shown before the reader asks for the rest.
const BEST_COINAGES: usize = 20;
const BEST_OTHERS: usize = 8;

pub(super) fn term_tables(report: &Report, caps: Caps) -> Vec<TermTable> {
    // Where each window starts, to find the bar of a term's first alarm.
    let places: BTreeMap<String, usize> = report
        .run
        .windows
        .iter()
        .enumerate()
        .flat_map(|(place, window)| {
            [
                Some((window_name(window, place), place)),
                window.start.clone().map(|start| (start, place)),
            ]
        })
        .flatten()
        .collect();
    let tables = [
        (
            TermClass::Coinage,
            "coinages",
            "New words",
            "Words, or senses, that the baseline does not have.",
        ),
        (
            TermClass::Entity,
            "entities",
            "New names",
            "People, places, works and events. They never ask for retraining.",
        ),
        (
            TermClass::Surge,
            "surges",
            "Known words that surge",
            "The baseline has these words; they have become much more frequent.",
        ),
    ];
    tables
        .into_iter()
        .map(|(class, id, title, says)| {
            let terms: Vec<&TermRow> = report
                .terms
                .iter()
                .filter(|term| term.class == class)
                .collect();
            let coinage = class == TermClass::Coinage;
            let most = if coinage { caps.terms } else { caps.terms / 2 };
            let Cut { items, more } = Cut::of(terms.into_iter(), most, |term| {
                term_view(term, &places, caps)
            });
            let mut best = items;
            let unfolded = if coinage { BEST_COINAGES } else { BEST_OTHERS };
            let rest = best.split_off(unfolded.min(best.len()));
            TermTable {
                id,
                title,
                says,
                best,
                rest,
                more,
            }
        })
        .filter(|table| !table.best.is_empty())
        .collect()
}

fn term_view(term: &TermRow, places: &BTreeMap<String, usize>, caps: Caps) -> TermView {
    TermView {
        term: foreign(&term.term, 40),
        tier: term.tier.name(),
        first_seen: clip(&instant(&term.first_seen), 40),
        first_alarm: clip(&instant(&term.first_alarm), 40),
        count: count(term.count),
        baseline_count: count(term.baseline_count),
        score: number(term.score),
        svg: chart::sparkline(
            &term.series,
            places.get(&term.first_alarm).copied(),
            caps.points.min(156),
        ),
        origin: clip(term.origin.as_deref().unwrap_or_default(), caps.text),
        examples: term
            .examples
            .iter()
            .take(caps.examples)
            .map(|example| foreign(example, caps.text.min(120)))
            .collect(),
    }
}
