//! A community that was made up: authors, topics, days, and what some of them push.
//!
//! No shared data set has authors, so what needs them is shown on this. It knows nothing of how terms
//! are found: it knows words, people and days. Its figures are its own; real communities are wilder.

use driftline_statistics::units::normalize_text;
use driftline_vocabulary::WordCutter;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// People who write.
const AUTHORS: usize = 3_000;
/// Things they write about.
const TOPICS: usize = 60;
/// Words of a topic, and those that all topics share.
const TOPIC_WORDS: usize = 80;
const COMMON_WORDS: usize = 400;
/// Comments of a usual day.
const COMMENTS: f64 = 300.0;
/// Days before anything new.
const QUIET_DAYS: usize = 182;
/// Days in which something may be new.
const LIVE_DAYS: usize = 182;

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// The day, from 0.
    pub day: usize,
    /// The minute of it.
    pub minute: u32,
    /// Who wrote it.
    pub author: u64,
    /// The text.
    pub text: String,
}

/// How a new word comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// People take it up from one another, and write it in what they write anyway.
    People,
    /// Three accounts write it all day long for two weeks, each time in other words.
    FewAccounts,
    /// One text with small edits, by a hundred accounts within an hour, on five days.
    Copies,
    /// One account writes it four times a day for eight weeks.
    Drip,
}

impl Origin {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::People, Self::FewAccounts, Self::Copies, Self::Drip];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "taken up by people",
            Self::FewAccounts => "pushed by three accounts",
            Self::Copies => "copied by a hundred accounts",
            Self::Drip => "dripped by one account",
        }
    }
}

/// A word that nobody wrote before, and how it comes.
#[derive(Debug, Clone)]
pub struct NewWord {
    /// The word.
    pub word: String,
    /// How it comes.
    pub origin: Origin,
}

/// A year of a community.
#[derive(Debug)]
pub struct Community {
    /// The first half, by day: to learn from.
    pub training: Vec<Comment>,
    /// The second half, by day.
    pub live: Vec<Comment>,
    /// What is new in it.
    pub new_words: Vec<NewWord>,
}

struct Maker {
    random: ChaCha8Rng,
    words: Vec<String>,
    /// How much each topic is written about today, as a logarithm.
    fashion: Vec<f64>,
    /// By author, how much they write, summed up.
    activity: Vec<f64>,
}

impl Community {
    /// With words of real titles, and so many new words of each origin.
    pub fn new(seed: u64, titles: &[&str], new_words: usize) -> Self {
        let mut maker = Maker::new(seed, titles);
        let invented: Vec<NewWord> = (0..new_words)
            .flat_map(|_| Origin::ALL)
            .map(|origin| NewWord {
                word: maker.unknown_word(titles),
                origin,
            })
            .collect();
        let begins: Vec<usize> = invented
            .iter()
            .map(|_| QUIET_DAYS + maker.random.random_range(28..LIVE_DAYS - 63))
            .collect();
        let mut comments = Vec::new();
        for day in 0..QUIET_DAYS + LIVE_DAYS {
            let first = comments.len();
            maker.usual_day(day, &mut comments);
            for (new, begin) in invented.iter().zip(&begins) {
                if let Some(since) = day.checked_sub(*begin) {
                    maker.new_day(new, (day, since), (&mut comments, first));
                }
            }
        }
        let live = comments.split_off(comments.partition_point(|comment| comment.day < QUIET_DAYS));
        Self {
            training: comments,
            live,
            new_words: invented,
        }
    }
}

