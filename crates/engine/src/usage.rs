//! What known words stand among, in training and in live data: three passes over both.

use crate::{
    EngineError, Rows,
    mentions::{cut, mask},
};
use chrono_tz::Tz;
use datafusion::arrow::{
    array::{Array, AsArray},
    datatypes::TimestampMicrosecondType,
};
use driftline_statistics::units::normalize_text;
use driftline_vocabulary::{UsageChange, UsagePart, UsageProfiles, WordCounts, WordCutter};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// Context words that are told of a change, each way.
const CONTEXT_WORDS: usize = 6;

/// What is asked of words.
#[derive(Debug, Clone)]
pub struct UsageRequest {
    /// The column of text.
    pub text: String,
    /// The time column, by which the training data is halved, and the zone of times without one; the
    /// order of rows where there is none.
    pub time: Option<(String, Tz)>,
    /// Words that the dictionary does not have, in normal form.
    pub own_words: Vec<String>,
    /// Words whose usage is told whatever it is, in normal form.
    pub asked: Vec<String>,
    /// Texts with a word that it takes to compare it, of training and of live data each.
    pub least_texts: u32,
    /// Words that are told, at most.
    pub most: usize,
    /// Examples of each, for and against.
    pub examples: usize,
}

/// How a word is used otherwise than before.
#[derive(Debug, Clone, PartialEq)]
pub struct WordUsage {
    /// How much it changed.
    pub change: UsageChange,
    /// Texts with it: of the halves of the training data, and of the live data.
    pub texts: [u32; 3],
    /// Words that it now stands among more often, the most telling first.
    pub came: Vec<String>,
    /// Words that it stood among.
    pub went: Vec<String>,
    /// Live texts where it stands as never before, masked and cut.
    pub examples: Vec<String>,
    /// Live texts where it stands as ever.
    pub counterexamples: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// The words that changed most, the greatest change first, then those asked for.
    pub words: Vec<WordUsage>,
    /// Words that were compared; of fewer than twenty nothing can be said.
    pub compared: usize,
    /// Words that were asked for and could not be compared: they stand in too few texts.
    pub not_compared: Vec<String>,
}

/// Where the training data is halved.
enum Middle {
    Time(i64),
    Row(u64),
}

impl Rows {
    /// The words of these rows, the training data, that stand among other words in live rows.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`], [`EngineError::NotATime`], and what the rows' queries fail with.
    pub async fn usage(&self, live: &Self, request: &UsageRequest) -> Result<Usage, EngineError> {
        let cutter = WordCutter::new(request.own_words.iter().map(String::as_str));
        let middle = self.middle(request).await?;
        let sides = [(self, Some(&middle)), (live, None)];
        let mut counts = WordCounts::default();
        for (rows, middle) in sides {
            let count = |text: &str, part| counts.update(&cutter.words(text), part);
            rows.each_text(request, middle, count).await?;
        }
        let mut profiles = UsageProfiles::new(counts.candidates(request.least_texts.max(1)));
        for (rows, middle) in sides {
            let profile = |text: &str, part| profiles.update(text, &cutter.words(text), part);
            rows.each_text(request, middle, profile).await?;
        }
        let changes = profiles.changes(request.most, &request.asked);
        let mut told: Vec<Telling> = changes.into_iter().map(Telling::new).collect();
        for (rows, middle) in sides {
            let tell = |text: &str, part| {
                let words = cutter.words(text);
                for telling in &mut told {
                    telling.update(text, &words, part, request.examples);
                }
            };
            rows.each_text(request, middle, tell).await?;
        }
        let words = told.into_iter().map(|telling| {
            let texts = counts.texts(&telling.change.word);
            telling.end(texts)
        });
        let words: Vec<WordUsage> = words.collect();
        let is_told = |word: &&String| words.iter().any(|told| told.change.word == **word);
        let not_compared = request.asked.iter().filter(|word| !is_told(word));
        Ok(Usage {
            compared: profiles.len(),
            not_compared: not_compared.cloned().collect(),
            words,
        })
    }

    async fn middle(&self, request: &UsageRequest) -> Result<Middle, EngineError> {
        if let Some((column, zone)) = &request.time
            && let Some((first, last)) = self.time_range(column, *zone).await?
        {
            return Ok(Middle::Time(first + (last - first) / 2));
        }
        Ok(Middle::Row(self.count().await?.div_ceil(2)))
    }

