//! The short summary for a terminal: at most 100 columns wide, no emoji, and in plain text
//! as clear as in colour.

use crate::report::format::{amount, clip, count, fit, instant, subject, window_name};
use crate::report::model::Report;
use crate::report::summary::{summary, worst_first};
use crate::{Severity, TermClass, TermTier, Verdict};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a line may fill.
const WIDTH: usize = 100;
/// Findings and terms that are listed.
const FINDINGS: usize = 8;
const TERMS: usize = 10;
/// Windows drawn in the line of windows.
const WINDOWS: usize = 80;

/// The summary, with ANSI colours if `colour`. It ends with a newline.
pub fn table(report: &Report, colour: bool) -> String {
    let run = &report.run;
    let summary = summary(run);
    let paint = |style: &str, text: &str| {
        if colour {
            format!("\u{1b}[{style}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    };
    let mut lines = Vec::new();
    lines.push(format!(
        "{}  {}",
        paint(style(summary.verdict), summary.verdict.name()),
        paint("1", &fit(&clip(&run.pipeline, 120), WIDTH - 9))
    ));
    lines.extend(wrap(
        &format!("{} {}", summary.answer, clip(&summary.sentence, 400)),
        "",
    ));
    lines.push(String::new());

    if let Some(newest) = run.windows.last() {
        let findings = worst_first(newest);
        let rows: Vec<[String; 4]> = findings
            .iter()
            .take(FINDINGS)
            .map(|finding| {
                [
                    finding.severity.name().to_owned(),
                    fit(&clip(&subject(finding), 120), 40),
                    amount(finding).unwrap_or_default(),
                    String::new(),
                ]
            })
            .collect();
        let severities: Vec<Severity> = findings.iter().map(|finding| finding.severity).collect();
        for (line, severity) in columns(&rows).into_iter().zip(severities) {
            lines.push(match severity {
                Severity::Error => paint("31", &line),
                Severity::Warning => paint("33", &line),
                Severity::Info => line,
            });
        }
        push_more(&mut lines, findings.len(), FINDINGS, "findings");
        if !findings.is_empty() {
            lines.push(String::new());
        }
    }

    let mut terms: Vec<_> = report
        .terms
        .iter()
        .filter(|term| term.tier >= TermTier::Alarm && term.class == TermClass::Coinage)
        .collect();
    let coined = terms.len();
    terms.truncate(TERMS);
    if coined > 0 {
        lines.push(paint("1", "new words"));
        let rows: Vec<[String; 4]> = terms
            .iter()
            .map(|term| {
                [
                    fit(&clip(&term.term, 40), 24),
                    term.tier.name().to_owned(),
                    format!("since {}", fit(&clip(&instant(&term.first_seen), 40), 20)),
                    format!(
                        "{} documents, {} in the baseline",
                        count(term.count),
                        count(term.baseline_count)
                    ),
                ]
            })
            .collect();
        lines.extend(columns(&rows));
        push_more(&mut lines, coined, TERMS, "new words");
        lines.push(String::new());
    }

    if let Some((newest, checks)) = run
        .windows
        .last()
        .map(|newest| (newest, newest.not_evaluated.len()))
        .filter(|(_, checks)| *checks > 0)
    {
        let names: Vec<String> = newest
            .not_evaluated
            .iter()
            .take(5)
            .map(|check| clip(&check.check, 40))
            .collect();
        let more = match checks - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.extend(wrap(
            &format!("not evaluated: {}{more}", names.join(", ")),
            "  ",
        ));
    }

    lines.extend(wrap(&format!("to do: {}", clip(&summary.to_do, 400)), "  "));
    lines.push(summary.run);
    let skipped = run.windows.len().saturating_sub(WINDOWS);
    let drawn = &run.windows[skipped..];
    if let Some(first) = drawn.first().filter(|_| drawn.len() > 1) {
        let marks: String = drawn
            .iter()
            .map(|window| paint(style(window.verdict), mark(window.verdict)))
            .collect();
        lines.push(format!("  {marks}"));
        lines.push(format!(
            "  {} to {}; F fail, ? unknown, w warn, . pass",
            fit(&clip(&window_name(first, skipped), 40), 20),
            fit(
                &clip(
                    &window_name(&drawn[drawn.len() - 1], run.windows.len() - 1),
                    40
                ),
                20
            ),
        ));
    }
    let mut page = lines.join("\n");
    page.push('\n');
    page
}

fn style(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "32",
        Verdict::Warn => "33",
        Verdict::Unknown => "35",
        Verdict::Fail => "1;31",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => ".",
        Verdict::Warn => "w",
        Verdict::Unknown => "?",
        Verdict::Fail => "F",
    }
}

fn push_more(lines: &mut Vec<String>, items: usize, shown: usize, noun: &str) {
    if let Some(more @ 1..) = items.checked_sub(shown) {
        lines.push(format!("  … and {} more {noun}", count(more as u64)));
    }
}

/// Rows as aligned columns, indented by two.
fn columns(rows: &[[String; 4]]) -> Vec<String> {
    let mut widths = [0; 4];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::from("  ");
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - cell.width() + 2));
            }
            fit(line.trim_end(), WIDTH)
        })
        .collect()
}

/// Lines of at most [`WIDTH`] columns, later ones indented. A word that is longer than a line
/// is broken, as text without spaces has to be.
fn wrap(text: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        if line.width() + word.trim_end().width() > WIDTH && line.width() > indent.len() {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        for character in word.chars() {
            if line.width() + character.width().unwrap_or(0) > WIDTH {
                if character == ' ' {
                    continue;
                }
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
            }
            line.push(character);
        }
    }
    lines.push(line);
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}
