//! The report as one HTML file that needs nothing else: no network, no script.
//!
//! This file decides what is shown and how much of it; `report.html.jinja` beside it decides
//! how. All text of the run is escaped by the template engine, or by `chart` where it becomes
//! part of a drawing.

mod charts;
mod findings;
mod terms;
mod timeline;
mod windows;

use crate::VerdictError;
use crate::report::format::{clip, count, instant, window_span};
use crate::report::model::Report;
use crate::report::summary::{History, summary};
use charts::{ChartView, TrendGroup, distribution_view, lead_trend, trend_groups, trend_view};
use findings::{FindingView, findings};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;
use terms::{TermTable, term_tables};
use timeline::{Cell, strip};
use windows::{CheckView, WindowView, checks, terms_of, windows};

/// How a report looks: pages that show the same charts and tables look alike. Colours for light,
/// dark and paper.
pub const STYLE: &str = include_str!("report.css");

/// No report is larger, whatever the run.
pub const MAX_SIZE_BYTES: usize = 3_000_000;

/// How much is shown; the rest is counted.
#[derive(Clone, Copy)]
struct Caps {
    findings: usize,
    evidence: usize,
    windows: usize,
    findings_of_a_window: usize,
    strip: usize,
    trends: usize,
    points: usize,
    distributions: usize,
    bins: usize,
    terms: usize,
    examples: usize,
    not_evaluated: usize,
    notes: usize,
    text: usize,
}

/// From all that a person may want to what always fits.
const CAPS: [Caps; 3] = [
    Caps {
        findings: 200,
        evidence: 12,
        windows: 160,
        findings_of_a_window: 12,
        strip: 400,
        trends: 36,
        points: 400,
        distributions: 16,
        bins: 40,
        terms: 120,
        examples: 3,
        not_evaluated: 60,
        notes: 40,
        text: 400,
    },
    Caps {
        findings: 100,
        evidence: 8,
        windows: 60,
        findings_of_a_window: 8,
        strip: 400,
        trends: 24,
        points: 260,
        distributions: 10,
        bins: 24,
        terms: 60,
        examples: 2,
        not_evaluated: 30,
        notes: 20,
        text: 240,
    },
    Caps {
        findings: 40,
        evidence: 5,
        windows: 20,
        findings_of_a_window: 5,
        strip: 200,
        trends: 12,
        points: 160,
        distributions: 6,
        bins: 16,
        terms: 30,
        examples: 1,
        not_evaluated: 20,
        notes: 10,
        text: 160,
    },
];

/// The report as a single HTML file of at most [`MAX_SIZE_BYTES`] bytes. Where a run has more
/// than that holds, the most important part is shown and the rest counted.
///
/// # Errors
/// [`VerdictError::Render`] if the template cannot be filled in: a fault of this crate.
pub fn html(report: &Report) -> Result<String, VerdictError> {
    let failed = |reason: String| VerdictError::Render {
        format: "HTML",
        reason,
    };
    let mut environment = minijinja::Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|error| failed(error.to_string()))?,
    );
    environment.add_global("style", STYLE);
    environment.add_filter("grouped", |number: u64| count(number));
    environment
        .add_template("report.html", include_str!("report.html.jinja"))
        .map_err(|error| failed(error.to_string()))?;
    let template = environment
        .get_template("report.html")
        .map_err(|error| failed(error.to_string()))?;
    for caps in CAPS {
        let page = template
            .render(Serde(view(report, caps)))
            .map_err(|error| failed(error.to_string()))?;
        if page.len() <= MAX_SIZE_BYTES {
            return Ok(page);
        }
    }
    Err(failed(format!("it is larger than {MAX_SIZE_BYTES} bytes")))
}

/// A list cut to what is shown, and how many items are not.
#[derive(Serialize)]
struct Cut<T> {
    items: Vec<T>,
    more: usize,
}

impl<T> Cut<T> {
    fn of<S>(
        items: impl ExactSizeIterator<Item = S>,
        most: usize,
        view: impl FnMut(S) -> T,
    ) -> Self {
        let more = items.len().saturating_sub(most);
        Self {
            items: items.take(most).map(view).collect(),
            more,
        }
    }
}

/// Text of unknown language, with the language its script tells: Chinese, Japanese and
/// Korean share characters that are drawn differently.
#[derive(Serialize)]
struct Foreign {
    text: String,
    lang: &'static str,
}

fn foreign(text: &str, most: usize) -> Foreign {
    let mut lang = "";
    for character in text.chars() {
        match character {
            '\u{3040}'..='\u{30ff}' => {
                lang = "ja";
                break;
            }
            '\u{ac00}'..='\u{d7af}' => {
                lang = "ko";
                break;
            }
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => lang = "zh",
            _ => {}
        }
    }
    Foreign {
        text: clip(text, most),
        lang,
    }
}

