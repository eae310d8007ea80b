//! The terms that are told of a year's titles, against the year before.

use crate::{
    Error,
    cards::{self, WINDOW},
    weibo::{self, Title, distinct},
};
use driftline_statistics::{
    ngrams::{FOLDS, NgramConfig, NgramCounts},
    units::UnitReader,
};
use driftline_vocabulary::{BaselineVocabulary, Term, TermClass, TermConfig, TermFinder, Tier};
use std::path::PathBuf;

/// A year's titles and those of the year before.
#[derive(Debug)]
pub struct Years {
    /// The training data.
    pub training: Vec<Title>,
    /// The live titles.
    pub live: Vec<Title>,
    /// The live titles by week.
    pub weeks: Vec<Vec<Title>>,
}

impl Years {
    /// Reads both years; `None`, and a word on it, where the titles of one are not there.
    ///
    /// # Errors
    /// What the files' queries fail with.
    pub fn read(year: u16) -> Result<Option<Self>, Error> {
        for year in [year - 1, year] {
            if !file(year).exists() {
                crate::output::line(format!("SKIPPED: the titles of {year} are not there."))?;
                return Ok(None);
            }
        }
        let training = distinct(&weibo::read(&file(year - 1))?);
        let live = distinct(&weibo::read(&file(year))?);
        let weeks = weeks(&live);
        Ok(Some(Self {
            training,
            live,
            weeks,
        }))
    }
}

fn file(year: u16) -> PathBuf {
    match weibo::fixture(year) {
        shipped if shipped.exists() => shipped,
        _ => weibo::later(year),
    }
}

/// Titles by week.
pub fn weeks(titles: &[Title]) -> Vec<Vec<Title>> {
    let windows = cards::windows(titles, WINDOW);
    windows.into_iter().map(<[_]>::to_vec).collect()
}

/// What the titles say, frozen, sixteenths of them as folds.
pub fn learn(titles: &[Title]) -> BaselineVocabulary {
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    for (at, title) in titles.iter().enumerate() {
        counts.update(&title.text, (at * FOLDS / titles.len()) as u8, None);
    }
    BaselineVocabulary::freeze(&counts)
}

/// Terms that alarm, with the number of the week. The titles of each week are counted in
/// so many shards, by their text as it is counted.
pub fn alarms(
    baseline: &BaselineVocabulary,
    weeks: &[Vec<Title>],
    shards: usize,
) -> Vec<(usize, Term)> {
    alarms_by(TermConfig::default(), baseline, weeks, shards)
}

/// The same by other settings.
pub fn alarms_by(
    config: TermConfig,
    baseline: &BaselineVocabulary,
    weeks: &[Vec<Title>],
    shards: usize,
) -> Vec<(usize, Term)> {
    let mut finder = TermFinder::new(baseline, config);
    let mut reader = UnitReader::default();
    let mut alarms = Vec::new();
    for (week, titles) in weeks.iter().enumerate() {
        let first = titles.first().map_or(0, |title| title.day);
        let mut parts = vec![NgramCounts::new(NgramConfig::window()); shards];
        for title in titles {
            let shard = match shards {
                1 => 0,
                _ => {
                    reader.read(&title.text);
                    (reader.document_hash() % shards as u64) as usize
                }
            };
            parts[shard].update(&title.text, (title.day - first) as u8, None);
        }
        let mut counts = NgramCounts::new(NgramConfig::window());
        for part in &parts {
            counts.merge(part);
        }
        let terms = finder.observe(i64::from(first), counts);
        let told = terms.into_iter().filter(|term| term.tier >= Tier::Alarm);
        alarms.extend(told.map(|term| (week, term)));
    }
    alarms
}

/// The name of a class, as reports have it.
pub fn class_name(class: TermClass) -> &'static str {
    match class {
        TermClass::Coinage => "coinage",
        TermClass::Entity => "entity",
        TermClass::Surge => "surge",
    }
}
