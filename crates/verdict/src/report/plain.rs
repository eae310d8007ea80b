//! Aligned columns of plain text: profiles, anomalies, terms.

use super::format::visible;
use crate::{NotEvaluated, Run, TermClass, report::model::Report};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// Rows as columns that line up, whatever their script; the first row is the heading.
/// Columns are parted by two blanks. A cell is one [`visible`] line.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    let shown = rows.iter().map(|row| row.iter().map(|cell| visible(cell)));
    let rows: Vec<Vec<Cow<'_, str>>> = shown.map(Iterator::collect).collect();
    for row in &rows {
        for (at, cell) in row.iter().enumerate() {
            match widths.get_mut(at) {
                Some(width) => *width = (*width).max(cell.width()),
                None => widths.push(cell.width()),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The anomalies of a validation, one a line, or that there are none; then what could not
/// be evaluated.
pub fn anomaly_table(run: &Run) -> String {
    let mut rows = vec![
        ["severity", "column", "anomaly", "description"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut checked = 0;
    for window in &run.windows {
        checked += window.rows;
        for finding in &window.findings {
            rows.push(vec![
                finding.severity.name().to_owned(),
                finding.column.clone().unwrap_or_default(),
                finding.measure.clone().unwrap_or_default(),
                finding.message.clone(),
            ]);
        }
    }
    let verdict = run.verdict.name();
    let missing: Vec<&NotEvaluated> = run
        .windows
        .iter()
        .flat_map(|window| &window.not_evaluated)
        .collect();
    if checked == 0 && rows.len() == 1 && !missing.is_empty() {
        let reasons: Vec<&str> = missing.iter().map(|m| m.reason.as_str()).collect();
        return format!("{verdict}: {}\n", reasons.join("; "));
    }
    let mut text = if rows.len() == 1 {
        format!("{verdict}: no anomaly in {checked} rows\n")
    } else {
        let anomalies = match rows.len() - 1 {
            1 => "1 anomaly".to_owned(),
            count => format!("{count} anomalies"),
        };
        format!(
            "{verdict}: {anomalies} in {checked} rows\n\n{}",
            aligned(&rows)
        )
    };
    for missing in missing {
        text.push_str(&format!(
            "not evaluated: {}: {}\n",
            missing.check, missing.reason
        ));
    }
    text
}

/// The terms of a run, one a line, or that there are none.
pub fn term_table(report: &Report) -> String {
    if report.terms.is_empty() {
        return "no term alarmed\n".to_owned();
    }
    let mut rows = vec![
        [
            "term",
            "class",
            "tier",
            "first seen",
            "documents",
            "baseline",
            "score",
            "example",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for term in &report.terms {
        let class = match term.class {
            TermClass::Coinage => "coinage",
            TermClass::Entity => "entity",
            TermClass::Surge => "surge",
        };
        rows.push(vec![
            term.term.clone(),
            class.to_owned(),
            format!("{:?}", term.tier).to_lowercase(),
            term.first_seen.chars().take(10).collect(),
            term.count.to_string(),
            term.baseline_count.to_string(),
            format!("{:.1}", term.score),
            term.examples.first().cloned().unwrap_or_default(),
        ]);
    }
    aligned(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_every_script() {
        let rows =
            [["词", "n"], ["ab", "1"], ["显眼包", "20"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "词      n\nab      1\n显眼包  20\n");
    }

    #[test]
    fn a_cell_stays_on_its_line_and_commands_no_terminal() {
        let rows = [vec!["a\nb\u{1b}[2J".to_owned(), "\u{202e}اب".to_owned()]];
        assert_eq!(aligned(&rows), "a\\nb\\u{1b}[2J  \\u{202e}اب\n");
    }
}