impl Maker {
    fn new(seed: u64, titles: &[&str]) -> Self {
        let cutter = WordCutter::new([]);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for title in titles {
            let normal = normalize_text(title);
            for word in cutter.words(&normal) {
                if word.chars().nth(1).is_some() {
                    *counts.entry(word.to_owned()).or_default() += 1;
                }
            }
        }
        let mut words: Vec<(u32, String)> = counts.into_iter().map(|(w, n)| (n, w)).collect();
        words.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        words.truncate(COMMON_WORDS + TOPICS * TOPIC_WORDS);
        let mut sum = 0.0;
        // Zipf's law: the n-th author writes 1 / n of what the first one does.
        let activity = (1..=AUTHORS).map(|rank| {
            sum += 1.0 / (rank as f64 + 20.0);
            sum
        });
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            words: words.into_iter().map(|(_, word)| word).collect(),
            fashion: vec![0.0; TOPICS],
            activity: activity.collect(),
        }
    }

    /// About standard normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.random::<f64>()).sum::<f64>() - 6.0
    }

    /// The place in a running sum that a uniform number falls on.
    fn drawn(&mut self, sums: &[f64]) -> usize {
        let last = sums.last().copied().unwrap_or(0.0);
        let at = self.random.random::<f64>() * last;
        sums.partition_point(|sum| *sum <= at).min(sums.len() - 1)
    }

    fn author(&mut self) -> u64 {
        let activity = std::mem::take(&mut self.activity);
        let author = self.drawn(&activity);
        self.activity = activity;
        author as u64
    }

    fn minute(&mut self) -> u32 {
        self.random.random_range(0..1_440)
    }

    fn usual_day(&mut self, day: usize, into: &mut Vec<Comment>) {
        for topic in 0..TOPICS {
            // Topics come and go within weeks.
            let change = 0.35 * self.normal();
            self.fashion[topic] = 0.9 * self.fashion[topic] + change;
        }
        let weekend = if day % 7 >= 5 { 1.3 } else { 1.0 };
        let comments = COMMENTS * weekend * (0.15 * self.normal()).exp();
        let mut sum = 0.0;
        let topics: Vec<f64> = self
            .fashion
            .iter()
            .map(|fashion| {
                sum += fashion.exp();
                sum
            })
            .collect();
        for _ in 0..comments as usize {
            let topic = self.drawn(&topics);
            let comment = Comment {
                day,
                minute: self.minute(),
                author: self.author(),
                text: self.text(topic),
            };
            into.push(comment);
        }
    }

    /// Six to fourteen words of a topic and of all, the earlier ones of each more often.
    fn text(&mut self, topic: usize) -> String {
        let length = self.random.random_range(6..=14);
        let words = (0..length).map(|_| {
            let (first, many) = match self.random.random::<f64>() < 0.4 {
                true => (0, COMMON_WORDS),
                false => (COMMON_WORDS + topic * TOPIC_WORDS, TOPIC_WORDS),
            };
            let rank = (self.random.random::<f64>().powi(3) * many as f64) as usize;
            self.words[(first + rank) % self.words.len()].as_str()
        });
        words.collect()
    }

    /// What a new word adds to a day: `first` is where the day's comments begin.
    fn new_day(
        &mut self,
        new: &NewWord,
        (day, since): (usize, usize),
        (comments, first): (&mut Vec<Comment>, usize),
    ) {
        match new.origin {
            Origin::People => {
                // A logistic curve up to six comments a day, within eight weeks.
                let expected = 6.0 / (1.0 + (3.0 - since as f64 / 10.0).exp());
                for _ in 0..expected.round() as usize {
                    let at = self.random.random_range(first..comments.len());
                    comments[at].text = self.inserted(&comments[at].text.clone(), &new.word);
                }
            }
            Origin::FewAccounts if since < 14 => {
                for number in 0..40 {
                    let account = self.account(new, number % 3);
                    self.push(new, (day, account), None, comments);
                }
            }
            Origin::Copies if since < 35 && since % 7 == 0 => {
                let mut random = ChaCha8Rng::seed_from_u64(hash(&new.word));
                std::mem::swap(&mut random, &mut self.random);
                let (topic, hour) = (
                    self.random.random_range(0..TOPICS),
                    60 * (since as u32 % 24),
                );
                let text = self.text(topic);
                let text = self.inserted(&text, &new.word);
                std::mem::swap(&mut random, &mut self.random);
                for number in 0..100 {
                    let account = self.account(new, number);
                    let edit = self.words[self.random.random_range(0..COMMON_WORDS)].clone();
                    let comment = Comment {
                        day,
                        minute: hour + self.random.random_range(0..60),
                        author: account,
                        text: self.inserted(&text, &edit),
                    };
                    comments.push(comment);
                }
            }
            Origin::Drip if since < 56 => {
                for _ in 0..4 {
                    let account = self.account(new, 0);
                    self.push(new, (day, account), None, comments);
                }
            }
            Origin::FewAccounts | Origin::Copies | Origin::Drip => {}
        }
    }

    /// An account that was made for a word.
    fn account(&self, new: &NewWord, number: u64) -> u64 {
        AUTHORS as u64 + hash(&new.word) % (1 << 40) * 1_000 + number
    }

    fn push(
        &mut self,
        new: &NewWord,
        (day, author): (usize, u64),
        minute: Option<u32>,
        comments: &mut Vec<Comment>,
    ) {
        let topic = self.random.random_range(0..TOPICS);
        let text = self.text(topic);
        let comment = Comment {
            day,
            minute: minute.unwrap_or_else(|| self.minute()),
            author,
            text: self.inserted(&text, &new.word),
        };
        comments.push(comment);
    }

    /// A text with a word at some place.
    fn inserted(&mut self, text: &str, word: &str) -> String {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[self.random.random_range(0..places.len())];
        let (head, tail) = text.split_at(at);
        format!("{head}{word}{tail}")
    }

    /// Two to four frequent characters that no title has in this order.
    fn unknown_word(&mut self, titles: &[&str]) -> String {
        loop {
            let length = self.random.random_range(2..=4);
            let word: String = (0..length)
                .map(|_| {
                    let from = &self.words[self.random.random_range(0..self.words.len())];
                    let ideographs = from
                        .chars()
                        .filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c));
                    let ideographs: Vec<char> = ideographs.collect();
                    match ideographs.len() {
                        0 => '新',
                        many => ideographs[self.random.random_range(0..many)],
                    }
                })
                .collect();
            if !titles.iter().any(|title| title.contains(&word)) {
                return word;
            }
        }
    }
}

fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
