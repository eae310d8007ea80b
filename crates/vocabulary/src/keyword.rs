//! Words that somebody wants watched, such as 退钱 or 摆烂.
//!
//! No search is done, so nothing is corrected for searching: each word has a count
//! in each window and a contrast with the baseline.

use crate::{
    BaselineVocabulary,
    contrast::{self, Exposure},
};
use driftline_statistics::units::extend_hash;
use driftline_statistics::{ngrams::NgramCounts, units::UnitReader};

/// How often a watched word stood in a window, against the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeywordCount {
    /// Documents with it in the window.
    pub documents: u32,
    /// All documents of the window.
    pub window_documents: u64,
    /// Units of the window.
    pub units: u64,
    /// Documents with it in the baseline; at most so many where it is rarer than what is kept.
    pub baseline_documents: u32,
    /// Documents that the window would have at the baseline's rate per unit.
    pub expected: f64,
    /// Signed root of G², over the overdispersion of weekly counts: above 3 is surprising.
    pub z: f64,
    /// Lower 99 % bound of the rate ratio.
    pub rate_ratio_lower: f64,
}

/// Counts a watched word in a window; `None` if it is not one run of units, or longer
/// than the n-grams counted.
///
/// `overdispersion` is φ of the negative binomial: a count of mean μ has variance μ + φμ².
pub fn keyword(
    baseline: &BaselineVocabulary,
    word: &str,
    window: &NgramCounts,
    overdispersion: f64,
) -> Option<KeywordCount> {
    let mut reader = UnitReader::default();
    reader.read(word);
    let mut runs = reader.runs();
    let (run, None) = (runs.next()?, runs.next()) else {
        return None;
    };
    let units: Vec<u64> = run.units().iter().map(|unit| unit.hash).collect();
    if units.len() > usize::from(window.config().max_units) {
        return None;
    }
    let hash = units.iter().fold(0, |hash, &unit| extend_hash(hash, unit));
    let documents = window
        .find_units(&units)
        .map_or(0, |ngram| ngram.documents());
    let baseline_documents = baseline
        .documents_with(hash)
        .unwrap_or_else(|| baseline.absent_bound(units.len()));
    let live = Exposure {
        count: documents.into(),
        units: window.units() as f64,
    };
    let before = Exposure {
        count: baseline_documents.into(),
        units: baseline.units() as f64,
    };
    let expected = before.rate() * live.units;
    Some(KeywordCount {
        documents,
        window_documents: window.documents(),
        units: window.units(),
        baseline_documents,
        expected,
        z: contrast::signed_root_g2(live, before, 1.0 + overdispersion * expected),
        rate_ratio_lower: contrast::rate_ratio_lower(live, before),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_statistics::ngrams::NgramConfig;

    fn counts(with: usize, all: usize) -> NgramCounts {
        let mut counts = NgramCounts::new(NgramConfig::baseline());
        for i in 0..all {
            let text = format!("{} w{i}", if i < with { "快退钱" } else { "很好看" });
            counts.update(&text, (i % 7) as u8, None);
        }
        counts
    }

    #[test]
    fn a_watched_word_is_counted_against_the_baseline() {
        let baseline = BaselineVocabulary::freeze(&counts(10, 1_000));
        let window = counts(30, 200);
        let found = keyword(&baseline, "退钱", &window, 0.45).unwrap();
        assert_eq!((found.documents, found.baseline_documents), (30, 10));
        assert_eq!(found.window_documents, 200);
        assert!((found.expected - 2.0).abs() < 1e-9);
        assert!(found.z > 5.0 && found.rate_ratio_lower > 5.0);
        let usual = keyword(&baseline, "好看", &window, 0.45).unwrap();
        assert!(usual.z.abs() < 1.0);
        assert_eq!(
            keyword(&baseline, "摆烂", &window, 0.45).unwrap().documents,
            0
        );
    }

    #[test]
    fn what_is_no_single_short_run_cannot_be_watched() {
        let baseline = BaselineVocabulary::freeze(&counts(1, 10));
        for word in ["", "12", "退！退！", "一二三四五六七"] {
            assert_eq!(
                keyword(&baseline, word, &counts(1, 10), 0.45),
                None,
                "{word}"
            );
        }
    }
}
