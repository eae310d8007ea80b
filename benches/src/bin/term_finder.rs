//! Characters a second of counting n-grams, freezing a baseline and finding new terms,
//! on a year of titles, on one thread.
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
use driftline_statistics::ngrams::{FOLDS, NgramConfig, NgramCounts};
use driftline_vocabulary::{BaselineVocabulary, TermConfig, TermFinder};
use serde::Serialize;
use std::hint::black_box;

#[derive(Parser)]
struct Arguments {
    /// Times that each part is done; the median is told.
    #[arg(long, default_value_t = 5)]
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
    let frozen = BaselineVocabulary::freeze(&count_baseline(&training));
    let counted = count_baseline(&training);
    let mut parts = Vec::new();
    let mut part = |part, characters, work: &dyn Fn()| -> Result<(), Error> {
        let mut seconds = Vec::new();
        for _ in 0..arguments.repeats.max(1) {
            let ((), Usage { wall_s, .. }) = measured(|| {
                work();
                Ok(())
            })?;
            seconds.push(wall_s);
        }
        let mut sorted = seconds.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        parts.push(Part {
            part,
            characters,
            seconds,
            mchar_per_s: characters as f64 / median / 1e6,
        });
        Ok(())
    };
    let (before, after) = (characters(&training), characters(&live));
    part("count the training year", before, &|| {
        black_box(count_baseline(&training));
    })?;
    part("freeze the training year's counts", before, &|| {
        black_box(BaselineVocabulary::freeze(&counted));
    })?;
    part("count the live year by week", after, &|| {
        for week in cards::weeks(&live) {
            black_box(count_week(week));
        }
    })?;
    part("count and find, the live year by week", after, &|| {
        find(&frozen, &live);
    })?;
    part(
        "all: count, freeze, count and find",
        before + after,
        &|| {
            find(
                &BaselineVocabulary::freeze(&count_baseline(&training)),
                &live,
            );
        },
    )?;
    let rows: Vec<Vec<String>> = parts
        .iter()
        .map(|part| {
            vec![
                part.part.to_owned(),
                format!("{:.2}", part.characters as f64 / 1e6),
                format!("{:.2}", part.mchar_per_s),
            ]
        })
        .collect();
    table(&["part", "Mchar", "Mchar/s"], &rows)?;
    arguments.output.write(&Figures {
        circumstances,
        parts,
    })
}

fn characters(titles: &[Title]) -> usize {
    titles.iter().map(|title| title.text.chars().count()).sum()
}

fn count_baseline(titles: &[Title]) -> NgramCounts {
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    for (at, title) in titles.iter().enumerate() {
        let fold = at * FOLDS / titles.len();
        counts.update(&title.text, fold as u8, None);
    }
    counts
}

fn count_week(week: &[Title]) -> NgramCounts {
    let mut counts = NgramCounts::new(NgramConfig::window());
    for title in week {
        counts.update(&title.text, (title.day - week[0].day) as u8, None);
    }
    counts
}

fn find(baseline: &BaselineVocabulary, live: &[Title]) {
    let mut finder = TermFinder::new(baseline, TermConfig::default());
    for week in cards::weeks(live) {
        black_box(finder.observe(i64::from(week[0].day), count_week(week)));
    }
}
