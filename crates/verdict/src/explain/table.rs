//! Explanations as text.

use super::Explanation;
use crate::report::{aligned, format::subject};

/// Explanations for people, one after the other.
pub fn explanation_table(explanations: &[Explanation]) -> String {
    if explanations.is_empty() {
        return "the window has no findings\n".to_owned();
    }
    let mut text = String::new();
    for explanation in explanations {
        let finding = &explanation.finding;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!(
            "{}. {} {}: {}\n   {}\n   window {}\n",
            explanation.number,
            finding.severity.name(),
            finding.kind.name(),
            subject(finding),
            finding.message,
            explanation.window,
        ));
        for section in &explanation.sections {
            text.push_str(&format!("\n   {}\n", section.title));
            for sentence in &section.sentences {
                text.push_str(&format!("     {sentence}\n"));
            }
            for line in aligned(&section.rows).lines() {
                text.push_str(&format!("     {line}\n"));
            }
        }
    }
    text
}
