//! Terms for readers to judge, blind to where they come from, and what the readers said.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin labels -- sheet --year 2023 --seed 1 > first.tsv
//! cargo run --release -p driftline-benches --bin labels -- sheet --year 2023 --seed 2 > second.tsv
//! cargo run --release -p driftline-benches --bin labels -- compare --year 2023 first.tsv second.tsv
//! cargo run --release -p driftline-benches --bin labels -- signs --year 2023 > signs-2023.tsv
//! ```
//!
//! A sheet holds the terms of all lists of a year in an order of its own, each with three
//! titles and nothing else; a reader writes a label behind each. `compare` says how far two
//! readers agree and how many of each list are what. `signs` prints what is seen of each term when it
//! is told, pieces too: what `term_nature.py` fits the weights of signs to.

use clap::{Parser, Subcommand};
use driftline_benches::{
    Error,
    output::{line, share, table},
    pool::{List, pool},
    told::{Years, alarms_by, learn},
};
use driftline_statistics::units::normalize_text;
use driftline_vocabulary::TermConfig;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints a sheet.
    Sheet {
        /// The live year.
        #[arg(long)]
        year: u16,
        /// Of the order of the terms.
        #[arg(long)]
        seed: u64,
    },
    /// Prints the signs of the terms that the dictionary does not have, as they were first told.
    Signs {
        /// The live year.
        #[arg(long)]
        year: u16,
    },
    /// Compares the sheets of two readers.
    Compare {
        /// The live year.
        #[arg(long)]
        year: u16,
        /// The first reader's sheet.
        first: PathBuf,
        /// The second reader's sheet.
        second: PathBuf,
    },
}

/// What a term can be, and by which rule.
const LABELS: [(&str, &str); 6] = [
    (
        "coinage",
        "a word, or a set phrase used like one, that is newly made or newly in use",
    ),
    ("sense", "a known word in a new sense"),
    (
        "concept",
        "the name of a new concept, policy, product kind, disease or technology",
    ),
    (
        "entity",
        "a name of one person, place, organisation, work, product or event",
    ),
    ("surge", "a known word or phrase in its usual sense"),
    (
        "fragment",
        "a piece of something, a template, or words that only happen to be neighbours",
    ),
];
/// Labels of a new term or sense.
const NEW: [&str; 3] = ["coinage", "sense", "concept"];
const TITLES: usize = 3;

fn main() -> Result<(), Error> {
    match Arguments::parse().command {
        Command::Sheet { year, seed } => match Years::read(year)? {
            Some(years) => sheet(&years, seed),
            None => Ok(()),
        },
        Command::Signs { year } => match Years::read(year)? {
            Some(years) => signs(&years),
            None => Ok(()),
        },
        Command::Compare {
            year,
            first,
            second,
        } => match Years::read(year)? {
            Some(years) => compare(&years, &read(&first)?, &read(&second)?),
            None => Ok(()),
        },
    }
}

fn sheet(years: &Years, seed: u64) -> Result<(), Error> {
    for (label, rule) in LABELS {
        line(format!("# {label}: {rule}"))?;
    }
    let mut terms: Vec<String> = pool(years).into_keys().collect();
    terms.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let titles: Vec<String> = years.live.iter().map(|t| normalize_text(&t.text)).collect();
    for term in terms {
        let with: Vec<usize> = (0..titles.len())
            .filter(|&at| titles[at].contains(&term))
            .collect();
        // Over the whole year, so that one day's event is not all that is seen of a word.
        let shown: BTreeSet<usize> = (0..TITLES)
            .filter_map(|part| with.get(part * with.len() / TITLES).copied())
            .collect();
        let shown: Vec<&str> = shown.iter().map(|&at| &*years.live[at].text).collect();
        line(format!("{term}\t\t{}", shown.join(" / ")))?;
    }
    Ok(())
}

fn signs(years: &Years) -> Result<(), Error> {
    let config = TermConfig {
        piece_from: f64::INFINITY,
        ..TermConfig::default()
    };
    let mut seen = BTreeSet::new();
    for (_, term) in alarms_by(config, &learn(&years.training), &years.weeks, 1) {
        let Some(nature) = term.nature else { continue };
        if seen.is_empty() {
            let names: Vec<&str> = nature.signs.iter().map(|sign| &*sign.name).collect();
            line(format!("term\t{}", names.join("\t")))?;
        }
        if seen.insert(term.text.clone()) {
            let values: Vec<String> = (nature.signs.iter())
                .map(|sign| format!("{:.4}", sign.value))
                .collect();
            line(format!("{}\t{}", term.text, values.join("\t")))?;
        }
    }
    Ok(())
}

