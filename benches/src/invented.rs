//! Words and floods that were invented, put among real titles.
//!
//! The generator knows nothing of how terms are found: it knows characters, titles and
//! days.

use crate::weibo::Title;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Week in which the first of several inventions begins, so that there is something before.
const FIRST_WEEK: usize = 4;

/// A word that no title has, and the week of its first sighting.
#[derive(Debug, Clone)]
pub struct Coinage {
    /// The word.
    pub word: String,
    /// The week.
    pub first_week: usize,
}

/// Puts so many invented words of two to four frequent characters into the titles, each more
/// often from week to week by a logistic curve, up to the sightings a week that are given.
pub fn coinages(
    random: &mut ChaCha8Rng,
    weeks: &mut [Vec<Title>],
    (words, sightings): (usize, usize),
) -> Vec<Coinage> {
    let invented: Vec<Coinage> = (0..words)
        .map(|at| Coinage {
            word: unknown_word(random, weeks),
            first_week: FIRST_WEEK + 3 * at,
        })
        .collect();
    for Coinage { word, first_week } in &invented {
        for (since, titles) in weeks.iter_mut().skip(*first_week).enumerate() {
            let expected = sightings as f64 / (1.0 + (2.0 - since as f64).exp());
            for _ in 0..expected.round() as usize {
                let at = random.random_range(0..titles.len());
                titles[at].text = inserted(random, &titles[at].text, word).into();
            }
        }
    }
    invented
}

/// How a flood comes.
#[derive(Debug, Clone, Copy)]
pub enum Flood {
    /// One text with small edits, hundreds of times within a day.
    Day,
    /// The same over three days.
    ThreeDays,
    /// A few copies a day for four weeks.
    Drip,
    /// A template with one slot that each copy fills differently, over a week.
    Template,
}

impl Flood {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Day, Self::ThreeDays, Self::Drip, Self::Template];

    /// Days that it lasts, and copies on each.
    fn extent(self) -> (usize, usize) {
        match self {
            Self::Day => (1, 500),
            Self::ThreeDays => (3, 150),
            Self::Drip => (28, 8),
            Self::Template => (7, 40),
        }
    }
}

/// Puts so many floods into the titles, of every kind in turn, and says what their texts are.
pub fn floods(random: &mut ChaCha8Rng, weeks: &mut [Vec<Title>], number: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for at in 0..number {
        let kind = Flood::ALL[at % Flood::ALL.len()];
        let length = random.random_range(12..=30);
        let text = characters(random, weeks, length);
        let first_week = FIRST_WEEK + 2 * at;
        let (days, copies) = kind.extent();
        for day in 0..days {
            let Some(titles) = weeks.get_mut(first_week + day / 7) else {
                continue;
            };
            let date = titles[0].day + (day % 7) as i32;
            for _ in 0..copies {
                let edits = match kind {
                    Flood::Template => 4,
                    _ => 1,
                };
                let edit = characters(random, std::slice::from_ref(titles), edits);
                let copy = match kind {
                    Flood::Template => format!("{text}{edit}"),
                    _ => inserted(random, &text, &edit),
                };
                let end = titles.partition_point(|title| title.day <= date);
                let flood = Title {
                    day: date,
                    text: copy.into(),
                    is_topic: false,
                    sentiment: None,
                };
                titles.insert(end, flood);
            }
        }
        texts.push(text);
    }
    texts
}

/// Chinese characters of random titles.
fn characters(random: &mut ChaCha8Rng, weeks: &[Vec<Title>], length: usize) -> String {
    let mut found = String::new();
    let mut count = 0;
    while count < length {
        let week = &weeks[random.random_range(0..weeks.len())];
        let text: Vec<char> = week[random.random_range(0..week.len())]
            .text
            .chars()
            .collect();
        let character = text[random.random_range(0..text.len())];
        if ('\u{4e00}'..='\u{9fff}').contains(&character) {
            found.push(character);
            count += 1;
        }
    }
    found
}

fn unknown_word(random: &mut ChaCha8Rng, weeks: &[Vec<Title>]) -> String {
    loop {
        let length = random.random_range(2..=4);
        let word = characters(random, weeks, length);
        let known = |titles: &Vec<Title>| titles.iter().any(|title| title.text.contains(&word));
        if !weeks.iter().any(known) {
            return word;
        }
    }
}

/// The text with something at some place.
fn inserted(random: &mut ChaCha8Rng, text: &str, what: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let (head, tail) = characters.split_at(random.random_range(0..=characters.len()));
    let (head, tail) = (String::from_iter(head), String::from_iter(tail));
    format!("{head}{what}{tail}")
}
