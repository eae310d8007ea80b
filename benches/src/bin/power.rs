//! How often the weeks of 2023 alarm when a part of their titles is from 2024.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin power -- [--no-sentiment] [--json FILE]
//! ```
//!
//! The cards are those of `false_alarms`. Each week has some of its titles, picked by
//! lot, replaced by titles of one random day of 2024, and of the days after it where
//! more are needed: real change comes in clusters. The same weeks unmixed (0 %) show
//! how much of it the ordinary movement of a year does. 2024 is read in place and used
//! for nothing else; where it is absent, this says so and measures nothing. Each use is
//! to be logged in `LOG.md`.

use clap::Parser;
use driftline_benches::{
    Error,
    cards::{self, Cards, FAMILIES, Judged, SEED, Split},
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
    /// Mixtures of each week and share.
    #[arg(long, default_value_t = 3)]
    mixtures: usize,
    /// The stated rate.
    #[arg(long, default_value_t = 0.01)]
    rate: f64,
    #[command(flatten)]
    output: Output,
}

/// Shares of a week's titles that are replaced.
const SHARES: [f64; 4] = [0.0, 0.1, 0.3, 1.0];
/// The year that the replacements are of.
const LATER: u16 = 2024;

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    stated_rate: f64,
    trials: Vec<Trial>,
}

#[derive(Serialize)]
struct Trial {
    split: String,
    share: f64,
    first_day: i32,
    titles: usize,
    judged: Vec<Judged>,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    let later = weibo::later(LATER);
    if !later.exists() {
        return line(format!(
            "SKIPPED: {} is not there, so no power was measured. It is the year after the shipped ones, from the same archive.",
            later.display()
        ));
    }
    line(format!(
        "Power at a stated {} a window; {circumstances}",
        arguments.rate
    ))?;
    let read = |path: &Path| -> Result<Vec<Title>, Error> {
        let mut titles = weibo::read(path)?;
        if !arguments.no_sentiment {
            weibo::score(&mut titles)?;
        }
        Ok(titles)
    };
    let donors = distinct(&read(&later)?);
    let judged_year = read(&weibo::fixture(2023))?;
    let mut splits: Vec<Split> = cards::halves(2023, &judged_year).into();
    splits.push(Split {
        name: "2022 → 2023".to_owned(),
        year: 2023,
        baseline: distinct(&read(&weibo::fixture(2022))?),
        held_out: distinct(&judged_year),
    });
    let (trials, usage) = measured(|| {
        std::thread::scope(|scope| {
            let running: Vec<_> = splits
                .iter()
                .map(|split| scope.spawn(|| mix(split, &donors, &arguments)))
                .collect();
            let mut trials = Vec::new();
            for split in running {
                trials.extend(split.join().map_err(|_| "a thread stopped")??);
            }
            Ok::<Vec<Trial>, Error>(trials)
        })
    })?;
    line(format!("\n{:.0} s\n", usage.wall_s))?;
    show(&trials)?;
    arguments.output.write(&Figures {
        circumstances,
        stated_rate: arguments.rate,
        trials,
    })
}

fn mix(split: &Split, donors: &[Title], arguments: &Arguments) -> Result<Vec<Trial>, Error> {
    let mut cards = Cards::learn(&split.baseline, arguments.rate)?;
    let days = cards::days(donors);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut trials = Vec::new();
    for week in cards::weeks(&split.held_out) {
        for share in SHARES {
            // Unmixed, a week is the same each time.
            let mixtures = if share > 0.0 { arguments.mixtures } else { 1 };
            for _ in 0..mixtures {
                let window = mixture(&mut rng, week, &days, share);
                trials.push(Trial {
                    split: split.name.clone(),
                    share,
                    first_day: week[0].day,
                    titles: window.len(),
                    judged: cards.judge(window),
                });
            }
        }
    }
    Ok(trials)
}

/// A week with a share of its titles replaced by as many of a cluster of days.
fn mixture<'a>(
    rng: &mut ChaCha8Rng,
    week: &'a [Title],
    days: &[&'a [Title]],
    share: f64,
) -> Vec<&'a Title> {
    let replaced = (share * week.len() as f64).round() as usize;
    let kept = index::sample(rng, week.len(), week.len() - replaced);
    let mut window: Vec<&Title> = kept.iter().map(|at| &week[at]).collect();
    let start = rng.random_range(0..days.len().max(1));
    let mut cluster: Vec<&Title> = Vec::new();
    for day in days.iter().cycle().skip(start).take(days.len()) {
        if cluster.len() >= replaced {
            break;
        }
        cluster.extend(day.iter());
    }
    let added = index::sample(rng, cluster.len(), replaced.min(cluster.len()));
    window.extend(added.iter().map(|at| cluster[at]));
    window
}

fn show(trials: &[Trial]) -> Result<(), Error> {
    let mut splits: Vec<&str> = Vec::new();
    for trial in trials {
        if !splits.contains(&trial.split.as_str()) {
            splits.push(&trial.split);
        }
    }
    let halves = "2023, both halves";
    splits.insert(0, halves);
    let mut rows = Vec::new();
    for &(family, _) in FAMILIES {
        for &split in &splits {
            let mut row = vec![family.to_owned(), split.to_owned()];
            for part in SHARES {
                let judged: Vec<bool> = trials
                    .iter()
                    .filter(|trial| {
                        trial.split == split || (split == halves && trial.split.contains("half"))
                    })
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
    }
    let head = ["family", "cards → windows", "0 %", "10 %", "30 %", "100 %"];
    table(&head, &rows)
}
