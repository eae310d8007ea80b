//! A finding in words, with the numbers to redo it by hand.
//!
//! Everything is read from the run itself, so that a stored verdict can be explained long
//! after its data is gone.

mod formula;
mod other;
mod table;
mod term;

pub use table::explanation_table;

use crate::{
    Finding, FindingKind, Run, Severity,
    report::format::{self, window_span},
};
use serde::Serialize;

/// Which findings of a run are explained.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// A window by its number from 1, or by its start or the beginning of it; `None` for the
    /// newest.
    pub window: Option<String>,
    /// A finding by its number from 1; else by its column, `COLUMN:MEASURE`, term, measure
    /// or rule; `None` for all.
    pub finding: Option<String>,
}

/// Why nothing is explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// No such window.
    #[error("the run has no window `{asked}`; it has {known}")]
    NoWindow {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// No such finding.
    #[error("the window {window} has no finding `{asked}`; it has {known}")]
    NoFinding {
        /// The window.
        window: String,
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
}

/// One finding, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The window, as reports name it.
    pub window: String,
    /// Place of the finding in the window, from 1.
    pub number: usize,
    /// The finding.
    pub finding: Finding,
    /// What is to be known of it, in the order of reading.
    pub sections: Vec<Section>,
}

/// One part of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// What it tells.
    pub title: &'static str,
    /// In words.
    pub sentences: Vec<String>,
    /// In numbers; the first row is the heading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<String>>,
}

impl Section {
    fn words(title: &'static str, sentences: Vec<String>) -> Self {
        Self {
            title,
            sentences,
            rows: Vec::new(),
        }
    }
}

/// Explains findings of a run.
///
/// # Errors
/// [`ExplainError`] for a window or a finding that is not there, with those that are.
pub fn explain(run: &Run, selector: &Selector) -> Result<Vec<Explanation>, ExplainError> {
    let place = match &selector.window {
        None => run.windows.len().checked_sub(1),
        Some(asked) => asked
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1))
            .filter(|place| *place < run.windows.len())
            .or_else(|| {
                run.windows.iter().position(|window| {
                    let start = window.start.as_deref();
                    start.is_some_and(|start| start.starts_with(asked.as_str()))
                })
            }),
    };
    let Some(place) = place else {
        return Err(ExplainError::NoWindow {
            asked: selector.window.clone().unwrap_or_else(|| "newest".into()),
            known: match (run.windows.first(), run.windows.len()) {
                (None, _) => "none".into(),
                (Some(first), 1) => format!("one, {}", window_span(first, 0)),
                (Some(first), count) => format!(
                    "1 to {count}, from {} to {}",
                    format::window_name(first, 0),
                    format::window_name(&run.windows[count - 1], count - 1)
                ),
            },
        });
    };
    let window = &run.windows[place];
    let name = window_span(window, place);
    let numbered = window.findings.iter().enumerate();
    let chosen: Vec<Explanation> = numbered
        .filter(|(index, finding)| match &selector.finding {
            None => true,
            Some(asked) => match asked.parse::<usize>() {
                Ok(number) => number == index + 1,
                Err(_) => is_named(finding, asked),
            },
        })
        .map(|(index, finding)| Explanation {
            window: name.clone(),
            number: index + 1,
            finding: finding.clone(),
            sections: sections(finding),
        })
        .collect();
    match (&selector.finding, chosen.is_empty()) {
        (Some(asked), true) => Err(ExplainError::NoFinding {
            window: name,
            asked: asked.clone(),
            known: known(&window.findings),
        }),
        _ => Ok(chosen),
    }
}

fn is_named(finding: &Finding, asked: &str) -> bool {
    let measure = finding.measure.as_deref();
    let of_column = asked.rsplit_once(':').is_some_and(|(column, name)| {
        finding.column.as_deref() == Some(column) && measure == Some(name)
    });
    of_column
        || [finding.column.as_deref(), finding.term.as_deref(), measure].contains(&Some(asked))
}

fn known(findings: &[Finding]) -> String {
    const LISTED: usize = 12;
    if findings.is_empty() {
        return "none".into();
    }
    let mut names: Vec<String> = findings
        .iter()
        .take(LISTED)
        .enumerate()
        .map(|(index, finding)| format!("{} {}", index + 1, format::subject(finding)))
        .collect();
    if let Some(more @ 1..) = findings.len().checked_sub(LISTED) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

fn sections(finding: &Finding) -> Vec<Section> {
    let mut sections = match finding.kind {
        FindingKind::Drift => formula::sections(finding),
        FindingKind::Term => term::sections(finding),
        _ => other::sections(finding),
    };
    sections.push(consequence(finding));
    sections
}

/// What follows from it.
fn consequence(finding: &Finding) -> Section {
    let severity = match finding.severity {
        Severity::Error => "An error: the window fails.",
        Severity::Warning => "A warning: the window does not fail for it.",
        Severity::Info => "For information: it changes no verdict.",
    };
    let action = finding.action.map(|action| {
        format!(
            "It asks to {}.",
            match action {
                crate::ActionKind::Notify => "notify",
                crate::ActionKind::Retrain => "retrain, once it is confirmed",
            }
        )
    });
    Section::words(
        "what follows",
        std::iter::once(severity.to_owned()).chain(action).collect(),
    )
}

/// A number with six significant digits, so that a sum can be checked.
fn exact(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    if size < f64::MIN_POSITIVE {
        "0".into()
    } else if (1e-4..1e6).contains(&size) {
        let decimals = (5 - size.log10().floor() as i32).clamp(0, 10) as usize;
        let text = format!("{value:.decimals$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').into(),
            false => text,
        }
    } else {
        format!("{value:.5e}")
    }
}
