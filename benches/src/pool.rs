//! Terms to be judged by readers: what Driftline tells of a year, and what two usual lists
//! of new words would say of the same months.

use crate::{
    told::{Years, alarms, learn},
    weibo::Title,
};
use chrono::{DateTime, Datelike};
use driftline_statistics::ngrams::{Ngram, NgramConfig, NgramCounts, Preceding};
use driftline_vocabulary::{BaselineVocabulary, Term, TermClass, lexicon};
use std::collections::{BTreeMap, BTreeSet};

/// Where a term of the pool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// Driftline's coinages: the first of each month.
    Coinages,
    /// Driftline's coinages: the first of the year.
    Top,
    /// Driftline's names: the first of each month.
    Names,
    /// N-grams by how many times the rate of the year before they have.
    Rise,
    /// N-grams that the dictionary does not have, by how well they hold together and how
    /// freely they stand: pointwise mutual information and entropy of their neighbours.
    Cohesion,
}

impl List {
    /// Every list.
    pub const ALL: [Self; 5] = [
        Self::Coinages,
        Self::Top,
        Self::Names,
        Self::Rise,
        Self::Cohesion,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coinages => "coinages, first 15 of each month",
            Self::Top => "coinages, first 50 of the year",
            Self::Names => "names, first 5 of each month",
            Self::Rise => "rise of the rate, first 5 of each month",
            Self::Cohesion => "mutual information and entropy, first 5 of each month",
        }
    }
}

const COINAGES_A_MONTH: usize = 15;
const COINAGES_A_YEAR: usize = 50;
const OTHERS_A_MONTH: usize = 5;
/// Documents of a month that an n-gram of the usual lists must be in.
const LEAST_DOCUMENTS: u32 = 5;

/// The terms of all lists, with the lists that each is on.
pub fn pool(years: &Years) -> BTreeMap<String, BTreeSet<List>> {
    let baseline = learn(&years.training);
    let alarms = alarms(&baseline, &years.weeks, 1);
    let mut pool: BTreeMap<String, BTreeSet<List>> = BTreeMap::new();
    let mut add = |list: List, terms: Vec<String>| {
        for term in terms {
            pool.entry(term).or_default().insert(list);
        }
    };
    let coinages = firsts(&alarms, TermClass::Coinage);
    let names = firsts(&alarms, TermClass::Entity);
    let all = coinages.iter().map(|(_, term)| *term);
    add(List::Top, best(all, COINAGES_A_YEAR));
    for (month, titles) in by_month(&years.live) {
        let told = |of: &[(usize, &'_ Term)], most: usize| {
            let week = |week: usize| years.weeks[week].first().map(|title| month_of(title.day));
            let terms = of.iter().filter(|(at, _)| week(*at) == Some(month));
            best(terms.map(|(_, term)| *term), most)
        };
        add(List::Coinages, told(&coinages, COINAGES_A_MONTH));
        add(List::Names, told(&names, OTHERS_A_MONTH));
        let mut counts = NgramCounts::new(NgramConfig::baseline());
        for title in titles {
            counts.update(&title.text, 0, None);
        }
        add(List::Rise, first(rise(&baseline, &counts)));
        add(List::Cohesion, first(cohesion(&counts)));
    }
    pool
}

/// The first alarm of each term of a class.
fn firsts(alarms: &[(usize, Term)], class: TermClass) -> Vec<(usize, &Term)> {
    let mut seen = BTreeSet::new();
    let of_class = alarms.iter().filter(|(_, term)| term.class == class);
    of_class
        .filter(|(_, term)| seen.insert(&term.text))
        .map(|(week, term)| (*week, term))
        .collect()
}

fn best<'a>(terms: impl Iterator<Item = &'a Term>, most: usize) -> Vec<String> {
    let mut terms: Vec<&Term> = terms.collect();
    terms.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.text.cmp(&b.text)));
    let texts = terms.into_iter().take(most);
    texts.map(|term| term.text.clone()).collect()
}

fn month_of(day: i32) -> u32 {
    let time = DateTime::from_timestamp(i64::from(day) * 86_400, 0);
    time.map_or(0, |time| time.month())
}

fn by_month(titles: &[Title]) -> BTreeMap<u32, Vec<&Title>> {
    let mut months: BTreeMap<u32, Vec<&Title>> = BTreeMap::new();
    for title in titles {
        months.entry(month_of(title.day)).or_default().push(title);
    }
    months
}

/// The greatest, without what holds one of them or is held by one.
fn first(mut ranked: Vec<(f64, String)>) -> Vec<String> {
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut taken: Vec<String> = Vec::new();
    for (_, text) in ranked {
        let overlaps = |known: &String| known.contains(&text) || text.contains(known.as_str());
        if !taken.iter().any(overlaps) {
            taken.push(text);
        }
        if taken.len() == OTHERS_A_MONTH {
            break;
        }
    }
    taken
}

fn frequent(counts: &NgramCounts) -> impl Iterator<Item = Ngram<'_>> {
    (2..=4)
        .flat_map(move |length| counts.ngrams_of_length(length))
        .filter(|ngram| ngram.documents() >= LEAST_DOCUMENTS)
}

fn rise(baseline: &BaselineVocabulary, counts: &NgramCounts) -> Vec<(f64, String)> {
    let ratio = |ngram: Ngram<'_>| {
        let known = baseline.documents_with(ngram.hash()).unwrap_or(0);
        let before = (f64::from(known) + 0.5) / baseline.units() as f64;
        let now = f64::from(ngram.documents()) / counts.units() as f64;
        (now / before, ngram.text())
    };
    frequent(counts).map(ratio).collect()
}

fn cohesion(counts: &NgramCounts) -> Vec<(f64, String)> {
    let preceding = Preceding::new(counts);
    let of = |ngram: Ngram<'_>| {
        let text = ngram.text();
        if lexicon::is_known(&text) {
            return None;
        }
        let units = ngram.unit_hashes();
        let count = |units: &[u64]| counts.find_units(units).map_or(1, |part| part.count());
        let information = (1..units.len())
            .map(|cut| {
                let (head, tail) = units.split_at(cut);
                let parts = f64::from(count(head)) * f64::from(count(tail));
                (f64::from(ngram.count()) * counts.units() as f64 / parts).log2()
            })
            .fold(f64::INFINITY, f64::min);
        let after: Vec<u32> = ngram.extensions().map(|longer| longer.count()).collect();
        let before = preceding.longer(counts, &ngram);
        let before: Vec<u32> = before.map(|longer| longer.count()).collect();
        let free = entropy(&before, ngram.count()).min(entropy(&after, ngram.count()));
        Some((information + free, text))
    };
    frequent(counts).filter_map(of).collect()
}

/// In bits; ends of runs count as neighbours that are all different.
fn entropy(neighbours: &[u32], occurrences: u32) -> f64 {
    let all = f64::from(occurrences);
    let known: u32 = neighbours.iter().sum();
    let ends = f64::from(occurrences.saturating_sub(known));
    let bits = |count: f64| count / all * (all / count).log2();
    let of_units: f64 = neighbours.iter().map(|&count| bits(f64::from(count))).sum();
    of_units + ends * bits(1.0)
}
