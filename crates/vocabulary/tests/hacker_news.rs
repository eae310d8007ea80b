//! English by the same code, with words as units: front page titles of Hacker News.
//!
//! The months are those of the events themselves: the vulnerability in Log4j was published
//! on 2021-12-09, Wordle was sold on 2022-01-31, and the weights of Stable Diffusion were
//! published on 2022-08-22. Mastodon, which the training data know, rose in the last two weeks
//! of the data: too late for the evidence that a known word needs, and it is missed.

mod titles;

use driftline_statistics::ngrams::{NgramConfig, NgramCounts};
use driftline_vocabulary::{BaselineVocabulary, TermConfig, TermFinder, Tier};
use std::collections::BTreeMap;

/// Days since 1970-01-01 of 2021-12-01.
const FIRST_LIVE_DAY: i64 = 18_962;

#[test]
fn english_terms_appear_in_their_months() {
    let mut all = Vec::new();
    for year in 2020..=2022 {
        let path = format!("../shared/data/hackernews-titles/hackernews-titles-{year}.parquet");
        let Some(titles) = titles::read(&path) else {
            return;
        };
        all.extend(titles);
    }
    let (training, live): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(day, _)| *day < FIRST_LIVE_DAY);
    assert!(training.len() > 10_000 && live.len() > 10_000);
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    for (at, (_, text)) in training.iter().enumerate() {
        counts.update(text, (at * 16 / training.len()) as u8, None);
    }
    let baseline = BaselineVocabulary::freeze(&counts);
    let mut weeks: BTreeMap<i64, NgramCounts> = BTreeMap::new();
    for (day, text) in &live {
        let since = day - FIRST_LIVE_DAY;
        let week = weeks.entry(since / 7).or_default();
        week.update(text, (since % 7) as u8, None);
    }
    let mut finder = TermFinder::new(&baseline, TermConfig::default());
    let mut first_told: BTreeMap<String, i64> = BTreeMap::new();
    for (week, counts) in weeks {
        for term in finder.observe(week, counts) {
            if term.tier >= Tier::Alarm {
                first_told.entry(term.text).or_insert(week);
            }
        }
    }
    eprintln!("{} terms in {} titles", first_told.len(), live.len());
    // Weeks since 2021-12-01.
    for (term, weeks) in [
        ("log4j", 1..=4),
        ("wordle", 4..=13),
        ("stable diffusion", 37..=43),
    ] {
        let told = first_told.get(term);
        eprintln!("{term}: told in week {told:?}");
        assert!(
            told.is_some_and(|told| weeks.contains(told)),
            "{term} was told in week {told:?}, not in {weeks:?}"
        );
    }
}
