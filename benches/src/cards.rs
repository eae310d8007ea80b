//! Cards learnt from one stretch of time, held against the weeks of another.

use crate::{
    Error,
    weibo::{OUT_OF_VOCABULARY, Title, Vocabulary, distinct},
};
use driftline_drift::{
    Block, Calibrator, ColumnSettings, Judgement, Measure, Measurement, Profiles, Role, Settings,
    Skipped, WindowNull, WindowValue, rate_share,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Days of a window, where nothing else is said.
pub const WINDOW: usize = 7;

/// The stretch of a window that stands out most: judged by texts, not by a column's profile.
pub const NOVEL_STRETCH: &str = "novel stretch";

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
            NOVEL_STRETCH,
        ],
    ),
    (
        "all but is_topic",
        &[
            NOVEL_STRETCH,
            "text",
            OUT_OF_VOCABULARY,
            "sentiment_label",
            "sentiment_confidence",
        ],
    ),
    ("is_topic", &["is_topic"]),
    (NOVEL_STRETCH, &[NOVEL_STRETCH]),
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
            hour_of_week: None,
            profiles: vocabulary.profiles(day, true),
        })
        .collect()
}

/// Non-overlapping runs of so many days that all have titles.
pub fn windows(titles: &[Title], length: usize) -> Vec<&[Title]> {
    let mut windows = Vec::new();
    let mut rest = titles;
    while let Some(first) = rest.first() {
        let end = first.day + length as i32;
        let (window, after) = rest.split_at(rest.partition_point(|title| title.day < end));
        if days(window).len() == length {
            windows.push(window);
        }
        rest = after;
    }
    windows
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

/// Every year judged by cards of the others, less a window's length next to those.
pub fn years(years: &[(u16, Vec<Title>)], length: usize) -> Vec<Split> {
    let guard = length as i32;
    years
        .iter()
        .filter_map(|(year, titles)| {
            let (first, last) = (titles.first()?.day, titles.last()?.day);
            let others = years.iter().filter(|(other, _)| other != year);
            let others: Vec<Title> = others.flat_map(|(_, titles)| titles.clone()).collect();
            let near = |from: i32, to: i32| others.iter().any(|t| (from..to).contains(&t.day));
            let from = if near(first - guard, first) {
                first + guard
            } else {
                first
            };
            let to = if near(last + 1, last + 1 + guard) {
                last - guard
            } else {
                last
            };
            let held_out = distinct(titles);
            let inside = held_out.iter().filter(|t| (from..=to).contains(&t.day));
            Some(Split {
                name: format!("other years → {year}"),
                year: *year,
                held_out: inside.cloned().collect(),
                baseline: distinct(&others),
            })
        })
        .collect()
}

/// The calibrated columns of one family.
struct Family {
    name: &'static str,
    columns: &'static [&'static str],
    /// Of the columns with profiles; `None` without any.
    calibrator: Option<Calibrator>,
    /// The rate of the novel stretch, where it is one of the columns.
    novel_rate: Option<f64>,
}

/// Cards of every family, and the vocabulary that goes with them.
pub struct Cards {
    vocabulary: Vocabulary,
    length: usize,
    novelty: WindowNull,
    titles: u64,
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
    /// Learns from distinct titles in order of their days, to alarm at the given rate in
    /// windows of so many days.
    ///
    /// # Errors
    /// Where there is nothing to learn from.
    pub fn learn(baseline: &[Title], length: usize, rate: f64) -> Result<Self, Error> {
        let vocabulary = Vocabulary::learn(baseline);
        let blocks = blocks(baseline, &vocabulary);
        let mut families = Vec::new();
        for &(name, columns) in FAMILIES {
            let blocks: Vec<Block> = blocks
                .iter()
                .map(|block| Block {
                    start: block.start,
                    hour_of_week: None,
                    profiles: of_family(&block.profiles, columns),
                })
                .collect();
            let with_profiles = blocks.iter().any(|block| !block.profiles.is_empty());
            let novel = columns.contains(&NOVEL_STRETCH);
            if !with_profiles && !novel {
                continue;
            }
            // The sums over windows have their part, though they are not judged here.
            let of_novel = match with_profiles {
                true => rate_share::NOVEL_STRETCH,
                false => rate_share::of_cards(false, false),
            };
            let others = settings(rate * rate_share::of_cards(novel, false));
            families.push(Family {
                name,
                columns,
                calibrator: match with_profiles {
                    true => Some(Calibrator::new(&blocks, others)?),
                    false => None,
                },
                novel_rate: novel.then_some(rate * of_novel),
            });
        }
        Ok(Self {
            novelty: novelty(baseline, &vocabulary, length),
            titles: baseline.len() as u64,
            vocabulary,
            length,
            families,
        })
    }

    /// Judges days of titles that the cards were not learnt from.
    pub fn judge(&mut self, window: &[Title]) -> Vec<Judged> {
        let profiles = self.vocabulary.profiles(window, false);
        let stretch = self.vocabulary.novelty(window, false).strongest();
        let (length, novelty, titles) = (self.length, &self.novelty, self.titles);
        let novel = |rate: f64| {
            let value = WindowValue {
                column: "text".to_owned(),
                measure: Measure::NovelStretch,
                value: stretch.map_or(Err(Skipped::NoValues), |stretch| Ok(stretch.excess())),
                size: window.len() as u64,
                evidence: Vec::new(),
                min_effect: (Measure::NovelStretch.default_min_effect(), false),
                rows: (titles, window.len() as u64),
            };
            novelty.judge(value, rate)
        };
        self.families
            .iter_mut()
            .map(|family| {
                let profiles = of_family(&profiles, family.columns);
                let mut found: Vec<Measurement> = match &mut family.calibrator {
                    Some(calibrator) => calibrator.judge(&profiles, length).measurements,
                    None => Vec::new(),
                };
                found.extend(family.novel_rate.map(&novel));
                let significant = found.iter().filter(|m| m.is_significant());
                Judged {
                    family: family.name,
                    alarm: significant.clone().count() > 0,
                    fails: significant.clone().any(|m| m.judgement == Judgement::Fail),
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

/// What stretches of a baseline's own windows say that nothing else does, and of those
/// half-way between.
fn novelty(baseline: &[Title], vocabulary: &Vocabulary, length: usize) -> WindowNull {
    let first = baseline.first().map_or(0, |title| title.day);
    let half = baseline.partition_point(|title| title.day < first + length as i32 / 2);
    let own = windows(baseline, length);
    let between = windows(&baseline[half..], length);
    let excess = |window: &&[Title]| Some(vocabulary.novelty(window, true).strongest()?.excess());
    let mut sizes: Vec<u64> = own.iter().map(|window| window.len() as u64).collect();
    sizes.sort_unstable();
    WindowNull {
        windows: own.len(),
        size: sizes.get(sizes.len() / 2).copied().unwrap_or(0),
        values: own.iter().chain(&between).filter_map(excess).collect(),
        least_spread: 0.1,
    }
}
