//! Tests whose null is what the training data's own windows show: they are measured once for each window,
//! not on counts that could be replayed.

use crate::config::TimeConfig;
use driftline_drift::{Measure, Measurement, WindowNull, WindowValue};
use driftline_engine::Span;
use std::ops::Range;

/// A window of the training data that was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnWindow {
    pub(crate) span: Span,
    pub(crate) value: f64,
    /// What the value was measured on: texts, rows.
    pub(crate) size: u64,
    /// Whether it is one of the windows that do not overlap, rather than one half-way between.
    pub(crate) counts: bool,
}

/// A test with the training data's own windows.
#[derive(Debug, Clone)]
pub(crate) struct OwnTest {
    /// The column, or the name of several.
    pub(crate) column: String,
    pub(crate) measure: Measure,
    /// The least effect, and whether the pipeline states it.
    pub(crate) min_effect: (f64, bool),
    /// The rate of false alarms of this test alone.
    pub(crate) rate: f64,
    /// Spread that is assumed at least: [`WindowNull::least_spread`].
    pub(crate) least_spread: f64,
    pub(crate) windows: Vec<OwnWindow>,
}

/// The windows that lie wholly in a range of time, the last instant of which is in it, each with whether
/// it counts: those of the calendar, and those half-way between, which do not.
pub(crate) fn spans(
    time: &TimeConfig,
    (first, last): (i64, i64),
) -> Result<Vec<(Span, bool)>, crate::PipelineError> {
    let end = last.saturating_add(time.block().micros());
    let whole = |span: &Span| span.start_us >= first && span.end_us <= end;
    let half = time.window.micros() / 2;
    let aligned = time.windows()?.spans(first, last, usize::MAX)?;
    let both = aligned.into_iter().flat_map(|span| {
        let later = Span {
            start_us: span.start_us + half,
            end_us: span.end_us + half,
        };
        [(span, true), (later, false)]
    });
    Ok(both.filter(|(span, _)| whole(span)).collect())
}

impl OwnTest {
    /// What all windows show.
    pub(crate) fn null(&self) -> WindowNull {
        self.null_of(self.windows.iter())
    }

    /// The null of some windows; without values where there are none. Windows in a gap of the archive are too small to be like the others,
    /// and are left out.
    fn null_of<'a>(&self, own: impl Iterator<Item = &'a OwnWindow> + Clone) -> WindowNull {
        let mut sizes: Vec<u64> = own.clone().map(|window| window.size).collect();
        sizes.sort_unstable();
        let size = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
        let alike: Vec<&OwnWindow> = own
            .filter(|window| (size / 2..=size * 2).contains(&window.size))
            .collect();
        WindowNull {
            windows: alike.iter().filter(|window| window.counts).count(),
            size,
            values: alike.iter().map(|window| window.value).collect(),
            least_spread: self.least_spread,
        }
    }

    /// Judges one of the windows by those that lie wholly outside a stretch of time, given with its
    /// guards in microseconds.
    pub(crate) fn judge_held_out(&self, held_out: &OwnWindow, stretch: &Range<i64>) -> Measurement {
        let outside = |window: &&OwnWindow| {
            window.span.end_us <= stretch.start || window.span.start_us >= stretch.end
        };
        let value = WindowValue {
            column: self.column.clone(),
            measure: self.measure,
            value: Ok(held_out.value),
            size: held_out.size,
            evidence: Vec::new(),
            min_effect: self.min_effect,
            rows: (0, held_out.size),
        };
        let null = self.null_of(self.windows.iter().filter(outside));
        null.judge(value, self.rate)
    }
}
