//! How well new terms are found, on titles of one year against the year before.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin terms -- [--year 2023] [--json FILE]
//! ```
//!
//! Settings are tuned on 2022 and 2023; 2024 is read in place, and each such run is to be
//! logged in `LOG.md`. What needs a reader's labels (the share of the told terms that are
//! new words) is not measured here, but for one thing that titles tell by themselves: a
//! coinage that nearly always has the same character beside it is a piece of something.

use clap::Parser;
use driftline_benches::{
    Error,
    cards::SEED,
    invented::{self, Coinage},
    output::{Output, line, share, table},
    process::{Circumstances, measured},
    told::{Years, alarms, class_name, learn, weeks},
    weibo::Title,
};
use driftline_vocabulary::{BaselineVocabulary, Term, TermClass};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[derive(Parser)]
struct Arguments {
    /// The live year; the year before is the training data.
    #[arg(long, default_value_t = 2023)]
    year: u16,
    /// Only recall, classes and fragments: what changes first when something is tuned.
    #[arg(long)]
    short: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    year: u16,
    told: BTreeMap<&'static str, usize>,
    listed: Vec<Listed>,
    fragments: Fragments,
    trials: Option<Trials>,
}

/// What is only measured in a whole run.
#[derive(Serialize)]
struct Trials {
    shuffled_windows: usize,
    shuffled_alarms: usize,
    injected: Vec<Injected>,
    floods: usize,
    floods_told: usize,
    sixteen_shards_agree: bool,
}

/// A term of the published lists.
#[derive(Debug, Clone, Serialize)]
struct Listed {
    word: &'static str,
    titles: usize,
    before: usize,
    /// Week of its onset, if it had one.
    onset: Option<usize>,
    /// Week of its first alarm, if any, and the class that it had there.
    told: Option<(usize, &'static str)>,
}

#[derive(Serialize)]
struct Fragments {
    looked_at: usize,
    pieces: Vec<String>,
}

#[derive(Serialize)]
struct Injected {
    sightings: usize,
    coinages: usize,
    found: usize,
    /// Weeks from the first sighting to the alarm, of those found.
    delays: Vec<usize>,
    /// Those not found, each with what was told instead.
    missed: Vec<String>,
}

/// Terms of `slang-truth.csv` whose year of emergence is this one, as they stand in titles
/// in lower case without spaces and exclamation marks. Words of every day on the lists are
/// left out; what rose too little is sorted out by its counts.
fn listed(year: u16) -> &'static [&'static str] {
    match year {
        2022 => &[
            "后浪",
            "一种很新的",
            "中国式现代化",
            "冤种",
            "嘴替",
            "老六",
            "退钱",
            "退退退",
            "麻了",
        ],
        2023 => &[
            "i人",
            "e人",
            "大模型",
            "怪好的",
            "公主请",
            "王子请",
            "南方小土豆",
            "命运的齿轮",
            "尊嘟",
            "挖呀挖",
            "搭子",
            "显眼包",
            "泼天",
            "淄博烧烤",
            "遥遥领先",
            "含金量还在上升",
        ],
        2024 => &[
            "巨婴",
            "新质生产力",
            "city不city",
            "最争气",
            "偷感",
            "已读乱回",
            "浓人",
            "淡人",
            "牛马",
            "班味",
            "硬控",
            "那咋了",
            "黑神话",
        ],
        _ => &[],
    }
}

/// Least titles, and least rise, of a listed term that should be found.
const LEAST_TITLES: usize = 10;
const LEAST_RISE: f64 = 4.0;
/// Coinages looked at for pieces, and the share of their titles with the same neighbour.
const LOOKED_AT: usize = 50;
const SAME_NEIGHBOUR: f64 = 0.8;

const SHUFFLES: u64 = 3;
const COINAGES: usize = 100;
const COINAGES_A_RUN: usize = 10;
const FLOODS: usize = 200;
const FLOODS_A_RUN: usize = 20;
const SHARDS: usize = 16;

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    let year = arguments.year;
    let Some(Years {
        training,
        live,
        weeks,
    }) = Years::read(year)?
    else {
        return Ok(());
    };
    let baseline = learn(&training);
    line(format!(
        "Terms of {year} against {}, weekly windows; {circumstances}\n",
        year - 1
    ))?;
    let alarms = alarms(&baseline, &weeks, 1);
    let told = by_class(&alarms);
    line(format!("told in {} windows: {told:?}\n", weeks.len()))?;
    let listed = recall(year, &training, &weeks, &alarms);
    print_recall(&listed)?;
    let fragments = fragments(&live, &alarms);
    line(format!(
        "of the first {} coinages, pieces: {} ({})\n",
        fragments.looked_at,
        share(fragments.pieces.len(), fragments.looked_at),
        fragments.pieces.join(" ")
    ))?;
    let trials = match arguments.short {
        true => None,
        false => {
            let (trials, usage) = measured(|| trials(&training, &live, &weeks, &alarms))?;
            print_trials(&trials)?;
            line(format!("{:.0} s", usage.wall_s))?;
            Some(trials)
        }
    };
    arguments.output.write(&Figures {
        circumstances,
        year,
        told,
        listed,
        fragments,
        trials,
    })
}

