//! Anomalies, rules, volume, freshness and performance: a condition and a value.

use super::{Section, exact};
use crate::{Finding, FindingKind, report::format::count};

pub(super) fn sections(finding: &Finding) -> Vec<Section> {
    let what = match finding.kind {
        FindingKind::Anomaly => "A constraint of the schema that the window breaks",
        FindingKind::Rule => "A rule of the pipeline that does not hold in the window",
        FindingKind::Volume => "The number of rows, against what is expected of a window",
        FindingKind::Freshness => "The age of the newest row, against what the pipeline allows",
        FindingKind::Performance => {
            "A model's performance, estimated from its own scores: a row that is given a score p is \
             right with the probability p once scores are calibrated on the baseline"
        }
        _ => "A finding of a kind that this build does not know",
    };
    let mut sentences = vec![match &finding.measure {
        Some(measure) => format!("{what}: {measure}."),
        None => format!("{what}."),
    }];
    let unit = finding
        .unit
        .as_ref()
        .map_or(String::new(), |unit| format!(" {unit}"));
    sentences.extend(match (finding.value, finding.threshold) {
        (Some(value), Some(limit)) => Some(format!(
            "The value is {}{unit}, the limit {}{unit}.",
            exact(value),
            exact(limit)
        )),
        (Some(value), None) => Some(format!("The value is {}{unit}.", exact(value))),
        (None, Some(limit)) => Some(format!("The limit is {}{unit}.", exact(limit))),
        (None, None) => None,
    });
    if let Some(rows) = finding.window_rows {
        sentences.push(format!("The window has {} rows.", count(rows)));
    }
    let mut sections = vec![Section::words("the condition", sentences)];
    if !finding.evidence.is_empty() {
        let mut rows = vec![["value", "rows", "share"].map(str::to_owned).to_vec()];
        rows.extend(finding.evidence.iter().map(|evidence| {
            vec![
                evidence.label.clone(),
                exact(evidence.window),
                exact(evidence.contribution),
            ]
        }));
        sections.push(Section {
            title: "the values that break it",
            sentences: Vec::new(),
            rows,
        });
    }
    sections
}
