//! Whether a stretch of a window speaks of what neither the baseline nor the rest of
//! the window does, held against the baseline's own windows.

use crate::{
    PipelineError,
    baseline::Baseline,
    config::{Pipeline, TimeConfig},
    own_windows::{self, OwnTest, OwnWindow},
    report,
    rows::time_zone,
};
use driftline_drift::{
    Evidence, Measure, Measurement, Skipped, WindowNull, WindowValue, rate_share,
};
use driftline_engine::{NoveltyRequest, NoveltyWindow, Rows, Span};
use driftline_statistics::ngrams::FOLDS;
use driftline_vocabulary::{BaselineVocabulary, NoveltyScan};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Blocks that a window must span, and those from which on it is judged where the pipeline
/// does not say: power was measured on windows of 35 days.
const FEWEST_BLOCKS: u64 = 4;
const BLOCKS_BY_DEFAULT: u64 = 28;
/// Spread of the logarithm of the values that is assumed at least.
const LEAST_SPREAD: f64 = 0.1;
/// Windows that are scanned at a time, so that memory does not grow with their number.
const AT_ONCE: usize = 8;

/// The null of the test, for windows of one length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoveltyCard {
    /// Length of a window: `7d`.
    pub window: String,
    /// Length of a block: `1d`.
    pub block: String,
    /// What the baseline's own windows show.
    pub null: WindowNull,
}

impl NoveltyCard {
    /// Whether it was made for windows and blocks as a pipeline has them.
    pub(crate) fn fits(&self, pipeline: &Pipeline) -> bool {
        pipeline.time.as_ref().is_some_and(|time| {
            is_judged(pipeline, time)
                && self.window == time.window.to_string()
                && self.block == time.block().to_string()
        })
    }
}

fn blocks(time: &TimeConfig) -> u64 {
    time.window.seconds() / time.block().seconds().max(1)
}

fn is_judged(pipeline: &Pipeline, time: &TimeConfig) -> bool {
    let least = match pipeline.drift.novel_stretch {
        Some(false) => return false,
        Some(true) => FEWEST_BLOCKS,
        None => BLOCKS_BY_DEFAULT,
    };
    blocks(time) >= least
}

fn request(
    pipeline: &Pipeline,
    vocabulary: &Arc<BaselineVocabulary>,
) -> Result<Option<NoveltyRequest>, PipelineError> {
    let (Some(time), Some(terms)) = (&pipeline.time, &pipeline.terms) else {
        return Ok(None);
    };
    Ok(is_judged(pipeline, time).then_some(NoveltyRequest {
        text: terms.column.clone(),
        time: time.column.clone(),
        time_zone: time_zone(pipeline)?,
        blocks: usize::try_from(blocks(time)).unwrap_or(usize::MAX),
        vocabulary: Arc::clone(vocabulary),
    }))
}

async fn scan(
    rows: &Rows,
    request: &NoveltyRequest,
    windows: &[NoveltyWindow],
) -> Result<Vec<(Option<driftline_vocabulary::NovelStretch>, u64)>, PipelineError> {
    let mut found = Vec::new();
    for windows in windows.chunks(AT_ONCE) {
        let scans = rows.novelty(request, windows).await?;
        let told = |scan: &NoveltyScan| (scan.strongest(), scan.texts());
        found.extend(scans.iter().map(told));
    }
    Ok(found)
}

/// Scans the training data's own windows; `None` where its text has no windows of several blocks.
pub(crate) async fn own_windows(
    rows: &Rows,
    pipeline: &Pipeline,
    vocabulary: &Arc<BaselineVocabulary>,
    range: Option<(i64, i64)>,
) -> Result<Option<OwnTest>, PipelineError> {
    let (Some(request), Some(time), Some(range)) =
        (request(pipeline, vocabulary)?, &pipeline.time, range)
    else {
        return Ok(None);
    };
    let own = own_windows::spans(time, range)?;
    let spans: Vec<NoveltyWindow> = own
        .iter()
        .map(|&(span, _)| NoveltyWindow {
            span,
            own: own_folds(span, range),
        })
        .collect();
    let scanned = scan(rows, &request, &spans).await?;
    let windows = own.into_iter().zip(scanned);
    let windows = windows.filter_map(|((span, counts), (stretch, texts))| {
        Some(OwnWindow {
            span,
            value: stretch?.excess(),
            size: texts,
            counts,
        })
    });
    Ok(Some(OwnTest {
        column: request.text,
        measure: Measure::NovelStretch,
        min_effect: min_effect(pipeline),
        rate: rate(pipeline),
        least_spread: LEAST_SPREAD,
        windows: windows.collect(),
    }))
}

impl NoveltyCard {
    /// What the windows of the training data say of new ones; `None` where there are none.
    pub(crate) fn learn(pipeline: &Pipeline, own: &OwnTest) -> Option<Self> {
        let time = pipeline.time.as_ref()?;
        Some(Self {
            window: time.window.to_string(),
            block: time.block().to_string(),
            null: Some(own.null()).filter(|null| null.windows > 0)?,
        })
    }
}

