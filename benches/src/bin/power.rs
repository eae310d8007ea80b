//! How often windows alarm when some of their days are a later year's.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin power -- [--days 35] [--no-sentiment] [--json FILE]
//! ```
//!
//! Cards and vocabulary are learnt from all shipped titles before `--from`; the windows
//! from that day to the end of its year are judged. In each, consecutive days from a
//! random one on have their titles replaced by those of as many consecutive days of the
//! later year, until the share is reached (the last day in part): real change comes in
//! clusters. The same windows unmixed (0 %) show how much of it the ordinary movement of
//! a year does. A later year that is not shipped is read in place and used for nothing
//! else; where it is absent, this says so and measures nothing. Each use of 2024 is to be
//! logged in `LOG.md`; to tune, use `--from 2022-07-01 --later 2023`.

use chrono::{Datelike, NaiveDate};
use clap::Parser;
use driftline_benches::{
    Error,
    cards::{self, Cards, FAMILIES, Judged, SEED},
    output::{Output, line, share, table},
    process::{Circumstances, measured},
    weibo::{self, Title, distinct},
};
use rand::{RngExt, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::path::Path;

#[derive(Parser)]
struct Arguments {
    /// Leaves the sentiment model's columns out.
    #[arg(long)]
    no_sentiment: bool,
    /// First day that is judged; the cards are of the shipped days before it.
    #[arg(long, default_value = "2023-01-01")]
    from: NaiveDate,
    /// The year that the replacements are of.
    #[arg(long, default_value_t = 2024)]
    later: u16,
    /// Days of a window: 35 of 2023 hold some 10,000 titles.
    #[arg(long, default_value_t = 35)]
    days: usize,
    /// Mixtures of each window and share.
    #[arg(long, default_value_t = 21)]
    mixtures: usize,
    /// The stated rate.
    #[arg(long, default_value_t = 0.01)]
    rate: f64,
    #[command(flatten)]
    output: Output,
}

/// Shares of a window's titles that are replaced.
const SHARES: [f64; 4] = [0.0, 0.1, 0.3, 1.0];
/// The first shipped year.
const FIRST: u16 = 2021;

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    stated_rate: f64,
    trials: Vec<Trial>,
}

#[derive(Serialize)]
struct Trial {
    share: f64,
    first_day: i32,
    titles: usize,
    judged: Vec<Judged>,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    let shipped = weibo::fixture(arguments.later);
    let later = match shipped.exists() {
        true => shipped,
        false => weibo::later(arguments.later),
    };
    if !later.exists() {
        return line(format!(
            "SKIPPED: {} is not there, so no power was measured. It is a year after the judged one, from the same archive.",
            later.display()
        ));
    }
    line(format!(
        "Power at a stated {} a window of {} days, cards of the days before {}, mixed with {}; {circumstances}",
        arguments.rate, arguments.days, arguments.from, arguments.later
    ))?;
    let read = |path: &Path| -> Result<Vec<Title>, Error> {
        let mut titles = weibo::read(path)?;
        if !arguments.no_sentiment {
            weibo::score(&mut titles)?;
        }
        Ok(titles)
    };
    let donors = distinct(&read(&later)?);
    let year = u16::try_from(arguments.from.year())?;
    let mut titles = Vec::new();
    for year in FIRST..=year {
        titles.extend(read(&weibo::fixture(year))?);
    }
    let epoch = NaiveDate::default();
    let from = i32::try_from(arguments.from.signed_duration_since(epoch).num_days())?;
    let (before, after) = titles.split_at(titles.partition_point(|title| title.day < from));
    let (baseline, judged) = (distinct(before), distinct(after));
    let (trials, usage) = measured(|| trials(&baseline, &judged, &donors, &arguments))?;
    line(format!("\n{:.0} s\n", usage.wall_s))?;
    show(&trials)?;
    arguments.output.write(&Figures {
        circumstances,
        stated_rate: arguments.rate,
        trials,
    })
}

fn trials(
    baseline: &[Title],
    judged: &[Title],
    donors: &[Title],
    arguments: &Arguments,
) -> Result<Vec<Trial>, Error> {
    let mut cards = Cards::learn(baseline, arguments.days, arguments.rate)?;
    let days = cards::days(donors);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut trials = Vec::new();
    for window in cards::windows(judged, arguments.days) {
        for share in SHARES {
            // Unmixed, a window is the same each time.
            let mixtures = if share > 0.0 { arguments.mixtures } else { 1 };
            for _ in 0..mixtures {
                let mixed = mixture(&mut rng, window, &days, share);
                trials.push(Trial {
                    share,
                    first_day: window[0].day,
                    titles: mixed.len(),
                    judged: cards.judge(&mixed),
                });
            }
        }
    }
    Ok(trials)
}

/// A window with a share of its titles replaced, day by day, by those of consecutive days
/// of the donors. Every donor's day that is used replaces one of the window, as far as the
/// share goes; a day of the donors that is larger is thinned to the day that it replaces.
fn mixture(rng: &mut ChaCha8Rng, window: &[Title], donors: &[&[Title]], share: f64) -> Vec<Title> {
    let days = cards::days(window);
    let wanted = (share * window.len() as f64).round() as usize;
    // A start from which enough titles follow.
    let after = |day: usize| days[day..].iter().map(|day| day.len()).sum::<usize>();
    let starts = (0..days.len()).filter(|&day| after(day) >= wanted).count();
    let start = rng.random_range(0..starts.max(1));
    let donor = rng.random_range(0..donors.len().max(1));
    let mut replaced = 0;
    let mut mixed = Vec::with_capacity(window.len());
    for (at, day) in days.iter().enumerate() {
        let gone = match at >= start {
            true => day.len().min(wanted - replaced),
            false => 0,
        };
        let kept = index::sample(rng, day.len(), day.len() - gone);
        mixed.extend(kept.iter().map(|title| day[title].clone()));
        if gone > 0 {
            let other = donors[(donor + at - start) % donors.len()];
            let taken = index::sample(rng, other.len(), gone.min(other.len()));
            mixed.extend(taken.iter().map(|title| Title {
                day: day[0].day,
                ..other[title].clone()
            }));
        }
        replaced += gone;
    }
    mixed
}

fn show(trials: &[Trial]) -> Result<(), Error> {
    let mut rows = Vec::new();
    for &(family, _) in FAMILIES {
        let mut row = vec![family.to_owned()];
        for part in SHARES {
            let judged: Vec<bool> = trials
                .iter()
                .filter(|trial| trial.share.total_cmp(&part).is_eq())
                .flat_map(|trial| &trial.judged)
                .filter(|judged| judged.family == family)
                .map(|judged| judged.alarm)
                .collect();
            let alarms = judged.iter().filter(|alarm| **alarm).count();
            row.push(format!(
                "{alarms} of {}: {}",
                judged.len(),
                share(alarms, judged.len())
            ));
        }
        rows.push(row);
    }
    table(&["family", "0 %", "10 %", "30 %", "100 %"], &rows)
}
