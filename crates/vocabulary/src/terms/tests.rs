//! Terms of made-up texts, and their numbers against a plain search.

use super::{candidate::entropy, *};
use crate::contrast::{self, Exposure};
use driftline_statistics::ngrams::NgramConfig;
use proptest::prelude::*;
use rustc_hash::FxHashMap;

/// Texts of words drawn by a small seeded generator, most words rare.
struct Writer(u64);

impl Writer {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn word(&mut self) -> String {
        let rank = self.next(40) * self.next(40);
        let letter = |k: u64| char::from_u32((0x5000 + rank * 13 + k * 7) as u32).unwrap();
        [letter(0), letter(1)].iter().collect()
    }

    fn text(&mut self) -> String {
        (0..5).map(|_| self.word()).collect()
    }

    fn text_with(&mut self, term: &str) -> String {
        format!(
            "{}{}{term}{}{}",
            self.word(),
            self.word(),
            self.word(),
            self.word()
        )
    }
}

const BASELINE_TEXTS: usize = 6_000;
const WINDOW_TEXTS: usize = 150;

fn baseline(term: Option<&str>) -> BaselineVocabulary {
    let mut writer = Writer(1);
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    for i in 0..BASELINE_TEXTS {
        let text = match term {
            Some(term) if i % 200 == 0 => writer.text_with(term),
            _ => writer.text(),
        };
        counts.update(&text, (i * 16 / BASELINE_TEXTS) as u8, None);
    }
    BaselineVocabulary::freeze(&counts)
}

/// Windows of which those from the third on have `each` texts with the term.
fn windows(term: &str, each: usize) -> Vec<NgramCounts> {
    let mut writer = Writer(2);
    (0..12)
        .map(|window| {
            let mut counts = NgramCounts::new(NgramConfig::window());
            for i in 0..WINDOW_TEXTS {
                let text = match window >= 2 && i < each {
                    true => writer.text_with(term),
                    false => writer.text(),
                };
                counts.update(&text, (i % 7) as u8, None);
            }
            counts
        })
        .collect()
}

fn observe(baseline: &BaselineVocabulary, windows: Vec<NgramCounts>) -> Vec<Term> {
    let mut finder = TermFinder::new(baseline, TermConfig::default());
    (0..)
        .zip(windows)
        .flat_map(|(start, counts)| finder.observe(start, counts))
        .collect()
}

fn alarms(terms: &[Term]) -> Vec<(&str, TermClass)> {
    terms
        .iter()
        .filter(|term| term.tier == Tier::Alarm)
        .map(|term| (term.text.as_str(), term.class))
        .collect()
}

#[test]
fn a_coinage_is_found_in_its_first_windows_and_nothing_else() {
    let baseline = baseline(None);
    let terms = observe(&baseline, windows("显眼包", 6));
    assert_eq!(alarms(&terms), [("显眼包", TermClass::Coinage)]);
    let alarm = terms.iter().find(|term| term.tier == Tier::Alarm).unwrap();
    assert!(alarm.window_start <= 4 && alarm.first_seen == 2 && alarm.first_seen_fold == 0);
    assert_eq!((alarm.baseline_documents, alarm.baseline_exact), (1, false));
    assert!(
        terms
            .iter()
            .any(|term| term.tier == Tier::Confirmed && term.text == "显眼包")
    );
}

/// Within the refractory time a term is told again where it doubles, and only then.
#[test]
fn a_term_is_told_again_once_its_rate_has_doubled() {
    let told = |last: usize| {
        let mut all = windows("显眼包", 6);
        all.truncate(8);
        all.extend(windows("显眼包", last).split_off(11));
        let terms = observe(&baseline(None), all);
        let alarms = terms.iter().filter(|term| term.tier == Tier::Alarm);
        alarms.map(|term| term.window_start).collect::<Vec<_>>()
    };
    assert_eq!(told(6).len(), 1);
    assert_eq!(told(30)[1..], [8]);
}

#[test]
fn the_numbers_of_a_term_can_be_redone_by_hand() {
    let baseline = baseline(None);
    let terms = observe(&baseline, windows("显眼包", 6));
    let term = &terms[0];
    let live = Exposure {
        count: f64::from(term.days),
        units: term.units as f64,
    };
    let before = Exposure {
        count: f64::from(term.baseline_documents),
        units: term.baseline_units as f64,
    };
    assert!((contrast::ln_bayes_factor(live, before) - term.ln_bayes_factor).abs() < 1e-12);
    assert!((contrast::rate_ratio_lower(live, before) - term.rate_ratio_lower).abs() < 1e-9);
    assert!(term.documents >= u64::from(term.days) && term.count >= term.documents);
}

#[test]
fn a_stationary_stream_gives_no_alarm() {
    assert_eq!(alarms(&observe(&baseline(None), windows("显眼包", 0))), []);
}

