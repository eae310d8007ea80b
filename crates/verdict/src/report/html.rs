//! The report as one HTML file that needs nothing else: no network, no script.
//!
//! This file decides what is shown and how much of it; `report.html.jinja` beside it decides
//! how. All text of the run is escaped by the template engine, or by `chart` where it becomes
//! part of a drawing.

use crate::report::chart;
use crate::report::format::{
    clip, count, counted, instant, number, probability, quantity, subject, window_name,
    window_span, words,
};
use crate::report::model::{Distribution, Report, TermRow, Trend};
use crate::report::summary::{History, summary, worst_first};
use crate::{Finding, FindingKind, Run, Severity, TermClass, VerdictError, Window};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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

/// One bar of the timeline.
#[derive(Serialize)]
struct Cell {
    name: String,
    verdict: &'static str,
    /// Where its details are, if they are shown.
    place: Option<usize>,
    /// Written under the cell: the month, where it begins.
    tick: String,
    rows: String,
}

#[derive(Serialize)]
struct FindingView {
    severity: &'static str,
    kind: &'static str,
    subject: String,
    /// The message in parts, each with whether it is a name in backticks.
    message: Vec<(String, bool)>,
    value: String,
    limit: String,
    p_value: String,
    since: String,
    numbers: Vec<(&'static str, String)>,
    evidence: Cut<EvidenceView>,
    places: Cut<PlaceView>,
}

/// A slice that holds the drift.
#[derive(Serialize)]
struct PlaceView {
    slice: Foreign,
    baseline_share: String,
    window_share: String,
    value: String,
    lower: String,
    rest: String,
}

#[derive(Serialize)]
struct EvidenceView {
    label: Foreign,
    baseline: String,
    window: String,
    contribution: String,
}

#[derive(Serialize)]
struct WindowView {
    place: usize,
    span: String,
    verdict: &'static str,
    rows: String,
    findings: Cut<FindingView>,
    terms: Cut<Foreign>,
    not_evaluated: Cut<CheckView>,
    what: String,
}

#[derive(Serialize)]
struct CheckView {
    check: String,
    reason: String,
    required: bool,
}

#[derive(Serialize)]
struct TrendGroup {
    id: &'static str,
    title: &'static str,
    says: &'static str,
    charts: Vec<ChartView>,
    /// What all limits of the group mean, where it is the same.
    limit_label: String,
    has_limit: bool,
    has_baseline: bool,
    has_alarm: bool,
}

#[derive(Serialize)]
struct ChartView {
    title: String,
    subtitle: String,
    /// The newest value against its limit.
    newest: String,
    alarm: bool,
    limit_label: String,
    has_limit: bool,
    has_baseline: bool,
    has_alarm: bool,
    more: usize,
    svg: String,
}

#[derive(Serialize)]
struct TermTable {
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

/// The trend that tells the story: that of the worst finding of the newest window, else the
/// first.
fn lead_trend(report: &Report) -> Option<&Trend> {
    let worst = report.run.windows.last().and_then(|window| {
        worst_first(window)
            .into_iter()
            .filter(|finding| finding.severity >= Severity::Warning)
            .find_map(|finding| {
                // A rule's trend bears the rule's name, a measure's that of its column.
                let (name, measure) = match finding.kind {
                    FindingKind::Rule => (finding.measure.clone()?, &None),
                    _ => (finding.column.clone()?, &finding.measure),
                };
                let name = match &finding.slice {
                    Some(slice) => format!("{name} where {slice}"),
                    None => name,
                };
                report
                    .trends
                    .iter()
                    .find(|trend| trend.name == name && trend.measure == *measure)
            })
    });
    worst
        .or_else(|| report.trends.first())
        .filter(|trend| trend.points.len() > 1)
}

/// Cells of the newest windows; `shown` holds the windows that have details.
fn strip(run: &Run, shown: &BTreeSet<usize>, most: usize) -> Cut<Cell> {
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

fn counted_rows(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{} rows", count(rows)),
    }
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

/// Details of the windows with findings, or without a required check, newest first, the newest itself left
/// out; and the places of those shown.
fn windows(run: &Run, caps: Caps) -> (Cut<WindowView>, BTreeSet<usize>) {
    let older = run.windows.len().saturating_sub(1);
    let mut telling: Vec<(usize, &Window)> = run
        .windows
        .iter()
        .enumerate()
        .take(older)
        .filter(|(_, window)| {
            !window.findings.is_empty() || window.not_evaluated.iter().any(|check| check.required)
        })
        .collect();
    telling.reverse();
    let shown = telling
        .iter()
        .take(caps.windows)
        .map(|(place, _)| *place)
        .collect();
    let cut = Cut::of(telling.into_iter(), caps.windows, |(place, window)| {
        WindowView {
            place,
            span: window_span(window, place),
            verdict: window.verdict.name(),
            rows: counted_rows(window.rows),
            findings: findings(window, None, caps, caps.findings_of_a_window),
            terms: terms_of(window, 30),
            not_evaluated: checks(window, caps.findings_of_a_window, caps),
            what: what_a_window_holds(window),
        }
    });
    (cut, shown)
}

fn what_a_window_holds(window: &Window) -> String {
    let terms = window
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Term)
        .count();
    let others = worst_first(window).len();
    let parts = [
        (others, "finding"),
        (terms, "term"),
        (window.not_evaluated.len(), "check not made"),
    ];
    parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| match noun {
            "check not made" if number > 1 => format!("{number} checks not made"),
            "check not made" => format!("{number} {noun}"),
            noun => counted(number, noun),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn checks(window: &Window, most: usize, caps: Caps) -> Cut<CheckView> {
    let mut checks: Vec<_> = window.not_evaluated.iter().collect();
    checks.sort_by_key(|check| !check.required);
    Cut::of(checks.into_iter(), most, |check| CheckView {
        check: clip(&check.check, 120),
        reason: clip(&check.reason, caps.text),
        required: check.required,
    })
}

fn terms_of(window: &Window, most: usize) -> Cut<Foreign> {
    let terms: Vec<&str> = window
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Term)
        .filter_map(|finding| finding.term.as_deref())
        .collect();
    Cut::of(terms.into_iter(), most, |term| foreign(term, 40))
}

fn findings(
    window: &Window,
    history: Option<&History<'_>>,
    caps: Caps,
    most: usize,
) -> Cut<FindingView> {
    Cut::of(worst_first(window).into_iter(), most, |finding| {
        finding_view(finding, history, caps)
    })
}

fn finding_view(finding: &Finding, history: Option<&History<'_>>, caps: Caps) -> FindingView {
    let evidence = if history.is_some() { caps.evidence } else { 0 };
    let mut numbers = Vec::new();
    let mut say = |name, value: Option<String>| {
        if let Some(value) = value {
            numbers.push((name, value));
        }
    };
    let unit = finding.unit.as_deref().unwrap_or_default();
    let measured = |value| quantity(value, unit);
    say("effect", finding.effect.map(measured));
    say("effect, at least", finding.effect_lower.map(measured));
    say("least effect that fails", finding.min_effect.map(measured));
    say("rows of the baseline", finding.baseline_rows.map(count));
    say("rows of the window", finding.window_rows.map(count));
    FindingView {
        severity: finding.severity.name(),
        kind: finding.kind.name(),
        subject: clip(&subject(finding), 120),
        message: clip(&finding.message, caps.text)
            .split('`')
            .enumerate()
            .map(|(place, part)| (part.to_owned(), place % 2 == 1))
            .filter(|(part, _)| !part.is_empty())
            .collect(),
        value: finding.value.map(measured).unwrap_or_default(),
        limit: finding.threshold.map(measured).unwrap_or_default(),
        p_value: finding.p_value.map(probability).unwrap_or_default(),
        since: history
            .filter(|_| finding.severity >= Severity::Warning)
            .map(|history| history.since(finding))
            .map(|since| match since.in_a_row {
                0 | 1 => "this window".to_owned(),
                row => format!("{} ({row} windows)", since.first),
            })
            .unwrap_or_default(),
        evidence: if evidence == 0 {
            empty()
        } else {
            Cut::of(finding.evidence.iter(), evidence, |part| EvidenceView {
                label: foreign(&part.label, 60),
                baseline: number(part.baseline),
                window: number(part.window),
                contribution: number(part.contribution),
            })
        },
        places: Cut::of(finding.concentrations.iter(), evidence, |held| PlaceView {
            slice: foreign(&held.slice, 80),
            baseline_share: quantity(held.baseline_share, "share"),
            window_share: quantity(held.window_share, "share"),
            value: measured(held.value),
            lower: measured(held.value_lower),
            rest: measured(held.rest),
        }),
        numbers,
    }
}

/// Groups of trends as a reader looks for them; what no group knows is shown last.
const GROUPS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "drift",
        "Drift",
        "How far each window is from the baseline. A value above the dashed line is one that \
         the baseline itself does not reach as often as the stated rate.",
        &["drift", "length", "volume"],
    ),
    (
        "rules",
        "Rules and keywords",
        "Quantities that the pipeline watches by name.",
        &["rule", "keyword"],
    ),
    (
        "confidence",
        "Model confidence",
        "What the models make of the rows, how sure they are, and how right.",
        &[
            "confidence",
            "label",
            "score",
            "model",
            "performance",
            "challenger",
        ],
    ),
    ("more", "More trends", "", &[]),
];

fn trend_groups(trends: &[Trend], caps: Caps) -> Vec<TrendGroup> {
    let mut groups: Vec<TrendGroup> = GROUPS
        .iter()
        .map(|(id, title, says, _)| TrendGroup {
            id,
            title,
            says,
            charts: Vec::new(),
            limit_label: "limit".to_owned(),
            has_limit: false,
            has_baseline: false,
            has_alarm: false,
        })
        .collect();
    for trend in trends.iter().take(caps.trends) {
        let place = GROUPS
            .iter()
            .position(|(_, _, _, names)| names.contains(&trend.group.as_str()))
            .unwrap_or(GROUPS.len() - 1);
        groups[place].charts.push(trend_view(trend, caps.points));
    }
    groups.retain(|group| !group.charts.is_empty());
    for group in &mut groups {
        let any = |has: fn(&ChartView) -> bool| group.charts.iter().any(has);
        group.has_limit = any(|chart| chart.has_limit);
        group.has_baseline = any(|chart| chart.has_baseline);
        group.has_alarm = any(|chart| chart.has_alarm);
        let mut labels = group
            .charts
            .iter()
            .filter(|chart| chart.has_limit)
            .map(|chart| &chart.limit_label);
        if let Some(label) = labels.next()
            && labels.all(|other| other == label)
        {
            group.limit_label.clone_from(label);
        }
    }
    groups
}

fn trend_view(trend: &Trend, points: usize) -> ChartView {
    let newest = trend.points.last();
    let value = newest.and_then(|point| point.value);
    let limit = newest.and_then(|point| point.nearest_limit());
    ChartView {
        title: clip(&trend.name, 60),
        subtitle: match &trend.measure {
            Some(measure) => clip(&words(measure), 60),
            None => String::new(),
        },
        newest: match (value, limit) {
            (Some(value), Some(limit)) => format!(
                "{}, limit {}",
                quantity(value, &trend.unit),
                quantity(limit, &trend.unit)
            ),
            (Some(value), None) => quantity(value, &trend.unit),
            (None, _) => "not evaluated".to_owned(),
        },
        alarm: newest.is_some_and(|point| point.alarm),
        limit_label: match trend.limit_label.as_deref().unwrap_or("limit") {
            label if label.contains("limit") => clip(label, 80),
            label => format!("limit: {}", clip(label, 80)),
        },
        has_limit: trend.points.iter().any(|point| point.limit.is_some()),
        has_baseline: trend.points.iter().any(|point| point.baseline.is_some()),
        has_alarm: trend.points.iter().any(|point| point.alarm),
        more: trend.points.len().saturating_sub(points),
        svg: chart::trend(trend, points),
    }
}

fn distribution_view(distribution: &Distribution, bins: usize) -> ChartView {
    ChartView {
        title: clip(&distribution.column, 60),
        subtitle: clip(&distribution.axis, 60),
        newest: clip(&instant(&distribution.window), 40),
        alarm: false,
        limit_label: String::new(),
        has_limit: false,
        has_baseline: true,
        has_alarm: false,
        more: distribution.bins.len().saturating_sub(bins),
        svg: chart::distribution(distribution, bins),
    }
}

/// Terms of a class that are shown before the reader asks for the rest.
const BEST_COINAGES: usize = 20;
const BEST_OTHERS: usize = 8;

fn term_tables(report: &Report, caps: Caps) -> Vec<TermTable> {
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
