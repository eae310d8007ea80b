//! How rows are laid out in time.

use super::Duration;
use crate::PipelineError;
use chrono::NaiveDate;
use driftline_engine::{Cut, Panes, Width, Windows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How rows are laid out in time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// The column with the time of a row.
    pub column: String,
    /// Length of a live window: `1h`, `1d`, `7d`.
    pub window: Duration,
    /// A window begins every so often, and windows overlap; a whole fraction of `window`.
    /// Without it they follow one another.
    #[serde(default)]
    pub slide: Option<Duration>,
    /// Windows are sessions: one ends when no row comes for so long, and at the latest when it
    /// has the length of `window`, of which this is a whole fraction.
    #[serde(default)]
    pub gap: Option<Duration>,
    /// Length of a baseline block, from which usual turnover is learnt; a whole
    /// fraction of `window`. By default a day, or an hour for windows under two days.
    #[serde(default)]
    pub block: Option<Duration>,
    /// Time zone of windows and of times without one, as in the IANA database.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// Days that are like Sundays, whatever day of the week they are on. Windows shorter than
    /// a week are compared with the same hours of the week, so it matters for those.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub holidays: BTreeSet<NaiveDate>,
    /// Which live windows are evaluated.
    #[serde(default)]
    pub evaluate: EvaluateConfig,
}

/// Which live windows are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluateConfig {
    /// Every window that holds live data.
    #[default]
    All,
    /// The newest window that has ended: what a gate rests on.
    Newest,
}

/// Windows that a row may be in.
const MOST_STEPS: u64 = 1_000;

fn default_time_zone() -> String {
    "UTC".into()
}

impl TimeConfig {
    /// Windows by a column, in UTC.
    pub fn of(column: String, window: Duration) -> Self {
        Self {
            column,
            window,
            slide: None,
            gap: None,
            block: None,
            time_zone: default_time_zone(),
            holidays: BTreeSet::new(),
            evaluate: EvaluateConfig::All,
        }
    }

    /// Windows of the length that live ones have, one after the other: those of the training
    /// data.
    pub fn windows(&self) -> Result<Windows, PipelineError> {
        self.of_width(self.window)
    }

    /// Live windows, where the calendar says which there are: where they are no sessions.
    pub(crate) fn calendar(&self) -> Result<Windows, PipelineError> {
        let mut windows = self.windows()?;
        if let Some(slide) = self.slide.filter(|slide| *slide != self.window) {
            windows.cut = Cut::Sliding(slide.to_string().parse()?);
        }
        Ok(windows)
    }

    /// What live windows are made of.
    ///
    /// # Errors
    /// [`PipelineError`] where there is no such time zone.
    pub fn panes(&self) -> Result<Panes, PipelineError> {
        let Some(gap) = self.gap else {
            return Ok(Panes::of(&self.calendar()?));
        };
        let most = self.window.seconds() / gap.seconds().max(1);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(Panes::of_sessions(self.of_width(gap)?, most))
    }

    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let (window, block) = (self.window, self.block());
        let is_part = |part: Duration| {
            part.seconds() > 0 && part <= window && window.seconds().is_multiple_of(part.seconds())
        };
        let minutes = [
            ("window", Some(window)),
            ("slide", self.slide),
            ("gap", self.gap),
        ];
        for (key, length) in minutes {
            if let Some(length) = length.filter(|length| !length.seconds().is_multiple_of(60)) {
                return Some((key, format!("a {key} of {length} is no whole minutes")));
            }
        }
        if !is_part(block) {
            let said = format!("a window of {window} is no multiple of a block of {block}");
            return Some(("window", said));
        }
        if self.slide.is_some() && self.gap.is_some() {
            let said = "windows slide or are sessions: give `slide` or `gap`".to_owned();
            return Some(("gap", said));
        }
        for (key, part) in [("slide", self.slide), ("gap", self.gap)] {
            if let Some(part) = part.filter(|part| !is_part(*part)) {
                let said = format!("a window of {window} is no multiple of a {key} of {part}");
                return Some((key, said));
            }
        }
        let steps = self.slide.map(|slide| window.seconds() / slide.seconds());
        let steps = steps.filter(|steps| *steps > MOST_STEPS)?;
        Some((
            "slide",
            format!(
                "a row would be in {steps} windows, more than {MOST_STEPS}; use a longer `slide`"
            ),
        ))
    }

    /// The baseline's blocks.
    pub fn blocks(&self) -> Result<Windows, PipelineError> {
        self.of_width(self.block())
    }

    fn of_width(&self, width: Duration) -> Result<Windows, PipelineError> {
        let width: Width = width.to_string().parse()?;
        let mut windows = Windows::new(&self.column, width);
        windows.time_zone = driftline_engine::time_zone(&self.time_zone)?;
        Ok(windows)
    }

    /// Length of a block: as given, else a day, or an hour for windows under two days.
    pub fn block(&self) -> Duration {
        self.block.unwrap_or_else(|| {
            let day = Duration::from_minutes(1_440);
            let hour = Duration::from_minutes(60);
            if self.window.seconds() >= 2 * day.seconds() {
                day
            } else if self.window >= hour {
                hour
            } else {
                self.window
            }
        })
    }
}
