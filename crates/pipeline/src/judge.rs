//! Windows held against the baseline: what drifts, which terms are new, which words surge. Pure computing.

use crate::{
    PipelineError,
    baseline::Baseline,
    challenger::Comparison,
    concentration::Concentrations,
    config::{Pipeline, TermsConfig},
    live::{LiveWindow, VocabularyReader},
    targets::Performance,
    term_decisions::TermDecisions,
    text_evidence::name_cells,
};
use driftline_drift::{Measurement, SequenceCard, SlowDrift, Sums, companions, rate_share};
use driftline_engine::Span;
use driftline_statistics::ngrams::NgramCounts;
use driftline_vocabulary::{KeywordCount, Term, TermConfig, TermFinder, TermSeries};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// φ of weekly counts of a word: their variance is μ + φμ². Measured on headlines
/// (75th percentile over known words: 0.45 to 0.47).
const OVERDISPERSION: f64 = 0.45;

/// Windows whose n-grams are held at a time, beside those that terms look back on.
const WINDOWS_AT_ONCE: usize = 13;

/// Sums over the windows in order, with the limit that the first of them was given.
#[derive(Default)]
struct Sequence {
    card: Option<SequenceCard>,
    sums: Sums,
}

impl Sequence {
    fn add(&mut self, judged: &driftline_drift::Judged, run_length: f64) -> Vec<SlowDrift> {
        if self.card.is_none() {
            self.card = SequenceCard::learn(&judged.card, run_length);
        }
        match &self.card {
            Some(card) => self.sums.add(card, &judged.measurements),
            None => Vec::new(),
        }
    }
}

/// What is known of the windows before it is put into words.
pub(crate) struct Judged {
    pub(crate) windows: Vec<JudgedWindow>,
    /// Documents with each reported term, by window.
    pub(crate) series: BTreeMap<String, Vec<u64>>,
    /// Terms that were found and that somebody said to ignore.
    pub(crate) ignored: BTreeSet<String>,
}

pub(crate) struct JudgedWindow {
    pub(crate) live: LiveWindow,
    pub(crate) measurements: Vec<Measurement>,
    /// Terms with the documents of the windows that they were counted over.
    pub(crate) terms: Vec<(Term, u64)>,
    pub(crate) keywords: Vec<(String, Option<KeywordCount>)>,
    pub(crate) extrapolated: bool,
    /// Sums of surprise over the windows so far that passed their limit in this one.
    pub(crate) slow: Vec<SlowDrift>,
    /// Columns that move with another one, which tells what happened to both.
    pub(crate) companions: BTreeMap<String, String>,
    /// Slices that hold the drift of a column.
    pub(crate) concentrations: Concentrations,
    /// How right the model with targets was.
    pub(crate) performance: Option<Performance>,
    /// What challengers say of the same rows.
    pub(crate) challengers: Vec<Comparison>,
}

/// Compares every window with the baseline; pure computing, so off the async threads.
pub(crate) async fn judge(
    pipeline: &Pipeline,
    baseline: Arc<Baseline>,
    windows: Vec<LiveWindow>,
    reader: Option<VocabularyReader>,
) -> Result<Judged, PipelineError> {
    let runtime = tokio::runtime::Handle::current();
    let terms = pipeline.terms.clone();
    let decisions = pipeline.term_decisions()?;
    let run_length = 1.0 / (pipeline.drift.false_alarm_rate * rate_share::SUMS);
    tokio::task::spawn_blocking(move || {
        let read = |spans: &[Option<Span>]| match &reader {
            Some(reader) => runtime.block_on(reader.read(spans)),
            None => Ok(BTreeMap::new()),
        };
        judge_windows(
            &baseline,
            windows,
            read,
            (terms.as_ref(), &decisions),
            run_length,
        )
    })
    .await
    .map_err(|error| PipelineError::Internal {
        message: format!("judging the windows stopped: {error}"),
    })?
}

