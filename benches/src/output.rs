//! How results are printed and kept.

use crate::Error;
use clap::Args;
use serde::Serialize;
use std::{fmt::Display, io::Write, path::PathBuf};

/// Where results go beside the screen.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// Writes the figures as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Output {
    /// Writes the figures to the file that was asked for, if any.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, figures: &impl Serialize) -> Result<(), Error> {
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(figures)? + "\n")?;
        }
        Ok(())
    }
}

/// Prints one line.
///
/// # Errors
/// Where standard output is closed.
pub fn line(text: impl Display) -> Result<(), Error> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Prints a table in Markdown, so that it can be pasted into the documentation.
///
/// # Errors
/// Where standard output is closed.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> Result<(), Error> {
    let rule: Vec<String> = head.iter().map(|_| "---".to_owned()).collect();
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    line(row(&head))?;
    line(row(&rule))?;
    rows.iter().try_for_each(|cells| line(row(cells)))
}

/// A share in per cent with its exact 95 % interval.
pub fn share(events: usize, trials: usize) -> String {
    if trials == 0 {
        return "–".to_owned();
    }
    let (low, high) = driftline_drift::verify::exact_interval(events, trials);
    format!(
        "{:.1} % ({:.1} to {:.1})",
        100.0 * events as f64 / trials as f64,
        100.0 * low,
        100.0 * high
    )
}
