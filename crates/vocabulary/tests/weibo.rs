//! The term finder on a year of real headlines against the year before.
//!
//! The words below are on published lists of the year's buzzwords and rose on the
//! board from less than one title in 10,000 (`../shared/data/slang-truth`, where the
//! pair of years is usable). Which are found and missed is printed; what must hold is
//! asserted more loosely, so that a better filter does not break the test.

mod titles;

use driftline_statistics::ngrams::{NgramConfig, NgramCounts};
use driftline_vocabulary::{BaselineVocabulary, Term, TermClass, TermConfig, TermFinder, Tier};
use std::collections::BTreeMap;

fn titles(year: u32) -> Option<Vec<(i64, String)>> {
    titles::read(&format!("fixtures/weibo/weibo-hot-search-{year}.parquet"))
}

/// Alarms of a year's weeks against the year before, best first, each term once.
fn terms_of(year: u32) -> Option<Vec<Term>> {
    let (before, live) = (titles(year - 1)?, titles(year)?);
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    for (at, (_, text)) in before.iter().enumerate() {
        counts.update(text, (at * 16 / before.len()) as u8, None);
    }
    let baseline = BaselineVocabulary::freeze(&counts);
    let first = live.first()?.0;
    let mut weeks: BTreeMap<i64, NgramCounts> = BTreeMap::new();
    for (day, text) in &live {
        let since = day - first;
        weeks
            .entry(since / 7)
            .or_default()
            .update(text, (since % 7) as u8, None);
    }
    let mut finder = TermFinder::new(&baseline, TermConfig::default());
    let mut best: BTreeMap<String, Term> = BTreeMap::new();
    for (week, counts) in weeks {
        for term in finder.observe(week, counts) {
            let known = best
                .get(&term.text)
                .is_some_and(|known| known.score >= term.score);
            if term.tier >= Tier::Alarm && !known {
                best.insert(term.text.clone(), term);
            }
        }
    }
    let mut terms: Vec<Term> = best.into_values().collect();
    terms.sort_by(|a, b| b.score.total_cmp(&a.score));
    Some(terms)
}

/// Prints which words were found, and returns how many.
fn found(year: u32, terms: &[Term], words: &[&str]) -> usize {
    let hit = |word: &&&str| terms.iter().any(|term| term.text.contains(**word));
    let (found, missed): (Vec<&&str>, Vec<&&str>) = words.iter().partition(|word| hit(word));
    let new: Vec<&Term> = terms
        .iter()
        .filter(|term| term.class == TermClass::Coinage)
        .collect();
    eprintln!(
        "{year}: found {found:?}, missed {missed:?}; {} new terms, {} in all",
        new.len(),
        terms.len()
    );
    let head: Vec<&str> = new.iter().take(40).map(|term| term.text.as_str()).collect();
    eprintln!("{year}: first {}", head.join(" "));
    found.len()
}

fn no_long_known_word_is_new(terms: &[Term]) {
    for word in ["囍", "优雅", "天花板", "拿捏", "沉浸式", "烟火气", "官宣"] {
        let new = terms
            .iter()
            .any(|t| t.text == word && t.class == TermClass::Coinage);
        assert!(!new, "{word} is called new");
    }
}

#[test]
fn buzzwords_of_2023_are_found_and_known_words_are_not_new() {
    let Some(terms) = terms_of(2023) else { return };
    let words = [
        "i人",
        "e人",
        "显眼包",
        "搭子",
        "挖呀挖",
        "公主请",
        "尊嘟",
        "遥遥领先",
        "淄博烧烤",
    ];
    assert!(found(2023, &terms, &words) >= 7);
    no_long_known_word_is_new(&terms);
    let new = terms
        .iter()
        .filter(|term| term.class == TermClass::Coinage)
        .count();
    assert!(new <= 350, "{new} new terms are too many to read");
}

#[test]
fn buzzwords_of_2022_are_found_and_known_words_are_not_new() {
    let Some(terms) = terms_of(2022) else { return };
    let words = ["冤种", "嘴替", "麻了", "一种很新的", "老六"];
    assert!(found(2022, &terms, &words) >= 2);
    no_long_known_word_is_new(&terms);
    let new = terms
        .iter()
        .filter(|term| term.class == TermClass::Coinage)
        .count();
    assert!(new <= 350, "{new} new terms are too many to read");
}