/// The rate of this test alone.
fn rate(pipeline: &Pipeline) -> f64 {
    pipeline.drift.false_alarm_rate * rate_share::NOVEL_STRETCH
}

/// The least effect, and whether the pipeline states it.
fn min_effect(pipeline: &Pipeline) -> (f64, bool) {
    let column = pipeline.terms.as_ref().map(|terms| &terms.column);
    let stated = column.and_then(|column| pipeline.drift.columns.get(column)?.min_effect);
    (
        stated.unwrap_or(Measure::NovelStretch.default_min_effect()),
        stated.is_some(),
    )
}

/// Folds of the vocabulary's time that a span lies in.
fn own_folds(span: Span, (first, last): (i64, i64)) -> u16 {
    let width = i128::from(last) + 1 - i128::from(first);
    let fold = |at: i64| {
        let part = (i128::from(at) - i128::from(first)) * FOLDS as i128 / width.max(1);
        part.clamp(0, FOLDS as i128 - 1) as u32
    };
    (fold(span.start_us)..=fold(span.end_us - 1)).fold(0, |folds, fold| folds | 1 << fold)
}

/// Judges live windows; none where the baseline has no card for them.
pub(crate) async fn judge(
    rows: &Rows,
    pipeline: &Pipeline,
    baseline: &Baseline,
    windows: &[(Option<Span>, u64)],
) -> Result<Vec<Option<Measurement>>, PipelineError> {
    let nothing = || vec![None; windows.len()];
    let (Some(card), Some(vocabulary)) = (&baseline.novelty, &baseline.vocabulary) else {
        return Ok(nothing());
    };
    let Some(request) = request(pipeline, vocabulary)? else {
        return Ok(nothing());
    };
    let asked: Vec<usize> = (0..windows.len())
        .filter(|&at| windows[at].0.is_some() && windows[at].1 > 0)
        .collect();
    let spans: Vec<NoveltyWindow> = asked
        .iter()
        .filter_map(|&at| {
            Some(NoveltyWindow {
                span: windows[at].0?,
                own: 0,
            })
        })
        .collect();
    let mut measurements = nothing();
    for ((at, window), (stretch, texts)) in asked
        .into_iter()
        .zip(&spans)
        .zip(scan(rows, &request, &spans).await?)
    {
        let evidence = stretch.map(|stretch| {
            let place = place(
                window.span,
                (stretch.from, stretch.to),
                request.blocks,
                baseline,
            );
            let part = |label: String, (found, usual): (f64, f64), sign: f64| Evidence {
                label,
                cell: None,
                baseline_count: 0,
                window_count: 0,
                baseline_share: usual,
                window_share: found,
                contribution: sign * (found - usual) * stretch.part.sqrt(),
            };
            [
                part(place.clone(), stretch.alone, 1.0),
                part(format!("{place}, new but shared"), stretch.shared, -1.0),
            ]
        });
        let value = WindowValue {
            column: request.text.clone(),
            measure: Measure::NovelStretch,
            value: stretch.map_or(Err(Skipped::NoValues), |stretch| Ok(stretch.excess())),
            size: texts,
            evidence: evidence.into_iter().flatten().collect(),
            min_effect: min_effect(pipeline),
            rows: (baseline.rows, windows[at].1),
        };
        measurements[at] = Some(card.null.judge(value, rate(pipeline)));
    }
    Ok(measurements)
}

/// The time of some blocks of a window, for people.
fn place(span: Span, (from, to): (usize, usize), blocks: usize, baseline: &Baseline) -> String {
    let at = |block: usize| {
        let width = i128::from(span.end_us) - i128::from(span.start_us);
        let offset = width * block as i128 / blocks.max(1) as i128;
        report::instant(span.start_us + offset as i64, baseline.zone)
    };
    format!("{} to {}", at(from), at(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_weeks_of_days_are_judged_and_shorter_windows_where_asked() {
        let judged = |window: &str, drift: &str| {
            let yaml = format!(
                "name: a\nbaseline: {{source: b}}\nlive: {{source: l}}\n\
                 time: {{column: t, window: {window}}}\nterms: {{column: x}}\n{drift}"
            );
            let pipeline = Pipeline::parse(&yaml, "a.yaml", Default::default()).unwrap();
            is_judged(&pipeline, pipeline.time.as_ref().unwrap())
        };
        let (on, off) = (
            "drift: {novel_stretch: true}",
            "drift: {novel_stretch: false}",
        );
        assert!(judged("28d", "") && !judged("7d", ""));
        assert!(judged("7d", on) && !judged("3d", on) && !judged("28d", off));
    }

    #[test]
    fn a_window_lies_in_the_folds_that_it_touches() {
        let folds = |start_us, end_us| own_folds(Span { start_us, end_us }, (0, 159));
        assert_eq!(folds(0, 10), 0b1);
        assert_eq!(folds(5, 25), 0b111);
        assert_eq!(folds(150, 200), 0x8000);
    }
}