fn judge_windows(
    baseline: &Baseline,
    windows: Vec<LiveWindow>,
    read: impl Fn(&[Option<Span>]) -> Result<BTreeMap<Option<Span>, NgramCounts>, PipelineError>,
    (terms, decisions): (Option<&TermsConfig>, &TermDecisions),
    sequence_run_length: f64,
) -> Result<Judged, PipelineError> {
    let mut calibrator = baseline.calibrator.clone();
    let mut sequence = Sequence::default();
    let config = TermConfig::default();
    let horizons = config.horizons.iter().copied().max().unwrap_or(1);
    let mut finder = baseline
        .vocabulary
        .as_ref()
        .map(|vocabulary| TermFinder::new(vocabulary, config));
    let mut judged: Vec<JudgedWindow> = Vec::new();
    let mut ignored = BTreeSet::new();
    let spans: Vec<Option<Span>> = windows.iter().map(|window| window.span).collect();
    let mut tables = BTreeMap::new();
    for (index, mut live) in windows.into_iter().enumerate() {
        if index % WINDOWS_AT_ONCE == 0 {
            let last = (index + WINDOWS_AT_ONCE).min(spans.len());
            tables = read(&spans[index..last])?;
        }
        let counts = tables.remove(&live.span);
        let mut extrapolated = false;
        let mut slow = Vec::new();
        let mut moving_with = BTreeMap::new();
        let mut measurements = if live.rows > 0 {
            let found = calibrator.judge(&live.profiles, live.shape);
            extrapolated = found.card.extrapolated;
            moving_with = companions(&found.card, &found.measurements);
            if !live.partial && spans.len() > 1 {
                slow = sequence.add(&found, sequence_run_length);
            }
            found.measurements
        } else {
            Vec::new()
        };
        if let (Some(terms), Some(counts)) = (terms, &counts) {
            name_cells(&mut measurements, &terms.column, counts);
        }
        let keywords = match (terms, &baseline.vocabulary, &counts) {
            (Some(terms), Some(vocabulary), Some(counts)) => terms
                .watch
                .iter()
                .map(|word| {
                    let count =
                        driftline_vocabulary::keyword(vocabulary, word, counts, OVERDISPERSION);
                    (word.clone(), count)
                })
                .collect(),
            _ => Vec::new(),
        };
        let documents_before: Vec<u64> = judged
            .iter()
            .rev()
            .take(horizons)
            .map(|window| window.live.documents)
            .collect();
        let found = match (&mut finder, terms, counts) {
            (Some(finder), Some(terms), Some(counts)) => {
                let per_window = terms.per_window;
                live.documents = counts.documents();
                let start = live.span.map_or(judged.len() as i64, |span| span.start_us);
                let mut terms = finder.observe(start, counts);
                ignored.extend(decisions.apply(&mut terms));
                terms.truncate(per_window);
                terms
                    .into_iter()
                    .map(|term| {
                        let earlier = documents_before.iter().take(term.horizon.saturating_sub(1));
                        let documents = live.documents + earlier.sum::<u64>();
                        (term, documents)
                    })
                    .collect()
            }
            _ => Vec::new(),
        };
        judged.push(JudgedWindow {
            live,
            measurements,
            terms: found,
            keywords,
            extrapolated,
            slow,
            companions: moving_with,
            concentrations: Concentrations::new(),
            performance: None,
            challengers: Vec::new(),
        });
    }
    let mut series = BTreeMap::new();
    if let Some(finder) = &finder {
        let starts: Vec<i64> = judged
            .iter()
            .enumerate()
            .map(|(index, window)| window.live.span.map_or(index as i64, |span| span.start_us))
            .collect();
        for (term, _) in judged.iter().flat_map(|window| &window.terms) {
            if let Some(found) = finder.series(&term.text) {
                series.insert(term.text.clone(), over_windows(found, &starts));
            }
        }
    }
    Ok(Judged {
        windows: judged,
        series,
        ignored,
    })
}

/// A term's counts on all windows of the run; before its series begins it was too rare.
fn over_windows(series: &TermSeries, starts: &[i64]) -> Vec<u64> {
    let first = starts
        .iter()
        .position(|start| *start >= series.start)
        .unwrap_or(0);
    let mut counts = vec![0; first];
    counts.extend(series.documents.iter().map(|count| u64::from(*count)));
    counts.resize(starts.len(), 0);
    counts
}
