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
            "A model's performance: that on rows whose target is known, or one estimated from its own \
             scores, where a row that is given a score p is right with the probability p once scores \
             are calibrated on the baseline"
        }
        FindingKind::Challenger => {
            "What a challenger makes of the rows that the champion scored as well"
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
        let (title, head) = match finding.kind {
            FindingKind::Challenger => {
                ("shares of the labels", ["label", "champion", "challenger"])
            }
            _ => ("the values that break it", ["value", "rows", "share"]),
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(finding.evidence.iter().map(|evidence| {
            let [first, second] = match finding.kind {
                FindingKind::Challenger => [evidence.baseline, evidence.window],
                _ => [evidence.window, evidence.contribution],
            };
            vec![evidence.label.clone(), exact(first), exact(second)]
        }));
        sections.push(Section {
            title,
            sentences: Vec::new(),
            rows,
        });
    }
    sections
}
