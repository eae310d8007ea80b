//! Cards learnt from one stretch of time, held against the weeks of another.

use crate::{
    Error,
    weibo::{OUT_OF_VOCABULARY, Title, Vocabulary, distinct},
};
use driftline_drift::{Block, Calibrator, ColumnSettings, Profiles, Role, Settings};
use serde::Serialize;
use std::collections::BTreeMap;

/// Days of a window.
pub const WINDOW: usize = 7;

/// Seed of every replay and mixture: the pipelines' default.
pub const SEED: u64 = 20_260_101;

/// Columns that are judged together and share the stated rate.
pub const FAMILIES: &[(&str, &[&str])] = &[
    (
        "all columns",
        &[
            "is_topic",
            "text",
            OUT_OF_VOCABULARY,
            "sentiment_label",
            "sentiment_confidence",
        ],
    ),
    (
        "all but is_topic",
        &[
            "text",
            OUT_OF_VOCABULARY,
            "sentiment_label",
            "sentiment_confidence",
        ],
    ),
    ("is_topic", &["is_topic"]),
    ("text", &["text"]),
    ("out of vocabulary", &[OUT_OF_VOCABULARY]),
    ("sentiment", &["sentiment_label", "sentiment_confidence"]),
];

/// The settings that the quickstart calibrates with.
pub fn settings(rate: f64) -> Settings {
    let share = ColumnSettings {
        role: Some(Role::Share),
        ..ColumnSettings::default()
    };
    Settings {
        rate,
        seed: SEED,
        columns: BTreeMap::from([(OUT_OF_VOCABULARY.to_owned(), share)]),
        ..Settings::default()
    }
}

/// The columns of a family, of those that there are.
pub fn of_family(profiles: &Profiles, columns: &[&str]) -> Profiles {
    let kept = profiles
        .iter()
        .filter(|(key, _)| columns.contains(&key.column.as_str()));
    kept.map(|(key, profile)| (key.clone(), profile.clone()))
        .collect()
}

/// Titles cut into days, in order.
pub fn days(titles: &[Title]) -> Vec<&[Title]> {
    titles.chunk_by(|a, b| a.day == b.day).collect()
}

/// The blocks of a baseline: its days.
pub fn blocks(titles: &[Title], vocabulary: &Vocabulary) -> Vec<Block> {
    days(titles)
        .into_iter()
        .map(|day| Block {
            start: Some(i64::from(day[0].day) * 86_400),
            profiles: vocabulary.profiles(day, true),
        })
        .collect()
}

/// Non-overlapping runs of seven days that all have titles.
pub fn weeks(titles: &[Title]) -> Vec<&[Title]> {
    let mut weeks = Vec::new();
    let mut rest = titles;
    while let Some(first) = rest.first() {
        let end = first.day + WINDOW as i32;
        let (week, after) = rest.split_at(rest.partition_point(|title| title.day < end));
        if days(week).len() == WINDOW {
            weeks.push(week);
        }
        rest = after;
    }
    weeks
}

/// One stretch to learn from, another to judge.
pub struct Split {
    /// What it is called.
    pub name: String,
    /// The year of the stretch that is judged.
    pub year: u16,
    /// Distinct titles that cards and vocabulary are learnt from.
    pub baseline: Vec<Title>,
    /// Distinct titles that are judged.
    pub held_out: Vec<Title>,
}

/// Both ways to learn from one contiguous half of a year's days and to judge the
/// other, less a window's length next to the half that was learnt from.
pub fn halves(year: u16, titles: &[Title]) -> [Split; 2] {
    let days = days(titles);
    let middle = days.len() / 2;
    let border = days.get(middle).map_or(0, |day| day[0].day);
    let (first, second) = titles.split_at(titles.partition_point(|title| title.day < border));
    let (first, second) = (distinct(first), distinct(second));
    let guard = WINDOW as i32;
    let before = |title: &&Title| title.day < border - guard;
    let after = |title: &&Title| title.day >= border + guard;
    [
        Split {
            name: format!("{year} first half → second"),
            year,
            held_out: second.iter().filter(after).cloned().collect(),
            baseline: first.clone(),
        },
        Split {
            name: format!("{year} second half → first"),
            year,
            held_out: first.iter().filter(before).cloned().collect(),
            baseline: second,
        },
    ]
}

/// The calibrated columns of one family.
struct Family {
    name: &'static str,
    columns: &'static [&'static str],
    calibrator: Calibrator,
}

/// Cards of every family, and the vocabulary that goes with them.
pub struct Cards {
    vocabulary: Vocabulary,
    families: Vec<Family>,
}

/// What one family says of a window.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// The family.
    pub family: &'static str,
    /// Whether a deciding test is significant at the stated rate: the event that is stated.
    pub alarm: bool,
    /// Whether one is also above its least effect, so that the window fails.
    pub fails: bool,
    /// The significant tests: column, measure, p-value and value.
    pub tests: Vec<Test>,
}

/// One significant test.
#[derive(Debug, Clone, Serialize)]
pub struct Test {
    /// The column.
    pub column: String,
    /// The measure.
    pub measure: &'static str,
    /// Its value.
    pub value: f64,
    /// The least value that is significant.
    pub threshold: f64,
}

impl Cards {
    /// Learns from distinct titles in order of their days, to alarm at the given rate.
    ///
    /// # Errors
    /// Where there is nothing to learn from.
    pub fn learn(baseline: &[Title], rate: f64) -> Result<Self, Error> {
        let vocabulary = Vocabulary::learn(baseline);
        let blocks = blocks(baseline, &vocabulary);
        let mut families = Vec::new();
        for &(name, columns) in FAMILIES {
            let blocks: Vec<Block> = blocks
                .iter()
                .map(|block| Block {
                    start: block.start,
                    profiles: of_family(&block.profiles, columns),
                })
                .collect();
            if blocks.iter().all(|block| block.profiles.is_empty()) {
                continue;
            }
            families.push(Family {
                name,
                columns,
                calibrator: Calibrator::new(&blocks, settings(rate))?,
            });
        }
        Ok(Self {
            vocabulary,
            families,
        })
    }

    /// Judges seven days of titles that the cards were not learnt from.
    pub fn judge<'a>(&mut self, window: impl IntoIterator<Item = &'a Title>) -> Vec<Judged> {
        let profiles = self.vocabulary.profiles(window, false);
        self.families
            .iter_mut()
            .map(|family| {
                let profiles = of_family(&profiles, family.columns);
                let found = family.calibrator.judge(&profiles, WINDOW);
                let significant = found.measurements.iter().filter(|m| m.is_significant());
                Judged {
                    family: family.name,
                    alarm: significant.clone().count() > 0,
                    fails: significant
                        .clone()
                        .any(|m| m.judgement == driftline_drift::Judgement::Fail),
                    tests: significant
                        .map(|m| Test {
                            column: m.column.clone(),
                            measure: m.measure.name(),
                            value: m.value.unwrap_or(f64::NAN),
                            threshold: m.threshold.unwrap_or(f64::NAN),
                        })
                        .collect(),
                }
            })
            .collect()
    }
}