    /// Every text in normal form, with the part that it belongs to: of live data, which has no middle,
    /// always the same.
    async fn each_text(
        &self,
        request: &UsageRequest,
        middle: Option<&Middle>,
        mut each: impl FnMut(&str, UsagePart),
    ) -> Result<(), EngineError> {
        let time = request.time.as_ref();
        let time = self.time_expr(time.map(|(column, zone)| (column.as_str(), *zone)))?;
        let columns = vec![
            self.text_expr(&request.text)?.alias("text"),
            time.alias("time"),
        ];
        let mut stream = self.ordered_frame(columns)?.execute_stream().await?;
        let mut place = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            for (row, text) in batch.column(0).as_string::<i32>().iter().enumerate() {
                let is_later = match middle {
                    Some(Middle::Time(middle)) => times.is_valid(row) && times.value(row) > *middle,
                    Some(Middle::Row(middle)) => place >= *middle,
                    None => false,
                };
                place += 1;
                let part = match (middle, is_later) {
                    (None, _) => UsagePart::Live,
                    (Some(_), true) => UsagePart::Later,
                    (Some(_), false) => UsagePart::Earlier,
                };
                if let Some(text) = text {
                    each(&normalize_text(text), part);
                }
            }
        }
        Ok(())
    }
}

/// What is gathered of a word in the last pass.
struct Telling {
    change: UsageChange,
    /// By context word, its texts in training and in live data.
    context: BTreeMap<String, [u32; 2]>,
    examples: Extremes,
    counterexamples: Extremes,
}

/// Texts with the least numbers, each once.
#[derive(Default)]
struct Extremes(BTreeSet<(i64, u64, String)>);

impl Extremes {
    fn add(&mut self, number: f64, text: &str, most: usize) {
        // Numbers are a few nats; so many parts of one are enough to order them.
        let number = (number * 1e6) as i64;
        self.0
            .insert((number, xxh3_64(text.as_bytes()), text.to_owned()));
        if self.0.len() > most {
            self.0.pop_last();
        }
    }

    fn texts(self) -> Vec<String> {
        self.0.into_iter().map(|(.., text)| text).collect()
    }
}

impl Telling {
    fn new(change: UsageChange) -> Self {
        Self {
            change,
            context: BTreeMap::new(),
            examples: Extremes::default(),
            counterexamples: Extremes::default(),
        }
    }

    fn update(&mut self, text: &str, words: &[&str], part: UsagePart, examples: usize) {
        let Some(speaks_for) = self.change.speaks_for(words) else {
            return;
        };
        let side = usize::from(part == UsagePart::Live);
        for word in self.change.context(words) {
            match self.context.get_mut(word) {
                Some(counts) => counts[side] += 1,
                None => {
                    let mut counts = [0; 2];
                    counts[side] = 1;
                    self.context.insert(word.to_owned(), counts);
                }
            }
        }
        if part == UsagePart::Live {
            let shown = cut(&mask(text), &self.change.word);
            self.examples.add(-speaks_for, &shown, examples);
            self.counterexamples.add(speaks_for, &shown, examples);
        }
    }

    fn end(self, texts: [u32; 3]) -> WordUsage {
        let sums = self.context.values().fold([0.0, 0.0], |sums, counts| {
            [0, 1].map(|side| sums[side] + f64::from(counts[side]))
        });
        let rate =
            |counts: [u32; 2], side: usize| (f64::from(counts[side]) + 0.5) / (sums[side] + 1.0);
        // Each word's part of the likelihood that tells the sides apart, from the side it is more of.
        let part = |counts: [u32; 2], to: usize| {
            f64::from(counts[to]) * (rate(counts, to) / rate(counts, 1 - to)).ln()
        };
        let most = |to: usize| -> Vec<String> {
            let mut words: Vec<(f64, &String)> = self
                .context
                .iter()
                .map(|(word, counts)| (part(*counts, to), word))
                .filter(|(part, _)| *part > 0.0)
                .collect();
            words.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            let words = words.into_iter().take(CONTEXT_WORDS);
            words.map(|(_, word)| word.clone()).collect()
        };
        WordUsage {
            came: most(1),
            went: most(0),
            texts,
            examples: self.examples.texts(),
            counterexamples: self.counterexamples.texts(),
            change: self.change,
        }
    }
}