/// Different terms of each class.
fn by_class(alarms: &[(usize, Term)]) -> BTreeMap<&'static str, usize> {
    let mut terms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, term) in alarms {
        terms
            .entry(class_name(term.class))
            .or_default()
            .insert(&term.text);
    }
    let counted = terms.into_iter().map(|(class, of)| (class, of.len()));
    counted.collect()
}

/// Whether a told term is the word: the word with at most two characters more, or with one less.
fn is_hit(term: &str, word: &str) -> bool {
    let (told, wanted) = (term.chars().count(), word.chars().count());
    term.contains(word) && told <= wanted + 2
        || word.contains(term) && told + 1 == wanted && told > 1
}

fn recall(
    year: u16,
    training: &[Title],
    weeks: &[Vec<Title>],
    alarms: &[(usize, Term)],
) -> Vec<Listed> {
    let has = |title: &&Title, word: &str| {
        let text = title.text.to_lowercase();
        text.replace(['!', '！', ' '], "").contains(word)
    };
    let all: usize = weeks.iter().map(Vec::len).sum();
    let rate = |count: usize, of: usize| count as f64 / of as f64;
    let of = |&word: &&'static str| {
        let by_week: Vec<usize> = weeks
            .iter()
            .map(|titles| titles.iter().filter(|title| has(title, word)).count())
            .collect();
        let before = training.iter().filter(|title| has(title, word)).count();
        // Three sightings in four weeks, at four times the rate of the year before.
        let onset = (0..weeks.len()).find(|&week| {
            let four = week.saturating_sub(3)..=week;
            let seen: usize = by_week[four.clone()].iter().sum();
            let of: usize = weeks[four].iter().map(Vec::len).sum();
            seen >= 3 && rate(seen, of) >= LEAST_RISE * rate(before, training.len())
        });
        let told = alarms.iter().find(|(_, term)| is_hit(&term.text, word));
        Listed {
            word,
            titles: by_week.iter().sum(),
            before,
            onset,
            told: told.map(|(week, term)| (*week, class_name(term.class))),
        }
    };
    let rose = |listed: &Listed| {
        listed.titles >= LEAST_TITLES
            && rate(listed.titles, all) >= LEAST_RISE * rate(listed.before, training.len())
    };
    listed(year).iter().map(of).filter(rose).collect()
}

fn print_recall(listed: &[Listed]) -> Result<(), Error> {
    let shown = |of: &Listed| {
        let told = of.told.map_or(("–".to_owned(), "missed"), |(week, class)| {
            (week.to_string(), class)
        });
        vec![
            of.word.to_owned(),
            of.titles.to_string(),
            of.before.to_string(),
            of.onset.map_or("–".to_owned(), |week| week.to_string()),
            told.0,
            told.1.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = listed.iter().map(shown).collect();
    let head = [
        "listed term",
        "titles",
        "year before",
        "onset, week",
        "told, week",
        "as",
    ];
    table(&head, &rows)?;
    let found = listed.iter().filter(|of| of.told.is_some()).count();
    // What is never told is infinitely late.
    let delay = |of: &Listed| match (of.onset, of.told) {
        (Some(onset), Some((told, _))) => told.saturating_sub(onset),
        _ => usize::MAX,
    };
    let mut delays: Vec<usize> = listed.iter().map(delay).collect();
    delays.sort_unstable();
    let quantile = |of: f64| {
        let at = ((delays.len() as f64 * of).ceil() as usize).max(1) - 1;
        match delays.get(at) {
            Some(&usize::MAX) | None => "never".to_owned(),
            Some(weeks) => weeks.to_string(),
        }
    };
    line(format!(
        "\nfound {found} of {}: {}; weeks from onset to alarm: median {}, 90th percentile {}\n",
        listed.len(),
        share(found, listed.len()),
        quantile(0.5),
        quantile(0.9)
    ))
}

/// Coinages, by their greatest score, that nearly always have the same character beside them.
fn fragments(live: &[Title], alarms: &[(usize, Term)]) -> Fragments {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for (_, term) in alarms.iter().filter(|(_, t)| t.class == TermClass::Coinage) {
        let score = scores.entry(&term.text).or_default();
        *score = score.max(term.score);
    }
    let mut ranked: Vec<(&str, f64)> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    ranked.truncate(LOOKED_AT);
    let is_piece = |term: &str| {
        let mut beside: [BTreeMap<Option<char>, usize>; 2] = Default::default();
        let mut all = 0;
        for title in live {
            let text = title.text.to_lowercase();
            if let Some((before, after)) = text.split_once(term) {
                all += 1;
                *beside[0].entry(before.chars().next_back()).or_default() += 1;
                *beside[1].entry(after.chars().next()).or_default() += 1;
            }
        }
        // The edge of a title is a neighbour of every word.
        let same = beside.iter().flatten();
        same.filter(|(character, _)| character.is_some_and(char::is_alphanumeric))
            .any(|(_, &count)| count as f64 >= SAME_NEIGHBOUR * f64::from(all))
    };
    let pieces = ranked.iter().filter(|(term, _)| is_piece(term));
    Fragments {
        looked_at: ranked.len(),
        pieces: pieces.map(|(term, _)| (*term).to_owned()).collect(),
    }
}

fn trials(
    training: &[Title],
    live: &[Title],
    weeks: &[Vec<Title>],
    alarms: &[(usize, Term)],
) -> Result<Trials, Error> {
    let baseline = learn(training);
    let (shuffled_windows, shuffled_alarms) = shuffled(training, live);
    Ok(Trials {
        shuffled_windows,
        shuffled_alarms,
        injected: [20, 40, 80].map(|n| injected(&baseline, weeks, n)).into(),
        floods: FLOODS,
        floods_told: floods_told(&baseline, weeks),
        sixteen_shards_agree: driftline_benches::told::alarms(&baseline, weeks, SHARDS) == alarms,
    })
}

/// Windows and alarms where nothing is new: the titles of both years, dealt out anew over
/// their days.
fn shuffled(training: &[Title], live: &[Title]) -> (usize, usize) {
    let (mut windows, mut told) = (0, 0);
    for seed in 0..SHUFFLES {
        let both = || training.iter().chain(live);
        let mut texts: Vec<Arc<str>> = both().map(|title| Arc::clone(&title.text)).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED + seed));
        let mut days: Vec<i32> = both().map(|title| title.day).collect();
        days.sort_unstable();
        let dealt = texts.into_iter().zip(days).map(|(text, day)| Title {
            day,
            text,
            is_topic: false,
            sentiment: None,
        });
        let mut titles: Vec<Title> = dealt.collect();
        let later = titles.split_off(training.len().min(titles.len()));
        let weeks = weeks(&later);
        windows += weeks.len();
        told += alarms(&learn(&titles), &weeks, 1).len();
    }
    (windows, told)
}