#[test]
fn a_text_repeated_ten_thousand_times_is_no_term() {
    let baseline = baseline(None);
    let mut flood = windows("显眼包", 0);
    for counts in &mut flood {
        for i in 0..10_000 {
            counts.update(&format!("加群领红包福利多 {i}"), (i % 7) as u8, None);
        }
    }
    assert_eq!(alarms(&observe(&baseline, flood)), []);
}

/// One hour's flood, every text with an edit of its own, so that none is a copy.
#[test]
fn a_text_repeated_with_small_edits_within_an_hour_is_no_term() {
    let baseline = baseline(None);
    for source in [None, Some(1)] {
        let mut windows = windows("显眼包", 0);
        let mut writer = Writer(4);
        for i in 0..2_000 {
            // A word in front, one put in at some place, and one behind.
            let flood = ["加群", "领", "红包", "福利多"];
            let (head, tail) = flood.split_at(i % flood.len());
            let [first, edit, last] = [writer.word(), writer.word(), writer.word()];
            let text = format!("{first}{}{edit}{}{last}", head.concat(), tail.concat());
            windows[6].update(&text, 3, source);
        }
        assert!(
            windows[6].documents() > 2_000,
            "the edits make every text a document"
        );
        assert_eq!(alarms(&observe(&baseline, windows)), []);
    }
}

#[test]
fn one_author_does_not_make_a_term() {
    let baseline = baseline(None);
    let mut windows = windows("显眼包", 0);
    let mut writer = Writer(3);
    for counts in &mut windows {
        for day in 0..7 {
            counts.update(&writer.text_with("全网最低"), day, Some(1));
        }
    }
    assert_eq!(alarms(&observe(&baseline, windows)), []);
}

#[test]
fn words_of_the_dictionary_and_of_the_baseline_surge() {
    let surge = [("遥遥领先", TermClass::Surge)];
    assert_eq!(
        alarms(&observe(&baseline(None), windows("遥遥领先", 6))),
        surge
    );
    let surge = [("显眼包", TermClass::Surge)];
    assert_eq!(
        alarms(&observe(&baseline(Some("显眼包")), windows("显眼包", 40))),
        surge
    );
}

#[test]
fn a_term_at_its_usual_rate_is_no_term() {
    // 30 in 6,000 texts of the baseline, one in 150 of each window.
    assert_eq!(
        alarms(&observe(&baseline(Some("显眼包")), windows("显眼包", 1))),
        []
    );
}

#[test]
fn names_are_entities_and_pieces_of_terms_are_none() {
    for name in ["卢昱晓", "泽连斯基", "乌克兰"] {
        assert_eq!(
            alarms(&observe(&baseline(None), windows(name, 6))),
            [(name, TermClass::Entity)]
        );
    }
    let phrase = [("命运的齿轮", TermClass::Coinage)];
    assert_eq!(
        alarms(&observe(&baseline(None), windows("命运的齿轮", 6))),
        phrase
    );
    let mixed = [("小米su7", TermClass::Coinage)];
    assert_eq!(
        alarms(&observe(&baseline(None), windows("小米SU7", 6))),
        mixed
    );
}

#[test]
fn a_series_has_every_window_since_the_first_report() {
    let baseline = baseline(None);
    let mut finder = TermFinder::new(&baseline, TermConfig::default());
    for (start, counts) in (100..).zip(windows("显眼包", 6)) {
        finder.observe(start, counts);
    }
    let series = finder.series("显眼包").unwrap();
    assert_eq!(series.start + series.documents.len() as i64, 112);
    let tail = series.documents.iter().rev().take(10);
    assert!(tail.copied().eq([6; 10]));
    assert_eq!(finder.series("班味"), None);
}

/// What a plain search of the texts finds of a term of ideographs.
#[derive(Debug, PartialEq)]
struct Plain {
    count: u64,
    documents: u64,
    days: u32,
    cohesion: Option<f64>,
    entropy: [f64; 2],
}

fn occurrences(text: &[char], term: &[char]) -> Vec<usize> {
    let ends = text.len().saturating_sub(term.len() - 1);
    (0..ends)
        .filter(|&at| text[at..].starts_with(term))
        .collect()
}

