//! Observed against stated rate of false alarms, on stretches of a year that the cards
//! never saw.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin false_alarms -- [--no-sentiment] [--json FILE]
//! ```
//!
//! Three ways of holding out: a whole year (cards and vocabulary of the other two, a
//! window's length between them left out); halves of a year, the same for weeks; and
//! eighths of a year (`verify`, as a pipeline's owner would run it), also for weeks. With
//! `--days 35`, whose windows hold some 10,000 titles, a year is all that can be held out.

use clap::Parser;
use driftline_benches::{
    Error,
    cards::{self, Cards, FAMILIES, Judged, Split, WINDOW, of_family, settings},
    output::{Output, line, share, table},
    process::{Circumstances, measured},
    weibo::{self, Vocabulary, distinct},
};
use driftline_drift::{
    Block,
    verify::{Verification, verify},
};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Parser)]
struct Arguments {
    /// Leaves the sentiment model's columns out.
    #[arg(long)]
    no_sentiment: bool,
    /// Years of the shipped titles.
    #[arg(long, value_delimiter = ',', default_value = "2021,2022,2023")]
    years: Vec<u16>,
    /// Days of a window.
    #[arg(long, default_value_t = WINDOW)]
    days: usize,
    /// The stated rate.
    #[arg(long, default_value_t = 0.01)]
    rate: f64,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    stated_rate: f64,
    windows: Vec<Window>,
    eighths: Vec<Eighths>,
}

#[derive(Serialize)]
struct Window {
    split: String,
    year: u16,
    first_day: i32,
    titles: usize,
    judged: Vec<Judged>,
}

#[derive(Serialize)]
struct Eighths {
    year: u16,
    family: &'static str,
    verification: Verification,
}

const EIGHTHS: usize = 8;

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!(
        "False alarms at a stated {} a window; {circumstances}",
        arguments.rate
    ))?;
    let (rate, days) = (arguments.rate, arguments.days);
    let mut splits = Vec::new();
    let mut years = Vec::new();
    for &year in &arguments.years {
        let mut titles = weibo::read(&weibo::fixture(year))?;
        if !arguments.no_sentiment {
            weibo::score(&mut titles)?;
        }
        if days == WINDOW {
            splits.extend(cards::halves(year, &titles));
        }
        years.push((year, titles));
    }
    splits.extend(cards::years(&years, days));
    let (windows, usage) = measured(|| in_parallel(&splits, |split| judge(split, days, rate)))?;
    line(format!("\nHalves and years ({:.0} s)\n", usage.wall_s))?;
    let windows: Vec<Window> = windows.into_iter().flatten().collect();
    show_held_out(&windows)?;
    if days != WINDOW {
        return arguments.output.write(&Figures {
            circumstances,
            stated_rate: rate,
            windows,
            eighths: Vec::new(),
        });
    }
    let (eighths, usage) = measured(|| {
        in_parallel(&years, |(year, titles)| {
            let titles = distinct(titles);
            let vocabulary = Vocabulary::learn(&titles);
            let blocks = cards::blocks(&titles, &vocabulary);
            held_out_eighths(*year, &blocks, rate)
        })
    })?;
    line(format!("\nEighths ({:.0} s)\n", usage.wall_s))?;
    let eighths: Vec<Eighths> = eighths.into_iter().flatten().collect();
    show_eighths(&eighths)?;
    arguments.output.write(&Figures {
        circumstances,
        stated_rate: rate,
        windows,
        eighths,
    })
}

fn in_parallel<T: Sync, U: Send>(
    work: &[T],
    each: impl Fn(&T) -> Result<U, Error> + Sync,
) -> Result<Vec<U>, Error> {
    std::thread::scope(|scope| {
        let running: Vec<_> = work.iter().map(|item| scope.spawn(|| each(item))).collect();
        running
            .into_iter()
            .map(|done| done.join().map_err(|_| "a thread stopped")?)
            .collect()
    })
}