fn injected(baseline: &BaselineVocabulary, weeks: &[Vec<Title>], sightings: usize) -> Injected {
    let mut random = ChaCha8Rng::seed_from_u64(SEED + sightings as u64);
    let (mut delays, mut missed) = (Vec::new(), Vec::new());
    for _ in 0..COINAGES / COINAGES_A_RUN {
        let mut weeks = weeks.to_vec();
        let coinages = invented::coinages(&mut random, &mut weeks, (COINAGES_A_RUN, sightings));
        let alarms = alarms(baseline, &weeks, 1);
        for Coinage { word, first_week } in coinages {
            let told = |(_, term): &&(usize, Term)| is_hit(&term.text, &word);
            let coined = |(_, term): &&(usize, Term)| term.class == TermClass::Coinage;
            match alarms.iter().filter(told).find(coined) {
                Some((week, _)) => delays.push(week.saturating_sub(first_week)),
                None => missed.push(match alarms.iter().find(told) {
                    Some((_, term)) => format!("{word} ({} {})", class_name(term.class), term.text),
                    None => word,
                }),
            }
        }
    }
    delays.sort_unstable();
    Injected {
        sightings,
        coinages: COINAGES,
        found: delays.len(),
        delays,
        missed,
    }
}

/// Floods of which a piece is told as a new word.
fn floods_told(baseline: &BaselineVocabulary, weeks: &[Vec<Title>]) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(SEED + 7);
    let mut told = 0;
    for _ in 0..FLOODS / FLOODS_A_RUN {
        let mut weeks = weeks.to_vec();
        let texts = invented::floods(&mut random, &mut weeks, FLOODS_A_RUN);
        let alarms = alarms(baseline, &weeks, 1);
        let coined = |text: &&String| {
            let of = |term: &Term| term.class == TermClass::Coinage && text.contains(&term.text);
            alarms.iter().any(|(_, term)| of(term))
        };
        told += texts.iter().filter(coined).count();
    }
    told
}

fn print_trials(trials: &Trials) -> Result<(), Error> {
    line(format!(
        "titles shuffled over both years: {} alarms in {} windows, {:.1} in 1000\n",
        trials.shuffled_alarms,
        trials.shuffled_windows,
        1000.0 * trials.shuffled_alarms as f64 / trials.shuffled_windows.max(1) as f64
    ))?;
    let shown = |of: &Injected| {
        let median = of.delays.get(of.delays.len() / 2);
        vec![
            of.sightings.to_string(),
            share(of.found, of.coinages),
            median.map_or("–".to_owned(), usize::to_string),
            of.missed.join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = trials.injected.iter().map(shown).collect();
    let head = [
        "invented words, sightings a week at last",
        "found as new words",
        "weeks, median",
        "missed (told as)",
    ];
    table(&head, &rows)?;
    line(format!(
        "\nfloods told as new words: {} of {}",
        trials.floods_told, trials.floods
    ))?;
    line(format!(
        "the same terms from sixteen shards: {}",
        trials.sixteen_shards_agree
    ))
}
