//! Characters a second of reading units, counting n-grams, freezing a baseline and finding
//! new terms, on a year of titles: on one thread, so per core.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin term_finder -- [--json FILE]
//! ```

use clap::Parser;
use driftline_benches::{
    Error, cards,
    output::{Output, line, table},
    process::{Circumstances, Usage, measured},
    weibo::{self, Title, distinct},
};
use driftline_statistics::{
    ngrams::{FOLDS, NgramConfig, NgramCounts},
    units::UnitReader,
};
use driftline_vocabulary::{BaselineVocabulary, TermConfig, TermFinder};
use serde::Serialize;
use std::hint::black_box;

#[derive(Parser)]
struct Arguments {
    /// Times that each part is done; the median is told.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    part: &'static str,
    characters: usize,
    seconds: Vec<f64>,
    mchar_per_s: f64,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!("Term finder, one thread; {circumstances}\n"))?;
    let training = distinct(&weibo::read(&weibo::fixture(2022))?);
    let live = distinct(&weibo::read(&weibo::fixture(2023))?);
    let counted = count_baseline(&training);
    let frozen = BaselineVocabulary::freeze(&counted);
    let (before, after) = (characters(&training), characters(&live));
    let repeats = arguments.repeats.max(1);
    let parts = vec![
        part("units of the training year", before, repeats, none, |()| {
            read_units(&training);
        })?,
        part("count the training year", before, repeats, none, |()| {
            count_baseline(&training);
        })?,
        part("freeze its counts", before, repeats, none, |()| {
            black_box(BaselineVocabulary::freeze(&counted));
        })?,
        part("count the live year by week", after, repeats, none, |()| {
            count_weeks(&live);
        })?,
        part(
            "find, in the weeks' counts",
            after,
            repeats,
            || count_weeks(&live),
            |weeks| find(&frozen, weeks),
        )?,
        part("count and find, by week", after, repeats, none, |()| {
            find(&frozen, weeks(&live));
        })?,
        part(
            "all: count, freeze, count and find",
            before + after,
            repeats,
            none,
            |()| {
                let frozen = BaselineVocabulary::freeze(&count_baseline(&training));
                find(&frozen, weeks(&live));
            },
        )?,
    ];
    let rows: Vec<Vec<String>> = parts
        .iter()
        .map(|part| {
            vec![
                part.part.to_owned(),
                format!("{:.2}", part.characters as f64 / 1e6),
                format!("{:.3}", median(&part.seconds)),
                format!("{:.2}", part.mchar_per_s),
            ]
        })
        .collect();
    table(
        &["part", "Mchar", "seconds, p50", "Mchar/s per core"],
        &rows,
    )?;
    arguments.output.write(&Figures {
        circumstances,
        parts,
    })
}

fn none() {}

/// Takes the time of `work` on what `prepare` makes, so many times.
fn part<T>(
    part: &'static str,
    characters: usize,
    repeats: usize,
    prepare: impl Fn() -> T,
    work: impl Fn(T),
) -> Result<Part, Error> {
    let mut seconds = Vec::new();
    for _ in 0..repeats {
        let prepared = prepare();
        let ((), Usage { wall_s, .. }) = measured(|| {
            work(prepared);
            Ok(())
        })?;
        seconds.push(wall_s);
    }
    Ok(Part {
        part,
        characters,
        mchar_per_s: characters as f64 / median(&seconds) / 1e6,
        seconds,
    })
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn characters(titles: &[Title]) -> usize {
    titles.iter().map(|title| title.text.chars().count()).sum()
}

fn read_units(titles: &[Title]) {
    let mut reader = UnitReader::default();
    for title in titles {
        reader.read(&title.text);
        black_box(reader.unit_count());
    }
}

fn count_baseline(titles: &[Title]) -> NgramCounts {
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    for (at, title) in titles.iter().enumerate() {
        let fold = at * FOLDS / titles.len();
        counts.update(&title.text, fold as u8, None);
    }
    counts.shrink_to_fit();
    counts
}

/// The start of every week, and its counts.
fn weeks(titles: &[Title]) -> impl Iterator<Item = (i64, NgramCounts)> {
    cards::windows(titles, cards::WINDOW)
        .into_iter()
        .map(|week| {
            let first = week[0].day;
            let mut counts = NgramCounts::new(NgramConfig::window());
            for title in week {
                counts.update(&title.text, (title.day - first) as u8, None);
            }
            counts.shrink_to_fit();
            (i64::from(first), counts)
        })
}

fn count_weeks(titles: &[Title]) -> Vec<(i64, NgramCounts)> {
    weeks(titles).collect()
}

fn find(baseline: &BaselineVocabulary, weeks: impl IntoIterator<Item = (i64, NgramCounts)>) {
    let mut finder = TermFinder::new(baseline, TermConfig::default());
    for (start, counts) in weeks {
        black_box(finder.observe(start, counts));
    }
}
