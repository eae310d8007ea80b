//! The run as Markdown, for the summary page of a CI job.
//!
//! GitHub refuses a summary beyond 1 MiB, so everything that grows with the run is cut and
//! what is left out is counted.

use crate::report::format::{clip, count, probability, quantity, subject, window_name};
use crate::report::model::Report;
use crate::report::summary::{History, summary, worst_first};
use crate::{Run, Severity, TermClass, TermTier, Verdict};
use std::fmt::Write;

/// Findings, terms, windows and notes that are listed.
const FINDINGS: usize = 50;
const TERMS: usize = 40;
const WINDOWS: usize = 400;
const NOTES: usize = 20;

/// The run as Markdown: the answer, the newest window's findings, the new terms and a line of
/// windows. Text of the run is escaped, so that it stays text.
pub fn markdown(report: &Report) -> String {
    let mut page = String::new();
    // Writing into a string cannot fail.
    write(&mut page, report).ok();
    page
}

fn write(page: &mut String, report: &Report) -> std::fmt::Result {
    let run = &report.run;
    let summary = summary(run);
    writeln!(
        page,
        "## {}: {}\n",
        text(&run.pipeline, 120),
        summary.verdict.name()
    )?;
    writeln!(
        page,
        "**{}** {}\n",
        summary.answer,
        text(&summary.sentence, 600)
    )?;
    if !summary.new_terms.is_empty() {
        let terms: Vec<String> = summary
            .new_terms
            .iter()
            .take(8)
            .map(|t| text(t, 40))
            .collect();
        writeln!(page, "**New words:** {}\n", terms.join(", "))?;
    }
    writeln!(page, "**What to do:** {}\n", text(&summary.to_do, 600))?;
    findings(page, run)?;
    terms(page, report)?;
    not_evaluated(page, run)?;
    windows(page, run, &summary.run)?;
    if !run.notes.is_empty() {
        writeln!(page, "### Notes\n")?;
        for note in run.notes.iter().take(NOTES) {
            writeln!(page, "- {}", text(note, 400))?;
        }
        more(page, run.notes.len(), NOTES)?;
        writeln!(page)?;
    }
    writeln!(
        page,
        "Baseline: {}, {} rows. {}",
        text(&report.baseline.source, 200),
        count(report.baseline.rows),
        text(&report.baseline.calibration, 400)
    )
}

fn findings(page: &mut String, run: &Run) -> std::fmt::Result {
    let Some(newest) = run.windows.last() else {
        return Ok(());
    };
    let findings = worst_first(newest);
    if findings.is_empty() {
        return Ok(());
    }
    let history = History::of(&run.windows);
    let name = window_name(newest, run.windows.len() - 1);
    writeln!(page, "### Findings of {}\n", text(&name, 60))?;
    writeln!(page, "| severity | what | value | limit | p | since |")?;
    writeln!(page, "|---|---|--:|--:|--:|---|")?;
    for finding in findings.iter().take(FINDINGS) {
        let unit = finding.unit.as_deref().unwrap_or_default();
        let measured = |value| text(&quantity(value, unit), 60);
        let since = history.since(finding);
        let since = if finding.severity < Severity::Warning {
            String::new()
        } else {
            since.sentence()
        };
        writeln!(
            page,
            "| {} | **{}** {} | {} | {} | {} | {} |",
            finding.severity.name(),
            text(&subject(finding), 120),
            text(&finding.message, 300),
            finding.value.map(measured).unwrap_or_default(),
            finding.threshold.map(measured).unwrap_or_default(),
            finding
                .p_value
                .map(|p| text(&probability(p), 20))
                .unwrap_or_default(),
            text(&since, 80)
        )?;
    }
    more(page, findings.len(), FINDINGS)?;
    writeln!(page)
}

fn terms(page: &mut String, report: &Report) -> std::fmt::Result {
    let coinages_first = |class: TermClass| match class {
        TermClass::Coinage => 0,
        TermClass::Entity => 1,
        TermClass::Surge => 2,
    };
    let mut terms: Vec<_> = report
        .terms
        .iter()
        .filter(|term| term.tier >= TermTier::Alarm)
        .collect();
    terms.sort_by_key(|term| coinages_first(term.class));
    if terms.is_empty() {
        return Ok(());
    }
    writeln!(page, "### Terms\n")?;
    writeln!(
        page,
        "| term | class | tier | first seen | documents | in the baseline | example |"
    )?;
    writeln!(page, "|---|---|---|---|--:|--:|---|")?;
    for term in terms.iter().take(TERMS) {
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            text(&term.term, 40),
            term.class.name(),
            term.tier.name(),
            text(&crate::report::format::instant(&term.first_seen), 40),
            count(term.count),
            count(term.baseline_count),
            term.examples
                .first()
                .map(|example| text(example, 80))
                .unwrap_or_default()
        )?;
    }
    more(page, terms.len(), TERMS)?;
    writeln!(page)
}

fn not_evaluated(page: &mut String, run: &Run) -> std::fmt::Result {
    let Some(newest) = run.windows.last().filter(|w| !w.not_evaluated.is_empty()) else {
        return Ok(());
    };
    writeln!(page, "### Not evaluated\n")?;
    for check in newest.not_evaluated.iter().take(FINDINGS) {
        let required = if check.required { ", required" } else { "" };
        writeln!(
            page,
            "- {}{required}: {}",
            text(&check.check, 120),
            text(&check.reason, 300)
        )?;
    }
    more(page, newest.not_evaluated.len(), FINDINGS)?;
    writeln!(page)
}

/// A letter for each window, so that a year is one line.
fn windows(page: &mut String, run: &Run, tally: &str) -> std::fmt::Result {
    let skipped = run.windows.len().saturating_sub(WINDOWS);
    let line: String = run.windows[skipped..]
        .iter()
        .map(|window| match window.verdict {
            Verdict::Pass => '.',
            Verdict::Warn => 'w',
            Verdict::Unknown => '?',
            Verdict::Fail => 'F',
        })
        .collect();
    writeln!(
        page,
        "### Windows\n\n{tally}. Oldest to newest, `F` fail, `?` unknown, `w` warn, `.` pass:\n"
    )?;
    if !line.is_empty() {
        writeln!(page, "    {line}")?;
    }
    if skipped > 0 {
        writeln!(page, "\n… and {} earlier windows", count(skipped as u64))?;
    }
    writeln!(page)
}

fn more(page: &mut String, items: usize, shown: usize) -> std::fmt::Result {
    match items.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(page, "\n… and {} more", count(more as u64)),
    }
}

/// Text on one line with all that Markdown or HTML reads as markup escaped.
fn text(raw: &str, characters: usize) -> String {
    let mut escaped = String::new();
    for character in clip(raw, characters).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Somebody's name must not be called.
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            character => escaped.push(character),
        }
    }
    escaped
}
