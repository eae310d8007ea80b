//! Findings about the words that a pipeline watches.

use crate::{
    config::{TermsConfig, WatchLimit},
    findings::{number, percent},
};
use driftline_verdict::{ActionKind, Finding, FindingKind, NotEvaluated, Severity};
use driftline_vocabulary::KeywordCount;

/// A watched word's count this far above its expectation is surprising: in z.
const SURPRISING_Z: f64 = 3.0;
/// Documents of a surge, at least.
const LEAST_SURGE: u32 = 5;

/// Whether a watched word surges: surprising, more frequent, and in more than a few texts.
pub(crate) fn surges(count: &KeywordCount) -> bool {
    count.documents >= LEAST_SURGE && count.z > SURPRISING_Z && count.rate_ratio_lower > 1.0
}

/// Whether there are more of it than the pipeline allows.
pub(crate) fn is_beyond(count: &KeywordCount, limit: &WatchLimit) -> bool {
    most(count, limit).is_some_and(|most| f64::from(count.documents) > most)
}

/// The most documents that a limit allows in a window.
fn most(count: &KeywordCount, limit: &WatchLimit) -> Option<f64> {
    let by_share = limit
        .max_share
        .map(|share| share * count.window_documents as f64);
    let by_number = limit.max_documents.map(f64::from);
    by_share.into_iter().chain(by_number).reduce(f64::min)
}

/// What a watched word gives: a finding where it is beyond its limit or surges, what could
/// not be evaluated where it cannot be counted, or nothing to say.
pub(crate) fn finding(
    word: &str,
    count: Option<&KeywordCount>,
    terms: &TermsConfig,
) -> Result<Option<Finding>, NotEvaluated> {
    let limit = terms.watch_limits.get(word);
    let Some(count) = count else {
        return Err(NotEvaluated {
            check: format!("watched word {word}"),
            reason: "it is no single run of up to six units, so it cannot be counted".into(),
            required: limit.is_some(),
        });
    };
    let (severity, threshold, beyond) = match limit {
        Some(limit) if is_beyond(count, limit) => {
            let most = most(count, limit).unwrap_or(f64::NAN);
            (limit.severity, most, beyond(count, limit))
        }
        _ if surges(count) => {
            let most = count.expected + SURPRISING_Z * count.expected.sqrt();
            (Severity::Warning, most, String::new())
        }
        _ => return Ok(None),
    };
    Ok(Some(Finding {
        measure: Some(format!("watched word {word}")),
        value: Some(f64::from(count.documents)),
        threshold: Some(threshold),
        effect_lower: Some(count.rate_ratio_lower),
        unit: Some("documents".to_owned()),
        window_rows: Some(count.window_documents),
        action: Some(ActionKind::Notify),
        ..Finding::new(
            FindingKind::Rule,
            severity,
            format!(
                "watched word {word}: in {} of {} documents{beyond}, {} at the baseline's rate (at least {} times that rate, z = {})",
                count.documents,
                count.window_documents,
                number(count.expected),
                number(count.rate_ratio_lower),
                number(count.z),
            ),
        )
    }))
}

fn beyond(count: &KeywordCount, limit: &WatchLimit) -> String {
    let by_share = limit.max_share.map(percent);
    let by_number = limit.max_documents.map(|most| most.to_string());
    let limits: Vec<String> = by_share.into_iter().chain(by_number).collect();
    let share = f64::from(count.documents) / count.window_documents.max(1) as f64;
    format!(
        " ({}), above the limit {}",
        percent(share),
        limits.join(" or ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(documents: u32) -> KeywordCount {
        KeywordCount {
            documents,
            window_documents: 2_000,
            units: 20_000,
            baseline_documents: 100,
            expected: 20.0,
            z: f64::from(documents) / 20.0 - 1.0,
            rate_ratio_lower: f64::from(documents) / 30.0,
        }
    }

    fn said(documents: u32, limits: &str) -> Option<(Severity, String)> {
        let mut terms = TermsConfig::of("text".into());
        terms.watch_limits = serde_json::from_str(limits).unwrap();
        let found = finding("退钱", Some(&count(documents)), &terms).unwrap();
        found.map(|finding| (finding.severity, finding.message))
    }

    #[test]
    fn a_word_beyond_its_limit_fails_and_one_that_surges_is_told() {
        let limits = r#"{"退钱": {"max_share": 0.02, "max_documents": 50}}"#;
        let (severity, message) = said(41, limits).unwrap();
        assert_eq!(severity, Severity::Error);
        assert!(message.contains("in 41 of 2000 documents (2.1 %), above the limit 2.0 % or 50"));
        assert_eq!(said(40, limits), None);
        let (severity, message) = said(100, "{}").unwrap();
        assert_eq!(severity, Severity::Warning);
        assert!(!message.contains("limit"), "{message}");
        assert_eq!(said(40, "{}"), None);
    }

    #[test]
    fn a_limited_word_that_cannot_be_counted_is_required() {
        let mut terms = TermsConfig::of("text".into());
        assert!(
            !finding("一二三四五六七", None, &terms)
                .unwrap_err()
                .required
        );
        terms.watch_limits =
            serde_json::from_str(r#"{"一二三四五六七": {"max_documents": 1}}"#).unwrap();
        assert!(
            finding("一二三四五六七", None, &terms)
                .unwrap_err()
                .required
        );
    }
}
