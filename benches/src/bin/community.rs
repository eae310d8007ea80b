//! New words in a made-up community with authors: which are told, and which look coordinated.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin community -- [--seed N] [--json FILE]
//! ```
//!
//! Half a year to learn from, half a year of weeks. The authors, topics and days are made up
//! (`benches/src/community.rs`), so the figures say what authors are good for, not how often it happens.

use clap::Parser;
use driftline_benches::{
    Error,
    community::{Comment, Community, Origin},
    output::{Output, line, share, table},
    process::Circumstances,
    weibo,
};
use driftline_statistics::{
    ngrams::{FOLDS, NgramConfig, NgramCounts},
    units::UnitReader,
};
use driftline_vocabulary::{BaselineVocabulary, Mentions, TermClass, TermConfig, TermFinder, Tier};
use serde::Serialize;
use std::collections::BTreeMap;

/// New words of each origin.
const WORDS: usize = 25;
const DAY_US: i64 = 86_400_000_000;
const MINUTE_US: i64 = 60_000_000;

#[derive(Parser)]
struct Arguments {
    /// What the community is drawn by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    seed: u64,
    comments: usize,
    with_authors: Vec<Row>,
    without_authors: Vec<Row>,
    /// Coinages that are none of the new words.
    others: [usize; 2],
}

/// What became of the words of an origin.
#[derive(Serialize)]
struct Row {
    origin: &'static str,
    words: usize,
    told: usize,
    coordinated: usize,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    let titles = weibo::read(&weibo::fixture(2022))?;
    let titles: Vec<&str> = titles.iter().map(|title| &*title.text).collect();
    let community = Community::new(arguments.seed, &titles, WORDS);
    let comments = community.training.len() + community.live.len();
    line(format!(
        "A made-up community, seed {}: {comments} comments; {circumstances}\n",
        arguments.seed
    ))?;
    let (with_authors, others) = told(&community, true);
    let (without_authors, others_without) = told(&community, false);
    for (name, rows, others) in [
        ("authors known", &with_authors, others),
        ("authors unknown", &without_authors, others_without),
    ] {
        let shown = rows.iter().map(|row| {
            vec![
                row.origin.to_owned(),
                format!("{} of {}", row.told, row.words),
                share(row.told, row.words),
                format!("{} of {}", row.coordinated, row.told),
            ]
        });
        let head = [
            name,
            "told as coinage",
            "share",
            "of these look coordinated",
        ];
        table(&head, &shown.collect::<Vec<_>>())?;
        line(format!("\nother coinages: {others}\n"))?;
    }
    arguments.output.write(&Figures {
        circumstances,
        seed: arguments.seed,
        comments,
        with_authors,
        without_authors,
        others: [others, others_without],
    })
}

/// What becomes of the new words, and how many other coinages are told.
fn told(community: &Community, authors: bool) -> (Vec<Row>, usize) {
    let source = |comment: &Comment| authors.then_some(comment.author);
    let mut counts = NgramCounts::new(NgramConfig::baseline());
    let days = community.training.last().map_or(1, |last| last.day + 1);
    for comment in &community.training {
        let fold = (comment.day * FOLDS / days) as u8;
        counts.update(&comment.text, fold, source(comment));
    }
    let baseline = BaselineVocabulary::freeze(&counts);
    let mut finder = TermFinder::new(&baseline, TermConfig::default());
    let mut coinages: BTreeMap<String, i64> = BTreeMap::new();
    for week in community.live.chunk_by(|a, b| a.day / 7 == b.day / 7) {
        let mut counts = NgramCounts::new(NgramConfig::window());
        for comment in week {
            counts.update(&comment.text, (comment.day % 7) as u8, source(comment));
        }
        let start = (week[0].day / 7 * 7) as i64;
        for term in finder.observe(start, counts) {
            if term.class == TermClass::Coinage && term.tier >= Tier::Alarm {
                coinages.entry(term.text).or_insert(start);
            }
        }
    }
    let hits = |word: &str| {
        let of = |term: &&String| term.contains(word) || word.contains(term.as_str());
        coinages.keys().filter(of).count()
    };
    let rows = Origin::ALL.map(|origin| {
        let words = community
            .new_words
            .iter()
            .filter(|new| new.origin == origin);
        let words: Vec<&str> = words.map(|new| new.word.as_str()).collect();
        let told: Vec<&&str> = words.iter().filter(|word| hits(word) > 0).collect();
        let coordinated = told
            .iter()
            .filter(|word| looks_coordinated(community, word, authors));
        Row {
            origin: origin.name(),
            words: words.len(),
            told: told.len(),
            coordinated: coordinated.count(),
        }
    });
    let is_new = |term: &&String| {
        let mut new = community.new_words.iter();
        new.any(|new| term.contains(&new.word) || new.word.contains(term.as_str()))
    };
    let others = coinages.keys().filter(|term| !is_new(term)).count();
    (rows.into(), others)
}

fn looks_coordinated(community: &Community, word: &str, authors: bool) -> bool {
    let mut mentions = Mentions::default();
    let mut reader = UnitReader::default();
    for comment in community.live.iter().filter(|c| c.text.contains(word)) {
        let at = comment.day as i64 * DAY_US + i64::from(comment.minute) * MINUTE_US;
        let author = authors.then_some(comment.author);
        mentions.add(&mut reader, (&comment.text, word), author, Some(at));
    }
    mentions
        .origin(None)
        .is_some_and(|origin| origin.is_coordinated())
}