/// By windows of days of texts that are each one run.
fn plain(windows: &[Vec<(u8, Vec<char>)>], term: &[char]) -> Plain {
    let texts = || windows.iter().flatten().map(|(_, text)| text);
    let count =
        |part: &[char]| -> usize { texts().map(|text| occurrences(text, part).len()).sum() };
    let units: usize = texts().map(Vec::len).sum();
    let mut entropies: [FxHashMap<u64, u32>; 2] = Default::default();
    for text in texts() {
        for at in occurrences(text, term) {
            let neighbours = [
                at.checked_sub(1).map(|before| text[before]),
                text.get(at + term.len()).copied(),
            ];
            for (side, neighbour) in entropies.iter_mut().zip(neighbours) {
                if let Some(neighbour) = neighbour {
                    *side.entry(u64::from(neighbour)).or_default() += 1;
                }
            }
        }
    }
    let holding = |window: &Vec<(u8, Vec<char>)>| -> Vec<u8> {
        let has = |text: &[char]| !occurrences(text, term).is_empty();
        let days = window.iter().filter(|(_, text)| has(text));
        days.map(|(day, _)| *day).collect()
    };
    let days: Vec<Vec<u8>> = windows.iter().map(holding).collect();
    Plain {
        count: count(term) as u64,
        documents: days.iter().map(Vec::len).sum::<usize>() as u64,
        days: days
            .iter()
            .map(|days| days.iter().collect::<std::collections::BTreeSet<_>>().len() as u32)
            .sum(),
        cohesion: (1..term.len())
            .map(|cut| {
                let parts = count(&term[..cut]) as f64 * count(&term[cut..]) as f64;
                (count(term) as f64 * units as f64 / parts).log2()
            })
            .reduce(f64::min),
        entropy: entropies.map(|side| entropy(&side, count(term) as u32)),
    }
}

proptest! {
    #[test]
    fn numbers_of_terms_equal_those_of_a_plain_search(
        windows in prop::collection::vec(
            prop::collection::vec((0..7_u8, "(甲乙丙|甲丁|丙丁戊|戊甲){1,6}"), 0..25),
            1..6,
        ),
    ) {
        let everything = TermConfig {
            horizons: vec![3],
            lookback: 3,
            min_documents: 1,
            min_days: 1,
            min_sources: 0,
            max_day_share: 1.0,
            watch: 0.0,
            refractory: 0,
            min_cohesion: f64::NEG_INFINITY,
            min_entropy: f64::NEG_INFINITY,
            min_relative_entropy: -1.0,
            ..TermConfig::default()
        };
        let baseline = BaselineVocabulary::freeze(&NgramCounts::default());
        let mut finder = TermFinder::new(&baseline, everything);
        let mut plain_windows = Vec::new();
        for (start, rows) in (0..).zip(&windows) {
            let mut counts = NgramCounts::default();
            let mut texts: Vec<(u8, Vec<char>)> = Vec::new();
            for (day, text) in rows {
                counts.update(text, *day, None);
                let text = text.chars().collect();
                // A copy is no document; no unit stands three times in a row here.
                if !texts.iter().any(|(_, known)| *known == text) {
                    texts.push((*day, text));
                }
            }
            plain_windows.push(texts);
            let terms = finder.observe(start, counts);
            let lookback = &plain_windows[plain_windows.len().saturating_sub(3)..];
            for term in &terms {
                let expected = plain(lookback, &term.text.chars().collect::<Vec<_>>());
                let found = Plain {
                    count: term.count,
                    documents: term.documents,
                    days: term.days,
                    cohesion: term.cohesion,
                    entropy: [term.left_entropy, term.right_entropy],
                };
                prop_assert_eq!(found, expected, "{}", term.text);
            }
            prop_assert_eq!(terms.is_empty(), lookback.last().is_none_or(Vec::is_empty));
        }
    }
}

#[test]
fn recent_documents_come_and_go_until_a_cell_is_full() {
    let (rare, frequent) = (1 << 43, 5 << 43);
    let mut recent = Recent::new();
    recent.add(rare, 3);
    recent.add(frequent, 70_000);
    recent.add(rare, 3);
    assert_eq!((recent.get(rare), recent.get(frequent)), (6, u32::MAX));
    recent.subtract(rare, 3);
    recent.subtract(frequent, 70_000);
    assert_eq!((recent.get(rare), recent.get(frequent)), (3, u32::MAX));
}

#[test]
fn neighbours_that_vary_have_entropy() {
    // Three of one, one of another, two ends: shares ½, ⅙, ⅙, ⅙, and Miller–Madow's
    // correction (SciPy's entropy of those shares is 1.7925 bits).
    let neighbours = FxHashMap::from_iter([(1, 3), (2, 1)]);
    assert!((entropy(&neighbours, 6) - 2.153_155_010_582_818_6).abs() < 1e-9);
    assert!(entropy(&FxHashMap::default(), 0).abs() < 1e-12);
}

#[test]
fn empty_windows_are_windows() {
    let baseline = baseline(None);
    let mut windows = windows("显眼包", 6);
    windows.insert(5, NgramCounts::default());
    assert_eq!(alarms(&observe(&baseline, windows)).len(), 1);
    let empty = BaselineVocabulary::freeze(&NgramCounts::default());
    assert_eq!(observe(&empty, vec![NgramCounts::default()]), []);
}