#[derive(Serialize)]
struct View {
    title: String,
    pipeline: String,
    run_id: String,
    created_at: String,
    baseline_id: String,
    verdict: &'static str,
    run_verdict: &'static str,
    answer: String,
    sentence: String,
    moved: Vec<MovedView>,
    more_moved: usize,
    new_terms: Vec<Foreign>,
    more_new_terms: usize,
    to_do: String,
    tally: String,
    newest: String,
    lead: Option<ChartView>,
    strip: Cut<Cell>,
    findings: Cut<FindingView>,
    terms_of_newest: Cut<Foreign>,
    windows: Cut<WindowView>,
    trend_groups: Vec<TrendGroup>,
    more_trends: usize,
    distributions: Cut<ChartView>,
    term_tables: Vec<TermTable>,
    models: Cut<ModelView>,
    not_evaluated: Cut<CheckView>,
    baseline: BaselineView,
    notes: Cut<String>,
}

#[derive(Serialize)]
struct MovedView {
    subject: String,
    amount: String,
    since: String,
}

#[derive(Serialize)]
struct ModelView {
    name: String,
    domain: String,
    scored: String,
    accuracy: String,
}

#[derive(Serialize)]
struct BaselineView {
    source: String,
    span: String,
    rows: String,
    blocks: String,
    calibration: String,
}

fn view(report: &Report, caps: Caps) -> View {
    let run = &report.run;
    let summary = summary(run);
    let history = History::of(&run.windows);
    let newest = run.windows.last();
    let newest_place = run.windows.len().saturating_sub(1);
    let (windows, shown) = windows(run, caps);
    let lead = lead_trend(report);
    View {
        title: format!("{}: {}", clip(&run.pipeline, 120), summary.verdict.name()),
        pipeline: clip(&run.pipeline, 120),
        run_id: clip(&run.run_id, 120),
        created_at: clip(&instant(&run.created_at), 60),
        baseline_id: clip(&run.baseline_id, 120),
        verdict: summary.verdict.name(),
        run_verdict: run.verdict.name(),
        answer: summary.answer,
        sentence: clip(&summary.sentence, 600),
        moved: summary
            .moved
            .iter()
            .map(|moved| MovedView {
                subject: clip(&moved.subject, 120),
                amount: moved.amount.clone().unwrap_or_default(),
                since: moved.since.sentence(),
            })
            .collect(),
        more_moved: summary.more,
        more_new_terms: summary.new_terms.len().saturating_sub(8),
        new_terms: summary
            .new_terms
            .iter()
            .take(8)
            .map(|term| foreign(term, 40))
            .collect(),
        to_do: clip(&summary.to_do, 600),
        tally: summary.run,
        newest: newest
            .map(|window| window_span(window, newest_place))
            .unwrap_or_default(),
        lead: lead.map(|trend| trend_view(trend, caps.points)),
        strip: strip(run, &shown, caps.strip),
        findings: newest
            .map(|window| findings(window, Some(&history), caps, caps.findings))
            .unwrap_or_else(empty),
        terms_of_newest: newest
            .map(|window| terms_of(window, caps.terms))
            .unwrap_or_else(empty),
        windows,
        more_trends: report.trends.len().saturating_sub(caps.trends),
        trend_groups: trend_groups(&report.trends, caps),
        distributions: Cut::of(report.distributions.iter(), caps.distributions, |shown| {
            distribution_view(shown, caps.bins)
        }),
        term_tables: term_tables(report, caps),
        models: Cut::of(report.models.iter(), 20, |model| ModelView {
            name: clip(&model.name, 120),
            domain: clip(&model.domain, caps.text),
            scored: clip(&model.scored, caps.text),
            accuracy: clip(&model.accuracy, caps.text),
        }),
        not_evaluated: newest
            .map(|window| checks(window, caps.not_evaluated, caps))
            .unwrap_or_else(empty),
        baseline: BaselineView {
            source: clip(&report.baseline.source, caps.text),
            span: match (&report.baseline.start, &report.baseline.end) {
                (Some(start), Some(end)) => format!("{} to {}", instant(start), instant(end)),
                _ => String::new(),
            },
            rows: count(report.baseline.rows),
            blocks: count(report.baseline.blocks),
            calibration: clip(&report.baseline.calibration, caps.text),
        },
        notes: Cut::of(run.notes.iter(), caps.notes, |note| clip(note, caps.text)),
    }
}

fn empty<T>() -> Cut<T> {
    Cut {
        items: Vec::new(),
        more: 0,
    }
}

fn counted_rows(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{} rows", count(rows)),
    }
}