/// Labels by term.
fn read(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let text = std::fs::read_to_string(path)?;
    let mut labels = BTreeMap::new();
    for (at, row) in text.lines().enumerate() {
        if row.starts_with('#') || row.is_empty() {
            continue;
        }
        let mut fields = row.split('\t');
        let (Some(term), Some(label)) = (fields.next(), fields.next()) else {
            return Err(format!("{}:{}: no label", path.display(), at + 1).into());
        };
        if !LABELS.iter().any(|(known, _)| *known == label) {
            let place = format!("{}:{}", path.display(), at + 1);
            return Err(format!("{place}: `{label}` is no label").into());
        }
        labels.insert(term.to_owned(), label.to_owned());
    }
    Ok(labels)
}

fn compare(
    years: &Years,
    first: &BTreeMap<String, String>,
    second: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let pool = pool(years);
    let both: Vec<(&BTreeSet<List>, [&str; 2])> = pool
        .iter()
        .filter_map(|(term, lists)| Some((lists, [&**first.get(term)?, &**second.get(term)?])))
        .collect();
    let unlabelled: Vec<&str> = pool
        .keys()
        .filter(|term| !first.contains_key(*term) || !second.contains_key(*term))
        .map(String::as_str)
        .collect();
    line(format!(
        "{} terms of {} with two labels; without: {}",
        both.len(),
        pool.len(),
        match unlabelled.is_empty() {
            true => "none".to_owned(),
            false => unlabelled.join(" "),
        }
    ))?;
    let pairs: Vec<[&str; 2]> = both.iter().map(|(_, labels)| *labels).collect();
    let agreed = pairs.iter().filter(|[a, b]| a == b).count();
    let coarse = |label: &'_ str| if NEW.contains(&label) { "new" } else { "other" };
    let new: Vec<[&str; 2]> = pairs.iter().map(|pair| pair.map(coarse)).collect();
    line(format!(
        "the readers agree on {}: kappa {:.2}; on whether a term is new, kappa {:.2}\n",
        share(agreed, pairs.len()),
        kappa(&pairs),
        kappa(&new)
    ))?;
    let mut rows = Vec::new();
    for list in List::ALL {
        let of_list = both.iter().filter(|(lists, _)| lists.contains(&list));
        let labels: Vec<[&str; 2]> = of_list.map(|(_, labels)| *labels).collect();
        for (reader, name) in ["first", "second"].into_iter().enumerate() {
            let count = |wanted: &[&str]| {
                let of = labels.iter().filter(|pair| wanted.contains(&pair[reader]));
                share(of.count(), labels.len())
            };
            rows.push(vec![
                list.name().to_owned(),
                labels.len().to_string(),
                name.to_owned(),
                count(&NEW),
                count(&["coinage", "sense", "concept", "surge"]),
                count(&["entity"]),
                count(&["fragment"]),
            ]);
        }
    }
    let head = [
        "list",
        "terms",
        "reader",
        "new term or sense",
        "new or surge",
        "entity",
        "fragment",
    ];
    table(&head, &rows)
}

/// Cohen's kappa: agreement beyond that of two readers who label at random, each as often
/// as they did.
fn kappa(pairs: &[[&str; 2]]) -> f64 {
    let all = pairs.len() as f64;
    let labels: BTreeSet<&str> = pairs.iter().flatten().copied().collect();
    let of = |reader: usize, label: &str| {
        pairs.iter().filter(|pair| pair[reader] == label).count() as f64 / all
    };
    let agreed = pairs.iter().filter(|[a, b]| a == b).count() as f64 / all;
    let by_chance: f64 = labels.iter().map(|label| of(0, label) * of(1, label)).sum();
    (agreed - by_chance) / (1.0 - by_chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    // They agree on 4 of 5; by chance on 2/5 · 1/5 + 2/5 · 3/5 + 1/5 · 1/5 = 0.36: 0.44 / 0.64.
    #[test]
    fn kappa_is_agreement_beyond_chance() {
        let pairs = [["a", "a"], ["a", "b"], ["b", "b"], ["b", "b"], ["c", "c"]];
        assert!((kappa(&pairs) - 0.6875).abs() < 1e-12);
    }
}
