//! Hot-search titles, as the quickstart prepares and scores them.

use crate::Error;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, StringArray, cast::AsArray, types::Date32Type,
};
use arrow_schema::DataType;
use driftline_drift::{ColumnKey, Profiles};
use driftline_engine::{Engine, EngineConfig, Source};
use driftline_scorer::Scorer;
use driftline_statistics::{
    ColumnProfile,
    ngrams::{FOLDS, NgramConfig, NgramCounts},
};
use driftline_vocabulary::{BaselineVocabulary, NoveltyScan, OovReader};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The column of the share of a title that the baseline does not know.
pub const OUT_OF_VOCABULARY: &str = "text_out_of_vocabulary";

/// A title on the board on a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Title {
    /// Days since 1970-01-01.
    pub day: i32,
    /// The title.
    pub text: Arc<str>,
    /// Whether it is a #topic#.
    pub is_topic: bool,
    /// What the model makes of it, if it was asked.
    pub sentiment: Option<Sentiment>,
}

/// What the sentiment model makes of a title.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sentiment {
    /// Index of the label.
    pub label: usize,
    /// Probability of the label.
    pub confidence: f32,
}

/// The repository's root, which the data are found from.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The shipped titles of a year, 2021 to 2023.
pub fn fixture(year: u16) -> PathBuf {
    root().join(format!("fixtures/weibo/weibo-hot-search-{year}.parquet"))
}

/// Titles of a year that no card was tuned on, read in place; not shipped.
pub fn later(year: u16) -> PathBuf {
    root().join(format!(
        "../shared/data/weibo-hot-search/weibo-hot-search-{year}.parquet"
    ))
}

/// The titles of a file that are no advertisements, one for each day that it was on
/// the board, by day and text.
///
/// # Errors
/// What the file's query fails with.
pub fn read(path: &Path) -> Result<Vec<Title>, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let batches = runtime.block_on(async {
        let engine = Engine::new(EngineConfig::default())?;
        let rows = engine
            .open(&Source::new(path.display().to_string()))
            .await?;
        let rows = rows
            .prepare(
                "SELECT CAST(date AS DATE) AS date, text, bool_or(is_topic) AS is_topic \
                 FROM source WHERE text IS NOT NULL AND NOT is_advert(text) \
                 GROUP BY date, text ORDER BY date, text",
            )
            .await?;
        rows.collect().await
    })?;
    let mut titles = Vec::new();
    for batch in batches {
        let days = batch.column(0).as_primitive::<Date32Type>();
        let texts = arrow_cast::cast(batch.column(1), &DataType::Utf8)?;
        let topics = batch.column(2).as_boolean();
        for (row, text) in texts.as_string::<i32>().iter().enumerate() {
            titles.push(Title {
                day: days.value(row),
                text: text.unwrap_or_default().into(),
                is_topic: topics.is_valid(row) && topics.value(row),
                sentiment: None,
            });
        }
    }
    Ok(titles)
}

/// Scores every title with the shipped model, on all cores.
///
/// # Errors
/// Where the model does not load or run.
pub fn score(titles: &mut [Title]) -> Result<(), Error> {
    let scorer = Scorer::load(&root().join("fixtures/models/sentiment"))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = titles.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let scoring: Vec<_> = titles
            .chunks_mut(part)
            .map(|titles| {
                scope.spawn(|| -> Result<(), Error> {
                    let texts: Vec<Arc<str>> = titles.iter().map(|t| Arc::clone(&t.text)).collect();
                    let scores = scorer.score(texts.iter().map(|text| Some(&**text)))?;
                    for (title, score) in titles.iter_mut().zip(scores) {
                        title.sentiment = score.map(|score| Sentiment {
                            label: score.label,
                            confidence: score.confidence,
                        });
                    }
                    Ok(())
                })
            })
            .collect();
        scoring
            .into_iter()
            .try_for_each(|part| part.join().map_err(|_| "scoring stopped")?)
    })
}

/// One title for each text: on its first day, a topic if it ever was one. As the
/// quickstart prepares each side.
pub fn distinct(titles: &[Title]) -> Vec<Title> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut kept: Vec<Title> = Vec::new();
    for title in titles {
        match places.get(&*title.text) {
            Some(&place) => kept[place].is_topic |= title.is_topic,
            None => {
                places.insert(&title.text, kept.len());
                kept.push(title.clone());
            }
        }
    }
    kept
}

/// What some titles say, frozen, with sixteenths of their time as folds.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    frozen: BaselineVocabulary,
    first: i32,
    last: i32,
}

impl Vocabulary {
    /// Learns from titles in order of their days.
    pub fn learn(titles: &[Title]) -> Self {
        let first = titles.first().map_or(0, |title| title.day);
        let last = titles.last().map_or(0, |title| title.day);
        let mut counts = NgramCounts::new(NgramConfig::baseline());
        for title in titles {
            counts.update(&title.text, fold(title.day, first, last), None);
        }
        Self {
            frozen: BaselineVocabulary::freeze(&counts),
            first,
            last,
        }
    }

    /// The profiles of the quickstart's columns. Titles that the vocabulary was learnt
    /// from, `own`, are asked of the folds that they are not in.
    pub fn profiles<'a>(&self, titles: impl IntoIterator<Item = &'a Title>, own: bool) -> Profiles {
        let titles: Vec<&Title> = titles.into_iter().collect();
        let mut reader = OovReader::default();
        let unknown: Float64Array = titles
            .iter()
            .map(|title| {
                let fold = own.then(|| fold(title.day, self.first, self.last));
                reader.share(&self.frozen, &title.text, fold)
            })
            .collect();
        let text: StringArray = titles.iter().map(|title| Some(&*title.text)).collect();
        let topic: BooleanArray = titles.iter().map(|title| Some(title.is_topic)).collect();
        let mut columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("is_topic", Arc::new(topic), false),
            ("text", Arc::new(text), true),
            (OUT_OF_VOCABULARY, Arc::new(unknown), false),
        ];
        if titles.iter().any(|title| title.sentiment.is_some()) {
            let label: StringArray = titles
                .iter()
                .map(|title| title.sentiment.map(|sentiment| sentiment.label.to_string()))
                .collect();
            let confidence: Float64Array = titles
                .iter()
                .map(|title| {
                    title
                        .sentiment
                        .map(|sentiment| f64::from(sentiment.confidence))
                })
                .collect();
            columns.push(("sentiment_label", Arc::new(label), false));
            columns.push(("sentiment_confidence", Arc::new(confidence), false));
        }
        columns
            .into_iter()
            .map(|(name, array, text)| (ColumnKey::whole(name), ColumnProfile::of(&array, text)))
            .collect()
    }

    /// The scan of a window's titles by day; `own` as for [`profiles`](Self::profiles).
    pub fn novelty(&self, window: &[Title], own: bool) -> NoveltyScan {
        let (Some(first), Some(last)) = (window.first(), window.last()) else {
            return NoveltyScan::new(1);
        };
        let folds = match own {
            true => {
                let of = |day: i32| fold(day, self.first, self.last);
                (of(first.day)..=of(last.day)).fold(0, |folds, fold| folds | 1 << fold)
            }
            false => 0,
        };
        let mut scan = NoveltyScan::new((last.day - first.day + 1) as usize);
        for title in window {
            let day = (title.day - first.day) as usize;
            scan.update(&self.frozen, folds, &title.text, day);
        }
        scan
    }
}

fn fold(day: i32, first: i32, last: i32) -> u8 {
    let parts = FOLDS as i32;
    let width = (last - first).max(1);
    ((day - first) * parts / width).clamp(0, parts - 1) as u8
}