fn judge(split: &Split, days: usize, rate: f64) -> Result<Vec<Window>, Error> {
    let mut cards = Cards::learn(&split.baseline, days, rate)?;
    Ok(cards::windows(&split.held_out, days)
        .into_iter()
        .map(|week| Window {
            split: split.name.clone(),
            year: split.year,
            first_day: week[0].day,
            titles: week.len(),
            judged: cards.judge(week),
        })
        .collect())
}

fn held_out_eighths(year: u16, blocks: &[Block], rate: f64) -> Result<Vec<Eighths>, Error> {
    let mut found = Vec::new();
    for &(family, columns) in FAMILIES {
        let blocks: Vec<Block> = blocks
            .iter()
            .map(|block| Block {
                start: block.start,
                hour_of_week: None,
                profiles: of_family(&block.profiles, columns),
            })
            .collect();
        if blocks.iter().all(|block| block.profiles.is_empty()) {
            continue;
        }
        found.push(Eighths {
            year,
            family,
            verification: verify(&blocks, &settings(rate), WINDOW, EIGHTHS)?,
        });
    }
    Ok(found)
}

fn show_held_out(windows: &[Window]) -> Result<(), Error> {
    let mut groups: Vec<&str> = Vec::new();
    for window in windows {
        if !groups.contains(&window.split.as_str()) {
            groups.push(&window.split);
        }
    }
    let pooled = ["pooled, halves", "pooled, years"];
    let is_half = |split: &str| split.contains("half");
    let mut rows = Vec::new();
    for &(family, _) in FAMILIES {
        for group in groups.iter().copied().chain(pooled) {
            let of_group = |window: &&Window| match group {
                "pooled, halves" => is_half(&window.split),
                "pooled, years" => !is_half(&window.split),
                split => window.split == split,
            };
            let judged: Vec<&Judged> = windows
                .iter()
                .filter(of_group)
                .flat_map(|window| &window.judged)
                .filter(|judged| judged.family == family)
                .collect();
            if judged.is_empty() {
                continue;
            }
            let alarms = judged.iter().filter(|judged| judged.alarm).count();
            let fails = judged.iter().filter(|judged| judged.fails).count();
            let mut by_test: BTreeMap<String, usize> = BTreeMap::new();
            for test in judged.iter().flat_map(|judged| &judged.tests) {
                *by_test
                    .entry(format!("{} {}", test.column, test.measure))
                    .or_default() += 1;
            }
            let by_test: Vec<String> = by_test
                .iter()
                .map(|(test, n)| format!("{test} × {n}"))
                .collect();
            rows.push(vec![
                family.to_owned(),
                group.to_owned(),
                judged.len().to_string(),
                alarms.to_string(),
                share(alarms, judged.len()),
                fails.to_string(),
                by_test.join(", "),
            ]);
        }
    }
    let head = [
        "family",
        "cards → windows",
        "windows",
        "alarms",
        "rate (95 %)",
        "fail",
        "tests",
    ];
    table(&head, &rows)
}

fn show_eighths(eighths: &[Eighths]) -> Result<(), Error> {
    let mut rows = Vec::new();
    for &(family, _) in FAMILIES {
        let of_family: Vec<&Eighths> = eighths.iter().filter(|e| e.family == family).collect();
        let (mut windows, mut alarms) = (0, 0);
        for Eighths {
            year, verification, ..
        } in &of_family
        {
            windows += verification.windows;
            alarms += verification.alarms;
            rows.push(row(
                family,
                &year.to_string(),
                verification.windows,
                verification.alarms,
            ));
        }
        if !of_family.is_empty() {
            rows.push(row(family, "pooled", windows, alarms));
        }
    }
    table(
        &["family", "year", "windows", "alarms", "rate (95 %)"],
        &rows,
    )
}

fn row(family: &str, year: &str, windows: usize, alarms: usize) -> Vec<String> {
    vec![
        family.to_owned(),
        year.to_owned(),
        windows.to_string(),
        alarms.to_string(),
        share(alarms, windows),
    ]
}
